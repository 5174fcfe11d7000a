"""What became of a handoff: accepted, ended with a reason the contract governs, and taken back as if it had not been said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from handfast.desk import drafts, way_back
from handfast.desk.outcomes import accept, undo
from handfast.desk.refused import Refused
from handfast.facts import Outcome
from handfast.store.base import Store

from .house import CONTRACT, House, moment

GOVERNED = CONTRACT.replace(
    "  recycle: {reasons: {not_now: {back: 90 days}, other: {note: true}}}\n  disqualify: {reasons: {bad_fit: {blames: fit}}}\n",
    """  meeting_set: {time: required}
  undo: 30 minutes
  recycle:
    reasons:
      not_now: {back: 90 days}
      no_answer: {attempts: 2}
      lost_to: {requires: {competitor: text, contract_ends: time, seats: int}}
      old_code: {active: false}
  disqualify:
    reasons:
      bad_fit: {blames: fit, after: contact}
      gone: {leads_to: fix_data}
""",
)
assert GOVERNED != CONTRACT


@pytest.fixture
def governed(store: Store) -> House:
    return House(store, GOVERNED)


def refusal(house: House, outcome: Outcome, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        house.ends(house.handoff(), "anna", outcome, "Mon 11:00", **more)
    return caught.value.problem.what


def test_a_reason_asks_for_what_the_contract_wants_to_know(governed: House) -> None:
    governed.arrives("maya@halden.example", "Mon 10:00")
    recycle = Outcome.RECYCLE
    assert refusal(governed, recycle, reason="lost_to") == "the reason 'lost_to' needs an answer: competitor"
    said = {"competitor": "Kestrel", "contract_ends": "2027-01-31", "seats": "many"}
    assert refusal(governed, recycle, reason="lost_to", answers=said) == "'many' is no answer to seats"
    governed.ends(governed.handoff(), "anna", recycle, "Mon 11:00", reason="lost_to", answers=said | {"seats": "120", "mood": "bad"})
    stored = governed.one("SELECT answers FROM disposition")
    assert stored == {"competitor": "Kestrel", "contract_ends": "2027-01-31T00:00:00", "seats": 120}


def test_a_reason_may_need_attempts_or_a_talk_before(governed: House) -> None:
    governed.arrives("maya@halden.example", "Mon 10:00")
    handoff = governed.handoff()
    assert "needs 2 attempts first, and none is recorded" in refusal(governed, Outcome.RECYCLE, reason="no_answer")
    governed.calls(handoff, "anna", "Mon 10:05")
    assert "and one is recorded" in refusal(governed, Outcome.RECYCLE, reason="no_answer")
    assert "needs a talk first" in refusal(governed, Outcome.DISQUALIFY, reason="bad_fit")
    governed.calls(handoff, "anna", "Mon 10:15", contact=True)
    governed.ends(handoff, "anna", Outcome.RECYCLE, "Mon 11:00", reason="no_answer")


def test_a_code_taken_out_of_the_choice_and_a_meeting_without_a_time_are_refused(governed: House) -> None:
    governed.arrives("maya@halden.example", "Mon 10:00")
    assert refusal(governed, Outcome.RECYCLE, reason="old_code") == "'old_code' is no longer given"
    assert refusal(governed, Outcome.MEETING_SET) == "when the meeting takes place is not said"
    governed.ends(governed.handoff(), "anna", Outcome.MEETING_SET, "Mon 11:00", meeting_at=moment("Wed 10:00"))
    assert governed.one("SELECT meeting_at FROM disposition") == moment("Wed 10:00")


def test_where_a_reason_leads_stands_in_the_story(governed: House) -> None:
    governed.arrives("maya@halden.example", "Mon 10:00")
    governed.ends(governed.handoff(), "anna", Outcome.DISQUALIFY, "Mon 11:00", reason="gone")
    assert governed.one("SELECT data->>'leads_to' FROM event WHERE name = 'disqualify'") == "fix_data"


# --- accepted -----------------------------------------------------------------------------------------------------


def test_the_owner_accepts_once_and_nobody_else_does(house: House) -> None:
    house.arrives("maya@halden.example", "Mon 10:00")
    handoff = house.handoff()
    with pytest.raises(Refused, match="not yours to accept"):
        accept(house.store, handoff, "ben", moment("Mon 10:01"))
    assert accept(house.store, handoff, "anna", moment("Mon 10:02"))
    assert not accept(house.store, handoff, "anna", moment("Mon 10:03"))
    assert house.one("SELECT accepted_at FROM handoff") == moment("Mon 10:02")
    assert house.rows("SELECT at, rep_id FROM event WHERE name = 'accepted'") == [(moment("Mon 10:02"), "anna")]


def test_accepting_is_no_touch(house: House) -> None:
    house.arrives("maya@halden.example", "Mon 10:00")
    accept(house.store, house.handoff(), "anna", moment("Mon 10:02"))
    assert house.one("SELECT stopped_at FROM clock WHERE kind = 'first_touch'") is None


# --- taken back ---------------------------------------------------------------------------------------------------


def state(house: House) -> dict[str, Any]:
    """Everything an undone disposition must leave as it was."""
    with house.store.reading() as conn:
        return {
            "handoff": conn.execute(
                "SELECT outcome, reason, closed_at, touched_at, contacted_at, meeting_at FROM handoff ORDER BY id"
            ).fetchall(),
            "people": conn.execute("SELECT person_id, touched_at, contacted_at, meeting_at FROM handoff_person").fetchall(),
            "clocks": conn.execute("SELECT id, due_at, stopped_at, stopped_by, breached_at FROM clock ORDER BY id").fetchall(),
            "timers": conn.execute("SELECT id, state, settled_at FROM timer ORDER BY id").fetchall(),
            "touches": conn.execute("SELECT id FROM touch ORDER BY id").fetchall(),
            "dispositions": conn.execute("SELECT id FROM disposition ORDER BY id").fetchall(),
        }


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize(
    ("outcome", "more"),
    [
        (Outcome.CONNECTED, {}),
        (Outcome.MEETING_SET, {"meeting_at": moment("Wed 10:00")}),
        (Outcome.RECYCLE, {"reason": "not_now"}),
        (Outcome.DISQUALIFY, {"reason": "bad_fit"}),
    ],
)
def test_what_is_taken_back_never_was(house: House, touched: bool, outcome: Outcome, more: dict[str, Any]) -> None:
    house.arrives("maya@halden.example", "Mon 10:00")
    handoff = house.handoff()
    house.clock("Mon 10:46")  # the reminder has gone out
    if touched:
        house.calls(handoff, "anna", "Mon 10:47")
    before = state(house)
    house.ends(handoff, "anna", outcome, "Mon 10:50", **more)
    assert state(house) != before
    undo(house.store, handoff, "anna", moment("Mon 11:00"))
    assert state(house) == before
    assert house.rows("SELECT data->>'outcome' FROM event WHERE name = 'disposition_undone'") == [(str(outcome),)]


def test_the_clock_of_what_was_taken_back_still_runs_out(house: House) -> None:
    """Closed by mistake over the deadline: the breach is noticed as soon as it is open again, at its own time."""
    house.arrives("maya@halden.example", "Mon 10:00")
    house.ends(house.handoff(), "anna", Outcome.RECYCLE, "Mon 10:55", reason="not_now")
    assert house.clock("Mon 11:05") == 0
    undo(house.store, house.handoff(), "anna", moment("Mon 11:06"))
    house.clock("Mon 11:06")
    assert house.one("SELECT data->>'due_at' FROM event WHERE name = 'breached'") == moment("Mon 11:00").isoformat()


def test_undone_back_to_connected(house: House) -> None:
    house.arrives("maya@halden.example", "Mon 10:00")
    handoff = house.handoff()
    house.ends(handoff, "anna", Outcome.CONNECTED, "Mon 10:30")
    before = state(house)
    house.ends(handoff, "anna", Outcome.MEETING_SET, "Mon 10:50")
    undo(house.store, handoff, "anna", moment("Mon 10:51"))
    assert state(house) == before
    assert house.one("SELECT outcome FROM handoff") == "connected"


def test_taking_back_is_for_the_one_who_said_it_and_for_a_while(governed: House) -> None:
    governed.arrives("maya@halden.example", "Mon 10:00")
    handoff = governed.handoff()
    with pytest.raises(Refused, match="no disposition to take back"):
        undo(governed.store, handoff, "anna", moment("Mon 10:10"))
    governed.ends(handoff, "anna", Outcome.RECYCLE, "Mon 10:30", reason="not_now")
    with pytest.raises(Refused, match="somebody else gave"):
        undo(governed.store, handoff, "ben", moment("Mon 10:40"))
    with pytest.raises(Refused, match="may be taken back for 30 minutes"):
        undo(governed.store, handoff, "anna", moment("Mon 11:01"))
    undo(governed.store, handoff, "anna", moment("Mon 11:00"))


def test_it_stays_closed_where_the_next_one_was_opened(house: House) -> None:
    house.arrives("maya@halden.example", "Mon 10:00")
    first = house.handoff()
    house.ends(first, "anna", Outcome.DISQUALIFY, "Mon 10:30", reason="bad_fit")
    house.arrives("liv@halden.example", "Mon 10:35")
    assert len(house.rows("SELECT id FROM handoff")) == 2
    with pytest.raises(Refused, match="the next handoff was opened meanwhile"):
        undo(house.store, first, "anna", moment("Mon 10:40"))


# --- governed -----------------------------------------------------------------------------------------------------


def test_a_code_that_history_has_cannot_be_dropped_only_retired(house: House) -> None:
    house.arrives("maya@halden.example", "Mon 10:00")
    house.ends(house.handoff(), "anna", Outcome.RECYCLE, "Mon 11:00", reason="other", note="They merge with Halden.")
    without = CONTRACT.replace(", other: {note: true}", "")
    marketer = drafts.Who("priya@kraus.example", "Priya", "marketing")
    at = moment("Mon 12:00")
    draft = drafts.save(house.store, without, marketer, at)
    with pytest.raises(Refused, match="handoffs were closed with 'other'") as caught:
        drafts.sign(house.store, draft.number, "marketing", marketer, at + timedelta(minutes=1))
    assert "active: false" in caught.value.problem.fix
    retired = CONTRACT.replace("other: {note: true}", "other: {note: true, active: false}")
    kept = drafts.save(house.store, retired, marketer, at, number=draft.number)
    assert drafts.sign(house.store, kept.number, "marketing", marketer, at + timedelta(minutes=2)).signatures


def test_what_passed_it_on_is_not_what_it_was_before(store: Store) -> None:
    """Refused as somebody else's, then closed by the next owner and taken back: it is open, and nothing was said of it."""
    house = House(store, CONTRACT.replace("bad_fit: {blames: fit}", "bad_fit: {blames: fit}, wrong_owner: {leads_to: reroute}"))
    house.arrives("maya@halden.example", "Mon 10:00")
    handoff = house.handoff()
    house.ends(handoff, "anna", Outcome.DISQUALIFY, "Mon 10:10", reason="wrong_owner")
    assert house.one("SELECT closed_at, outcome FROM handoff") == (None, None)
    with pytest.raises(Refused, match="no disposition to take back"):
        undo(house.store, handoff, "anna", moment("Mon 10:11"))
    house.ends(handoff, "ben", Outcome.RECYCLE, "Mon 10:20", reason="not_now")
    undo(house.store, handoff, "ben", moment("Mon 10:25"))
    assert house.one("SELECT closed_at, outcome FROM handoff") == (None, None)


