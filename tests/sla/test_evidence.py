"""What counts as a contact, and what a machine wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handfast.contract.terms import TouchRule
from handfast.sla.evidence import read

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REPLY = TouchRule.model_validate({"on": "email_replied", "touch": "email", "contact": True})
CALL = TouchRule.model_validate({"on": "call_logged", "touch": "call", "contact": True})


def what(rule: TouchRule, **said: Any) -> str:
    return read(rule, said, MONDAY).what


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"subject": "Re: your demo"}, "contact"),
        ({"subject": "Re: out of scope, but interesting"}, "contact"),
        ({"subject": "Re: we are away from spreadsheets since May"}, "contact"),
        ({"subject": "Automatic reply: your demo"}, "auto_reply"),
        ({"subject": "Automatische Antwort: Ihre Demo"}, "auto_reply"),
        ({"subject": "Out of office"}, "absence"),
        ({"subject": "Abwesenheitsnotiz: Ihre Demo"}, "absence"),
        ({"subject": "Re: demo", "auto_submitted": "auto-replied"}, "auto_reply"),
        ({"subject": "Re: demo", "headers": {"Auto-Submitted": "auto-replied; owner-email=x"}}, "auto_reply"),
        ({"subject": "Re: demo", "headers": {"Auto-Submitted": "no"}}, "contact"),
        ({"subject": "Re: demo", "X-Autoreply": "yes"}, "auto_reply"),
        ({"subject": "Re: demo", "precedence": "auto_reply"}, "auto_reply"),
        ({"subject": "Undeliverable: your demo"}, "bounce"),
        ({"subject": "Re: demo", "from": "MAILER-DAEMON@mx.example"}, "bounce"),
        ({"subject": "x", "content_type": "multipart/report; report-type=delivery-status"}, "bounce"),
        ({"subject": "Returned mail: see transcript for details"}, "bounce"),
    ],
)
def test_a_reply_is_a_contact_unless_a_machine_wrote_it(said: dict[str, Any], found: str) -> None:
    assert what(REPLY, **said) == found


@pytest.mark.parametrize("outcome", ["voicemail", "Left voicemail", "no_answer", "NO-ANSWER", "busy", "missed"])
def test_a_voicemail_is_an_attempt(outcome: str) -> None:
    assert what(CALL, outcome=outcome, seconds=40) == "attempt"
    assert what(CALL, outcome="connected", seconds=40) == "contact"
    assert what(CALL, voicemail=True) == "attempt"


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("I am out until 2026-03-16.", "2026-03-16"),
        ("I will be back on March 16", "2026-03-16"),
        ("Returning on 16th of March, 2026", "2026-03-16"),
        ("Ich bin bis 16.03.2026 nicht im Büro", "2026-03-16"),
        ("Ich bin wieder am 16. März für Sie da", "2026-03-16"),
        ("I am away", None),
        ("back on 40 March", None),
        ("until 2029-01-01", None),
    ],
)
def test_an_absence_reply_says_until_when(text: str, back: str | None) -> None:
    found = read(REPLY, {"subject": "Out of office", "text": text}, MONDAY)
    assert found.what == "absence"
    assert (f"{found.until:%Y-%m-%d}" if found.until else None) == back


def test_a_date_without_a_year_may_lie_in_the_next_one() -> None:
    found = read(REPLY, {"subject": "Out of office", "text": "back on 4 January"}, datetime(2026, 12, 20, tzinfo=UTC))
    assert found.until == datetime(2027, 1, 4, tzinfo=UTC)


def test_hostile_text_is_read_in_no_time() -> None:
    nasty = "until " * 2000 + "1" * 4000
    assert what(REPLY, subject="Out of office", text=nasty, headers={"Auto-Submitted": "x" * 100_000}) == "absence"


def test_what_is_no_touch_is_none() -> None:
    assert what(TouchRule.model_validate({"on": "unsubscribed", "touch": "opt_out"})) == "opt_out"
    assert what(TouchRule.model_validate({"on": "email_bounced", "touch": "bounce"})) == "bounce"
    assert what(TouchRule.model_validate({"on": "email_sent", "touch": "email"}), subject="Automatic reply") == "attempt"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "9999-12-31"])
def test_a_moment_outside_of_the_calendar_is_no_day_to_be_back(moment: str) -> None:
    found = read(REPLY, {"subject": "Out of office", "back_at": moment}, MONDAY)
    assert (found.what, found.until) == ("absence", None)


def test_a_leap_day_that_the_next_year_has_not_is_no_day_to_be_back() -> None:
    found = read(REPLY, {"subject": "Out of office", "text": "back on 29 February"}, datetime(2028, 12, 20, tzinfo=UTC))
    assert found.until is None
