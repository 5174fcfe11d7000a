"""The versions of the contract, in the order they came into force. Append only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

#: The advisory lock that numbers versions one at a time.
VERSION_LOCK = 7104


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its number (1, 2, …), its id, the text its authors wrote, and since when it holds (None: since ever)."""

    id: str
    version: int
    name: str
    motion: str
    source: str
    in_force_from: datetime | None


def versions(conn: psycopg.Connection, after: int = 0) -> list[Version]:
    """Versions with a number above `after`, oldest first."""
    rows = conn.execute(
        """SELECT id, version, name, motion, source, nullif(in_force_from, '-infinity') FROM contract
           WHERE version > %s ORDER BY version""",
        (after,),
    ).fetchall()
    return [Version(*row) for row in rows]


def latest(conn: psycopg.Connection) -> int:
    """The number of the latest version, 0 where there is none."""
    row = conn.execute("SELECT coalesce(max(version), 0) FROM contract").fetchone()
    return int(row[0]) if row else 0


def add(conn: psycopg.Connection, contract_id: str, name: str, motion: str, source: str, at: datetime) -> int | None:
    """Puts a version in force from `at`; the first one holds since ever. None where these terms are already the latest."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (VERSION_LOCK,))
    newest = conn.execute("SELECT id, version FROM contract ORDER BY version DESC LIMIT 1").fetchone()
    if newest is not None and newest[0] == contract_id:
        return None
    number = 1 if newest is None else newest[1] + 1
    # Going back to earlier terms is a new version; its id then carries its number, for an id names one row.
    known = conn.execute("SELECT 1 FROM contract WHERE id = %s", (contract_id,)).fetchone()
    conn.execute(
        """INSERT INTO contract (id, version, name, motion, source, in_force_from, recorded_at)
           VALUES (%s, %s, %s, %s, %s, coalesce(%s::timestamptz, '-infinity'), %s)""",
        (contract_id if known is None else f"{contract_id}.{number}", number, name, motion, source, None if number == 1 else at, at),
    )
    return number
