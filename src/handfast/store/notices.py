"""What notices need beside the outbox: who is who elsewhere, who opened a brief, the secret that seals links."""

from __future__ import annotations

from datetime import datetime

import psycopg

from handfast.store import work


def link_secret(conn: psycopg.Connection, fresh: str, at: datetime) -> str:
    """The installation's secret for sealing links; `fresh` becomes it where there is none yet."""
    if (kept := work.note(conn, "link_secret")) is not None:
        return str(kept[0])
    conn.execute("INSERT INTO note (key, value, at) VALUES ('link_secret', to_jsonb(%s::text), %s) ON CONFLICT DO NOTHING", (fresh, at))
    kept = work.note(conn, "link_secret")
    assert kept is not None
    return str(kept[0])


def kept_secret(conn: psycopg.Connection) -> str | None:
    """The secret, where one was ever made."""
    kept = work.note(conn, "link_secret")
    return str(kept[0]) if kept is not None else None


# --- who is who elsewhere -----------------------------------------------------------------------------------------


def rep_at(conn: psycopg.Connection, channel: str, address: str) -> str | None:
    """The active rep known by this address on a channel."""
    row = conn.execute(
        "SELECT a.rep_id FROM rep_address AS a JOIN rep AS r ON r.id = a.rep_id WHERE a.channel = %s AND a.address = %s AND r.active",
        (channel, address),
    ).fetchone()
    return row[0] if row else None


def put_address(conn: psycopg.Connection, channel: str, address: str, rep_id: str, at: datetime) -> None:
    conn.execute(
        """INSERT INTO rep_address (channel, address, rep_id, at) VALUES (%s, %s, %s, %s)
           ON CONFLICT (channel, address) DO UPDATE SET rep_id = excluded.rep_id, at = excluded.at""",
        (channel, address, rep_id, at),
    )


def rep_by_email(conn: psycopg.Connection, email: str) -> str | None:
    row = conn.execute("SELECT id FROM rep WHERE lower(email) = lower(%s) AND active", (email,)).fetchone()
    return row[0] if row else None


# --- briefs opened ------------------------------------------------------------------------------------------------


def note_opened(conn: psycopg.Connection, handoff_id: str, rep_id: str, at: datetime, via: str) -> bool:
    """The owner sees the brief for the first time: a row and its event. False where they saw it before, or it is not theirs."""
    return bool(
        conn.execute(
            """WITH o AS (INSERT INTO brief_opened (handoff_id, rep_id, at, via)
                          SELECT h.id, %(rep)s, %(at)s, %(via)s FROM handoff AS h WHERE h.id = %(id)s AND h.owner_id = %(rep)s
                          ON CONFLICT DO NOTHING RETURNING *)
               INSERT INTO event (name, at, handoff_id, person_id, account_id, rep_id, data)
               SELECT 'brief_opened', o.at, h.id, h.person_id, h.account_id, o.rep_id,
                      jsonb_build_object('via', o.via, 'before_touch', h.touched_at IS NULL OR o.at <= h.touched_at)
               FROM o JOIN handoff AS h ON h.id = o.handoff_id""",
            {"id": handoff_id, "rep": rep_id, "at": at, "via": via},
        ).rowcount
    )


def unseen(conn: psycopg.Connection, handoff_id: str, rep_id: str) -> bool:
    """Whether this rep owns it and has not seen its brief yet."""
    row = conn.execute(
        """SELECT EXISTS (SELECT FROM handoff WHERE id = %s AND owner_id = %s)
                  AND NOT EXISTS (SELECT FROM brief_opened WHERE handoff_id = %s AND rep_id = %s)""",
        (handoff_id, rep_id, handoff_id, rep_id),
    ).fetchone()
    return bool(row and row[0])
