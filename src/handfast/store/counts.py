"""The numbers above the lists and beside the rooms: what was done today, what is late, who carries how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from handfast.store.base import Conn

#: What is due within this time is due soon: on the board, in every countdown, in the load of each rep.
SOON: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Today:
    """A rep's day so far: first touches made since midnight and their median time in seconds (None without any)."""

    touched: int
    median_seconds: float | None


def today(conn: Conn, rep_id: str, since: datetime) -> Today:
    row = conn.execute(
        """SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM h.touched_at - h.opened_at))
             FROM handoff AS h WHERE h.owner_id = %s AND h.touched_at >= %s""",
        (rep_id, since),
    ).fetchone()
    return Today(int(row[0]), float(row[1]) if row[1] is not None else None) if row else Today(0, None)


@dataclass(frozen=True, slots=True)
class Totals:
    """The four numbers of the board. `met` and `missed`: first-touch clocks decided since midnight, in time and not."""

    late: int
    soon: int
    open: int
    met: int
    missed: int

    @property
    def inside(self) -> int | None:
        """Per cent inside SLA today; None before the first clock is decided."""
        decided = self.met + self.missed
        return round(100 * self.met / decided) if decided else None


def totals(conn: Conn, at: datetime, since: datetime) -> Totals:
    """What runs at `at`; a clock counts as decided when it is touched, or when it falls due without a touch."""
    row = conn.execute(
        """SELECT count(*) FILTER (WHERE running AND due_at < %(at)s),
                  count(*) FILTER (WHERE running AND due_at >= %(at)s AND due_at < %(soon)s),
                  count(*) FILTER (WHERE running),
                  count(*) FILTER (WHERE kind = 'first_touch' AND stopped_by = 'touch' AND stopped_at >= %(since)s AND stopped_at <= due_at),
                  count(*) FILTER (WHERE kind = 'first_touch' AND due_at >= %(since)s AND due_at < %(at)s AND paused_at IS NULL
                                     AND (stopped_at IS NULL OR stopped_at > due_at))
             FROM (SELECT c.*, c.stopped_at IS NULL AND h.closed_at IS NULL AND c.kind IN ('first_touch', 'exception') AND c.current AND (c.kind = 'exception') = (h.owner_id IS NULL)
                          AND c.paused_at IS NULL AS running
                     FROM clock AS c JOIN handoff AS h ON h.id = c.handoff_id
                    WHERE c.stopped_at IS NULL OR c.stopped_at >= %(since)s OR c.due_at >= %(since)s) AS t""",
        {"at": at, "soon": at + SOON, "since": since},
    ).fetchone()
    return Totals(*row) if row else Totals(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Load:
    """How much a rep carries: open handoffs split by their clock, and until when the rep is away (None: here)."""

    rep_id: str
    name: str
    team: str
    late: int
    soon: int
    fine: int
    touched: int
    away_until: datetime | None

    @property
    def open(self) -> int:
        return self.late + self.soon + self.fine + self.touched


def team_load(conn: Conn, at: datetime) -> list[Load]:
    """Active reps by team and name. `soon`: due within 15 minutes."""
    rows = conn.execute(
        """SELECT r.id, r.name, r.team,
                  count(h.id) FILTER (WHERE h.touched_at IS NULL AND c.stopped_at IS NULL AND c.paused_at IS NULL AND c.due_at < %(at)s),
                  count(h.id) FILTER (WHERE h.touched_at IS NULL AND c.stopped_at IS NULL AND c.paused_at IS NULL AND c.due_at >= %(at)s
                                     AND c.due_at < %(soon)s),
                  count(h.id) FILTER (WHERE h.touched_at IS NULL AND (c.id IS NULL OR c.stopped_at IS NOT NULL OR c.paused_at IS NOT NULL OR c.due_at >= %(soon)s)),
                  count(h.id) FILTER (WHERE h.touched_at IS NOT NULL),
                  (SELECT max(ends_at) FROM absence AS x WHERE x.rep_id = r.id AND x.starts_at <= %(at)s AND x.ends_at > %(at)s)
             FROM rep AS r
             LEFT JOIN handoff AS h ON h.owner_id = r.id AND h.closed_at IS NULL
             LEFT JOIN clock AS c ON c.handoff_id = h.id AND c.kind = 'first_touch' AND c.current
            WHERE r.active GROUP BY r.id ORDER BY r.team, r.name""",
        {"at": at, "soon": at + SOON},
    )
    return [Load(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Badges:
    """The numbers beside the navigation: open in my queue, late on the board, refused at the doors, who is whom, what nobody owns, and what
    is argued about."""

    mine: int
    late: int
    problems: int
    reviews: int = 0
    held: int = 0
    disputes: int = 0


def badges(conn: Conn, rep_id: str | None, at: datetime) -> Badges:
    row = conn.execute(
        """SELECT (SELECT count(*) FROM handoff WHERE owner_id = %s AND closed_at IS NULL),
                  (SELECT count(*) FROM clock AS c JOIN handoff AS h ON h.id = c.handoff_id
                    WHERE c.stopped_at IS NULL AND c.paused_at IS NULL AND c.due_at < %s AND h.closed_at IS NULL AND c.kind IN ('first_touch', 'exception') AND c.current
                      AND (c.kind = 'exception') = (h.owner_id IS NULL)),
                  (SELECT count(*) FROM intake_problem WHERE state = 'open'),
                  (SELECT count(*) FROM match_review WHERE state = 'open') + (
                      SELECT count(*) FROM way_back AS w WHERE w.leads_to = 'merge' AND w.settled_at IS NULL AND w.asked_at IS NOT NULL
                      AND NOT EXISTS (SELECT FROM match_review AS m WHERE m.state = 'open' AND w.person_id IN (m.person_id, m.other_id))),
                  (SELECT count(*) FROM handoff WHERE closed_at IS NULL AND owner_id IS NULL),
                  (SELECT count(*) FROM dispute WHERE state = 'open')""",
        (rep_id, at),
    ).fetchone()
    return Badges(*row) if row else Badges(0, 0, 0)
