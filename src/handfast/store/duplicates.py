"""People whom Sales gave back as known twice, until somebody says of whom; each a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from handfast.identity.keys import email_key
from handfast.store.identity import REVIEW, Review

#: No list is longer than this.
MOST: int = 100


@dataclass(frozen=True, slots=True)
class Twice:
    """What a rep said of a person: `named` is whom they are the same as, if the rep knew, as typed. `at` is UTC."""

    id: str
    handoff: str
    person: str
    by: str
    reason: str
    note: str
    named: str | None
    at: datetime


_SAID = """SELECT w.id, w.handoff_id, w.person_id, coalesce(r.name, d.by), coalesce(w.reason, ''), d.note, nullif(d.answers ->> 'duplicate_of', ''), w.at
           FROM way_back AS w JOIN disposition AS d ON d.id = w.id JOIN person AS p ON p.id = w.person_id LEFT JOIN rep AS r ON r.id = d.by
           WHERE w.leads_to = 'merge' AND w.settled_at IS NULL AND p.merged_into IS NULL"""


def said(conn: psycopg.Connection, way_back_id: str) -> Twice | None:
    """What was said, locked; None where it is settled, or was taken back."""
    row = conn.execute(f"{_SAID} AND w.id = %s FOR UPDATE OF w", (way_back_id,)).fetchone()
    return Twice(*row) if row else None


def unsettled(conn: psycopg.Connection, most: int = MOST) -> list[Twice]:
    """What was asked on the page Review and nobody has settled, the oldest first."""
    return [Twice(*row) for row in conn.execute(f"{_SAID} AND w.asked_at IS NOT NULL ORDER BY w.at, w.id LIMIT %s", (most,)).fetchall()]


def asked(conn: psycopg.Connection, way_back_id: str, at: datetime) -> None:
    conn.execute("UPDATE way_back SET asked_at = %s WHERE id = %s", (at, way_back_id))


def settle(conn: psycopg.Connection, people: Sequence[str], by: str, at: datetime) -> None:
    """Nothing is open any more of what was said of these people."""
    conn.execute(
        """UPDATE way_back SET settled_at = %s, settled_by = %s
           WHERE person_id = ANY(%b) AND leads_to = 'merge' AND asked_at IS NOT NULL AND settled_at IS NULL""",
        (at, by, list(people)),
    )


def questions(conn: psycopg.Connection, people: Sequence[str]) -> list[Review]:
    """What is asked, or was answered, of these people and others, the likeliest first."""
    got = conn.execute(
        f"""SELECT {REVIEW} FROM match_review WHERE kind = 'person' AND state <> 'gone' AND (person_id = ANY(%b) OR other_id = ANY(%b))
            ORDER BY probability DESC, id""",
        (list(people), list(people)),
    ).fetchall()
    return [Review(*row) for row in got]


def called(conn: psycopg.Connection, text: str) -> str | None:
    """The person known by an address, a user id or an id, whoever they were folded into; None: nobody is."""
    word = text.strip()
    if not word or "\0" in word:
        return None
    row = conn.execute(
        """WITH RECURSIVE one AS (
               SELECT id, merged_into FROM person
               WHERE id = coalesce((SELECT person_id FROM identity WHERE who IN (%s, 'user:' || %s) ORDER BY who LIMIT 1), %s) AND erased_at IS NULL
               UNION SELECT p.id, p.merged_into FROM person AS p JOIN one ON p.id = one.merged_into)
           SELECT id FROM one WHERE merged_into IS NULL""",
        (email_key(word.lower()), word, word),
    ).fetchone()
    return str(row[0]) if row else None


__all__ = ["MOST", "Twice", "asked", "called", "questions", "said", "settle", "unsettled"]
