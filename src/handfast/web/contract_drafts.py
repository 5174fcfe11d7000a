"""Drafts of the contract: an editor that says what is wrong beside the line, what a draft changes, who has signed it, and the signing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import AfterValidator

from handfast.contract.diff import Change, diff
from handfast.contract.history import SIDES, Side, signatures
from handfast.contract.lists import LONGEST_PACKED
from handfast.contract.text import LONGEST
from handfast.desk import drafts
from handfast.desk.drafts import examine, in_force
from handfast.desk.named import moment_of
from handfast.desk.refused import Refused
from handfast.desk.sizes import sizes
from handfast.problem import Place, Problem
from handfast.store import contracts, replay
from handfast.web.access import Forbidden, NotFound, User
from handfast.web.contract import who_of
from handfast.web.contract_diff import lines_of, terms_of
from handfast.web.contract_margin import margin
from handfast.web.forms import Word, storable
from handfast.web.house import after, house_of, page, refused, signed_in

if TYPE_CHECKING:
    from handfast.store.contracts import Draft

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: A text may be longer than a contract: the check says by how much, and nothing typed is lost.
Text = Annotated[str, AfterValidator(storable), Form(max_length=3 * LONGEST + LONGEST_PACKED)]
Moment = Annotated[str, AfterValidator(storable), Form(max_length=60, alias="from")]

#: So many of the latest replays are looked through for one of a draft.
_REPLAYS: Final = 100
_STARTER: Final = "contract: Your company\n"


# --- the editor -----------------------------------------------------------------------------------------------


@router.get("/contract/draft")
def new_draft(request: Request, user: Me) -> Response:
    """An editor on the text in force; nothing is saved before somebody saves it."""
    _may_write(user)
    with house_of(request).store.reading() as conn:
        now = in_force(contracts.versions(conn), request.state.at)
    return _editor(request, user, now.source if now else _STARTER, None)


@router.get("/contract/drafts/{number}/edit")
def edit(request: Request, user: Me, number: int) -> Response:
    _may_write(user)
    found = _draft(request, number)
    if found.state != "open":
        return after(request, f"/contract/drafts/{number}")
    since = f"{found.takes_force.astimezone(user.zone):%Y-%m-%dT%H:%M}" if found.takes_force else ""
    return _editor(request, user, found.source, found, since=since)


@router.post("/contract/check")
def check(request: Request, user: Me, text: Text = "") -> Response:
    """What is wrong with a text, for the live check: the notes, the proof and the coverage of its examples. Saves nothing."""
    typed = _typed(text)
    looked = examine(typed, "draft")
    return page(request, user, "_contract_check.html", nav="contract", looked=looked, notes=margin(typed, looked))


@router.post("/contract/check-page")
def check_page(
    request: Request,
    user: Me,
    text: Text = "",
    number: Annotated[int, Form()] = 0,
    revision: Annotated[int, Form()] = 0,
    since: Moment = "",
    count: Word = "",
) -> Response:
    """The editor again with what was typed and what is wrong with it: the Check button, which needs no JavaScript. Saves nothing."""
    _may_write(user)
    found = _draft(request, number) if number else None
    return _editor(request, user, _typed(text), found, since=since, revision=revision, count=bool(count))


def _editor(
    request: Request,
    user: User,
    text: str,
    found: Draft | None,
    *,
    since: str = "",
    revision: int | None = None,
    problem: Problem | None = None,
    count: bool = False,
) -> Response:
    looked = examine(text, f"draft {found.number}" if found else "draft")
    counted = sizes(house_of(request).store, looked.agreement, request.state.at, text) if count and looked.agreement else ()
    context: dict[str, Any] = {"text": text, "draft": found, "since": since, "problem": problem, "looked": looked}
    context |= {"notes": margin(text, looked, counted), "line_count": text.count("\n") + 1}
    context["revision"] = revision if revision is not None else found.revision if found else 0
    return page(request, user, "contract_edit.html", nav="contract", status=409 if problem else 200, **context)


def _typed(text: str) -> str:
    """A form sends line ends as two characters; a contract has one."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- saving ---------------------------------------------------------------------------------------------------


