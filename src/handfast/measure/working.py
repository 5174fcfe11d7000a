"""Working time between two moments for a million rows: the calendar laid out once, then looked up."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from handfast.worktime import Hours

#: (contract id, calendar name) → its hours.
Calendars = Mapping[tuple[str, str], Hours]


def working_seconds(frame: pl.DataFrame, start: str, end: str, calendars: Calendars) -> pl.Series:
    """Working seconds from `start` to `end` in the calendar of each row (`terms`, `calendar`), rounded up; 0 where the end is first.

    Null where the calendar is not among those given. The same as `Hours.elapsed`, which the tests hold it to. All calendars are laid out in
    one frame: a contract whose reps have hours and absences of their own has many, each of a few rows.
    """
    spans = frame.group_by("terms", "calendar").agg(
        pl.min_horizontal(pl.col(start, end).min()).alias("low"), pl.max_horizontal(pl.col(start, end).max()).alias("high")
    )
    numbered = spans.with_row_index("_calendar")
    keyed = frame.select("terms", "calendar", start, end).join(numbered, on=("terms", "calendar"), how="left", maintain_order="left")
    laid = _laid(numbered, calendars)
    worked = _worked(pl.concat([keyed.select("_calendar", pl.col(moment).alias("at")) for moment in (start, end)]), laid)
    took = worked[len(frame) :] - worked[: len(frame)]
    seconds = pl.select(-((-took).clip(upper_bound=0) // 1_000_000)).to_series()
    known = keyed["_calendar"].is_in(laid["_calendar"].unique().implode())
    return pl.select(pl.when(known).then(seconds)).to_series().alias("seconds")


def _laid(calendars_used: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
    """What is open in each calendar while anybody asks, and how much was before, in microseconds; a calendar nobody gave is left out."""
    which: list[int] = []
    opened: list[int] = []
    closed: list[int] = []
    for number, terms, calendar, low, high in calendars_used.select("_calendar", "terms", "calendar", "low", "high").iter_rows():
        if (hours := calendars.get((terms, calendar))) is not None:
            # One that is closed all the while has an opening of no length, so that it is known.
            pieces = hours.open_s(low, high) or [(0, 0)]
            which += [number] * len(pieces)
            opened += [start for start, _ in pieces]
            closed += [end for _, end in pieces]
    laid = pl.DataFrame(
        {"_calendar": which, "from": opened, "until": closed}, schema={"_calendar": pl.UInt32, "from": pl.Int64, "until": pl.Int64}
    )
    laid = laid.with_columns(pl.col("from", "until") * 1_000_000)
    length = pl.col("until") - pl.col("from")
    return laid.with_columns((length.cum_sum().over("_calendar") - length).alias("before"))


def _worked(asked: pl.DataFrame, laid: pl.DataFrame) -> pl.Series:
    """Working microseconds from the first opening laid out to each moment (`at`), in its calendar."""
    moments = asked.with_columns(pl.col("at").dt.cast_time_unit("us").to_physical()).with_row_index("_at").sort("at")
    # Both are in order, the openings within their calendar; across calendars Polars cannot check it and would warn.
    found = moments.join_asof(
        laid, left_on="at", right_on="from", by="_calendar", strategy="backward", coalesce=False, check_sortedness=False
    )
    inside = pl.min_horizontal("at", "until") - pl.col("from")
    return found.select("_at", (pl.col("before") + inside).fill_null(0).alias("worked")).sort("_at")["worked"]


__all__ = ["Calendars", "working_seconds"]
