"""Whose turn it is. The cast: Ana and Bo work full time, Cy half, Dee joins later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handfast.contract.terms import Pool
from handfast.facts import Absence, Rep
from handfast.routing.line import Turn
from handfast.routing.roster import Roster
from handfast.routing.rotation import draw

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
#: Nothing in a rotation depends on the hour: a decision a minute.
MINUTE = timedelta(minutes=1)


def rep(name: str, *, active: bool = True) -> Rep:
    return Rep(name, name.title(), f"{name}@sales.example", active=active)


def roster(
    names: Iterable[str], *, turns: Iterable[Turn] = (), absences: Iterable[Absence] = (), opens: Mapping[str, int] | None = None
) -> Roster:
    return Roster({name: rep(name) for name in names}, absences, opens, turns)


def drawn(pool: Pool, roster: Roster, times: int, *, since: datetime | None = None, exclude: frozenset[str] = frozenset()) -> list[str]:
    """Who took each of so many turns, a minute apart; `since` is a minute after the last one."""
    takers = []
    since = since or MONDAY + sum(turn.turns for turn in roster.turns("smb").values()) * MINUTE
    for number in range(times):
        taker = draw("smb", pool, roster, since + number * MINUTE, exclude).taker
        assert taker is not None
        takers.append(taker.rep)
    return takers


@pytest.mark.parametrize(
    ("members", "turns"),
    [
        ({"ana": 1}, "ana ana ana"),
        ({"ana": 1, "bo": 1}, "ana bo ana bo"),
        ({"bo": 1, "ana": 1}, "ana bo ana bo"),  # the order of the contract's text decides nothing
        ({"ana": 1, "bo": 1, "cy": 0.5}, "ana bo cy ana bo ana bo cy ana bo"),
        ({"ana": 2, "bo": 1}, "ana bo ana ana bo ana"),
        ({"ana": 3, "bo": 1}, "ana ana bo ana ana ana bo ana"),
        ({"ana": 10, "bo": 10, "cy": 10}, "ana bo cy ana bo cy"),  # only the ratio of weights means something
        ({"ana": 0.5, "bo": 0.1}, "ana ana ana ana bo ana ana ana ana ana bo ana"),  # one in six, not six in thirty-six
    ],
)
def test_turns_from_the_start(members: dict[str, float], turns: str) -> None:
    """The golden table: the first turns of a new pool."""
    assert drawn(Pool(members=members), roster(members), len(turns.split())) == turns.split()


def test_a_rep_back_from_two_weeks_away_is_not_flooded() -> None:
    """Ana and Bo took 40 handoffs while Cy was away. Back on Monday, Cy takes every third, not the next twenty."""
    away = Absence("cy", MONDAY, MONDAY + timedelta(days=14))
    pool = Pool(members={"ana": 1, "bo": 1, "cy": 1})
    house = roster(pool.members, absences=[away], turns=[Turn("smb", "cy", 7, 7.0), Turn("smb", "ana", 7, 7.0), Turn("smb", "bo", 7, 7.0)])
    assert Counter(drawn(pool, house, 40)) == {"ana": 20, "bo": 20}
    assert Counter(drawn(pool, house, 30, since=away.ends_at)) == {"ana": 10, "bo": 10, "cy": 10}


def test_a_rep_comes_back_exactly_as_far_behind_as_she_went() -> None:
    """It was Cy's turn when Cy left for lunch. It is Cy's turn when Cy is back, however many came between."""
    lunch = Absence("cy", MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=4))
    pool = Pool(members={"ana": 1, "bo": 1, "cy": 1})
    house = roster(pool.members, absences=[lunch])
    assert drawn(pool, house, 2) == ["ana", "bo"]
    drawn(pool, house, 6, since=lunch.starts_at)
    assert drawn(pool, house, 3, since=lunch.ends_at) == ["cy", "ana", "bo"]


def test_a_joiner_starts_level() -> None:
    """Dee joins a pool that has handed out 200. She takes her quarter of what comes, from the first day, and nothing of what was."""
    pool = Pool(members={"ana": 1, "bo": 1, "cy": 1})
    house = roster([*pool.members, "dee"])
    drawn(pool, house, 200)
    grown = Pool(members={**pool.members, "dee": 1})
    takers = drawn(grown, house, 40)
    assert Counter(takers)["dee"] == 10
    assert all(pair != ("dee", "dee") for pair in pairwise(takers))


def test_a_joiner_on_the_day_somebody_is_away_costs_them_nothing() -> None:
    """Dee joins while Bo is away: two are here and two have places, and yet Bo is not here; Bo moves along all the same."""
    house = roster(["ana", "bo", "dee"], turns=[Turn("smb", "ana", 4, 4.0), Turn("smb", "bo", 4, 4.0)])
    draw("smb", Pool(members={"ana": 1, "bo": 1, "dee": 1}), house, MONDAY, frozenset({"bo"}))
    assert house.turns("smb")["bo"].level == 4.5


def test_a_member_who_leaves_resets_nobody() -> None:
    pool = Pool(members={"ana": 1, "bo": 1, "cy": 1})
    house = roster(pool.members)
    assert drawn(pool, house, 4) == ["ana", "bo", "cy", "ana"]
    assert drawn(Pool(members={"ana": 1, "cy": 1, "bo": 1}), house, 1) == ["bo"]
    assert drawn(Pool(members={"ana": 1, "cy": 1}), house, 4) == ["cy", "ana", "cy", "ana"]


def test_who_left_the_pool_and_comes_back_a_year_later_is_level_too() -> None:
    full, without = Pool(members={"ana": 1, "bo": 1, "cy": 1}), Pool(members={"ana": 1, "bo": 1})
    house = roster(full.members)
    drawn(full, house, 9)
    drawn(without, house, 500)
    assert Counter(drawn(full, house, 9))["cy"] == 3


def test_a_changed_weight_counts_from_now_on() -> None:
    """It is nearly Cy's turn at a tenth of the work. From now on Cy works full time: that is two turns to catch up on, not eight."""
    part, full = Pool(members={"ana": 1, "bo": 1, "cy": 0.1}), Pool(members={"ana": 1, "bo": 1, "cy": 1})
    house = roster(part.members)
    assert "cy" not in drawn(part, house, 18)
    assert Counter(drawn(full, house, 12))["cy"] == 4 + 2


