"""Clocks: when something is due, and what happens on the way there and after.

A clock belongs to the handoff, not to its owner: the first touch is due from when the signal that made the handoff was received, and is
never reset, whoever owns it later. Only `accept` is asked of each owner anew. Everything about a clock is a function of the contract and
its start, so it can be computed again and will be the same.

| kind | starts | stops |
|---|---|---|
| `first_touch` | with the handoff | the first attempt |
| `accept` | with each owner | that owner says yes, or touches it; another owner |
| `next_touch` | a step of the follow-up falls due; without one, with each touch | the next touch, a contact that ends the sequence |
| `disposition` | nothing else is awaited: a contact, or the last step | an outcome |
| `exception` | nobody could take it | an owner |
| `context_complete`, `contact_valid` | something is missing, or bounced | marketing puts it right |
| `volume`, `false_positives` | a period ended outside its bounds | marketing answers |

The end of the handoff stops all of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Literal, get_args

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.own_hours import REP, OwnHours, stored
from handfast.contract.terms import Duration, Sla, Step, Target
from handfast.facts import stable_id
from handfast.routing.ownership import answers
from handfast.worktime import Hours

Kind = Literal[
    "first_touch", "exception", "accept", "next_touch", "disposition", "context_complete", "contact_valid", "volume", "false_positives"
]
Action = Literal["remind", "tell", "offer", "reassign", "off_rotation", "return_to", "breach", "task", "resume", "recycle"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
#: What marketing owes; the others are owed by Sales.
MARKETINGS: Final[frozenset[Kind]] = frozenset({"context_complete", "contact_valid", "volume", "false_positives"})
#: Those of a handoff in work, which stand still together.
PAUSABLE: Final[tuple[Kind, ...]] = ("first_touch", "accept", "next_touch", "disposition")

#: The name under which the exception queue's clock is kept and counted.
EXCEPTIONS: Final = "exceptions"
#: And those of the follow-up and of marketing's promises.
FOLLOW_UP: Final = "follow_up"
MARKETING: Final = "marketing"
#: Who minds the exception queue, and whoever has no manager.
OPS: Final = "ops"
#: Steps that were not in a ladder are numbered from here, so that they never take the number of one that was.
BESIDE: Final = 1000


@dataclass(frozen=True, slots=True)
class Timer:
    """One thing a clock will ask for, once. `step` counts from 0 in the order of firing; `due_at` is UTC."""

    id: str
    clock_id: str
    handoff_id: str | None
    step: int
    action: Action
    target: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline with its calendar. `sla` names the promise: an SLA, `exceptions`, `follow_up` or `marketing`; times are UTC.

    `number`: the n-th of its kind on the handoff. `contract`: whose terms; None: those of the handoff. `about`: what a measure found.
    """

    id: str
    handoff_id: str | None
    kind: Kind
    sla: str
    calendar: str
    started_at: datetime
    due_at: datetime
    timers: tuple[Timer, ...]
    number: int = 0
    contract: str | None = None
    about: Mapping[str, Any] | None = None


def choose(agreement: Agreement, frame: pl.DataFrame) -> list[int | None]:
    """The place, in the contract's list, of the first SLA that holds for each row; None where none does.

    An SLA without a condition always holds. One whose condition cannot be known does not, and the next is asked.

    Args:
        agreement: the SLAs in the order in which they are asked.
        frame: a row for each handoff: the contract's fields, `next_step` (text), `fit` (points), `intent` (points), `source` (text).
    """
    found = answers(agreement.sla, frame)
    # A batch has few different rows of answers: each is read once.
    first = {row: next((place for place, answer in enumerate(row) if answer), None) for row in set(found)}
    return [first[row] for row in found]


# --- Sales' -----------------------------------------------------------------------------------------------------


def start(agreement: Agreement, index: int, handoff_id: str, started_at: datetime, own: OwnHours | None = None, number: int = 0) -> Clock:
    """The first-touch clock under the SLA at `index`, with the steps of its ladder and the breach itself as timers.

    `own`: the owner's own hours as known then, for the calendar `rep`; None: nobody owns it, and it counts in the team's.

    Raises:
        BeyondCalendarError: the calendar does not open for long enough.
    """
    sla = agreement.contract.sla[index]
    return _made(
        agreement, "first_touch", sla.name, calendar_of(sla.calendar, own), sla.first_touch, sla.ladder, handoff_id, started_at, number
    )


