"""The other clocks: the owner's yes, the next touch, an outcome, what marketing owes; clocks that stand still; a promise that is changed."""

from __future__ import annotations

import pytest

from handfast.brief.letter import letter
from handfast.brief.slack import notice_blocks
from handfast.desk import clocks, outcomes
from handfast.desk.actions import reassign
from handfast.desk.offers import take
from handfast.desk.refused import Refused
from handfast.desk.tick import tick
from handfast.desk.touches import undo_touch
from handfast.desk.why import why
from handfast.facts import Outcome
from handfast.store import outbox
from handfast.store.base import Store

from .house import CONTRACT, House, moment

MORE = CONTRACT.replace(
    "    ladder:\n      - {after: 45 minutes, remind: owner}",
    """    accept: {within: 30 minutes, ladder: [{after: 20 minutes, remind: owner}, {after: 40 minutes, reassign: bench}]}
    next_touch: {within: 4 hours, ladder: [{after: 4 hours, remind: owner}]}
    disposition: {within: 1 day, ladder: [{after: 1 day, tell: manager}]}
    ladder:
      - {after: 45 minutes, remind: owner}""",
).replace(
    "dispositions:",
    """  - {name: slow, when: "next_step = 'by_hand'", first_touch: 4 hours, calendar: rep}
pauses:
  on_holiday: {label: They are away, at_most: 1 day}
  waits_for_us: {at_most: 2 hours, waits_for: system}
marketing:
  context_complete: {within: 2 hours, ladder: [{after: 1 hour, remind: marketing}]}
brief: {required: [phone]}
dispositions:""",
)


@pytest.fixture
def house(store: Store) -> House:
    return House(store, MORE)


def clock(house: House, kind: str) -> tuple[object, ...]:
    """(number, started, due, stopped, by, breached) of the current clock of a kind."""
    found = house.rows(
        "SELECT number, started_at, due_at, stopped_at, stopped_by, breached_at IS NOT NULL FROM clock WHERE kind = %s AND current", kind
    )
    assert len(found) == 1, found
    return found[0]


