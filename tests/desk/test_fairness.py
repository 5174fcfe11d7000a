"""Fairness in value, read from what happened: on the page and in the report."""

from __future__ import annotations

import pytest

from handfast.desk import availability, fairness, figures, outcomes
from handfast.desk.touches import record_touches
from handfast.facts import Evidence, Outcome, Touch, TouchKind
from handfast.store.base import Store

from .house import CONTRACT, House, moment

OPEN = CONTRACT.replace("members: {anna: 1, ben: 1}, cap: 3 open", "members: {anna: 1, ben: 1}")


@pytest.fixture
def busy(store: Store) -> House:
    """Forty firms, all alike, on one morning; five meetings are set."""
    house = House(store, OPEN)
    house.hears(
        *[house.signal(f"eva@firm{n}.example", "form_submitted", "Mon 09:30", form="demo", account={"employees": 200}) for n in range(40)]
    )
    house.decide("Mon 10:00")
    for handoff, owner in house.rows("SELECT id, owner_id FROM handoff ORDER BY id LIMIT 5"):
        house.ends(handoff, owner, Outcome.MEETING_SET, "Tue 10:00")
    return house


def test_turns_are_read_as_they_went(busy: House) -> None:
    """Anna says yes to one and lets it lie, calls another (nobody saw it), a third is seen by the telephone; she goes before Ben's turn."""
    mine = [row[0] for row in busy.rows("SELECT id FROM handoff WHERE owner_id = 'anna' AND closed_at IS NULL ORDER BY id LIMIT 3")]
    person = busy.one("SELECT person_id FROM handoff WHERE id = %s", mine[2])
    outcomes.accept(busy.store, mine[0], "anna", moment("Mon 10:05"))
    busy.calls(mine[1], "anna", "Mon 10:10")
    record_touches(
        busy.store,
        [Touch("t3", person, "anna", TouchKind.CALL, moment("Mon 10:20"), Evidence.EVIDENCED, False, "phone")],
        moment("Mon 10:20"),
    )
    availability.switch(busy.store, "anna", False, "anna@kraus.example", moment("Wed 10:00"))
    busy.arrives("max@late.example", "Wed 10:30")
    with busy.store.reading() as conn:
        found = fairness.values(conn, busy.book.at(moment("Mon+3 09:00")), moment("Mon+3 09:00"))
    team = found["team"]
    assert (team.known, team.spread.turns, team.spread.p) == (41, 41, 1.0), "all alike, so every turn is worth the same"
    assert {rep: part.turns for rep, part in team.spread.parts.items()} == {"anna": 20, "ben": 21}
    anna, ben = ({name: (one.hits, one.n) for name, one in team.counts[rep].items()} for rep in ("anna", "ben"))
    assert anna["accepted_then_waited"] == (1, 1)
    assert anna["off_before_turn"] == (1, 1)
    met = busy.one("SELECT count(*) FROM handoff WHERE owner_id = 'anna' AND outcome = 'meeting_set'")
    assert anna["declared_only"] == (1 + met, 2 + met), "a meeting told by hand is a touch declared"
    assert ben["off_before_turn"] == (0, 0)
    assert "as evenly as turns" in team.sentence


def test_the_report_names_pools_and_nobody(busy: House) -> None:
    shared = figures.report(busy.store, moment("Mon+3 09:00"))["fairness"]
    team = next(pool for pool in shared if pool["pool"] == "team")
    assert (team["turns"], team["p"], team["outside"], team["outcomes"]) == (40, 1.0, 0, 40)
    assert team["patterns"]["declared_only"]["n"] == 5
    assert "anna" not in str(shared)
    early = figures.report(busy.store, moment("Tue 09:00"))["fairness"][0]
    assert (early["p"], early["why"]) == (None, "too few handoffs have an end yet")
