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

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

#: Minutes of the local day, from and until: (540, 750) is 09:00 to 12:30; (0, 1440) is the whole day.
Interval: TypeAlias = tuple[int, int]
#: The intervals of one day, in order, none over another. Empty: closed all day.
Day: TypeAlias = tuple[Interval, ...]
#: The holidays of one year with their names. Asked when the year is first needed, and remembered; perhaps by several threads at once.
HolidaysOf: TypeAlias = Callable[[int], Mapping[date, str]]

#: The years in which an answer is looked for; every search ends at their edge. (Holidays are known no further.)
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2099

_DAY: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
#: No zone has changed its offset twice within six days since 1900, so looking every three days misses no change.
_STEP: Final = 3 * _DAY


class BeyondCalendarError(ValueError):
    """The question or its answer lies outside the years 1900 to 2099.

    Either the calendar does not open for long enough, or the moment asked about is absurd.
    """


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


class _Laid(NamedTuple):
    """Opening intervals laid out over [low, high), all in UTC seconds, with running totals.

    `before[i]` is the working time before interval i, counted from an arbitrary zero that never moves: only differences mean something,
    and they stay true while another thread lays out further years. It is one longer than the intervals; its last is the total.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    before: Sequence[int]
    low: int
    high: int


def _split(moment: datetime) -> tuple[int, int]:
    """Whole seconds since the epoch, and the microseconds beyond them. Raises TypeError for a naive datetime: it means no moment."""
    since = moment - _EPOCH
    return since.days * _DAY + since.seconds, since.microseconds


def _moment(second: int, microsecond: int = 0) -> datetime:
    return _EPOCH + timedelta(0, second, microsecond)


def _year_start(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _EPOCH_ORDINAL) * _DAY


_EARLIEST: Final = _year_start(FIRST_YEAR)
_LATEST: Final = _year_start(LAST_YEAR + 1)


def _known(second: int) -> int:
    """The second itself.

    Raises:
        BeyondCalendarError: it lies outside the years 1900 to 2099.
    """
    if not _EARLIEST <= second < _LATEST:
        raise BeyondCalendarError(f"calendars are known from {FIRST_YEAR} to {LAST_YEAR}, and this moment lies outside")
    return second


def _offset(zone: ZoneInfo, second: int) -> int:
    """Seconds the wall clock of `zone` is ahead of UTC at that moment."""
    wall = _moment(second).astimezone(zone).replace(tzinfo=UTC)
    return _split(wall)[0] - second


def _change(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second of the new offset, when the offset at `low` differs from that at `high` and changes once in between."""
    old = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
    return high


