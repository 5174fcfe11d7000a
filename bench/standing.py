"""The live cost of a verdict does not grow with the number of people stored.

    python -m bench.standing [SMALL] [LARGE] [SIGNALS]     10,000 1,000,000 2,000 where nothing is said

The same signals are decided with SMALL people stored, the baseline, and with LARGE: each of them with an address, a standing and two signals, ten to an account,
every account found by its keys. Of the signals half are of people already known, a quarter of new people of known companies, and a quarter of new people
at free mail who only name their company, so that it is searched for. Told are milliseconds a signal by the clock, processor time of this process,
and the blocks PostgreSQL touched, which no other load on the machine changes. Last: the story of one person (`why`, with its working and history), and one verdict with its working in process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

from bench.match_online import accounts, companies
from bench.verdicts import latency, signed
from handfast.demo import company
from handfast.demo.run import contract_text
from handfast.desk import contracts, imports
from handfast.desk.contracts import Book
from handfast.desk.handover import decide
from handfast.desk.intake import record
from handfast.desk.why import why
from handfast.facts import Signal, signal_id
from handfast.identity.company import Company
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
TO_AN_ACCOUNT = 10
ROUNDS = 3

_FILL = (
    """INSERT INTO person (id, email, name, account_id, fields, created_at)
       SELECT 'per_' || n, 'p' || n || '@' || a.domain, 'P ' || n, a.id, '{"title": "Analyst"}', %(at)s
       FROM generate_series(0, %(last)s) AS n JOIN account AS a ON a.id = 'acc_' || n / 10""",
    "INSERT INTO identity (who, person_id, since) SELECT 'email:' || email, id, created_at FROM person",
    """INSERT INTO signal (id, source, kind, occurred_at, received_at, lane, who, email, properties)
       SELECT gen_random_uuid(), 'old', 'page_viewed', %(at)s - each * interval '1 day', %(at)s - each * interval '1 day', 0, 'email:' || email, email,
              '{"path": "/pricing"}'
       FROM person, generate_series(1, 2) AS each""",
    """INSERT INTO standing (person_id, at, contract_id, outcome, fit, intent, signal_id)
       SELECT p.id, %(at)s - interval '1 day', (SELECT id FROM contract LIMIT 1), 'not_yet', 0, 0, gen_random_uuid() FROM person AS p""",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one signal: milliseconds by the clock, milliseconds of this processor, blocks of the database."""

    wall: float
    processor: float
    blocks: float


def fill(store: Store, people: int, known: list[Company]) -> None:
    accounts(store, known[: people // TO_AN_ACCOUNT])
    with store.writing() as conn:
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL session_replication_role = replica")
        for statement in _FILL:
            conn.execute(statement, {"at": AT - timedelta(days=3), "last": people - 1})
    with store.session() as conn:
        conn.execute("VACUUM (ANALYZE)")


def arrivals(known: list[Company], count: int, number: int) -> list[Signal]:
    """The same in every database: half known people, a quarter new ones of known domains, a quarter at free mail who name a company."""
    found = []
    for n in range(count):
        who = (number * count + n) % 5_000
        firm = known[who // TO_AN_ACCOUNT]
        email = f"p{who}@{firm.domains[0]}" if n % 2 else f"new{number}-{n}@{firm.domains[0] if n % 4 else 'gmail.com'}"
        said = {"email": email, **({} if n % 4 else {"company": firm.name.upper(), "city": firm.city})}
        kind, properties = ("form_submitted", {"form": "demo"}) if n % 5 == 0 else ("page_viewed", {"path": "/pricing"})
        at = AT + timedelta(hours=number, milliseconds=n)
        found.append(Signal(signal_id("bench", f"{number}-{n}"), "bench", kind, at, at, email, properties=properties, person=said))
    return found


def blocks(store: Store) -> int:
    """Blocks touched so far in this database. A session reports what it did when it has been idle for a second."""
    time.sleep(1.5)
    with store.reading() as conn:
        row = conn.execute("SELECT sum(blks_hit + blks_read) FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return int(row[0]) if row else 0


def decided(store: Store, book: Book, signals: list[Signal]) -> Cost:
    at = signals[-1].received_at
    record(store, "bench", signals, [], at)
    before = blocks(store)
    wall, processor, done = time.perf_counter(), time.process_time(), 0
    while found := decide(store, book, at).signals:
        done += found
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    assert done >= len(signals), f"{done} of {len(signals)} were decided"
    return Cost(wall * 1e3 / len(signals), processor * 1e3 / len(signals), (blocks(store) - before) / len(signals))


def story(store: Store) -> list[float]:
    """Milliseconds of `why` of people known before: median and 99th percentile."""
    took = []
    for n in range(60):
        began = time.perf_counter()
        assert why(store, f"per_{n * 7}") is not None
        took.append((time.perf_counter() - began) * 1e3)
    cuts = quantiles(took[10:], n=100)
    return [cuts[49], cuts[98]]


def measured(people: int, known: list[Company], count: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder), throwaway=True)
        url = server.start()
        try:
            migrate(url)
            with Store(url, statement_seconds=600) as store:
                text = contract_text().replace("domain: always", "domain: fallback\n  distinctive_words: true")
                _, problems = contracts.put_in_force(store, text, "bench", AT - timedelta(days=30))
                assert not problems, problems
                imports.put_reps(store, [*company.MANAGERS, *company.REPS])
                fill(store, people, known)
                book = Book()
                decided(store, book, arrivals(known, count, 0))  # warm
                costs = [decided(store, book, arrivals(known, count, number)) for number in range(1, ROUNDS + 1)]
                cost = sorted(costs, key=lambda one: one.wall)[ROUNDS // 2]
                median, last = story(store)
        finally:
            server.stop()
    print(
        f"{people:>9,} people: {cost.wall:.2f} ms a signal, {cost.processor:.2f} ms of processor, {cost.blocks:.0f} blocks;"
        f" why: median {median:.1f} ms, p99 {last:.1f} ms",
        flush=True,
    )
    return cost


def main() -> None:
    asked = [int(a) for a in sys.argv[1:]]
    small, large, count = (*asked, *(10_000, 1_000_000, 2_000)[len(asked) :])
    known = companies(large // TO_AN_ACCOUNT)
    few, many = measured(small, known, count), measured(large, known, count)
    print(
        f"with {large // small} times the people a signal costs {many.wall / few.wall:.2f} times the time, {many.processor / few.processor:.2f} times the"
        f" processor, {many.blocks / few.blocks:.2f} times the blocks (aim: no more than the depth of an index)"
    )
    print(f"one verdict with its working, in process: {latency(signed(), 4)} (aim 5 ms)")


if __name__ == "__main__":
    main()
