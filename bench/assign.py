"""How soon a handoff has its owner, committed, after its request came in: `python -m bench.assign [a second] [seconds]`.

The embedded server, four worker processes as `handfast work` starts them, and requests at a steady rate: each is a demo request by a new person
of a new account, received by the intake's own function as the HTTP door calls it. From the moment before it is received to the moment the
transaction with its assignment commits (`track_commit_timestamp` of the server). Before it, in the same run, at the same rate and with the same
workers waiting, durable transactions of one row: the least any such system could do.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from bench._terms import uncapped
from bench.leads import leads
from handfast.demo import company
from handfast.desk import contracts, imports
from handfast.desk.intake import record
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

WORKERS = 4
#: So many of the first requests, at the same rate, find the workers up and their connections made; they are not counted.
FIRST, WARM = 200, 400


def send(store: Store, first: int, a_second: int, seconds: float) -> dict[str, datetime]:
    """One request after the other at a steady rate. Address → when it was about to be received."""
    sent: dict[str, datetime] = {}
    begun = time.perf_counter()
    for n in range(int(a_second * seconds)):
        time.sleep(max(0.0, begun + n / a_second - time.perf_counter()))
        at = datetime.now(UTC)
        sent[f"pat.{first + n}@firm-{first + n}.example"] = at
        record(store, "bench", leads(first + n, 1, at), [], at)
    return sent


def rows_at_a_rate(store: Store, a_second: int, seconds: float) -> list[float]:
    """Seconds of a durable transaction of one row, at the same rate."""
    took = []
    begun = time.perf_counter()
    for n in range(int(a_second * seconds)):
        time.sleep(max(0.0, begun + n / a_second - time.perf_counter()))
        start = time.perf_counter()
        with store.writing() as conn:
            conn.execute("INSERT INTO note (key, value, at) VALUES (%s, '1', now())", (f"row-{time.perf_counter_ns()}",))
        took.append(time.perf_counter() - start)
    return took


def until_decided(store: Store, patience: float = 120) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < patience:
        with store.reading() as conn:
            left = conn.execute("SELECT count(*) FROM pending").fetchone()
        if left == (0,):
            return
        time.sleep(0.2)
    raise TimeoutError("signals still wait to be decided")


def lateness(store: Store, sent: dict[str, datetime]) -> list[float]:
    """Seconds from request to commit of the first assignment, of each."""
    with store.reading() as conn:
        rows = conn.execute(
            """SELECT p.email, pg_xact_commit_timestamp(a.xmin), a.owner_id FROM assignment AS a JOIN handoff AS h ON h.id = a.handoff_id
               JOIN person AS p ON p.id = h.person_id WHERE p.email = ANY(%s) AND a.leg = 0""",
            (list(sent),),
        ).fetchall()
    assert len(rows) == len(sent), (len(rows), len(sent))
    assert all(owner is not None for *_, owner in rows)
    return sorted((committed - sent[email]).total_seconds() for email, committed, _ in rows)


def prepared(store: Store) -> None:
    text = uncapped()
    _, problems = contracts.put_in_force(store, text, "bench", datetime.now(UTC))
    assert not problems, problems
    imports.put_reps(store, [*company.MANAGERS, *company.REPS])


def said(name: str, took: list[float]) -> str:
    ranked = sorted(took)
    p50, p99 = ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)]
    return f"{name:46} p50 {p50 * 1e3:7.1f} ms   p99 {p99 * 1e3:7.1f} ms   max {ranked[-1] * 1e3:7.1f} ms   ({len(ranked)})"


def main() -> None:
    a_second = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder) / "data")
        url = server.start()
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        server.stop()
        server = Embedded(Path(folder) / "data")
        url = server.start()
        migrate(url)
        with Store(url) as store:
            prepared(store)
            environment = {**os.environ, "HANDFAST_DATABASE_URL": url, "HANDFAST_DATA_DIR": folder, "HANDFAST_LOG_LEVEL": "error"}
            workers = [
                subprocess.Popen([sys.executable, "-m", "handfast", "work", "--lanes", "16"], env=environment) for _ in range(WORKERS)
            ]
            try:
                send(store, 1, a_second, FIRST / a_second)
                until_decided(store)
                send(store, 500_000, a_second, WARM / a_second)
                until_decided(store)
                took = rows_at_a_rate(store, a_second, seconds / 2)
                sent = send(store, 1_000_000, a_second, seconds)
                until_decided(store)
                late = lateness(store, sent)
            finally:
                for worker in workers:
                    worker.terminate()
                for worker in workers:
                    worker.wait(30)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        server.stop()
    print(f"{a_second} requests a second for {seconds:.0f} s, {WORKERS} worker processes, embedded server")
    print(said("request received → assignment committed", late))
    cost = (spent.ru_utime + spent.ru_stime) / (len(late) + FIRST + WARM)
    print(
        f"processor time of the workers: {cost * 1e3:.1f} ms a request, their start included; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(said("beside it, one row a transaction, same rate", took))
    p99, floor = late[int(len(late) * 0.99)], sorted(took)[int(len(took) * 0.99)]
    print(f"ratio of the p99s: {p99 / floor:.1f}; the aim is 250 ms at 100 a second: {'met' if p99 <= 0.25 else 'NOT met'}")


if __name__ == "__main__":
    main()
