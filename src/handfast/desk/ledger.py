"""The fairness ledger of each pool: what everybody took, what is due to them, why they were passed over, and when it is their turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Pool
from handfast.desk.opening import read_roster
from handfast.routing.roster import Roster, because, eligible
from handfast.routing.rotation import counter_of, elsewhere, forecast
from handfast.store import ledger as rows

#: How far back the ledger looks.
PERIOD: Final = timedelta(days=30)
#: How many turns ahead are drawn to tell somebody theirs.
AHEAD: Final = 60


@dataclass(frozen=True, slots=True)
class Member:
    """A line of the ledger. `share` and `had`: of the pool's turns in the period, 0 to 1 (None: there were none). `next`: the expected own
    next turn, 1 for the very next (None: not within sight). `cannot`: why they cannot take one now."""

    rep: str
    name: str
    weight: float
    share: float
    turns: int
    had: float | None
    beside: int
    value: float
    ever: int
    next: int | None
    cannot: str | None
    skipped: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Line:
    """A pool with its members; `counter`: whom it shares its turns with."""

    pool: str
    terms: Pool
    shares_with: Sequence[str]
    turns: int
    members: Sequence[Member]


def ledger(conn: psycopg.Connection, agreement: Agreement, at: datetime) -> list[Line]:
    """The ledger of every pool of the contract, as things stand at `at` (UTC)."""
    since = at - PERIOD
    given = {(one.pool, one.rep): one for one in rows.given(conn, since)}
    skipped: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for pool, rep, reason, count in rows.skips(conn, since):
        skipped.setdefault((pool, rep), []).append((reason, count))
    return [_line(conn, name, agreement, at, given, skipped) for name in agreement.contract.routing.pools]


def _line(
    conn: psycopg.Connection,
    name: str,
    agreement: Agreement,
    at: datetime,
    given: Mapping[tuple[str | None, str], rows.Given],
    skipped: Mapping[tuple[str, str], list[tuple[str, int]]],
) -> Line:
    pools = agreement.contract.routing.pools
    pool = pools[name]
    roster = read_roster(conn, at)  # one for each pool: the forecast uses it up
    roster.under(agreement.contract)
    ever = {rep: row.turns for rep, row in roster.turns(counter_of(name, pool)).items()}
    cannot = {rep: _cannot(rep, roster, pool, at) for rep in pool.members}
    coming = forecast(name, pool, roster, at, elsewhere(name, pools), AHEAD)
    mine = {rep: given.get((name, rep)) for rep in pool.members}
    turns = sum(one.turns for one in mine.values() if one is not None)
    weights = sum(pool.members.values())
    members = []
    for rep, weight in sorted(pool.members.items(), key=lambda one: (-one[1], one[0])):
        had = mine[rep]
        took = had.turns if had is not None else 0
        members.append(
            Member(
                rep,
                roster.name(rep),
                weight,
                weight / weights,
                took,
                took / turns if turns else None,
                had.beside if had is not None else 0,
                had.value if had is not None else 0.0,
                ever.get(rep, 0),
                coming.index(rep) + 1 if rep in coming else None,
                cannot[rep],
                skipped.get((name, rep), []),
            )
        )
    sharing = [other for other, terms in pools.items() if other != name and pool.counter is not None and terms.counter == pool.counter]
    return Line(name, pool, sharing, turns, members)


def _cannot(rep: str, roster: Roster, pool: Pool, at: datetime) -> str | None:
    reason = eligible(rep, roster, pool, at)
    return because(reason, rep, roster, pool, at) if reason is not None else None


__all__ = ["AHEAD", "PERIOD", "Line", "Member", "ledger"]
