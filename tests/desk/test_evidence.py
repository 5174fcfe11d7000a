"""Signals that are touches stop clocks by themselves; what machines write is no contact; what was wrong is put right."""

from __future__ import annotations

import pytest

from handfast.desk.touches import undo_touch
from handfast.facts import Outcome
from handfast.store.base import Store

from .house import CONTRACT, House, moment

LISTENING = CONTRACT.replace(
    "dispositions:",
    """touches:
  - {on: call_logged, when: "seconds >= 30", touch: call, contact: true}
  - {on: call_logged, touch: call}
  - {on: email_sent, touch: email}
  - {on: email_replied, touch: email, contact: true}
  - {on: meeting_booked, touch: meeting, contact: true, meeting: true}
  - {on: email_bounced, touch: bounce}
  - {on: unsubscribed, touch: opt_out}
marketing:
  context_complete: {within: 4 hours}
  contact_valid: {within: 2 hours, ladder: [{after: 1 hour, remind: marketing}]}
brief: {required: [phone]}
follow_up:
  steps:
    - {channel: call}
    - {channel: email, wait: 2 hours, say: Send the two questions.}
    - {channel: call, wait: 1 day}
  within: 2 hours
  back_after: 2 days
  end: {within: 4 hours, recycle: not_now}
dispositions:""",
)


@pytest.fixture
def house(store: Store) -> House:
    return House(store, LISTENING)


def says(house: House, kind: str, at: str, **said: object) -> None:
    house.hears(house.signal("lea@acme.example", kind, at, **said))
    house.decide(at)


