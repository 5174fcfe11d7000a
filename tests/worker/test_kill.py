"""kill -9 of the worker at any moment, and a database that goes away: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handfast.desk import contracts, imports
from handfast.desk.handover import decide
from handfast.desk.intake import record
from handfast.facts import Rep, Signal, signal_id
from handfast.store.base import StorageAway, Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate
from handfast.worker import Worker

KILLS = 20
#: Around the clock, so that the tests do not depend on when they run.
CONTRACT = """
contract: Kill test
calendar: {timezone: UTC, week: {mon-sun: ["00:00-24:00"]}}
fields: {employees: int}
ready:
  fit: {at_least: 10, points: [{when: "employees > 10", points: 10}]}
  intent: {at_least: 10, points: [{on: form_submitted, points: 20}]}
  next_step: [{step: demo, on: form_submitted, when: "form = 'demo'", within: 7 days}]
routing: {default: team, pools: {team: {members: {anna: 1, ben: 2}}}}
sla: [{name: fast, first_touch: 2 minutes, ladder: [{after: 1 minute, remind: owner}, {after: 2 minutes, tell: manager}]}]
dispositions: {recycle: {reasons: {later: {}}}, disqualify: {reasons: {bad: {}}}}
"""


def ask(number: int, at: datetime, message: str | None = None) -> Signal:
    """Somebody of company `number` asks for a demo."""
    return Signal(
        signal_id("web", message or f"ask-{number}"), "web", "form_submitted", at, at, email=f"lead@firm{number}.example",
        properties={"form": "demo"}, account={"employees": 50},
    )  # fmt: skip


def prepared(store: Store) -> None:
    at = datetime.now(UTC)
    _, problems = contracts.put_in_force(store, CONTRACT, "kill.yaml", at)
    assert not problems, problems
    imports.put_reps(
        store,
        [
            Rep("mia", "Mia", "mia@k.example"),
            Rep("anna", "Anna", "a@k.example", manager="mia"),
            Rep("ben", "Ben", "b@k.example", manager="mia"),
        ],
    )


def start(url: str, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HANDFAST_DATABASE_URL": url, "HANDFAST_DATA_DIR": str(folder), "HANDFAST_LOG_LEVEL": "error"}
    return subprocess.Popen([sys.executable, "-m", "handfast", "work"], env=environment, cwd=folder)


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_double_nothing(store: Store, database_url: str, tmp_path: Path) -> None:
    prepared(store)
    luck = random.Random(4)
    total = 0
    for _ in range(KILLS):
        process = start(database_url, tmp_path)
        # Signals arrive while it starts and works; it is killed somewhere in the middle of them.
        deadline = time.monotonic() + luck.uniform(1.2, 3.2)
        while time.monotonic() < deadline:
            at = datetime.now(UTC) - timedelta(seconds=118)  # so that the clocks fall due while the kills go on
            record(store, "web", [ask(n, at) for n in range(total, total + 2)], [], at)
            total += 2
            time.sleep(luck.uniform(0.05, 0.35))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = start(database_url, tmp_path)
    try:
        _wait(lambda: _settled(store), seconds=300)
    finally:
        last.terminate()
        assert last.wait(60) == 0, "the worker stops cleanly when asked"
    with store.reading() as conn:
        count = lambda query: conn.execute(query).fetchone()[0]  # noqa: E731
        assert count("SELECT count(*) FROM signal") == total
        assert count("SELECT count(*) FROM handoff") == total, "one handoff for each company"
        assert count("SELECT count(*) FROM handoff WHERE owner_id IS NULL") == 0
        for name in ("handoff_opened", "assigned", "reminded", "breached", "manager_told"):
            assert count(f"SELECT count(*) FROM event WHERE name = '{name}'") == total, name
        assert count("SELECT count(*) FROM timer WHERE state = 0") == 0
        assert count("SELECT count(*) FROM assignment") == total
        assert count("SELECT sum(turns) FROM rotation") == total, "each handoff took one turn"
        sent = dict(conn.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
        assert sent == {"sent": 3 * total}, sent
    # The receiver is a folder of mails named after the idempotency key: a mail written twice is one file.
    assert len(list((tmp_path / "outgoing").glob("*.eml"))) == 3 * total


def _decided(store: Store) -> bool:
    with store.reading() as conn:
        return conn.execute("SELECT NOT EXISTS (SELECT FROM pending)").fetchone() == (True,)


def _settled(store: Store) -> bool:
    with store.reading() as conn:
        row = conn.execute(
            "SELECT (SELECT count(*) FROM pending) + (SELECT count(*) FROM timer WHERE state = 0) + (SELECT count(*) FROM outbox WHERE state = 'waiting')"
        ).fetchone()
    return row is not None and row[0] == 0


def _wait(done: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():  # type: ignore[operator]
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[Embedded, str]]:
    """A server of this test's own, for it will be killed. With fsync, as in earnest."""
    server = Embedded(tmp_path / "data")
    url = server.start()
    migrate(url)
    yield server, url
    server.stop()


@pytest.mark.slow
def test_a_database_that_goes_away_loses_nothing_acknowledged_and_the_product_recovers(own_server: tuple[Embedded, str]) -> None:
    server, url = own_server
    with Store(url, patience_seconds=1) as store:
        prepared(store)
        worker = Worker(store, {})
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            acknowledged = _send_through_an_outage(store, server)
            _wait(lambda: _decided(store), seconds=180)
        finally:
            worker.stop.set()
            thread.join(20)
        with store.reading() as conn:
            kept = {row[0] for row in conn.execute("SELECT email FROM signal").fetchall()}
            opened = conn.execute("SELECT count(*) FROM handoff").fetchone()
        assert acknowledged <= kept
        assert opened == (len(kept),)


def _send_through_an_outage(store: Store, server: Embedded) -> set[str]:
    """Sends for a while, kills PostgreSQL in the middle, starts it again later. Returns the addresses that were acknowledged."""
    acknowledged: set[str] = set()
    refused = 0
    for number in range(60):
        if number == 20:
            pid = int((server.log.parent / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
        if number == 40:
            server.start()
        at = datetime.now(UTC)
        try:
            record(store, "web", [ask(number, at)], [], at)
            acknowledged.add(f"lead@firm{number}.example")
        except StorageAway:
            refused += 1
        time.sleep(0.05)
    assert refused > 0, "while it was away the door said so"
    assert len(acknowledged) >= 30
    return acknowledged


def test_one_signal_that_cannot_be_decided_is_set_aside_and_the_lane_moves_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from handfast.desk import whose
    from handfast.desk.contracts import Book
    from handfast.worker import decide_one_by_one

    prepared(store)
    at = datetime.now(UTC)
    record(store, "web", [ask(n, at + timedelta(milliseconds=n)) for n in range(5)], [], at)
    real = whose.resolve

    def stumbles(one: Signal, *rest: object) -> object:
        if one.email == "lead@firm2.example":
            raise RuntimeError("a bug")
        return real(one, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(whose, "resolve", stumbles)
    with pytest.raises(RuntimeError):
        decide(store, Book(), at + timedelta(seconds=1))
    decide_one_by_one(store, Book(), at + timedelta(seconds=1), channels=())
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM handoff").fetchone() == (4,)
        assert conn.execute("SELECT count(*) FROM pending").fetchone() == (0,)
        assert conn.execute("SELECT state, payload ->> 'email' FROM intake_problem").fetchall() == [("open", "lead@firm2.example")]
