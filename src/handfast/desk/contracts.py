"""Which contract holds: the compiled versions every decision reads, and the operator's way to put a file in force."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.history import Kind, Side, Term, entry_after, holding, on_trial, text_digest
from handfast.contract.reading import read_contract
from handfast.desk.acting import acts
from handfast.facts import utc
from handfast.problem import Place, Problem
from handfast.store import contracts
from handfast.store.base import Store

#: Before everything: the first contract holds since here.
EVER: Final = datetime(1, 1, 1, tzinfo=UTC)
#: Who acts on the command line without an account.
OPERATOR: Final = "operator"


class NoContract(Exception):
    """No contract is in force yet: load one with `handfast contract load FILE` or HANDFAST_CONTRACT."""


class NotStored(KeyError):
    """A handoff or a clock names a version of the contract that is not there. `args[0]` is its id."""


class Book:
    """The versions that hold or will, compiled once each. `refresh` costs one short query; what has not changed is not read again.

    A version takes force by itself at its moment: every decision asks for the version in force at its own time.
    """

    def __init__(self) -> None:
        self._latest = 0
        self._starts: list[datetime] = []
        self._ids: list[str] = []
        self._by_id: dict[str, Agreement] = {}
        self._numbers: dict[str, int] = {}
        self._terms: dict[str, Term] = {}
        self._withdrawn: frozenset[str] = frozenset()
        self._ended: dict[str, datetime] = {}
        self._trials: list[tuple[datetime, datetime | None, str]] = []

    def refresh(self, conn: psycopg.Connection) -> Book:
        """Reads the versions that came since the last time, and leaves out what was withdrawn before its moment."""
        fresh, withdrawn, ended = contracts.news(conn, self._latest)
        for row in fresh:
            self._by_id[row.id] = compiled(row.source, f"contract version {row.version}")
            self._numbers[row.id] = row.version
            self._terms[row.id] = row.term
            self._latest = row.version
        if fresh or withdrawn != self._withdrawn or ended != self._ended:
            self._withdrawn, self._ended = withdrawn, ended
            self._order()
        return self

    def _order(self) -> None:
        """By the moment from which each holds: agreed later does not mean in force later."""
        ids = {number: contract_id for contract_id, number in self._numbers.items()}
        terms = [
            replace(term, ended=self._ended.get(contract_id))
            for contract_id, term in self._terms.items()
            if contract_id not in self._withdrawn
        ]
        self._trials = [(one.since, one.until, ids[one.version]) for one in on_trial(terms)]
        order = holding(terms)
        self._ids = [ids[term.version] for term in order]
        self._starts = [term.since or EVER for term in order]

    def id_at(self, at: datetime) -> str:
        """The id of the version in force at a moment.

        Raises:
            NoContract: none has been loaded, or none holds yet.
        """
        spot = bisect_right(self._starts, at) - 1
        if spot < 0:
            raise NoContract
        return self._ids[spot]

    def trial_at(self, at: datetime) -> str | None:
        """The id of the version that holds for a share at a moment, beside the one in force; None where there is none."""
        return next((found for since, until, found in self._trials if since <= at and (until is None or at < until)), None)

    def change_after(self, at: datetime) -> datetime | None:
        """The next moment at which another version holds, for all or for a share; None where none is known of yet."""
        edges = {*self._starts, *(edge for since, until, _ in self._trials for edge in (since, until) if edge is not None)}
        return min((edge for edge in edges if edge > at), default=None)

    def every(self) -> Mapping[str, Agreement]:
        """Every version that was ever agreed, by its id: open handoffs keep theirs."""
        return self._by_id

    def at(self, at: datetime) -> Agreement:
        """The agreement in force at a moment. Raises NoContract."""
        return self._by_id[self.id_at(at)]

    def by_id(self, contract_id: str) -> Agreement:
        """The agreement of a version, in force, scheduled, superseded or withdrawn. Raises NotStored."""
        try:
            return self._by_id[contract_id]
        except KeyError:
            raise NotStored(contract_id) from None

    def spans(self, since: datetime, until: datetime) -> list[tuple[Agreement, datetime, datetime]]:
        """The versions in force in a period, oldest first, each with the part of it in which it held. Raises NoContract: none did."""
        ends = [*self._starts[1:], until]
        found = [
            (self._by_id[contract_id], max(start, since), min(end, until))
            for contract_id, start, end in zip(self._ids, self._starts, ends, strict=True)
            if start < until and end > since
        ]
        if not found:
            raise NoContract
        return found

    def version(self, contract_id: str) -> int:
        """The number people know a version by."""
        return self._numbers[contract_id]

    def __bool__(self) -> bool:
        return bool(self._ids)


def none_agreed(store: Store) -> bool:
    """Whether nothing can be decided yet, because there was never a contract. Raises StorageAway."""
    with store.reading() as conn:
        return contracts.latest(conn) == 0


_COMPILED: dict[str, Agreement] = {}
_COMPILED_MOST: Final = 64


def compiled(source: str, name: str) -> Agreement:
    """The agreement of a stored text. Reading one takes a tenth of a second, and the same text is the same agreement whoever asks."""
    key = text_digest(source)
    if (agreement := _COMPILED.get(key)) is None:
        agreement, problems = read_contract(source, name, checked=False)
        if agreement is None:
            raise ValueError(f"stored {name} no longer reads: {'; '.join(map(str, problems))}")
        if len(_COMPILED) >= _COMPILED_MOST:
            _COMPILED.clear()
        _COMPILED[key] = agreement
    return agreement


_LOCAL: Final = threading.local()
#: Databases whose versions a thread keeps; a process works on one.
_KEPT: Final = 4


def book_of(conn: psycopg.Connection) -> Book:
    """The versions of this connection's database, brought up to date: for what is done by hand, where nobody keeps a Book."""
    books: dict[tuple[str, int, str], Book] = _LOCAL.__dict__.setdefault("books", {})
    key = (conn.info.host, conn.info.port, conn.info.dbname)
    if key not in books and len(books) >= _KEPT:
        books.pop(next(iter(books)))
    return books.setdefault(key, Book()).refresh(conn)


