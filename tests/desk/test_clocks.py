"""What happens when time passes: each step of the ladder once, in order, with an explicit end."""

from __future__ import annotations

import threading

from handfast.desk.tick import tick
from handfast.facts import Evidence, Outcome, Touch, TouchKind

from .house import House, moment


def test_silence_reaches_owner_manager_somebody_else_and_marketing_each_once(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    assert house.clock("Mon 10:44") == 0
    assert house.clock("Mon 10:45") == 1
    assert house.heard(owner) == ["handoff_opened", "reminder"]
    assert house.clock("Mon 10:50") == 0, "nobody is reminded twice"
    assert house.clock("Mon 11:10") == 2  # the breach, then the manager
    assert house.heard("mia") == ["breach"]
    house.clock("Mon 12:00")
    assert house.owner() == "cleo"
    assert house.heard("cleo") == ["reassigned"]
    house.clock("Wed 10:00")
    assert house.one("SELECT outcome, reason FROM handoff") == ("returned", "sla_lost")
    assert house.heard("marketing") == ["returned"]
    assert house.clock("Fri 10:00") == 0
    assert house.events() == ["handoff_opened", "assigned", "reminded", "breached", "manager_told", "reassigned", "returned"]


def test_a_worker_that_slept_does_the_steps_in_their_order(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.clock("Tue 09:30")
    assert house.events()[2:] == ["reminded", "breached", "manager_told", "reassigned"]


def test_a_touch_in_time_ends_it(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.calls(house.handoff(), str(house.owner()), "Mon 10:30")
    assert house.clock("Fri 10:00") == 0
    assert house.one("SELECT stopped_at, stopped_by, breached_at FROM clock") == (moment("Mon 10:30"), "touch", None)


def test_a_late_touch_is_still_a_breach_even_if_nobody_looked_meanwhile(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.calls(house.handoff(), str(house.owner()), "Mon 11:30")
    assert house.clock("Mon 11:31") == 1
    assert "breached" in house.events()
    assert "manager_told" not in house.events(), "asking somebody to act is pointless by now"


def test_evidence_that_arrives_late_but_was_in_time_meets_the_clock(house: House) -> None:
    from handfast.desk.touches import record_touches

    house.arrives("lea@acme.example", "Mon 10:00")
    house.clock("Mon 11:05")
    person = house.one("SELECT person_id FROM handoff")
    seen = Touch("tch_1", person, "anna", TouchKind.CALL, moment("Mon 10:20"), Evidence.EVIDENCED, source="telephony")
    done = record_touches(house.store, [seen], moment("Mon 12:00"))
    assert (done.added, done.loose) == (1, 0)
    assert house.one("SELECT stopped_at <= due_at FROM clock") is True
    assert record_touches(house.store, [seen], moment("Mon 13:00")).known == 1


def test_an_earlier_touch_heard_of_later_moves_the_stop_back(house: House) -> None:
    from handfast.desk.touches import record_touches

    house.arrives("lea@acme.example", "Mon 10:00")
    house.calls(house.handoff(), str(house.owner()), "Mon 11:30")
    person = house.one("SELECT person_id FROM handoff")
    seen = Touch("tch_1", person, "anna", TouchKind.EMAIL, moment("Mon 10:20"), Evidence.EVIDENCED, source="mail")
    record_touches(house.store, [seen], moment("Mon 12:00"))
    assert house.one("SELECT stopped_at FROM clock") == moment("Mon 10:20")


def test_the_clock_of_the_lead_is_not_reset_by_passing_it_on(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    due = house.one("SELECT due_at FROM clock")
    house.clock("Mon 12:00")
    assert house.one("SELECT due_at FROM clock") == due
    assert house.rows("SELECT leg, owner_id FROM assignment ORDER BY leg")[1] == (1, "cleo")


def test_when_nobody_else_can_take_it_it_stays_and_the_manager_hears(house: House) -> None:
    house.away("cleo", "Mon 00:00", "Sat 00:00")
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = house.owner()
    house.clock("Mon 12:30")
    assert house.owner() == owner
    assert "reassign_failed" in house.events()


def test_taking_a_touch_back_lets_the_clock_run_on_and_nothing_fires_twice(house: House) -> None:
    from handfast.desk.touches import undo_touch

    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.clock("Mon 10:50")
    touch = house.calls(house.handoff(), owner, "Mon 10:52")
    undo_touch(house.store, touch.id, owner, moment("Mon 10:53"))
    assert house.one("SELECT touched_at FROM handoff") is None
    assert house.one("SELECT stopped_at FROM clock") is None
    house.clock("Mon 11:30")
    assert house.heard(owner) == ["handoff_opened", "reminder"]
    assert house.heard("mia") == ["breach"]


def test_the_exception_queue_has_a_clock_and_an_owner_stops_it(house: House) -> None:
    from handfast.desk.actions import reassign

    for rep in ("anna", "ben"):
        house.away(rep, "Mon 00:00", "Sat 00:00")
    house.arrives("lea@acme.example", "Mon 10:00")
    assert house.owner() is None
    house.clock("Mon 11:30")
    assert house.heard("ops").count("exception") >= 1
    reassign(house.store, house.handoff(), "cleo", "Mia Manager", "she knows them", moment("Mon 11:40"))
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'exception'") == "assigned"
    assert house.owner() == "cleo"


def test_two_tickers_at_once_fire_each_step_once(house: House) -> None:
    for n in range(6):
        house.arrives(f"lead@firm{n}.example", "Mon 10:00")
    threads = [
        threading.Thread(target=lambda: tick(house.store, type(house.book)(), moment("Mon 11:30"), channels=("email",))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.clock("Mon 11:30")
    assert house.one("SELECT max(n) FROM (SELECT count(*) AS n FROM event WHERE name = 'breached' GROUP BY handoff_id) AS c") == 1
    assert house.one("SELECT count(*) FROM event WHERE name = 'breached'") == 6


def test_closing_cancels_what_was_still_owed(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.MEETING_SET, "Mon 10:30")
    assert house.clock("Fri 10:00") == 0
    assert house.one("SELECT count(*) FROM timer WHERE state = 0") == 0
    assert house.one("SELECT meeting_at, contacted_at IS NOT NULL, outcome FROM handoff") == (moment("Mon 10:30"), True, "meeting_set")
