"""Touches: a rep says one was made, takes it back, or a system saw it.

Each is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`; everything recorded is recorded
with its event, and wakes the pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from handfast.desk.acting import acts
from handfast.desk.again import Again, stopped_while_still
from handfast.desk.contracts import book_of
from handfast.desk.follow_up import asks, follow
from handfast.desk.held import UNDO, held, held_open, wake
from handfast.desk.refused import Refused
from handfast.facts import Evidence, Touch, TouchKind, stable_id, utc
from handfast.problem import Place, Problem
from handfast.store import handover as rows
from handfast.store import work
from handfast.store.base import Store
from handfast.store.erasing import erased, stay_known
from handfast.store.work import Case


@acts("rep_id")
def touch(
    store: Store,
    handoff_id: str,
    rep_id: str,
    kind: TouchKind,
    at: datetime,
    *,
    contact: bool = False,
    note: str = "",
    person: str | None = None,
) -> Touch:
    """A rep says: I tried to reach them, now. Stops the first-touch clock; marked as declared.

    Raises:
        Refused: no such handoff, or it is closed.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    with store.writing() as conn:
        case = held_open(conn, handoff_id)
        made = Touch(
            id=stable_id("tch", handoff_id, rep_id, at.isoformat(), kind),
            person=person or case.person,
            rep=rep_id,
            kind=kind,
            occurred_at=at,
            evidence=Evidence.DECLARED,
            contact=contact,
            source="page",
            note=note,
        )
        record(conn, [(made, case)], at)
    return made


@acts("rep_id")
def undo_touch(store: Store, touch_id: str, rep_id: str, at: datetime) -> str:
    """Takes back a touch declared by this rep within the last 15 minutes; the clock owes again what it had not done. Returns the handoff.

    Raises:
        Refused: unknown, somebody else's, evidenced by a system, or too long ago.
    """
    at = utc(at)
    with store.writing() as conn:
        row = work.touch_row(conn, touch_id)
        if row is None or row[0] is None:
            raise Refused(Problem(Place(touch_id), "there is no such touch to take back", "Reload the page to see what is recorded."))
        handoff_id = row[0]
        _, by, recorded_at, evidence = row
        if by != rep_id or evidence != Evidence.DECLARED or at - recorded_at > UNDO:
            raise Refused(
                Problem(Place(touch_id), "this touch can no longer be taken back", "Only the rep who declared it can, within 15 minutes.")
            )
        case = held(conn, handoff_id)
        again = Again(conn, case)
        work.delete_touch(conn, touch_id)
        work.note_touches(conn, [handoff_id])
        left = work.hold(conn, [handoff_id])[handoff_id]
        if left.touched_at != case.touched_at and case.closed_at is None:
            work.restart_clock(conn, handoff_id)
            again.settle()
            if left.touched_at is not None:  # it was the first of several: now the next one stopped the clock
                stop = max(left.touched_at, case.opened_at)
                stopped_while_still(conn, {handoff_id: stop})
                work.stop_clocks(conn, [handoff_id], [stop], "touch", at)
        if case.closed_at is None:
            follow(conn, left, at)
        rows.add_events(conn, [("touch_undone", at, handoff_id, case.person, case.account, rep_id, rows.dumps({"touch": touch_id}))])
        wake(conn, handoff_id)
    return handoff_id


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many touches were new, how many were known already, and how many found no handoff to belong to."""

    added: int
    known: int
    loose: int


def record_touches(store: Store, touches: Sequence[Touch], at: datetime) -> Recorded:
    """Touches seen by a system, in one transaction: each goes to the handoff its person was in at that time.

    A touch of somebody who was in no handoff is kept, loose. The same touch twice counts once; one of somebody who was erased meanwhile is
    nobody's, and is not kept. Raises StorageAway.
    """
    at = utc(at)
    with store.writing() as conn:
        stay_known(conn)
        gone = erased(conn, list({t.person for t in touches}))
        return record_all(conn, [t for t in touches if t.person not in gone], at)


def record_all(conn: psycopg.Connection, touches: Sequence[Touch], at: datetime) -> Recorded:
    """As `record_touches`, within a transaction."""
    spans = work.handoffs_of(conn, list({t.person for t in touches}))
    of: dict[str, list[tuple[str, datetime, datetime | None]]] = {}
    for person, handoff, joined, ended in spans:
        of.setdefault(person, []).append((handoff, joined, ended))
    homes = [_home(t, of.get(t.person, ())) for t in touches]
    cases = work.hold(conn, list({h for h in homes if h is not None}))
    new = record(conn, [(t, cases.get(h or "")) for t, h in zip(touches, homes, strict=True)], at)
    return Recorded(len(new), len(touches) - len(new), sum(h is None for h in homes))


def _home(one: Touch, spans: Iterable[tuple[str, datetime, datetime | None]]) -> str | None:
    """The latest handoff that had begun by the time of the touch and was not over; one that starts the same day also counts.

    Sources that only know the day write midnight, so a touch on the day of the handoff may carry a time before it.
    """
    home = None
    for handoff, joined, over in spans:
        same_day = joined.date() == one.occurred_at.date()
        if (joined <= one.occurred_at or same_day) and (over is None or one.occurred_at <= over):
            home = handoff
    return home


def record(conn: psycopg.Connection, touches: Sequence[tuple[Touch, Case | None]], at: datetime, *, ends: bool = False) -> set[str]:
    """Writes touches with the handoffs they belong to, held by the caller; stops what they stop. Returns the ids that were new.

    The same touch told twice in one go counts once, as the one that belongs to a handoff. `ends`: the caller ends the handoff with them, so
    nothing is set going that comes after a touch.
    """
    told: dict[str, tuple[Touch, Case | None]] = {}
    for t, c in touches:
        if t.id not in told or told[t.id][1] is None:
            told[t.id] = t, c
    touches = list(told.values())
    new = work.add_touches(
        conn,
        [
            (t.id, c.id if c else None, t.person, t.rep, t.kind, t.contact, t.evidence, t.source, t.note, t.occurred_at, at)
            for t, c in touches
        ],
    )
    mine = [(t, c) for t, c in touches if c is not None and t.id in new]
    if not mine:
        return new
    handoffs = sorted({c.id for _, c in mine})
    work.note_touches(conn, handoffs)
    first: dict[str, datetime] = {}
    for t, c in mine:
        first[c.id] = min(t.occurred_at, first.get(c.id, t.occurred_at))
    case_of = {c.id: c for _, c in mine}
    stopped = [(h, max(first[h], case_of[h].opened_at)) for h in handoffs if case_of[h].clock_stopped_at is None]
    if stopped:
        stopped_while_still(conn, dict(stopped))
        work.stop_clocks(conn, [h for h, _ in stopped], [s for _, s in stopped], "touch", at)
    rows.add_events(
        conn,
        [
            ("contacted" if t.contact else "touched", t.occurred_at, c.id, t.person, c.account, t.rep,
             rows.dumps({"touch": t.id, "kind": t.kind, "evidence": t.evidence, "source": t.source}))
            for t, c in mine
        ],
    )  # fmt: skip
    book = book_of(conn)
    for handoff in [] if ends else handoffs:
        if (case := case_of[handoff]).closed_at is None and asks(book.by_id(case.contract), case.sla):
            follow(conn, case, at)
    wake(conn, handoffs[0] if len(handoffs) == 1 else None)
    return new


__all__ = ["Recorded", "record", "record_all", "record_touches", "touch", "undo_touch"]
