"""Whoever teaches nothing is resolved at once: the short way and the whole way give the same people, keys, accounts, conflicts and lessons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handfast.desk.learned import Learned
from handfast.facts import Signal, signal_id
from handfast.identity import resolve as room
from handfast.identity.keys import keys_of
from handfast.identity.normalise import business_domain
from handfast.identity.resolve import Directory, resolve

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)

SAID = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["anna@kraus.example", "ben@kraus.example", "zoe@gmail.com", "zoe+x@gmail.com"]),
        "user_id": st.sampled_from(["1", "2", "3"]),
        "anonymous_id": st.sampled_from(["a", "b", "c"]),
        "previous_id": st.sampled_from(["1", "a"]),
        "group_id": st.sampled_from(["g"]),
        "person": st.sampled_from([{"title": "VP"}, {"name": "Anna"}]),
        "account": st.sampled_from([{"employees": 20}, {"name": "Kraus AG"}]),
    },
)


Lived = tuple[list[str | None], Directory, list[tuple[object, ...]]]


def lived(said: list[dict[str, object]]) -> Lived:
    """Whose each signal was found to be, the directory afterwards, and what was learned, as `desk.whose` does it."""
    book, learned, whose = Directory(), Learned(), list[str | None]()
    learned.begin(book)
    for number, one in enumerate(said):
        at = NOON + timedelta(seconds=number)
        signal = Signal(signal_id("web", str(number)), "web", "page_viewed", at, at, **one)  # type: ignore[arg-type]  # as drawn
        if number % 5 == 4 and book.accounts:
            book.named[signal.id] = min(book.accounts)  # its words named a company
        keys = keys_of(signal.email, signal.user_id, signal.anonymous_id)
        person, may_teach = resolve(signal, keys, book, business_domain)
        if may_teach:
            learned.after(book, signal, number, person)
        whose.append(person)
    return whose, book, learned.whole()


@given(st.lists(SAID, max_size=14))
def test_the_short_way_and_the_whole_way_lead_to_the_same(said: list[dict[str, object]]) -> None:
    short = lived(said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_as_known", lambda *_: None)
        whole = lived(said)
    assert short == whole


@given(st.lists(SAID, max_size=14))
def test_no_key_is_of_somebody_who_was_folded_and_nobody_is_folded_into_them(said: list[dict[str, object]]) -> None:
    whose, book, _ = lived(said)
    gone = book.merges.keys()
    assert not gone & {*book.who.values(), *book.merges.values()}
    assert {person for person in whose if person} <= book.people.keys()
    for one, person in zip(said, whose, strict=True):
        if one.get("user_id") and person is not None and not book.conflicts:
            assert book.who[f"user:{one['user_id']}"] == book.merges.get(person, person)
