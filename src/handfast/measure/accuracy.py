"""Assignment accuracy: whether the owner the contract chose was the right one, judged from evidence and never declared.

An assignment is *examined* once somebody, or something that happened, said within the window whether it was right; most never are.
Those that are were mostly doubted, so the share of the examined is lower than that of all, and the share of all counts silence as
consent: the truth lies between the two, and both are told with how many nobody looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from handfast.measure.cohort import Period
from handfast.measure.definitions import MINIMUM
from handfast.measure.interval import wilson

#: How long after the assignment something may speak for or against it; younger assignments are not asked.
WINDOW: Final = timedelta(days=14)
#: The rules by which the contract chooses. What people chose by hand, took themselves, or another system named is not the contract's doing.
CHOSEN: Final = ("named_account", "open_opportunity", "customer", "territory", "pool", "reassign", "away")
#: What speaks of an assignment, and what it says.
EVIDENCE: Final[Mapping[str, str]] = {
    "dispute": "a dispute about the owner was answered: upheld, it was wrong; rejected, it was right",
    "not_mine": "its receiver said that it belongs to somebody else, and it moved on: wrong",
    "owner_change": "another system named another owner for the account within a day of the assignment: wrong",
    "opportunity": "an opportunity came of it: right where it is the owner's, wrong where it is somebody else's",
}
BREAKDOWNS: Final = ("rung", "pool", "month")
Figure = dict[str, Any]


def accuracy(assignments: pl.DataFrame, as_of: datetime, period: Period | None = None, minimum: int = MINIMUM) -> dict[str, Any]:
    """How many assignments stood, of those examined and of all, with Wilson intervals (Wilson 1927).

    Args:
        assignments: as `facts.ASSIGNMENTS`, as known at `as_of`.
        as_of: UTC.
        period: placed in it by the moment of the assignment.
        minimum: of fewer no share is given.

    Returns: `window_days`; `all`, and lists by `rung`, `pool` and `month`, each with `key`: how many `assignments` are old enough and how
    many `not_mature`; of the former `examined`, `unexamined` and `wrong`; `of_examined` and `of_all`, figures as in `report`. `wrong_by`
    counts what said so.
    """
    asked = _asked(assignments.filter((period or Period()).holds("at")), as_of)
    whole = _groups(asked, None, minimum)
    wrong = asked.filter(pl.col("_old") & pl.col("_wrong")).group_by("how").len().sort("how").rows()
    return {
        "window_days": WINDOW.days,
        "all": whole[0] if whole else _group({}, minimum),
        **{word: _groups(asked, word, minimum) for word in BREAKDOWNS},
        "wrong_by": dict(wrong),
    }


def _asked(assignments: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The contract's own assignments, each with whether it is old enough, was examined, was wrong, and the words to break down by."""

    def in_time(column: str) -> pl.Expr:
        return ((pl.col(column) - pl.col("at")) <= WINDOW).fill_null(value=False)

    return assignments.filter(pl.col("rule").is_in(CHOSEN)).with_columns(
        _old=pl.col("at") <= as_of - WINDOW,
        _examined=in_time("judged_at"),
        _wrong=in_time("wrong_at"),
        rung="rule",
        pool=pl.when(pl.col("pool").fill_null("") == "").then(pl.lit("no pool")).otherwise("pool"),
        month=pl.col("at").dt.truncate("1mo").dt.date(),
    )


def _groups(asked: pl.DataFrame, word: str | None, minimum: int) -> list[dict[str, Any]]:
    old = pl.col("_old")
    sums = [
        old.sum().alias("assignments"),
        (~old).sum().alias("not_mature"),
        (old & pl.col("_examined")).sum().alias("examined"),
        (old & pl.col("_wrong")).sum().alias("wrong"),
    ]
    if word is None:
        return [_group(row, minimum) for row in asked.select(sums).to_dicts()]
    rows = asked.group_by(word).agg(sums).sort(word).to_dicts()
    return [{"key": _named(row.pop(word)), **_group(row, minimum)} for row in rows]


def _named(value: object) -> str:
    return f"{value:%Y-%m}" if isinstance(value, date) else str(value)


def _group(row: Mapping[str, int], minimum: int) -> dict[str, Any]:
    assignments, examined, wrong = (row.get(name, 0) for name in ("assignments", "examined", "wrong"))
    return {
        "assignments": assignments,
        "not_mature": row.get("not_mature", 0),
        "examined": examined,
        "unexamined": assignments - examined,
        "wrong": wrong,
        "of_examined": _share(examined - wrong, examined, minimum),
        "of_all": _share(assignments - wrong, assignments, minimum),
    }


def _share(hits: int, n: int, minimum: int) -> Figure:
    figure: Figure = {"kind": "rate", "value": None, "low": None, "high": None, "hits": hits, "n": n, "why": None}
    if n < minimum:
        return figure | {"why": f"not enough data: {n} of {minimum}"}
    low, high = wilson(hits, n)
    return figure | {"value": round(hits / n, 6), "low": round(low, 6), "high": round(high, 6)}


__all__ = ["BREAKDOWNS", "CHOSEN", "EVIDENCE", "WINDOW", "accuracy"]
