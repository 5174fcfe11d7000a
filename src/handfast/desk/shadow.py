"""Shadow: a draft decides beside the contract in force, on the live traffic, with a rotation of its own; nothing it decides has any effect.

It follows a few seconds behind: what has been decided live is decided again by the same functions under the draft, on what is known by
then. So it costs the live path nothing, and a shadow that fails or is stopped harms nobody. One shadow runs at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from handfast.contract.agreement import BY_HAND, Agreement
from handfast.contract.reading import read_contract
from handfast.desk.acting import acts
from handfast.desk.batch import Batch, Moment, Ready
from handfast.desk.claims import Party, cases
from handfast.desk.contracts import compiled
from handfast.desk.groups import InWork, group_standings, ready_groups
from handfast.desk.opening import case_frame
from handfast.desk.overrides import for_people
from handfast.desk.refused import Refused
from handfast.desk.verdicts import Judged, asked_at, judge_moments, shown
from handfast.facts import stable_id, utc
from handfast.identity.keys import keys_of
from handfast.identity.normalise import business_domain
from handfast.problem import Place, Problem
from handfast.routing.assign import assign
from handfast.routing.roster import Roster
from handfast.sla.clock import choose
from handfast.store import handover
from handfast.store import shadow as rows
from handfast.store.base import Conn, Store
from handfast.store.handover import dumps
from handfast.store.lanes import Pending
from handfast.store.overrides import any_given
from handfast.store.shadow import Pair, Shadow

#: How far behind the live traffic it stays: whatever is being written meanwhile has been written then.
BEHIND: Final = timedelta(seconds=5)
#: Signals a turn.
BATCH: Final = 1000
#: Differences a list shows.
LISTED: Final = 200


@acts("by")
def start(store: Store, text: str, name: str, by: str, at: datetime) -> Shadow:
    """Begins a shadow of a draft's text, from now on.

    Raises:
        Refused: the draft has problems, or another shadow is running.
    """
    agreement, problems = read_contract(text, name)
    if agreement is None:
        raise Refused(problems[0])
    at = utc(at)
    one = Shadow(stable_id("shd", agreement.id, at.isoformat()), agreement.id, name, text, at, at, by, None)
    with store.writing() as conn:
        if not rows.start(conn, one):
            raise Refused(Problem(Place("shadow"), "another shadow is running", "Stop it first: one draft at a time decides beside."))
    return one


def stop(store: Store, at: datetime) -> bool:
    """Ends the one that is running; what it found is kept. False where none is."""
    with store.writing() as conn:
        return rows.stop(conn, utc(at))


def follow(store: Store, at: datetime, *, behind: timedelta = BEHIND) -> int:
    """Decides what came since the last turn, and has been decided live, under the shadow's draft. How many signals. Raises StorageAway."""
    with store.reading() as conn:
        if rows.running(conn) is None:
            return 0
    with store.writing() as conn:
        shadow = rows.running(conn, hold=True)
        if shadow is None:
            return 0
        until = utc(at) - behind
        if (waiting := rows.undecided_since(conn)) is not None:
            until = min(until, waiting - timedelta(microseconds=1))
        if until <= shadow.seen_until:
            return 0
        agreement = compiled(shadow.source, shadow.name)
        found = rows.signals(conn, sorted(agreement.kinds), shadow.seen_until, until, BATCH)
        full = len(found) >= BATCH
        if found:
            _Turn(conn, shadow, agreement, at).run([Pending(0, seq, signal, "") for seq, signal in found])
        rows.seen(conn, shadow.id, found[-1][1].received_at if full else until)
        return len(found)


def _domain(free_mail: frozenset[str], email: str) -> str | None:
    return business_domain(email, free_mail)


