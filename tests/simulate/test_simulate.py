"""The simulation itself, in small: some seeds keep every promise, the same seed tells the same story, and a broken product is caught.

`make simulate SEEDS=1000` plays more; docs/reference/reliability.md says what it checks, and which broken products it catches.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.reading import read_contract
from handfast.desk import contracts
from handfast.desk.contracts import Book
from handfast.desk.handover import decide
from handfast.desk.intake import record
from handfast.desk.overrides import set_override
from handfast.facts import Signal, signal_id
from handfast.store.base import StorageAway
from handfast.worktime import Hours
from tests.conftest import _own_database
from tests.simulate.broken import VARIANTS, broken_by
from tests.simulate.cli import catch
from tests.simulate.company import DAYS, WALLS, terms_of
from tests.simulate.faults import Crashed, Fault, Watch, on_commit, watched
from tests.simulate.house import House, read_once
from tests.simulate.play import play
from tests.simulate.turns import Actor, take_turns

#: Seeds that every run of the tests plays; a nightly run plays a thousand.
SEEDS = range(1, 51)
#: Variants caught within a few seeds: the others are for `make simulate BROKEN=all`.
QUICK = (
    "timer_dropped",
    "marked_as_sent_first",
    "clock_reset_on_reassignment",
    "second_open_handoff",
    "pause_without_end",
    "yes_asked_once",
)


@pytest.fixture(scope="module")
def house(postgres_url: str, template_database: str) -> Iterator[House]:
    before, read = structlog.get_config(), contracts.read_contract
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    read_once()
    opened = _own_database(postgres_url, template_database)
    try:
        made = House(next(opened))
        yield made
        made.close()
    finally:
        structlog.configure(**before)
        contracts.read_contract = read
        next(opened, None)


@pytest.mark.slow
def test_every_promise_holds_after_every_step(house: House) -> None:
    steps = faults = 0
    for seed in SEEDS:
        result = play(house, seed)
        assert not result.broken, "\n".join([f"seed {seed}", *map(str, result.broken), *result.story[-12:]])
        steps, faults = steps + result.steps, faults + result.faults
    assert steps > 10 * len(SEEDS), "the seeds must have a life"
    assert faults > len(SEEDS), "what cannot fail proves nothing"


def test_the_same_seed_is_the_same_story(house: House) -> None:
    """Also after other seeds, on a database that has seen more: what is stored after each step goes into the trace."""
    first = [play(house, seed) for seed in (5, 6, 7)]
    play(house, 99)
    again = [play(house, seed) for seed in (7, 6, 5)]
    assert [one.story for one in first] == [one.story for one in reversed(again)]
    assert [one.trace for one in first] == [one.trace for one in reversed(again)]
    assert len({one.trace for one in first}) == 3


@pytest.mark.parametrize("name", QUICK)
def test_a_broken_product_is_caught(house: House, name: str) -> None:
    """And the seed that caught it does so again, at the same step and with the same words; without the mistake it holds."""
    found = catch(house, VARIANTS[name], 20)
    assert found is not None, f"nobody noticed that {VARIANTS[name].what}"
    assert found.broken[0].promise in (VARIANTS[name].promise, 2, 3, 4), found.broken
    with broken_by(VARIANTS[name], house):
        again = play(house, found.seed)
    assert (again.trace, again.steps, again.broken) == (found.trace, found.steps, found.broken)
    assert not play(house, found.seed).broken, "the product itself keeps its promises in that seed"


def test_there_are_broken_products_for_every_promise() -> None:
    assert len(VARIANTS) >= 60
    assert {variant.promise for variant in VARIANTS.values()} == {1, 2, 3, 4, 5, 6, 7}


def test_workers_who_overtake_each_other_are_seen_between_their_commits(house: House) -> None:
    """Afterwards both are done, and nothing stored tells who was first."""
    at = datetime(2026, 6, 10, 9, tzinfo=UTC)
    overtaken = []
    for name in ("", "lane_lock_ignored"):
        with broken_by(VARIANTS[name], house) if name else nullcontext():
            glimpses = _two_decide(house, at, first="bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
        overtaken.append(any(len(after) == 1 and _second(house) not in after for after in glimpses))
    assert overtaken == [False, True]


# --- the simulator's own parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "raised"), [("crash", Crashed), ("cut", StorageAway)])
def test_a_fault_before_the_commit_leaves_nothing_and_one_after_it_everything(house: House, kind: Any, raised: type[BaseException]) -> None:
    """BEGIN, INSERT, COMMIT and the moment after it: the fourth point is the one at which nobody knows that it was done."""
    for point, there in ((2, 0), (3, 0), (4, 1)):
        house.empty()
        with pytest.raises(raised):
            _with_fault(Fault(kind, point), lambda: _note(house, "k"))
        assert house.rows("SELECT count(*) FROM note") == [(there,)]
    assert house.store.server_restarts() >= 0
    _note(house, "after it all")


def test_what_is_decided_by_hand_and_its_turn_are_written_together(house: House) -> None:
    """Killed at any point: there is the override and the signal that has it decided upon at once, or neither."""
    at = datetime(2026, 6, 10, 9, tzinfo=UTC)
    found = set()
    for point in range(1, 16):
        house.empty()
        signal = Signal(signal_id("site", "m1"), "site", "page_viewed", at, at, email="ada@one.example")
        contracts.put_in_force(house.store, terms_of("always")[0].yaml(), "contract.yaml", at)
        record(house.store, "site", [signal], [], at)
        assert decide(house.store, Book(), at).signals == 1
        with suppress(Crashed):
            _with_fault(
                Fault("crash", point),
                lambda: set_override(house.store, "ada@one.example", "never", "a student", "mia", at + timedelta(days=2), at),
            )
        found.add(
            house.rows("SELECT (SELECT count(*) FROM readiness_override), (SELECT count(*) FROM signal WHERE kind = 'overridden')")[0]
        )
    assert found == {(0, 0), (1, 1)}


def test_two_who_want_one_row_take_turns_and_the_draws_decide_who_is_first(house: House) -> None:
    """One waits for the other's lock; nobody hangs, and the same draws give the same order."""
    orders = []
    for seed in (1, 2, 3, 1):
        house.empty()
        _note(house, "row")
        order: list[str] = []

        def work(name: str, order: list[str] = order) -> Callable[[], None]:
            def change() -> None:
                with house.store.writing() as conn:
                    conn.execute("SELECT 1")
                    conn.execute("UPDATE note SET value = %s WHERE key = 'row'", (f'"{name}"',))
                    order.append(name)

            return change

        actors = [Actor(name, work(name)) for name in ("ann", "ben")]
        take_turns(actors, random.Random(seed), house.monitor)
        assert [actor.raised for actor in actors] == [None, None]
        orders.append(tuple(order))
    assert orders[0] == orders[3]
    assert {frozenset(order) for order in orders} == {frozenset({"ann", "ben"})}


