"""Fairness in value: what a handoff is worth, whether value is dealt out as turns are, and what happened to turns, in plain counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from handfast.measure.patterns import PATTERNS, Count, Turn, others, patterns
from handfast.measure.spread import PERMUTATIONS, spread
from handfast.measure.value import worth

from .trade import day


def test_a_kind_of_which_little_is_known_is_worth_about_what_its_step_is() -> None:
    """100 demos of which 40 met, 100 price requests of which 10 did; one demo of a kind of its own did not."""
    found = worth([("demo", 3, 99, 40), ("demo", 1, 1, 0), ("pricing", 3, 100, 10)])
    assert found is not None
    assert found.of("demo", 70) == pytest.approx((40 + 10 * found.by_step["demo"]) / 109)
    assert found.of("demo", 25) == pytest.approx(10 * found.by_step["demo"] / 11)
    assert found.of("pricing", 60) < 0.13 < 0.36 < found.of("demo", 5), "a band nobody has seen: its step"
    assert found.of("unheard", 60) == 0.25
    assert worth([("demo", 3, 29, 10)]) is None


def dealt(**values: list[float]) -> list[tuple[str, float]]:
    return [(rep, value) for rep, mine in values.items() for value in mine]


def test_an_even_deal_is_what_chance_leaves() -> None:
    found = spread(dealt(ana=[0.1, 0.4] * 10, bo=[0.4, 0.1] * 10, cy=[0.1, 0.4] * 5))
    assert found.p is not None
    assert found.p > 0.9
    assert all(part.within for part in found.parts.values())
    assert found.parts["cy"].of_turns == pytest.approx(0.2)
    assert sum(part.of_value for part in found.parts.values()) == pytest.approx(1)


def test_equal_counts_may_hide_unequal_value() -> None:
    """Ana and Bo took twenty turns each; nearly all the good ones went to Ana."""
    found = spread(dealt(ana=[0.4] * 18 + [0.1] * 2, bo=[0.1] * 18 + [0.4] * 2, cy=[0.1, 0.4] * 10))
    assert found.p == 1 / (PERMUTATIONS + 1)
    assert {rep for rep, part in found.parts.items() if not part.within} == {"ana", "bo"}
    assert found.parts["ana"].of_turns == found.parts["bo"].of_turns


def test_the_test_agrees_with_counting_every_deal() -> None:
    """Two members, ten turns each of thirty-two left out; small enough to count all deals of a pool of 12 by hand, scaled up in copies."""
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]
    every = values * 5 + [0.1, 0.9]
    mine = every[:4]
    found = spread(dealt(ana=mine, bo=every[4:]), permutations=1999)
    total, mean = sum(every), sum(every) / len(every)
    far = abs(sum(mine) - 4 * mean)
    deals = [abs(sum(chosen) - 4 * mean) for chosen in combinations(every, 4)]
    exact = sum(one >= far - 1e-9 for one in deals) / len(deals)
    assert found.p == pytest.approx(exact, abs=0.04)
    bar = sorted(deals)[int(0.95 * len(deals))]
    assert found.parts["ana"].high == pytest.approx((4 * mean + bar) / total, abs=0.01)


def test_the_same_turns_in_any_order_give_the_same_answer() -> None:
    turns = dealt(ana=[0.1, 0.4, 0.2] * 6, bo=[0.3, 0.2, 0.1] * 6)
    assert spread(turns) == spread(turns[::-1])


@pytest.mark.parametrize(
    ("turns", "why"),
    [([], "not enough data"), (dealt(ana=[0.1] * 29 + [0.2]), "only one member"), (dealt(ana=[0.1] * 14, bo=[0.2] * 15), "29 of 30 turns")],
)
def test_of_too_little_nothing_is_concluded(turns: list[tuple[str, float]], why: str) -> None:
    found = spread(turns)
    assert found.p is None
    assert why in found.why


def test_where_every_handoff_is_worth_the_same_turns_are_all_there_is() -> None:
    found = spread(dealt(ana=[0.2] * 20, bo=[0.2] * 20))
    assert (found.p, found.parts["ana"].of_value) == (1.0, 0.5)


# --- patterns -----------------------------------------------------------------------------------------------------


def turn(rep: str, at: datetime, value: float = 0.3, **happened: Any) -> Turn:
    return Turn("us", rep, f"h{at}", at, value, at + timedelta(hours=1), **happened)


def counted(*turns: Turn, offs: tuple[tuple[str, datetime], ...] = ()) -> dict[str, dict[str, tuple[int, int]]]:
    found = patterns(turns, offs, ["ana", "bo"], day(30))
    return {rep: {name: (one.hits, one.n) for name, one in counts.items()} for rep, counts in found.items()}


def test_a_yes_followed_by_waiting() -> None:
    """Said yes three times: touched in time, late, and never; a touch that came first needed no yes; one is not due yet."""
    said = day(0, minutes=5)
    found = counted(
        turn("ana", day(0), accepted_at=said, touched_at=day(0, minutes=30)),
        turn("ana", day(0), accepted_at=said, touched_at=day(0, minutes=90)),
        turn("ana", day(0), accepted_at=said),
        turn("ana", day(0), accepted_at=said, touched_at=day(0, minutes=1)),
        turn("ana", day(30), accepted_at=day(30)),
    )
    assert found["ana"]["accepted_then_waited"] == (2, 4)
    assert found["bo"]["accepted_then_waited"] == (0, 0)


def test_touches_that_no_system_saw() -> None:
    found = counted(turn("bo", day(0), touched_at=day(1)), turn("bo", day(1), touched_at=day(2), seen=True), turn("bo", day(2)))
    assert found["bo"]["declared_only"] == (1, 2)


def test_what_is_worth_least_given_up_untried_beside_the_rest() -> None:
    low = [turn("ana", day(n), 0.1, gave_up_at=day(n, minutes=5)) for n in range(2)]
    rest = [turn("bo", day(n), 0.5, gave_up_at=day(n, minutes=5), touched_at=day(n, minutes=1)) for n in range(4)]
    found = counted(*low, *rest)
    assert (found["ana"]["untried_low"], found["ana"]["untried_other"]) == ((2, 2), (0, 0))
    assert (found["bo"]["untried_low"], found["bo"]["untried_other"]) == ((0, 0), (0, 4)), "she tried first"


def test_switching_off_just_before_a_turn_is_drawn() -> None:
    offs = (("ana", day(1, minutes=-30)), ("ana", day(1, minutes=-90)), ("bo", day(1, minutes=-30)))
    found = counted(turn("bo", day(1)), offs=offs)
    assert found["ana"]["off_before_turn"] == (1, 2)
    assert found["bo"]["off_before_turn"] == (0, 1), "the turn was their own: they had not gone"


def test_the_page_names_every_pattern(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "docs" / "reference" / "measures.md").read_text(encoding="utf-8")
    assert [name for name, said in PATTERNS.items() if f"| `{name}` | {said} |" not in text] == []


def test_beside_everybody_else_in_the_pool() -> None:
    turns = [turn(rep, day(n), touched_at=day(n, minutes=1), seen=rep == "bo") for n, rep in enumerate(("ana", "bo", "bo"))]
    rest = others(patterns(turns, (), ["ana", "bo"], day(30)), "ana")
    assert rest["declared_only"] == Count(0, 2)
    assert rest["declared_only"].as_json()["high"] > 0.5, "two cases say little"
    assert list(rest) == list(PATTERNS)
