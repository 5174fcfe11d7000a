"""Every second is put down to somebody, and the parts are the whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar
from handfast.measure.delay import PARTIES, Account, Span, Story, account, medians

OFFICE = hours_of(Calendar.model_validate({"timezone": "Europe/Berlin", "week": {"mon-fri": ["09:00-12:00", "13:00-17:00"]}}))
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)  # Berlin is an hour ahead


def at(hour: float, day: int = 0) -> datetime:
    """An hour on Berlin's clocks."""
    return MONDAY + timedelta(days=day, hours=hour - 1)


def minutes(found: Account, **options: object) -> dict[str, float]:
    parts = found.parts(**options)  # type: ignore[arg-type]
    return {party: length.total_seconds() / 60 for party, length in parts.items() if length}


def test_a_lead_from_the_evening_is_nobodys_fault_until_the_morning() -> None:
    story = Story(
        captured_at=at(18), eligible_at=at(18.05), decided_at=at(18.1), until=at(17, 2), assigned_at=at(18.1), notified_at=at(18.2),
        attempted_at=at(9.5, 1), contacted_at=at(11.5, 1), meeting_at=at(11.5, 1),
    )  # fmt: skip
    found = account(story, OFFICE)
    assert minutes(found) == {"system": 6, "off_hours": 14 * 60 + 54, "rep": 30, "prospect": 120}
    assert found.whole == timedelta(hours=17.5)
    assert [(s.after, s.party) for s in found.stretches] == [
        ("captured", "system"), ("eligible", "system"), ("assigned", "off_hours"), ("notified", "off_hours"), ("notified", "rep"),
        ("attempted", "prospect"),
    ]  # fmt: skip


def test_lunch_is_off_and_the_queue_is_the_queue() -> None:
    story = Story(
        captured_at=at(10), eligible_at=at(10), decided_at=at(10), until=at(14), assigned_at=at(11), attempted_at=at(13.5),
        unowned=(Span(at(10), at(11)),),
    )  # fmt: skip
    assert minutes(account(story, OFFICE)) == {"queue": 60, "rep": 90, "off_hours": 60, "prospect": 30}
    assert minutes(account(story, OFFICE), until="attempted") == {"queue": 60, "rep": 90, "off_hours": 60}


def test_an_overdue_next_touch_is_the_reps_and_a_pause_is_whose_it_says() -> None:
    story = Story(
        captured_at=at(9), eligible_at=at(9), decided_at=at(9), until=at(16), assigned_at=at(9), attempted_at=at(9.5),
        overdue=(Span(at(11), at(11.5)),), paused=(Span(at(14), at(15), "system"),),
    )  # fmt: skip
    assert minutes(account(story, OFFICE)) == {"rep": 60, "prospect": 5 * 60, "system": 60}


def test_a_call_before_the_notice_arrived_took_no_time_of_the_notice() -> None:
    story = Story(
        captured_at=at(9), eligible_at=at(9), decided_at=at(9), until=at(10), assigned_at=at(9), notified_at=at(9.75), attempted_at=at(9.5)
    )
    assert minutes(account(story, OFFICE)) == {"system": 30, "prospect": 30}


_TIME = st.integers(0, 20 * 24 * 60).map(lambda n: MONDAY + timedelta(minutes=n))
_MAYBE = st.none() | _TIME
_SPANS = st.lists(st.builds(Span, _TIME, _MAYBE, st.sampled_from(PARTIES)), max_size=3).map(tuple)


@given(
    st.builds(
        Story, captured_at=_TIME, eligible_at=_TIME, decided_at=_TIME, until=_TIME, assigned_at=_MAYBE, notified_at=_MAYBE,
        accepted_at=_MAYBE, attempted_at=_MAYBE, contacted_at=_MAYBE, meeting_at=_MAYBE, unowned=_SPANS, paused=_SPANS, overdue=_SPANS,
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_parts_sum_exactly_to_the_whole_whatever_happened_in_whatever_order(story: Story) -> None:
    found = account(story, OFFICE)
    assert sum(found.parts().values(), timedelta()) == found.whole
    for before, after in zip(found.stretches, found.stretches[1:], strict=False):
        assert before.end == after.start, "without a gap"
    assert all(s.length > timedelta() for s in found.stretches)


def test_medians_need_enough_of_them() -> None:
    story = Story(captured_at=at(9), eligible_at=at(9), decided_at=at(9), until=at(11), assigned_at=at(9), attempted_at=at(10))
    one = account(story, OFFICE)
    assert medians([one], 2)["parts"] is None
    figures = medians([one, one], 2)["parts"]["to_first_touch"]
    assert figures["rep"] == {"median_seconds": 3600.0, "share": 1.0}


def test_in_all_is_told_of_those_that_ended() -> None:
    story = Story(captured_at=at(9), eligible_at=at(9), decided_at=at(9), until=at(11), assigned_at=at(9), attempted_at=at(10))
    running, ended = account(story, OFFICE), account(replace(story, ended=True), OFFICE)
    assert medians([running, running], 2)["parts"]["in_all"] is None, "what still runs has no length yet"
    told = medians([ended, ended, account(replace(story, until=at(17)), OFFICE)], 2)
    assert (told["handoffs"], told["ended"]) == (3, 2)
    assert told["parts"]["in_all"]["prospect"]["median_seconds"] == 3600.0
