"""A ready verdict becomes a handoff: whose it is, which clock runs, what the brief says, who is told. Or it joins the one that is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl
import psycopg

from handfast.brief.compose import BriefCase, compose
from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.frames import as_frame
from handfast.contract.terms import Contract
from handfast.desk.batch import Batch, Ready, source_of
from handfast.desk.claims import Party, cases
from handfast.desk.clocks import opening
from handfast.desk.follow_up import course_id
from handfast.desk.meanwhile import Meanwhile
from handfast.facts import Account, Person, stable_id
from handfast.routing.assign import Assignment, Roster, assign, covered
from handfast.sla.clock import OPS, Clock, choose, start_exception, start_promise
from handfast.sla.notice import Kind, Named, message_id, notice
from handfast.store import availability, briefing, covers, follow_up, waiting
from handfast.store import clocks as clock_rows
from handfast.store import handover as rows

#: How many signals a brief is composed from, the latest first.
BRIEF_SIGNALS = 40


#: Gives out what is held, the oldest first, against this roster, before anything new is given to anybody. Answers how many still wait
#: behind those that were looked at: then what is new waits behind them too.
GiveOut = Callable[[Batch, Roster, datetime], int]


def open_handoffs(b: Batch, ready: list[Ready], verdicts: list[tuple[Any, ...]], give_out: GiveOut) -> tuple[list[str], int]:
    """Opens a handoff for each of these, under the assignment lock. Returns their ids, and how many found no owner.

    `verdicts`: the rows of the batch's verdicts, which those handoffs rest on. In a large batch they are written while owners are found.
    """
    agreement = b.agreement
    frame = case_frame(b, ready)
    slas = choose(agreement, frame)
    parties = [
        Party(
            stable_id("hnd", agreement.contract.motion, r.party, str(r.moment.waiting.signal.id)),
            r.moment.person,
            b.account_at(r.moment),
            r.moment.waiting.signal.received_at,
        )
        for r in ready
    ]
    claimed = cases(b.conn, agreement, parties, frame, b.directory.new_people.keys() | b.directory.new_accounts.keys())
    rows.lock_assignment(b.conn)
    by_day = counts_days(agreement)
    roster = read_roster(b.conn, b.at, by_day=by_day)
    behind = give_out(b, roster, b.decided_at(ready[0].moment.waiting.signal))
    out, ids, unassigned = _Opened(b), [], 0
    for_people: list[str] = []
    with Meanwhile(partial(rows.add_verdicts, b.conn, verdicts), apart=b.apart):
        for r, sla, case in zip(ready, slas, claimed, strict=True):
            handoff_id = case.handoff_id
            chosen = assign(agreement, case, roster, r.moment.waiting.signal.received_at) if not behind else _behind(behind)
            out.add(r, handoff_id, sla, chosen, roster)
            ids.append(handoff_id)
            unassigned += chosen.owner is None
            for_people += [handoff_id] if chosen.for_person else []
    keep_roster(b.conn, roster, by_day=by_day)
    out.write()
    if for_people:
        waiting.leave_to_person(b.conn, for_people)
    return ids, unassigned


def _behind(waiting: int) -> Assignment:
    """Nobody is overtaken: it is given out after those that wait already."""
    said = f"It waits behind {waiting} older handoffs that are given out before it."
    return Assignment(None, "exception", None, False, ({"rung": "exception", "result": "held", "because": said},))


def case_frame(b: Batch, ready: list[Ready]) -> pl.DataFrame:
    """What territories and SLA conditions read: one row a handoff."""
    fields = dict(b.agreement.contract.fields)
    cases = [
        {
            **{k: v for k, v in r.fields.items() if k in fields},
            "next_step": r.row["next_step"],
            "fit": r.row["fit"],
            "intent": r.row["intent"] / 1e6,
            "source": source_of(r.moment.waiting.signal),
        }
        for r in ready
    ]
    return as_frame(cases, {**fields, **SLA_FIELDS})


def join_handoffs(b: Batch, ready: list[Ready]) -> None:
    """A second ready person of an account in work joins the open handoff; no second clock is started."""
    by_party = rows.open_handoffs(b.conn, [r.party for r in ready], b.agreement.contract.motion)
    people, events, messages = [], [], []
    for r in ready:
        handoff, signal = by_party[r.party], r.moment.waiting.signal
        who = b.directory.people[r.moment.person]
        people.append((handoff.id, who.id, r.verdict, signal.id, source_of(signal), signal.occurred_at, signal.received_at))
        said = rows.dumps({"verdict": r.verdict})
        events.append(("person_joined", signal.received_at, handoff.id, who.id, r.moment.account, handoff.owner, said))
        if handoff.owner is not None:
            payload = notice(
                "joined",
                handoff_id=handoff.id,
                opened_at=signal.received_at,
                next_step=r.row["next_step"],
                person=_named(who),
                account=_named_account(b.account_at(r.moment)),
                joined=_named(who),
            )
            owner = handoff.owner
            messages += messages_for(b.channels, "joined", handoff.id, who.id, owner, owner, payload, signal.received_at)
    rows.add_handoff_people(b.conn, people)
    rows.add_events(b.conn, events)
    rows.add_messages(b.conn, messages)
    rows.notify(b.conn, "board")


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known around the people of a batch: latest signals by person, deals, handoffs ended by party, colleagues."""

    signals: Mapping[str, Sequence[Mapping[str, Any]]]
    deals: Mapping[str, Sequence[Any]]
    ended: Mapping[str, Sequence[Any]]
    colleagues: Mapping[str, Sequence[Person]]