def test_who_is_here_alone_takes_it_however_far_ahead() -> None:
    """Bo is owed, but Bo is away. Ana is ahead of her share, and it is hers all the same: a prospect does not wait for fairness."""
    pool = Pool(members={"ana": 1, "bo": 1})
    house = roster(pool.members, turns=[Turn("smb", "ana", 9, 9.0), Turn("smb", "bo", 0, 0.0)])
    result = draw("smb", pool, house, MONDAY, frozenset({"bo"}))
    assert result.taker is not None
    assert result.taker.rep == "ana"
    assert result.skipped == (("bo", "excluded"),)


def test_everyone_passed_over_is_named_with_the_reason() -> None:
    pool = Pool(members={"ana": 1, "bo": 1, "cy": 1, "dee": 1, "eve": 1, "fay": 1}, cap=3)
    reps = {name: rep(name, active=name != "bo") for name in ("ana", "bo", "cy", "dee", "fay")}
    house = Roster(
        reps,
        [Absence("cy", MONDAY, MONDAY + MINUTE)],
        {"dee": 3},
        [Turn("smb", "ana", 9, 9.0), Turn("smb", "fay", 7, 7.5)],
    )
    first = draw("smb", pool, house, MONDAY, frozenset())
    assert first.taker is not None
    assert first.taker.rep == "fay"
    assert dict(first.skipped) == {"bo": "inactive", "cy": "pto", "dee": "capped", "eve": "unknown_rep", "ana": "over_share"}
    second = draw("smb", pool, house, MONDAY + MINUTE, frozenset({"fay"}))
    assert dict(second.skipped)["fay"] == "excluded"
    assert "cy" not in dict(second.skipped)


