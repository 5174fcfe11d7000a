"""Try: what a contract would make of a made-up person, or of one on record; and what its territories cover. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from handfast.desk.contracts import NoContract
from handfast.desk.lands import lands
from handfast.desk.named import IN_FORCE, find
from handfast.desk.refused import Refused
from handfast.desk.trial import Trial, read_trial, try_given, try_person
from handfast.problem import Place, Problem
from handfast.store import contracts, pages
from handfast.web.access import User
from handfast.web.house import House, house_of, page, signed_in

if TYPE_CHECKING:
    from datetime import datetime

    from handfast.contract.agreement import Agreement
    from handfast.store.base import Conn

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
Ref = Annotated[str, Query(max_length=60)]
#: A made-up case as long as this says all there is to say.
Given = Annotated[str, Query(max_length=4000)]
#: What a declared field might hold, for the case a page begins with.
_SAMPLES: Final = {"int": 800, "number": 0.5, "bool": True, "time": "2026-01-01"}


@router.get("/try")
def try_page(
    request: Request, user: Me, contract: Ref = IN_FORCE, who: Annotated[str, Query(max_length=320)] = "", given: Given = ""
) -> Response:
    """The form, and where something was asked the whole working."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        choices = _choices(conn)
    context: dict[str, Any] = {"choices": choices, "chosen": contract, "who": who, "given": given, "trial": None, "problems": []}
    if choices:
        agreement, problem = _agreement(house, contract, at)
        if agreement is None or problem is not None:
            context["problems"] = [problem]
        else:
            context |= _tried(house, agreement, who.strip(), given, at)
            context["given"] = given or _sample(agreement)
            context["calendar"] = agreement.contract.calendar.timezone
    return page(request, user, "try.html", nav="try", **context)


def _tried(house: House, agreement: Agreement, who: str, given: str, at: datetime) -> dict[str, Any]:
    """What came of it: a trial, or the Problems."""
    if who:
        found: Trial | None = try_person(house.store, agreement, who, at)
        what, fix = f"nobody is known as '{who[:80]}'", "Write an address, a user id or an id; or make somebody up below."
        return {"trial": found, "problems": [] if found else [Problem(Place("try", part="who"), what, fix)]}
    if not given.strip():
        return {}
    read, problems = read_trial(given, "what is given", agreement, at)
    if read is None:
        return {"problems": problems}
    if isinstance(read, str):
        return _tried(house, agreement, read, "", at)
    return {"trial": try_given(house.store, agreement, read)}


@router.get("/territories")
def territories_page(request: Request, user: Me, contract: Ref = IN_FORCE) -> Response:
    """Whom each territory claims, whom two would, and whom none does."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        choices = _choices(conn)
    context: dict[str, Any] = {"choices": choices, "chosen": contract, "found": None, "problems": [], "has": False}
    if choices:
        agreement, problem = _agreement(house, contract, at)
        if agreement is None:
            context["problems"] = [problem]
        elif agreement.territories:
            context |= {"found": lands(house.store, agreement), "has": True, "pools": agreement.contract.routing.pools}
            with house.store.reading() as conn:
                context["names"] = pages.rep_names(conn)
    return page(request, user, "territories.html", nav="try", **context)


def _agreement(house: House, ref: str, at: datetime) -> tuple[Agreement | None, Problem | None]:
    try:
        with house.store.reading() as conn:
            if ref == IN_FORCE:
                return house.contracts(conn).at(at), None
            return find(conn, ref, at).agreement(), None
    except Refused as refused:
        return None, refused.problem
    except NoContract:
        return None, Problem(Place("contract"), "no contract is in force yet", "Load one, or choose a draft.")


def _choices(conn: Conn) -> list[tuple[str, str]]:
    """(what it is called in an address, what people read): the one in force, open drafts without problems, versions; the latest first."""
    drafts = [(f"draft-{d.number}", f"Draft {d.number}") for d in contracts.drafts(conn, only_open=True) if d.content]
    versions = [(f"v{v.version}", f"Version {v.version}, {v.name}") for v in contracts.versions(conn)]
    first = [(IN_FORCE, "The contract in force")] if versions else []
    return [*first, *drafts, *versions[::-1]]


def _sample(agreement: Agreement) -> str:
    """A case to begin with: every declared field, and the first signal that asks for a next step."""
    contract = agreement.contract
    known = [f"  {name}: {_SAMPLES[kind]}" for name, kind in contract.fields.items() if kind in _SAMPLES]
    # A text has no sample that is true of somebody: what is left as a comment is unknown, as it would be of them.
    texts = [f"  # {name}: …" for name, kind in contract.fields.items() if kind not in _SAMPLES]
    fields = "\n".join([*known, *texts]) if known else "\n".join(["person: {}", *texts])
    step = contract.ready.next_step[0]
    head = "person:\n" if known else ""
    return f"{head}{fields}\nsignals:\n  - {{kind: {step.on}, ago: 10 minutes}}\n" if contract.fields else ""
