"""The database goes away for real: its server is killed, or stopped so that it takes commands and answers none."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from click.testing import CliRunner
from tests.own_server import OwnServer, own_server, stopped, waits

from handfast.cli.doctor import command as doctor
from handfast.cli.imports import command as imported
from handfast.desk import imports
from handfast.store import base
from handfast.store.base import AWAY_SECONDS, BRIEF_SECONDS, StorageAway, StorageRefused, Store
from handfast.store.migrate import CannotMigrate, migrate

PATIENCE = 1.5


@pytest.fixture(scope="module")
def in_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    with own_server(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def server(in_own_folder: OwnServer) -> OwnServer:
    """Started again, whatever the test before did to it."""
    in_own_folder.start()
    return in_own_folder


def look(store: Store) -> None:
    with store.reading() as conn:
        conn.execute("SELECT count(*) FROM note")


def test_one_caller_waits_and_the_next_are_told_at_once(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(server.url, size=4, patience_seconds=PATIENCE) as store:
        look(store)
        server.signal(signal.SIGKILL)
        with pytest.raises(StorageAway):
            look(store)
        monkeypatch.setattr(base, "AWAY_SECONDS", 60)
        asked = waits(store, monkeypatch)
        for act in (look, lambda one: one.once(lambda conn: conn.execute("SELECT 1"))) * 3:
            with pytest.raises(StorageAway):
                act(store)
        assert asked == [BRIEF_SECONDS] * 6
        assert [store.says_away() for _ in range(3)] == [True, False, False]
        monkeypatch.undo()
        server.start()
        sleep(AWAY_SECONDS)
        look(store)
        asked = waits(store, monkeypatch)
        look(store)
        assert asked[-1] > BRIEF_SECONDS, "it is there again, so a busy moment is waited out"


def test_connections_that_are_all_lent_out_make_nobody_hurry(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(server.url, size=1, patience_seconds=0.5) as store:
        asked = waits(store, monkeypatch)
        with store.reading():
            for _ in range(2):
                with pytest.raises(StorageAway):
                    look(store)
        assert asked[-1] > BRIEF_SECONDS
        look(store)


def test_a_server_that_takes_the_command_and_does_not_answer_is_away(server: OwnServer) -> None:
    """Its connections are up, and nothing comes back: nobody may wait for that longer than for a connection."""
    with Store(server.url, size=2, patience_seconds=PATIENCE) as store:
        look(store)
        with stopped(server):
            told = threading.Event()
            threading.Thread(target=lambda: (_told_away(store), told.set()), daemon=True).start()
            assert told.wait(60), "whoever asks is told, while the server still does not answer"
        sleep(AWAY_SECONDS)
        look(store)


def _told_away(store: Store) -> None:
    for _ in range(3):
        with pytest.raises(StorageAway):
            look(store)


def test_a_statement_may_take_longer_than_a_connection(server: OwnServer) -> None:
    with Store(server.url, size=1, patience_seconds=0.3) as store, store.reading() as conn:
        assert conn.execute("SELECT pg_sleep(0.8), 7").fetchone()[1] == 7  # type: ignore[index]


def test_whoever_listens_learns_that_the_machine_at_the_other_end_is_gone(server: OwnServer) -> None:
    """They send nothing for days, so only keepalives tell them."""
    with Store(server.url) as store, store.session() as conn:
        said = psycopg.conninfo.conninfo_to_dict(conn.info.dsn)
        assert (said["keepalives_idle"], said["keepalives_interval"], said["keepalives_count"]) == ("10", "5", "3")
    with Store(server.url + "&keepalives_idle=60") as store, store.session() as conn:
        assert psycopg.conninfo.conninfo_to_dict(conn.info.dsn)["keepalives_idle"] == "60", "what the address says holds"


def test_a_transaction_that_rested_too_long_is_away(store: Store) -> None:
    """The machine slept for an hour in the middle of one: PostgreSQL has ended it, with an error of no class that speaks of connections."""

    def slept() -> None:
        with store.writing() as conn:
            conn.execute("SET idle_in_transaction_session_timeout = 100")
            sleep(0.5)

    with pytest.raises(StorageAway):
        slept()
    look(store)


def test_a_copy_for_reading_refuses_what_is_written_and_says_so(database_url: str) -> None:
    with Store(f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20default_transaction_read_only%3Don") as copy:
        look(copy)
        with pytest.raises(StorageRefused, match="cannot execute INSERT in a read-only transaction"):
            _write(copy)
    with (
        Store(database_url) as fine,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        fine.reading() as conn,  # our own mistake stays one
    ):
        conn.execute(NOTE)


NOTE = "INSERT INTO note (key, value, at) VALUES ('k', '{}', now())"


def _write(store: Store) -> None:
    with store.writing() as conn:
        conn.execute(NOTE)


@pytest.fixture
def weak(database_url: str) -> Iterator[str]:
    """The same database for a user who may do nothing in it."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        name = f"weak_{conn.info.dbname}"
        conn.execute(f"CREATE ROLE {name} LOGIN")  # type: ignore[call-overload]
        yield psycopg.conninfo.make_conninfo(database_url, user=name)
        conn.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")  # type: ignore[call-overload]


