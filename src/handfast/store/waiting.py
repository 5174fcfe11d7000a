"""What nobody owns: read oldest first under a lock, with everything a decision asks for; and proof that nothing open is without either owner
or exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from handfast.facts import Account

#: Where a walk through everything held has come to: opened_at and id of the last one looked at.
Cursor = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """A handoff as a new decision about it needs it. `excluded`: reps it was taken from because it was not theirs."""

    handoff: str
    person: str
    account: Account | None
    fields: dict[str, Any]
    next_step: str
    fit: int
    intent: int
    source: str
    excluded: frozenset[str]


def any_held(conn: psycopg.Connection) -> bool:
    """Whether anything stands in the exception queue: one probe of an index."""
    row = conn.execute("SELECT EXISTS (SELECT FROM handoff WHERE closed_at IS NULL AND owner_id IS NULL AND NOT for_person)").fetchone()
    return bool(row and row[0])


def held(conn: psycopg.Connection, limit: int, until: datetime, after: Cursor | None = None) -> list[Cursor]:
    """Locks and names open handoffs without an owner, opened until then, the oldest first. Those somebody else holds are passed over."""
    return conn.execute(
        """SELECT opened_at, id FROM handoff WHERE closed_at IS NULL AND owner_id IS NULL AND NOT for_person AND opened_at <= %s
                  AND (%s::timestamptz IS NULL OR (opened_at, id) > (%s, %s)) ORDER BY opened_at, id LIMIT %s FOR UPDATE SKIP LOCKED""",
        (until, *([after[0], after[0], after[1]] if after else [None, None, None]), limit),
    ).fetchall()


def count_held(conn: psycopg.Connection, until: datetime) -> int:
    row = conn.execute(
        "SELECT count(*) FROM handoff WHERE closed_at IS NULL AND owner_id IS NULL AND NOT for_person AND opened_at <= %s", (until,)
    ).fetchone()
    return int(row[0]) if row else 0


def leave_to_person(conn: psycopg.Connection, handoffs: Sequence[str]) -> None:
    """These are not given out by themselves: a person decides. Whoever gets one, it is an ordinary handoff from then on."""
    conn.execute("UPDATE handoff SET for_person = true WHERE id = ANY(%b)", (list(handoffs),))


def subjects(conn: psycopg.Connection, handoffs: Sequence[str]) -> dict[str, Subject]:
    """handoff id → what a decision about it asks for, as known now."""
    rows = conn.execute(
        """
        SELECT h.id, h.person_id, p.fields, a.id, a.key, a.name, a.domain, a.owner_id, a.fields, h.next_step, v.fit, v.intent, h.source, l.excluded
        FROM handoff AS h JOIN person AS p ON p.id = h.person_id JOIN verdict AS v ON v.id = h.verdict_id
        LEFT JOIN account AS a ON a.id = h.account_id
        LEFT JOIN LATERAL (SELECT array_agg(DISTINCT e.rep) AS excluded FROM assignment AS s,
                                  LATERAL jsonb_array_elements_text(s.working -> 0 -> 'exclude') AS e (rep)
                           WHERE s.handoff_id = h.id AND s.owner_id IS NULL AND jsonb_typeof(s.working -> 0 -> 'exclude') = 'array') AS l ON true
        WHERE h.id = ANY(%b)
        """,
        (list(handoffs),),
    ).fetchall()
    found = {}
    for handoff, person, own, account, key, name, domain, owner, fields, *rest in rows:
        company = Account(account, key, name, domain, owner, fields) if account else None
        next_step, fit, intent, source, excluded = rest
        merged = {**(fields or {}), **own}
        found[handoff] = Subject(handoff, person, company, merged, next_step, fit, intent, source, frozenset(excluded or ()))
    return found


def last_owners(conn: psycopg.Connection, people: Sequence[str], motion: str, but: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """person → the rep who owned their last handoff, and until when. `but`: handoffs that do not count."""
    rows = conn.execute(
        """SELECT a.person, last.owner_id, coalesce(last.closed_at, last.opened_at)
           FROM (SELECT DISTINCT unnest(%b::text[]) AS person) AS a
           CROSS JOIN LATERAL (
               SELECT h.owner_id, h.opened_at, h.closed_at
               FROM handoff_person AS p, LATERAL (SELECT * FROM handoff WHERE id = p.handoff_id OFFSET 0) AS h
               WHERE p.person_id = a.person AND p.handoff_id <> ALL(%b) AND h.motion = %s AND h.owner_id IS NOT NULL
               ORDER BY h.opened_at DESC LIMIT 1) AS last""",
        (list(people), list(but), motion),
    ).fetchall()
    return {person: (owner, until) for person, owner, until in rows}


def unowned(conn: psycopg.Connection, limit: int = 100) -> list[tuple[str, str]]:
    """Open handoffs that have neither an owner nor a running exception clock: (id, what is missing). There should be none."""
    return conn.execute(
        """SELECT h.id, CASE WHEN h.owner_id IS NOT NULL THEN 'its owner no longer takes handoffs' ELSE 'no exception clock runs' END
           FROM handoff AS h LEFT JOIN rep AS r ON r.id = h.owner_id
           WHERE h.closed_at IS NULL AND (
               (h.owner_id IS NULL AND NOT EXISTS (SELECT FROM clock AS c WHERE c.handoff_id = h.id AND c.kind = 'exception' AND c.stopped_at IS NULL))
               OR (h.owner_id IS NOT NULL AND NOT r.active))
           ORDER BY h.opened_at LIMIT %s""",
        (limit,),
    ).fetchall()


# --- the page ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A handoff in the exception queue, with why it stands there and its clock. `for_person`: it is never given out by itself."""

    handoff: str
    person: str
    company: str
    next_step: str
    opened_at: datetime
    since: datetime
    because: str
    working: list[dict[str, Any]]
    started_at: datetime | None
    due_at: datetime | None
    for_person: bool


def standing(conn: psycopg.Connection, limit: int = 200) -> list[Standing]:
    """The exception queue, the oldest first: the order in which it is given out."""
    rows = conn.execute(
        """SELECT h.id, coalesce(nullif(p.name, ''), p.email, p.id), coalesce(nullif(a.name, ''), a.domain, ''), h.next_step, h.opened_at, l.at, l.working,
                  c.started_at, c.due_at, h.for_person
           FROM handoff AS h JOIN person AS p ON p.id = h.person_id LEFT JOIN account AS a ON a.id = h.account_id
           JOIN LATERAL (SELECT at, working FROM assignment WHERE handoff_id = h.id ORDER BY leg DESC LIMIT 1) AS l ON true
           LEFT JOIN LATERAL (SELECT started_at, due_at FROM clock WHERE handoff_id = h.id AND kind = 'exception' AND stopped_at IS NULL
                              ORDER BY started_at DESC LIMIT 1) AS c ON true
           WHERE h.closed_at IS NULL AND h.owner_id IS NULL ORDER BY h.opened_at, h.id LIMIT %s""",
        (limit,),
    ).fetchall()
    return [Standing(*(*r[:6], str(r[6][-1].get("because", "")) if r[6] else "", r[6], *r[7:])) for r in rows]
