"""The door to the database while it comes and goes: what runs for long waits, and starts its own server again."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest

from handfast.cli.serve import wait_for_port
from handfast.settings import read_settings
from handfast.store.base import StorageAway, Store
from handfast.store.migrate import is_current, migrate
from handfast.store.opening import opened, patiently


def test_a_database_that_dies_while_handfast_runs_comes_back_by_itself(tmp_path: Path) -> None:
    """`up`, `serve` and `work` on the embedded server: nobody else watches over it, and no restart of theirs is needed. Twice, with its
    lock file left behind, and with nothing that uses it meanwhile."""
    heard: list[str] = []
    lock = tmp_path / "postgres/data/postmaster.pid"
    with opened(None, tmp_path, tell=heard.append, patience_seconds=5) as store:
        for _ in range(2):
            pid = int(lock.read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)
            _until(partial(_another, lock, pid))
            _until(lambda: _asks(store))
    assert heard.count("The database was not stopped properly: recovering…") == 2
    assert not lock.exists(), "it is stopped with whoever started it"


def test_a_migration_that_is_cut_off_is_begun_again(empty_database: str) -> None:
    """PostgreSQL is killed in the middle of it: whoever waits for the database hears that it is away, and the next attempt is whole."""
    with psycopg.connect(empty_database) as before, psycopg.connect(empty_database, autocommit=True) as other:
        before.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")  # not committed: the migration has to wait

        def cut_off() -> None:
            _until(lambda: bool(other.execute(WAITS).fetchone()))
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )

        cutter = threading.Thread(target=cut_off)
        cutter.start()
        with pytest.raises(psycopg.OperationalError):
            migrate(empty_database)
        cutter.join()
        before.rollback()
    assert patiently(lambda: migrate(empty_database), 1)
    assert is_current(empty_database)


WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def test_a_server_that_says_it_is_recovering_is_waited_for_and_one_that_says_nothing_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovery after a crash may take minutes; a wrong address is found out soon."""
    clock = iter(range(0, 100_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    answers = ["FATAL:  the database system is starting up"] * 5

    def ask() -> str:
        if answers:
            raise psycopg.OperationalError(answers.pop())
        return "here"

    assert patiently(ask, 30) == "here"
    answers[:] = ["No such file or directory"] * 5
    with pytest.raises(StorageAway):
        patiently(ask, 30)


def test_a_port_that_is_taken_is_waited_for_and_then_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """After a crash something may hold it for a moment; what stays there is a Problem that says what to do, not a line of a library's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings, _ = read_settings({"HANDFAST_PORT": str(listener.getsockname()[1])}, tmp_path)
        assert settings is not None
        with pytest.raises(SystemExit):
            wait_for_port(settings, 0.3)
        said = capsys.readouterr().err
        assert "trying again" in said
        assert "HANDFAST_PORT" in said
        threading.Timer(0.3, listener.close).start()
        wait_for_port(settings, 20)


def _another(lock: Path, than: int) -> bool:
    """Whether a server has come in the place of process `than`."""
    with suppress(OSError, ValueError, IndexError):
        return int(lock.read_text().splitlines()[0]) != than
    return False


def _asks(store: Store) -> bool:
    with suppress(StorageAway), store.reading() as conn:
        return conn.execute("SELECT 1").fetchone() == (1,)
    return False


def _until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until, "not within a minute"
        time.sleep(0.02)
