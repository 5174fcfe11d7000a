"""The clock's turn: what has fallen due is done, once, in order, with its event and its messages, in one transaction.

1.  Take the ticker's lock: one transaction at a time keeps the steps of every ladder in order.
2.  Read the waiting timers that are due, lock their handoffs, and ask `sla.escalate` what each still owes as things stand now.
3.  Do it (`desk.steps`). What a step changes, the next step of the same handoff sees.
4.  Flip the timers, write events and messages, commit. A crash before the commit leaves them waiting.

Everything is read and written for the whole batch: so many statements a batch, not a timer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from handfast.desk.contracts import Book
from handfast.desk.steps import ASSIGNING, Steps
from handfast.facts import Rep
from handfast.sla.clock import Timer
from handfast.sla.escalate import NotOwed, Situation, Stop, owed
from handfast.store import clocks, work
from handfast.store import handover as rows
from handfast.store.base import Store
from handfast.store.clocks import DueTimer
from handfast.store.work import Case

#: How many timers one transaction fires at most.
BATCH = 1000


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
        if not clocks.hold_ticking(conn):
            return Ticked()
        found = clocks.due(conn, at, limit)
        if not found:
            return Ticked()
        rows.by_index(conn)
        # A lock that is always taken first, and only where a step may assign, cannot deadlock with the decide hop.
        if any(action in ASSIGNING for *_, action in found):
            rows.lock_assignment(conn)
        book.refresh(conn)
        cases = work.hold(conn, sorted({handoff for _, _, handoff, _ in found if handoff is not None}))
        due = clocks.read_due(conn, found)
        turn = _Turn(Steps(conn, book, at, tuple(channels), rows.reps(conn), cases), punctual)
        for timer in due:
            turn.one(timer)
        turn.steps.write()
        late = [(at - timer.due_at).total_seconds() for timer in due]
        return Ticked(len(turn.steps.fired), len(turn.steps.not_owed), len(found) == limit, late, turn.steps.reassigned)


class _Turn:
    """Asks of each timer, in order, what it still owes, and has it done."""

    def __init__(self, steps: Steps, punctual: bool) -> None:
        self.steps = steps
        self.punctual = punctual

    def one(self, timer: DueTimer) -> None:
        now = timer.due_at if self.punctual else self.steps.at
        case = self.steps.cases[timer.handoff] if timer.handoff is not None else None
        asked = Timer(timer.id, timer.clock, timer.handoff, timer.step, timer.action, timer.target, timer.due_at)  # type: ignore[arg-type]
        answer = owed(asked, timer.kind, _situation(case, self.steps.reps, self.steps.stop_of(timer)), now)  # type: ignore[arg-type]
        if isinstance(answer, NotOwed):
            self.steps.not_owed.append(timer)
        else:
            self.steps.fired.append(timer)
            self.steps.do(timer, case, answer, now)


def _situation(case: Case | None, reps: dict[str, Rep], stop: Stop | None) -> Situation:
    if case is None:
        return Situation(None, stop=stop)
    owner = reps.get(case.owner or "")
    return Situation(
        handoff_id=case.id,
        owner=case.owner,
        manager=owner.manager if owner else None,
        # Not since when it has ever had an owner: it may have been taken from one since, and stood in the queue again.
        assigned_at=stop.at if stop is not None and stop.by == "assigned" else None,
        touched_at=case.touched_at,
        closed_at=case.closed_at,
        outcome=case.outcome,
        stop=stop,
    )


__all__ = ["BATCH", "Ticked", "tick"]
