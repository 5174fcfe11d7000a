"""What the demo company reads: whose handoff it is, the way a rep would see it in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True, slots=True)
class Opened:
    handoff: str
    person: str
    email: str | None
    account: str | None
    owner: str | None
    opened_at: datetime
    passed_at: datetime | None
    offered_at: datetime | None


def opened_handoffs(conn: psycopg.Connection, ids: Sequence[str]) -> list[Opened]:
    """In the order of the ids; `passed_at`: when the present owner got it, `offered_at`: when it will be offered to others, untouched."""
    rows = conn.execute(
        """SELECT h.id, h.person_id, p.email, h.account_id, h.owner_id, h.opened_at,
                  (SELECT max(a.at) FROM assignment AS a WHERE a.handoff_id = h.id),
                  (SELECT min(t.due_at) FROM clock AS c JOIN timer AS t ON t.clock_id = c.id
                   WHERE c.handoff_id = h.id AND c.current AND t.action = 'offer' AND t.state = 0)
           FROM handoff AS h JOIN person AS p ON p.id = h.person_id WHERE h.id = ANY(%s) AND h.closed_at IS NULL""",
        (list(ids),),
    ).fetchall()
    by_id = {row[0]: Opened(*row) for row in rows}
    return [by_id[i] for i in ids if i in by_id]


def owners(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, str | None]:
    """handoff → owner, of those still open."""
    return dict(conn.execute("SELECT id, owner_id FROM handoff WHERE id = ANY(%s) AND closed_at IS NULL", (list(ids),)).fetchall())


def offered(conn: psycopg.Connection, handoff: str) -> list[str]:
    """Reps to whom it is offered, while nobody has taken it."""
    rows = conn.execute(
        """SELECT rep_id FROM offer AS o WHERE handoff_id = %s AND NOT EXISTS (
               SELECT FROM offer WHERE handoff_id = o.handoff_id AND taken_at IS NOT NULL) ORDER BY rep_id""",
        (handoff,),
    ).fetchall()
    return [row[0] for row in rows]


def open_of_others(conn: psycopg.Connection, hands_off: Sequence[str]) -> list[str]:
    """Open handoffs without a touch whose owner is simulated."""
    rows = conn.execute(
        """SELECT id FROM handoff WHERE closed_at IS NULL AND touched_at IS NULL AND owner_id IS NOT NULL AND NOT owner_id = ANY(%s)
           ORDER BY opened_at""",
        (list(hands_off),),
    ).fetchall()
    return [row[0] for row in rows]


def empty(conn: psycopg.Connection) -> None:
    """Takes every row out of every table but the migrations' own. Only ever called on the demo's own database."""
    tables = conn.execute(
        "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    ).fetchall()
    conn.execute(f"TRUNCATE {', '.join(row[0] for row in tables)} RESTART IDENTITY CASCADE")


def is_empty(conn: psycopg.Connection) -> bool:
    """Whether nothing was ever recorded here."""
    row = conn.execute(
        "SELECT NOT EXISTS (SELECT FROM signal) AND NOT EXISTS (SELECT FROM rep) AND NOT EXISTS (SELECT FROM contract)"
    ).fetchone()
    return bool(row and row[0])
