"""One arrival matched against many: people and accounts in PostgreSQL, found by keys.

    python -m bench.match_online [PEOPLE] [ACCOUNTS] [ARRIVALS]     1,000,000 200,000 2,000 where nothing is said

Each arrival is matched twice: whom it may be (every candidate weighed), and which account its company is. Beside it, in the same run: one round trip that
asks for nothing. The time by the clock grows with whatever else the machine does; processor time is that of this process, without PostgreSQL's.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from bench.crowd import Crowd, crowd
from handfast.desk.match import alike, match_account, model_now
from handfast.identity.company import Company
from handfast.identity.index import account_keys, person_keys
from handfast.identity.match import Policy
from handfast.identity.people import FIELDS, prepare
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.handover import by_index, copy_rows
from handfast.store.migrate import migrate

AT = datetime(2026, 3, 2, tzinfo=UTC)
POLICY = Policy("fallback", distinctive_words=True)


def people(store: Store, records: pl.DataFrame) -> None:
    said = records.select(FIELDS).rows()
    keyed = sorted((k, f"per_{i}") for i, one in enumerate(said) for k in set(person_keys(dict(zip(FIELDS, one, strict=True)))))
    with store.writing() as conn:
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL session_replication_role = replica")
        copy_rows(conn, "person (id, created_at)", [(f"per_{i}", AT) for i in range(len(said))])
        copy_rows(conn, "person_said (person_id, said)", [(f"per_{i}", list(one)) for i, one in enumerate(said)])
        copy_rows(conn, "person_key (key, person_id)", keyed)


def companies(count: int) -> list[Company]:
    """Made-up firms, a third of them with a word of trade behind the name."""
    made = Crowd(count * 12, seed=3)
    trade = ("Holding", "Software", "Group", "Logistics", "Energy", "Foods")
    luck = made.luck
    return [
        Company(f"{f.name} {luck.choice(trade)}" if luck.random() < 0.35 else f.name, (f.domain,), f.desk, f.city)
        for f in made.firms[:count]
    ]


def accounts(store: Store, known: Sequence[Company]) -> None:
    keyed = sorted((k, f"acc_{i}") for i, c in enumerate(known) for k in account_keys(c))
    with store.writing() as conn:
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL session_replication_role = replica")
        rows = [(f"acc_{i}", c.domains[0], c.name, c.domains[0], f'{{"city": "{c.city}"}}', AT) for i, c in enumerate(known)]
        copy_rows(conn, "account (id, key, name, domain, fields, created_at)", rows)
        copy_rows(conn, "account_key (key, account_id)", keyed)


def timed(what: str, calls: Sequence[Callable[[], Any]]) -> None:
    """Runs each once; prints the median, p99 and the processor time of one."""
    spent = []
    processor = time.process_time()
    for call in calls:
        began = time.perf_counter()
        call()
        spent.append((time.perf_counter() - began) * 1e3)
    each = (time.process_time() - processor) / len(calls) * 1e3
    spent.sort()
    p99 = spent[int(len(spent) * 0.99)]
    print(
        f"  {what}: median {statistics.median(spent):.2f} ms, p99 {p99:.2f} ms, most {spent[-1]:.2f} ms; processor time {each:.2f} ms each"
    )


def main() -> None:
    count, firms, arrivals = _asked()
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder), throwaway=True)
        url = server.start()
        try:
            migrate(url)
            with Store(url, statement_seconds=600) as store:
                _run(store, count, firms, arrivals)
        finally:
            server.stop()


def _asked() -> tuple[int, int, int]:
    said = [int(a) for a in sys.argv[1:]]
    return (*said, *(1_000_000, 200_000, 2_000)[len(said) :])  # type: ignore[return-value]


def _run(store: Store, count: int, firms: int, arrivals: int) -> None:
    records = prepare(crowd(count + arrivals))
    people(store, records.head(count))
    known = companies(firms)
    accounts(store, known)
    with store.session() as conn:
        conn.execute("VACUUM (ANALYZE)")  # as rows lie there that came one by one: autovacuum has been by
    asked = [dict(zip(FIELDS, one, strict=True)) for one in records.tail(arrivals).select(FIELDS).rows()]
    named = [known[i * 97 % len(known)] for i in range(arrivals)]
    spelt = [Company(c.name.upper() if i % 2 else c.name[:-1], (), None, c.city) for i, c in enumerate(named)]
    with store.reading() as conn:
        model = model_now(conn)
        by_index(conn)  # as deciding does
        print(f"{count:,} people, {firms:,} accounts, {arrivals:,} arrivals")
        timed("a round trip that asks for nothing", [lambda: conn.execute("SELECT 1").fetchone()] * arrivals)
        timed("whom it may be", [lambda s=s: alike(conn, s, model) for s in asked])  # type: ignore[misc]
        timed("which account, by name and town", [lambda c=c: match_account(conn, c, POLICY, firms) for c in spelt])  # type: ignore[misc]
        both = zip(asked, spelt, strict=True)
        timed("both", [lambda s=s, c=c: (alike(conn, s, model), match_account(conn, c, POLICY, firms)) for s, c in both])  # type: ignore[misc]
        right = sum(match_account(conn, c, POLICY).account == f"acc_{i * 97 % len(known)}" for i, c in enumerate(spelt[:300]))
        found = sum(bool(alike(conn, s, model)) for s in asked[:300])
    print(f"  of 300: {right} accounts right, {found} arrivals look like somebody known")


if __name__ == "__main__":
    main()
