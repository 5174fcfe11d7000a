"""How every rep stands now: whether a handoff would be given to them, else why not and until when, told by the function that decides it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from handfast.contract.agreement import Agreement
from handfast.desk.opening import read_roster
from handfast.routing.roster import Reason, Roster, eligible
from handfast.store.base import Conn
from handfast.worktime import Hours


@dataclass(frozen=True, slots=True)
class Standing:
    """`reason` None: takes handoffs. `until`: when it ends by itself, UTC; None: nobody can tell. `holiday`: its name, where it is one.

    `held` and `most`: open handoffs and how many may be, of who is full.
    """

    reason: Reason | None
    until: datetime | None = None
    holiday: str = ""
    held: int = 0
    most: int | None = None


def standings(conn: Conn, agreement: Agreement, at: datetime, reps: Iterable[str]) -> dict[str, Standing]:
    """These reps by id, under the limits their pools promise them (of several pools the widest)."""
    roster = read_roster(conn, at)
    roster.under(agreement.contract)
    return {rep: _standing(rep, roster, agreement, at) for rep in reps}


def _standing(rep: str, roster: Roster, agreement: Agreement, at: datetime) -> Standing:
    promise = roster.promise(agreement.contract.routing, rep)
    reason = eligible(rep, roster, promise, at)
    if reason == "pto":
        away = roster.absence(rep, at)
        return Standing(reason, away.ends_at if away is not None else None)
    if reason in ("off_hours", "holiday") and promise is not None and promise.hours is not None:
        hours = roster.hours(rep, promise.hours)
        special = hours.special_on(roster.day(rep, at)) if hours is not None else None
        return Standing(reason, _opening(hours, at), special.name if special is not None else "")
    if reason == "capped" and promise is not None:
        return Standing(reason, held=roster.open_count(rep), most=promise.cap)
    if reason == "capped_today" and promise is not None:
        return Standing(reason, held=roster.taken_on(rep, at), most=promise.per_day)
    return Standing(reason)


def _opening(hours: Hours | None, at: datetime) -> datetime | None:
    try:
        return hours.next_opening(at) if hours is not None else None
    except ValueError:
        return None  # never again, as far as calendars go


__all__ = ["Standing", "standings"]
