"""The threshold frontier: for every bar of fit and intent, how many handoffs, how good, and how much work; from one pass over the verdicts.

A verdict carries the points themselves, so no bar needs a replay of its own: at a fit bar `f`, a party would have been handed over at least
once for exactly the intent bars up to the highest intent it ever had while its fit was at least `f`, a next step open, no never-rule true.

Precision is the share of meetings among those that were handed over and whose end is known. Nobody knows it of the others: a bar below the
one in force is judged by few, and its interval says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.measure.interval import wilson
from handfast.readiness.plan import MILLIONTHS

_STEP: Final = 5
_FEWEST: Final = 10


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars that are compared, in points, lowest first, and the pair the draft names."""

    fits: tuple[int, ...]
    intents: tuple[int, ...]
    fit: int
    intent: int


def bars_of(agreement: Agreement) -> Bars:
    """Around the draft's own bars: three steps of five points down and up for fit, five for intent."""
    ready = agreement.contract.ready
    fit, intent = ready.fit.at_least, ready.intent.at_least
    return Bars(_around(fit, 3), _around(intent, 5), fit, intent)


def _around(bar: int, steps: int) -> tuple[int, ...]:
    lowest = min(bar, 0)
    return tuple(sorted({max(lowest, bar + _STEP * n) for n in range(-steps, steps + 1)}))


def counted(verdicts: pl.DataFrame, ends: Mapping[str, bool], bars: Bars) -> pl.DataFrame:
    """Parties handed over at each pair of bars: `fit`, `intent`, `parties`, `judged` (their end is known), `met`. Counts of buckets add up.

    Args:
        verdicts: from `replay.judged`; every party in one frame only.
        ends: party to whether its recorded handoff came to a meeting, for those whose end is known.
    """
    party = pl.coalesce("account_id", "person_id").alias("party")
    open_ones = verdicts.filter(pl.col("next_step").is_not_null() & pl.col("reason").is_null()).select(party, "fit", "intent")
    known = pl.DataFrame({"party": list(ends), "_met": list(ends.values())}, schema={"party": pl.String, "_met": pl.Boolean})
    parts = []
    for fit in bars.fits:
        best = open_ones.filter(pl.col("fit") >= fit).group_by("party").agg(pl.col("intent").max()).join(known, on="party", how="left")
        for intent in bars.intents:
            over = best.filter(pl.col("intent") >= intent * MILLIONTHS)["_met"]
            parts.append((fit, intent, over.len(), over.len() - over.null_count(), int(over.sum() or 0)))
    return pl.DataFrame(parts, schema=["fit", "intent", "parties", "judged", "met"], orient="row")


def frontier(counts: Sequence[pl.DataFrame], bars: Bars, weeks: float, touch_minutes: int, minutes_a_week: float) -> dict[str, Any]:
    """The frontier as the report has it. `minutes_a_week`: working minutes of all reps who may be given handoffs."""
    total = pl.concat(counts).group_by("fit", "intent").sum().sort("fit", "intent") if counts else pl.DataFrame()
    cells = [_cell(row, weeks, touch_minutes, minutes_a_week) for row in total.iter_rows(named=True)]
    return {"fits": list(bars.fits), "intents": list(bars.intents), "draft": {"fit": bars.fit, "intent": bars.intent}, "cells": cells}


def _cell(row: Mapping[str, int], weeks: float, touch_minutes: int, minutes_a_week: float) -> dict[str, Any]:
    a_week = row["parties"] / weeks if weeks else 0.0
    enough = row["judged"] >= _FEWEST
    low, high = wilson(row["met"], row["judged"]) if enough else (None, None)
    return {
        **row,
        "per_week": round(a_week, 2),
        "precision": round(row["met"] / row["judged"], 4) if enough else None,
        "low": low,
        "high": high,
        "load": round(a_week * touch_minutes / minutes_a_week, 4) if minutes_a_week else None,
    }
