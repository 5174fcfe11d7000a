"""What becomes of those whom Sales gives back, and when they come again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from handfast.desk import duplicates, match, merge, outcomes
from handfast.desk.refused import Refused
from handfast.desk.review import answer, linked
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


LEA = {"first_name": "Lea", "last_name": "Kowalczyk", "phone": "+49 40 5550142", "city": "Hamburg"}


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


# --- known twice ----------------------------------------------------------------------------------------------------


def twice(house: House, **more: Any) -> str:
    """Lea, whom we have with her private address already, is given back as known twice; her id."""
    house.hears(house.signal("lea.kowalczyk@gmx.example", "page_viewed", "Mon 09:00", path="/", person=LEA))
    house.arrives("lea@acme.example", "Mon 10:00", person=LEA)
    while (done := match.tend(house.store, moment("Mon 10:01"))).people or done.accounts:
        pass
    house.ends(house.handoff(), str(house.owner()), Outcome.DISQUALIFY, "Mon 11:00", reason="twice", **more)
    return str(house.one("SELECT person_id FROM handoff"))


def asked(house: House) -> list[duplicates.Asked]:
    with house.store.reading() as conn:
        return duplicates.unsettled(conn)


def test_known_twice_asks_a_person_of_whom_and_proposes_whoever_looks_alike(house: House) -> None:
    lea = twice(house, note="she told me so")
    assert told(house, "Mon 11:10") == 0
    assert asked(house) == [], "it can still be taken back"
    told(house, "Mon 11:16")
    question = asked(house)[0]
    assert (question.person.id, question.said.note) == (lea, "she told me so")
    other, review = question.pairs[0]
    assert other.email == "lea.kowalczyk@gmx.example"
    answer(house.store, review.id, same=True, by="rita", at=moment("Mon 12:00"))
    assert asked(house) == []
    done = merge.merge(house.store, other.id, lea, "rita", moment("Mon 12:05"))
    assert house.one("SELECT merged_into FROM person WHERE id = %s", lea) == other.id
    merge.unmerge(house.store, done.folded, "rita", moment("Mon 12:10"))
    assert house.one("SELECT merged_into FROM person WHERE id = %s", lea) is None, "as every merge"


def test_whom_the_rep_names_is_asked_about_although_they_look_nothing_alike(house: House) -> None:
    house.hears(house.signal("ceo@holding.example", "page_viewed", "Mon 08:00", path="/", person={"first_name": "Bo", "last_name": "Ahn"}))
    house.decide("Mon 08:00")
    with pytest.raises(Refused, match=r"nobody is known by 'ceo@nowhere\.example'"):
        twice(house, answers={"duplicate_of": "ceo@nowhere.example"})
    with pytest.raises(Refused, match="is this very person"):
        house.ends(
            house.handoff(),
            str(house.owner()),
            Outcome.DISQUALIFY,
            "Mon 11:00",
            reason="twice",
            answers={"duplicate_of": "lea@acme.example"},
        )
    house.ends(
        house.handoff(),
        str(house.owner()),
        Outcome.DISQUALIFY,
        "Mon 11:00",
        reason="twice",
        answers={"duplicate_of": "CEO@holding.example "},
    )
    told(house, "Mon 11:16")
    assert "ceo@holding.example" in [other.email for other, _ in asked(house)[0].pairs]


def test_whoever_looks_may_name_another_or_say_that_it_is_nobody(house: House) -> None:
    lea = twice(house)
    told(house, "Mon 11:16")
    said = asked(house)[0].said
    with pytest.raises(Refused, match="nobody is known by"):
        duplicates.name(house.store, said.id, "who@where.example", "rita", moment("Mon 12:00"))
    other = duplicates.name(house.store, said.id, "lea.kowalczyk@gmx.example", "rita", moment("Mon 12:00"))
    with house.store.reading() as conn:
        assert {lea, other} in [{one.asked.id, one.other.id} for one in linked(conn)]
    with pytest.raises(Refused, match="settled already"):
        duplicates.nobody(house.store, said.id, "priya", moment("Mon 12:01"))
    assert house.events()[-1] == "duplicate_settled"


def test_an_imported_history_of_duplicates_asks_nobody(house: House) -> None:
    twice(house)
    told(house, "Mon+3 12:00")
    assert asked(house) == []
