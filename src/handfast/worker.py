"""The loops: decide, tick, deliver, and a heartbeat. Each asks the clock once a turn and hands `at` to the desk.

A loop ends only when it is told to. What the outside does to it (the database away) is waited out; what a bug does to it is recorded and
counted, and the one signal that cannot be decided is set aside in *Intake problems* so that its lane moves on.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import structlog

from handfast.connectors.channel import Channel
from handfast.connectors.files.taken import take_in
from handfast.desk import canary, drafts, feeds, shadow
from handfast.desk import match as matching
from handfast.desk.contracts import Book, NoContract
from handfast.desk.deliver import deliver
from handfast.desk.handover import BATCH, Decided, decide
from handfast.desk.held_back import Manners
from handfast.desk.moves import tend as give_and_move
from handfast.desk.promises import measure_promises
from handfast.desk.tick import Ticked, tick
from handfast.desk.way_back import tell
from handfast.sla.notice import Message
from handfast.store import handover as rows
from handfast.store import lanes as lane_rows
from handfast.store import work
from handfast.store.base import StorageAway, StorageFull, StorageRefused, Store

log = structlog.get_logger()

#: The longest a loop sleeps without being woken. Wake-ups are a hint; polling is the promise.
POLL_SECONDS: Final = 0.5
#: The pause while the database is away.
AWAY_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 5.0
#: Between two turns of giving out what is held: hours that begin and absences that end are noticed this late at most.
HELD_SECONDS: Final = 1.0
#: It rests so many times as long as it took, and never longer than this.
HELD_REST: Final = 10.0
HELD_PATIENCE_SECONDS: Final = 30.0
#: Between two turns of indexing. It gives way to deciding: nobody waits for it.
MATCH_SECONDS: Final = 1.0
#: Between two looks at a version on trial.
TRIAL_SECONDS: Final = 5.0
#: Between two looks for calendars of leave that are due.
CALENDAR_SECONDS: Final = 10.0
#: So long it gives way while batches are large.
MATCH_PATIENCE_SECONDS: Final = 10.0
#: Loops whose work nobody waits for. They and those that deliver leave the processor to whoever decides, and the interpreter for so long.
PATIENT: Final = frozenset({"match", "trial", "calendars"})
GIVE_WAY_SECONDS: Final = 0.25
#: So long each message waits for a decision that is being made in its process. Other processes do not decide then, and deliver.
BETWEEN_SECONDS: Final = 0.05
#: So long indexing is left to other processes by one that decided a moment ago.
ELSEWHERE_SECONDS: Final = 3.0
#: How much more readily they leave the processor, in steps of `nice`.
PATIENCE: Final = 5
#: So long a transaction that decides is to take.
TRANSACTION_SECONDS: Final = 1.0
#: A batch of so many signals means that others are waiting.
BEHIND: Final = 500
#: What two workers can do to each other: the same new account from two lanes, or two locks in two orders. The database refuses one of them.
CONFLICTS: Final = (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
CONFLICTS_IN_A_ROW: Final = 10
CONFLICT_SECONDS: Final = 0.05


class Pace:
    """How many signals one transaction takes: as many as it decides in about a second.

    More at once cost less each, and hold their lanes longer. How much one costs differs a hundredfold: most are page views of people nobody
    will call, some open a handoff.
    """

    def __init__(self) -> None:
        self.limit = BATCH

    def failed(self) -> None:
        """Nothing came of the last transaction: the database went away, or ended a statement that took too long. Half of it may pass."""
        self.limit = max(1, self.limit // 2)

    def took(self, signals: int, seconds: float) -> None:
        """What the last transaction did. One that was not full tells at most that it was too slow; one that decided nothing only waited."""
        if signals >= self.limit or (signals and seconds > TRANSACTION_SECONDS):
            wanted = int(signals * TRANSACTION_SECONDS / max(seconds, 0.001))
            self.limit = min(max(wanted, self.limit // 2, BATCH // 4), self.limit * 2, BATCH * 4)


#: What the log says of a database that records nothing just now, where it is not simply away.
_AWAY: Final[Mapping[type[StorageAway], str]] = {StorageFull: "database_full", StorageRefused: "database_refused"}


def _lower_priority() -> None:
    """Of this thread alone, where the system has such a thing (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + PATIENCE)


