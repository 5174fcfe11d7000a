"""What marketing's promises about a period are measured from; each a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg


def since(conn: psycopg.Connection) -> datetime | None:
    """When the first handoff was opened: a period that began before it says nothing."""
    row = conn.execute("SELECT opened_at FROM handoff ORDER BY opened_at LIMIT 1").fetchone()
    return row[0] if row else None


def opened(conn: psycopg.Connection, motion: str, start: datetime, end: datetime) -> int:
    """Handoffs of a motion opened in [start, end)."""
    row = conn.execute(
        "SELECT count(*) FROM handoff WHERE motion = %s AND opened_at >= %s AND opened_at < %s", (motion, start, end)
    ).fetchone()
    return int(row[0]) if row else 0


def closed(conn: psycopg.Connection, motion: str, start: datetime, end: datetime, wrong: Sequence[str]) -> tuple[int, int]:
    """Handoffs of a motion closed in [start, end), and those of them disqualified for one of the reasons `wrong`.

    Of handoffs that ended in the period and were opened up to a year before.
    """
    row = conn.execute(
        """SELECT count(*), count(*) FILTER (WHERE outcome = 'disqualify' AND reason = ANY(%b)) FROM handoff
           WHERE motion = %s AND opened_at >= %s::timestamptz - interval '1 year' AND opened_at < %s AND closed_at >= %s AND closed_at < %s""",
        (list(wrong), motion, start, end, start, end),
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
