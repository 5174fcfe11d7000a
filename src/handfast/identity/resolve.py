"""Signal → person and account.

The directory is the working copy of one batch: what the store knows of the keys in it, and what the batch adds. Nothing here
writes; the desk reads a directory, resolves every signal in order, and records what changed in one transaction.

The rules, in order:

1. An e-mail address is a person. A user id is a person. An anonymous id is a person only once a signal named both.
2. Where keys of one signal point to different people, e-mail beats user id beats anonymous id. A person without an e-mail address is
   folded into the one with it; two people with two addresses stay two, and the conflict is reported. A user id the person had before (an
   alias) is one more user id of theirs: where neither has an address, the one known by the old id is kept.
3. A person's account is the one the words of the signal name (where the contract asks for words, see `match`), else the registrable
   business domain of the address (free-mail and disposable domains are nobody's), else the group the signal names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from handfast.facts import Account, Person, Signal, stable_id
from handfast.identity.keys import email_key, keys_before, user_key, visitor_key

#: What a signal may say of a person that is kept beside the fields, not among them.
_NAMES = frozenset({"email", "name", "first_name", "last_name"})


class Link(NamedTuple):
    """This key is this person's, since then."""

    who: str
    person: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two people claim one key; it stays with the first."""

    who: str
    kept: str
    claimed_by: str
    signal: Signal


@dataclass(slots=True)
class Directory:
    """Who is known, and what this batch learned. Mutable on purpose: it is one batch's scratch pad."""

    who: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    account_of_key: dict[str, str] = field(default_factory=dict)
    new_people: dict[str, datetime] = field(default_factory=dict)
    new_accounts: dict[str, datetime] = field(default_factory=dict)
    changed_people: set[str] = field(default_factory=set)
    changed_accounts: set[str] = field(default_factory=set)
    links: list[Link] = field(default_factory=list)
    merges: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    #: signal → the account its words name, decided before (see `match.decide`).
    named: dict[UUID, str] = field(default_factory=dict)
    #: People who have a user id of the company's own systems.
    users: set[str] = field(default_factory=set)

    def stored(self, ids: Iterable[str]) -> list[str]:
        """Those of these people and accounts that were there before this batch: of others the store knows nothing yet."""
        return [one for one in ids if one not in self.new_people and one not in self.new_accounts]

    def fields_of(self, person_id: str) -> dict[str, Any]:
        """What conditions may read of a person: the account's fields, overlaid by the person's own."""
        person = self.people[person_id]
        account = self.accounts.get(person.account or "")
        return {**account.fields, **person.fields} if account else dict(person.fields)


def resolve(signal: Signal, keys: Sequence[str], book: Directory, domain_of: Callable[[str], str | None]) -> tuple[str | None, bool]:
    """The id of the person who did this, or None while nobody knows; and whether it may have taught something.

    Notes in `book` whatever is new.

    `keys`: all of the signal's (`keys_of`); `domain_of` gives the business domain of an address, or None for free-mail.
    """
    if (known := _as_known(signal, keys, book, domain_of)) is not None:
        return known, False
    person_id = _person(signal, book)
    if person_id is None:
        return None, False
    _link(signal, keys, person_id, book)
    _learn_person(signal, person_id, book)
    _learn_account(signal, person_id, book, domain_of)
    return person_id, True


def _as_known(signal: Signal, keys: Sequence[str], book: Directory, domain_of: Callable[[str], str | None]) -> str | None:
    """The person of a signal that can teach nothing: all its keys are theirs already, and it says nothing of them. Most are like that."""
    if signal.person or signal.account or signal.previous_id or not keys:
        return None
    known = book.who
    found = known.get(keys[0])
    if found is None:
        return None
    for key in keys:
        if known.get(key) != found:
            return None
    person = book.people[found]
    if person.account is None and (signal.id in book.named or _account_key(signal, person, domain_of) is not None):
        return None  # they come to an account by the words of this signal, their address, or a group
    return found


def _person(signal: Signal, book: Directory) -> str | None:
    found = _by_own_keys(signal, book)
    before = book.who.get(user_key(signal.previous_id)) if signal.previous_id else None
    if found is None or before is None or before == found:
        return found
    return _were_before(signal, found, before, book)


def _by_own_keys(signal: Signal, book: Directory) -> str | None:
    """Whose keys these are. One known by an old user id alone has it as their own; nobody is made where they are known by that."""
    if not (signal.email or signal.user_id) and (holder := book.who.get(visitor_key(signal.anonymous_id or ""))) is not None:
        return holder  # what they did counts for whoever has the device, whatever id they say they had before
    by_email = book.who.get(email_key(signal.email)) if signal.email else None
    by_user = next((p for name in (signal.user_id, signal.previous_id) if name and (p := book.who.get(user_key(name))) is not None), None)
    if signal.email and by_email is None and by_user is not None and book.people[by_user].email is None:
        # The user we knew by id alone has told an address: the same person, now with a name.
        _change_person(book, book.people[by_user]._replace(email=signal.email))
        return by_user
    if by_email is None and signal.email:
        made = _new_person(signal, book)
        if by_user is not None:
            book.conflicts.append(Conflict(_user_key_of(signal, by_user, book), by_user, made, signal))
        return made
    if by_email is not None and by_user is not None and by_email != by_user:
        _two_claims(signal, by_email, by_user, book)
    if (found := by_email or by_user) is not None:
        return found
    by_visitor = next((p for key in _visitor_keys(signal) if (p := book.who.get(key)) is not None), None)
    if signal.user_id:
        return by_visitor if by_visitor is not None and by_visitor not in book.users else _new_person(signal, book)
    return by_visitor


