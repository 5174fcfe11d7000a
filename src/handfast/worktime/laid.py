"""Opening intervals laid out as seconds since 1970-01-01T00:00Z, year by year and only when asked for, with running totals.

What `worktime` answers every question from. Nothing here knows of weeks or holidays: it is told the intervals of a date.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import sub
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

#: Minutes of the local day, from and until: (540, 750) is 09:00 to 12:30; (0, 1440) is the whole day.
Interval: TypeAlias = tuple[int, int]
#: The intervals of one day, in order, none over another. Empty: closed all day.
Day: TypeAlias = tuple[Interval, ...]

#: The years in which an answer is looked for; every search ends at their edge. (Holidays are known no further.)
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2099

DAY: Final = 86_400
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
#: No zone has changed its offset twice within six days since 1900, so looking every three days misses no change.
_STEP: Final = 3 * DAY


class BeyondCalendarError(ValueError):
    """The question or its answer lies outside the years 1900 to 2099.

    Either the calendar does not open for long enough, or the moment asked about is absurd.
    """


class Laid(NamedTuple):
    """Opening intervals laid out over [low, high), all in UTC seconds, with running totals.

    `before[i]` is the working time before interval i, counted from an arbitrary zero that never moves: only differences mean something,
    and they stay true while another thread lays out further years. It is one longer than the intervals; its last is the total.

    `first[d]`: the first interval that ends after the d-th day (of 24 hours) since `low` has begun. `ahead[i]`: how far the clock is
    ahead of the working time within interval i, `starts[i] - before[i]`.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    before: Sequence[int]
    low: int
    high: int
    first: Sequence[int]
    ahead: Sequence[int]


#: The same as a tuple without names, which is quicker to take apart, and after `before` the totals at the ends of the intervals.
Bare: TypeAlias = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int], int, int, Sequence[int], Sequence[int]]


def seconds_of(moment: datetime) -> tuple[int, int]:
    """Whole seconds since the epoch, and the microseconds beyond them. Raises TypeError for a naive datetime: it means no moment."""
    since = moment - EPOCH
    return since.days * DAY + since.seconds, since.microseconds


def moment_of(second: int, microsecond: int = 0) -> datetime:
    return EPOCH + timedelta(0, second, microsecond)


