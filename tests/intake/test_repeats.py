"""Large requests are recorded as if all of it were new; where some of it is not, each signal is looked for: counted once for ever all the same."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from handfast.desk.intake import ATTEMPTS, Receipt, record
from handfast.facts import Signal, signal_id
from handfast.store import intake
from handfast.store.base import Conn, Store
from handfast.store.hints import Hints, Repeats
from handfast.store.intake import Laned
from handfast.store.rehearsal import rehearsing
from tests.desk.house import moment

NOON = moment("Wed 12:00")


def views(numbers: Sequence[int], at: datetime = NOON) -> list[Signal]:
    """Page views, the later numbers the earlier ones, with everything a signal may carry."""
    return [
        Signal(
            signal_id("web", str(n)), "web", "page_viewed", at - timedelta(seconds=n), at, None, f"u{n % 7}", f"a\t{n}\\", None, None,
            {"path": f"/ü/{n}", "quoted": '"\n'}, {"title": "VP"} if n % 3 == 0 else {}, {"employees": n} if n % 5 == 0 else {},
        )
        for n in numbers
    ]  # fmt: skip


def stored(store: Store) -> list[tuple[object, ...]]:
    """Every signal with its place, in the order they are decided in."""
    with store.reading() as conn:
        return conn.execute(
            """SELECT s.id, s.occurred_at, s.received_at, s.who, s.user_id, s.anonymous_id, s.email, s.properties, s.person, s.account, s.lane, p.lane
               FROM signal AS s JOIN pending AS p ON p.seq = s.seq AND p.signal_id = s.id AND p.received_at = s.received_at ORDER BY p.seq"""
        ).fetchall()


def counts(store: Store) -> tuple[int, int]:
    with store.reading() as conn:
        row = conn.execute("SELECT (SELECT count(*) FROM signal), (SELECT count(*) FROM pending)").fetchone()
    assert row is not None
    return row


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes which way each request went in."""
    taken: list[str] = []
    for name in ("add_signals", "add_new_signals"):
        real = getattr(intake, name)

        def noted(conn: object, rows: Sequence[Laned], name: str = name, real: object = real) -> int:
            taken.append(name)
            return real(conn, rows)  # type: ignore[operator, no-any-return]  # a function of the room

        monkeypatch.setattr(intake, name, noted)
    return taken


def test_both_ways_record_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, "web", views(range(200)), [], NOON)
    by_copy = stored(store)
    with store.writing() as conn:
        conn.execute("TRUNCATE signal, pending")
    monkeypatch.setattr(intake, "MANY", 1000)
    record(store, "web", views(range(200)), [], NOON)
    assert by_copy == stored(store)
    assert len(by_copy) == 200
    assert [row[1] for row in by_copy] == sorted(row[1] for row in by_copy), "in the order of what happened"  # type: ignore[type-var]  # times


def test_what_is_sent_again_is_counted_once(store: Store, ways: list[str]) -> None:
    assert record(store, "web", views(range(100)), [], NOON) == Receipt("web", 100, 0, 0)
    assert record(store, "web", views(range(100)), [], NOON) == Receipt("web", 0, 100, 0)
    assert record(store, "web", views(range(50, 150)), [], NOON) == Receipt("web", 50, 50, 0)
    assert counts(store) == (150, 150)
    assert ways == ["add_new_signals", "add_new_signals", "add_signals", "add_signals"], "asked in vain once, then not again for a while"
    later = NOON + timedelta(minutes=2)
    assert record(store, "web", [*views(range(150, 250)), *views(range(150, 160))], [], later) == Receipt("web", 100, 10, 0)
    assert ways[-1] == "add_new_signals"
    assert counts(store) == (250, 250)


def test_few_go_in_by_one_statement(store: Store, ways: list[str]) -> None:
    record(store, "web", views(range(intake.MANY - 1)), [], NOON)
    assert ways == ["add_signals"]


def test_the_same_sent_by_many_at_once_is_counted_once(store: Store) -> None:
    receipts: list[Receipt] = []

    def send(numbers: Sequence[int]) -> None:
        receipts.append(record(store, "web", views(numbers), [], NOON))

    parts = [range(300), range(299, -1, -1), range(100, 400), range(300), range(200)]
    threads = [threading.Thread(target=send, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == len(parts)
    assert counts(store) == (400, 400)
    assert sum(receipt.accepted for receipt in receipts) == 400


def test_a_repeat_found_after_deadlocks_is_recorded_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, "web", views(range(100)), [], NOON)
    store.hints = Hints()
    real, turns = intake.add_new_signals, 0

    def unlucky(conn: Conn, rows: Sequence[Laned]) -> int:
        nonlocal turns
        turns += 1
        if turns < ATTEMPTS:
            raise intake.Deadlock
        return real(conn, rows)

    monkeypatch.setattr(intake, "add_new_signals", unlucky)
    assert record(store, "web", views(range(50, 150)), [], NOON) == Receipt("web", 50, 50, 0)
    assert turns == ATTEMPTS
    assert counts(store) == (150, 150)


def test_a_large_request_can_be_rehearsed(store: Store) -> None:
    record(store, "web", views(range(100)), [], NOON)
    with rehearsing(store) as stage:
        assert record(stage, "web", views(range(50, 150)), [], NOON) == Receipt("web", 50, 50, 0)
        assert record(stage, "web", views(range(200, 300)), [], NOON) == Receipt("web", 100, 0, 0)
    assert counts(store) == (100, 100)


def test_a_source_is_trusted_again_after_a_while() -> None:
    repeats = Repeats()
    assert not repeats.likely("web", NOON)
    repeats.heard("web", NOON)
    assert [repeats.likely("web", NOON + timedelta(seconds=after)) for after in (0, 59, 60, -1)] == [True, True, False, False]
    assert not repeats.likely("app", NOON)
