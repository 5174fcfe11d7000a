"""From a calendar as it is written in a contract to `Hours`, and what can be wrong with one.

The holidays come from the `holidays` library, in English so that an explanation reads the same on every machine, one year at a time
and only when a year is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache, partial
from importlib.util import find_spec, module_from_spec
from itertools import pairwise
from types import MappingProxyType
from typing import Final
from zoneinfo import available_timezones

import holidays

from handfast.contract.terms import Calendar, days_of
from handfast.problem import Place, Problem
from handfast.worktime import Day, Hours, Week, no_holidays

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _countries_one_by_one(package: str = "holidays.countries") -> None:
    """The library loads a country when it is asked for, but its package of countries loads all 250 with the first: most of a second in
    every process that reads a contract. The package stands here unloaded; the library's own register names the module of each country."""
    if package not in sys.modules and (spec := find_spec(package)) is not None:
        sys.modules[package] = module_from_spec(spec)


_countries_one_by_one()

# --- hours ----------------------------------------------------------------------------------------------------


def hours_of(calendar: Calendar) -> Hours:
    """The opening hours a calendar describes. Equal calendars share one `Hours`, so the preparing is done once.

    Raises:
        ValueError: the calendar has problems; `calendar_problems` says which.
    """
    return _hours(calendar.model_dump_json())


@lru_cache(maxsize=256)
def _hours(text: str) -> Hours:
    calendar = Calendar.model_validate_json(text)
    if problems := calendar_problems(calendar, Place("calendar")):
        raise ValueError("; ".join(map(str, problems)))
    return Hours(
        zone=calendar.timezone,
        week=Week.of({weekday: _day(texts) for key, texts in calendar.week.items() for weekday in days_of(key)}),
        holidays=partial(_named, calendar.holidays) if calendar.holidays else no_holidays,
        closed=frozenset(map(date.fromisoformat, calendar.closed)),
        opened={date.fromisoformat(day): _day(texts) for day, texts in calendar.open.items()},
    )


def _day(intervals: tuple[str, ...]) -> Day:
    """Minutes of the day: `09:00-12:30` is (540, 750)."""
    return tuple((_minute(start), _minute(end)) for start, end in (text.split("-") for text in intervals))


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _named(place: str, year: int) -> Mapping[date, str]:
    """The public holidays of `place` in one year, with the days on which they are observed."""
    country, _, part = place.partition("-")
    found = holidays.country_holidays(country, subdiv=part or None, years=year, expand=False, language="en_US")
    return MappingProxyType({day: name for day, name in found.items() if day.year == year})


# --- problems -------------------------------------------------------------------------------------------------


def calendar_problems(calendar: Calendar, where: Place) -> list[Problem]:
    """Everything wrong with a calendar beyond its shape; empty means `hours_of` will take it. `where` is the calendar's own place."""
    return [problem for check in _CHECKS for problem in check(calendar, where)]


def _at(where: Place, part: str) -> Place:
    return replace(where, part=f"{where.part}.{part}" if where.part else part)


def _zone_problems(calendar: Calendar, where: Place) -> Iterator[Problem]:
    name = calendar.timezone
    if name not in _zones():
        fix = _meant(
            _same_word(name) or _close(name, (zone for zone in _zones() if "/" in zone)),
            "Use an IANA name such as 'Europe/Berlin' or 'America/New_York'.",
        )
        yield Problem(_at(where, "timezone"), f"'{name}' is no time zone", fix)


def _week_problems(calendar: Calendar, where: Place) -> Iterator[Problem]:
    named: set[int] = set()
    for key, intervals in calendar.week.items():
        place = _at(where, f"week.{key}")
        try:
            days = days_of(key)
        except ValueError as error:
            yield Problem(
                place, str(error).partition("; ")[0], "Write mon, tue, wed, thu, fri, sat or sun, a range 'mon-fri' or a list 'sat,sun'."
            )
            continue
        for weekday in days:
            if weekday in named:
                yield Problem(place, f"{_WEEKDAYS[weekday]} is given twice", "Leave each weekday in one line only, with all its intervals.")
            named.add(weekday)
        yield from _day_problems(intervals, place)
    if not any(calendar.week.values()):
        fix = "Give at least one day hours, for example mon-fri: ['09:00-17:30']; without any, nothing ever falls due."
        yield Problem(_at(where, "week"), "the week has no opening hours", fix)


