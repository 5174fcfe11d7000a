"""A draft that decides beside the contract in force: what it reads of the live traffic, what it would have done, and both beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from handfast.facts import Signal

#: A shadow's handoff and a live one of the same party opened this near each other are one story.
NEAR = timedelta(days=1)
#: A shadow's handoff that has no live counterpart is taken to be over after this long.
ENDS_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A draft on trial without consequence. `seen_until`: signals received until then have been decided. Times are UTC."""

    id: str
    contract_id: str
    name: str
    source: str
    since: datetime
    seen_until: datetime
    asked_by: str
    stopped_at: datetime | None


_SHADOW = "SELECT id, contract_id, name, source, since, seen_until, asked_by, stopped_at FROM shadow"


def running(conn: psycopg.Connection, *, hold: bool = False) -> Shadow | None:
    """The one that is running; with `hold` locked, and None where another worker is at it."""
    row = conn.execute(f"{_SHADOW} WHERE stopped_at IS NULL {'FOR UPDATE SKIP LOCKED' if hold else ''}").fetchone()
    return Shadow(*row) if row else None


def latest(conn: psycopg.Connection) -> Shadow | None:
    """The one that is running, else the last that was."""
    row = conn.execute(f"{_SHADOW} ORDER BY stopped_at DESC NULLS FIRST, since DESC LIMIT 1").fetchone()
    return Shadow(*row) if row else None


def start(conn: psycopg.Connection, one: Shadow) -> bool:
    """Begins one, from the turns as they stand; False where one is running."""
    done = conn.execute(
        """INSERT INTO shadow (id, contract_id, name, source, since, seen_until, asked_by) VALUES (%s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT DO NOTHING""",
        (one.id, one.contract_id, one.name, one.source, one.since, one.seen_until, one.asked_by),
    )
    if not done.rowcount:
        return False
    conn.execute("INSERT INTO shadow_rotation SELECT %s, pool, rep_id, turns, level, last_at FROM rotation", (one.id,))
    return True


def stop(conn: psycopg.Connection, at: datetime) -> bool:
    return conn.execute("UPDATE shadow SET stopped_at = %s WHERE stopped_at IS NULL", (at,)).rowcount == 1


# --- what came ------------------------------------------------------------------------------------------------


def signals(conn: psycopg.Connection, kinds: Sequence[str], since: datetime, until: datetime, most: int) -> list[tuple[int, Signal]]:
    """(number, signal) of known people received in (since, until], of these kinds; the oldest `most`, and all received with the last."""
    rows = conn.execute(
        """SELECT s.seq, s.id, s.source, s.kind, s.occurred_at, s.received_at, s.email, s.user_id, s.anonymous_id, s.group_id, s.previous_id,
                  s.properties, s.person, s.account
           FROM signal AS s WHERE s.received_at > %s AND s.received_at <= %s AND s.kind = ANY(%b)
           ORDER BY s.received_at FETCH FIRST %s ROWS WITH TIES""",
        (since, until, list(kinds), most),
    ).fetchall()
    found = [(row[0], Signal(*row[1:12], row[12] or {}, row[13] or {})) for row in rows]  # type: ignore[call-arg]  # as selected
    return sorted(found, key=lambda one: (one[1].received_at, one[0]))


def undecided_since(conn: psycopg.Connection) -> datetime | None:
    """When the oldest signal that waits for its decision was received."""
    row = conn.execute("SELECT min(received_at) FROM pending").fetchone()
    return row[0] if row else None


# --- what it would have done ----------------------------------------------------------------------------------


def seen(conn: psycopg.Connection, shadow: str, until: datetime) -> None:
    conn.execute("UPDATE shadow SET seen_until = %s WHERE id = %s", (until, shadow))


