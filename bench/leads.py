"""Whole leads a second: arrival → person, account, verdict, owner, clock, brief and notice committed. `python -m bench.leads [leads]`.

Each lead is a demo request by a new person of a new account: everything has to be made. The floor, in the same run on the same server: one durable
transaction each with a single row, which is the least any one-at-a-time system could do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench._terms import uncapped
from handfast.demo import company
from handfast.desk import contracts, imports
from handfast.desk.contracts import Book
from handfast.desk.handover import decide
from handfast.desk.intake import record
from handfast.facts import Signal, signal_id
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

ROUNDS = 3
FLOOR = 300


def leads(first: int, number: int, at: datetime) -> list[Signal]:
    return [
        Signal(
            signal_id("bench", f"lead-{n}"), "bench", "form_submitted", at, at, email=f"pat.{n}@firm-{n}.example",
            properties={"form": "demo", "message": "We replace spreadsheets for 120 people. What about SOC 2?", "utm_source": "google"},
            person={"first_name": "Pat", "last_name": f"N{n}", "title": "VP Operations", "seniority": "vp", "phone": "+1 555 0100"},
            account={"name": f"Firm {n}", "employees": 800, "industry": "logistics", "country": "US", "state": "NY"},
        )
        for n in range(first, first + number)
    ]  # fmt: skip


def floor(store: Store) -> float:
    """One row a transaction, durable: transactions a second."""
    start = time.perf_counter()
    for n in range(FLOOR):
        with store.writing() as conn:
            conn.execute("INSERT INTO note (key, value, at) VALUES (%s, '1', now())", (f"floor-{time.perf_counter_ns()}-{n}",))
    return FLOOR / (time.perf_counter() - start)


def one_round(store: Store, book: Book, first: int, number: int) -> float:
    """Leads a second, from the first byte in the store to the last commit; in arrivals of 100."""
    at = datetime.now(UTC)
    start = time.perf_counter()
    for begin in range(first, first + number, 100):
        record(store, "bench", leads(begin, 100, at), [], at)
    opened = 0
    while (done := decide(store, book, datetime.now(UTC))).signals:
        opened += done.opened
    assert opened == number, (opened, number)
    return number / (time.perf_counter() - start)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder))
        url = server.start()
        migrate(url)
        with Store(url) as store:
            text = uncapped()
            _, problems = contracts.put_in_force(store, text, "bench", datetime.now(UTC))
            assert not problems, problems
            imports.put_reps(store, [*company.MANAGERS, *company.REPS])
            book = Book()
            one_round(store, book, 10_000_000, 200)  # warm
            floors, rates = [], []
            for n in range(ROUNDS):
                floors.append(floor(store))
                rates.append(one_round(store, book, n * number, number))
        server.stop()
    print(
        f"whole leads, {number} a round, median of {ROUNDS}: {median(rates):,.0f} leads/s (rounds: {', '.join(f'{r:,.0f}' for r in rates)})"
    )
    print(f"floor, one durable transaction of one row each:  {median(floors):,.0f} /s")
    print(f"ratio: {median(rates) / median(floors):.2f} of the floor; the aim is 500 leads/s, the goal 2,800")


if __name__ == "__main__":
    main()
