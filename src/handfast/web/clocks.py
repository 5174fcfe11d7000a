"""What people do to clocks from the page of a handoff: let them stand still and run on, promise otherwise, take what is offered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk import clocks, delays, offers
from handfast.desk.refused import Refused
from handfast.desk.why import explained
from handfast.problem import Place, Problem
from handfast.store import clocks as rows
from handfast.store import follow_up
from handfast.web.access import Forbidden, User, access_handoff
from handfast.web.forms import Sentence, Word
from handfast.web.house import House, after, house_of, refused, signed_in

if TYPE_CHECKING:
    from handfast.store.base import Conn
    from handfast.store.pages import Line

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]


def clocks_context(house: House, conn: Conn, user: User, line: Line, at: datetime) -> dict[str, Any]:
    """What the part of the page about clocks and delays needs, beside the clocks themselves."""
    book = house.contracts(conn)
    agreement = book.by_id(line.contract_id)
    terms = agreement.contract
    still = rows.pauses(conn, line.id)
    return {
        "explained": {row["id"]: row["explained"] for row in explained(conn, book, line.id, agreement)},
        "pauses": still,
        "paused": any(one.ended_at is None for one in still),
        "pause_words": {code: one.label for code, one in terms.pauses.items() if one.label},
        "pause_reasons": [(code, one.label or code.replace("_", " "), str(one.at_most)) for code, one in terms.pauses.items()],
        "promises": _promises(user, line, [(sla.name, str(sla.first_touch)) for sla in terms.sla]),
        "course": follow_up.of_handoff(conn, line.id),
        "plan_steps": len(terms.follow_up.steps) if terms.follow_up else 0,
        "offered": user.rep_id is not None and user.rep_id in rows.offered(conn, line.id),
        "delays": delays.of_handoff(conn, book, line.id, at),
    }


def _promises(user: User, line: Line, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Other promises of the contract, for those who lead, while there is a first touch left to promise."""
    if not user.leads or line.touched_at is not None or line.closed_at is not None:
        return []
    return [one for one in found if one[0] != line.sla]


@router.post("/handoffs/{handoff_id}/pause")
def pause(request: Request, user: Me, handoff_id: str, reason: Word = "", note: Sentence = "") -> Response:
    """Let the clocks stand still, for a reason the contract knows."""
    house = _may(request, user, handoff_id)
    return _done(request, user, handoff_id, lambda: clocks.pause(house.store, handoff_id, reason, _name(user), request.state.at, note=note))


@router.post("/handoffs/{handoff_id}/resume")
def resume(request: Request, user: Me, handoff_id: str) -> Response:
    """Let them run on."""
    house = _may(request, user, handoff_id)
    return _done(request, user, handoff_id, lambda: clocks.resume(house.store, handoff_id, _name(user), request.state.at))


@router.post("/handoffs/{handoff_id}/promise")
def promise(request: Request, user: Me, handoff_id: str, sla: Word = "", why: Sentence = "") -> Response:
    """Put it under another promise: for those who lead."""
    house = _may(request, user, handoff_id)
    if not user.leads:
        raise Forbidden(Problem(Place("handoff", part=handoff_id), "only a manager or RevOps promises otherwise", "Ask your manager."))
    return _done(
        request, user, handoff_id, lambda: clocks.promise_otherwise(house.store, handoff_id, sla, _name(user), why, request.state.at)
    )


@router.post("/handoffs/{handoff_id}/take")
def take(request: Request, user: Me, handoff_id: str) -> Response:
    """Take what is offered: whoever is first has it."""
    house = house_of(request)
    with house.store.reading() as conn:
        access_handoff(user, conn, handoff_id)
    rep = user.rep_id
    if rep is None:
        raise Forbidden(Problem(Place("handoff", part=handoff_id), "your account is no rep's", "Ask a rep to take it."))
    return _done(request, user, handoff_id, lambda: offers.take(house.store, handoff_id, rep, request.state.at, channels=house.channels))


def _may(request: Request, user: User, handoff_id: str) -> House:
    house = house_of(request)
    with house.store.reading() as conn:
        access_handoff(user, conn, handoff_id, act=True)
    return house


def _name(user: User) -> str:
    return user.rep_id or user.name


def _done(request: Request, user: User, handoff_id: str, act: Callable[[], object]) -> Response:
    back = f"/handoffs/{handoff_id}#clock"
    try:
        act()
    except Refused as refusal:
        return refused(request, user, refusal.problem, back)
    return after(request, back)