def start_accept(
    agreement: Agreement, sla_name: str | None, handoff_id: str, at: datetime, leg: int, own: OwnHours | None = None
) -> Clock | None:
    """The clock on the owner's yes, of the leg that begins at `at`; None where the SLA asks for none."""
    sla = sla_named(agreement, sla_name)
    return _target(agreement, "accept", sla, sla.accept, handoff_id, at, leg, own) if sla and sla.accept else None


def start_next_touch(
    agreement: Agreement, sla_name: str | None, handoff_id: str, at: datetime, number: int, own: OwnHours | None, *, task: bool
) -> Clock | None:
    """The clock on the next touch, from `at`: when a step of the follow-up falls due (`task`: its owner is told then), else the last touch.

    None where neither the SLA nor a follow-up asks for one.
    """
    sla, plan = sla_named(agreement, sla_name), agreement.contract.follow_up
    target = sla.next_touch if sla else None
    if target is None and plan is not None and task:
        target = Target(within=plan.within, calendar=plan.calendar)
    if target is None:
        return None
    clock = _target(agreement, "next_touch", sla, target, handoff_id, at, number, own)
    return beside(clock, [(at, "task", "owner")]) if task else clock


def start_disposition(
    agreement: Agreement, sla_name: str | None, handoff_id: str, at: datetime, number: int, own: OwnHours | None, *, steps_made: bool
) -> Clock | None:
    """The clock on an outcome, from when nothing else is awaited. `steps_made`: the follow-up is through, and recycles by its rule.

    None where neither the SLA nor a follow-up that is through asks for one.
    """
    sla, plan = sla_named(agreement, sla_name), agreement.contract.follow_up
    end = plan.end if plan is not None and steps_made else None
    target = Target(within=end.within, calendar=plan.calendar) if plan and end else sla.disposition if sla else None
    if target is None:
        return None
    if end is not None and sla is not None and sla.disposition is not None:
        target = target.model_copy(update={"ladder": sla.disposition.ladder})
    clock = _target(agreement, "disposition", sla, target, handoff_id, at, number, own)
    if end is None:
        return clock
    steps: list[tuple[datetime, Action, str]] = [(at, "task", "owner")]
    if end.recycle is not None:
        steps.append((clock.due_at, "recycle", end.recycle))
    return replace(beside(clock, steps), sla=FOLLOW_UP)


def start_exception(agreement: Agreement, handoff_id: str, at: datetime, number: int = 0) -> Clock:
    """The clock of a handoff that nobody could take, in the team's hours, from the moment it came to stand in the exception queue.

    It has one timer, its breach, which is for ops to hear. It stops when the handoff gets an owner. `number`: how often it stood
    there before.
    """
    due_at = due(agreement.hours("team"), at, agreement.contract.routing.exceptions_within)
    ident = _id(handoff_id, "exception", number)
    timers = _timers(ident, handoff_id, [(due_at, "breach", OPS)])
    return Clock(ident, handoff_id, "exception", EXCEPTIONS, "team", at, due_at, timers, number=number)


def sla_named(agreement: Agreement, name: str | None) -> Sla | None:
    """The SLA of that name; None where the contract has none (any more)."""
    return next((sla for sla in agreement.contract.sla if sla.name == name), None)


# --- marketing's ------------------------------------------------------------------------------------------------


def start_promise(agreement: Agreement, kind: Kind, handoff_id: str, at: datetime, number: int = 0) -> Clock | None:
    """Marketing's clock on `context_complete` or `contact_valid` of a handoff; None where the contract promises no such thing."""
    target: Target | None = getattr(agreement.contract.marketing, kind)
    if target is None:
        return None
    return _made(agreement, kind, MARKETING, target.calendar or "team", target.within, target.ladder, handoff_id, at, number)


def start_measure(agreement: Agreement, kind: Kind, period: str, at: datetime, about: Mapping[str, Any]) -> Clock | None:
    """Marketing's clock on an answer for a period that ended outside its bounds: `volume` or `false_positives`. One a period and kind."""
    terms = getattr(agreement.contract.marketing, kind)
    if terms is None:
        return None
    made = _made(agreement, kind, MARKETING, "team", terms.answer_within, terms.ladder, period, at, 0)
    timers = tuple(replace(timer, handoff_id=None) for timer in made.timers)
    return replace(made, handoff_id=None, timers=timers, contract=agreement.id, about={**about, "period": period})


# --- when -------------------------------------------------------------------------------------------------------


