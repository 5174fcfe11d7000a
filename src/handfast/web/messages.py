"""Messages: what died, what waits and why; and the dead sent once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from handfast.problem import Place, Problem
from handfast.store import outbox, pages
from handfast.web import words
from handfast.web.access import Forbidden, User
from handfast.web.house import after, house_of, page, refused, signed_in

if TYPE_CHECKING:
    from handfast.store.base import Conn
    from handfast.store.outbox import Entry

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: So many of each are listed.
MOST: Final = 200


def receiver(entry: Entry, names: dict[str, str]) -> str:
    """Whom a message is for, as people say it."""
    return names.get(entry.recipient) or words.title(entry.recipient.removeprefix("channel:"))


@router.get("/messages")
def messages_page(request: Request, user: Me) -> Response:
    _may_see(user)
    with house_of(request).store.reading() as conn:
        return page(request, user, "messages.html", nav="messages", **_context(conn))


def _context(conn: Conn) -> dict[str, Any]:
    waiting = outbox.listing(conn, ("waiting",), MOST)
    return {
        "dead": outbox.dead(conn, MOST),
        "dead_count": outbox.dead_count(conn),
        "waiting": [one for one in waiting if one.why],
        "names": pages.rep_names(conn),
        "receiver": receiver,
        "kinds": words.NOTICES,
    }


@router.post("/messages/{message_id}/replay")
def replay(request: Request, user: Me, message_id: str) -> Response:
    """One dead message once more: the same id, all its attempts before it. Or, as `all`, every one."""
    _may_see(user)
    house, at = house_of(request), request.state.at
    with house.store.writing() as conn:
        done = outbox.replay_all(conn, at) if message_id == "all" else int(outbox.replay(conn, message_id, at))
    if not done:
        problem = Problem(
            Place("message", part=message_id), "there is nothing dead to send", "Reload the page: somebody else may have sent it."
        )
        return refused(request, user, problem, "/messages")
    return after(request, "/messages")


def _may_see(user: User) -> None:
    if not user.sees_problems:
        what = "only marketing, RevOps and managers see what was not delivered"
        raise Forbidden(Problem(Place("messages"), what, "Ask RevOps."))
