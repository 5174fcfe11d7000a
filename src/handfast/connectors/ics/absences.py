"""A calendar's bytes → absences, and a Problem for everything in it that cannot be taken.

Every event that is not cancelled and not marked free (`TRANSP:TRANSPARENT`) is an absence: the calendar is the one a rep keeps their leave
in. A day without a time is the whole day on the rep's own clocks; a time without a zone is on them too. Repeating events are laid out
within the window asked for; a single occurrence that was moved or cancelled counts as it stands.

Everything has a bound, and reaching it is a Problem: the size of the calendar, its events, and the occurrences of one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr
from icalendar import Calendar, Component

from handfast.facts import Absence
from handfast.problem import Place, Problem

#: Two years of a busy calendar have a tenth of it.
LARGEST_BYTES: Final = 5_000_000
MOST_EVENTS: Final = 5_000
#: Occurrences of one repeating event within the window.
MOST_OCCURRENCES: Final = 1_000
#: No absence is longer; a longer one is a slip of the pen, and would hide a rep for good.
LONGEST: Final = timedelta(days=366)
#: How far the laying out of a rule may look before the window, in occurrences.
_PATIENCE: Final = 20_000
NO_EVENT: Final = "the calendar has no event"
_TOO_OFTEN: Final = ("SECONDLY", "MINUTELY", "HOURLY")


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is asked about (UTC), and the zone in which the rep lives."""

    since: datetime
    until: datetime
    zone: ZoneInfo


def absences(data: bytes, rep: str, window: Window, where: str) -> tuple[list[Absence], list[Problem]]:
    """The absences of a rep within the window, by their start, those that meet joined; and everything that was wrong.

    `where`: what to call the calendar in Problems. Nothing is raised, whatever the bytes.
    """
    if len(data) > LARGEST_BYTES:
        what = f"the calendar has {len(data):,} bytes; {LARGEST_BYTES:,} is the most"
        return [], [Problem(Place(where), what, "Export only this year and the next, or a calendar of leave alone.")]
    try:
        found: object = Calendar.from_ical(data)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [], [_unreadable(where, error)]
    if not isinstance(found, Calendar):
        return [], [Problem(Place(where), "this is not a calendar", "Give an iCalendar file: it begins with BEGIN:VCALENDAR.")]
    return _Reader(rep, window, where).read(found)


def _unreadable(where: str, error: Exception) -> Problem:
    said = str(error).split("\n", 1)[0][:120]
    return Problem(Place(where), f"this is not an iCalendar file ({said})", "It begins with BEGIN:VCALENDAR; a sign-in page does not.")


