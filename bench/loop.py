"""End to end: HTTP → committed → verdict known, in signals a second, beside a bare COPY of the same rows. `python -m bench.loop [signals] [stored]`.

One server process and one worker process on an embedded PostgreSQL with every safety on. The clock stops when the last signal has left its lane, that is
when its verdict is known. Of five rounds the median is told. Then the same again with `stored` signals of other people already in the table: the cost
of a signal must not grow with what is stored.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

import orjson

from bench.intake import KEY, bodies, send
from handfast.connectors.segment import Document, Refusal, decode, read
from handfast.demo import company
from handfast.demo.run import contract_text
from handfast.desk import contracts, imports
from handfast.desk.intake import ensure_key
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

BATCH = 500
SENDERS = 2
ROUNDS = 5


def drained(store: Store) -> bool:
    with store.reading() as conn:
        return conn.execute("SELECT NOT EXISTS (SELECT FROM pending)").fetchone() == (True,)


def one_round(store: Store, port: int, made: list[bytes]) -> float:
    import threading

    took: list[float] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=send, args=(("127.0.0.1", port), made[n::SENDERS], took)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while not drained(store):
        time.sleep(0.02)
    return len(made) * BATCH / (time.perf_counter() - start)


def bare_copy(store: Store, made: list[bytes]) -> float:
    """The same rows, parsed beforehand, COPYed into a table without an index: signals a second."""
    rows = []
    for body in made:
        document = decode(body)
        assert isinstance(document, Document)
        found = read(document, "batch", "bench", datetime.now(UTC))
        assert not isinstance(found, Refusal)
        rows += [
            (s.id, s.source, s.kind, s.occurred_at, s.received_at, s.email or "", s.email, s.user_id, s.anonymous_id,
             orjson.dumps(s.properties).decode(), orjson.dumps(s.person).decode(), orjson.dumps(s.account).decode())
            for s in found[0]
        ]  # fmt: skip
    with store.writing() as conn:
        conn.execute(
            "CREATE TABLE IF NOT EXISTS bare (id uuid, source text, kind text, occurred_at timestamptz, received_at timestamptz, who text, email text,"
            " user_id text, anonymous_id text, properties jsonb, person jsonb, account jsonb)"
        )
        conn.execute("TRUNCATE bare")
    start = time.perf_counter()
    with store.writing() as conn, conn.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    return len(rows) / (time.perf_counter() - start)


def measured(store: Store, port: int, chance: random.Random, signals: int) -> str:
    """The rate end to end and its ratio to a bare COPY: each round's to the mean of the two right before and after it."""
    rates: list[float] = []
    ratios: list[float] = []
    copies: list[float] = []
    there, sent = people(store), 0
    for _ in range(ROUNDS):
        made = bodies(chance, signals, BATCH, zipped=False)
        before = bare_copy(store, made)
        rates.append(one_round(store, port, made))
        copies += [before, bare_copy(store, made)]
        ratios.append(rates[-1] / mean(copies[-2:]))
        sent += len(made) * BATCH
    new = (people(store) - there) / sent
    return (
        f"{median(rates):,.0f} signals/s end to end, {new:.0%} of them somebody's first; bare COPY {median(copies):,.0f}/s; "
        f"ratio {median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f} (aim 0.10, goal 0.25)"
    )


def people(store: Store) -> int:
    with store.reading() as conn:
        row = conn.execute("SELECT count(*) FROM person").fetchone()
    assert row is not None
    return int(row[0])


def fill(store: Store, stored: int) -> None:
    """Signals of other people, as old ones would lie there."""
    step = 500_000
    for begin in range(0, stored, step):
        with store.writing() as conn:
            conn.execute("SET LOCAL statement_timeout = 0")
            conn.execute(
                """INSERT INTO signal (id, source, kind, occurred_at, received_at, lane, who, user_id, properties)
                   SELECT gen_random_uuid(), 'old', 'page_viewed', now() - n %% 7776000 * interval '1 s', now(), 0, 'user:old' || n %% 100000, 'old' || n %% 100000,
                          '{"path": "/old", "title": "Old"}'
                   FROM generate_series(%s::bigint, %s::bigint) AS n""",
                (begin, begin + step - 1),
            )
    with store.session() as conn:
        conn.execute("VACUUM (ANALYZE) signal")


def main() -> None:
    signals = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    stored = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder) / "data")
        url = server.start()
        migrate(url)
        environment = {
            **os.environ,
            "HANDFAST_DATABASE_URL": url,
            "HANDFAST_DATA_DIR": folder,
            "HANDFAST_PORT": str(port),
            "HANDFAST_LOG_LEVEL": "error",
        }
        with Store(url, statement_seconds=600) as store:
            _, problems = contracts.put_in_force(store, contract_text(), "bench", datetime.now(UTC))
            assert not problems, problems
            imports.put_reps(store, [*company.MANAGERS, *company.REPS])
            ensure_key(store, KEY, "bench", datetime.now(UTC))
            processes = [subprocess.Popen([sys.executable, "-m", "handfast", word], env=environment) for word in ("serve", "work")]
            try:
                _wait_for(port)
                chance = random.Random(1)
                one_round(store, port, bodies(chance, 2_000, BATCH, zipped=False))  # warm
                for name, before in (("an empty table", 0), (f"{stored:,} signals stored", stored)):
                    if before:
                        fill(store, before)
                    print(f"{name}: {measured(store, port, chance, signals)}", flush=True)
            finally:
                for process in processes:
                    process.terminate()
                for process in processes:
                    process.wait(20)
        server.stop()


def _wait_for(port: int) -> None:
    import urllib.request

    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not come up")


if __name__ == "__main__":
    main()
