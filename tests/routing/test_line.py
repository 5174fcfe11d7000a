"""What a roster keeps from one turn to the next decides nothing: each turn is drawn as if it were put together anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.terms import Pool
from handfast.facts import Absence, Rep
from handfast.routing.line import Line, Turn
from handfast.routing.roster import Roster
from handfast.routing.rotation import counter_of, draw, elsewhere, give_back

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = ("ana", "bo", "cy", "dee", "eve")
POOLS = {
    "smb": Pool.model_validate({"members": {"ana": 1, "bo": 0.5, "cy": 1}, "cap": "2 open"}),
    "large": Pool.model_validate({"members": {"bo": 1, "dee": 2, "ghost": 1}}),
    "north": Pool.model_validate({"members": {"ana": 1, "eve": 0.3}, "counter": "all", "cap": "3 open"}),
    "south": Pool.model_validate({"members": {"eve": 1, "cy": 1}, "counter": "all"}),
}
#: The same pool by another contract: other weights, another capacity, one more member.
CHANGED = {**POOLS, "smb": Pool.model_validate({"members": {"ana": 1, "bo": 2, "cy": 1, "dee": 1}, "cap": "1 open"})}


class House:
    """A roster that has been in use for a while, and all that is known of it."""

    def __init__(self) -> None:
        self.reps = {name: Rep(name, name.title(), f"{name}@sales.example") for name in NAMES}
        self.absences: dict[str, list[Absence]] = {name: [] for name in NAMES}
        self.absences["cy"] = [Absence("cy", MONDAY + 3 * HOUR, MONDAY + 9 * HOUR), Absence("cy", MONDAY + 15 * HOUR, MONDAY + 16 * HOUR)]
        self.turns = [Turn("smb", "ana", 9, 9.0, MONDAY), Turn("smb", "left", 2, 2.0), Turn("large", "bo", 1, 1.0)]
        self.roster = self._made({}, self.turns)

    def anew(self) -> Roster:
        """Another of the same, which has kept nothing."""
        rows = [turn for pool in ("smb", "large", "counter:all") for turn in self.roster.turns(pool).values()]
        return self._made({name: self.roster.open_count(name) for name in NAMES}, rows)

    def _made(self, opens: Mapping[str, int], turns: list[Turn]) -> Roster:
        return Roster(self.reps, [one for known in self.absences.values() for one in known], opens, turns)

    def learns(self, name: str, *, active: bool, away: tuple[int, int] | None) -> None:
        self.reps[name] = replace(self.reps[name], active=active)
        self.absences[name] = [Absence(name, MONDAY + away[0] * HOUR, MONDAY + (away[0] + away[1]) * HOUR)] if away else []
        self.roster.learn(self.reps[name], self.absences[name])


REP = st.sampled_from(NAMES)
HAPPENS = st.one_of(
    st.tuples(st.just("waits"), st.integers(-2, 6)),
    st.tuples(st.just("closes"), REP),
    st.tuples(st.just("is given one"), REP),
    st.tuples(st.just("gives back"), st.sampled_from(list(POOLS)), REP),
    st.tuples(st.just("is put"), st.sampled_from(list(POOLS)), REP, st.floats(0, 9)),
    st.tuples(st.just("learns"), REP, st.booleans(), st.one_of(st.none(), st.tuples(st.integers(0, 30), st.integers(1, 9)))),
)
#: A turn of a pool, of it by the other contract, or with somebody left out.
ASKED = st.one_of(
    st.tuples(st.sampled_from(["smb", "smb", *POOLS]), st.just(value=False), st.just(frozenset[str]())),
    st.tuples(st.sampled_from(list(POOLS)), st.booleans(), st.frozensets(REP, max_size=1)),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(HAPPENS, ASKED), min_size=5, max_size=40))
def test_each_turn_is_drawn_as_if_nothing_had_been_kept(story: list[tuple[tuple[Any, ...], tuple[str, bool, frozenset[str]]]]) -> None:
    house, at = House(), MONDAY
    for happens, asked in story:
        match happens:
            case "closes", rep:
                house.roster.gave_up(rep)
            case "is given one", rep:
                house.roster.took(rep, at)
            case "gives back", pool, rep:
                give_back(counter_of(pool, POOLS[pool]), rep, 1.0, house.roster)
            case "is put", pool, rep, level:
                house.roster.put(Turn(counter_of(pool, POOLS[pool]), rep, 1, level, at))
            case "learns", rep, active, away:
                house.learns(rep, active=active, away=away)
            case _, hours:
                at += hours * HOUR
        _draws_alike(house, *asked, at)


def _draws_alike(house: House, name: str, changed: bool, without: frozenset[str], at: datetime) -> None:
    """The roster in use and a new one give the turn to the same rep, with the same words, and keep the same of it."""
    pools = CHANGED if changed else POOLS
    fresh, others, counter = house.anew(), elsewhere(name, pools), counter_of(name, pools[name])
    kept, anew = (draw(name, pools[name], one, at, without, others=others) for one in (house.roster, fresh))
    assert (kept.taker, kept.waiting, kept.skipped) == (anew.taker, anew.waiting, anew.skipped)
    assert house.roster.turns(counter) == fresh.turns(counter)
    if kept.rep is not None:
        house.roster.took(kept.rep, at)


def test_whoever_has_room_again_or_is_back_is_asked_at_once() -> None:
    """Ana may hold one: what she closes makes room. Cy goes for lunch at twelve and is back at one."""
    pool = Pool.model_validate({"members": {"ana": 1, "cy": 1}, "cap": "1 open"})
    lunch = Absence("cy", MONDAY + 3 * HOUR, MONDAY + 4 * HOUR)
    house = Roster({name: Rep(name, name.title(), f"{name}@sales.example") for name in ("ana", "cy")}, [lunch])

    def out(at: datetime) -> list[tuple[str, str]]:
        return [(rep, why) for rep, why in draw("smb", pool, house, at).skipped if why != "over_share"]

    assert out(MONDAY) == []
    house.took("ana")
    assert out(MONDAY) == [("ana", "capped")]
    house.gave_up("ana")
    assert out(MONDAY) == []
    assert [out(at) for at in (lunch.starts_at, lunch.ends_at, lunch.starts_at, MONDAY)] == [[("cy", "pto")], [], [("cy", "pto")], []]
    house.learn(Rep("cy", "Cy", "cy@sales.example", off=True), [])
    assert out(MONDAY) == [("cy", "off")]


def test_a_line_follows_what_is_changed_and_says_where_it_cannot() -> None:
    """Ana has a place, Bo none yet. A line whose member gets their first place is made anew: its order is that of the ids."""
    pool = Pool(members={"ana": 2, "bo": 1})
    line = Line(pool, (("ana", 2.0), ("bo", 1.0)), {"ana": Turn("smb", "ana", 3, 1.5, MONDAY)})
    assert (line.whole, line.weight, line.level()) == (False, 2.0, 1.5)
    assert line.follows(Turn("smb", "ana", 4, 2.0, MONDAY + HOUR))
    assert line.level() == 2.0
    assert line.follows(Turn("smb", "left", 9, 9.0)), "who is no member has no part in it"
    assert not line.follows(Turn("smb", "bo", 0, 2.0))
