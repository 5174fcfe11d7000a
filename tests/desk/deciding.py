"""One of many worker processes: decides what waits until nothing is left, a few signals a transaction. For `test_race`."""

from __future__ import annotations

from datetime import datetime

import psycopg

from handfast.desk.contracts import Book
from handfast.desk.handover import decide
from handfast.desk.waiting import drain_all
from handfast.store import lanes as lane_rows
from handfast.store.base import Store


def work(url: str, at: datetime, number: int) -> int:
    """How many handoffs this one opened. What two workers do to each other is begun again, as the worker does."""
    opened, book = 0, Book()
    with Store(url, size=3, patience_seconds=60) as store:
        while True:
            try:
                done = decide(store, book, at, limit=8, lanes_at_once=3, channels=())
                if number % 4 == 0:
                    drain_all(store, book, at, channels=(), limit=5)
            except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
                continue
            opened += done.opened
            if not done.signals:
                with store.reading() as conn:
                    if lane_rows.next_pending(conn) is None:
                        return opened
