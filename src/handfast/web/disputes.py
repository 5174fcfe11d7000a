"""Disputes: raised on a handoff by either side, answered here by the other one or RevOps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk import disputes, figures, labels
from handfast.desk.contracts import NoContract
from handfast.desk.drafts import Who
from handfast.desk.refused import Refused
from handfast.store import disputes as rows
from handfast.web.access import User, access_handoff
from handfast.web.forms import Sentence, Word
from handfast.web.house import after, house_of, page, refused, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]


@router.get("/disputes")
def disputes_page(request: Request, user: Me) -> Response:
    return _page(request, user)


@router.post("/handoffs/{handoff_id}/dispute")
def raise_one(request: Request, user: Me, handoff_id: str, about: Word = "owner", reason: Sentence = "") -> Response:
    """Says that a decision about this handoff was wrong."""
    store = house_of(request).store
    with store.reading() as conn:
        access_handoff(user, conn, handoff_id)
    try:
        disputes.raise_dispute(store, handoff_id, about, user.role, user.email, reason, request.state.at)
    except Refused as wrong:
        return refused(request, user, wrong.problem, f"/handoffs/{handoff_id}")
    return after(request, f"/handoffs/{handoff_id}#disputes")


@router.post("/disputes/{dispute_id}/answer")
def answer(request: Request, user: Me, dispute_id: str, said: Word = "", finding: Sentence = "") -> Response:
    """Upholds or rejects it; the answer is a label."""
    try:
        disputes.answer(house_of(request).store, dispute_id, said == "upheld", user.role, user.email, finding, request.state.at)
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/disputes")
    return after(request, "/disputes")


@router.post("/disputes/{dispute_id}/withdraw")
def withdraw(request: Request, user: Me, dispute_id: str) -> Response:
    """Takes one's own back."""
    try:
        disputes.withdraw(house_of(request).store, dispute_id, user.email, request.state.at)
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/disputes")
    return after(request, "/disputes")


@router.post("/disputes/{dispute_id}/example")
def take_example(request: Request, user: Me, dispute_id: str) -> Response:
    """Takes the example that an answer makes into a new draft of the contract in force."""
    try:
        draft = labels.take(house_of(request).store, dispute_id, Who(user.email, user.name, user.role), request.state.at)
    except Refused as wrong:
        return refused(request, user, wrong.problem, "/disputes")
    return after(request, f"/contract/drafts/{draft.number}")


def _page(request: Request, user: User) -> Response:
    with house_of(request).store.reading() as conn:
        waiting, answered = rows.waiting(conn), rows.answered(conn)
        stood = figures.stood(conn, request.state.at)
        try:
            offered = labels.labels(conn, house_of(request).contracts(conn).at(request.state.at))
        except NoContract:
            offered = []
    may = {one.id: disputes.may_answer(one, user.role, user.email) is None for one in waiting}
    wrong = sum(one.state == "upheld" for one in answered)
    examples = {one.dispute.id: one for one in offered}
    who = {one.id: disputes.answers(one) for one in waiting}
    context: dict[str, Any] = {
        "examples": examples,
        "waiting": waiting,
        "answered": answered,
        "may": may,
        "who": who,
        "wrong": wrong,
        "stood": stood,
    }
    return page(request, user, "disputes.html", nav="disputes", **context)