def test_whoever_leads_takes_back_what_a_rep_said_and_the_rep_hears_by_whom_and_why(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    rep = str(house.owner())
    house.ends(house.handoff(), rep, Outcome.RECYCLE, "Mon 11:00", reason="not_now")
    with pytest.raises(Refused, match="somebody else gave this"):
        undo(house.store, house.handoff(), "mia", moment("Mon 11:05"), book=house.book)
    with pytest.raises(Refused, match="not said why"):
        undo(house.store, house.handoff(), "mia", moment("Mon 11:05"), leads=True, why=" ", book=house.book)
    with pytest.raises(Refused, match="may be taken back for"):
        undo(house.store, house.handoff(), "mia", moment("Mon 11:16"), leads=True, why="they called me", book=house.book)
    undo(house.store, house.handoff(), "mia", moment("Mon 11:05"), leads=True, why="they called me.", book=house.book)
    assert house.one("SELECT closed_at, outcome FROM handoff") == (None, None)
    assert house.one("SELECT data ->> 'by', data ->> 'why', rep_id FROM event WHERE name = 'disposition_undone'") == (
        "mia",
        "they called me.",
        rep,
    )
    assert house.heard(rep)[-1] == "taken_back"
    why = house.one("SELECT payload ->> 'why' FROM outbox WHERE kind = 'taken_back'")
    assert why == "Mia Manager took back 'recycle (not now)': they called me."
    house.ends(house.handoff(), rep, Outcome.RECYCLE, "Mon 11:06", reason="not_now")
    undo(house.store, house.handoff(), rep, moment("Mon 11:07"), book=house.book)
    assert house.heard(rep).count("taken_back") == 1, "who takes back their own needs no telling"


def test_what_a_ladder_did_or_another_system_said_is_no_reps_outcome(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.clock("Wed 10:00")
    assert house.one("SELECT outcome FROM handoff") == "returned"
    with pytest.raises(Refused, match="no disposition to take back"):
        undo(house.store, house.handoff(), "mia", moment("Wed 10:01"), leads=True, why="give it another try", book=house.book)


def test_taken_back_twice_in_one_moment_the_second_finds_nothing(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    rep = str(house.owner())
    house.ends(house.handoff(), rep, Outcome.DISQUALIFY, "Mon 11:00", reason="bad_fit")
    at = moment("Mon 11:05")
    undo(house.store, house.handoff(), rep, at, book=house.book)
    with pytest.raises(Refused, match="no disposition to take back"):
        undo(house.store, house.handoff(), "mia", at, leads=True, why="a slip", book=house.book)
    house.ends(house.handoff(), rep, Outcome.DISQUALIFY, "Mon 11:05", reason="bad_fit")
    assert house.one("SELECT outcome FROM handoff") == "disqualify", "said again in the same moment, it holds"


def test_what_marketing_was_told_is_not_taken_back_at_the_last_moment(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    rep = str(house.owner())
    house.ends(house.handoff(), rep, Outcome.RECYCLE, "Mon 11:00", reason="not_now")
    way_back.tell(house.store, house.book, moment("Mon 11:15"))
    with pytest.raises(Refused, match="marketing was told"):
        undo(house.store, house.handoff(), rep, moment("Mon 11:15"), book=house.book)
