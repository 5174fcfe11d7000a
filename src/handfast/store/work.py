"""What reps and clocks do to handoffs: locked reads, guarded writes, each a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from handfast.store import clocks


@dataclass(frozen=True, slots=True)
class Case:
    """A handoff as the one who holds its row lock sees it."""

    id: str
    party: str
    account: str | None
    person: str
    contract: str
    next_step: str
    sla: str | None
    opened_at: datetime
    owner: str | None
    assigned_at: datetime | None
    touched_at: datetime | None
    contacted_at: datetime | None
    meeting_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    legs: int
    clock: str | None
    clock_due_at: datetime | None
    clock_stopped_at: datetime | None
    breached_at: datetime | None
    person_name: str
    account_name: str


_CASE = """
    SELECT h.id, h.party, h.account_id, h.person_id, h.contract_id, h.next_step, h.sla, h.opened_at, h.owner_id, h.assigned_at, h.touched_at, h.contacted_at,
           h.meeting_at, h.closed_at, h.outcome, (SELECT count(*) FROM assignment AS a WHERE a.handoff_id = h.id),
           c.id, c.due_at, c.stopped_at, c.breached_at, coalesce(nullif(p.name, ''), p.email, p.id), coalesce(nullif(o.name, ''), o.domain, '')
    FROM handoff AS h
    JOIN person AS p ON p.id = h.person_id
    LEFT JOIN account AS o ON o.id = h.account_id
    LEFT JOIN clock AS c ON c.handoff_id = h.id AND c.kind = 'first_touch' AND c.current
"""


def hold(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, Case]:
    """Locks these handoffs, in the order of their ids so that two workers cannot wait for each other, and reads them."""
    conn.execute("SELECT id FROM handoff WHERE id = ANY(%b) ORDER BY id FOR UPDATE", (list(ids),))
    rows = conn.execute(f"{_CASE} WHERE h.id = ANY(%b)", (list(ids),)).fetchall()
    return {row[0]: Case(*row) for row in rows}


def read(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, Case]:
    """The same without the lock, for looking."""
    return {row[0]: Case(*row) for row in conn.execute(f"{_CASE} WHERE h.id = ANY(%b)", (list(ids),)).fetchall()}


def open_handoffs_of(conn: psycopg.Connection, person_ids: Sequence[str]) -> list[tuple[str, str, datetime]]:
    """(person, handoff, joined_at) of every open handoff these people are in."""
    return conn.execute(
        """SELECT p.person_id, p.handoff_id, p.joined_at FROM handoff_person AS p JOIN handoff AS h ON h.id = p.handoff_id
           WHERE p.person_id = ANY(%b) AND h.closed_at IS NULL""",
        (list(person_ids),),
    ).fetchall()


def handoffs_of(conn: psycopg.Connection, person_ids: Sequence[str]) -> list[tuple[str, str, datetime, datetime | None]]:
    """(person, handoff, joined_at, closed_at) of every handoff these people are or were in, oldest first."""
    return conn.execute(
        """SELECT p.person_id, p.handoff_id, p.joined_at, h.closed_at FROM handoff_person AS p JOIN handoff AS h ON h.id = p.handoff_id
           WHERE p.person_id = ANY(%b) ORDER BY p.joined_at""",
        (list(person_ids),),
    ).fetchall()


# --- touches --------------------------------------------------------------------------------------------------


def add_touches(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> set[str]:
    """(id, handoff, person, rep, kind, contact, evidence, source, note, occurred_at, recorded_at). Returns the ids that were new."""
    if not rows:
        return set()
    columns = [list(c) for c in zip(*rows, strict=True)]
    got = conn.execute(
        """
        INSERT INTO touch (id, handoff_id, person_id, rep_id, kind, contact, evidence, source, note, occurred_at, recorded_at)
        SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bool[], %b::text[], %b::text[], %b::text[],
                             %b::timestamptz[], %b::timestamptz[])
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        columns,
    ).fetchall()
    return {row[0] for row in got}


