"""What a person can do to a handoff: touch it, take a touch back, say what became of it, hand it to somebody else.

Each is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`; everything recorded is recorded
with its event, and wakes the pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from handfast.desk.contracts import Book
from handfast.desk.opening import messages_for
from handfast.desk.refused import Refused
from handfast.dispositions import Disposition, check
from handfast.facts import Evidence, Outcome, Rep, Touch, TouchKind, stable_id, utc
from handfast.problem import Place, Problem
from handfast.sla.notice import Named, notice
from handfast.store import handover as rows
from handfast.store import work
from handfast.store.base import Store
from handfast.store.work import Case

#: How long a touch or an outcome may be taken back by the one who recorded it.
UNDO: Final = timedelta(minutes=15)
BY_HAND: Final = "handfast"


# --- touches --------------------------------------------------------------------------------------------------


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
        case = _held(conn, handoff_id)
        if case.closed_at is not None:
            raise Refused(_closed(case))
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
        _record(conn, [(made, case)], at)
    return made


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
        case = _held(conn, handoff_id)
        work.delete_touch(conn, touch_id)
        work.note_touches(conn, [handoff_id])
        left = work.hold(conn, [handoff_id])[handoff_id]
        if left.touched_at is None and case.closed_at is None:
            work.restart_clock(conn, handoff_id)
        rows.add_events(conn, [("touch_undone", at, handoff_id, case.person, case.account, rep_id, rows.dumps({"touch": touch_id}))])
        _wake(conn, handoff_id)
    return handoff_id


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many touches were new, how many were known already, and how many found no handoff to belong to."""

    added: int
    known: int
    loose: int


def record_touches(store: Store, touches: Sequence[Touch], at: datetime) -> Recorded:
    """Touches seen by a system, in one transaction: each goes to the handoff its person was in at that time.

    A touch of somebody who was in no handoff is kept, loose. The same touch twice counts once. Raises StorageAway.
    """
    at = utc(at)
    with store.writing() as conn:
        spans = work.handoffs_of(conn, list({t.person for t in touches}))
        of: dict[str, list[tuple[str, datetime, datetime | None]]] = {}
        for person, handoff, joined, closed in spans:
            of.setdefault(person, []).append((handoff, joined, closed))
        homes = [_home(t, of.get(t.person, ())) for t in touches]
        cases = work.hold(conn, list({h for h in homes if h is not None}))
        new = _record(conn, [(t, cases.get(h or "")) for t, h in zip(touches, homes, strict=True)], at)
    return Recorded(len(new), len(touches) - len(new), sum(h is None for h in homes))


def _home(one: Touch, spans: Iterable[tuple[str, datetime, datetime | None]]) -> str | None:
    """The latest handoff that had begun by the time of the touch and was not over; one that starts the same day also counts.

    Sources that only know the day write midnight, so a touch on the day of the handoff may carry a time before it.
    """
    home = None
    for handoff, joined, closed in spans:
        same_day = joined.date() == one.occurred_at.date()
        if (joined <= one.occurred_at or same_day) and (closed is None or one.occurred_at <= closed):
            home = handoff
    return home


def _record(conn: psycopg.Connection, touches: Sequence[tuple[Touch, Case | None]], at: datetime) -> set[str]:
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
        work.stop_clocks(conn, [h for h, _ in stopped], [s for _, s in stopped], "touch", at)
    rows.add_events(
        conn,
        [
            ("contacted" if t.contact else "touched", t.occurred_at, c.id, t.person, c.account, t.rep,
             rows.dumps({"touch": t.id, "kind": t.kind, "evidence": t.evidence, "source": t.source}))
            for t, c in mine
        ],
    )  # fmt: skip
    _wake(conn, handoffs[0] if len(handoffs) == 1 else None)
    return new


# --- outcomes -------------------------------------------------------------------------------------------------


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
        case = _held(conn, handoff_id)
        contract = known.refresh(conn).by_id(case.contract).contract
        found = check(contract, case, outcome, reason=reason, note=note, meeting_at=meeting_at, at=at)
        if isinstance(found, Problem):
            raise Refused(found)
        _settle(conn, case, found, rep_id, at, recorded_at or at, evidence)
    return found


