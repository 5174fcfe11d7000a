"""What moves by itself: turns given back, handoffs whose account got another owner, whose owner is away for long, or has returned.

One turn of the worker, under the assignment lock, a bounded number of each kind. What finds nothing to do costs a probe of an index each.
The policies are the contract's (`routing.moves`), of the contract each handoff was opened under.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.desk.actions import pass_on
from handfast.desk.contracts import Book
from handfast.desk.opening import keep_roster, messages_for, read_roster
from handfast.desk.reroute import release
from handfast.desk.waiting import drain_all, routing_cases
from handfast.facts import Rep, utc
from handfast.routing.assign import Assignment, Roster, assign
from handfast.routing.assign import Case as RoutingCase
from handfast.routing.roster import because, eligible
from handfast.routing.rotation import counter_of, give_back
from handfast.sla.clock import MARKETING, OPS
from handfast.sla.notice import Named, notice
from handfast.store import covers, disputes, handover, work
from handfast.store import moves as rows
from handfast.store import waiting as held
from handfast.store.base import Store

#: How many of each kind are looked at together, and how often in one transaction.
BATCH: Final = 200
PAGES: Final = 10


@dataclass(slots=True)
class Moved:
    """What one turn did."""

    credits: int = 0
    followed: int = 0
    undone: int = 0
    left: int = 0
    away: int = 0
    handed_back: int = 0
    late_disputes: int = 0
    #: Handoffs that have another owner since.
    passed_on: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        return any((self.credits, self.followed, self.undone, self.left, self.away, self.handed_back, self.late_disputes))


def look(conn: psycopg.Connection, book: Book, at: datetime) -> tuple[bool, bool]:
    """Whether anything has to move at `at` (UTC), and whether anything is held. `book` is up to date."""
    return rows.what_waits(conn, at, *_caring(book))


def _caring(book: Book) -> tuple[list[str], list[str]]:
    """The contracts that move what belongs to the absent, and those that hand back what was covered."""
    terms = {name: one.contract.routing.moves for name, one in book.every().items()}
    moving = [name for name, one in terms.items() if one.away_longer_than is not None]
    return moving, [name for name, one in terms.items() if one.hand_back != "never"]


def move(store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",)) -> Moved:
    """Everything that has to move at `at` (UTC). Raises StorageAway."""
    at, done = utc(at), Moved()
    with store.writing() as conn:
        book.refresh(conn)
        if not look(conn, book, at)[0]:
            return done
        handover.lock_assignment(conn)
        turn = _Turn(conn, book, at, tuple(channels), read_roster(conn, at), done)
        turn.late_disputes()
        turn.credits()
        turn.owner_changes()
        turn.the_absent()
        turn.the_returned()
        turn.write()
    return done


def tend(store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",)) -> list[str]:
    """A turn of the worker: what has to move, then what is held. Which handoffs have an owner since, or another one. Raises StorageAway."""
    with store.reading() as conn:
        moves, held_back = look(conn, book.refresh(conn), utc(at))
    if not moves and not held_back:
        return []
    moved = move(store, book, at, channels=channels).passed_on if moves else []
    return [*moved, *drain_all(store, book, at, channels=channels)]


class _Turn:
    """The working state of one transaction."""

    def __init__(self, conn: psycopg.Connection, book: Book, at: datetime, channels: tuple[str, ...], roster: Roster, done: Moved) -> None:
        self.conn, self.book, self.at, self.channels, self.roster, self.done = conn, book, at, channels, roster, done
        self.moving, self.back = _caring(book)
        self.events: list[tuple[Any, ...]] = []
        self.messages: list[tuple[Any, ...]] = []

    def write(self) -> None:
        keep_roster(self.conn, self.roster)
        handover.add_events(self.conn, self.events)
        handover.add_messages(self.conn, self.messages)
        if self.done.anything:
            handover.notify(self.conn, "board")

    # --- disputes ---------------------------------------------------------------------------------------------

    def late_disputes(self) -> None:
        """A dispute nobody answered in time is said to be late, once: to whoever has to answer, and to whoever minds the exceptions."""
        late = disputes.note_late(self.conn, self.at)
        holding = work.hold(self.conn, sorted({handoff for _, handoff in late})) if late else {}
        for dispute, handoff in late:
            self.done.late_disputes += 1
            data = handover.dumps({"dispute": dispute})
            self.events.append(("dispute_late", self.at, handoff, None, None, None, data))
            if (one := disputes.get(self.conn, dispute)) is not None:
                self._tell_of(one, holding[handoff])

    def _tell_of(self, one: disputes.Dispute, case: work.Case) -> None:
        owner = self.roster.rep(one.owner_id or "")
        of_sales = (owner.manager if owner else None) or OPS
        answers = {"sales": (MARKETING,), "marketing": (of_sales,)}.get(one.side, (MARKETING, of_sales))
        minder = self.book.by_id(case.contract).contract.routing.minded_by or OPS
        raised = one.side.capitalize() if one.side != "neither" else "RevOps or a leader"
        why = f"{raised} disputes the {one.about} since {one.opened_at:%Y-%m-%d %H:%M} UTC, and nobody has answered."
        payload = notice(
            "dispute",
            handoff_id=case.id,
            opened_at=case.opened_at,
            next_step=case.next_step,
            person=Named(case.person, case.person_name),
            account=Named(case.account, case.account_name) if case.account else None,
            owner=Named(owner.id, owner.name) if owner else None,
            why=why,
        )
        for recipient in dict.fromkeys((*answers, minder)):
            self.messages += messages_for(self.channels, "dispute", case.id, one.id, recipient, case.owner, payload, self.at)

    # --- turns ------------------------------------------------------------------------------------------------

    def credits(self) -> None:
        """Turns off their counts: a share is what the contract of the handoff gave the rep."""
        waiting = rows.waiting_credits(self.conn, BATCH)
        for _, pool, rep, contract in waiting:
            pools = self.book.by_id(contract).contract.routing.pools
            terms = pools.get(pool)
            weight = terms.members.get(rep) if terms is not None else None
            if terms is not None and weight is not None:
                self.done.credits += give_back(counter_of(pool, terms), rep, weight, self.roster)
        rows.note_credits(self.conn, [row[0] for row in waiting], self.at)

    # --- another owner named elsewhere ------------------------------------------------------------------------

    def owner_changes(self) -> None:
        for change in rows.changes(self.conn, BATCH):
            working = rows.in_work(self.conn, change.account)
            against = next((one for one in working if one.owner is not None and one.owner != change.becomes), None)
            minutes = (change.at - against.chosen_at).total_seconds() / 60 if against is not None else None
            state = self._settled(change, working, against, minutes)
            if state == "undone":
                rows.say_who(self.conn, "handfast", self.at)
                rows.put_owner(self.conn, change.account, change.was)
                self.done.undone += 1
            rows.settle_change(self.conn, change.seq, state, against.handoff if against else None, minutes, self.at)
            for one in working:
                data = {"by": change.by, "from": change.was, "to": change.becomes, "state": state, "minutes": minutes}
                data["why"] = f"{change.by} names {self._name(change.becomes)} as the owner of the account: {_SAID[state]}."
                self.events.append(("owner_changed", change.at, one.handoff, None, change.account, change.becomes, handover.dumps(data)))

    def _settled(self, change: rows.OwnerChange, working: list[rows.Working], against: rows.Working | None, minutes: float | None) -> str:
        if against is None or rows.owner_now(self.conn, change.account) != change.becomes:
            return "left"  # nothing stands against it, or it was changed again since
        holding = work.hold(self.conn, [one.handoff for one in working])
        terms = self.book.by_id(holding[against.handoff].contract).contract.routing.moves
        if terms.undo_within is not None and minutes is not None and 0 <= minutes <= terms.undo_within.minutes:
            return "undone"
        moved = [self._follow(holding[one.handoff], change) for one in working if self._follows(holding[one.handoff], one, change)]
        self.done.followed += sum(moved)
        self.done.left += len(working) - sum(moved)
        return "followed" if any(moved) else "left"

    def _follows(self, case: work.Case, one: rows.Working, change: rows.OwnerChange) -> bool:
        policy = self.book.by_id(case.contract).contract.routing.moves.owner_changed
        mine = change.becomes is not None and one.owner != change.becomes
        return mine and (policy == "all" or (policy == "untouched" and not one.touched))

    def _follow(self, case: work.Case, change: rows.OwnerChange) -> bool:
        """To the new owner, if they can take it: the same question as everywhere."""
        agreement, rep = self.book.by_id(case.contract), str(change.becomes)
        self.roster.under(agreement.contract)
        promise = self.roster.promise(agreement.contract.routing, rep)
        if (reason := eligible(rep, self.roster, promise, self.at)) is not None:
            said = because(reason, rep, self.roster, promise, self.at)
            data = {"to": rep, "why": f"It would follow the account, but {said[:1].lower()}{said[1:]}"}
            self.events.append(("move_failed", self.at, case.id, case.person, case.account, rep, handover.dumps(data)))
            return False
        said = f"{change.by} names {self._name(rep)} as the owner of the account, and the handoff follows it."
        rung = {"rung": "owner_changed", "result": "chosen", "owner": rep, "because": said, "by": change.by}
        self.roster.took(rep, self.at)
        self._pass(case, Assignment(rep, "named_account", None, False, (rung,)), "owner_changed")
        covers.end(self.conn, [case.id], "moved_on", self.at)
        return True

    # --- owners who are away, and who return --------------------------------------------------------------------

    def the_absent(self) -> None:
        """Untouched handoffs of whoever is away for longer than their contract allows go to somebody else; with nobody there they stay.

        All of whoever left go to somebody else, whatever the contract says, and with nobody there into the exception queue. Page by page:
        those at the beginning that must stay keep nobody waiting.
        """
        after: rows.Cursor | None = None
        for _ in range(PAGES):
            found = rows.of_the_absent(self.conn, self.at, self.moving, BATCH, after)
            holding = {one: case for one, case in work.hold(self.conn, [id_ for _, id_ in found]).items() if self._too_long(case)}
            if holding:
                self._move_on([holding[id_] for _, id_ in found if id_ in holding])
            if len(found) < BATCH:
                return
            after = found[-1]

    def _move_on(self, cases: Sequence[work.Case]) -> None:
        """From these, who are away or have left, to somebody else."""
        subjects = held.subjects(self.conn, [case.id for case in cases])
        asked = routing_cases(self.conn, self.book.by_id, cases, subjects, self.at)
        for case in cases:
            agreement, owner = self.book.by_id(case.contract), str(case.owner)
            # Whoever had the person last is who is leaving: not asked again.
            question: RoutingCase = asked[case.id]._replace(last=None)
            chosen = assign(agreement, question, self.roster, self.at, exclude=subjects[case.id].excluded | {owner})
            left = self._left(owner)
            why = because("inactive" if left else "pto", owner, self.roster, None, self.at)
            if chosen.owner is None:
                if left:
                    self._release(case, chosen, why)
                continue
            rung = {"rung": "away", "result": "passed", "because": why if left else f"{why} The contract moves what nobody has tried yet."}
            self._pass(case, chosen._replace(working=(rung, *chosen.working)), "away")
            if not left:
                covers.put(self.conn, (case.id, owner, chosen.owner, "pto", self.at))
            self.done.away += 1

    def _release(self, case: work.Case, chosen: Assignment, why: str) -> None:
        """Nobody can take over from who has left: it stands in the exception queue, and is given out as soon as somebody can."""
        said = f"{why} {chosen.because}"
        release(self.conn, self.book.by_id(case.contract), case, "away", said, "handfast", self.at, exclude=[str(case.owner)])
        if chosen.for_person:
            held.leave_to_person(self.conn, [case.id])
        self.roster.gave_up(str(case.owner))
        self.done.away += 1

    def _too_long(self, case: work.Case) -> bool:
        if self._left(case.owner or ""):
            return True
        limit = self.book.by_id(case.contract).contract.routing.moves.away_longer_than
        away = self.roster.absence(case.owner or "", self.at)
        return limit is not None and away is not None and (away.ends_at - away.starts_at).total_seconds() > limit.minutes * 60

    def _left(self, rep: str) -> bool:
        known = self.roster.rep(rep)
        return known is not None and not known.active

    def the_returned(self) -> None:
        """What was held for an owner goes back to them once they can take it, as far as the contract says so. Page by page, as above."""
        covers.end_those_over(self.conn)
        after: covers.Cursor | None = None
        for _ in range(PAGES):
            running = covers.running(self.conn, self.back, BATCH, after)
            holding = work.hold(self.conn, [one.handoff for one in running])
            for one in running:
                self._hand_back(one, holding[one.handoff])
            if len(running) < BATCH:
                return
            after = (running[-1].since, running[-1].handoff)

    def _hand_back(self, one: covers.Cover, case: work.Case) -> None:
        contract = self.book.by_id(case.contract).contract
        policy = contract.routing.moves.hand_back
        self.roster.under(contract)
        promise = self.roster.promise(contract.routing, one.owner)
        if eligible(one.owner, self.roster, promise, self.at) is not None:
            return
        if policy == "never" or (policy == "untouched" and one.touched):
            covers.end(self.conn, [one.handoff], "stays", self.at)
            return
        name = self._name(one.owner)
        rung = {"rung": "handed_back", "result": "chosen", "owner": one.owner, "because": f"{name} is back, and it was held for them."}
        self.roster.took(one.owner, self.at)
        self._pass(case, Assignment(one.owner, "named_account", None, False, (rung,)), "handed_back")
        covers.end(self.conn, [one.handoff], "handed_back", self.at)
        self.done.handed_back += 1

    # --- helpers ------------------------------------------------------------------------------------------------

    def _pass(self, case: work.Case, chosen: Assignment, rule: str) -> None:
        owner = str(chosen.owner)
        if case.owner is not None:
            self.roster.gave_up(case.owner)
        everyone: Mapping[str, Rep] = {rep.id: rep for one in (owner, case.owner) if one and (rep := self.roster.rep(one)) is not None}
        event, messages = pass_on(
            self.conn, case, owner, rule, chosen.pool, chosen.counts, list(chosen.working), self.at, everyone, self.channels
        )
        self.events.append(event)
        self.messages += messages
        self.done.passed_on.append(case.id)

    def _name(self, rep: str | None) -> str:
        return self.roster.name(rep) if rep else "nobody"


_SAID: Final[Mapping[str, str]] = {
    "followed": "open handoffs follow it, as the contract says",
    "left": "open handoffs stay where they are",
    "undone": "it was taken back, as the contract says",
}

__all__ = ["BATCH", "Moved", "look", "move", "tend"]
