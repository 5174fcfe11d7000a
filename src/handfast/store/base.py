"""The way to the database: a pool of connections, lent for one transaction at a time.

`reading()` and `writing()` are the only two doors. A caller never sees BEGIN, COMMIT or a dead connection: what the
network or a restart does to us is one exception, `StorageAway`, which a door answers with 503 and a loop with a pause.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
import psycopg
from psycopg import pq
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from handfast.facts import uuid_of
from handfast.store.hints import Hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import LiteralString
    from uuid import UUID

    from psycopg.abc import Buffer, PQGen

Conn = psycopg.Connection[TupleRow]
_T = TypeVar("_T")


class StorageAway(Exception):
    """The database cannot be asked just now: not reachable, restarting, out of room, or too slow to answer in time.

    Raised instead of psycopg's OperationalError and the pool's timeout. Nothing was recorded, with one exception that no
    client of any database can rule out: a connection lost *during* the commit leaves it open whether the commit took
    place. Doing the same again must therefore be harmless, which ids made from content see to.
    """


class StorageFull(StorageAway):
    """The database has no room for what was to be recorded. What it holds can be read; it takes more as soon as there is room again."""


class StorageRefused(StorageAway):
    """The database answers and does not do it: its user lacks a right, or it is a copy that can only be read. The text is PostgreSQL's, without values."""


class _Cursor(psycopg.Cursor[TupleRow]):
    """A cursor that asks for binary results unless told otherwise: half the processor time for the rows we read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.format = pq.Format.BINARY


class _Connection(psycopg.Connection[TupleRow]):
    """A connection that can be told how long an answer may take. `statement_timeout` is kept by the server, which may be what does not answer."""

    #: Seconds for each answer from now on; None: as long as it takes. One that is late leaves the connection of no use.
    answers_within: float | None = None

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        return super().wait(gen, interval, self.answers_within if timeout is None else timeout)


class _JsonbLoader(Loader):
    """A jsonb in the binary format, of which there is one version: most of what is read are signals, and this is half the time of a careful one."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> Any:
        return orjson.loads(data[1:])


