"""Outcomes: accepted or not, what became of a handoff with a reason from the contract it was opened under, and that taken back.

Each is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`; everything recorded is recorded
with its event, and wakes the pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.terms import DUPLICATE_OF
from handfast.desk import way_back
from handfast.desk.acting import acts, reserved, somebody
from handfast.desk.again import Again, stopped_while_still
from handfast.desk.contracts import Book
from handfast.desk.duplicates import named
from handfast.desk.follow_up import follow
from handfast.desk.held import BY_HAND, held, held_open, wake
from handfast.desk.opening import messages_for
from handfast.desk.refused import Refused
from handfast.desk.reroute import wrong_owner
from handfast.desk.touches import record
from handfast.dispositions import Disposition, check, may_undo
from handfast.facts import Evidence, Outcome, Touch, TouchKind, stable_id, utc
from handfast.problem import Place, Problem
from handfast.sla.notice import Named, notice
from handfast.store import clocks, outcomes, work
from handfast.store import handover as rows
from handfast.store import way_back as ways
from handfast.store.base import Store
from handfast.store.erasing import erased
from handfast.store.work import Case


@acts("rep_id")
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
        stopped_while_still(conn, {handoff_id: at}, ["accept"])
        clocks.stop(conn, [handoff_id], ["accept"], [at], "accepted", at)
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
    goes_on_at: datetime | None = None,
    about: str | None = None,
) -> Disposition:
    """Says what became of a handoff, with a reason from the contract it was opened under.

    What another system evidenced is asked for its reason alone: nobody can answer for it any more. `goes_on_at`: when a handoff whose
    reason leads to somebody else leaves its owner, where that is not `at`; without it, one that is evidenced is over: its past is known.
    `about`: whom of the handoff it was told of, who must not have been erased since they were found.

    Raises:
        Refused: no such handoff, already closed, or a reason is missing or unknown: the Problem says which are allowed.
        StorageAway: nothing was recorded.
    """
    if evidence is Evidence.DECLARED:
        somebody(rep_id)  # what another system told may be nobody's, and is recorded as ours
    at = utc(at)
    known = book or Book()
    with store.writing() as conn:
        case = held(conn, handoff_id)  # an erasure holds it too
        if about is not None and erased(conn, [about]):
            raise Refused(Problem(Place(handoff_id), "the person it is about was erased", "Nothing is left to do."))
        agreement = known.refresh(conn).by_id(case.contract)
        found = check(
            agreement.contract, case, outcome, reason=reason, note=note, meeting_at=meeting_at, at=at, answers=answers,
            attempts=outcomes.attempts(conn, case.id), history=evidence is Evidence.EVIDENCED,
        )  # fmt: skip
        if isinstance(found, Problem):
            raise Refused(found)
        if (text := found.answers.get(DUPLICATE_OF)) is not None:
            named(conn, case.id, case.person, str(text))
        leaves_at = goes_on_at or (at if evidence is Evidence.DECLARED else None)
        settle(conn, case, found, rep_id, at, recorded_at or at, evidence, agreement, leaves_at)
    return found


def settle(
    conn: psycopg.Connection, case: Case, made: Disposition, by: str, at: datetime, recorded_at: datetime, evidence: Evidence,
    agreement: Agreement | None = None, goes_on_at: datetime | None = None,
) -> None:  # fmt: skip
    """Writes a checked disposition of a handoff the caller holds, and what follows from it. Written before, it changes nothing.

    `goes_on_at`: where the reason leads to somebody else, the handoff is not closed but leaves its owner then; None: it is closed.
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
    if made.leads_to == "reroute" and agreement is not None and goes_on_at is not None:
        # Told by another system of somebody who has it no more: it has gone on already.
        if evidence is Evidence.DECLARED or by in (BY_HAND, case.owner):
            wrong_owner(conn, agreement, case, by, made.note or (made.reason or "").replace("_", " "), goes_on_at)
        outcomes.pass_on(conn, row_id)
    elif made.closes:
        if agreement is not None:
            way_back.record(conn, agreement, case, made, row_id, at, recorded_at)
        work.close(conn, case.id, made.outcome, made.reason, at)
        stopped_while_still(conn, {case.id: max(at, case.opened_at)})
        work.stop_clocks(conn, [case.id], [max(at, case.opened_at)], "closed", recorded_at)
    else:
        work.note_outcome(conn, case.id, made.outcome)
    data = {"disposition": row_id, "reason": made.reason, "leads_to": made.leads_to, "blames": made.blames}
    rows.add_events(conn, [(str(made.outcome), at, case.id, case.person, case.account, rep, rows.dumps(data))])
    wake(conn, case.id)


