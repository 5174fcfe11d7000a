"""Follow-up in rows: the sequence of each person, and whether they can be reached and want to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of reaching a person. Times are UTC."""

    opted_out_at: datetime | None = None
    bounced_at: datetime | None = None
    away_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A sequence as recorded."""

    id: str
    person: str
    made: int
    falls_due_at: datetime | None
    started_at: datetime
    ended_at: datetime | None
    ended_why: str | None


def begin(conn: psycopg.Connection, rows: Sequence[tuple[str, str, str, datetime]]) -> None:
    """(id, handoff, person, at): starts sequences. Of a person who is in one already, none."""
    if rows:
        columns = [list(c) for c in zip(*rows, strict=True)]
        conn.execute(
            """INSERT INTO follow_up (id, handoff_id, person_id, made, started_at)
               SELECT d.id, d.handoff, d.person, 0, d.at
               FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[]) AS d (id, handoff, person, at) ON CONFLICT DO NOTHING""",
            columns,
        )


def of_handoff(conn: psycopg.Connection, handoff_id: str) -> Course | None:
    """The sequence of a handoff, if one was started."""
    row = conn.execute(
        "SELECT id, person_id, made, falls_due_at, started_at, ended_at, ended_why FROM follow_up WHERE handoff_id = %s", (handoff_id,)
    ).fetchone()
    return Course(*row) if row else None


def note(
    conn: psycopg.Connection, sequence_id: str, made: int, falls_due_at: datetime | None, ended_at: datetime | None, ended_why: str | None
) -> None:
    """Brings a sequence up to date. One that would run again although another of the same person does meanwhile stays ended."""
    conn.execute(
        """UPDATE follow_up AS f SET made = %s, falls_due_at = %s, ended_at = %s, ended_why = %s
           WHERE id = %s AND (%s::timestamptz IS NOT NULL OR NOT EXISTS (
               SELECT FROM follow_up AS o WHERE o.person_id = f.person_id AND o.id <> f.id AND o.ended_at IS NULL))""",
        (made, falls_due_at, ended_at, ended_why, sequence_id, ended_at),
    )


def touches(conn: psycopg.Connection, handoff_id: str) -> list[tuple[datetime, bool]]:
    """(occurred_at, contact) of every touch of a handoff, in order."""
    return conn.execute("SELECT occurred_at, contact FROM touch WHERE handoff_id = %s ORDER BY occurred_at, id", (handoff_id,)).fetchall()


def reach(conn: psycopg.Connection, person_id: str) -> Reach:
    row = conn.execute("SELECT opted_out_at, bounced_at, away_until FROM reach WHERE person_id = %s", (person_id,)).fetchone()
    return Reach(*row) if row else Reach()


def opted_out(conn: psycopg.Connection, person_id: str, at: datetime) -> None:
    """They want to hear no more, since the first time they said so."""
    conn.execute(
        """INSERT INTO reach (person_id, opted_out_at) VALUES (%s, %s)
           ON CONFLICT (person_id) DO UPDATE SET opted_out_at = least(reach.opted_out_at, excluded.opted_out_at)""",
        (person_id, at),
    )


def bounced(conn: psycopg.Connection, person_id: str, at: datetime) -> None:
    conn.execute(
        """INSERT INTO reach (person_id, bounced_at) VALUES (%s, %s)
           ON CONFLICT (person_id) DO UPDATE SET bounced_at = greatest(reach.bounced_at, excluded.bounced_at)""",
        (person_id, at),
    )


def reachable(conn: psycopg.Connection, person_ids: Sequence[str]) -> None:
    """What was wrong with their addresses was put right."""
    conn.execute("UPDATE reach SET bounced_at = NULL WHERE person_id = ANY(%b) AND bounced_at IS NOT NULL", (list(person_ids),))


def away(conn: psycopg.Connection, person_id: str, until: datetime) -> None:
    """An absence reply: the latest return it named holds."""
    conn.execute(
        """INSERT INTO reach (person_id, away_until) VALUES (%s, %s)
           ON CONFLICT (person_id) DO UPDATE SET away_until = greatest(reach.away_until, excluded.away_until)""",
        (person_id, until),
    )
