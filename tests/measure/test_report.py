"""The report on hand-made histories, each small enough to count on one's fingers."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from handfast.measure.definitions import COUNTS, MEASURES
from handfast.measure.facts import nothing
from handfast.measure.interval import wilson
from handfast.measure.report import report

from .trade import Ledger, day

HOUR = timedelta(hours=1)


def figures(ledger, at, **more):
    return report(ledger.facts(), at, **{"minimum": 1, **more})


def test_the_untouched_lead_is_waiting_not_forgotten():
    """Touched after 10 and 30 minutes, two not at all: a mean of the touched would say 20 minutes; half have waited an hour and more."""
    book = Ledger()
    book.handoff(day(0), touched_at=day(0, minutes=10))
    book.handoff(day(0), touched_at=day(0, minutes=30))
    book.handoff(day(0))
    book.handoff(day(0))
    book.handoff(day(0))
    speed = figures(book, day(0, hours=1))["measures"]["speed_to_lead"]
    assert (speed["n"], speed["happened"], speed["waiting"]) == (5, 2, 3)
    assert speed["p50"]["value"] is None
    assert speed["p50"]["why"] == "not reached: 2 of 5 touched, the rest not watched long enough or never"
    assert [speed["within"][w]["value"] for w in ("5 min", "15 min", "1 hour", "1 day")] == [0.0, 0.2, 0.4, None]
    assert speed["within"]["1 day"]["why"] == "nobody was watched that long"


def test_a_lead_whose_handoff_ended_untouched_was_watched_until_then():
    """One ended after 20 minutes untouched; of the two still watched at 30 minutes one was touched: 1 - 1/2, not 1/3."""
    book = Ledger()
    book.handoff(day(0), closed_at=day(0, minutes=20), outcome="disqualify")
    book.handoff(day(0), touched_at=day(0, minutes=30))
    book.handoff(day(0))
    speed = figures(book, day(0, hours=1))["measures"]["speed_to_lead"]
    assert speed["p50"]["value"] == 1800
    assert speed["within"]["1 hour"]["value"] == 0.5


def test_each_person_of_an_account_is_a_lead_of_their_own():
    """The opener is called after 5 minutes, the colleague who joined never: one handoff in time, two leads, one waiting."""
    book = Ledger()
    handoff = book.handoff(day(0), touched_at=day(0, minutes=5), due_in=HOUR)
    book.joins(handoff, day(0, minutes=2))
    found = figures(book, day(1))
    assert (found["counts"]["leads"], found["counts"]["handoffs"], found["counts"]["joined"], found["counts"]["touched"]) == (2, 1, 1, 1)
    assert found["measures"]["speed_to_lead"]["waiting"] == 1
    assert found["measures"]["time_to_first_touch"]["waiting"] == 0
    assert found["measures"]["sla_compliance"]["value"] == 1.0


def test_the_time_to_first_touch_starts_with_the_first_owner_and_leaves_out_what_nobody_owned():
    book = Ledger()
    book.handoff(day(0), assigned_at=day(0, minutes=50), touched_at=day(0, minutes=60))
    book.handoff(day(0), assigned_at=None, owned=False)
    found = figures(book, day(0, hours=5))
    assert found["measures"]["time_to_first_touch"]["n"] == 1
    assert found["measures"]["time_to_first_touch"]["p50"]["value"] == 600
    assert found["measures"]["speed_to_lead"]["within"]["1 hour"]["value"] == 0.5, "the prospect's wait counts the queue"
    assert found["counts"]["unassigned"] == 1


def test_a_touch_dated_before_the_signal_counts_as_at_once():
    book = Ledger()
    book.handoff(day(0), touched_at=day(0, hours=-9))
    assert figures(book, day(1))["measures"]["speed_to_lead"]["p50"]["value"] == 0


# --- promises -------------------------------------------------------------------------------------------------


def test_only_clocks_that_fell_due_are_counted():
    """Met, met at the very second, breached, touched late, ended before, not due yet untouched, met but not due yet."""
    book = Ledger()
    book.handoff(day(0), due_in=HOUR, touched_at=day(0, minutes=10))
    book.handoff(day(0), due_in=HOUR, touched_at=day(0, minutes=60))
    book.handoff(day(0), due_in=HOUR)
    book.handoff(day(0), due_in=HOUR, touched_at=day(0, minutes=61), breached_at=day(0, minutes=60, seconds=3))
    book.handoff(day(0), due_in=HOUR, closed_at=day(0, minutes=30), outcome="disqualify")
    book.handoff(day(0, hours=3), due_in=HOUR)
    book.handoff(day(0, hours=3), due_in=HOUR, touched_at=day(0, hours=3, minutes=1))
    found = figures(book, day(0, hours=3, minutes=30))
    kept = found["measures"]["sla_compliance"]
    assert (kept["hits"], kept["n"], kept["value"]) == (2, 4, 0.5)
    assert (kept["low"], kept["high"]) == pytest.approx(wilson(2, 4), abs=1e-6)
    assert found["measures"]["breach_notice"] == {
        "kind": "lateness",
        "unit": "seconds",
        "n": 1,
        "p50": 3.0,
        "p95": 3.0,
        "max": 3.0,
        "why": None,
    }
    assert found["counts"]["clocks_open"] == 2


def test_evidence_that_came_late_of_a_touch_in_time_keeps_the_promise():
    """The telephone system reports at 11:00 a call of 09:20; the breach was noticed at 10:00, and is none."""
    book = Ledger()
    book.handoff(day(0), due_in=HOUR, touched_at=day(0, minutes=20), breached_at=day(0, minutes=60))
    found = figures(book, day(0, hours=2))["measures"]
    assert found["sla_compliance"]["value"] == 1.0
    assert found["breach_notice"]["n"] == 0


def test_promises_are_counted_by_the_time_they_fell_due_not_by_when_they_were_made():
    book = Ledger()
    book.handoff(day(0), due_in=timedelta(days=2), touched_at=day(1))
    within = figures(book, day(9), start=day(1), end=day(3))["measures"]
    assert within["sla_compliance"]["n"] == 1
    assert within["contact_rate"]["n"] == 0, "opened before the period"
    assert figures(book, day(9), start=day(0), end=day(2))["measures"]["sla_compliance"]["n"] == 0, "the end is not included"


def test_each_clause_has_its_own_line():
    book = Ledger()
    book.handoff(day(0), due_in=HOUR, touched_at=day(0, minutes=1), sla="fast")
    book.handoff(day(0), due_in=HOUR, sla="slow")
    assert [(c["sla"], c["hits"], c["n"]) for c in figures(book, day(1))["sla"]] == [("fast", 1, 1), ("slow", 0, 1)]


# --- cohorts --------------------------------------------------------------------------------------------------


def test_a_cohort_too_young_is_not_counted_and_says_when_it_can_be():
    """Two handoffs of 40 and 31 days, one of them qualified in time; a third of 10 days, qualified already, waits for its turn."""
    book = Ledger()
    book.handoff(day(0), qualified_at=day(12))
    book.handoff(day(9))
    book.handoff(day(30), qualified_at=day(31))
    sql = figures(book, day(40))["measures"]["mql_to_sql"]
    assert (sql["hits"], sql["n"], sql["not_mature"], sql["value"]) == (1, 2, 1, 0.5)
    only = figures(book, day(40), start=day(20))["measures"]["mql_to_sql"]
    assert (only["value"], only["n"], only["not_mature"]) == (None, 0, 1)
    assert only["why"] == "not mature: the first of 1 can be judged on 2026-07-31"


def test_the_thirtieth_day_still_counts_and_the_second_after_does_not():
    book = Ledger()
    book.handoff(day(0), qualified_at=day(30))
    book.handoff(day(0), qualified_at=day(30, seconds=1))
    assert figures(book, day(30))["measures"]["mql_to_sql"]["hits"] == 1
    assert figures(book, day(29.9))["measures"]["mql_to_sql"]["n"] == 0


def test_a_cohort_keeps_its_own_conversions_whatever_month_they_fall_in():
    """Three handed over in June, qualified in July: June's rate is 2 of 3, and July, with no handoffs, has none."""
    book = Ledger()
    for days in (20, 25, 28):
        book.handoff(day(days), qualified_at=day(days + 8) if days != 25 else None)
    found = figures(book, day(90))
    assert [(c["month"], c["handoffs"], c["mql_to_sql"]["hits"], c["mql_to_sql"]["n"]) for c in found["cohorts"]] == [("2026-06", 3, 2, 3)]