def utc_now() -> datetime:
    """The one place where the shell asks the clock."""
    return datetime.now(UTC)


class _Yielding:
    """A channel that waits a little, before each message, for whoever decides in this process: both need the one interpreter."""

    def __init__(self, channel: Channel, undecided: threading.Event) -> None:
        self._channel = channel
        self._undecided = undecided
        self.destination = channel.destination
        self.finish = channel.finish

    def send(self, message: Message) -> None:
        self._undecided.wait(BETWEEN_SECONDS)
        self._channel.send(message)


class Worker:
    """Runs the loops on one Store until `stop` is set. Any number of workers share a database."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        clock: Callable[[], datetime] = utc_now,
        contract_file: Path | None = None,
        lanes_at_once: int = 64,
        per_minute: Mapping[str, int] | None = None,
        private_calendars: bool = False,
    ) -> None:
        self.store = store
        self.channels = channels
        self.clock = clock
        self.contract_file = contract_file
        self.lanes_at_once = lanes_at_once
        self.private_calendars = private_calendars
        self.stop = threading.Event()
        self.book = Book()
        self._signals = threading.Event()
        self._freed = threading.Event()
        #: Set while this process decides nothing.
        self._undecided = threading.Event()
        self._undecided.set()
        self._conflicts = 0
        self._pace = Pace()
        self._behind = False
        self._matched_at = self._decided_at = -MATCH_PATIENCE_SECONDS
        self._worth = matching.Worth()
        self._messages: dict[str, threading.Event] = {}
        #: One a channel, since each has a thread of its own: quiet hours, digests, and how many a minute a channel takes.
        self._manners = {name: Manners(per_minute=per_minute or {}) for name in channels}
        self._contract_seen: tuple[int, int] | None = None

    def run(self) -> None:
        """Blocks until `stop` is set, then waits for the turn each loop is in."""
        loops: Sequence[tuple[str, Callable[[], float]]] = (
            ("decide", self._decide),
            ("tick", self._tick),
            ("held", self._held),
            ("match", self._match),
            ("trial", self._trial),
            ("calendars", self._calendars),
            ("heartbeat", self._heartbeat),
            # One loop a channel: an endpoint that hangs must not hold the mails back.
            *((f"deliver {name}", partial(self._deliver, name)) for name in self.channels),
        )
        self._messages = {f"deliver {name}": threading.Event() for name in self.channels}
        threads = [threading.Thread(target=self._forever, args=loop, name=loop[0], daemon=True) for loop in loops]
        threads.append(threading.Thread(target=self._listen, name="listen", daemon=True))
        for thread in threads:
            thread.start()
        log.info("worker_started")
        self.stop.wait()
        for event in (self._signals, self._freed, *self._messages.values()):
            event.set()
        for thread in threads:
            thread.join(timeout=10)
        log.info("worker_stopped")

    def _forever(self, name: str, turn: Callable[[], float]) -> None:
        away, unsigned, patient = False, False, name in PATIENT or name.startswith("deliver")
        if patient:
            _lower_priority()
        while not self.stop.is_set():
            try:
                if patient:
                    self._undecided.wait(GIVE_WAY_SECONDS)
                pause = turn()
                if away:
                    log.info("database_back", loop=name)
                away = unsigned = False
            except NoContract:
                # Nothing is wrong: signals wait for the first contract. Said once, not every second.
                if not unsigned:
                    log.warning("no_contract", loop=name, fix="signals are kept; load a contract: handfast contract load FILE")
                unsigned, pause = True, AWAY_SECONDS
            except StorageAway as error:
                if not away:
                    log.warning(_AWAY.get(type(error), "database_away"), loop=name)
                away, pause = True, AWAY_SECONDS
            except Exception as error:  # the one broad except: this loop must go on, and says what happened
                log.exception("loop_failed", loop=name, error=type(error).__name__)
                pause = AWAY_SECONDS
            self._sleep(name, pause)

    def _sleep(self, name: str, seconds: float) -> None:
        if seconds <= 0:
            return
        wake = {"decide": self._signals, "held": self._freed}.get(name) or self._messages.get(name, self.stop)
        wake.wait(seconds)
        if wake is not self.stop:
            wake.clear()

    def _listen(self) -> None:
        """Turns NOTIFY into wake-ups. Without it everything still happens, up to POLL_SECONDS later."""
        while not self.stop.is_set():
            try:
                with self.store.session() as conn:
                    conn.execute("LISTEN handfast")
                    conn.execute("LISTEN handfast_signal")
                    while not self.stop.is_set():
                        for heard in conn.notifies(timeout=1.0):
                            self._wake(heard.channel, heard.payload)
            except (StorageAway, psycopg.Error):
                self.stop.wait(AWAY_SECONDS)

    def _wake(self, channel: str, payload: str) -> None:
        for event in [self._signals] if channel == "handfast_signal" else list(self._messages.values()):
            event.set()
        if payload == "held":
            self._freed.set()

    def _decide(self) -> float:
        self._undecided.clear()
        try:
            return self._decided()
        finally:
            self._undecided.set()

    def _decided(self) -> float:
        begun = time.monotonic()
        try:
            done = decide(
                self.store,
                self.book,
                self.clock(),
                limit=self._pace.limit,
                lanes_at_once=self.lanes_at_once,
                channels=tuple(self.channels),
                in_company=True,
            )
            self._pace.took(done.signals, time.monotonic() - begun)
        except StorageAway:
            self._pace.failed()
            raise
        except NoContract:
            raise
        except CONFLICTS as error:
            # Somebody else got there first; the next look sees what they wrote. Only a conflict that stays is a fault.
            self._conflicts += 1
            if self._conflicts < CONFLICTS_IN_A_ROW:
                return CONFLICT_SECONDS
            log.error("conflict_stays", error=type(error).__name__)
            done = decide_one_by_one(self.store, self.book, self.clock(), channels=tuple(self.channels))
        except Exception as error:
            log.exception("batch_failed", error=type(error).__name__)
            done = decide_one_by_one(self.store, self.book, self.clock(), channels=tuple(self.channels))
        self._conflicts = 0
        self._behind = done.signals >= BEHIND
        if done.signals:
            self._decided_at = time.monotonic()
        if done.rest:
            self._undecided.set()
            self.stop.wait(done.rest)  # whatever comes meanwhile is gathered too
        return 0.0 if done.signals or done.rest else POLL_SECONDS

    def _tick(self) -> float:
        done: Ticked = tick(self.store, self.book, self.clock(), channels=tuple(self.channels))
        if done.more:
            return 0.0
        with self.store.reading() as conn:
            due = work.next_due(conn)
        return POLL_SECONDS if due is None else min(POLL_SECONDS, max(0.0, (due - self.clock()).total_seconds()))

    def _held(self) -> float:
        """Gives out what nobody could take, once somebody can; and moves what changed hands. Woken where something changed, else a poll.

        The longer a walk through all that is held takes, the longer it rests: it holds the lock that deciding needs.
        """
        begun = time.monotonic()
        with suppress(NoContract):
            give_and_move(self.store, self.book, self.clock(), channels=tuple(self.channels))
        return min(HELD_PATIENCE_SECONDS, max(HELD_SECONDS, HELD_REST * (time.monotonic() - begun)))

    def _trial(self) -> float:
        """Looks after a version on trial, which gives way where it passes a guardrail; and follows the live traffic with a shadow."""
        if (found := canary.watch(self.store, self.book, self.clock(), channels=tuple(self.channels))) is not None:
            log.warning("contract_rolled_back", guardrail=found.guardrail)
        return 0.0 if shadow.follow(self.store, self.clock()) >= shadow.BATCH else TRIAL_SECONDS

    def _calendars(self) -> float:
        """Fetches the calendar of leave that has been due longest. Its address is a secret: only that it failed is logged."""
        asked = feeds.ask_next(self.store, self.clock(), private=self.private_calendars)
        if asked is not None and asked.failed and asked.feed.failing_since is None:
            log.warning("calendar_failed", rep=asked.feed.rep)
        return CALENDAR_SECONDS if asked is None else 0.0

    def _match(self) -> float:
        """Keeps people and accounts findable, and asks about those who look alike.

        Deciding comes first: while signals are waiting in numbers, this takes a turn only now and then.
        """
        now = time.monotonic()
        patience = MATCH_PATIENCE_SECONDS if self._behind else ELSEWHERE_SECONDS if now - self._decided_at < MATCH_SECONDS else 0.0
        if now - self._matched_at < patience:
            return MATCH_SECONDS
        self._matched_at = now
        done = matching.tend(self.store, self.clock(), worth=self._worth)
        return 0.0 if max(done.people, done.accounts) >= matching.BATCH else MATCH_SECONDS

    def _deliver(self, name: str) -> float:
        channel = _Yielding(self.channels[name], self._undecided)
        done = deliver(self.store, {name: channel}, self.clock, manners=self._manners[name])
        return 0.0 if done.claimed else POLL_SECONDS

    def _heartbeat(self) -> float:
        at = self.clock()
        self._watch_contract(at)
        measure_promises(self.store, self.book, at)
        tell(self.store, self.book, at, channels=tuple(self.channels))
        with self.store.writing() as conn:
            work.put_note(conn, "worker", rows.dumps({"at": at.isoformat()}), at)
        return HEARTBEAT_SECONDS

    def _watch_contract(self, at: datetime) -> None:
        """Puts a changed contract file in force; one that does not read leaves what holds, and says so on the pages."""
        if self.contract_file is None:
            return
        try:
            # The lists of a contract stand beside it: a change of theirs is one of its.
            files = [self.contract_file, *self.contract_file.parent.glob("*.csv")]
            stats = [file.stat() for file in files]
        except OSError:
            return
        seen = max(stat.st_mtime_ns for stat in stats), sum(stat.st_size for stat in stats)
        if seen == self._contract_seen:
            return
        load_contract(self.store, self.contract_file, at)
        self._contract_seen = seen


def load_contract(store: Store, file: Path, at: datetime) -> tuple[int | None, list[str]]:
    """Puts the contract in `file` in force from `at`, or, once a contract was signed, makes it a draft to sign.

    What is wrong with it is kept for the pages (note `contract_problem`).
    """
    taken = take_in(file)
    version, problems = (None, taken.problems) if taken.problems else drafts.from_file(store, taken.text, str(file), at)
    with store.writing() as conn:
        if problems:
            work.put_note(conn, "contract_problem", rows.dumps([p.as_json() for p in problems]), at)
            log.warning("contract_not_read", problems=sum(problem.tells for problem in problems), first=str(problems[0]))
        else:
            work.drop_note(conn, "contract_problem")
        if version is not None:
            log.info("contract_in_force", version=version)
    return version, [str(p) for p in problems]


def decide_one_by_one(store: Store, book: Book, at: datetime, *, channels: Sequence[str], most: int = BATCH) -> Decided:
    """After a batch failed: the same signals one a transaction; one that cannot be decided is set aside, whole, as an intake problem."""
    total = Decided()
    for _ in range(most):
        try:
            done = decide(store, book, at, limit=1, channels=channels)
        except (StorageAway, NoContract):
            raise
        except Exception as error:
            log.exception("signal_set_aside", error=type(error).__name__)
            with store.writing() as conn:
                if not lane_rows.set_aside_first(conn, at, type(error).__name__):
                    return total
            total.signals += 1
            continue
        total.add(done)
        if not done.signals:
            break
    return total