def test_nobody_here_means_nobody_gets_it_and_nothing_changes() -> None:
    pool = Pool(members={"ana": 1, "bo": 1})
    house = roster(pool.members, turns=[Turn("smb", "ana", 3, 3.0, MONDAY)])
    result = draw("smb", pool, house, MONDAY, frozenset({"ana", "bo"}))
    assert result.taker is None
    assert result.waiting == ()
    assert house.changed() == []


def test_only_what_changed_is_written_back() -> None:
    pool = Pool(members={"ana": 1, "bo": 1, "cy": 1})
    rows = [Turn("smb", name, 2, 2.0, MONDAY) for name in pool.members] + [Turn("ent", "ana", 5, 5.0, MONDAY)]
    house = roster(pool.members, turns=rows)
    drawn(pool, house, 1, since=MONDAY + MINUTE)
    assert house.changed() == [Turn("smb", "ana", 3, 3.0, MONDAY + MINUTE)]


def test_two_batches_are_as_good_as_one() -> None:
    """What is written back and read again is all there is to know: the next batch goes on where this one stopped."""
    pool = Pool(members={"ana": 1, "bo": 0.7, "cy": 0.3})
    whole = roster(pool.members)
    expected = drawn(pool, whole, 40)
    rows: dict[tuple[str, str], Turn] = {}
    takers: list[str] = []
    for batch in range(8):
        house = roster(pool.members, turns=rows.values())
        takers += drawn(pool, house, 5, since=MONDAY + batch * 5 * MINUTE)
        rows.update({(turn.pool, turn.rep): turn for turn in house.changed()})
    assert takers == expected


# --- properties -----------------------------------------------------------------------------------------------

WEIGHTS = st.one_of(st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0]), st.floats(0.05, 9.0))
MEMBERS = st.dictionaries(st.sampled_from(["ana", "bo", "cy", "dee", "eve", "fay", "gus"]), WEIGHTS, min_size=1)


@settings(deadline=None)
@given(MEMBERS, st.integers(1, 150))
def test_while_all_are_here_nobody_is_a_whole_turn_away_from_their_share(members: dict[str, float], times: int) -> None:
    """At all times: after each single turn, not only at the end."""
    taken: Counter[str] = Counter()
    total = sum(members.values())
    for number, taker in enumerate(drawn(Pool(members=members), roster(members), times), start=1):
        taken[taker] += 1
        for name, weight in members.items():
            assert abs(taken[name] - number * weight / total) < 1 + 1e-6


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["ana", "bo", "cy", "dee", "eve"]), st.integers(1, 30), min_size=1), st.integers(1, 90))
@example({"ana": 21, "bo": 3, "cy": 1, "dee": 3}, 4)
@example({"ana": 4, "bo": 1, "cy": 1}, 15)
def test_the_turns_are_those_of_exact_arithmetic(tenths: dict[str, int], times: int) -> None:
    """Levels are kept in binary. The oracle draws the same turns with fractions: no rounding decides who gets a handoff."""
    weights = {name: Fraction(tenth, 10) for name, tenth in tenths.items()}
    total, taken, last = sum(weights.values()), dict.fromkeys(weights, 0), dict.fromkeys(weights, -1)
    expected = []
    for number in range(times):
        within = [name for name in weights if taken[name] / weights[name] < (number + 1) / total]
        taker = min(within, key=lambda name: ((taken[name] + 1) / weights[name], last[name], name))
        taken[taker], last[taker] = taken[taker] + 1, number
        expected.append(taker)
    members = {name: tenth / 10 for name, tenth in tenths.items()}
    assert drawn(Pool(members=members), roster(members), times) == expected


