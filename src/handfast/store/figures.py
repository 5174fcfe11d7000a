"""The facts that are measured, as they were known at a moment: rows recorded later are left out, times later are null.

Read by COPY straight into frames: a million leads take seconds, not minutes.

What the tables keep no history of is taken as it is today: the name and team of a rep, the amount of an opportunity, and when a deal's end
became known (its own `closed_at` decides). A touch taken back within its quarter of an hour never was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO

import polars as pl
import psycopg

from handfast.measure.facts import ASSIGNMENTS, CLOCKS, HANDOFFS, LEADS, MEASURED, OPPORTUNITIES, PAUSES, PROMISES, TIME, Columns, Facts
from handfast.store import accuracy

# Every end of a handoff has its disposition; only 'connected' and one that passed it on leave it open.
_KNOWN = """
    WITH first_owner AS (
        SELECT DISTINCT ON (a.handoff_id) a.handoff_id, a.owner_id, a.at FROM assignment AS a
        WHERE a.at <= %(as_of)s AND a.owner_id IS NOT NULL ORDER BY a.handoff_id, a.leg
    ), touched AS (
        SELECT t.handoff_id, min(t.occurred_at) AS first, min(t.occurred_at) FILTER (WHERE t.contact) AS contact FROM touch AS t
        WHERE t.handoff_id IS NOT NULL AND t.occurred_at <= %(as_of)s AND t.recorded_at <= %(as_of)s GROUP BY t.handoff_id
    ), said AS (
        SELECT d.handoff_id, min(d.at) FILTER (WHERE d.outcome = 'meeting_set') AS meeting_at,
               min(d.at) FILTER (WHERE d.outcome <> 'connected') AS closed_at,
               (array_agg(d.outcome ORDER BY d.at DESC, d.recorded_at DESC))[1] AS outcome,
               (array_agg(d.reason ORDER BY d.at DESC, d.recorded_at DESC))[1] AS reason
        FROM disposition AS d WHERE d.at <= %(as_of)s AND d.recorded_at <= %(as_of)s AND NOT d.passed_on GROUP BY d.handoff_id
    ), met AS (
        -- A meeting set with somebody, by a disposition or by what another system saw: known since its touch was recorded.
        SELECT p.handoff_id, p.person_id, p.meeting_at FROM handoff_person AS p
        WHERE p.meeting_at <= %(as_of)s AND EXISTS (
            SELECT FROM touch AS t WHERE t.handoff_id = p.handoff_id AND t.person_id = p.person_id AND t.contact
                AND t.occurred_at = p.meeting_at AND t.recorded_at <= %(as_of)s)
    ), met_first AS (
        SELECT handoff_id, min(meeting_at) AS at FROM met GROUP BY handoff_id
    ), person AS (
        SELECT id, name || CASE WHEN count(*) OVER (PARTITION BY name) > 1 THEN ' (' || id || ')' ELSE '' END AS name, team FROM rep
    ), known AS (
        SELECT h.id, h.party, h.motion, h.contract_id, h.person_id, h.source, r.team, r.name AS rep, 'v' || c.version AS contract, h.sla, h.opened_at,
               o.at AS assigned_at, o.owner_id IS NOT NULL AS owned, t.first AS touched_at, t.contact AS contacted_at, least(s.meeting_at, m.at) AS meeting_at, s.closed_at,
               s.outcome, s.reason
        FROM handoff AS h JOIN contract AS c ON c.id = h.contract_id
        LEFT JOIN first_owner AS o ON o.handoff_id = h.id LEFT JOIN person AS r ON r.id = o.owner_id
        LEFT JOIN touched AS t ON t.handoff_id = h.id LEFT JOIN said AS s ON s.handoff_id = h.id
        LEFT JOIN met_first AS m ON m.handoff_id = h.id
        WHERE h.decided_at <= %(as_of)s AND h.opened_at >= %(since)s
    )
