"""A PostgreSQL of a test's own, which can be killed and stopped in earnest: the one that all tests share cannot."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate


class OwnServer:
    """The embedded server in `folder`, with today's tables. `signal` speaks to it and to all of its processes."""

    def __init__(self, folder: Path) -> None:
        self._embedded, self._pid = Embedded(folder), folder / "postgres" / "data" / "postmaster.pid"
        self.url = self._embedded.start()
        migrate(self.url)

    def signal(self, number: int) -> list[int]:
        """To the server and all of its processes; returns them, so that they can be woken again."""
        first = int(self._pid.read_text().split()[0])
        there = [first, *(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and _parent(one.name) == first)]
        for pid in there:
            _send(pid, number)
        return there

    def start(self) -> None:
        assert self._embedded.start() == self.url

    def close(self) -> None:
        self._embedded.stop()


def _send(pid: int, number: int) -> None:
    """A process may have ended by itself a moment before, as those of autovacuum do."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _parent(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@contextmanager
def own_server(folder: Path) -> Iterator[OwnServer]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("the processes of a server are found in /proc, which this system does not have")
    server = OwnServer(folder)
    try:
        yield server
    finally:
        server.start()
        server.close()


@contextmanager
def stopped(server: OwnServer) -> Iterator[None]:
    """While this lasts the server takes connections and commands, and answers none."""
    there = server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in there:
            _send(pid, signal.SIGCONT)


def waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long callers of this store were ready to wait for a connection, from now on."""
    asked: list[float] = []
    lend = store._pool.getconn

    def noted(timeout: float) -> Any:
        asked.append(timeout)
        return lend(timeout)

    monkeypatch.setattr(store._pool, "getconn", noted)
    return asked