@acts("by")
def undo(
    store: Store, handoff_id: str, by: str, at: datetime, *, leads: bool = False, why: str = "", channels: Sequence[str] = ("email",),
    book: Book | None = None,
) -> None:  # fmt: skip
    """Takes back what was said last, within the contract's window: the handoff is open again as it was, and so are its clocks.

    The clocks' deadlines do not move: the minutes it was closed by mistake count like any others.

    Args:
        by: the rep who said it; or whoever leads (`leads`), who says `why`, and the rep is told.

    Raises:
        Refused: there is nothing to take back, somebody else said it, a leader gives no reason, it is too long ago, marketing was told
            already, or the next handoff was opened meanwhile.
        StorageAway: nothing changed.
    """
    at = utc(at)
    known = book or Book()
    with store.writing() as conn:
        case = held(conn, handoff_id)
        given = outcomes.last(conn, handoff_id)
        if given is None or case.outcome != given.outcome or reserved(given.by):
            raise Refused(Problem(Place(handoff_id), "there is no disposition to take back", "Reload the page to see what is recorded."))
        if erased(conn, [case.person]):
            raise Refused(Problem(Place(handoff_id), "the person it is about was erased", "It stays closed: nobody is left to work with."))
        contract = known.refresh(conn).by_id(case.contract).contract
        if (problem := may_undo(contract, case, by, given.by, given.recorded_at, at, leads=leads, why=why)) is not None:
            raise Refused(problem)
        if (later := outcomes.successor(conn, handoff_id)) is not None:
            fix = f"Work on {later} instead: at most one handoff of a party is open."
            raise Refused(Problem(Place(handoff_id), "the next handoff was opened meanwhile", fix))
        if not ways.take_back(conn, given.id):
            raise Refused(Problem(Place(handoff_id), "marketing was told of it already", "The next ready verdict opens a new handoff."))
        again = Again(conn, case)
        outcomes.take_back(conn, handoff_id, given, _touch_of(given.id))
        clocks.reopen_pause(conn, handoff_id, given.recorded_at)
        work.note_touches(conn, [handoff_id])
        now = work.hold(conn, [handoff_id])[handoff_id]
        if now.touched_at is None:
            work.restart_clock(conn, handoff_id)
        again.settle()
        follow(conn, now, at)
        data = {"disposition": given.id, "outcome": given.outcome, "reason": given.reason, "by": by, "why": why.strip()}
        rows.add_events(conn, [("disposition_undone", at, case.id, case.person, case.account, given.by, rows.dumps(data))])
        if by != given.by:
            _tell(conn, case, given, by, why.strip(), at, channels)
        wake(conn, handoff_id)


def _tell(
    conn: psycopg.Connection, case: Case, given: outcomes.Given, by: str, why: str, at: datetime, channels: Sequence[str]
) -> None:  # fmt: skip
    """The rep whose outcome somebody else took back hears of it, by whom and why."""
    everyone = rows.reps(conn)
    said = given.outcome.replace("_", " ") + (f" ({given.reason.replace('_', ' ')})" if given.reason else "")
    payload = notice(
        "taken_back",
        handoff_id=case.id,
        opened_at=case.opened_at,
        next_step=case.next_step,
        person=Named(case.person, case.person_name),
        account=Named(case.account, case.account_name) if case.account else None,
        owner=Named(case.owner, everyone[case.owner].name) if case.owner in everyone else None,
        sla=case.sla,
        due_at=case.clock_due_at,
        why=f"{everyone[by].name if by in everyone else by} took back '{said}': {why.rstrip('.')}.",
    )
    rows.add_messages(
        conn, messages_for(channels, "taken_back", case.id, f"{given.id} {at.isoformat()}", given.by, case.owner, payload, at)
    )


def _touch_of(disposition_id: str) -> str:
    """The id of the touch a disposition implies."""
    return stable_id("tch", disposition_id)


__all__ = ["accept", "dispose", "settle", "undo"]