def test_a_call_the_telephone_system_saw_stops_the_clock_by_itself(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    says(house, "call_logged", "Mon 10:20", seconds=12, rep="ANNA@kraus.example")
    assert house.one("SELECT kind, contact, evidence, rep_id, source FROM touch") == (
        "call",
        False,
        "evidenced",
        "anna",
        "web: call_logged",
    )
    assert house.one("SELECT touched_at, contacted_at FROM handoff") == (moment("Mon 10:20"), None)
    assert house.one("SELECT stopped_at, stopped_by FROM clock WHERE kind = 'first_touch'") == (moment("Mon 10:20"), "touch")
    says(house, "call_logged", "Mon 11:00", seconds=200, rep="anna")
    assert house.one("SELECT contacted_at FROM handoff") == moment("Mon 11:00"), "attempt and contact keep their own times"


def test_what_comes_late_counts_at_its_own_time_and_twice_counts_once(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.clock("Mon 11:30")
    for _ in range(2):
        house.hears(house.signal("lea@acme.example", "email_sent", "Mon 10:30", received="Mon 12:00", message="one"))
        house.decide("Mon 12:00")
    assert house.one("SELECT count(*) FROM touch") == 1
    assert house.one("SELECT stopped_at FROM clock WHERE kind = 'first_touch'") == moment("Mon 10:30")


def test_a_voicemail_and_an_auto_reply_are_no_contact(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    says(house, "call_logged", "Mon 10:20", seconds=45, outcome="voicemail")
    says(house, "email_replied", "Mon 10:40", subject="Automatic reply: hello")
    assert house.one("SELECT touched_at, contacted_at FROM handoff") == (moment("Mon 10:20"), None)
    assert "auto_replied" in house.events()


def test_a_meeting_somebody_booked_has_a_time_of_its_own(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    says(house, "meeting_booked", "Mon 10:30")
    assert house.one("SELECT touched_at, contacted_at, meeting_at, closed_at FROM handoff") == (*([moment("Mon 10:30")] * 3), None)


def test_a_bounce_is_nothing_and_starts_marketings_clock_until_the_address_is_another(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    says(house, "email_bounced", "Mon 10:20")
    assert house.one("SELECT touched_at FROM handoff") is None
    assert house.one("SELECT due_at FROM clock WHERE kind = 'contact_valid'") == moment("Mon 12:20")
    house.clock("Mon 11:25")
    assert "clock" in house.heard("marketing")
    says(house, "page_viewed", "Mon 12:00", path="/", person={"phone": "+49 30 1234567"})
    assert house.one("SELECT stopped_at, stopped_by FROM clock WHERE kind = 'contact_valid'") == (moment("Mon 12:00"), "complete")
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'context_complete'") == "complete", "and the phone was what lacked"


def test_marketing_kept_its_promise_when_what_was_missing_arrived_however_late_it_is_decided(house: House) -> None:
    """Due at 12:20, here at 12:10, and the worker was away until 13:00."""
    house.arrives("lea@acme.example", "Mon 10:00")
    says(house, "email_bounced", "Mon 10:20")
    house.hears(
        house.signal("lea@acme.example", "page_viewed", "Mon 12:05", received="Mon 12:10", path="/", person={"phone": "+49 30 1234567"})
    )
    house.decide("Mon 13:00")
    assert house.one("SELECT stopped_at, stopped_by FROM clock WHERE kind = 'contact_valid'") == (moment("Mon 12:10"), "complete")
    house.clock("Mon 13:05")
    assert house.one("SELECT breached_at FROM clock WHERE kind = 'contact_valid'") is None


def test_the_next_step_falls_due_after_its_wait_and_the_owner_is_told(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    assert house.one("SELECT made, falls_due_at FROM follow_up") == (1, moment("Mon 12:30"))
    assert house.one("SELECT started_at, due_at, about ->> 'after' FROM clock WHERE kind = 'next_touch'") == (
        moment("Mon 12:30"), moment("Mon 14:30"), "1",
    )  # fmt: skip
    house.clock("Mon 12:30")
    assert house.heard(owner)[-1] == "task"
    assert "Step 2 of 3: email. Send the two questions." in house.one("SELECT payload ->> 'why' FROM outbox WHERE kind = 'task'")


def test_a_contact_ends_the_sequence_and_taking_it_back_goes_on_with_it(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    talked = house.calls(house.handoff(), owner, "Mon 11:00", contact=True)
    assert house.one("SELECT ended_why, falls_due_at FROM follow_up") == ("contact", None)
    assert house.one("SELECT count(*) FROM clock WHERE kind = 'next_touch' AND stopped_at IS NULL") == 0
    undo_touch(house.store, talked.id, owner, moment("Mon 11:05"))
    assert house.one("SELECT ended_why, falls_due_at FROM follow_up") == (None, moment("Mon 12:30"))
    assert house.one("SELECT started_at FROM clock WHERE kind = 'next_touch' AND stopped_at IS NULL") == moment("Mon 12:30")


def test_after_the_last_step_an_outcome_is_asked_for_and_then_it_is_recycled_by_the_rule(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    for at in ("Mon 10:30", "Mon 13:00", "Tue 13:00"):
        house.calls(house.handoff(), owner, at)
    assert house.one("SELECT ended_why FROM follow_up") == "steps_made"
    assert house.one("SELECT sla, due_at FROM clock WHERE kind = 'disposition'") == ("follow_up", moment("Tue 17:00"))
    house.clock("Tue 13:01")
    assert house.heard(owner)[-1] == "task"
    house.clock("Tue 17:01")
    assert house.one("SELECT outcome, reason FROM handoff") == ("recycle", "not_now")
    assert house.one("SELECT by FROM disposition") == "handfast"
    assert house.clock("Fri 17:00") == 0, "it is over"


def test_an_absence_reply_puts_the_next_step_off_until_they_are_back(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.calls(house.handoff(), str(house.owner()), "Mon 10:30")
    says(house, "email_replied", "Mon 11:00", subject="Out of office", text="I am back on 2026-03-05")
    assert house.one("SELECT falls_due_at FROM follow_up") == moment("Thu 09:00")
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'next_touch' AND NOT current") == "waiting"
    assert house.clock("Wed 17:00") == house.one("SELECT count(*) FROM event WHERE name = 'breached'"), "only marketing's context ran out"


def test_who_wants_to_hear_no_more_is_left_alone_and_an_outcome_is_asked_for(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.calls(house.handoff(), str(house.owner()), "Mon 10:30")
    says(house, "unsubscribed", "Mon 11:00")
    assert house.one("SELECT ended_why FROM follow_up") == "opt_out"
    assert house.one("SELECT count(*) FROM clock WHERE kind = 'disposition' AND stopped_at IS NULL") == 1


def test_one_person_is_in_one_sequence_at_most(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    with house.store.writing() as conn:
        from handfast.store import follow_up

        handoff, person = house.one("SELECT handoff_id, person_id FROM follow_up")
        follow_up.begin(conn, [("fol_other", handoff, person, moment("Mon 10:01"))])
    assert house.one("SELECT count(*) FROM follow_up") == 1


def test_the_end_of_the_handoff_ends_the_sequence(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    house.ends(house.handoff(), owner, Outcome.DISQUALIFY, "Mon 11:00", reason="bad_fit")
    assert house.one("SELECT ended_why FROM follow_up") == "closed"
    assert house.one("SELECT count(*) FROM timer WHERE state IN (0, 3)") == 0
