"""Figures from a real database: what happened at the desk, and what was known of it when."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from handfast.desk import figures
from handfast.desk.actions import reassign, record_opportunities
from handfast.desk.touches import record_touches
from handfast.facts import Evidence, Outcome, Touch, TouchKind
from handfast.measure.facts import CLOCKS, HANDOFFS, LEADS, OPPORTUNITIES
from handfast.store import figures as rows
from tests.desk.house import House, moment

_numbers = count(1)


@pytest.fixture
def house(store):
    return House(store)


def report(house, at, **more):
    return figures.report(house.store, moment(at), **{"minimum": 1, **more})


def person(house, handoff):
    return house.one("SELECT person_id FROM handoff WHERE id = %s", handoff)


def telephone(house, handoff, at, heard, contact=False):
    """The telephone system tells at `heard` of a call at `at`."""
    call = Touch(f"tch_{next(_numbers)}", person(house, handoff), "anna", TouchKind.CALL, moment(at), Evidence.EVIDENCED, contact, "pbx")
    assert record_touches(house.store, [call], moment(heard)).added == 1


def deal(house, handoff, opened, heard, closed=None, amount=1000.0):
    won = True if closed else None
    one = (
        f"opp_{handoff}",
        person(house, handoff),
        None,
        "anna",
        "proposal",
        amount,
        moment(opened),
        moment(closed) if closed else None,
        won,
    )
    record_opportunities(house.store, [one], moment(heard))


def test_an_empty_house_has_a_report_and_no_scoreboard(house):
    found = report(house, "Mon 12:00", by=("rep",))
    assert found["takeaway"] == "No handoffs in this period."
    assert figures.scoreboard(house.store, moment("Mon 12:00")) is None


def test_the_frames_have_their_columns_also_where_there_is_nothing(house):
    with house.store.reading() as conn:
        empty = rows.facts(conn, moment("Mon 12:00"))
    house.arrives("eva@kraus.example", "Mon 10:00")
    house.calls(house.handoff(), house.owner(), "Mon 10:20")
    deal(house, house.handoff(), "Mon 11:00", "Mon 11:00")
    with house.store.reading() as conn:
        full = rows.facts(conn, moment("Mon 12:00"))
    for facts, many in ((empty, 0), (full, 1)):
        for frame, columns in zip(
            (facts.leads, facts.handoffs, facts.clocks, facts.opportunities), (LEADS, HANDOFFS, CLOCKS, OPPORTUNITIES), strict=True
        ):
            assert dict(frame.schema) == columns
            assert len(frame) == many


def test_from_the_form_to_the_deal(house):
    """Asked on Monday at ten, called at 10:20, met on Tuesday, a deal on Wednesday, won a week later."""
    house.arrives("eva@kraus.example", "Mon 10:00")
    handoff, owner = house.handoff(), house.owner()
    house.calls(handoff, owner, "Mon 10:20")
    house.ends(handoff, owner, Outcome.MEETING_SET, "Tue 15:00")
    deal(house, handoff, "Wed 09:00", "Wed 09:05", closed="Wed+1 12:00", amount=2500.0)
    found = figures.report(house.store, moment("Mon+1 09:00") + timedelta(days=100), minimum=1, by=("team",))
    m = found["measures"]
    assert m["speed_to_lead"]["p50"]["value"] == 1200
    assert m["response_accountable"]["p50"]["value"] == 1200
    assert [m[name]["value"] for name in ("sla_compliance", "contact_rate", "meeting_rate", "mql_to_sql", "won_ever", "won_90d")] == [
        1.0
    ] * 6
    assert m["pipeline_created"]["value"] == 2500.0
    assert found["groups"][0]["key"] == {"team": "sales"}
    assert found["cohorts"][0]["month"] == "2026-03"


def test_friday_evening_is_long_for_the_prospect_and_short_for_the_rep(house):
    """Asked on Friday at 17:00, called on Monday at 09:15: 64.25 hours of waiting, 45 minutes of working time."""
    house.arrives("eva@kraus.example", "Fri 17:00")
    house.calls(house.handoff(), house.owner(), "Mon+1 09:15")
    m = report(house, "Tue+1 09:00")["measures"]
    assert m["speed_to_lead"]["p50"]["value"] == 64.25 * 3600
    assert m["response_accountable"]["p50"]["value"] == 45 * 60
    assert m["sla_compliance"]["value"] == 1.0


def test_a_reassigned_handoff_keeps_its_clock_and_its_first_owner(house):
    """Handed from one rep to the next, touched two hours after the form: the lead's wait did not start anew, and the breach stays one."""
    house.arrives("eva@kraus.example", "Mon 10:00")
    handoff, first = house.handoff(), house.owner()
    second = "ben" if first == "anna" else "anna"
    reassign(house.store, handoff, second, "mia", "off sick", moment("Mon 10:30"))
    house.clock("Mon 11:00")
    house.calls(handoff, second, "Mon 12:00")
    found = report(house, "Mon 13:00", by=("rep",))
    assert found["measures"]["time_to_first_touch"]["p50"]["value"] == 7200
    assert (found["measures"]["sla_compliance"]["hits"], found["measures"]["sla_compliance"]["n"]) == (0, 1)
    assert [g["key"]["rep"] for g in found["groups"]] == [{"anna": "Anna A", "ben": "Ben B"}[first]]


