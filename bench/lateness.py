"""How late clocks are in a running system: idle, and with the door at full load. `python -m bench.lateness [clocks]`.

A server process and a worker process run as they would; clocks fall due over twenty seconds, first with nothing else to do, then while two senders post
batches of 500 events over HTTP as fast as they are taken. Noticed is when the transaction that records the breach (and writes its messages) asked the clock; the
promise is 5 s. Beside it the floor: the same rows found by a bare query every POLL_SECONDS would be noticed half that late on average.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench._terms import at_all_hours, uncapped
from bench.intake import KEY, bodies, send
from bench.leads import leads
from bench.loop import _wait_for
from handfast.demo import company
from handfast.desk import contracts, imports
from handfast.desk.intake import ensure_key, record
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate
from handfast.worker import POLL_SECONDS

SPREAD_SECONDS = 20
SENDERS = 2


def one_round(store: Store, port: int, first: int, clocks: int, *, load: bool) -> tuple[list[float], float]:
    """Seconds from due to noticed, of `clocks` clocks that fall due over the next while; and events acknowledged a second meanwhile."""
    stop = threading.Event()
    taken: list[int] = []
    threads = [threading.Thread(target=_flood, args=(store, port, first + n, stop, taken)) for n in range(SENDERS if load else 0)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    start = datetime.now(UTC)
    for n in range(clocks):
        # The first touch is due five minutes after receipt: received so long ago that it falls due within the spread.
        received = start - timedelta(minutes=5) + timedelta(seconds=8 + n / clocks * SPREAD_SECONDS)
        record(store, "bench", leads(first + n, 1, received), [], received)
    time.sleep(max(0.0, (start + timedelta(seconds=8 + SPREAD_SECONDS + 6) - datetime.now(UTC)).total_seconds()))
    stop.set()
    for thread in threads:
        thread.join()
    rate = sum(taken) / (time.perf_counter() - began)
    with store.reading() as conn:
        rows = conn.execute(
            """SELECT extract(epoch FROM c.breached_at - c.due_at)::float8 FROM clock AS c JOIN handoff AS h ON h.id = c.handoff_id
               JOIN person AS p ON p.id = h.person_id WHERE p.email = ANY(%s) AND c.kind = 'first_touch'""",
            ([f"pat.{n}@firm-{n}.example" for n in range(first, first + clocks)],),
        ).fetchall()
    late = [row[0] for row in rows if row[0] is not None]
    assert len(late) == clocks, (len(late), clocks)
    return sorted(late), rate


def _flood(store: Store, port: int, seed: int, stop: threading.Event, taken: list[int]) -> None:
    """Events over HTTP as fast as the worker decides them: 5,000 may wait."""
    chance = random.Random(seed)
    while not stop.is_set():
        send(("127.0.0.1", port), bodies(chance, 500, 500, zipped=False), [])
        taken.append(500)
        with store.reading() as conn:
            waiting = conn.execute("SELECT count(*) FROM pending").fetchone()
        if waiting and waiting[0] > 5_000:
            time.sleep(0.2)


def main() -> None:
    clocks = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder) / "data")
        url = server.start()
        migrate(url)
        with Store(url) as store:
            _, problems = contracts.put_in_force(store, at_all_hours(uncapped()), "bench", datetime.now(UTC))
            assert not problems, problems
            imports.put_reps(store, [*company.MANAGERS, *company.REPS])
            ensure_key(store, KEY, "bench", datetime.now(UTC))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            environment = {**os.environ, "HANDFAST_DATABASE_URL": url, "HANDFAST_DATA_DIR": folder, "HANDFAST_LOG_LEVEL": "error"}
            environment["HANDFAST_PORT"] = str(port)
            processes = [subprocess.Popen([sys.executable, "-m", "handfast", word], env=environment) for word in ("serve", "work")]
            try:
                _wait_for(port)
                p99s = []
                for name, load in (("idle", False), ("intake at full load", True)):
                    late, rate = one_round(store, port, 1_000_000 * (1 + load), clocks, load=load)
                    p99s.append(late[int(len(late) * 0.99)])
                    print(
                        f"{name} ({rate:,.0f} events/s): noticed after p50 {median(late):.3f} s, p99 {p99s[-1]:.3f} s, max {late[-1]:.3f} s;"
                        " promise: p99 under 5 s",
                        flush=True,
                    )
                print(f"p99 under load is {p99s[1] / max(p99s[0], 0.001):.1f} times that when idle")
            finally:
                for process in processes:
                    process.terminate()
                for process in processes:
                    process.wait(30)
        server.stop()
    print(f"floor: a bare poll every {POLL_SECONDS} s would be {POLL_SECONDS / 2:.2f} s late on average")


if __name__ == "__main__":
    main()