class _Turn:
    """The working state of one turn."""

    def __init__(self, conn: Conn, shadow: Shadow, agreement: Agreement, at: datetime) -> None:
        self.conn, self.shadow, self.agreement = conn, shadow, agreement
        domain_of = partial(_domain, frozenset(agreement.contract.match.free_mail))
        self.b = Batch(conn, conn, agreement, agreement.id, at, set(), (), True, domain_of, lambda _: agreement)

    def run(self, waiting: Sequence[Pending]) -> None:
        moments = self._moments(waiting)
        if not moments:
            return
        rows.end_with_live(self.conn, self.shadow.id, self.b.at)
        subjects: dict[str, dict[str, Any]] = {}
        for m in moments:
            who = self.b.directory.people[m.person]
            subjects[m.subject] = {**self.b.directory.fields_of(m.person), "email": who.email}
        by_hand = for_people(self.conn, {m.subject: (m.account, m.person) for m in moments}) if any_given(self.conn) else None
        judged = judge_moments(self.b, moments, subjects, by_hand)
        last = {m.person: i for i, m in enumerate(moments)}
        ready = [i for i, said in enumerate(judged.said) if said[0] == "ready"]
        made = shown(self.b, judged, sorted({*last.values(), *ready}))
        self._stand(made, {moments[i].waiting.seq for i in last.values()})
        work = InWork(self._busy, self._ended)
        rows.write_account_standings(self.conn, self.shadow.id, group_standings(self.b, moments, work))
        opens = self._opens(judged, made, ready_groups(self.b, moments, work))
        if opens:
            self._open(opens)

    def _moments(self, waiting: Sequence[Pending]) -> list[Moment]:
        """Each signal with its person and account, by what is known now."""
        book = self.b.directory
        keys = {one.seq: keys_of(one.signal.email, one.signal.user_id, one.signal.anonymous_id) for one in waiting}
        book.who = handover.known_by(self.conn, list({key for named in keys.values() for key in named}))
        book.people = handover.people(self.conn, list(set(book.who.values())))
        for account in handover.accounts(self.conn, [p.account for p in book.people.values() if p.account], []):
            book.accounts[account.id] = account
        self.b.learned.begin(book)
        found = []
        for one in waiting:
            person = next((book.who[key] for key in keys[one.seq] if key in book.who), None)
            if person is not None and person in book.people:
                found.append(Moment(one, person, person, one.signal.occurred_at, book.people[person].account))
        return found

    def _stand(self, made: Sequence[tuple[Moment, dict[str, Any], dict[str, Any]]], last: set[int]) -> None:
        standing = {
            m.person: (m.person, m.at, row["outcome"], row["next_step"], str(working["sentence"]))
            for m, row, working in made
            if m.waiting.seq in last
        }
        rows.write_standings(self.conn, self.shadow.id, list(standing.values()))

    def _busy(self, parties: Sequence[str]) -> set[str]:
        """Parties it has open, and those that were open live when it began: nobody's to open again."""
        motion = self.agreement.contract.motion
        old = rows.opened_before(self.conn, parties, self.shadow.since)
        before = {party for party, h in handover.open_handoffs(self.conn, parties, motion).items() if h.id in old}
        return before | rows.open_parties(self.conn, self.shadow.id, parties)

    def _ended(self, parties: Sequence[str]) -> dict[str, datetime]:
        """When the last handoff of each ended, live or its own."""
        live = handover.last_closings(self.conn, parties, self.agreement.contract.motion)
        return {**live, **rows.ended(self.conn, self.shadow.id, parties)}

    def _opens(self, judged: Judged, made: Sequence[tuple[Moment, dict[str, Any], dict[str, Any]]], groups: Sequence[Ready]) -> list[Ready]:
        """Those it would hand over: as live, one open handoff a party, and after an end only by a step asked for since.

        An account that is ready as a whole comes after the person whose signal made it so, as live.
        """
        found = [
            Ready(m, {**row, "next_step": row["next_step"] or BY_HAND}, judged.subjects[m.subject], working, "", m.party)
            for m, row, working in made
            if row["outcome"] == "ready"
        ]
        if not found and not groups:
            return []
        parties = list({r.party for r in (*found, *groups)})
        busy, ended = self._busy(parties), self._ended(parties)
        barred = handover.suppressed(self.conn, list({r.moment.person for r in found}))
        asked = asked_at(judged, [r.working for r in found])
        opens = []
        for r in sorted([*found, *groups], key=_turn):
            step = asked.get(r.working["totals"]["next_step_signal"])
            over = _is_group(r) or r.party not in ended or (step is not None and step > ended[r.party])
            if r.party not in busy and (_is_group(r) or r.moment.person not in barred) and over:
                busy.add(r.party)
                opens.append(r)
        return opens

    def _open(self, ready: list[Ready]) -> None:
        frame = case_frame(self.b, ready)
        slas = choose(self.agreement, frame)
        ids = [stable_id("shh", self.shadow.id, r.party, str(r.moment.waiting.signal.id)) for r in ready]
        parties = [
            Party(id_, r.moment.person, self.b.account_at(r.moment), r.moment.waiting.signal.received_at)
            for id_, r in zip(ids, ready, strict=True)
        ]
        roster = Roster(
            handover.reps(self.conn),
            handover.absences(self.conn, self.shadow.since - timedelta(days=400)),
            rows.open_counts(self.conn, self.shadow),
            rows.rotation(self.conn, self.shadow.id),
        )
        written = []
        for r, sla, case in zip(ready, slas, cases(self.conn, self.agreement, parties, frame), strict=True):
            signal = r.moment.waiting.signal
            chosen = assign(self.agreement, case, roster, signal.received_at)
            name = self.agreement.contract.sla[sla].name if sla is not None else None
            said = (chosen.owner, chosen.rule, chosen.pool, name, dumps(chosen.working))
            about = (
                case.handoff_id,
                self.shadow.id,
                r.party,
                r.moment.person,
                signal.id,
                signal.received_at,
                r.row["next_step"],
                _is_group(r),
            )
            written.append((*about, *said))
        rows.write_rotation(self.conn, self.shadow.id, [(t.pool, t.rep, t.turns, t.level, t.last_at) for t in roster.changed()])
        rows.add_handoffs(self.conn, written)