@router.post("/contract/drafts")
def create(request: Request, user: Me, text: Text = "", since: Moment = "", then: Word = "") -> Response:
    return _save(request, user, None, None, text, since, then)


@router.post("/contract/drafts/{number}")
def save(
    request: Request,
    user: Me,
    number: int,
    text: Text = "",
    revision: Annotated[int, Form()] = 0,
    since: Moment = "",
    then: Word = "",
) -> Response:
    return _save(request, user, _draft(request, number), revision, text, since, then)


def _save(request: Request, user: User, found: Draft | None, revision: int | None, text: str, since: str, then: str) -> Response:
    """Saves and goes on; what is refused leaves the editor as it was typed, with the reason on top."""
    typed = _typed(text)
    try:
        saved = drafts.save(
            house_of(request).store,
            typed,
            who_of(user),
            request.state.at,
            number=found.number if found else None,
            revision=revision,
            takes_force=moment_of(since, user.zone.key) if since.strip() else None,
        )
    except Refused as refusal:
        if not who_of(user).writes:
            raise
        return _editor(request, user, typed, found, since=since, revision=revision, problem=refusal.problem)
    return after(request, f"/contract/drafts/{saved.number}/edit" if then == "edit" else f"/contract/drafts/{saved.number}")


# --- one draft ------------------------------------------------------------------------------------------------


@router.get("/contract/drafts/{number}")
def draft_page(request: Request, user: Me, number: int) -> Response:
    """What it changes, how far it has come, and the signatures."""
    return page(request, user, "contract_draft.html", nav="contract", **_draft_context(request, user, _draft(request, number)))


def _draft_context(request: Request, user: User, found: Draft) -> dict[str, Any]:
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        every, entries = contracts.versions(conn), contracts.history(conn, found.number)
        replays = [run for run in replay.runs(conn, _REPLAYS) if found.content and run.contract_id == found.content]
    looked = examine(found.source, f"draft {found.number}")
    # What an agreed draft replaced is what held before it; an open one is compared with what holds now, or will at its moment.
    before = in_force(
        [v for v in every if v.version != found.version], found.takes_force or (at if found.state == "open" else found.changed_at)
    )
    old = terms_of(before.source) if before else None
    changes: list[Change] | None = diff(old.contract, looked.agreement.contract) if old and looked.agreement else None
    who = who_of(user)
    given = signatures(entries, found.number, found.revision)
    return {
        **{"draft": found, "looked": looked, "before": before, "changes": changes, "given": given, "who": who, "SIDES": SIDES},
        "lines": lines_of(before.source, found.source) if before else [],
        "may_sign": who.side if found.state == "open" and looked.fit_to_sign and who.side and who.side not in given else None,
        "versions": every,
        "replays": replays,
    }


@router.post("/contract/drafts/{number}/sign")
def sign(request: Request, user: Me, number: int, side: Annotated[Side, Form()], content: Word = "") -> Response:
    """Signs what the page showed: the hash comes back with the button, so a draft that changed meanwhile is not signed."""
    back = f"/contract/drafts/{number}"
    try:
        done = drafts.sign(house_of(request).store, number, side, who_of(user), request.state.at, content=content)
    except Refused as refusal:
        return refused(request, user, refusal.problem, back)
    return after(request, f"/contract/v/{done.version.version}" if done.version else back)


@router.post("/contract/drafts/{number}/withdraw")
def withdraw(request: Request, user: Me, number: int) -> Response:
    drafts.withdraw_draft(house_of(request).store, number, who_of(user), request.state.at)
    return after(request, f"/contract/drafts/{number}")


def _draft(request: Request, number: int) -> Draft:
    with house_of(request).store.reading() as conn:
        found = contracts.draft(conn, number)
    if found is None:
        raise NotFound(f"There is no draft {number} of the contract.")
    return found


def _may_write(user: User) -> None:
    if not who_of(user).writes:
        what = f"the role {user.role} reads contracts"
        raise Forbidden(Problem(Place("contract"), what, "Ask marketing, RevOps or a manager to write your change."))