def end_with_live(conn: psycopg.Connection, shadow: str, at: datetime) -> None:
    """A handoff of the shadow lives as long as the live one of the same party; without one, for a month."""
    conn.execute(
        """UPDATE shadow_handoff AS s SET ended_at = l.ended FROM (
               SELECT o.id, CASE WHEN h.id IS NULL THEN o.at + %(month)s ELSE h.closed_at END AS ended
               FROM shadow_handoff AS o LEFT JOIN LATERAL (
                   SELECT id, closed_at FROM handoff WHERE party = o.party AND opened_at BETWEEN o.at - %(near)s AND o.at + %(near)s
                   ORDER BY opened_at DESC LIMIT 1) AS h ON true
               WHERE o.shadow_id = %(shadow)s AND o.ended_at IS NULL) AS l
           WHERE s.id = l.id AND l.ended <= %(at)s""",
        {"shadow": shadow, "at": at, "near": NEAR, "month": ENDS_AFTER},
    )


def open_parties(conn: psycopg.Connection, shadow: str, parties: Sequence[str]) -> set[str]:
    """Those of the parties whose handoff the shadow has open."""
    query = "SELECT party FROM shadow_handoff WHERE shadow_id = %s AND party = ANY(%b) AND ended_at IS NULL"
    return {row[0] for row in conn.execute(query, (shadow, list(parties)))}


def ended(conn: psycopg.Connection, shadow: str, parties: Sequence[str]) -> dict[str, datetime]:
    """Party → when the last handoff the shadow had of it ended."""
    query = (
        "SELECT party, max(ended_at) FROM shadow_handoff WHERE shadow_id = %s AND party = ANY(%b) AND ended_at IS NOT NULL GROUP BY party"
    )
    return dict(conn.execute(query, (shadow, list(parties))).fetchall())


def open_counts(conn: psycopg.Connection, shadow: Shadow) -> dict[str, int]:
    """Rep → open handoffs: those that were open when it began and still are, and its own."""
    rows = conn.execute(
        """SELECT owner_id, count(*)::int FROM (
               SELECT owner_id FROM handoff WHERE closed_at IS NULL AND owner_id IS NOT NULL AND opened_at <= %s
               UNION ALL SELECT owner_id FROM shadow_handoff WHERE shadow_id = %s AND ended_at IS NULL AND owner_id IS NOT NULL) AS o
           GROUP BY owner_id""",
        (shadow.since, shadow.id),
    ).fetchall()
    return dict(rows)


def rotation(conn: psycopg.Connection, shadow: str) -> list[tuple[str, str, int, float, datetime | None]]:
    return conn.execute("SELECT pool, rep_id, turns, level, last_at FROM shadow_rotation WHERE shadow_id = %s", (shadow,)).fetchall()


def write_rotation(conn: psycopg.Connection, shadow: str, rows: Sequence[tuple[str, str, int, float, datetime | None]]) -> None:
    if not rows:
        return
    conn.execute(
        """INSERT INTO shadow_rotation (shadow_id, pool, rep_id, turns, level, last_at)
           SELECT %s, d.* FROM unnest(%b::text[], %b::text[], %b::int[], %b::float8[], %b::timestamptz[]) AS d
           ON CONFLICT (shadow_id, pool, rep_id) DO UPDATE SET turns = excluded.turns, level = excluded.level, last_at = excluded.last_at""",
        (shadow, *(list(column) for column in zip(*rows, strict=True))),
    )


def write_standings(conn: psycopg.Connection, shadow: str, rows: Sequence[tuple[str, datetime, str, str | None, str]]) -> None:
    """(person, at, outcome, next_step, sentence), one a person."""
    if not rows:
        return
    conn.execute(
        """INSERT INTO shadow_standing (shadow_id, person_id, at, outcome, next_step, sentence)
           SELECT %s, d.* FROM unnest(%b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::text[]) AS d
           ON CONFLICT (shadow_id, person_id) DO UPDATE SET at = excluded.at, outcome = excluded.outcome, next_step = excluded.next_step,
               sentence = excluded.sentence""",
        (shadow, *(list(column) for column in zip(*rows, strict=True))),
    )


