"""A clock in the calendar `rep` counts when its owner works: their week, their region, their absences, as known when it begins."""

from __future__ import annotations

import pytest

from handfast.desk import availability, clocks, imports
from handfast.desk.actions import reassign
from handfast.desk.why import why
from handfast.facts import Rep
from handfast.store.base import Store

from .house import CONTRACT, House, moment

OWN = CONTRACT.replace(
    "    first_touch: 60 minutes\n",
    """    first_touch: 60 minutes
    calendar: rep
    accept: {within: 30 minutes}
    next_touch: {within: 2 hours}
""",
).replace("dispositions:", "pauses: {on_holiday: {at_most: 1 day}}\ndispositions:")
FIRST = "SELECT calendar, due_at FROM clock WHERE kind = 'first_touch' AND handoff_id = %s"


@pytest.fixture
def house(store: Store) -> House:
    """Anna works mornings in Munich; Ben and Cleo the team's week in Berlin, Cleo in London."""
    house = House(store, OWN)
    availability.set_profile(store, "anna", {"mon-fri": ["08:00-12:00"]}, "DE-BY", [], "mia", moment("Mon 00:01"))
    imports.put_reps(store, [Rep("cleo", "Cleo C", "cleo@kraus.example", "bench", "mia", "Europe/London")])
    return house


def given(house: House, rep: str, at: str) -> str:
    """A handoff whose first owner is this rep: nobody else is there."""
    for other in {"anna", "ben"} - {rep}:
        availability.switch(house.store, other, on=False, by="mia", at=moment(at))
    house.arrives(f"{rep}@acme.example", at)
    assert house.owner() == rep
    for other in {"anna", "ben"} - {rep}:
        availability.switch(house.store, other, on=True, by="mia", at=moment(at))
    return house.handoff()


def test_their_own_hours_and_absences_count_and_are_kept_with_the_number(house: House) -> None:
    house.away("anna", "Tue 08:00", "Wed 10:00")
    handoff = given(house, "anna", "Mon 11:30")
    calendar, due = house.one(FIRST, handoff)
    assert due == moment("Wed 10:30"), "half an hour on Monday, the rest when she is back"
    assert calendar == ("rep@Europe/Berlin | week mon-fri 08:00-12:00 | holidays DE-BY | away 2026-03-03T07:00:00Z/2026-03-04T09:00:00Z")
    availability.set_profile(house.store, "anna", None, None, [], "mia", moment("Mon 11:40"))
    house.away("anna", "Thu 08:00", "Fri 10:00")
    story = why(house.store, handoff, moment("Mon 11:45"))
    assert story is not None
    explained = next(c["explained"] for c in story["clocks"] if c["kind"] == "first_touch")
    assert explained == (
        "First touch is due Wed 4 Mar 2026 10:30 (Europe/Berlin), 60 minutes after Mon 2 Mar 2026 11:30. "
        "Counted: Mon 2 Mar 2026 11:30 to 12:00 (30 min), Wed 4 Mar 2026 10:00 to 10:30 (30 min). "
        "The hours are the owner's, as known then: their own week (mon-fri 08:00-12:00), the holidays of DE-BY, on the clocks of Europe/Berlin. "
        "Not counted: Tue 3 Mar 2026 08:00 to Wed 4 Mar 2026 10:00 (the owner is away)."
    ), "what was known then, whatever was changed since"


def test_passed_on_the_leads_clock_runs_on_and_the_new_owner_has_hours_of_their_own(house: House) -> None:
    handoff = given(house, "anna", "Mon 11:45")
    first = house.one(FIRST, handoff)
    reassign(house.store, handoff, "cleo", "mia", "she is there in the afternoon", moment("Mon 17:00"))
    assert house.one(FIRST, handoff) == first, "never reset"
    assert house.one("SELECT number, calendar, due_at FROM clock WHERE kind = 'accept' AND current") == (
        1,
        "rep@Europe/London",
        moment("Mon 17:30"),
    ), "half past four in London"
    story = why(house.store, handoff, moment("Mon 18:00"))
    assert story is not None
    assert [leg["worked_seconds"] for leg in story["legs"]] == [15 * 60.0, 60 * 60.0]


def test_a_clock_that_runs_keeps_its_hours_when_it_is_worked_out_again(house: House) -> None:
    handoff = given(house, "anna", "Mon 09:00")
    house.calls(handoff, "anna", "Mon 11:00")
    running = "SELECT number, calendar, due_at FROM clock WHERE kind = 'next_touch' AND stopped_at IS NULL"
    before = house.one(running)
    assert before[2] == moment("Tue 09:00")
    house.away("anna", "Tue 08:00", "Fri 10:00")
    clocks.pause(house.store, handoff, "on_holiday", "anna", moment("Mon 11:10"))
    clocks.resume(house.store, handoff, "anna", moment("Mon 11:20"))
    assert house.one(running) == (before[0], before[1], moment("Tue 09:10")), "ten minutes of hers, and no absence entered since"
    reassign(house.store, handoff, "cleo", "mia", "she knows them", moment("Mon 11:30"))
    assert house.one(running)[:2] == before[:2]
    house.calls(handoff, "cleo", "Mon 14:00")
    assert house.one(running)[1:] == ("rep@Europe/London", moment("Mon 16:00"))


def test_what_nobody_owns_counts_in_the_teams_hours(house: House) -> None:
    for rep in ("anna", "ben"):
        availability.switch(house.store, rep, on=False, by="mia", at=moment("Mon 09:00"))
    house.arrives("lea@acme.example", "Mon 17:00")
    assert house.one(FIRST, house.handoff()) == ("rep", moment("Tue 09:30"))