@settings(deadline=None)
@given(MEMBERS.filter(lambda m: len(m) > 1), WEIGHTS, st.integers(0, 60), st.integers(1, 80))
def test_a_joiner_never_takes_more_than_one_turn_beyond_their_share(
    members: dict[str, float], weight: float, before: int, after: int
) -> None:
    house = roster([*members, "zoe"])
    drawn(Pool(members=members), house, before)
    share = weight / (sum(members.values()) + weight)
    taken = 0
    for number, taker in enumerate(drawn(Pool(members={**members, "zoe": weight}), house, after), start=1):
        taken += taker == "zoe"
        assert taken < number * share + 1 + 1e-6


@settings(deadline=None)
@given(st.integers(2, 7), st.integers(0, 40), st.integers(0, 40))
def test_a_joiner_among_equals_never_takes_two_in_a_row(size: int, before: int, after: int) -> None:
    members = {f"rep{number}": 1.0 for number in range(size)}
    house = roster([*members, "joiner"])
    drawn(Pool(members=members), house, before)
    takers = drawn(Pool(members={**members, "joiner": 1.0}), house, after)
    assert ("joiner", "joiner") not in set(pairwise(takers))


#: For each decision, who cannot take part.
COMINGS_AND_GOINGS = st.lists(st.sets(st.sampled_from(["ana", "bo", "cy", "dee"]), max_size=3), min_size=1, max_size=120)


@settings(deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(("ana", "bo", "cy", "dee"), WEIGHTS)), COMINGS_AND_GOINGS)
def test_coming_and_going_never_owes_or_grants_more_than_two_turns(members: dict[str, float], goings: list[set[str]]) -> None:
    """Each member's due is their share of the decisions they were here for. Whatever the absences, turns stay within two of it."""
    house, pool = roster(members), Pool(members=members)
    due = dict.fromkeys(members, 0.0)
    taken: Counter[str] = Counter()
    for number, away in enumerate(goings):
        here = sum(weight for name, weight in members.items() if name not in away)
        taken.update(drawn(pool, house, 1, since=MONDAY + number * MINUTE, exclude=frozenset(away)))
        for name, weight in members.items():
            due[name] += 0.0 if name in away else weight / here
            assert abs(taken[name] - due[name]) <= 2


@settings(deadline=None)
@given(MEMBERS, COMINGS_AND_GOINGS, st.randoms(use_true_random=False))
def test_the_same_input_in_the_same_order_gives_the_same_result(members: dict[str, float], goings: list[set[str]], random: object) -> None:
    """Also where the contract, or the store, lists the members in another order."""
    shuffled = list(members.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = roster(members), roster(dict(shuffled))
    for number, away in enumerate(goings):
        moment = MONDAY + number * MINUTE
        one = draw("smb", Pool(members=members), first, moment, frozenset(away))
        other = draw("smb", Pool(members=dict(shuffled)), second, moment, frozenset(away))
        assert (one.taker, one.waiting, one.skipped) == (other.taker, other.waiting, other.skipped)
    assert first.changed() == second.changed()


@settings(deadline=None)
@given(st.integers(1, 4), st.lists(st.one_of(st.just("arrives"), st.sampled_from(["ana", "bo", "cy"])), max_size=60))
def test_nobody_ever_holds_more_than_the_cap(cap: int, story: list[str]) -> None:
    """Handoffs arrive, or the named rep closes one. Whoever gets one had room for it."""
    pool, opens = Pool(members={"ana": 1, "bo": 2, "cy": 0.5}, cap=cap), Counter[str]()
    house = roster(pool.members)
    for number, happens in enumerate(story):
        if happens == "arrives":
            taker = draw("smb", pool, house, MONDAY + number * MINUTE).taker
            assert (taker is None) == all(opens[name] >= cap for name in pool.members)
            if taker is not None:
                house.took(taker.rep)
                opens[taker.rep] += 1
                assert opens[taker.rep] <= cap
        elif opens[happens]:
            house.gave_up(happens)
            opens[happens] -= 1
