"""How each kind of clock was kept, by the month it fell due in: Sales' promises and marketing's, by the same rule and side by side.

The traps that the rule avoids: what is not due yet is not counted, also where it is met already, so that the quick ones do not make the
figure look better than it is; what was never done counts as missed from its due time on, and in the times as still waiting; a handoff that
ended before a clock was due says nothing about it; the time a clock stood still is not counted as used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import polars as pl

from handfast.measure.cohort import Period
from handfast.measure.facts import TIME, Facts
from handfast.measure.interval import wilson
from handfast.measure.survival import summary
from handfast.measure.working import Calendars, working_seconds
from handfast.sla.clock import PAUSABLE, Kind
from handfast.sla.escalate import ENDED, RETURNED

Row = Mapping[str, Any]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of clock as the report knows it. `counted`: what a row is; `kept`: when it is; `left_out`: what says nothing about it."""

    kind: Kind
    title: str
    owed_by: Literal["sales", "marketing"]
    counted: str
    kept: str
    left_out: str


_OVER: Final = "handoffs that ended before it was due"
#: In the order of the way from the signal to the outcome, then marketing's own.
ASKED: Final[tuple[Asked, ...]] = (
    Asked("accept", "The owner's yes", "sales", "clocks: one an owner", "that owner said yes, or touched it, in time",
          f"{_OVER}, or went to another owner before"),
    Asked("first_touch", "First touch", "sales", "clocks", "the first attempt was made in time, by its own time however late we heard",
          _OVER),
    Asked("next_touch", "Next touch", "sales", "clocks: one after each touch, or each step of the follow-up",
          "the next touch came in time", f"{_OVER}; sequences that ended, or wait for somebody to be back; touches taken back"),
    Asked("disposition", "An outcome", "sales", "clocks", "somebody said in time what became of it",
          "handoffs that a ladder returned before it was due; what began it was taken back"),
    Asked("context_complete", "Context complete", "marketing", "clocks: one a handoff that lacked something",
          "all that was missing was there in time", _OVER),
    Asked("contact_valid", "Contact data valid", "marketing", "clocks: one an address that bounced, or data a rep called wrong",
          "another address or number was there in time, or they were reached", "nothing: the end of a handoff mends no address"),
    Asked("volume", "Volume in its band", "marketing", "weeks or months", "so many handoffs as the band allows", "none"),
    Asked("false_positives", "False positives", "marketing", "weeks or months",
          "no larger share was disqualified for fit or data than promised", "periods in which too few were closed to judge"),
)  # fmt: skip
#: Those measured once a period: what is counted are periods, and the clock is on marketing's answer for those outside the bounds.
_PERIODIC: Final = ("volume", "false_positives")
_STATES: Final = ("kept", "missed", "open", "early", "ended")


def clocks_kept(facts: Facts, as_of: datetime, period: Period, calendars: Calendars, minimum: int, promised: Sequence[str]) -> list[Entry]:
    """One entry a kind, in the order of `ASKED`.

    Args:
        facts: as known at `as_of` (UTC).
        period: by when a clock fell, or falls, due; periods by when they were measured.
        calendars: the hours of each contract's calendars; without them no time used is given.
        minimum: fewer rows than this give no figure.
        promised: the kinds for which the contract in force makes a promise.

    Returns: `kind`, `title`, `owed_by`, `counted`, `promised`; how many are `kept`, `missed` (of them `still_open`), `open` (not due yet),
    `early` (met, and counted once they would have been due) and `ended` (they say nothing); `rate` (kept of kept and missed, with its
    interval); `used` (`p50` and `p90` seconds of working time until it was met, what was not met yet counting as waiting); `months`, each
    with the same; `answers` of what is measured once a period: how marketing's answer was kept; and `why`: what there is instead of rows.
    """
    rows = _worked(_states(facts.promises, as_of), facts.pauses, as_of, calendars)
    came_out = _CameOut(rows.filter(period.holds("due_at")), minimum)
    measured = facts.measured.filter(period.holds("at"))
    return [
        _periodic(one, measured, came_out, minimum, promised=one.kind in promised)
        if one.kind in _PERIODIC
        else _entry(one, came_out, promised=one.kind in promised)
        for one in ASKED
    ]


