"""What gives somebody a claim on a handoff beside the owner of its account: opportunities, and the accounts above. Read a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from handfast.store.frames import lines

#: Companies above companies above companies: beyond so many the record is wrong, and nobody asks further.
MOST_ABOVE = 20


def deals(conn: psycopg.Connection, account_ids: Sequence[str], person_ids: Sequence[str], at: datetime) -> list[tuple[Any, ...]]:
    """(id, account, person, owner, opened_at, closed_at, won) of the opportunities of these accounts and people that began until `at`.

    Those that are open, and the won ones; an end after `at` has not come yet. The latest first. `account` is that of the opportunity, else
    of its person.
    """
    return conn.execute(
        """SELECT o.id, coalesce(o.account_id, p.account_id), o.person_id, o.owner_id, o.opened_at, o.closed_at, o.won
           FROM (SELECT * FROM opportunity WHERE account_id = ANY(%(accounts)b)
                 UNION SELECT o.* FROM person AS p JOIN opportunity AS o ON o.person_id = p.id WHERE p.account_id = ANY(%(accounts)b)
                 UNION SELECT * FROM opportunity WHERE person_id = ANY(%(people)b)) AS o
                LEFT JOIN person AS p ON p.id = o.person_id
           WHERE o.opened_at <= %(at)s AND (o.closed_at IS NULL OR o.closed_at > %(at)s OR o.won)
           ORDER BY o.opened_at DESC, o.id""",
        {"accounts": list(account_ids), "people": list(person_ids), "at": at},
    ).fetchall()


def all_deals(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """As `deals`, of everybody, whenever they began: for a replay, which asks for each moment."""
    return conn.execute(
        """SELECT o.id, coalesce(o.account_id, p.account_id), o.person_id, o.owner_id, o.opened_at, o.closed_at, o.won
           FROM opportunity AS o LEFT JOIN person AS p ON p.id = o.person_id ORDER BY o.opened_at DESC, o.id"""
    ).fetchall()


def above(conn: psycopg.Connection, account_ids: Sequence[str]) -> list[tuple[str, str, str, str | None, bool]]:
    """(account, id, name, owner, circle) of the accounts above these, the nearest first. `circle`: this one was there already; it ends there.

    An account names the one above it by its key, in its field `parent`.
    """
    return conn.execute(
        """WITH RECURSIVE up AS (
               SELECT a.id AS start, a.id, a.name, a.key, a.owner_id, a.fields ->> 'parent' AS parent, 0 AS depth, ARRAY[a.key] AS path,
                      false AS circle
               FROM account AS a WHERE a.id = ANY(%b) AND a.fields ? 'parent'
               UNION ALL
               SELECT up.start, p.id, p.name, p.key, p.owner_id, p.fields ->> 'parent', up.depth + 1, up.path || p.key, p.key = ANY(up.path)
               FROM up JOIN account AS p ON p.key = up.parent WHERE NOT up.circle AND up.depth < %s
           )
           SELECT start, id, coalesce(nullif(name, ''), key), owner_id, circle FROM up WHERE depth > 0 ORDER BY start, depth""",
        (list(account_ids), MOST_ABOVE),
    ).fetchall()


def parents(conn: psycopg.Connection) -> dict[str, str]:
    """Account key → the key of the account above it, of all that name one."""
    return dict(conn.execute("SELECT key, fields ->> 'parent' FROM account WHERE fields ->> 'parent' IS NOT NULL").fetchall())


def parties(conn: psycopg.Connection, fields: Sequence[str]) -> pl.DataFrame:
    """Everybody a handoff could be about: `party` (account id, or person id of one without), `name`, and one a field: its JSON text.

    A row for each person; an account nobody of whom is known has one of its own.
    """
    columns: dict[str, tuple[str, pl.DataType]] = {
        "party": ("coalesce(a.id, p.id)", pl.String()),
        # A name may hold what ends a cell or a line.
        "name": ("translate(coalesce(nullif(a.name, ''), a.key, nullif(p.name, ''), p.email, p.id), E'\\t\\r\\n', '   ')", pl.String()),
        **{name: (f"coalesce(p.fields -> {quoted(name)}, a.fields -> {quoted(name)})::text", pl.String()) for name in fields},
    }
    source = """(SELECT * FROM person WHERE merged_into IS NULL) AS p FULL JOIN account AS a ON a.id = p.account_id"""
    return lines(conn, columns, source, ())


def quoted(name: str) -> str:
    return "'" + name.replace("'", "''").replace("%", "%%") + "'"