def test_a_user_without_rights_is_told_what_is_missing(weak: str) -> None:
    with pytest.raises(CannotMigrate) as told:
        migrate(weak)
    assert "permission denied for table alembic_version" in told.value.problem.what
    with Store(weak) as store, pytest.raises(StorageRefused, match="permission denied for table note"):
        look(store)


def test_a_user_who_may_not_make_the_tables_is_told_so(empty_database: str, weak: str) -> None:
    bare = psycopg.conninfo.make_conninfo(weak, dbname=psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"])
    with pytest.raises(CannotMigrate) as told:
        migrate(bare)
    assert "permission denied for schema public" in told.value.problem.what


@pytest.mark.parametrize(
    ("rights", "said"), [("", "it does not let its user make or read the tables"), ("alembic_version", "the database refuses it")]
)
def test_a_command_says_it_in_a_sentence(
    weak: str, database_url: str, rights: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rights:
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute(f"GRANT SELECT ON {rights} TO weak_{conn.info.dbname}")  # type: ignore[call-overload]
    monkeypatch.setenv("HANDFAST_DATABASE_URL", weak if "://" in weak else _as_url(weak))
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(doctor, [])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit), "a sentence, no traceback"
    assert said in done.stderr


def _as_url(info: str) -> str:
    given = psycopg.conninfo.conninfo_to_dict(info)
    return f"postgresql://{given['user']}@/{given['dbname']}?host={quote(str(given['host']), safe='')}&port={given['port']}"


def test_no_connection_left_is_told_with_what_helps(server: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", server.url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    with ExitStack() as held:
        _take_all(server.url, held)
        done = CliRunner().invoke(doctor, [])
    assert done.exit_code == 1
    assert "It allows no more connections" in done.stderr


def test_an_import_whose_database_goes_away_in_the_middle_says_that_it_goes_on_from_there(
    server: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", server.url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    path = tmp_path / "visits.csv"
    path.write_text("id,kind,at,email\n" + "".join(f"m{n},page_viewed,2026-03-02 10:00,p{n}@firm.example\n" for n in range(12_000)))
    recorded = imports._Chunk.record
    calls = []

    def record_and_kill(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            server.signal(signal.SIGKILL)
        return recorded(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(imports._Chunk, "record", record_and_kill)
        cut = CliRunner().invoke(imported, [str(path), "--as", "signals"])
    assert (cut.exit_code, isinstance(cut.exception, SystemExit)) == (1, True)
    assert "What was taken in is kept. Once the database is back, the same command goes on from there." in cut.stderr
    assert "the database cannot be reached" in cut.stderr
    assert "error connecting" not in cut.stderr
    server.start()
    again = CliRunner().invoke(imported, [str(path), "--as", "signals"])
    assert "12,000 rows as signals: 12,000 added, 0 known already, 0 refused (went on after row 5,000)" in again.stderr


def _take_all(url: str, held: ExitStack) -> None:
    for _ in range(2000):
        try:
            held.enter_context(psycopg.connect(url))
        except psycopg.OperationalError:
            return
    raise AssertionError("there is no end of connections")
