"""What becomes of those whom Sales gives back, and when they come again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handfast.desk import outcomes
from handfast.desk.way_back import tell
from handfast.facts import Outcome
from handfast.store import way_back as rows
from handfast.store.base import Store

from .house import CONTRACT, House, moment

BACK = CONTRACT.replace(
    "not_now: {back: 90 days}, other: {note: true}", "not_now: {back: 90 days}, later: {back: 30 days, needs: new_intent}"
).replace(
    "bad_fit: {blames: fit}",
    "bad_fit: {blames: fit}, bad_data: {blames: data, leads_to: fix_data}, twice: {blames: data, leads_to: merge}",
).replace("dispositions:", "marketing: {contact_valid: {within: 4 hours}}\ndispositions:")  # fmt: skip


@pytest.fixture
def house(store: Store) -> House:
    return House(store, BACK)


def refused(house: House, outcome: Outcome, reason: str) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), outcome, "Mon 11:00", reason=reason)


def told(house: House, at: str) -> int:
    return tell(house.store, house.book, moment(at), channels=("email", "webhook"))


def test_marketing_hears_of_it_once_it_can_no_longer_be_taken_back(house: House) -> None:
    refused(house, Outcome.RECYCLE, "not_now")
    assert told(house, "Mon 11:10") == 0
    assert told(house, "Mon 11:16") == 1
    assert told(house, "Mon 11:17") == 0, "once"
    assert house.heard("marketing") == ["nurture"]
    track = house.one("SELECT payload -> 'track' FROM outbox WHERE kind = 'nurture' AND channel = 'webhook'")
    back = (moment("Mon 11:00") + timedelta(days=90)).isoformat()
    assert track == {"to": "nurture", "reason": "not_now", "back_at": back}


def test_a_history_is_not_told_years_later(house: House) -> None:
    refused(house, Outcome.RECYCLE, "not_now")
    assert told(house, "Mon+3 12:00") == 1, "it is settled"
    assert house.heard("marketing") == [], "and no message is written"


def test_what_is_taken_back_in_time_is_never_told(house: House) -> None:
    refused(house, Outcome.RECYCLE, "not_now")
    outcomes.undo(house.store, house.handoff(), str(house.owner()), moment("Mon 11:05"), book=house.book)
    assert told(house, "Mon 12:00") == 0
    assert house.heard("marketing") == []


def test_recycled_and_asks_again_comes_back(house: House) -> None:
    refused(house, Outcome.RECYCLE, "not_now")
    assert house.arrives("lea@acme.example", "Tue 10:00").opened == 1


def test_new_intent_is_reckoned_from_the_closing_on(store: Store) -> None:
    house = House(store, BACK.replace("    at_least: 20\n    half_life: 14 days", "    at_least: 45\n    half_life: 14 days"))
    for minute in ("09:57", "09:58"):
        house.hears(house.signal("lea@acme.example", "page_viewed", f"Mon {minute}", path="/pricing"))
    house.arrives("lea@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 11:00", reason="later")
    assert house.arrives("lea@acme.example", "Tue 10:00").opened == 0, "30 points since: what was before does not count again"
    assert house.one("SELECT outcome FROM standing") == "ready", "though together it would be enough"
    for minute in ("10:57", "10:58"):
        house.hears(house.signal("lea@acme.example", "page_viewed", f"Wed {minute}", path="/pricing"))
    assert house.arrives("lea@acme.example", "Wed 11:00").opened == 1, "now it is, from what they did since"


def test_disqualified_for_their_fit_is_suppressed(house: House) -> None:
    refused(house, Outcome.DISQUALIFY, "bad_fit")
    told(house, "Mon 12:00")
    assert house.arrives("lea@acme.example", "Tue 10:00").opened == 0
    assert house.one("SELECT leads_to FROM way_back") == "suppress"


def test_wrong_data_is_marketings_to_mend_and_then_they_may_come_again(house: House) -> None:
    refused(house, Outcome.DISQUALIFY, "bad_data")
    told(house, "Mon 12:00")
    assert house.one("SELECT due_at FROM clock WHERE kind = 'contact_valid'") == moment("Mon 16:00")
    assert house.arrives("lea@acme.example", "Tue 10:00").opened == 0
    house.hears(house.signal("lea@acme.example", "identified", "Tue 11:00", person={"phone": "+49 30 99"}))
    house.decide("Tue 11:00")
    assert house.one("SELECT stopped_by FROM clock WHERE kind = 'contact_valid'") == "complete"
    assert house.arrives("lea@acme.example", "Tue 12:00").opened == 1


def test_lost_for_want_of_a_touch_goes_back_with_its_reason(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    house.clock("Wed 10:00")
    assert house.one("SELECT leads_to, reason, told_at IS NOT NULL FROM way_back") == ("returned", "sla_lost", True)


def test_the_list_for_marketing_has_each_person_once_and_nobody_who_is_in_work_again(house: House) -> None:
    refused(house, Outcome.RECYCLE, "not_now")
    since = moment("Mon 00:00")

    def listed(at: str) -> list[str | None]:
        with house.store.reading() as conn:
            return [one.email for one in rows.returned(conn, ("nurture",), since, moment(at))]

    assert listed("Mon 11:05") == [], "it can still be taken back"
    assert listed("Mon 12:00") == ["lea@acme.example"]
    house.arrives("lea@acme.example", "Tue 10:00")
    assert listed("Tue 10:01") == []


def test_a_second_person_of_an_account_in_work_starts_no_second_clock(house: House) -> None:
    house.arrives("lea@acme.example", "Mon 10:00")
    assert house.arrives("bo@acme.example", "Mon 10:05").joined == 1
    assert house.one("SELECT count(*) FROM clock") == 1
