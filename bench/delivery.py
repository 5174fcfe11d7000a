"""Briefs and delivery: what they cost, beside a plain baseline measured in the same run.

    python -m bench.delivery [--messages 2000]

A brief is measured beside `json.dumps` of the same brief. Delivery is measured through a real PostgreSQL to a channel that only counts: the
leased, truth-checked way, settled together, beside the least one could do (one UPDATE … RETURNING for a whole batch, no lease, no check).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from handfast.brief.compose import compose
from handfast.brief.letter import letter
from handfast.desk.deliver import BATCH, deliver
from handfast.sla.notice import Address, Message, Named, message_id, notice
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.handover import add_messages, dumps
from handfast.store.migrate import migrate

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROUNDS = 5


def median(work: Callable[[], object], times: int) -> float:
    """Microseconds of processor time for one, the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - start) / times * 1e6)
    return statistics.median(rounds)


def briefs() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "brief"))
    from brief_cast import SIGNALS, agreement, case, signal

    agreed = agreement()
    more = [signal(n, "page_viewed", timedelta(hours=n), path=f"/docs/{n % 9}", title=f"Page {n % 9}") for n in range(10, 45)]
    for name, signals in (("5 signals", SIGNALS), ("40 signals", [*SIGNALS, *more])):
        given = case(agreed, signals=signals)
        brief = compose(agreed, given)
        payload = notice("handoff_opened", handoff_id="h", opened_at=NOON, next_step="demo", person=Named("p", "Maya"), due_at=NOON)
        sent = Message(
            "m", "h", "handoff_opened", "email", "ana", "ana", payload, NOON, 1, NOON, Address("Ana", "ana@x.example"), None, brief
        )
        base = median(lambda brief=brief: json.dumps(brief), 500)
        composed = median(lambda given=given: compose(agreed, given), 500)
        written = median(lambda sent=sent: letter(sent, "https://x.example"), 100)
        print(
            f"brief of {name}: compose {composed:.0f} us, {composed / base:.1f} x json.dumps of it ({base:.0f} us); mail {written:.0f} us"
        )


class Counter:
    """A channel that takes everything."""

    def __init__(self) -> None:
        self.taken = 0

    def send(self, message: Message) -> None:
        self.taken += 1

    def destination(self, message: Message) -> str:
        return "counter"

    def finish(self) -> None:
        pass


def fill(store: Store, count: int, round_: int) -> None:
    payload = dumps(
        notice("breach", handoff_id="hof", opened_at=NOON, next_step="demo", person=Named("per", "Maya"), owner=Named("ana", "Ana"))
    )
    keys = (message_id("hof", "breach", f"{round_}.{n}", "email", "mo") for n in range(count))
    with store.writing() as conn:
        add_messages(conn, [(key, "hof", "breach", "email", "mo", "ana", payload, NOON, NOON) for key in keys])
    with store.writing() as conn:
        conn.execute("ANALYZE outbox")


def delivery(store: Store, count: int) -> None:
    with store.writing() as conn:
        conn.execute("INSERT INTO contract VALUES ('c', 1, 'N', 'new_business', '', '-infinity', %s)", (NOON,))
        conn.execute("INSERT INTO rep (id, name, email) VALUES ('ana', 'Ana', 'ana@x.example'), ('mo', 'Mo', 'mo@x.example')")
        conn.execute("INSERT INTO person (id, name, created_at) VALUES ('per', 'Maya', %s)", (NOON,))
        ids = [UUID(int=1)]
        conn.execute(
            "INSERT INTO verdict VALUES ('v', 'per', NULL, %s, 'c', 'ready', 1, 1, 'demo', NULL, %s, %s, '{}', %s)",
            (NOON, ids[0], ids, NOON),
        )
        conn.execute(
            "INSERT INTO handoff (id, motion, party, person_id, contract_id, verdict_id, next_step, opened_at, decided_at, owner_id)"
            " VALUES ('hof', 'new_business', 'per', 'per', 'c', 'v', 'demo', %s, %s, 'ana')",
            (NOON, NOON),
        )
    ours, plain = [], []
    for round_ in range(ROUNDS):
        fill(store, count, round_ * 2)
        channel = Counter()
        start = time.perf_counter()
        while deliver(store, {"email": channel}, lambda: NOON).claimed:
            pass
        ours.append(count / (time.perf_counter() - start))
        assert channel.taken == count
        fill(store, count, round_ * 2 + 1)
        start = time.perf_counter()
        for _ in range(0, count, BATCH):
            with store.writing() as conn:
                conn.execute(
                    "UPDATE outbox SET state = 'sent' WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' LIMIT %s) RETURNING payload",
                    (BATCH,),
                ).fetchall()
        plain.append(count / (time.perf_counter() - start))
    mine, base = statistics.median(ours), statistics.median(plain)
    print(f"delivery: {mine:.0f} messages/s, checked and settled; {mine / base:.2f} x a bare UPDATE a batch of {BATCH} ({base:.0f}/s)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=2000)
    given = parser.parse_args()
    briefs()
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder))
        url = server.start()
        try:
            migrate(url)
            with Store(url) as store:
                delivery(store, given.messages)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
