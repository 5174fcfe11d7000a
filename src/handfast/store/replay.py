"""What a replay reads: the record, streamed in buckets of people, at one moment of the database.

Everything here takes a connection in a snapshot (`snapshot`), so that signals, keys and fields belong together, however long it takes. COPY in
CSV is the quickest way out of the database: a million signals take some seconds, and Polars parses the blocks without Python seeing a row.
A bucket is a stable hash of the account (of the person, where there is none), so that an account is never split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from handfast.store.base import Conn, Store

#: Nothing is known to have been told later than this, of what was recorded before there was a log.
_EVER = "timestamptz '1970-01-01 00:00+00'"
_BUCKET = "(hashtextextended({party}, 0) & 9223372036854775807) %% {buckets}"


@contextmanager
def snapshot(store: Store) -> Iterator[Conn]:
    """A connection that sees the database as it is now, for as long as it takes, and can write nothing. Raises StorageAway."""
    with store.session() as conn:
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield conn


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is recorded: signals, the last of their numbers, and when the first and the last were received (UTC)."""

    signals: int
    last: int
    first_at: datetime | None
    last_at: datetime | None


def extent(conn: psycopg.Connection) -> Extent:
    row = conn.execute("SELECT count(*), coalesce(max(seq), 0), min(received_at), max(received_at) FROM signal").fetchone()
    assert row is not None
    return Extent(*row)


def signals(
    conn: psycopg.Connection, kinds: Sequence[str], properties: Sequence[str], since: datetime, until: datetime, buckets: int
) -> Iterator[bytes]:
    """Signals of known people as CSV: bucket, number, who, kind, source, occurred and received (microseconds), the properties as JSON text.

    Those of these kinds that occurred after `since`, and those that taught something, received before `until`. In no order.
    """
    picks = sql.SQL("").join(sql.SQL(", (s.properties -> {})::text").format(sql.Literal(name)) for name in properties)
    query = sql.SQL(
        """SELECT {bucket}, s.seq, s.who, s.kind, {source}, {occurred}, {received} {picks}
           FROM signal AS s JOIN identity AS i ON i.who = s.who JOIN person AS p ON p.id = i.person_id
           WHERE s.received_at < {until} AND s.occurred_at > {since}
             AND (s.kind = ANY({kinds}) OR s.seq IN (SELECT signal_seq FROM learned WHERE NOT imported))"""
    ).format(
        bucket=_bucket("coalesce(p.account_id, p.id)", buckets),
        source=sql.SQL(_SOURCE),
        occurred=_microseconds("s.occurred_at"),
        received=_microseconds("s.received_at"),
        picks=picks,
        since=sql.Literal(since),
        until=sql.Literal(until),
        kinds=sql.Literal(list(kinds)),
    )
    return _csv(conn, query)


def _named(name: str) -> str:
    return f"CASE WHEN jsonb_typeof(s.properties -> '{name}') = 'string' THEN nullif(s.properties ->> '{name}', '') END"


#: As `desk.handover.source_of` reads it: the channel or campaign a signal names, else its door.
_SOURCE = f"coalesce({', '.join(_named(name) for name in ('origin', 'utm_source', 'channel', 'source'))}, s.source)"


def keys(conn: psycopg.Connection, buckets: int) -> Iterator[bytes]:
    """Whose each key became, as CSV: bucket, key, person, received (microseconds), number of the signal."""
    query = """
        WITH told AS (
            SELECT id AS who, belongs_to AS person, at, signal_seq FROM learned WHERE noun = 'key'
            UNION ALL
            SELECT i.who, i.person_id, i.since, 0 FROM identity AS i
            WHERE NOT EXISTS (SELECT FROM learned AS l WHERE l.noun = 'key' AND l.id = i.who)
        )
        SELECT {bucket}, t.who, t.person, {received}, t.signal_seq
        FROM told AS t JOIN identity AS i ON i.who = t.who JOIN person AS p ON p.id = i.person_id"""
    return _csv(conn, sql.SQL(query).format(bucket=_bucket("coalesce(p.account_id, p.id)", buckets), received=_microseconds("t.at")))


