"""Who has a claim on the handoffs of a batch: what the ladder asks for is read, and nothing else."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl
import psycopg

from handfast.contract.agreement import Agreement
from handfast.facts import Account
from handfast.routing.ownership import Case, case_of, claims
from handfast.routing.record import NO_RECORD, Dealt, Record, asks_above, asks_deals, record_of
from handfast.store import claims as rows
from handfast.store import waiting


class Party(NamedTuple):
    """Whom a handoff is about, and the moment at which it is decided (UTC)."""

    handoff_id: str
    person: str
    account: Account | None
    at: datetime


def cases(
    conn: psycopg.Connection, agreement: Agreement, parties: Sequence[Party], people: pl.DataFrame, strangers: Container[str] = frozenset()
) -> list[Case]:
    """The claims on each handoff, in order. `people`: a row a handoff, with the contract's fields (see `ownership.claims`).

    Costs no statement where the contract asks neither for opportunities nor for parents, else one a batch for each. `strangers` are people
    and accounts that nothing was known of before: nobody has or had anything to do with them yet, whoever may stand above them.
    """
    met = [one for one in parties if one.person not in strangers or (one.account is not None and one.account.id not in strangers)]
    record = read_record(conn, agreement, parties, met) if parties else NO_RECORD
    last = last_owners(conn, agreement, met)
    return [
        case_of(
            one.handoff_id,
            one.account.owner if one.account else None,
            claim,
            record.known(one.account.id if one.account else None, one.person, one.at),
            last.get(one.person),
        )
        for one, claim in zip(parties, claims(agreement, people), strict=True)
    ]


def last_owners(conn: psycopg.Connection, agreement: Agreement, parties: Sequence[Party]) -> dict[str, tuple[str, datetime]]:
    """Who had each person last, and until when; asked only where a pool is sticky."""
    if not parties or all(pool.sticky is None for pool in agreement.contract.routing.pools.values()):
        return {}
    return waiting.last_owners(conn, [one.person for one in parties], agreement.contract.motion, [one.handoff_id for one in parties])


def read_record(conn: psycopg.Connection, agreement: Agreement, parties: Sequence[Party], met: Sequence[Party] | None = None) -> Record:
    """Parents of these, and opportunities of those of them who were `met` before (None: all), as far as the ladder asks for them."""
    routing, met = agreement.contract.routing, parties if met is None else met
    accounts = list({one.account.id for one in parties if one.account})
    deals: list[Dealt] = []
    if met and asks_deals(routing):
        latest, theirs = max(one.at for one in met), list({one.account.id for one in met if one.account})
        deals = [Dealt(*row) for row in rows.deals(conn, theirs, [one.person for one in met if one.account is None], latest)]
    above = rows.above(conn, accounts) if accounts and asks_above(routing) else ()
    return record_of(deals, above) if deals or above else NO_RECORD


def whole_record(conn: psycopg.Connection, agreements: Sequence[Agreement]) -> Record:
    """The opportunities of everybody, where any of these contracts asks for them: for a replay."""
    asked = any(asks_deals(agreement.contract.routing) for agreement in agreements)
    return record_of([Dealt(*row) for row in rows.all_deals(conn)] if asked else [])
