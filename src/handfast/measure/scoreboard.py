"""The scoreboard: whether speed, promises, meetings and pipeline improve, together. The page draws this and computes nothing.

The shape is the one the page documents (`web.scoreboard`): `period`, `verdict`, `tiles`, `speed`, `funnel`, `cohorts`, `sla`, `clocks`.
Weeks are ISO weeks in UTC, by the Monday they begin on. A change counts as one only where the intervals say so; everything else has not
moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias

import polars as pl

from handfast.measure import definitions as d
from handfast.measure.cohort import Frames, Period, units, watched, words
from handfast.measure.facts import TIME, Facts
from handfast.measure.interval import difference, wilson
from handfast.measure.kept import clocks_kept
from handfast.measure.survival import summary
from handfast.measure.takeaway import duration
from handfast.measure.working import Calendars
from handfast.numbers import percent, signed
from handfast.readiness.words import listed

#: How much older than the first week shown a handoff may be whose clocks or opportunities fall into it.
EARLIER: Final = timedelta(days=180)
#: Fewer than this in a week, and its point is a gap.
WEEKLY: Final = 5
#: How many weeks a tile speaks of; it is compared with as many before.
LATELY: Final = 4
AGES: Final = {"1 week": 7, "2 weeks": 14, "4 weeks": 28}
_WEEK: Final = timedelta(weeks=1)
_STEPS: Final = (
    ("Handed over", "opened_at"), ("Touched", "touched_at"), ("Contacted", "contacted_at"), ("Meeting set", "meeting_at"),
    ("Opportunity", "qualified_at"), ("Won", "won_at"),
)  # fmt: skip

Board = dict[str, Any]
#: What is read off a curve; None where there was nobody.
_Read: TypeAlias = Mapping[str, Any] | None


def scoreboard(
    facts: Facts, as_of: datetime, weeks: int = 12, *, promises: Mapping[str, str] | None = None, minimum: int = d.MINIMUM,
    calendars: Calendars | None = None, promised: Sequence[str] = (),
) -> Board:  # fmt: skip
    """What the page shows of the last `weeks` weeks, the one that is running included.

    Args:
        facts: as known at `as_of` (UTC).
        promises: SLA name → its promise in words.
        minimum: fewer rows than this, and a figure says what it needs.
        calendars: the hours of each contract's calendars. `promised`: the kinds of clocks that the contract in force asks for.
    """
    today = as_of.date()
    monday = today - timedelta(days=today.weekday())
    starts = [monday - _WEEK * (weeks - 1 - i) for i in range(weeks)]
    view = _View(units(facts, as_of), as_of, starts, minimum)
    times = _times(view)
    tiles = [_speed_tile(view, times), _rate_tile(view, d.COMPLIANCE), _rate_tile(view, d.MEETING), _pipeline_tile(view)]
    return {
        "period": f"last {weeks} weeks",
        "verdict": _verdict(tiles),
        "tiles": [tile.as_dict() for tile in tiles],
        "speed": _speed(view, times),
        "funnel": _funnel(view),
        "cohorts": _cohorts(view),
        "sla": _sla(view, promises or {}),
        "clocks": clocks_kept(facts, as_of, Period(_midnight(starts[0])), calendars or {}, minimum, promised),
    }


def promise(first_touch: str, calendar: str) -> str:
    """A promise in words: `first touch in 15 minutes, team hours`."""
    return f"first touch in {first_touch}, " + ("around the clock" if calendar == "always" else f"{calendar} hours")


@dataclass(frozen=True, slots=True)
class _View:
    """The weeks shown, and how old a row must be to be counted in them."""

    frames: Frames
    as_of: datetime
    starts: Sequence[date]
    minimum: int

    @property
    def labels(self) -> list[str]:
        return [f"{day.day} {day:%b}" for day in self.starts]

    def rows(self, unit: d.Unit, anchor: str) -> pl.DataFrame:
        """The rows of these weeks, with `week`."""
        return words(self.frames[unit].filter(Period(_midnight(self.starts[0])).holds(anchor)), ("week",), anchor)

    def lately(self, window: timedelta | None) -> tuple[Period, Period]:
        """The last four whole weeks that are old enough, and the four before."""
        end = min(_midnight(self.starts[-1]), _monday(self.as_of - (window or timedelta())))
        middle = end - LATELY * _WEEK
        return Period(middle - LATELY * _WEEK, middle), Period(middle, end)


@dataclass(frozen=True, slots=True)
class _Times:
    """How long the first touch took: of each week shown, and of the last four whole weeks and the four before."""

    weeks: Sequence[_Read]
    before: _Read
    after: _Read


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _monday(moment: datetime) -> datetime:
    return _midnight(moment.date() - timedelta(days=moment.weekday()))


@dataclass(frozen=True, slots=True)
class _Tile:
    """`said` is the sentence part for the verdict; `moved`: good, bad, or empty for not moved or not known."""

    name: str
    value: str = ""
    unit: str = ""
    delta: str = ""
    moved: str = ""
    target: str = ""
    spark: Sequence[float | None] = ()
    needs: str | None = None

    def as_dict(self) -> Board:
        return {
            "name": self.name, "value": self.value, "unit": self.unit, "delta": self.delta, "tone": self.moved, "target": self.target,
            "spark": list(self.spark), "needs": self.needs,
        }  # fmt: skip


# --- tiles ----------------------------------------------------------------------------------------------------


def _speed_tile(view: _View, times: _Times) -> _Tile:
    """The median of the last four weeks; it moved if the intervals of the two medians do not touch."""
    before, after = times.before, times.after
    tile = _Tile("Speed to lead", spark=[_minutes(row, "p50") for row in times.weeks], target="median, wall clock")
    if after is None or after["n"] < view.minimum:
        return replace(tile, needs=_needs(after["n"] if after else 0, view.minimum, "leads in four whole weeks"))
    if after["p50"] is None:
        return replace(tile, value="–", delta=f"fewer than half of {after['n']} leads touched")
    value, unit = duration(after["p50"]).split(" ")
    tile = replace(tile, value=value, unit=unit)
    if before is None or before["n"] < view.minimum or before["p50"] is None:
        return replace(tile, delta="no earlier weeks to compare with")
    faster, slower = _below(after, before), _below(before, after)
    return replace(tile, moved="good" if faster else "bad" if slower else "", delta=f"{duration(before['p50'])} before")


def _below(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one["p50_high"] is not None and other["p50_low"] is not None and bool(one["p50_high"] < other["p50_low"])


def _rate_tile(view: _View, measure: d.Rate) -> _Tile:
    """The rate of the last four weeks old enough; it moved if the interval of the difference leaves 0 out."""
    weekly = _weekly_rates(view, measure)
    before, after = (_rate(view, measure, period) for period in view.lately(measure.window))
    tile = _Tile(measure.title, spark=[hits / n if n >= WEEKLY else None for hits, n in weekly])
    if after[1] < view.minimum:
        return replace(tile, needs=_needs(after[1], view.minimum, f"{measure.unit} in four whole weeks"))
    low, high = wilson(*after)
    tile = replace(tile, value=f"{100 * after[0] / after[1]:.0f}", unit="%", target=f"{percent(low)} to {percent(high)}, n = {after[1]}")
    if before[1] < view.minimum:
        return replace(tile, delta="no earlier weeks to compare with")
    worst, best = difference(before, after)
    change = 100 * (after[0] / after[1] - before[0] / before[1])
    return replace(tile, delta=f"{signed(change)} points", moved="good" if worst > 0 else "bad" if best < 0 else "")


def _pipeline_tile(view: _View) -> _Tile:
    """A sum has no interval, so no tone is given to its change."""
    weekly = dict(view.rows("opportunities", "opened_at").group_by("week").agg(pl.col("amount").sum()).iter_rows())
    before, after = (_pipeline(view, period) for period in view.lately(None))
    tile = _Tile("Pipeline created", spark=[weekly.get(day, 0.0) for day in view.starts])
    if after[1] == 0:
        return replace(tile, needs="no opportunity from a handoff in four whole weeks yet")
    value, unit = _money(after[0])
    return replace(tile, value=value, unit=unit, delta=f"{' '.join(_money(before[0])).strip()} before", target=f"{after[1]} opportunities")


def _verdict(tiles: Sequence[_Tile]) -> list[dict[str, str]]:
    """One sentence in pieces: what got better, what got worse, what has not moved, what cannot be said yet."""
    groups = {
        "good": [t.name for t in tiles if t.moved == "good"],
        "bad": [t.name for t in tiles if t.moved == "bad"],
        "still": [t.name for t in tiles if not t.moved and not t.needs and t.name != "Pipeline created"],
        "": [t.name for t in tiles if t.needs],
    }
    ends = {"good": "better than four weeks before.", "bad": "worse.", "still": "not moved beyond chance.", "": "not enough data yet."}
    return [{"text": f"{listed(names)}: {ends[tone]}", "tone": tone} for tone, names in groups.items() if names]


# --- panels ---------------------------------------------------------------------------------------------------


def _speed(view: _View, times: _Times) -> Board:
    rows = times.weeks
    n = sum(row["n"] for row in rows if row)
    touched = sum(row["happened"] for row in rows if row)
    return {
        "labels": view.labels,
        "p50": [_minutes(row, "p50") for row in rows],
        "p90": [_minutes(row, "p90") for row in rows],
        "target": None,
        "unit": " min",
        "note": "From the person's own signal to the first touch, nights and weekends included. Untouched leads count as still waiting; "
        "a gap is a week in which that share has not been touched.",
        "takeaway": f"{touched} of {n} people handed over were touched so far (a handoff may have several); "
        "those who still wait are counted as waiting.",
        "needs": None if n >= view.minimum else _needs(n, view.minimum, "leads"),
    }


def _funnel(view: _View) -> Board:
    """One population followed through. Whoever came further has passed every step before, whether we saw it or not."""
    rows = view.rows("handoffs", "opened_at")
    times = [column for _, column in _STEPS]
    reached = [
        rows.select(pl.any_horizontal(pl.col(c).is_not_null() for c in times[i:]).sum()).item() if len(rows) else 0
        for i in range(len(times))
    ]
    steps = [
        {"name": name, "count": int(count), "share": count / reached[0] if reached[0] else 0.0, "rate": count / last if last else None}
        for (name, _), count, last in zip(_STEPS, reached, [0, *reached[:-1]], strict=True)
    ]
    note = f"The handoffs opened in the last {len(view.starts)} weeks, as far as they have come. The young ones are still on their way."
    return {"note": note, "steps": steps, "needs": None if reached[0] >= view.minimum else _needs(reached[0], view.minimum, "handoffs")}


def _cohorts(view: _View) -> Board:
    """A cell is filled once every handoff of its week is that old."""
    rows = view.rows("handoffs", "opened_at")
    age = pl.col("meeting_at") - pl.col("opened_at")
    met = [(age <= timedelta(days=n)).fill_null(False).mean().alias(name) for name, n in AGES.items()]
    found = {row["week"]: row for row in rows.group_by("week").agg(pl.len().alias("n"), *met).iter_rows(named=True)}
    lines = []
    for day, label in zip(view.starts, view.labels, strict=True):
        row = found.get(day)
        if row is not None:
            over = _midnight(day) + _WEEK
            rates = [row[name] if over + timedelta(days=n) <= view.as_of else None for name, n in AGES.items()]
            lines.append({"name": label, "count": row["n"], "rates": rates})
    n = sum(line["count"] for line in lines)
    needs = (
        None if any(rate is not None for line in lines for rate in line["rates"]) else "the first week of handoffs is not a week old yet"
    )
    note = "Share of the handoffs opened in a week with a meeting set by that age. Empty: not that old yet."
    return {"note": note, "ages": list(AGES), "rows": lines, "needs": needs if n else _needs(0, view.minimum, "handoffs")}


def _sla(view: _View, promises: Mapping[str, str]) -> Board:
    rows = view.rows("clocks", "due_at").filter(d.COMPLIANCE.of)
    found = rows.group_by("sla").agg(pl.len().alias("n"), d.COMPLIANCE.hit.sum().alias("met")).sort("sla").iter_rows(named=True)
    lines = []
    for row in found:
        enough = row["n"] >= view.minimum
        low, high = wilson(row["met"], row["n"]) if enough else (None, None)
        line = {"name": row["sla"], "promise": promises.get(row["sla"], ""), "decided": row["n"], "met": row["met"]}
        lines.append({**line, "rate": row["met"] / row["n"] if enough else None, "low": low, "high": high})
    note = f"Clocks that fell due in the last {len(view.starts)} weeks. What is not due yet is not counted; evidence that came late is."
    return {"note": note, "rows": lines, "needs": None if lines else "no clock has fallen due yet"}


# --- counting -------------------------------------------------------------------------------------------------


def _times(view: _View) -> _Times:
    """Off one call for all of them: what a curve costs is the call."""
    columns = ("when", "seconds", "happened")
    weeks = watched(view.rows("leads", "raised_at"), d.SPEED, view.as_of, {})
    parts = [weeks.with_columns(pl.col("week").cast(pl.String).alias("when")).select(columns)]
    for name, period in zip(("before", "after"), view.lately(None), strict=True):
        rows = watched(view.frames["leads"].filter(period.holds("raised_at")), d.SPEED, view.as_of, {})
        parts.append(rows.with_columns(pl.lit(name).alias("when")).select(columns))
    found = {row["when"]: row for row in summary(pl.concat(parts), ["when"], ()).iter_rows(named=True)}
    return _Times([found.get(day.isoformat()) for day in view.starts], found.get("before"), found.get("after"))


def _asked(view: _View, measure: d.Rate, rows: pl.DataFrame) -> pl.DataFrame:
    mature = pl.lit(True) if measure.window is None else pl.col(measure.anchor) <= pl.lit(view.as_of - measure.window, TIME)
    return rows.filter(measure.of & mature)


def _weekly_rates(view: _View, measure: d.Rate) -> list[tuple[int, int]]:
    rows = _asked(view, measure, view.rows(measure.unit, measure.anchor))
    found = {week: (hits, n) for week, hits, n in rows.group_by("week").agg(_hits(measure), pl.len().alias("n")).iter_rows()}
    return [found.get(day, (0, 0)) for day in view.starts]


def _rate(view: _View, measure: d.Rate, period: Period) -> tuple[int, int]:
    rows = _asked(view, measure, view.frames[measure.unit].filter(period.holds(measure.anchor)))
    return int(rows.select(_hits(measure)).item()), len(rows)


def _hits(measure: d.Rate) -> pl.Expr:
    return measure.hit.fill_null(False).sum().cast(pl.Int64).alias("hits")


def _pipeline(view: _View, period: Period) -> tuple[float, int]:
    rows = view.frames["opportunities"].filter(period.holds("opened_at"))
    return float(rows["amount"].sum()), len(rows)


def _minutes(row: Mapping[str, Any] | None, name: str) -> float | None:
    if row is None or row["n"] < WEEKLY or row[name] is None:
        return None
    minutes = row[name] / 60
    return float(round(minutes, 1) if minutes < 10 else round(minutes))


def _money(amount: float) -> tuple[str, str]:
    """An amount short enough for a tile, in the company's own currency: its figure and its unit."""
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g}", unit
    return f"{amount:.0f}", ""


def _needs(n: int, wanted: int, what: str) -> str:
    return f"{n} of {wanted} {what}"


__all__ = ["AGES", "EARLIER", "LATELY", "WEEKLY", "promise", "scoreboard"]
