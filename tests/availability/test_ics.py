"""A rep keeps their leave in a calendar; Handfast reads it as it is, and says what it cannot read."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.connectors.ics.absences import LARGEST_BYTES, MOST_EVENTS, Window, absences

BERLIN = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), ZoneInfo("Europe/Berlin"))


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\nUID:{n}\nSUMMARY:surgery\n{event.strip()}\nEND:VEVENT\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//t//t//\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def spans(data: bytes) -> list[tuple[str, str]]:
    found, problems = absences(data, "ana", BERLIN, "ana.ics")
    assert problems == []
    return [(f"{one.starts_at:%m-%d %H:%M}", f"{one.ends_at:%m-%d %H:%M}") for one in found]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # A whole day is a day on the rep's own wall clock; the end named is the first day back.
        ("DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260307", [("03-01 23:00", "03-06 23:00")]),
        ("DTSTART;VALUE=DATE:20260302", [("03-01 23:00", "03-02 23:00")]),
        # The night in which the clocks go forward: that day has 23 hours.
        ("DTSTART;VALUE=DATE:20260329", [("03-28 23:00", "03-29 22:00")]),
        ("DTSTART:20260302T090000Z\nDTEND:20260302T110000Z", [("03-02 09:00", "03-02 11:00")]),
        ("DTSTART:20260302T090000\nDURATION:PT2H", [("03-02 08:00", "03-02 10:00")]),
        ("DTSTART;TZID=America/New_York:20260302T090000\nDURATION:PT1H", [("03-02 14:00", "03-02 15:00")]),
        # Every second Friday afternoon, through the change of the clocks; one of them not.
        (
            "DTSTART;TZID=Europe/Berlin:20260313T130000\nDTEND;TZID=Europe/Berlin:20260313T170000\n"
            "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260327T130000",
            [("03-13 12:00", "03-13 16:00"), ("04-10 11:00", "04-10 15:00"), ("04-24 11:00", "04-24 15:00")],
        ),
        ("DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;UNTIL=20260304", [("03-01 23:00", "03-04 23:00")]),
        ("DTSTART:20260302T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260303T090000Z", [("03-02 09:00", "03-02 10:00"), ("03-03 09:00", "03-03 10:00")]),
        ("DTSTART;VALUE=DATE:20260302\nSTATUS:CANCELLED", []),
        ("DTSTART;VALUE=DATE:20260302\nTRANSP:TRANSPARENT", []),
        ("DTSTART;VALUE=DATE:20190302", []),
    ],
)  # fmt: skip
def test_an_event_is_time_away(event: str, expected: list[tuple[str, str]]) -> None:
    assert spans(calendar(event)) == expected


def test_an_occurrence_that_was_moved_counts_where_it_stands_now() -> None:
    series = "DTSTART:20260302T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"
    moved = "RECURRENCE-ID:20260303T090000Z\nDTSTART:20260303T150000Z\nDURATION:PT1H"
    data = calendar(series, moved).replace(b"UID:1", b"UID:0")
    assert [start for start, _ in spans(data)] == ["03-02 09:00", "03-03 15:00", "03-04 09:00"]


def test_days_that_meet_are_one_absence() -> None:
    assert spans(calendar("DTSTART;VALUE=DATE:20260302", "DTSTART;VALUE=DATE:20260303")) == [("03-01 23:00", "03-03 23:00")]


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("SUMMARY:x", "the event has no beginning"),
        ("DTSTART:20260302T110000Z\nDTEND:20260302T090000Z", "the event ends before it begins"),
        ("DTSTART:20260302T110000Z\nDTEND;VALUE=DATE:20260303", "the event begins on a day and ends at a time"),
        ("DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20290302", "the event lasts 1096 days"),
        ("DTSTART:20260302T110000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY", "the event repeats more often than daily"),
        ("DTSTART:tomorrow", "cannot be read"),
    ],
)
def test_what_is_wrong_with_one_event_is_said_and_the_others_count(event: str, what: str) -> None:
    found, problems = absences(calendar(event, "DTSTART;VALUE=DATE:20260302"), "ana", BERLIN, "ana.ics")
    assert len(found) == 1
    assert len(problems) == 1
    assert what in problems[0].what
    assert problems[0].where.part == "event 1"
    assert "surgery" not in str(problems[0]), "what somebody does in their leave is theirs"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<html>sign in</html>", "not an iCalendar file"),
        (b"", "not"),
        (b"\x00\xff\xfe", "not an iCalendar file"),
        (calendar(), "has no event"),
        (b"x" * (LARGEST_BYTES + 1), "bytes"),
    ],
)
def test_a_broken_or_huge_calendar_is_one_problem(data: bytes, what: str) -> None:
    found, problems = absences(data, "ana", BERLIN, "ana.ics")
    assert found == []
    assert len(problems) == 1
    assert what in problems[0].what
    assert problems[0].fix


def test_more_events_than_anybody_has_are_said_and_the_first_are_read() -> None:
    found, problems = absences(calendar(*["DTSTART;VALUE=DATE:20260302"] * (MOST_EVENTS + 1)), "ana", BERLIN, "ana.ics")
    assert (len(found), len(problems)) == (1, 1)


def test_a_series_without_an_end_is_laid_out_within_the_window_only() -> None:
    found, problems = absences(calendar("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY"), "ana", BERLIN, "ana.ics")
    assert [f"{one.starts_at:%Y-%m-%d}" for one in found] == ["2025-12-31", "2026-12-31"]
    assert problems == []


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: calendar(text.replace("\n", " "))))
def test_whatever_the_bytes_nothing_is_raised(data: bytes) -> None:
    absences(data, "ana", BERLIN, "ana.ics")