def _day_problems(intervals: tuple[str, ...], place: Place) -> Iterator[Problem]:
    for earlier, later in pairwise(intervals):
        (a_start, a_end), (b_start, b_end) = _day((earlier, later))
        if a_start < b_end and b_start < a_end:
            yield Problem(
                place, f"'{earlier}' and '{later}' overlap", f"Join them into one interval, or end the first at {later[:5]} or before."
            )
        elif b_start < a_end:
            yield Problem(
                place, f"'{later}' stands after '{earlier}' and comes before it", "Write the intervals of a day in the order of the day."
            )


def _date_problems(calendar: Calendar, where: Place) -> Iterator[Problem]:
    for part, texts in (("closed", calendar.closed), ("open", tuple(calendar.open))):
        for text in texts:
            if not _is_date(text):
                yield Problem(_at(where, part), f"'{text}' is no date", "Write year, month and day, as in '2026-12-24'.")
    for text, intervals in calendar.open.items():
        place = _at(where, f"open.{text}")
        if not intervals:
            yield Problem(place, f"{text} is listed as open and has no intervals", "Give it intervals, or list it under 'closed'.")
        if text in calendar.closed:
            yield Problem(place, f"{text} is listed both as open and as closed", "Leave it in one of the two lists.")
        yield from _day_problems(intervals, place)


def _holiday_problems(calendar: Calendar, where: Place) -> Iterator[Problem]:
    if calendar.holidays is None:
        return
    country, dash, part = calendar.holidays.partition("-")
    if _is_known(country, part):
        return
    known, place = _countries(), _at(where, "holidays")
    if country not in known:
        fix = _meant(_country_meant(calendar.holidays), "Use a country code such as US, or a country and its part such as DE-BY.")
        yield Problem(place, f"no holidays are known for '{calendar.holidays}'", fix)
    elif dash and part not in known[country]:
        listed = (
            f"Use one of: {', '.join(f'{country}-{name}' for name in known[country])}." if known[country] else f"Write '{country}' alone."
        )
        yield Problem(place, f"'{country}' has no part '{part}' with holidays of its own", _meant(_part_meant(country, part), listed))


def _is_known(country: str, part: str) -> bool:
    """Asked of the library for this one country: the list of all of them takes a second to load, and is only needed to help."""
    if len(country) != 2 or not country.isupper():
        return False
    try:
        known = holidays.country_holidays(country)
        return not part or part in known.subdivisions
    except NotImplementedError:
        return False


def _meant(close: str | None, otherwise: str) -> str:
    return f"Did you mean '{close}'?" if close else otherwise


def _close(word: str, known: Iterable[str]) -> str | None:
    """Nearer than elsewhere in a contract: of a thousand places some name is always a little like the word, and misleads."""
    return next(iter(get_close_matches(word, sorted(known), n=1, cutoff=0.8)), None)


def _is_date(text: str) -> bool:
    """Only the form that YAML, people and sorting agree on: `2026-W53-1` and `20261224` are ISO dates too, and not taken."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


# --- what is known --------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}  # one differs from machine to machine, the other means "not set"


def _same_word(word: str) -> str | None:
    """A zone written in other letters, or by its city alone: `berlin`, `new york`."""
    plain = word.strip().lower().replace(" ", "_")
    ends = sorted(name for name in _zones() if name.lower() == plain or name.lower().rpartition("/")[2] == plain)
    return next(iter(ends), None)


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, tuple[str, ...]]:
    """Country codes (`GB`, and `UK` as people write it) with the codes of their parts."""
    supported = holidays.list_supported_countries(include_aliases=True)
    return {code: tuple(parts) for code, parts in supported.items() if len(code) == 2}


def _country_meant(word: str) -> str | None:
    """The code for other letters (`us`, `usa`), or for the name of a country (`Germany`, `germny`)."""
    country, _, part = word.partition("-")
    if (code := country.upper()) in _countries():
        return f"{code}-{part.upper()}" if part.upper() in _countries()[code] else code
    names = {name.replace("_", " "): codes[1] for name, codes in holidays.registry.COUNTRIES.items()}
    names |= {codes[2].lower(): codes[1] for codes in holidays.registry.COUNTRIES.values()}
    close = _close(word.lower().replace("_", " "), names)
    return names[close] if close else None


def _part_meant(country: str, part: str) -> str | None:
    """The part for other letters (`de-by`), or for its name (`Bavaria`)."""
    entity = holidays.country_holidays(country)
    names = {name.lower(): code for name, code in getattr(entity, "subdivisions_aliases", {}).items()}
    names |= {name.lower(): name for name in _countries()[country]}
    close = _close(part.lower(), names)
    return f"{country}-{names[close]}" if close else None


_CHECKS: Final[tuple[Callable[[Calendar, Place], Iterator[Problem]], ...]] = (
    _zone_problems,
    _week_problems,
    _date_problems,
    _holiday_problems,
)
