"""A running worker gives out what nobody could take as soon as somebody switches on again, without being asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from handfast.desk import availability
from handfast.store.base import Store
from handfast.worker import Worker, utc_now
from tests.desk.house import House


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, "it did not happen"
        time.sleep(0.05)


def test_switching_on_is_enough(store: Store) -> None:
    house = House(store)
    for rep in ("anna", "ben"):
        availability.switch(store, rep, False, rep, utc_now(), "lunch")
    worker = Worker(store, {})
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        house.hears(house.signal("pat@firm.example", "form_submitted", utc_now(), form="demo", account={"employees": 200}))
        until(lambda: house.rows("SELECT owner_id FROM handoff") == [(None,)])
        availability.switch(store, "ben", True, "ben", utc_now())
        until(lambda: house.rows("SELECT owner_id FROM handoff") == [("ben",)])
    finally:
        worker.stop.set()
        thread.join(30)
    assert house.rows("SELECT rule FROM assignment ORDER BY leg") == [("exception",), ("pool",)]
