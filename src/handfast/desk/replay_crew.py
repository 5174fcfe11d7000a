"""Who there was to own the handoffs of a replay, and who had a claim on them: as recorded, with what was recorded when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.claims import whole_record
from handfast.routing.record import asks_above
from handfast.store import handover
from handfast.store import past as rows
from handfast.tuning.replay_load import Crew
from handfast.tuning.replay_past import NO_CHAINS, Above, Chains, Like, Owned, Owners


def read_crew(conn: psycopg.Connection, agreements: Sequence[Agreement], since: datetime) -> Crew:
    """Reps, absences that end after `since`, owners of accounts; opportunities and accounts above where any of these contracts asks."""
    owners = Owners(rows.account_owners(conn), (Owned(*row) for row in rows.owners_told(conn)))
    chains = NO_CHAINS
    if any(asks_above(agreement.contract.routing) for agreement in agreements):
        chains = Chains(rows.companies(conn), (Above(*row) for row in rows.parents_told(conn)), owners)
    told = [_like(*row) for row in rows.reps_told(conn)]
    record = whole_record(conn, agreements)
    now = {deal.id: deal.owner for kept in (record.of_account, record.of_person) for dealt in kept.values() for deal in dealt if deal.owner}
    deals = Owners(now, (Owned(*row) for row in rows.owners_told(conn, "deal")))
    return Crew(handover.reps(conn), handover.absences(conn, since), owners, record, chains, told, deals)


def _like(noun: str, rep: str, data: Mapping[str, Any], at: datetime, after: int) -> Like:
    if noun == "rep":
        return Like(rep, data, at, after)
    ends = data["ends_at"]
    return Like(rep, None, at, after, _moment(data["starts_at"]), _moment(ends) if ends is not None else None, data["source"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
