"""What people do to handoffs, and what is refused."""

from __future__ import annotations

import pytest

from handfast.desk.actions import reassign
from handfast.desk.refused import Refused
from handfast.desk.touches import record_touches, touch, undo_touch
from handfast.facts import Evidence, Outcome, Touch, TouchKind

from .house import House, moment


def test_a_reason_is_required_and_the_refusal_names_the_choices(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    with pytest.raises(Refused) as refused:
        house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 10:30")
    assert "not_now" in refused.value.problem.fix
    assert house.one("SELECT closed_at FROM handoff") is None


def test_connected_keeps_it_open_until_something_came_of_it(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.ends(house.handoff(), owner, Outcome.CONNECTED, "Mon 10:20")
    assert house.one("SELECT closed_at, outcome FROM handoff") == (None, "connected")
    assert house.one("SELECT stopped_by FROM clock") == "touch"
    house.ends(house.handoff(), owner, Outcome.RECYCLE, "Mon 10:30", reason="not_now")
    assert house.one("SELECT outcome, contacted_at FROM handoff") == ("recycle", moment("Mon 10:20"))
    assert house.one("SELECT back_at FROM disposition WHERE outcome = 'recycle'") is not None


def test_a_closed_handoff_takes_no_touch_and_no_second_outcome(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.ends(house.handoff(), owner, Outcome.DISQUALIFY, "Mon 10:30", reason="bad_fit")
    with pytest.raises(Refused):
        house.calls(house.handoff(), owner, "Mon 10:40")
    with pytest.raises(Refused):
        house.ends(house.handoff(), owner, Outcome.MEETING_SET, "Mon 10:40")
    assert house.one("SELECT count(*) FROM disposition") == 1


def test_the_same_click_twice_is_one_touch(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    first, again = (house.calls(house.handoff(), "anna", "Mon 10:10") for _ in range(2))
    assert first == again
    assert house.one("SELECT count(*) FROM touch") == 1


def test_only_the_one_who_declared_it_may_take_it_back_and_not_for_ever(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    made = touch(house.store, house.handoff(), "anna", TouchKind.CALL, moment("Mon 10:10"))
    for rep, at in (("ben", "Mon 10:11"), ("anna", "Mon 10:40")):
        with pytest.raises(Refused):
            undo_touch(house.store, made.id, rep, moment(at))
    undo_touch(house.store, made.id, "anna", moment("Mon 10:12"))
    assert house.one("SELECT count(*) FROM touch") == 0


def test_the_first_of_two_touches_taken_back_leaves_the_clock_stopped_by_the_second(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    first = touch(house.store, house.handoff(), "anna", TouchKind.CALL, moment("Mon 10:10"))
    touch(house.store, house.handoff(), "anna", TouchKind.EMAIL, moment("Mon 10:12"))
    undo_touch(house.store, first.id, "anna", moment("Mon 10:14"))
    assert house.one("SELECT stopped_at FROM clock WHERE kind = 'first_touch'") == moment("Mon 10:12")
    assert house.one("SELECT touched_at FROM handoff") == moment("Mon 10:12")


def test_a_touch_of_somebody_in_no_handoff_is_kept_loose(house: House) -> None:
    house.hears(house.signal("new@acme.example", "identified", "Mon 09:00"))
    house.decide("Mon 09:00")
    person = house.one("SELECT id FROM person")
    seen = Touch("tch_x", person, "anna", TouchKind.EMAIL, moment("Mon 09:30"), Evidence.EVIDENCED)
    assert record_touches(house.store, [seen], moment("Mon 09:30")).loose == 1
    assert house.one("SELECT handoff_id FROM touch") is None


def test_handing_on_by_hand_tells_both_and_keeps_the_trace(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    before = str(house.owner())
    reassign(house.store, house.handoff(), "cleo", "Mia Manager", "knows the customer", moment("Mon 10:05"))
    assert house.owner() == "cleo"
    assert "reassigned" in house.heard("cleo")
    assert "reassigned" in house.heard(before)
    assert house.rows("SELECT rule, counts FROM assignment ORDER BY leg")[1] == ("manual", False)
    with pytest.raises(Refused):
        reassign(house.store, house.handoff(), "nobody", "Mia", "", moment("Mon 10:06"))


def test_what_is_refused_for_an_unknown_handoff_says_so(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.calls("hnd_nothing", "anna", "Mon 10:00")
    assert "no such handoff" in refused.value.problem.what