class _UuidLoader(Loader):
    """A uuid in the binary format, which is its bytes: every signal that is read has one."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> UUID:
        return uuid_of(data)


#: How many statements a connection keeps prepared.
STATEMENTS_KEPT: Final = 500
#: So long after a connection was asked for in vain, the next is waited for only briefly: many callers would wait one after the other for the same.
AWAY_SECONDS: Final = 1
BRIEF_SECONDS: Final = 0.2
#: That the database is away is said once in so long.
SAID_SECONDS: Final = 60
#: So long after a refusal for want of room the storage counts as full.
FULL_SECONDS: Final = 30


#: Rows that come in one piece where many are asked for.
PIECE: Final = 500


def rows_of(conn: psycopg.Connection[Any], query: LiteralString, params: Sequence[Any], *, many: bool) -> Iterable[TupleRow]:
    """The rows of a query. Where there may be `many`, the first are worked on while the server finds the rest, for the price of planning it anew.

    Whoever reads them reads all of them before asking anything else of this connection.
    """
    if many:
        return conn.cursor().stream(query, params, binary=True, size=PIECE)
    return conn.execute(query, params).fetchall()


class Store:
    """A PostgreSQL database and at most `size` connections to it.

    `url` is a libpq connection string (`postgresql://…`). Connections are made when first needed, in UTC; a statement may
    run for `statement_seconds`, and a transaction left idle is ended after 60 s, so that a hung worker holds no lock for ever.
    A caller waits `patience_seconds` for a connection that answers, and only briefly where another has just waited in vain because the database is away.
    """

    def __init__(self, url: str, *, size: int = 10, statement_seconds: float = 30, patience_seconds: float = 5) -> None:
        self.url = url
        self.hints = Hints()
        self._size, self._patience = size, patience_seconds
        self._refused_at = self._complained_at = self._away_at = self._away_said_at = -math.inf
        self._failures = 0
        self._pool: ConnectionPool[_Connection] = ConnectionPool(
            _conninfo(url, statement_seconds),
            connection_class=_Connection,
            kwargs={"autocommit": True, "cursor_factory": _Cursor},
            configure=_configure,
            min_size=0,
            max_size=size,
            timeout=patience_seconds,
            # Short, so that the pause between two attempts stays short: it doubles until the attempt is given up, and
            # the next caller starts a new attempt at once.
            reconnect_timeout=patience_seconds,
            open=True,
            name="handfast",
        )

    def full(self) -> bool:
        """Whether it lately took nothing for want of room, and no signal since (`took_more`). After that time somebody has to try again to know."""
        return time.monotonic() - self._refused_at < FULL_SECONDS

    def took_more(self) -> None:
        """There is room again: more was recorded. A row written in the place of another, as heartbeats are, does not say so."""
        self._refused_at = -math.inf

    def complains(self) -> bool:
        """Whether that is to be said now: once, and again after a while if it lasts."""
        now = time.monotonic()
        if not self.full() or now - self._complained_at < 2 * FULL_SECONDS:
            return False
        self._complained_at = now
        return True

    def says_away(self) -> bool:
        """Whether it is to be said now that the database cannot be reached: once, and again after a while if it lasts."""
        now = time.monotonic()
        if now - self._away_said_at < SAID_SECONDS:
            return False
        self._away_said_at = now
        return True

    @contextmanager
    def reading(self) -> Iterator[Conn]:
        """A connection in a READ ONLY transaction; rows are tuples. Raises StorageAway."""
        with self._transaction(read_only=True) as conn:
            yield conn

    @contextmanager
    def writing(self) -> Iterator[Conn]:
        """A connection in a transaction that commits on exit and rolls back on any exception. Raises StorageAway."""
        with self._transaction(read_only=False) as conn:
            yield conn

    def once(self, act: Callable[[Conn], _T]) -> _T:
        """What `act` gives for a connection on which every statement is a transaction of its own: one way to the server instead of three.

        For a single statement that may as well be said twice: on a connection that turns out to be dead it is said again on another.
        Raises StorageAway.
        """
        until = time.monotonic() + self._patience
        for attempt in range(self._size + 1):
            conn = self._lent(until)
            try:
                return act(conn)
            except psycopg.OperationalError as error:
                if attempt == self._size or not conn.broken:
                    raise _away(error, conn) from error
            finally:
                with suppress(PoolClosed):
                    self._pool.putconn(conn)
        raise AssertionError("the loop returns or raises")

    @contextmanager
    def session(self) -> Iterator[Conn]:
        """A connection of its own outside the pool, in autocommit and without a statement limit.

        For what lives as long as its session: LISTEN and session-level advisory locks. Raises StorageAway.
        """
        try:
            conn = psycopg.connect(_conninfo(self.url, 0), autocommit=True)
        except psycopg.OperationalError as error:
            raise StorageAway(str(error)) from error
        with conn:
            _configure(conn)
            try:
                yield conn
            except psycopg.OperationalError as error:
                raise _away(error, conn) from error

    def hurried(self) -> Store:
        """Another Store on the same database whose commits do not wait for the disk; close it when done.

        For what can be made again from its source: a power failure may take the last moments back, never half a transaction.
        """
        return Store(make_conninfo(self.url, options="-c synchronous_commit=off"), size=self._size)

    def wait_ready(self, seconds: float = 30) -> None:
        """Return once the database answers. Raises StorageAway after `seconds`."""
        try:
            with self._pool.connection(timeout=seconds) as conn:
                conn.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise StorageAway(str(error)) from error

    def close(self) -> None:
        """Close every connection. Nothing can be lent afterwards."""
        self._pool.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self, *, read_only: bool) -> Iterator[Conn]:
        conn = self._begin(read_only)
        try:
            yield conn
            conn.commit()
        except psycopg.Error as error:
            away = _away(error, conn, read_only=read_only)
            if isinstance(away, StorageFull):
                self._refused_at = time.monotonic()
            with suppress(psycopg.Error):
                conn.rollback()
            if away is error:
                raise
            raise away from error
        except BaseException as error:
            # The pool would do it too, and warn of it: whoever is merely refused something would read that on their terminal.
            with suppress(psycopg.Error):
                conn.rollback()
            if type(error) is ValueError and (conn.broken or conn.closed):
                # What psycopg says where a COPY finds that the connection has ended meanwhile: seen once, of a server that was being stopped.
                raise StorageAway(str(error)) from error
            raise
        finally:
            # The pool throws a broken connection away.
            with suppress(PoolClosed):
                self._pool.putconn(conn)

    def _begin(self, read_only: bool) -> _Connection:
        """A connection with its transaction begun. BEGIN itself shows whether the connection still lives.

        After a restart of the server every pooled connection is dead; each is thrown away here, none reaches a caller. So is one whose
        server takes the command and does not answer: it is stopped, or the way to it is gone.
        """
        begin = "BEGIN READ ONLY" if read_only else "BEGIN"
        until = time.monotonic() + self._patience
        for attempt in range(self._size + 1):
            conn = self._lent(until)
            try:
                conn.answers_within = self._patience
                conn.execute(begin)
            except psycopg.OperationalError as error:
                late = not conn.broken
                conn.close()
                self._pool.putconn(conn)
                if late or attempt == self._size:
                    self._away_at = time.monotonic()
                    raise StorageAway(str(error)) from error
            except BaseException:
                self._pool.putconn(conn)
                raise
            else:
                conn.answers_within = None
                self._away_at = -math.inf
                return conn
        raise AssertionError("the loop returns or raises")

    def _lent(self, until: float) -> _Connection:
        """A connection of the pool, waited for `until` then (monotonic); briefly where the database has just been found away. Raises StorageAway."""
        now = time.monotonic()
        lately = now - self._away_at < AWAY_SECONDS
        try:
            return self._pool.getconn(BRIEF_SECONDS if lately else max(BRIEF_SECONDS, until - now))
        except (PoolTimeout, PoolClosed) as error:
            # All lent out is no reason to hurry anybody: it is away where connecting has failed meanwhile.
            failures = self._pool.get_stats().get("connections_errors", 0)
            if lately or failures > self._failures:
                self._away_at = time.monotonic()
            self._failures = failures
            raise StorageAway(f"No connection to the database: {error}") from error


def _away(error: psycopg.Error, conn: Conn, *, read_only: bool = False) -> Exception:
    """StorageAway for what the outside did to us; a deadlock or a failed serialisation stays what it is, and so does what we said wrongly."""
    state = error.sqlstate or ""
    if state == "53100":
        return StorageFull("the database has no room for more: its disk is full")
    # Nobody writes in a transaction for reading but by mistake; in one for writing the database itself is one that can only be read.
    if state == "42501" or (state == "25006" and not read_only):
        return StorageRefused(error.diag.message_primary or str(error))
    # 08 connection, 53 resources (disk, memory, connections), 57 intervention (shutdown, statement timeout), 58 system error; and a connection
    # may be ended with any other: 25P03, for one, when a transaction rested for too long because this machine was asleep.
    if conn.broken or conn.closed or state[:2] in {"08", "53", "57", "58"} or (not state and isinstance(error, psycopg.OperationalError)):
        return StorageAway(str(error))
    return error


def _conninfo(url: str, statement_seconds: float) -> str:
    """The caller's connection string, with our session settings where it does not set its own."""
    given = conninfo_to_dict(url)
    ours = (
        "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601"
        f" -c statement_timeout={int(statement_seconds * 1000)} -c idle_in_transaction_session_timeout=60000"
    )
    # Whoever waits for an answer, or listens for days, sends nothing: only keepalives tell them that the machine at the other end is gone.
    defaults: dict[str, Any] = {
        "application_name": "handfast",
        "connect_timeout": 5,
        "tcp_user_timeout": 15000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    missing = {name: value for name, value in defaults.items() if name not in given}
    return make_conninfo(url, **missing, options=f"{ours} {given.get('options', '')}".strip())


def _configure(conn: Conn) -> None:
    set_json_dumps(orjson.dumps, conn)
    set_json_loads(orjson.loads, conn)
    conn.adapters.register_loader("jsonb", _JsonbLoader)
    conn.adapters.register_loader("uuid", _UuidLoader)
    # The loops of a worker share its connections, in turn: after five times each, as it is by itself, an hour may have passed on a quiet day;
    # and they say more than the hundred statements that one remembers of itself.
    conn.prepare_threshold, conn.prepared_max = 0, STATEMENTS_KEPT
