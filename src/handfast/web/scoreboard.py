"""The scoreboard: is speed, meeting rate, conversion and pipeline improving, together?

The page draws a report given as plain values; it computes nothing. `create_app(scoreboard=…)` takes the function that makes one:
`(Conn, at) -> Scoreboard | None`, None for "no handoffs yet". A part that has too little data carries `needs` (one sentence: how much more)
instead of figures; a page with such parts is the normal state of the first weeks, not an error.

The shapes, as mappings:

- `Scoreboard`: `period` (text, "last 12 weeks"), `verdict`, `tiles`, `speed`, `funnel`, `cohorts`, `sla`, `clocks`.
- `verdict`: one sentence in pieces `{"text": str, "tone": "" | "good" | "bad" | "still"}`, including what has not moved ("still").
- `tiles`: four of `name`, `value`, `unit`, `delta`, `tone` ("good", "bad" or ""), `target` (all text), `spark` (list of number or None),
  `needs`.
- `speed`: `labels` (weeks), `p50` and `p90` (number or None, one a label), `target` (number or None), `unit` (" min"), `note`, `takeaway`
  (one sentence, shown instead of the note), `needs`.
- `funnel`: `note`, `needs`, `steps` of `name`, `count`, `share` (0 to 1, of the first step), `rate` (0 to 1, of the step before, or None).
- `cohorts`: `note`, `needs`, `ages` (text), `rows` of `name`, `count`, `rates` (0 to 1, one an age; None: not old enough yet).
- `sla`: `note`, `needs`, `rows` of `name`, `promise`, `decided`, `met`, `rate`, `low`, `high` (0 to 1, or None: nothing decided).
- `clocks`: one entry a kind, as `measure.kept.clocks_kept` gives them.

`needs` is None or a sentence. Every name must be there; a text may be empty.
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
