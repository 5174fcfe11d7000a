"""How many open handoffs each rep has, as a decision asks for it: `python -m bench.open_counts [few] [many]`, 1,000 and 20,000 where nothing is said.

Read from what is kept, and beside it, in the same run, counted from the handoffs as it was before: right after so many were opened, when the rows
that were summed up meanwhile still lie there, and vacuumed, as the embedded server's autovacuum does within some 15 seconds. And what keeping it
costs: batches of handoffs are opened, and closed one by one, and PostgreSQL tells the time of the triggers. Figures are medians by the clock.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psycopg

from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.handover import by_index, open_counts
from handfast.store.migrate import migrate

REPS, TIMES, BATCHES = 24, 60, 60
COUNT = "SELECT owner_id, count(*) FROM handoff WHERE closed_at IS NULL AND owner_id IS NOT NULL GROUP BY owner_id"
_FILL = (
    "INSERT INTO rep (id, name, email) SELECT 'rep_' || n, 'R', n || '@us.example' FROM generate_series(0, %(reps)s - 1) AS n",
    "INSERT INTO person (id, created_at) VALUES ('per_1', now())",
    """INSERT INTO verdict (id, person_id, at, contract_id, outcome, fit, intent, signal_id, inputs, working, recorded_at)
       VALUES ('ver_1', 'per_1', now(), 'c', 'ready', 0, 0, gen_random_uuid(), '{}', '[]', now())""",
)
_OPEN = """INSERT INTO handoff (id, motion, party, person_id, contract_id, verdict_id, next_step, opened_at, decided_at, owner_id)
           SELECT 'hnd_' || n, 'm', 'acc_' || n, 'per_1', 'c', 'ver_1', 'demo', now(), now(), 'rep_' || n %% %(reps)s
           FROM generate_series(%(first)s, %(first)s + %(many)s - 1) AS n"""
_CLOSE = "UPDATE handoff SET closed_at = now() WHERE id = %s"


def took(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1e3


def opened(store: Store, first: int, many: int) -> None:
    """In batches of a hundred, a transaction each, as a busy worker's: what is kept looks as it does in life."""
    for at in range(first, first + many, 100):
        with store.writing() as conn:
            conn.execute(_OPEN, {"reps": REPS, "first": at, "many": 100})


def read(store: Store) -> tuple[float, float]:
    """Milliseconds of reading what is kept, and of the count, in turn."""
    kept, counted = [], []
    for _ in range(TIMES):
        with store.writing() as conn:
            by_index(conn)
            kept.append(took(lambda: open_counts(conn)))
            counted.append(took(lambda: conn.execute(COUNT).fetchall()))
            assert dict(conn.execute(COUNT).fetchall()) == open_counts(conn)
    return median(kept), median(counted)


def keeping(store: Store) -> None:
    """What the triggers take, as PostgreSQL tells it, of a batch of ten opened and of one closed."""
    opening, closing = [], []
    for n in range(BATCHES):
        with store.writing() as conn:
            first = 10_000_000 + n * 10
            opening.append(triggered(conn, _OPEN, {"reps": REPS, "first": first, "many": 10}))
            closing.append(triggered(conn, _CLOSE, [f"hnd_{first}"]))
    print(f"keeping it: {median(opening):.2f} ms for a batch of ten opened, {median(closing):.2f} ms for one closed")


def triggered(conn: psycopg.Connection, statement: str, values: object) -> float:
    """Milliseconds in the triggers of ours."""
    row = conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).fetchone()  # type: ignore[call-overload]
    return sum(one["Time"] for one in row[0][0]["Triggers"] if one["Trigger Name"].endswith("_counted"))


def main() -> None:
    asked = [int(a) for a in sys.argv[1:]]
    few, many = (*asked, *(1_000, 20_000)[len(asked) :])
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder))
        url = server.start()
        migrate(url)
        with Store(url) as store:
            with store.writing() as conn:
                for statement in _FILL:
                    conn.execute(statement, {"reps": REPS} if "%(" in statement else None)
            there, figures = 0, {}
            for number in (few, many):
                opened(store, there, number - there)
                there = number
                for when in ("right after", "vacuumed"):
                    if when == "vacuumed":
                        with store.session() as conn:
                            conn.execute("VACUUM (ANALYZE) open_count")
                    figures[number] = kept, counted = read(store)
                    print(
                        f"{number:>9,} open handoffs of {REPS} reps, {when}: {kept:.2f} ms; counted anew {counted:.2f} ms, ratio {kept / counted:.2f}"
                    )
            keeping(store)
        server.stop()
    kept, counted = (figures[many][n] / figures[few][n] for n in (0, 1))
    print(f"with {many / few:.0f} times as many open, vacuumed: {kept:.2f} times the time (counted anew {counted:.1f})")


if __name__ == "__main__":
    main()
