"""Outcomes: accepted or not, what became of a handoff with a reason from the contract it was opened under, and that taken back.

Each is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`; everything recorded is recorded
with its event, and wakes the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.terms import DUPLICATE_OF
from handfast.desk import way_back
from handfast.desk.contracts import Book
from handfast.desk.duplicates import named
from handfast.desk.follow_up import follow
from handfast.desk.held import BY_HAND, held, held_open, wake
from handfast.desk.refused import Refused
from handfast.desk.reroute import wrong_owner
from handfast.desk.touches import record
from handfast.dispositions import Disposition, check, may_undo
from handfast.facts import Evidence, Outcome, Touch, TouchKind, stable_id, utc
from handfast.problem import Place, Problem
from handfast.store import handover as rows
from handfast.store import outcomes, work
from handfast.store import way_back as ways
from handfast.store.base import Store
from handfast.store.work import Case


def accept(store: Store, handoff_id: str, rep_id: str, at: datetime) -> bool:
    """The owner says: mine. Stops the accept clock; it is no touch. False where it was accepted before, which is no mistake.

    Raises:
        Refused: no such handoff, it is over, or it is somebody else's.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    with store.writing() as conn:
        case = held_open(conn, handoff_id)
        if case.owner != rep_id:
            raise Refused(Problem(Place(handoff_id), "it is not yours to accept", "Only its owner accepts it; reload to see who that is."))
        if not outcomes.accept(conn, handoff_id, at):
            return False
        rows.add_events(conn, [("accepted", at, case.id, case.person, case.account, rep_id, rows.dumps({"leg": case.legs - 1}))])
        wake(conn, case.id)
    return True


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
    answers: Mapping[str, object] | None = None,
    recorded_at: datetime | None = None,
    evidence: Evidence = Evidence.DECLARED,
) -> Disposition:
    """Says what became of a handoff, with a reason from the contract it was opened under.

    What another system evidenced is asked for its reason alone: nobody can answer for it any more.

    Raises:
        Refused: no such handoff, already closed, or a reason is missing or unknown: the Problem says which are allowed.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    known = book or Book()
    with store.writing() as conn:
        case = held(conn, handoff_id)
        agreement = known.refresh(conn).by_id(case.contract)
        contract = agreement.contract
        found = check(
            contract,
            case,
            outcome,
            reason=reason,
            note=note,
            meeting_at=meeting_at,
            at=at,
            answers=answers,
            attempts=outcomes.attempts(conn, case.id),
            history=evidence is Evidence.EVIDENCED,
        )
        if isinstance(found, Problem):
            raise Refused(found)
        if (text := found.answers.get(DUPLICATE_OF)) is not None:
            named(conn, case.id, case.person, str(text))
        settle(conn, case, found, rep_id, at, recorded_at or at, evidence, agreement)
    return found


def settle(
    conn: psycopg.Connection, case: Case, made: Disposition, by: str, at: datetime, recorded_at: datetime, evidence: Evidence,
    agreement: Agreement | None = None,
) -> None:  # fmt: skip
    """Writes a checked disposition of a handoff the caller holds, and what follows from it. Written before, it changes nothing.

    `agreement`: where the reason leads to somebody else, the handoff is not closed but goes on to them; without it, it is closed.
    """
    row_id = stable_id("dsp", case.id, made.outcome, at.isoformat())
    answers = rows.dumps(dict(made.answers))
    row = (row_id, case.id, made.outcome, made.reason, made.note, made.back_at, made.meeting_at, by, at, recorded_at, answers)
    if not outcomes.add(conn, row):
        return
    rep = case.owner if by == BY_HAND else by
    if made.outcome in (Outcome.CONNECTED, Outcome.MEETING_SET):
        # To have talked is a contact: a touch like any other, so that every time of the handoff is derived from its touches.
        kind = TouchKind.MEETING if made.outcome == Outcome.MEETING_SET else TouchKind.CALL
        talked = Touch(_touch_of(row_id), case.person, rep, kind, at, evidence, contact=True, source="disposition")
        record(conn, [(talked, case)], recorded_at, ends=made.closes)
    if made.outcome == Outcome.MEETING_SET:
        work.note_meeting(conn, case.id, case.person, at)
    if made.leads_to == "reroute" and agreement is not None and case.owner is not None and evidence is Evidence.DECLARED:
        wrong_owner(conn, agreement, case, by, made.note or (made.reason or "").replace("_", " "), at)
        outcomes.pass_on(conn, row_id)
    elif made.closes:
        if agreement is not None:
            way_back.record(conn, agreement, case, made, row_id, at, recorded_at)
        work.close(conn, case.id, made.outcome, made.reason, at)
        work.stop_clocks(conn, [case.id], [max(at, case.opened_at)], "closed", recorded_at)
    else:
        work.note_outcome(conn, case.id, made.outcome)
    data = {"disposition": row_id, "reason": made.reason, "leads_to": made.leads_to, "blames": made.blames}
    rows.add_events(conn, [(str(made.outcome), at, case.id, case.person, case.account, rep, rows.dumps(data))])
    wake(conn, case.id)


def undo(store: Store, handoff_id: str, rep_id: str, at: datetime, *, book: Book | None = None) -> None:
    """Takes back what this rep said last, within the contract's window: the handoff is open again as it was, and so are its clocks.

    The clocks' deadlines do not move: the minutes it was closed by mistake count like any others.

    Raises:
        Refused: there is nothing to take back, somebody else said it, it is too long ago, or the next handoff was opened meanwhile.
        StorageAway: nothing changed.
    """
    at = utc(at)
    known = book or Book()
    with store.writing() as conn:
        case = held(conn, handoff_id)
        given = outcomes.last(conn, handoff_id)
        if given is None or case.outcome != given.outcome:
            raise Refused(Problem(Place(handoff_id), "there is no disposition to take back", "Reload the page to see what is recorded."))
        contract = known.refresh(conn).by_id(case.contract).contract
        if (problem := may_undo(contract, case, rep_id, given.by, given.recorded_at, at)) is not None:
            raise Refused(problem)
        if (later := outcomes.successor(conn, handoff_id)) is not None:
            fix = f"Work on {later} instead: at most one handoff of a party is open."
            raise Refused(Problem(Place(handoff_id), "the next handoff was opened meanwhile", fix))
        ways.take_back(conn, given.id)
        outcomes.take_back(conn, handoff_id, given, _touch_of(given.id))
        work.note_touches(conn, [handoff_id])
        now = work.hold(conn, [handoff_id])[handoff_id]
        if now.touched_at is None:
            work.restart_clock(conn, handoff_id)
        follow(conn, now, at)
        data = {"disposition": given.id, "outcome": given.outcome, "reason": given.reason}
        rows.add_events(conn, [("disposition_undone", at, case.id, case.person, case.account, rep_id, rows.dumps(data))])
        wake(conn, handoff_id)


def _touch_of(disposition_id: str) -> str:
    """The id of the touch a disposition implies."""
    return stable_id("tch", disposition_id)


__all__ = ["accept", "dispose", "settle", "undo"]
