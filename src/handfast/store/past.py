"""What a replay reads of the past of owners, of accounts above others, and of reps: the logs, in the order in which they were written."""

from __future__ import annotations

from typing import Any

import psycopg


def account_owners(conn: psycopg.Connection) -> dict[str, str]:
    """Account → the rep who owns it today."""
    return dict(conn.execute("SELECT id, owner_id FROM account WHERE owner_id IS NOT NULL").fetchall())


def owners_told(conn: psycopg.Connection, noun: str = "owner") -> list[tuple[Any, ...]]:
    """Of accounts (`owner`) or of opportunities (`deal`): (its id, owner before, owner from then on, at, number of the latest signal recorded before)."""
    return conn.execute("SELECT id, was, becomes, at, signal_seq FROM roster_log WHERE noun = %s ORDER BY seq", (noun,)).fetchall()


def reps_told(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """(noun, rep, data, at, number of the latest signal recorded before) of reps and their absences."""
    return conn.execute("SELECT noun, id, data, at, signal_seq FROM roster_log WHERE noun IN ('rep', 'absence') ORDER BY seq").fetchall()


#: Accounts that name one above them, or once did.
_BELOW = "SELECT id FROM learned WHERE noun = 'account' AND fields ->> 'parent' IS NOT NULL"


def companies(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """(id, key, name, key of the account above today) of every account that ever named one above it, or was named so."""
    return conn.execute(
        f"""SELECT id, key, coalesce(nullif(name, ''), key), fields ->> 'parent' FROM account
            WHERE fields ->> 'parent' IS NOT NULL OR id IN ({_BELOW}) OR key IN (SELECT fields ->> 'parent' FROM account)
               OR key IN (SELECT fields ->> 'parent' FROM learned WHERE noun = 'account')"""
    ).fetchall()


def parents_told(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """(key of the account, key of the one above it from then on, at, number of the latest signal before), where it became another.

    What an import told, every signal recorded later knows; what a signal taught, that signal does.
    """
    return conn.execute(
        f"""SELECT key, parent, at, after
            FROM (SELECT l.seq, a.key, l.fields ->> 'parent' AS parent, l.at,
                         CASE WHEN l.imported THEN l.signal_seq ELSE l.signal_seq - 1 END AS after,
                         lag(l.fields ->> 'parent') OVER told AS before, lag(l.seq) OVER told IS NULL AS first
                  FROM learned AS l JOIN account AS a ON a.id = l.id WHERE l.noun = 'account' AND l.id IN ({_BELOW})
                  WINDOW told AS (PARTITION BY l.id ORDER BY l.seq)) AS t
            WHERE first OR parent IS DISTINCT FROM before ORDER BY seq"""
    ).fetchall()