class _Opened:
    """The rows of the handoffs a batch opens, gathered and written table by table."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.handoffs: list[tuple[Any, ...]] = []
        self.people: list[tuple[Any, ...]] = []
        self.assignments: list[tuple[Any, ...]] = []
        self.clocks: list[Clock] = []
        #: Marketing's, on what a brief turned out to lack.
        self.owed: list[Clock] = []
        self.courses: list[tuple[str, str, str, datetime]] = []
        self.covers: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.messages: list[tuple[Any, ...]] = []
        self.to_brief: list[tuple[Ready, str, str | None, datetime | None, Assignment, Roster]] = []

    def add(self, r: Ready, handoff_id: str, sla: int | None, chosen: Assignment, roster: Roster) -> None:
        b, signal, account = self.batch, r.moment.waiting.signal, r.moment.account
        agreement, opened = b.agreement, signal.received_at
        person = b.directory.people[r.moment.person]
        clocks = opening(agreement, sla, handoff_id, opened, roster, chosen.owner)
        due = clocks[0].due_at if clocks else None
        if chosen.owner is None:
            clocks.append(start_exception(agreement, handoff_id, opened))
        sla_name = agreement.contract.sla[sla].name if sla is not None else None
        source = source_of(signal)
        assigned = opened if chosen.owner else None
        self.handoffs.append(
            (handoff_id, agreement.contract.motion, r.party, account, person.id, b.contract_id, r.verdict, source,
             r.row["next_step"], sla_name, opened, b.decided_at(signal), chosen.owner, assigned)
        )  # fmt: skip
        self.people.append((handoff_id, person.id, r.verdict, signal.id, source, signal.occurred_at, opened))
        self.assignments.append(
            (
                stable_id("asg", handoff_id, "0"),
                handoff_id,
                0,
                chosen.owner,
                chosen.rule,
                chosen.pool,
                chosen.counts,
                rows.dumps(chosen.working),
                opened,
            )
        )
        self.clocks += clocks
        if chosen.owner is not None and agreement.contract.follow_up is not None:
            self.courses.append((course_id(handoff_id), handoff_id, person.id, opened))
        self.to_brief.append((r, handoff_id, sla_name, due, chosen, roster))
        self.events.append(
            (
                "handoff_opened",
                opened,
                handoff_id,
                person.id,
                account,
                None,
                rows.dumps({"verdict": r.verdict, "next_step": r.row["next_step"], "sla": sla_name}),
            )
        )
        if (cover := covered(chosen)) is not None:
            self.covers.append((handoff_id, cover[0], chosen.owner, cover[1], opened))
        name = "assigned" if chosen.owner else "left_unassigned"
        self.events.append((name, opened, handoff_id, person.id, account, chosen.owner, rows.dumps({"rule": chosen.rule, "leg": 0})))
        self._tell(r, handoff_id, sla_name, due, chosen, roster, person)

    def _tell(
        self, r: Ready, handoff_id: str, sla: str | None, due: datetime | None, chosen: Assignment, roster: Roster, person: Person
    ) -> None:
        b, opened = self.batch, r.moment.waiting.signal.received_at
        owner = roster.rep(chosen.owner) if chosen.owner else None
        kind: Kind = "handoff_opened" if owner else "exception"
        payload = notice(
            kind,
            handoff_id=handoff_id,
            opened_at=opened,
            next_step=r.row["next_step"],
            person=_named(person),
            account=_named_account(b.account_at(r.moment)),
            owner=Named(owner.id, owner.name) if owner else None,
            sla=sla,
            due_at=due,
            motion=b.agreement.contract.motion,
            why=chosen.because,
        )
        recipient = owner.id if owner else b.agreement.contract.routing.minded_by or OPS
        self.messages += messages_for(b.channels, kind, handoff_id, "opened", recipient, chosen.owner, payload, opened)

    def write(self) -> None:
        """Table by table; in a large batch the briefs are composed meanwhile."""
        conn, known = self.batch.conn, self._known()
        with Meanwhile(self._write, apart=self.batch.apart):
            briefs = [self._brief(*one, known) for one in self.to_brief]
        rows.add_briefs(conn, briefs)
        clock_rows.add(conn, self.owed)
        rows.notify(conn, "board")

    def _write(self) -> None:
        conn = self.batch.conn
        rows.add_handoffs(conn, self.handoffs)
        rows.add_handoff_people(conn, self.people)
        rows.add_assignments(conn, self.assignments)
        covers.add(conn, self.covers)
        clock_rows.add(conn, self.clocks)
        follow_up.begin(conn, self.courses)
        rows.add_events(conn, self.events)
        rows.add_new_messages(conn, self.messages)

    def _known(self) -> _Known:
        """What briefs tell beside the verdict: the latest signals of each person up to the moment of the handoff, and more."""
        b = self.batch
        moments = {r.moment.person: r.moment.at for r, *_ in self.to_brief}
        accounts = [a for r, *_ in self.to_brief if (a := r.moment.account)]
        return _Known(
            rows.latest_signals(b.conn, list(moments), list(moments.values()), BRIEF_SIGNALS),
            briefing.opportunities(b.conn, b.directory.stored(moments), b.directory.stored(accounts)),
            briefing.past(b.conn, b.directory.stored(r.party for r, *_ in self.to_brief), b.agreement.contract.motion),
            rows.colleagues(b.conn, accounts),
        )

    def _brief(
        self, r: Ready, handoff_id: str, sla: str | None, due: datetime | None, chosen: Assignment, roster: Roster, known: _Known
    ) -> tuple[Any, ...]:
        b = self.batch
        person = b.directory.people[r.moment.person]
        owner = roster.rep(chosen.owner) if chosen.owner else None
        case = BriefCase(
            person=person,
            account=b.account_at(r.moment),
            others=tuple(c for c in known.colleagues.get(r.moment.account or "", ()) if c.id != person.id)[:8],
            signals=tuple(known.signals.get(person.id, ())),
            verdict=r.working,
            assignment=chosen.working,
            next_step=r.row["next_step"],
            sla=sla,
            due_at=due,
            owner=owner.name if owner else None,
            opportunities=tuple(known.deals.get(r.moment.account or "", known.deals.get(person.id, ()))),
            past=tuple(known.ended.get(r.party, ())),
        )
        body = compose(b.agreement, case)
        self._missing(handoff_id, body, r.moment.waiting.signal.received_at)
        return (handoff_id, b.decided_at(r.moment.waiting.signal), rows.dumps(body))

    def _missing(self, handoff_id: str, body: Mapping[str, Any], at: datetime) -> None:
        """Context that the contract requires and nobody knows is owed by marketing."""
        names = [one["name"] for one in body["missing"]]
        if names and (clock := start_promise(self.batch.agreement, "context_complete", handoff_id, at)) is not None:
            self.owed.append(replace(clock, about={"missing": names}))


def messages_for(
    channels: Sequence[str],
    kind: Kind,
    handoff: str,
    cause: str,
    recipient: str,
    owner: str | None,
    payload: Mapping[str, Any],
    at: datetime,
) -> list[tuple[Any, ...]]:
    """Rows of the outbox: one a channel. A webhook reports to the endpoint, mail goes to the recipient."""
    text = rows.dumps(payload)
    to = {"webhook": "endpoint"}
    return [
        (
            message_id(handoff, kind, cause, channel, to.get(channel, recipient)),
            handoff,
            kind,
            channel,
            to.get(channel, recipient),
            owner,
            text,
            at,
            at,
        )
        for channel in channels
    ]


def read_roster(conn: psycopg.Connection, at: datetime, *, by_day: bool = True) -> Roster:
    """Reps, absences, open work and turns as they stand; call it under the assignment lock.

    `by_day`: also how many each was given on their day, which only capacities by the day ask for (`counts_days`).
    """
    taken = availability.taken(conn, (at - timedelta(days=2)).date()) if by_day else None
    return Roster(rows.reps(conn), rows.absences(conn, at - timedelta(days=400)), rows.open_counts(conn), rows.rotation(conn), taken)


def keep_roster(conn: psycopg.Connection, roster: Roster, *, by_day: bool = True) -> None:
    """Writes back what assigning changed: turns, and what was given to whom on which day."""
    rows.write_rotation(conn, [(t.pool, t.rep, t.turns, t.level, t.last_at) for t in roster.changed()])
    if by_day:
        availability.add_taken(conn, roster.taken_now())


def counts_days(agreement: Agreement) -> bool:
    """Whether this contract has a capacity by the day."""
    return counts_days_of(agreement.contract)


def counts_days_of(contract: Contract) -> bool:
    return any(pool.per_day is not None for pool in contract.routing.pools.values())


def _named(person: Person) -> Named:
    return Named(person.id, person.name or person.email or person.id)


def _named_account(account: Account | None) -> Named | None:
    return Named(account.id, account.name or account.domain or account.key) if account else None
