"""A real worker, killed in the middle of its work again and again: nothing is lost, and what comes twice bears the same key."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from delivery_house import NOON, House
from standardwebhooks.webhooks import Webhook
from web_server import Receiver, receiving

from handfast.desk.deliver import BATCH
from handfast.sla.notice import Named, message_id, notice
from handfast.store.base import Store
from handfast.store.handover import add_messages, dumps

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KILLS = 12
MESSAGES = 1500
#: A killed worker's messages wait for the end of its lease: here that is soon, so that a test can wait for it.
LEASE_SECONDS = 2.0


@pytest.mark.slow
def test_a_worker_killed_again_and_again_loses_nothing(house: House, database_url: str) -> None:
    """Kill -9 at random moments, twelve times, while 1,500 messages leave for a receiver that counts what it gets.

    A kill may fall between "the receiver has it" and "we know that it has": those messages come again, under the same keys. A batch at most
    a kill, since each batch is settled before the next is claimed.
    """
    sent = _write(house.store)
    chance = random.Random(20261123)
    with receiving(Receiver()) as receiver, _workers(database_url, receiver.url) as workers:
        for _ in range(KILLS):
            worker = workers.start()
            had = len(receiver.posts)
            _wait_until(lambda: len(receiver.posts) > had + 5)  # noqa: B023 - asked at once
            time.sleep(chance.uniform(0.0, 0.15))
            workers.kill(worker)
        left = _waiting(house.store)
        assert left, "the kills must fall while there is work, or they prove nothing"
        last = workers.start()
        try:
            _wait_until(lambda: not _waiting(house.store))
        finally:
            workers.kill(last)
    times = Counter(post.headers["webhook-id"] for post in receiver.posts)
    bodies = {(post.headers["webhook-id"], post.body) for post in receiver.posts}
    assert times.keys() == sent, "every message arrived, and none that was not written"
    assert sum(times.values()) - len(times) <= KILLS * BATCH
    assert len(bodies) == len(sent), "the same key always says the same"
    assert all(Webhook(SECRET).verify(post.body, post.headers) == json.loads(post.body) for post in receiver.posts)
    with house.store.reading() as conn:
        assert conn.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall() == [("sent", MESSAGES)]


def _write(store: Store) -> set[str]:
    now = datetime.now(UTC)
    rows = []
    for n in range(MESSAGES):
        payload = notice("breach", handoff_id="hof_1", opened_at=NOON, next_step="demo", person=Named("per_maya", f"Maya {n}"))
        ident = message_id("hof_1", "breach", f"timer{n}", "webhook", "endpoint")
        rows.append((ident, "hof_1", "breach", "webhook", "endpoint", "ana", dumps(payload), now, now))
    with store.writing() as conn:
        add_messages(conn, rows)
    return {row[0] for row in rows}


class Workers:
    """Starts processes that deliver, and kills them. Which is which is said by their numbers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self) -> int:
        said = self._ask("start").split()
        assert said[0] == "working"
        return int(said[1])

    def kill(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)
        assert self._ask(str(worker)) == str(-signal.SIGKILL)

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def _workers(database_url: str, url: str) -> Iterator[Workers]:
    script = Path(__file__).with_name("killed_worker.py")
    command = [sys.executable, str(script), database_url, url, SECRET, str(LEASE_SECONDS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield Workers(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _waiting(store: Store) -> int:
    with store.reading() as conn:
        row = conn.execute("SELECT count(*) FROM outbox WHERE state <> 'sent'").fetchone()
    assert row is not None
    return int(row[0])


def _wait_until(done: object, seconds: float = 60) -> None:
    """Bounded, so that a failure is a failure and not a hang."""
    end = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end, "nothing more arrives"
        time.sleep(0.005)
