"""What the account of delays is made from, for many handoffs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a handoff, UTC; `owner`: its first one. `notified_at`: the first notice to an owner left."""

    id: str
    contract: str
    raised_at: datetime
    opened_at: datetime
    decided_at: datetime
    assigned_at: datetime | None
    notified_at: datetime | None
    accepted_at: datetime | None
    touched_at: datetime | None
    contacted_at: datetime | None
    meeting_at: datetime | None
    closed_at: datetime | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Between:
    """A stretch of a handoff: without an owner (`unowned`), standing still (`paused`, and for whom), with a late next touch (`overdue`)."""

    handoff: str
    what: str
    start: datetime
    end: datetime | None
    party: str


def latest(conn: psycopg.Connection, start: datetime | None, end: datetime | None, most: int) -> list[str]:
    """The latest handoffs opened in [start, end), at most so many."""
    got = conn.execute(
        "SELECT id FROM handoff WHERE opened_at >= %s AND opened_at < %s ORDER BY opened_at DESC LIMIT %s",
        (start or "-infinity", end or "infinity", most),
    ).fetchall()
    return [row[0] for row in got]


def times(conn: psycopg.Connection, ids: Sequence[str], as_of: datetime) -> list[Times]:
    """The times of these handoffs as they were known at `as_of`: what was recorded later is left out."""
    got = conn.execute(
        """SELECT h.id, h.contract_id, coalesce(p.raised_at, h.opened_at), h.opened_at, h.decided_at, h.assigned_at,
                  (SELECT min(o.settled_at) FROM outbox AS o WHERE o.handoff_id = h.id AND o.state = 'sent'
                      AND o.kind IN ('handoff_opened', 'reassigned') AND o.recipient = o.owner_id),
                  coalesce((SELECT min(e.at) FROM event AS e WHERE e.handoff_id = h.id AND e.name = 'accepted'), h.accepted_at),
                  t.first, t.contact, coalesce(d.meeting, CASE WHEN h.meeting_at = t.contact THEN h.meeting_at END), d.closed, (
                      SELECT a.owner_id FROM assignment AS a WHERE a.handoff_id = h.id AND a.owner_id IS NOT NULL ORDER BY a.leg LIMIT 1)
           FROM handoff AS h LEFT JOIN handoff_person AS p ON p.handoff_id = h.id AND p.person_id = h.person_id
           LEFT JOIN LATERAL (
               SELECT min(x.occurred_at) AS first, min(x.occurred_at) FILTER (WHERE x.contact) AS contact FROM touch AS x
               WHERE x.handoff_id = h.id AND x.recorded_at <= %(as_of)s) AS t ON true
           LEFT JOIN LATERAL (
               SELECT min(x.at) FILTER (WHERE x.outcome = 'meeting_set') AS meeting, min(x.at) FILTER (WHERE x.outcome <> 'connected') AS closed
               FROM disposition AS x WHERE x.handoff_id = h.id AND x.recorded_at <= %(as_of)s) AS d ON true
           WHERE h.id = ANY(%(ids)s) AND h.decided_at <= %(as_of)s ORDER BY h.opened_at, h.id""",
        {"ids": list(ids), "as_of": as_of},
    ).fetchall()
    return [Times(*(_known(value, as_of) if n > 4 else value for n, value in enumerate(row))) for row in got]


def _known(value: Any, as_of: datetime) -> Any:
    return None if isinstance(value, datetime) and value > as_of else value


def between(conn: psycopg.Connection, ids: Sequence[str]) -> list[Between]:
    """The stretches of these handoffs that belong to somebody of their own, in order."""
    got = conn.execute(
        """SELECT * FROM (
               SELECT a.handoff_id, 'unowned', a.at AS start,
                      (SELECT min(n.at) FROM assignment AS n WHERE n.handoff_id = a.handoff_id AND n.leg > a.leg AND n.owner_id IS NOT NULL), 'queue'
               FROM assignment AS a WHERE a.handoff_id = ANY(%b) AND a.owner_id IS NULL
               UNION ALL
               SELECT handoff_id, 'paused', starts_at, ended_at, waits_for FROM clock_pause WHERE handoff_id = ANY(%b)
               UNION ALL
               SELECT handoff_id, 'overdue', due_at, stopped_at, 'rep' FROM clock
               WHERE handoff_id = ANY(%b) AND kind = 'next_touch' AND (stopped_at IS NULL OR stopped_at > due_at)) AS t ORDER BY 1, 3""",
        (list(ids), list(ids), list(ids)),
    ).fetchall()
    return [Between(*row) for row in got]
