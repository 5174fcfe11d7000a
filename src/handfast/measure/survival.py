"""How long things take, counting those that have not happened yet: the Kaplan-Meier curve.

A lead that nobody has touched is not left out and not given an invented time: it counts as "longer than we have watched it" (censored).
Leaving it out is how 42 hours become the average of a company that never calls one lead in four.

Kaplan & Meier (1958), *Nonparametric estimation from incomplete observations*; Greenwood (1926) for the variance; the 95% band on the
log(-log) scale (Kalbfleisch & Prentice 1980), which stays within [0, 1]; quantiles and their intervals after Brookmeyer & Crowley (1982).
At a tie, what happened comes before what was censored. A quantile is the first time at which the curve is at or below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from handfast.measure.interval import Z

#: Products of fractions miss a half or a tenth by this much at most.
_EPSILON: Final = 1e-9


def curve(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The curve of each group.

    Args:
        frame: `by`, `seconds` (Int64, at least 0), `happened` (Boolean; False: censored at `seconds`).
        by: at least one column.

    Returns: one row a group and a time at which something happened, in order: `by`, `seconds`, `at_risk`, `events`, `survival` (the share
    still waiting after `seconds`), `low` and `high` (its band; null where the curve has reached 0 and the band says nothing).
    """
    # Groups are numbered and rows sorted once: hashing words for every row and step is what costs on a million rows.
    keys = frame.select(by).unique().sort(by).with_row_index("group")
    numbered = frame.join(keys, on=list(by), nulls_equal=True) if len(keys) > 1 else frame.with_columns(pl.lit(0, pl.UInt32).alias("group"))
    steps = (
        numbered.group_by("group", "seconds")
        .agg(pl.col("happened").sum().cast(pl.Int64).alias("events"), pl.len().cast(pl.Int64).alias("left"))
        .sort("group", "seconds")
    )
    events, at_risk = pl.col("events"), pl.col("left").cum_sum(reverse=True)
    columns = ["seconds", "events", "at_risk", "survival", "spread"]
    return (
        steps.group_by("group", maintain_order=True)
        .agg(
            "seconds",
            "events",
            at_risk.alias("at_risk"),
            (1 - events / at_risk).cum_prod().alias("survival"),
            (events / (at_risk * (at_risk - events))).cum_sum().alias("spread"),
        )
        .explode(columns)
        .filter(pl.col("events") > 0)
        .with_columns((Z * pl.col("spread").sqrt() / pl.col("survival").log()).exp().alias("power"))
        .with_columns(_band(1 / pl.col("power")).alias("low"), _band(pl.col("power")).alias("high"))
        .join(keys, on="group", maintain_order="left")
        .select(*by, "seconds", "at_risk", "events", "survival", "low", "high")
    )


def _band(power: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("survival") > 0).then(pl.col("survival").pow(power))


def summary(frame: pl.DataFrame, by: Sequence[str], within: Sequence[int]) -> pl.DataFrame:
    """What is read off the curve of each group.

    Args:
        frame, by: as for `curve`.
        within: horizons in seconds.

    Returns: one row a group: `n`, `happened`; `p50`, `p90` (seconds; null where the curve has not come down that far) with `_low` and
    `_high` (null: beyond what was watched); and for each horizon h, `share_h` (the share it had happened to by then; null where nobody was
    watched that long), `share_h_low`, `share_h_high`, `by_h` (how many it had happened to) and `risk_h` (how many were watched beyond h).
    """
    counts = frame.group_by(by).agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col("happened").sum().cast(pl.Int64).alias("happened"),
        pl.col("seconds").max().alias("longest"),
        *((pl.col("seconds") > h).sum().cast(pl.Int64).alias(f"risk_{h}") for h in within),
        *(((pl.col("seconds") <= h) & pl.col("happened")).sum().cast(pl.Int64).alias(f"by_{h}") for h in within),
    )  # fmt: skip
    read = (
        curve(frame, by)
        .group_by(by)
        .agg(*(e for p, q in (("p50", 0.5), ("p90", 0.1)) for e in _quantile(p, q)), *(e for h in within for e in _share(h)))
    )
    found = counts.join(read, on=list(by), how="left", nulls_equal=True)
    return found.with_columns(*(e for h in within for e in _unseen(h)))


def _quantile(name: str, level: float) -> tuple[pl.Expr, ...]:
    def first(column: str) -> pl.Expr:
        return pl.col("seconds").filter(pl.col(column) <= level + _EPSILON).min()

    # The band below reaches the level first, so it bounds the quantile from below. A curve at 0 has its lower band there too.
    lowest = pl.col("seconds").filter(pl.col("low").fill_null(0.0) <= level + _EPSILON).min()
    return first("survival").alias(name), lowest.alias(f"{name}_low"), first("high").alias(f"{name}_high")


def _share(h: int) -> tuple[pl.Expr, ...]:
    def last(column: str) -> pl.Expr:
        return 1 - pl.col(column).filter(pl.col("seconds") <= h).last()

    return last("survival").alias(f"share_{h}"), last("high").alias(f"share_{h}_low"), last("low").alias(f"share_{h}_high")


def _unseen(h: int) -> tuple[pl.Expr, ...]:
    """Nothing has happened by h: a share of 0, if somebody was watched that long; beyond the longest watch, the curve says nothing."""
    known = (pl.col("longest") >= h) | (pl.col("happened") == pl.col("n"))
    share = (
        pl.when(known & pl.col(f"by_{h}").eq(0)).then(0.0).when(known | pl.col(f"share_{h}").ge(1 - _EPSILON)).then(pl.col(f"share_{h}"))
    )
    return share.alias(f"share_{h}"), pl.col(f"share_{h}_low"), pl.col(f"share_{h}_high")


__all__ = ["curve", "summary"]
