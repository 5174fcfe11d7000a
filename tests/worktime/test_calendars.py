"""A calendar as RevOps writes it: what becomes of it, and what is said of one that has mistakes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from handfast.contract import calendars
from handfast.contract.calendars import calendar_problems, hours_of
from handfast.contract.terms import Calendar
from handfast.problem import Place

WHERE = Place("contract.yaml", line=3, column=11, part="calendar")
OFFICE: dict[str, Any] = {"timezone": "Europe/Berlin", "week": {"mon-fri": ["09:00-17:30"]}}


def written(**terms: Any) -> Calendar:
    return Calendar.model_validate(OFFICE | terms)


def mistakes(**terms: Any) -> list[str]:
    return [str(problem) for problem in calendar_problems(written(**terms), WHERE)]


@pytest.mark.parametrize(
    ("terms", "part", "what", "fix"),
    [
        ({"timezone": "Europe/Berln"}, "timezone", "'Europe/Berln' is no time zone", "Did you mean 'Europe/Berlin'?"),
        ({"timezone": "berlin"}, "timezone", "'berlin' is no time zone", "Did you mean 'Europe/Berlin'?"),
        ({"timezone": "New York"}, "timezone", "'New York' is no time zone", "Did you mean 'America/New_York'?"),
        ({"timezone": "CEST"}, "timezone", "'CEST' is no time zone", "Use an IANA name"),
        ({"timezone": "Europe"}, "timezone", "'Europe' is no time zone", "Use an IANA name"),
        ({"holidays": "us"}, "holidays", "no holidays are known for 'us'", "Did you mean 'US'?"),
        ({"holidays": "USA"}, "holidays", "no holidays are known for 'USA'", "Did you mean 'US'?"),
        ({"holidays": "Germany"}, "holidays", "no holidays are known for 'Germany'", "Did you mean 'DE'?"),
        ({"holidays": "de-by"}, "holidays", "no holidays are known for 'de-by'", "Did you mean 'DE-BY'?"),
        ({"holidays": "GB-England"}, "holidays", "'GB' has no part 'England'", "Did you mean 'GB-ENG'?"),
        ({"holidays": "DE-XX"}, "holidays", "'DE' has no part 'XX'", "DE-BW, DE-BY"),
        ({"holidays": "ZZ"}, "holidays", "no holidays are known for 'ZZ'", "Use a country code"),
        ({"holidays": ""}, "holidays", "no holidays are known for ''", "Use a country code"),
        ({"week": {}}, "week", "the week has no opening hours", "nothing ever falls due"),
        ({"week": {"mon": []}}, "week", "the week has no opening hours", "nothing ever falls due"),
        ({"week": {"monday": ["09:00-10:00"]}}, "week.monday", "'monday' is no weekday", "mon-fri"),
        ({"week": {"fri-mon": ["09:00-10:00"]}}, "week.fri-mon", "'fri-mon' runs backwards", "mon-fri"),
        ({"week": {"mon-fri": ["09:00-17:00"], "fri": ["09:00-15:00"]}}, "week.fri", "Friday is given twice", "one line only"),
        ({"week": {"mon,mon": ["09:00-17:00"]}}, "week.mon,mon", "Monday is given twice", "one line only"),
        ({"week": {"tue": ["09:00-13:00", "12:00-17:00"]}}, "week.tue", "'09:00-13:00' and '12:00-17:00' overlap", "at 12:00 or before"),
        ({"week": {"tue": ["13:00-17:00", "09:00-12:00"]}}, "week.tue", "'09:00-12:00' stands after '13:00-17:00'", "order of the day"),
        ({"closed": ["2026-02-29"]}, "closed", "'2026-02-29' is no date", "as in '2026-12-24'"),
        ({"closed": ["24.12.2026"]}, "closed", "'24.12.2026' is no date", "as in '2026-12-24'"),
        ({"closed": ["20261224"]}, "closed", "'20261224' is no date", "as in '2026-12-24'"),
        ({"open": {"2026-W53-1": ["09:00-10:00"]}}, "open", "'2026-W53-1' is no date", "as in '2026-12-24'"),
        ({"open": {"2026-12-24": []}}, "open.2026-12-24", "listed as open and has no intervals", "list it under 'closed'"),
        (
            {"open": {"2026-12-24": ["09:00-12:00"]}, "closed": ["2026-12-24"]},
            "open.2026-12-24",
            "listed both as open and as closed",
            "one of the two lists",
        ),
        (
            {"open": {"2026-12-24": ["09:00-12:00", "10:00-11:00"]}},
            "open.2026-12-24",
            "'09:00-12:00' and '10:00-11:00' overlap",
            "Join them",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_remedy(terms: dict[str, Any], part: str, what: str, fix: str) -> None:
    """Exactly one Problem, standing at the part of the calendar that has it; and the same calendar makes no hours."""
    (problem,) = calendar_problems(written(**terms), WHERE)
    assert problem.where == Place("contract.yaml", 3, 11, f"calendar.{part}")
    assert what in problem.what
    assert fix in problem.fix
    with pytest.raises(ValueError, match="calendar"):
        hours_of(written(**terms))


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody should mend a calendar one error a run."""
    told = mistakes(timezone="Mars/Olympus", holidays="ZZ", closed=["x", "y"], week={"someday": ["09:00-10:00"]})
    assert len(told) == 5
    assert told[0].startswith("contract.yaml line 3, column 11, calendar.timezone: 'Mars/Olympus' is no time zone.")


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"holidays": "US"},
        {"holidays": "DE-BY"},
        {"holidays": "UK"},
        {"holidays": "NO"},
        {"timezone": "Asia/Kathmandu"},
        {"timezone": "UTC"},
        {"week": {"mon-thu": ["09:00-12:00", "12:00-17:00"], "fri": [], "sat,sun": ["00:00-24:00"]}},
        {"closed": ["2026-12-24"], "open": {"2026-12-26": ["10:00-12:00"]}},
    ],
)
def test_a_good_calendar_has_no_problems(terms: dict[str, Any]) -> None:
    """Intervals may touch, a weekday may be written as closed, a day may run from midnight to midnight."""
    assert mistakes(**terms) == []
    assert hours_of(written(**terms)).due(datetime(2026, 1, 9, 16, 30, tzinfo=UTC), 60) > datetime(2026, 1, 9, 16, 30, tzinfo=UTC)


