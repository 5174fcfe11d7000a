"""Who can take it, asked in every way there is: one function, its reasons in their order, and each as a plain sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.terms import Calendar, Pool
from handfast.facts import Absence, Rep
from handfast.routing.roster import Reason, Roster, because, eligible
from handfast.routing.rotation import counter_of, draw, elsewhere, forecast, give_back

MONDAY = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TEAM = Calendar.model_validate({"timezone": "Europe/Berlin", "week": {"mon-fri": ["09:00-17:00"]}, "holidays": "DE-BE"})


class Daily:
    """Some pool has a capacity by the day."""

    pools = {"any": Pool.model_validate({"members": {"ana": 1}, "per_day": 1})}  # noqa: RUF012


class Terms:
    """As much of a contract as hours and days ask for."""

    routing = Daily
    calendar = TEAM
    calendars: dict[str, Calendar] = {}  # noqa: RUF012


def pool(**also: Any) -> Pool:
    return Pool.model_validate({"members": {"ana": 1, "bo": 1}, **also})


def roster(*, absences: tuple[Absence, ...] = (), opens: int = 0, taken: int = 0, **ana: Any) -> Roster:
    reps = {"ana": Rep("ana", "Ana", "ana@sales.example", **ana), "bo": Rep("bo", "Bo", "bo@sales.example")}
    made = Roster(reps, absences, {"ana": opens}, taken={("ana", date(2026, 1, 5)): taken})
    made.under(Terms)  # type: ignore[arg-type]
    return made


AWAY = (Absence("ana", MONDAY, MONDAY + timedelta(days=1), "surgery"),)
DAY = timedelta(days=1)
FRENCH = frozenset({"french"})


@pytest.mark.parametrize(
    ("reason", "house", "terms", "needs", "exclude", "said"),
    [
        ("inactive", {"active": False}, {}, None, None, "Ana no longer takes handoffs."),
        ("excluded", {}, {}, None, {"ana"}, "Ana is left out: the handoff is moving on from them."),
        ("pto", {"absences": AWAY}, {}, None, None, "Ana is away until 2026-01-06 12:00 UTC."),
        ("off", {"off": True}, {}, None, None, "Ana is switched off and takes nothing until they switch themselves on."),
        ("skill", {"skills": frozenset({"german"})}, {}, FRENCH, None, "It asks for french, which Ana does not have."),
        ("off_hours", {"time_zone": "America/Denver"}, {"hours": "team"}, None, None, "Ana is not at work now; back Mon 5 Jan 09:00 (America/Denver)."),
        ("off_hours", {"week": {"tue": ("09:00-12:00",)}}, {"hours": "team"}, None, None, "Ana is not at work now; back Tue 6 Jan 09:00 (UTC)."),
        ("capped", {"opens": 2}, {"cap": "2 open"}, None, None, "Ana has 2 open and may hold 2."),
        ("capped_today", {"taken": 5}, {"per_day": "5 per day"}, None, None, "Ana was given 5 today and may be given 5 a day."),
        (None, {"opens": 9, "taken": 9, "time_zone": "America/Denver"}, {}, None, None, ""),
        (None, {"skills": FRENCH}, {"hours": "team", "cap": "2 open"}, FRENCH, None, ""),
    ],
)  # fmt: skip
def test_each_reason_has_its_sentence(
    reason: Reason | None, house: dict[str, Any], terms: dict[str, Any], needs: frozenset[str] | None, exclude: set[str] | None, said: str
) -> None:
    there, asked = roster(**house), pool(**terms)
    found = eligible("ana", there, asked, MONDAY, frozenset(exclude or ()), needs or frozenset())
    assert found == reason
    if reason is not None:
        assert because(reason, "ana", there, asked, MONDAY, needs or frozenset()) == said
        assert "surgery" not in said


def test_a_holiday_of_the_region_is_named_and_the_rest_of_the_world_works() -> None:
    """6 January is Epiphany in Bavaria, and a Tuesday in Berlin."""
    tuesday = MONDAY + timedelta(days=1)
    there = roster(holidays="DE-BY")
    assert eligible("ana", there, pool(hours="team"), tuesday) == "holiday"
    assert because("holiday", "ana", there, pool(hours="team"), tuesday) == "Ana has a holiday (Epiphany); back Wed 7 Jan 09:00 (UTC)."
    assert eligible("ana", roster(), pool(hours="team"), tuesday) is None


def test_the_day_of_a_capacity_is_the_reps_own() -> None:
    """23:30 in Auckland is still Monday there, and midnight is another day, whatever day it is in London."""
    there = roster(time_zone="Pacific/Auckland")
    late = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
    for _ in range(2):
        there.took("ana", late)
    assert eligible("ana", there, pool(per_day=2), late) == "capped_today"
    assert eligible("ana", there, pool(per_day=2), late + timedelta(minutes=30)) is None
    assert there.taken_now() == [("ana", date(2026, 1, 5), 2)]


def test_there_is_a_sentence_for_every_reason() -> None:
    for reason in get_args(Reason):
        assert because(reason, "ana", roster(absences=AWAY), pool(hours="team", cap=1, per_day=1), MONDAY, FRENCH).endswith(".")


@settings(max_examples=60)
@given(
    st.builds(
        dict, off=st.booleans(), opens=st.integers(0, 3), taken=st.integers(0, 3), skills=st.sampled_from([frozenset(), FRENCH]),
        time_zone=st.sampled_from(["UTC", "America/Denver", "Asia/Tokyo"]), active=st.booleans(),
        absences=st.sampled_from([(), *((Absence("ana", MONDAY + a * DAY, MONDAY + b * DAY),) for a, b in ((-2, -1), (-1, 1), (1, 2)))]),
    ),
    st.builds(dict, cap=st.sampled_from([None, "2 open"]), per_day=st.sampled_from([None, 2]), hours=st.sampled_from([None, "team"])),
    st.sampled_from([frozenset(), FRENCH]),
)  # fmt: skip
def test_whoever_gives_it_out_the_answer_is_the_same(house: dict[str, Any], terms: dict[str, Any], needs: frozenset[str]) -> None:
    """The rotation skips Ana exactly where asking for her by name would refuse her, and for the same reason."""
    asked = pool(**terms)
    by_name = eligible("ana", roster(**house), asked, MONDAY, needs=needs)
    drawn = draw("team", asked, roster(**house), MONDAY, needs=needs)
    assert dict(drawn.skipped).get("ana", None if by_name is None else "absent") == by_name


# --- turns that are shared, given back, foretold -------------------------------------------------------------------

SHARED = {
    "north": Pool.model_validate({"members": {"ana": 1, "bo": 1}, "counter": "all"}),
    "south": Pool.model_validate({"members": {"bo": 1, "cy": 1}, "counter": "all"}),
}


def crew() -> Roster:
    return Roster({rep: Rep(rep, rep.title(), f"{rep}@sales.example") for rep in ("ana", "bo", "cy")})


def turn(name: str, house: Roster) -> str:
    taker = draw(name, SHARED[name], house, MONDAY, others=elsewhere(name, SHARED)).taker
    assert taker is not None
    return taker.rep


def test_pools_that_count_together_are_fair_to_whoever_is_in_both() -> None:
    """North asks thirty times as often as south. Bo is in both: what he takes in the north he need not take in the south."""
    house = crew()
    took = [turn("north" if number % 31 else "south", house) for number in range(1, 311)]
    assert [took.count(rep) for rep in ("ana", "bo", "cy")] == [150, 150, 10]
    assert all(taker == "cy" for number, taker in enumerate(took, 1) if number % 31 == 0), "Bo is far ahead by what he took elsewhere"


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["north", "south"]), min_size=1, max_size=80))
def test_under_a_shared_counter_nobody_is_a_turn_ahead_of_who_could_have_taken_it(asked: list[str]) -> None:
    """Whoever takes a turn of a pool has not, by more than a turn, taken more than anybody else in it."""
    house, took = crew(), {"ana": 0, "bo": 0, "cy": 0}
    for name in asked:
        taker = turn(name, house)
        assert all(took[taker] <= took[rep] + 1 for rep in SHARED[name].members)
        took[taker] += 1
        assert house.turns("counter:all")[taker].turns == took[taker]


def test_a_turn_given_back_comes_again_the_sooner() -> None:
    house, terms = crew(), SHARED["north"]
    assert [turn("north", house) for _ in range(2)] == ["ana", "bo"]
    assert give_back(counter_of("north", terms), "bo", 1.0, house)
    assert [turn("north", house) for _ in range(2)] == ["bo", "ana"]
    assert not give_back("counter:all", "cy", 1.0, house), "he has none to give"


def test_the_own_next_turn_is_foretold() -> None:
    house = crew()
    turn("north", house)
    assert forecast("north", SHARED["north"], house, MONDAY, elsewhere("north", SHARED), 4) == ["bo", "ana", "bo", "ana"]
    nobody = Roster({})
    assert forecast("north", SHARED["north"], nobody, MONDAY) == []
