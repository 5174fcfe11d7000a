"""What a due timer owes. The cast: Ana, the rep; Max, her manager; Bo, to whom it goes when she is silent; Mia in marketing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.sla.clock import Action, Kind, Timer
from handfast.sla.escalate import RETURNED, NotOwed, Owed, Result, Situation, Stop, in_order, owed, result, stopped

TEN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DUE = TEN + 5 * MINUTE


def timer(step: int, action: Action, target: str, minutes: int) -> Timer:
    return Timer(f"tmr_{step}", "clk_kraus", "hnd_kraus", step, action, target, TEN + minutes * MINUTE)


REMIND, BREACH, TELL, REASSIGN, RETURN = LADDER = (
    timer(0, "remind", "owner", 3),
    timer(1, "breach", "owner", 5),
    timer(2, "tell", "manager", 5),
    timer(3, "reassign", "smb", 15),
    timer(4, "return_to", "marketing", 60),
)
QUEUED = timer(0, "breach", "ops", 60)
SILENT = Situation("hnd_kraus", owner="ana", manager="max", assigned_at=TEN)


def at_its_time(one: Timer, situation: Situation = SILENT, kind: Kind = "first_touch", late: timedelta = MINUTE) -> Owed | NotOwed:
    return owed(one, kind, situation, one.due_at + late)


# --- silence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (REMIND, Owed("remind", "ana")),
        (BREACH, Owed("breach", "ana")),
        (TELL, Owed("tell", "max")),
        (REASSIGN, Owed("reassign", "smb")),
        (RETURN, Owed("return_to", "marketing")),
    ],
)
def test_silence_climbs_the_ladder(one: Timer, expected: Owed) -> None:
    assert at_its_time(one) == expected
    assert at_its_time(one, late=timedelta(0)) == expected


def test_who_has_no_manager_has_ops() -> None:
    assert at_its_time(TELL, replace(SILENT, manager=None)) == Owed("tell", "ops")


def test_nobody_is_reminded_where_nobody_owns_it() -> None:
    """In the exception queue there is no owner to remind, but the prospect waits all the same: the breach is noted, ops hears of it."""
    queued = Situation("hnd_kraus")
    assert isinstance(at_its_time(REMIND, queued), NotOwed)
    assert at_its_time(BREACH, queued) == Owed("breach", "ops")
    assert at_its_time(TELL, queued) == Owed("tell", "ops")
    assert at_its_time(REASSIGN, queued) == Owed("reassign", "smb")


# --- a touch --------------------------------------------------------------------------------------------------


def test_a_touch_stops_the_clock() -> None:
    """Ana calls after two minutes: nobody is reminded, told or passed over."""
    called = replace(SILENT, touched_at=TEN + 2 * MINUTE)
    assert [at_its_time(one, called) for one in LADDER] == [NotOwed("The first touch was made at 2026-01-05 10:02:00 UTC.")] * 5
    assert stopped("first_touch", called) == Stop(TEN + 2 * MINUTE, "touch")


def test_what_stopped_the_clock_is_what_came_first() -> None:
    """Ana calls in time and closes the handoff in the afternoon: it was the call that met the SLA."""
    done = replace(SILENT, touched_at=TEN + 2 * MINUTE, closed_at=TEN + 300 * MINUTE, outcome="meeting_set")
    assert stopped("first_touch", done) == Stop(TEN + 2 * MINUTE, "touch")
    assert result("first_touch", DUE, done, TEN + 400 * MINUTE) == "met"


def test_a_touch_that_is_late_leaves_the_breach_a_fact() -> None:
    """Ana calls after seven minutes, and the worker looks only then. The breach happened; the reminder and the reassignment are moot."""
    called = replace(SILENT, touched_at=TEN + 7 * MINUTE)
    answers = [owed(one, "first_touch", called, TEN + 90 * MINUTE) for one in LADDER]
    assert answers[1] == Owed("breach", "ana")
    assert all(isinstance(answer, NotOwed) for answer in answers[:1] + answers[2:])


def test_a_touch_we_hear_of_late_but_made_in_time_met_the_sla() -> None:
    """The telephone system reports at noon that Ana called at 10:04. At 10:30 the clock counted as breached; now it is met."""
    noon = TEN + 120 * MINUTE
    assert result("first_touch", DUE, SILENT, TEN + 30 * MINUTE) == "breached"
    called = replace(SILENT, touched_at=TEN + 4 * MINUTE)
    assert result("first_touch", DUE, called, noon) == "met"
    assert isinstance(owed(BREACH, "first_touch", called, noon), NotOwed)


@pytest.mark.parametrize(
    ("touched", "expected"),
    [(-1, "met"), (0, "met"), (1, "breached")],
)
def test_at_the_very_moment_is_in_time(touched: int, expected: Result) -> None:
    called = replace(SILENT, touched_at=DUE + timedelta(microseconds=touched))
    assert result("first_touch", DUE, called, DUE + MINUTE) == expected
    assert isinstance(at_its_time(BREACH, called), NotOwed) == (expected == "met")


# --- reassigning ----------------------------------------------------------------------------------------------


def test_reassigning_does_not_reset_the_clock() -> None:
    """At 10:15 it goes from Ana to Bo. The clock that Ana missed stays missed, and an hour after the start it still goes back to marketing."""
    bo_has_it = replace(SILENT, owner="bo", manager="max", assigned_at=TEN + 15 * MINUTE)
    assert stopped("first_touch", bo_has_it) is None
    assert result("first_touch", DUE, bo_has_it, TEN + 16 * MINUTE) == "breached"
    assert at_its_time(RETURN, bo_has_it) == Owed("return_to", "marketing")
    assert result("first_touch", DUE, replace(bo_has_it, touched_at=TEN + 16 * MINUTE), TEN + 17 * MINUTE) == "breached"


def test_what_is_owed_is_owed_to_the_owner_of_the_moment() -> None:
    assert at_its_time(REMIND, replace(SILENT, owner="bo")) == Owed("remind", "bo")


# --- ends -----------------------------------------------------------------------------------------------------


def test_a_closed_handoff_owes_nothing_more() -> None:
    """Ana disqualifies it after two minutes, without a call: a duplicate. The clock ends; it is neither met nor breached."""
    closed = replace(SILENT, closed_at=TEN + 2 * MINUTE, outcome="disqualify")
    assert [at_its_time(one, closed) for one in LADDER] == [NotOwed("The handoff was closed at 2026-01-05 10:02:00 UTC as disqualify.")] * 5
    assert result("first_touch", DUE, closed, TEN + 90 * MINUTE) == "ended"


def test_what_was_closed_too_late_was_breached() -> None:
    closed = replace(SILENT, closed_at=TEN + 9 * MINUTE, outcome="recycle")
    assert at_its_time(BREACH, closed) == Owed("breach", "ana")
    assert isinstance(at_its_time(REASSIGN, closed), NotOwed)
    assert result("first_touch", DUE, closed, TEN + 90 * MINUTE) == "breached"


def test_returned_to_marketing_is_the_end() -> None:
    """A worker that slept two hours does everything at once, in order; after the return nothing is owed."""
    now, situation, done = TEN + 120 * MINUTE, SILENT, []
    for one in in_order([*reversed(LADDER), timer(5, "remind", "owner", 90)], now):
        answer = owed(one, "first_touch", situation, now)
        done.append(answer.kind if isinstance(answer, Owed) else answer.why)
        if isinstance(answer, Owed) and answer.kind == "return_to":
            situation = replace(situation, closed_at=now, outcome=RETURNED)
    assert done == ["remind", "breach", "tell", "reassign", "return_to", "The handoff was closed at 2026-01-05 12:00:00 UTC as returned."]


# --- the exception queue --------------------------------------------------------------------------------------


def test_an_owner_stops_the_exception_clock_and_a_touch_does_not() -> None:
    queued = Situation("hnd_kraus")
    assert at_its_time(QUEUED, queued, "exception") == Owed("breach", "ops")
    assert at_its_time(QUEUED, replace(queued, touched_at=TEN + MINUTE), "exception") == Owed("breach", "ops")
    assert at_its_time(QUEUED, replace(SILENT, assigned_at=TEN + MINUTE), "exception") == NotOwed(
        "It got an owner at 2026-01-05 10:01:00 UTC."
    )
    assert at_its_time(QUEUED, replace(SILENT, assigned_at=TEN + 61 * MINUTE), "exception") == Owed("breach", "ana")
    assert result("exception", QUEUED.due_at, replace(SILENT, assigned_at=TEN + MINUTE), TEN + 90 * MINUTE) == "met"


# --- order and mistakes ---------------------------------------------------------------------------------------


def test_what_is_due_together_fires_in_order() -> None:
    assert in_order(reversed(LADDER), DUE) == [REMIND, BREACH, TELL]
    assert in_order(LADDER, TEN) == []


def test_asking_too_early_or_about_another_handoff_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="not yet"):
        owed(REMIND, "first_touch", SILENT, TEN)
    with pytest.raises(ValueError, match="belongs to handoff hnd_kraus, not hnd_beta"):
        owed(REMIND, "first_touch", replace(SILENT, handoff_id="hnd_beta"), DUE)


MOMENTS = st.none() | st.integers(0, 120).map(lambda minutes: TEN + minutes * MINUTE)
SITUATIONS = st.builds(
    lambda touched, closed: replace(SILENT, touched_at=touched, closed_at=closed, outcome="recycle" if closed else None), MOMENTS, MOMENTS
)


@settings(deadline=None)
@given(SITUATIONS, st.sampled_from(LADDER), st.integers(0, 200))
def test_nothing_is_asked_of_anybody_once_the_clock_is_stopped(situation: Situation, one: Timer, late: int) -> None:
    answer = at_its_time(one, situation, late=late * MINUTE)
    if isinstance(answer, Owed) and answer.kind != "breach":
        assert situation.touched_at is None
        assert situation.closed_at is None


@settings(deadline=None)
@given(SITUATIONS, st.integers(0, 200))
def test_a_breach_is_owed_exactly_where_the_clock_counts_as_breached(situation: Situation, late: int) -> None:
    """What the ladder does and what the report says is the same thing."""
    now = DUE + MINUTE + late * MINUTE
    assert isinstance(owed(BREACH, "first_touch", situation, now), Owed) == (result("first_touch", DUE, situation, now) == "breached")