def _offsets(zone: ZoneInfo, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """(from, until, offset) for each stretch of [low, high) during which the wall clock is not moved."""
    begin, offset, at = low, _offset(zone, low), low
    while at < high:
        ahead = min(at + _STEP, high)
        if _offset(zone, ahead) != offset:
            moved = _change(zone, at, ahead)
            yield begin, moved, offset
            begin, offset = moved, _offset(zone, moved)
        at = ahead
    if begin < high:
        yield begin, high, offset


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
    _plan: _Plan = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for intervals in self.opened.values():
            _check(intervals)
        if both := sorted(self.closed & self.opened.keys()):
            raise ValueError(f"{both[0]} is both closed and opened")
        object.__setattr__(self, "holidays", lru_cache(maxsize=None)(self.holidays))  # at most the 200 years that are known
        object.__setattr__(self, "_plan", _Plan(_zone(self.zone), self.intervals_on))

    def without(self, away: Iterable[tuple[datetime, datetime]]) -> Hours:
        """These hours less absences, each from a moment up to another, in any order; they may overlap. The days stay as they are.

        Laid out from what these hours have laid out already, so that many absences of one week cost little.

        Raises:
            TypeError: a moment without a time zone.
        """
        spans = _merged((start, end) for start, end in sorted((_split(a)[0], _split(b)[0]) for a, b in away) if start < end)
        if not spans:
            return self
        less = replace(self)
        object.__setattr__(less, "away", tuple(_merged(sorted([*self.away, *spans]))))
        object.__setattr__(less, "_plan", _Less(self._plan, spans))
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
        laid = self._plan.laid
        if not laid[3] <= start < laid[4]:
            laid = self._plan.at(start)
        starts, ends, before, _, _ = laid
        i = bisect_right(ends, start)
        target = before[i] + seconds
        if i < len(starts) and start > starts[i]:
            target += start - starts[i]
        while target > before[-1]:
            starts, _, before, _, _ = laid = self._plan.later(laid)
        # The interval in which the target is reached: its very end still belongs to it.
        i = bisect_left(before, target) - 1
        return starts[i] + target - before[i]

    def next_opening_s(self, at: int) -> int:
        """As `next_opening`, in whole seconds since the epoch."""
        laid = self._plan.at(at)
        while (i := bisect_right(laid.ends, at)) == len(laid.starts):
            laid = self._plan.later(laid)
        return max(at, laid.starts[i])

    def is_open_s(self, at: int) -> bool:
        """As `is_open`, in whole seconds since the epoch."""
        starts, ends, _, _, _ = self._plan.at(at)
        i = bisect_right(ends, at)
        return i < len(starts) and starts[i] <= at

    def elapsed_s(self, a: int, b: int) -> int:
        """As `elapsed`, in whole seconds since the epoch."""
        return self._worked(b) - self._worked(a)

    def _worked(self, at: int) -> int:
        starts, ends, before, _, _ = self._plan.at(at)
        i = bisect_right(ends, at)
        return before[i] + (at - starts[i] if i < len(starts) and at > starts[i] else 0)

    # --- moments ----------------------------------------------------------------------------------------------

    def due(self, start: datetime, minutes: int) -> datetime:
        """When `minutes` of working time have passed since `start`.

        No minutes are due at `start` if open, else at the next opening. Time that runs out exactly at closing time is due at closing time.

        Raises:
            BeyondCalendarError: not that much working time until the end of 2099.
            ValueError: negative minutes.
            TypeError: `start` has no time zone.
        """
        since = start - _EPOCH  # written out, not `_split`: this is the one question asked a million times
        second = since.days * _DAY + since.seconds
        due = self.due_s(second, minutes)
        if since.microseconds and self.is_open_s(second):
            # The fraction is working time too. Where the whole seconds end exactly at closing, it is worked off after the next opening.
            return _moment(self.next_opening_s(due), since.microseconds)
        return _EPOCH + timedelta(0, due)

    def worked_off(self, start: datetime, seconds: int) -> datetime:
        """When so many seconds of working time have passed since `start`; for none, `start` if open, else the next opening.

        The fraction of a second of `start` is dropped. Raises BeyondCalendarError.
        """
        second = _split(start)[0]
        return _moment(self.worked_off_s(second, seconds) if seconds > 0 else self.next_opening_s(second))

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
        second, micro = _split(start)
        local = second + _offset(self._plan.zone, _known(second))
        return self.next_opening(_moment(self._plan.utc_of(local + days * _DAY), micro))

    def next_opening(self, at: datetime) -> datetime:
        """`at` itself if open then, else the next moment that is.

        Raises:
            BeyondCalendarError: no opening until the end of 2099.
        """
        second, micro = _split(at)
        opening = self.next_opening_s(second)
        return _moment(opening, micro if opening == second else 0)

    def is_open(self, at: datetime) -> bool:
        """Whether the clock on the wall shows an open time at that moment."""
        return self.is_open_s(_split(at)[0])

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Whole working seconds from `a` to `b`, negative where `b` comes first. Fractions count; the sum is cut to whole seconds."""
        (a_second, a_micro), (b_second, b_micro) = _split(a), _split(b)
        worked = self.elapsed_s(a_second, b_second) * 1_000_000
        worked += b_micro if b_micro and self.is_open_s(b_second) else 0
        worked -= a_micro if a_micro and self.is_open_s(a_second) else 0
        return worked // 1_000_000 if worked >= 0 else -(-worked // 1_000_000)

    def counted(self, a: datetime, b: datetime) -> Counted:
        """What made up the working time from `a` to `b`, for explaining a due time.

        Raises:
            ValueError: `b` comes before `a`.
        """
        if b < a:
            raise ValueError(f"{b.isoformat()} comes before {a.isoformat()}")
        low, high, zone = a.astimezone(UTC), b.astimezone(UTC), self._plan.zone
        pieces = [(max(low, _moment(start)), min(high, _moment(end))) for start, end in self._between(_split(a)[0], _split(b)[0])]
        first, last = (
            low.astimezone(zone).toordinal(),
            max(low, high - _TICK).astimezone(zone).toordinal(),
        )  # until midnight is not that day
        days = (date.fromordinal(ordinal) for ordinal in range(first, last + 1))
        return Counted(
            open=tuple((start, end) for start, end in pieces if start < end),
            special=tuple(found for day in days if (found := self.special_on(day)) is not None),
            away=tuple((max(low, _moment(start)), min(high, _moment(end))) for start, end in self._missed(_split(a)[0], _split(b)[0])),
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
        return _merged(zip(laid.starts[some], laid.ends[some], strict=True))


class _Plan:
    """The years laid out so far, without holes, and the laying out of more.

    Readers take one `_Laid` and stay with it: it is never changed, only replaced by a longer one under the lock.
    """

    __slots__ = ("_intervals_on", "_lock", "laid", "zone")

    def __init__(self, zone: ZoneInfo, intervals_on: Callable[[date], Day]) -> None:
        self.zone = zone
        self._intervals_on = intervals_on
        self._lock = threading.Lock()
        self.laid = _Laid((), (), (0,), 0, 0)  # an empty stretch: nothing lies within it

    def at(self, second: int) -> _Laid:
        """What is laid out, at least up to and including the year of `second`."""
        laid = self.laid
        return laid if laid.low <= second < laid.high else self._reach(second)

    def later(self, laid: _Laid) -> _Laid:
        """At least one year more than `laid`."""
        if laid.high >= _LATEST:
            raise BeyondCalendarError(f"the calendar does not open for long enough until the end of {LAST_YEAR}")
        return self.at(laid.high)

    def _reach(self, second: int) -> _Laid:
        """Lay out year after year towards `second`; at most two hundred, whoever asks."""
        year = _moment(_known(second)).year
        with self._lock:
            laid = self.laid
            if laid.low == laid.high:
                laid = self._year(year)
            while second < laid.low:
                laid = _with_earlier(laid, self._year(_moment(laid.low).year - 1))
            while second >= laid.high:
                laid = _with_later(laid, self._year(_moment(laid.high).year))
            self.laid = laid
        return laid

    def _year(self, year: int) -> _Laid:
        """One year of UTC, its running total starting at 0."""
        low, high = _year_start(year), _year_start(year + 1)
        return _added(_merged(piece for stretch in _offsets(self.zone, low, high) for piece in self._open_in(*stretch)), low, high)

    @property
    def whole(self) -> _Plan:
        """The plan before any absence was taken from it."""
        return self

    def open_between(self, low: int, high: int) -> bool:
        """Whether any second of [low, high) is open."""
        self.at(low)
        laid = self.at(high)
        i = bisect_right(laid.ends, low)
        return i < len(laid.starts) and laid.starts[i] < high

    def _open_in(self, begin: int, until: int, offset: int) -> Iterator[tuple[int, int]]:
        """The open pieces of a stretch of one offset: those of the wall's days, cut to what the wall shows during the stretch."""
        for day in range((begin + offset) // _DAY, (until + offset - 1) // _DAY + 1):
            midnight = day * _DAY - offset
            for start, end in self._intervals_on(date.fromordinal(_EPOCH_ORDINAL + day)):
                low, high = max(begin, midnight + start * 60), min(until, midnight + end * 60)
                if low < high:
                    yield low, high

    def utc_of(self, wall: int) -> int:
        """The first moment at which the wall clock shows `wall` (seconds, as if the wall were UTC) or, jumping over it, a later time."""
        _known(wall)
        for begin, until, offset in _offsets(self.zone, wall - _DAY, wall + _DAY):  # no wall is a day from UTC
            if wall - offset < until:
                return max(begin, wall - offset)
        raise AssertionError("a wall clock shows every time within a day of UTC, or jumps over it")


class _Less(_Plan):
    """A plan less absences."""

    __slots__ = ("_away", "_from")

    def __init__(self, plan: _Plan, away: Sequence[tuple[int, int]]) -> None:
        super().__init__(plan.zone, plan._intervals_on)
        self._from = plan
        self._away = away

    @property
    def whole(self) -> _Plan:
        return self._from.whole

    def _year(self, year: int) -> _Laid:
        low, high = _year_start(year), _year_start(year + 1)
        self._from.at(low)
        laid = self._from.at(high - 1)
        some = slice(bisect_left(laid.starts, low), bisect_left(laid.starts, high))
        return _added(_less(zip(laid.starts[some], laid.ends[some], strict=True), self._away), low, high)


def _added(pieces: Sequence[tuple[int, int]], low: int, high: int) -> _Laid:
    """Open pieces of [low, high) with their running total, which starts at 0."""
    before = [0]
    for start, end in pieces:
        before.append(before[-1] + end - start)
    return _Laid(tuple(start for start, _ in pieces), tuple(end for _, end in pieces), tuple(before), low, high)


def _less(pieces: Iterable[tuple[int, int]], away: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of pieces when other stretches are taken out; both in order, each apart."""
    left: list[tuple[int, int]] = []
    i = 0
    for start, end in pieces:
        while i < len(away) and away[i][1] <= start:
            i += 1
        j, at = i, start
        while j < len(away) and away[j][0] < end:
            if at < away[j][0]:
                left.append((at, away[j][0]))
            at = max(at, away[j][1])
            j += 1
        if at < end:
            left.append((at, end))
    return left


def _merged(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same time with pieces that touch or overlap made one: a day that closes at 24:00 goes on into one that opens at 00:00.

    The pieces come in the order of their starts.
    """
    merged: list[tuple[int, int]] = []
    for start, end in pieces:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _with_later(laid: _Laid, year: _Laid) -> _Laid:
    total = laid.before[-1]
    before = (*laid.before, *(total + worked for worked in year.before[1:]))
    return _Laid((*laid.starts, *year.starts), (*laid.ends, *year.ends), before, laid.low, year.high)


def _with_earlier(laid: _Laid, year: _Laid) -> _Laid:
    """The earlier totals count down from the old zero, which must not move: another thread may hold a total read before."""
    first = laid.before[0] - year.before[-1]
    before = (*(first + worked for worked in year.before[:-1]), *laid.before)
    return _Laid((*year.starts, *laid.starts), (*year.ends, *laid.ends), before, year.low, laid.high)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown; not a name at all; a folder of zones such as 'Europe'
        raise ValueError(f"'{name}' is no IANA time zone") from error


def worked(seconds: float) -> str:
    """Working time in words: `45 min`, `7 h 30 min`; never in days, of which nobody knows how long they are."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min" if minutes else f"{round(seconds)} s"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


#: Around the clock.
ALWAYS: Final = Hours("UTC", Week((((0, 1440),),) * 7))
