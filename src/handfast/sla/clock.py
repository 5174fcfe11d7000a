"""The clock of a handoff: when the first touch is due, and what happens on the way there and after.

A clock belongs to the handoff, not to its owner: it starts when the signal that made the handoff was received and is never reset, whoever
owns it later. Everything about it is a function of the contract and its start, so it can be computed again and will be the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Duration, Sla, Step
from handfast.facts import stable_id
from handfast.routing.ownership import answers
from handfast.worktime import Counted, Hours

Kind = Literal["first_touch", "exception"]
Action = Literal["remind", "tell", "reassign", "return_to", "breach"]

#: The name under which the exception queue's clock is kept and counted.
EXCEPTIONS: Final = "exceptions"
#: Who minds the exception queue, and whoever has no manager.
OPS: Final = "ops"


@dataclass(frozen=True, slots=True)
class Timer:
    """One thing a clock will ask for, once. `step` counts from 0 in the order of firing; `due_at` is UTC."""

    id: str
    clock_id: str
    handoff_id: str
    step: int
    action: Action
    target: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline with its calendar. `sla` names the contract's SLA, or `exceptions`; times are UTC."""

    id: str
    handoff_id: str
    kind: Kind
    sla: str
    calendar: str
    started_at: datetime
    due_at: datetime
    timers: tuple[Timer, ...]


def choose(agreement: Agreement, frame: pl.DataFrame) -> list[int | None]:
    """The place, in the contract's list, of the first SLA that holds for each row; None where none does.

    An SLA without a condition always holds. One whose condition cannot be known does not, and the next is asked.

    Args:
        agreement: the SLAs in the order in which they are asked.
        frame: a row for each handoff: the contract's fields, `next_step` (text), `fit` (points), `intent` (points), `source` (text).
    """
    return [next((place for place, answer in enumerate(row) if answer), None) for row in answers(agreement.sla, frame)]


def start(agreement: Agreement, index: int, handoff_id: str, started_at: datetime) -> Clock:
    """The first-touch clock under the SLA at `index`, with the steps of its ladder and the breach itself as timers.

    Raises:
        BeyondCalendarError: the calendar does not open for long enough.
    """
    sla = agreement.contract.sla[index]
    hours = agreement.hours(sla.calendar)
    due_at = due(hours, started_at, sla.first_touch)
    steps = [(due(hours, started_at, step.after), step.action, _target(step)) for step in sla.ladder]
    clock = Clock(_id(handoff_id, "first_touch"), handoff_id, "first_touch", sla.name, sla.calendar, started_at, due_at, ())
    return _with_timers(clock, [(due_at, "breach", "owner"), *steps])


def start_exception(agreement: Agreement, handoff_id: str, at: datetime) -> Clock:
    """The clock of a handoff that nobody could take, in the team's hours, from the moment it came to stand in the exception queue.

    It has one timer, its breach, which is for ops to hear. It stops when the handoff gets an owner.
    """
    due_at = due(agreement.hours("team"), at, agreement.contract.routing.exceptions_within)
    clock = Clock(_id(handoff_id, "exception"), handoff_id, "exception", EXCEPTIONS, "team", at, due_at, ())
    return _with_timers(clock, [(due_at, "breach", OPS)])


def due(hours: Hours, started_at: datetime, after: Duration) -> datetime:
    """When `after` has passed: minutes and hours count open time, days and weeks the calendar and then the next opening."""
    if after.is_working_time:
        return hours.due(started_at, after.minutes)
    return hours.due_after_days(started_at, after.minutes // 1440)


def explain_due(agreement: Agreement, clock: Clock) -> str:
    """Why it is due then, in sentences: the hours that counted and the days that did not, on the wall clock of its calendar."""
    hours = agreement.hours(clock.calendar)
    within = _promised(agreement, clock)
    counted = hours.counted(clock.started_at, clock.due_at)
    zone = ZoneInfo(hours.zone)
    what = "First touch" if clock.kind == "first_touch" else "An owner"
    said = [f"{what} is due {_wall(clock.due_at, zone)} ({hours.zone}), {within} after {_wall(clock.started_at, zone)}."]
    if within.is_working_time:
        said.append(_counted(counted, zone))
    elif within.amount:
        said.append(f"Days are counted on the calendar{_moved(hours, clock, within, zone)}.")
    said.extend(_special(counted))
    return " ".join(said)


def _target(step: Step) -> str:
    target = getattr(step, step.action)
    assert isinstance(target, str)
    return target


def _id(handoff_id: str, kind: Kind) -> str:
    return stable_id("clk", handoff_id, kind)


def _with_timers(clock: Clock, steps: Iterable[tuple[datetime, Action, str]]) -> Clock:
    """Numbers the steps as they fire: by due time, and at the same moment in the order given, which is the breach, then as listed."""
    ordered = sorted(steps, key=lambda step: step[0])
    timers = tuple(
        Timer(stable_id("tmr", clock.id, str(number)), clock.id, clock.handoff_id, number, action, target, moment)
        for number, (moment, action, target) in enumerate(ordered)
    )
    return replace(clock, timers=timers)


def _promised(agreement: Agreement, clock: Clock) -> Duration:
    if clock.kind == "exception":
        return agreement.contract.routing.exceptions_within
    sla: Sla | None = next((sla for sla in agreement.contract.sla if sla.name == clock.sla), None)
    if sla is None:
        raise ValueError(f"the contract has no SLA '{clock.sla}'; the clock was started under another contract")
    return sla.first_touch


def _counted(counted: Counted, zone: ZoneInfo) -> str:
    """The open hours that counted. Long clocks name the first and the last two stretches only."""
    pieces = [_piece(start, end, zone) for start, end in counted.open]
    if not pieces:
        return "No working time was needed."
    if len(pieces) > 6:
        pieces = [*pieces[:2], f"{len(pieces) - 4} more", *pieces[-2:]]
    return f"Counted: {', '.join(pieces)}."


def _piece(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    local_start, local_end = start.astimezone(zone), end.astimezone(zone)
    until = _time(local_end) if local_end.date() == local_start.date() else _wall(end, zone)
    return f"{_wall(start, zone)} to {until} ({_length(start, end)})"


def _length(start: datetime, end: datetime) -> str:
    seconds = int((end - start).total_seconds())
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min" if not rest else f"{minutes} min {rest} s"


def _moved(hours: Hours, clock: Clock, within: Duration, zone: ZoneInfo) -> str:
    """Says so where the day it ends on is closed at that time."""
    local = clock.started_at.astimezone(zone)
    due_local = clock.due_at.astimezone(zone)
    if (due_local.date() - local.date()).days == within.minutes // 1440 and due_local.time() == local.time():
        return ""
    return ", and where they end in closed time it is the next opening" if hours.is_open(clock.due_at) else ""


def _special(counted: Counted) -> list[str]:
    names = {"holiday": "a holiday", "closed": "closed by the calendar", "open": "with hours of its own"}
    days = [f"{day.day:%a} {day.day.day} {day.day:%b %Y} ({day.name or names[day.kind]})" for day in counted.special if day.kind != "open"]
    opened = [f"{day.day:%a} {day.day.day} {day.day:%b %Y}" for day in counted.special if day.kind == "open"]
    said = [f"Not counted: {', '.join(days)}."] if days else []
    return [*said, f"Hours of their own: {', '.join(opened)}."] if opened else said


def _wall(moment: datetime, zone: ZoneInfo) -> str:
    """`Fri 2 Jan 2026 16:30` on the wall clock of that zone."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y} {_time(local)}"


def _time(local: datetime) -> str:
    """`16:30`, with seconds where there are any."""
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
