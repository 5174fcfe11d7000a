"""What nobody can take is never silent and never forgotten: it waits with a clock, and is given out in the order in which it came."""

from __future__ import annotations

from collections import Counter

import pytest

from handfast.desk import availability, waiting
from handfast.desk.actions import reassign
from handfast.desk.refused import Refused
from handfast.facts import Outcome
from handfast.store.base import Store

from .house import CONTRACT, House, moment

#: Nobody but Anna and Ben, three open each, in their own hours.
HOURS = CONTRACT.replace("cap: 3 open", "cap: 3 open, hours: team, per_day: 4 per day")


@pytest.fixture
def hours(store: Store) -> House:
    return House(store, HOURS)


def drained(house: House, at: str) -> list[str]:
    return waiting.drain_all(house.store, house.book, moment(at), limit=2)


def people(house: House) -> list[tuple[str, str | None]]:
    """Who asked, and who owns it, in the order in which they came."""
    return house.rows("SELECT p.email, h.owner_id FROM handoff AS h JOIN person AS p ON p.id = h.person_id ORDER BY h.opened_at, h.id")  # type: ignore[return-value]


def no_gap(house: House) -> None:
    with house.store.reading() as conn:
        assert waiting.unowned(conn) == []


def test_everybody_out_waits_and_is_given_out_oldest_first_when_somebody_is_back(house: House) -> None:
    """Both are away. Five companies ask. Anna is back on Wednesday and may hold three: she gets the first three, in order."""
    house.away("anna", "Mon 08:00", "Wed 09:00")
    house.away("ben", "Mon 08:00", "Fri 09:00")
    for number in range(5):
        house.arrives(f"pat@firm{number}.example", f"Mon 1{number}:00")
    assert [owner for _, owner in people(house)] == [None] * 5
    no_gap(house)
    assert drained(house, "Wed 08:59") == []
    given = drained(house, "Wed 09:01")
    assert given == [house.handoff(number) for number in range(3)]
    assert [owner for _, owner in people(house)] == ["anna", "anna", "anna", None, None]
    assert house.heard("anna").count("handoff_opened") == 3
    assert house.rows("SELECT kind, stopped_by FROM clock WHERE handoff_id = %s AND kind = 'exception'", given[0]) == [
        ("exception", "assigned")
    ]
    no_gap(house)


def test_nobody_who_comes_later_overtakes(house: House) -> None:
    """Ben is back when the next one asks: what waits since Monday is his first, in the same breath."""
    house.away("anna", "Mon 08:00", "Fri 18:00")
    house.away("ben", "Mon 08:00", "Wed 09:00")
    house.arrives("pat@old.example", "Mon 10:00")
    house.arrives("pat@older.example", "Mon 09:00")
    house.arrives("pat@new.example", "Wed 10:00")
    assert people(house) == [("pat@older.example", "ben"), ("pat@old.example", "ben"), ("pat@new.example", "ben")]
    when = house.rows("SELECT handoff_id FROM assignment WHERE owner_id = 'ben' ORDER BY at, handoff_id")
    assert when[-1][0] == house.handoff(2) or len(set(house.rows("SELECT at FROM assignment WHERE owner_id = 'ben'"))) == 1


def test_more_wait_than_one_look_takes_in_and_still_nobody_overtakes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOKED_AT", 1)
    house.away("anna", "Mon 08:00", "Wed 09:00")
    house.away("ben", "Mon 08:00", "Fri 18:00")
    for number in range(3):
        house.arrives(f"pat@firm{number}.example", f"Mon 1{number}:00")
    house.arrives("pat@new.example", "Wed 10:00")
    assert [owner for _, owner in people(house)] == ["anna", None, None, None]
    assert "older handoffs" in str(house.rows("SELECT working FROM assignment WHERE handoff_id = %s", house.handoff(3)))
    drained(house, "Wed 10:01")
    assert [owner for _, owner in people(house)] == ["anna", "anna", "anna", None]