def _settle(
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
        _record(conn, [(talked, case)], recorded_at)
    if made.outcome == Outcome.MEETING_SET:
        work.note_meeting(conn, case.id, case.person, at)
    if made.closes:
        work.close(conn, case.id, made.outcome, made.reason, at)
        work.stop_clocks(conn, [case.id], [max(at, case.opened_at)], "closed", recorded_at)
    else:
        work.note_outcome(conn, case.id, made.outcome)
    data = {"disposition": row_id, "reason": made.reason, "leads_to": made.leads_to, "blames": made.blames}
    rows.add_events(conn, [(str(made.outcome), at, case.id, case.person, case.account, rep, rows.dumps(data))])
    _wake(conn, case.id)


def reassign(store: Store, handoff_id: str, to_rep: str, by: str, why: str, at: datetime, *, channels: Sequence[str] = ("email",)) -> None:
    """Hands an open handoff to another rep by hand. The lead's clock runs on; the new owner starts a leg of their own.

    Raises:
        Refused: no such handoff, closed, no such rep, no longer active, or theirs already.
    """
    at = utc(at)
    with store.writing() as conn:
        rows.lock_assignment(conn)
        case = _held(conn, handoff_id)
        if case.closed_at is not None:
            raise Refused(_closed(case))
        everyone = rows.reps(conn)
        if (rep := everyone.get(to_rep)) is None or not rep.active:
            raise Refused(Problem(Place(to_rep), "nobody active is known by that name", "Choose a rep from the list."))
        if case.owner == to_rep:
            raise Refused(Problem(Place(case.id), f"{rep.name} owns it already", "Choose somebody else, or leave it."))
        working = [{"rung": "manual", "result": "chosen", "because": why or f"Handed over by {by}.", "owner": to_rep}]
        event, messages = pass_on(conn, case, to_rep, "manual", None, False, working, at, everyone, channels)
        rows.add_events(conn, [event])
        rows.add_messages(conn, messages)
        _wake(conn, case.id)


def pass_on(
    conn: psycopg.Connection, case: Case, to: str, rule: str, pool: str | None, counts: bool, working: Sequence[object], at: datetime,
    everyone: Mapping[str, Rep], channels: Sequence[str],
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:  # fmt: skip
    """Writes the new leg. Returns the event and the messages to the new owner and the one before, for the caller to write in its order.

    The caller holds the assignment lock and the handoff.
    """
    leg = case.legs
    rows.add_assignments(conn, [(stable_id("asg", case.id, str(leg)), case.id, leg, to, rule, pool, counts, rows.dumps(working), at)])
    work.assign(conn, case.id, to, at)
    if case.owner is None:
        work.stop_clock_of_kind(conn, case.id, "exception", at)
    why = str(working[-1]["because"]) if working and isinstance(working[-1], dict) else ""
    data = {"rule": rule, "leg": leg, "from": case.owner, "why": why}
    event = ("reassigned", at, case.id, case.person, case.account, to, rows.dumps(data))
    before = Named(case.owner, everyone[case.owner].name) if case.owner is not None and case.owner in everyone else None
    payload = notice(
        "reassigned",
        handoff_id=case.id,
        opened_at=case.opened_at,
        next_step=case.next_step,
        person=Named(case.person, case.person_name),
        account=Named(case.account, case.account_name) if case.account else None,
        owner=Named(to, everyone[to].name),
        before=before,
        sla=case.sla,
        due_at=case.clock_due_at,
        why=why,
    )
    cause = f"leg{leg}"
    messages = messages_for(channels, "reassigned", case.id, cause, to, to, payload, at)
    if before is not None:
        messages += messages_for([c for c in channels if c == "email"], "reassigned", case.id, cause, before.id, to, payload, at)
    return event, messages


# --- opportunities --------------------------------------------------------------------------------------------


def record_opportunities(store: Store, found: Sequence[tuple[object, ...]], at: datetime) -> int:
    """Opportunities seen in the CRM, (id, person, account, owner, stage, amount, opened_at, closed_at, won) each.

    An opportunity belongs to the latest handoff of its person that had begun by the day it was opened, and qualifies it.
    Raises StorageAway.
    """
    at = utc(at)
    with store.writing() as conn:
        spans: dict[str, list[tuple[str, datetime]]] = {}
        for person, handoff, joined, _ in work.handoffs_of(conn, [str(o[1]) for o in found if o[1]]):
            spans.setdefault(person, []).append((handoff, joined))
        written: dict[object, tuple[object, ...]] = {}  # the latest news of each, for a batch may tell of one several times
        qualified: dict[str, datetime] = {}
        for one in found:
            opened = one[6]
            assert isinstance(opened, datetime)
            home = next((h for h, joined in reversed(spans.get(str(one[1]), [])) if joined.date() <= opened.date()), None)
            before = written.get(one[0])
            written[one[0]] = (one[0], home, *one[1:6], before[7] if before else opened, *one[7:], at)
            if home is not None:
                qualified[home] = min(opened, qualified.get(home, opened))
        work.put_opportunities(conn, list(written.values()))
        if qualified:
            work.note_qualified(conn, list(qualified), list(qualified.values()))
        _wake(conn, None)
    return len(written)


# --- helpers --------------------------------------------------------------------------------------------------


def _held(conn: psycopg.Connection, handoff_id: str) -> Case:
    if (case := work.hold(conn, [handoff_id]).get(handoff_id)) is None:
        raise Refused(Problem(Place(handoff_id), "there is no such handoff", "Open it from the queue or the board."))
    return case


def _closed(case: Case) -> Problem:
    how = (case.outcome or "closed").replace("_", " ")
    return Problem(Place(case.id), f"this handoff is closed: {how}", "A new one opens by itself when the person asks for something again.")


def _wake(conn: psycopg.Connection, handoff_id: str | None) -> None:
    rows.notify(conn, f"handoff {handoff_id}" if handoff_id else "board")


__all__ = ["BY_HAND", "Recorded", "dispose", "pass_on", "reassign", "record_opportunities", "record_touches", "touch", "undo_touch"]
