"""The scoreboard: it says what moved, and does not say so of what may be chance."""

from __future__ import annotations

from datetime import timedelta

from handfast.measure.facts import nothing
from handfast.measure.scoreboard import scoreboard

from .trade import Ledger, day

HOUR = timedelta(hours=1)
WEEKS = 8
#: The Monday on which the ninth week begins.
NOW = day(56)


def house(minutes, keeps=lambda week, i: True, many=20):
    """Every week 20 handoffs on Monday, touched after `minutes(week)`; `keeps` says which got a meeting."""
    book = Ledger()
    for week in range(WEEKS):
        for i in range(many):
            at = day(7 * week, minutes=i)
            met = at + timedelta(days=2) if keeps(week, i) else None
            touched = at + timedelta(minutes=minutes(week) + i / 10)
            book.handoff(at, touched_at=touched, contacted_at=touched, meeting_at=met, due_in=HOUR, qualified_at=met, amount=1000.0)
    return book


def board(book, at=NOW, weeks=WEEKS + 1):
    return scoreboard(book.facts(), at, weeks)


def tile(found, name):
    return next(t for t in found["tiles"] if t["name"].startswith(name))


def test_faster_week_by_week_is_said_to_be_better():
    found = board(house(lambda week: 120 if week < 4 else 15))
    speed, kept = tile(found, "Speed"), tile(found, "SLA")
    assert (speed["value"], speed["unit"], speed["tone"], speed["delta"]) == ("16", "min", "good", "2.0 h before")
    assert (kept["value"], kept["tone"], kept["delta"]) == ("100", "good", "+100 points")
    assert found["verdict"][0] == {"text": "Speed to lead and SLA kept: better than four weeks before.", "tone": "good"}


def test_slower_is_said_too():
    assert tile(board(house(lambda week: 15 if week < 4 else 120)), "Speed")["tone"] == "bad"


def test_a_small_change_in_few_handoffs_has_not_moved():
    """11 of 20 a week before, 12 of 20 since: a difference anybody would draw an arrow for, and nobody should."""
    found = board(house(lambda week: 15, keeps=lambda week, i: i < (11 if week < 2 else 12)))
    meetings = tile(found, "Meeting")
    assert (meetings["value"], meetings["tone"], meetings["needs"]) == ("60", "", None)
    assert any(part["tone"] == "still" and "Meeting set" in part["text"] for part in found["verdict"])


def test_what_has_too_little_data_says_how_much_it_needs():
    found = board(house(lambda week: 15, many=2))
    assert tile(found, "Speed")["needs"] == "8 of 30 leads in four whole weeks"
    assert found["speed"]["needs"] == "16 of 30 leads"
    assert found["funnel"]["needs"] == "16 of 30 handoffs"
    assert found["speed"]["p50"] == [None] * 9, "two leads make no median"


def test_weeks_too_young_for_a_rate_are_gaps_not_zeros():
    found = board(house(lambda week: 15))
    assert tile(found, "Meeting")["spark"] == [1.0] * 6 + [None] * 3, "of the seventh week only the first handoff is 14 days old"
    row = found["cohorts"]["rows"][-1]
    assert (row["name"], row["count"], row["rates"]) == ("20 Jul", 20, [None, None, None])
    assert found["cohorts"]["rows"][0]["rates"] == [1.0, 1.0, 1.0]
    assert found["cohorts"]["rows"][-2]["rates"] == [1.0, None, None]


def test_the_funnel_follows_one_population_and_never_widens():
    """An opportunity without a recorded meeting has passed the meeting all the same."""
    book = Ledger()
    for i in range(30):
        book.handoff(day(50), touched_at=day(50, hours=1) if i < 20 else None, qualified_at=day(51) if i < 10 else None, amount=1.0)
    steps = board(book)["funnel"]["steps"]
    assert [s["count"] for s in steps] == [30, 20, 10, 10, 10, 0]
    assert [s["rate"] for s in steps] == [None, 20 / 30, 0.5, 1.0, 1.0, 0.0]


def test_the_week_labels_are_mondays_and_the_last_is_this_week():
    assert board(Ledger(), weeks=3)["speed"]["labels"] == ["13 Jul", "20 Jul", "27 Jul"]


def test_nothing_draws_nothing_and_says_what_is_missing():
    found = scoreboard(nothing(), NOW, 4)
    assert all(t["needs"] for t in found["tiles"])
    assert found["sla"]["needs"] == "no clock has fallen due yet"
    assert found["cohorts"]["needs"] == "0 of 30 handoffs"
    assert list(found) == ["period", "verdict", "tiles", "speed", "funnel", "cohorts", "sla", "clocks"]