def test_room_that_is_freed_is_given_to_whoever_waited_longest(house: House) -> None:
    house.away("ben", "Mon 08:00", "Fri 18:00")
    for number in range(5):
        house.arrives(f"pat@firm{number}.example", f"Mon 1{number}:00")
    assert [owner for _, owner in people(house)] == ["anna", "anna", "anna", None, None]
    house.ends(house.handoff(0), "anna", Outcome.DISQUALIFY, "Tue 09:00", reason="bad_fit")
    assert drained(house, "Tue 09:01") == [house.handoff(3)]
    assert "may hold 3" in str(house.rows("SELECT working FROM assignment WHERE handoff_id = %s ORDER BY leg", house.handoff(4)))


def test_a_rep_who_switches_off_gets_nothing_and_on_again_gets_what_waited(house: House) -> None:
    at = moment("Mon 09:00")
    assert availability.switch(house.store, "anna", False, "anna", at, "on the road")
    assert not availability.switch(house.store, "anna", False, "anna", at)
    availability.switch(house.store, "ben", False, "ben", at)
    house.arrives("pat@firm.example", "Mon 10:00")
    assert house.owner() is None
    skipped = house.rows("SELECT working FROM assignment")[0][0][2]["skipped"]
    assert [(one["rep"], one["reason"]) for one in skipped] == [("anna", "off"), ("ben", "off")]
    availability.switch(house.store, "anna", True, "anna", moment("Mon 11:00"))
    assert drained(house, "Mon 11:00") == [house.handoff()]
    assert house.owner() == "anna"


def test_hours_that_begin_give_out_what_came_in_the_night(hours: House) -> None:
    """Friday 20:00 is outside their hours: it waits until Monday 09:00, on their own clocks."""
    hours.arrives("pat@firm.example", "Fri 20:00")
    assert hours.owner() is None
    said = str(hours.rows("SELECT working FROM assignment")[0][0])
    assert "Anna A is not at work now; back Mon 9 Mar 09:00 (Europe/Berlin)." in said
    assert drained(hours, "Mon+1 08:59") == []
    assert drained(hours, "Mon+1 09:00") == [hours.handoff()]
    no_gap(hours)


def test_a_rep_may_have_hours_of_their_own_in_a_zone_of_their_own(hours: House) -> None:
    availability.set_profile(hours.store, "ben", {"mon-sat": ["18:00-23:00"]}, None, [], "ben", moment("Mon 09:00"))
    hours.arrives("pat@firm.example", "Fri 20:00")
    assert hours.owner() == "ben"


def test_a_holiday_of_the_region_is_told_by_its_name(hours: House) -> None:
    """Epiphany is a holiday in Bavaria, and not in Berlin."""
    availability.set_profile(hours.store, "anna", {"mon-sun": ["00:00-24:00"]}, "DE-BY", [], "anna", moment("Mon 09:00"))
    availability.set_profile(hours.store, "ben", {"mon-sun": ["00:00-24:00"]}, "DE-BE", [], "ben", moment("Mon 09:00"))
    hours.arrives("pat@firm.example", "Fri+4 10:00")  # Good Friday, 2026-04-03
    assert hours.owner() is None
    skipped = hours.rows("SELECT working FROM assignment")[0][0][2]["skipped"]
    assert [one["reason"] for one in skipped] == ["holiday", "holiday"]
    assert "Good Friday" in skipped[0]["because"]


def test_a_capacity_by_the_day_counts_what_was_given_that_day_however_soon_it_was_done(hours: House) -> None:
    for number in range(9):
        hours.arrives(f"pat@firm{number}.example", f"Mon 10:0{number}")
        if hours.owner(number) is not None:
            hours.ends(hours.handoff(number), str(hours.owner(number)), Outcome.DISQUALIFY, f"Mon 10:0{number}", reason="bad_fit")
    assert Counter(owner for _, owner in people(hours)) == {"anna": 4, "ben": 4, None: 1}
    assert "was given 4 today and may be given 4 a day" in str(hours.rows("SELECT working FROM assignment WHERE owner_id IS NULL"))
    assert drained(hours, "Tue 09:00") == [hours.handoff(8)]


