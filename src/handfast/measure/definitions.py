"""What each figure means: the one place where a measure is defined. The reference page is written from here and tested against it.

A rate is a question put to one row of a unit: is the row old enough to be asked (`window`), is it one that can be asked (`of`), is the
answer yes (`hit`). A time is watched from `start` to `event`; what has not happened when watching ends is censored, never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import polars as pl

Unit = Literal["leads", "handoffs", "clocks", "recycled", "opportunities"]

#: Below this many rows no figure is given: the answer is "not enough data".
MINIMUM: Final = 30
#: Horizons of a time, in seconds, with the words for them.
WITHIN: Final[dict[int, str]] = {300: "5 min", 900: "15 min", 3600: "1 hour", 86400: "1 day"}
_WILSON: Final = "Wilson score, 95%"
_KM: Final = "Kaplan-Meier, 95% band on the log(-log) scale (Greenwood); nothing touched by then: Wilson on those still watched"


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """One figure. `anchor` is the column whose time decides which period, week or month a row belongs to.

    `window`: a row counts only once its anchor lies this far back. `guard`: the measure to be read beside it, which shows when this one
    is gamed.
    """

    name: str
    title: str
    unit: Unit
    anchor: str
    numerator: str
    denominator: str
    exclusions: str
    interval: str
    source: str
    window: timedelta | None = None
    guard: str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rate(Measure):
    """A share of rows. `of` may be null or False for rows that are not asked; `hit` null counts as no."""

    of: pl.Expr
    hit: pl.Expr


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Time(Measure):
    """How long from `start` to `event`, both columns. `working`: in the clock's calendar instead of on the wall."""

    start: str
    event: str
    working: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sum(Measure):
    """A total of a column."""

    column: str


def _within(event: str, anchor: str, days: int) -> pl.Expr:
    return (pl.col(event) - pl.col(anchor)) <= timedelta(days=days)