# --- the operator's way ---------------------------------------------------------------------------------------


@acts("by")
def put_in_force(
    store: Store, text: str, file: str, at: datetime, *, by: str = OPERATOR, unsigned: bool = False
) -> tuple[int | None, list[Problem]]:
    """Reads a contract and puts it in force from `at` without signatures; the history says so.

    Returns its new number (None: unchanged or refused) and the Problems. The first version holds since ever. A text that does not read
    changes nothing: what was in force stays in force.

    Args:
        unsigned: needed once a version came into force by signatures.
    """
    agreement, problems = read_contract(text, file)
    if agreement is None:
        return None, problems
    with store.writing() as conn:
        contracts.lock(conn)
        every = contracts.versions(conn)
        last = next((v for v in reversed(every) if v.withdrawn_at is None), None)
        if last is not None and (last.content == agreement.id or last.source == text):
            return None, problems
        if (problem := needs_base(agreement, every, file)) is not None:
            return None, [problem]
        signed = contracts.last_signed(conn)
        if signed is not None and not unsigned:
            return None, [_needs_signatures(file, signed)]
        number = add_version(conn, agreement, text, utc(at) if every else None, at)
        record(
            conn,
            "loaded",
            at,
            by,
            version=number,
            content=agreement.id,
            data=told(text) | {"unsigned": True, "after_signed": signed is not None},
        )
    return number, problems


def _needs_signatures(file: str, version: int) -> Problem:
    what = f"version {version} was signed by Marketing and Sales, and this text is not"
    fix = "Make it a draft (`handfast contract draft FILE`) for both to sign; or load it with --unsigned, which the history will say."
    return Problem(Place(file), what, fix)


def add_version(conn: psycopg.Connection, agreement: Agreement, text: str, since: datetime | None, at: datetime) -> int:
    """Writes a version in force from `since` (None: since ever). Under `contracts.lock`."""
    terms = agreement.contract
    share = terms.canary is not None
    return contracts.insert_version(conn, agreement.id, terms.contract, terms.motion, text, since, utc(at), share=share)


def needs_base(agreement: Agreement, every: Sequence[contracts.Version], place: str) -> Problem | None:
    """A version for a share needs one that holds for the others, of the same motion: a Problem where there is none."""
    base = next((v for v in reversed(every) if v.withdrawn_at is None and not v.share), None)
    if agreement.contract.canary is None or (base is not None and base.motion == agreement.contract.motion):
        return None
    what = "no version holds for the others" if base is None else f"the version in force is about '{base.motion}'"
    return Problem(
        Place(place), f"it holds for a share only, and {what}", "Take `canary` out, or put a version in force for everybody first."
    )


def record(
    conn: psycopg.Connection,
    kind: Kind,
    at: datetime,
    by: str,
    *,
    side: Side | None = None,
    draft: int | None = None,
    version: int | None = None,
    content: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> str:
    """Adds an entry to the history, bound to the one before; its hash. Under `contracts.lock`."""
    last = contracts.last_entry(conn)
    entry = entry_after(last, kind, utc(at), by, side=side, draft=draft, version=version, content=content, data=data)
    contracts.append(conn, entry)
    return entry.hash


def told(text: str) -> dict[str, Any]:
    """What every entry about a text says of it, beside the hash of its terms."""
    return {"text": text_digest(text)}