def people(conn: psycopg.Connection, buckets: int) -> Iterator[bytes]:
    """What was known of people and since when, as CSV: bucket, person, account, fields (JSON), received (microseconds), number."""
    query = """
        WITH told AS (
            SELECT id, belongs_to, fields, at, signal_seq FROM learned WHERE noun = 'person'
            UNION ALL
            SELECT p.id, p.account_id, p.fields || jsonb_build_object('email', p.email), {ever}, 0 FROM person AS p
            WHERE NOT EXISTS (SELECT FROM learned AS l WHERE l.noun = 'person' AND l.id = p.id)
        )
        SELECT {bucket}, t.id, t.belongs_to, t.fields, {received}, t.signal_seq
        FROM told AS t JOIN person AS p ON p.id = t.id
             LEFT JOIN person AS m ON m.id = p.merged_into LEFT JOIN person AS mm ON mm.id = m.merged_into"""
    final = "coalesce(mm.account_id, mm.id, m.account_id, m.id, p.account_id, p.id)"
    return _csv(conn, sql.SQL(query).format(ever=sql.SQL(_EVER), bucket=_bucket(final, buckets), received=_microseconds("t.at")))


def accounts(conn: psycopg.Connection, buckets: int) -> Iterator[bytes]:
    """What was known of accounts and since when, as CSV: bucket, account, fields (JSON), received (microseconds), number.

    What an import told is known to every signal recorded after it, also to those of a history that were received long before.
    """
    query = """
        WITH imports AS (
            SELECT d.signal_seq, (SELECT min(s.received_at) FROM signal AS s WHERE s.seq > d.signal_seq) AS first_at
            FROM (SELECT DISTINCT signal_seq FROM learned WHERE imported) AS d
        ), told AS (
            SELECT l.id, l.fields, CASE WHEN l.imported THEN least(l.at, m.first_at) ELSE l.at END AS at, l.signal_seq, l.seq
            FROM learned AS l LEFT JOIN imports AS m ON l.imported AND m.signal_seq = l.signal_seq WHERE l.noun = 'account'
            UNION ALL
            SELECT a.id, a.fields, {ever}, 0, 0 FROM account AS a
            WHERE NOT EXISTS (SELECT FROM learned AS l WHERE l.noun = 'account' AND l.id = a.id)
        )
        SELECT {bucket}, t.id, t.fields, {received}, t.signal_seq FROM told AS t ORDER BY t.seq"""
    return _csv(conn, sql.SQL(query).format(ever=sql.SQL(_EVER), bucket=_bucket("t.id", buckets), received=_microseconds("t.at")))


def _bucket(party: str, buckets: int) -> sql.Composable:
    return sql.SQL(_BUCKET.replace("%%", "%").format(party=party, buckets=int(buckets)))


def _microseconds(column: str) -> sql.Composable:
    return sql.SQL(f"(extract(epoch FROM {column}) * 1000000)::bigint")


def _csv(conn: psycopg.Connection, query: sql.Composable) -> Iterator[bytes]:
    """The rows as blocks of some megabytes that end with a line. JSON text holds no line break, so a line is a row."""
    with conn.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)) as copy:
        block: list[bytes] = []
        size = 0
        for line in copy:
            block.append(bytes(line))
            size += len(line)
            if size >= _BLOCK_BYTES:
                yield b"".join(block)
                block, size = [], 0
        if block:
            yield b"".join(block)


_BLOCK_BYTES = 16 << 20

# --- what became of handoffs, and who there is ------------------------------------------------------------------


#: Whoever opened it was erased, and nobody else is left in it.
_GONE = """(EXISTS (SELECT FROM person AS o WHERE o.id = h.person_id AND o.erased_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM handoff_person AS p JOIN person AS w ON w.id = p.person_id WHERE p.handoff_id = h.id AND w.erased_at IS NULL))"""


def handoffs(conn: psycopg.Connection, motion: str) -> list[tuple[Any, ...]]:
    """(id, party, opened_at, closed_at, outcome, next_step, fit, met, owner, people) of every handoff of a motion.

    Those of people who were all erased are left out: their signals say nothing any more, so a replay opens none.
    """
    return conn.execute(
        """SELECT h.id, h.party, h.opened_at, h.closed_at, h.outcome, h.next_step, v.fit, h.meeting_at IS NOT NULL, h.owner_id,
                  (SELECT array_agg(p.person_id) FROM handoff_person AS p WHERE p.handoff_id = h.id)
           FROM handoff AS h JOIN verdict AS v ON v.id = h.verdict_id WHERE h.motion = %s AND NOT """
        + _GONE,
        (motion,),
    ).fetchall()


