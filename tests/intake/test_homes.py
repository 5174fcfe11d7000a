"""The door remembers in which lane a key's signals belong: it asks the store once, and a memory that is wrong costs a step and no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from handfast.desk.intake import record
from handfast.facts import Signal, lane_of, signal_id
from handfast.store import hints, intake
from handfast.store.base import Conn, Store
from handfast.store.hints import Homes
from tests.desk.house import House, moment

NOON = moment("Wed 12:00")


class Door:
    """Records signals and notes what the store was asked about each time."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store, self.asked = store, list[list[str]]()
        ask = intake.emails_of

        def noted(conn: Conn, keys: Sequence[str]) -> dict[str, str]:
            self.asked.append(list(keys))
            return ask(conn, keys)

        monkeypatch.setattr(intake, "emails_of", noted)

    def hears(self, name: str, at: datetime, **who: str) -> int:
        """Takes in one page view and says which lane it waits in."""
        signal = Signal(signal_id("web", name), "web", "page_viewed", at, at, **who)  # type: ignore[arg-type]  # who are texts
        record(self.store, "web", [signal], [], at)
        with self.store.reading() as conn:
            row = conn.execute("SELECT lane FROM signal WHERE id = %s", (signal.id,)).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def door(store: Store, monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(store, monkeypatch)


def test_a_stranger_is_asked_about_once_a_minute(door: Door) -> None:
    stranger = lane_of("visitor:v1")
    lanes = [door.hears(str(n), NOON + timedelta(seconds=after), anonymous_id="v1") for n, after in enumerate((0, 20, 59, 61, 70))]
    assert lanes == [stranger] * 5
    assert door.asked == [["visitor:v1"], [], [], ["visitor:v1"], []]


def test_who_was_named_is_at_home_from_then_on(door: Door) -> None:
    home = lane_of("domain:kraus.example")
    assert door.hears("first", NOON, anonymous_id="v1") == lane_of("visitor:v1")
    assert door.hears("named", NOON, email="anna@kraus.example", user_id="7", anonymous_id="v1") == home
    assert door.hears("later", NOON + timedelta(minutes=50), anonymous_id="v1") == home
    assert door.hears("elsewhere", NOON + timedelta(minutes=50), user_id="7", anonymous_id="v2") == home
    assert door.asked == [["visitor:v1"], [], [], ["visitor:v2"]]
    # Another process has heard none of this, and asks.
    door.store.hints.homes = Homes()
    house = House(door.store)
    house.decide("Wed 18:00")
    assert door.hears("again", NOON + timedelta(hours=7), anonymous_id="v1") == home
    assert door.asked[-1] == ["visitor:v1"]


def test_a_memory_that_is_wrong_costs_no_decision(door: Door) -> None:
    house = House(door.store)
    door.hears("named", NOON, email="anna@kraus.example", anonymous_id="v1")
    house.decide("Wed 12:01")
    elsewhere = (lane_of("domain:kraus.example") + 1) % 64
    door.store.hints.homes.learn({"visitor:v1": elsewhere}, [], NOON)
    assert door.hears("lost", NOON + timedelta(minutes=2), anonymous_id="v1") == elsewhere
    assert house.decide("Wed 12:05").signals == 1
    with door.store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM pending").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM person").fetchone() == (1,)


def test_no_more_is_remembered_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "HOMES_KEPT", 10)
    homes = Homes()
    for n in range(100):
        homes.learn({f"user:{n}": 1}, [f"visitor:{n}"], NOON)
        assert homes.lanes[f"user:{n}"] == 1
        assert f"visitor:{n}" in homes.strangers(NOON)
    assert len(homes.lanes) + len(homes.strangers(NOON)) <= 11
    assert not homes.strangers(NOON - timedelta(seconds=1))  # a clock that was set back


def test_nobody_is_remembered_for_longer_than_an_hour() -> None:
    homes = Homes()
    homes.learn({"user:1": 1}, [], NOON)
    homes.learn({"user:2": 2}, [], NOON + timedelta(minutes=59))
    assert homes.lanes == {"user:1": 1, "user:2": 2}
    homes.learn({"user:3": 3}, [], NOON + timedelta(minutes=60))
    assert homes.lanes == {"user:3": 3}
