"""Workers are woken by what is new, twenty times a second at most: whoever is woken gathers for longer than that what comes meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from handfast.desk.intake import record
from handfast.facts import Signal, signal_id
from handfast.store.base import Store

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_what_is_new_wakes_and_what_is_not_keeps_nobody_from_waking(store: Store) -> None:
    """Told again, a signal wakes nobody; and the new one a moment later does, though it comes so soon after."""
    with store.session() as ear:
        ear.execute("LISTEN handfast_signal")

        def wakes(name: str, after_ms: int) -> int:
            at = NOON + timedelta(milliseconds=after_ms)
            record(store, "web", [Signal(signal_id("web", name), "web", "page_viewed", at, at, email="anna@kraus.example")], [], at)
            return len(list(ear.notifies(timeout=0.3, stop_after=1)))

        told = [
            wakes("first", 0),
            wakes("second", 20),
            wakes("first", 1000),
            wakes("third", 1020),
            wakes("fourth", 1040),
            wakes("fifth", 1080),
        ]
    assert told == [1, 0, 0, 1, 0, 1]
