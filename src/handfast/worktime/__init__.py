"""Business time: when is it due, how long was that, is anybody there.

One sentence carries the whole module: **we are open exactly while the clock on the office wall shows an open time of an open day.**
From it follows what happens on the two nights a year when that clock is moved. Wall times it jumps over never come, so the interval around
them is shorter; wall times it shows twice come twice, so the interval around them is longer. Real elapsed seconds are what is counted.

The opening hours are laid out once, year by year and only when asked for, as seconds since 1970-01-01T00:00Z with running totals. Every
question is then answered by bisection over integers, without a time zone in sight. How due times are computed, with the table of worked
cases that the tests run, is in docs/reference/clocks.md.

Moments are aware datetimes (any zone in, UTC out). The functions ending in `_s` speak whole seconds since the epoch, for bulk work.
An interval holds its start and not its end: at closing time one is closed, but what falls due *at* closing time is due then.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from handfast.worktime.laid import (
    DAY,
    EPOCH,
    FIRST_YEAR,
    LAST_YEAR,
    TICK,
    BeyondCalendarError,
    Day,
    Interval,
    Less,
    Plan,
    merged_pieces,
    moment_of,
    seconds_of,
    zone_of,
)  # fmt: skip

#: The holidays of one year with their names. Asked when the year is first needed, and remembered; perhaps by several threads at once.
HolidaysOf: TypeAlias = Callable[[int], Mapping[date, str]]


def no_holidays(year: int) -> Mapping[date, str]:
    """The holidays of a calendar that has none."""
    return {}


@dataclass(frozen=True, slots=True)
class Week:
    """The intervals of each weekday, Monday first.

    Raises:
        ValueError: not seven days, no interval at all, or a day whose intervals are out of bounds, out of order or over each other.
    """

    days: tuple[Day, ...]

    def __post_init__(self) -> None:
        if len(self.days) != 7:
            raise ValueError(f"a week has seven days, not {len(self.days)}")
        if not any(self.days):
            raise ValueError("a week without any opening hours can never make anything due")
        for intervals in self.days:
            _check(intervals)

    @classmethod
    def of(cls, days: Mapping[int, Iterable[Interval]]) -> Week:
        """A week from weekday numbers (Monday is 0) to intervals; weekdays not named are closed."""
        if not set(days) <= set(range(7)):
            raise ValueError(f"weekdays are numbered 0 (Monday) to 6 (Sunday), not {sorted(days)}")
        return cls(tuple(tuple(days.get(weekday, ())) for weekday in range(7)))


def _check(intervals: Day) -> None:
    last = 0
    for start, end in intervals:
        if not last <= start < end <= 1440:
            raise ValueError(f"{intervals} must be ordered intervals of minutes within 0 and 1440, none over another")
        last = end


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day on which the week did not hold. `name` is the holiday's, or empty."""

    day: date
    kind: Literal["holiday", "closed", "open"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted between two moments: the `open` intervals in UTC, and the `special` local days on which the week did not hold.

    `away`: the absences that took open time away, cut to the two moments.
    """

    open: tuple[tuple[datetime, datetime], ...]
    special: tuple[SpecialDay, ...]
    away: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def seconds(self) -> int:
        """Working seconds in total."""
        return int(sum(((end - start) for start, end in self.open), timedelta()).total_seconds())


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """Opening hours in one time zone, and every question about them.

    Attributes:
        zone: an IANA name, such as `Europe/Berlin`.
        week: the intervals of an ordinary week.
        holidays: the holidays of a year; the week does not hold on them.
        closed: single local dates without any opening.
        opened: single local dates with intervals of their own, whatever the week and the holidays say.
        away: stretches in which nobody is there, whatever the days say: see `without`. Whole seconds since the epoch, in order, apart.

    Raises (on construction):
        ValueError: an unknown zone, a bad interval, or a date both closed and opened.

    Two `Hours` are equal only if they are the same object. They are safe to share between threads.
    """

    zone: str
    week: Week
    holidays: HolidaysOf = no_holidays
    closed: frozenset[date] = frozenset()
    opened: Mapping[date, Day] = field(default_factory=dict)
    away: tuple[tuple[int, int], ...] = field(init=False, default=())
    _plan: Plan = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for intervals in self.opened.values():
            _check(intervals)
        if both := sorted(self.closed & self.opened.keys()):
            raise ValueError(f"{both[0]} is both closed and opened")
        object.__setattr__(self, "holidays", lru_cache(maxsize=None)(self.holidays))  # at most the 200 years that are known
        object.__setattr__(self, "_plan", Plan(zone_of(self.zone), self.intervals_on))

    def without(self, away: Iterable[tuple[datetime, datetime]]) -> Hours:
        """These hours less absences, each from a moment up to another, in any order; they may overlap. The days stay as they are.

        Laid out from what these hours have laid out already, so that many absences of one week cost little.

        Raises:
            TypeError: a moment without a time zone.
        """
        spans = merged_pieces((start, end) for start, end in sorted((seconds_of(a)[0], seconds_of(b)[0]) for a, b in away) if start < end)
        if not spans:
            return self
        less = replace(self)
        object.__setattr__(less, "away", tuple(merged_pieces(sorted([*self.away, *spans]))))
        object.__setattr__(less, "_plan", Less(self._plan, spans))
        return less

    # --- days -------------------------------------------------------------------------------------------------

    def intervals_on(self, day: date) -> Day:
        """The intervals of a local date: its own if opened, none if closed or a holiday, else those of its weekday."""
        if (own := self.opened.get(day)) is not None:
            return own
        if day in self.closed or day in self.holidays(day.year):
            return ()
        return self.week.days[day.weekday()]

    def special_on(self, day: date) -> SpecialDay | None:
        """Why the week does not hold on a local date, or None where it does. A holiday on a day that is closed anyway is none."""
        ordinary, actual = self.week.days[day.weekday()], self.intervals_on(day)
        name = self.holidays(day.year).get(day, "")
        if actual == ordinary:
            return None
        if day in self.opened:
            return SpecialDay(day, "open", name)
        return SpecialDay(day, "closed") if day in self.closed else SpecialDay(day, "holiday", name)

    # --- whole seconds since the epoch ------------------------------------------------------------------------

    def due_s(self, start: int, minutes: int) -> int:
        """As `due`, in whole seconds since the epoch.

        Raises:
            BeyondCalendarError: not that much working time until the end of 2099.
            ValueError: negative minutes.
        """
        if minutes <= 0:
            if minutes < 0:
                raise ValueError(f"{minutes} minutes: a duration cannot be negative")
            return self.next_opening_s(start)
        return self.worked_off_s(start, minutes * 60)

    def worked_off_s(self, start: int, seconds: int) -> int:
        """When so many seconds (at least one) of working time have passed since `start`. Raises BeyondCalendarError."""
        laid = self._plan.at(start)
        starts, before, ahead = laid.starts, laid.before, laid.ahead
        i = bisect_right(laid.ends, start)
        target = before[i] + seconds
        if i < len(starts) and start > starts[i]:
            target += start - starts[i]
        while target > before[-1]:
            laid = self._plan.later(laid)
            before, ahead = laid.before, laid.ahead
        # The interval in which the target is reached: its very end still belongs to it.
        return ahead[bisect_left(before, target) - 1] + target

    def next_opening_s(self, at: int) -> int:
        """As `next_opening`, in whole seconds since the epoch."""
        laid = self._plan.at(at)
        while (i := bisect_right(laid.ends, at)) == len(laid.starts):
            laid = self._plan.later(laid)
        return max(at, laid.starts[i])

    def is_open_s(self, at: int) -> bool:
        """As `is_open`, in whole seconds since the epoch."""
        laid = self._plan.at(at)
        i = bisect_right(laid.ends, at)
        return i < len(laid.starts) and laid.starts[i] <= at

    def elapsed_s(self, a: int, b: int) -> int:
        """As `elapsed`, in whole seconds since the epoch."""
        return self._worked(b) - self._worked(a)

    def _worked(self, at: int) -> int:
        laid = self._plan.at(at)
        i = bisect_right(laid.ends, at)
        return laid.before[i] + (at - laid.starts[i] if i < len(laid.starts) and at > laid.starts[i] else 0)

    # --- moments ----------------------------------------------------------------------------------------------

    def due(self, start: datetime, minutes: int) -> datetime:
        """When `minutes` of working time have passed since `start`.

        No minutes are due at `start` if open, else at the next opening. Time that runs out exactly at closing time is due at closing time.

        Raises:
            BeyondCalendarError: not that much working time until the end of 2099.
            ValueError: negative minutes.
            TypeError: `start` has no time zone.
        """
        # The one question asked a million times, so nothing of it is asked of other functions. It is looked for from where the day begins
        # and step by step, since a wait of hours ends a few intervals on.
        since = start - EPOCH
        second = since.days * DAY + since.seconds
        starts, ends, before, after, low, high, first, ahead = self._plan.bare
        if low <= second < high and 0 < minutes < 1440 and not since.microseconds:
            try:
                i = first[(second - low) // DAY]
                while ends[i] <= second:
                    i += 1
                target = minutes * 60 + (second - ahead[i] if second > starts[i] else before[i])
                while after[i] < target:
                    i += 1
                return _utc(ahead[i] + target, UTC)
            except IndexError:  # later than what is laid out
                pass
        return self._due_exactly(second, since.microseconds, minutes)

    def _due_exactly(self, second: int, micro: int, minutes: int) -> datetime:
        """As `due`, of any wait, into years that are not laid out yet, to the microsecond."""
        due = self.due_s(second, minutes)
        if micro and self.is_open_s(second):
            # The fraction is working time too. Where the whole seconds end exactly at closing, it is worked off after the next opening.
            return moment_of(self.next_opening_s(due), micro)
        return moment_of(due)

    def worked_off(self, start: datetime, seconds: int) -> datetime:
        """When so many seconds of working time have passed since `start`; for none, `start` if open, else the next opening.

        The fraction of a second of `start` is dropped. Raises BeyondCalendarError.
        """
        second = seconds_of(start)[0]
        return moment_of(self.worked_off_s(second, seconds) if seconds > 0 else self.next_opening_s(second))

    def due_after_days(self, start: datetime, days: int) -> datetime:
        """The same time on the wall `days` calendar days later, or the next opening after it if closed then.

        A wall time the clock jumps over that day counts as the moment of the jump; one it shows twice, as the first of the two.

        Raises:
            BeyondCalendarError: later than the end of 2099.
            ValueError: negative days.
            TypeError: `start` has no time zone.
        """
        if days < 0:
            raise ValueError(f"{days} days: a duration cannot be negative")
        if days == 0:
            return self.next_opening(start)
        second, micro = seconds_of(start)
        local = second + self._plan.offset(second)
        return self.next_opening(moment_of(self._plan.utc_of(local + days * DAY), micro))

    def next_opening(self, at: datetime) -> datetime:
        """`at` itself if open then, else the next moment that is.

        Raises:
            BeyondCalendarError: no opening until the end of 2099.
        """
        second, micro = seconds_of(at)
        opening = self.next_opening_s(second)
        return moment_of(opening, micro if opening == second else 0)

    def is_open(self, at: datetime) -> bool:
        """Whether the clock on the wall shows an open time at that moment."""
        return self.is_open_s(seconds_of(at)[0])

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Whole working seconds from `a` to `b`, negative where `b` comes first. Fractions count; the sum is cut to whole seconds."""
        (a_second, a_micro), (b_second, b_micro) = seconds_of(a), seconds_of(b)
        worked = self.elapsed_s(a_second, b_second) * 1_000_000
        worked += b_micro if b_micro and self.is_open_s(b_second) else 0
        worked -= a_micro if a_micro and self.is_open_s(a_second) else 0
        return worked // 1_000_000 if worked >= 0 else -(-worked // 1_000_000)

    def open_s(self, a: datetime, b: datetime) -> list[tuple[int, int]]:
        """The whole intervals, in seconds since the epoch, that are open at any moment from `a` to `b`; in order."""
        return list(self._between(seconds_of(a)[0], seconds_of(b)[0]))

    def counted(self, a: datetime, b: datetime) -> Counted:
        """What made up the working time from `a` to `b`, for explaining a due time.

        Raises:
            ValueError: `b` comes before `a`.
        """
        if b < a:
            raise ValueError(f"{b.isoformat()} comes before {a.isoformat()}")
        low, high, zone = a.astimezone(UTC), b.astimezone(UTC), self._plan.zone
        since, until = seconds_of(a)[0], seconds_of(b)[0]
        pieces = [(max(low, moment_of(start)), min(high, moment_of(end))) for start, end in self._between(since, until)]
        first, last = (
            low.astimezone(zone).toordinal(),
            max(low, high - TICK).astimezone(zone).toordinal(),
        )  # until midnight is not that day
        days = (date.fromordinal(ordinal) for ordinal in range(first, last + 1))
        return Counted(
            open=tuple((start, end) for start, end in pieces if start < end),
            special=tuple(found for day in days if (found := self.special_on(day)) is not None),
            away=tuple((max(low, moment_of(start)), min(high, moment_of(end))) for start, end in self._missed(since, until)),
        )

    def _missed(self, low: int, high: int) -> list[tuple[int, int]]:
        """The absences that took any open time between two moments."""
        whole = self._plan.whole
        return [
            (start, end) for start, end in self.away if start < high and end > low and whole.open_between(max(low, start), min(high, end))
        ]

    def _between(self, low: int, high: int) -> list[tuple[int, int]]:
        """The whole intervals that have any second within [low, high]."""
        self._plan.at(low)
        laid = self._plan.at(high)  # covers both: what is laid out has no holes
        some = slice(bisect_right(laid.ends, low), bisect_right(laid.starts, high))
        return merged_pieces(zip(laid.starts[some], laid.ends[some], strict=True))


#: Of a moment in seconds: two thirds of the time of adding a timedelta to the epoch.
_utc: Final = datetime.fromtimestamp


def worked(seconds: float) -> str:
    """Working time in words: `45 min`, `7 h 30 min`; never in days, of which nobody knows how long they are."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min" if minutes else f"{round(seconds)} s"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


#: Around the clock.
ALWAYS: Final = Hours("UTC", Week((((0, 1440),),) * 7))

__all__ = [
    "ALWAYS", "FIRST_YEAR", "LAST_YEAR", "BeyondCalendarError", "Counted", "Day", "HolidaysOf", "Hours", "Interval", "SpecialDay", "Week",
    "no_holidays", "worked",
]  # fmt: skip
