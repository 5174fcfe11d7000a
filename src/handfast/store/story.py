"""Everything recorded about one person, account or handoff, for whoever asks why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from handfast.identity.keys import email_key

Row = dict[str, Any]


def _all(conn: psycopg.Connection, query: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _one(conn: psycopg.Connection, query: str, values: Sequence[Any]) -> Row | None:
    found = _all(conn, query, values)
    return found[0] if found else None


def person(conn: psycopg.Connection, key: str) -> Row | None:
    """By id, or by anything they are known by: an e-mail address, a user id."""
    return _one(
        conn,
        """SELECT p.id, p.email, p.name, p.account_id, p.fields, p.created_at, p.merged_into, a.name AS account, a.domain
           FROM person AS p LEFT JOIN account AS a ON a.id = p.account_id
           WHERE p.id = coalesce((SELECT person_id FROM identity WHERE who IN (%s, 'user:' || %s) LIMIT 1), %s)""",
        (email_key(key.lower()), key, key),
    )


def account(conn: psycopg.Connection, key: str) -> Row | None:
    """By id or by domain."""
    return _one(
        conn,
        """SELECT a.*, r.name AS owner FROM account AS a LEFT JOIN rep AS r ON r.id = a.owner_id WHERE a.id = %s OR a.key = lower(%s)""",
        (key, key),
    )


def handoff(conn: psycopg.Connection, handoff_id: str) -> Row | None:
    return _one(
        conn,
        """SELECT h.*, r.name AS owner, coalesce(nullif(p.name, ''), p.email, p.id) AS person, coalesce(nullif(a.name, ''), a.domain) AS account,
                  c.version AS contract_version
           FROM handoff AS h JOIN person AS p ON p.id = h.person_id JOIN contract AS c ON c.id = h.contract_id
           LEFT JOIN account AS a ON a.id = h.account_id LEFT JOIN rep AS r ON r.id = h.owner_id WHERE h.id = %s""",
        (handoff_id,),
    )


def standing(conn: psycopg.Connection, person_id: str) -> Row | None:
    return _one(conn, "SELECT * FROM standing WHERE person_id = %s", (person_id,))


def matches(conn: psycopg.Connection, person_id: str) -> list[Row]:
    """Every decision on the person's account, the latest first."""
    return _all(
        conn,
        """SELECT m.at, m.state, m.account_id, coalesce(nullif(a.name, ''), a.domain) AS account, m.code, m.probability, m.tie_break, m.working, m.by
           FROM match_decision AS m LEFT JOIN account AS a ON a.id = m.account_id WHERE m.person_id = %s ORDER BY m.at DESC, m.id DESC""",
        (person_id,),
    )


def keys(conn: psycopg.Connection, person_id: str) -> list[Row]:
    return _all(conn, "SELECT who, since FROM identity WHERE person_id = %s ORDER BY since, who", (person_id,))


def verdicts(conn: psycopg.Connection, person_id: str) -> list[Row]:
    return _all(conn, "SELECT * FROM verdict WHERE person_id = %s ORDER BY at, recorded_at", (person_id,))


def verdict(conn: psycopg.Connection, verdict_id: str) -> Row | None:
    return _one(conn, "SELECT * FROM verdict WHERE id = %s", (verdict_id,))


def handoffs_of_person(conn: psycopg.Connection, person_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT h.id, h.opened_at, h.closed_at, h.outcome, h.reason, h.next_step, r.name AS owner, p.joined_at
           FROM handoff_person AS p JOIN handoff AS h ON h.id = p.handoff_id LEFT JOIN rep AS r ON r.id = h.owner_id
           WHERE p.person_id = %s ORDER BY h.opened_at""",
        (person_id,),
    )


def handoffs_of_account(conn: psycopg.Connection, account_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT h.id, h.opened_at, h.closed_at, h.outcome, h.reason, h.next_step, r.name AS owner
           FROM handoff AS h LEFT JOIN rep AS r ON r.id = h.owner_id WHERE h.account_id = %s ORDER BY h.opened_at""",
        (account_id,),
    )


def people_of_account(conn: psycopg.Connection, account_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT p.id, p.name, p.email, s.outcome, s.fit, s.intent, s.next_step, s.at FROM person AS p LEFT JOIN standing AS s ON s.person_id = p.id
           WHERE p.account_id = %s AND p.merged_into IS NULL ORDER BY p.created_at LIMIT 100""",
        (account_id,),
    )


def people_of_handoff(conn: psycopg.Connection, handoff_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT m.person_id AS id, coalesce(nullif(p.name, ''), p.email, p.id) AS name, m.verdict_id, m.raised_at, m.joined_at, m.touched_at, m.contacted_at
           FROM handoff_person AS m JOIN person AS p ON p.id = m.person_id WHERE m.handoff_id = %s ORDER BY m.joined_at""",
        (handoff_id,),
    )


def legs(conn: psycopg.Connection, handoff_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT a.leg, a.rule, a.pool, a.counts, a.working, a.at, a.owner_id, r.name AS owner, r.time_zone
           FROM assignment AS a LEFT JOIN rep AS r ON r.id = a.owner_id WHERE a.handoff_id = %s ORDER BY a.leg""",
        (handoff_id,),
    )


def clocks(conn: psycopg.Connection, handoff_id: str) -> list[Row]:
    return _all(conn, "SELECT * FROM clock WHERE handoff_id = %s ORDER BY started_at, kind", (handoff_id,))


def timers(conn: psycopg.Connection, handoff_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT t.clock_id, t.step, t.action, t.target, t.due_at, t.state, t.settled_at FROM clock AS c JOIN timer AS t ON t.clock_id = c.id
           WHERE c.handoff_id = %s ORDER BY t.due_at, t.step""",
        (handoff_id,),
    )


def events(conn: psycopg.Connection, handoff_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT e.seq, e.name, e.at, e.data, r.name AS rep, coalesce(nullif(p.name, ''), p.email) AS person
           FROM event AS e LEFT JOIN rep AS r ON r.id = e.rep_id LEFT JOIN person AS p ON p.id = e.person_id
           WHERE e.handoff_id = %s ORDER BY e.at, e.seq""",
        (handoff_id,),
    )


def messages(conn: psycopg.Connection, handoff_id: str) -> list[Row]:
    return _all(
        conn,
        """SELECT id, kind, channel, recipient, created_at, state, attempt, settled_at, why FROM outbox WHERE handoff_id = %s ORDER BY seq""",
        (handoff_id,),
    )


def brief(conn: psycopg.Connection, handoff_id: str) -> Any:
    found = _one(conn, "SELECT body FROM brief WHERE handoff_id = %s", (handoff_id,))
    return found["body"] if found else None
