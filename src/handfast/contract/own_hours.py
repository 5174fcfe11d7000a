"""The hours of one rep, as they were known when a clock began to count in them: the calendar `rep`.

What a rep works is theirs to change, and their absences come and go. A clock counts by what was known at its start, so that is written
down with it, whole and in words: nothing that is changed later can change what is due when, and the same text gives the same hours again.

    rep@Europe/Berlin
    rep@Europe/Berlin | week mon-thu 08:00-16:30; fri 08:00-13:00 | holidays DE-BY | away 2026-03-09T08:00:00Z/2026-03-13T17:00:00Z

What is left out is the team's: its week, its holidays. Its single dates, open and closed, hold for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar
from handfast.contract.week import parse_week, week_text
from handfast.facts import Absence, Rep, utc
from handfast.worktime import Hours

#: The name of the calendar in a contract, and how it begins as it is stored with a clock.
REP: Final = "rep"
_STORED: Final = "rep@"
#: Absences that begin later than this after a clock's start are not written down with it.
AHEAD: Final = timedelta(days=120)
_APART: Final = " | "
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class OwnHours:
    """A rep's hours as known at a moment. `week` and `holidays` None: the team's. `away`: absences from that moment on, UTC, in order."""

    zone: str
    week: Mapping[str, Sequence[str]] | None = None
    holidays: str | None = None
    away: tuple[tuple[datetime, datetime], ...] = ()


def own_hours(rep: Rep, absences: Iterable[Absence], at: datetime) -> OwnHours:
    """What is known of a rep's hours at `at` (UTC): those of their absences that are not over and begin within `AHEAD`.

    Being switched off is no absence: nobody knows until when.
    """
    mine = [one for one in absences if one.rep == rep.id and one.ends_at > at and one.starts_at < at + AHEAD]
    return OwnHours(rep.time_zone, rep.week, rep.holidays, _spans(mine))


def everything(rep: Rep, absences: Iterable[Absence]) -> str:
    """A rep's hours with all of their absences, for looking back; as it would be stored with a clock."""
    return stored(OwnHours(rep.time_zone, rep.week, rep.holidays, _spans([one for one in absences if one.rep == rep.id])))


def _spans(absences: Iterable[Absence]) -> tuple[tuple[datetime, datetime], ...]:
    """In order, those that overlap or follow on each other made one: at most one covers any moment."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted((utc(one.starts_at), utc(one.ends_at)) for one in absences):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return tuple(spans)


def stored(own: OwnHours) -> str:
    """As it is kept with a clock."""
    parts = [f"{_STORED}{own.zone}"]
    if own.week is not None:
        parts.append(f"week {week_text(own.week)}")
    if own.holidays:
        parts.append(f"holidays {own.holidays}")
    if own.away:
        parts.append(f"away {', '.join(f'{a:{_TIME}}/{b:{_TIME}}' for a, b in own.away)}")
    return _APART.join(parts)


def read(calendar: str) -> OwnHours | None:
    """What `stored` wrote; None for any other calendar.

    Raises:
        ValueError: it begins like one and is none.
    """
    if not calendar.startswith(_STORED):
        return None
    zone, *parts = calendar[len(_STORED) :].split(_APART)
    said = dict(part.split(" ", 1) for part in parts)
    away = [span.split("/") for span in said["away"].split(", ")] if "away" in said else []
    spans = tuple((_moment(start), _moment(end)) for start, end in away)
    return OwnHours(zone, parse_week(said["week"]) if "week" in said else None, said.get("holidays"), spans)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def calendar_of_rep(team: Calendar, zone: str, week: Mapping[str, Sequence[str]] | None, holidays: str | None) -> Calendar:
    """The calendar of one rep: their own week, else the team's, on the clocks of their zone; the holidays of their region, else the team's.

    Single dates of the team's calendar hold for everybody.
    """
    own = team.week if week is None else {days: tuple(times) for days, times in week.items()}
    return team.model_copy(update={"timezone": zone, "week": own, "holidays": holidays or team.holidays})


def hours_of_rep(team: Calendar, own: OwnHours) -> Hours:
    """The hours in which a rep works, less their absences.

    Raises:
        ValueError: an unknown zone, or a week or region that `contract.week.profile_problems` would object to.
    """
    return hours_of(calendar_of_rep(team, own.zone, own.week, own.holidays)).without(own.away)


__all__ = ["AHEAD", "REP", "OwnHours", "calendar_of_rep", "everything", "hours_of_rep", "own_hours", "read", "stored"]