def test_whoever_gives_it_out_by_hand_is_asked_the_same(house: House) -> None:
    """Ben is away: Mia is told so, and may do it all the same; the record says that she did."""
    house.away("ben", "Mon 08:00", "Fri 18:00")
    house.arrives("pat@firm.example", "Mon 10:00")
    with pytest.raises(Refused, match="Ben B is away until 2026-03-06 17:00 UTC"):
        reassign(house.store, house.handoff(), "ben", "mia", "he knows them", moment("Mon 11:00"))
    reassign(house.store, house.handoff(), "ben", "mia", "He knows them.", moment("Mon 11:00"), anyway=True)
    assert house.owner() == "ben"
    working = house.rows("SELECT working FROM assignment ORDER BY leg DESC LIMIT 1")[0][0]
    assert working[0]["because"] == "He knows them. It is theirs although: Ben B is away until 2026-03-06 17:00 UTC."


SKILLED = CONTRACT.replace(
    "team: {members: {anna: 1, ben: 1}, cap: 3 open}",
    "team: {members: {anna: 1, ben: 1}, needs: [{skill: french, when: \"country = 'BE'\"}]}",
)


def test_a_language_is_asked_for_where_the_condition_holds(store: Store) -> None:
    house = House(store, SKILLED)
    availability.set_profile(house.store, "ben", None, None, ["french"], "ben", moment("Mon 09:00"))
    for number in range(4):
        house.arrives(f"pat@firm{number}.example", f"Mon 1{number}:00", account={"employees": 200, "country": "BE"})
    house.arrives("pat@other.example", "Mon 15:00")
    assert [owner for _, owner in people(house)] == ["ben", "ben", "ben", "ben", "anna"]
    assert "It asks for french, which Anna A does not have." in str(house.rows("SELECT working FROM assignment WHERE owner_id = 'ben'"))


STICKY = CONTRACT.replace(
    "team: {members: {anna: 1, ben: 1}, cap: 3 open}", "team: {members: {anna: 1, ben: 1}, cap: 3 open, sticky: 30 days}"
)


def test_who_comes_back_goes_to_whoever_had_them_and_that_is_no_turn(store: Store) -> None:
    house = House(store, STICKY)
    house.arrives("pat@firm.example", "Mon 10:00")
    assert house.owner() == "anna"
    house.ends(house.handoff(), "anna", Outcome.RECYCLE, "Mon 11:00", reason="not_now")
    house.arrives("pat@other.example", "Mon 12:00")
    house.ends(house.handoff(1), "ben", Outcome.RECYCLE, "Mon 12:30", reason="not_now")
    for number, day in enumerate(("Tue", "Wed", "Thu")):
        house.arrives("pat@firm.example", f"{day} 10:00")
        assert house.owner(2 + number) == "anna"
        house.ends(house.handoff(2 + number), "anna", Outcome.RECYCLE, f"{day} 11:00", reason="not_now")
    assert house.rows("SELECT rep_id, turns FROM rotation ORDER BY rep_id") == [("anna", 1), ("ben", 1)]
    assert "They come back, and Anna A had them last, until 2026-03-02." in str(house.rows("SELECT working FROM assignment"))
    house.away("anna", "Fri 08:00", "Fri 18:00")
    house.arrives("pat@firm.example", "Fri 10:00")
    assert house.owner(5) == "ben"
    assert house.rows("SELECT owner_id, cover_id, reason FROM cover") == [("anna", "ben", "pto")]


def test_a_thousand_rows_at_once_are_given_out_one_by_one(store: Store) -> None:
    """A list is imported: nobody gets all of it, and nobody is a whole turn ahead."""
    house = House(store, CONTRACT.replace("cap: 3 open", "cap: 900000 open"))
    at = moment("Mon 10:00")
    house.hears(*[house.signal(f"pat@firm{n}.example", "form_submitted", at, form="demo", account={"employees": 200}) for n in range(1000)])
    house.decide(at)
    assert Counter(owner for _, owner in people(house)) == {"anna": 500, "ben": 500}