def _year_start(year: int) -> int:
    return (date(year, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY


_EARLIEST: Final = _year_start(FIRST_YEAR)
_LATEST: Final = _year_start(LAST_YEAR + 1)


def known_second(second: int) -> int:
    """The second itself.

    Raises:
        BeyondCalendarError: it lies outside the years 1900 to 2099.
    """
    if not _EARLIEST <= second < _LATEST:
        raise BeyondCalendarError(f"calendars are known from {FIRST_YEAR} to {LAST_YEAR}, and this moment lies outside")
    return second


def offset_at(zone: ZoneInfo, second: int) -> int:
    """Seconds the wall clock of `zone` is ahead of UTC at that moment."""
    wall = moment_of(second).astimezone(zone).replace(tzinfo=UTC)
    return seconds_of(wall)[0] - second


def _change(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second of the new offset, when the offset at `low` differs from that at `high` and changes once in between."""
    old = offset_at(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset_at(zone, middle) == old else (low, middle)
    return high


def _offsets(zone: ZoneInfo, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """(from, until, offset) for each stretch of [low, high) during which the wall clock is not moved."""
    begin, offset, at = low, offset_at(zone, low), low
    while at < high:
        ahead = min(at + _STEP, high)
        if offset_at(zone, ahead) != offset:
            moved = _change(zone, at, ahead)
            yield begin, moved, offset
            begin, offset = moved, offset_at(zone, moved)
        at = ahead
    if begin < high:
        yield begin, high, offset


class Plan:
    """The years laid out so far, without holes, and the laying out of more.

    Readers take one `Laid` and stay with it: it is never changed, only replaced by a longer one under the lock.
    """

    __slots__ = ("_days", "_intervals_on", "_lock", "bare", "laid", "zone")

    def __init__(self, zone: ZoneInfo, intervals_on: Callable[[date], Day]) -> None:
        self.zone = zone
        self._intervals_on = intervals_on
        self._days: dict[int, tuple[tuple[int, int, int], ...]] = {}
        self._lock = threading.Lock()
        self._keep(Laid((), (), (0,), 0, 0, (), ()))  # an empty stretch: nothing lies within it

    def _keep(self, laid: Laid) -> None:
        self.laid = laid
        self.bare: Bare = (laid.starts, laid.ends, laid.before, laid.before[1:], laid.low, laid.high, laid.first, laid.ahead)

    def at(self, second: int) -> Laid:
        """What is laid out, at least up to and including the year of `second`."""
        laid = self.laid
        return laid if laid.low <= second < laid.high else self._reach(second)

    def later(self, laid: Laid) -> Laid:
        """At least one year more than `laid`."""
        if laid.high >= _LATEST:
            raise BeyondCalendarError(f"the calendar does not open for long enough until the end of {LAST_YEAR}")
        return self.at(laid.high)

    def _reach(self, second: int) -> Laid:
        """Lay out year after year towards `second`; at most two hundred, whoever asks."""
        year = moment_of(known_second(second)).year
        with self._lock:
            laid = self.laid
            if laid.low == laid.high:
                laid = self._year(year)
            while second < laid.low:
                laid = _with_earlier(laid, self._year(moment_of(laid.low).year - 1))
            while second >= laid.high:
                laid = _with_later(laid, self._year(moment_of(laid.high).year))
            self._keep(laid)
        return laid

    def _year(self, year: int) -> Laid:
        """One year of UTC, its running total starting at 0."""
        low, high = _year_start(year), _year_start(year + 1)
        return _added(merged_pieces(piece for stretch in _offsets(self.zone, low, high) for piece in self._open_in(*stretch)), low, high)

    @property
    def whole(self) -> Plan:
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
        for day in range((begin + offset) // DAY, (until + offset - 1) // DAY + 1):
            midnight = day * DAY - offset
            for start, end in self._intervals_on(date.fromordinal(EPOCH_ORDINAL + day)):
                low, high = max(begin, midnight + start * 60), min(until, midnight + end * 60)
                if low < high:
                    yield low, high

    def offset(self, second: int) -> int:
        """As `offset_at`, in this plan's zone."""
        return next(offset for _, until, offset in self._around(known_second(second)) if second < until)

    def utc_of(self, wall: int) -> int:
        """The first moment at which the wall clock shows `wall` (seconds, as if the wall were UTC) or, jumping over it, a later time."""
        for begin, until, offset in self._around(known_second(wall), DAY):  # no wall is a day from UTC
            if wall - offset < until:
                return max(begin, wall - offset)
        raise AssertionError("a wall clock shows every time within a day of UTC, or jumps over it")

    def _around(self, second: int, spread: int = 0) -> Iterator[tuple[int, int, int]]:
        """(from, until, offset) of the stretches from the day of `second - spread` to that of `second + spread`, kept by the day."""
        for day in range((second - spread) // DAY, (second + spread) // DAY + 1):
            if (stretches := self._days.get(day)) is None:
                stretches = self._days[day] = tuple(_offsets(self.zone, day * DAY, (day + 1) * DAY))
            yield from stretches


class Less(Plan):
    """A plan less absences."""

    __slots__ = ("_away", "_from")

    def __init__(self, plan: Plan, away: Sequence[tuple[int, int]]) -> None:
        super().__init__(plan.zone, plan._intervals_on)
        self._from = plan
        self._away = away

    @property
    def whole(self) -> Plan:
        return self._from.whole

    def _year(self, year: int) -> Laid:
        low, high = _year_start(year), _year_start(year + 1)
        self._from.at(low)
        laid = self._from.at(high - 1)
        some = slice(bisect_left(laid.starts, low), bisect_left(laid.starts, high))
        return _added(_less(zip(laid.starts[some], laid.ends[some], strict=True), self._away), low, high)


def _added(pieces: Sequence[tuple[int, int]], low: int, high: int) -> Laid:
    """Open pieces of [low, high) with their running total, which starts at 0."""
    before = [0]
    for start, end in pieces:
        before.append(before[-1] + end - start)
    first, i = [], 0
    for midnight in range(low, high, DAY):
        while i < len(pieces) and pieces[i][1] <= midnight:
            i += 1
        first.append(i)
    starts, ends = tuple(start for start, _ in pieces), tuple(end for _, end in pieces)
    return Laid(starts, ends, tuple(before), low, high, tuple(first), tuple(map(sub, starts, before)))


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


def merged_pieces(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
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


def _with_later(laid: Laid, year: Laid) -> Laid:
    return _joined(laid, year, 0, laid.before[-1])


def _with_earlier(laid: Laid, year: Laid) -> Laid:
    """The earlier totals count down from the old zero, which must not move: another thread may hold a total read before."""
    return _joined(year, laid, laid.before[0] - year.before[-1], 0)


def _joined(early: Laid, late: Laid, early_total: int, late_total: int) -> Laid:
    """Two stretches as one, the totals of each moved by so much. They must meet."""
    before = (*(early_total + worked for worked in early.before[:-1]), *(late_total + worked for worked in late.before))
    first = (*early.first, *(len(early.starts) + i for i in late.first))
    starts = (*early.starts, *late.starts)
    return Laid(starts, (*early.ends, *late.ends), before, early.low, late.high, first, tuple(map(sub, starts, before)))


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown; not a name at all; a folder of zones such as 'Europe'
        raise ValueError(f"'{name}' is no IANA time zone") from error
