"""The Store's promises: a transaction lent is a transaction kept, and trouble outside is one exception."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from handfast.store.base import StorageAway, Store, rows_of
from handfast.store.embedded import Embedded
from handfast.store.opening import opened

if TYPE_CHECKING:
    from pathlib import Path

NOTE = "INSERT INTO note (key, value, at) VALUES (%s, %s, now())"


def notes(store: Store) -> list[str]:
    with store.reading() as conn:
        return [key for (key,) in conn.execute("SELECT key FROM note ORDER BY key")]


def test_what_was_written_is_there(store: Store) -> None:
    with store.writing() as conn:
        conn.execute(NOTE, ["a", psycopg.types.json.Jsonb({"ü": [1, None, 0.5]})])
    with store.reading() as conn:
        assert conn.execute("SELECT key, value FROM note").fetchall() == [("a", {"ü": [1, None, 0.5]})]


def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    def fail_half_way() -> None:
        with store.writing() as conn:
            conn.execute(NOTE, ["a", "{}"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert notes(store) == []


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), store.reading() as conn:
        conn.execute(NOTE, ["a", "{}"])
    assert notes(store) == []


def test_a_savepoint_undoes_a_part(store: Store) -> None:
    """`conn.transaction()` inside a transaction is a savepoint, as psycopg documents it."""
    with store.writing() as conn:
        conn.execute(NOTE, ["kept", "{}"])
        with pytest.raises(psycopg.errors.UniqueViolation), conn.transaction():
            conn.execute(NOTE, ["kept", "{}"])
        conn.execute(NOTE, ["kept too", "{}"])
    assert notes(store) == ["kept", "kept too"]


def test_times_are_utc(store: Store) -> None:
    at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    with store.reading() as conn:
        (back,) = conn.execute("SELECT %s::timestamptz", [at]).fetchone()
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)
    assert (back, back.tzinfo) == (at, UTC)


def test_a_database_that_is_not_there_is_away_not_a_mystery(postgres_url: str) -> None:
    with Store("postgresql://handfast@/handfast?host=%2Fnowhere&port=1", patience_seconds=0.2) as store:
        with pytest.raises(StorageAway), store.reading():
            pass
        with pytest.raises(StorageAway):
            store.wait_ready(0.2)
        with pytest.raises(StorageAway), store.session():
            pass


def test_a_lost_connection_is_away_and_the_next_one_works(store: Store) -> None:
    """The administrator, a firewall or a restart ends the session in the middle: one StorageAway, then all is well."""

    def write_under_fire() -> None:
        with store.writing() as conn:
            conn.execute(NOTE, ["lost", "{}"])
            (pid,) = conn.execute("SELECT pg_backend_pid()").fetchone()
            with store.session() as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            conn.execute(NOTE, ["lost too", "{}"])

    with pytest.raises(StorageAway):
        write_under_fire()
    assert notes(store) == []


def test_a_value_error_of_a_connection_that_has_ended_says_that_the_database_is_away(store: Store) -> None:
    """That is what the driver raises where a COPY finds itself without a server; on a connection that lives, it is a mistake of ours."""

    def copy_in_vain() -> None:
        with store.writing() as conn:
            with store.session() as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
            with suppress(psycopg.OperationalError):
                conn.execute("SELECT 1")
            raise ValueError("no copy")

    with pytest.raises(StorageAway, match="no copy"):
        copy_in_vain()
    with pytest.raises(ValueError, match="ours"), store.writing():
        raise ValueError("ours")


def test_every_idle_connection_dead_and_no_caller_notices(database_url: str) -> None:
    """After a restart of the server the pool is full of corpses; none of them reaches a caller."""
    with Store(database_url, size=4) as store:
        lent = [store.reading() for _ in range(4)]
        pids = [one.__enter__().execute("SELECT pg_backend_pid()").fetchone()[0] for one in lent]
        for one in lent:
            one.__exit__(None, None, None)
        with store.session() as other:
            other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", [pids])
        for _ in range(8):
            assert notes(store) == []


def test_one_statement_alone_is_said_again_where_its_connection_was_dead(database_url: str) -> None:
    with Store(database_url, size=3) as store:
        with store.writing() as a, store.writing() as b, store.writing() as c:
            pids = [conn.info.backend_pid for conn in (a, b, c)]
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", [pids])
        assert store.once(lambda conn: conn.execute(NOTE, ["once", "{}"]).rowcount) == 1
        assert notes(store) == ["once"]
        with pytest.raises(psycopg.errors.UniqueViolation):
            store.once(lambda conn: conn.execute(NOTE, ["once", "{}"]))
        with pytest.raises(StorageAway):
            store.once(lambda conn: conn.execute("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert notes(store) == ["once"]


def test_a_statement_that_takes_too_long_is_away(database_url: str) -> None:
    with Store(database_url, statement_seconds=0.05) as store:
        with pytest.raises(StorageAway, match="statement timeout"), store.reading() as conn:
            conn.execute("SELECT pg_sleep(10)")
        assert notes(store) == []


def test_all_connections_lent_is_away_after_a_while(database_url: str) -> None:
    """More callers than connections wait; who waits too long is told so rather than kept."""
    with Store(database_url, size=1, patience_seconds=0.1) as store:
        with store.reading(), pytest.raises(StorageAway), store.reading():
            pass
        assert notes(store) == []


def test_a_deadlock_stays_a_deadlock(store: Store) -> None:
    """It is no outage: doing the same again at once is the cure, and the caller must be able to tell."""
    outcomes: list[type[Exception] | None] = []
    both_have_one = threading.Barrier(2)

    def lock(first: int, second: int) -> None:
        try:
            with store.writing() as conn:
                conn.execute("SELECT pg_advisory_xact_lock(%s)", [first])
                both_have_one.wait()
                conn.execute("SELECT pg_advisory_xact_lock(%s)", [second])
        except Exception as error:
            outcomes.append(type(error))
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {psycopg.errors.DeadlockDetected, None}


def test_an_installation_uses_the_database_it_is_given(empty_database: str, tmp_path: Path) -> None:
    """HANDFAST_DATABASE_URL: no embedded server is made, the tables are."""
    with opened(empty_database, tmp_path / "handfast") as store:
        assert notes(store) == []
    assert not (tmp_path / "handfast").exists()


def test_an_installation_without_one_makes_its_own(tmp_path: Path) -> None:
    """First start, tables, a note; the second start finds it; between them nothing runs."""
    heard: list[str] = []
    with opened(None, tmp_path / "handfast", tell=heard.append) as store, store.writing() as conn:
        conn.execute(NOTE, ["kept", "{}"])
    assert heard == ["Preparing the database (first start)…", "Creating the tables"]
    assert not (tmp_path / "handfast/postgres/data/postmaster.pid").exists()
    with opened(None, tmp_path / "handfast", tell=heard.append) as store:
        assert notes(store) == ["kept"]
    assert len(heard) == 2


def test_a_foreign_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageAway), opened("postgresql://handfast@/x?host=%2Fnowhere", tmp_path):
        pass


def test_what_runs_for_long_waits_for_a_database_that_starts_after_it(tmp_path: Path) -> None:
    server = Embedded(tmp_path / "data")
    url = server.start()
    server.stop()
    heard: list[str] = []
    late = threading.Timer(1.0, server.start)
    late.start()
    try:
        with opened(url, tmp_path, tell=heard.append, patience_seconds=30) as store, store.reading() as conn:
            assert conn.execute("SELECT count(*) FROM contract").fetchone() == (0,)
        assert heard[0] == "The database does not answer; asking again for 30 seconds."
    finally:
        late.join()
        server.stop()
    with pytest.raises(StorageAway), opened(url, tmp_path):
        pass


def test_rows_that_come_in_pieces_are_the_same_rows(store: Store) -> None:
    asked, params = "SELECT n, n::text, to_jsonb(n) FROM generate_series(1, %s) AS n", [1700]
    with store.reading() as conn:
        pieces = list(rows_of(conn, asked, params, many=True))
        assert pieces == list(rows_of(conn, asked, params, many=False))
        assert len(pieces) == 1700


def test_whoever_stops_reading_half_way_spoils_nothing(store: Store) -> None:
    def read_until(last: int, failing: str) -> None:
        with store.writing() as conn:
            conn.execute(NOTE, [failing, "{}"])
            for (n,) in rows_of(conn, "SELECT 1000 / (3000 - n) FROM generate_series(1, %s) AS n", [last], many=True):
                if n > 0 and failing == "reader":
                    raise RuntimeError

    with pytest.raises(RuntimeError):
        read_until(2000, "reader")  # the rest is still on its way
    with pytest.raises(psycopg.errors.DivisionByZero):
        read_until(4000, "server")  # rows were read before it failed
    assert notes(store) == []
    with store.writing() as conn:
        conn.execute(NOTE, ["after", "{}"])
    assert notes(store) == ["after"]
