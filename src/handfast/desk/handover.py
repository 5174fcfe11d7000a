"""Signals → people → verdicts → handoffs: the second hop, decided for a batch and recorded in one transaction.

The steps, in the order that makes them safe:

1.  Take the locks of some lanes and the oldest signals waiting in them. A lane is a stable hash of the account key, so the signals of one
    account are decided in order, by one transaction at a time, however many workers run.
2.  Resolve each signal to a person and account. What turns out to belong to a lane not held here is forwarded or left for later.
3.  Judge every person at the time of each of their signals, by the one batch function that replay uses too.
4.  A ready verdict opens a handoff, or joins the open one of the same account; the database refuses a second.
5.  Under the assignment lock: whose it is, which clock runs, what the brief says, who is told.
6.  Write facts, decisions, events and messages; take the signals off their lanes; commit.

A crash anywhere before the commit leaves the signals waiting, and the same signals give the same ids again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import polars as pl
import psycopg

from handfast.brief.compose import BriefCase, compose
from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.frames import as_frame, as_json_column
from handfast.desk.contracts import Book
from handfast.facts import Account, Person, Signal, lane_of, stable_id
from handfast.identity.keys import account_key, email_key, keys_of, user_key
from handfast.identity.normalise import business_domain
from handfast.identity.resolve import Directory, resolve
from handfast.readiness.explain import workings
from handfast.readiness.verdict import judge
from handfast.routing.assign import Assignment, Case, Roster, assign, territories
from handfast.sla.clock import OPS, Clock, choose, start, start_exception
from handfast.sla.notice import Kind, Named, message_id, notice
from handfast.store import handover as rows
from handfast.store.base import Store
from handfast.store.handover import Pending

#: How many signals one transaction decides at most. More amortises the locks and statements; fewer keeps the wait short.
BATCH = 2000
#: How many signals a brief is composed from, the latest first.
BRIEF_SIGNALS = 40


@dataclass(slots=True)
class Decided:
    """What one call did: counts, and whether signals are still waiting in the lanes it looked at."""

    signals: int = 0
    verdicts: int = 0
    opened: int = 0
    joined: int = 0
    unassigned: int = 0
    postponed: int = 0
    handoffs: list[str] = field(default_factory=list)

    def add(self, other: Decided) -> None:
        """Sums up, for a loop that calls until nothing is left."""
        self.signals += other.signals
        self.verdicts += other.verdicts
        self.opened += other.opened
        self.joined += other.joined
        self.unassigned += other.unassigned
        self.postponed += other.postponed
        self.handoffs += other.handoffs


@dataclass(frozen=True, slots=True)
class Moment:
    """A person at the time of one of their signals, with what was known of them then."""

    waiting: Pending
    person: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ready:
    """A ready verdict about to become, or join, a handoff."""

    moment: Moment
    row: Mapping[str, Any]
    working: Mapping[str, Any]
    verdict: str
    party: str


def decide(
    store: Store,
    book: Book,
    at: datetime,
    *,
    limit: int = BATCH,
    lanes_at_once: int = 64,
    channels: Sequence[str] = ("email",),
    punctual: bool = False,
) -> Decided:
    """Decides up to `limit` waiting signals received until `at` (UTC), in one transaction.

    `channels` are where notices go: `email`, `webhook`. `punctual`: on a virtual clock each decision is made at the very moment its signal
    was received, not at `at`. Raises StorageAway, and NoContract where none is in force.
    """
    with store.writing() as conn:
        lanes = rows.pending_lanes(conn)
        if not lanes:
            return Decided()
        held = rows.hold_lanes(conn, lanes[:lanes_at_once])
        waiting = rows.take_pending(conn, held, limit, at) if held else []
        if not waiting:
            return Decided()
        book.refresh(conn)
        return _Batch(conn, book, at, set(held), tuple(channels), punctual).run(waiting)


class _Batch:
    """The working state of one transaction."""

    def __init__(
        self, conn: psycopg.Connection, book: Book, at: datetime, held: set[int], channels: tuple[str, ...], punctual: bool
    ) -> None:
        self.conn = conn
        self.book = book
        self.at = at
        self.punctual = punctual
        self.held = held
        self.channels = channels
        self.agreement: Agreement = book.at(at)
        self.contract_id = book.id_at(at)
        self.directory = Directory()
        self.people_rows: dict[str, dict[str, Any]] = {}
        self.domain_of: Callable[[str], str | None] = (
            _nobodys
            if self.agreement.contract.match.domain == "off"
            else partial(_domain, frozenset(self.agreement.contract.match.free_mail))
        )

    def run(self, waiting: list[Pending]) -> Decided:
        self._look_up(waiting)
        mine, forwarded, postponed = self._by_lane(waiting)
        moments = self._resolve(mine)
        self._write_people()
        done = Decided(signals=len(mine), postponed=len(postponed))
        if moments:
            self._judge(moments, done)
        if mine:
            rows.settle_pending(self.conn, mine)
        if forwarded:
            rows.forward_pending(self.conn, forwarded)
        return done

    def decided_at(self, signal: Signal) -> datetime:
        return signal.received_at if self.punctual else self.at

    # --- who ------------------------------------------------------------------------------------------------

    def _look_up(self, waiting: list[Pending]) -> None:
        keys: dict[str, None] = {}
        for one in waiting:
            keys.update(dict.fromkeys(keys_of(one.signal.email, one.signal.user_id, one.signal.anonymous_id)))
        book = self.directory
        book.who = rows.known_by(self.conn, list(keys))
        book.people = rows.people(self.conn, list(set(book.who.values())))
        self.user_keys = {person: who for who, person in book.who.items() if who.startswith("user:")}
        book.users = set(self.user_keys)
        account_keys = {k for one in waiting if one.signal.email and (k := self.domain_of(one.signal.email))}
        account_keys |= {f"group:{one.signal.group_id}" for one in waiting if one.signal.group_id}
        ids = {p.account for p in book.people.values() if p.account}
        for account in rows.accounts(self.conn, list(ids), list(account_keys)):
            book.accounts[account.id] = account
            book.account_of_key[account.key] = account.id

    def _by_lane(self, waiting: list[Pending]) -> tuple[list[Pending], list[tuple[Pending, int]], list[Pending]]:
        """Splits the batch: what may be decided here, what belongs to another lane, and what must wait for a lane held elsewhere."""
        wanted = {one.seq: self._lanes_needed(one) for one in waiting}
        # The lane of the account itself is asked for too: a signal is only passed on where somebody else is at work on it.
        extra = sorted({lane for home, links in wanted.values() for lane in (home, *links)} - self.held)
        if extra:
            self.held.update(rows.hold_lanes(self.conn, extra))
        mine: list[Pending] = []
        forwarded: list[tuple[Pending, int]] = []
        postponed: list[Pending] = []
        blocked: set[int] = set()
        for one in waiting:
            home, links = wanted[one.seq]
            if one.lane in blocked or not links <= self.held:
                blocked.add(one.lane)  # Order within a lane is kept: what comes after waits too.
                postponed.append(one)
            elif home not in self.held:
                forwarded.append((one, home))
            else:
                mine.append(one)
        return mine, forwarded, postponed

    def _lanes_needed(self, one: Pending) -> tuple[int, set[int]]:
        """The lane this signal's account lives in, and the lanes of keys it would link for the first time."""
        signal, book = one.signal, self.directory
        keys = keys_of(signal.email, signal.user_id, signal.anonymous_id)
        known = next((p for k in keys if (p := book.who.get(k)) is not None), None)
        email = signal.email or (book.people[known].email if known is not None else None)
        home = one.lane
        if email is not None:
            home = lane_of(account_key(email_key(email), business_domain(email)))
        elif known is not None and keys[0].startswith("visitor:"):
            home = lane_of(self.user_keys.get(known, keys[0]))
        links = {lane_of(k) for k in keys[1:] if k not in book.who}
        if signal.previous_id:
            links.add(lane_of(user_key(signal.previous_id)))
        return home, links

    def _resolve(self, mine: list[Pending]) -> list[Moment]:
        """Every signal to its person; a person whose fields change within the batch appears as several subjects."""
        listens = self.agreement.kinds
        versions: dict[str, int] = {}
        last: dict[str, dict[str, Any]] = {}
        moments: list[Moment] = []
        for one in mine:
            person = resolve(one.signal, self.directory, self.domain_of)
            if person is None:
                continue
            fields = self.directory.fields_of(person)
            new_facts = last.get(person) != fields
            if new_facts:
                versions[person] = versions.get(person, -1) + 1
                last[person] = fields
            if not new_facts and one.signal.kind not in listens:
                continue  # Nothing a verdict could read has changed, and time alone only takes away.
            subject = person if versions[person] == 0 else f"{person}#{versions[person]}"
            self.people_rows[subject] = {"person_id": subject, **fields}
            moments.append(Moment(one, person, subject, one.signal.occurred_at))
        return moments

    def _write_people(self) -> None:
        book = self.directory
        new_accounts = [(book.accounts[a], at) for a, at in book.new_accounts.items()]
        rows.add_accounts(self.conn, new_accounts)
        changed = [book.accounts[a] for a in book.changed_accounts if a not in book.new_accounts]
        if changed:
            rows.change_accounts(self.conn, changed)
        merged = dict(book.merges)
        rows.add_people(self.conn, [(book.people[p], at) for p, at in book.new_people.items()])
        changed_people = [book.people[p] for p in sorted(book.changed_people) if p not in book.new_people]
        if changed_people:
            rows.change_people(self.conn, changed_people)
        if merged:
            rows.merge(self.conn, merged)
        rows.link(self.conn, [(one.who, merged.get(one.person, one.person), one.since) for one in book.links])
        events = [
            (
                "identity_conflict",
                c.signal.received_at,
                None,
                c.kept,
                None,
                None,
                rows.dumps({"key": c.who.split(":")[0], "claimed_by": c.claimed_by}),
            )
            for c in book.conflicts
        ]
        events += [("merged", self.at, None, winner, None, None, rows.dumps({"from": loser})) for loser, winner in merged.items()]
        rows.add_events(self.conn, events)

    # --- are they ready -------------------------------------------------------------------------------------

    def _judge(self, moments: list[Moment], done: Decided) -> None:
        judged = self._verdicts(moments)
        done.verdicts = len(judged)
        before = rows.standings(self.conn, list({m.person for m in moments}))
        found = list(zip(moments, judged.iter_rows(named=True), strict=True))
        self._write_standings(found)
        telling = self._telling(found, before)
        if telling:
            self._hand_over(judged, moments, telling, before, done)

    def _verdicts(self, moments: list[Moment]) -> pl.DataFrame:
        agreement = self.agreement
        points = pl.DataFrame(
            {"point": range(len(moments)), "person_id": [m.subject for m in moments], "at": [m.at for m in moments]},
            schema={"point": pl.Int64, "person_id": pl.String, "at": pl.Datetime("us", "UTC")},
        )
        self.people = as_frame(list(self.people_rows.values()), {"person_id": "text", **agreement.contract.fields})
        self.evidence = self._evidence(moments)
        self.points = points
        return judge(agreement, points, self.people, self.evidence)

    def _evidence(self, moments: list[Moment]) -> pl.DataFrame:
        """What these people did within the lookback, one row a signal and subject, typed as the contract declares."""
        agreement = self.agreement
        reach = max([agreement.contract.ready.intent.lookback.minutes, *(n.within.minutes for n in agreement.contract.ready.next_step)])
        since = min(m.at for m in moments) - timedelta(minutes=reach)
        until = max(m.at for m in moments)
        people = {m.person for m in moments}
        keys = {who: person for who, person in self.directory.who.items() if person in people}
        got = rows.evidence(self.conn, keys, list(agreement.kinds), since, until, list(agreement.signal_fields))
        if any(m.person != m.subject for m in moments):
            pairs = sorted({(m.person, m.subject) for m in moments})
            subjects = pl.DataFrame(pairs, schema={"person_id": pl.String, "subject": pl.String}, orient="row")
            got = got.join(subjects, on="person_id").drop("person_id").rename({"subject": "person_id"})
        return typed(got, agreement)

    def _write_standings(self, found: Sequence[tuple[Moment, Mapping[str, Any]]]) -> None:
        latest: dict[str, tuple[Any, ...]] = {}
        for m, row in found:
            if m.person in latest and latest[m.person][1] > m.at:
                continue
            signal = m.waiting.signal.id
            outcome = (row["outcome"], row["fit"], row["intent"], row["next_step"], row["reason"])
            latest[m.person] = (m.person, m.at, self.contract_id, *outcome, signal)
        rows.write_standings(self.conn, list(latest.values()))

    def _telling(self, found: Sequence[tuple[Moment, Mapping[str, Any]]], before: Mapping[str, str]) -> list[int]:
        """The positions whose verdict is worth a row: the outcome changed, or the person is ready."""
        last = dict(before)
        kept = []
        for i, (m, row) in enumerate(found):
            if row["outcome"] == "ready" or row["outcome"] != last.get(m.person, "not_yet"):
                kept.append(i)
            last[m.person] = row["outcome"]
        return kept

    # --- handoffs -------------------------------------------------------------------------------------------

    def _hand_over(self, judged: pl.DataFrame, moments: list[Moment], telling: list[int], before: Mapping[str, str], done: Decided) -> None:
        motion = self.agreement.contract.motion
        party_of = {m.person: self._party(m.person) for m in moments}
        parties = list({party_of[moments[i].person] for i in telling})
        self.open = rows.open_handoffs(self.conn, parties, motion)
        closings = rows.last_closings(self.conn, parties, motion)
        suppressed = rows.suppressed(self.conn, list({moments[i].person for i in telling}))
        in_work: dict[str, set[str]] = {p: set(h.people) for p, h in self.open.items()}
        telling = [i for i in telling if not self._old_news(judged, moments[i], i, in_work.get(party_of[moments[i].person], set()), before)]
        if not telling:
            return
        # The working is made only for the rows somebody will read.
        kept = judge(self.agreement, self.points[telling], self.people, self.evidence, working=True)
        shown, table = workings(self.agreement, kept), kept.to_dicts()
        asked_at = self._asked_at(shown)
        opens: list[Ready] = []
        joins: list[Ready] = []
        written: list[Ready] = []
        last = dict(before)
        for i, working, row in zip(telling, shown, table, strict=True):
            m = moments[i]
            party = party_of[m.person]
            ready = Ready(m, row, working, stable_id("ver", str(m.waiting.signal.id), m.person), party)
            changed = row["outcome"] != last.get(m.person, "not_yet")
            last[m.person] = row["outcome"]
            if row["outcome"] == "ready" and m.person not in in_work.get(party, ()) and m.person not in suppressed:
                step_at = asked_at.get(working["totals"]["next_step_signal"])
                if party not in closings or (step_at is not None and step_at > closings[party]):
                    (joins if party in in_work else opens).append(ready)
                    in_work.setdefault(party, set()).add(m.person)
                    changed = True
            if changed:
                written.append(ready)
        if not written:
            return
        uuids = rows.signals_by_seq(self.conn, list({s for r in written for s in r.working["inputs"]}))
        self._write_verdicts(written, uuids)
        if opens:
            self._open(opens, done)
        if joins:
            self._join(joins, done)

    def _old_news(self, judged: pl.DataFrame, m: Moment, i: int, people: set[str], before: Mapping[str, str]) -> bool:
        """Ready as before, and in an open handoff already: nothing to write, so its working need not be made."""
        return m.person in people and before.get(m.person) == "ready" and judged["outcome"][i] == "ready"

    def _asked_at(self, shown: Sequence[Mapping[str, Any]]) -> dict[int, datetime]:
        """When each open next step was asked for: a handoff that ended is opened again only by a step asked for after its end."""
        seqs = {w["totals"]["next_step_signal"] for w in shown} - {None}
        found = self.evidence.filter(pl.col("signal").is_in(list(seqs))).select("signal", "occurred_at")
        return dict(found.iter_rows())

    def _party(self, person: str) -> str:
        return self.directory.people[person].account or person

    def _write_verdicts(self, ready: Sequence[Ready], uuids: Mapping[int, UUID]) -> None:
        written = []
        for r in ready:
            m, row = r.moment, r.row
            inputs = "{" + ",".join(str(uuids[s]) for s in r.working["inputs"]) + "}"
            account = self.directory.people[m.person].account
            outcome = (row["outcome"], row["fit"], row["intent"], row["next_step"], row["reason"])
            written.append(
                (
                    r.verdict,
                    m.person,
                    account,
                    m.at,
                    self.contract_id,
                    *outcome,
                    m.waiting.signal.id,
                    inputs,
                    rows.dumps(r.working),
                    self.decided_at(m.waiting.signal),
                )
            )
        rows.add_verdicts(self.conn, written)

    def _open(self, ready: list[Ready], done: Decided) -> None:
        agreement = self.agreement
        frame = self._case_frame(ready)
        slas = choose(agreement, frame)
        claimed = territories(agreement, frame)
        rows.lock_assignment(self.conn)
        roster = read_roster(self.conn, self.at)
        out = _Opened(self)
        for r, sla, claim in zip(ready, slas, claimed, strict=True):
            handoff_id = stable_id("hnd", agreement.contract.motion, r.party, str(r.moment.waiting.signal.id))
            account = self._account(r.moment.person)
            case = Case(handoff_id, account.owner if account else None, claim.territory, claim.unknown)
            chosen = assign(agreement, case, roster, r.moment.waiting.signal.received_at)
            out.add(r, handoff_id, sla, chosen, roster)
            done.handoffs.append(handoff_id)
            done.unassigned += chosen.owner is None
        rows.write_rotation(self.conn, [(t.pool, t.rep, t.turns, t.level, t.last_at) for t in roster.changed()])
        out.write()
        done.opened += len(ready)

    def _case_frame(self, ready: list[Ready]) -> pl.DataFrame:
        fields = dict(self.agreement.contract.fields)
        cases = [
            {
                **{k: v for k, v in self.people_rows[r.moment.subject].items() if k in fields},
                "next_step": r.row["next_step"],
                "fit": r.row["fit"],
                "intent": r.row["intent"] / 1e6,
                "source": source_of(r.moment.waiting.signal),
            }
            for r in ready
        ]
        return as_frame(cases, {**fields, **SLA_FIELDS})

    def _account(self, person: str) -> Account | None:
        return self.directory.accounts.get(self.directory.people[person].account or "")

    def _join(self, ready: list[Ready], done: Decided) -> None:
        """A second ready person of an account in work joins the open handoff; no second clock is started."""
        by_party = rows.open_handoffs(self.conn, [r.party for r in ready], self.agreement.contract.motion)
        people, events, messages = [], [], []
        for r in ready:
            handoff = by_party[r.party]
            signal = r.moment.waiting.signal
            who = self.directory.people[r.moment.person]
            people.append((handoff.id, who.id, r.verdict, signal.id, source_of(signal), signal.occurred_at, signal.received_at))
            events.append(
                ("person_joined", signal.received_at, handoff.id, who.id, who.account, handoff.owner, rows.dumps({"verdict": r.verdict}))
            )
            if handoff.owner is not None:
                payload = notice(
                    "joined",
                    handoff_id=handoff.id,
                    opened_at=signal.received_at,
                    next_step=r.row["next_step"],
                    person=_named(who),
                    account=_named_account(self._account(who.id)),
                    joined=_named(who),
                )
                messages += messages_for(
                    self.channels, "joined", handoff.id, who.id, handoff.owner, handoff.owner, payload, signal.received_at
                )
            done.joined += 1
        rows.add_handoff_people(self.conn, people)
        rows.add_events(self.conn, events)
        rows.add_messages(self.conn, messages)
        rows.notify(self.conn, "board")


