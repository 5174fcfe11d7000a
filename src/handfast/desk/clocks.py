"""Clocks in the hands of people: started with a handoff and each owner, let stand still and run on, promised otherwise, answered.

Each act is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.acting import acts
from handfast.desk.again import stopped_while_still
from handfast.desk.contracts import book_of
from handfast.desk.follow_up import course_id, follow, renumbered
from handfast.desk.held import held, held_open, wake
from handfast.desk.own_hours import of_owner
from handfast.desk.refused import Refused
from handfast.facts import Rep, stable_id, utc
from handfast.problem import Place, Problem, one_of
from handfast.routing.roster import Roster
from handfast.sla.clock import BESIDE, PAUSABLE, Clock, Kind, Timer, start, start_accept, start_promise
from handfast.sla.pause import allowed, limit, moved
from handfast.store import clocks, follow_up, work
from handfast.store import handover as rows
from handfast.store.base import Store
from handfast.store.clocks import PauseRow, Running
from handfast.store.work import Case

# --- started ------------------------------------------------------------------------------------------------------


def opening(agreement: Agreement, sla: int | None, handoff_id: str, at: datetime, roster: Roster, owner: str | None) -> list[Clock]:
    """The clocks that begin with a handoff: the first touch, and the owner's yes where the SLA asks for one."""
    if sla is None:
        return []
    own = roster.own_hours(owner, at) if agreement.counts_rep_hours else None
    clock = start(agreement, sla, handoff_id, at, own)
    yes = start_accept(agreement, clock.sla, handoff_id, at, 0, own) if owner else None
    return [clock, yes] if yes else [clock]


def passed_on(conn: psycopg.Connection, case: Case, to: Rep, leg: int, at: datetime) -> None:
    """Another owner: their own yes is asked for, in their own hours, and nothing else begins anew: the clock of the lead runs on by the
    calendar it began with. The first owner also begins the follow-up."""
    agreement = book_of(conn).by_id(case.contract)
    stopped_while_still(conn, {case.id: at}, ["accept"])
    clocks.stop(conn, [case.id], ["accept"], [at], "passed_on", at)
    work.accepted_by_nobody(conn, case.id)
    yes = start_accept(agreement, case.sla, case.id, at, leg, of_owner(conn, agreement, to.id, at))
    if yes is not None and case.touched_at is None:
        clocks.not_current(conn, case.id, "accept")
        clocks.add_once(conn, yes)
        if any(one.ended_at is None for one in clocks.pauses(conn, case.id)):
            clocks.stand_still(conn, case.id, PAUSABLE, at)
    if agreement.contract.follow_up is not None and case.owner is None:
        follow_up.begin(conn, [(course_id(case.id), case.id, case.person, at)])
        if case.touched_at is not None:  # somebody tried while nobody owned it: that was the first step
            follow(conn, replace(case, owner=to.id), at)


def owe(conn: psycopg.Connection, agreement: Agreement, kind: Kind, handoff_id: str, at: datetime, about: Mapping[str, Any]) -> bool:
    """Marketing's clock on a handoff, started once; False where it runs already or nothing is promised."""
    clock = start_promise(agreement, kind, handoff_id, at)
    if clock is None or any(c.kind == kind and c.stopped_at is None for c in clocks.of_handoffs(conn, [handoff_id])):
        return False
    number = clocks.next_number(conn, handoff_id, kind)
    return clocks.add_once(conn, renumbered(replace(clock, about=about), number))


# --- standing still -----------------------------------------------------------------------------------------------


@acts("by")
def pause(store: Store, handoff_id: str, reason: str, by: str, at: datetime, *, note: str = "") -> datetime:
    """Lets the clocks of a handoff stand still, for a reason the contract knows. Returns when they run on by themselves at the latest.

    Raises:
        Refused: no such handoff, it is closed, its clocks stand still already, none runs, or the contract knows no such reason.
    """
    at = utc(at)
    with store.writing() as conn:
        case = held_open(conn, handoff_id)
        agreement = book_of(conn).by_id(case.contract)
        terms = allowed(agreement, handoff_id, reason)
        if isinstance(terms, Problem):
            raise Refused(terms)
        before = clocks.pauses(conn, handoff_id)
        if any(one.ended_at is None for one in before):
            raise Refused(Problem(Place(handoff_id), "its clocks stand still already", "Let them run on first."))
        still = clocks.stand_still(conn, handoff_id, PAUSABLE, at)
        if not still:
            raise Refused(Problem(Place(handoff_id), "no clock of Sales runs on it", "There is nothing to let stand still."))
        ends = limit(agreement, still[0].calendar, terms, at)
        most = min(still, key=lambda c: (c.due_at, c.kind))
        left = book_of(conn).by_id(most.contract or case.contract).hours(most.calendar).elapsed(at, most.due_at)
        ident = stable_id("pau", handoff_id, str(len(before)), at.isoformat())
        row = PauseRow(ident, handoff_id, reason, note, terms.waits_for, by, at, ends, kind=most.kind, left_seconds=max(0, left))
        clocks.add_pause(conn, row)
        clocks.add_timers(conn, _ends_by_itself(conn, still[0], row))
        said = {"pause": row.id, "reason": reason, "note": note, "by": by, "ends_at": ends.isoformat(), "clocks": [c.kind for c in still]}
        rows.add_events(conn, [("clock_paused", at, case.id, case.person, case.account, case.owner, rows.dumps(said))])
        wake(conn, handoff_id)
    return ends


