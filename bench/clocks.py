"""Open clocks: what it costs to add one and to fire what is due, with few and with a million open ones.

    python -m bench.clocks [--open 1000000] [--fire 10000]

Fired is fired whole: the step asked whether it is still owed, flipped, its event and its message written, all in one transaction a batch.
Beside it, on the same PostgreSQL in the same run, bare claims: the least one could do (flip 500 timers, write a row for each). Processor time is told
of this process and of the server apart: on busy cores it says more than the clock on the wall.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bench._terms import without_examples
from handfast.demo import company
from handfast.demo.run import contract_text
from handfast.desk import contracts, imports
from handfast.desk.contracts import Book
from handfast.desk.tick import BATCH, tick
from handfast.sla.clock import start
from handfast.store import clocks as clock_rows
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=365)
ADD = 500
ROUNDS = 5


def fill(store: Store, first: int, count: int, due_at: datetime, *, timers: str) -> None:
    """So many open handoffs of one person each, owned in turn, with a running clock and its timers."""
    with store.writing() as conn:
        conn.execute("SET LOCAL statement_timeout = 0")
        for statement in _FILL:
            conn.execute(statement, {"first": first, "last": first + count - 1, "due": due_at, "at": NOON})
        for action in timers.split():
            step = {"remind": 0, "breach": 1, "tell": 2}[action]
            conn.execute(
                """INSERT INTO timer (id, clock_id, handoff_id, step, action, target, due_at)
                   SELECT 'tmr_' || md5(n || %(action)s), 'clk_' || md5(n::text), 'hnd_' || n, %(step)s, %(action)s, 'owner', %(due)s
                   FROM generate_series(%(first)s::int, %(last)s::int) AS n""",
                {"first": first, "last": first + count - 1, "due": due_at, "action": action, "step": step},
            )
    with psycopg.connect(store.url, autocommit=True) as conn:
        for table in ("handoff", "clock", "timer", "person"):
            conn.execute(f"VACUUM (ANALYZE) {table}")


_FILL = (
    "INSERT INTO person (id, name, created_at) SELECT 'per_' || n, 'Pat ' || n, %(at)s FROM generate_series(%(first)s::int, %(last)s::int) AS n",
    """INSERT INTO handoff (id, motion, party, person_id, contract_id, verdict_id, source, next_step, sla, opened_at, decided_at, owner_id, assigned_at)
       SELECT 'hnd_' || n, 'new_business', 'per_' || n, 'per_' || n, (SELECT id FROM contract), 'ver', 'web', 'demo', 'hand-raiser-demo', %(at)s, %(at)s,
              (ARRAY['ana', 'ben', 'chloe', 'dev', 'emily'])[n %% 5 + 1], %(at)s
       FROM generate_series(%(first)s::int, %(last)s::int) AS n""",
    """INSERT INTO clock (id, handoff_id, kind, sla, calendar, started_at, due_at)
       SELECT 'clk_' || md5(n::text), 'hnd_' || n, 'first_touch', 'hand-raiser-demo', 'team', %(at)s, %(due)s
       FROM generate_series(%(first)s::int, %(last)s::int) AS n""",
)


def server_seconds(store: Store) -> float:
    """Processor time of every connection of this database so far."""
    with store.reading() as conn:
        pids = [row[0] for row in conn.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()]
    spent = 0
    for pid in pids:
        with suppress(OSError):
            spent += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return spent / os.sysconf("SC_CLK_TCK")


def fire(store: Store, book: Book, at: datetime) -> tuple[int, float, float, float]:
    """Fires everything due: how many, seconds on the wall, of this process's processor time, of the server's."""
    fired, server, wall, cpu = 0, server_seconds(store), time.perf_counter(), time.process_time()
    while (done := tick(store, book, at, channels=("email",))).fired:
        fired += done.fired
    return fired, time.perf_counter() - wall, time.process_time() - cpu, server_seconds(store) - server


def add(store: Store, book: Book, first: int, count: int) -> tuple[float, float]:
    """Microseconds to add one clock with its whole ladder, on the wall and of processor time, `ADD` a transaction, to handoffs without one."""
    with store.writing() as conn:
        agreement = book.refresh(conn).at(NOON)
        for statement in _FILL[:2]:
            conn.execute(statement, {"first": first, "last": first + count - 1, "due": LATER, "at": NOON})
    wall, spent = time.perf_counter(), time.process_time() + server_seconds(store)
    for at in range(first, first + count, ADD):
        clocks = [start(agreement, 0, f"hnd_{n}", LATER) for n in range(at, at + ADD)]
        with store.writing() as conn:
            clock_rows.add(conn, clocks)
    took, used = time.perf_counter() - wall, time.process_time() + server_seconds(store) - spent
    return took / count * 1e6, used / count * 1e6


def bare(store: Store, count: int) -> float:
    """Bare claims a second: a timer flipped and a row written for it, 500 a transaction."""
    with store.writing() as conn:
        conn.execute(
            "CREATE TABLE IF NOT EXISTS bare_timer (id bigint PRIMARY KEY, due_at timestamptz NOT NULL, state smallint NOT NULL DEFAULT 0)"
        )
        conn.execute("CREATE INDEX IF NOT EXISTS bare_due ON bare_timer (due_at) WHERE state = 0")
        conn.execute("CREATE TABLE IF NOT EXISTS bare_outbox (idem text PRIMARY KEY, payload jsonb NOT NULL)")
        conn.execute("TRUNCATE bare_timer, bare_outbox")
        conn.execute("INSERT INTO bare_timer SELECT n, %s FROM generate_series(1, %s::int) AS n", (NOON, count))
    wall, done = time.perf_counter(), 0
    while done < count:
        with store.writing() as conn:
            done += conn.execute(
                """WITH d AS (SELECT id FROM bare_timer WHERE state = 0 AND due_at <= %s ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED),
                        u AS (UPDATE bare_timer AS t SET state = 1 FROM d WHERE t.id = d.id RETURNING t.id)
                   INSERT INTO bare_outbox SELECT 'h' || id, '{"kind": "reminder"}' FROM u ON CONFLICT DO NOTHING""",
                (NOON,),
            ).rowcount
    return count / (time.perf_counter() - wall)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(store: Store, book: Book, start_at: int, fired: int) -> list[float]:
    """One round: fired a second, processor microseconds each here and in the server, microseconds to add one, of it processor time, bare claims."""
    fill(store, start_at, fired // 2, NOON + timedelta(minutes=5), timers="remind tell")
    count, wall, cpu, server = fire(store, book, NOON + timedelta(minutes=5))
    assert count == fired, count
    added, spent = add(store, book, start_at + fired, 4_000)
    return [count / wall, cpu / count * 1e6, server / count * 1e6, added, spent, bare(store, fired)]


def prepare(store: Store) -> None:
    _, problems = contracts.put_in_force(store, without_examples(contract_text()), "bench", NOON)
    assert not problems, problems
    imports.put_reps(store, [*company.MANAGERS, *company.REPS])
    with store.writing() as conn:
        conn.execute("INSERT INTO person (id, name, created_at) VALUES ('per', 'Maya', %s)", (NOON,))
        conn.execute(
            """INSERT INTO verdict SELECT 'ver', 'per', NULL, %s, id, 'ready', 1, 1, 'demo', NULL, gen_random_uuid(), '{}', '{}', %s
               FROM contract""",
            (NOON, NOON),
        )


def database(url: str, name: str) -> str:
    """Another database of the same server, with our tables."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    url = psycopg.conninfo.make_conninfo(url, dbname=name)
    migrate(url)
    return url


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--open", type=int, default=1_000_000)
    parser.add_argument("--fire", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = Embedded(Path(folder) / "data")
        url = server.start()
        stores: dict[int, tuple[Store, Book]] = {}
        for count in (1_000, given.open):
            store = stack.enter_context(Store(database(url, f"open_{count}")))
            prepare(store)
            fill(store, 1, count, LATER, timers="remind breach")
            stores[count] = store, Book()
        rounds: dict[int, list[list[float]]] = {count: [] for count in stores}
        for n in range(ROUNDS + 1):  # in turn: the machine is as quick for one as for the other; the first round of each is for warmth
            for count, (store, book) in stores.items():
                rounds[count].append(measure(store, book, 10_000_000 + n * 10 * given.fire, given.fire))
        stack.close()
        server.stop()
    found = {count: [statistics.median(column) for column in zip(*each[1:], strict=True)] for count, each in rounds.items()}
    for count, (rate, cpu, served, added, spent, base) in found.items():
        print(
            f"{count:>9,} open: fired {rate:,.0f}/s each with event and message, {rate / base:.2f} x bare claims ({base:,.0f}/s);"
            f" processor {cpu:.0f} us here and {served:.0f} us in the server, {1e6 / (cpu + served):,.0f}/s on cores of one's own;"
            f" a clock added in {added:.0f} us, processor {spent:.0f} us"
        )
    few, many = found[1_000], found[given.open]
    firing, adding = (many[1] + many[2]) / (few[1] + few[2]), many[4] / few[4]
    print(f"many against few, in processor time: firing {firing:.2f} x, adding {adding:.2f} x; batch {BATCH}; {memory():.0f} MB at most")


if __name__ == "__main__":
    main()
