"""When the first touch is due, and what happens on the way. Northwind works 9:00 to 12:30 and 13:15 to 17:30 in New York."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.agreement import SLA_FIELDS, Agreement, agree
from handfast.contract.conditions import as_frame
from handfast.contract.own_hours import own_hours, read
from handfast.contract.terms import Contract, Duration
from handfast.facts import Absence, Rep
from handfast.problem import Place
from handfast.sla.clock import EXCEPTIONS, Clock, choose, start, start_exception
from handfast.sla.due import explain_due

NEW_YORK = ZoneInfo("America/New_York")
HAND_RAISER: dict[str, Any] = {
    "name": "hand-raiser",
    "when": "next_step = 'demo'",
    "first_touch": "5 minutes",
    "ladder": [
        {"after": "3 minutes", "remind": "owner"},
        {"after": "5 minutes", "tell": "manager"},
        {"after": "15 minutes", "reassign": "smb"},
        {"after": "1 day", "return_to": "marketing"},
    ],
}


def agreement(*slas: Mapping[str, Any], exceptions_within: str = "1 hour") -> Agreement:
    contract = Contract.model_validate(
        {
            "contract": "Northwind",
            "calendar": {
                "timezone": "America/New_York",
                "week": {"mon-fri": ["09:00-12:30", "13:15-17:30"]},
                "holidays": "US",
                "closed": ["2026-01-02"],
                "open": {"2026-01-10": ["10:00-12:00"]},
            },
            "calendars": {"berlin": {"timezone": "Europe/Berlin", "week": {"mon-fri": ["08:00-16:00"]}}},
            "fields": {"employees": "int"},
            "ready": {
                "fit": {"at_least": 0},
                "intent": {"at_least": 0},
                "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
            },
            "routing": {"pools": {"smb": {"members": {"ana": 1, "bo": 1}}}, "default": "smb", "exceptions_within": exceptions_within},
            "sla": list(slas),
            "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
        }
    )
    agreed, problems = agree(contract, Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


def within(first_touch: str, *, calendar: str = "team", ladder: Sequence[Mapping[str, Any]] = ()) -> Agreement:
    return agreement({"name": "any", "first_touch": first_touch, "calendar": calendar, "ladder": list(ladder)})


def wall(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """A moment of January 2026 on the wall clock: `16 16:30` is Friday the 16th, half past four."""
    return datetime.strptime(f"2026-01-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=zone).astimezone(UTC)


def told(moment: datetime, zone: ZoneInfo = NEW_YORK) -> str:
    return f"{moment.astimezone(zone):%d %H:%M}"


# --- which SLA ------------------------------------------------------------------------------------------------


def test_the_first_sla_that_holds_is_chosen() -> None:
    terms = agreement(
        HAND_RAISER,
        {"name": "big", "when": "employees >= 1000 OR fit > 80 AND intent >= 50.5", "first_touch": "1 hour"},
        {"name": "webinar", "when": "source = 'webinar'", "first_touch": "4 hours"},
    )
    frame = as_frame(
        [
            {"next_step": "demo", "employees": 5000},
            {"next_step": "trial", "employees": 5000},
            {"next_step": "trial", "employees": 5, "fit": 81, "intent": 50.5},
            {"next_step": "trial", "employees": 5, "fit": 81, "intent": 50.4, "source": "webinar"},
            {"next_step": "trial", "fit": 20, "intent": 10, "source": "webinar"},  # how big is unknown: not met, the next is asked
            {"next_step": "trial"},
            {},
        ],
        {"employees": "int", **SLA_FIELDS},
    )
    assert choose(terms, frame) == [0, 1, 1, 2, 2, None, None]


def test_an_sla_without_a_condition_holds_for_everybody_else() -> None:
    terms = agreement(HAND_RAISER, {"name": "any", "first_touch": "1 day"})
    assert choose(terms, as_frame([{"next_step": "demo"}, {}], {"employees": "int", **SLA_FIELDS})) == [0, 1]
    assert choose(terms, as_frame([], {"employees": "int", **SLA_FIELDS})) == []


# --- when -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "first_touch", "due"),
    [
        ("05 10:00", "5 minutes", "05 10:05"),
        ("05 12:28", "5 minutes", "05 13:18"),  # over lunch
        ("16 16:30", "1 hour", "16 17:30"),  # what ends at closing time is due at closing time
        ("16 16:31", "1 hour", "20 09:01"),  # over the weekend and Martin Luther King's day
        ("17 15:00", "1 hour", "20 10:00"),  # the hour of arrival does not carry over
        ("10 11:30", "1 hour", "12 09:30"),  # a Saturday that is open for two hours
        ("01 09:00", "2 hours", "05 11:00"),  # New Year, then a day closed by the calendar, then a weekend
        ("15 17:45", "1 minute", "16 09:01"),
        ("15 11:00", "1 day", "16 11:00"),
        ("15 12:45", "1 day", "16 13:15"),  # days are days of the calendar; what ends at lunch waits until after it
        ("16 11:00", "1 day", "20 09:00"),
        ("05 11:00", "2 weeks", "20 09:00"),
    ],
)
def test_due_on_the_teams_calendar(raised: str, first_touch: str, due: str) -> None:
    assert told(start(within(first_touch), 0, "hnd", wall(raised)).due_at) == due


def test_around_the_clock_is_around_the_clock() -> None:
    assert told(start(within("1 hour", calendar="always"), 0, "hnd", wall("17 23:30")).due_at) == "18 00:30"


def test_another_calendar_of_the_contract() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    clock = start(within("30 minutes", calendar="berlin"), 0, "hnd", wall("05 15:45", berlin))
    assert (told(clock.due_at, berlin), clock.calendar) == ("06 08:15", "berlin")


# --- the ladder -----------------------------------------------------------------------------------------------


def steps(clock: Clock) -> list[tuple[int, str, str, str]]:
    return [(timer.step, timer.action, timer.target, told(timer.due_at)) for timer in clock.timers]


def test_the_steps_are_numbered_as_they_fire() -> None:
    """At the same moment the breach comes first: the manager is told of what has happened."""
    assert steps(start(agreement(HAND_RAISER), 0, "hnd", wall("05 10:00"))) == [
        (0, "remind", "owner", "05 10:03"),
        (1, "breach", "owner", "05 10:05"),
        (2, "tell", "manager", "05 10:05"),
        (3, "reassign", "smb", "05 10:15"),
        (4, "return_to", "marketing", "06 10:00"),
    ]


def test_each_step_is_due_by_the_clocks_own_calendar() -> None:
    """Raised a minute before closing: the reminder comes on the next morning, not at night."""
    assert [due for *_, due in steps(start(agreement(HAND_RAISER), 0, "hnd", wall("05 17:29")))] == [
        "06 09:02",
        "06 09:04",
        "06 09:04",
        "06 09:14",
        "06 17:29",
    ]


def test_twenty_working_hours_are_longer_than_a_day() -> None:
    """The contract lists the hours first, and they are fewer; the calendar decides which comes first."""
    ladder = [{"after": "20 hours", "remind": "owner"}, {"after": "1 day", "tell": "manager"}]
    assert steps(start(within("1 hour", ladder=ladder), 0, "hnd", wall("05 10:00"))) == [
        (0, "breach", "owner", "05 11:00"),
        (1, "tell", "manager", "06 10:00"),
        (2, "remind", "owner", "07 15:15"),
    ]


def test_an_sla_without_a_ladder_still_notices_its_breach() -> None:
    assert steps(start(within("1 hour"), 0, "hnd", wall("05 10:00"))) == [(0, "breach", "owner", "05 11:00")]


def test_what_the_contract_lists_for_the_same_moment_keeps_its_order() -> None:
    ladder = [{"after": "1 hour", "tell": "manager"}, {"after": "60 minutes", "remind": "owner"}]
    actions = [timer.action for timer in start(within("1 hour", ladder=ladder), 0, "hnd", wall("05 10:00")).timers]
    assert actions == ["breach", "tell", "remind"]


def test_the_same_handoff_has_the_same_ids_for_ever() -> None:
    """A batch done twice after a crash writes the same rows, not more."""
    terms = agreement(HAND_RAISER)
    once, again, other = (start(terms, 0, handoff, wall("05 10:00")) for handoff in ("hnd_a", "hnd_a", "hnd_b"))
    assert once == again
    assert once.id != other.id
    ids = [timer.id for clock in (once, other, start_exception(terms, "hnd_a", wall("05 10:00"))) for timer in clock.timers]
    assert len(set(ids)) == len(ids) == 11
    assert once.id == "clk_17e08af7bfa7360dd310"


def test_the_exception_queue_has_a_clock_of_its_own() -> None:
    clock = start_exception(agreement(HAND_RAISER, exceptions_within="2 hours"), "hnd", wall("16 16:30"))
    assert (clock.kind, clock.sla, clock.calendar, told(clock.due_at)) == ("exception", EXCEPTIONS, "team", "20 10:00")
    assert steps(clock) == [(0, "breach", "ops", "20 10:00")]


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds are naive by contract
SPANS = st.builds(
    lambda amount, unit: Duration(amount=amount, unit=unit), st.integers(1, 90), st.sampled_from(["minute", "hour", "day", "week"])
)


@settings(deadline=None)
@given(MOMENTS, SPANS, st.lists(SPANS, max_size=4).map(lambda spans: sorted(spans, key=lambda span: span.minutes)))
def test_timers_fire_in_order_and_never_before_the_clock_starts(raised: datetime, first_touch: Duration, afters: list[Duration]) -> None:
    ladder = [{"after": str(after), "remind": "owner"} for after in afters]
    clock = start(within(str(first_touch), ladder=ladder), 0, "hnd", raised)
    dues = [timer.due_at for timer in clock.timers]
    assert dues == sorted(dues)
    assert all(due >= raised for due in dues)
    assert [timer.step for timer in clock.timers] == list(range(len(afters) + 1))
    assert [timer.due_at for timer in clock.timers if timer.action == "breach"] == [clock.due_at]
    breach = next(timer.step for timer in clock.timers if timer.action == "breach")
    assert all(timer.due_at < clock.due_at for timer in clock.timers[:breach])


# --- why then -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first_touch", "raised", "why"),
    [
        (
            "1 hour",
            "16 17:00",
            "First touch is due Tue 20 Jan 2026 09:30 (America/New_York), 1 hour after Fri 16 Jan 2026 17:00. "
            "Counted: Fri 16 Jan 2026 17:00 to 17:30 (30 min), Tue 20 Jan 2026 09:00 to 09:30 (30 min). "
            "Not counted: Mon 19 Jan 2026 (Martin Luther King Jr. Day).",
        ),
        (
            "30 minutes",
            "01 09:00",
            "First touch is due Mon 5 Jan 2026 09:30 (America/New_York), 30 minutes after Thu 1 Jan 2026 09:00. "
            "Counted: Mon 5 Jan 2026 09:00 to 09:30 (30 min). "
            "Not counted: Thu 1 Jan 2026 (New Year's Day), Fri 2 Jan 2026 (closed by the calendar).",
        ),
        (
            "3 hours",
            "09 16:30",
            "First touch is due Sat 10 Jan 2026 12:00 (America/New_York), 3 hours after Fri 9 Jan 2026 16:30. "
            "Counted: Fri 9 Jan 2026 16:30 to 17:30 (60 min), Sat 10 Jan 2026 10:00 to 12:00 (120 min). "
            "Hours of their own: Sat 10 Jan 2026.",
        ),
        (
            "30 hours",
            "20 09:00",
            "First touch is due Fri 23 Jan 2026 16:30 (America/New_York), 30 hours after Tue 20 Jan 2026 09:00. "
            "Counted: Tue 20 Jan 2026 09:00 to 12:30 (210 min), Tue 20 Jan 2026 13:15 to 17:30 (255 min), 4 more, "
            "Fri 23 Jan 2026 09:00 to 12:30 (210 min), Fri 23 Jan 2026 13:15 to 16:30 (195 min).",
        ),
        (
            "1 day",
            "15 11:00",
            "First touch is due Fri 16 Jan 2026 11:00 (America/New_York), 1 day after Thu 15 Jan 2026 11:00. Days are counted on the calendar.",
        ),
        (
            "1 day",
            "16 11:00",
            "First touch is due Tue 20 Jan 2026 09:00 (America/New_York), 1 day after Fri 16 Jan 2026 11:00. "
            "Days are counted on the calendar, and where they end in closed time it is the next opening. "
            "Not counted: Mon 19 Jan 2026 (Martin Luther King Jr. Day).",
        ),
    ],
)
def test_why_it_is_due_then(first_touch: str, raised: str, why: str) -> None:
    terms = within(first_touch)
    assert explain_due(terms, start(terms, 0, "hnd", wall(raised))) == why


def test_why_an_exception_is_due_then() -> None:
    terms = agreement(HAND_RAISER)
    said = explain_due(terms, start_exception(terms, "hnd", wall("05 10:00") + timedelta(seconds=30)))
    assert said == (
        "An owner is due Mon 5 Jan 2026 11:00:30 (America/New_York), 1 hour after Mon 5 Jan 2026 10:00:30. "
        "Counted: Mon 5 Jan 2026 10:00:30 to 11:00:30 (60 min)."
    )


def test_a_clock_of_another_contract_cannot_be_explained_by_this_one() -> None:
    with pytest.raises(ValueError, match="no SLA 'hand-raiser'"):
        explain_due(within("1 hour"), start(agreement(HAND_RAISER), 0, "hnd", wall("05 10:00")))


# --- the owner's own hours ------------------------------------------------------------------------------------


def test_a_clock_in_the_calendar_rep_counts_what_is_known_of_its_owner_at_its_start() -> None:
    bo = Rep("bo", "Bo", "bo@northwind.example", time_zone="Europe/Berlin", week={"mon-fri": ("08:00-12:00",)}, holidays="DE-BY")
    berlin = ZoneInfo("Europe/Berlin")
    leave = [
        Absence("bo", wall("14 08:00", berlin), wall("15 10:00", berlin)),
        Absence("bo", wall("15 09:00", berlin), wall("16 10:00", berlin)),  # over the one before
        Absence("bo", wall("01 08:00", berlin), wall("02 10:00", berlin)),  # over
        Absence("ana", wall("13 08:00", berlin), wall("30 10:00", berlin)),
        Absence("bo", wall("14 08:00", berlin) + timedelta(days=130), wall("15 08:00", berlin) + timedelta(days=130)),  # too far off
    ]
    raised = wall("13 11:30", berlin)
    own = own_hours(bo, leave, raised)
    assert [told(a, berlin) + " " + told(b, berlin) for a, b in own.away] == ["14 08:00 16 10:00"]
    terms = within("1 hour", calendar="rep", ladder=[{"after": "2 hours", "tell": "manager"}])
    clock = start(terms, 0, "hnd", raised, own)
    assert (told(clock.due_at, berlin), told(clock.timers[-1].due_at, berlin)) == ("16 10:30", "16 11:30")
    assert read(clock.calendar) == replace(own, week={"mon-fri": ["08:00-12:00"]}), "the same hours are made again from what is stored"
    assert start(terms, 0, "hnd", raised).calendar == "rep"
    assert told(start(terms, 0, "hnd", wall("13 16:45")).due_at) == "14 09:15", "nobody's: the team's hours"


def test_marketings_promise_is_never_counted_in_the_hours_of_a_rep() -> None:
    base = within("1 hour").contract
    marketing = {"contact_valid": {"within": "4 hours", "calendar": "rep"}}
    found, problems = agree(Contract.model_validate({**base.model_dump(mode="json"), "marketing": marketing}), Place("northwind.yaml"))
    assert found is None
    assert [p.what for p in problems] == ["marketing's promise would be counted in the hours of whoever in Sales owns the handoff"]
