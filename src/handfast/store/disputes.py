"""Disputes: opened, answered, late; and the labels their answers are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute as stored, with what a page shows of its handoff. `rule`, `owner`: of the assignment it is about."""

    id: str
    handoff: str
    about: str
    leg: int
    side: str
    by: str
    reason: str
    opened_at: datetime
    due_at: datetime
    late_at: datetime | None
    state: str
    decided_by: str | None
    decided_at: datetime | None
    finding: str
    person: str
    company: str
    rule: str
    owner: str | None
    owner_id: str | None


_DISPUTE = """
    SELECT d.id, d.handoff_id, d.about, d.leg, d.side, d.by, d.reason, d.opened_at, d.due_at, d.late_at, d.state, d.decided_by, d.decided_at, d.finding,
           coalesce(nullif(p.name, ''), p.email, p.id), coalesce(nullif(a.name, ''), a.domain, ''), s.rule, r.name, s.owner_id
    FROM dispute AS d JOIN handoff AS h ON h.id = d.handoff_id JOIN person AS p ON p.id = h.person_id LEFT JOIN account AS a ON a.id = h.account_id
    JOIN assignment AS s ON s.handoff_id = d.handoff_id AND s.leg = d.leg LEFT JOIN rep AS r ON r.id = s.owner_id
"""


def add(conn: psycopg.Connection, row: tuple[Any, ...]) -> bool:
    """(id, handoff, about, leg, side, by, reason, opened_at, due_at). False where one about the same is open."""
    return bool(
        conn.execute(
            """INSERT INTO dispute (id, handoff_id, about, leg, side, by, reason, opened_at, due_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT DO NOTHING""",
            row,
        ).rowcount
    )


def get(conn: psycopg.Connection, dispute: str) -> Dispute | None:
    row = conn.execute(f"{_DISPUTE} WHERE d.id = %s", (dispute,)).fetchone()
    return Dispute(*row) if row else None


def of_handoff(conn: psycopg.Connection, handoff: str) -> list[Dispute]:
    """The latest first."""
    return [
        Dispute(*row) for row in conn.execute(f"{_DISPUTE} WHERE d.handoff_id = %s ORDER BY d.opened_at DESC, d.id", (handoff,)).fetchall()
    ]


def waiting(conn: psycopg.Connection, limit: int = 200) -> list[Dispute]:
    """Those without an answer, the most urgent first."""
    return [
        Dispute(*row) for row in conn.execute(f"{_DISPUTE} WHERE d.state = 'open' ORDER BY d.due_at, d.id LIMIT %s", (limit,)).fetchall()
    ]


def answered(conn: psycopg.Connection, limit: int = 100) -> list[Dispute]:
    """Those with an answer, the latest first: each is a label for whether the decision it is about was right."""
    query = f"{_DISPUTE} WHERE d.state IN ('upheld', 'rejected') ORDER BY d.decided_at DESC, d.id LIMIT %s"
    return [Dispute(*row) for row in conn.execute(query, (limit,)).fetchall()]


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision a dispute is about, as far as it can be told again: the verdict, what is known of the person and the company, the rungs
    tried, and who has had it since.

    `signals`: (kind, when, properties) of those the verdict was made from, the oldest first. `then`: owner and rule of the latest later leg.
    """

    contract: str
    at: datetime
    next_step: str
    group: bool
    fields: dict[str, Any]
    working: list[dict[str, Any]]
    rule: str
    pool: str | None
    owner: str | None
    then: tuple[str, str] | None
    signals: list[tuple[str, datetime, dict[str, Any]]]


def decided(conn: psycopg.Connection, dispute: str) -> Decided | None:
    """What was decided where this dispute says it was decided wrongly."""
    row = conn.execute(
        """SELECT h.contract_id, v.at, h.next_step, v.working -> 'group' IS NOT NULL, coalesce(a.fields, '{}') || p.fields, s.working, s.rule, s.pool, s.owner_id,
                  (SELECT ARRAY[n.owner_id, n.rule] FROM assignment AS n WHERE n.handoff_id = h.id AND n.leg > d.leg AND n.owner_id IS NOT NULL
                   ORDER BY n.leg DESC LIMIT 1), v.inputs
           FROM dispute AS d JOIN handoff AS h ON h.id = d.handoff_id JOIN verdict AS v ON v.id = h.verdict_id JOIN person AS p ON p.id = h.person_id
           LEFT JOIN account AS a ON a.id = h.account_id JOIN assignment AS s ON s.handoff_id = d.handoff_id AND s.leg = d.leg
           WHERE d.id = %s AND p.erased_at IS NULL""",
        (dispute,),
    ).fetchone()
    if row is None:
        return None
    signals = conn.execute(
        "SELECT kind, occurred_at, properties FROM signal WHERE id = ANY(%b) ORDER BY occurred_at, seq", (row[10],)
    ).fetchall()
    contract, at, step, group, fields, working, rule, pool, owner, then, _ = row
    return Decided(contract, at, step, group, fields, working, rule, pool, owner, tuple(then) if then else None, signals)


def count_waiting(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM dispute WHERE state = 'open'").fetchone()
    return int(row[0]) if row else 0


def settle(conn: psycopg.Connection, dispute: str, state: str, by: str, finding: str, at: datetime) -> bool:
    """False where it has an answer already."""
    done = conn.execute(
        "UPDATE dispute SET state = %s, decided_by = %s, finding = %s, decided_at = %s WHERE id = %s AND state = 'open'",
        (state, by, finding, at, dispute),
    )
    return bool(done.rowcount)


def note_late(conn: psycopg.Connection, at: datetime) -> list[tuple[str, str]]:
    """(dispute, handoff) of those whose answer fell due and that nobody has noticed yet; each is told once."""
    return conn.execute(
        "UPDATE dispute SET late_at = %s WHERE state = 'open' AND late_at IS NULL AND due_at <= %s RETURNING id, handoff_id", (at, at)
    ).fetchall()
