"""How many open handoffs each rep has is kept by triggers: the same number as a count, whatever was done, and taken back, in whatever order."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handfast.store.base import Store
from handfast.store.doctor import miscounted
from handfast.store.handover import open_counts

REPS = ("anna", "ben", "cleo")

#: One thing that can happen to the handoffs there are: each is its number, taken modulo how many there are.
_NUMBER = st.integers(0, 30)
_OWNER = st.sampled_from([*REPS, None])
_ACTS = st.one_of(
    st.tuples(st.just("open"), st.lists(_OWNER, min_size=1, max_size=5)),
    st.tuples(st.just("own"), _NUMBER, _OWNER),
    st.tuples(st.just("close"), _NUMBER),
    st.tuples(st.just("reopen"), _NUMBER),
    st.tuples(st.just("own and close"), _NUMBER, _OWNER),
    st.tuples(st.just("touch"), _NUMBER),
    st.tuples(st.just("delete"), _NUMBER),
    st.tuples(st.just("taken back"), st.lists(_OWNER, min_size=1, max_size=3)),
    st.tuples(
        st.just("close all"),
    ),
)


def people(conn: psycopg.Connection) -> None:
    conn.execute("INSERT INTO rep (id, name, email) SELECT n, n, n || '@us.example' FROM unnest(%s::text[]) AS n", (list(REPS),))
    conn.execute("INSERT INTO person (id, email, fields, created_at) VALUES ('per_1', 'p@x.example', '{}', now())")
    conn.execute(_VERDICT)


_VERDICT = """INSERT INTO verdict (id, person_id, at, contract_id, outcome, fit, intent, signal_id, inputs, working, recorded_at)
              VALUES ('ver_1', 'per_1', now(), 'c', 'ready', 0, 0, gen_random_uuid(), '{}', '[]', now())"""


def opened(conn: psycopg.Connection, first: int, owners: list[str | None]) -> None:
    """As decisions do: all of a batch by one COPY."""
    columns = "id, motion, party, person_id, contract_id, verdict_id, next_step, opened_at, decided_at, owner_id"
    with conn.cursor() as cursor, cursor.copy(f"COPY handoff ({columns}) FROM STDIN") as copy:
        for n, owner in enumerate(owners, first):
            copy.write_row(
                (f"hnd_{n:05}", "m", f"acc_{n}", "per_1", "c", "ver_1", "demo", "2026-03-02 10:00+00", "2026-03-02 10:00+00", owner)
            )


_SAY = {
    "own": "UPDATE handoff SET owner_id = %(owner)s WHERE id = %(id)s",
    "close": "UPDATE handoff SET closed_at = now() WHERE id = %(id)s AND closed_at IS NULL",
    "reopen": "UPDATE handoff SET closed_at = NULL WHERE id = %(id)s",
    "own and close": "UPDATE handoff SET owner_id = %(owner)s, closed_at = now() WHERE id = %(id)s",
    "touch": "UPDATE handoff SET touched_at = now(), owner_id = owner_id WHERE id = %(id)s",
    "delete": "DELETE FROM handoff WHERE id = %(id)s",
    "close all": "UPDATE handoff SET closed_at = now() WHERE closed_at IS NULL",
}


def played(conn: psycopg.Connection, acts: list[tuple[Any, ...]]) -> None:
    number = 0
    for name, *what in acts:
        if name == "open":
            opened(conn, number, what[0])
            number += len(what[0])
        elif name == "taken back":
            with conn.transaction(force_rollback=True):
                opened(conn, number, what[0])
        else:
            values = {"id": f"hnd_{what[0] % number:05}" if what and number else "", "owner": what[1] if len(what) > 1 else None}
            conn.execute(_SAY[name], values)  # type: ignore[call-overload]
        counted = conn.execute("SELECT owner_id FROM handoff WHERE closed_at IS NULL AND owner_id IS NOT NULL").fetchall()
        assert open_counts(conn) == dict(Counter(owner for (owner,) in counted)), name
        assert miscounted(conn) == []


@given(acts=st.lists(_ACTS, min_size=1, max_size=15))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_is_what_a_count_says(store: Store, acts: list[tuple[Any, ...]]) -> None:
    with store.writing() as conn, conn.transaction(force_rollback=True):
        people(conn)
        played(conn, acts)


def test_many_changes_are_summed_up_and_it_stays_the_same_number(store: Store) -> None:
    with store.writing() as conn:
        people(conn)
        opened(conn, 0, ["anna", "ben", None] * 300)
        for n in range(3):
            conn.execute("UPDATE handoff SET owner_id = %s WHERE owner_id = %s", (REPS[(n + 1) % 3], REPS[n]))
        assert rows_kept(conn) > 900
        before = open_counts(conn)
        opened(conn, 5000, ["ben"])
        assert rows_kept(conn) <= len(REPS)
        assert open_counts(conn) == {**before, "ben": before.get("ben", 0) + 1}
        assert miscounted(conn) == []


def rows_kept(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM open_count").fetchone()
    assert row is not None
    return int(row[0])


def test_who_closes_and_who_opens_at_the_same_time_neither_wait_nor_lose_one(store: Store) -> None:
    """Each closer holds its handoffs, of several reps, open to the end of its transaction, in an order of its own: counters that are changed in
    place would have each of them wait for the other, and the opener for both."""
    with store.writing() as conn:
        people(conn)
        opened(conn, 0, ["anna", "ben", "cleo"] * 200)
    both = threading.Barrier(3, timeout=60)
    failed: list[BaseException] = []

    def close(numbers: range) -> None:
        try:
            with store.writing() as conn:
                for n in numbers:
                    conn.execute(_SAY["close"], {"id": f"hnd_{n:05}"})
                    if n == numbers[0]:
                        both.wait()
                both.wait()  # everybody is still within their transaction
        except BaseException as error:
            failed.append(error)
            both.abort()

    threads = [threading.Thread(target=close, args=(numbers,)) for numbers in (range(300), range(599, 299, -1))]
    for thread in threads:
        thread.start()
    with store.writing() as conn:
        both.wait()
        opened(conn, 1000, ["ben"] * 10)
        assert rows_kept(conn) > 0
        assert open_counts(conn) == {"anna": 200, "ben": 210, "cleo": 200}
        both.wait()
    for thread in threads:
        thread.join()
    assert not failed
    with store.writing() as conn:
        assert open_counts(conn) == {"ben": 10}
        opened(conn, 2000, ["anna"])
        assert (rows_kept(conn), open_counts(conn)) == (2, {"anna": 1, "ben": 10})


@pytest.mark.parametrize("kept", [True, False])
def test_a_rep_with_nothing_open_is_not_named(store: Store, kept: bool) -> None:
    with store.writing() as conn:
        people(conn)
        opened(conn, 0, ["anna"] if kept else [None])
        conn.execute(_SAY["close all"])
        assert open_counts(conn) == {}
