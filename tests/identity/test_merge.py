"""Two people made one, and two again: told on a real database, with signals coming all the while."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handfast.desk.merge import merge, preview, unmerge
from handfast.desk.refused import Refused
from handfast.facts import Outcome, Person
from handfast.identity.merge import Said, combine, part, person_of
from handfast.store import follow_up, outbox, way_back
from handfast.store.base import Store
from tests.desk.house import House, moment

MON = datetime(2026, 3, 2, tzinfo=UTC)
TUE = datetime(2026, 3, 3, tzinfo=UTC)


def person(ident: str, email: str | None = None, name: str = "", account: str | None = None, **fields: Any) -> Person:
    return Person(ident, email, name, account, fields)


# --- whose value wins -----------------------------------------------------------------------------------------


def test_what_was_said_latest_wins_and_keeps_its_source() -> None:
    kept, folded = person("a", title="VP", city="Ulm"), person("b", title="CEO", phone="1")
    said = {"title": Said("VP", "crm", MON)}, {"title": Said("CEO", "web", TUE)}
    fields = combine(kept, folded, *said)
    assert (fields["title"].value, fields["title"].person, fields["title"].source, fields["title"].rule) == (
        "CEO",
        "b",
        "web",
        "said latest",
    )
    assert fields["title"].other == "VP"
    assert (fields["city"].rule, fields["phone"].rule) == ("the only one", "the only one")
    assert person_of(kept, fields).fields == {"title": "CEO", "city": "Ulm", "phone": "1"}


def test_a_value_no_signal_said_is_older_than_any_that_one_did() -> None:
    fields = combine(person("a", title="VP"), person("b", title="CEO"), {}, {"title": Said("CEO", "web", MON)})
    assert fields["title"].value == "CEO"
    both_unsaid = combine(person("a", title="VP"), person("b", title="CEO"), {}, {})
    assert (both_unsaid["title"].value, both_unsaid["title"].rule) == ("VP", "of the one kept")


def test_a_hand_may_choose_and_address_and_account_stay() -> None:
    kept, folded = person("a", "a@kraus.example", account="k", title="VP"), person("b", "b@omega.example", account="o", title="CEO")
    fields = combine(kept, folded, {"title": Said("VP", "web", TUE)}, {"title": Said("CEO", "web", MON)}, {"title": "b"})
    assert (fields["title"].value, fields["title"].rule) == ("CEO", "chosen by hand")
    assert (fields["email"].value, fields["account"].value) == ("a@kraus.example", "k")


def test_a_hand_chooses_between_values_and_takes_none_away() -> None:
    fields = combine(person("a"), person("b", country="DE"), {}, {"country": Said("DE", "web", MON)}, {"country": "a"})
    assert (fields["country"].value, fields["country"].rule) == ("DE", "the only one")


def test_parting_gives_back_what_each_was_and_what_each_said_since() -> None:
    kept, folded = person("a", title="VP", city="Ulm"), person("b", title="CEO")
    merged = person_of(kept, combine(kept, folded, {}, {"title": Said("CEO", "web", MON)}))
    now = person("a", title="CEO", city="Bonn", phone="1", note="by hand")
    first, second = part(now, kept, folded, merged, {"city": Said("Bonn", "web", TUE)}, {"phone": Said("1", "web", TUE)})
    assert first.fields == {"title": "VP", "city": "Bonn", "note": "by hand"}
    assert second.fields == {"title": "CEO", "phone": "1"}


# --- on a database --------------------------------------------------------------------------------------------


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def says(house: House, email: str | None, at: str, **said: Any) -> None:
    house.hears(house.signal(email, "page_viewed", at, **said))
    house.decide(at)


def known(house: House, email: str) -> str:
    return str(house.one("SELECT person_id FROM identity WHERE who = %s", f"email:{email}"))


def whole(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Everything about who is who: what a merge and its undoing must leave as it was."""
    return {
        "identity": house.rows("SELECT who, person_id FROM identity ORDER BY who"),
        "person": house.rows("SELECT id, email, name, account_id, fields, merged_into FROM person ORDER BY id"),
        "handoff": house.rows("SELECT id, person_id, party FROM handoff ORDER BY id"),
        "handoff_person": house.rows("SELECT handoff_id, person_id FROM handoff_person ORDER BY 1, 2"),
        "touch": house.rows("SELECT id, person_id FROM touch ORDER BY id"),
    }


