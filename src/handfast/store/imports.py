"""What imports write: reps, absences, accounts and people as other systems know them. Each is an upsert: a second run changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from handfast.facts import Absence, Rep
from handfast.store.learned import add_imported


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
           ON CONFLICT (rep_id, starts_at, source) DO UPDATE SET ends_at = excluded.ends_at, why = excluded.why
           WHERE (absence.ends_at, absence.why) IS DISTINCT FROM (excluded.ends_at, excluded.why)""",
        columns,
    ).rowcount


def put_accounts(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """(id, key, name, domain, owner, fields as JSON text, created_at). Known accounts: fields are merged, an owner given replaces."""
    if not rows:
        return 0
    columns = [list(c) for c in zip(*rows, strict=True)]
    changed = conn.execute(
        """
        INSERT INTO account (id, key, name, domain, owner_id, fields, created_at)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::timestamptz[])
        ON CONFLICT (key) DO UPDATE SET name = coalesce(nullif(excluded.name, ''), account.name), domain = coalesce(excluded.domain, account.domain),
            owner_id = coalesce(excluded.owner_id, account.owner_id), fields = account.fields || excluded.fields
        WHERE (account.name, account.domain, account.owner_id, account.fields)
            IS DISTINCT FROM (coalesce(nullif(excluded.name, ''), account.name), coalesce(excluded.domain, account.domain),
                              coalesce(excluded.owner_id, account.owner_id), account.fields || excluded.fields)
        RETURNING account.key
        """,
        columns,
    ).fetchall()
    if changed:
        add_imported(conn, [row[0] for row in changed], columns[6][0])
    return len(changed)


def rep_ids(conn: psycopg.Connection) -> set[str]:
    return {row[0] for row in conn.execute("SELECT id FROM rep").fetchall()}


def rep_emails(conn: psycopg.Connection) -> dict[str, str]:
    """E-mail address → id of the rep who has it."""
    return dict(conn.execute("SELECT email, id FROM rep").fetchall())


# --- meetings -------------------------------------------------------------------------------------------------


def note_meetings(conn: psycopg.Connection, touch_ids: Sequence[str]) -> list[tuple[str, str, str | None, str | None, datetime]]:
    """Notes the first meeting set with each person these touches reached in a handoff, and that handoff's first.

    Returns (handoff, person, account, rep, at) of each that was new or earlier than what was known.
    """
    got = conn.execute(
        """UPDATE handoff_person AS p SET meeting_at = d.at
           FROM (SELECT DISTINCT ON (handoff_id, person_id) handoff_id, person_id, rep_id, occurred_at AS at FROM touch
                 WHERE id = ANY(%s) AND handoff_id IS NOT NULL ORDER BY handoff_id, person_id, occurred_at, id) AS d, handoff AS h
           WHERE p.handoff_id = d.handoff_id AND p.person_id = d.person_id AND h.id = p.handoff_id
                 AND (p.meeting_at IS NULL OR p.meeting_at > d.at)
           RETURNING p.handoff_id, p.person_id, h.account_id, d.rep_id, d.at""",
        (list(touch_ids),),
    ).fetchall()
    conn.execute(
        """UPDATE handoff AS h SET meeting_at = d.at, revision = revision + 1
           FROM (SELECT handoff_id, min(meeting_at) AS at FROM handoff_person WHERE handoff_id = ANY(%s) GROUP BY handoff_id) AS d
           WHERE h.id = d.handoff_id AND (h.meeting_at IS NULL OR h.meeting_at > d.at)""",
        (list({r[0] for r in got}),),
    )
    return sorted(got)


def known_opportunities(conn: psycopg.Connection, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are recorded."""
    return {row[0] for row in conn.execute("SELECT id FROM opportunity WHERE id = ANY(%s)", (list(ids),)).fetchall()}


def dispositions_of(conn: psycopg.Connection, handoff_id: str) -> set[str]:
    """The ids of the outcomes given to a handoff."""
    return {row[0] for row in conn.execute("SELECT id FROM disposition WHERE handoff_id = %s", (handoff_id,)).fetchall()}


# --- how far an import has come -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """An import as it stands: rows of the file dealt with, facts added, rows refused."""

    done: int = 0
    added: int = 0
    refused: int = 0
    finished_at: datetime | None = None


def run_of(conn: psycopg.Connection, run_id: str) -> Run | None:
    row = conn.execute("SELECT done_rows, added, refused, finished_at FROM import_run WHERE id = %s", (run_id,)).fetchone()
    return Run(*row) if row else None


def note_run(conn: psycopg.Connection, run_id: str, file: str, kind: str, run: Run) -> None:
    conn.execute(
        """INSERT INTO import_run (id, file, kind, done_rows, added, refused, finished_at) VALUES (%s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (id) DO UPDATE SET done_rows = excluded.done_rows, added = excluded.added, refused = excluded.refused,
               finished_at = excluded.finished_at""",
        (run_id, file, kind, run.done, run.added, run.refused, run.finished_at),
    )


# --- history --------------------------------------------------------------------------------------------------


def first_seen(conn: psycopg.Connection, keys: Sequence[str]) -> dict[str, datetime]:
    """Key → when the first signal that carries it as its strongest was received."""
    return dict(conn.execute("SELECT who, min(received_at) FROM signal WHERE who = ANY(%s) GROUP BY who", (list(keys),)).fetchall())


def last_received(conn: psycopg.Connection) -> datetime | None:
    """When the latest waiting signal was received."""
    row = conn.execute("SELECT max(received_at) FROM pending").fetchone()
    return row[0] if row else None


def waiting(conn: psycopg.Connection) -> int:
    """How many signals wait to be decided."""
    row = conn.execute("SELECT count(*) FROM pending").fetchone()
    return int(row[0]) if row else 0