def test_won_so_far_counts_everyone_and_won_in_90_days_only_who_had_them():
    book = Ledger()
    book.handoff(day(0), qualified_at=day(5), won_at=day(80), source="ads")
    book.handoff(day(0), qualified_at=day(5), won_at=day(95), source="ads")
    book.handoff(day(60), source="web")
    found = figures(book, day(100), by=("source",))
    assert (found["measures"]["won_ever"]["hits"], found["measures"]["won_ever"]["n"]) == (2, 3)
    assert (found["measures"]["won_90d"]["hits"], found["measures"]["won_90d"]["n"], found["measures"]["won_90d"]["not_mature"]) == (
        1,
        2,
        1,
    )
    assert [(g["key"]["source"], g["measures"]["won_ever"]["hits"]) for g in found["groups"]] == [("ads", 2), ("web", 0)]


def test_recycled_leads_are_followed_to_their_next_opportunity():
    """Of one party recycled twice, the second time led to a deal: each time is asked for itself. What came before the recycling is not its fruit."""
    book = Ledger()
    book.handoff(day(0), party="acc", closed_at=day(5), outcome="recycle", reason="not_now")
    book.handoff(day(60), party="acc", closed_at=day(120), outcome="recycle", qualified_at=day(61))
    book.handoff(day(150), party="acc", qualified_at=day(160))
    book.handoff(day(0), party="other", closed_at=day(5), outcome="recycle")
    book.handoff(day(200), party="late", closed_at=day(201), outcome="recycle")
    found = figures(book, day(215))
    got = found["measures"]["recycled_to_sql"]
    assert (got["hits"], got["n"], got["not_mature"]) == (2, 3, 1)
    assert found["counts"]["recycled"] == 4


