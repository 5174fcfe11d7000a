"""Signals → people → verdicts → handoffs: the second hop, decided for a batch and recorded in one transaction.

The steps, in the order that makes them safe:

1.  Take the locks of some lanes and the oldest signals waiting in them. A lane is a stable hash of the account key, so the signals of one
    account are decided in order, by one transaction at a time, however many workers run.
2.  Resolve each signal to a person and account. What turns out to belong to a lane not held here is forwarded or left for later.
3.  Judge every person at the time of each of their signals, by the one batch function that replay uses too. In a large batch this is
    computed while the database writes down who was learned of: it reads, on a second connection, only what was committed before.
4.  A ready verdict opens a handoff, or joins the open one of the same account; the database refuses a second.
5.  Under the assignment lock: whose it is, which clock runs, what the brief says, who is told.
6.  Write facts, decisions, events and messages; take the signals off their lanes; commit.

A crash anywhere before the commit leaves the signals waiting, and the same signals give the same ids again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl

from handfast.contract.agreement import BY_HAND
from handfast.desk.batch import Batch, Moment, Ready
from handfast.desk.canary import by_version
from handfast.desk.contracts import Book
from handfast.desk.evidence import put_right, take
from handfast.desk.groups import ready_groups
from handfast.desk.learned import Learned
from handfast.desk.meanwhile import Meanwhile
from handfast.desk.of_account import Named, record_matches
from handfast.desk.opening import join_handoffs, open_handoffs
from handfast.desk.overrides import for_people
from handfast.desk.owners import name_owners
from handfast.desk.verdicts import Judged, asked_at, judge_moments, shown, telling, verdict_rows, worth_asking, write_standings
from handfast.desk.waiting import give_out
from handfast.desk.way_back import has_new_intent, need_new_intent
from handfast.desk.whose import by_lane, look_up, reach, resolve_all, write_people
from handfast.facts import LANES, Signal, stable_id
from handfast.identity.normalise import business_domain
from handfast.identity.resolve import Directory
from handfast.store import handover as rows
from handfast.store import lanes as lane_rows
from handfast.store.base import Conn, Store
from handfast.store.lanes import Pending
from handfast.store.overrides import any_given

#: How many signals one transaction decides at most. More amortises the locks and statements; fewer keeps the wait short.
BATCH = 2000
#: From so many signals on, writing and computing go side by side; below, a thread costs more than it saves.
SIDE_BY_SIDE = 500
#: Fewer than this are one worker's work: while it decides some, others wait for it to take the rest. One handoff decided alone costs ten
#: times what it costs among others, and workers that each decide one at a time fill the machine.
WORTH_COMPANY = 500
#: So few are gathered until the oldest has waited so long: nobody notices a tenth of a second, and those who come meanwhile cost little.
GATHER = timedelta(milliseconds=100)
#: So long whoever finds another at work leaves it alone, which looks again as soon as it is done.
ELSEWHERE = timedelta(milliseconds=250)


@dataclass(slots=True)
class Decided:
    """What one call did: counts, and whether signals are still waiting in the lanes it looked at."""

    signals: int = 0
    verdicts: int = 0
    opened: int = 0
    joined: int = 0
    unassigned: int = 0
    postponed: int = 0
    #: Seconds for which it is not worth looking again: the few that wait are being gathered, or are another worker's.
    rest: float = 0.0
    handoffs: list[str] = field(default_factory=list)
    #: Those that were held before and have an owner since.
    given_out: list[str] = field(default_factory=list)

    def add(self, other: Decided) -> None:
        """Sums up, for a loop that calls until nothing is left."""
        self.signals += other.signals
        self.verdicts += other.verdicts
        self.opened += other.opened
        self.joined += other.joined
        self.unassigned += other.unassigned
        self.postponed += other.postponed
        self.handoffs += other.handoffs
        self.given_out += other.given_out


def decide(
    store: Store,
    book: Book,
    at: datetime,
    *,
    limit: int = BATCH,
    lanes_at_once: int = 64,
    channels: Sequence[str] = ("email",),
    punctual: bool = False,
    in_company: bool = False,
) -> Decided:
    """Decides up to `limit` waiting signals received until `at` (UTC), in one transaction.

    `lanes_at_once`: how many lanes it takes at most, the longest waiting first; what it leaves, another worker may take at the same time.
    `channels` are where notices go: `email`, `webhook`. `punctual`: on a virtual clock each decision is made at the very moment its signal
    was received, not at `at`. `in_company`: few that wait are gathered for a moment, and left to another worker who is deciding already.

    Raises StorageAway, and NoContract where none is in force.
    """
    with store.writing() as conn, ExitStack() as stack:
        few = False
        if in_company:
            few, rest = _may_decide(conn, at)
            if rest is not None:
                return Decided(rest=rest)
        rows.by_index(conn)
        held, busy = _hold(conn, LANES if few else lanes_at_once)
        waiting = lane_rows.take_pending(conn, busy, limit, at, many=in_company and not few) if busy else []
        if not waiting:
            return Decided()
        book.refresh(conn)
        waiting, contract_id = _under_one_version(book, waiting)
        agreement = book.by_id(contract_id)
        match = agreement.contract.match
        domain_of = _nobodys if match.domain == "off" else partial(_domain, frozenset(match.free_mail))
        eyes = conn
        if len(waiting) >= SIDE_BY_SIDE:
            eyes = stack.enter_context(store.reading())
            rows.by_index(eyes)
        found = Batch(conn, eyes, agreement, contract_id, at, held, tuple(channels), punctual, domain_of, book.by_id)
        if (trial := book.trial_at(waiting[0].signal.received_at)) is not None:
            found.trial = book.by_id(trial), trial
        return _decide(found, waiting)


def _hold(conn: Conn, most: int) -> tuple[set[int], list[int]]:
    """The lanes this transaction holds from now on, and those among them that have work, the one that has waited longest first.

    Whoever may have all of them takes those without work too: what the signals turn out to need is held before anything is looked up.
    """
    busy = lane_rows.pending_lanes(conn)
    wanted = [*busy, *sorted(set(range(LANES)) - set(busy))] if most >= LANES else busy
    held = set(lane_rows.hold_lanes(conn, wanted, most)) if busy else set()
    return held, [lane for lane in busy if lane in held]


def _may_decide(conn: Conn, at: datetime) -> tuple[bool, float | None]:
    """Whether only few wait; and, where they are not to be decided now, the seconds to rest."""
    count, oldest = lane_rows.few_pending(conn, WORTH_COMPANY)
    if oldest is None:
        return False, 0.0
    if count >= WORTH_COMPANY:
        return False, None
    # Received by a machine whose clock is ahead: it waits no longer than any other.
    fresh = min(GATHER, GATHER - (at - oldest)).total_seconds()
    if fresh > 0:
        return True, fresh
    return True, None if lane_rows.take_floor(conn) else ELSEWHERE.total_seconds()


def _under_one_version(book: Book, waiting: list[Pending]) -> tuple[list[Pending], str]:
    """The signals up to the next change of the contract, and the version in force when they were received: however late they are decided.

    Those received after the change keep their turn. Raises NoContract.
    """

    first = waiting[0].signal.received_at
    contract_id, change = book.id_at(first), book.change_after(first)
    if change is not None:
        waiting = waiting[: bisect_left(waiting, change, key=lambda one: one.signal.received_at)]
    return waiting, contract_id


def _domain(free_mail: frozenset[str], email: str) -> str | None:
    return business_domain(email, free_mail)


def _nobodys(_: str) -> str | None:
    return None


def _decide(b: Batch, waiting: list[Pending]) -> Decided:
    keys = look_up(b, waiting)
    if reach(b, waiting, keys):
        # Somebody may have decided there until a moment ago: what was looked up before is old.
        b.directory, b.learned = Directory(), Learned()
        keys = look_up(b, waiting)
    mine, forwarded, postponed = by_lane(b, waiting, keys)
    moments, subjects, whose = resolve_all(b, mine, keys)
    written = Meanwhile(partial(_write_down, b, keys.named, mine, whose), apart=b.apart)
    done = Decided(signals=len(mine), postponed=len(postponed))
    try:
        for under, theirs in by_version(b, moments, subjects):
            _follow_up(under, theirs, subjects, written, done)
        written.done()
    finally:
        written.settle()  # the connection is not ours to roll back while it is written to
    take(b, whose)
    name_owners(b, whose)
    put_right(b, whose)
    if forwarded:
        lane_rows.forward_pending(b.conn, forwarded)
    return done


def _write_down(b: Batch, named: Named, mine: list[Pending], whose: list[tuple[Signal, str]]) -> None:
    """What the signals told, and that they are off their lanes."""
    write_people(b)
    record_matches(b, named, whose)
    if mine:
        lane_rows.settle_pending(b.conn, mine)


def _follow_up(b: Batch, moments: list[Moment], subjects: Mapping[str, Mapping[str, Any]], written: Meanwhile, done: Decided) -> None:
    before = rows.standings(b.eyes, b.directory.stored({m.person for m in moments}))
    by_hand = _by_hand(b, moments)
    asked, facts = worth_asking(b, moments, subjects, before, by_hand)
    if b.agreement.contract.ready.account is not None:
        written.done()  # a buying group is read with the members this batch found
    groups = ready_groups(b, moments)
    if not asked and not groups:
        return
    judged = judge_moments(b, asked, subjects, by_hand) if asked else None
    written.done()
    positions: dict[int, str] = {}
    if judged is not None:
        write_standings(b, judged, facts, before)
        done.verdicts += len(judged.said)
        positions = telling(judged, before)
    if positions or groups:
        _hand_over(b, judged, positions, groups, done)


def _by_hand(b: Batch, moments: list[Moment]) -> pl.DataFrame | None:
    """What was decided by hand of those these moments are about."""
    if not any_given(b.eyes):
        return None
    return for_people(b.eyes, {m.subject: (m.account, m.person) for m in moments}, {m.subject: m.folded for m in moments if m.folded})


@dataclass(frozen=True, slots=True)
class _Work:
    """What is in work, or was, of the parties of a batch. `people`: party → who is in its open handoff; it grows as we go."""

    people: dict[str, set[str]]
    closed_at: dict[str, datetime]
    suppressed: set[str]
    #: Who comes back only with new intent.
    needs_new_intent: frozenset[str]


def _in_work(b: Batch, moments: Sequence[Moment], groups: Sequence[Ready]) -> _Work:
    motion = b.agreement.contract.motion
    parties = b.directory.stored({m.party for m in moments} | {ready.party for ready in groups})
    open_now = rows.open_handoffs(b.conn, parties, motion)
    closed_at = rows.last_closings(b.conn, parties, motion)
    suppressed = rows.suppressed(b.conn, b.directory.stored({m.person for m in moments}))
    return _Work({p: set(h.people) for p, h in open_now.items()}, closed_at, suppressed, need_new_intent(b, closed_at))


def _hand_over(b: Batch, judged: Judged | None, positions: Mapping[int, str], groups: list[Ready], done: Decided) -> None:
    """Writes the verdicts that changed something, and opens or joins handoffs for those newly ready: people, and accounts as a whole.

    `positions`: of the verdicts that may be worth it, each with the outcome the person stood at before.
    """
    work = _in_work(b, [judged.moments[i] for i in positions] if judged is not None else [], groups)
    found: list[Ready] = []
    step_asked: dict[int, datetime] = {}
    if judged is not None:
        positions = {i: was for i, was in positions.items() if not _old_news(judged.moments[i], judged.said[i][0], was, work)}
        found, step_asked = _read(b, judged, positions) if positions else ([], {})
    opens: list[Ready] = []
    joins: list[Ready] = []
    written: list[Ready] = []
    for ready in _in_turn(found, groups):
        m, outcome = ready.moment, ready.row["outcome"]
        if "group" in ready.working:  # whoever of them is ready alone, at this moment or an earlier one, came first
            changed = goes = ready.party not in work.people
        else:
            goes = _goes_over(ready, work, step_asked.get(ready.working["totals"]["next_step_signal"]))
            if goes and judged is not None and ready.party in work.needs_new_intent and ready.row.get("override") is None:
                goes = has_new_intent(b.agreement, judged, ready, work.closed_at[ready.party])
            changed = goes or outcome != ready.was
        if goes:
            (joins if ready.party in work.people else opens).append(ready)
            work.people.setdefault(ready.party, set()).add(m.person)
        if changed:
            written.append(ready)
    _record(b, written, opens, joins, done)


def _read(b: Batch, judged: Judged, positions: Mapping[int, str]) -> tuple[list[Ready], dict[int, datetime]]:
    """The verdicts at these positions with their working, and when the steps they stand on were asked for, by signal."""
    made = shown(b, judged, list(positions))
    step_asked = asked_at(judged, [working for _, _, working in made])
    found = []
    for (m, row, working), was in zip(made, positions.values(), strict=True):
        verdict = stable_id("ver", str(m.waiting.signal.id), m.person)
        found.append(Ready(m, _with_step(row), judged.subjects[m.subject], working, verdict, m.party, was))
    return found, step_asked


def _in_turn(people: list[Ready], groups: list[Ready]) -> list[Ready]:
    """In the order in which their signals were received; of one signal the person first, then their account as a whole."""
    if not groups:
        return people
    return sorted([*people, *groups], key=lambda r: (r.moment.waiting.signal.received_at, r.moment.waiting.seq, "group" in r.working))


def _record(b: Batch, written: list[Ready], opens: list[Ready], joins: list[Ready], done: Decided) -> None:
    verdicts = verdict_rows(b, written) if written else []
    if not opens:
        rows.add_verdicts(b.conn, verdicts)
    else:
        before = len(b.given_out)
        handoffs, unassigned = open_handoffs(b, opens, verdicts, give_out)
        done.given_out += b.given_out[before:]
        done.handoffs += handoffs
        done.opened += len(opens)
        done.unassigned += unassigned
    if joins:
        join_handoffs(b, joins)
        done.joined += len(joins)


def _old_news(m: Moment, outcome: str, was: str, work: _Work) -> bool:
    """Ready as before, and in an open handoff already: nothing to write, so its working need not be made."""
    return outcome == "ready" == was and m.person in work.people.get(m.party, ())


def _with_step(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody made ready by hand may have asked for nothing; then that is the step."""
    return {**row, "next_step": BY_HAND} if row["outcome"] == "ready" and row["next_step"] is None else row


def _goes_over(r: Ready, work: _Work, step_asked: datetime | None) -> bool:
    """Whether Sales gets this: ready, not in work, not disqualified, and after a closing only by a next step asked for since.

    Somebody who says ready by hand is asked neither, if it was said after the closing.
    """
    if r.row["outcome"] != "ready" or r.moment.person in work.people.get(r.party, ()):
        return False
    if (override := r.row.get("override")) is not None:
        return r.party not in work.closed_at or override["since"] > work.closed_at[r.party]
    if r.moment.person in work.suppressed:
        return False
    return r.party not in work.closed_at or (step_asked is not None and step_asked > work.closed_at[r.party])