SPEED: Final = Time(
    name="speed_to_lead", title="Speed to lead", unit="leads", anchor="raised_at", start="raised_at", event="touched_at",
    numerator="time from the person's own signal to the first touch of that person, on the wall clock",
    denominator="every person handed over; whoever has not been touched counts as waiting until the handoff ended, or until now",
    exclusions="none; a touch dated before the signal (sources that know only the day) counts as 0 seconds",
    interval=_KM, source="Kaplan and Meier 1958; Greenwood 1926", guard="contact_rate",
)  # fmt: skip
FIRST_TOUCH: Final = Time(
    name="time_to_first_touch", title="Time to first touch", unit="handoffs", anchor="opened_at", start="assigned_at", event="touched_at",
    numerator="time from the first assignment to the first touch of anybody in the handoff, on the wall clock",
    denominator="every handoff that has had an owner; a reassignment does not start it anew",
    exclusions="handoffs that never had an owner: see `unassigned`", interval=_KM, source="Kaplan and Meier 1958; Greenwood 1926",
    guard="speed_to_lead",
)  # fmt: skip
ACCOUNTABLE: Final = Time(
    name="response_accountable", title="Response time, accountable", unit="clocks", anchor="started_at", start="started_at",
    event="touched_at",
    working=True,
    numerator="working time from the start of the first-touch clock to the first touch, in that clock's own calendar",
    denominator="every handoff with a first-touch clock", exclusions="handoffs no SLA speaks of",
    interval=_KM, source="Kaplan and Meier 1958; Greenwood 1926; due times as in clocks.md", guard="speed_to_lead",
)  # fmt: skip
COMPLIANCE: Final = Rate(
    name="sla_compliance", title="SLA kept", unit="clocks", anchor="due_at",
    of=(pl.col("kind") == "first_touch") & pl.col("result").is_in(["met", "breached"]), hit=pl.col("result") == "met",
    numerator="first-touch clocks met: a touch at or before the due time, by the touch's own time however late we heard of it",
    denominator="first-touch clocks that fell due in the period, met or breached",
    exclusions="clocks not due yet, met already or not; handoffs that ended untouched before they were due",
    interval=_WILSON, source="Wilson 1927", guard="contact_rate",
)  # fmt: skip
EXCEPTIONS: Final = Rate(
    name="exceptions_in_time", title="Exceptions assigned in time", unit="clocks", anchor="due_at",
    of=(pl.col("kind") == "exception") & pl.col("result").is_in(["met", "breached"]), hit=pl.col("result") == "met",
    numerator="exception clocks met: an owner at or before the due time",
    denominator="exception clocks that fell due in the period, met or breached",
    exclusions="clocks not due yet; handoffs that ended before", interval=_WILSON, source="Wilson 1927",
)  # fmt: skip
CONTACT: Final = Rate(
    name="contact_rate", title="Contacted within 14 days", unit="handoffs", anchor="opened_at", window=timedelta(days=14),
    of=pl.lit(True), hit=_within("contacted_at", "opened_at", 14),
    numerator="handoffs with a two-way exchange within 14 days of opening; a voicemail or a sent e-mail is none",
    denominator="handoffs opened at least 14 days ago, assigned or not", exclusions="handoffs younger than 14 days",
    interval=_WILSON, source="Wilson 1927", guard="sla_compliance",
)  # fmt: skip
MEETING: Final = Rate(
    name="meeting_rate", title="Meeting set within 14 days", unit="handoffs", anchor="opened_at", window=timedelta(days=14),
    of=pl.lit(True), hit=_within("meeting_at", "opened_at", 14),
    numerator="handoffs whose first meeting was set (not: held) within 14 days of opening",
    denominator="handoffs opened at least 14 days ago", exclusions="handoffs younger than 14 days",
    interval=_WILSON, source="Wilson 1927", guard="mql_to_sql",
)  # fmt: skip
_READ: Final = pl.col("brief_at").is_not_null() & (pl.col("brief_at") <= pl.col("touched_at"))
BRIEF_READ: Final = Rate(
    name="brief_opened", title="Brief opened before the first touch", unit="handoffs", anchor="opened_at",
    of=pl.col("touched_at").is_not_null(), hit=_READ,
    numerator="handoffs whose brief an owner opened, on the page or by a link from a notice, at or before the first touch",
    denominator="handoffs that were touched", exclusions="handoffs nobody has touched; what is read in the notice itself leaves no trace",
    interval=_WILSON, source="Wilson 1927", guard="meeting_brief_opened",
)  # fmt: skip
MEETING_READ: Final = Rate(
    name="meeting_brief_opened", title="Meeting set, brief opened before", unit="handoffs", anchor="opened_at", window=timedelta(days=14),
    of=pl.col("touched_at").is_not_null() & _READ, hit=_within("meeting_at", "opened_at", 14),
    numerator="of these, those whose first meeting was set within 14 days of opening",
    denominator="touched handoffs opened at least 14 days ago whose brief was opened before the first touch",
    exclusions="handoffs younger than 14 days; a comparison of what happened, not proof that reading made the difference",
    interval=_WILSON, source="Wilson 1927", guard="meeting_brief_unopened",
)  # fmt: skip
MEETING_UNREAD: Final = Rate(
    name="meeting_brief_unopened", title="Meeting set, brief not opened before", unit="handoffs", anchor="opened_at",
    window=timedelta(days=14), of=pl.col("touched_at").is_not_null() & ~_READ, hit=_within("meeting_at", "opened_at", 14),
    numerator="of these, those whose first meeting was set within 14 days of opening",
    denominator="touched handoffs opened at least 14 days ago whose brief was not opened before the first touch",
    exclusions="handoffs younger than 14 days", interval=_WILSON, source="Wilson 1927", guard="meeting_brief_opened",
)  # fmt: skip
MQL_TO_SQL: Final = Rate(
    name="mql_to_sql", title="MQL to SQL within 30 days", unit="handoffs", anchor="opened_at", window=timedelta(days=30),
    of=pl.lit(True), hit=_within("qualified_at", "opened_at", 30),
    numerator="handoffs with an opportunity opened within 30 days of opening; that, not a status set by hand, is what SQL means here",
    denominator="handoffs opened at least 30 days ago: a cohort, not the handoffs of the month in which the SQLs fell",
    exclusions="handoffs younger than 30 days", interval=_WILSON, source="Wilson 1927", guard="won_90d",
)  # fmt: skip
WON_EVER: Final = Rate(
    name="won_ever", title="Won so far", unit="handoffs", anchor="opened_at", of=pl.lit(True), hit=pl.col("won_at").is_not_null(),
    numerator="handoffs with a won opportunity by now", denominator="every handoff of the cohort, however young",
    exclusions="none: a young cohort can only rise", interval=_WILSON, source="Wilson 1927", guard="won_90d",
)  # fmt: skip
WON_90: Final = Rate(
    name="won_90d", title="Won within 90 days", unit="handoffs", anchor="opened_at", window=timedelta(days=90),
    of=pl.lit(True), hit=_within("won_at", "opened_at", 90), numerator="handoffs with an opportunity won within 90 days of opening",
    denominator="handoffs opened at least 90 days ago", exclusions="handoffs younger than 90 days", interval=_WILSON, source="Wilson 1927",
)  # fmt: skip
RECYCLED: Final = Rate(
    name="recycled_to_sql", title="Recycled to SQL within 90 days", unit="recycled", anchor="closed_at", window=timedelta(days=90),
    of=pl.lit(True), hit=_within("next_qualified_at", "closed_at", 90),
    numerator="recycled handoffs whose party has an opportunity opened within the 90 days after",
    denominator="handoffs recycled at least 90 days ago; each time counts, also of the same party",
    exclusions="handoffs recycled less than 90 days ago",
    interval=_WILSON, source="Wilson 1927",
)  # fmt: skip
PIPELINE: Final = Sum(
    name="pipeline_created", title="Pipeline created", unit="opportunities", anchor="opened_at", column="amount",
    numerator="sum of the amounts of opportunities opened in the period that came out of a handoff, each at its latest known amount",
    denominator="none", exclusions="opportunities without a handoff; those without an amount add nothing and are counted apart",
    interval="none: a sum, not an estimate", source="counted", guard="won_90d",
)  # fmt: skip
NOTICE: Final = Measure(
    name="breach_notice", title="Breach noticed after", unit="clocks", anchor="due_at",
    numerator="seconds from the due time to the moment the breach was noticed: median, 95% and the longest",
    denominator="clocks due in the period whose breach was noticed", exclusions="clocks met or not due",
    interval="none: every breach is counted", source="counted",
)  # fmt: skip

