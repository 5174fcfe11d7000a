"""How soon a breach is noticed in a running system, with and without intake at full load. `python -m bench.breach [clocks]`.

A worker process runs as it would; clocks fall due over twenty seconds. Noticed is when the transaction that records the breach (and writes its messages)
asked the clock; the promise is 5 s. Beside it the floor: the same rows found by a bare query every POLL_SECONDS would be noticed half that late on average.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.leads import leads
from handfast.demo import company
from handfast.demo.run import contract_text
from handfast.desk import contracts, imports
from handfast.desk.intake import record
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate
from handfast.worker import POLL_SECONDS

SPREAD_SECONDS = 20


def one_round(store: Store, first: int, clocks: int, *, load: bool) -> list[float]:
    """Seconds from due to noticed, of `clocks` clocks that fall due over the next while."""
    stop = threading.Event()
    thread = threading.Thread(target=_flood, args=(store, first + 10_000_000, stop))
    if load:
        thread.start()
    start = datetime.now(UTC)
    for n in range(clocks):
        # The first touch is due five minutes after receipt: received so long ago that it falls due within the spread.
        received = start - timedelta(minutes=5) + timedelta(seconds=8 + n / clocks * SPREAD_SECONDS)
        record(store, "bench", leads(first + n, 1, received), [], received)
    time.sleep(8 + SPREAD_SECONDS + 6)
    stop.set()
    if load:
        thread.join()
    with store.reading() as conn:
        rows = conn.execute(
            """SELECT extract(epoch FROM c.breached_at - c.due_at)::float8 FROM clock AS c JOIN handoff AS h ON h.id = c.handoff_id
               JOIN person AS p ON p.id = h.person_id WHERE p.email = ANY(%s) AND c.kind = 'first_touch'""",
            ([f"pat.{n}@firm-{n}.example" for n in range(first, first + clocks)],),
        ).fetchall()
    late = [row[0] for row in rows if row[0] is not None]
    assert len(late) == clocks, (len(late), clocks)
    return sorted(late)


def _flood(store: Store, first: int, stop: threading.Event) -> None:
    """Signals as fast as the worker takes them, in batches of 500."""
    while not stop.is_set():
        at = datetime.now(UTC)
        record(store, "bench", leads(first, 500, at), [], at)
        first += 500
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
            text = contract_text().replace("cap: 15 open", "cap: 999999 open").replace("cap: 12 open", "cap: 999999 open")
            text = text.replace('week: {mon-fri: ["09:00-12:30", "13:15-17:30"]}', 'week: {mon-sun: ["00:00-24:00"]}').replace(
                "  holidays: US\n", "", 1
            )
            text = text[: text.index("examples:")].replace("closed: [2026-12-24]", "closed: []")
            _, problems = contracts.put_in_force(store, text, "bench", datetime.now(UTC))
            assert not problems, problems
            imports.put_reps(store, [*company.MANAGERS, *company.REPS])
            environment = {**os.environ, "HANDFAST_DATABASE_URL": url, "HANDFAST_DATA_DIR": folder, "HANDFAST_LOG_LEVEL": "error"}
            worker = subprocess.Popen([sys.executable, "-m", "handfast", "work"], env=environment)
            try:
                time.sleep(4)
                for name, load in (("quiet", False), ("intake at full load", True)):
                    late = one_round(store, 1_000_000 * (1 + load), clocks, load=load)
                    p99 = late[int(len(late) * 0.99)]
                    print(f"{name}: noticed after p50 {median(late):.3f} s, p99 {p99:.3f} s, max {late[-1]:.3f} s; promise 5 s", flush=True)
            finally:
                worker.terminate()
                worker.wait(30)
        server.stop()
    print(f"floor: a bare poll every {POLL_SECONDS} s would be {POLL_SECONDS / 2:.2f} s late on average")


if __name__ == "__main__":
    main()