def test_an_owner_who_says_nothing_is_reminded_and_the_next_owner_is_asked_anew(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    first = str(house.owner())
    house.clock("Mon 10:20")
    assert house.heard(first) == ["handoff_opened", "clock"]
    house.clock("Mon 10:40")
    assert house.owner() == "cleo"
    assert clock(house, "accept")[:3] == (1, moment("Mon 10:40"), moment("Mon 11:10")), "her own half hour"
    assert house.one("SELECT stopped_by, breached_at IS NOT NULL FROM clock WHERE kind = 'accept' AND NOT current") == ("passed_on", True)
    assert clock(house, "first_touch")[2] == moment("Mon 11:00"), "the lead's clock is not reset"


def test_a_yes_stops_its_clock_and_so_does_a_touch(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    outcomes.accept(house.store, house.handoff(), str(house.owner()), moment("Mon 10:10"))
    assert clock(house, "accept")[3:5] == (moment("Mon 10:10"), "accepted")
    house.arrives("bo@other.example", "Mon 10:20")
    house.calls(house.handoff(1), str(house.owner(1)), "Mon 10:25")
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'accept' AND handoff_id = %s", house.handoff(1)) == "touch"
    assert "reassigned" not in house.heard("cleo")


def test_each_touch_asks_for_the_next_and_the_one_before_is_met_by_it(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    assert clock(house, "next_touch")[:4] == (0, moment("Mon 10:30"), moment("Mon 14:30"), None)
    house.calls(house.handoff(), owner, "Mon 12:00")
    assert clock(house, "next_touch")[:3] == (1, moment("Mon 12:00"), moment("Mon 16:00"))
    assert house.rows("SELECT number, stopped_at, stopped_by FROM clock WHERE kind = 'next_touch' AND NOT current") == [
        (0, moment("Mon 12:00"), "next")
    ]
    house.clock("Mon 16:30")
    assert "clock" in house.heard(owner)
    assert clock(house, "next_touch")[5] is True


def test_a_touch_taken_back_lets_the_clock_before_it_run_on(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    second = house.calls(house.handoff(), owner, "Mon 12:00")
    undo_touch(house.store, second.id, owner, moment("Mon 12:05"))
    running = house.rows("SELECT number, due_at FROM clock WHERE kind = 'next_touch' AND stopped_at IS NULL")
    assert running == [(0, moment("Mon 14:30"))]


def test_an_outcome_is_owed_from_the_first_touch_and_the_outcome_meets_it(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    assert clock(house, "disposition")[1:4] == (moment("Mon 10:30"), moment("Tue 10:30"), None)
    house.clock("Tue 10:31")
    assert house.heard("mia")[-1] == "clock"
    house.ends(house.handoff(), owner, Outcome.RECYCLE, "Tue 11:00", reason="not_now")
    assert house.one("SELECT count(*) FROM clock WHERE stopped_at IS NULL AND kind <> 'context_complete'") == 0
    outcomes.undo(house.store, house.handoff(), owner, moment("Tue 11:05"), book=house.book)
    assert clock(house, "disposition")[3] is None, "taken back, it is owed again"


def test_clocks_stand_still_and_what_was_left_is_left_when_they_run_on(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    ends = clocks.pause(house.store, house.handoff(), "on_holiday", "anna", moment("Mon 10:30"))
    assert ends == moment("Tue 10:30")
    house.clock("Mon 12:30")
    assert house.one("SELECT count(*) FROM event WHERE name = 'breached' AND data ->> 'kind' = 'first_touch'") == 0
    assert "reminder" not in house.heard(str(house.owner())), "nothing is due while it stands still"
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 15:00"))
    assert clock(house, "first_touch")[2] == moment("Mon 15:30"), "half an hour was left"
    house.clock("Mon 15:15")
    assert "reminder" in house.heard(str(house.owner()))
    with pytest.raises(Refused, match="do not stand still"):
        clocks.resume(house.store, house.handoff(), "anna", moment("Mon 15:20"))


def test_a_pause_ends_by_itself_at_its_limit(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    ends = clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    assert ends == moment("Mon 12:15")
    house.clock("Mon 12:14")
    assert "clock_resumed" not in house.events()
    house.clock("Mon 12:20")
    assert house.one("SELECT ended_at, ended_by FROM clock_pause") == (moment("Mon 12:15"), "handfast"), (
        "at its limit, whenever that is seen"
    )
    assert clock(house, "first_touch")[2:4] == (moment("Mon 13:00"), None), "three quarters of an hour were left"
    house.clock("Mon 12:46")
    assert "reminder" in house.heard(str(house.owner())), "and what it owed is owed again"


def test_a_touch_or_an_end_while_it_stands_still_needs_no_resuming(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "on_holiday", "anna", moment("Mon 10:30"))
    house.calls(house.handoff(), str(house.owner()), "Mon 16:00")
    assert house.one("SELECT stopped_at, breached_at FROM clock WHERE kind = 'first_touch'") == (moment("Mon 16:00"), None)
    house.ends(house.handoff(), str(house.owner()), Outcome.MEETING_SET, "Mon 16:30")
    house.clock("Fri 10:00")
    assert house.one("SELECT count(*) FROM event WHERE name = 'breached'") == 0 + house.one(
        "SELECT count(*) FROM clock WHERE breached_at IS NOT NULL"
    )
    assert house.one("SELECT count(*) FROM clock_pause WHERE ended_at IS NULL") == 0


def test_a_reason_the_contract_does_not_know_pauses_nothing(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    with pytest.raises(Refused, match="no reason to let clocks stand still"):
        clocks.pause(house.store, house.handoff(), "lunch", "anna", moment("Mon 10:30"))


def test_another_promise_keeps_the_old_clock_and_starts_the_new(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.promise_otherwise(house.store, house.handoff(), "slow", "mia", "they asked for the afternoon", moment("Mon 10:30"))
    assert clock(house, "first_touch")[:3] == (1, moment("Mon 10:30"), moment("Mon 14:30"))
    house.clock("Mon 11:30")
    old = house.one("SELECT sla, breached_at IS NOT NULL, stopped_at FROM clock WHERE kind = 'first_touch' AND NOT current")
    assert old == ("hand-raiser", True, None), "it is kept, and told as what it became"
    assert "reminder" not in house.heard(str(house.owner())), "but nobody is pressed by it any more"
    house.calls(house.handoff(), str(house.owner()), "Mon 14:00")
    assert house.rows("SELECT number, stopped_at <= due_at FROM clock WHERE kind = 'first_touch' ORDER BY number") == [
        (0, False),
        (1, True),
    ]
    assert house.one("SELECT calendar FROM clock WHERE kind = 'first_touch' AND number = 1") == "rep@Europe/Berlin"


def test_missing_context_is_owed_by_marketing_not_by_sales(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    number = clock(house, "context_complete")
    assert number[1:3] == (moment("Mon 10:00"), moment("Mon 12:00"))
    house.clock("Mon 11:00")
    assert "clock" in house.heard("marketing")
    key = house.one("SELECT id FROM clock WHERE kind = 'context_complete'")
    with pytest.raises(Refused, match="nothing was said"):
        clocks.answered(house.store, key, "maria", " ", moment("Mon 11:30"))
    clocks.answered(house.store, key, "maria", "The number is in the CRM now.", moment("Mon 11:30"))
    assert clock(house, "context_complete")[3:5] == (moment("Mon 11:30"), "complete")


def test_handing_over_by_hand_asks_the_new_owner_too(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    reassign(house.store, house.handoff(), "cleo", "Mia", "she knows them", moment("Mon 10:05"))
    assert clock(house, "accept")[:2] == (1, moment("Mon 10:05"))


LADDERS = CONTRACT.replace("reassign: bench}", "offer: bench}\n      - {after: 3 hours, tell: 'channel:sales-floor'}").replace(
    "      - {after: 2 days, return_to: marketing}",
    "      - {after: 4 hours, off_rotation: owner}\n      - {after: 2 days, return_to: marketing}",
)


def test_a_ladder_offers_tells_a_channel_and_takes_off_rotation_each_once(store: Store) -> None:
    house = House(store, LADDERS)
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.clock("Mon 12:00")
    assert house.heard("cleo") == ["offer"]
    assert house.owner() == owner, "the owner keeps it until somebody takes it"
    tick(house.store, house.book, moment("Mon 13:00"), channels=("email", "slack"))
    assert house.rows("SELECT channel, recipient FROM outbox WHERE recipient LIKE 'channel%%'") == [("slack", "channel:sales-floor")]
    house.clock("Mon 14:00")
    assert house.one("SELECT off_since, off_by FROM rep_profile WHERE rep_id = %s", owner) == (moment("Mon 14:00"), "handfast")
    house.clock("Mon 14:30")
    assert house.events().count("taken_off_rotation") == 1
    other = house.arrives("bo@other.example", "Mon 15:00")
    assert other.opened == 1
    assert house.owner(1) != owner, "and gets no further handoffs"


def test_whoever_takes_an_offer_first_has_it_and_the_clock_runs_on(store: Store) -> None:
    house = House(store, LADDERS)
    house.arrives("lea@acme.example", "Mon 10:00")
    due = house.one("SELECT due_at FROM clock")
    house.clock("Mon 12:00")
    take(house.store, house.handoff(), "cleo", moment("Mon 12:05"))
    assert house.owner() == "cleo"
    assert house.one("SELECT due_at FROM clock WHERE kind = 'first_touch'") == due
    assert house.one("SELECT rule FROM assignment WHERE leg = 1") == "offer"
    with pytest.raises(Refused, match="not offered to you"):
        take(house.store, house.handoff(), "zoe", moment("Mon 12:06"))


def test_why_says_how_each_clock_was_reckoned_and_how_long_each_owner_had_it(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 11:15"))
    house.clock("Mon 11:50")
    house.calls(house.handoff(), "cleo", "Mon 12:30")
    story = why(house.store, house.handoff(), moment("Mon 13:00"))
    assert story is not None
    first = next(c for c in story["clocks"] if c["kind"] == "first_touch")
    assert first["explained"] == (
        "First touch is due Mon 2 Mar 2026 12:00 (Europe/Berlin), 60 minutes after Mon 2 Mar 2026 10:00. "
        "Counted: Mon 2 Mar 2026 10:00 to 10:15 (15 min), Mon 2 Mar 2026 11:15 to 12:00 (45 min). "
        "It stood still from Mon 2 Mar 2026 10:15 to Mon 2 Mar 2026 11:15 (waits for us)."
    )
    assert [leg["held_seconds"] for leg in story["legs"]] == [110 * 60.0, 40 * 60.0]
    parts = story["delays"]["parts"]
    assert sum(parts.values()) == story["delays"]["seconds"] == 3 * 3600
    assert parts["system"] >= 3600, "the pause waited for us"


def test_a_clock_that_stands_still_says_so_and_not_when_it_was_due(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"), note="the price list")
    story = why(house.store, house.handoff(), moment("Mon 10:30"))
    assert story is not None
    first = next(c for c in story["clocks"] if c["kind"] == "first_touch")
    assert first["explained"] == (
        "First touch stands still since Mon 2 Mar 2026 10:15 (Europe/Berlin): waits for us, the price list. "
        "It runs on by itself Mon 2 Mar 2026 12:15 at the latest. "
        "45 min of working time are left, of 60 minutes from Mon 2 Mar 2026 10:00. "
        "Counted so far: Mon 2 Mar 2026 10:00 to 10:15 (15 min)."
    )
    assert house.one("SELECT kind, left_seconds FROM clock_pause") == ("accept", 15 * 60), "the most pressing one"
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 10:45"))
    clocks.pause(house.store, house.handoff(), "on_holiday", "anna", moment("Mon 10:50"))
    again = why(house.store, house.handoff(), moment("Mon 11:00"))
    assert again is not None
    said = next(c for c in again["clocks"] if c["kind"] == "first_touch")["explained"]
    assert "40 min of working time are left" in said
    assert "(15 min), Mon 2 Mar 2026 10:45 to 10:50 (5 min)." in said
    assert said.endswith("It stood still from Mon 2 Mar 2026 10:15 to Mon 2 Mar 2026 10:45 (waits for us).")


def test_a_clock_that_was_late_before_it_stood_still_is_late(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 11:30"))
    story = why(house.store, house.handoff(), moment("Mon 11:40"))
    assert story is not None
    assert "is due Mon 2 Mar 2026 11:00" in next(c for c in story["clocks"] if c["kind"] == "first_touch")["explained"]
    assert house.one("SELECT left_seconds FROM clock_pause") == 0


def test_a_notice_that_leaves_while_clocks_stand_still_tells_no_due_time(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    reassign(house.store, house.handoff(), "cleo", "Mia", "she knows them", moment("Mon 10:20"))
    with house.store.writing() as conn:
        found = outbox.claim(conn, moment("Mon 10:20"), 10, 60.0, ["email"])
    told = next(m for m in found if m.recipient == "cleo")
    assert told.standing == (moment("Mon 10:15"), moment("Mon 12:15"), "waits_for_us", 15 * 60)
    mail = letter(told, "https://handfast.example")
    still = "Its clocks stand still since 10:15 CET (waits for us), until 12:15 CET at the latest; 15 min of working time left"
    assert still in mail.text
    assert still in mail.html
    assert "11:00" not in mail.text, "when it would have been due"
    _, blocks = notice_blocks(told, "https://handfast.example")
    assert "Its clocks stand still since 10:15" in str(blocks)


# --- taken back around a pause --------------------------------------------------------------------------------------


def standing(house: House, kind: str = "first_touch") -> object:
    """(due, since when it stands still, how many of its steps do) of the current clock of a kind."""
    return house.one(
        """SELECT c.due_at, c.paused_at, (SELECT count(*) FROM timer AS t WHERE t.clock_id = c.id AND t.state = 3)
           FROM clock AS c WHERE c.kind = %s AND c.current AND c.stopped_at IS NULL""",
        kind,
    )


def owes(house: House, kind: str = "first_touch") -> list[tuple[object, ...]]:
    return house.rows(
        "SELECT t.action, t.due_at FROM timer AS t JOIN clock AS c ON c.id = t.clock_id WHERE c.kind = %s AND t.state = 0 ORDER BY t.step",
        kind,
    )


def test_an_end_taken_back_leaves_clocks_standing_still_as_they_did(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 10:20", reason="not_now")
    assert house.one("SELECT due_at FROM clock WHERE kind = 'first_touch'") == moment("Mon 11:05"), "as it would have been due then"
    outcomes.undo(house.store, house.handoff(), str(house.owner()), moment("Mon 10:30"), book=house.book)
    assert standing(house) == (moment("Mon 11:05"), moment("Mon 10:20"), 5), "three quarters of an hour are left"
    assert house.one("SELECT ended_at, ended_by FROM clock_pause") == (None, None)
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 11:15"))
    assert standing(house) == (moment("Mon 12:00"), None, 0)
    assert owes(house)[:2] == [("remind", moment("Mon 11:45")), ("breach", moment("Mon 12:00"))]


def test_a_pause_that_was_taken_back_with_the_end_ends_by_itself_all_the_same(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 10:20", reason="not_now")
    outcomes.undo(house.store, house.handoff(), str(house.owner()), moment("Mon 10:30"), book=house.book)
    house.clock("Mon 12:15")
    assert house.one("SELECT ended_at, ended_by FROM clock_pause") == (moment("Mon 12:15"), "handfast")
    assert clock(house, "first_touch")[2] == moment("Mon 13:00")


def test_a_touch_taken_back_lets_its_clock_stand_still_with_the_others(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    first = house.calls(house.handoff(), owner, "Mon 10:10")
    clocks.pause(house.store, house.handoff(), "on_holiday", "anna", moment("Mon 10:15"))
    undo_touch(house.store, first.id, owner, moment("Mon 10:20"))
    assert standing(house) == (moment("Mon 11:00"), moment("Mon 10:15"), 5), "the pause began when it had stopped"
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 11:15"))
    assert standing(house) == (moment("Mon 12:00"), None, 0)


def test_a_clock_that_runs_again_has_stood_still_while_it_was_stopped(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    house.calls(house.handoff(), owner, "Mon 10:30")
    clocks.pause(house.store, house.handoff(), "on_holiday", "anna", moment("Mon 11:00"))
    second = house.calls(house.handoff(), owner, "Mon 11:02")
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 11:10"))
    undo_touch(house.store, second.id, owner, moment("Mon 11:12"))
    assert house.rows("SELECT number, due_at, paused_at FROM clock WHERE kind = 'next_touch' AND stopped_at IS NULL") == [
        (0, moment("Mon 14:40"), None)
    ], "four hours from 10:30, and ten minutes of standing still"
    assert owes(house, "next_touch") == [("breach", moment("Mon 14:40")), ("remind", moment("Mon 14:40"))]


def test_another_owner_meanwhile_is_asked_for_a_yes_that_stands_still_too(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    reassign(house.store, house.handoff(), "cleo", "Mia", "she knows them", moment("Mon 10:20"))
    assert standing(house, "accept") == (moment("Mon 10:50"), moment("Mon 10:20"), 3)
    clocks.resume(house.store, house.handoff(), "anna", moment("Mon 11:20"))
    assert standing(house, "accept") == (moment("Mon 11:50"), None, 0)
    assert standing(house) == (moment("Mon 12:05"), None, 0), "and the lead's was moved by the pause once"


def test_another_promise_made_meanwhile_leaves_the_pause_its_end(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    outcomes.accept(house.store, house.handoff(), str(house.owner()), moment("Mon 10:05"))
    clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:15"))
    clocks.promise_otherwise(house.store, house.handoff(), "slow", "mia", "they asked for the afternoon", moment("Mon 10:30"))
    assert standing(house) == (moment("Mon 14:30"), moment("Mon 10:30"), 1), "the new promise stands still too"
    house.clock("Mon 12:16")
    assert house.one("SELECT ended_at, ended_by FROM clock_pause") == (moment("Mon 12:15"), "handfast")
    assert standing(house) == (moment("Mon 16:15"), None, 0)


def test_a_touch_taken_back_wakes_no_steps_of_a_promise_that_was_replaced(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    owner = str(house.owner())
    clocks.promise_otherwise(house.store, house.handoff(), "slow", "mia", "they asked for the afternoon", moment("Mon 10:10"))
    first = house.calls(house.handoff(), owner, "Mon 10:20")
    undo_touch(house.store, first.id, owner, moment("Mon 10:25"))
    assert [action for action, _ in owes(house) if action != "breach"] == [], "it was never reminded of the old one again"
    house.clock("Mon 15:00")
    assert "reminder" not in house.heard(owner)


def test_standing_still_twice_in_one_moment_are_two_pauses(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    at = moment("Mon 10:15")
    for _ in range(2):
        clocks.pause(house.store, house.handoff(), "waits_for_us", "anna", at)
        clocks.resume(house.store, house.handoff(), "anna", at)
    assert house.one("SELECT count(*) FROM clock_pause WHERE ended_at = starts_at") == 2
    assert clock(house, "first_touch")[2] == moment("Mon 11:00"), "no time passed, and none was lost"


def test_a_clock_stopped_while_it_stood_still_is_explained_up_to_its_stop(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(house.store, house.handoff(), "on_holiday", "anna", moment("Mon 10:15"))
    house.calls(house.handoff(), str(house.owner()), "Mon 11:15")
    story = why(house.store, house.handoff(), moment("Mon 11:30"))
    assert story is not None
    assert next(c for c in story["clocks"] if c["kind"] == "first_touch")["explained"] == (
        "First touch is due Mon 2 Mar 2026 12:00 (Europe/Berlin), 60 minutes after Mon 2 Mar 2026 10:00. "
        "Counted: Mon 2 Mar 2026 10:00 to 10:15 (15 min), Mon 2 Mar 2026 11:15 to 12:00 (45 min). "
        "It stood still from Mon 2 Mar 2026 10:15 to Mon 2 Mar 2026 11:15 (on holiday)."
    )
