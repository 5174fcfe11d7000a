"""The way back to marketing in rows; and what became of handoffs, as marketing asks it. Each a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from handfast.sla.escalate import ENDED

#: No list is longer than this; whoever shows it says so.
MOST: int = 500


def add(conn: psycopg.Connection, row: Sequence[Any]) -> None:
    """(disposition, handoff, person, leads_to, reason, needs, back_at, at, tell_at, told_at). Written before, it changes nothing."""
    conn.execute(
        """INSERT INTO way_back (id, handoff_id, person_id, leads_to, reason, needs, back_at, at, tell_at, told_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING""",
        row,
    )


def take_back(conn: psycopg.Connection, disposition_id: str) -> bool:
    """As if it had not been said; False, and nothing is changed, where it was told already."""
    row = conn.execute("SELECT told_at IS NOT NULL FROM way_back WHERE id = %s FOR UPDATE", (disposition_id,)).fetchone()
    if row is not None and row[0]:
        return False
    conn.execute("DELETE FROM way_back WHERE id = %s", (disposition_id,))
    return True


@dataclass(frozen=True, slots=True)
class Untold:
    """What is to be told now."""

    id: str
    handoff: str
    person: str
    leads_to: str
    reason: str | None
    back_at: datetime | None
    tell_at: datetime


def untold(conn: psycopg.Connection, at: datetime, limit: int) -> list[Untold]:
    """What may be told at `at`, locked; what another worker is telling is passed over."""
    got = conn.execute(
        """SELECT id, handoff_id, person_id, leads_to, reason, back_at, tell_at FROM way_back WHERE told_at IS NULL AND tell_at <= %s
           ORDER BY tell_at, id LIMIT %s FOR UPDATE SKIP LOCKED""",
        (at, limit),
    ).fetchall()
    return [Untold(*row) for row in got]


def told(conn: psycopg.Connection, ids: Sequence[str], at: datetime) -> None:
    conn.execute("UPDATE way_back SET told_at = %s WHERE id = ANY(%b)", (at, list(ids)))


def last_reasons(conn: psycopg.Connection, parties: Sequence[str], motion: str) -> dict[str, tuple[str, str | None, str]]:
    """party → (outcome, reason, contract) of its latest handoff that was closed."""
    got = conn.execute(
        """SELECT DISTINCT ON (party) party, outcome, reason, contract_id FROM handoff
           WHERE party = ANY(%b) AND motion = %s AND closed_at IS NOT NULL ORDER BY party, closed_at DESC""",
        (list(parties), motion),
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in got}


@dataclass(frozen=True, slots=True)
class Returned:
    """A person who came back to marketing: what they are known by, why, what was tried, and when they may be addressed again. Times are UTC."""

    handoff: str
    person: str
    email: str | None
    name: str
    company: str
    leads_to: str
    reason: str | None
    note: str
    needs: str | None
    at: datetime
    back_at: datetime | None
    owner: str | None
    source: str
    next_step: str
    contract: str
    attempts: int
    contacted_at: datetime | None
    brief: dict[str, Any] | None
    opted_out: bool


def returned(conn: psycopg.Connection, tracks: Sequence[str], since: datetime, at: datetime, most: int = MOST) -> list[Returned]:
    """Who came back since, the latest first, each once: by their last way back. Who is in work again is not among them."""
    got = conn.execute(
        """SELECT * FROM (
               SELECT DISTINCT ON (p.id) h.id, p.id AS who, p.email, p.name, coalesce(nullif(a.name, ''), a.domain, ''), w.leads_to, w.reason,
                      coalesce(d.note, ''), w.needs, w.at, w.back_at, r.name, h.source, h.next_step, h.contract_id,
                      (SELECT count(*) FROM touch AS t WHERE t.handoff_id = h.id), h.contacted_at, b.body, x.opted_out_at IS NOT NULL
               FROM way_back AS w JOIN handoff AS h ON h.id = w.handoff_id JOIN person AS p ON p.id = h.person_id
               LEFT JOIN account AS a ON a.id = h.account_id LEFT JOIN disposition AS d ON d.id = w.id LEFT JOIN rep AS r ON r.id = h.owner_id
               LEFT JOIN brief AS b ON b.handoff_id = h.id LEFT JOIN reach AS x ON x.person_id = p.id
               WHERE w.at >= %s AND w.tell_at <= %s AND p.merged_into IS NULL AND p.erased_at IS NULL
               ORDER BY p.id, w.at DESC) AS t
           WHERE leads_to = ANY(%b) AND NOT EXISTS (
               SELECT FROM handoff_person AS hp JOIN handoff AS o ON o.id = hp.handoff_id WHERE hp.person_id = t.who AND o.closed_at IS NULL)
           ORDER BY at DESC LIMIT %s""",
        (since, at, list(tracks), most),
    ).fetchall()
    return [Returned(*row) for row in got]


@dataclass(frozen=True, slots=True)
class Became:
    """What became of the handoffs of one source. `kept`: touched in time, of `clocks` decided."""

    source: str
    handed: int
    open: int
    contacted: int
    meetings: int
    recycled: int
    disqualified: int
    returned: int
    kept: int
    clocks: int


def became(conn: psycopg.Connection, since: datetime, at: datetime) -> list[Became]:
    """By source, the largest first: handoffs opened since, and what became of them by now."""
    got = conn.execute(
        """SELECT coalesce(nullif(h.source, ''), 'no source'), count(*), count(*) FILTER (WHERE h.closed_at IS NULL),
                  count(*) FILTER (WHERE h.contacted_at IS NOT NULL), count(*) FILTER (WHERE h.meeting_at IS NOT NULL),
                  count(*) FILTER (WHERE h.outcome = 'recycle'), count(*) FILTER (WHERE h.outcome = 'disqualify'),
                  count(*) FILTER (WHERE h.outcome = 'returned'),
                  count(*) FILTER (WHERE h.touched_at <= c.due_at),
                  count(*) FILTER (WHERE c.id IS NOT NULL AND (h.touched_at IS NOT NULL OR c.due_at < %s AND c.paused_at IS NULL))
           FROM handoff AS h LEFT JOIN clock AS c ON c.handoff_id = h.id AND c.kind = 'first_touch' AND c.current
           WHERE h.opened_at >= %s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50""",
        (at, since),
    ).fetchall()
    return [Became(*row) for row in got]


def reasons(conn: psycopg.Connection, since: datetime) -> list[tuple[str, str, int]]:
    """(outcome, reason, how many) of handoffs closed since, the most frequent first."""
    return conn.execute(
        """SELECT outcome, coalesce(reason, ''), count(*) FROM handoff WHERE closed_at >= %s AND outcome IN ('recycle', 'disqualify', 'returned')
           GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50""",
        (since,),
    ).fetchall()


@dataclass(frozen=True, slots=True)
class Owes:
    """A clock of marketing's that runs. `person` and `company` of a handoff; `about` says what is missing, or what the period came to."""

    id: str
    kind: str
    handoff: str | None
    person: str | None
    company: str
    about: dict[str, Any]
    started_at: datetime
    due_at: datetime


def owes(conn: psycopg.Connection, most: int = MOST) -> list[Owes]:
    """What marketing owes now, the most urgent first."""
    got = conn.execute(
        """SELECT c.id, c.kind, c.handoff_id, coalesce(nullif(p.name, ''), p.email), coalesce(nullif(a.name, ''), a.domain, ''),
                  coalesce(c.about, '{}'), c.started_at, c.due_at
           FROM clock AS c LEFT JOIN handoff AS h ON h.id = c.handoff_id LEFT JOIN person AS p ON p.id = h.person_id
           LEFT JOIN account AS a ON a.id = h.account_id
           WHERE c.stopped_at IS NULL AND c.kind IN ('context_complete', 'contact_valid', 'volume', 'false_positives')
           ORDER BY c.due_at, c.id LIMIT %s""",
        (most,),
    ).fetchall()
    return [Owes(*row) for row in got]


def kept(conn: psycopg.Connection, since: datetime, at: datetime) -> list[tuple[str, int, int]]:
    """(kind, kept, broken) of every kind of clock that was decided since: of Sales and of marketing, by the rule of `measure.kept`."""
    return conn.execute(
        """SELECT c.kind,
                  count(*) FILTER (WHERE c.stopped_at <= c.due_at AND (c.stopped_by <> ALL (%(ended)b)
                                          OR c.kind = 'disposition' AND c.stopped_by = 'closed' AND h.outcome <> 'returned')),
                  count(*) FILTER (WHERE c.stopped_at > c.due_at OR c.stopped_at IS NULL AND c.paused_at IS NULL)
           FROM clock AS c LEFT JOIN handoff AS h ON h.id = c.handoff_id
           WHERE c.due_at >= %(since)s AND c.due_at < %(at)s AND c.kind <> 'exception' GROUP BY 1 ORDER BY 1""",
        {"ended": list(ENDED), "since": since, "at": at},
    ).fetchall()
