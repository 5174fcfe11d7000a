"""The fairness ledger: turns, shares, who was passed over and why, and when it is whose turn. Everybody reads it."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk import fairness, ledger, reroute
from handfast.desk.contracts import NoContract
from handfast.measure.patterns import PATTERNS
from handfast.problem import Place, Problem
from handfast.store import ledger as rows
from handfast.web.access import Forbidden, User, access_handoff
from handfast.web.forms import Sentence, Word
from handfast.web.house import after, house_of, page, refused, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]


@router.get("/fairness")
def fairness_page(request: Request, user: Me) -> Response:
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        try:
            agreement = house.contracts(conn).at(at)
            lines, values = ledger.ledger(conn, agreement, at), fairness.values(conn, agreement, at)
        except NoContract:
            lines, values = [], {}
        lines.sort(key=lambda line: user.rep_id not in line.terms.members)
        context: dict[str, Any] = {
            "lines": lines,
            "values": values,
            "patterns": PATTERNS,
            "credits": rows.given_back(conn, at - ledger.PERIOD),
        }
    return page(request, user, "fairness.html", nav="fairness", **context)


@router.post("/handoffs/{handoff_id}/credit")
def give_back(request: Request, user: Me, handoff_id: str, reason: Word = "", note: Sentence = "") -> Response:
    """Gives a turn back: nobody came, or it was somebody else's. For those who lead."""
    house = house_of(request)
    with house.store.reading() as conn:
        access_handoff(user, conn, handoff_id)
    if not user.leads:
        raise Forbidden(Problem(Place("handoff", part=handoff_id), "only a manager or RevOps gives a turn back", "Tell them why."))
    if reason not in get_args(reroute.CreditReason):
        problem = Problem(Place("handoff", part="reason"), "no reason was chosen", "Choose one: no_show, wrong_owner or other.")
        return refused(request, user, problem, f"/handoffs/{handoff_id}")
    kind: reroute.CreditReason = reason  # type: ignore[assignment]  # one of them, as asked above
    if not reroute.give_back(house.store, handoff_id, kind, note, user.email, request.state.at):
        problem = Problem(Place("handoff", part=handoff_id), "it cost nobody a turn, or that turn was given back", "Look at the ledger.")
        return refused(request, user, problem, f"/handoffs/{handoff_id}")
    return after(request, "/fairness")
