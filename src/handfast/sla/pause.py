"""Clocks that stand still: for a reason the contract knows, and not for longer than it allows.

What was left in working time when a clock stopped is left when it runs on: nobody gains by a pause, and nobody loses. A pause ends when
somebody says so, and by itself at its limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Pause
from handfast.problem import Place, Problem, one_of
from handfast.sla.clock import due
from handfast.worktime import Hours


@dataclass(frozen=True, slots=True)
class Paused:
    """A stretch in which the clocks of a handoff stood still; `until` is None while they do, and then `ends_at` is when they run on at the
    latest."""

    since: datetime
    until: datetime | None
    reason: str
    waits_for: str = "prospect"
    ends_at: datetime | None = None
    note: str = ""


def allowed(agreement: Agreement, handoff_id: str, reason: str) -> Pause | Problem:
    """The terms of a pause for this reason, or why there is none."""
    terms: Mapping[str, Pause] = agreement.contract.pauses
    place = Place(f"handoff {handoff_id}", part="reason")
    if not terms:
        return Problem(place, "the contract knows no reason for which clocks may stand still", "Declare one under `pauses:`.")
    if reason not in terms:
        return Problem(place, f"'{reason}' is no reason to let clocks stand still", one_of(terms, word=reason))
    return terms[reason]


def limit(agreement: Agreement, calendar: str, terms: Pause, at: datetime) -> datetime:
    """When a pause that begins at `at` ends by itself, in the hours of the calendar."""
    return due(agreement.hours(calendar), at, terms.at_most)


def moved(hours: Hours, due_at: datetime, since: datetime, until: datetime) -> datetime:
    """The due time of a clock that stood still from `since` to `until`: what working time was left then is left now."""
    return hours.worked_off(until, hours.elapsed(since, due_at))


__all__ = ["Paused", "allowed", "limit", "moved"]
