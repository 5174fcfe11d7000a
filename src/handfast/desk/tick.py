"""The clock's turn: what has fallen due is done, once, in order, with its event and its messages, in one transaction.

1.  Take the ticker's lock: one transaction at a time keeps the steps of every ladder in order.
2.  Read the waiting timers that are due, lock their handoffs, and ask `sla.escalate` what each still owes as things stand now.
3.  Do it: remind, tell, reassign, return to marketing, note a breach. What a step changes, the next step of the same handoff sees.
4.  Flip the timers, write events and messages, commit. A crash before the commit leaves them waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg

from handfast.desk.actions import pass_on
from handfast.desk.contracts import Book
from handfast.desk.opening import messages_for, read_roster
from handfast.facts import Rep, stable_id
from handfast.routing.assign import Case as RoutingCase
from handfast.routing.assign import Roster, assign
from handfast.sla.clock import OPS, Timer
from handfast.sla.escalate import RETURNED, NotOwed, Owed, Situation, owed
from handfast.sla.notice import Kind, Named, notice
from handfast.store import handover as rows
from handfast.store import work
from handfast.store.base import Store
from handfast.store.work import Case, DueTimer

#: How many timers one transaction fires at most.
BATCH = 500


@dataclass(slots=True)
class Ticked:
    """What one turn did; `more`: the batch was full, ask again at once."""

    fired: int = 0
    not_owed: int = 0
    more: bool = False
    lateness_seconds: list[float] = field(default_factory=list)
    reassigned: list[str] = field(default_factory=list)


def tick(
    store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",), limit: int = BATCH, punctual: bool = False
) -> Ticked:
    """Fires what is due at `at` (UTC), at most `limit` timers.

    `punctual`: on a virtual clock every step is done at the very moment it was due, not at `at`. Raises StorageAway.
    """
    with store.writing() as conn:
        if not work.hold_ticking(conn):
            return Ticked()
        due = work.due_timers(conn, at, limit)
        if not due:
            return Ticked()
        book.refresh(conn)
        turn = _Turn(conn, book, at, tuple(channels), punctual)
        turn.run(due)
        return Ticked(
            len(turn.fired), len(turn.not_owed), len(due) == limit, [(at - t.due_at).total_seconds() for t in due], turn.reassigned
        )


class _Turn:
    """The working state of one transaction."""

    def __init__(self, conn: psycopg.Connection, book: Book, at: datetime, channels: tuple[str, ...], punctual: bool) -> None:
        self.conn = conn
        self.book = book
        self.at = at
        self.channels = channels
        self.punctual = punctual
        self.reps: dict[str, Rep] = {}
        self.roster: Roster | None = None
        self.cases: dict[str, Case] = {}
        self.fired: list[str] = []
        self.reassigned: list[str] = []
        self.not_owed: list[str] = []
        self.breached: list[tuple[str, datetime]] = []
        self.events: list[tuple[Any, ...]] = []
        self.messages: list[tuple[Any, ...]] = []

    def run(self, due: list[DueTimer]) -> None:
        # A lock that is always taken first, and only where a step may assign, cannot deadlock with the decide hop.
        if any(t.action in ("reassign", "return_to") for t in due):
            rows.lock_assignment(self.conn)
        self.cases = work.hold(self.conn, sorted({t.handoff for t in due}))
        self.reps = rows.reps(self.conn)
        for one in due:
            self._one(one)
        work.settle_timers(self.conn, self.fired, self.not_owed, self.at)
        for clock, when in self.breached:
            work.note_breaches(self.conn, [clock], when)
        if self.roster is not None:
            rows.write_rotation(self.conn, [(t.pool, t.rep, t.turns, t.level, t.last_at) for t in self.roster.changed()])
        rows.add_events(self.conn, self.events)
        rows.add_messages(self.conn, self.messages)
        rows.notify(self.conn, "board")

    def _one(self, timer: DueTimer) -> None:
        case = self.cases[timer.handoff]
        kind = "first_touch" if timer.clock == case.clock else "exception"
        now = timer.due_at if self.punctual else self.at
        owner = self.reps.get(case.owner or "")
        situation = Situation(
            handoff_id=case.id,
            owner=case.owner,
            manager=owner.manager if owner else None,
            assigned_at=case.assigned_at if case.owner else None,
            touched_at=case.touched_at,
            closed_at=case.closed_at,
            outcome=case.outcome,
        )
        asked = Timer(timer.id, timer.clock, timer.handoff, timer.step, timer.action, timer.target, timer.due_at)  # type: ignore[arg-type]
        answer = owed(asked, kind, situation, now)  # type: ignore[arg-type]
        if isinstance(answer, NotOwed):
            self.not_owed.append(timer.id)
            return
        self.fired.append(timer.id)
        self._do(timer, case, answer, now)

    def _do(self, timer: DueTimer, case: Case, what: Owed, now: datetime) -> None:
        match what.kind:
            case "breach":
                self.breached.append((timer.clock, now))
                self._event("breached", case, now, {"due_at": timer.due_at.isoformat(), "clock": timer.clock})
                if what.target == OPS:
                    self._say("exception", case, timer, OPS, now)
            case "remind":
                self._event("reminded", case, now, {"timer": timer.id, "owner": what.target})
                self._say("reminder", case, timer, what.target, now)
            case "tell":
                self._event("manager_told", case, now, {"timer": timer.id, "manager": what.target})
                self._say("breach", case, timer, what.target, now)
            case "reassign":
                self._reassign(timer, case, what.target, now)
            case "return_to":
                self._return(timer, case, now)

    def _reassign(self, timer: DueTimer, case: Case, pool: str, now: datetime) -> None:
        """To somebody else of the pool. With nobody there it stays with its owner, and that is said."""
        if self.roster is None:
            self.roster = read_roster(self.conn, now)
        agreement = self.book.by_id(case.contract)
        out = frozenset({case.owner}) if case.owner else frozenset[str]()
        chosen = assign(agreement, RoutingCase(case.id), self.roster, now, exclude=out, start_pool=pool)
        if chosen.owner is None:
            self._event("reassign_failed", case, now, {"timer": timer.id, "pool": pool, "why": chosen.because})
            self._say("breach", case, timer, self._manager(case), now)
            return
        if case.owner:
            self.roster.gave_up(case.owner)
        event, messages = pass_on(
            self.conn, case, chosen.owner, "reassign", chosen.pool, chosen.counts, list(chosen.working), now, self.reps, self.channels
        )
        self.events.append(event)
        self.messages += messages
        self.cases[case.id] = replace(case, owner=chosen.owner, legs=case.legs + 1)
        self.reassigned.append(case.id)

    def _manager(self, case: Case) -> str:
        owner = self.reps.get(case.owner or "")
        return (owner.manager if owner else None) or OPS

    def _return(self, timer: DueTimer, case: Case, now: datetime) -> None:
        """Back to marketing: the handoff ends with its reason, and nothing more is owed."""
        row_id = stable_id("dsp", case.id, RETURNED, timer.id)
        note = f"No first touch by {timer.due_at:%Y-%m-%d %H:%M} UTC."
        work.add_disposition(self.conn, (row_id, case.id, RETURNED, "sla_lost", note, None, None, "handfast", now, now))
        work.close(self.conn, case.id, RETURNED, "sla_lost", now)
        # What this turn has done so far was done: else stopping the clock would record it as no longer owed.
        work.settle_timers(self.conn, self.fired, self.not_owed, self.at)
        work.stop_clocks(self.conn, [case.id], [now], "closed", now)
        self._event("returned", case, now, {"disposition": row_id, "reason": "sla_lost"})
        self._say("returned", case, timer, "marketing", now)
        if case.owner and self.roster is not None:
            self.roster.gave_up(case.owner)
        self.cases[case.id] = replace(case, closed_at=now, outcome=RETURNED)

    def _event(self, name: str, case: Case, at: datetime, data: dict[str, Any]) -> None:
        self.events.append((name, at, case.id, case.person, case.account, case.owner, rows.dumps(data)))

    def _say(self, kind: Kind, case: Case, timer: DueTimer, recipient: str, at: datetime) -> None:
        owner = self.reps.get(case.owner or "")
        payload = notice(
            kind,
            handoff_id=case.id,
            opened_at=case.opened_at,
            next_step=case.next_step,
            person=Named(case.person, case.person_name),
            account=Named(case.account, case.account_name) if case.account else None,
            owner=Named(owner.id, owner.name) if owner else None,
            before=Named(owner.id, owner.name) if owner and kind == "returned" else None,
            sla=case.sla,
            due_at=case.clock_due_at,
        )
        self.messages += messages_for(self.channels, kind, case.id, timer.id, recipient, case.owner, payload, at)


__all__ = ["BATCH", "Ticked", "tick"]
