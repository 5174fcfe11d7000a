"""Against an oracle that is too slow and too simple to be wrong: look at the clock on the wall, every minute.

The oracle knows nothing of intervals in UTC, of years prepared ahead or of the moments at which clocks are moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from handfast.worktime import Day, Hours, Week

#: Whole hours, half and quarter hours, jumps of an hour, of half an hour and of a whole day; zones without any.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "America/Havana",
    "Africa/Cairo",
)
#: Days around which something happens to a wall clock somewhere, or to the calendar.
UNUSUAL = (
    date(2026, 3, 29),
    date(2026, 10, 25),
    date(2026, 3, 8),
    date(2026, 11, 1),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 2, 15),
    date(2026, 3, 22),
    date(2026, 4, 24),
    date(2026, 10, 30),
    date(2011, 12, 30),
    date(2028, 2, 29),
    date(2026, 12, 31),
)
WINDOW_DAYS = 9

minutes_of_day = st.one_of(st.sampled_from((0, 60, 90, 120, 150, 165, 180, 540, 1020, 1440)), st.integers(0, 1440))


def in_pairs(bounds: list[int]) -> Day:
    ordered = sorted(bounds)
    return tuple((start, end) for start, end in zip(ordered[::2], ordered[1::2], strict=False) if start < end)


days = st.lists(minutes_of_day, max_size=6).map(in_pairs)
weeks = st.lists(days, min_size=7, max_size=7).filter(any).map(lambda found: Week(tuple(found)))
moments = st.builds(
    lambda day, shift: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=shift),
    st.one_of(st.sampled_from(UNUSUAL), st.dates(date(2000, 1, 1), date(2037, 1, 1))),
    st.integers(-2 * 1440, 1440),
)


def named_in(year: int, *, dates: frozenset[date]) -> Mapping[date, str]:
    return {day: "a holiday" for day in dates if day.year == year}


@st.composite
def calendars(draw: st.DrawFn, start: datetime) -> Hours:
    near = st.integers(-1, WINDOW_DAYS).map(lambda shift: start.date() + timedelta(days=shift))
    closed = draw(st.frozensets(near, max_size=2))
    opened = {day: intervals for day, intervals in draw(st.dictionaries(near, days, max_size=2)).items() if day not in closed}
    holidays = partial(named_in, dates=draw(st.frozensets(near, max_size=3)))
    return Hours(draw(st.sampled_from(ZONES)), draw(weeks), holidays, closed, opened)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Hours, datetime]:
    start = draw(moments)
    return draw(calendars(start)), start


def wall_is_open(hours: Hours, wall: datetime) -> bool:
    day, minute = wall.date(), wall.hour * 60 + wall.minute
    if day in hours.opened:
        intervals = hours.opened[day]
    elif day in hours.closed or day in hours.holidays(day.year):
        intervals = ()
    else:
        intervals = hours.week.days[day.weekday()]
    return any(start <= minute < end for start, end in intervals)


def every_minute(hours: Hours, start: datetime) -> list[bool]:
    """Open or not, for each minute of the window from `start`."""
    zone = ZoneInfo(hours.zone)
    return [wall_is_open(hours, (start + timedelta(minutes=n)).astimezone(zone)) for n in range(WINDOW_DAYS * 1440)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(questions())
def test_every_answer_is_what_a_walk_by_the_wall_clock_finds(question: tuple[Hours, datetime]) -> None:
    """Open or closed, the next opening, every due time in reach and the working time up to it: minute for minute the same."""
    hours, start = question
    is_open = every_minute(hours, start)
    ends = [n + 1 for n, now in enumerate(is_open) if now]  # ends[d - 1]: the minute at which d working minutes are over

    def after(minutes: int) -> datetime:
        return start + timedelta(minutes=minutes)

    for n in range(0, len(is_open), 37):
        assert hours.is_open(after(n)) == is_open[n]
    for d in {1, len(ends), *range(1, len(ends) + 1, 53)} if ends else ():
        assert hours.due(start, d) == after(ends[d - 1])
        assert hours.elapsed(start, after(ends[d - 1])) == d * 60
    if ends:
        assert hours.due(start, 0) == hours.next_opening(start) == after(ends[0] - 1)
    counted = hours.counted(start, after(len(is_open)))
    assert counted.seconds == len(ends) * 60
    assert all(a_end < b_start for (_, a_end), (b_start, _) in pairwise(counted.open))


absences = st.lists(st.tuples(st.integers(-600, 9 * 1440), st.sampled_from((0, 1, 37, 240, 480, 1440, 3 * 1440))), max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(questions(), absences)
def test_absences_are_taken_out_minute_for_minute(question: tuple[Hours, datetime], spans: list[tuple[int, int]]) -> None:
    """In whatever order they are named, one over another or of no length: no minute of them counts, and every other does as before."""
    whole, start = question
    away = [(start + timedelta(minutes=at), start + timedelta(minutes=at + length)) for at, length in spans]
    hours = whole.without(away)
    moments_of = [start + timedelta(minutes=n) for n in range(WINDOW_DAYS * 1440)]
    is_open = [now and not any(a <= at < b for a, b in away) for now, at in zip(every_minute(whole, start), moments_of, strict=True)]
    ends = [n + 1 for n, now in enumerate(is_open) if now]
    assert hours.counted(start, moments_of[-1] + timedelta(minutes=1)).seconds == len(ends) * 60
    for n in range(0, len(is_open), 61):
        assert hours.is_open(moments_of[n]) == is_open[n]
    for d in {1, len(ends), *range(1, len(ends) + 1, 97)} if ends else ():
        due = start + timedelta(minutes=ends[d - 1])
        assert hours.due(start, d) == due
        assert hours.elapsed(start, due) == d * 60
    if ends:
        assert hours.next_opening(start) == start + timedelta(minutes=ends[0] - 1)
    late = [days for days in (1, 3) if any(is_open[days * 1440 :])]
    for days in late:
        wanted = whole.due_after_days(start, days)
        inside = [at for at, now in zip(moments_of, is_open, strict=True) if now and at >= wanted]
        assert not inside or hours.due_after_days(start, days) == inside[0]


@settings(max_examples=80, deadline=None)
@given(questions(), st.integers(1, 5))
def test_days_later_is_the_same_wall_time_or_the_first_after_it(question: tuple[Hours, datetime], days_later: int) -> None:
    """Walk by the wall clock to the first minute that shows the wanted time or has jumped over it, then on to the first open one."""
    hours, start = question
    zone = ZoneInfo(hours.zone)
    wanted = start.astimezone(zone).replace(tzinfo=None) + timedelta(days=days_later)
    at = start + timedelta(days=days_later, hours=-30)
    while at.astimezone(zone).replace(tzinfo=None) < wanted:
        at += timedelta(minutes=1)
    limit = at + timedelta(days=WINDOW_DAYS)
    while at < limit and not wall_is_open(hours, at.astimezone(zone)):
        at += timedelta(minutes=1)
    assume(at < limit)
    assert hours.due_after_days(start, days_later) == at


@settings(max_examples=300, deadline=None)
@given(questions(), st.integers(0, 5_000), st.integers(0, 5_000), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_due_and_elapsed_agree_to_the_microsecond(question: tuple[Hours, datetime], few: int, more: int, later: timedelta) -> None:
    """There and back is the wait; a longer wait is never due earlier; who starts later is never due earlier."""
    hours, start = question
    start += timedelta(microseconds=later.microseconds, seconds=later.seconds % 60)
    due = hours.due(start, few)
    assert due >= start
    assert hours.elapsed(start, due) == few * 60
    assert hours.elapsed(due, start) == -few * 60
    assert hours.due(start, few + more) >= due
    assert hours.due(start + later, few) >= due
    if few:
        assert hours.due(start, few - 1) < due
        assert hours.elapsed(start, due - timedelta(seconds=1)) == few * 60 - 1


@settings(max_examples=100, deadline=None)
@given(questions(), absences, st.integers(1, 1_500))
def test_a_wait_of_hours_is_found_as_any_other_is(question: tuple[Hours, datetime], spans: list[tuple[int, int]], minutes: int) -> None:
    """`due` goes step by step where the wait is short and laid out already; in seconds it is looked for among all."""
    hours, start = question
    hours = hours.without((start + timedelta(minutes=begin), start + timedelta(minutes=begin + length)) for begin, length in spans)
    start = start.replace(microsecond=0)
    second = int(start.timestamp())
    for _ in range(2):  # the years being laid out, and then laid out
        assert hours.due(start, minutes) == datetime.fromtimestamp(hours.due_s(second, minutes), UTC)
        assert hours.due(start, minutes).tzinfo is UTC


@given(questions(), st.lists(st.timedeltas(timedelta(days=-800), timedelta(days=800)), min_size=3, max_size=3))
def test_working_time_adds_up(question: tuple[Hours, datetime], shifts: list[timedelta]) -> None:
    """From a to c is from a to b and from b to c, in whatever order the years between them are first asked for."""
    hours, start = question
    a, b, c = (start + timedelta(seconds=int(shift.total_seconds())) for shift in shifts)
    assert hours.elapsed(a, b) + hours.elapsed(b, c) == hours.elapsed(a, c)
    fresh = Hours(hours.zone, hours.week, hours.holidays, hours.closed, hours.opened)
    assert fresh.elapsed(c, a) == hours.elapsed(c, a)
