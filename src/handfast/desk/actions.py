"""What else a person can do to a handoff: hand it to somebody else; and what the CRM says became of it.

Each is one transaction under the row lock of the handoff. A refusal for a business reason is `Refused`; everything recorded is recorded
with its event, and wakes the pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from handfast.contract.terms import Contract
from handfast.desk.acting import acts
from handfast.desk.clocks import passed_on
from handfast.desk.contracts import Book
from handfast.desk.held import held_open, wake
from handfast.desk.opening import counts_days_of, keep_roster, messages_for, read_roster
from handfast.desk.refused import Refused
from handfast.facts import Rep, stable_id, utc
from handfast.problem import Place, Problem
from handfast.routing.roster import Roster, because, eligible
from handfast.sla.notice import Kind, Named, notice
from handfast.store import covers, moves, work
from handfast.store import handover as rows
from handfast.store.base import Store
from handfast.store.erasing import erased, stay_known
from handfast.store.work import Case


@acts("by")
def reassign(
    store: Store,
    handoff_id: str,
    to_rep: str,
    by: str,
    why: str,
    at: datetime,
    *,
    channels: Sequence[str] = ("email",),
    anyway: bool = False,
    book: Book | None = None,
) -> None:
    """Hands an open handoff to another rep by hand. The lead's clock runs on; the new owner starts a leg of their own.

    Whether they can take it is asked of the same function that automatic assignment asks. `anyway`: it is theirs although they cannot, and
    the record says so.

    Raises:
        Refused: no such handoff, closed, no such rep, theirs already, or they cannot take it now: the Problem says why.
    """
    at = utc(at)
    with store.writing() as conn:
        rows.lock_assignment(conn)
        case = held_open(conn, handoff_id)
        roster = read_roster(conn, at)
        if (rep := roster.rep(to_rep)) is None or not rep.active:
            raise Refused(Problem(Place(to_rep), "nobody active is known by that name", "Choose a rep from the list."))
        if case.owner == to_rep:
            raise Refused(Problem(Place(case.id), f"{rep.name} owns it already", "Choose somebody else, or leave it."))
        contract = (book or Book()).refresh(conn).by_id(case.contract).contract
        cannot = can_take(contract, roster, to_rep, at)
        if cannot is not None and not anyway:
            fix = "Choose somebody else, or say that it shall be theirs all the same."
            raise Refused(Problem(Place("handoff", part="to"), cannot.rstrip("."), fix))
        working: list[dict[str, Any]] = [
            {"rung": "manual", "result": "chosen", "because": why or f"Handed over by {by}.", "owner": to_rep, "by": by}
        ]
        if cannot is not None:
            working[0]["although"] = cannot
            working[0]["because"] += f" It is theirs although: {cannot}"
        roster.took(to_rep, at)
        keep_roster(conn, roster, by_day=counts_days_of(contract))
        event, messages = pass_on(conn, case, to_rep, "manual", None, False, working, at, {to_rep: rep, **_named(roster, case)}, channels)
        covers.end(conn, [case.id], "moved_on", at)
        rows.add_events(conn, [event])
        rows.add_messages(conn, messages)
        wake(conn, case.id)


def can_take(contract: Contract, roster: Roster, rep: str, at: datetime) -> str | None:
    """Why this rep cannot take a handoff under this contract at `at`, a sentence; None where they can."""
    roster.under(contract)
    promise = roster.promise(contract.routing, rep)
    reason = eligible(rep, roster, promise, at)
    return because(reason, rep, roster, promise, at) if reason is not None else None


def _named(roster: Roster, case: Case) -> dict[str, Rep]:
    owner = roster.rep(case.owner) if case.owner is not None else None
    return {owner.id: owner} if owner is not None else {}


def pass_on(
    conn: psycopg.Connection, case: Case, to: str, rule: str, pool: str | None, counts: bool, working: Sequence[object], at: datetime,
    everyone: Mapping[str, Rep], channels: Sequence[str], *, given_out: bool = False,
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:  # fmt: skip
    """Writes the new leg. Returns the event and the messages to the new owner and the one before, for the caller to write in its order.

    The caller holds the assignment lock and the handoff. `given_out`: it stood in the exception queue, and its turn has come.
    """
    leg = case.legs
    rows.add_assignments(conn, [(stable_id("asg", case.id, str(leg)), case.id, leg, to, rule, pool, counts, rows.dumps(working), at)])
    work.assign(conn, case.id, to, at)
    if case.owner is None:
        work.stop_clock_of_kind(conn, case.id, "exception", at)
    passed_on(conn, case, everyone[to], leg, at)
    why = str(working[-1]["because"]) if working and isinstance(working[-1], dict) else ""
    data = {"rule": rule, "leg": leg, "from": case.owner, "why": why}
    kind: Kind = "handoff_opened" if given_out else "reassigned"
    event = ("assigned" if given_out else "reassigned", at, case.id, case.person, case.account, to, rows.dumps(data))
    before = Named(case.owner, everyone[case.owner].name) if case.owner is not None and case.owner in everyone else None
    payload = notice(
        kind,
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
    messages = messages_for(channels, kind, case.id, cause, to, to, payload, at)
    if before is not None:
        messages += messages_for([c for c in channels if c != "webhook"], "reassigned", case.id, cause, before.id, to, payload, at)
    return event, messages


def record_opportunities(store: Store, found: Sequence[tuple[object, ...]], at: datetime) -> int:
    """Opportunities seen in the CRM, (id, person, account, owner, stage, amount, opened_at, closed_at, won) each.

    An opportunity belongs to the latest handoff of its person that had begun by the day it was opened, and qualifies it.
    What is told of somebody who was erased meanwhile is not kept. Raises StorageAway.
    """
    at = utc(at)
    with store.writing() as conn:
        stay_known(conn)
        gone = erased(conn, list({str(one[1]) for one in found}))
        return opportunities_in(conn, [one for one in found if one[1] not in gone], at)


def opportunities_in(conn: psycopg.Connection, found: Sequence[tuple[object, ...]], at: datetime) -> int:
    """As `record_opportunities`, within a transaction in which nobody of them is erased."""
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
    moves.say_when(conn, at)
    work.put_opportunities(conn, list(written.values()))
    if qualified:
        work.note_qualified(conn, list(qualified), list(qualified.values()))
    wake(conn, None)
    return len(written)


__all__ = ["can_take", "opportunities_in", "pass_on", "reassign", "record_opportunities"]