def _is_group(ready: Ready) -> bool:
    """An account that is ready as a whole: what is asked of a person once more was asked of it already."""
    return "group" in ready.working


def _turn(ready: Ready) -> tuple[datetime, int, bool]:
    signal = ready.moment.waiting
    return signal.signal.received_at, signal.seq, _is_group(ready)


# --- what it found --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beside:
    """The draft beside the contract in force: how many of each `Pair.kind`, and those that differ."""

    shadow: Shadow
    counts: dict[str, int]
    differences: list[Pair]
    names: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """A plain mapping with times as ISO texts."""
        one = self.shadow
        about = {"id": one.id, "contract": one.contract_id, "name": one.name, "since": one.since.isoformat()}
        told = [
            {
                "kind": pair.kind,
                "at": pair.at.isoformat(),
                **{
                    name: getattr(pair, name)
                    for name in ("party", "name", "group", "handoff", "live_owner", "live_rule", "owner", "rule", "because", "said")
                },
            }
            for pair in self.differences
        ]
        ends = {"seen_until": one.seen_until.isoformat(), "stopped_at": one.stopped_at.isoformat() if one.stopped_at else None}
        return {**about, **ends, "counts": self.counts, "differences": told}


def beside(store: Store) -> Beside | None:
    """The shadow that runs, else the last one, beside what was decided live; None where there was none yet. Raises StorageAway."""
    with store.reading() as conn:
        shadow = rows.latest(conn)
        if shadow is None:
            return None
        pairs = rows.pairs(conn, shadow, compiled(shadow.source, shadow.name).contract.motion)
        names = {rep.id: rep.name for rep in handover.reps(conn).values()}
    counts = dict.fromkeys(("same", "other_owner", "only_draft", "only_live"), 0)
    for pair in pairs:
        counts[pair.kind] += 1
    return Beside(shadow, counts, [pair for pair in pairs if pair.kind != "same"][:LISTED], names)
