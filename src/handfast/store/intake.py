"""What the intake door reads and writes: signals with their place in a lane, refused payloads, write keys.

Every function takes the connection of a transaction opened by the desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import orjson
import psycopg

from handfast.facts import Signal
from handfast.store.copying import JSONB, copy_rows

if TYPE_CHECKING:
    from handfast.store.base import Conn

#: Two requests recorded the same events in different orders, and PostgreSQL ended one of them: doing it again is right.
Deadlock = psycopg.errors.DeadlockDetected
#: One of them was recorded before, so the whole transaction is undone.
Repeated = psycopg.errors.UniqueViolation

#: The lane, the strongest key, and a signal's own fields in their order.
_COLUMNS: Final = (
    ("lane", "smallint"), ("who", "text"),
    ("id", "uuid"), ("source", "text"), ("kind", "text"), ("occurred_at", "timestamptz"), ("received_at", "timestamptz"),
    ("email", "text"), ("user_id", "text"), ("anonymous_id", "text"), ("group_id", "text"), ("previous_id", "text"),
    ("properties", "jsonb"), ("person", "jsonb"), ("account", "jsonb"),
)  # fmt: skip
_GIVEN: Final = ", ".join(name for name, _ in _COLUMNS)
# For few, and for what may have been recorded before. Arrays in the binary format, one a column. Measured on batches of 500 against COPY into a temporary table (1.5 times slower: the
# table is emptied at each commit) and json_to_recordset (1.2 times slower); arrays in the text format cost ten times the processor time.
# The lane is stored with the signal so that what was new need not be joined with what was given: that join had to be planned each time.
_ADD: Final = f"""
    WITH new AS (
        INSERT INTO signal ({_GIVEN}) SELECT * FROM unnest({", ".join(f"%b::{kind}[]" for _, kind in _COLUMNS)})
        ON CONFLICT (id) DO NOTHING RETURNING lane, received_at, seq, id)
    INSERT INTO pending (lane, received_at, seq, signal_id) SELECT lane, received_at, seq, id FROM new
"""


#: From so many on, COPY costs less than arrays: it takes more ways to the server.
MANY: Final = 50
#: The last of them are JSON.
_DOCUMENTS: Final = 3
#: So many numbers for signals, ascending.
_NUMBERS: Final = """SELECT nextval(s.name) FROM (SELECT pg_get_serial_sequence('signal', 'seq')::regclass AS name OFFSET 0) AS s, generate_series(1, %s)"""


class Laned(NamedTuple):
    """A signal with the lane it waits in and the strongest key it carries."""

    lane: int
    who: str
    signal: Signal


def add_signals(conn: Conn, rows: Sequence[Laned]) -> int:
    """Records signals and puts each on its lane; one recorded before is left as it is. Returns how many were new.

    Raises:
        Deadlock: another transaction records some of the same, in another order; begin again.
    """
    ordered = _in_order(rows)
    if not ordered:
        return 0
    columns = [list(column) for column in zip(*map(_as_row, ordered), strict=True)]
    for documents in columns[-_DOCUMENTS:]:
        documents[:] = [None if one is None else one.decode() for one in documents]
    return conn.execute(_ADD, columns).rowcount


def add_new_signals(conn: Conn, rows: Sequence[Laned]) -> int:
    """As `add_signals`, where all are new, as nearly always: by COPY, for two thirds of the server's time. Returns how many there were.

    Raises:
        Repeated: one was recorded before; begin again, with `add_signals`.
        Deadlock: as there.
    """
    ordered = _in_order(rows)
    if not ordered:
        return 0
    numbers = [seq for (seq,) in conn.execute(_NUMBERS, (len(ordered),)).fetchall()]
    made = [(seq, *_as_row(row, JSONB)) for seq, row in zip(numbers, ordered, strict=True)]
    copy_rows(conn, f"signal (seq, {_GIVEN})", made, packed=True)
    waiting = [(row[1], row[7], row[0], row[3]) for row in made]
    copy_rows(conn, "pending (lane, received_at, seq, signal_id)", waiting)
    return len(ordered)


def _in_order(rows: Sequence[Laned]) -> list[Laned]:
    """Each id once, and in the order of what happened.

    That is the order they are decided in, and a batch sent twice at the same time locks its rows in the same order.
    """
    unique = {row.signal.id.int: row for row in rows}
    return sorted(unique.values(), key=_TURN)


#: By the number of its id, which is what a UUID is compared by.
_TURN: Final = attrgetter("signal.occurred_at", "signal.id.int")


def _as_row(row: Laned, begins: bytes = b"") -> tuple[Any, ...]:
    """The values of `_COLUMNS`; each document begins with these bytes."""
    lane, who, signal = row
    properties, person, account = signal[-_DOCUMENTS:]
    return (
        lane, who, *signal[:-_DOCUMENTS],
        begins + orjson.dumps(properties),
        begins + orjson.dumps(person) if person else None,
        begins + orjson.dumps(account) if account else None,
    )  # fmt: skip


def emails_of(conn: Conn, keys: Sequence[str]) -> dict[str, str]:
    """key → the address of the person it is known to be; keys of nobody, or of a person without one, are left out."""
    if not keys:
        return {}
    rows = conn.execute(
        """SELECT i.who, p.email FROM identity AS i, LATERAL (SELECT email FROM person WHERE id = i.person_id OFFSET 0) AS p
           WHERE i.who = ANY(%b) AND p.email IS NOT NULL""",
        (list(keys),),
    )
    return dict(rows.fetchall())


def ring(conn: Conn) -> None:
    """Wakes the workers when this transaction commits."""
    conn.execute("NOTIFY handfast_signal")


# --- what was refused -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused payload. Exactly one of `payload` (JSON text) and `raw` (the text as it came) is there."""

    id: str
    source: str
    part: str
    what: str
    fix: str
    payload: str | None
    raw: str | None