TIMES: Final[tuple[Time, ...]] = (SPEED, FIRST_TOUCH, ACCOUNTABLE)
RATES: Final[tuple[Rate, ...]] = (
    COMPLIANCE, EXCEPTIONS, CONTACT, MEETING, BRIEF_READ, MEETING_READ, MEETING_UNREAD, MQL_TO_SQL, WON_EVER, WON_90, RECYCLED,
)  # fmt: skip
MEASURES: Final[tuple[Measure, ...]] = (
    SPEED, FIRST_TOUCH, ACCOUNTABLE, COMPLIANCE, EXCEPTIONS, NOTICE, CONTACT, MEETING, BRIEF_READ, MEETING_READ, MEETING_UNREAD,
    MQL_TO_SQL, WON_EVER, WON_90, RECYCLED, PIPELINE,
)  # fmt: skip
#: What is counted, with what it means.
COUNTS: Final[dict[str, str]] = {
    "handoffs": "handoffs opened in the period",
    "leads": "people handed over who raised their hand in the period",
    "joined": "of these leads, those who joined a handoff that was open already",
    "touched": "of these leads, those touched themselves",
    "unassigned": "of these handoffs, those open and without an owner: the exception queue",
    "open": "of these handoffs, those still open",
    "meetings": "of these handoffs, those with a meeting set",
    "recycled": "of these handoffs, those recycled",
    "disqualified": "of these handoffs, those disqualified",
    "returned": "of these handoffs, those returned to marketing",
    "clocks_open": "clocks due in the period or later that are still running",
}

__all__ = [
    "ACCOUNTABLE", "BRIEF_READ", "COMPLIANCE", "CONTACT", "COUNTS", "EXCEPTIONS", "FIRST_TOUCH", "MEASURES", "MEETING", "MEETING_READ",
    "MEETING_UNREAD", "MINIMUM", "MQL_TO_SQL", "NOTICE", "PIPELINE", "RATES", "RECYCLED", "SPEED", "TIMES", "WITHIN", "WON_90", "WON_EVER",
    "Measure", "Rate", "Sum", "Time", "Unit",
]  # fmt: skip
