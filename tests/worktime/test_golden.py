"""The published table of due times (docs/reference/clocks.md), run word for word."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from handfast.contract import own_hours
from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar, Duration, Span
from handfast.worktime import ALWAYS, Hours

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "clocks.md").read_text(encoding="utf-8")
WRITTEN = re.compile(r"^(\w{3}) (\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)([+-]\d\d:\d\d)?$")


class Case(NamedTuple):
    name: str
    calendar: str
    start: str
    wait: str
    due: str


def published_calendars() -> dict[str, Hours]:
    """The calendars of the page, as a contract would read them."""
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    terms = YAML(typ="safe").load(block[1])
    found = {"always": ALWAYS} | {name: hours_of(Calendar.model_validate(term)) for name, term in terms.items()}
    return found | published_reps(Calendar.model_validate(terms["lunch"]))


def published_reps(team: Calendar) -> dict[str, Hours]:
    """The reps of the page, each by the text that is stored with a clock."""
    block = re.search(r"```text\n(bo:.*?)```", PAGE, re.DOTALL)
    assert block is not None
    found = {}
    for line in block[1].splitlines():
        name, text = (part.strip() for part in line.split(":", 1))
        own = own_hours.read(text)
        assert own is not None
        assert own_hours.stored(own) == text, "what is stored is read as it was written"
        found[name] = own_hours.hours_of_rep(team, own)
    return found


def published_cases() -> list[Case]:
    """The rows of every table that begins with `case`; the page has other tables too."""
    found: list[Case] = []
    of_cases = False
    for line in PAGE.splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not row or row[0] == "case":
            of_cases = bool(row)
        elif of_cases and not row[0].startswith("--"):
            found.append(Case(*row))
    return found


def duration(wait: str) -> Duration:
    return TypeAdapter[Duration](Span).validate_python(wait)


def moment(written: str, hours: Hours) -> datetime:
    """The UTC moment of a local time in the table. It must exist, be the weekday it says, and be one moment only."""
    match = WRITTEN.match(written)
    assert match is not None, f"'{written}' is not written as in 'Fri 2026-01-09 16:30'"
    wall = datetime.fromisoformat(match[2] + (match[3] or ""))
    assert f"{wall:%a}" == match[1], f"{wall.date()} is a {wall:%A}"
    if match[3]:
        return wall.astimezone(UTC)
    early, late = (wall.replace(tzinfo=ZoneInfo(hours.zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    assert early == late, f"{written} comes twice or never in {hours.zone}: give the offset"
    return early


HOURS = published_calendars()
CASES = published_cases()


def test_the_page_publishes_enough_cases_and_names_each_once() -> None:
    """The promise is a table of at least sixty; a page that lost its tables must not pass in silence."""
    assert len(CASES) >= 60
    assert {case.calendar for case in CASES} == set(HOURS)
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_due_as_published(case: Case) -> None:
    """The due time is the one a reader of the page was promised."""
    hours, wait = HOURS[case.calendar], duration(case.wait)
    start, due = moment(case.start, hours), moment(case.due, hours)
    found = hours.due(start, wait.minutes) if wait.is_working_time else hours.due_after_days(start, wait.minutes // 1440)
    assert found == due, f"due {found.astimezone(ZoneInfo(hours.zone)):%a %Y-%m-%d %H:%M%z}"
    assert found.tzinfo is UTC


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_working_time_from_start_to_due_is_the_wait(case: Case) -> None:
    """The way back: measuring a met deadline gives the time that was granted, and its explanation adds up to the same."""
    hours, wait = HOURS[case.calendar], duration(case.wait)
    start, due = moment(case.start, hours), moment(case.due, hours)
    worked = hours.elapsed(start, due)
    assert hours.elapsed(due, start) == -worked
    assert hours.counted(start, due).seconds == worked
    if wait.is_working_time:
        assert worked == wait.minutes * 60