# --- how each came out --------------------------------------------------------------------------------------------


def _states(clocks: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """With `state`, as `sla.escalate.result` says it, and `month` of the due time."""
    stop, due = pl.col("stopped_at"), pl.col("due_at")
    outcome = (pl.col("kind") == "disposition") & (pl.col("stopped_by") == "closed") & (pl.col("outcome") != RETURNED).fill_null(False)
    ended = pl.col("stopped_by").is_in(list(ENDED)) & ~outcome
    running = pl.when((due < as_of) & pl.col("paused_at").is_null()).then(pl.lit("missed")).otherwise(pl.lit("open"))
    state = (
        pl.when(stop.is_null())
        .then(running)
        .when(stop > due)
        .then(pl.lit("missed"))
        .when(ended)
        .then(pl.lit("ended"))
        .when(due > as_of)
        .then(pl.lit("early"))
        .otherwise(pl.lit("kept"))
    )
    month = due.dt.truncate("1mo").dt.date().alias("month")
    return clocks.with_columns(state.alias("state"), (stop.is_not_null() & ~ended).alias("happened"), month)


def _worked(rows: pl.DataFrame, pauses: pl.DataFrame, as_of: datetime, calendars: Calendars) -> pl.DataFrame:
    """With `seconds` of working time from the start to the stop, or until now, less what it stood still."""
    ended = rows.with_columns(pl.coalesce("stopped_at", pl.lit(as_of, TIME)).alias("_end"))
    ended = ended.with_columns(pl.max_horizontal("_end", "started_at").alias("_end"))
    whole = ended.with_columns(working_seconds(ended, "started_at", "_end", calendars))
    still = whole.filter(pl.col("kind").is_in(PAUSABLE)).join(pauses, on="handoff").with_columns(
        pl.max_horizontal("since", "started_at").alias("_from"),
        pl.min_horizontal(pl.coalesce("until", pl.lit(as_of, TIME)), "_end").alias("_until"),
    ).filter(pl.col("_from") < pl.col("_until"))  # fmt: skip
    if not len(still):
        return whole.drop("_end")
    lost = (
        still.select("clock", working_seconds(still, "_from", "_until", calendars).alias("lost"))
        .group_by("clock")
        .agg(pl.col("lost").sum())
    )
    less = (pl.col("seconds") - pl.col("lost").fill_null(0)).clip(lower_bound=0)
    return whole.join(lost, on="clock", how="left").with_columns(less.alias("seconds")).drop("_end", "lost")


# --- figures ------------------------------------------------------------------------------------------------------


class _CameOut:
    """How clocks came out, counted at once for every kind and month: asked one by one, each figure would be a query of its own."""

    def __init__(self, rows: pl.DataFrame, minimum: int) -> None:
        self._minimum = minimum
        still = ((pl.col("state") == "missed") & pl.col("stopped_at").is_null()).sum()
        of = ("kind", "month", "state")
        self._counts = rows.group_by(of).agg(pl.len().alias("n"), still.alias("still_open")).rows()
        seen = rows.filter(pl.col("seconds").is_not_null()).select("kind", "month", "seconds", "happened")
        self._seen = seen.group_by("kind", "month").agg(pl.len().alias("n"), pl.col("happened").sum().alias("met")).rows()
        by_month = summary(seen, ["kind", "month"], ()).iter_rows(named=True)
        by_kind = summary(seen, ["kind"], ()).iter_rows(named=True)
        self._times: dict[tuple[str, date | None], Row] = {(row["kind"], row.get("month")): row for row in (*by_month, *by_kind)}

    def months(self, kind: str) -> list[date]:
        """Those in which any of a kind fell due, in order."""
        return sorted({month for one, month, *_ in self._counts if one == kind and month is not None})

    def figures(self, kind: str, month: date | None = None) -> Entry:
        """Counts, the rate and the time used of a kind, in one month or in all."""
        found: Entry = dict.fromkeys((*_STATES, "still_open"), 0)
        for one, when, state, n, still_open in self._counts:
            if one == kind and month in (None, when):
                found[state] += n
                found["still_open"] += still_open
        return {**found, "rate": rate(found["kept"], found["kept"] + found["missed"], self._minimum), "used": self._used(kind, month)}

    def _used(self, kind: str, month: date | None) -> Entry:
        """The half and nine tenths of them, by the Kaplan-Meier curve."""
        seen = [(n, met) for one, when, n, met in self._seen if one == kind and month in (None, when)]
        n, happened = (sum(column) for column in zip(*seen, strict=True)) if seen else (0, 0)
        none = {"value": None, "low": None, "high": None}
        if n < self._minimum or not n:
            why = f"not enough data: {n} of {self._minimum}"
            return {"n": n, "happened": happened, "p50": {**none, "why": why}, "p90": {**none, "why": why}}
        row = self._times[kind, month]
        said: Entry = {"n": n, "happened": happened}
        never = f"not reached: {happened} of {n} met, the rest not watched long enough or never"
        for name in ("p50", "p90"):
            high = row[f"{name}_high"] if row[name] is not None else None
            said[name] = {"value": row[name], "low": row[f"{name}_low"], "high": high, "why": None if row[name] is not None else never}
        return said

    def any_of(self, kind: str) -> bool:
        return any(one == kind for one, *_ in self._counts)


def _entry(asked: Asked, came_out: _CameOut, *, promised: bool) -> Entry:
    months = [{"month": f"{month:%Y-%m}", **came_out.figures(asked.kind, month)} for month in came_out.months(asked.kind)]
    return {
        **_head(asked, promised=promised),
        **came_out.figures(asked.kind),
        "months": months,
        "answers": None,
        "why": _why(came_out.any_of(asked.kind), promised=promised),
    }


def _head(asked: Asked, *, promised: bool) -> Entry:
    return {"kind": asked.kind, "title": asked.title, "owed_by": asked.owed_by, "counted": asked.counted, "promised": promised}


def _why(there: bool, *, promised: bool) -> str | None:
    if there:
        return None
    return "nothing fell due in this period" if promised else "the contract makes no such promise"


def rate(hits: int, n: int, minimum: int) -> Entry:
    """A share with its interval, or why there is none."""
    figure: Entry = {"value": None, "low": None, "high": None, "hits": hits, "n": n, "why": None}
    if n < minimum:
        return figure | {"why": f"not enough data: {n} of {minimum}"}
    low, high = wilson(hits, n)
    return figure | {"value": round(hits / n, 6), "low": round(low, 6), "high": round(high, 6)}


def _periodic(asked: Asked, measured: pl.DataFrame, came_out: _CameOut, minimum: int, *, promised: bool) -> Entry:
    """What is measured once a period: periods within their bounds; and how marketing answered for the others."""
    rows = measured.filter(pl.col("kind") == asked.kind).sort("at")
    answers = came_out.figures(asked.kind)
    # A period is measured as soon as it is over: its last day lies the day before.
    month = (pl.col("at") - pl.duration(days=1)).dt.truncate("1mo").dt.date()
    months = [
        {"month": f"{when:%Y-%m}", **_periods(mine, minimum), "used": None}
        for (when,), mine in sorted(rows.with_columns(month.alias("month")).group_by("month"), key=lambda pair: str(pair[0][0]))
        if isinstance(when, date)
    ]
    found = {**_head(asked, promised=promised), **_periods(rows, minimum), "used": answers["used"], "months": months}
    latest = rows["why"].to_list()[-1:]
    return {**found, "answers": answers, "latest": latest[0] if latest else None, "why": _why(len(rows) > 0, promised=promised)}


def _periods(rows: pl.DataFrame, minimum: int) -> Entry:
    kept, missed = (int((rows["kept"] == value).sum()) for value in (True, False))
    # Weeks and months are few; a share of three of them is what there is, and its interval says how little that is.
    figure = rate(kept, kept + missed, min(minimum, 1))
    return {
        "kept": kept,
        "missed": missed,
        "open": 0,
        "early": 0,
        "ended": int(rows["kept"].is_null().sum()),
        "still_open": 0,
        "rate": figure,
    }


__all__ = ["ASKED", "Asked", "clocks_kept", "rate"]
