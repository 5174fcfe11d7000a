"""What fairness in value is judged from: how handoffs came out by kind, how turns went, and who switched themselves off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

#: A turn as stored: pool, owner, handoff, when, next step, points of fit, due, accepted by hand, first touch, seen by a system, given up.
Row = tuple[
    str, str, str, datetime, str, int, datetime | None, datetime | None, datetime | None, bool, datetime | None
]  # fmt: skip


def outcomes(conn: psycopg.Connection, since: datetime, until: datetime, window: timedelta, band: int) -> list[tuple[str, int, int, int]]:
    """(next step, band of fit, handoffs, of them with a meeting within the window), of those opened in [since, until)."""
    return conn.execute(
        """SELECT h.next_step, v.fit / %s, count(*)::int, count(*) FILTER (WHERE h.meeting_at <= h.opened_at + %s)::int
           FROM handoff AS h JOIN verdict AS v ON v.id = h.verdict_id WHERE h.opened_at >= %s AND h.opened_at < %s
           GROUP BY 1, 2 ORDER BY 1, 2""",
        (band, window, since, until),
    ).fetchall()


def turns(conn: psycopg.Connection, since: datetime, until: datetime) -> list[Row]:
    """Every turn of a pool drawn in [since, until), in their order. A turn that was given back was none."""
    return conn.execute(
        """SELECT a.pool, a.owner_id, a.handoff_id, a.at, h.next_step, v.fit, c.due_at, e.at, t.first, coalesce(t.seen, false), d.at
           FROM assignment AS a JOIN handoff AS h ON h.id = a.handoff_id JOIN verdict AS v ON v.id = h.verdict_id
           LEFT JOIN clock AS c ON c.handoff_id = a.handoff_id AND c.kind = 'first_touch' AND c.current
           LEFT JOIN LATERAL (SELECT min(at) AS at FROM event WHERE handoff_id = a.handoff_id AND name = 'accepted' AND rep_id = a.owner_id
                                  AND at >= a.at AND at < %(until)s) AS e ON true
           LEFT JOIN LATERAL (SELECT min(occurred_at) AS first, bool_or(evidence = 'evidenced') AS seen FROM touch
                              WHERE handoff_id = a.handoff_id AND rep_id = a.owner_id AND occurred_at < %(until)s) AS t ON true
           LEFT JOIN LATERAL (SELECT min(at) AS at FROM disposition WHERE handoff_id = a.handoff_id AND by = a.owner_id AND at >= a.at AND at < %(until)s
                                  AND outcome IN ('recycle', 'disqualify')) AS d ON true
           WHERE a.counts AND a.pool IS NOT NULL AND a.owner_id IS NOT NULL AND a.at >= %(since)s AND a.at < %(until)s
           ORDER BY a.at, a.handoff_id, a.leg""",
        {"since": since, "until": until},
    ).fetchall()


def offs(conn: psycopg.Connection, since: datetime, until: datetime) -> Sequence[tuple[str, datetime]]:
    """(rep, when) of those who switched themselves off: not those whom a ladder or a manager did."""
    return conn.execute(
        """SELECT e.rep_id, e.at FROM event AS e JOIN rep AS r ON r.id = e.rep_id
           WHERE e.handoff_id IS NULL AND e.name = 'switched_off' AND e.at >= %s AND e.at < %s AND e.data ->> 'by' IN (r.id, r.email, r.name)
           ORDER BY e.at, e.rep_id""",
        (since, until),
    ).fetchall()
