"""The scoreboard: is speed, meeting rate, conversion and pipeline improving, together?

The page draws a report given as plain values; it computes nothing. `create_app(scoreboard=…)` takes the function that makes one:
`(Conn, at) -> Scoreboard | None`, None for "no handoffs yet". A part that has too little data carries `needs` (one sentence: how much more)
instead of figures; a page with such parts is the normal state of the first weeks, not an error.

The shapes, as mappings:

- `Scoreboard`: `period` (text, "last 12 weeks"), `verdict`, `tiles`, `speed`, `funnel`, `cohorts`, `sla`.
- `verdict`: a list of `{"text": str, "tone": "" | "good" | "bad" | "still"}`: one sentence in pieces, including what has not moved.
- `tiles`: four of `{"name", "value": str, "unit": str, "delta": str, "tone": "good" | "bad" | "", "target": str, "spark": [number | None], "needs": str | None}`.
- `speed`: `{"labels": [str], "p50": [number | None], "p90": [number | None], "target": number | None, "unit": " min", "note": str, "takeaway": str, "needs": str | None}`.
- `funnel`: `{"note": str, "steps": [{"name", "count": int, "share": number 0 to 1 of the first, "rate": number 0 to 1 of the step before | None}], "needs": str | None}`.
- `cohorts`: `{"note": str, "ages": [str], "rows": [{"name", "count": int, "rates": [number 0 to 1 | None]}], "needs": str | None}`; None: not mature yet.
- `sla`: `{"note": str, "rows": [{"name", "promise": str, "decided": int, "met": int, "rate": number 0 to 1 | None, "low", "high": interval | None}], "needs": str | None}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from handfast.store.base import Conn
from handfast.web.access import User
from handfast.web.house import house_of, page, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]

Scoreboard = Mapping[str, Any]
Make = Callable[[Conn, datetime], Scoreboard | None]


@router.get("/scoreboard")
def scoreboard_page(request: Request, user: Me) -> Response:
    """Everybody may read it: no finger-pointing needs one shared truth."""
    make: Make | None = request.app.state.scoreboard
    board = None
    if make is not None:
        with house_of(request).store.reading() as conn:
            board = make(conn, request.state.at)
    return page(request, user, "scoreboard.html", nav="scoreboard", board=board)