def _user_key_of(signal: Signal, person: str, book: Directory) -> str:
    """The key of the user id, of those the signal names, by which this person is known."""
    own = user_key(signal.user_id or "")
    return own if book.who.get(own) == person else user_key(signal.previous_id or "")


def _visitor_keys(signal: Signal) -> list[str]:
    return [visitor_key(name) for name in (signal.anonymous_id, signal.previous_id) if name]


def _new_person(signal: Signal, book: Directory) -> str:
    person_id = stable_id("per", str(signal.id))
    book.people[person_id] = Person(id=person_id, email=signal.email)
    book.new_people[person_id] = signal.received_at
    return person_id


def _two_claims(signal: Signal, by_email: str, by_user: str, book: Directory) -> None:
    """The address and the user id name two people: fold the nameless one in, or report the conflict."""
    if book.people[by_user].email is not None:
        book.conflicts.append(Conflict(_user_key_of(signal, by_user, book), by_user, by_email, signal))
    else:
        _fold(by_user, by_email, book)


def _were_before(signal: Signal, found: str, before: str, book: Directory) -> str:
    """The signal says that whoever has its keys had the user id of somebody else before: which of the two they are from now on."""
    if book.people[found].email is None:
        _fold(found, before, book)
        return before
    if book.people[before].email is None:
        _fold(before, found, book)
    elif all(c.signal is not signal or c.kept != before for c in book.conflicts[-1:]):
        book.conflicts.append(Conflict(user_key(signal.previous_id or ""), before, found, signal))
    return found


def _fold(loser: str, winner: str, book: Directory) -> None:
    """Makes one of two: what is known of the loser fills what is not known of the winner."""
    gone, keeper = book.people[loser], book.people[winner]
    account = keeper.account or gone.account
    _change_person(book, keeper._replace(name=keeper.name or gone.name, account=account, fields={**gone.fields, **keeper.fields}))
    for earlier in [one for one, into in book.merges.items() if into == loser]:
        book.merges[earlier] = winner
    book.merges[loser] = winner
    if loser in book.users:
        book.users.add(winner)
    for who, person in list(book.who.items()):
        if person == loser:
            book.who[who] = winner


def _link(signal: Signal, keys: Sequence[str], person_id: str, book: Directory) -> None:
    for who in (*keys, *keys_before(signal.previous_id)):
        if who not in book.who:
            book.who[who] = person_id
            book.links.append(Link(who, person_id, signal.received_at))
    if any(name and book.who[user_key(name)] == person_id for name in (signal.user_id, signal.previous_id)):
        book.users.add(person_id)


def _change_person(book: Directory, person: Person) -> None:
    book.people[person.id] = person
    book.changed_people.add(person.id)


def _name(said: Mapping[str, Any]) -> str:
    if isinstance(name := said.get("name"), str) and name.strip():
        return name.strip()
    parts = (said.get("first_name"), said.get("last_name"))
    return " ".join(p.strip() for p in parts if isinstance(p, str) and p.strip())


def _learn_person(signal: Signal, person_id: str, book: Directory) -> None:
    if not signal.person:
        return
    person = book.people[person_id]
    said = {k: v for k, v in signal.person.items() if k not in _NAMES}
    fields = {**person.fields, **said}
    name = _name(signal.person) or person.name
    if fields != person.fields or name != person.name:
        _change_person(book, person._replace(name=name, fields=fields))


def _learn_account(signal: Signal, person_id: str, book: Directory, domain_of: Callable[[str], str | None]) -> None:
    person = book.people[person_id]
    account_id = person.account
    if account_id is None and (account_id := _account_of(signal, person, book, domain_of)) is not None:
        _change_person(book, person._replace(account=account_id))
    if account_id is None or not signal.account:
        return
    account = book.accounts[account_id]
    fields = {**account.fields, **{k: v for k, v in signal.account.items() if k not in {"name", "domain"}}}
    name = str(signal.account.get("name") or "").strip() or account.name
    if fields != account.fields or name != account.name:
        book.accounts[account_id] = account._replace(name=name, fields=fields)
        book.changed_accounts.add(account_id)


def _account_of(signal: Signal, person: Person, book: Directory, domain_of: Callable[[str], str | None]) -> str | None:
    """The account the words of this signal name, else that of the domain or the group; made where nobody has it yet."""
    if signal.id in book.named:
        return book.named[signal.id]
    key = _account_key(signal, person, domain_of)
    return None if key is None else book.account_of_key.get(key) or _new_account(signal, key, book)


def _account_key(signal: Signal, person: Person, domain_of: Callable[[str], str | None]) -> str | None:
    if person.email and (domain := domain_of(person.email)) is not None:
        return domain
    return f"group:{signal.group_id}" if signal.group_id else None


def _new_account(signal: Signal, key: str, book: Directory) -> str:
    account_id = stable_id("acc", key)
    domain = None if key.startswith("group:") else key
    book.accounts[account_id] = Account(id=account_id, key=key, domain=domain)
    book.account_of_key[key] = account_id
    book.new_accounts[account_id] = signal.received_at
    return account_id