def add_refused(conn: Conn, rows: Sequence[RefusedRow], received_at: datetime) -> None:
    """Keeps refused payloads; one refused before is counted once more and keeps the state somebody gave it."""
    times: dict[str, int] = {}
    for row in rows:
        times[row.id] = times.get(row.id, 0) + 1
    unique = sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)
    if not unique:
        return
    conn.execute(
        """
        INSERT INTO intake_problem (id, source, part, what, fix, payload, raw, times, received_at)
        SELECT g.*, %b FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::jsonb[], %b::text[], %b::int[]) AS g
        ON CONFLICT (id) DO UPDATE SET times = intake_problem.times + excluded.times
        """,
        (
            received_at,
            [r.id for r in unique],
            [r.source for r in unique],
            [r.part for r in unique],
            [r.what for r in unique],
            [r.fix for r in unique],
            [r.payload for r in unique],
            [r.raw for r in unique],
            [times[r.id] for r in unique],
        ),
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused payload as it is kept."""

    id: str
    source: str
    received_at: datetime
    part: str
    payload: Any
    raw: str | None
    state: str


def hold_refused(conn: Conn, problem_id: str) -> Kept | None:
    """The refused payload, locked until the transaction ends, so that two people cannot settle it at once."""
    row = conn.execute(
        "SELECT id, source, received_at, part, payload, raw, state FROM intake_problem WHERE id = %s FOR UPDATE", (problem_id,)
    ).fetchone()
    return Kept(*row) if row else None


def settle_refused(conn: Conn, problem_id: str, state: str, at: datetime) -> None:
    """`state`: 'replayed' or 'dismissed'."""
    conn.execute("UPDATE intake_problem SET state = %s, settled_at = %s WHERE id = %s", (state, at, problem_id))


def put_back(conn: Conn, signal_id: UUID, lane: int, at: datetime) -> None:
    """Puts a recorded signal that was set aside undecided on its lane again, as if it came at `at`."""
    conn.execute(
        """INSERT INTO pending (lane, received_at, seq, signal_id) SELECT %s, %s, seq, id FROM signal WHERE id = %s
           ON CONFLICT DO NOTHING""",
        (lane, at, signal_id),
    )


# --- write keys -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """A write key: the digest of it, the source its events are recorded under, and since when it holds no more."""

    digest: bytes
    source: str
    created_at: datetime
    revoked_at: datetime | None


def source_of_key(conn: Conn, digest: bytes) -> str | None:
    """The source of a live key, or None."""
    row = conn.execute("SELECT source FROM write_key WHERE digest = %s AND revoked_at IS NULL", (digest,)).fetchone()
    return row[0] if row else None


def add_key(conn: Conn, digest: bytes, source: str, at: datetime) -> bool:
    """Records a key; False where it is known already (and perhaps revoked: it stays so)."""
    done = conn.execute(
        "INSERT INTO write_key (digest, source, created_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (digest, source, at)
    )
    return done.rowcount == 1


def keys(conn: Conn) -> list[Key]:
    """Every key there ever was, oldest first."""
    return [Key(*row) for row in conn.execute("SELECT digest, source, created_at, revoked_at FROM write_key ORDER BY created_at, digest")]


def revoke_key(conn: Conn, digest: bytes, at: datetime) -> None:
    conn.execute("UPDATE write_key SET revoked_at = %s WHERE digest = %s AND revoked_at IS NULL", (at, digest))


def as_json(value: Any) -> str | None:
    """JSON text that PostgreSQL can keep as jsonb, or None where it cannot (too deep, a NUL, half a surrogate, a huge number)."""
    try:
        text = orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return None
    return None if "\\u0000" in text else text
