"""Whose signals are judged: few are told apart one by one, many by the column, and it is the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from handfast.desk.verdicts import Held, theirs, theirs_one_by_one

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
moments = st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours))
SHAPE = {"signal": pl.Int64, "person_id": pl.String, "received_at": pl.Datetime("us", "UTC"), "path": pl.String}
keys = st.sampled_from(["mail:anna", "cookie:1", "cookie:2", "nobody's"])
signals = st.lists(st.tuples(keys, moments), max_size=12).map(
    lambda found: pl.DataFrame([(seq, key, at, f"/{seq}") for seq, (key, at) in enumerate(found)], schema=SHAPE, orient="row")
)
held = st.lists(
    st.tuples(keys.filter(lambda key: key != "nobody's"), st.sampled_from(["anna", "anna, known better", "boris"]), moments, st.integers(0, 12)),
    unique_by=lambda one: one[:2],
    max_size=5,
)  # fmt: skip


@given(signals, held)
def test_few_signals_told_apart_one_by_one_are_the_same(got: pl.DataFrame, held: list[Held]) -> None:
    order = ["person_id", "signal", "path"]
    assert theirs_one_by_one(got, held).select(order).sort(order).equals(theirs(got, held).select(order).sort(order))