def write_account_standings(conn: psycopg.Connection, shadow: str, rows: Sequence[tuple[str, datetime, str]]) -> None:
    """(account, at, sentence) of its buying group, one an account."""
    if not rows:
        return
    conn.execute(
        """INSERT INTO shadow_account (shadow_id, account_id, at, sentence)
           SELECT %s, d.* FROM unnest(%b::text[], %b::timestamptz[], %b::text[]) AS d
           ON CONFLICT (shadow_id, account_id) DO UPDATE SET at = excluded.at, sentence = excluded.sentence""",
        (shadow, *(list(column) for column in zip(*rows, strict=True))),
    )


def add_handoffs(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """(id, shadow, party, person, signal, at, next_step, by a group, owner, rule, pool, sla, working as JSON text)."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO shadow_handoff (id, shadow_id, party, person_id, signal_id, at, next_step, by_group, owner_id, rule, pool, sla, working)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (id) DO NOTHING""",
            rows,
        )


# --- both beside each other -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A party that the contract in force, the shadow, or both handed over. `said`: the shadow's verdict on whom it did not hand over.

    `group`: it was handed over as a whole, by its buying group; by the shadow, where both did.
    """

    party: str
    name: str
    at: datetime
    handoff: str | None
    live_owner: str | None
    live_rule: str | None
    shadow: str | None
    owner: str | None
    rule: str | None
    because: str | None
    said: str | None
    signal: UUID | None = None
    group: bool = False

    @property
    def without(self) -> str:
        """Why the shadow handed nobody over."""
        if self.said is None:
            return "It heard no signal of theirs."
        if self.said.startswith("Ready"):
            return f"It had them in work already, or saw no new step since they came back. {self.said}"
        return self.said

    @property
    def kind(self) -> str:
        """`same`, `other_owner`, `only_draft` or `only_live`."""
        if self.handoff is None:
            return "only_draft"
        if self.shadow is None:
            return "only_live"
        return "same" if self.owner == self.live_owner else "other_owner"


def pairs(conn: psycopg.Connection, shadow: Shadow, motion: str) -> list[Pair]:
    """Everything either handed over while the shadow ran and that both have seen, the latest first."""
    rows = conn.execute(
        """
        WITH live AS (
            SELECT h.id, h.party, h.person_id, h.opened_at, a.owner_id, a.rule, v.working -> 'group' IS NOT NULL AS by_group FROM handoff AS h
            JOIN assignment AS a ON a.handoff_id = h.id AND a.leg = 0 JOIN verdict AS v ON v.id = h.verdict_id
            WHERE h.motion = %(motion)s AND h.opened_at > %(since)s AND h.opened_at <= %(until)s
        ), mine AS (SELECT * FROM shadow_handoff WHERE shadow_id = %(shadow)s)
        SELECT coalesce(l.party, m.party), coalesce(nullif(c.name, ''), c.domain, nullif(p.name, ''), p.email, p.id), coalesce(l.opened_at, m.at),
               l.id, l.owner_id, l.rule, m.id, m.owner_id, m.rule, m.working -> -1 ->> 'because',
               CASE WHEN m.id IS NULL THEN CASE WHEN l.by_group THEN g.sentence ELSE s.sentence END END, m.signal_id,
               coalesce(m.by_group, l.by_group)
        FROM live AS l FULL JOIN mine AS m ON m.party = l.party AND m.at BETWEEN l.opened_at - %(near)s AND l.opened_at + %(near)s
        LEFT JOIN person AS p ON p.id = coalesce(l.person_id, m.person_id) LEFT JOIN account AS c ON c.id = p.account_id
        LEFT JOIN shadow_standing AS s ON s.shadow_id = %(shadow)s AND s.person_id = p.id
        LEFT JOIN shadow_account AS g ON g.shadow_id = %(shadow)s AND g.account_id = p.account_id
        ORDER BY 3 DESC, 1
        """,
        {"motion": motion, "since": shadow.since, "until": shadow.seen_until, "shadow": shadow.id, "near": NEAR},
    ).fetchall()
    return [Pair(*row) for row in rows]


def opened_before(conn: psycopg.Connection, parties: Sequence[str], since: datetime) -> set[str]:
    """Live handoffs of these parties that were opened until then."""
    return {row[0] for row in conn.execute("SELECT id FROM handoff WHERE party = ANY(%b) AND opened_at <= %s", (list(parties), since))}