def _ends_by_itself(conn: psycopg.Connection, clock: Running, row: PauseRow) -> Clock:
    """A timer beside the ladder: it survives what the process does not."""
    step = BESIDE + clocks.timers_beside(conn, clock.id, BESIDE)
    timer = Timer(stable_id("tmr", clock.id, str(step)), clock.id, clock.handoff, step, "resume", row.id, row.ends_at)
    return Clock(clock.id, clock.handoff, "first_touch", clock.sla, clock.calendar, clock.started_at, clock.due_at, (timer,))


@acts("by")
def resume(store: Store, handoff_id: str, by: str, at: datetime) -> None:
    """Lets the clocks of a handoff run on; what was left of each when it stopped is left now.

    Raises:
        Refused: no such handoff, or its clocks do not stand still.
    """
    at = utc(at)
    with store.writing() as conn:
        case = held(conn, handoff_id)
        if not run_on(conn, case, by, at):
            raise Refused(Problem(Place(handoff_id), "its clocks do not stand still", "There is nothing to let run on."))
        clocks.settle_action(conn, handoff_id, "resume", at)
        wake(conn, handoff_id)


def run_on(conn: psycopg.Connection, case: Case, by: str, at: datetime, *, only: str | None = None) -> bool:
    """Ends the pause (`only` this one) of a handoff the caller holds; False where there is none. What was left before is left now."""
    if not any(one.ended_at is None and only in (None, one.id) for one in clocks.pauses(conn, case.id)):
        return False
    book = book_of(conn)
    still = [c for c in clocks.of_handoffs(conn, [case.id]) if c.paused_at is not None and c.stopped_at is None]
    hours = {c.id: book.by_id(c.contract or case.contract).hours(c.calendar) for c in still}
    since = {c.id: c.paused_at for c in still}

    def move(clock: str, due_at: datetime) -> datetime:
        stopped = since[clock]
        assert stopped is not None
        return moved(hours[clock], due_at, stopped, at) if due_at > stopped else due_at

    timers = clocks.still_timers(conn, list(since))
    clocks.run_on(conn, [(c.id, move(c.id, c.due_at)) for c in still], [(c, step, move(c, due_at)) for c, step, due_at in timers])
    clocks.end_pauses(conn, [case.id], at, by)
    said = {"by": by, "clocks": [c.kind for c in still]}
    rows.add_events(conn, [("clock_resumed", at, case.id, case.person, case.account, case.owner, rows.dumps(said))])
    return True


# --- promised otherwise -------------------------------------------------------------------------------------------


@acts("by")
def promise_otherwise(store: Store, handoff_id: str, sla: str, by: str, why: str, at: datetime) -> Clock:
    """Puts an open, untouched handoff under another SLA of its contract, from now.

    The clock it had is kept and runs on to its end, met or breached, without further steps; the new one starts now. Both are reported.

    Raises:
        Refused: no such handoff, closed, touched already, no such SLA, or it is under that one.
    """
    at = utc(at)
    with store.writing() as conn:
        case = held_open(conn, handoff_id)
        if case.touched_at is not None:
            raise Refused(Problem(Place(handoff_id), "the first touch was made already", "There is no first touch left to promise."))
        agreement = book_of(conn).by_id(case.contract)
        names = [one.name for one in agreement.contract.sla]
        if sla not in names:
            raise Refused(Problem(Place(handoff_id, part="sla"), f"the contract has no SLA '{sla}'", one_of(names, word=sla)))
        if case.sla == sla:
            raise Refused(Problem(Place(handoff_id, part="sla"), f"it is under '{sla}' already", "Choose another, or leave it."))
        clock = start(agreement, names.index(sla), handoff_id, at, of_owner(conn, agreement, case.owner, at))
        clocks.supersede(conn, handoff_id, "first_touch", at)
        clock = renumbered(clock, clocks.next_number(conn, handoff_id, "first_touch"))
        clocks.add_once(conn, clock)
        if any(one.ended_at is None for one in clocks.pauses(conn, handoff_id)):
            clocks.stand_still(conn, handoff_id, PAUSABLE, at)
        work.put_under(conn, handoff_id, sla)
        said = {"from": case.sla, "to": sla, "by": by, "why": why, "clock": clock.id, "due_at": clock.due_at.isoformat()}
        rows.add_events(conn, [("promise_changed", at, case.id, case.person, case.account, case.owner, rows.dumps(said))])
        wake(conn, handoff_id)
    return clock


# --- marketing's --------------------------------------------------------------------------------------------------


@acts("by")
def answered(store: Store, clock_id: str, by: str, note: str, at: datetime) -> None:
    """Marketing answers for a period that ended outside its bounds, or says that what a handoff lacked is there now.

    Raises:
        Refused: no such clock, it has stopped, or nothing was said.
    """
    at = utc(at)
    if not note.strip():
        raise Refused(
            Problem(Place("answer", part="note"), "nothing was said", "Write one sentence: what was the cause, and what is done.")
        )
    with store.writing() as conn:
        clock = clocks.hold_of_marketing(conn, clock_id)
        if clock is None:
            raise Refused(Problem(Place(clock_id), "there is no such clock of marketing's", "Reload the page."))
        by_word = "complete" if clock.handoff else "answered"
        if not clocks.answer(conn, clock_id, at, by_word, {"answer": note.strip(), "by": by}):
            raise Refused(Problem(Place(clock_id), "it was answered already", "Reload the page to see by whom."))
        said = {"clock": clock_id, "kind": clock.kind, "by": by, "answer": note.strip()}
        rows.add_events(conn, [("marketing_answered", at, clock.handoff, None, None, None, rows.dumps(said))])
        wake(conn, clock.handoff)


__all__ = ["answered", "opening", "owe", "passed_on", "pause", "promise_otherwise", "resume", "run_on"]
