"""Who is asking, and what they may see and do: the one door to a handoff.

Everybody with an account may read every handoff: two teams that argue need one shared truth. Acting on one is for its owner and for
those who lead (manager, revops). Pages and fragments get a handoff only through `access_handoff`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from handfast.problem import Place, Problem
from handfast.store import pages

if TYPE_CHECKING:
    from handfast.store.base import Conn
    from handfast.store.logins import Login, Role
    from handfast.store.pages import Line

LEADS: Final[frozenset[Role]] = frozenset({"manager", "revops"})
MENDS: Final[frozenset[Role]] = frozenset({"marketing", "revops"})
#: Who writes drafts of the contract, and so replays and shadows them.
PROPOSES: Final[frozenset[Role]] = frozenset({"marketing", "revops", "manager"})
SEES_PROBLEMS: Final[frozenset[Role]] = frozenset({"marketing", "revops", "manager"})

HOME: Final[dict[Role, str]] = {
    "rep": "/queue",
    "manager": "/board",
    "marketing": "/feedback",
    "revops": "/contract",
    "leader": "/scoreboard",
}


class NotSignedIn(Exception):
    """No session, or one that ended: the answer is the sign-in page."""


class NotFound(Exception):
    """What was asked for is not there, or not for this user; `what` is the sentence the page shows."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Forbidden(Exception):
    """The user may see it but not do this; the Problem says who may."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class User:
    """The account behind a request. `zone` is the one times are shown in."""

    id: str
    name: str
    email: str
    role: Role
    rep_id: str | None
    zone: ZoneInfo

    @property
    def leads(self) -> bool:
        """Whether this user may reassign and act on anybody's handoff."""
        return self.role in LEADS

    @property
    def mends(self) -> bool:
        return self.role in MENDS

    @property
    def sees_problems(self) -> bool:
        return self.role in SEES_PROBLEMS

    @property
    def erases(self) -> bool:
        """Whether this user may erase people, and export what is held on them: whoever administers the installation."""
        return self.role == "revops"

    @property
    def proposes(self) -> bool:
        return self.role in PROPOSES

    @property
    def home(self) -> str:
        return HOME[self.role]


def user_of(login: Login, house_zone: ZoneInfo) -> User:
    """The user of an account: times in the rep's own zone, else in the contract's."""
    return User(login.id, login.name, login.email, login.role, login.rep_id, ZoneInfo(login.time_zone) if login.time_zone else house_zone)


def access_handoff(user: User, conn: Conn, handoff_id: str, *, act: bool = False) -> Line:
    """The handoff with this id, for reading or, with `act`, for changing.

    Raises:
        NotFound: there is no such handoff.
        Forbidden: `act`, and it belongs to somebody else and the user does not lead.
    """
    found = pages.line(conn, handoff_id)
    if found is None:
        raise NotFound("No handoff has this id. It may have been mistyped, or belong to another installation.")
    if act and not user.leads and (user.rep_id is None or found.owner_id != user.rep_id):
        whose = f"{found.owner} owns" if found.owner else "nobody owns"
        raise Forbidden(
            Problem(
                Place("handoff", part=handoff_id), f"{whose} this handoff, so you cannot act on it", "Ask a manager to reassign it to you."
            )
        )
    return found


def acting_rep(user: User, found: Line) -> str:
    """Under whose name an action is recorded: the user's own rep, or for somebody who leads without one, the owner's.

    Raises:
        Forbidden: neither the user nor the handoff has a rep.
    """
    rep = user.rep_id or found.owner_id
    if rep is None:
        raise Forbidden(
            Problem(Place("handoff", part=found.id), "nobody owns this handoff and your account is no rep's", "Assign it to a rep first.")
        )
    return rep