def test_every_part_the_library_lists_can_be_written() -> None:
    """Some names of parts have blanks or dashes of their own; all of them have to survive the way through the contract."""
    places = [country if not part else f"{country}-{part}" for country, parts in calendars._countries().items() for part in ("", *parts)]
    assert len(places) > 800
    assert [place for place in places if mistakes(holidays=place)] == []
    odd = [place for place in places if " " in place or place.count("-") > 1]
    assert odd
    for place in odd:
        assert hours_of(written(holidays=place)).holidays(2026), place


def test_equal_calendars_share_their_hours() -> None:
    """A contract asked for its calendar ten thousand times prepares it once; another calendar is another."""
    assert hours_of(written(holidays="US")) is hours_of(written(holidays="US"))
    assert hours_of(written(holidays="US")) is not hours_of(written(holidays="DE"))


def test_holidays_are_known_for_any_year_that_is_asked_for() -> None:
    """No range of years is fixed when the calendar is read."""
    hours = hours_of(written(timezone="America/New_York", holidays="US"))
    for year in (1987, 2026, 2060, 2099):
        assert hours.holidays(year)[date(year, 7, 4)] == "Independence Day"
        assert hours.intervals_on(date(year, 12, 25)) == ()
    assert all(day.year == 2027 for day in hours.holidays(2027))
    assert hours.holidays(2027)[date(2027, 12, 31)] == "New Year's Day (observed)"


def test_an_explanation_reads_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would follow the machine's language; a stored explanation must not."""
    for name in ("LANGUAGE", "LANG", "LC_ALL"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    assert hours_of(written(holidays="DE-BY")).holidays(2071)[date(2071, 1, 6)] == "Epiphany"
