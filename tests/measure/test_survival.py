"""The Kaplan-Meier curve against tables worked out by others, and against what must hold whatever the data."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.measure.survival import curve, summary

# Weeks in remission of 21 children with leukaemia on 6-MP (Freireich et al. 1963), the worked example of every textbook on survival.
REMISSION = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
#: time: at risk, events, survival, and the log(-log) band, as published with the data set (four places).
TABLE = {
    6: (21, 3, 0.8571, 0.6197, 0.9516),
    7: (17, 1, 0.8067, 0.5631, 0.9228),
    10: (15, 1, 0.7529, 0.5032, 0.8894),
    13: (12, 1, 0.6902, 0.4316, 0.8491),
    16: (11, 1, 0.6275, 0.3675, 0.8049),
    22: (7, 1, 0.5378, 0.2678, 0.7468),
    23: (6, 1, 0.4482, 0.1881, 0.6801),
}

waits = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=60)


def frame(happened: list[int], censored: list[int] = [], group: str = "all") -> pl.DataFrame:  # noqa: B006
    rows = [(group, t, True) for t in happened] + [(group, t, False) for t in censored]
    return pl.DataFrame(rows, schema={"g": pl.String, "seconds": pl.Int64, "happened": pl.Boolean}, orient="row")


def test_the_textbook_table_comes_out_line_by_line():
    got = {row["seconds"]: row for row in curve(frame(REMISSION, CENSORED), ["g"]).iter_rows(named=True)}
    assert list(got) == list(TABLE)
    for time, (at_risk, events, survival, low, high) in TABLE.items():
        row = got[time]
        assert (row["at_risk"], row["events"]) == (at_risk, events)
        assert (row["survival"], row["low"], row["high"]) == pytest.approx((survival, low, high), abs=5e-5)


def test_the_textbook_median_is_23_weeks_from_13_to_nobody_knows():
    row = summary(frame(REMISSION, CENSORED), ["g"], [10]).row(0, named=True)
    assert (row["n"], row["happened"]) == (21, 9)
    assert (row["p50"], row["p50_low"], row["p50_high"]) == (23, 13, None)
    assert row["p90"] is None
    assert (row["share_10"], row["share_10_low"], row["share_10_high"]) == pytest.approx((0.2471, 0.1106, 0.4968), abs=5e-5)


def test_the_placebo_children_without_censoring_have_their_published_median():
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    row = summary(frame(placebo), ["g"], [8]).row(0, named=True)
    assert row["p50"] == 8
    assert row["share_8"] == pytest.approx(13 / 21)


def test_five_leads_by_hand():
    """Touched after 10 and 20; one gone at 15 untouched; two still waiting at 30. At 20 three were left: 4/5 times 2/3."""
    row = summary(frame([10, 20], [15, 30, 30]), ["g"], [5, 20, 30, 31]).row(0, named=True)
    assert row["share_5"] == 0
    assert row["share_20"] == pytest.approx(1 - 4 / 5 * 2 / 3)
    assert row["share_30"] == pytest.approx(1 - 4 / 5 * 2 / 3)
    assert row["share_31"] is None, "nobody was watched for 31 seconds"
    assert row["p50"] is None


def test_leaving_out_the_untouched_would_flatter():
    """Three touched at once, seven never: the naive median is 1 second, the honest answer is that half have not been touched."""
    assert summary(frame([1, 1, 1]), ["g"], []).row(0, named=True)["p50"] == 1
    assert summary(frame([1, 1, 1], [900] * 7), ["g"], []).row(0, named=True)["p50"] is None


def test_groups_do_not_leak_into_each_other():
    both = pl.concat([frame(REMISSION, CENSORED, "a"), frame([1, 2, 3, 4], [], "b")])
    got = {row["g"]: row for row in summary(both, ["g"], [2]).iter_rows(named=True)}
    assert (got["a"]["p50"], got["b"]["p50"]) == (23, 2)
    assert got["b"]["share_2"] == pytest.approx(0.5)


def test_a_group_in_which_nothing_happened_has_no_quantile_and_a_share_of_nothing():
    row = summary(frame([], [50, 60]), ["g"], [10, 55, 100]).row(0, named=True)
    assert (row["p50"], row["share_10"], row["share_55"], row["share_100"]) == (None, 0.0, 0.0, None)
    assert (row["risk_10"], row["risk_55"]) == (2, 1)


@settings(deadline=None)
@given(waits)
def test_the_curve_falls_and_its_band_holds_it(rows):
    got = curve(frame([t for t, e in rows if e], [t for t, e in rows if not e]), ["g"])
    survival = got["survival"].to_list()
    assert all(a > b for a, b in zip([1.0, *survival], survival, strict=False)), "each step goes down"
    assert all(s >= -1e-12 for s in survival)
    for s, low, high in got.filter(pl.col("low").is_not_null()).select("survival", "low", "high").iter_rows():
        assert 0 <= low <= s + 1e-12
        assert s <= high + 1e-12 <= 1 + 1e-9


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=50), st.integers(0, 20))
def test_without_censoring_it_is_the_plain_share(times, horizon):
    row = summary(frame(times), ["g"], [horizon]).row(0, named=True)
    assert row[f"share_{horizon}"] == pytest.approx(sum(t <= horizon for t in times) / len(times))
    ordered = sorted(times)
    assert row["p50"] == ordered[-(-len(times) // 2) - 1], "the first time by which at least half are through"


@settings(deadline=None)
@given(waits)
def test_it_is_the_product_worked_out_in_fractions(rows):
    """The definition itself, in exact arithmetic, one lead at a time."""
    left = Fraction(1)
    for time in sorted({t for t, e in rows if e}):
        at_risk, events = sum(t >= time for t, _ in rows), sum(t == time and e for t, e in rows)
        left *= 1 - Fraction(events, at_risk)
    got = curve(frame([t for t, e in rows if e], [t for t, e in rows if not e]), ["g"])["survival"]
    assert (got[-1] if len(got) else 1.0) == pytest.approx(float(left), abs=1e-12)


@settings(deadline=None)
@given(waits)
def test_a_censored_lead_is_not_counted_as_one_that_waited_for_ever(rows):
    """Had we watched them on and seen them wait beyond the horizon, the share by then could only be smaller."""
    happened, censored = [t for t, e in rows if e], [t for t, e in rows if not e]
    before = summary(frame(happened, censored), ["g"], [10]).row(0, named=True)["share_10"]
    after = summary(frame([*happened, *(max(t, 41) for t in censored)]), ["g"], [10]).row(0, named=True)["share_10"]
    assert before is None or after <= before + 1e-12
