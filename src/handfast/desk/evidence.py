"""Signals of a batch that are evidence: of touches, which stop clocks by themselves; of bounces, absences, opt-outs; of data put right.

Only where the contract has rules on touches, or marketing owes context or addresses: so many statements a batch, none a signal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_frame
from handfast.contract.terms import TouchRule
from handfast.desk.batch import Batch
from handfast.desk.clocks import owe
from handfast.desk.follow_up import follow
from handfast.desk.touches import record_all
from handfast.facts import Account, Evidence, Person, Rep, Signal, Touch, stable_id
from handfast.sla.evidence import Reading, read
from handfast.store import clocks, work
from handfast.store import follow_up as rows
from handfast.store import handover as facts


@dataclass(frozen=True, slots=True)
class _Heard:
    """A signal that a rule on touches heard, whose it is, and what it was read as."""

    signal: Signal
    person: str
    reading: Reading


def take(b: Batch, whose: Sequence[tuple[Signal, str]]) -> None:
    """Records what the signals of this batch are evidence of, each with its person as resolved."""
    if not (kinds := b.agreement.touch_kinds):
        return
    asked = [(s, b.directory.merges.get(p, p)) for s, p in whose if s.kind in kinds]
    heard = _heard(b.agreement, asked) if asked else []
    if not heard:
        return
    reps = facts.reps(b.conn)
    touches = [_touch(one, reps) for one in heard if one.reading.kind is not None]
    if touches:
        record_all(b.conn, touches, b.at)
    spans = _open_now(b.conn, [one.person for one in heard])
    for one in heard:
        _also(b, one, spans.get(one.person))


def _heard(agreement: Agreement, asked: Sequence[tuple[Signal, str]]) -> list[_Heard]:
    """The first rule that holds for each signal, and what it makes of it; those no rule holds for are left out."""
    frame = as_frame([s.properties for s, _ in asked], agreement.touch_fields)
    holds: list[Sequence[bool | None]] = [
        frame.select(compiled.expr.alias("_"))["_"].to_list() if compiled is not None else [True] * len(asked)
        for compiled in agreement.touches
    ]
    found = []
    for n, (signal, person) in enumerate(asked):
        rule = _first(agreement.contract.touches, signal.kind, [column[n] for column in holds])
        if rule is not None:
            found.append(_Heard(signal, person, read(rule, signal.properties, signal.occurred_at)))
    return found


def _first(rules: Sequence[TouchRule], kind: str, holds: Sequence[bool | None]) -> TouchRule | None:
    return next((rule for rule, held in zip(rules, holds, strict=True) if rule.on == kind and held), None)


def _touch(one: _Heard, reps: Mapping[str, Rep]) -> Touch:
    signal, reading = one.signal, one.reading
    assert reading.kind is not None
    return Touch(
        id=stable_id("tch", str(signal.id)),
        person=one.person,
        rep=_rep(signal.properties.get("rep"), reps),
        kind=reading.kind,
        occurred_at=signal.occurred_at,
        evidence=Evidence.EVIDENCED,
        contact=reading.what == "contact",
        source=f"{signal.source}: {signal.kind}",
        note=reading.why,
    )


def _rep(said: object, reps: Mapping[str, Rep]) -> str | None:
    """The rep a signal names, by id or address."""
    name = str(said).strip().lower() if said else ""
    return name if name in reps else next((rep.id for rep in reps.values() if name and rep.email.lower() == name), None)


def _open_now(conn: psycopg.Connection, people: Sequence[str]) -> dict[str, str]:
    """Person → the open handoff they are in."""
    return {person: handoff for person, handoff, _ in work.open_handoffs_of(conn, list(set(people)))}


def _also(b: Batch, one: _Heard, handoff: str | None) -> None:
    """What is no touch: it is kept of the person, said in the story of their handoff, and changes what comes next."""
    at, what = one.signal.occurred_at, one.reading.what
    case = work.hold(b.conn, [handoff]).get(handoff) if handoff is not None else None
    if what == "contact":
        rows.reachable(b.conn, [one.person])
        if one.reading.meeting and handoff is not None:
            work.note_meeting(b.conn, handoff, one.person, at)
        if case is not None:
            clocks.stop(b.conn, [case.id], ["contact_valid"], [at], "complete", b.at)
        return
    if what == "attempt":
        return
    if what == "opt_out":
        rows.opted_out(b.conn, one.person, at)
    elif what == "bounce":
        rows.bounced(b.conn, one.person, at)
        if case is not None:
            person = facts.people(b.conn, [one.person])[one.person]
            owe(b.conn, b.agreement, "contact_valid", case.id, at, {"missing": ["email"], "was": digest(person)})
    elif what == "absence":
        plan = b.agreement.contract.follow_up
        lasts = timedelta(minutes=plan.back_after.minutes) if plan is not None else timedelta(days=3)
        rows.away(b.conn, one.person, one.reading.until or at + lasts)
    names = {"opt_out": "opted_out", "bounce": "bounced", "absence": "absence_reply", "auto_reply": "auto_replied"}
    said = {"signal": str(one.signal.id), "why": one.reading.why, "until": one.reading.until and one.reading.until.isoformat()}
    account = case.account if case is not None else None
    facts.add_events(b.conn, [(names[what], at, handoff, one.person, account, None, facts.dumps(said))])
    if case is not None:
        follow(b.conn, case, b.at)


# --- put right ------------------------------------------------------------------------------------------------------


def put_right(b: Batch, whose: Sequence[tuple[Signal, str]]) -> None:
    """Stops marketing's clocks whose people or accounts this batch taught what was missing, as of when it arrived.

    A worker that comes late to it takes no time off marketing's promise; before it arrived it helped nobody, whenever it happened.
    """
    marketing, book = b.agreement.contract.marketing, b.directory
    if marketing.context_complete is None and marketing.contact_valid is None:
        return
    people = [person for person in book.changed_people if person not in book.new_people]
    accounts = [account for account in book.changed_accounts if account not in book.new_accounts]
    if not people and not accounts:
        return
    for clock, kind, handoff, person_id, account_id, about in clocks.owed_by_marketing(b.conn, people, accounts):
        person = book.people.get(person_id) or facts.people(b.conn, [person_id])[person_id]
        account = book.accounts.get(account_id or "")
        if account is None and account_id is not None:
            account = next(iter(facts.accounts(b.conn, [account_id], [])), None)
        if _is_right(kind, about, person, account):
            at = _arrived(b, whose, person_id, account_id)
            clocks.answer(b.conn, clock, at, "complete")
            said = facts.dumps({"clock": clock, "kind": kind})
            facts.add_events(b.conn, [("context_completed", at, handoff, person_id, account_id, None, said)])
            if kind == "contact_valid":
                rows.reachable(b.conn, [person_id])


def _arrived(b: Batch, whose: Sequence[tuple[Signal, str]], person: str, account: str | None) -> datetime:
    """When the latest of this batch's signals of the person, or of the people of the account, was received; never after it is decided."""
    people = b.directory.people
    mine = {person} | {who for _, who in whose if account is not None and who in people and people[who].account == account}
    return min(b.at, max((signal.received_at for signal, who in whose if who in mine), default=b.at))


def _is_right(kind: str, about: Mapping[str, Any], person: Person, account: Account | None) -> bool:
    if kind == "contact_valid":
        return about.get("was") not in (None, digest(person))
    return all(known(name, person, account) for name in about.get("missing", ()))


def known(name: str, person: Person, account: Account | None) -> bool:
    """Whether what a contract requires is known by now; what only signals tell (the last activity, themes) came with the handoff or not."""
    named: dict[str, object] = {
        "name": person.name,
        "email": person.email,
        "company": (account.name or account.domain) if account else person.fields.get("company"),
        "domain": account.domain if account else None,
        "persona": person.fields.get("title") or person.fields.get("seniority"),
    }
    return bool(named.get(name) or person.fields.get(name) or (account is not None and account.fields.get(name)))


def digest(person: Person) -> str:
    """How a person is reached now, as a mark that shows whether it was changed and nothing else."""
    told = f"{person.id}\x1f{person.email or ''}\x1f{person.fields.get('phone') or ''}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


__all__ = ["digest", "known", "put_right", "take"]
