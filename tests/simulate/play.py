"""One seed: a company lives through some days, step by step, and after each step every promise is asked for.

A step is one piece of work, or two or three at the same time: a request comes in, signals are decided, clocks tick, messages leave, somebody
calls, closes, takes back, hands over; the contract changes; the database restarts. What breaks on the way is drawn from the seed too. At the
end everything works again, and what is owed must come.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handfast.connectors.segment import Refusal
from handfast.desk import contracts, imports
from handfast.desk.actions import reassign
from handfast.desk.contracts import Book
from handfast.desk.deliver import deliver
from handfast.desk.handover import Decided, decide
from handfast.desk.intake import Keys, Post, Receipt, admit, ensure_key
from handfast.desk.outcomes import dispose
from handfast.desk.overrides import set_override
from handfast.desk.refused import Refused
from handfast.desk.tick import Ticked, tick
from handfast.desk.touches import record_touches, touch, undo_touch
from handfast.facts import Absence, Evidence, Outcome, Touch, TouchKind
from handfast.store.base import StorageAway
from handfast.worker import CONFLICTS
from tests.simulate.company import Company, drawn
from tests.simulate.faults import Crashed, Fault, Watch, watched
from tests.simulate.house import NOTHING, House, Snapshot, forget
from tests.simulate.ledger import SOURCE, Batch, Broken, Ledger, Step
from tests.simulate.promises import Seen, broken, moment
from tests.simulate.receiver import ANSWERS, Endpoint, Mailbox, World
from tests.simulate.senders import AUTHORIZATION, KEY, Senders
from tests.simulate.turns import Actor, take_turns

STEPS = (10, 18)
DRAIN_STEPS = 40
WORKERS = 2
REPS = ("ann", "ben", "cleo")


@dataclass(slots=True)
class Piece:
    """A piece of work and what follows from how it ended, in words. `after` runs when all pieces of the step are done."""

    name: str
    work: Callable[[], Any]
    after: Callable[[Any], str] = lambda result: ""
    failed: Callable[[BaseException], None] = lambda error: None
    allowed: tuple[type[BaseException], ...] = (StorageAway,)


@dataclass(slots=True)
class Result:
    """What became of a seed."""

    seed: int
    steps: int = 0
    points: int = 0
    faults: int = 0
    broken: list[Broken] = field(default_factory=list)
    at: datetime | None = None
    story: list[str] = field(default_factory=list)
    trace: str = ""


class Play:
    """The life of one company on one database."""

    def __init__(self, house: House, seed: int, *, told: bool = False) -> None:
        self.house = house
        self.store = house.store
        self.chance = random.Random(seed)
        self.company: Company = drawn(self.chance)
        self.now = self.company.start
        self.ledger = Ledger()
        self.world = World(lambda: self.now)
        house.world = self.world
        self.senders = Senders(self.chance, self.company, self.ledger)
        self.keys = Keys(self.store)
        self.channels = {"email": Mailbox(self.world), "webhook": Endpoint(self.world)}
        self.books = [Book() for _ in range(WORKERS)]
        self.seen: Snapshot = NOTHING
        self.result = Result(seed)
        self.trace = hashlib.sha256()
        self.told = told
        self.calm = False

    def run(self) -> Result:
        self.house.empty()
        self._open()
        try:
            for _ in range(self.chance.randint(*STEPS)):
                if not self._step(self._drawn()):
                    return self.result
            self._drain()
        finally:
            self.result.trace = self.trace.hexdigest()[:16]
        return self.result

    # --- the world ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        version, problems = contracts.put_in_force(self.store, self.company.versions[0].yaml(), "contract.yaml", self.now)
        assert version == 1, problems
        self.ledger.versions[1] = 0
        imports.put_reps(self.store, self.company.reps)
        imports.put_absences(self.store, self.company.absences)
        ensure_key(self.store, KEY, SOURCE, self.now)
        self.seen = self.house.look()
        self._say(f"a company on {self.company.wall} time, {len(self.company.leads)} leads, {len(self.company.absences)} absences")

    def _step(self, pieces: list[Piece]) -> bool:
        """One step and all promises. False: one of them does not hold."""
        result = self.result
        result.steps += 1
        step = Step(result.steps, self.now, [piece.name for piece in pieces], clean=True, taken_before=len(self.world.taken))
        self.world.mood = None if self.calm else self._mood()
        faults = [self._fault() for _ in pieces]
        ended, turns = self._work(pieces, faults)
        said = []
        for piece, fault, (returned, raised, watch) in zip(pieces, faults, ended, strict=True):
            result.points += watch.points
            result.faults += watch.struck is not None
            struck = f" [{fault}: {watch.struck}]" if watch.struck else ""
            if raised is None:
                said.append(f"{piece.name}: {piece.after(returned)}{struck}")
                step.ticked |= piece.name == "tick"
                if isinstance(returned, Decided) and step.decided is not None:
                    step.decided += returned.signals
            else:
                piece.failed(raised)
                step.decided = None if piece.name.startswith("decide") else step.decided
                if isinstance(raised, Crashed):
                    forget()
                said.append(f"{piece.name}: {_named(raised)}{struck}")
                if not isinstance(raised, (*piece.allowed, Crashed)) and not (len(pieces) > 1 and isinstance(raised, CONFLICTS)):
                    result.broken.append(Broken(0, f"{piece.name} raised {type(raised).__name__}: {raised}"))
            step.clean &= raised is None and watch.struck is None
        step.clean &= len(pieces) == 1
        was, self.seen = self.seen, self.house.look()
        self._say(f"{'; '.join(said)}{f' ({turns})' if turns else ''}", self.seen.digest)
        result.at = self.now
        result.broken += broken(Seen(self.company, self.ledger, self.world, was, self.seen, step))
        for one in result.broken:
            self._say(f"BROKEN {one}")
        return not result.broken

    def _work(self, pieces: list[Piece], faults: list[Fault | None]) -> tuple[list[tuple[Any, BaseException | None, Watch]], str]:
        if len(pieces) > 1:
            actors = [Actor(piece.name, piece.work, fault) for piece, fault in zip(pieces, faults, strict=True)]
            turns = take_turns(actors, self.chance, self.house.monitor)
            return [(actor.result, actor.raised, actor.watch) for actor in actors], turns
        watch = Watch(faults[0])
        watched(watch)
        try:
            return [(pieces[0].work(), None, watch)], ""
        except (Crashed, Exception) as error:
            return [(None, error, watch)], ""
        finally:
            watched(None)

    def _fault(self) -> Fault | None:
        if self.calm or self.chance.random() > 0.3:
            return None
        kind = "crash" if self.chance.random() < 0.85 else "cut"
        return Fault(kind, self.chance.choice((self.chance.randrange(1, 8), self.chance.randrange(1, 45))))  # type: ignore[arg-type]

    def _mood(self) -> Callable[[], str]:
        share = self.chance.choice((0.0, 0.0, 0.3, 1.0))
        chance = random.Random(self.chance.random())
        return lambda: chance.choice(ANSWERS) if chance.random() < share else "ok"

    # --- what happens next ------------------------------------------------------------------------------------------

    def _drawn(self) -> list[Piece]:
        chance = self.chance
        self._time_passes()
        if chance.random() < 0.04:
            self._say(f"PostgreSQL restarts: {self.store.server_restarts()} connections are gone")
        if chance.random() < 0.14:
            makers = [
                chance.choice((self._decide, self._decide, self._tick, self._deliver, self._post, self._by_hand))
                for _ in range(chance.choice((2, 2, 3)))
            ]
            return [piece for maker in makers for piece in maker()]
        maker = chance.choices(
            (self._post, self._decide, self._tick, self._deliver, self._by_hand, self._by_system, self._change),
            (5, 5, 4, 4, 4, 1, 1),
        )[0]
        return maker()

    def _time_passes(self) -> None:
        chance = self.chance
        self.now += timedelta(microseconds=chance.randrange(1, 3_000_000))
        match chance.randrange(8):
            case 0 | 1:
                self.now += timedelta(minutes=chance.randrange(1, 40))
            case 2:
                self.now += timedelta(hours=chance.randrange(1, 20))
            case 3 | 4:
                owed = [moment(row["due_at"]) for row in self.seen.timer.values() if row["state"] == 0]
                if due := [at for at in owed if at > self.now]:
                    self.now = min(due) + timedelta(microseconds=chance.choice((-1, 0, 1, 2_000_000)))
            case _:
                pass

    def _post(self) -> list[Piece]:
        waiting = self.ledger.unanswered
        batch = self.chance.choice(waiting) if waiting and self.chance.random() < 0.6 else self.senders.request()
        at = self.now = self.now + timedelta(microseconds=1)
        body = self.senders.body(batch, at)
        names = ",".join(event.message + ("" if event.good else "!") for event in batch.events)
        if self.chance.random() < 0.04:
            return [
                Piece(
                    f"post nonsense {names}", lambda: admit(self.store, self.keys, Post("batch", body[:-9], "", AUTHORIZATION), at), _status
                )
            ]
        work = lambda: admit(self.store, self.keys, Post("batch", body, "", AUTHORIZATION), at)  # noqa: E731
        return [Piece(f"post #{batch.number} {names}", work, lambda answer: self._answered(batch, answer))]

    def _answered(self, batch: Batch, answer: Receipt | Refusal) -> str:
        if isinstance(answer, Refusal):
            self.result.broken.append(Broken(7, f"request {batch.number} was refused as a whole: {answer.problem}"))
            return "refused"
        batch.answered = True
        good = sum(event.good for event in batch.events)
        if (answer.accepted + answer.duplicates, answer.refused) != (good, len(batch.events) - good):
            self.result.broken.append(
                Broken(7, f"of request {batch.number}, {good} good of {len(batch.events)}, the receipt says {answer}")
            )
        self.ledger.refused += answer.refused
        for event in batch.events:
            event.acknowledged = True
        return f"{answer.accepted} new, {answer.duplicates} known, {answer.refused} refused"

    def _decide(self) -> list[Piece]:
        chance, at, worker = self.chance, self.now, self.chance.randrange(WORKERS)
        limit, lanes = chance.choice((1, 2, 3, 2000)), chance.choice((1, 2, 64, 64))
        work = lambda: decide(self.store, self.books[worker], at, limit=limit, lanes_at_once=lanes, channels=tuple(self.channels))  # noqa: E731
        told = lambda done: f"{done.signals} signals, {done.opened} opened, {done.joined} joined, {done.postponed} left"  # noqa: E731
        return [Piece(f"decide {limit}", work, told, self._lost(worker))]

    def _tick(self) -> list[Piece]:
        at, worker = self.now, self.chance.randrange(WORKERS)
        work = lambda: tick(self.store, self.books[worker], at, channels=tuple(self.channels))  # noqa: E731
        told: Callable[[Ticked], str] = lambda done: f"{done.fired} fired, {done.not_owed} no longer owed"  # noqa: E731
        return [Piece("tick", work, told, self._lost(worker))]

    def _lost(self, worker: int) -> Callable[[BaseException], None]:
        """A worker that was killed forgets what it had read."""

        def forget(error: BaseException) -> None:
            if isinstance(error, Crashed):
                self.books[worker] = Book()

        return forget

    def _deliver(self) -> list[Piece]:
        name = self.chance.choice(sorted(self.channels))
        limit = self.chance.choice((1, 3, 20))
        work = lambda: deliver(self.store, {name: self.channels[name]}, lambda: self.now, limit=limit)  # noqa: E731
        told = lambda done: f"{done.sent} sent, {done.retried} again later, {done.dropped} dropped, {done.dead} dead"  # noqa: E731
        return [Piece(f"deliver {name}", work, told)]

    # --- what people do --------------------------------------------------------------------------------------------

    def _by_hand(self) -> list[Piece]:
        handoffs = sorted(self.seen.handoff, key=lambda key: (self.seen.handoff[key]["closed_at"] is not None, key))
        if not handoffs:
            return self._post() if self.chance.random() < 0.5 else self._decide()
        row = self.seen.handoff[handoffs[min(self.chance.randrange(len(handoffs)), self.chance.randrange(len(handoffs)))]]
        maker = self.chance.choices((self._touch, self._dispose, self._undo, self._reassign, self._override), (4, 3, 2, 3, 1))[0]
        return [maker(row)]

    def _touch(self, row: Mapping[str, Any]) -> Piece:
        rep, at, contact = row["owner_id"] or self.chance.choice(REPS), self.now, self.chance.random() < 0.3
        kind = self.chance.choice((TouchKind.CALL, TouchKind.EMAIL))

        def told(made: Touch) -> str:
            self.ledger.granted["touch", made.id] = f"a touch by {rep}"
            return "recorded"

        return Piece(
            f"{rep} touches {row['id']}",
            lambda: touch(self.store, row["id"], rep, kind, at, contact=contact),
            told,
            allowed=(StorageAway, Refused),
        )

    def _undo(self, row: Mapping[str, Any]) -> Piece:
        mine = [t for t in self.seen.touch.values() if t["handoff_id"] == row["id"] and t["evidence"] == "declared"]
        if not mine:
            return self._touch(row)
        made, at = self.chance.choice(sorted(mine, key=lambda t: str(t["id"]))), self.now

        def told(_: str) -> str:
            self.ledger.granted.pop(("touch", made["id"]), None)
            return "taken back"

        def failed(_: BaseException) -> None:
            self.ledger.granted.pop(("touch", made["id"]), None)  # nobody knows whether it came to pass

        return Piece(
            f"{made['rep_id']} takes a touch back",
            lambda: undo_touch(self.store, made["id"], made["rep_id"], at),
            told,
            failed,
            (StorageAway, Refused),
        )

    def _dispose(self, row: Mapping[str, Any]) -> Piece:
        chance, at = self.chance, self.now
        rep = row["owner_id"] or chance.choice(REPS)
        outcome = chance.choice((Outcome.CONNECTED, Outcome.MEETING_SET, Outcome.RECYCLE, Outcome.DISQUALIFY))
        reasons = {Outcome.RECYCLE: ("not_now", "not_now", "no_such_reason"), Outcome.DISQUALIFY: ("bad_fit", None)}.get(outcome, (None,))
        reason = chance.choice(reasons)
        meeting = at + timedelta(days=3) if outcome is Outcome.MEETING_SET else None
        work = lambda: dispose(self.store, row["id"], rep, outcome, at, reason=reason, meeting_at=meeting)  # noqa: E731
        return Piece(f"{rep} says {outcome} ({reason}) of {row['id']}", work, lambda made: "recorded", allowed=(StorageAway, Refused))

    def _reassign(self, row: Mapping[str, Any]) -> Piece:
        to, at = self.chance.choice((*REPS, "gone", "nobody")), self.now
        work = lambda: reassign(self.store, row["id"], to, "mia", "holiday", at, channels=tuple(self.channels))  # noqa: E731
        return Piece(f"mia hands {row['id']} to {to}", work, lambda _: "done", allowed=(StorageAway, Refused))

    def _override(self, row: Mapping[str, Any]) -> Piece:
        lead, at = self.chance.choice(self.company.leads), self.now
        verdict = self.chance.choice(("ready", "not_yet", "never"))
        key = self.chance.choice((lead.email, lead.domain))
        self.ledger.overridden |= {lead.email, lead.domain}
        work = lambda: set_override(self.store, key, verdict, "met at the fair", "mia", at + timedelta(days=2), at)  # noqa: E731
        return Piece(f"mia says {verdict} of {key}", work, lambda _: "recorded", allowed=(StorageAway, Refused))

    def _by_system(self) -> list[Piece]:
        """The telephone system reports calls, some of long ago, some twice."""
        people = sorted(key for key, row in self.seen.person.items() if row["merged_into"] is None)
        if not people:
            return self._post()
        calls = []
        for _ in range(self.chance.choice((1, 2))):
            at = self.now - timedelta(seconds=self.chance.choice((0, 60, 3000, 20_000)))
            name = f"call{self.chance.randrange(12)}"
            calls.append(
                Touch(
                    f"tch_{name}_{at:%d%H%M%S}",
                    self.chance.choice(people),
                    self.chance.choice(REPS),
                    TouchKind.CALL,
                    at,
                    Evidence.EVIDENCED,
                    source="phone",
                )
            )
        at = self.now

        def told(done: Any) -> str:
            for call in calls:
                self.ledger.granted["touch", call.id] = "a call the telephone system reported"
            return f"{done.added} new, {done.loose} loose"

        return [Piece("calls reported", lambda: record_touches(self.store, calls, at), told)]

    def _change(self) -> list[Piece]:
        """The contract changes, or is broken; somebody goes on leave."""
        at, kind = self.now, self.chance.randrange(3)
        if kind == 0:
            rep = self.chance.choice(REPS)
            leave = Absence(rep, at, at + timedelta(hours=self.chance.randrange(1, 60)), "leave")
            return [Piece(f"{rep} goes on leave", lambda: imports.put_absences(self.store, [leave]))]
        text = self.company.versions[1 if len(self.ledger.versions) == 1 else 0].yaml()
        if kind == 1:
            wrong = text.replace("default: team", "default: nowhere")
            return [
                Piece(
                    "a contract that does not read",
                    lambda: contracts.put_in_force(self.store, wrong, "contract.yaml", at),
                    self._not_in_force,
                )
            ]
        if len(self.ledger.versions) > 1:
            return self._tick()
        # Whether or not the answer arrives, version 2 is this text.
        self.ledger.versions[2] = 1
        return [
            Piece(
                "the contract changes",
                lambda: contracts.put_in_force(self.store, text, "contract.yaml", at),
                lambda done: f"version {done[0]}",
            )
        ]

    def _not_in_force(self, done: tuple[int | None, list[Any]]) -> str:
        if done[0] is not None or not done[1] or not all(one.what and one.fix for one in done[1]):
            self.result.broken.append(Broken(7, f"a contract that does not read was taken: version {done[0]}, {done[1]}"))
        return f"{len(done[1])} problems"

    # --- the end ---------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Everything works again: what was sent is acknowledged, what waits is decided, what falls due is done, what is owed arrives."""
        self.calm = True
        self._say("from here on everything works")
        for _ in range(DRAIN_STEPS):
            pieces = self._left()
            if pieces is None:
                return
            if not self._step(pieces):
                return
        self.result.broken.append(Broken(3, f"after {DRAIN_STEPS} quiet steps something is still owed: {self._owed()}"))
        self._say(f"BROKEN {self.result.broken[-1]}")

    def _left(self) -> list[Piece] | None:
        if self.ledger.unanswered:
            batch = self.ledger.unanswered[0]
            at = self.now = self.now + timedelta(microseconds=1)
            body = self.senders.body(batch, at)
            work = lambda: admit(self.store, self.keys, Post("batch", body, "", AUTHORIZATION), at)  # noqa: E731
            return [Piece(f"post #{batch.number} once more", work, lambda answer: self._answered(batch, answer))]
        if self.seen.pending:
            at = self.now = self.now + timedelta(seconds=5)
            work = lambda: decide(self.store, self.books[0], at, channels=tuple(self.channels))  # noqa: E731
            return [Piece("decide", work, lambda done: f"{done.signals} signals, {done.opened} opened")]
        timers = [moment(row["due_at"]) for row in self.seen.timer.values() if row["state"] == 0]
        messages = [moment(row["next_at"]) for row in self.seen.outbox.values() if row["state"] == "waiting"]
        if not timers and not messages:
            return None
        if messages and (not timers or min(messages) <= min(timers)):
            # Those that fall due about the same time go together.
            self.now = max(self.now, min(max(messages), min(messages) + timedelta(hours=30)))
            return [
                Piece(
                    "deliver all",
                    lambda: deliver(self.store, self.channels, lambda: self.now),
                    lambda done: f"{done.sent} sent, {done.dropped} dropped",
                )
            ]
        self.now = max(self.now, min(max(timers), min(timers) + timedelta(minutes=45)))
        at = self.now = self.now + timedelta(seconds=4)
        return [
            Piece("tick", lambda: tick(self.store, self.books[0], at, channels=tuple(self.channels)), lambda done: f"{done.fired} fired")
        ]

    def _owed(self) -> str:
        waiting = [row["kind"] for row in self.seen.outbox.values() if row["state"] == "waiting"]
        timers = [row["action"] for row in self.seen.timer.values() if row["state"] == 0]
        return f"{len(self.seen.pending)} signals, messages {waiting}, timers {timers}"

    def _say(self, what: str, digest: str = "") -> None:
        line = f"{self.result.steps:3} {self.now:%a %Y-%m-%d %H:%M:%S.%f} {what}"
        self.trace.update(f"{line}|{digest}\n".encode())
        self.result.story.append(line)
        if self.told:
            print(line, flush=True)


def _status(answer: Receipt | Refusal) -> str:
    return f"{answer.status}: {answer.problem.what[:40]}" if isinstance(answer, Refusal) else str(answer)


def _named(error: BaseException) -> str:
    said = str(error.problem.what) if isinstance(error, Refused) else type(error).__name__
    return said[:90]


def play(house: House, seed: int, *, told: bool = False) -> Result:
    """Plays one seed on a database of its own."""
    return Play(house, seed, told=told).run()
