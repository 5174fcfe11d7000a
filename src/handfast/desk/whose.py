"""Whose signals these are: which lane each belongs to, which person, which account; and what a batch learned of them, written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from handfast.desk.batch import Batch, Moment
from handfast.desk.of_account import Named, name_accounts
from handfast.facts import LANES, Account, Person, Signal, lane_of
from handfast.identity.keys import home_of, keys_before, keys_of
from handfast.identity.resolve import Directory, resolve
from handfast.store import handover as rows
from handfast.store import lanes as lane_rows
from handfast.store.lanes import Pending


class Keys:
    """The keys of a batch's signals, strongest first, and the lane each address lives in: worked out once."""

    def __init__(self, waiting: list[Pending]) -> None:
        self.of: dict[int, tuple[str, ...]] = {}
        #: Those of ids that people had before, of the signals that name one.
        self.before: dict[int, tuple[str, ...]] = {}
        self.all: set[str] = set()
        #: Those of signals that say something of somebody.
        self.telling: set[str] = set()
        self.emails: set[str] = set()
        self.groups: set[str] = set()
        self.named = Named()
        self._homes: dict[str, int] = {}
        self._user_keys: dict[str, str] | None = None
        for one in waiting:
            self._add(one.seq, one.signal)

    def _add(self, seq: int, signal: Signal) -> None:
        email = signal.email
        self.of[seq] = found = keys_of(email, signal.user_id, signal.anonymous_id)
        self.all.update(found)
        if email:
            self.emails.add(email)
        if group := signal.group_id:
            self.groups.add(group)
        if previous := signal.previous_id:
            self.before[seq] = before = keys_before(previous)
            self.all.update(before)
            self.telling.update(before)
        if previous or signal.person or signal.account:
            self.telling.update(found)

    def home_of(self, email: str) -> int:
        """The lane of the account of whoever has this address."""
        if (lane := self._homes.get(email)) is None:
            lane = self._homes[email] = home_of(email)
        return lane

    def user_key_of(self, person: str, book: Directory) -> str | None:
        """The first of the keys of their user ids: where somebody without an address is at home."""
        if self._user_keys is None:
            self._user_keys = {}
            for who, holder in book.who.items():
                if who.startswith("user:"):
                    self._user_keys[holder] = min(who, self._user_keys.get(holder, who))
        return self._user_keys.get(person)


def look_up(b: Batch, waiting: list[Pending]) -> Keys:
    """Fills the directory with whoever the keys of these signals name, and their accounts."""
    keys, book = Keys(waiting), b.directory
    partly = _look_up_keys(b, keys)
    book.people = rows.people(b.conn, list(set(book.who.values())))
    book.users = {person for who, person in book.who.items() if who.startswith("user:")}
    # Whoever has an address and no account (domains made none when they came) is asked about like an address that is told now.
    emails = keys.emails | {p.email for p in book.people.values() if p.account is None and p.email is not None}
    account_keys = {k for email in emails if (k := b.domain_of(email))}
    account_keys |= {f"group:{group}" for group in keys.groups}
    ids = {p.account for p in book.people.values() if p.account}
    for account in rows.accounts(b.conn, list(ids), list(account_keys)):
        book.accounts[account.id] = account
        book.account_of_key[account.key] = account.id
    keys.named = name_accounts(b, waiting, emails)
    b.learned.begin(book, partly)
    return keys


