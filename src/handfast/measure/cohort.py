"""Who counts: the rows of each unit at one moment, in one period, with the words they are broken down by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import polars as pl

from handfast.measure.definitions import Time, Unit
from handfast.measure.facts import TIME, WORDS, Facts
from handfast.measure.working import Calendars, working_seconds

#: The words a report may be broken down by. `month` and `week` (Monday) are those of the unit's own anchor, in UTC.
BY: Final = (*WORDS, "month", "week")
_SPANS: Final = {"month": "1mo", "week": "1w"}
_NONE: Final = {"source": "no source", "team": "no team", "rep": "nobody", "contract": "no contract", "sla": "no SLA"}
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
#: The frame of a unit and the column that puts its rows into a period.
Frames = Mapping[Unit, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to but not including `end`; None: without that bound."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, anchor: str) -> pl.Expr:
        """Whether a row's anchor lies in it."""
        held = pl.col(anchor).is_not_null()
        if self.start is not None:
            held &= pl.col(anchor) >= self.start
        if self.end is not None:
            held &= pl.col(anchor) < self.end
        return held


def units(facts: Facts, as_of: datetime) -> Frames:
    """Every unit's frame, with what is derived once: `result` of clocks, `next_qualified_at` of recycled handoffs."""
    return {
        "leads": facts.leads,
        "handoffs": facts.handoffs,
        "clocks": facts.clocks.with_columns(_result(as_of).alias("result")),
        "recycled": _recycled(facts.handoffs),
        "opportunities": facts.opportunities,
    }


def _result(as_of: datetime) -> pl.Expr:
    """How a clock came out, as `sla.escalate.result` says it, from the first touch known now: evidence that came late still counts."""
    owed = pl.when(pl.col("kind") == "first_touch").then(pl.col("touched_at")).otherwise(pl.col("assigned_at"))
    stop = pl.min_horizontal(owed, "closed_at")
    in_time = pl.when(owed.is_not_null() & (owed <= pl.col("closed_at").fill_null(owed))).then(pl.lit("met")).otherwise(pl.lit("ended"))
    late = pl.when(pl.col("due_at") < as_of).then(pl.lit("breached")).otherwise(pl.lit("running"))
    came_out = pl.when(stop.is_null()).then(late).when(stop <= pl.col("due_at")).then(in_time).otherwise(pl.lit("breached"))
    # What is met before its due time belongs to the period in which it falls due; until then it is not counted.
    return pl.when(pl.col("due_at") > as_of).then(pl.lit("running")).otherwise(came_out)


def _recycled(handoffs: pl.DataFrame) -> pl.DataFrame:
    """Recycled handoffs, each with the first opportunity opened after it for the same party and motion."""
    ended = handoffs.filter((pl.col("outcome") == "recycle") & pl.col("closed_at").is_not_null()).sort("closed_at")
    later = handoffs.filter(pl.col("qualified_at").is_not_null()).select(
        "party", "motion", pl.col("qualified_at").alias("next_qualified_at")
    )
    # Both are sorted here; within groups Polars cannot check it and would warn.
    return ended.join_asof(
        later.sort("next_qualified_at"), left_on="closed_at", right_on="next_qualified_at", by=["party", "motion"], strategy="forward",
        allow_exact_matches=False, check_sortedness=False,
    )  # fmt: skip


def words(frame: Frame, by: Sequence[str], anchor: str) -> Frame:
    """The frame with `by` filled in: a month or week from the anchor, a word for what is not known; `all` where `by` is empty."""
    if not by:
        return frame.with_columns(pl.lit("all").alias("all"))
    spans = [pl.col(anchor).dt.truncate(_SPANS[b]).dt.date().alias(b) for b in by if b in _SPANS]
    known = [pl.when(pl.col(b).fill_null("") == "").then(pl.lit(_NONE[b])).otherwise(pl.col(b)).alias(b) for b in by if b in _NONE]
    return frame.with_columns(*spans, *known)


def watched(frame: pl.DataFrame, measure: Time, as_of: datetime, calendars: Calendars) -> pl.DataFrame:
    """The rows that are watched, with `seconds` (whole, rounded up) and `happened`. Watching ends with the handoff, or now."""
    event, start = pl.col(measure.event), pl.col(measure.start)
    rows = frame.filter(start.is_not_null())
    if measure.working:
        rows = rows.filter(pl.col("kind") == "first_touch")
    end = pl.coalesce(event, "closed_at", pl.lit(as_of, TIME))
    if measure.working:
        ended = rows.with_columns(end.alias("_end"), event.is_not_null().alias("happened"))
        return ended.with_columns(working_seconds(ended, measure.start, "_end", calendars)).filter(pl.col("seconds").is_not_null())
    micros = (end - start).dt.total_microseconds().clip(lower_bound=0)
    return rows.with_columns((-(-micros // 1_000_000)).alias("seconds"), event.is_not_null().alias("happened"))


__all__ = ["BY", "Frames", "Period", "units", "watched", "words"]
