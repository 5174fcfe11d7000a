"""How many signals one transaction takes follows from how long they take: about a second's worth, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handfast.desk.handover import BATCH
from handfast.desk.intake import record
from handfast.store import lanes
from handfast.store.base import Conn, StorageAway, Store
from handfast.worker import TRANSACTION_SECONDS, Pace, Worker
from tests.worker.test_kill import ask, prepared


def paced(seconds_each: float, waiting: int = 10**6, turns: int = 40) -> int:
    """Where the pace settles when every signal takes so long."""
    pace = Pace()
    for _ in range(turns):
        taken = min(pace.limit, waiting)
        pace.took(taken, taken * seconds_each)
    return pace.limit


@pytest.mark.parametrize(("each", "settles"), [(0.00001, BATCH * 4), (0.0002, 5000), (0.0005, 2000), (0.001, 1000), (0.1, BATCH // 4)])
def test_a_transaction_takes_about_a_second(each: float, settles: int) -> None:
    assert paced(each) == pytest.approx(settles, rel=0.01)


def test_few_quick_ones_say_nothing_and_few_slow_ones_do() -> None:
    assert paced(0.0001, waiting=100) == BATCH
    assert paced(0.05, waiting=100) < BATCH
    pace = Pace()
    pace.took(0, 100.0)  # waited for somebody else's lock
    assert pace.limit == BATCH


def test_one_turn_neither_halves_nor_doubles_it_twice() -> None:
    pace = Pace()
    pace.took(BATCH, TRANSACTION_SECONDS * 100)
    assert pace.limit == BATCH // 2
    pace.took(BATCH // 2, 0.0)
    assert pace.limit == BATCH


def test_a_batch_the_database_ends_is_tried_in_halves_until_it_passes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine: where a whole batch takes longer than a statement may, fewer signals do not, and the lanes empty."""
    prepared(store)
    at = datetime.now(UTC) - timedelta(seconds=10)
    record(store, "web", [ask(n, at + timedelta(milliseconds=n)) for n in range(40)], [], at)
    tried: list[int] = []
    take = lanes.take_pending

    def slow(conn: Conn, held: Sequence[int], limit: int, until: datetime, **how: Any) -> list[lanes.Pending]:
        tried.append(limit)
        conn.execute("SET LOCAL statement_timeout = 100")
        conn.execute("SELECT pg_sleep(%s)", (0.001 * limit,))  # a signal a millisecond, and a hundred of them at most
        conn.execute("SET LOCAL statement_timeout = 0")
        return take(conn, held, limit, until, **how)

    monkeypatch.setattr(lanes, "take_pending", slow)
    worker = Worker(store, {})
    for _ in range(8):
        with suppress(StorageAway):
            worker._decide()
    assert tried[:6] == [2000, 1000, 500, 250, 125, 62]
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    assert worker._pace.limit < BATCH
