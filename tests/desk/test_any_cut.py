"""A stream of signals comes to the same however it is cut into batches; and to something sound whatever lanes are held, and whoever else decides.

Who holds all lanes decides in the order of receipt, so one signal a decision, all in one, and any cut between must leave the same behind: the
same people with the same keys, values and accounts, the same conflicts, lessons and verdicts, the same handoffs of the same owners. Ids are
made of the signals, so they are the same too. What may differ is when it was decided, what briefs and messages say (what is recorded when
they are written), and through whom somebody who was folded twice leads to the one who was kept. With few lanes order is kept within a lane only: there, and among several workers, less is promised.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handfast.desk import contracts, handover
from handfast.desk.contracts import Book
from handfast.desk.handover import decide
from handfast.facts import LANES, Signal
from handfast.identity.keys import email_key, keys_of
from handfast.store.base import Store
from handfast.store.hints import Hints
from handfast.worker import CONFLICTS, CONFLICTS_IN_A_ROW
from tests.conftest import _own_database
from tests.desk.house import CONTRACT, House, moment
from tests.desk.test_groups import GROUPS

#: Plain; with attempts until they are reached; with buying groups; where no domain makes an account; and where they do from some moment on.
TERMS = {
    "plain": CONTRACT,
    "attempts": CONTRACT + "follow_up: {steps: [{channel: call}, {channel: email, wait: 1 day}], end: {within: 1 day, recycle: not_now}}\n",
    "groups": GROUPS,
    "people": CONTRACT + "match: {domain: off}\n",
    "changed": CONTRACT + "match: {domain: off}\n",
}

WHO = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["anna@kraus.example", "ben@kraus.example", "cyd@two.example", "zoe@gmail.com", "zoe+x@gmail.com"]),
        "user_id": st.sampled_from(["1", "2", "3"]),
        "anonymous_id": st.sampled_from(["a", "b", "c"]),
    },
).filter(bool)
SIGNAL = st.fixed_dictionaries(
    {
        "who": WHO,
        "kind": st.sampled_from(["page_viewed", "form_submitted", "form_submitted", "email_opened", "identified"]),
        "pause": st.sampled_from([0, 0, 1, 60, 700]),
        "late": st.sampled_from([0, 0, 0, 0, 1, 90, 3000]),
        "again": st.sampled_from([False, False, False, True]),
    },
    optional={
        "previous_id": st.sampled_from(["1", "2", "3", "a", "b"]),
        "group_id": st.sampled_from(["g", "h"]),
        "person": st.sampled_from([{"title": "VP"}, {"name": "Anna", "employees": 200}, {"country": "KP"}, {"country": "FR"}]),
        "account": st.sampled_from([{"employees": 200}, {"name": "Kraus AG", "employees": 90}, {"employees": 9}]),
    },
)
STREAM = st.lists(SIGNAL, min_size=2, max_size=12)
#: How many come before the next decision, and how many that takes at most.
CUTS = st.lists(st.tuples(st.integers(1, 8), st.sampled_from([1, 2, 3, 5, 50])), min_size=1, max_size=6)


#: After so many plays the dead rows of those before are swept out.
SWEEP_EVERY = 60


@dataclass(frozen=True)
class Houses:
    """One house for each of the terms."""

    of: dict[str, House]
    turns: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh(self, terms: str) -> House:
        """As if nothing had happened there yet but that the contract is in force."""
        house = self.of[terms]
        with house.store.session() as conn:
            conn.execute("SELECT as_if_new()")
            if next(self.turns) % SWEEP_EVERY == 0:
                conn.execute("VACUUM")
        house.store.hints = Hints()
        return house


@pytest.fixture(scope="module")
def houses(postgres_url: str, template_database: str) -> Iterator[Houses]:
    opened = {terms: _own_database(postgres_url, template_database) for terms in TERMS}
    stores = {terms: Store(next(one)) for terms, one in opened.items()}
    for store in stores.values():
        store.__enter__()
    try:
        made = {terms: House(store, TERMS[terms]) for terms, store in stores.items()}
        _, problems = contracts.put_in_force(made["changed"].store, CONTRACT, "contract.yaml", moment("Mon 12:00"))
        assert not problems
        for house in made.values():
            _prepare(house)
        yield Houses(made)
    finally:
        for store in stores.values():
            store.close()
        for one in opened.values():
            next(one, None)


def _prepare(house: House) -> None:
    """Everything that has rows by now stays, all else goes. A hundred times cheaper than a new database."""
    stays = {row[0] for row in house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") if _has_rows(house, row[0])}
    goes = [row[0] for row in house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") if row[0] not in stays]
    counters = house.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND is_identity = 'YES'"
    )
    lines = ["PERFORM set_config('session_replication_role', 'replica', true);", *(f'DELETE FROM "{name}";' for name in goes)]
    lines += [f"PERFORM setval(pg_get_serial_sequence('{t}', '{c}'), 1, false);" for t, c in counters if t in goes]
    with house.store.writing() as conn:
        conn.execute(f"CREATE FUNCTION as_if_new() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {' '.join(lines)} END $$")


def _has_rows(house: House, table: str) -> bool:
    return bool(house.rows(f'SELECT 1 FROM "{table}" LIMIT 1'))


def heard_of(house: House, told: Sequence[dict[str, Any]]) -> list[Signal]:
    """The stream as signals, in the order of receipt; one that comes twice is there twice."""
    now, made = moment("Mon 09:00"), []
    for number, one in enumerate(told):
        now += timedelta(minutes=one["pause"])
        signal = house.signal(
            one["who"].get("email"), one["kind"], now - timedelta(minutes=one["late"]), received=now, user=one["who"].get("user_id"),
            visitor=one["who"].get("anonymous_id"), previous=one.get("previous_id"), person=one.get("person", {}), message=f"s{number}",
            account=one.get("account", {}), path="/pricing", form="demo",
        )._replace(group_id=one.get("group_id"))  # fmt: skip
        made += [signal, signal] if one["again"] else [signal]
    return made


def lived(house: House, told: Sequence[dict[str, Any]], cuts: Sequence[tuple[int, int]], lanes: int = LANES) -> dict[str, list[Any]]:
    """What the stream leaves behind when it is decided so."""
    signals = heard_of(house, told)
    end = signals[-1].received_at
    done, turn = 0, 0
    while done < len(signals) or waits(house):
        many, limit = cuts[turn % len(cuts)]
        for signal in signals[done : done + many]:
            house.hears(signal)
        done, turn = done + many, turn + 1
        decide(house.store, house.book, end, limit=limit, lanes_at_once=lanes)
        assert turn < TURNS, "something waits and nobody decides it"
    return left(house)


def waits(house: House) -> bool:
    return bool(house.rows("SELECT 1 FROM pending LIMIT 1"))


#: No stream needs so many decisions.
TURNS = 300

#: What must not depend on the cut. Of lessons and verdicts all but when they were recorded.
LEFT = {
    "keys": "SELECT who, person_id, since FROM identity ORDER BY 1",
    "people": "SELECT id, email, name, account_id, fields, created_at FROM person ORDER BY 1",
    "accounts": "SELECT id, key, name, domain, owner_id, fields, created_at FROM account ORDER BY 1",
    "lessons": "SELECT noun, id, belongs_to, fields, at, signal_seq FROM learned ORDER BY at, signal_seq, noun, id",
    "stands": "SELECT person_id, outcome, fit, reason, next_step FROM standing ORDER BY 1",
    "verdicts": "SELECT person_id, signal_id, account_id, at, outcome, fit, intent, next_step, reason FROM verdict ORDER BY 1, 2",
    "handoffs": "SELECT id, party, account_id, person_id, next_step, sla, opened_at, owner_id, closed_at FROM handoff ORDER BY 1",
    "in them": "SELECT handoff_id, person_id, signal_id, raised_at, joined_at FROM handoff_person ORDER BY 1, 2",
    # Of who was folded since, the decision about the company stays where it was made before.
    "matches": """SELECT person_id, d.account_id, code, state FROM match_decision AS d JOIN person AS p ON p.id = person_id
                  WHERE merged_into IS NULL ORDER BY 1""",
    "clocks": "SELECT handoff_id, kind, number, sla, started_at, due_at, stopped_at FROM clock ORDER BY 1, 2, 3",
    "messages": "SELECT id, handoff_id, kind, channel, recipient, owner_id FROM outbox ORDER BY 1",
    "told": """SELECT name, at, handoff_id, person_id, account_id, rep_id, data FROM event WHERE name <> 'merged'
               ORDER BY at, name, data::text, handoff_id, person_id, account_id, rep_id""",
    "turns": "SELECT * FROM rotation ORDER BY 1, 2",
    "attempts": "SELECT * FROM follow_up ORDER BY 1",
    "waits": "SELECT * FROM pending",
    "set aside": "SELECT * FROM intake_problem",
}


def left(house: House) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: house.rows(query) for name, query in LEFT.items()}
    into = dict(house.rows("SELECT id, merged_into FROM person WHERE merged_into IS NOT NULL"))
    found["folded"] = sorted((one, last(into, one)) for one in into)
    return found


def last(into: dict[str, str], person: str) -> str:
    while person in into:
        person = into[person]
    return person


def differs(now: dict[str, list[Any]], one_by_one: dict[str, list[Any]]) -> dict[str, Any]:
    """What is left otherwise than by one signal a decision: (now and not then, then and not now)."""
    return {
        name: ([row for row in rows if row not in then], [row for row in then if row not in rows])
        for name, rows in now.items()
        if rows != (then := one_by_one[name])
    }


PATIENT = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@PATIENT
@given(told=STREAM, cuts=CUTS, terms=st.sampled_from(sorted(TERMS)), apart=st.booleans())
def test_any_cut_leaves_the_same_behind(
    houses: Houses, told: list[dict[str, Any]], cuts: list[tuple[int, int]], terms: str, apart: bool
) -> None:
    one_by_one = lived(houses.fresh(terms), told, [(1, 1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handover, "SIDE_BY_SIDE", 1 if apart else handover.SIDE_BY_SIDE)
        assert differs(lived(houses.fresh(terms), told, [(len(told) * 2, 2000)]), one_by_one) == {}
        assert differs(lived(houses.fresh(terms), told, cuts), one_by_one) == {}
    assert one_by_one["waits"] == one_by_one["set aside"] == []


# --- few lanes, and several workers -----------------------------------------------------------------------------


@PATIENT
@given(told=STREAM, cuts=CUTS, terms=st.sampled_from(sorted(TERMS)), lanes=st.sampled_from([1, 2, 3, 8, 63]))
def test_whatever_lanes_are_held_it_comes_to_something_sound(
    houses: Houses, told: list[dict[str, Any]], cuts: list[tuple[int, int]], terms: str, lanes: int
) -> None:
    house = houses.fresh(terms)
    lived(house, told, cuts, lanes)
    assert unsound(house, heard_of(house, told), terms) == []


@PATIENT
@given(told=STREAM, limits=st.tuples(st.integers(1, 4), st.integers(1, 4)), lanes=st.integers(1, 4), terms=st.sampled_from(sorted(TERMS)))
def test_two_who_decide_at_once_leave_something_sound(
    houses: Houses, told: list[dict[str, Any]], limits: tuple[int, int], lanes: int, terms: str
) -> None:
    house = houses.fresh(terms)
    signals = heard_of(house, told)
    for signal in signals:
        house.hears(signal)
    together([lambda limit=limit: decides_all(house, signals[-1].received_at, limit, lanes) for limit in limits])  # type: ignore[misc]
    assert unsound(house, signals, terms) == []


def decides_all(house: House, at: datetime, limit: int, lanes: int) -> None:
    """One of several workers: decides until nothing waits. What two do to each other is begun again, as the worker does, and not for ever."""
    in_a_row, book = 0, Book()
    for _ in range(10 * TURNS):
        try:
            if not decide(house.store, book, at, limit=limit, lanes_at_once=lanes).signals:
                time.sleep(0.01)  # the other one has the lanes
            in_a_row = 0
        except CONFLICTS:
            in_a_row += 1
            assert in_a_row < CONFLICTS_IN_A_ROW
        if not waits(house):
            return
    raise AssertionError("something waits and nobody decides it")


def together(works: Sequence[Callable[[], None]]) -> None:
    """Raises what the first of them raised."""
    raised: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def unsound(house: House, signals: Sequence[Signal], terms: str) -> list[str]:
    """What holds in whichever order the lanes are decided, and is not so."""
    whose = dict(house.rows("SELECT who, person_id FROM identity"))
    people = {row[0]: row[1:] for row in house.rows("SELECT id, merged_into, email, account_id, fields FROM person")}
    firms = dict(house.rows("SELECT id, fields FROM account"))
    found = [f"{name}: {row}" for name in ("waits", "set aside") for row in house.rows(LEFT[name])]
    found += [f"{who} is of somebody who was folded" for who, person in whose.items() if people[person][0] is not None]
    for signal in signals:
        named = keys_of(signal.email, signal.user_id, signal.anonymous_id)
        found += [f"{key} is nobody's" for key in named if key not in whose and (signal.email or signal.user_id)]
        if named[0] not in whose or named[0].startswith("visitor:"):
            continue
        _, email, account, fields = people[whose[named[0]]]
        if signal.email and (email is None or email_key(email) != named[0]):
            found.append(f"{signal.email} is the address of somebody with {email}")
        found += [f"{name} was said of {named[0]} and is not known" for name in signal.person.keys() - fields.keys() - {"name"}]
        if signal.email and not signal.email.endswith("gmail.com") and terms not in ("people", "changed"):
            found += [
                f"{name} was said of the firm of {named[0]}" for name in signal.account.keys() - firms.get(account, {}).keys() - {"name"}
            ]
    return found
