"""The report: every measure of a period, as a whole and broken down, as plain values ready for JSON.

Each figure says how many rows it stands on. A figure that cannot be given is `None` with a sentence `why`: too few rows, a cohort too
young, or a curve that has not come down that far. `None` is an answer; 0 is another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from handfast.measure import definitions as d
from handfast.measure.accuracy import accuracy
from handfast.measure.cohort import BY, Frames, Period, units, watched, words
from handfast.measure.facts import Facts
from handfast.measure.interval import wilson
from handfast.measure.kept import clocks_kept
from handfast.measure.survival import summary
from handfast.measure.takeaway import guards, takeaway
from handfast.measure.working import Calendars

Key = tuple[str, ...]
Figure = dict[str, Any]
Row = Mapping[str, Any]
_EMPTY: Final[Row] = {}
#: Each unit with the anchor by which its rows are placed: one pass over its rows each. Times have passes of their own.
_ANCHORS: Final[tuple[tuple[d.Unit, str], ...]] = (
    ("leads", "raised_at"), ("handoffs", "opened_at"), ("clocks", "due_at"), ("recycled", "closed_at"), ("opportunities", "opened_at"),
)  # fmt: skip
Rows = Mapping[tuple[d.Unit, str], Row]


def report(
    facts: Facts, as_of: datetime, start: datetime | None = None, end: datetime | None = None, by: Sequence[str] = (), *,
    calendars: Calendars | None = None, minimum: int = d.MINIMUM, promised: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """What the facts say.

    Args:
        facts: as known at `as_of`.
        as_of: UTC.
        start, end: the period, `end` not included; each unit is placed in it by its own anchor (see `definitions`).
        by: words of `cohort.BY` to break down by, together.
        calendars: the hours of each contract's calendars; without them no accountable time is given.
        minimum: fewer rows than this give no figure.
        promised: the kinds of clocks for which the contract in force makes a promise.

    Returns: `as_of`, `from`, `to`, `by`, `minimum`, `takeaway`, `counts`, `measures`, `guards`, `sla` (one entry a clause), `clocks` (one a
    kind: see `kept.clocks_kept`), `assignments` (see `accuracy.accuracy`), `cohorts` (one a month of handoffs) and `groups`. Keys come in
    this order, groups in the order of their words. Times are ISO 8601 in UTC.

    Raises:
        ValueError: a word in `by` that is not in `BY`, or twice.
    """
    if unknown := [b for b in by if b not in BY] or [b for b in by if list(by).count(b) > 1]:
        raise ValueError(f"cannot break down by {unknown[0]}")
    period, hours = Period(start, end), calendars or {}
    frames = units(facts, as_of)
    page = _Page(frames, as_of, period, hours, minimum)
    whole = page.groups(()).get(("all",)) or page.nothing()
    found: dict[str, Any] = {
        "as_of": as_of.isoformat(), "from": start.isoformat() if start else None, "to": end.isoformat() if end else None,
        "by": list(by), "minimum": minimum, "takeaway": takeaway(whole), **whole, "guards": guards(whole["measures"]),
        "sla": page.clauses(), "clocks": clocks_kept(facts, as_of, period, hours, minimum, promised),
        "assignments": accuracy(facts.assignments, as_of, period, minimum), "cohorts": page.cohorts(),
        "groups": [{"key": dict(zip(by, key, strict=True)), **group} for key, group in sorted(page.groups(by).items())] if by else [],
    }  # fmt: skip
    return found


class _Page:
    """One reading of the facts: a moment, a period, a minimum."""

    def __init__(self, frames: Frames, as_of: datetime, period: Period, calendars: Calendars, minimum: int) -> None:
        self.frames = frames
        self.as_of = as_of
        self.period = period
        self.calendars = calendars
        self.minimum = minimum

    def groups(self, by: Sequence[str]) -> dict[Key, dict[str, Any]]:
        """Key → `counts` and `measures`, for every combination of words that any unit has."""
        rates = {at: self._aggregate(*at, by) for at in _ANCHORS}
        times = {m.name: self._times(m, by) for m in d.TIMES}
        keys = {key for rows in (*rates.values(), *times.values()) for key in rows}
        return {
            key: self._group(
                {at: rows.get(key, _EMPTY) for at, rows in rates.items()}, {n: rows.get(key, _EMPTY) for n, rows in times.items()}
            )
            for key in keys
        }

    def nothing(self) -> dict[str, Any]:
        """Counts of nothing and measures of nobody."""
        return self._group(dict.fromkeys(_ANCHORS, _EMPTY), {m.name: _EMPTY for m in d.TIMES})

    def _group(self, rates: Rows, times: Mapping[str, Row]) -> dict[str, Any]:
        return {"counts": _counts(rates), "measures": self._measures(rates, times)}

    def clauses(self) -> list[dict[str, Any]]:
        """How each SLA was kept."""
        rows = self._aggregate("clocks", "due_at", ("sla",), only=pl.col("kind") == "first_touch")
        return [{"sla": key[0], **self._rate(d.COMPLIANCE, row)} for key, row in sorted(rows.items())]

    def cohorts(self) -> list[dict[str, Any]]:
        """Handoffs by the month they were opened in, each followed to now."""
        rows = self._aggregate("handoffs", "opened_at", ("month",))
        kept = (d.CONTACT, d.MEETING, d.MQL_TO_SQL, d.WON_90, d.WON_EVER)
        return [
            {"month": key[0], "handoffs": row["handoffs"], **{m.name: self._rate(m, row) for m in kept}}
            for key, row in sorted(rows.items())
        ]

    # --- counting -------------------------------------------------------------------------------------------------

    def _aggregate(self, unit: d.Unit, anchor: str, by: Sequence[str], only: pl.Expr | None = None) -> dict[Key, Row]:
        """Everything counted of one unit in one pass over its rows."""
        rows = self.frames[unit].lazy().filter(self.period.holds(anchor))
        if only is not None:
            rows = rows.filter(only)
        asked = [m for m in d.RATES if (m.unit, m.anchor) == (unit, anchor)]
        sums = [*(e for m in asked for e in self._hits(m)), *_COUNTED.get((unit, anchor), ())]
        # Lazy to the end, so that only the columns asked for are ever copied.
        return _by_key(words(rows, by, anchor).group_by(by or ["all"]).agg(*sums).collect(), by)

    def _hits(self, measure: d.Rate) -> tuple[pl.Expr, ...]:
        asked = measure.of.fill_null(False)
        mature = pl.lit(True) if measure.window is None else pl.col(measure.anchor) <= self.as_of - measure.window
        hit, name = measure.hit.fill_null(False), measure.name
        return (
            (asked & mature & hit).sum().cast(pl.Int64).alias(f"{name}.hits"),
            # Broadcast against the length, so that a question asked of every row counts every row.
            pl.col(measure.anchor).filter(asked & mature).len().cast(pl.Int64).alias(f"{name}.n"),
            pl.col(measure.anchor).filter(asked & ~mature).len().cast(pl.Int64).alias(f"{name}.young"),
            pl.col(measure.anchor).filter(asked & ~mature).min().alias(f"{name}.next"),
        )

    def _times(self, measure: d.Time, by: Sequence[str]) -> dict[Key, Row]:
        frame = self.frames[measure.unit]
        wanted = {measure.anchor, measure.start, measure.event, "closed_at", "kind", "terms", "calendar", *by}
        rows = frame.select(name for name in frame.columns if name in wanted).filter(self.period.holds(measure.anchor))
        seen = words(watched(rows, measure, self.as_of, self.calendars), by, measure.anchor)
        return _by_key(summary(seen, by or ["all"], list(d.WITHIN)), by)

    # --- figures --------------------------------------------------------------------------------------------------

    def _measures(self, rates: Rows, times: Mapping[str, Row]) -> dict[str, Figure]:
        found: dict[str, Figure] = {}
        for m in d.MEASURES:
            row = rates.get((m.unit, m.anchor), _EMPTY)
            if isinstance(m, d.Time):
                found[m.name] = self._time(times[m.name])
            elif isinstance(m, d.Rate):
                found[m.name] = self._rate(m, row)
            elif isinstance(m, d.Sum):
                found[m.name] = {
                    "kind": "sum",
                    "value": row.get("pipeline", 0.0),
                    "n": row.get("opportunities", 0),
                    "without_amount": row.get("without_amount", 0),
                }
            else:
                found[m.name] = _notice(row)
        return found

    def _rate(self, measure: d.Rate, row: Row) -> Figure:
        hits, n, young = (row.get(f"{measure.name}.{part}", 0) for part in ("hits", "n", "young"))
        figure: Figure = {"kind": "rate", "value": None, "low": None, "high": None, "hits": hits, "n": n, "not_mature": young, "why": None}
        if n < self.minimum:
            return figure | {"why": self._too_few(measure, n, young, row.get(f"{measure.name}.next"))}
        low, high = wilson(hits, n)
        return figure | {"value": _round(hits / n), "low": _round(low), "high": _round(high)}

    def _too_few(self, measure: d.Rate, n: int, young: int, next_at: datetime | None) -> str:
        if n == 0 and young and measure.window is not None and next_at is not None:
            return f"not mature: the first of {young} can be judged on {next_at + measure.window:%Y-%m-%d}"
        return f"not enough data: {n} of {self.minimum}" + (f", {young} too young" if young else "")

    def _time(self, row: Row) -> Figure:
        n, happened = row.get("n", 0), row.get("happened", 0)
        figure: Figure = {"kind": "time", "unit": "seconds", "n": n, "happened": happened, "waiting": n - happened}
        if n < self.minimum:
            return figure | _no_time(f"not enough data: {n} of {self.minimum}")
        figure |= {"p50": _quantile(row, "p50", 50), "p90": _quantile(row, "p90", 90)}
        return figure | {"within": {words: _share(row, h) for h, words in d.WITHIN.items()}, "why": None}


def _count(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False).sum().cast(pl.Int64)


def _ended(outcome: str) -> pl.Expr:
    return _count(pl.col("closed_at").is_not_null() & (pl.col("outcome") == outcome))


def _all_rows() -> pl.Expr:
    return pl.len().cast(pl.Int64)


_OPEN: Final = pl.col("closed_at").is_null()
_LATE: Final = (pl.col("breached_at") - pl.col("due_at")).dt.total_milliseconds().filter(
    (pl.col("result") == "breached") & pl.col("breached_at").is_not_null()
) / 1000
_COUNTED: Final[dict[tuple[d.Unit, str], tuple[pl.Expr, ...]]] = {
    ("leads", "raised_at"): (
        _all_rows().alias("leads"), _count(~pl.col("opener")).alias("joined"), _count(pl.col("touched_at").is_not_null()).alias("touched"),
    ),
    ("handoffs", "opened_at"): (
        _all_rows().alias("handoffs"), _count(_OPEN & ~pl.col("owned")).alias("unassigned"), _count(_OPEN).alias("open"),
        _count(pl.col("meeting_at").is_not_null()).alias("meetings"), _ended("recycle").alias("recycled"),
        _ended("disqualify").alias("disqualified"), _ended("returned").alias("returned"),
    ),
    ("clocks", "due_at"): (
        _count(_OPEN & pl.when(pl.col("kind") == "first_touch").then("touched_at").otherwise("assigned_at").is_null()).alias("clocks_open"),
        _LATE.len().cast(pl.Int64).alias("noticed"), _LATE.quantile(0.5, "higher").alias("notice_p50"),
        _LATE.quantile(0.95, "higher").alias("notice_p95"), _LATE.max().alias("notice_max"),
    ),
    ("opportunities", "opened_at"): (
        _all_rows().alias("opportunities"), pl.col("amount").sum().alias("pipeline"),
        _count(pl.col("amount").is_null()).alias("without_amount"),
    ),
}  # fmt: skip


def _counts(rows: Rows) -> dict[str, int]:
    flat = {name: value for row in rows.values() for name, value in row.items()}
    return {name: flat.get(name, 0) for name in d.COUNTS}


def _by_key(frame: pl.DataFrame, by: Sequence[str]) -> dict[Key, Row]:
    names = list(by) or ["all"]
    return {tuple(_word(name, row.pop(name)) for name in names): row for row in frame.iter_rows(named=True)}


def _word(name: str, value: object) -> str:
    return f"{value:%Y-%m}" if name == "month" and isinstance(value, date) else str(value)


def _notice(row: Row) -> Figure:
    n = row.get("noticed", 0)
    return {
        "kind": "lateness",
        "unit": "seconds",
        "n": n,
        **{p: row.get(f"notice_{p}") for p in ("p50", "p95", "max")},
        "why": None if n else "no breach was noticed",
    }


def _no_time(why: str) -> Figure:
    none = {"value": None, "low": None, "high": None, "why": why}
    return {"p50": none, "p90": none, "within": {words: {**none, "hits": 0} for words in d.WITHIN.values()}, "why": why}


def _quantile(row: Row, name: str, percent: int) -> Figure:
    value = row[name]
    why = None if value is not None else f"not reached: {row['happened']} of {row['n']} touched, the rest not watched long enough or never"
    return {"value": value, "low": row[f"{name}_low"], "high": row[f"{name}_high"] if value is not None else None, "why": why}


def _share(row: Row, h: int) -> Figure:
    """The share by the horizon. At 0 and at 1 the log(-log) band says nothing; there Wilson does, on those it surely speaks of."""
    value, low, high, hits = row[f"share_{h}"], row[f"share_{h}_low"], row[f"share_{h}_high"], row[f"by_{h}"]
    if value is None:
        return {"value": None, "low": None, "high": None, "why": "nobody was watched that long", "hits": hits}
    if hits == 0:
        low, high = wilson(0, row[f"risk_{h}"]) if row[f"risk_{h}"] else (0.0, 1.0)
    elif low is None or high is None:
        low, high = wilson(hits, hits)
    return {"value": _round(value), "low": _round(low), "high": _round(high), "why": None, "hits": hits}


def _round(share: float) -> float:
    """Six places: products of a thousand fractions carry no more, and the same facts print the same."""
    return round(share, 6)


__all__ = ["Figure", "report"]
