"""Outcomes: what became of a handoff, with a reason from the contract it was opened under.

Each is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`; everything recorded is recorded
with its event, and wakes the pages.
"""

from __future__ import annotations

from datetime import datetime

import psycopg

from handfast.desk.contracts import Book
from handfast.desk.held import BY_HAND, held, wake
from handfast.desk.refused import Refused
from handfast.desk.touches import record
from handfast.dispositions import Disposition, check
from handfast.facts import Evidence, Outcome, Touch, TouchKind, stable_id, utc
from handfast.problem import Problem
from handfast.store import handover as rows
from handfast.store import work
from handfast.store.base import Store
from handfast.store.work import Case


def dispose(
    store: Store,
    handoff_id: str,
    rep_id: str,
    outcome: Outcome,
    at: datetime,
    *,
    reason: str | None = None,
    note: str = "",
    meeting_at: datetime | None = None,
    book: Book | None = None,
    recorded_at: datetime | None = None,
    evidence: Evidence = Evidence.DECLARED,
) -> Disposition:
    """Says what became of a handoff, with a reason from the contract it was opened under.

    Raises:
        Refused: no such handoff, already closed, or a reason is missing or unknown: the Problem says which are allowed.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    known = book or Book()
    with store.writing() as conn:
        case = held(conn, handoff_id)
        contract = known.refresh(conn).by_id(case.contract).contract
        found = check(contract, case, outcome, reason=reason, note=note, meeting_at=meeting_at, at=at)
        if isinstance(found, Problem):
            raise Refused(found)
        settle(conn, case, found, rep_id, at, recorded_at or at, evidence)
    return found


def settle(
    conn: psycopg.Connection, case: Case, made: Disposition, by: str, at: datetime, recorded_at: datetime, evidence: Evidence
) -> None:
    row_id = stable_id("dsp", case.id, made.outcome, at.isoformat())
    if not work.add_disposition(
        conn, (row_id, case.id, made.outcome, made.reason, made.note, made.back_at, made.meeting_at, by, at, recorded_at)
    ):
        return
    rep = case.owner if by == BY_HAND else by
    if made.outcome in (Outcome.CONNECTED, Outcome.MEETING_SET):
        # To have talked is a contact: a touch like any other, so that every time of the handoff is derived from its touches.
        kind = TouchKind.MEETING if made.outcome == Outcome.MEETING_SET else TouchKind.CALL
        talked = Touch(stable_id("tch", row_id), case.person, rep, kind, at, evidence, contact=True, source="disposition")
        record(conn, [(talked, case)], recorded_at)
    if made.outcome == Outcome.MEETING_SET:
        work.note_meeting(conn, case.id, case.person, at)
    if made.closes:
        work.close(conn, case.id, made.outcome, made.reason, at)
        work.stop_clocks(conn, [case.id], [max(at, case.opened_at)], "closed", recorded_at)
    else:
        work.note_outcome(conn, case.id, made.outcome)
    data = {"disposition": row_id, "reason": made.reason, "leads_to": made.leads_to, "blames": made.blames}
    rows.add_events(conn, [(str(made.outcome), at, case.id, case.person, case.account, rep, rows.dumps(data))])
    wake(conn, case.id)


__all__ = ["dispose", "settle"]