def test_contact_is_not_an_attempt():
    book = Ledger()
    book.handoff(day(0), touched_at=day(0, minutes=1), due_in=HOUR)
    book.handoff(day(0), touched_at=day(0, minutes=1), due_in=HOUR, contacted_at=day(15))
    book.handoff(day(0), touched_at=day(0, minutes=1), due_in=HOUR, contacted_at=day(2), meeting_at=day(3))
    found = figures(book, day(20))
    assert found["measures"]["sla_compliance"]["value"] == 1.0
    assert found["measures"]["contact_rate"]["hits"] == 1
    assert found["measures"]["meeting_rate"]["hits"] == 1
    guard = next(g for g in found["guards"] if g["pair"] == ["sla_compliance", "contact_rate"])
    assert guard["values"] == [1.0, pytest.approx(1 / 3, abs=1e-6)]


def test_pipeline_is_the_sum_of_what_was_opened_in_the_period():
    book = Ledger()
    book.handoff(day(0), qualified_at=day(10), amount=1000.0)
    book.handoff(day(0), qualified_at=day(11), amount=250.5)
    book.handoff(day(0), qualified_at=day(11))
    book.handoff(day(0), qualified_at=day(40), amount=9000.0)
    got = figures(book, day(50), start=day(5), end=day(30))["measures"]["pipeline_created"]
    assert got == {"kind": "sum", "value": 1250.5, "n": 3, "without_amount": 1}


# --- breaking down --------------------------------------------------------------------------------------------


def test_groups_add_up_to_the_whole_and_each_unit_has_its_own_month():
    book = Ledger()
    book.handoff(day(0), source="ads", touched_at=day(0, hours=1))
    book.handoff(day(29.9), source="ads", due_in=HOUR, touched_at=day(29.9, minutes=1))
    book.handoff(day(31), source="web")
    found = figures(book, day(33), by=("source", "month"))
    assert [tuple(g["key"].values()) for g in found["groups"]] == [("ads", "2026-06"), ("ads", "2026-07"), ("web", "2026-07")]
    assert sum(g["counts"]["leads"] for g in found["groups"]) == found["counts"]["leads"] == 3
    assert [g["counts"]["leads"] for g in found["groups"]] == [1, 1, 1]


def test_what_is_not_known_has_a_word_of_its_own():
    book = Ledger()
    book.handoff(day(0), source="", team=None, rep=None)
    assert figures(book, day(1), by=("source", "team", "rep"))["groups"][0]["key"] == {
        "source": "no source",
        "team": "no team",
        "rep": "nobody",
    }


def test_too_few_rows_give_no_figure_but_say_how_many():
    book = Ledger()
    for _ in range(12):
        book.handoff(day(0), touched_at=day(0, hours=1), contacted_at=day(1), due_in=HOUR)
    found = report(book.facts(), day(20))
    for name in ("speed_to_lead", "sla_compliance", "contact_rate", "mql_to_sql"):
        figure = found["measures"][name]
        assert figure.get("value") is None
        assert figure["why"].startswith("not enough data: 12 of 30") or name == "mql_to_sql"
    assert found["measures"]["contact_rate"]["hits"] == 12
    assert found["takeaway"] == "12 leads in 12 handoffs; too few for figures yet."


def test_nothing_at_all_is_a_report_too_and_looks_like_any_other():
    empty, full = report(nothing(), day(0), by=("source",)), Ledger()
    full.handoff(day(0))
    other = figures(full, day(1))
    assert empty["takeaway"] == "No handoffs in this period."
    assert list(empty) == list(other)
    assert list(empty["measures"]) == list(other["measures"]) == [m.name for m in MEASURES]
    assert list(empty["counts"]) == list(other["counts"]) == list(COUNTS)
    assert set(empty["counts"].values()) == {0}
    assert empty["groups"] == []


def test_the_report_is_plain_json_and_the_same_facts_give_the_same_text():
    book = Ledger()
    for i in range(40):
        book.handoff(
            day(i),
            source=f"s{i % 3}",
            touched_at=day(i, minutes=7 * i) if i % 4 else None,
            due_in=HOUR,
            qualified_at=day(i + 9) if i % 5 else None,
            amount=100.0,
        )
    one, two = (figures(book, day(60), by=("source", "week")) for _ in range(2))
    assert json.dumps(one) == json.dumps(two)


@pytest.mark.parametrize("by", [("colour",), ("source", "source")])
def test_a_word_nobody_knows_is_an_error_of_the_caller(by):
    with pytest.raises(ValueError, match="cannot break down by"):
        report(nothing(), day(0), by=by)
