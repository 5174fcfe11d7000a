"""Working time between two moments for a million rows: the calendar laid out once, then looked up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from handfast.measure.facts import TIME
from handfast.worktime import Hours

#: (contract id, calendar name) → its hours.
Calendars = Mapping[tuple[str, str], Hours]


def working_seconds(frame: pl.DataFrame, start: str, end: str, calendars: Calendars) -> pl.Series:
    """Working seconds from `start` to `end` in the calendar of each row (`terms`, `calendar`), rounded up; 0 where the end is first.

    Null where the calendar is not among those given. The same as `Hours.elapsed`, which the tests hold it to.
    """
    parts = []
    for (terms, calendar), rows in frame.with_row_index("_row").group_by("terms", "calendar"):
        hours = calendars.get((str(terms), str(calendar)))
        if hours is None:
            parts.append(rows.select("_row", pl.lit(None, pl.Int64).alias("seconds")))
            continue
        laid = _laid(hours, rows, start, end)
        worked = _worked(rows[end], laid) - _worked(rows[start], laid)
        parts.append(rows.select("_row", -((-worked).clip(upper_bound=0) // 1_000_000).alias("seconds")))
    if not parts:
        return pl.Series("seconds", [], pl.Int64)
    return pl.concat(parts).sort("_row")["seconds"]


def _laid(hours: Hours, rows: pl.DataFrame, start: str, end: str) -> pl.DataFrame:
    moments = pl.concat([rows[start], rows[end].alias(start)])
    low, high = moments.min(), moments.max()
    assert isinstance(low, datetime)
    assert isinstance(high, datetime)
    opened = hours.counted(low, high).open
    frame = pl.DataFrame({"from": [a for a, _ in opened], "until": [b for _, b in opened]}, schema={"from": TIME, "until": TIME})
    length = (pl.col("until") - pl.col("from")).dt.total_microseconds()
    return frame.with_columns((length.cum_sum() - length).alias("before"))


def _worked(at: pl.Series, laid: pl.DataFrame) -> pl.Series:
    """Working microseconds from the first opening to each moment."""
    asked = at.alias("at").to_frame().with_row_index("_at").sort("at")
    inside = (pl.min_horizontal("at", "until") - pl.col("from")).dt.total_microseconds()
    found = asked.join_asof(laid, left_on="at", right_on="from", strategy="backward")
    return found.select("_at", (pl.col("before") + inside).fill_null(0).alias("worked")).sort("_at")["worked"]


__all__ = ["Calendars", "working_seconds"]
