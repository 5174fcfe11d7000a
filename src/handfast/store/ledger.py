"""The fairness ledger: turns, what was given beside them, who was skipped and why, turns given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True, slots=True)
class Given:
    """What a rep was given out of a pool in a period: turns, and handoffs that were no turn (ownership, coming back, by hand).

    `value`: the amounts of the opportunities that came of them; 0 where none did.
    """

    pool: str | None
    rep: str
    turns: int
    beside: int
    value: float


def given(conn: psycopg.Connection, since: datetime) -> list[Given]:
    """By pool and rep; pool None: without a pool."""
    rows = conn.execute(
        """SELECT a.pool, a.owner_id, count(*) FILTER (WHERE a.counts), count(*) FILTER (WHERE NOT a.counts),
                  coalesce(sum((SELECT sum(o.amount) FROM opportunity AS o WHERE o.handoff_id = a.handoff_id AND o.owner_id = a.owner_id)), 0)
           FROM assignment AS a WHERE a.at >= %s AND a.owner_id IS NOT NULL GROUP BY a.pool, a.owner_id""",
        (since,),
    ).fetchall()
    return [Given(row[0], row[1], row[2], row[3], float(row[4])) for row in rows]


def skips(conn: psycopg.Connection, since: datetime, most: int = 5000) -> list[tuple[str, str, str, int]]:
    """(pool, rep, reason, how often) of those passed over among the latest assignments since then; at most so many are looked at."""
    return conn.execute(
        """SELECT r.rung ->> 'pool', s.skip ->> 'rep', s.skip ->> 'reason', count(*)
           FROM (SELECT working FROM assignment WHERE at >= %s ORDER BY at DESC LIMIT %s) AS a,
                LATERAL jsonb_array_elements(a.working) AS r (rung),
                LATERAL jsonb_array_elements(coalesce(r.rung -> 'skipped', '[]')) AS s (skip)
           WHERE jsonb_typeof(s.skip) = 'object' AND r.rung ->> 'pool' IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3""",
        (since, most),
    ).fetchall()


@dataclass(frozen=True, slots=True)
class Credit:
    """A turn that was given back."""

    pool: str
    rep: str
    handoff: str
    person: str
    reason: str
    note: str
    by: str
    at: datetime


def given_back(conn: psycopg.Connection, since: datetime, limit: int = 50) -> list[Credit]:
    """The latest first."""
    rows = conn.execute(
        """SELECT c.pool, coalesce(nullif(r.name, ''), r.id), c.handoff_id, coalesce(nullif(p.name, ''), p.email, p.id), c.reason, c.note, c.by, c.at
           FROM turn_credit AS c JOIN rep AS r ON r.id = c.rep_id JOIN handoff AS h ON h.id = c.handoff_id JOIN person AS p ON p.id = h.person_id
           WHERE c.at >= %s ORDER BY c.at DESC, c.id LIMIT %s""",
        (since, limit),
    ).fetchall()
    return [Credit(*row) for row in rows]
