"""A real worker, killed in the middle of its work again and again: nothing is lost, and what comes twice bears the same key."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from delivery_house import NOON, House
from standardwebhooks.webhooks import Webhook
from web_server import Receiver, receiving

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

    A kill may fall between "the receiver has it" and "we know that it has": that message comes again, under the same key. One at most a
    kill, since each message is settled before the next is sent.
    """
    sent = _write(house.store)
    chance = random.Random(20261123)
    with receiving(Receiver()) as receiver:
        for _ in range(KILLS):
            worker = _start(database_url, receiver.url)
            had = len(receiver.posts)
            _wait_until(lambda: len(receiver.posts) > had + 5)  # noqa: B023 - asked at once
            time.sleep(chance.uniform(0.0, 0.15))
            worker.send_signal(signal.SIGKILL)
            assert worker.wait() == -signal.SIGKILL
        left = _waiting(house.store)
        assert left, "the kills must fall while there is work, or they prove nothing"
        last = _start(database_url, receiver.url)
        try:
            _wait_until(lambda: not _waiting(house.store))
        finally:
            last.kill()
            last.wait()
    times = Counter(post.headers["webhook-id"] for post in receiver.posts)
    bodies = {(post.headers["webhook-id"], post.body) for post in receiver.posts}
    assert times.keys() == sent, "every message arrived, and none that was not written"
    assert sum(times.values()) - len(times) <= KILLS
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


def _start(database_url: str, url: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("killed_worker.py")
    worker = subprocess.Popen(
        [sys.executable, str(script), database_url, url, SECRET, str(LEASE_SECONDS)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    with worker.stdout as said:
        assert said.readline() == "working\n"
    return worker


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
