"""The versions of the contract, the drafts of the next one, and the history of both. Versions and history are append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.types.json import Jsonb

from handfast.contract.history import Entry, Side, Term

#: The advisory lock under which versions are numbered, drafts saved and the history written: one at a time.
VERSION_LOCK = 7104


@dataclass(frozen=True, slots=True)
class Version:
    """A version both sides agreed on, or that was loaded. `in_force_from` None: since ever. `withdrawn_at`: taken back before its moment."""

    id: str
    version: int
    name: str
    motion: str
    source: str
    in_force_from: datetime | None
    withdrawn_at: datetime | None = None
    recorded_at: datetime | None = None
    #: Whether it holds for a share only, and when it gave way by itself.
    share: bool = False
    ended_at: datetime | None = None

    @property
    def term(self) -> Term:
        return Term(self.version, self.in_force_from, self.withdrawn_at is not None, self.share, self.ended_at)

    @property
    def content(self) -> str:
        """The hash of its terms: the id without the number that a version carries which goes back to earlier terms."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal as it stands. `content` None: it has problems. `takes_force` None: as soon as both have signed."""

    number: int
    source: str
    content: str | None
    takes_force: datetime | None
    base: int | None
    state: str
    version: int | None
    revision: int
    by: str
    created_at: datetime
    changed_at: datetime


# --- versions -------------------------------------------------------------------------------------------------


def versions(conn: psycopg.Connection, after: int = 0) -> list[Version]:
    """Versions with a number above `after`, in the order they were agreed."""
    rows = conn.execute(
        """SELECT id, version, name, motion, source, nullif(in_force_from, '-infinity'), withdrawn_at, recorded_at, share, e.at
           FROM contract LEFT JOIN canary_end AS e USING (version) WHERE version > %s ORDER BY version""",
        (after,),
    ).fetchall()
    return [Version(*row) for row in rows]


def news(conn: psycopg.Connection, after: int) -> tuple[list[Version], frozenset[str], dict[str, datetime]]:
    """Versions with a number above `after`, the ids of all that were withdrawn, and when those on trial gave way: one query."""
    rows = conn.execute(
        """SELECT id, version, name, motion, CASE WHEN version > %(after)s THEN source ELSE '' END, nullif(in_force_from, '-infinity'),
                  withdrawn_at, recorded_at, share, e.at
           FROM contract LEFT JOIN canary_end AS e USING (version)
           WHERE version > %(after)s OR withdrawn_at IS NOT NULL OR e.at IS NOT NULL ORDER BY version""",
        {"after": after},
    ).fetchall()
    every = [Version(*row) for row in rows]
    fresh, withdrawn = [v for v in every if v.version > after], frozenset(v.id for v in every if v.withdrawn_at is not None)
    return fresh, withdrawn, {v.id: v.ended_at for v in every if v.ended_at is not None}


def latest(conn: psycopg.Connection) -> int:
    """The number of the latest version, 0 where there is none."""
    row = conn.execute("SELECT coalesce(max(version), 0) FROM contract").fetchone()
    return int(row[0]) if row else 0


