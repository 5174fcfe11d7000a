"""One seed: a company lives through some days, step by step, and after each step every promise is asked for.

A step is one piece of work, or two or three at the same time: a request comes in, signals are decided, clocks tick, messages leave, somebody
calls, closes, takes back, hands over; the contract changes; the database restarts. What breaks on the way is drawn from the seed too. At the
end everything works again, and what is owed must come.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from handfast.connectors.segment import Refusal
from handfast.desk import canary, contracts, imports
from handfast.desk.contracts import Book
from handfast.desk.deliver import Delivered, deliver
from handfast.desk.handover import Decided, decide
from handfast.desk.held_back import Manners
from handfast.desk.intake import Keys, Post, Receipt, admit, ensure_key
from handfast.desk.match import tend as index
from handfast.desk.moves import tend as give_out
from handfast.desk.refused import Refused
from handfast.desk.tick import Ticked, tick
from handfast.desk.way_back import tell
from handfast.store.base import StorageAway
from handfast.worker import CONFLICTS
from tests.conftest import _fast_folder
from tests.replay.test_online_offline import replayed, stored
from tests.simulate.acting import Piece
from tests.simulate.company import Company, drawn
from tests.simulate.faults import Crashed, Fault, Watch, on_commit, watched
from tests.simulate.house import NOTHING, House, Snapshot
from tests.simulate.ledger import Batch, Broken, Ledger, Step
from tests.simulate.plots import PLOTS, Plots
from tests.simulate.promises import broken
from tests.simulate.receiver import ANSWERS, Endpoint, Mailbox, World
from tests.simulate.seen import Seen, moment
from tests.simulate.senders import AUTHORIZATION, KEYS, Senders
from tests.simulate.turns import Actor, take_turns

#: How many pieces of work something breaks in; fewer where they are acts of a plot, which has to come to something.
FAULTS, ACT_FAULTS = 0.3, 0.12
STEPS = (8, 14)
#: Beside the acts of a plot.
STEPS_BESIDE = (3, 7)
DRAIN_STEPS = 140
#: Of so many seeds one is replayed at its end.
REPLAY_EVERY = 8
WORKERS = 2
#: The quiet work beside the loops.
JOBS = ("give out", "index", "tell", "watch")


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


class Play(Plots):
    """The life of one company on one database."""

    def __init__(self, house: House, seed: int, *, told: bool = False) -> None:
        self.house = house
        self.store = house.store
        self.chance = random.Random(seed)
        self.company: Company = drawn(self.chance, seed)
        self.now = self.company.start
        self.ledger = Ledger()
        self.world = World(lambda: self.now, deaf=self.chance.choice(("email", "webhook")) if self.chance.random() < 0.06 else None)
        house.world = self.world
        self.senders = Senders(self.chance, self.company, self.ledger)
        self.keys = Keys(self.store)
        self.channels = {"email": Mailbox(self.world), "webhook": Endpoint(self.world)}
        self.books = [Book() for _ in range(WORKERS)]
        self.manners = {name: Manners() for name in self.channels}
        self.folder = Path()
        self.at_rest = ""
        self.seen: Snapshot = NOTHING
        self.result = Result(seed)
        self.trace = hashlib.sha256()
        self._acts = list(PLOTS[self.company.plot]) if self.company.plot else []
        self._acting = False
        self.told = told
        self.calm = False

    def notice(self, broken: Broken) -> None:
        self.result.broken.append(broken)

    def run(self) -> Result:
        self.house.empty()
        with TemporaryDirectory(dir=_fast_folder()) as folder:
            self.folder = Path(folder)
            self._open()
            try:
                for _ in range(len(self._acts) + self.chance.randint(*(STEPS_BESIDE if self._acts else STEPS))):
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
        for source, key in KEYS.items():
            ensure_key(self.store, key, source, self.now)
        self.house.knows_what_agreement_is_worth(self.now)
        self.seen = self.house.look()
        self._say(
            f"a company on {self.company.wall} time ({self.company.style}{', ' + self.company.plot if self.company.plot else ''}), {len(self.company.leads)} leads, {len(self.company.absences)} absences"
        )

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
                step.done |= piece.kinds
                if isinstance(returned, Decided) and step.decided is not None:
                    step.decided += returned.signals
            else:
                piece.failed(raised)
                step.decided = None if piece.name.startswith("decide") else step.decided
                if isinstance(raised, Crashed):
                    self.house.forget()
                said.append(f"{piece.name}: {_named(raised)}{struck}")
                if not isinstance(raised, (*piece.allowed, Crashed)) and not (len(pieces) > 1 and isinstance(raised, CONFLICTS)):
                    result.broken.append(Broken(0, f"{piece.name} raised {type(raised).__name__}: {raised}"))
            step.undoing |= piece.name.endswith("takes an outcome back")
            step.clean &= raised is None and watch.struck is None
        if self._acting and any(isinstance(raised, (Crashed, StorageAway)) for _, raised, _ in ended):
            self._play_again()
        self._acting = False
        step.clean &= len(pieces) == 1
        step.glimpses = self.glimpses
        was, self.seen = self.seen, self.house.look()
        self._say(f"{'; '.join(said)}{f' ({turns})' if turns else ''}", self.seen.digest)
        result.at = self.now
        result.broken += broken(Seen(self.company, self.ledger, self.world, was, self.seen, step))
        for one in result.broken:
            self._say(f"BROKEN {one}")
        return not result.broken

    def _work(self, pieces: list[Piece], faults: list[Fault | None]) -> tuple[list[tuple[Any, BaseException | None, Watch]], str]:
        self.glimpses: list[frozenset[str]] = []
        if len(pieces) > 1:
            self._glimpse_at_commits(pieces)
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

    def _glimpse_at_commits(self, pieces: list[Piece]) -> None:
        """Where several decide at once: what waits after each commit, for the order in which they were done shows nowhere else."""
        if sum("decide" in piece.kinds for piece in pieces) < 2:
            return
        for piece in pieces:
            if "decide" in piece.kinds:
                piece.work = self._seen_at_commit(piece.work)

    def _seen_at_commit(self, work: Callable[[], Any]) -> Callable[[], Any]:
        def watched_work() -> Any:
            on_commit(lambda: self.glimpses.append(self.house.waiting()))
            return work()

        return watched_work

    def _fault(self) -> Fault | None:
        if self.calm or self.chance.random() > (ACT_FAULTS if self._acting else FAULTS):
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
        pieces = self._plotted()
        self._acting = pieces is not None
        if pieces is not None:
            return pieces
        self._time_passes()
        if chance.random() < 0.04:
            self.store.server_restarts()  # how many connections that ends depends on what was played before
            self._say("PostgreSQL restarts, and every connection is gone")
        if chance.random() < 0.14:
            if len(self.seen.pending) > 1 and chance.random() < 0.4:
                return [*self._decide(few=True), *self._decide(few=True)]
            makers = [
                chance.choice((self._decide, self._decide, self._tick, self._deliver, self._post, self._by_hand, self._tend))
                for _ in range(chance.choice((2, 2, 3)))
            ]
            return [piece for maker in makers for piece in maker()]
        makers = (
            self._post,
            self._decide,
            self._tick,
            self._deliver,
            self._by_hand,
            self._by_system,
            self._change,
            self._around,
            self._tend,
            self._who_is_whom,
        )
        while True:
            maker = chance.choices(makers, (4, 5, 4, 4, 5, 1, 1.3, 1, 1.6, 1.2))[0]
            # Mostly what has something to do: a turn that finds nothing tries little, and costs as much to check.
            if self._has_work(maker.__name__) or chance.random() < 0.1:
                return maker()

    def _has_work(self, maker: str) -> bool:
        if maker == "_decide":
            return bool(self.seen.pending)
        if maker == "_tick":
            return any(row["state"] == 0 and moment(row["due_at"]) <= self.now for row in self.seen.timer.values())
        if maker == "_deliver":
            return any(row["state"] == "waiting" and moment(row["next_at"]) <= self.now for row in self.seen.outbox.values())
        return True

    def _around(self) -> list[Piece]:
        """Lists brought in; people who come and go."""
        drawn = self.chance.random()
        if drawn < 0.35:
            return self._import()
        return [self._crm() if drawn < 0.6 else self._availability({})]

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
            case 5:
                owed = [moment(row["next_at"]) for row in self.seen.outbox.values() if row["state"] == "waiting"]
                self.now = max([self.now, *([min(owed)] if owed else [])])
            case _:
                pass

    def _post(self) -> list[Piece]:
        waiting = self.ledger.unanswered
        batch = self.chance.choice(waiting) if waiting and self.chance.random() < 0.6 else self.senders.request()
        return self._sent(batch, torn=self.chance.random() < 0.04)

    def _sent(self, batch: Batch, *, torn: bool = False) -> list[Piece]:
        at = self.now = self.now + timedelta(microseconds=1)
        body, door = self.senders.body(batch, at), AUTHORIZATION[batch.source]
        names = ",".join(event.message + ("" if event.good else "!") for event in batch.events)
        if torn:
            return [Piece(f"post nonsense {names}", lambda: admit(self.store, self.keys, Post("batch", body[:-9], "", door), at), _status)]
        work = lambda: admit(self.store, self.keys, Post("batch", body, "", door), at)  # noqa: E731
        return [Piece(f"post #{batch.number} {names}", work, lambda answer: self._answered(batch, answer))]

    def _instead(self) -> list[Piece]:
        return self._post() if self.chance.random() < 0.5 else self._decide()

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

    def _decide(self, *, few: bool = False) -> list[Piece]:
        chance = self.chance
        return self._deciding(chance.choice((1, 1, 2) if few else (1, 2, 3, 2000)), chance.choice((1, 2, 64, 64)))

    def _deciding(self, limit: int, lanes: int) -> list[Piece]:
        at, worker = self.now, self.chance.randrange(WORKERS)
        work = lambda: decide(self.store, self.books[worker], at, limit=limit, lanes_at_once=lanes, channels=tuple(self.channels))  # noqa: E731
        told = lambda done: f"{done.signals} signals, {done.opened} opened, {done.joined} joined, {done.postponed} left"  # noqa: E731
        return [Piece(f"decide {limit}", work, told, self._lost(worker), kinds=frozenset({"decide"}))]

    def _tick(self) -> list[Piece]:
        at, worker = self.now, self.chance.randrange(WORKERS)
        work = lambda: tick(self.store, self.books[worker], at, channels=tuple(self.channels))  # noqa: E731
        told: Callable[[Ticked], str] = lambda done: f"{done.fired} fired, {done.not_owed} no longer owed"  # noqa: E731
        return [Piece("tick", work, told, self._lost(worker), kinds=frozenset({"tick"}))]

    def _lost(self, worker: int) -> Callable[[BaseException], None]:
        """A worker that was killed forgets what it had read."""

        def forget(error: BaseException) -> None:
            if isinstance(error, Crashed):
                self.books[worker] = Book()

        return forget

    def _tend(self, *, whole: bool = False) -> list[Piece]:
        """The quiet work beside the loops, one thing or several: giving out what is held, indexing, telling marketing, a version on trial."""
        chosen = (
            list(JOBS) if whole else self.chance.choice((["give out"], ["give out"], ["tell"], ["index", "tell"], ["watch"], list(JOBS)))
        )
        if self.company.style != "tried":
            chosen = [name for name in chosen if name != "watch"] or ["give out"]
        return self._tending(chosen)

    def _tending(self, chosen: list[str]) -> list[Piece]:
        at, worker = self.now, self.chance.randrange(WORKERS)
        book, channels = self.books[worker], tuple(self.channels)
        jobs: dict[str, Callable[[], Any]] = {
            "give out": lambda: give_out(self.store, book, at, channels=channels),
            "index": lambda: index(self.store, at),
            "tell": lambda: tell(self.store, book, at, channels=channels),
            "watch": lambda: canary.watch(self.store, book, at, channels=channels),
        }
        work = lambda: [f"{name} {_brief(jobs[name]())}" for name in chosen]  # noqa: E731
        return [Piece("tend", work, ", ".join, self._lost(worker), kinds=frozenset(chosen))]

    def _deliver(self) -> list[Piece]:
        return self._delivering(self.chance.choice(sorted(self.channels)), self.chance.choice((1, 3, 20)))

    def _delivering(self, name: str, limit: int) -> list[Piece]:
        work = lambda: deliver(self.store, {name: self.channels[name]}, lambda: self.now, limit=limit, manners=self.manners[name])  # noqa: E731
        return [Piece(f"deliver {name}", work, _delivered, self._begins_anew(name))]

    def _begins_anew(self, name: str) -> Callable[[BaseException], None]:
        def forget(error: BaseException) -> None:
            if isinstance(error, Crashed):
                self.manners[name] = Manners()

        return forget

    # --- the end ---------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Everything works again: what was sent is acknowledged, what waits is decided, what falls due is done, what is owed arrives."""
        self.calm = True
        self._say("from here on everything works")
        for _ in range(DRAIN_STEPS):
            pieces = self._left()
            if pieces is None:
                self._replay()
                return
            if not self._step(pieces):
                return
        self.result.broken.append(Broken(3, f"after {DRAIN_STEPS} quiet steps something is still owed: {self._owed()}"))
        self._say(f"BROKEN {self.result.broken[-1]}")

    def _replay(self) -> None:
        """The fifth promise, by the product's other way to a verdict: the record taken into files and judged anew, whole."""
        if self.result.seed % REPLAY_EVERY or self.company.style == "tried":  # a replay asks one version, not two
            return
        with TemporaryDirectory(dir=_fast_folder()) as folder:
            offline, verdicts = replayed(self.store, Path(folder)), stored(self.store, "verdict")
        for key, row in verdicts.items():
            if offline.get(key) != row:
                self.result.broken.append(
                    Broken(5, f"replayed, the verdict on {key[0]} at signal {key[1]} is {offline.get(key)}, not {row}")
                )
        self._say(f"{len(verdicts)} verdicts replayed", self.seen.digest)
        for one in self.result.broken:
            self._say(f"BROKEN {one}")

    def _left(self) -> list[Piece] | None:
        if (unfinished := next((one for one in self.ledger.lists if not one.finished), None)) is not None:
            self.now += timedelta(seconds=1)
            return [self._bring(unfinished)]
        if self.ledger.unanswered:
            batch = self.ledger.unanswered[0]
            at = self.now = self.now + timedelta(microseconds=1)
            body, door = self.senders.body(batch, at), AUTHORIZATION[batch.source]
            work = lambda: admit(self.store, self.keys, Post("batch", body, "", door), at)  # noqa: E731
            return [Piece(f"post #{batch.number} once more", work, lambda answer: self._answered(batch, answer))]
        if self.seen.pending:
            at = self.now = self.now + timedelta(seconds=5)
            work = lambda: decide(self.store, self.books[0], at, channels=tuple(self.channels))  # noqa: E731
            return [Piece("decide", work, lambda done: f"{done.signals} signals, {done.opened} opened")]
        untold = [moment(row["tell_at"]) for row in self.seen.way_back.values() if row["told_at"] is None]
        timers = [moment(row["due_at"]) for row in self.seen.timer.values() if row["state"] == 0]
        messages = [moment(row["next_at"]) for row in self.seen.outbox.values() if row["state"] == "waiting"]
        first = min([*untold, *timers, *messages], default=None)
        if first is None or (untold and min(untold) == first):
            return self._housework(first)
        if messages and min(messages) == first:
            # Those that fall due about the same time go together; but what waits for somebody's hours must meet them.
            hours_matter = self.company.style == "offered" and self.world.deaf is None
            together = timedelta(minutes=5) if hours_matter else timedelta(hours=30)
            self.now = max(self.now, min(max(messages), first + together))
            return [Piece("deliver all", self._deliver_all, _delivered)]
        self.now = max(self.now, min(max(timers), first + timedelta(minutes=45)))
        at = self.now = self.now + timedelta(seconds=4)
        work = lambda: tick(self.store, self.books[0], at, channels=tuple(self.channels))  # noqa: E731
        return [Piece("tick", work, lambda done: f"{done.fired} fired", kinds=frozenset({"tick"}))]

    def _housework(self, first: datetime | None) -> list[Piece] | None:
        """What is told, given out, late; None when even that changes nothing any more."""
        if first is None:
            if self.at_rest == self.seen.digest:
                return None
            self.at_rest = self.seen.digest
            late = [moment(row["due_at"]) for row in self.seen.dispute.values() if row["state"] == "open" and row["late_at"] is None]
            first = max(late, default=self.now)
        self.now = max(self.now, first) + timedelta(seconds=1)
        return self._tend(whole=True)

    def _deliver_all(self) -> Delivered:
        done = [
            deliver(self.store, {name: channel}, lambda: self.now, manners=self.manners[name]) for name, channel in self.channels.items()
        ]
        names = ("sent", "retried", "dropped", "dead", "released", "held")
        return Delivered(**{name: sum(getattr(one, name) for one in done) for name in names})

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


def _delivered(done: Delivered) -> str:
    return f"{done.sent} sent, {done.retried} again later, {done.held} held back, {done.dropped} dropped, {done.dead} dead"


def _brief(done: object) -> str:
    if isinstance(done, list):
        return f"{len(done)}"
    return str(getattr(done, "guardrail", None) or getattr(done, "people", done))


def _status(answer: Receipt | Refusal) -> str:
    return f"{answer.status}: {answer.problem.what[:40]}" if isinstance(answer, Refusal) else str(answer)


def _named(error: BaseException) -> str:
    said = str(error.problem.what) if isinstance(error, Refused) else type(error).__name__
    return said[:90]


def play(house: House, seed: int, *, told: bool = False) -> Result:
    """Plays one seed on a database of its own."""
    return Play(house, seed, told=told).run()