def test_the_report_of_a_day_says_ever_after_what_it_said_that_day(house):
    """A report is made each evening and kept. At the end of the story every one of them is made again, as known then: word for word the same."""
    kept = {}

    def evening(at):
        kept[at] = report(house, at, by=("source", "rep", "month"))

    house.arrives("eva@kraus.example", "Mon 10:00")
    house.arrives("max@firma.example", "Mon 11:00")
    one, two = house.handoff(0), house.handoff(1)
    house.clock("Mon 17:50")
    evening("Mon 18:00")
    house.calls(one, house.owner(0), "Tue 09:30")
    house.arrives("tom@kraus.example", "Tue 10:00")
    evening("Tue 18:00")
    telephone(house, two, "Mon 11:05", heard="Wed 08:00", contact=True)
    house.ends(one, house.owner(0), Outcome.CONNECTED, "Wed 09:00")
    evening("Wed 18:00")
    house.ends(one, house.owner(0), Outcome.MEETING_SET, "Thu 09:00")
    house.ends(two, house.owner(1), Outcome.RECYCLE, "Thu 10:00", reason="not_now")
    deal(house, one, "Thu 11:00", "Fri 08:00")
    evening("Thu 18:00")
    deal(house, one, "Thu 11:00", "Mon+1 09:00", closed="Mon+1 09:00")
    evening("Mon+1 18:00")
    assert len({str(found["measures"]) for found in kept.values()}) == 5, "something was learnt every day"
    for at, found in kept.items():
        assert report(house, at, by=("source", "rep", "month")) == found, at


def test_what_comes_later_is_hidden_from_an_earlier_day(house):
    house.arrives("eva@kraus.example", "Mon 10:00")
    house.clock("Mon 11:30")
    telephone(house, house.handoff(), "Mon 10:10", heard="Tue 09:00")
    monday, tuesday = report(house, "Mon 18:00")["measures"], report(house, "Tue 09:00")["measures"]
    assert (monday["sla_compliance"]["value"], monday["speed_to_lead"]["happened"], monday["breach_notice"]["n"]) == (0.0, 0, 1)
    assert (tuesday["sla_compliance"]["value"], tuesday["speed_to_lead"]["p50"]["value"]) == (1.0, 600), "a call in time is a call in time"
    assert report(house, "Mon 09:00")["counts"]["handoffs"] == 0


def test_late_evidence_of_an_earlier_call_beats_the_late_call_that_stopped_the_clock(house):
    house.arrives("eva@kraus.example", "Mon 10:00")
    house.clock("Mon 11:30")
    house.calls(house.handoff(), house.owner(), "Mon 12:00")
    assert report(house, "Mon 13:00")["measures"]["sla_compliance"]["value"] == 0.0
    telephone(house, house.handoff(), "Mon 10:30", heard="Mon 14:00")
    assert report(house, "Mon 15:00")["measures"]["sla_compliance"]["value"] == 1.0


def test_a_colleague_who_joins_is_a_lead_of_the_same_handoff(house):
    house.arrives("eva@kraus.example", "Mon 10:00")
    house.arrives("tom@kraus.example", "Mon 10:30")
    house.calls(house.handoff(), house.owner(), "Mon 10:40")
    counts = report(house, "Mon 12:00")["counts"]
    assert (counts["handoffs"], counts["leads"], counts["joined"], counts["touched"]) == (1, 2, 1, 1)


def test_names_with_quotes_commas_and_line_breaks_come_through(house):
    with house.store.writing() as conn:
        conn.execute("UPDATE rep SET team = E'north, \"inner\"\nsouth'")
    house.arrives("eva@kraus.example", "Mon 10:00")
    assert report(house, "Mon 12:00", by=("team",))["groups"][0]["key"] == {"team": 'north, "inner"\nsouth'}


def test_two_reps_of_one_name_stay_two(house):
    with house.store.writing() as conn:
        conn.execute("UPDATE rep SET name = 'Sam' WHERE id IN ('anna', 'ben')")
    house.arrives("eva@kraus.example", "Mon 10:00")
    house.arrives("max@firma.example", "Mon 10:05")
    assert [g["key"]["rep"] for g in report(house, "Mon 12:00", by=("rep",))["groups"]] == ["Sam (anna)", "Sam (ben)"]


def test_the_scoreboard_reads_the_same_facts(house):
    for i in range(6):
        house.arrives(f"p{i}@firm{i}.example", f"Mon 10:0{i}")
        if (owner := house.owner(i)) is not None:
            house.calls(house.handoff(i), owner, f"Mon 10:1{i}")
    board = figures.scoreboard(house.store, moment("Mon+3 09:00"), 4)
    assert board is not None
    assert board["speed"]["p50"] == [10.0, None, None, None]
    assert board["funnel"]["steps"][1] == {"name": "Touched", "count": 6, "share": 1.0, "rate": 1.0}
    assert board["sla"]["rows"][0]["promise"] == "first touch in 60 minutes, team hours"