def lock(conn: psycopg.Connection) -> None:
    """Holds drafts, versions and history for this transaction alone."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (VERSION_LOCK,))


def insert_version(
    conn: psycopg.Connection,
    content: str,
    name: str,
    motion: str,
    source: str,
    since: datetime | None,
    at: datetime,
    *,
    share: bool = False,
) -> int:
    """Writes the next version, in force from `since` (None: since ever). Returns its number. Under `lock`."""
    number = latest(conn) + 1
    # Going back to earlier terms is a new version; its id then carries its number, for an id names one row.
    known = conn.execute("SELECT 1 FROM contract WHERE id = %s", (content,)).fetchone()
    conn.execute(
        """INSERT INTO contract (id, version, name, motion, source, in_force_from, recorded_at, share)
           VALUES (%s, %s, %s, %s, %s, coalesce(%s::timestamptz, '-infinity'), %s, %s)""",
        (content if known is None else f"{content}.{number}", number, name, motion, source, since, at, share),
    )
    return number


def withdraw_version(conn: psycopg.Connection, version: int, at: datetime) -> bool:
    """Takes back a version whose moment has not come; False where it has, or where it was taken back before."""
    done = conn.execute(
        "UPDATE contract SET withdrawn_at = %s WHERE version = %s AND withdrawn_at IS NULL AND in_force_from > %s", (at, version, at)
    )
    return done.rowcount == 1


# --- drafts ---------------------------------------------------------------------------------------------------

_DRAFT: Final = (
    "SELECT number, source, content, takes_force, base, state, version, revision, by, created_at, changed_at FROM contract_draft"
)


def draft(conn: psycopg.Connection, number: int) -> Draft | None:
    row = conn.execute(f"{_DRAFT} WHERE number = %s", (number,)).fetchone()
    return Draft(*row) if row else None


def drafts(conn: psycopg.Connection, *, only_open: bool = False) -> list[Draft]:
    """Newest first."""
    return [Draft(*row) for row in conn.execute(f"{_DRAFT} {'WHERE state = $$open$$' if only_open else ''} ORDER BY number DESC")]


def waiting_for(conn: psycopg.Connection, side: Side) -> int:
    """How many drafts the other side has signed, as they stand, and this one has not."""
    row = conn.execute(
        """SELECT count(*) FROM contract_draft AS d
           WHERE d.state = 'open' AND (SELECT array_agg(h.side) FROM contract_history AS h
                                       WHERE h.draft = d.number AND h.kind = 'signed' AND h.data -> 'revision' = to_jsonb(d.revision))
                                      = ARRAY[CASE WHEN %s = 'sales' THEN 'marketing' ELSE 'sales' END]""",
        (side,),
    ).fetchone()
    return int(row[0]) if row else 0


def insert_draft(
    conn: psycopg.Connection, source: str, content: str | None, takes_force: datetime | None, base: int | None, by: str, at: datetime
) -> int:
    """A new draft; its number. Under `lock`."""
    row = conn.execute(
        """INSERT INTO contract_draft (number, source, content, takes_force, base, by, created_at, changed_at)
           SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s FROM contract_draft RETURNING number""",
        (source, content, takes_force, base, by, at, at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def change_draft(
    conn: psycopg.Connection,
    number: int,
    revision: int,
    source: str,
    content: str | None,
    takes_force: datetime | None,
    by: str,
    at: datetime,
) -> bool:
    """Saves a draft over its `revision`; False where it is not open, or where somebody saved it meanwhile."""
    done = conn.execute(
        """UPDATE contract_draft SET source = %s, content = %s, takes_force = %s, by = %s, changed_at = %s, revision = revision + 1
           WHERE number = %s AND revision = %s AND state = 'open'""",
        (source, content, takes_force, by, at, number, revision),
    )
    return done.rowcount == 1


def settle_draft(conn: psycopg.Connection, number: int, state: str, at: datetime, version: int | None = None) -> bool:
    """Ends an open draft as `agreed` or `withdrawn`; False where it has ended."""
    done = conn.execute(
        "UPDATE contract_draft SET state = %s, version = %s, changed_at = %s WHERE number = %s AND state = 'open'",
        (state, version, at, number),
    )
    return done.rowcount == 1


# --- history --------------------------------------------------------------------------------------------------

_ENTRY: Final = "SELECT seq, kind, at, by, side, draft, version, content, data, previous, hash FROM contract_history"


def last_entry(conn: psycopg.Connection) -> tuple[int, str] | None:
    """Number and hash of the latest entry. Under `lock`, where one is to follow."""
    row = conn.execute("SELECT seq, hash FROM contract_history ORDER BY seq DESC LIMIT 1").fetchone()
    return (row[0], row[1]) if row else None


def append(conn: psycopg.Connection, entry: Entry) -> None:
    conn.execute(
        """INSERT INTO contract_history (seq, kind, at, by, side, draft, version, content, data, previous, hash)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            *(entry.seq, entry.kind, entry.at, entry.by, entry.side, entry.draft, entry.version, entry.content),
            *(Jsonb(dict(entry.data)), entry.previous, entry.hash),
        ),
    )


def history(conn: psycopg.Connection, draft: int | None = None) -> list[Entry]:
    """The whole history, or that of one draft; oldest first."""
    if draft is None:
        return [Entry(*row) for row in conn.execute(f"{_ENTRY} ORDER BY seq")]
    return [Entry(*row) for row in conn.execute(f"{_ENTRY} WHERE draft = %s ORDER BY seq", (draft,))]


def last_signed(conn: psycopg.Connection) -> int | None:
    """The latest version that holds, or will, by signatures: from then on, loading one without them has to be said. One withdrawn never held."""
    row = conn.execute(
        "SELECT max(h.version) FROM contract_history AS h JOIN contract AS c ON c.version = h.version WHERE h.kind = 'agreed' AND c.withdrawn_at IS NULL"
    ).fetchone()
    return row[0] if row else None