"""
_LEADS = (
    _KNOWN
    + """
    SELECT p.handoff_id, p.person_id, p.person_id = k.person_id, p.source, k.team, k.rep, k.contract, k.sla, p.raised_at, p.joined_at,
           t.first, t.contact, coalesce(m.meeting_at, CASE WHEN p.meeting_at IS NOT NULL THEN k.meeting_at END), k.closed_at
    FROM known AS k JOIN handoff_person AS p ON p.handoff_id = k.id JOIN verdict AS v ON v.id = p.verdict_id
    LEFT JOIN (
        SELECT t.handoff_id, t.person_id, min(t.occurred_at) AS first, min(t.occurred_at) FILTER (WHERE t.contact) AS contact FROM touch AS t
        WHERE t.handoff_id IS NOT NULL AND t.occurred_at <= %(as_of)s AND t.recorded_at <= %(as_of)s GROUP BY t.handoff_id, t.person_id
    ) AS t ON t.handoff_id = p.handoff_id AND t.person_id = p.person_id
    LEFT JOIN met AS m ON m.handoff_id = p.handoff_id AND m.person_id = p.person_id
    WHERE p.joined_at <= %(as_of)s AND v.recorded_at <= %(as_of)s
    """
)
_HANDOFFS = (
    _KNOWN
    + """
    SELECT k.id, k.party, k.motion, k.source, k.team, k.rep, k.contract, k.sla, k.opened_at, k.assigned_at, k.owned, k.touched_at, k.contacted_at,
           k.meeting_at, d.qualified_at, d.won_at, k.closed_at, k.outcome, k.reason, b.at
    FROM known AS k LEFT JOIN (
        SELECT b.handoff_id, min(b.at) AS at FROM brief_opened AS b WHERE b.at <= %(as_of)s GROUP BY b.handoff_id
    ) AS b ON b.handoff_id = k.id LEFT JOIN (
        SELECT d.handoff_id, min(d.opened_at) AS qualified_at, min(d.closed_at) FILTER (WHERE d.won AND d.closed_at <= %(as_of)s) AS won_at
        FROM opportunity AS d WHERE d.opened_at <= %(as_of)s AND d.recorded_at <= %(as_of)s GROUP BY d.handoff_id
    ) AS d ON d.handoff_id = k.id
    """
)
_CLOCKS = (
    _KNOWN
    + """
    SELECT c.id, k.id, c.kind, k.source, k.team, k.rep, k.contract, c.sla, k.contract_id, c.calendar, c.started_at, c.due_at,
           CASE WHEN c.breached_at <= %(as_of)s THEN c.breached_at END, k.touched_at, k.assigned_at, k.closed_at
    FROM known AS k JOIN clock AS c ON c.handoff_id = k.id
    WHERE c.started_at <= %(as_of)s AND c.kind IN ('first_touch', 'exception')
    """
)
# What stops a first touch is known with the touches; of the others the stop is known since it was made.
_PROMISES = (
    _KNOWN
    + """
    SELECT c.id, k.id, c.kind, coalesce(c.contract_id, k.contract_id), c.calendar, c.started_at, c.due_at,
           CASE WHEN c.kind = 'first_touch' THEN least(k.touched_at, k.closed_at) WHEN c.stopped_at <= %(as_of)s THEN c.stopped_at END,
           CASE WHEN c.kind <> 'first_touch' THEN c.stopped_by WHEN k.touched_at <= coalesce(k.closed_at, k.touched_at) THEN 'touch' ELSE 'closed' END,
           CASE WHEN c.paused_at <= %(as_of)s THEN c.paused_at END, k.outcome
    FROM known AS k JOIN clock AS c ON c.handoff_id = k.id WHERE c.started_at <= %(as_of)s AND c.kind <> 'exception'
    UNION ALL
    SELECT c.id, NULL, c.kind, c.contract_id, c.calendar, c.started_at, c.due_at, CASE WHEN c.stopped_at <= %(as_of)s THEN c.stopped_at END,
           c.stopped_by, NULL::timestamptz, NULL
    FROM clock AS c WHERE c.handoff_id IS NULL AND c.started_at <= %(as_of)s
    """
)
_PAUSES = (
    """SELECT handoff_id, starts_at, CASE WHEN ended_at <= %(as_of)s THEN ended_at END FROM clock_pause WHERE starts_at <= %(as_of)s"""
)
_MEASURED = """
    SELECT data ->> 'kind', data ->> 'period', at, (data ->> 'kept')::boolean, data ->> 'why' FROM event
    WHERE name = 'promise_measured' AND at <= %(as_of)s"""
_OPPORTUNITIES = (
    _KNOWN
    + """
    SELECT d.id, k.id, k.source, k.team, k.rep, k.contract, k.sla, d.amount, d.opened_at, CASE WHEN d.closed_at <= %(as_of)s THEN d.closed_at END,
           CASE WHEN d.closed_at <= %(as_of)s THEN d.won END
    FROM known AS k JOIN opportunity AS d ON d.handoff_id = k.id WHERE d.opened_at <= %(as_of)s AND d.recorded_at <= %(as_of)s
    """
)


def facts(conn: psycopg.Connection, as_of: datetime, since: datetime | None = None, *, assigned: bool = True) -> Facts:
    """Everything measured, as known at `as_of` (UTC); only handoffs opened at or after `since`, where it is given.

    `assigned`: also the assignments, and what spoke for or against each.
    """
    given = {"as_of": as_of, "since": since or "-infinity"}
    read = (
        (_LEADS, LEADS), (_HANDOFFS, HANDOFFS), (_CLOCKS, CLOCKS), (_OPPORTUNITIES, OPPORTUNITIES), (_PROMISES, PROMISES), (_PAUSES, PAUSES),
        (_MEASURED, MEASURED), *([(accuracy.ASSIGNMENTS, ASSIGNMENTS)] if assigned else []),
    )  # fmt: skip
    return Facts(*(_frame(conn, query, given, columns) for query, columns in read))


def assignments(conn: psycopg.Connection, as_of: datetime, since: datetime) -> pl.DataFrame:
    """Who got what since then, and what spoke for or against it: `facts.ASSIGNMENTS`, as known at `as_of` (UTC)."""
    return _frame(conn, accuracy.ASSIGNMENTS, {"as_of": as_of, "since": since}, ASSIGNMENTS)


def one_moment(conn: psycopg.Connection) -> None:
    """Makes all reads of this transaction see the same rows. The first statement of a transaction, or it is refused by the server."""
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    # A report over years is allowed more time than a page.
    conn.execute("SET LOCAL statement_timeout = '300s'")


def latest(conn: psycopg.Connection) -> datetime | None:
    """When the latest handoff was opened; None where there is none."""
    row = conn.execute("SELECT max(opened_at) FROM handoff").fetchone()
    return row[0] if row else None


def _frame(conn: psycopg.Connection, query: str, given: Mapping[str, object], columns: Columns) -> pl.DataFrame:
    """The rows of a query. Times travel as microseconds since 1970, truth as t and f: nothing is parsed twice."""
    raw = {name: pl.Int64 if dtype == TIME else pl.String if dtype == pl.Boolean else dtype for name, dtype in columns.items()}
    selected = ", ".join(f"(extract(epoch FROM {n}) * 1000000)::bigint" if columns[n] == TIME else n for n in columns)
    text = BytesIO()
    statement = f"COPY (SELECT {selected} FROM ({query}) AS q ({', '.join(columns)})) TO STDOUT (FORMAT csv)"
    with conn.cursor() as cursor, cursor.copy(statement, given) as copy:
        for block in copy:
            text.write(block)
    if not text.tell():
        return pl.DataFrame(schema=columns)
    text.seek(0)
    frame = pl.read_csv(text, has_header=False, schema=raw)
    truths = [(pl.col(n) == "t").alias(n) for n, dtype in columns.items() if dtype == pl.Boolean]
    return frame.with_columns(*truths).cast({n: dtype for n, dtype in columns.items() if dtype == TIME})


__all__ = ["assignments", "facts", "latest", "one_moment"]
