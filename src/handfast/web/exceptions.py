"""The exception queue: what nobody owns, in the order in which it is given out, with its clock; and owners named elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk.contracts import NoContract
from handfast.store import moves, pages
from handfast.store import waiting as rows
from handfast.web import words
from handfast.web.access import User
from handfast.web.house import house_of, page, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: How far back owners named elsewhere are counted.
PERIOD: Final = timedelta(days=30)


@router.get("/exceptions")
def exceptions_page(request: Request, user: Me) -> Response:
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        try:
            routing = house.contracts(conn).at(at).contract.routing
            minded_by, within = routing.minded_by, str(routing.exceptions_within)
        except NoContract:
            minded_by, within = None, ""
        names = pages.rep_names(conn)
        since = at - PERIOD
        context: dict[str, Any] = {
            "standing": rows.standing(conn),
            "minder": names.get(minded_by or "", minded_by),
            "within": within,
            "names": names,
            "changes": moves.latest_changes(conn, since),
            "overridden": moves.overridden(conn, since),
            "assigned": moves.assigned_since(conn, since),
            "reps": pages.reps(conn) if user.leads else [],
            "clock_of": lambda one: words.countdown(one.started_at, one.due_at, at) if one.due_at and one.started_at else None,
        }
    return page(request, user, "exceptions.html", nav="exceptions", **context)
