"""Feedback: what became of what marketing handed over, why it came back, and what marketing owes, on one page."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk.clocks import answered
from handfast.desk.contracts import NoContract
from handfast.desk.refused import Refused
from handfast.desk.way_back import TRACKS, as_csv
from handfast.problem import Place, Problem
from handfast.sla.clock import MARKETINGS
from handfast.sla.due import WHAT
from handfast.store import way_back as rows
from handfast.web.access import Forbidden, User
from handfast.web.forms import Sentence, Word
from handfast.web.house import House, after, house_of, page, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
DAYS: Final = 90
#: Where somebody is now, in words.
SAID: Final = {
    "nurture": "In nurture",
    "returned": "Returned",
    "suppress": "Left alone",
    "merge": "To be merged",
    "fix_data": "Data to mend",
}
_ANSWER: Final = frozenset({"marketing", "revops"})


@router.get("/feedback")
def feedback_page(request: Request, user: Me) -> Response:
    return _page(request, user, None)


def _page(request: Request, user: User, problem: Problem | None) -> Response:
    house, at = house_of(request), request.state.at
    since = at - timedelta(days=DAYS)
    with house.store.reading() as conn:
        labels = _labels(house, conn, at)
        context: dict[str, Any] = {
            "labels": labels,
            "owes": rows.owes(conn, 100),
            "became": rows.became(conn, since, at),
            "reasons": [
                (outcome, *labels.get(reason, (reason.replace("_", " "), None)), many)
                for outcome, reason, many in rows.reasons(conn, since)
            ],
            "returned": rows.returned(conn, TRACKS, since, at, 200),
            "kept": rows.kept(conn, since, at),
        }
    return page(
        request, user, "feedback.html", nav="feedback", status=409 if problem else 200, problem=problem, days=DAYS, what=WHAT, tracks=SAID,
        of_marketing=MARKETINGS, may=user.role in _ANSWER, **context,
    )  # fmt: skip


def _labels(house: House, conn: Any, at: Any) -> dict[str, tuple[str, str | None]]:
    """Reason code → what it is called and where to look, by the contract in force."""
    try:
        terms = house.contracts(conn).at(at).contract.dispositions
    except NoContract:
        return {}
    found = {**terms.recycle.reasons, **terms.disqualify.reasons}
    named = {code: (one.label or code.replace("_", " "), one.blames) for code, one in found.items()}
    return {"sla_lost": ("No touch in time", None), **named}


@router.post("/feedback/answer")
def answer(request: Request, user: Me, clock: Word = "", note: Sentence = "") -> Response:
    """Marketing answers, or says that what lacked is there."""
    if user.role not in _ANSWER:
        raise Forbidden(Problem(Place("feedback"), "marketing or RevOps answers for marketing", "Ask one of them."))
    try:
        answered(house_of(request).store, clock, user.name, note, request.state.at)
    except Refused as refusal:
        return _page(request, user, refusal.problem)
    return after(request, "/feedback")


@router.get("/feedback/nurture.csv")
def nurture_list(request: Request, user: Me) -> Response:
    """The people marketing has again, as a list to take along. For those who may see addresses in bulk."""
    if user.role not in _ANSWER:
        raise Forbidden(Problem(Place("feedback"), "marketing or RevOps takes the list along", "Ask one of them."))
    at = request.state.at
    with house_of(request).store.reading() as conn:
        text = as_csv(rows.returned(conn, ("nurture", "returned"), at - timedelta(days=366), at, 100_000))
    headers = {"Content-Disposition": f'attachment; filename="nurture-{at:%Y-%m-%d}.csv"', "Cache-Control": "private, no-store"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
