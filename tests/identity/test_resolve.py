"""Who did this? Signals resolved in order against a directory, as values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from handfast.facts import Signal, signal_id
from handfast.identity import resolve as room
from handfast.identity.keys import keys_of
from handfast.identity.resolve import Directory

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
_numbers = itertools.count()


def says(email: str | None = None, user: str | None = None, visitor: str | None = None, **said: Any) -> Signal:
    return Signal(
        signal_id("web", str(next(_numbers))), "web", "identified", AT, AT, email=email, user_id=user, anonymous_id=visitor,
        group_id=said.pop("group", None), previous_id=said.pop("previous", None), person=said.pop("person", {}), account=said.pop("account", {}),
    )  # fmt: skip


def resolve(signal: Signal, book: Directory, domain_of: Callable[[str], str | None]) -> str | None:
    return room.resolve(signal, keys_of(signal.email, signal.user_id, signal.anonymous_id), book, domain_of)[0]


def domain(email: str) -> str | None:
    name = email.partition("@")[2]
    return None if name == "gmail.com" else name


def test_an_address_is_a_person_and_their_domain_an_account() -> None:
    book = Directory()
    first = resolve(says("a@kraus.example"), book, domain)
    assert resolve(says("a@kraus.example"), book, domain) == first
    other = resolve(says("b@kraus.example"), book, domain)
    assert other != first
    assert book.people[first or ""].account == book.people[other or ""].account is not None


def test_a_visitor_is_nobody_until_a_signal_names_both() -> None:
    book = Directory()
    assert resolve(says(visitor="v"), book, domain) is None
    named = resolve(says("a@kraus.example", visitor="v"), book, domain)
    assert resolve(says(visitor="v"), book, domain) == named


def test_a_shared_device_stays_with_whom_it_was_first_linked_to() -> None:
    book = Directory()
    first = resolve(says("a@kraus.example", visitor="v"), book, domain)
    second = resolve(says("b@kraus.example", visitor="v"), book, domain)
    assert first != second
    assert resolve(says(visitor="v"), book, domain) == first


def test_a_user_who_tells_an_address_is_the_same_person() -> None:
    book = Directory()
    known = resolve(says(user="7"), book, domain)
    assert resolve(says("a@kraus.example", user="7"), book, domain) == known
    assert book.people[known or ""].email == "a@kraus.example"


def test_a_nameless_user_is_folded_into_the_one_with_the_address() -> None:
    book = Directory()
    user = resolve(says(user="7", person={"title": "VP"}), book, domain)
    person = resolve(says("a@kraus.example"), book, domain)
    assert resolve(says("a@kraus.example", user="7"), book, domain) == person
    assert book.merges == {user: person}
    assert book.people[person or ""].fields == {"title": "VP"}


def test_two_addresses_of_one_user_stay_two_people_and_are_reported() -> None:
    book = Directory()
    first = resolve(says("a@kraus.example", user="7"), book, domain)
    second = resolve(says("c@other.example", user="7"), book, domain)
    assert first != second
    assert [(c.kept, c.claimed_by) for c in book.conflicts] == [(first, second)]
    assert resolve(says(user="7"), book, domain) == first


def test_free_mail_makes_no_account_but_a_group_does() -> None:
    book = Directory()
    person = resolve(says("a@gmail.com"), book, domain)
    assert book.people[person or ""].account is None
    resolve(says("a@gmail.com", group="g1", account={"name": "Acme", "employees": 90}), book, domain)
    account = book.accounts[book.people[person or ""].account or ""]
    assert (account.key, account.name, dict(account.fields)) == ("group:g1", "Acme", {"employees": 90})


def test_an_alias_links_what_came_before() -> None:
    book = Directory()
    person = resolve(says("a@kraus.example", previous="old"), book, domain)
    assert resolve(says(user="old"), book, domain) == person
    assert resolve(says(visitor="old"), book, domain) == person


def test_an_alias_of_somebody_known_is_them() -> None:
    """The new id, never heard of, is one more key of whoever had the old one."""
    book = Directory()
    old = resolve(says("a@kraus.example", user="5"), book, domain)
    assert resolve(says(user="9", previous="5"), book, domain) == old
    assert resolve(says(user="9"), book, domain) == old
    nameless = resolve(says(user="6"), book, domain)
    assert resolve(says("b@kraus.example", user="7", previous="6"), book, domain) == nameless
    assert book.people[nameless or ""].email == "b@kraus.example"
    assert not book.merges
    assert not book.conflicts


def test_an_alias_makes_one_of_two_and_the_one_with_an_address_is_kept() -> None:
    book = Directory()
    old = resolve(says(user="5", person={"title": "VP", "country": "DE"}, group="g"), book, domain)
    new = resolve(says("a@gmail.com", user="9", person={"country": "AT"}), book, domain)
    assert resolve(says(user="9", previous="5"), book, domain) == new
    assert book.merges == {old: new}
    kept = book.people[new or ""]
    assert (dict(kept.fields), kept.account) == ({"title": "VP", "country": "AT"}, book.account_of_key["group:g"])
    assert resolve(says(user="5"), book, domain) == new
    other = resolve(says(user="7"), book, domain)
    assert resolve(says(user="7", previous="9"), book, domain) == new
    assert book.merges == {old: new, other: new}


def test_of_two_without_an_address_the_one_of_the_old_id_is_kept_and_goes_on_into_whoever_has_one() -> None:
    book = Directory()
    old, new = resolve(says(user="5"), book, domain), resolve(says(user="9"), book, domain)
    assert resolve(says(user="9", previous="5"), book, domain) == old
    assert book.merges == {new: old}
    named = resolve(says("a@kraus.example"), book, domain)
    assert resolve(says("a@kraus.example", user="9"), book, domain) == named
    assert book.merges == {new: named, old: named}  # nobody is folded into somebody who is gone
    assert {book.who[key] for key in ("user:5", "user:9")} == {named}


def test_an_alias_of_somebody_with_another_address_is_reported() -> None:
    book = Directory()
    first = resolve(says("a@kraus.example", user="5"), book, domain)
    second = resolve(says("b@kraus.example", user="9"), book, domain)
    assert resolve(says("b@kraus.example", user="9", previous="5"), book, domain) == second
    assert [(c.who, c.kept, c.claimed_by) for c in book.conflicts] == [("user:5", first, second)]
    assert not book.merges
    third = resolve(says("c@kraus.example", user="11", previous="5"), book, domain)
    assert [(c.who, c.kept, c.claimed_by) for c in book.conflicts[1:]] == [("user:5", first, third)]


def test_an_alias_of_a_shared_device_takes_it_from_nobody() -> None:
    book = Directory()
    first = resolve(says("a@kraus.example", user="5", visitor="v"), book, domain)
    second = resolve(says(user="9", previous="v"), book, domain)
    assert first != second
    assert resolve(says(visitor="v"), book, domain) == first
    assert not book.merges


def test_the_persons_own_word_beats_the_accounts() -> None:
    book = Directory()
    person = resolve(
        says("a@kraus.example", person={"country": "DE", "first_name": "Ada", "last_name": "K"}, account={"country": "US"}), book, domain
    )
    assert book.fields_of(person or "") == {"country": "DE"}
    assert book.people[person or ""].name == "Ada K"
