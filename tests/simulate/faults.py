"""A Store whose every statement and every commit is a point at which the process may be killed or the database may go away.

The pool, the transactions and what becomes of a dead connection are the product's own; only the class of the connections is ours. At each
point the one who works there can also be made to wait, so that others take their turn: see `turns`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from handfast.store import base
from handfast.store.base import Store


class Crashed(BaseException):
    """The process was killed here. Not an Exception: nothing in the product may catch it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the `point`-th point (from 1) of one piece of work. `cut`: the connection to the database breaks."""

    kind: Literal["crash", "cut"]
    point: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.point}"


class Watch:
    """What one piece of work meets on its way. `struck`: the fault came to pass, and where."""

    def __init__(self, fault: Fault | None = None, wait: Callable[[psycopg.Connection[Any], str], None] | None = None) -> None:
        self.fault = fault
        self.wait = wait
        self.on_commit: Callable[[], None] | None = None
        self.points = 0
        self.struck: str | None = None

    def point(self, conn: psycopg.Connection[Any] | None, what: str) -> None:
        """A moment at which the world may intervene. `what` is the statement about to run, `COMMIT`, or `after COMMIT`."""
        if self.wait is not None and conn is not None:
            self.wait(conn, what)
        self.points += 1
        if self.fault is not None and self.points == self.fault.point:
            self.struck = " ".join(what.split())[:60]
            if self.fault.kind == "crash" or conn is None:
                raise Crashed(self.struck)
            _break(conn, keep=what == "after COMMIT")
            raise psycopg.OperationalError("server closed the connection unexpectedly")


def _break(conn: psycopg.Connection[Any], *, keep: bool) -> None:
    """The line goes dead. The server gives up the transaction at once, so that what follows does not depend on when it notices."""
    if not keep:
        with suppress(psycopg.Error):
            psycopg.Connection.rollback(conn)
    hang_up(conn)


def hang_up(conn: psycopg.Connection[Any]) -> None:
    """Shuts the socket, as a server does that dies: whoever uses the connection next finds out."""
    with suppress(OSError, psycopg.Error):
        line = socket.socket(fileno=conn.fileno())
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()


_here = threading.local()


def watched(watch: Watch | None) -> None:
    """From now on this thread's work is watched by `watch`, or by nobody."""
    _here.watch = watch


def on_commit(seen: Callable[[], None]) -> None:
    """What is done right after each commit of this thread's work, while nobody else moves."""
    if (watch := getattr(_here, "watch", None)) is not None:
        watch.on_commit = seen


def passing(what: str) -> None:
    """A point outside the database: before or after something left the house."""
    if (watch := getattr(_here, "watch", None)) is not None:
        watch.point(None, what)


def _point(conn: psycopg.Connection[Any], what: object) -> None:
    watch: Watch | None = getattr(_here, "watch", None)
    if watch is not None:
        watch.point(conn, what if isinstance(what, str) else str(what))


class WatchedCursor(base._Cursor):
    """Every statement is a point, just before it runs."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        _point(self.connection, query)
        return super().execute(query, *args, **kwargs)

    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        _point(self.connection, statement)
        return super().copy(statement, *args, **kwargs)


class WatchedConnection(psycopg.Connection[TupleRow]):
    """A commit is two points: the moment before it, and the moment after it in which nobody knows of it yet."""

    def commit(self) -> None:
        _point(self, "COMMIT")
        super().commit()
        if (watch := getattr(_here, "watch", None)) is not None and watch.on_commit is not None:
            watch.on_commit()
        _point(self, "after COMMIT")


def _configured(conn: psycopg.Connection[TupleRow]) -> None:
    base._configure(conn)
    conn.prepared_max = 1000  # a connection lives through hundreds of seeds, and says more than the hundred things it would remember


class FaultyStore(Store):
    """The Store, with connections that can be watched. `settings`: further options of the session, as libpq takes them."""

    def __init__(self, url: str, *, size: int = 6) -> None:
        super().__init__(url, size=size, patience_seconds=20)
        self._pool.close()
        self._pool = ConnectionPool(
            base._conninfo(url, 30),
            connection_class=WatchedConnection,
            kwargs={"autocommit": True, "cursor_factory": WatchedCursor},
            configure=_configured,
            min_size=0,
            max_size=size,
            timeout=20,
            open=True,
            name="simulated",
        )

    def server_restarts(self) -> int:
        """Every connection in the pool goes dead, as after a restart of PostgreSQL. How many there were."""
        idle = list(self._pool._pool)
        for conn in idle:
            hang_up(conn)
        return len(idle)
