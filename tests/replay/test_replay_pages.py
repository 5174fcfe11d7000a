"""The replay page: a manager asks for a replay, watches it run, and reads what would have been different; a rep may look, not start."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from handfast.demo import run as demo
from handfast.desk import logins
from handfast.store.base import Store
from handfast.web.app import create_app

END = datetime(2026, 11, 20, 18, tzinfo=UTC)
PASSWORD = "correct horse battery"


class Settings:
    public_url = "http://testserver"

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir


@pytest.fixture
def company(store: Store) -> Store:
    assert demo.clear(store, END) is None
    demo.live_through(store, days=5, seed=7, end=END)
    logins.add_login(store, "mara@northwind.example", PASSWORD, "manager", END, name="Mara")
    logins.add_login(store, "ana@northwind.example", PASSWORD, "rep", END, rep_id="ana", name="Ana")
    return store


def signed_in(store: Store, tmp_path: Path, email: str) -> TestClient:
    client = TestClient(create_app(store, Settings(tmp_path), clock=lambda: datetime.now(UTC)))
    answer = client.post("/login", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client


def test_a_manager_replays_a_version_and_reads_the_report(company: Store, tmp_path: Path) -> None:
    with signed_in(company, tmp_path, "mara@northwind.example") as client:
        form = client.get("/replay").text
        assert "Version 1, Northwind" in form
        asked = {"of": "version 1", "since": "2026-11-01", "until": "2026-11-20", "minutes": "30"}
        page = client.post("/replay", data=asked)
        assert page.status_code == 200
        where = page.url.path
        deadline = time.monotonic() + 60
        while "Who is ready" not in (text := client.get(where).text):
            assert time.monotonic() < deadline, text
            progress = client.get(f"{where}/progress", headers={"HX-Request-Type": "partial"})
            assert progress.status_code == 200
            time.sleep(0.2)
        assert "Nobody is ready who was not, and nobody ceases to be." in text
        assert "At 30 working minutes a handoff" in text
        assert 'class="chart frontier"' in text
        assert where in client.get("/replay").text
        # The same question again is the same replay: its answer is there at once.
        assert client.post("/replay", data=asked).url.path == where


def test_a_rep_may_look_but_not_start(company: Store, tmp_path: Path) -> None:
    with signed_in(company, tmp_path, "ana@northwind.example") as client:
        assert client.get("/replay").status_code == 200
        assert client.post("/replay", data={"of": "version 1"}).status_code == 403
        assert client.get("/replay/rpl_nothing").status_code == 404


def test_a_period_that_ends_before_it_begins_is_refused(company: Store, tmp_path: Path) -> None:
    with signed_in(company, tmp_path, "mara@northwind.example") as client:
        answer = client.post("/replay", data={"of": "version 1", "since": "2026-11-20", "until": "2026-11-01"})
        assert answer.status_code == 409
        assert "Name an end after the beginning" in answer.text
        assert client.post("/replay", data={"of": "version 1", "since": "soon"}).status_code == 409
        assert client.post("/replay", data={"of": "version 77"}).status_code == 404
