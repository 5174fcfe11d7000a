"""What the decisions of a batch learn, written down in the order it was learned: so that replay knows what was known when.

The directory of a batch replaces a person or account whenever something is learned of them, so "is it still the same value?" is the whole
question, and it costs next to nothing where nothing was learned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from handfast.facts import Account, Person, Signal
from handfast.identity.resolve import Directory
from handfast.store import learned as rows
from handfast.store.handover import dumps

#: The place of a signal among all: when it was received, and its number.
Place = tuple[datetime, int]
_EVER: Final[Place] = (datetime.min.replace(tzinfo=UTC), -1)
_ALWAYS: Final[tuple[Place, Place | None]] = (_EVER, None)


class Learned:
    """Compares a directory before and after each signal. `begin` it once the directory holds what the store knows."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._accounts: dict[str, Account] = {}
        self._links = 0
        self._folds = 0
        self._holder: dict[str, str] = {}
        self._before: dict[str, list[str]] | None = None
        #: Those of whom only some keys are known yet.
        self._partly: AbstractSet[str] = frozenset()
        #: Person → their keys, each with the places from and until which it was theirs; of those who were asked about.
        self._held: dict[str, dict[str, tuple[Place, Place | None]]] = {}
        self._rows: list[tuple[Any, ...]] = []
        #: As known before this batch, of those of whom it learned something; None: not at all.
        self._people_before: dict[str, Person | None] = {}
        self._accounts_before: dict[str, Account | None] = {}

    def begin(self, book: Directory, partly: AbstractSet[str] = frozenset()) -> None:
        """What is in the directory now was known before. `partly`: people of whom it holds some keys only, and no signal teaches any."""
        self._partly = partly
        self._people, self._accounts, self._links = dict(book.people), dict(book.accounts), len(book.links)
        self._holder, self._before, self._held = dict(book.who), None, {}

    def _at_first(self) -> dict[str, list[str]]:
        """Person → the keys that were theirs before this batch. Whatever changes hands asks here first, while that can still be told."""
        if self._before is None:
            self._before = defaultdict(list)
            for who, holder in self._holder.items():
                self._before[holder].append(who)
        return self._before

    def _keys(self, person: str) -> dict[str, tuple[Place, Place | None]]:
        """The keys this person has or had."""
        if (found := self._held.get(person)) is None:
            found = self._held[person] = dict.fromkeys(self._at_first().get(person, ()), _ALWAYS)
        return found

    def partly_known(self, people: Iterable[str]) -> set[str]:
        """Those of these people whose keys are not all known: they have to be, before `keys_at` or `whole` is asked (`complete`)."""
        return {one for one in people if one in self._partly} if self._partly else set()

    def complete(self, people: AbstractSet[str], held: Mapping[str, str]) -> None:
        """Every key of these people, key → person: they were theirs before this batch, which taught nothing of them."""
        before = self._at_first()
        for person in people:
            before[person] = []
        for who, person in held.items():
            before[person].append(who)
        self._partly = self._partly - people

    def keys_at(self, person: str, place: Place) -> list[str]:
        """The keys that were this person's when the signal at that place had been taken in."""
        held = self._keys(person)
        return [who for who, (since, until) in held.items() if since <= place and (until is None or place < until)]

    def after(self, book: Directory, signal: Signal, seq: int, person: str | None) -> bool:
        """Notes what this signal taught; True where it taught anything."""
        if person is None:
            return False
        before, place = len(self._rows), (signal.received_at, seq)
        who = book.people[person]
        if self._people.get(person) is not who:
            self._people_before.setdefault(person, self._people.get(person))
            self._people[person] = who
            self._rows.append(("person", person, who.account, dumps({**who.fields, "email": who.email}), *place))
        account = book.accounts.get(who.account or "")
        if account is not None and self._accounts.get(account.id) is not account:
            self._accounts_before.setdefault(account.id, self._accounts.get(account.id))
            self._accounts[account.id] = account
            self._rows.append(("account", account.id, None, dumps(account.fields), *place))
        if len(book.merges) > self._folds:
            self._folds = len(book.merges)
            for key in [key for key, holder in self._holder.items() if book.merges.get(holder) == person]:
                self._changes_hands(key, person, place)
        for link in book.links[self._links :]:
            self._changes_hands(link.who, link.person, place)
        self._links = len(book.links)
        return len(self._rows) > before

    def _changes_hands(self, key: str, person: str, place: Place) -> None:
        """A key linked for the first time, or one of a person who was folded into another."""
        if (before := self._holder.get(key)) is not None:
            theirs = self._keys(before)
            theirs[key] = (theirs[key][0], place)
        self._keys(person)[key] = (place, None)
        self._holder[key] = person
        self._rows.append(("key", key, person, None, *place))

    def whole(self) -> list[tuple[Any, ...]]:
        """What was known before the batch, of everybody and every account in it, and after that what it learned: as `write` writes it."""
        people = (one for one in ({**self._people, **self._people_before}).values() if one is not None)
        accounts = (one for one in ({**self._accounts, **self._accounts_before}).values() if one is not None)
        held = (
            (key, person)
            for person in {**self._at_first(), **self._held}
            for key, (since, _) in self._keys(person).items()
            if since == _EVER
        )
        return [
            *(("person", one.id, one.account, dumps({**one.fields, "email": one.email}), *_EVER) for one in people),
            *(("account", firm.id, None, dumps(firm.fields), *_EVER) for firm in accounts),
            *(("key", key, person, None, *_EVER) for key, person in held),
            *self._rows,
        ]

    def write(self, conn: psycopg.Connection) -> None:
        """Writes it down."""
        rows.add_learned(conn, self._rows)
