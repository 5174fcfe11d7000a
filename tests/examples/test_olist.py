"""The Olist funnel, real and B2B: what the report says is what the raw files say, counted here without Handfast."""

from __future__ import annotations

import json

import polars as pl
import pytest

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def olist(example):
    return example("olist", "olist_funnel")


@pytest.fixture(scope="module")
def raw(olist):
    """Leads with their month and whether they were won, straight from the files."""
    leads = pl.read_csv(olist.raw / "olist_marketing_qualified_leads_dataset.csv")
    deals = pl.read_csv(olist.raw / "olist_closed_deals_dataset.csv").select("mql_id", "won_date")
    return leads.join(deals, on="mql_id", how="left").with_columns(
        pl.col("origin").fill_null("unknown"), month=pl.col("first_contact_date").str.slice(0, 7), won=pl.col("won_date").is_not_null()
    )


def conversion(groups, word):
    """Of the groups with leads: a month in which only deals were opened has none."""
    return {
        g["key"][word]: (g["counts"]["leads"], g["measures"]["won_ever"]["hits"], g["measures"]["won_ever"]["value"])
        for g in groups
        if g["counts"]["leads"]
    }


def expected(raw, word):
    found = raw.group_by(word).agg(pl.len(), pl.col("won").sum()).iter_rows()
    return {key: (n, won, pytest.approx(won / n, abs=1e-6)) for key, n, won in found}


def test_it_ends_well_with_nothing_but_the_report_on_standard_output(olist):
    assert olist.first.returncode == 0, olist.first.stderr
    assert olist.report["counts"]["leads"] == 8000
    assert "Living through 20" in olist.first.stderr


def test_every_lead_is_handed_over_and_every_deal_is_won(olist, raw):
    counts = olist.report["counts"]
    assert (counts["leads"], counts["handoffs"], counts["joined"], counts["unassigned"]) == (raw.height, raw.height, 0, 0)
    won = olist.report["measures"]["won_ever"]
    assert (won["hits"], won["n"], won["value"]) == (842, 8000, pytest.approx(raw["won"].sum() / raw.height, abs=1e-6))


def test_conversion_by_origin(olist, raw):
    assert conversion(olist.report["groups"], "source") == expected(raw, "origin")


def test_conversion_by_month_of_first_contact(olist, raw):
    got = {key[:7]: rest for key, rest in conversion(olist.by("month"), "month").items()}
    assert got == expected(raw, "month")
    assert {c["month"][:7]: c["won_ever"]["hits"] for c in olist.report["cohorts"]} == {k: v[1] for k, v in expected(raw, "month").items()}


def test_conversion_by_origin_and_month(olist, raw):
    got = {
        (g["key"]["source"], g["key"]["month"][:7]): (g["counts"]["leads"], g["measures"]["won_ever"]["hits"])
        for g in olist.by("source", "month")
        if g["counts"]["leads"]
    }
    want = raw.group_by("origin", "month").agg(pl.len(), pl.col("won").sum())
    assert got == {(origin, month): (n, won) for origin, month, n, won in want.iter_rows()}


def test_wins_within_ninety_days(olist):
    """By the files' own dates; the one deal before its lead counts at its first contact."""
    leads = pl.read_csv(olist.raw / "olist_marketing_qualified_leads_dataset.csv")
    deals = pl.read_csv(olist.raw / "olist_closed_deals_dataset.csv")
    both = leads.join(deals, on="mql_id").with_columns(
        pl.col("first_contact_date")
        .str.to_datetime("%Y-%m-%d")
        .dt.replace_time_zone("America/Sao_Paulo", non_existent="null")
        .alias("first"),
        pl.col("won_date").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.replace_time_zone("America/Sao_Paulo").alias("won"),
    )
    early = both.filter((pl.col("won") - pl.col("first")) <= pl.duration(days=90)).height
    assert olist.report["measures"]["won_90d"]["hits"] == early


def test_nothing_is_claimed_that_the_files_do_not_know(olist):
    """No touch, no meeting, no disposition and no breach: the data has none."""
    counts = olist.report["counts"]
    assert (counts["touched"], counts["meetings"], counts["recycled"], counts["disqualified"], counts["open"]) == (0, 0, 0, 0, 8000)
    assert olist.report["measures"]["sla_compliance"]["value"] is None
    sizes = olist.sizes()
    assert (sizes["touch"], sizes["disposition"], sizes["clock"], sizes["outbox"]) == (0, 0, 0, 0)


def test_the_deal_won_before_its_lead_is_counted_and_said(olist):
    said = [line for line in olist.first.stderr.splitlines() if "before the first signal of its person" in line]
    assert len(said) == 1
    assert said[0].startswith("olist_closed_deals_dataset.csv line 669: it happened 1 day, 4:21:05 before")
    assert olist.rows("SELECT count(*) FROM opportunity WHERE handoff_id IS NULL") == [(0,)]


def test_reps_are_those_of_the_file(olist):
    deals = pl.read_csv(olist.raw / "olist_closed_deals_dataset.csv")
    got = dict(olist.rows("SELECT team, count(*) FROM rep GROUP BY team"))
    assert got == {"SDR": deals["sdr_id"].n_unique() + 1, "SR": deals["sr_id"].n_unique()}
    per_closer = dict(olist.rows("SELECT owner_id, count(*) FROM opportunity GROUP BY owner_id"))
    assert per_closer == {f"sr-{row[0]}": row[1] for row in deals["sr_id"].value_counts().iter_rows()}


def test_replaying_the_contract_under_which_it_was_lived_opens_the_handoffs_that_were_opened(olist):
    found = olist.handfast("replay", "--contract", "1", "--since", "2017-01-01", "--until", "2019-06-01", "--json")
    assert found["handoffs"]["draft"]["opened"] == found["handoffs"]["in_force"]["opened"]
    assert found["handoffs"]["in_force"]["opened"] == found["handoffs"]["recorded"] > 5000


def test_a_second_run_changes_nothing(olist):
    before = olist.sizes()
    again = olist.run()
    assert again.returncode == 0, again.stderr
    assert "nothing was changed" in again.stderr
    assert olist.sizes() == before
    assert json.loads(again.stdout) | {"as_of": None} == olist.report | {"as_of": None}
