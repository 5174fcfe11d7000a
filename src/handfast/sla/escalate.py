"""What a due timer owes now. The worker asks this for each timer it has claimed, with the handoff as it stands at that moment.

The rules, all of them:

1. The first touch stops the first-touch clock, an owner the exception clock, the end of the handoff every clock of it. What counts is
   the own time of the touch, not when we heard of it: a call at 10:04 that the telephone system reports at 11:00 stopped the clock at
   10:04. What stops the other kinds is told with them (`stop`).
2. A breach is a fact about the past: it is owed if the clock was not stopped at `due_at` or before, whatever has happened since.
3. Everything else asks somebody to act now: it is owed only if the clock is still running.
4. Reassigning changes the owner and nothing else. The clock runs on.
5. Returning to marketing ends the handoff. After it nothing is owed; it and the last step of the ladder are the ends there are.

Each step fires once: the worker flips its row. Steps fall due in order; `in_order` sorts those that are due together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from handfast.contract.terms import CHANNEL
from handfast.sla.clock import MARKETING, OPS, Action, Kind, Timer

#: The outcome of a handoff that goes back to marketing. No rep can give it; only the ladder does.
RETURNED: Final = "returned"

#: What ends a clock without meeting its promise.
ENDED: Final = frozenset({"closed", "passed_on", "replaced", "waiting", "undone", "ended"})
#: How a clock came out: `met` and `breached` are final; `ended`: the handoff was over before it was due; `running`: none of these yet.
Result = Literal["met", "breached", "ended", "running"]


@dataclass(frozen=True, slots=True)
class Stop:
    """What stopped a clock, and when. `by` is what the store keeps, such as touch, closed, assigned: see `_STOPPED`."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Situation:
    """The handoff as it stands when a timer is due. Times are UTC.

    `manager` is the owner's. `touched_at`: the own time of the first attempt. `assigned_at`: when it last got an owner, or None.
    `stop`: what is recorded to have stopped the clock asked about. `handoff_id` None: a measure of marketing's.
    """

    handoff_id: str | None
    owner: str | None = None
    manager: str | None = None
    assigned_at: datetime | None = None
    touched_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """Do this. `target`: for remind, task and off_rotation the owner's id (or `marketing`), for tell the manager's, `ops` or a channel, for
    offer and reassign a pool, for return_to `marketing`, for breach the owner's id, `ops` or `marketing`, for resume a pause, for
    recycle a reason."""

    kind: Action
    target: str


@dataclass(frozen=True, slots=True)
class NotOwed:
    """Do nothing, for this reason: a sentence for the record."""

    why: str


def stopped(kind: Kind, situation: Situation) -> Stop | None:
    """What stopped the clock first, or None while it runs."""
    stops: list[Stop] = []
    if kind == "first_touch" and situation.touched_at is not None:
        stops.append(Stop(situation.touched_at, "touch"))
    if kind == "exception" and situation.owner is not None and situation.assigned_at is not None:
        stops.append(Stop(situation.assigned_at, "assigned"))
    if kind not in ("first_touch", "exception") and situation.stop is not None:
        stops.append(situation.stop)
    if situation.closed_at is not None and kind != "contact_valid":
        met = kind == "disposition" and situation.outcome != RETURNED
        stops.append(Stop(situation.closed_at, "disposition" if met else "closed"))
    return min(stops, key=lambda stop: stop.at, default=None)


def result(kind: Kind, due_at: datetime, situation: Situation, at: datetime) -> Result:
    """How the clock came out, as known at `at`. A touch at the very moment it is due meets it.

    A touch that we hear of late, but that was made in time, turns `breached` into `met`: ask again when one arrives.
    """
    stop = stopped(kind, situation)
    if stop is None:
        return "breached" if at > due_at else "running"
    if stop.at > due_at:
        return "breached"
    return "ended" if stop.by in ENDED else "met"


def in_order(timers: Iterable[Timer], at: datetime) -> list[Timer]:
    """Those due at `at`, in the order in which they fire: a worker that slept an hour still reminds before it reassigns."""
    return sorted((timer for timer in timers if timer.due_at <= at), key=lambda timer: (timer.due_at, timer.clock_id, timer.step))


def owed(timer: Timer, kind: Kind, situation: Situation, at: datetime) -> Owed | NotOwed:
    """What this timer owes at `at`.

    Args:
        timer: a timer that nobody has settled yet.
        kind: of its clock.
        situation: its handoff as it stands now; for several timers of one handoff, as it stands after the one before.
        at: now, UTC.

    Raises:
        ValueError: the timer is not due yet, or belongs to another handoff.
    """
    if at < timer.due_at:
        raise ValueError(f"timer {timer.id} is due at {timer.due_at.isoformat()}, not yet at {at.isoformat()}")
    if timer.handoff_id != situation.handoff_id:
        raise ValueError(f"timer {timer.id} belongs to handoff {timer.handoff_id}, not {situation.handoff_id}")
    if timer.action == "resume" and situation.closed_at is None:
        return Owed("resume", timer.target)  # whatever its clock does: it is about all that stand still
    if (stop := stopped(kind, situation)) is not None and (timer.action != "breach" or stop.at <= timer.due_at):
        return NotOwed(_why(stop, situation))
    match timer.action:
        case "remind" | "task" | "off_rotation":
            if timer.target == MARKETING:
                return Owed(timer.action, MARKETING)
            if situation.owner is None:
                return NotOwed("Nobody owns the handoff: the exception queue has its own clock.")
            return Owed(timer.action, situation.owner)
        case "tell":
            return Owed("tell", timer.target if timer.target.startswith(CHANNEL) else situation.manager or OPS)
        case "breach":
            return Owed("breach", MARKETING if timer.target == MARKETING else situation.owner or OPS)
        case "offer" | "reassign" | "return_to" | "resume" | "recycle":
            return Owed(timer.action, timer.target)


def _why(stop: Stop, situation: Situation) -> str:
    moment = f"{stop.at:%Y-%m-%d %H:%M:%S} UTC"
    if stop.by == "closed":
        return f"The handoff was closed at {moment}" + (f" as {situation.outcome}." if situation.outcome else ".")
    return f"{_STOPPED.get(stop.by, 'It was stopped')} at {moment}."


_STOPPED: Final[Mapping[str, str]] = {
    "touch": "The first touch was made",
    "next": "The next touch was made",
    "assigned": "It got an owner",
    "accepted": "The owner said yes",
    "passed_on": "It went to another owner",
    "disposition": "An outcome was given",
    "complete": "What was missing is there",
    "answered": "It was answered",
    "contact": "They were reached",
    "waiting": "They are away, and the next step waits for them",
    "undone": "What began it was taken back",
    "ended": "The follow-up ended",
    "replaced": "Another promise has taken its place",
}
