"""What imports write: reps, absences, accounts and people as other systems know them. Each is an upsert: a second run changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from handfast.facts import Absence, Rep


def put_reps(conn: psycopg.Connection, reps: Sequence[Rep]) -> int:
    """Adds reps and brings known ones up to date. Returns how many rows were added or changed."""
    columns = [list(c) for c in zip(*[(r.id, r.name, r.email, r.team, r.manager, r.time_zone, r.active) for r in reps], strict=True)]
    return conn.execute(
        """
        INSERT INTO rep (id, name, email, team, manager_id, time_zone, active)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[])
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, team = excluded.team, manager_id = excluded.manager_id,
            time_zone = excluded.time_zone, active = excluded.active
        WHERE (rep.name, rep.email, rep.team, rep.manager_id, rep.time_zone, rep.active)
            IS DISTINCT FROM (excluded.name, excluded.email, excluded.team, excluded.manager_id, excluded.time_zone, excluded.active)
        """,
        columns,
    ).rowcount


def put_absences(conn: psycopg.Connection, absences: Sequence[Absence]) -> int:
    if not absences:
        return 0
    columns = [list(c) for c in zip(*[(a.rep, a.starts_at, a.ends_at, a.why) for a in absences], strict=True)]
    return conn.execute(
        """INSERT INTO absence (rep_id, starts_at, ends_at, why) SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
           ON CONFLICT (rep_id, starts_at) DO UPDATE SET ends_at = excluded.ends_at, why = excluded.why""",
        columns,
    ).rowcount


def put_accounts(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """(id, key, name, domain, owner, fields as JSON text, created_at). Known accounts: fields are merged, an owner given replaces."""
    if not rows:
        return 0
    columns = [list(c) for c in zip(*rows, strict=True)]
    return conn.execute(
        """
        INSERT INTO account (id, key, name, domain, owner_id, fields, created_at)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::timestamptz[])
        ON CONFLICT (key) DO UPDATE SET name = coalesce(nullif(excluded.name, ''), account.name), domain = coalesce(excluded.domain, account.domain),
            owner_id = coalesce(excluded.owner_id, account.owner_id), fields = account.fields || excluded.fields
        WHERE (account.name, account.domain, account.owner_id, account.fields)
            IS DISTINCT FROM (coalesce(nullif(excluded.name, ''), account.name), coalesce(excluded.domain, account.domain),
                              coalesce(excluded.owner_id, account.owner_id), account.fields || excluded.fields)
        """,
        columns,
    ).rowcount


def rep_ids(conn: psycopg.Connection) -> set[str]:
    return {row[0] for row in conn.execute("SELECT id FROM rep").fetchall()}
