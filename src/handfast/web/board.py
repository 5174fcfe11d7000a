"""The SLA board: every running clock, most urgent first; who has room; what nobody owns yet on top."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from handfast.desk.contracts import NoContract
from handfast.store import counts, pages
from handfast.web.access import User
from handfast.web.house import House, house_of, midnight, page, render, signed_in

if TYPE_CHECKING:
    from handfast.contract.terms import Contract
    from handfast.store.base import Conn
    from handfast.store.counts import Load
    from handfast.web.stream import Hub

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]

#: How long one rendering of the live part serves everybody, where nothing was announced in between.
FRESH: Final = timedelta(seconds=5)
#: Clocks besides the first touch are shown once they are due within this time.
AHEAD: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rep's load against the capacity of their pools. `cap` None: no pool of theirs has one."""

    load: Load
    cap: int | None

    @property
    def free(self) -> int:
        return max(0, (self.cap or 0) - self.load.open)


def bars(loads: Sequence[Load], caps: Mapping[str, int], members: Collection[str]) -> list[Bar]:
    """Those who take turns in a pool, and whoever else holds a handoff."""
    return [Bar(load, caps.get(load.rep_id)) for load in loads if load.open or load.rep_id in members]


def caps_of(contract: Contract) -> dict[str, int]:
    """Rep → how many open handoffs they may hold: the widest of their pools, as routing counts it.

    Absent where a pool of theirs has no cap.
    """
    caps: dict[str, int] = {}
    without: set[str] = set()
    for pool in contract.routing.pools.values():
        for rep in pool.members:
            if pool.cap is None:
                without.add(rep)
            else:
                caps[rep] = max(caps.get(rep, 0), pool.cap)
    return {rep: cap for rep, cap in caps.items() if rep not in without}


def board_context(house: House, conn: Conn, at: datetime) -> dict[str, Any]:
    """Everything on the board. Nothing in it depends on who looks."""
    zone = house.zone(conn, at)
    try:
        terms = house.contracts(conn).at(at).contract
    except NoContract:
        terms = None
    members = {rep for pool in terms.routing.pools.values() for rep in pool.members} if terms else set()
    return {
        "lines": pages.board(conn),
        "others": pages.other_clocks(conn, at + AHEAD),
        "exceptions": pages.exceptions(conn),
        "totals": counts.totals(conn, at, midnight(at, zone)),
        "bars": bars(counts.team_load(conn, at), caps_of(terms) if terms else {}, members),
        "zone": zone,
        "now": at,
    }


class BoardCache:
    """The live part of the board as text, rendered once for everybody between two announcements."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at: datetime | None = None
        self._revision = -1
        self._text = ""

    def text(self, house: House, revision: int, at: datetime) -> str:
        with self._lock:
            if self._at is None or revision != self._revision or not timedelta(0) <= at - self._at < FRESH:
                with house.store.reading() as conn:
                    self._text = render("_board.html", **board_context(house, conn, at))
                self._at, self._revision = at, revision
            return self._text


@router.get("/board")
def board_page(request: Request, user: Me) -> Response:
    """The whole page; for those who lead, with the dialog that reassigns."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        context = board_context(house, conn, at)
        reps = pages.reps(conn) if user.leads else []
    del context["now"], context["zone"]  # the frame of the page shows times in the user's own zone
    carried = {bar.load.rep_id: bar for bar in context["bars"]}
    return page(request, user, "board.html", nav="board", reps=reps, carried=carried, **context)


@router.get("/board/live")
def board_live(request: Request, user: Me) -> Response:
    """The part that changes. The same bytes for everybody."""
    hub: Hub = request.app.state.hub
    cache: BoardCache = request.app.state.board_cache
    text = cache.text(house_of(request), hub.revision, request.state.at)
    return HTMLResponse(text, headers={"Cache-Control": "private, no-store"})