def test_a_preview_writes_nothing_and_says_what_would_move(house: House) -> None:
    says(house, "anna@kraus.example", "Mon 09:00", visitor="v1", person={"title": "VP"})
    says(house, "anna.k@gmail.com", "Mon 10:00", visitor="v2", person={"title": "CEO"})
    before = whole(house)
    seen = preview(house.store, known(house, "anna@kraus.example"), known(house, "annak@gmail.com"))
    assert set(seen.keys) == {"email:annak@gmail.com", "visitor:v2"}
    assert (seen.fields["title"].value, seen.fields["title"].source) == ("CEO", "web")
    assert seen.problem is None
    assert whole(house) == before


def test_merged_and_parted_at_once_leaves_everything_as_it_was(house: House) -> None:
    says(house, "anna@kraus.example", "Mon 09:00", visitor="v1", person={"title": "VP"})
    house.arrives("anna.k@gmail.com", "Mon 10:00", visitor="v2", person={"title": "CEO"}, account={})
    before = whole(house)
    kept, folded = known(house, "anna@kraus.example"), known(house, "annak@gmail.com")
    done = merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    assert house.one("SELECT count(*) FROM identity WHERE person_id = %s", kept) == 4
    assert house.one("SELECT merged_into FROM person WHERE id = %s", folded) == kept
    assert done.fields["title"]["value"] == "CEO"
    unmerge(house.store, folded, "rita", moment("Mon 11:05"))
    assert whole(house) == before
    assert house.events()[-2:] == ["people_merged", "people_parted"]


def test_what_came_since_goes_to_the_one_it_came_from(house: House) -> None:
    """Between merge and parting both sides went on: new devices, new facts, a handoff. Each returns to whom it came from."""
    says(house, "anna@kraus.example", "Mon 09:00", visitor="v1", person={"title": "VP"})
    says(house, "anna.k@gmail.com", "Mon 10:00", visitor="v2", person={"title": "CEO"})
    kept, folded = known(house, "anna@kraus.example"), known(house, "annak@gmail.com")
    merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    says(house, "anna.k@gmail.com", "Mon 12:00", visitor="v3", person={"phone": "+4930123456"})
    says(house, "anna@kraus.example", "Mon 13:00", visitor="v4", person={"city": "Ulm"})
    house.arrives("anna.k@gmail.com", "Mon 14:00", user="77")
    house.calls(house.handoff(), str(house.owner()), "Mon 14:30")
    back = unmerge(house.store, folded, "rita", moment("Mon 15:00"))
    assert set(back.since) == {"visitor:v3", "user:77"}
    assert back.handoffs == (house.handoff(),)
    owners = dict(house.rows("SELECT who, person_id FROM identity"))
    assert {k for k, p in owners.items() if p == folded} == {"email:annak@gmail.com", "visitor:v2", "visitor:v3", "user:77"}
    assert {k for k, p in owners.items() if p == kept} == {"email:anna@kraus.example", "visitor:v1", "visitor:v4"}
    fields = dict(house.rows("SELECT id, fields FROM person"))
    assert fields[kept] == {"title": "VP", "city": "Ulm"}
    assert fields[folded] == {"title": "CEO", "phone": "+4930123456"}
    assert house.one("SELECT person_id FROM handoff_person") == folded
    assert house.one("SELECT person_id FROM touch") == folded


