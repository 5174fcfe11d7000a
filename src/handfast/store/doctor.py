"""What should not be: asked of the tables, a bounded number of rows each. And the one thing that can be made anew."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from handfast.store.base import Conn
from handfast.store.handover import lock_assignment

#: How many of one kind are told one by one.
MOST = 20


def idle_clocks(conn: psycopg.Connection) -> list[tuple[str, str, str, datetime]]:
    """(handoff, clock, kind, due_at) of clocks that run, have not been breached, and have no timer left: nothing will happen when they end."""
    return conn.execute(
        """SELECT c.handoff_id, c.id, c.kind, c.due_at FROM clock AS c LEFT JOIN handoff AS h ON h.id = c.handoff_id
           WHERE c.stopped_at IS NULL AND c.current AND c.breached_at IS NULL AND c.paused_at IS NULL AND h.closed_at IS NULL
             AND NOT EXISTS (SELECT FROM timer AS t WHERE t.clock_id = c.id AND t.state IN (0, 3))
           ORDER BY c.due_at LIMIT %s""",
        (MOST,),
    ).fetchall()


def overdue_timers(conn: psycopg.Connection, before: datetime) -> tuple[int, datetime | None]:
    """How many timers that fell due before a moment wait still, and since when the oldest."""
    row = conn.execute("SELECT count(*), min(due_at) FROM timer WHERE state = 0 AND due_at < %s", (before,)).fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def stuck(conn: psycopg.Connection, before: datetime) -> tuple[int, datetime | None]:
    """How many signals received before a moment wait still, and since when the oldest."""
    row = conn.execute("SELECT count(*), min(received_at) FROM pending WHERE received_at < %s", (before,)).fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def letters(conn: psycopg.Connection, before: datetime) -> tuple[int, int]:
    """Messages that died, and messages that should have gone out before a moment and wait still."""
    row = conn.execute(
        """SELECT (SELECT count(*) FROM outbox WHERE state = 'dead'),
                  (SELECT count(*) FROM outbox WHERE state = 'waiting' AND next_at < %s AND (lease_until IS NULL OR lease_until < %s))""",
        (before, before),
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def without_contract(conn: psycopg.Connection) -> list[tuple[str, str]]:
    """(handoff, contract) of open handoffs that name a version of the contract which is not there."""
    return conn.execute(
        """SELECT h.id, h.contract_id FROM handoff AS h
           WHERE h.closed_at IS NULL AND NOT EXISTS (SELECT FROM contract AS c WHERE c.id = h.contract_id) ORDER BY h.opened_at, h.id LIMIT %s""",
        (MOST,),
    ).fetchall()


#: What names another row without a declared reference: (table, column, the table it names). Decisions write them, with every new person and
#: every handoff, where checking each row costs most; see the remark in schema.sql.
_UNDECLARED = (
    *((table, "person_id", "person") for table in ("identity", "standing", "match_decision", "handoff_person", "follow_up", "person_key")),
    *((table, "account_id", "account") for table in ("person", "verdict", "handoff", "account_key")),
    *((table, "contract_id", "contract") for table in ("verdict", "handoff")),
    *((table, "owner_id", "rep") for table in ("handoff", "assignment")),
    ("handoff_person", "verdict_id", "verdict"),
    ("timer", "clock_id", "clock"),
)


_COUNTS = """SELECT coalesce(kept.rep_id, counted.rep_id), coalesce(kept.many, 0), coalesce(counted.many, 0)
             FROM (SELECT rep_id, sum(change) AS many FROM open_count GROUP BY rep_id) AS kept FULL JOIN
                  (SELECT owner_id AS rep_id, count(*) AS many FROM handoff WHERE closed_at IS NULL AND owner_id IS NOT NULL GROUP BY owner_id) AS counted
               ON counted.rep_id = kept.rep_id
             WHERE coalesce(kept.many, 0) <> coalesce(counted.many, 0) ORDER BY 1 LIMIT %s"""


def miscounted(conn: psycopg.Connection) -> list[tuple[str, int, int]]:
    """(rep, open handoffs as they are kept, as they are counted) where the two differ."""
    return [(rep, int(kept), int(counted)) for rep, kept, counted in conn.execute(_COUNTS, (MOST,)).fetchall()]


def count_anew(conn: psycopg.Connection) -> int:
    """Counts the open handoffs of each rep and keeps that. How many reps had another number before; nobody changes a handoff meanwhile."""
    lock_assignment(conn)
    conn.execute("LOCK TABLE handoff IN SHARE ROW EXCLUSIVE MODE")
    wrong = len(miscounted(conn))
    conn.execute("DELETE FROM open_count")
    conn.execute(
        """INSERT INTO open_count (rep_id, change)
           SELECT owner_id, count(*) FROM handoff WHERE closed_at IS NULL AND owner_id IS NOT NULL GROUP BY owner_id"""
    )
    return wrong


def strays(conn: psycopg.Connection) -> list[tuple[str, str, int]]:
    """(table, what its rows name, how many of them name one that is not there), of tables that have such rows. Reads these tables whole."""
    found = []
    for table, column, named in _UNDECLARED:
        query = f"SELECT count(*) FROM {table} AS t WHERE {column} IS NOT NULL AND NOT EXISTS (SELECT FROM {named} WHERE id = t.{column})"
        row = conn.execute(query).fetchone()
        if row and row[0]:
            found.append((table, named, int(row[0])))
    return found


def note(conn: psycopg.Connection, key: str) -> tuple[Any, datetime] | None:
    row = conn.execute("SELECT value, at FROM note WHERE key = %s", (key,)).fetchone()
    return (row[0], row[1]) if row else None


def size_bytes(conn: Conn) -> int:
    row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0
