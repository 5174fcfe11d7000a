"""What became of one person, for comparing the doors they may come through."""

from __future__ import annotations

from typing import Any

import psycopg

from handfast.identity.keys import email_key


def waiting(conn: psycopg.Connection) -> int:
    """How many signals wait for their decision."""
    row = conn.execute("SELECT count(*) FROM (SELECT FROM pending LIMIT 10000) AS p").fetchone()
    return int(row[0]) if row else 0


def outcome(conn: psycopg.Connection, email: str) -> dict[str, Any]:
    """Verdict, score, next step, account and owner of whoever has this address; empty where nobody has, or nobody judged them."""
    row = conn.execute(
        """SELECT s.outcome, s.fit, s.intent, s.next_step, a.key, h.sla, l.owner_id, l.rule, l.pool
           FROM identity AS i JOIN standing AS s ON s.person_id = i.person_id JOIN person AS p ON p.id = i.person_id
           LEFT JOIN account AS a ON a.id = p.account_id
           LEFT JOIN handoff_person AS hp ON hp.person_id = p.id LEFT JOIN handoff AS h ON h.id = hp.handoff_id
           LEFT JOIN assignment AS l ON l.handoff_id = h.id AND l.leg = 0
           WHERE i.who = %s""",
        (email_key(email),),
    ).fetchone()
    names = ("verdict", "fit", "intent", "next_step", "account", "sla", "owner", "rule", "pool")
    return dict(zip(names, row, strict=True)) if row else {}
