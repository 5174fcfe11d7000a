"""Which contract holds: loading a file into force, and the compiled versions every decision reads."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from typing import Final

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.reading import read_contract
from handfast.facts import utc
from handfast.problem import Problem
from handfast.store import contracts
from handfast.store.base import Store

#: Before everything: the first contract holds since here.
EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class NoContract(Exception):
    """No contract is in force yet: load one with `handfast contract load FILE` or HANDFAST_CONTRACT."""


class Book:
    """The versions in force, compiled once each. `refresh` costs one short query; what has not changed is not read again."""

    def __init__(self) -> None:
        self._latest = 0
        self._starts: list[datetime] = []
        self._ids: list[str] = []
        self._by_id: dict[str, Agreement] = {}
        self._numbers: dict[str, int] = {}

    def refresh(self, conn: psycopg.Connection) -> Book:
        """Reads the versions that came since the last time."""
        for row in contracts.versions(conn, self._latest):
            agreement, problems = read_contract(row.source, f"contract version {row.version}")
            if agreement is None:
                raise ValueError(f"stored contract version {row.version} no longer reads: {'; '.join(map(str, problems))}")
            self._by_id[row.id] = agreement
            self._ids.append(row.id)
            self._starts.append(row.in_force_from or EVER)
            self._numbers[row.id] = row.version
            self._latest = row.version
        return self

    def id_at(self, at: datetime) -> str:
        """The id of the version in force at a moment.

        Raises:
            NoContract: none has been loaded.
        """
        spot = bisect_right(self._starts, at) - 1
        if spot < 0:
            raise NoContract
        return self._ids[spot]

    def at(self, at: datetime) -> Agreement:
        """The agreement in force at a moment. Raises NoContract."""
        return self._by_id[self.id_at(at)]

    def by_id(self, contract_id: str) -> Agreement:
        """The agreement of a version, in force or superseded. KeyError for an id nobody stored."""
        return self._by_id[contract_id]

    def version(self, contract_id: str) -> int:
        """The number people know a version by."""
        return self._numbers[contract_id]

    def __bool__(self) -> bool:
        return bool(self._ids)


def put_in_force(store: Store, text: str, file: str, at: datetime) -> tuple[int | None, list[Problem]]:
    """Reads a contract and puts it in force from `at`. Returns its new number (None: unchanged or refused) and the Problems.

    A text that does not read changes nothing: what was in force stays in force.
    """
    agreement, problems = read_contract(text, file)
    if agreement is None:
        return None, problems
    terms = agreement.contract
    with store.writing() as conn:
        return contracts.add(conn, agreement.id, terms.contract, terms.motion, text, utc(at)), problems