def test_of_a_deadlock_one_is_ended_and_the_other_goes_on(house: House) -> None:
    house.empty()
    _note(house, "a")
    _note(house, "b")

    def work(first: str, second: str) -> Callable[[], None]:
        def change() -> None:
            with house.store.writing() as conn:
                for key in (first, second):
                    conn.execute("UPDATE note SET value = '1' WHERE key = %s", (key,))

        return change

    deadlocks = 0
    for seed in range(6):
        actors = [Actor("ab", work("a", "b")), Actor("ba", work("b", "a"))]
        take_turns(actors, random.Random(seed), house.monitor)
        raised = [actor.raised for actor in actors if actor.raised is not None]
        assert all(isinstance(one, psycopg.errors.DeadlockDetected) for one in raised)
        assert len(raised) <= 1
        deadlocks += len(raised)
    assert deadlocks, "of six orders one at least must meet"


@settings(max_examples=60, deadline=None)
@given(wall=st.sampled_from(sorted(WALLS)), day=st.integers(0, 4), seconds=st.integers(0, 5 * 86_400), minutes=st.integers(1, 3000))
def test_working_time_written_twice_comes_out_the_same(wall: str, day: int, seconds: int, minutes: int) -> None:
    """The simulation reckons due times by itself; on every wall and every unusual night it agrees with the product."""
    days = DAYS[wall]
    chosen = days[day % len(days)]
    start = datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC) + timedelta(seconds=seconds)
    hours = _hours(wall)
    due = WALLS[wall].due(start, minutes)
    assert due == hours.due(start, minutes)
    assert WALLS[wall].between(start, due) == timedelta(minutes=minutes)
    assert WALLS[wall].is_open(start) == hours.is_open(start)
    assert WALLS[wall].opening(start) == hours.next_opening(start)
    assert WALLS[wall].after_days(start, 1 + minutes % 5) == hours.due_after_days(start, 1 + minutes % 5)


@lru_cache
def _hours(wall: str) -> Hours:
    agreement, problems = read_contract(terms_of(wall)[0].yaml(), "simulated")
    assert agreement is not None, problems
    return agreement.hours("team")


def _two_decide(house: House, at: datetime, first: str) -> list[frozenset[str]]:
    """Two signals of one firm wait; `a` takes the older and stops before it decides, `b` does all it can meanwhile."""
    house.empty()
    contracts.put_in_force(house.store, terms_of("always")[0].yaml(), "contract.yaml", at)
    for n in (1, 2):
        asked = Signal(signal_id("site", f"m{n}"), "site", "form_submitted", at, at, email=f"p{n}@one.example", properties={"form": "demo"})
        record(house.store, "site", [asked], [], at + timedelta(seconds=n))
    glimpses: list[frozenset[str]] = []

    def work() -> None:
        on_commit(lambda: glimpses.append(house.waiting()))
        decide(house.store, Book(), at + timedelta(seconds=9), limit=1)

    take_turns([Actor("a", work), Actor("b", work)], _Says("aaaaaaaa" + first), house.monitor)
    return glimpses


class _Says(random.Random):
    """Draws whom it was told to draw, as long as they can go on."""

    def __init__(self, turns: str) -> None:
        super().__init__(1)
        self.turns = list(turns)

    def choice(self, ready: Any) -> Any:
        wanted = "ab".index(self.turns.pop(0)) if self.turns else ready[0]
        return wanted if wanted in ready else ready[0]


def _second(house: House) -> str:
    """Who waited longer: the younger of the two must not be done before."""
    return str(signal_id("site", "m2"))


def _note(house: House, key: str) -> None:
    with house.store.writing() as conn:
        conn.execute("INSERT INTO note (key, value, at) VALUES (%s, '0', now()) ON CONFLICT (key) DO NOTHING", (key,))


def _with_fault(fault: Fault, work: Callable[[], object]) -> None:
    watched(Watch(fault))
    try:
        work()
    finally:
        watched(None)