def _look_up_keys(b: Batch, keys: Keys) -> set[str]:
    """Whose keys these are, and the other keys of those people. Returns those of whom only the keys at hand are known.

    In a large batch the rest is looked for only of whom a signal may teach something, since keys of theirs may change hands; and of others
    if they are judged, which most are not. But of everybody, where lanes or colleagues depend on them.
    """
    book = b.directory
    if not b.apart or len(b.held) < LANES or any(terms.contract.ready.account is not None for terms in (b.agreement, *(b.trial or ())[:1])):
        book.who = rows.known_by(b.conn, list(keys.all))
        return set()
    who = book.who = rows.identities(b.conn, list(keys.all))
    whole = {who[key] for key in keys.telling if key in who}
    for named in keys.of.values():
        if len(named) > 1:
            first = who.get(named[0])
            for key in named[1:]:
                if (other := who.get(key)) != first:
                    whole.update(one for one in (first, other) if one is not None)
    partly = set(who.values()) - whole
    who.update(rows.keys_of_people(b.conn, list(whole)))
    return partly


def reach(b: Batch, waiting: list[Pending], keys: Keys) -> bool:
    """Holds the lanes that these signals need beside those they wait in, as far as nobody else has them; whether it got any."""
    if len(b.held) == LANES:
        return False
    if len(waiting) >= LANES <= 2 * len(b.held):
        needed = set(range(LANES))  # so many will need most of the others too
    else:
        # The lane of the account itself is asked for too: a signal is only passed on where somebody else is at work on it.
        needed = {lane for one in waiting for home, links in [_lanes_needed(b, one, keys)] for lane in (home, *links)}
    missing = sorted(needed - b.held)
    gained = lane_rows.hold_lanes(b.conn, missing) if missing else []
    b.held.update(gained)
    return bool(gained)


def by_lane(b: Batch, waiting: list[Pending], keys: Keys) -> tuple[list[Pending], list[tuple[Pending, int]], list[Pending]]:
    """Splits the batch: what may be decided here, what belongs to another lane, and what must wait for a lane held elsewhere."""
    if len(b.held) == LANES:
        return waiting, [], []
    mine: list[Pending] = []
    forwarded: list[tuple[Pending, int]] = []
    postponed: list[Pending] = []
    blocked: set[int] = set()
    for one in waiting:
        home, links = _lanes_needed(b, one, keys)
        if one.lane in blocked or not b.held.issuperset(links):
            blocked.add(one.lane)  # Order within a lane is kept: what comes after waits too.
            postponed.append(one)
        elif home not in b.held:
            forwarded.append((one, home))
        else:
            mine.append(one)
    return mine, forwarded, postponed


def _lanes_needed(b: Batch, one: Pending, keys: Keys) -> tuple[int, list[int]]:
    """The lane this signal's account lives in; and those of keys it would link, and of whoever it says is the same person."""
    signal, who, named = one.signal, b.directory.who, keys.of[one.seq]
    before = keys.before.get(one.seq, ())
    known = next((p for k in (*named, *before) if (p := who.get(k)) is not None), None)
    home = one.lane
    if signal.email is not None:
        home = keys.home_of(signal.email)
    elif known is not None:
        home = _home_of(b, known, keys, named[0])
    links = []
    for key in (*named[1:], *before):
        if (other := who.get(key)) is None:
            links.append(lane_of(key))
        elif key.startswith("user:") and other != who.get(named[0]):
            # Somebody else, or somebody who tells an address for the first time: until now they were decided in another lane than its.
            links.append(_home_of(b, other, keys, key))
    return home, links


def _home_of(b: Batch, person: str, keys: Keys, key: str) -> int:
    """The lane of somebody who is known, by `key` among others: of their account; of nobody's, of the first of their user ids."""
    email = b.directory.people[person].email
    return keys.home_of(email) if email is not None else lane_of(keys.user_key_of(person, b.directory) or key)