def test_an_address_goes_to_the_one_without_and_back(house: House) -> None:
    house.hears(house.signal(None, "page_viewed", "Mon 09:00", user="7", person={"title": "VP"}))
    says(house, "anna@kraus.example", "Mon 10:00")
    before = whole(house)
    kept, folded = str(house.one("SELECT person_id FROM identity WHERE who = 'user:7'")), known(house, "anna@kraus.example")
    merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    assert house.one("SELECT email FROM person WHERE id = %s", kept) == "anna@kraus.example"
    unmerge(house.store, folded, "rita", moment("Mon 12:00"))
    assert whole(house) == before


def test_two_open_handoffs_forbid_a_merge_and_say_what_to_do(house: House) -> None:
    house.arrives("anna@kraus.example", "Mon 09:00")
    house.arrives("anna@omega.example", "Mon 09:30")
    before = whole(house)
    with pytest.raises(Refused) as refused:
        merge(house.store, known(house, "anna@kraus.example"), known(house, "anna@omega.example"), "rita", moment("Mon 10:00"))
    assert "Close one of them first" in refused.value.problem.fix
    assert whole(house) == before


def test_a_handoff_about_nobodys_account_does_not_become_a_second_of_the_account(house: House) -> None:
    """A colleague of the one kept is in work: what is open about the folded one alone would be about that account too."""
    house.arrives("tom@firm.example", "Mon 09:00")
    house.hears(house.signal("pia@firm.example", "identified", "Mon 09:30"))
    house.hears(house.signal(None, "form_submitted", "Mon 10:00", form="demo", user="5", person={"employees": 200}))
    assert house.decide("Mon 10:01").opened == 1
    pia, five = (house.one("SELECT person_id FROM identity WHERE who = %s", who) for who in ("email:pia@firm.example", "user:5"))
    assert preview(house.store, pia, five).problem is not None
    with pytest.raises(Refused, match="about the account of the person kept, which is in an open handoff already") as refused:
        merge(house.store, pia, five, "otto", moment("Mon 11:00"))
    assert "Close one of them first" in refused.value.problem.fix
    house.ends(house.handoff(1), house.owner(1) or "", Outcome.DISQUALIFY, "Mon 11:30", reason="bad_fit")
    merge(house.store, pia, five, "otto", moment("Mon 12:00"))
    assert house.one("SELECT merged_into FROM person WHERE id = %s", five) == pia


def test_merges_are_undone_latest_first(house: House) -> None:
    for name in ("anna", "anne", "ann"):
        says(house, f"{name}@kraus.example", "Mon 09:00", person={"title": name})
    before = whole(house)
    kept, second, third = (known(house, f"{name}@kraus.example") for name in ("anna", "anne", "ann"))
    merge(house.store, kept, second, "rita", moment("Mon 10:00"))
    merge(house.store, kept, third, "rita", moment("Mon 11:00"))
    with pytest.raises(Refused):
        unmerge(house.store, second, "rita", moment("Mon 12:00"))
    unmerge(house.store, third, "rita", moment("Mon 12:00"))
    unmerge(house.store, second, "rita", moment("Mon 12:01"))
    assert whole(house) == before
    with pytest.raises(Refused):
        unmerge(house.store, second, "rita", moment("Mon 12:02"))


def test_nobody_is_folded_into_themselves_or_into_somebody_gone(house: House) -> None:
    says(house, "anna@kraus.example", "Mon 09:00")
    says(house, "anne@kraus.example", "Mon 09:00")
    anna, anne = known(house, "anna@kraus.example"), known(house, "anne@kraus.example")
    for keep, fold in ((anna, anna), (anna, "per_nobody")):
        with pytest.raises(Refused):
            merge(house.store, keep, fold, "rita", moment("Mon 10:00"))
    merge(house.store, anna, anne, "rita", moment("Mon 10:00"))
    with pytest.raises(Refused):
        merge(house.store, anna, anne, "rita", moment("Mon 11:00"))


