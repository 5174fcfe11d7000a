"""What became of handoffs, in rows: dispositions, and how one is taken back; each a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True)
class Given:
    """A disposition as it was recorded. Times are UTC; `before`: the outcome the handoff had before it, if any."""

    id: str
    outcome: str
    reason: str | None
    note: str
    by: str
    at: datetime
    recorded_at: datetime
    before: str | None


def add(conn: psycopg.Connection, row: Sequence[Any]) -> bool:
    """(id, handoff, outcome, reason, note, back_at, meeting_at, by, at, recorded_at, answers). False where it was there already."""
    return bool(
        conn.execute(
            """INSERT INTO disposition (id, handoff_id, outcome, reason, note, back_at, meeting_at, by, at, recorded_at, answers)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING""",
            row,
        ).rowcount
    )


def pass_on(conn: psycopg.Connection, disposition_id: str) -> None:
    """It did not end the handoff: that went on to somebody else, and figures do not count it as an end."""
    conn.execute("UPDATE disposition SET passed_on = true WHERE id = %s", (disposition_id,))


def last(conn: psycopg.Connection, handoff_id: str) -> Given | None:
    """The disposition given last; None where there is none, or where it passed the handoff on to somebody else."""
    rows = conn.execute(
        """SELECT passed_on, id, outcome, reason, note, by, at, recorded_at FROM disposition WHERE handoff_id = %s
           ORDER BY recorded_at DESC, at DESC LIMIT 20""",
        (handoff_id,),
    ).fetchall()
    if not rows or rows[0][0]:
        return None
    before = next((row[2] for row in rows[1:] if not row[0]), None)
    ident, outcome, reason, note, by, at, recorded_at = rows[0][1:]
    return Given(ident, outcome, reason, note, by, at, recorded_at, before)


def attempts(conn: psycopg.Connection, handoff_id: str) -> int:
    """How many touches are recorded of a handoff."""
    row = conn.execute("SELECT count(*) FROM touch WHERE handoff_id = %s", (handoff_id,)).fetchone()
    return int(row[0]) if row else 0


def used_reasons(conn: psycopg.Connection) -> list[tuple[str, str]]:
    """(outcome, reason) of every code that was ever given."""
    return conn.execute("SELECT DISTINCT outcome, reason FROM disposition WHERE reason IS NOT NULL").fetchall()


def answers_of(conn: psycopg.Connection, handoff_id: str) -> dict[str, Any]:
    """What was answered with the disposition given last."""
    row = conn.execute(
        "SELECT answers FROM disposition WHERE handoff_id = %s ORDER BY recorded_at DESC, at DESC LIMIT 1", (handoff_id,)
    ).fetchone()
    return row[0] if row else {}


def accept(conn: psycopg.Connection, handoff_id: str, at: datetime) -> bool:
    """The owner says: mine. False where it was said before."""
    said = conn.execute(
        "UPDATE handoff SET accepted_at = %s, revision = revision + 1 WHERE id = %s AND accepted_at IS NULL", (at, handoff_id)
    ).rowcount
    return bool(said)


def successor(conn: psycopg.Connection, handoff_id: str) -> str | None:
    """The open handoff of the same party and motion that was opened since this one ended."""
    row = conn.execute(
        """SELECT n.id FROM handoff AS h JOIN handoff AS n ON n.party = h.party AND n.motion = h.motion AND n.id <> h.id
           WHERE h.id = %s AND n.closed_at IS NULL""",
        (handoff_id,),
    ).fetchone()
    return row[0] if row else None


def take_back(conn: psycopg.Connection, handoff_id: str, given: Given, touch_id: str) -> None:
    """As if it had not been said: the row, its touch and its meeting go; the handoff is what it was before.

    What its end stopped runs on and owes what it owed; whoever calls brings the times in line with the touches that are left.
    """
    conn.execute("DELETE FROM disposition WHERE id = %s", (given.id,))
    conn.execute("DELETE FROM touch WHERE id = %s", (touch_id,))
    conn.execute(
        """UPDATE clock AS c SET stopped_at = NULL, stopped_by = NULL FROM handoff AS h
           WHERE h.id = %s AND c.handoff_id = h.id AND c.stopped_by = 'closed' AND c.stopped_at >= h.closed_at""",
        (handoff_id,),
    )
    conn.execute(
        """UPDATE timer AS t SET state = 0, settled_at = NULL FROM clock AS c
           WHERE c.handoff_id = %s AND c.id = t.clock_id AND c.stopped_at IS NULL AND t.state = 2 AND t.settled_at >= %s""",
        (handoff_id, given.recorded_at),
    )
    conn.execute(
        """UPDATE handoff SET closed_at = NULL, outcome = %s, reason = NULL, revision = revision + 1,
                  meeting_at = CASE WHEN meeting_at = %s AND %s = 'meeting_set' THEN NULL ELSE meeting_at END WHERE id = %s""",
        (given.before, given.at, given.outcome, handoff_id),
    )
    if given.outcome == "meeting_set":
        conn.execute(
            "UPDATE handoff_person SET meeting_at = NULL WHERE handoff_id = %s AND meeting_at = %s",
            (handoff_id, given.at),
        )


def awaits_accept(conn: psycopg.Connection, handoff_id: str) -> bool:
    """Whether an accept clock runs on it."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM clock WHERE handoff_id = %s AND kind = 'accept' AND stopped_at IS NULL)", (handoff_id,)
    ).fetchone()
    return bool(row and row[0])


def declared_since(conn: psycopg.Connection, handoff_id: str, rep_id: str, kind: str, since: datetime) -> str | None:
    """The touch of this kind that this rep declared last, if it was after `since`."""
    row = conn.execute(
        """SELECT id FROM touch WHERE handoff_id = %s AND rep_id = %s AND kind = %s AND evidence = 'declared' AND occurred_at > %s
           ORDER BY occurred_at DESC LIMIT 1""",
        (handoff_id, rep_id, kind, since),
    ).fetchone()
    return row[0] if row else None
