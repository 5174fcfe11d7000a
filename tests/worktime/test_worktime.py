"""Opening hours as values: what they refuse, what they explain, and how they prepare themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from random import Random

import pytest

from handfast.worktime import ALWAYS, BeyondCalendarError, Hours, SpecialDay, Week

NINE_TO_FIVE = Week.of(dict.fromkeys(range(5), ((540, 1020),)))
LUNCH = Week.of(dict.fromkeys(range(5), ((540, 750), (795, 1050))))


def at(written: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def bank_holidays(year: int) -> Mapping[date, str]:
    return {date(year, 5, 25): "Spring bank holiday", date(year, 12, 25): "Christmas Day", date(year, 5, 30): "a Saturday's holiday"}


LONDON = Hours(
    "Europe/London",
    NINE_TO_FIVE,
    bank_holidays,
    closed=frozenset({date(2026, 5, 27), date(2026, 5, 31)}),
    opened={date(2026, 5, 28): ((600, 720),)},
)


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ({}, "without any opening hours"),
        ({0: ()}, "without any opening hours"),
        ({7: ((540, 1020),)}, "numbered 0"),
        ({0: ((540, 1020), (1000, 1100))}, "none over another"),
        ({0: ((600, 700), (540, 560))}, "none over another"),
        ({0: ((600, 600),)}, "none over another"),
        ({0: ((0, 1441),)}, "none over another"),
        ({0: ((-10, 60),)}, "none over another"),
    ],
)
def test_a_week_nobody_can_work_by_is_refused(days: dict[int, tuple[tuple[int, int], ...]], says: str) -> None:
    """A calendar that never opens is refused when it is made, not found out when a lead has waited for ever."""
    with pytest.raises(ValueError, match=says):
        Week.of(days)


def test_a_week_of_six_days_is_refused() -> None:
    """Weekdays are given by position, so there must be seven."""
    with pytest.raises(ValueError, match="seven days"):
        Week((((540, 1020),),) * 6)


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../etc/passwd", "Europe", "\x00"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    """Whatever is wrong with the name, it is the one kind of error."""
    with pytest.raises(ValueError, match="is no IANA time zone"):
        Hours(zone, NINE_TO_FIVE)


def test_a_date_both_closed_and_open_is_refused() -> None:
    """Nobody could say which was meant."""
    day = date(2026, 12, 24)
    with pytest.raises(ValueError, match="2026-12-24 is both closed and opened"):
        Hours("UTC", NINE_TO_FIVE, closed=frozenset({day}), opened={day: ((540, 600),)})


def test_opened_dates_are_checked_like_weekdays() -> None:
    """Their own intervals must be in order, too."""
    with pytest.raises(ValueError, match="none over another"):
        Hours("UTC", NINE_TO_FIVE, opened={date(2026, 12, 24): ((600, 700), (650, 720))})


def test_a_moment_without_a_zone_is_a_mistake_of_the_programmer() -> None:
    """A naive datetime means no moment, so it is refused rather than guessed."""
    naive = datetime(2026, 1, 9, 16, 30)  # noqa: DTZ001
    with pytest.raises(TypeError):
        LONDON.due(naive, 1)
    with pytest.raises(TypeError):
        LONDON.is_open(naive)
    with pytest.raises(TypeError):
        LONDON.elapsed(naive, naive)


def test_a_negative_wait_is_a_mistake_of_the_programmer() -> None:
    """Time runs one way."""
    with pytest.raises(ValueError, match="cannot be negative"):
        LONDON.due(at("2026-01-09 16:30"), -1)
    with pytest.raises(ValueError, match="cannot be negative"):
        LONDON.due_after_days(at("2026-01-09 16:30"), -1)


# --- every search ends ----------------------------------------------------------------------------------------


def every_day(year: int) -> Mapping[date, str]:
    return {date(year, 1, 1) + timedelta(days=n): "holiday" for n in range(366) if (date(year, 1, 1) + timedelta(days=n)).year == year}


def test_a_calendar_closed_for_ever_says_so() -> None:
    """A week with hours, every one of them a holiday: the search ends at the last known year, with one clear error."""
    closed = Hours("Europe/London", NINE_TO_FIVE, every_day)
    with pytest.raises(BeyondCalendarError, match="does not open for long enough until the end of 2099"):
        closed.due(at("2026-01-09 16:30"), 1)
    with pytest.raises(BeyondCalendarError, match="does not open for long enough until the end of 2099"):
        closed.next_opening(at("2026-01-09 16:30"))
    assert closed.elapsed(at("2026-01-01 00:00"), at("2027-01-01 00:00")) == 0


def test_a_wait_longer_than_the_known_years_says_so() -> None:
    """The longest wait a contract can write, 999,999 hours, does not fit before 2100."""
    with pytest.raises(BeyondCalendarError, match="long enough"):
        LONDON.due(at("2026-01-09 16:30"), 999_999 * 60)
    with pytest.raises(BeyondCalendarError, match="lies outside"):
        LONDON.due_after_days(at("2026-01-09 16:30"), 999_999 * 7)


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), at("1899-12-31 23:59:59"), at("2100-01-01 00:00")])
def test_an_absurd_moment_is_refused(moment: datetime) -> None:
    """A sentinel date in imported data must not make us prepare two thousand years."""
    with pytest.raises(BeyondCalendarError):
        LONDON.is_open(moment)
    with pytest.raises(BeyondCalendarError):
        LONDON.due(moment, 5)
    with pytest.raises(BeyondCalendarError):
        LONDON.due_after_days(moment, 5)
    with pytest.raises(BeyondCalendarError):
        LONDON.elapsed(moment, at("2026-01-09 16:30"))


def test_the_first_and_the_last_known_moments_are_answered() -> None:
    """The edges belong to the known years, and local midnight may lie on either side of them."""
    kiritimati = Hours("Pacific/Kiritimati", Week.of(dict.fromkeys(range(7), ((0, 1440),))))
    assert kiritimati.is_open(at("1900-01-01 00:00"))
    assert kiritimati.is_open(at("2099-12-31 23:59:59"))
    assert kiritimati.due(at("2099-12-31 23:00"), 60) == at("2100-01-01 00:00")


# --- what is explained ----------------------------------------------------------------------------------------


def test_a_due_time_is_explained_by_what_counted_and_what_did_not() -> None:
    """From Friday to the Thursday after: the hours that counted, and the days that made it late or early."""
    counted = LONDON.counted(at("2026-05-22 15:00"), at("2026-05-28 09:30"))  # British summer time: UTC and one hour
    assert counted.open == (
        (at("2026-05-22 15:00"), at("2026-05-22 16:00")),
        (at("2026-05-26 08:00"), at("2026-05-26 16:00")),
        (at("2026-05-28 09:00"), at("2026-05-28 09:30")),
    )
    assert counted.special == (
        SpecialDay(date(2026, 5, 25), "holiday", "Spring bank holiday"),
        SpecialDay(date(2026, 5, 27), "closed"),
        SpecialDay(date(2026, 5, 28), "open"),
    )
    assert counted.seconds == 9 * 3600 + 1800 == LONDON.elapsed(at("2026-05-22 15:00"), at("2026-05-28 09:30"))


def test_a_holiday_on_a_day_that_is_closed_anyway_explains_nothing() -> None:
    """30 May 2026 is a Saturday and a holiday, 31 May a Sunday and closed by date: neither changed anything."""
    assert LONDON.counted(at("2026-05-29 12:00"), at("2026-06-01 12:00")).special == ()


def test_a_day_is_only_named_if_a_part_of_it_lies_between() -> None:
    """Until midnight at the beginning of the bank holiday, the bank holiday is none of our business."""
    midnight = at("2026-05-24 23:00")
    assert LONDON.counted(at("2026-05-22 12:00"), midnight).special == ()
    assert len(LONDON.counted(at("2026-05-22 12:00"), midnight + timedelta(microseconds=1)).special) == 1


def test_an_open_holiday_keeps_its_name() -> None:
    """Open on Christmas Day: the explanation says both."""
    shop = Hours("Europe/London", NINE_TO_FIVE, bank_holidays, opened={date(2026, 12, 25): ((600, 660),)})
    assert shop.special_on(date(2026, 12, 25)) == SpecialDay(date(2026, 12, 25), "open", "Christmas Day")
    assert shop.due(at("2026-12-24 17:00"), 60) == at("2026-12-25 11:00")


def test_nothing_counted_between_a_moment_and_itself() -> None:
    """And the other way round is a mistake of the programmer."""
    noon = at("2026-05-26 12:00")
    assert LONDON.counted(noon, noon).open == ()
    with pytest.raises(ValueError, match="comes before"):
        LONDON.counted(noon, noon - timedelta(seconds=1))


def test_around_the_clock_is_one_interval_over_any_number_of_years() -> None:
    """Neither midnight nor New Year cuts it."""
    counted = ALWAYS.counted(at("2026-12-30 12:00"), at("2029-01-02 12:00"))
    assert counted.open == ((at("2026-12-30 12:00"), at("2029-01-02 12:00")),)


# --- moments --------------------------------------------------------------------------------------------------


def test_any_zone_goes_in_and_utc_comes_out() -> None:
    """The same moment, told in Tokyo's time, gives the same answer in UTC."""
    told_in_tokyo = at("2026-01-09 16:30").astimezone(timezone(timedelta(hours=9)))
    due = LONDON.due(told_in_tokyo, 60)
    assert due == at("2026-01-12 09:30")
    assert due.tzinfo is UTC
    assert LONDON.next_opening(told_in_tokyo).tzinfo is UTC
    assert LONDON.due_after_days(told_in_tokyo, 1).tzinfo is UTC


