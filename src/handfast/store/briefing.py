"""What a brief is composed from beside signals and fields: open opportunities, and how earlier handoffs ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

#: So many of each are told in a brief.
MOST = 3


def opportunities(conn: psycopg.Connection, people: Sequence[str], accounts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Open opportunities by the person or account they belong to, the latest first: `id`, `stage`, `amount`, `opened_at`, `owner`."""
    if not people and not accounts:
        return {}
    got = conn.execute(
        """SELECT o.person_id, o.account_id, o.id, o.stage, o.amount, o.opened_at, r.name FROM opportunity AS o
           LEFT JOIN rep AS r ON r.id = o.owner_id
           WHERE o.closed_at IS NULL AND (o.person_id = ANY(%b) OR o.account_id = ANY(%b)) ORDER BY o.opened_at DESC, o.id""",
        (list(people), list(accounts)),
    ).fetchall()
    found: dict[str, list[dict[str, Any]]] = {}
    for person, account, *about in got:
        one = dict(zip(("id", "stage", "amount", "opened_at", "owner"), about, strict=True))
        for of in {person, account} - {None}:
            if len(found.setdefault(of, [])) < MOST:
                found[of].append(one)
    return found


def past(conn: psycopg.Connection, parties: Sequence[str], motion: str) -> dict[str, list[dict[str, Any]]]:
    """party → how its latest handoffs ended, the latest first: `handoff`, `outcome`, `reason`, `note`, `at`, `by`."""
    if not parties:
        return {}
    got = conn.execute(
        """SELECT h.party, h.id, h.outcome, h.reason, d.note, h.closed_at, r.name
           FROM unnest(%b::text[]) AS p (party) CROSS JOIN LATERAL (
                SELECT * FROM handoff AS h WHERE h.party = p.party AND h.motion = %s AND h.closed_at IS NOT NULL ORDER BY h.closed_at DESC LIMIT %s
           ) AS h
           LEFT JOIN LATERAL (SELECT x.note, x.by FROM disposition AS x WHERE x.handoff_id = h.id ORDER BY x.recorded_at DESC LIMIT 1) AS d ON true
           LEFT JOIN rep AS r ON r.id = d.by ORDER BY h.closed_at DESC""",
        (list(parties), motion, MOST),
    ).fetchall()
    found: dict[str, list[dict[str, Any]]] = {}
    for party, *about in got:
        found.setdefault(party, []).append(dict(zip(("handoff", "outcome", "reason", "note", "at", "by"), about, strict=True)))
    return found
