"""What the simulation found, told as the stories they are: tests/simulate plays them among thousands."""

from __future__ import annotations

from handfast.desk import clocks, outcomes
from handfast.desk.contracts import book_of
from handfast.desk.reroute import release
from handfast.desk.tick import tick
from handfast.desk.touches import record_touches
from handfast.facts import Evidence, Outcome, Touch, TouchKind
from handfast.store import work
from handfast.store.base import Store
from tests.desk.house import CONTRACT, House, moment

BOTH = ("email", "webhook")
OFFERED = CONTRACT.replace("reassign: bench}", "offer: bench}").replace(
    "bench: {members: {cleo: 1}}", "bench: {members: {cleo: 1, zoe: 1}}"
)
PROMISED = CONTRACT.replace(
    "    ladder:\n      - {after: 45 minutes, remind: owner}",
    "    accept: {within: 30 minutes}\n    ladder:\n      - {after: 45 minutes, remind: owner}",
).replace("dispositions:", "pauses: {asked: {at_most: 2 hours}}\ndispositions:")


def test_an_offer_to_two_is_told_to_each_of_them_and_once_to_machines(store: Store) -> None:
    """One key twice in a turn of the ticker would have stopped every clock of everybody."""
    house = House(store, OFFERED)
    house.arrives("lea@acme.example", "Mon 10:00")
    tick(store, house.book, moment("Mon 12:00"), channels=BOTH)
    told = house.rows("SELECT channel, recipient FROM outbox WHERE kind = 'offer' ORDER BY channel, recipient")
    assert told == [("email", "cleo"), ("email", "zoe"), ("webhook", "endpoint")]


def test_a_pause_ends_by_itself_although_the_owner_said_yes_meanwhile(store: Store) -> None:
    house = House(store, PROMISED)
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(store, house.handoff(), "asked", "anna", moment("Mon 10:10"))
    outcomes.accept(store, house.handoff(), str(house.owner()), moment("Mon 10:20"))
    tick(store, house.book, moment("Mon 13:00"), channels=BOTH)
    assert house.one("SELECT ended_at FROM clock_pause") == moment("Mon 12:10"), "at its limit, though the worker came later"
    assert house.one("SELECT due_at, paused_at FROM clock WHERE kind = 'first_touch'") == (moment("Mon 13:00"), None)
    assert house.one("SELECT due_at FROM clock WHERE kind = 'accept'") == moment("Mon 10:40"), "as it would have been due at the yes"


def test_nobodys_yes_is_owed_while_nobody_owns_it_and_a_late_breach_of_the_queue_is_told(store: Store) -> None:
    """Taken from its owner it stands among the exceptions a second time; what a ladder does about that comes after its clock ran out."""
    house = House(store, PROMISED)
    house.arrives("lea@acme.example", "Mon 10:00")
    house.away("anna", "Mon 10:05", "Tue 18:00")
    house.away("ben", "Mon 10:05", "Tue 18:00")
    with store.writing() as conn:
        case = work.hold(conn, [house.handoff()])[house.handoff()]
        release(conn, book_of(conn).by_id(case.contract), case, "rerouted", "It is not theirs.", "mia", moment("Mon 10:10"))
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'accept'") == "passed_on"
    tick(store, house.book, moment("Mon 12:30"), channels=BOTH)
    assert house.owner() == "cleo", "the ladder found somebody"
    assert house.one("SELECT due_at, breached_at FROM clock WHERE kind = 'exception'") == (moment("Mon 11:10"), moment("Mon 12:30"))


def test_a_touch_told_twice_in_one_go_stops_a_clock_only_together_with_its_row(store: Store) -> None:
    """Told of somebody in no handoff and of somebody in one, under one id: the row that stays is the one whose clock stopped."""
    house = House(store)
    house.arrives("lea@acme.example", "Mon 10:00")
    person = house.one("SELECT person_id FROM handoff")
    seen = [Touch("tch_1", who, "anna", TouchKind.CALL, moment("Mon 10:20"), Evidence.EVIDENCED) for who in ("per_nobody", person)]
    assert record_touches(store, seen, moment("Mon 10:30")).added == 1
    assert house.one("SELECT handoff_id FROM touch") == house.handoff()
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'first_touch'") == "touch"


def test_a_call_in_time_that_is_told_after_the_end_kept_the_promise(store: Store) -> None:
    house = House(store)
    house.arrives("lea@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 16:00", reason="not_now")
    person = house.one("SELECT person_id FROM handoff")
    seen = Touch("tch_1", person, str(house.owner()), TouchKind.CALL, moment("Mon 10:20"), Evidence.EVIDENCED)
    assert record_touches(store, [seen], moment("Mon 17:00")).added == 1
    assert house.one("SELECT stopped_by, stopped_at FROM clock WHERE kind = 'first_touch'") == ("touch", moment("Mon 10:20"))