def note_touches(conn: psycopg.Connection, handoff_ids: Sequence[str]) -> None:
    """Brings the times of these handoffs, of their people and of their clocks in line with the touches recorded.

    Everything is derived from the touch rows, so taking one back (undo) is deleting its row and calling this again.
    """
    ids = list(handoff_ids)
    conn.execute(
        """
        UPDATE handoff AS h SET touched_at = t.first, contacted_at = t.contact, revision = revision + 1
        FROM (SELECT x.id, min(t.occurred_at) AS first, min(t.occurred_at) FILTER (WHERE t.contact) AS contact
              FROM unnest(%b::text[]) AS x (id) LEFT JOIN touch AS t ON t.handoff_id = x.id GROUP BY x.id) AS t
        WHERE h.id = t.id
        """,
        (ids,),
    )
    conn.execute(
        """
        UPDATE handoff_person AS h SET touched_at = t.first, contacted_at = t.contact
        FROM (SELECT p.handoff_id, p.person_id, t.first, t.contact FROM handoff_person AS p
              LEFT JOIN (SELECT handoff_id, person_id, min(occurred_at) AS first, min(occurred_at) FILTER (WHERE contact) AS contact
                         FROM touch WHERE handoff_id = ANY(%b) GROUP BY handoff_id, person_id) AS t USING (handoff_id, person_id)
              WHERE p.handoff_id = ANY(%b)) AS t
        WHERE h.handoff_id = t.handoff_id AND h.person_id = t.person_id
              AND (h.touched_at, h.contacted_at) IS DISTINCT FROM (t.first, t.contact)
        """,
        (ids, ids),
    )
    # Evidence of an earlier touch, heard of later than a later one or than the end: the clock stopped then.
    conn.execute(
        """UPDATE clock AS c SET stopped_at = greatest(h.touched_at, c.started_at), stopped_by = 'touch' FROM handoff AS h
           WHERE h.id = c.handoff_id AND h.id = ANY(%b) AND c.kind = 'first_touch' AND c.stopped_by IN ('touch', 'closed')
                 AND h.touched_at < c.stopped_at""",
        (ids,),
    )


def stop_clocks(conn: psycopg.Connection, handoff_ids: Sequence[str], at: Sequence[datetime], by: str, recorded_at: datetime) -> None:
    """Stops the clocks of these handoffs that a first touch (`touch`) or the end of the handoff stops, and settles what they still owed.

    An end also ends what pauses them; what marketing owes on an address outlives the handoff.
    """
    if by == "touch":
        clocks.stop(conn, handoff_ids, ("first_touch", "accept"), at, by, recorded_at)
        return
    clocks.stop(conn, handoff_ids, _OF_A_HANDOFF, at, by, recorded_at)
    clocks.end_pauses(conn, handoff_ids, recorded_at, by)
    conn.execute(
        """UPDATE follow_up AS f SET ended_at = d.at, ended_why = 'closed', falls_due_at = NULL
           FROM unnest(%b::text[], %b::timestamptz[]) AS d (handoff, at) WHERE f.handoff_id = d.handoff AND f.ended_at IS NULL""",
        (list(handoff_ids), list(at)),
    )
    for handoff in handoff_ids:
        clocks.settle_action(conn, handoff, "resume", recorded_at)


_OF_A_HANDOFF = ("first_touch", "exception", "accept", "next_touch", "disposition", "context_complete")


def restart_clock(conn: psycopg.Connection, handoff_id: str) -> None:
    """Takes back the stop of an undone touch: what had not fired before is owed again, nothing fires twice.

    Of a clock whose promise another one has replaced, only the breach: its steps were no longer owed before either.
    """
    conn.execute(
        """WITH c AS (UPDATE clock SET stopped_at = NULL, stopped_by = NULL
                      WHERE handoff_id = %s AND kind IN ('first_touch', 'accept') AND stopped_by = 'touch' RETURNING id, current)
           UPDATE timer AS t SET state = 0, settled_at = NULL FROM c
           WHERE t.clock_id = c.id AND t.state = 2 AND t.action <> 'resume' AND (c.current OR t.action = 'breach')""",
        (handoff_id,),
    )


def delete_touch(conn: psycopg.Connection, touch_id: str) -> None:
    conn.execute("DELETE FROM touch WHERE id = %s", (touch_id,))


def touch_row(conn: psycopg.Connection, touch_id: str) -> tuple[str | None, str | None, datetime, str] | None:
    """(handoff, rep, recorded_at, evidence)."""
    return conn.execute("SELECT handoff_id, rep_id, recorded_at, evidence FROM touch WHERE id = %s", (touch_id,)).fetchone()


# --- outcomes -------------------------------------------------------------------------------------------------


def add_disposition(conn: psycopg.Connection, row: tuple[Any, ...]) -> bool:
    """(id, handoff, outcome, reason, note, back_at, meeting_at, by, at, recorded_at). False where it was there already."""
    return bool(
        conn.execute(
            """INSERT INTO disposition (id, handoff_id, outcome, reason, note, back_at, meeting_at, by, at, recorded_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING""",
            row,
        ).rowcount
    )


def note_outcome(conn: psycopg.Connection, handoff_id: str, outcome: str) -> None:
    """An outcome that leaves the handoff open."""
    conn.execute("UPDATE handoff SET outcome = %s, revision = revision + 1 WHERE id = %s", (outcome, handoff_id))


