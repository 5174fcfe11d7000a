"""How many signals one transaction takes follows from how long they take: about a second's worth, within bounds."""

from __future__ import annotations

import pytest

from handfast.desk.handover import BATCH
from handfast.worker import TRANSACTION_SECONDS, Pace


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