def test_a_fraction_of_a_second_is_working_time_too() -> None:
    """It is worked off after the next opening where the day is over before it is; a closed start has none to work off."""
    quarter = timedelta(microseconds=250_000)
    assert LONDON.due(at("2026-01-09 16:30") + quarter, 30) == at("2026-01-12 09:00") + quarter
    assert LONDON.due(at("2026-01-09 16:30") + quarter, 0) == at("2026-01-09 16:30") + quarter
    assert LONDON.due(at("2026-01-10 12:00") + quarter, 30) == at("2026-01-12 09:30")
    assert LONDON.next_opening(at("2026-01-10 12:00") + quarter) == at("2026-01-12 09:00")
    assert LONDON.elapsed(at("2026-01-09 16:30") + quarter, at("2026-01-09 16:31")) == 59
    assert LONDON.elapsed(at("2026-01-09 16:31"), at("2026-01-09 16:30") + quarter) == -59


def test_open_from_the_first_second_and_closed_from_the_last() -> None:
    """At nine sharp we are open; at five sharp we are not."""
    assert not LONDON.is_open(at("2026-01-09 08:59:59"))
    assert LONDON.is_open(at("2026-01-09 09:00:00"))
    assert LONDON.is_open(at("2026-01-09 16:59:59"))
    assert not LONDON.is_open(at("2026-01-09 17:00:00"))


