"""Verdicts given by hand. Every writer takes the connection of a transaction opened by the desk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

_COLUMNS = "id, person_id, account_id, verdict, reason, by, since, until, lifted_at"


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """One override as stored. Times in UTC; it holds from `since` up to `ends_at`."""

    id: str
    person_id: str | None
    account_id: str | None
    verdict: str
    reason: str
    by: str
    since: datetime
    until: datetime
    lifted_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        return self.until if self.lifted_at is None else min(self.until, max(self.lifted_at, self.since))


def add(conn: psycopg.Connection, row: OverrideRow) -> None:
    """Records it; one recorded before is left as it is."""
    values = (row.id, row.person_id, row.account_id, row.verdict, row.reason, row.by, row.since, row.until, row.lifted_at)
    conn.execute(
        f"INSERT INTO readiness_override ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING", values
    )


def lift(conn: psycopg.Connection, override_id: str, at: datetime) -> OverrideRow | None:
    """Ends it at `at`; None where there is none that still runs."""
    found = conn.execute(
        f"UPDATE readiness_override SET lifted_at = %s WHERE id = %s AND lifted_at IS NULL AND until > %s RETURNING {_COLUMNS}",
        (at, override_id, at),
    ).fetchone()
    return OverrideRow(*found) if found else None


def running(conn: psycopg.Connection, at: datetime) -> list[OverrideRow]:
    """Those that hold at `at`, or will."""
    found = conn.execute(
        f"SELECT {_COLUMNS} FROM readiness_override WHERE until > %s AND (lifted_at IS NULL OR lifted_at > %s) ORDER BY since, id", (at, at)
    )
    return [OverrideRow(*row) for row in found.fetchall()]


def any_given(conn: psycopg.Connection) -> bool:
    """Whether there ever was one: one probe. Most installations have few or none, and every batch asks."""
    row = conn.execute("SELECT EXISTS (SELECT FROM readiness_override)").fetchone()
    return bool(row and row[0])


def about(
    conn: psycopg.Connection, people: Collection[str], accounts: Collection[str], apart: Collection[str] = ()
) -> list[tuple[str, OverrideRow]]:
    """All there ever were, each beside the one of these people and accounts whom it concerns: a verdict at an earlier moment asks for the one
    that held then.

    One of a person who is folded into another now concerns the one who was kept. `apart`: people who are taken for themselves, although
    they are folded into somebody.
    """
    found = conn.execute(
        f"""WITH RECURSIVE one (concerned, id) AS (
                SELECT d.id, d.id FROM unnest(%b::text[]) AS d (id)
                UNION SELECT one.concerned, p.id FROM one, LATERAL (SELECT id FROM person WHERE merged_into = one.id OFFSET 0) AS p
                WHERE p.id <> ALL(%b))
            SELECT one.concerned, o.* FROM one,
                   LATERAL (SELECT {_COLUMNS} FROM readiness_override WHERE person_id = one.id OFFSET 0) AS o
            UNION ALL SELECT account_id, {_COLUMNS} FROM readiness_override WHERE account_id = ANY(%b)""",
        (list(people), list(apart), list(accounts)),
    )
    return [(row[0], OverrideRow(*row[1:])) for row in found.fetchall()]


def kept(conn: psycopg.Connection, people: Sequence[str]) -> dict[str, str]:
    """person → who they are now: themselves, or the one they were folded into."""
    found = conn.execute(
        """WITH RECURSIVE one (asked, id, merged_into) AS (
               SELECT id, id, merged_into FROM person WHERE id = ANY(%s)
               UNION SELECT one.asked, p.id, p.merged_into FROM one JOIN person AS p ON p.id = one.merged_into)
           SELECT asked, id FROM one WHERE merged_into IS NULL""",
        (list(people),),
    )
    return dict(found.fetchall())
