"""Who holds a handoff for its owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from handfast.store.copying import copy_rows


@dataclass(frozen=True, slots=True)
class Cover:
    """`holder` holds `handoff` for `owner`, who was passed over for `reason`. `touched`: somebody has tried to reach them since."""

    handoff: str
    owner: str
    holder: str
    reason: str
    touched: bool
    since: datetime


#: Where a walk has come to: since and handoff of the last cover looked at.
Cursor = tuple[datetime, str]


def add(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """(handoff, owner, cover, reason, since) of handoffs opened in this transaction."""
    copy_rows(conn, "cover (handoff_id, owner_id, cover_id, reason, since)", rows)


def put(conn: psycopg.Connection, row: tuple[Any, ...]) -> None:
    """As `add`, for a handoff that may have been covered before."""
    conn.execute(
        """INSERT INTO cover (handoff_id, owner_id, cover_id, reason, since) VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT (handoff_id) DO UPDATE SET owner_id = excluded.owner_id, cover_id = excluded.cover_id, reason = excluded.reason,
               since = excluded.since, ended_at = NULL, how = NULL""",
        row,
    )


def end_those_over(conn: psycopg.Connection) -> None:
    """Ends those whose handoff is closed, or with somebody else."""
    conn.execute(
        """UPDATE cover AS c SET ended_at = coalesce(h.closed_at, c.since), how = 'moved_on' FROM handoff AS h
           WHERE h.id = c.handoff_id AND c.ended_at IS NULL AND (h.closed_at IS NOT NULL OR h.owner_id IS DISTINCT FROM c.cover_id)"""
    )


def running(conn: psycopg.Connection, contracts: Sequence[str], limit: int, after: Cursor | None = None) -> list[Cover]:
    """Covers of open handoffs opened under these contracts, the oldest first."""
    rows = conn.execute(
        """SELECT c.handoff_id, c.owner_id, c.cover_id, c.reason, h.touched_at IS NOT NULL, c.since
           FROM cover AS c JOIN handoff AS h ON h.id = c.handoff_id
           WHERE c.ended_at IS NULL AND h.contract_id = ANY(%b) AND (%s::timestamptz IS NULL OR (c.since, c.handoff_id) > (%s, %s))
           ORDER BY c.since, c.handoff_id LIMIT %s""",
        (list(contracts), *([after[0], after[0], after[1]] if after else [None, None, None]), limit),
    ).fetchall()
    return [Cover(*row) for row in rows]


def of(conn: psycopg.Connection, handoff: str) -> tuple[str, str, datetime, datetime | None, str | None] | None:
    """(owner's name, reason, since, ended_at, how) of the cover of a handoff."""
    return conn.execute(
        """SELECT coalesce(nullif(r.name, ''), r.id), c.reason, c.since, coalesce(c.ended_at, h.closed_at), c.how
           FROM cover AS c JOIN rep AS r ON r.id = c.owner_id JOIN handoff AS h ON h.id = c.handoff_id WHERE c.handoff_id = %s""",
        (handoff,),
    ).fetchone()


def end(conn: psycopg.Connection, handoffs: Sequence[str], how: str, at: datetime) -> None:
    """Ends those that run. `how`: handed_back, stays, moved_on."""
    conn.execute("UPDATE cover SET ended_at = %s, how = %s WHERE handoff_id = ANY(%b) AND ended_at IS NULL", (at, how, list(handoffs)))