def resolve_all(b: Batch, mine: list[Pending], keys: Keys) -> tuple[list[Moment], dict[str, dict[str, Any]], list[tuple[Signal, str]]]:
    """Every signal to its person: the moments to judge, subject → what was known of them, and every signal with its person.

    Each subject is judged by what was known then: its fields, and the signals received by its last moment. Where fields change, a key is
    linked, or a signal comes late, another subject begins, for the moments before had to do without. A signal that no verdict could read,
    and that taught nothing, is no moment: time alone only takes away.
    """
    listens, book = b.agreement.kinds | (b.trial[0].kinds if b.trial else frozenset()), b.directory
    with_email = "email" in b.agreement.person_fields or (b.trial is not None and "email" in b.trial[0].person_fields)
    seen: dict[str, _Seen] = {}
    moments: list[Moment] = []
    subjects: dict[str, dict[str, Any]] = {}
    whose: list[tuple[Signal, str]] = []
    folded: dict[str, tuple[str, ...]] = {}
    for one in mine:
        signal = one.signal
        folds = len(book.merges)
        person, may_teach = resolve(signal, keys.of[one.seq], book, b.domain_of)
        for loser in islice(book.merges, folds, None) if len(book.merges) > folds else ():
            winner = book.merges[loser]
            folded[winner] = (*folded.get(winner, ()), *folded.pop(loser, ()), loser)
        if person is None:
            continue
        whose.append((signal, person))
        taught = may_teach and b.learned.after(book, signal, one.seq, person)
        if not (taught or signal.kind in listens):
            continue
        was, at = seen.get(person), signal.occurred_at
        known = _known_of(book, person, was.known if was is not None else None, with_email=with_email)
        if was is None:
            was = seen[person] = _Seen(known, at, person)
        else:
            if taught or at <= was.latest or (known is not was.known and known.fields != was.known.fields):
                was.begins_anew()
            was.known, was.latest = known, max(at, was.latest)
        subjects[was.subject] = known.fields
        moments.append(Moment(one, person, was.subject, at, known.person.account, taught, folded.get(person, ())))
    return moments, subjects, whose


class _Known(NamedTuple):
    """What conditions may read of somebody, and what it was read from."""

    person: Person
    account: Account | None
    fields: dict[str, Any]


@dataclass(slots=True)
class _Seen:
    """Somebody met in this batch: as last known, the latest time of their signals, and by which name of a subject."""

    known: _Known
    latest: datetime
    subject: str
    number: int = 0

    def begins_anew(self) -> None:
        """Another subject, for what follows."""
        self.number += 1
        self.subject = f"{self.known.person.id}#{self.number}"


def _known_of(book: Directory, person: str, before: _Known | None, *, with_email: bool) -> _Known:
    """As before, where that is still so: the directory replaces whomever it learns of."""
    who = book.people[person]
    account = book.accounts.get(who.account or "")
    if before is not None and before.person is who and before.account is account:
        return before
    fields = book.fields_of(person)
    if with_email:
        fields["email"] = who.email
    return _Known(who, account, fields)


def write_people(b: Batch) -> None:
    """Records what the directory learned: accounts, people, keys, who was folded into whom, and what could not be."""
    book = b.directory
    rows.add_accounts(b.conn, [(book.accounts[a], at) for a, at in book.new_accounts.items()])
    if changed := [book.accounts[a] for a in book.changed_accounts if a not in book.new_accounts]:
        rows.change_accounts(b.conn, changed)
    rows.add_people(b.conn, [(book.people[p], at) for p, at in book.new_people.items()])
    if changed_people := [book.people[p] for p in sorted(book.changed_people) if p not in book.new_people]:
        rows.change_people(b.conn, changed_people)
    merged = dict(book.merges)
    b.learned.write(b.conn)
    if merged:
        rows.merge(b.conn, merged)
    rows.link(b.conn, [(one.who, merged.get(one.person, one.person), one.since) for one in book.links])
    events: list[tuple[Any, ...]] = []
    for c in book.conflicts:
        said = rows.dumps({"key": c.who.split(":")[0], "claimed_by": c.claimed_by})
        events.append(("identity_conflict", c.signal.received_at, None, c.kept, None, None, said))
    for loser, winner in merged.items():
        events.append(("merged", b.at, None, winner, None, None, rows.dumps({"from": loser})))
    rows.add_events(b.conn, events)