def note_meeting(conn: psycopg.Connection, handoff_id: str, person_id: str, at: datetime) -> None:
    """The meeting was set at `at` (not: takes place)."""
    conn.execute("UPDATE handoff SET meeting_at = coalesce(meeting_at, %s) WHERE id = %s", (at, handoff_id))
    conn.execute(
        "UPDATE handoff_person SET meeting_at = coalesce(meeting_at, %s) WHERE handoff_id = %s AND person_id = %s",
        (at, handoff_id, person_id),
    )


def close(conn: psycopg.Connection, handoff_id: str, outcome: str, reason: str | None, at: datetime) -> None:
    conn.execute(
        "UPDATE handoff SET closed_at = %s, outcome = %s, reason = %s, revision = revision + 1 WHERE id = %s AND closed_at IS NULL",
        (at, outcome, reason, handoff_id),
    )


def assign(conn: psycopg.Connection, handoff_id: str, owner: str | None, at: datetime) -> None:
    conn.execute(
        """UPDATE handoff SET owner_id = %s, assigned_at = CASE WHEN %s::text IS NULL THEN assigned_at ELSE coalesce(assigned_at, %s) END,
                  for_person = for_person AND %s::text IS NULL, revision = revision + 1 WHERE id = %s""",
        (owner, owner, at, owner, handoff_id),
    )


def accepted_by_nobody(conn: psycopg.Connection, handoff_id: str) -> None:
    """Another owner has not said yes yet. That the one before had is in the events."""
    conn.execute("UPDATE handoff SET accepted_at = NULL WHERE id = %s AND accepted_at IS NOT NULL", (handoff_id,))


def put_under(conn: psycopg.Connection, handoff_id: str, sla: str) -> None:
    """Another promise holds for it from now."""
    conn.execute("UPDATE handoff SET sla = %s, revision = revision + 1 WHERE id = %s", (sla, handoff_id))


# --- timers ---------------------------------------------------------------------------------------------------


def next_due(conn: psycopg.Connection) -> datetime | None:
    """When the next waiting timer falls due."""
    row = conn.execute("SELECT due_at FROM timer WHERE state = 0 ORDER BY due_at LIMIT 1").fetchone()
    return row[0] if row else None


# --- opportunities --------------------------------------------------------------------------------------------


def put_opportunities(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """(id, handoff, person, account, owner, stage, amount, opened_at, closed_at, won, recorded_at): new ones in, known ones brought up to date."""
    if not rows:
        return
    columns = [list(c) for c in zip(*rows, strict=True)]
    conn.execute(
        """
        INSERT INTO opportunity (id, handoff_id, person_id, account_id, owner_id, stage, amount, opened_at, closed_at, won, recorded_at)
        SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::float8[], %b::timestamptz[],
                             %b::timestamptz[], %b::bool[], %b::timestamptz[])
        ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, amount = excluded.amount, closed_at = excluded.closed_at,
            won = excluded.won, owner_id = coalesce(excluded.owner_id, opportunity.owner_id),
            handoff_id = coalesce(opportunity.handoff_id, excluded.handoff_id)
        """,
        columns,
    )


def note_qualified(conn: psycopg.Connection, handoff_ids: Sequence[str], at: Sequence[datetime]) -> None:
    conn.execute(
        """UPDATE handoff AS h SET qualified_at = least(coalesce(h.qualified_at, d.at), d.at)
           FROM unnest(%b::text[], %b::timestamptz[]) AS d (id, at) WHERE h.id = d.id""",
        (list(handoff_ids), list(at)),
    )


# --- small facts ----------------------------------------------------------------------------------------------


def put_note(conn: psycopg.Connection, key: str, value: str, at: datetime) -> None:
    """Remembers a small fact about the installation; `value` is JSON text."""
    conn.execute(
        "INSERT INTO note (key, value, at) VALUES (%s, %s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
        (key, value, at),
    )


def drop_note(conn: psycopg.Connection, key: str) -> None:
    conn.execute("DELETE FROM note WHERE key = %s", (key,))


def note(conn: psycopg.Connection, key: str) -> tuple[Any, datetime] | None:
    return conn.execute("SELECT value, at FROM note WHERE key = %s", (key,)).fetchone()


def stop_clock_of_kind(conn: psycopg.Connection, handoff_id: str, kind: str, at: datetime) -> None:
    """Stops one clock of a handoff (`exception`, once it has an owner) and settles what that clock still owed.

    A breach that lies before the stop is a fact about the past and still owed.
    """
    conn.execute(
        """WITH c AS (UPDATE clock SET stopped_at = %s, stopped_by = 'assigned' WHERE handoff_id = %s AND kind = %s AND stopped_at IS NULL RETURNING id)
           UPDATE timer AS t SET state = 2, settled_at = %s FROM c
           WHERE t.clock_id = c.id AND t.state IN (0, 3) AND NOT (t.state = 0 AND t.action = 'breach' AND t.due_at < %s)""",
        (at, handoff_id, kind, at, at),
    )
