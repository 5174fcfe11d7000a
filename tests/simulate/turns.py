"""Several workers at once, one statement at a time: which of them goes on is drawn from the seed, so that it can be drawn again.

Each works in a thread of its own, but only one of them runs: at every statement it stops and waits to be told. One that waits for a lock
of PostgreSQL does not come to its next statement; the server is asked who waits for whom, and the others go on meanwhile. What happens is
therefore a function of the draws alone.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from tests.simulate.faults import Fault, Watch, watched

#: After so long without an answer the server is asked whether a statement waits for a lock.
PATIENCE_SECONDS = 0.004
#: `deadlock_timeout` of the simulated sessions. Whoever is found waiting is left to wait longer than this before anybody else moves, so that
#: of a deadlock it is always the last to come who notices it.
DEADLOCK_SECONDS = 0.010
_TOO_LONG_SECONDS = 30.0


class Actor:
    """One piece of work in a thread of its own; `result` is what it returned or raised."""

    def __init__(self, name: str, work: Callable[[], Any], fault: Fault | None = None) -> None:
        self.name = name
        self.work = work
        self.watch = Watch(fault, self._wait)
        self.result: Any = None
        self.raised: BaseException | None = None
        self.done = False
        self.pid = 0
        self._go = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def let_go(self) -> None:
        """One statement more."""
        self._settled.clear()
        self._go.set()

    def settled(self, seconds: float) -> bool:
        """Whether it has come to its next statement, or to its end."""
        return self._settled.wait(seconds)

    def join(self) -> None:
        self._thread.join()

    def _wait(self, conn: psycopg.Connection[Any], what: str) -> None:
        self.pid = conn.info.backend_pid
        self._settled.set()
        self._go.wait()
        self._go.clear()

    def _run(self) -> None:
        watched(self.watch)
        try:
            self.result = self.work()
        except BaseException as error:
            self.raised = error
        finally:
            watched(None)
            self.done = True
            self._settled.set()


def take_turns(actors: Sequence[Actor], chance: random.Random, monitor: psycopg.Connection[Any]) -> str:
    """Runs all of them to their ends. Returns who went when, a letter a statement."""
    story: list[str] = []
    waiting: set[int] = set()  # those who wait for a lock of somebody else
    for actor in actors:
        actor.begin()
        _settle([actor], set(), monitor)
    while any(not actor.done for actor in actors):
        ready = [n for n, actor in enumerate(actors) if not actor.done and n not in waiting]
        if not ready:
            _resolve(actors, waiting)
            continue
        # Runs of one and the same are as likely as changes: a short piece of work may come to its end between two statements of another.
        n = chance.choice(ready)
        story.append("abcdefgh"[n])
        actors[n].let_go()
        _settle([actors[n]], set(), monitor, on_wait=lambda n=n: waiting.add(n))
        for other in sorted(waiting - {n}):
            if _through(actors[other], monitor):
                waiting.discard(other)
    for actor in actors:
        actor.join()
    return "".join(story)


def _settle(
    actors: Sequence[Actor], waiting: set[int], monitor: psycopg.Connection[Any], on_wait: Callable[[], None] | None = None
) -> None:
    for actor in actors:
        until = time.monotonic() + _TOO_LONG_SECONDS
        while not actor.settled(PATIENCE_SECONDS):
            if on_wait is not None and _waits(actor, monitor):
                time.sleep(DEADLOCK_SECONDS * 1.5)
                if actor.settled(0):
                    break
                on_wait()
                return
            assert time.monotonic() < until, f"{actor.name} does not come to an end"


def _through(actor: Actor, monitor: psycopg.Connection[Any]) -> bool:
    """Whether one who waited has got its lock, now that somebody else has moved."""
    until = time.monotonic() + _TOO_LONG_SECONDS
    while not actor.settled(0):
        if _waits(actor, monitor):
            return False
        actor.settled(PATIENCE_SECONDS)
        assert time.monotonic() < until, f"{actor.name} does not come to an end"
    return True


def _resolve(actors: Sequence[Actor], waiting: set[int]) -> None:
    """All wait for each other: PostgreSQL ends the transaction of one of them."""
    until = time.monotonic() + _TOO_LONG_SECONDS
    while True:
        for n in sorted(waiting):
            if actors[n].settled(PATIENCE_SECONDS):
                waiting.discard(n)
                return
        assert time.monotonic() < until, "everybody waits for everybody"


def _waits(actor: Actor, monitor: psycopg.Connection[Any]) -> bool:
    row = monitor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (actor.pid,), prepare=True).fetchone()
    return bool(row and row[0])
