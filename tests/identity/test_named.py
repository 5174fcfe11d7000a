"""From a signal to its account: what the contract's match policy does to real decisions, and the one decision that is stored."""

from __future__ import annotations

from typing import Any

import pytest

from handfast.desk import imports, match
from handfast.desk.imports import NewAccount
from handfast.store import identity
from handfast.store.base import Store
from tests.desk.house import CONTRACT, House, moment

WORDS = CONTRACT.replace("routing:", "match: {domain: fallback, distinctive_words: true, review_below: 0.9}\nrouting:")
ALWAYS = WORDS.replace("domain: fallback", "domain: always")


def company(store: Store, contract: str = WORDS) -> House:
    house = House(store, contract)
    accounts = [
        NewAccount("kraus.example", "Kraus Maschinenbau AG", "kraus.example", owner="zoe"),
        NewAccount("omega.example", "Omega Holding", "omega.example"),
    ]
    imports.put_accounts(store, accounts, moment("Mon 08:00"))
    settle(house)
    return house


def settle(house: House) -> None:
    while (done := match.tend(house.store, moment("Mon 08:30"))).people or done.accounts:
        pass


def account_of(house: House, email: str) -> tuple[str | None, str]:
    """The key of the account of somebody, and the code it was decided by."""
    with house.store.reading() as conn:
        person = house.one("SELECT person_id FROM identity WHERE who = %s", f"email:{email}")
        decisions = identity.decisions_of(conn, person)
    key = house.one("SELECT a.key FROM person AS p LEFT JOIN account AS a ON a.id = p.account_id WHERE p.id = %s", person)
    return key, decisions[0].code if decisions else ""


def asks(house: House, email: str, name: str, **said: Any) -> None:
    house.arrives(email, "Mon 10:00", account={"name": name, "employees": 200, **said})


def test_a_private_address_with_a_company_name_finds_the_account_and_its_owner(store: Store) -> None:
    house = company(store)
    asks(house, "annak@gmail.com", "KRAUS MASCHINENBAU")
    assert account_of(house, "annak@gmail.com") == ("kraus.example", "NAME_EXACT")
    assert house.owner() == "zoe"


def test_as_a_fallback_the_name_beats_a_foreign_domain(store: Store) -> None:
    house = company(store)
    asks(house, "anna@hosting.example", "Omega Holding", city="Ulm")
    assert account_of(house, "anna@hosting.example")[0] in ("omega.example", "hosting.example")
    asks(house, "ben@kraus.example", "")
    assert account_of(house, "ben@kraus.example") == ("kraus.example", "DOMAIN_EXACT")


def test_where_the_domain_always_decides_the_name_is_not_asked(store: Store) -> None:
    house = company(store, ALWAYS)
    asks(house, "ben@kraus.example", "Omega Holding")
    assert account_of(house, "ben@kraus.example") == ("kraus.example", "DOMAIN_EXACT")
    asks(house, "bill@gmail.com", "Omega Holding")
    assert account_of(house, "bill@gmail.com") == ("omega.example", "NAME_EXACT")


def test_without_words_everything_is_as_it_was(store: Store) -> None:
    house = company(store, CONTRACT)
    asks(house, "annak@gmail.com", "Kraus Maschinenbau")
    assert account_of(house, "annak@gmail.com") == (None, "")
    asks(house, "new@elsewhere.example", "Kraus Maschinenbau")
    assert account_of(house, "new@elsewhere.example") == ("elsewhere.example", "DOMAIN_EXACT")


def test_what_is_not_clear_gives_no_account_and_asks(store: Store) -> None:
    house = company(store)
    asks(house, "zoez@gmail.com", "Omegga")
    assert account_of(house, "zoez@gmail.com")[0] is None
    assert house.rows("SELECT kind, state FROM match_review WHERE kind = 'account'") == [("account", "open")]
    assert house.one("SELECT state FROM match_decision") == "review"


def test_a_domain_taught_by_an_answer_is_the_accounts_from_then_on(store: Store) -> None:
    house = company(store, CONTRACT)
    omega = house.one("SELECT id FROM account WHERE key = 'omega.example'")
    with store.writing() as conn:
        identity.add_domain(conn, omega, "omega-group.example", "rita@kraus.example", moment("Mon 09:00"))
    asks(house, "zoe@omega-group.example", "")
    assert account_of(house, "zoe@omega-group.example")[0] == "omega.example"


@pytest.mark.parametrize("contract", [CONTRACT, WORDS], ids=["domains", "words"])
def test_one_decision_a_person_however_much_they_say(store: Store, contract: str) -> None:
    house = company(store, contract)
    for hour in (9, 10, 11):
        house.arrives("ben@kraus.example", f"Mon {hour:02}:00", account={"name": "Kraus Maschinenbau", "employees": 200})
    assert house.one("SELECT count(*) FROM match_decision") == 1