def due(hours: Hours, started_at: datetime, after: Duration) -> datetime:
    """When `after` has passed: minutes and hours count open time, days and weeks the calendar and then the next opening."""
    if after.is_working_time:
        return hours.due(started_at, after.minutes)
    return hours.due_after_days(started_at, after.minutes // 1440)


def promised(agreement: Agreement, clock: Clock) -> Duration:
    """How long the promise is that this clock keeps. Raises ValueError: the contract makes none of that name."""
    if clock.kind == "exception":
        return agreement.contract.routing.exceptions_within
    if clock.kind in MARKETINGS:
        terms = getattr(agreement.contract.marketing, clock.kind)
        if terms is not None:
            return terms.answer_within if clock.kind in ("volume", "false_positives") else terms.within  # type: ignore[no-any-return]
        raise ValueError(f"the contract promises no {clock.kind}; the clock was started under another contract")
    sla, plan = sla_named(agreement, clock.sla), agreement.contract.follow_up
    if clock.kind == "first_touch" and sla is not None:
        return sla.first_touch
    if clock.kind == "disposition" and clock.sla == FOLLOW_UP and plan is not None:
        return plan.end.within
    target: Target | None = getattr(sla, clock.kind, None) if sla is not None else None
    if target is not None:
        return target.within
    if clock.kind == "next_touch" and plan is not None:
        return plan.within
    raise ValueError(f"the contract has no SLA '{clock.sla}' for {clock.kind}; the clock was started under another contract")


def promised_kinds(agreement: Agreement) -> tuple[Kind, ...]:
    """The kinds of clocks for which a contract makes a promise, but for the exception queue's, which always has one."""
    contract = agreement.contract
    of_sales: dict[Kind, bool] = {
        "first_touch": bool(contract.sla),
        "exception": False,
        "accept": any(sla.accept for sla in contract.sla),
        "next_touch": contract.follow_up is not None or any(sla.next_touch for sla in contract.sla),
        "disposition": contract.follow_up is not None or any(sla.disposition for sla in contract.sla),
    }
    return tuple(kind for kind in KINDS if of_sales.get(kind, getattr(contract.marketing, kind, None) is not None))


def calendar_of(name: str, own: OwnHours | None) -> str:
    """How a calendar is stored with a clock: `rep` together with all that is known of the owner's hours (`contract.own_hours`)."""
    return stored(own) if name == REP and own is not None else name


# --- helpers ----------------------------------------------------------------------------------------------------


def _target(
    agreement: Agreement, kind: Kind, sla: Sla | None, target: Target, handoff_id: str, at: datetime, number: int, own: OwnHours | None
) -> Clock:
    calendar = calendar_of(target.calendar or (sla.calendar if sla else "team"), own)
    return _made(agreement, kind, sla.name if sla else FOLLOW_UP, calendar, target.within, target.ladder, handoff_id, at, number)


def _made(
    agreement: Agreement, kind: Kind, sla: str, calendar: str, within: Duration, ladder: Sequence[Step], subject: str, at: datetime,
    number: int,
) -> Clock:  # fmt: skip
    hours = agreement.hours(calendar)
    due_at = due(hours, at, within)
    owes = MARKETING if kind in MARKETINGS else "owner"
    steps: list[tuple[datetime, Action, str]] = [(due_at, "breach", owes)]
    steps += [(due(hours, at, step.after), (action := step.action), _aim(step, action, owes)) for step in ladder]
    ident = _id(subject, kind, number)
    return Clock(ident, subject, kind, sla, calendar, at, due_at, _timers(ident, subject, steps), number)


def _aim(step: Step, action: Action, owes: str) -> str:
    if action == "remind":
        return owes
    aim = getattr(step, action)
    assert isinstance(aim, str)
    return aim


def _id(subject: str, kind: Kind, number: int) -> str:
    return stable_id("clk", subject, kind, *([str(number)] if number else []))


def _timers(clock: str, subject: str, steps: Iterable[tuple[datetime, Action, str]]) -> tuple[Timer, ...]:
    """The steps numbered as they fire: by due time, and at the same moment in the order given, which is the breach, then as listed."""
    ordered = sorted(steps, key=itemgetter(0))
    return tuple([_timer(clock, subject, number, step) for number, step in enumerate(ordered)])


def beside(clock: Clock, steps: Iterable[tuple[datetime, Action, str]]) -> Clock:
    """With further timers, numbered apart from the ladder."""
    first = BESIDE + sum(timer.step >= BESIDE for timer in clock.timers)
    more = tuple(_timer(clock.id, clock.handoff_id, first + n, step) for n, step in enumerate(steps))
    return replace(clock, timers=(*clock.timers, *more))


def _timer(clock: str, subject: str | None, number: int, step: tuple[datetime, Action, str]) -> Timer:
    moment, action, target = step
    return Timer(stable_id("tmr", clock, str(number)), clock, subject, number, action, target, moment)
