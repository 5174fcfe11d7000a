"""Shadow and trial: a draft that decides beside the contract in force, and a version that holds for a share."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk import shadow
from handfast.desk.canary import on_trial
from handfast.desk.named import find
from handfast.problem import Place, Problem
from handfast.store import canary, contracts
from handfast.web.access import Forbidden, User
from handfast.web.forms import Word
from handfast.web.house import after, house_of, page, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]

KINDS: Final = {
    "same": "The same owner",
    "other_owner": "Another owner",
    "only_draft": "Only the draft hands over",
    "only_live": "Only the contract in force hands over",
}


@router.get("/shadow")
def shadow_page(request: Request, user: Me) -> Response:
    """What runs beside the contract in force, and where both differ."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        book = house.contracts(conn)
        trial = on_trial(conn, book, at) if book else None
        ends = canary.ends(conn)
        drafts = [(f"draft-{d.number}", f"Draft {d.number}") for d in contracts.drafts(conn, only_open=True) if d.content]
    context: dict[str, Any] = {"found": shadow.beside(house.store), "drafts": drafts, "trial": trial, "ends": ends, "kinds": KINDS}
    return page(request, user, "shadow.html", nav="shadow", may=user.proposes, **context)


@router.post("/shadow")
def shadow_start(request: Request, user: Me, of: Word = "") -> Response:
    """Begins a shadow of a draft."""
    _may(user)
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        found = find(conn, of, at)
    shadow.start(house.store, found.text, found.label, user.email, at)
    return after(request, "/shadow")


@router.post("/shadow/stop")
def shadow_stop(request: Request, user: Me) -> Response:
    """Ends it; what it found is kept."""
    _may(user)
    shadow.stop(house_of(request).store, request.state.at)
    return after(request, "/shadow")


def _may(user: User) -> None:
    if not user.proposes:
        what, fix = "only managers, marketing and RevOps start or stop a shadow", "Ask one of them."
        raise Forbidden(Problem(Place("shadow"), what, fix))
