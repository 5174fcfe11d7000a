"""Why a clock is due when it is, in plain sentences, for `handfast why` and the page of a handoff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from handfast.contract.agreement import Agreement
from handfast.contract.own_hours import read
from handfast.contract.terms import Duration
from handfast.contract.week import week_text
from handfast.sla.clock import Clock, Kind, promised
from handfast.sla.pause import Paused
from handfast.worktime import Counted, Hours

#: What falls due, by the kind of clock.
WHAT: Final[Mapping[Kind, str]] = {
    "first_touch": "First touch",
    "exception": "An owner",
    "accept": "The owner's yes",
    "next_touch": "The next touch",
    "disposition": "An outcome",
    "context_complete": "The missing context",
    "contact_valid": "An address that works",
    "volume": "Marketing's answer on the volume",
    "false_positives": "Marketing's answer on the false positives",
}


def explain_due(agreement: Agreement, clock: Clock, pauses: Sequence[Paused] = (), paused_at: datetime | None = None) -> str:
    """Why it is due then, in sentences: the hours that counted and the days that did not, on the wall clock of its calendar.

    `pauses`: when the clocks of its handoff stood still. `paused_at`: it stands still since then, and falls due when it has run on.
    """
    hours = agreement.hours(clock.calendar)
    within = promised(agreement, clock)
    zone = ZoneInfo(hours.zone)
    if paused_at is not None and paused_at < clock.due_at:
        return _standing(clock, within, hours, pauses, paused_at)
    said = [f"{WHAT[clock.kind]} is due {_wall(clock.due_at, zone)} ({hours.zone}), {within} after {_wall(clock.started_at, zone)}."]
    stretches = _running(clock, pauses)
    if within.is_working_time:
        said.append(_counted([piece for start, end in stretches for piece in hours.counted(start, end).open], zone))
    elif within.amount and len(stretches) == 1:
        said.append(f"Days are counted on the calendar{_moved(hours, clock, within, zone)}.")
    said.extend(_whose(clock.calendar))
    said.extend(_still(pause, zone) for pause in pauses if pause.since < clock.due_at and (pause.until or clock.due_at) > clock.started_at)
    said.extend(_special(hours.counted(clock.started_at, clock.due_at), zone))
    return " ".join(said)


def _standing(clock: Clock, within: Duration, hours: Hours, pauses: Sequence[Paused], since: datetime) -> str:
    """Of a clock that stands still: since when, why, until when at the latest, how much is left and what has counted so far."""
    zone = ZoneInfo(hours.zone)
    pause = next((one for one in pauses if one.until is None), None)
    why = f": {pause.reason.replace('_', ' ')}{f', {pause.note}' if pause.note else ''}" if pause else ""
    said = [f"{WHAT[clock.kind]} stands still since {_wall(since, zone)} ({hours.zone}){why.rstrip('.')}."]
    if pause is not None and pause.ends_at is not None:
        said.append(f"It runs on by itself {_wall(pause.ends_at, zone)} at the latest.")
    left = hours.elapsed(since, clock.due_at)
    said.append(f"{_seconds(left)} of working time are left, of {within} from {_wall(clock.started_at, zone)}.")
    if within.is_working_time:
        stretches = [(start, min(end, since)) for start, end in _running(clock, pauses) if start < since]
        counted = [piece for start, end in stretches for piece in hours.counted(start, end).open]
        said.append(_counted(counted, zone).replace("Counted:", "Counted so far:") if counted else "Nothing has counted so far.")
    said.extend(_whose(clock.calendar))
    said.extend(_still(one, zone) for one in pauses if one.until is not None and one.until > clock.started_at)
    return " ".join(said)


def _running(clock: Clock, pauses: Sequence[Paused]) -> list[tuple[datetime, datetime]]:
    """The stretches between start and due in which it did not stand still."""
    stretches, at = [], clock.started_at
    for pause in sorted(pauses, key=lambda one: one.since):
        if at < pause.since < clock.due_at:
            stretches.append((at, pause.since))
        at = max(at, pause.until or clock.due_at)
    return [*stretches, (at, clock.due_at)] if at < clock.due_at else stretches or [(clock.started_at, clock.due_at)]


def _still(pause: Paused, zone: ZoneInfo) -> str:
    until = f"to {_wall(pause.until, zone)}" if pause.until else "on"
    return f"It stood still from {_wall(pause.since, zone)} {until} ({pause.reason.replace('_', ' ')})."


def _counted(stretches: Sequence[tuple[datetime, datetime]], zone: ZoneInfo) -> str:
    """The open hours that counted. Long clocks name the first and the last two stretches only."""
    pieces = [_piece(start, end, zone) for start, end in stretches]
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
    return _seconds(int((end - start).total_seconds()))


def _seconds(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min" if not rest else f"{minutes} min {rest} s"


def _moved(hours: Hours, clock: Clock, within: Duration, zone: ZoneInfo) -> str:
    """Says so where the day it ends on is closed at that time."""
    local = clock.started_at.astimezone(zone)
    due_local = clock.due_at.astimezone(zone)
    if (due_local.date() - local.date()).days == within.minutes // 1440 and due_local.time() == local.time():
        return ""
    return ", and where they end in closed time it is the next opening" if hours.is_open(clock.due_at) else ""


def _whose(calendar: str) -> list[str]:
    """Whose hours these are, where they are a rep's own: as they were known when the clock began."""
    own = read(calendar)
    if own is None:
        return []
    week = f"their own week ({week_text(own.week)})" if own.week is not None else "the team's week"
    days = f"the holidays of {own.holidays}" if own.holidays else "the team's holidays"
    return [f"The hours are the owner's, as known then: {week}, {days}, on the clocks of {own.zone}."]


def _special(counted: Counted, zone: ZoneInfo) -> list[str]:
    names = {"holiday": "a holiday", "closed": "closed by the calendar", "open": "with hours of its own"}
    days = [f"{day.day:%a} {day.day.day} {day.day:%b %Y} ({day.name or names[day.kind]})" for day in counted.special if day.kind != "open"]
    days += [f"{_wall(start, zone)} to {_wall(end, zone)} (the owner is away)" for start, end in counted.away]
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


__all__ = ["WHAT", "explain_due"]
