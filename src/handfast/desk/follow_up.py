"""What a touch sets going: the next touch, an outcome that is asked for, the sequence of attempts.

`follow` is called whenever the touches of a handoff changed, or what is known of reaching its person. It works everything out again from
what is recorded and brings sequence and clocks in line with it, so a touch that is taken back, or heard of late, needs no case of its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.own_hours import OwnHours, read, stored
from handfast.desk.again import Again, stopped_while_still
from handfast.desk.contracts import book_of
from handfast.desk.own_hours import of_owner
from handfast.facts import stable_id
from handfast.sla.cadence import Happened, Progress, progress
from handfast.sla.clock import PAUSABLE, Clock, sla_named, start_disposition, start_next_touch
from handfast.store import clocks
from handfast.store import follow_up as rows
from handfast.store import handover as events
from handfast.store.clocks import Running
from handfast.store.work import Case


def course_id(handoff_id: str) -> str:
    """The id of the sequence of a handoff."""
    return stable_id("fol", handoff_id)


def asks(agreement: Agreement, sla: str | None) -> bool:
    """Whether the contract asks for anything after the first touch."""
    named = sla_named(agreement, sla)
    promised = named is not None and (named.next_touch is not None or named.disposition is not None)
    return promised or agreement.contract.follow_up is not None


def follow(conn: psycopg.Connection, case: Case, at: datetime, *, closed: bool = False) -> None:
    """Brings the sequence and the clocks after the first touch in line with what is recorded. The caller holds the handoff.

    `closed`: it ended just now, in this transaction.
    """
    agreement = book_of(conn).by_id(case.contract)
    if not asks(agreement, case.sla):
        return
    known = _known(conn, case, at if closed else case.closed_at)
    running = {c.kind: c for c in clocks.of_handoffs(conn, [case.id]) if c.stopped_at is None and c.current}
    own = _own(conn, agreement, case, known, running.get("next_touch"), at)
    course = rows.of_handoff(conn, case.id)
    # A person has one sequence: where another handoff of theirs runs one, this one has none.
    plan = progress(agreement, known, own) if agreement.contract.follow_up is not None and course is not None else None
    if plan is not None and course is not None:
        rows.note(conn, course.id, plan.made, plan.falls_due_at, plan.ended_at, plan.ended)
        if plan.ended is not None and course.ended_at is None:
            said = {"why": plan.ended, "made": plan.made}
            events.add_events(conn, [("follow_up_ended", at, case.id, case.person, case.account, case.owner, events.dumps(said))])
    if known.closed_at is not None:
        return
    started = [
        _next_touch(conn, agreement, case, known, plan, own, running.get("next_touch"), at),
        _outcome(conn, agreement, case, known, plan, own, running.get("disposition"), at),
    ]
    if any(started) and any(p.ended_at is None for p in clocks.pauses(conn, case.id)):
        clocks.stand_still(conn, case.id, PAUSABLE, at)


def _known(conn: psycopg.Connection, case: Case, closed_at: datetime | None) -> Happened:
    seen, reach = rows.touches(conn, case.id), rows.reach(conn, case.person)
    contacted = min((at for at, contact in seen if contact), default=None)
    opted_out = reach.opted_out_at if reach.opted_out_at and reach.opted_out_at >= case.opened_at else None
    return Happened(tuple(at for at, _ in seen), contacted, case.meeting_at, opted_out, reach.away_until, closed_at)


def _next_touch(
    conn: psycopg.Connection, agreement: Agreement, case: Case, known: Happened, plan: Progress | None, own: OwnHours | None,
    runs: Running | None, at: datetime,
) -> bool:  # fmt: skip
    """The clock on the next touch: the one that should run does, and no other. True where one was started."""
    made = len(known.attempts)
    wanted = None
    if made and (plan is None or plan.falls_due_at is not None):
        start = plan.falls_due_at if plan is not None and plan.falls_due_at is not None else known.attempts[-1]
        wanted = start_next_touch(agreement, case.sla, case.id, start, 0, own, task=plan is not None)
    if runs is not None and wanted is not None and _after(runs) == made and runs.started_at == wanted.started_at:
        return False
    if runs is not None:
        _stop_next(conn, case, known, plan, runs, made, at)
    if wanted is None:
        return False
    again = Again(conn, case)
    if clocks.reopen(conn, case.id, "next_touch", made, "next"):
        again.settle()
        return False
    about = {"after": made, **({"hours": stored(own)} if own is not None else {})}
    return _start(conn, agreement, case, "next_touch", replace(wanted, about=about), at)


def _stop_next(
    conn: psycopg.Connection, case: Case, known: Happened, plan: Progress | None, runs: Running, made: int, at: datetime
) -> None:
    after, when, by = _after(runs), at, "waiting"
    if after < made:
        when, by = known.attempts[after], "next"
    elif after > made:
        by = "undone"
    elif plan is not None and plan.ended is not None and plan.ended_at is not None:
        when, by = plan.ended_at, "contact" if plan.ended in ("contact", "meeting") else "ended"
    when = max(when, runs.started_at)
    stopped_while_still(conn, {case.id: when}, ["next_touch"])
    clocks.answer(conn, runs.id, when, by)


def _outcome(
    conn: psycopg.Connection, agreement: Agreement, case: Case, known: Happened, plan: Progress | None, own: OwnHours | None,
    runs: Running | None, at: datetime,
) -> bool:  # fmt: skip
    """The clock on an outcome, once nothing else is awaited: from a contact, the end of the sequence, or without one the first touch."""
    steps_made = plan is not None and plan.ended in ("steps_made", "opt_out")
    since = known.contacted_at
    if plan is not None and plan.ended is not None and plan.ended_at is not None:
        since = min(since, plan.ended_at) if since else plan.ended_at
    elif plan is None and known.attempts:
        since = known.attempts[0]
    if since is None:
        if runs is not None:
            clocks.answer(conn, runs.id, at, "undone")
        return False
    if runs is not None:
        return False
    wanted = start_disposition(agreement, case.sla, case.id, max(since, case.opened_at), 0, own, steps_made=steps_made)
    return wanted is not None and _start(conn, agreement, case, "disposition", wanted, at)


def _start(conn: psycopg.Connection, agreement: Agreement, case: Case, kind: str, wanted: Clock, at: datetime) -> bool:
    """Starts it with the next number of its kind; those before are kept."""
    number = clocks.next_number(conn, case.id, kind)
    clocks.add_once(conn, renumbered(wanted, number))
    return True


def renumbered(clock: Clock, number: int) -> Clock:
    """The same clock as the n-th of its kind, with ids of its own."""
    if number == 0 or clock.handoff_id is None:
        return clock
    own = stable_id("clk", clock.handoff_id, clock.kind, str(number))
    timers = tuple(replace(t, id=stable_id("tmr", own, str(t.step)), clock_id=own) for t in clock.timers)
    return replace(clock, id=own, number=number, timers=timers)


def _after(runs: Running) -> int:
    return int((runs.about or {}).get("after", 0))


def _own(
    conn: psycopg.Connection, agreement: Agreement, case: Case, known: Happened, runs: Running | None, at: datetime
) -> OwnHours | None:
    """The owner's hours. A clock that runs keeps those it was started with, whoever owns it and whatever they changed since."""
    if runs is not None and _after(runs) == len(known.attempts) and (kept := (runs.about or {}).get("hours")):
        return read(str(kept))
    return of_owner(conn, agreement, case.owner, at)


__all__ = ["asks", "course_id", "follow", "renumbered"]
