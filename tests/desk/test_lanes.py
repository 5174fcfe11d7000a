"""Two workers at once, one of whom finds out that a signal belongs to the other's lane: what one wrote, the other must not write over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from handfast.desk import handover
from handfast.desk.contracts import Book
from handfast.desk.handover import decide
from handfast.desk.imports import NewAccount, put_accounts
from handfast.facts import LANES, lane_of
from handfast.store import lanes
from tests.desk.house import House, moment

NOON = moment("Mon 12:00")
HOME = lane_of("domain:firm.example")
ELSEWHERE = (HOME + 1) % LANES


@pytest.fixture
def known(house: House) -> House:
    """Pia of Firm is known, by her address and as a visitor; what she says next as that visitor waits in a lane that is not hers."""
    house.hears(house.signal("pia@firm.example", "form_submitted", "Mon 09:00", visitor="v"))
    house.decide("Mon 09:01")
    house.store.hints.homes.learn({"visitor:v": ELSEWHERE}, [], NOON)
    house.hears(house.signal(None, "identified", NOON, visitor="v", person={"phone": "1"}))
    assert house.one("SELECT lane FROM pending") == ELSEWHERE
    return house


def says_her_title(house: House) -> int:
    """Through another door, which knows where she belongs; and somebody decides it at once. How many signals they decided."""
    house.hears(house.signal("pia@firm.example", "identified", NOON + timedelta(seconds=1), person={"title": "CFO"}))
    return decide(house.store, Book(), NOON + timedelta(seconds=2), lanes_at_once=1, channels=()).signals


def once(real: Callable[..., object], act: Callable[[], object], *, before: bool, turn: int) -> Callable[..., object]:
    """`real`, and at its call number `turn` also `act`."""
    calls = 0

    def both(*args: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        mine = calls == turn
        if mine and before:
            act()
        answer = real(*args, **more)
        if mine and not before:
            act()
        return answer

    return both


def test_what_is_decided_in_a_lane_before_it_is_held_is_not_written_over(known: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second lane is held only once it is known to be needed; until then it was somebody else's."""
    decided: list[int] = []
    # The first call takes the lane the signal waits in, the second the one it belongs to.
    hold = once(lanes.hold_lanes, lambda: decided.append(says_her_title(known)), before=True, turn=2)
    monkeypatch.setattr(lanes, "hold_lanes", hold)
    decide(known.store, known.book, NOON + timedelta(seconds=3), lanes_at_once=1, channels=())
    assert decided == [1]
    assert known.one("SELECT fields FROM person") == {"title": "CFO", "phone": "1"}
    assert known.one("SELECT count(*) FROM pending") == 0


def test_whoever_may_hold_every_lane_holds_them_before_anything_is_looked_up(known: House, monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[int] = []
    look_up = once(handover.look_up, lambda: decided.append(says_her_title(known)), before=False, turn=1)
    monkeypatch.setattr(handover, "look_up", look_up)
    assert decide(known.store, known.book, NOON + timedelta(seconds=3), channels=()).signals == 1
    assert decided == [0]
    assert known.decide(NOON + timedelta(seconds=4)).signals == 1
    assert known.one("SELECT fields FROM person") == {"title": "CFO", "phone": "1"}


def test_a_lane_that_somebody_else_holds_is_waited_for(known: House) -> None:
    with known.store.writing() as other:
        assert lanes.hold_lanes(other, [HOME]) == [HOME]
        decide(known.store, known.book, NOON + timedelta(seconds=3), lanes_at_once=1, channels=())
        assert known.one("SELECT lane FROM pending") == HOME, "it was passed on"
        assert known.one("SELECT fields FROM person") == {}
    assert known.decide(NOON + timedelta(seconds=4)).signals == 1
    assert known.one("SELECT fields FROM person") == {"phone": "1"}


def test_what_an_import_says_of_an_account_is_not_written_over(known: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for the decision in flight, which had read the account before."""
    account = NewAccount("firm.example", fields={"employees": 200})
    importing = threading.Thread(target=put_accounts, args=(known.store, [account], NOON))

    def begins() -> None:
        importing.start()
        importing.join(0.3)

    known.hears(known.signal("pia@firm.example", "identified", NOON, account={"country": "FR"}))
    monkeypatch.setattr(handover, "look_up", once(handover.look_up, begins, before=False, turn=1))
    known.decide(NOON + timedelta(seconds=3))
    importing.join()
    assert known.one("SELECT fields FROM account") == {"country": "FR", "employees": 200}
    assert known.one("SELECT fields FROM learned WHERE noun = 'account' ORDER BY seq DESC LIMIT 1") == {"country": "FR", "employees": 200}


def test_somebody_known_by_an_id_who_tells_an_address_is_not_decided_beside_somebody_who_decides_them(house: House) -> None:
    """Until then they were at home in the lane of their id; whoever holds that may be making them somebody else at this moment."""
    house.hears(house.signal(None, "identified", "Mon 09:00", user="5", person={"title": "CFO"}))
    house.decide("Mon 09:01")
    house.hears(house.signal("pia@firm.example", "identified", "Mon 10:00", user="5"))
    with house.store.writing() as other:
        assert lanes.hold_lanes(other, [lane_of("user:5")]) == [lane_of("user:5")]
        assert house.decide("Mon 10:01", lanes_at_once=1).signals == 0
        assert house.one("SELECT email FROM person") is None
    assert house.decide("Mon 10:02", lanes_at_once=1).signals == 1
    assert house.one("SELECT email FROM person") == "pia@firm.example"
