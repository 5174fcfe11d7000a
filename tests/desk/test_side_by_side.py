"""A large batch writes and computes at the same time, on two threads: what one of them meets must not leave the other's half behind."""

import pytest

from handfast.desk import handover, opening
from handfast.store import handover as rows
from tests.desk.house import House

TABLES = ("person", "verdict", "handoff", "assignment", "clock", "timer", "brief", "event", "outbox")


@pytest.fixture
def apart(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house that takes every batch for a large one, with three people who ask for a demo."""
    monkeypatch.setattr(handover, "SIDE_BY_SIDE", 1)
    asks = [house.signal(f"p{n}@f{n}.example", "form_submitted", f"Mon 09:0{n}", form="demo", account={"employees": 200}) for n in range(3)]
    house.hears(*asks)
    return house


def counted(house: House) -> dict[str, int]:
    return {table: house.one(f"SELECT count(*) FROM {table}") for table in TABLES}


def test_everything_is_there_once(apart: House) -> None:
    assert apart.decide("Mon 09:10").opened == 3
    assert counted(apart) == {
        **dict.fromkeys(("person", "verdict", "handoff", "assignment", "clock", "brief", "outbox"), 3),
        "timer": 15,
        "event": 6,
    }
    assert (
        apart.one("SELECT count(*) FROM handoff AS h JOIN verdict AS v ON v.id = h.verdict_id JOIN brief AS b ON b.handoff_id = h.id") == 3
    )


@pytest.mark.parametrize(("room", "name"), [(opening, "compose"), (opening, "assign"), (rows, "add_verdicts"), (rows, "add_assignments")])
def test_what_one_thread_meets_undoes_what_the_other_wrote(apart: House, monkeypatch: pytest.MonkeyPatch, room: object, name: str) -> None:
    """An error while computing, or while writing: the transaction is gone whole, and the next turn does it all."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError(name)

    with monkeypatch.context() as broken:
        broken.setattr(room, name, fails)
        with pytest.raises(ZeroDivisionError, match=name):
            apart.decide("Mon 09:10")
    assert counted(apart) == dict.fromkeys(TABLES, 0)
    assert apart.decide("Mon 09:11").opened == 3
