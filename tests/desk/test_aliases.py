"""An id that somebody had before: what a tracking library's `alias` says, of people the store knows already."""

from __future__ import annotations

import pytest

from handfast.desk import handover
from tests.desk.house import House


@pytest.fixture(autouse=True, params=["few", "large"])
def decided(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these also in a batch that is decided as a large one."""
    if request.param == "large":
        monkeypatch.setattr(handover, "SIDE_BY_SIDE", 1)


def test_the_new_id_is_one_more_key_of_whoever_had_the_old_one(house: House) -> None:
    house.hears(house.signal("pia@firm.example", "form_submitted", "Mon 09:00", user="5"))
    house.decide("Mon 09:01")
    house.hears(house.signal(None, "aliased", "Mon 10:00", user="9", previous="5"))
    house.hears(house.signal(None, "page_viewed", "Mon 10:01", user="9"))
    assert house.decide("Mon 10:02").signals == 2
    assert house.one("SELECT count(*) FROM person") == 1
    assert house.rows("SELECT who FROM identity ORDER BY who") == [("email:pia@firm.example",), ("user:5",), ("user:9",), ("visitor:5",)]


def test_two_who_were_known_apart_are_one_from_then_on(house: House) -> None:
    house.hears(house.signal(None, "page_viewed", "Mon 09:00", user="5", person={"title": "CFO"}))
    house.hears(house.signal("pia@firm.example", "form_submitted", "Mon 09:01", user="9"))
    house.decide("Mon 09:02")
    old, kept = (house.one("SELECT person_id FROM identity WHERE who = %s", f"user:{n}") for n in (5, 9))
    assert old != kept
    house.hears(house.signal(None, "aliased", "Mon 10:00", user="9", previous="5"))
    house.decide("Mon 10:01")
    assert house.one("SELECT merged_into FROM person WHERE id = %s", old) == kept
    assert house.one("SELECT fields ->> 'title' FROM person WHERE id = %s", kept) == "CFO"
    assert house.one("SELECT person_id FROM identity WHERE who = 'user:5'") == kept
    assert house.rows("SELECT person_id FROM event WHERE name = 'merged'") == [(kept,)]


def test_in_one_batch_those_who_are_folded_on_end_up_in_the_last(house: House) -> None:
    """Two ids become one person, who then tells an address that is somebody's."""
    house.hears(
        house.signal("pia@firm.example", "form_submitted", "Mon 09:00"),
        house.signal(None, "page_viewed", "Mon 09:01", user="5"),
        house.signal(None, "page_viewed", "Mon 09:02", user="9"),
    )
    house.decide("Mon 09:03")
    house.hears(
        house.signal(None, "aliased", "Mon 10:00", user="9", previous="5"),
        house.signal("pia@firm.example", "identified", "Mon 10:01", user="9"),
    )
    assert house.decide("Mon 10:02").signals == 2
    pia = house.one("SELECT id FROM person WHERE email IS NOT NULL")
    assert house.rows("SELECT DISTINCT merged_into FROM person WHERE id <> %s", pia) == [(pia,)]
    assert house.rows("SELECT DISTINCT person_id FROM identity") == [(pia,)]


def test_an_alias_of_somebody_with_another_address_is_kept_apart_and_told(house: House) -> None:
    house.hears(house.signal("pia@firm.example", "form_submitted", "Mon 09:00", user="5"))
    house.hears(house.signal("tom@firm.example", "form_submitted", "Mon 09:01", user="9"))
    house.decide("Mon 09:02")
    house.hears(house.signal(None, "aliased", "Mon 10:00", user="9", previous="5"))
    assert house.decide("Mon 10:01").signals == 1
    assert house.one("SELECT count(*) FROM person WHERE merged_into IS NULL") == 2
    assert house.one("SELECT count(*) FROM event WHERE name = 'identity_conflict'") == 1


def test_a_worker_that_does_not_hold_the_lane_of_the_other_leaves_it_for_later(house: House) -> None:
    house.hears(house.signal(None, "page_viewed", "Mon 09:00", user="5"))
    house.hears(house.signal(None, "page_viewed", "Mon 09:01", user="9"))
    house.decide("Mon 09:02")
    house.hears(house.signal(None, "aliased", "Mon 10:00", user="9", previous="5"))
    while house.decide("Mon 10:01", lanes_at_once=1).signals:
        pass
    assert house.one("SELECT count(*) FROM pending") == 0
    assert house.one("SELECT count(*) FROM person WHERE merged_into IS NULL") == 1


def test_an_id_they_had_before_is_one_of_theirs_in_the_same_batch_too(house: House) -> None:
    """Whoever has an id of the company's own systems is not somebody with another one on the same device."""
    house.hears(
        house.signal("pia@firm.example", "identified", "Mon 09:00", visitor="a", previous="5"),
        house.signal(None, "page_viewed", "Mon 09:01", user="9", visitor="a"),
    )
    assert house.decide("Mon 09:02").signals == 2
    assert house.one("SELECT count(*) FROM person") == 2
    assert len(house.rows("SELECT DISTINCT person_id FROM identity WHERE who IN ('user:5', 'user:9')")) == 2


def test_what_a_known_device_does_is_its_holders_although_it_names_somebody_elses_id(house: House) -> None:
    """Its evidence counts for whoever has the device: so does what it says, and the conflict is told."""
    house.hears(
        house.signal("pia@firm.example", "page_viewed", "Mon 09:00", user="5"),
        house.signal("tom@firm.example", "page_viewed", "Mon 09:01", visitor="b"),
        house.signal(None, "page_viewed", "Mon 09:02", visitor="b", previous="5", person={"title": "CFO"}),
    )
    assert house.decide("Mon 09:03").signals == 3
    assert house.one("SELECT email FROM person WHERE fields ->> 'title' = 'CFO'") == "tom@firm.example"
    assert house.one("SELECT count(*) FROM event WHERE name = 'identity_conflict'") == 1
