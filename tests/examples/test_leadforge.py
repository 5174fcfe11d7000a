"""The leadforge world, with touches: what the report says is what the tables say, counted here without Handfast."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from handfast.desk import figures
from handfast.store.base import Store
from tests.replay.test_online_offline import assert_same, stored

pytestmark = [pytest.mark.data, pytest.mark.slow]
DAY = 86_400


@pytest.fixture(scope="module")
def world(example):
    return example("leadforge", "leadforge_b2b")


def table(world, name):
    return pl.read_parquet(world.raw / "tables" / f"{name}.parquet")


@pytest.fixture(scope="module")
def raw(world):
    """Each lead with the days to its first sales activity, to its first meeting set, and whether it was won."""
    day = pl.col("activity_timestamp").str.to_date()
    activities = table(world, "sales_activities").group_by("lead_id").agg(
        first=day.min(), answered=day.filter(pl.col("activity_outcome").is_in(["connected", "meeting_set", "demo_completed"])).min(),
        meeting=day.filter(pl.col("activity_outcome") == "meeting_set").min(),
    )  # fmt: skip
    deals = table(world, "opportunities").select("lead_id", "created_at", "close_outcome", "closed_at", "estimated_acv")
    created = pl.col("lead_created_at").str.to_date()
    return table(world, "leads").join(activities, on="lead_id", how="left").join(deals, on="lead_id", how="left").with_columns(
        created=created, days=(pl.col("first") - created).dt.total_days()
    )  # fmt: skip


def test_it_ends_well_with_nothing_but_the_report_on_standard_output(world):
    assert world.first.returncode == 0, world.first.stderr
    assert world.report["counts"]["leads"] == 6000
    assert "0 rows refused" in world.first.stderr


def test_every_lead_is_handed_over_and_those_of_an_account_in_work_join(world, raw):
    counts = world.report["counts"]
    accounts = raw["account_id"].n_unique()
    assert (counts["leads"], counts["handoffs"], counts["joined"]) == (6000, accounts, 6000 - accounts)


def test_time_to_first_sales_activity(world, raw):
    """Per lead, in whole days as the data has them: the median of all leads, the untouched counted as not yet."""
    speed = world.report["measures"]["speed_to_lead"]
    assert (speed["n"], speed["happened"]) == (6000, raw["days"].count())
    waits = raw["days"].fill_null(10_000).sort()
    assert speed["p50"]["value"] == waits[2999] * DAY
    assert world.report["counts"]["touched"] == raw["days"].count()


def test_the_whole_distribution_of_days_to_first_activity(world, raw):
    got = world.rows(
        """SELECT extract(epoch FROM touched_at - raised_at)::bigint, count(*) FROM handoff_person WHERE touched_at IS NOT NULL GROUP BY 1"""
    )
    assert {seconds / DAY: n for seconds, n in got} == dict(raw["days"].drop_nulls().value_counts().iter_rows())


def test_speed_by_source_and_month(world, raw):
    got = {
        g["key"]["source"]: (g["counts"]["leads"], g["counts"]["touched"], g["measures"]["speed_to_lead"]["p50"]["value"])
        for g in world.by("source")
    }
    want = {}
    for source in raw["lead_source"].unique():
        waits = raw.filter(pl.col("lead_source") == source)["days"].fill_null(10_000).sort()
        want[source] = (waits.len(), int((waits < 10_000).sum()), waits[(waits.len() + 1) // 2 - 1] * DAY)
    assert got == want


def test_meetings(world, raw):
    met = raw.filter(pl.col("meeting").is_not_null())
    assert world.rows("SELECT count(*) FROM handoff_person WHERE meeting_at IS NOT NULL") == [(met.height,)]
    assert world.report["counts"]["meetings"] == met["account_id"].n_unique()
    # Of an account: from its first lead to the first meeting with any of its leads.
    accounts = raw.group_by("account_id").agg((pl.col("meeting").min() - pl.col("created").min()).dt.total_days().alias("days"))
    assert world.report["measures"]["meeting_rate"]["hits"] == accounts.filter(pl.col("days") <= 14).height
    assert world.report["measures"]["meeting_rate"]["n"] == accounts.height


def test_contacts(world, raw):
    assert world.rows("SELECT count(*) FROM handoff_person WHERE contacted_at IS NOT NULL") == [(raw["answered"].count(),)]


def test_the_promise_of_a_first_touch_within_a_week(world, raw):
    """The clock is the handoff's: from the account's first lead to the first activity with any of its leads."""
    accounts = raw.group_by("account_id").agg((pl.col("first").min() - pl.col("created").min()).dt.total_days().alias("days"))
    kept = world.report["measures"]["sla_compliance"]
    assert (kept["hits"], kept["n"]) == (accounts.filter(pl.col("days") <= 7).height, accounts.height)


def test_opportunities_and_what_was_won(world, raw):
    assert world.rows(
        "SELECT count(*), count(*) FILTER (WHERE won), count(*) FILTER (WHERE NOT won), count(handoff_id) FROM opportunity"
    ) == [
        (
            5417,
            raw.filter(pl.col("close_outcome") == "closed_won").height,
            raw.filter(pl.col("close_outcome") == "closed_lost").height,
            5417,
        )
    ]
    pipeline = world.report["measures"]["pipeline_created"]
    assert (pipeline["n"], pipeline["value"]) == (5417, raw["estimated_acv"].sum())
    won = raw.filter(pl.col("close_outcome") == "closed_won")["account_id"].n_unique()
    assert world.report["measures"]["won_ever"]["hits"] == won


def test_each_row_of_the_tables_is_where_it_belongs(world):
    activities, touches = table(world, "sales_activities"), table(world, "touches")
    assert world.rows("SELECT count(*), count(handoff_id) FROM touch") == [(activities.height, activities.height)]
    per_rep = dict(world.rows("SELECT rep_id, count(*) FROM touch GROUP BY rep_id"))
    assert per_rep == dict(activities["rep_id"].value_counts().iter_rows())
    kinds = dict(world.rows("SELECT kind, count(*) FROM signal GROUP BY kind"))
    inbound = dict(touches.filter(pl.col("touch_direction") == "inbound")["touch_type"].value_counts().iter_rows())
    assert kinds == {
        "identified": 4200, "lead_created": 6000, "page_viewed": table(world, "sessions").height,
        "content_downloaded": inbound["content_download"], "webinar_attended": inbound["webinar"], "email_clicked": inbound["email"],
        "called_in": inbound["call"], "messaged": inbound["linkedin_message"],
    }  # fmt: skip
    assert world.rows("SELECT count(*) FROM account") == [(table(world, "accounts").height,)]
    assert world.rows("SELECT count(*) FROM person") == [(10_200,)]
    assert world.rows("SELECT count(*) FROM pending") == [(0,)]


def test_nobody_is_written_to_about_the_past(world):
    assert world.sizes()["outbox"] == 0


def test_as_known_in_the_middle_of_january(world, raw):
    """What the report would have said on 15 January: later leads and activities are not known yet."""
    with Store(world.url) as store:
        then = figures.report(store, datetime(2024, 1, 15, 12, tzinfo=UTC))
    by_then = raw.filter(pl.col("created") <= date(2024, 1, 15))
    assert then["counts"]["leads"] == by_then.height
    assert then["counts"]["touched"] == by_then.filter(pl.col("first") <= date(2024, 1, 15)).height


def test_a_replay_under_the_same_contract_finds_every_verdict_that_was_stored(world, tmp_path):
    """6,000 leads of 1,319 accounts, with sessions and touches at the midnight of their day: online equals offline."""
    with Store(world.url) as store:
        assert_same(store, tmp_path)
        assert len(stored(store, "verdict")) > 5000


def test_a_second_run_changes_nothing(world):
    before = world.sizes()
    again = world.run()
    assert again.returncode == 0, again.stderr
    assert "nothing was changed" in again.stderr
    assert world.sizes() == before
    assert json.loads(again.stdout) | {"as_of": None} == world.report | {"as_of": None}