def test_whole_seconds_and_moments_agree() -> None:
    """The bulk functions are the same arithmetic without the datetimes."""
    start = at("2026-01-09 16:30")
    second = int(start.timestamp())
    assert LONDON.due_s(second, 60) == int(LONDON.due(start, 60).timestamp())
    assert LONDON.next_opening_s(second + 3600) == int(LONDON.next_opening(start + timedelta(hours=1)).timestamp())
    assert LONDON.elapsed_s(second, second + 7 * 86_400) == 5 * 8 * 3600
    assert LONDON.is_open_s(second)


# --- preparing ------------------------------------------------------------------------------------------------


def test_only_the_years_that_are_needed_are_asked_for() -> None:
    """Holidays are looked up for the year of the question and the neighbours its edges touch, each once, not for a fixed range."""
    asked: list[int] = []

    def recorded(year: int) -> Mapping[date, str]:
        asked.append(year)
        return {}

    hours = Hours("Europe/London", NINE_TO_FIVE, recorded)
    assert asked == []
    hours.due(at("2026-06-01 12:00"), 60)
    assert set(asked) <= {2025, 2026, 2027}
    hours.due(at("2031-06-01 12:00"), 60)
    assert {2030, 2031} <= set(asked) <= set(range(2025, 2033))
    assert len(asked) == len(set(asked))


@contextmanager
def threads_in_each_others_way() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def answers(hours: Hours, since: datetime, question: tuple[datetime, int]) -> tuple[datetime, int]:
    return hours.due(*question), hours.elapsed(since, question[0])


def test_threads_share_one_calendar() -> None:
    """Years are prepared backwards and forwards under the readers' hands, and every answer is still the one of a calendar used alone."""
    random = Random(20260109)
    questions = [(at("1950-01-01 00:00") + timedelta(minutes=random.randrange(60_000_000)), random.randrange(20_000)) for _ in range(400)]
    alone = Hours("Europe/Berlin", LUNCH, bank_holidays)
    since = questions[0][0]
    expected = [answers(alone, since, question) for question in questions]
    for _ in range(3):
        with threads_in_each_others_way(), ThreadPoolExecutor(8) as pool:
            assert list(pool.map(partial(answers, Hours("Europe/Berlin", LUNCH, bank_holidays), since), questions)) == expected
