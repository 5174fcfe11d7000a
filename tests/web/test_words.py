"""How things are said, and small charts: pure functions, tried on made-up values."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from handfast.readiness.words import points_of
from handfast.web import charts, words

NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.9, "0:59"),
        (356, "5:56"),
        (3600, "1h 00m"),
        (7260, "2h 01m"),
        (86_400, "1d 0h"),
        (180_000, "2d 2h"),
        (-789, "13:09"),
    ],
)
def test_countdowns_are_short_at_every_length(seconds: float, text: str) -> None:
    assert words.human(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 sec"), (40, "40 sec"), (600, "10 min"), (7500, "2 h 5 min"), (7200, "2 h"), (90_000, "1 day"), (180_000, "2 days")],
)
def test_spans_in_sentences(seconds: float, text: str) -> None:
    assert words.took(seconds) == text


@pytest.mark.parametrize(
    ("due", "text", "state"),
    [
        (timedelta(minutes=15), "15:00", "ok"),
        (timedelta(minutes=14, seconds=59), "14:59", "soon"),
        (timedelta(minutes=7), "7:00", "soon"),
        (timedelta(seconds=-61), "1:01 late", "late"),
        (timedelta(0), "0:00", "soon"),
    ],
)
def test_a_countdown_turns_amber_when_the_board_counts_it_as_soon_and_red_when_due(due: timedelta, text: str, state: str) -> None:
    shown = words.countdown(NOW + due - timedelta(minutes=15), NOW + due, NOW)
    assert (shown.text, shown.state, shown.span) == (text, state, 900)
    assert 0 <= shown.frac <= 1


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 23, 12, 51, tzinfo=UTC), "13:51"),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "00:30"),  # still today in Berlin
        (datetime(2026, 11, 22, 22, 30, tzinfo=UTC), "yesterday, 23:30"),
        (datetime(2026, 11, 24, 8, 0, tzinfo=UTC), "tomorrow, 09:00"),
        (datetime(2026, 11, 13, 10, 0, tzinfo=UTC), "Fri 13 Nov, 11:00"),
        (datetime(2025, 3, 3, 8, 0, tzinfo=UTC), "Mon 3 Mar 2025, 09:00"),
    ],
)
def test_moments_are_said_in_the_readers_zone(moment: datetime, text: str) -> None:
    assert words.when(moment, NOW, BERLIN) == text


def test_names_and_identifiers() -> None:
    assert words.title("pricing_call") == "Pricing call"
    assert words.title("named_account") == "Named account"
    assert words.title(None) == ""
    assert words.initials("Maya Lindqvist") == "ML"
    assert words.initials("maya@halden.example") == "MH"
    assert words.initials("") == "?"
    assert words.hue("Ana Flores") == words.hue("Ana Flores")
    assert 0 <= words.hue("Ben Carter") < 360


def test_points_never_look_past_a_bar_they_did_not_reach() -> None:
    assert words.points(39_999_999) == "39"
    assert words.shown(39.999) == "39.99"
    assert words.shown(-1_732_100 / 1e6) == points_of(-1_732_100) == "−1.74", "a rule's sentence and what stands beside it"
    assert words.amount(12_500) == "12,500"
    assert words.shown(None) == "–"


def test_what_a_criterion_looked_at() -> None:
    assert words.seen({"signals": 1, "capped": 0, "unknown": 0}) == "1 signal"
    assert words.seen({"signals": 5, "capped": 2, "unknown": 1}) == "5 signals, 2 above the cap, 1 unclear"
    assert words.seen({"employees": 640}) == "Employees 640"


def test_a_signal_is_summed_up_by_its_own_words_first() -> None:
    assert words.gist({"form": "quote", "message": "120 seats", "x": 1}) == "120 seats, quote"
    assert words.gist({"nothing": {"deep": 1}}) == ""


@pytest.mark.parametrize(("high", "expected"), [(1, 1.0), (9, 10.0), (61, 80.0), (190, 200.0), (0.4, 0.4)])
def test_axes_end_on_round_numbers_at_or_above_the_highest(high: float, expected: float) -> None:
    marks = charts.ticks(0, high)
    assert marks[0] == 0
    assert marks[-1] == pytest.approx(expected)
    assert marks[-1] >= high


def test_a_line_chart_says_in_words_what_it_shows_and_leaves_gaps_open() -> None:
    svg = charts.line(
        "First touch", ["a", "b", "c", "d"], [charts.Series("median", "a", [61, None, 20, 14])], unit=" min", target=15, target_label="SLA"
    )
    assert "<title" in svg
    assert "median went from 61 min to 14 min" in svg
    assert svg.count('<path class="s a"') == 2, "a missing value is a gap, not a line to zero"
    assert "15 min SLA" in svg


def test_charts_escape_names_and_draw_nothing_without_values() -> None:
    svg = charts.line("<b>", ["a", "b"], [charts.Series("<i>", "", [1, 2])])
    assert "<b>" not in svg
    assert "&lt;i&gt;" in svg
    assert charts.line("x", ["a", "b"], [charts.Series("n", "", [None, None])]) == ""
    assert charts.spark([1], "one") == ""
    assert 'aria-label="&lt;x&gt;"' in charts.spark([1, 2, 2], "<x>")


def test_a_stored_sentence_is_read_on_the_readers_clock_and_without_underscores() -> None:
    told = "demo: asked 2026-11-23 09:03 UTC, open until 2026-11-30 09:03 UTC; no such form_submitted within 90 days"
    shown = words.readable(told, NOW, ZoneInfo("America/New_York"))
    assert shown == "demo: asked 04:03, open until Mon 30 Nov, 04:03; no such form submitted within 90 days"
    assert words.readable("", NOW, ZoneInfo("UTC")) == ""


def test_names_of_the_calendar_are_words() -> None:
    assert words.zone("America/New_York") == "New York"
    assert words.days("mon-fri") == "Mon to Fri"
    assert words.short_day("2026-08-24") == "24 Aug"
    assert words.month("2026-08") == "Aug 2026"


def test_many_minutes_are_told_in_hours_and_a_phone_gets_a_chart_of_its_own() -> None:
    series = [charts.Series("median", "a", [61, 300, None, 120])]
    both = charts.fitted("First touch", ["a", "b", "c", "d"], series, unit=" min", target=30, target_label="SLA", cid="speed")
    assert both.count("<svg") == 2
    assert 'viewBox="0 0 370' in both
    assert "median 2 h" in both
    assert "0.5 h SLA" in both
    assert "1 h to 2 h" in both, "the description too"
    assert re.findall(r' id="([a-z-]+)"', both) == ["speed-t", "speed-d", "speed-n-t", "speed-n-d"]


@pytest.mark.parametrize(
    ("starts", "ends", "said", "until"),
    [
        ((2026, 11, 29, 23), (2026, 12, 6, 23), "Mon 30 Nov to Sun 6 Dec", "through Sun 6 Dec"),
        ((2026, 11, 29, 23), (2026, 11, 30, 23), "Mon 30 Nov", "through Mon 30 Nov"),
        ((2026, 11, 24, 9), (2026, 11, 24, 12), "tomorrow, 04:00 to tomorrow, 07:00", "until tomorrow, 07:00"),
    ],
)
def test_an_absence_is_told_in_the_days_of_whoever_is_away(starts: tuple[int, ...], ends: tuple[int, ...], said: str, until: str) -> None:
    """A week of somebody in Berlin, read in New York, begins on their Monday and not on a Sunday at six."""
    begins, over = datetime(*starts, tzinfo=UTC), datetime(*ends, tzinfo=UTC)  # type: ignore[misc]  # year, month, day, hour
    new_york = ZoneInfo("America/New_York")
    assert words.away(begins, over, "Europe/Berlin", NOW, new_york) == said
    assert words.away_until(over, "Europe/Berlin", NOW, new_york) == until


def test_a_stored_sentence_is_read_with_minus_signs_and_keeps_its_hyphens() -> None:
    sentence = "Careers: -15, since 2026-11-20 08:30 UTC; postal_code 94-120, mon-fri."
    assert (
        words.readable("Emily has it since 2026-11-07, from 2025-03-03.", NOW, BERLIN)
        == "Emily has it since Sat 7 Nov, from Mon 3 Mar 2025."
    )
    assert words.readable("Order 2026-99-12, at 2026-13-01 25:00 UTC.", NOW, BERLIN) == "Order 2026-99-12, at 2026-13-01 25:00 UTC."
    assert words.readable(sentence, NOW, BERLIN) == "Careers: −15, since Fri 20 Nov, 09:30; postal code 94-120, mon-fri."
