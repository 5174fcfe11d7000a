"""Working time of many rows at once is the working time of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.measure.facts import TIME
from handfast.measure.working import working_seconds
from handfast.worktime import Hours, Week

OFFICE = Hours("America/New_York", Week.of(dict.fromkeys(range(5), ((540, 750), (795, 1050)))))
NIGHT = Hours("Europe/Berlin", Week.of(dict.fromkeys(range(7), ((0, 360), (1320, 1440)))))
CALENDARS = {("c1", "office"): OFFICE, ("c1", "night"): NIGHT}
#: Around the nights in which the clocks are moved.
moments = st.integers(0, 60 * 86400).map(lambda s: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=s)) | st.integers(
    0, 20 * 86400
).map(lambda s: datetime(2026, 10, 20, tzinfo=UTC) + timedelta(seconds=s))
rows = st.lists(st.tuples(st.sampled_from(["office", "night"]), moments, moments), min_size=1, max_size=25)


def frame(given):
    return pl.DataFrame(
        [{"terms": "c1", "calendar": c, "a": a, "b": b} for c, a, b in given],
        schema={"terms": pl.String, "calendar": pl.String, "a": TIME, "b": TIME},
    )


@settings(max_examples=60, deadline=None)
@given(rows)
def test_a_million_rows_are_counted_as_one_is(given_rows):
    got = working_seconds(frame(given_rows), "a", "b", CALENDARS).to_list()
    assert got == [max(0, ceil(CALENDARS["c1", c].elapsed(a, b))) for c, a, b in given_rows]


def test_friday_half_past_four_to_monday_half_past_nine_is_an_hour():
    nine_to_five = {("c1", "office"): Hours("America/New_York", Week.of(dict.fromkeys(range(5), ((540, 1020),))))}
    friday, monday = datetime(2026, 6, 5, 20, 30, tzinfo=UTC), datetime(2026, 6, 8, 13, 30, tzinfo=UTC)
    assert working_seconds(frame([("office", friday, monday)]), "a", "b", nine_to_five).to_list() == [3600]


def test_a_calendar_nobody_gave_gives_no_time():
    friday = datetime(2026, 6, 5, tzinfo=UTC)
    assert working_seconds(frame([("unheard", friday, friday)]), "a", "b", CALENDARS).to_list() == [None]


def test_hours_that_are_not_open_all_the_while_count_nothing():
    mondays = {("c1", "mondays"): Hours("Europe/Berlin", Week.of({0: ((540, 1020),)})), **CALENDARS}
    friday, sunday = datetime(2026, 6, 5, tzinfo=UTC), datetime(2026, 6, 7, tzinfo=UTC)
    asked = frame([("mondays", friday, sunday), ("night", friday, sunday), ("unheard", friday, sunday)])
    assert working_seconds(asked, "a", "b", mondays).to_list() == [0, 2 * 8 * 3600, None]


def test_nobody_asks():
    assert working_seconds(frame([]), "a", "b", CALENDARS).to_list() == []