def erased_handoffs(conn: psycopg.Connection, motion: str, since: datetime, until: datetime) -> int:
    """How many handoffs of a period were about people who were all erased."""
    row = conn.execute(
        f"SELECT count(*) FROM handoff AS h WHERE h.motion = %s AND h.opened_at >= %s AND h.opened_at < %s AND {_GONE}",
        (motion, since, until),
    ).fetchone()
    return int(row[0]) if row else 0


def erasures(conn: psycopg.Connection) -> int:
    """How many times somebody was erased."""
    row = conn.execute("SELECT count(*) FROM erasure").fetchone()
    return int(row[0]) if row else 0


def overrides(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """(verdict, reason, by, since, ends, person, account) of every verdict given by hand that held for a while."""
    return conn.execute(
        """SELECT verdict, reason, by, since, ends_at, person_id, account_id
           FROM (SELECT *, CASE WHEN lifted_at IS NULL THEN until ELSE least(until, lifted_at) END AS ends_at FROM readiness_override) AS o
           WHERE ends_at > since ORDER BY since, id"""
    ).fetchall()


#: Of whomever something was said by hand, and whoever they became: each time one was folded into another. By hand, `person_merge` tells when,
#: and what was learned of the one who was kept (of the one who came back) tells after which signal; by a signal, the keys that changed hands.
_FOLDS = """
WITH RECURSIVE met (id) AS (
    SELECT person_id FROM readiness_override WHERE person_id IS NOT NULL
    UNION SELECT e.becomes FROM met JOIN (
        SELECT id AS was, merged_into AS becomes FROM person WHERE merged_into IS NOT NULL UNION SELECT folded_id, kept_id FROM person_merge
    ) AS e ON e.was = met.id
), gone AS (
    SELECT p.id, p.merged_into FROM met JOIN person AS p ON p.id = met.id
    WHERE p.merged_into IS NOT NULL AND NOT EXISTS (SELECT FROM person_merge AS m WHERE m.folded_id = p.id AND m.undone_at IS NULL)
), moved AS (
    SELECT belongs_to AS becomes, at, signal_seq, imported, lag(belongs_to) OVER (PARTITION BY id ORDER BY seq) AS was
    FROM learned WHERE noun = 'key' AND id IN (SELECT id FROM learned WHERE noun = 'key' AND belongs_to IN (SELECT id FROM gone))
), last AS (
    SELECT DISTINCT ON (was, becomes) was, becomes, at, signal_seq FROM moved WHERE NOT imported ORDER BY was, becomes, at DESC, signal_seq DESC
)
SELECT g.id, g.merged_into, coalesce(l.at, {ever}), coalesce(l.signal_seq, 0), NULL, NULL
FROM gone AS g LEFT JOIN last AS l ON l.was = g.id AND l.becomes = g.merged_into
UNION ALL
SELECT m.folded_id, m.kept_id, m.at, {after_fold}, m.undone_at, {after_parting} FROM person_merge AS m JOIN met ON met.id = m.folded_id
ORDER BY 3, 4, 1"""
_AFTER = """coalesce((SELECT max(signal_seq) FROM learned WHERE noun = 'person' AND imported AND id = m.{who} AND at = m.{at}), 0)"""


def folds(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """(folded, kept, since, signal, until, signal) of everybody of whom something was said by hand, and of whoever they were folded into.

    Both ends are places in the record: a moment and the number of a signal; without `until` it stands. What nobody wrote down, of what was
    recorded before there was a log, is taken to have been so always.
    """
    fold, parting = _AFTER.format(who="kept_id", at="at"), _AFTER.format(who="folded_id", at="undone_at")
    return conn.execute(sql.SQL(_FOLDS.format(ever=_EVER, after_fold=fold, after_parting=parting))).fetchall()


def names(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, str]:
    """Person or account id → what people call it, for lists that people read."""
    rows = conn.execute(
        """SELECT id, coalesce(nullif(name, ''), email, id) FROM person WHERE id = ANY(%s)
           UNION ALL SELECT id, coalesce(nullif(name, ''), domain, key) FROM account WHERE id = ANY(%s)""",
        (list(ids), list(ids)),
    ).fetchall()
    return dict(rows)


# --- replays asked for ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """A replay somebody asked for, how far it has come, and its report once there is one."""

    id: str
    contract_id: str
    name: str
    source: str
    since: datetime
    until: datetime
    touch_minutes: int
    state: str
    progress: float
    doing: str
    result: Mapping[str, Any] | None
    asked_by: str
    asked_at: datetime
    told_at: datetime


_RUN = "id, contract_id, name, source, since, until, touch_minutes, state, progress, doing, result, asked_by, asked_at, told_at"


def put_run(conn: psycopg.Connection, run: Run, *, again: bool) -> None:
    """A replay asked for; one asked for again begins where it was left. `again`: also where it has its answer already."""
    conn.execute(
        """INSERT INTO replay_run (id, contract_id, name, source, since, until, touch_minutes, state, asked_by, asked_at, told_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, 'waiting', %s, %s, %s)
           ON CONFLICT (id) DO UPDATE SET state = 'waiting', told_at = excluded.told_at, doing = ''
           WHERE replay_run.state IN ('waiting', 'stopped', 'failed') OR (replay_run.state = 'done' AND %s)""",
        (
            run.id,
            run.contract_id,
            run.name,
            run.source,
            run.since,
            run.until,
            run.touch_minutes,
            run.asked_by,
            run.asked_at,
            run.told_at,
            again,
        ),
    )


def run(conn: psycopg.Connection, run_id: str) -> Run | None:
    row = conn.execute(f"SELECT {_RUN} FROM replay_run WHERE id = %s", (run_id,)).fetchone()
    return Run(*row) if row else None


def runs(conn: psycopg.Connection, most: int) -> list[Run]:
    """The latest first, without their reports."""
    columns = _RUN.replace("result", "NULL::jsonb").replace("source,", "''::text,")
    rows = conn.execute(f"SELECT {columns} FROM replay_run ORDER BY asked_at DESC LIMIT %s", (most,)).fetchall()
    return [Run(*row) for row in rows]


def take_run(conn: psycopg.Connection, run_id: str, at: datetime, silent_since: datetime) -> bool:
    """Begins a run; False where somebody else is at work on it. One without a sign of life since `silent_since` was left by its runner."""
    won = conn.execute(
        """UPDATE replay_run SET state = 'running', told_at = %s WHERE id = %s
           AND (state IN ('waiting', 'stopped', 'failed') OR (state IN ('running', 'stopping') AND told_at < %s))""",
        (at, run_id, silent_since),
    ).rowcount
    return bool(won)


def tell_run(conn: psycopg.Connection, run_id: str, progress: float, doing: str, at: datetime) -> str | None:
    """Notes how far it has come; gives back the state, so that the runner sees when it is asked to stop."""
    row = conn.execute(
        "UPDATE replay_run SET progress = %s, doing = %s, told_at = %s WHERE id = %s RETURNING state", (progress, doing, at, run_id)
    ).fetchone()
    return row[0] if row else None


def ask_to_stop(conn: psycopg.Connection, run_id: str) -> bool:
    return bool(
        conn.execute("UPDATE replay_run SET state = 'stopping' WHERE id = %s AND state IN ('waiting', 'running')", (run_id,)).rowcount
    )


def end_run(conn: psycopg.Connection, run_id: str, state: str, result: str | None, doing: str, at: datetime) -> None:
    """`done` with its report, `stopped`, or `failed` with what to say of it."""
    conn.execute(
        """UPDATE replay_run SET state = %s, result = coalesce(%s::jsonb, result), doing = %s, told_at = %s,
                  progress = CASE WHEN %s = 'done' THEN 1 ELSE progress END WHERE id = %s""",
        (state, result, doing, at, state, run_id),
    )


def idle(conn: psycopg.Connection) -> set[str]:
    """The runs nobody is at work on."""
    return {row[0] for row in conn.execute("SELECT id FROM replay_run WHERE state NOT IN ('running', 'stopping')").fetchall()}
