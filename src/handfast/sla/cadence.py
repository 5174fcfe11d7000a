"""The follow-up sequence: which attempt comes next, and when; or why there is none.

Everything is a function of the contract and of what happened, so a touch taken back or heard of late changes the answer and nothing else.
Every attempt counts as one step, whichever channel it used: the plan says what comes next, the rep may know better.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from handfast.contract.agreement import Agreement
from handfast.contract.own_hours import OwnHours
from handfast.contract.terms import FollowUp
from handfast.sla.clock import calendar_of, due

Ended = Literal["contact", "meeting", "opt_out", "steps_made", "closed"]


@dataclass(frozen=True, slots=True)
class Happened:
    """What is known of a handoff in follow-up. `attempts` are the times of its touches in order; times are UTC, None: it did not happen.

    `away_until`: an absence reply said so, or was taken to say so.
    """

    attempts: tuple[datetime, ...] = ()
    contacted_at: datetime | None = None
    meeting_at: datetime | None = None
    opted_out_at: datetime | None = None
    away_until: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sequence has come. `falls_due_at`: when the next step does; None where it has ended, or waits for the first touch.

    `waits_for_return`: the next step was put off until they are back.
    """

    made: int
    falls_due_at: datetime | None = None
    waits_for_return: bool = False
    ended: Ended | None = None
    ended_at: datetime | None = None


def progress(agreement: Agreement, happened: Happened, own: OwnHours | None = None) -> Progress:
    """Where the sequence of the contract stands. `own`: the owner's hours as known then, for the calendar `rep`.

    Raises:
        ValueError: the contract has no follow-up.
    """
    plan = agreement.contract.follow_up
    if plan is None:
        raise ValueError("the contract has no follow-up")
    made = min(len(happened.attempts), len(plan.steps))
    if (end := _end(plan, happened)) is not None:
        return Progress(made, ended=end[1], ended_at=end[0])
    if made == 0:
        return Progress(0)
    if made == len(plan.steps):
        return Progress(made, ended="steps_made", ended_at=happened.attempts[made - 1])
    hours = agreement.hours(calendar_of(plan.calendar, own))
    falls_due = due(hours, happened.attempts[-1], plan.steps[made].wait)
    if happened.away_until is not None and happened.away_until > falls_due:
        return Progress(made, hours.next_opening(happened.away_until), waits_for_return=True)
    return Progress(made, falls_due)


def _end(plan: FollowUp, happened: Happened) -> tuple[datetime, Ended] | None:
    """What ended it first."""
    ends: list[tuple[datetime, Ended]] = []
    if happened.closed_at is not None:
        ends.append((happened.closed_at, "closed"))
    if "meeting" in plan.stop_on and happened.meeting_at is not None:
        ends.append((happened.meeting_at, "meeting"))
    if "contact" in plan.stop_on and happened.contacted_at is not None:
        ends.append((happened.contacted_at, "contact"))
    if "opt_out" in plan.stop_on and happened.opted_out_at is not None:
        ends.append((happened.opted_out_at, "opt_out"))
    return min(ends, default=None)


__all__ = ["Ended", "Happened", "Progress", "progress"]
