"""Stories that ended differently in one batch and in two: `test_any_cut` found them."""

from __future__ import annotations

import pytest

from handfast.desk import contracts
from handfast.store.base import Store

from .house import CONTRACT, House, moment


@pytest.mark.parametrize("limit", [1, 10])
def test_who_was_of_no_account_when_they_asked_is_the_party_themselves(house: House, limit: int) -> None:
    """They are known by an id alone, of a size that they say themselves; a moment later they tell an address."""
    house.hears(
        house.signal(None, "form_submitted", "Mon 09:00", user="5", form="demo", person={"employees": 200}),
        house.signal("pia@firm.example", "email_opened", "Mon 09:01", user="5"),
    )
    house.decide("Mon 09:02", limit=limit)
    pia, firm = house.one("SELECT id, account_id FROM person")
    assert firm is not None
    assert house.one("SELECT party, account_id FROM handoff WHERE opened_at = %s", moment("Mon 09:00")) == (pia, None)
    assert house.one("SELECT account_id FROM event WHERE name = 'handoff_opened' AND at = %s", moment("Mon 09:00")) is None


@pytest.mark.parametrize("limit", [1, 10])
def test_what_is_heard_of_late_does_not_move_anybody_back(house: House, limit: int) -> None:
    """Ready since ten; a page of half past eight, before they asked for anything, arrives later."""
    house.hears(
        house.signal("pia@firm.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 200}),
        house.signal("pia@firm.example", "page_viewed", "Mon 08:30", path="/pricing", received="Mon 10:05"),
    )
    house.decide("Mon 10:06", limit=limit)
    assert house.one("SELECT outcome, at FROM standing") == ("ready", moment("Mon 10:00"))
    assert house.one("SELECT facts FROM standing") is None, "what it adds is asked about with the next signal"
    house.hears(house.signal("pia@firm.example", "page_viewed", "Mon 10:10", path="/pricing"))
    house.decide("Mon 10:11")
    told = house.rows("SELECT outcome, at FROM verdict ORDER BY recorded_at, at")
    assert told.count(("ready", moment("Mon 10:00"))) == 1
    assert ("ready", moment("Mon 10:10")) not in told, "they were ready, and in the handoff"


def test_who_has_an_address_and_no_account_comes_to_that_of_their_domain(store: Store) -> None:
    """Known since domains made no accounts; now they do, a colleague came to theirs, and they are back under their id alone."""
    house = House(store, CONTRACT + "match: {domain: off}\n")
    house.hears(house.signal("pia@firm.example", "page_viewed", "Mon 09:00", user="5"))
    house.decide("Mon 09:01")
    _, problems = contracts.put_in_force(store, CONTRACT, "contract.yaml", moment("Mon 10:00"))
    assert not problems
    house.hears(house.signal("tom@firm.example", "page_viewed", "Mon 10:01"))
    house.decide("Mon 10:02")
    house.hears(house.signal(None, "page_viewed", "Mon 10:03", user="5"))
    assert house.decide("Mon 10:04").signals == 1
    assert house.one("SELECT count(DISTINCT account_id) FROM person") == 1
