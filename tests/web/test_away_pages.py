"""Pages while the database is really away: a page that says so, and nobody waits for what another has just waited for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import sleep

import psycopg
import pytest
from test_live import Listening
from tests.own_server import OwnServer, own_server, stopped, waits

from handfast.desk import logins
from handfast.store import base
from handfast.store.base import BRIEF_SECONDS, StorageAway, Store


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    with own_server(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_every_page_says_so_and_only_the_first_waits(there: OwnServer, running, browse, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    there.start()
    with Store(there.url, size=4, patience_seconds=2) as store:
        http = browse(running(store).url, cookies={"handfast": "a-session"})
        assert http.get("/login").status_code == 303
        if how == "killed":
            there.signal(signal.SIGKILL)
            _is_away(store, http, monkeypatch)
            there.start()
        else:
            with stopped(there):
                _is_away(store, http, monkeypatch)
        for _ in range(100):
            if (answer := http.get("/login")).status_code == 303:
                break
        assert answer.status_code == 303, "and it is there again by itself"


def _is_away(store: Store, http, monkeypatch: pytest.MonkeyPatch) -> None:
    first = http.get("/login")
    assert (first.status_code, "database cannot be reached" in first.text) == (503, True)
    with monkeypatch.context() as patch:
        patch.setattr(base, "AWAY_SECONDS", 60)
        asked = waits(store, patch)
        with ThreadPoolExecutor(20) as many:
            answers = list(many.map(lambda path: http.get(path).status_code, ["/login", "/queue", "/", "/handoffs/hnd_1", "/readyz"] * 12))
        assert answers == [503] * 60
        assert set(asked) == {BRIEF_SECONDS}, "sixty requests would have kept every thread busy for many seconds"


def test_an_address_that_is_no_page_is_none_whatever_the_database_says(there: OwnServer, running, browse) -> None:
    """A part of a page is answered beside it, and nobody waits for it; a whole page says why it stands outside its frame."""
    there.start()
    with Store(there.url, size=4, patience_seconds=2) as store:
        http = browse(running(store).url, cookies={"handfast": "a-session"})
        assert "database" not in http.get("/nowhere").text
        there.signal(signal.SIGKILL)
        beside = http.get("/nowhere", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
        assert (beside.status_code, beside.headers["HX-Reswap"]) == (404, "none")
        assert "There is no page at this address. Reload the page" in beside.text
        assert "<html" not in beside.text
        answer = http.get("/nowhere")
        assert answer.status_code == 404
        assert "There is no page at this address. Nor can anything be read from the database just now" in answer.text
        assert http.get("/who/nobody").status_code == 503
        assert "database" not in browse(running(store).url).get("/nowhere").text
        there.start()


def test_a_user_without_rights_is_told_by_whoever_can_help(database_url: str, running, browse) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        name = f"weak_{conn.info.dbname}"
        conn.execute(f"CREATE ROLE {name} LOGIN")
        with Store(psycopg.conninfo.make_conninfo(database_url, user=name)) as store:
            answer = browse(running(store).url).get("/login")
        conn.execute(f"DROP ROLE {name}")
    assert answer.status_code == 503
    assert "The database refuses it: permission denied for table login. Nothing was saved." in answer.text


def test_an_open_page_hears_again_once_the_database_is_back(there: OwnServer, running, browse) -> None:
    there.start()
    with Store(there.url, size=4, patience_seconds=2) as store:
        server = running(store)
        logins.add_login(store, "mara@northwind.example", "a long password of hers", "manager", server.clock())
        http = browse(server.url, headers={"Origin": server.url})
        assert http.post("/login", data={"email": "mara@northwind.example", "password": "a long password of hers"}).status_code == 303
        page = Listening(http, "/stream?board=1")
        page.until("event: resync")
        page.clear()
        there.signal(signal.SIGKILL)
        there.start()
        page.until("event: resync", 60)  # whatever happened meanwhile is asked for
        page.clear()
        sleep(1)
        for _ in range(20):
            with suppress(StorageAway), store.writing() as conn:
                conn.execute("SELECT pg_notify('handfast', 'board')")
                break
        page.until("event: resync")
        page.close()
