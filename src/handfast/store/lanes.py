"""The lanes that signals wait in to be decided: which have any, who holds them, taking from them and moving between them.

Every function takes the connection of a transaction opened by the desk; a lane is held until that ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg

from handfast.facts import LANES, Signal
from handfast.store.base import rows_of

#: The advisory lock classes; the second key is the lane, or 0.
LANE_LOCK = 7101
FLOOR_LOCK = 7111


class Pending(NamedTuple):
    """A signal waiting for its decision, with its place in the lane."""

    lane: int
    seq: int
    signal: Signal
    #: Where its row lies; good until the transaction that holds the lane ends.
    spot: str


def pending_lanes(conn: psycopg.Connection) -> list[int]:
    """The lanes that have work, the one that has waited longest first. One index probe a lane."""
    rows = conn.execute(
        """SELECT l FROM generate_series(0, %s) AS l, LATERAL (SELECT received_at FROM pending WHERE lane = l ORDER BY received_at LIMIT 1) AS p
           ORDER BY p.received_at, l""",
        (LANES - 1,),
    ).fetchall()
    return [row[0] for row in rows]


def next_pending(conn: psycopg.Connection) -> datetime | None:
    """When the oldest waiting signal was received."""
    row = conn.execute(
        """SELECT min(p.received_at) FROM generate_series(0, %s) AS l,
                  LATERAL (SELECT received_at FROM pending WHERE lane = l ORDER BY received_at LIMIT 1) AS p""",
        (LANES - 1,),
    ).fetchone()
    return row[0] if row else None


def take_floor(conn: psycopg.Connection) -> bool:
    """Whether nobody else who asks for it is deciding now; until this transaction ends nobody else is told so."""
    row = conn.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (FLOOR_LOCK,)).fetchone()
    return bool(row and row[0])


def few_pending(conn: psycopg.Connection, most: int) -> tuple[int, datetime | None]:
    """How many signals wait, counted up to `most`, and when the oldest of those counted was received."""
    row = conn.execute("SELECT count(*), min(received_at) FROM (SELECT received_at FROM pending LIMIT %s) AS few", (most,)).fetchone()
    return row or (0, None)


def hold_lanes(conn: psycopg.Connection, lanes: Sequence[int], most: int = LANES) -> list[int]:
    """The first `most` of `lanes` that this transaction now holds until it ends; what another worker holds is passed over."""
    rows = conn.execute(
        "SELECT l FROM unnest(%b::int[]) AS l WHERE pg_try_advisory_xact_lock(%s, l) LIMIT %s", (list(lanes), LANE_LOCK, most)
    ).fetchall()
    return [row[0] for row in rows]


def hold_all_lanes(conn: psycopg.Connection) -> None:
    """Until this transaction ends nobody decides signals; what is in flight is waited for."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(%s, l) FROM (SELECT l FROM generate_series(0, %s) AS l ORDER BY l) AS held", (LANE_LOCK, LANES - 1)
    )


def take_pending(
    conn: psycopg.Connection, lanes: Sequence[int], limit: int, received_until: datetime, *, many: bool = False
) -> list[Pending]:
    """The oldest waiting signals of held lanes, in order of receipt, at most `limit`; none received after `received_until`.

    `many`: whether a large batch is to be expected, whose first signals are made while the server finds the others.
    """
    # Half as many again as each lane's share: they fill alike, and what is read beyond the limit is sorted and thrown away. Where they do
    # not, fewer than the limit are taken, and the rest next time.
    per_lane = max(32, -(-limit * 3 // (2 * max(1, len(lanes)))))
    rows = rows_of(
        conn,
        """
        SELECT q.ctid::text, q.lane, q.seq, s.id, s.source, s.kind, s.occurred_at, s.received_at, s.email, s.user_id, s.anonymous_id, s.group_id,
               s.previous_id, s.properties, s.person, s.account
        FROM (SELECT p.* FROM unnest(%b::smallint[]) AS l,
                     LATERAL (SELECT ctid, * FROM pending WHERE lane = l AND received_at <= %s ORDER BY received_at, seq LIMIT %s) AS p
              ORDER BY p.received_at, p.seq LIMIT %s) AS q
        JOIN signal AS s ON s.id = q.signal_id
        ORDER BY q.received_at, q.seq
        """,
        (list(lanes), received_until, per_lane, limit),
        many=many,
    )
    made = tuple.__new__  # by the thousand: what a named tuple does besides takes as long again
    return [
        made(Pending, (lane, seq, made(Signal, (a, b, c, d, e, f, g, h, i, j, properties, person or {}, account or {})), spot))
        for spot, lane, seq, a, b, c, d, e, f, g, h, i, j, properties, person, account in rows
    ]


def settle_pending(conn: psycopg.Connection, done: Iterable[Pending]) -> None:
    """Takes decided signals off their lanes. The lanes are held, so nobody has moved a row since it was read."""
    conn.execute("DELETE FROM pending WHERE ctid = ANY(%s::tid[])", ("{" + ",".join([f'"{row.spot}"' for row in done]) + "}",))


def forward_pending(conn: psycopg.Connection, moved: Iterable[tuple[Pending, int]]) -> None:
    """Moves signals to the lane of the account they turned out to belong to."""
    rows = list(moved)
    conn.execute(
        """UPDATE pending AS p SET lane = d.new
           FROM unnest(%b::smallint[], %b::timestamptz[], %b::bigint[], %b::smallint[]) AS d (lane, received_at, seq, new)
           WHERE p.lane = d.lane AND p.received_at = d.received_at AND p.seq = d.seq""",
        ([r.lane for r, _ in rows], [r.signal.received_at for r, _ in rows], [r.seq for r, _ in rows], [lane for _, lane in rows]),
    )


def set_aside_first(conn: psycopg.Connection, at: datetime, error: str) -> bool:
    """Takes the signal that `take_pending(limit=1)` would give off its lane and keeps it, whole, among the intake problems."""
    held = hold_lanes(conn, pending_lanes(conn))
    waiting = take_pending(conn, held, 1, at) if held else []
    if not waiting:
        return False
    conn.execute(
        """INSERT INTO intake_problem (id, source, received_at, part, what, fix, payload)
           SELECT 'undecided_' || s.id, s.source, %s, 'signal', %s, %s, to_jsonb(s) FROM signal AS s WHERE s.id = %s
           ON CONFLICT (id) DO UPDATE SET times = intake_problem.times + 1""",
        (
            at,
            f"Handfast could not decide this signal ({error})",
            "This is a fault of Handfast: report it, then replay.",
            waiting[0].signal.id,
        ),
    )
    settle_pending(conn, waiting)
    return True