def test_who_was_folded_on_is_taken_out_before_who_was_folded_into_them(house: House) -> None:
    """Anne became Anna, and Anna became Ann: what was Anne's is Ann's now, and can be returned once Anna is somebody again."""
    for name in ("anna", "anne", "ann"):
        says(house, f"{name}@kraus.example", "Mon 09:00", visitor=f"v-{name}", person={"title": name})
    before = whole(house)
    last, middle, first = (known(house, f"{name}@kraus.example") for name in ("ann", "anna", "anne"))
    merge(house.store, middle, first, "rita", moment("Mon 10:00"))
    merge(house.store, last, middle, "rita", moment("Mon 11:00"))
    one = whole(house)
    with pytest.raises(Refused, match=f"{middle} was folded into {last} since"):
        unmerge(house.store, first, "rita", moment("Mon 12:00"))
    assert whole(house) == one
    unmerge(house.store, middle, "rita", moment("Mon 12:00"))
    unmerge(house.store, first, "rita", moment("Mon 12:01"))
    assert whole(house) == before


def test_a_notice_of_somebody_who_gave_up_their_address_still_says_who_it_is(house: House) -> None:
    """One message is as written before: it names the one who was folded in, and what they are called is asked when it is sent."""
    house.hears(house.signal(None, "page_viewed", "Mon 09:00", user="7"))
    house.arrives("anna@kraus.example", "Mon 10:00")
    kept, folded = str(house.one("SELECT person_id FROM identity WHERE who = 'user:7'")), known(house, "anna@kraus.example")
    merge(house.store, kept, folded, "rita", moment("Mon 10:05"))
    with house.store.writing() as conn:
        found = outbox.claim(conn, moment("Mon 10:06"), 10, 60, ["email", "webhook"])
    assert [dict(one.payload["person"]) for one in found] == [{"id": folded, "name": "anna@kraus.example"}] * len(found) != []


def test_who_wants_to_hear_no_more_is_left_alone_under_either_address(house: House) -> None:
    """Also where the one who is kept never said so; parted, each is as they were, but for what they said themselves since."""
    for name in ("anna", "anne"):
        says(house, f"{name}@kraus.example", "Mon 09:00")
    kept, folded = known(house, "anna@kraus.example"), known(house, "anne@kraus.example")
    said = "SELECT person_id, opted_out_at FROM reach WHERE opted_out_at IS NOT NULL ORDER BY person_id"
    with house.store.writing() as conn:
        follow_up.opted_out(conn, folded, moment("Mon 09:30"))
    before = house.rows(said)
    merge(house.store, kept, folded, "rita", moment("Mon 10:00"))
    assert dict(house.rows(said)) == {kept: moment("Mon 09:30"), folded: moment("Mon 09:30")}
    unmerge(house.store, folded, "rita", moment("Mon 11:00"))
    assert house.rows(said) == before
    with house.store.writing() as conn:
        follow_up.opted_out(conn, kept, moment("Mon 11:30"))
    merge(house.store, kept, folded, "rita", moment("Mon 12:00"))
    unmerge(house.store, folded, "rita", moment("Mon 13:00"))
    assert dict(house.rows(said)) == {kept: moment("Mon 11:30"), folded: moment("Mon 09:30")}


def test_who_came_back_to_marketing_is_on_its_list_as_the_one_they_are_now(house: House) -> None:
    says(house, "anne@omega.example", "Mon 09:00")
    house.arrives("anna@kraus.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 11:00", reason="not_now")
    kept, folded = known(house, "anne@omega.example"), known(house, "anna@kraus.example")

    def listed() -> list[str]:
        with house.store.reading() as conn:
            return [one.person for one in way_back.returned(conn, ["nurture"], moment("Mon 00:00"), moment("Mon 13:00"))]

    assert listed() == [folded]
    merge(house.store, kept, folded, "rita", moment("Mon 12:00"))
    assert listed() == [kept]
    unmerge(house.store, folded, "rita", moment("Mon 12:30"))
    assert listed() == [folded]
