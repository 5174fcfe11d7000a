"""What is measured: frames of facts as they were known at one moment.

Whoever makes the frames (the store, a test) leaves out what was not known then: rows recorded later are absent, times later are null.
Everything here is UTC, `Datetime("us", "UTC")`. Each row carries the words it can be broken down by, as they were at the first assignment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

TIME: Final = pl.Datetime("us", "UTC")
Columns = dict[str, pl.DataType | type[pl.DataType]]

#: What a handoff can be broken down by: its source; team and name of the rep first assigned; contract version; SLA.
WORDS: Final[Columns] = {"source": pl.String, "team": pl.String, "rep": pl.String, "contract": pl.String, "sla": pl.String}

#: One row a person handed over. `source` is of the person's own signal, `raised_at` that signal's own time;
#: the touch, the contact and the meeting are the person's.
LEADS: Final[Columns] = {
    "handoff": pl.String, "person": pl.String, "opener": pl.Boolean, **WORDS, "raised_at": TIME, "joined_at": TIME, "touched_at": TIME,
    "contacted_at": TIME, "meeting_at": TIME, "closed_at": TIME,
}  # fmt: skip
#: One row a handoff. `assigned_at`: its first owner; `owned`: whether it has had one; `qualified_at`: its first opportunity opened;
#: `outcome`: the last one said; `brief_at`: an owner first opened the brief.
HANDOFFS: Final[Columns] = {
    "handoff": pl.String, "party": pl.String, "motion": pl.String, **WORDS, "opened_at": TIME, "assigned_at": TIME, "owned": pl.Boolean,
    "touched_at": TIME, "contacted_at": TIME, "meeting_at": TIME, "qualified_at": TIME, "won_at": TIME, "closed_at": TIME,
    "outcome": pl.String, "reason": pl.String, "brief_at": TIME,
}  # fmt: skip
#: One row a clock, with the times of its handoff that stop it. `terms` is the id of the contract whose `calendar` it is.
#: `breached_at`: when a breach was noticed.
CLOCKS: Final[Columns] = {
    "clock": pl.String, "handoff": pl.String, "kind": pl.String, **WORDS, "terms": pl.String, "calendar": pl.String, "started_at": TIME,
    "due_at": TIME, "breached_at": TIME, "touched_at": TIME, "assigned_at": TIME, "closed_at": TIME,
}  # fmt: skip
#: One row an opportunity that came out of a handoff. `won` is null while it is open.
OPPORTUNITIES: Final[Columns] = {
    "opportunity": pl.String, "handoff": pl.String, **WORDS, "amount": pl.Float64, "opened_at": TIME, "closed_at": TIME, "won": pl.Boolean,
}  # fmt: skip
#: One row a clock of any kind but the exception queue's, as it stood then. `stopped_by` as the store keeps it; `paused_at`: it stands
#: still; `outcome` of its handoff, which is null for marketing's answer on a period.
PROMISES: Final[Columns] = {
    "clock": pl.String, "handoff": pl.String, "kind": pl.String, "terms": pl.String, "calendar": pl.String, "started_at": TIME,
    "due_at": TIME, "stopped_at": TIME, "stopped_by": pl.String, "paused_at": TIME, "outcome": pl.String,
}  # fmt: skip
#: One row a stretch in which the clocks of a handoff stood still; `until` is null while they do.
PAUSES: Final[Columns] = {"handoff": pl.String, "since": TIME, "until": TIME}
#: One row a week or month of marketing's that was measured at `at`. `kept` is null where too little happened to judge.
MEASURED: Final[Columns] = {"kind": pl.String, "period": pl.String, "at": TIME, "kept": pl.Boolean, "why": pl.String}

#: One row an assignment: a leg with an owner. `judged_at`: something first spoke for or against it, `wrong_at`: against it; `how`: what did
#: (`accuracy.EVIDENCE`), what speaks against it first.
ASSIGNMENTS: Final[Columns] = {
    "handoff": pl.String, "leg": pl.Int64, "rule": pl.String, "pool": pl.String, "at": TIME, "judged_at": TIME, "wrong_at": TIME,
    "how": pl.String,
}  # fmt: skip


def _empty(columns: Columns) -> pl.DataFrame:
    return pl.DataFrame(schema=columns)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The frames, each with exactly the columns named above."""

    leads: pl.DataFrame
    handoffs: pl.DataFrame
    clocks: pl.DataFrame
    opportunities: pl.DataFrame
    promises: pl.DataFrame = field(default_factory=lambda: _empty(PROMISES))
    pauses: pl.DataFrame = field(default_factory=lambda: _empty(PAUSES))
    measured: pl.DataFrame = field(default_factory=lambda: _empty(MEASURED))
    assignments: pl.DataFrame = field(default_factory=lambda: _empty(ASSIGNMENTS))


def nothing() -> Facts:
    """No facts at all: an installation before its first handoff."""
    return Facts(*(_empty(columns) for columns in (LEADS, HANDOFFS, CLOCKS, OPPORTUNITIES)))


__all__ = [
    "ASSIGNMENTS",
    "CLOCKS",
    "HANDOFFS",
    "LEADS",
    "MEASURED",
    "OPPORTUNITIES",
    "PAUSES",
    "PROMISES",
    "TIME",
    "WORDS",
    "Columns",
    "Facts",
    "nothing",
]
