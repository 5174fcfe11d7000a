"""What the decision about buying groups reads: who belongs to an account, and by which keys they are known."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from handfast.facts import Person

#: So many people of one account are judged together, those who came first.
MOST_MEMBERS = 500


def members(conn: psycopg.Connection, accounts: Sequence[str]) -> list[Person]:
    """The people of these accounts."""
    found = conn.execute(
        """SELECT p.* FROM unnest(%b::text[]) AS a (id),
             LATERAL (SELECT id, email, name, account_id, fields FROM person WHERE account_id = a.id AND merged_into IS NULL
                      ORDER BY created_at, id LIMIT %b) AS p""",
        (list(accounts), MOST_MEMBERS),
    ).fetchall()
    return [Person(*row) for row in found]


def keys(conn: psycopg.Connection, people: Sequence[str]) -> dict[str, str]:
    """key → person id, for every key of these people."""
    return dict(conn.execute("SELECT who, person_id FROM identity WHERE person_id = ANY(%b)", (list(people),)).fetchall())
