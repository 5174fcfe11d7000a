"""Clocks of a handoff that stands still: stopped meanwhile, and let run again because what stopped them was taken back.

A clock that is stopped while it stands still gets the due time it would have had then, for that is what it is judged by. One that runs
again has stood still whenever the handoff did meanwhile, and in a pause that is not over it stands still with the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import psycopg

from handfast.desk.contracts import book_of
from handfast.sla.clock import PAUSABLE
from handfast.sla.pause import moved
from handfast.store import clocks, work
from handfast.store.clocks import PauseRow, Running
from handfast.store.work import Case
from handfast.worktime import Hours


def stopped_while_still(conn: psycopg.Connection, stops: Mapping[str, datetime], kinds: Collection[str] = PAUSABLE) -> None:
    """Before clocks of these kinds are stopped, of each handoff at its moment: those that stand still get the due time they would have had.

    Else whoever touches or ends a handoff whose clocks stand still would be told that it was too late. The caller holds the handoffs.
    """
    still = [c for c in clocks.of_handoffs(conn, list(stops)) if c.paused_at is not None and c.stopped_at is None and c.kind in kinds]
    if not still:
        return
    book, cases = book_of(conn), work.read(conn, list(stops))
    due = []
    for c in still:
        assert c.paused_at is not None
        hours = book.by_id(c.contract or cases[c.handoff or ""].contract).hours(c.calendar)
        due.append((c.id, _later(hours, c.due_at, c.paused_at, stops[c.handoff or ""])))
    clocks.put_due(conn, due)


class Again:
    """Remembers which clocks of a handoff had stopped; after something was taken back, `settle` brings those that run again in line."""

    def __init__(self, conn: psycopg.Connection, case: Case) -> None:
        self._conn = conn
        self._case = case
        self._stopped = {c.id: c.stopped_at for c in clocks.of_handoffs(conn, [case.id]) if c.stopped_at is not None}

    def settle(self) -> None:
        """Of each that runs again: due times are moved by the pauses it missed while it was stopped, as they moved the others'."""
        pauses = clocks.pauses(self._conn, self._case.id)
        if not pauses:
            return
        for clock in clocks.of_handoffs(self._conn, [self._case.id]):
            if (stopped := self._stopped.get(clock.id)) is not None and clock.stopped_at is None and clock.kind in PAUSABLE:
                self._one(clock, stopped, [one for one in pauses if one.ended_at is None or one.ended_at > stopped])

    def _one(self, clock: Running, stopped: datetime, missed: list[PauseRow]) -> None:
        """Its due time lived through a pause up to the stop (`stopped_while_still`); what it owed did not."""
        hours = book_of(self._conn).by_id(clock.contract or self._case.contract).hours(clock.calendar)
        due_at, owed = clock.due_at, clocks.waiting(self._conn, clock.id)
        for pause in missed:
            since = max(pause.starts_at, clock.started_at)
            until = pause.ended_at or max(since, stopped)
            due_at = _later(hours, due_at, max(since, stopped), until)
            owed = [(step, _later(hours, due, since, until)) for step, due in owed]
        clocks.move(self._conn, clock.id, due_at, owed)
        if missed and missed[-1].ended_at is None:
            clocks.stand(self._conn, clock.id, max(missed[-1].starts_at, clock.started_at, stopped))


def _later(hours: Hours, due_at: datetime, since: datetime, until: datetime) -> datetime:
    """As `sla.pause.moved`; what was due before it stood still stays due then."""
    return moved(hours, due_at, since, until) if since < due_at and since < until else due_at


__all__ = ["Again", "stopped_while_still"]
