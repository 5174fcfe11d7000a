"""Promises, pauses, evidence and follow-up in a contract: what makes no sense is said at its place, and changes are told in sentences."""

from __future__ import annotations

import pytest

from handfast.contract.diff import diff
from handfast.contract.reading import read_contract
from handfast.contract.terms import Step

BASE = """
contract: Kraus
calendar: {timezone: Europe/Berlin, week: {mon-fri: ["09:00-17:30"]}}
ready: {fit: {at_least: 0}, intent: {at_least: 0}, next_step: [{step: demo, on: demo_requested, within: 7 days}]}
routing: {pools: {team: {members: {anna: 1}}}, default: team}
dispositions: {recycle: {reasons: {not_now: {}, gone: {active: false}}}, disqualify: {reasons: {bad_fit: {}}}}
"""
SLA = "sla: [{name: any, first_touch: 1 hour}]\n"


def wrong(more: str) -> list[str]:
    _, problems = read_contract(BASE + more, "kraus.yaml")
    return [problem.what for problem in problems]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("sla: [{name: any, first_touch: 1 hour, calendar: moon}]", "there is no calendar 'moon'"),
        ("sla: [{name: any, first_touch: 1 hour, accept: {within: 2 hours}}]", "the owner may take 2 hours to say yes"),
        ("sla: [{name: any, first_touch: 1 hour, next_touch: {within: 0 days}}]", "nobody can be this fast"),
        (
            "sla: [{name: any, first_touch: 1 hour, next_touch: {within: 1 day, ladder: [{after: 1 hour, offer: moon}]}}]",
            "'moon' is neither",
        ),
        (
            "sla: [{name: any, first_touch: 1 hour, ladder: [{after: 5 minutes, off_rotation: owner}]}]",
            "it is taken from the owner after 5",
        ),
        ("sla: [{name: any, first_touch: 1 hour, ladder: [{after: 5 minutes, remind: marketing}]}]", "and marketing is reminded of it"),
        ("sla: [{name: follow_up, first_touch: 1 hour}]", "'follow_up' is the name of clocks of our own"),
        (SLA + "pauses: {gone: {at_most: 800 days}}", "a pause for 'gone' may last 800 days"),
        (SLA + "marketing: {context_complete: {within: 1 hour}}", "nothing is required of a brief"),
        (SLA + "marketing: {contact_valid: {within: 1 hour, ladder: [{after: 1 hour, reassign: team}]}}", "nobody's handoff is touched"),
        (SLA + "marketing: {volume: {every: week, at_least: 9, at_most: 3, answer_within: 1 day}}", "no week has at least 9 and at most 3"),
        (SLA + "marketing: {volume: {every: week, answer_within: 1 day}}", "every number of handoffs keeps this promise"),
        (SLA + "marketing: {false_positives: {every: month, at_most: 20, answer_within: 1 day}}", "20 does not say of what"),
        (SLA + "touches: [{on: call_loged, touch: call}]", "no signal 'call_loged' is known"),
        (SLA + "touches: [{on: call_logged, touch: call}, {on: call_logged, touch: email}]", "this rule never counts"),
        (SLA + "touches: [{on: email_bounced, touch: bounce, contact: true}]", "'bounce' is neither a contact nor a meeting"),
        (SLA + "touches: [{on: meeting_booked, touch: meeting, meeting: true}]", "a meeting is set by two"),
        (SLA + 'touches: [{on: call_logged, when: "seconds > 5 AND seconds < 3", touch: call}]', "no signal is ever this touch"),
        (SLA + "follow_up: {steps: [{channel: call, wait: 1 day}], end: {within: 1 day}}", "the first step is the first touch"),
        (SLA + "follow_up: {steps: [{channel: call}], end: {within: 1 day, recycle: later}}", "there is no reason 'later' to recycle for"),
        (SLA + "follow_up: {steps: [{channel: call}], end: {within: 1 day, recycle: gone}}", "the reason 'gone' is no longer given"),
    ],
)
def test_what_makes_no_sense_is_said(more: str, what: str) -> None:
    found = wrong(more)
    assert any(what in one for one in found), found


def test_a_change_of_promises_is_told_in_sentences() -> None:
    def terms(accept: str, pause: str) -> str:
        return f"sla: [{{name: any, first_touch: 4 hours, accept: {{within: {accept}}}}}]\npauses: {{away: {{at_most: {pause}}}}}"

    old, problems = read_contract(BASE + terms("1 hour", "2 days"), "old")
    new, _ = read_contract(BASE + terms("2 hours", "3 days"), "new")
    assert old is not None, problems
    assert new is not None
    assert [change.sentence for change in diff(old.contract, new.contract)] == [
        "SLA any accept within 1 → 2 hours", "pause away cap 2 → 3 days",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"remind": "owner"}, "remind the owner"),
        ({"remind": "marketing"}, "remind marketing"),
        ({"tell": "manager", "urgent": True}, "tell the manager, whatever the hour"),
        ({"tell": "channel:#sales"}, "tell channel #sales"),
        ({"offer": "smb"}, "offer it to pool smb"),
        ({"reassign": "smb"}, "reassign to pool smb"),
        ({"off_rotation": "owner"}, "take the owner off rotation"),
        ({"return_to": "marketing"}, "return to marketing"),
    ],
)
def test_every_step_of_a_ladder_says_what_it_does(step: dict[str, object], sentence: str) -> None:
    """The page of the contract and `contract show` both say it so."""
    assert Step.model_validate({"after": "5 minutes", **step}).sentence == sentence