class _Opened:
    """The rows of the handoffs a batch opens, gathered and written table by table."""

    def __init__(self, batch: _Batch) -> None:
        self.batch = batch
        self.handoffs: list[tuple[Any, ...]] = []
        self.people: list[tuple[Any, ...]] = []
        self.assignments: list[tuple[Any, ...]] = []
        self.clocks: list[tuple[Any, ...]] = []
        self.timers: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.messages: list[tuple[Any, ...]] = []
        self.to_brief: list[tuple[Ready, str, str | None, datetime | None, Assignment, Roster]] = []

    def add(self, r: Ready, handoff_id: str, sla: int | None, chosen: Assignment, roster: Roster) -> None:
        b, signal = self.batch, r.moment.waiting.signal
        agreement, opened = b.agreement, signal.received_at
        person = b.directory.people[r.moment.person]
        clocks = [start(agreement, sla, handoff_id, opened)] if sla is not None else []
        due = clocks[0].due_at if clocks else None
        if chosen.owner is None:
            clocks.append(start_exception(agreement, handoff_id, opened))
        sla_name = agreement.contract.sla[sla].name if sla is not None else None
        source = source_of(signal)
        assigned = opened if chosen.owner else None
        self.handoffs.append(
            (handoff_id, agreement.contract.motion, r.party, person.account, person.id, b.contract_id, r.verdict, source,
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
        self._clocks(clocks)
        self.to_brief.append((r, handoff_id, sla_name, due, chosen, roster))
        self.events.append(
            (
                "handoff_opened",
                opened,
                handoff_id,
                person.id,
                person.account,
                None,
                rows.dumps({"verdict": r.verdict, "next_step": r.row["next_step"], "sla": sla_name}),
            )
        )
        name = "assigned" if chosen.owner else "left_unassigned"
        self.events.append((name, opened, handoff_id, person.id, person.account, chosen.owner, rows.dumps({"rule": chosen.rule, "leg": 0})))
        self._tell(r, handoff_id, sla_name, due, chosen, roster, person)

    def _clocks(self, clocks: Sequence[Clock]) -> None:
        for c in clocks:
            self.clocks.append((c.id, c.handoff_id, c.kind, c.sla, c.calendar, c.started_at, c.due_at))
            self.timers += [(t.id, c.id, c.handoff_id, t.step, t.action, t.target, t.due_at) for t in c.timers]

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
            account=_named_account(b.directory.accounts.get(person.account or "")),
            owner=Named(owner.id, owner.name) if owner else None,
            sla=sla,
            due_at=due,
            motion=b.agreement.contract.motion,
            why=chosen.because,
        )
        recipient = owner.id if owner else OPS
        self.messages += messages_for(b.channels, kind, handoff_id, "opened", recipient, chosen.owner, payload, opened)

    def write(self) -> None:
        conn = self.batch.conn
        rows.add_handoffs(conn, self.handoffs)
        rows.add_handoff_people(conn, self.people)
        rows.add_assignments(conn, self.assignments)
        rows.add_briefs(conn, self._compose())
        rows.add_clocks(conn, self.clocks)
        rows.add_timers(conn, self.timers)
        rows.add_events(conn, self.events)
        rows.add_new_messages(conn, self.messages)
        rows.notify(conn, "board")

    def _compose(self) -> list[tuple[Any, ...]]:
        """The briefs, from the latest signals of each person up to the moment of the handoff."""
        b = self.batch
        moments = {r.moment.person: r.moment.at for r, *_ in self.to_brief}
        seen = rows.latest_signals(b.conn, list(moments), list(moments.values()), BRIEF_SIGNALS)
        colleagues = rows.colleagues(b.conn, [a for r, *_ in self.to_brief if (a := b.directory.people[r.moment.person].account)])
        briefs = []
        for r, handoff_id, sla, due, chosen, roster in self.to_brief:
            person = b.directory.people[r.moment.person]
            account = b.directory.accounts.get(person.account or "")
            owner = roster.rep(chosen.owner) if chosen.owner else None
            case = BriefCase(
                person=person,
                account=account,
                others=tuple(c for c in colleagues.get(person.account or "", ()) if c.id != person.id)[:8],
                signals=tuple(seen.get(person.id, ())),
                verdict=r.working,
                assignment=chosen.working,
                next_step=r.row["next_step"],
                sla=sla,
                due_at=due,
                owner=owner.name if owner else None,
            )
            briefs.append((handoff_id, b.decided_at(r.moment.waiting.signal), rows.dumps(compose(b.agreement, case))))
        return briefs


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


def read_roster(conn: psycopg.Connection, at: datetime) -> Roster:
    """Reps, absences, open work and turns as they stand; call it under the assignment lock."""
    return Roster(rows.reps(conn), rows.absences(conn, at - timedelta(days=400)), rows.open_counts(conn), rows.rotation(conn))


def source_of(signal: Signal) -> str:
    """Where a signal came from, as marketing counts it: its channel or campaign source, else the name of the door."""
    for name in ("origin", "utm_source", "channel", "source"):
        if isinstance(value := signal.properties.get(name), str) and value:
            return value
    return signal.source


def typed(evidence: pl.DataFrame, agreement: Agreement) -> pl.DataFrame:
    """The evidence as stored, its fields read as the contract declares them; what does not parse is unknown."""
    return evidence.with_columns(as_json_column(evidence[name], kind) for name, kind in agreement.signal_fields.items())


def _named(person: Person) -> Named:
    return Named(person.id, person.name or person.email or person.id)


def _named_account(account: Account | None) -> Named | None:
    return Named(account.id, account.name or account.domain or account.key) if account else None


def _domain(free_mail: frozenset[str], email: str) -> str | None:
    return business_domain(email, free_mail)


def _nobodys(_: str) -> str | None:
    return None
