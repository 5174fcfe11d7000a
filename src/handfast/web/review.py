"""Review: who is whom, where the machine is not sure. A person says; two people called one may then be made one, and two again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Request, Response

from handfast.desk import duplicates, review
from handfast.desk import merge as merging
from handfast.desk.refused import Refused
from handfast.desk.review import Question
from handfast.problem import Place, Problem
from handfast.store import identity, merges
from handfast.web.access import Forbidden, User
from handfast.web.forms import Sentence, Word, prefixed
from handfast.web.house import after, house_of, page, refused, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: Merges listed for parting.
LISTED: Final = 20
#: A step that moves the odds by less, in bits, is not worth reading.
TELLING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the page lays it out: both sides line by line, and what speaks for and against their being one."""

    question: Question
    lines: Sequence[tuple[str, str, str]]
    speaks_for: Sequence[str]
    speaks_against: Sequence[str]


@router.get("/review")
def review_page(request: Request, user: Me) -> Response:
    _may(user)
    with house_of(request).store.reading() as conn:
        twice = duplicates.unsettled(conn)
        # What is asked of somebody known twice stands with them, and not once more among the others.
        apart = {asked.id for one in twice for _, asked in one.pairs}
        asked = [_laid_out(q) for q in review.questions(conn) if q.review.id not in apart]
        linked, made = review.linked(conn), merges.merges(conn, LISTED)
    return page(request, user, "review.html", nav="review", twice=twice, asked=asked, linked=linked, made=made)


@router.post("/review/twice/{way_back_id}")
def name(request: Request, user: Me, way_back_id: str, said: Annotated[Literal["other", "nobody"], Form()], other: Word = "") -> Response:
    """Says whom somebody is the same as, by address or id; or that they are not known twice."""
    _may(user)
    store, at = house_of(request).store, request.state.at
    try:
        if said == "other":
            duplicates.name(store, way_back_id, other, user.email, at)
        else:
            duplicates.nobody(store, way_back_id, user.email, at)
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/review")
    return after(request, "/review")


@router.post("/review/{review_id}")
def answer(
    request: Request,
    user: Me,
    review_id: str,
    said: Annotated[Literal["same", "different"], Form()],
    note: Sentence = "",
) -> Response:
    """Record what a person says; it is a labelled example from then on."""
    _may(user)
    try:
        review.answer(house_of(request).store, review_id, same=said == "same", by=user.email, at=request.state.at, note=note.strip())
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/review")
    return after(request, "/review")


@router.get("/review/merge/{keep}/{fold}")
def merge_preview(request: Request, user: Me, keep: str, fold: str) -> Response:
    """What making them one would do, value by value; nothing is written."""
    _may(user)
    try:
        seen = merging.preview(house_of(request).store, keep, fold)
        with house_of(request).store.reading() as conn:
            known = identity.known_accounts(conn, [seen.kept.account] if seen.kept.account else [])
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/review")
    return page(request, user, "review_merge.html", nav="review", seen=seen, account=next((k.account.name for k in known.values()), ""))


async def _chosen(request: Request) -> dict[str, str]:
    """Whose value wins, field by field: what a form says in `field.NAME`."""
    return {name: value for name, value in (await prefixed(request, "field.")).items() if value}


@router.post("/review/merge/{keep}/{fold}")
def merge_people(request: Request, user: Me, keep: str, fold: str, chosen: Annotated[dict[str, str], Depends(_chosen)]) -> Response:
    """Make them one, with the values chosen by hand where any are."""
    _may(user)
    try:
        merging.merge(house_of(request).store, keep, fold, user.email, request.state.at, chosen)
    except Refused as wrong:
        return refused(request, user, wrong.problem, f"/review/merge/{keep}/{fold}")
    return after(request, "/review")


@router.post("/review/part/{folded}")
def part_people(request: Request, user: Me, folded: str) -> Response:
    """Make two of one again, with everything that moved and what came since."""
    _may(user)
    try:
        merging.unmerge(house_of(request).store, folded, user.email, request.state.at)
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/review")
    return after(request, "/review")


def _may(user: User) -> None:
    if not user.sees_problems:
        raise Forbidden(Problem(Place("review"), "only marketing, RevOps and managers say who is whom", "Ask one of them."))


def _laid_out(question: Question) -> Asked:
    steps: Sequence[Any] = question.review.working.get("steps", ())
    told = sorted(steps, key=lambda step: -abs(step[3]))
    speaks_for = [sentence for _, _, sentence, bits in told if bits >= TELLING] if steps else list(question.because)
    speaks_against = [sentence for _, _, sentence, bits in told if bits <= -TELLING]
    return Asked(question, _lines(question.asked.known, question.other.known), speaks_for, speaks_against)


def _lines(one: Iterable[tuple[str, str]], other: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Both sides by label, in the order they are told; what only one says stands alone."""
    mine, theirs = dict(one), dict(other)
    return [(label, mine.get(label, ""), theirs.get(label, "")) for label in dict.fromkeys([*mine, *theirs])]
