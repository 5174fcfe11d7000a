"""Two contracts side by side: what changes in sentences, then the lines of the text; and the history of all that was done."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response

from handfast.contract.diff import diff
from handfast.contract.history import broken, sentence, standings, version_problems
from handfast.contract.reading import read_contract
from handfast.desk.named import find
from handfast.desk.refused import Refused
from handfast.store import contracts
from handfast.web.access import NotFound, User
from handfast.web.contract import who_of
from handfast.web.house import house_of, page, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handfast.contract.agreement import Agreement

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: Lines that stayed, shown above and below a change.
_AROUND: Final = 3
_LONG: Final = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text diff: its numbers in the old and the new text (None: not there), or a gap of lines left out."""

    kind: Literal["same", "old", "new", "gap"]
    old: int | None
    new: int | None
    text: str


def lines_of(old: str, new: str) -> list[Line]:
    """The lines that differ, with a few around them."""
    before, after = old.splitlines(), new.splitlines()
    found: list[Line] = []
    # Of very long texts the lines that come again and again are not looked at: the time would grow with their square.
    is_long = max(len(before), len(after)) > _LONG
    for group in SequenceMatcher(None, before, after, autojunk=is_long).get_grouped_opcodes(_AROUND):
        if found:
            found.append(Line("gap", None, None, ""))
        for tag, a, b, c, d in group:
            found += _lines(tag, before, after, (a, b, c, d))
    return found


def _lines(tag: str, before: list[str], after: list[str], spot: tuple[int, int, int, int]) -> Iterator[Line]:
    a, b, c, d = spot
    if tag == "equal":
        yield from (Line("same", a + n + 1, c + n + 1, before[a + n]) for n in range(b - a))
        return
    yield from (Line("old", n + 1, None, before[n]) for n in range(a, b))
    yield from (Line("new", None, n + 1, after[n]) for n in range(c, d))


def terms_of(text: str) -> Agreement | None:
    """The agreement of a stored text; None where it cannot be compiled."""
    return read_contract(text, "contract", checked=False)[0]


@router.get("/contract/diff/{pair}")
def diff_page(request: Request, user: Me, pair: str) -> Response:
    """`/contract/diff/7..8`, `/contract/diff/in-force..draft-3`."""
    one, dots, other = pair.partition("..")
    if not dots:
        raise NotFound("Name two versions with two dots between: /contract/diff/7..8.")
    with house_of(request).store.reading() as conn:
        try:
            before, after = find(conn, one, request.state.at), find(conn, other, request.state.at)
        except Refused as refusal:
            raise NotFound(f"{refusal.problem.what[:1].upper()}{refusal.problem.what[1:]}.") from refusal
    old, new = terms_of(before.text), terms_of(after.text)
    changes = diff(old.contract, new.contract) if old and new else None
    context: dict[str, Any] = {"before": before, "after": after, "changes": changes, "lines": lines_of(before.text, after.text)}
    return page(request, user, "contract_diff.html", nav="contract", **context)


@router.get("/contract/history")
def history_page(request: Request, user: Me) -> Response:
    """Everything that was done, newest first, and whether the chain holds: it is looked at anew each time."""
    with house_of(request).store.reading() as conn:
        entries, every = contracts.history(conn), contracts.versions(conn)
        open_drafts = contracts.drafts(conn, only_open=True)
    problems = broken(entries) + version_problems(entries, {v.version: v.source for v in every})
    how = standings((v.term for v in every), request.state.at)
    context: dict[str, Any] = {
        "entries": entries[::-1],
        "versions": every[::-1],
        "how": how,
        "drafts": open_drafts,
        "broken": problems,
        "told": sentence,
    }
    return page(request, user, "contract_history.html", nav="contract", who=who_of(user), **context)