class _Wrong(Exception):
    """This event cannot be taken. Never leaves this module."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


class _Reader:
    def __init__(self, rep: str, window: Window, where: str) -> None:
        self.rep, self.window, self.where = rep, window, where
        self.problems: list[Problem] = []

    def read(self, calendar: Calendar) -> tuple[list[Absence], list[Problem]]:
        events = list(islice(calendar.walk("VEVENT"), MOST_EVENTS + 1))
        if len(events) > MOST_EVENTS:
            what = f"the calendar has more than {MOST_EVENTS:,} events; the first {MOST_EVENTS:,} were read"
            self.problems.append(Problem(Place(self.where), what, "Export only this year and the next."))
        elif not events:
            self.problems.append(Problem(Place(self.where), NO_EVENT, "Check that it is the right one, and shared."))
        moved = self._moved(events[:MOST_EVENTS])
        spans: list[tuple[datetime, datetime]] = []
        for number, event in enumerate(events[:MOST_EVENTS], 1):
            try:
                spans += list(self._event(event, moved))
            except _Wrong as wrong:
                self._problem(number, event, wrong.what, wrong.fix)
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                said = str(error).split("\n", 1)[0][:120]
                self._problem(number, event, f"the event cannot be read ({said})", "Correct it in the calendar, or delete it.")
        return [Absence(self.rep, start, end, "calendar") for start, end in _joined(spans)], self.problems

    def _problem(self, number: int, event: Component, what: str, fix: str) -> None:
        # Not the title: what somebody does in their leave is theirs.
        self.problems.append(Problem(Place(self.where, part=f"event {number}"), what, fix))

    def _moved(self, events: list[Component]) -> Mapping[str, set[datetime]]:
        """UID → the occurrences that have an event of their own: the series leaves them out."""
        found: dict[str, set[datetime]] = {}
        for event in events:
            if (which := event.get("RECURRENCE-ID")) is not None:
                found.setdefault(str(event.get("UID", "")), set()).add(self._moment(which.dt))
        return found

    def _event(self, event: Component, moved: Mapping[str, set[datetime]]) -> Iterator[tuple[datetime, datetime]]:
        if str(event.get("STATUS", "")).upper() == "CANCELLED" or str(event.get("TRANSP", "")).upper() == "TRANSPARENT":
            return
        first, length = self._span(event)
        if event.get("RRULE") is None and event.get("RDATE") is None:
            yield from self._within(self._moment(first), length(first))
            return
        own = moved.get(str(event.get("UID", "")), set())
        for start in self._starts(event, first):
            at = self._moment(start)
            if at not in own:
                yield from self._within(at, length(start))

    def _span(self, event: Component) -> tuple[date | datetime, Any]:
        """When it starts, and how an occurrence that starts at a moment ends."""
        started = event.get("DTSTART")
        if started is None:
            raise _Wrong("the event has no beginning", "Give it one in the calendar, or delete it.")
        first: date | datetime = started.dt
        if (ended := event.get("DTEND")) is not None:
            last = ended.dt
            if isinstance(last, datetime) != isinstance(first, datetime):
                raise _Wrong("the event begins on a day and ends at a time", "Give it either two days or two times.")
            length = last - first if not isinstance(first, datetime) else self._moment(last) - self._moment(first)
        elif (lasts := event.get("DURATION")) is not None:
            length = lasts.dt
        else:
            length = timedelta(days=1) if not isinstance(first, datetime) else timedelta(0)
        if length < timedelta(0):
            raise _Wrong("the event ends before it begins", "Correct its end in the calendar.")
        if length > LONGEST:
            raise _Wrong(f"the event lasts {length.days} days", "Nobody is away for more than a year: make the rep inactive instead.")

        def ends(start: date | datetime) -> datetime:
            """A whole day ends at a midnight of the wall clock, however long the day was."""
            return self._moment(start + length) if not isinstance(start, datetime) else self._moment(start) + length

        return first, ends

    def _starts(self, event: Component, first: date | datetime) -> Iterator[date | datetime]:
        """The beginnings of a repeating event that may matter to the window, on the wall clock of the event itself."""
        zone = (first.tzinfo or self.window.zone) if isinstance(first, datetime) else None
        wall = first.replace(tzinfo=None) if isinstance(first, datetime) else datetime.combine(first, time())
        laid = rruleset()
        laid.rdate(wall)
        for rule in _listed(event.get("RRULE")):
            text = rule.to_ical().decode()
            if any(f"FREQ={often}" in text.upper() for often in _TOO_OFTEN):
                raise _Wrong("the event repeats more often than daily", "An absence is days or hours: give its beginning and its end.")
            laid.rrule(rrulestr(_local_until(text, zone), dtstart=wall))
        for name, add in (("RDATE", laid.rdate), ("EXDATE", laid.exdate)):
            for one in (moment for listed in _listed(event.get(name)) for moment in listed.dts):
                add(_wall(one.dt, zone))
        low = self._wall_of(self.window.since - LONGEST, zone)
        high = self._wall_of(self.window.until, zone)
        found = 0
        for start in islice(laid, _PATIENCE):
            if start > high:
                return
            if start < low:
                continue
            found += 1
            if found > MOST_OCCURRENCES:
                raise _Wrong(f"the event repeats more than {MOST_OCCURRENCES:,} times", "Give it an end in the calendar.")
            yield start.replace(tzinfo=zone) if zone is not None else start.date()

    def _wall_of(self, moment: datetime, zone: Any) -> datetime:
        return moment.astimezone(zone or self.window.zone).replace(tzinfo=None)

    def _moment(self, when: date | datetime) -> datetime:
        """As a moment (UTC): a day is its first moment, a time without a zone is on the rep's own clocks."""
        if not isinstance(when, datetime):
            when = datetime.combine(when, time(), tzinfo=self.window.zone)
        elif when.tzinfo is None:
            when = when.replace(tzinfo=self.window.zone)
        return when.astimezone(UTC)

    def _within(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        if start < end and start < self.window.until and end > self.window.since:
            yield start, end


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _wall(when: date | datetime, zone: Any) -> datetime:
    if not isinstance(when, datetime):
        return datetime.combine(when, time())
    return when.astimezone(zone).replace(tzinfo=None) if when.tzinfo is not None and zone is not None else when.replace(tzinfo=None)


def _local_until(text: str, zone: Any) -> str:
    """The rule with its UNTIL on the wall clock of the event: the series is laid out there."""
    parts = []
    for part in text.split(";"):
        if part.upper().startswith("UNTIL=") and part.endswith("Z"):
            moment = datetime.strptime(part[6:-1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            parts.append(f"UNTIL={_wall(moment, zone or UTC):%Y%m%dT%H%M%S}")
        else:
            parts.append(part)
    return ";".join(parts)


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
