"""The database goes away for real: its server is killed, or stopped so that it takes commands and answers none."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from time import sleep

import psycopg
import pytest
from tests.own_server import OwnServer, own_server, stopped, waits

from handfast.store import base
from handfast.store.base import AWAY_SECONDS, BRIEF_SECONDS, StorageAway, Store

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
