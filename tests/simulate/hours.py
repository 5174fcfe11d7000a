"""Working time, written a second time and simply: day by day on the wall clock. Shares no line with handfast.worktime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Wall:
    """A calendar: the zone, the open hours of the weekdays (Monday is 0), and the days that are closed whatever they are."""

    zone: str
    days: frozenset[int]
    spans: tuple[tuple[str, str], ...]
    closed: frozenset[date] = frozenset()

    def yaml(self) -> str:
        names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        spans = ", ".join(f'"{a}-{b}"' for a, b in self.spans)
        week = ", ".join(f"{names[n]}: [{spans}]" for n in sorted(self.days))
        return f"{{timezone: {self.zone}, week: {{{week}}}, closed: [{', '.join(map(str, sorted(self.closed)))}]}}"

    def due(self, start: datetime, minutes: int) -> datetime:
        """When so many minutes of open time have passed since `start`."""
        return self.after(start, timedelta(minutes=minutes))

    def after(self, start: datetime, left: timedelta) -> datetime:
        """When so much open time has passed since `start`; for none, `start` if open, else the next opening."""
        for opens, shuts in self._open_from(start):
            since = max(opens, start)
            if shuts - since >= left:
                return since + left
            left -= shuts - since
        raise AssertionError("never")

    def after_days(self, start: datetime, days: int) -> datetime:
        """The same wall time so many days later, or the next opening after it."""
        local = start.astimezone(ZoneInfo(self.zone))
        there = _utc(datetime.combine(local.date() + timedelta(days=days), local.time()), self.zone)
        for opens, _shuts in self._open_from(there):
            return max(opens, there)
        raise AssertionError("never")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much open time lies between two moments."""
        total = timedelta()
        for opens, shuts in self._open_from(start):
            if opens >= end:
                return total
            total += min(shuts, end) - max(opens, start)
        raise AssertionError("never")

    def is_open(self, at: datetime) -> bool:
        """Whether somebody is there."""
        return next(self._open_from(at))[0] <= at

    def opening(self, at: datetime) -> datetime:
        """`at` if open, else the next opening."""
        return max(at, next(self._open_from(at))[0])

    def _open_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open stretches that end after `start`."""
        day = start.astimezone(ZoneInfo(self.zone)).date() - timedelta(days=1)
        for n in range(200):
            today = day + timedelta(days=n)
            if today.weekday() not in self.days or today in self.closed:
                continue
            for a, b in self.spans:
                opens, shuts = _on(today, a, self.zone), _on(today, b, self.zone)
                if shuts > start:
                    yield opens, shuts


@lru_cache(maxsize=4096)
def _on(day: date, clock: str, zone: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    if hour == 24:
        return _utc(datetime.combine(day + timedelta(days=1), time(0)), zone)
    return _utc(datetime.combine(day, time(hour, minute)), zone)


def _utc(wall: datetime, zone: str) -> datetime:
    """The moment at which a clock on the wall shows this; of two the first; of none the moment of the jump."""
    tz = ZoneInfo(zone)
    moment = wall.replace(tzinfo=tz).astimezone(UTC)
    if moment.astimezone(tz).replace(tzinfo=None) == wall:
        return moment
    # A time that is skipped: walk back from behind the jump to the last moment before it.
    before = moment - timedelta(hours=3)
    offset = before.astimezone(tz).utcoffset()
    low, high = before, moment + timedelta(hours=3)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
