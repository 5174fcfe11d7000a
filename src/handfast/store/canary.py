"""What a version on trial has done so far, and that it gave way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb


def figures(conn: psycopg.Connection, contract_id: str, at: datetime) -> tuple[int, int, float | None]:
    """(handoffs opened under it, those without an owner at first, within how many seconds 95 of 100 had one).

    Whoever waits still has waited until `at`; the time a signal waited to be decided counts.
    """
    row = conn.execute(
        """SELECT count(*), count(*) FILTER (WHERE s.owner_id IS NULL),
                  percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(
                      CASE WHEN h.assigned_at IS NULL THEN coalesce(h.closed_at, %(at)s) ELSE h.assigned_at END, h.decided_at) - h.opened_at))
           FROM handoff AS h JOIN assignment AS s ON s.handoff_id = h.id AND s.leg = 0 WHERE h.contract_id = %(id)s""",
        {"id": contract_id, "at": at},
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), None if row[2] is None else float(row[2])


def turns(conn: psycopg.Connection, contract_id: str) -> list[tuple[str, str, int]]:
    """(pool, rep, turns of that pool's rotation) of the handoffs opened under it."""
    return conn.execute(
        """SELECT s.pool, s.owner_id, count(*)::int FROM handoff AS h JOIN assignment AS s ON s.handoff_id = h.id
           WHERE h.contract_id = %s AND s.counts AND s.pool IS NOT NULL AND s.owner_id IS NOT NULL GROUP BY s.pool, s.owner_id""",
        (contract_id,),
    ).fetchall()


def end(conn: psycopg.Connection, version: int, at: datetime, guardrail: str, why: str, said: dict[str, Any]) -> bool:
    """It gives way from `at` on; False where it has already."""
    done = conn.execute(
        "INSERT INTO canary_end (version, at, guardrail, why, figures) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (version) DO NOTHING",
        (version, at, guardrail, why, Jsonb(said)),
    )
    return done.rowcount == 1


def ends(conn: psycopg.Connection) -> list[tuple[int, datetime, str, str, dict[str, Any]]]:
    """(version, at, guardrail, why, figures) of every version that gave way, the latest first."""
    return conn.execute("SELECT version, at, guardrail, why, figures FROM canary_end ORDER BY at DESC").fetchall()
