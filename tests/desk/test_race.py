"""Sixteen worker processes decide at once, on a real database. No capacity is exceeded by one, and nobody is a whole turn from their share."""

from __future__ import annotations

from collections import Counter
from multiprocessing import get_context

from handfast.facts import Rep
from handfast.routing.assign import Case, Roster, assign
from handfast.store import handover as rows
from handfast.store.base import Store

from . import deciding
from .house import CONTRACT, House, moment

WORKERS = 16
LEADS = 240
#: Anna may hold 20 and is soon full; Ben has two shares, Zoe half a one. Mia takes fifteen a day, and only what is in French.
RACE = CONTRACT.replace(
    "team: {members: {anna: 1, ben: 1}, cap: 3 open}",
    "team: {members: {ben: 2, cleo: 1, zoe: 0.5}, counter: all}\n"
    "    small: {members: {anna: 1}, cap: 20 open, counter: all}\n"
    "    french: {members: {mia: 1}, per_day: 15 per day, needs: [french]}",
).replace(
    "territories: [", "territories: [{name: small, when: \"country = 'LU'\", to: small}, {name: french, when: \"country = 'BE'\", to: french}, "
)  # fmt: skip


def test_sixteen_workers_keep_every_capacity_and_every_share(store: Store) -> None:
    house = House(store, RACE)
    with store.writing() as conn:
        conn.execute("INSERT INTO rep_profile (rep_id, skills) VALUES ('mia', '{french}')")
    at = moment("Mon 10:00")
    countries = {0: "LU", 1: "BE"}
    house.hears(
        *[
            house.signal(f"pat@firm{n}.example", "form_submitted", at, form="demo", account={"employees": 200, "country": countries.get(n % 8, "DE")})
            for n in range(LEADS)
        ]
    )  # fmt: skip
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.desk.deciding"])
    with context.Pool(WORKERS) as pool:
        opened = pool.starmap(deciding.work, [(store.url, at, number) for number in range(WORKERS)], chunksize=1)
    assert sum(opened) == LEADS
    assert sum(count > 0 for count in opened) > WORKERS // 2, "they did work at the same time"

    owned = Counter(house.rows("SELECT owner_id FROM handoff"))
    assert owned[("anna",)] == 20, "thirty asked for her, and she holds as many as she may"
    assert house.one("SELECT taken FROM rep_day WHERE rep_id = 'anna'") == 20
    by_rule = Counter(house.rows("SELECT pool, owner_id FROM assignment WHERE counts"))
    assert by_rule[("french", "mia")] == 15
    # What 'small' and 'french' could not take fell through to the team, like everything else.
    team = {rep: count for (pool, rep), count in by_rule.items() if pool == "team"}
    total, weights = sum(team.values()), {"ben": 2, "cleo": 1, "zoe": 0.5}
    assert total == LEADS - 20 - 15
    for rep, weight in weights.items():
        assert abs(team[rep] - total * weight / 3.5) <= 1, (rep, team)


def test_the_same_input_in_the_same_order_gives_the_same_owners_again(store: Store) -> None:
    """What the workers decided can be decided again from the record, one by one."""
    house = House(store, CONTRACT.replace("cap: 3 open", "cap: 25 open"))
    at = moment("Mon 10:00")
    house.hears(*[house.signal(f"pat@firm{n}.example", "form_submitted", at, form="demo", account={"employees": 200}) for n in range(60)])
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.desk.deciding"])
    with context.Pool(4) as pool:
        pool.starmap(deciding.work, [(store.url, at, number) for number in range(4)], chunksize=1)
    recorded = house.rows("SELECT handoff_id, rep_id FROM event WHERE name IN ('assigned', 'left_unassigned') ORDER BY seq")
    assert len(recorded) == 60
    with store.reading() as conn:
        reps: dict[str, Rep] = rows.reps(conn)
        agreement = house.book.refresh(conn).at(at)
    roster = Roster(reps)
    assert [(handoff, assign(agreement, Case(handoff), roster, at).owner) for handoff, _ in recorded] == recorded
    assert Counter(owner for _, owner in recorded) == {"anna": 25, "ben": 25, None: 10}
