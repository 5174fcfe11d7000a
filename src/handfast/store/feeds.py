"""Calendars that are fetched again and again: where they lie, and how it went the last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import psycopg


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar of a rep. `url` opens it: it is never shown. Times are UTC; `failing_since` None: it was fine the last time."""

    rep: str
    name: str
    url: str = field(repr=False)
    etag: str | None
    modified: str | None
    kept_by: str
    kept_at: datetime
    read_at: datetime | None
    good_at: datetime | None
    failing_since: datetime | None
    absences: int | None
    problems: Sequence[Mapping[str, Any]]


_FEED = "rep_id, name, url, etag, modified, kept_by, kept_at, read_at, good_at, failing_since, absences, problems"


def keep(conn: psycopg.Connection, rep: str, name: str, url: str, by: str, at: datetime) -> None:
    """Keeps it, or gives one of this name another address; it is due at once."""
    conn.execute(
        """INSERT INTO absence_feed (rep_id, name, url, kept_by, kept_at, next_at) VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT (rep_id, name) DO UPDATE SET url = excluded.url, kept_by = excluded.kept_by, kept_at = excluded.kept_at,
               next_at = excluded.next_at, etag = NULL, modified = NULL, failing_since = NULL, problems = '[]'""",
        (rep, name, url, by, at, at),
    )


def forget(conn: psycopg.Connection, rep: str, name: str, at: datetime) -> bool:
    """Forgets it, and what it said of the time after `at`. False where there was none."""
    if not conn.execute("DELETE FROM absence_feed WHERE rep_id = %s AND name = %s", (rep, name)).rowcount:
        return False
    conn.execute("DELETE FROM absence WHERE rep_id = %s AND source = %s AND ends_at > %s", (rep, f"calendar:{name}", at))
    return True


def feeds(conn: psycopg.Connection) -> list[Feed]:
    """All of them, by rep and name."""
    return [Feed(*row) for row in conn.execute(f"SELECT {_FEED} FROM absence_feed ORDER BY rep_id, name").fetchall()]


def claim(conn: psycopg.Connection, at: datetime, again_at: datetime) -> Feed | None:
    """The one that has waited longest, if any is due, put off to `again_at`: nobody else asks it meanwhile."""
    row = conn.execute(
        f"""UPDATE absence_feed SET next_at = %s WHERE (rep_id, name) IN (
                SELECT rep_id, name FROM absence_feed WHERE next_at <= %s ORDER BY next_at, rep_id, name LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING {_FEED}""",
        (again_at, at),
    ).fetchone()
    return Feed(*row) if row else None


def is_kept(conn: psycopg.Connection, feed: Feed) -> bool:
    """Whether it is still kept at this address; the row is locked."""
    query = "SELECT FROM absence_feed WHERE rep_id = %s AND name = %s AND url = %s FOR UPDATE"
    return conn.execute(query, (feed.rep, feed.name, feed.url)).fetchone() is not None


def went_well(conn: psycopg.Connection, feed: Feed, at: datetime, next_at: datetime) -> None:
    """Its server says that nothing has changed."""
    conn.execute(
        "UPDATE absence_feed SET good_at = %s, next_at = %s, failing_since = NULL WHERE rep_id = %s AND name = %s",
        (at, next_at, feed.rep, feed.name),
    )


def was_read(
    conn: psycopg.Connection,
    feed: Feed,
    at: datetime,
    next_at: datetime,
    *,
    etag: str | None,
    modified: str | None,
    absences: int,
    problems: Sequence[Mapping[str, Any]],
) -> None:
    """It was read, whole; `problems`: of single events."""
    conn.execute(
        """UPDATE absence_feed SET etag = %s, modified = %s, read_at = %s, good_at = %s, next_at = %s, failing_since = NULL, absences = %s,
               problems = %s::jsonb WHERE rep_id = %s AND name = %s""",
        (etag, modified, at, at, next_at, absences, orjson.dumps(list(problems)).decode(), feed.rep, feed.name),
    )


def failed(conn: psycopg.Connection, feed: Feed, at: datetime, next_at: datetime, problems: Sequence[Mapping[str, Any]]) -> None:
    """It could not be fetched, or not be read. What it said the last time stands."""
    conn.execute(
        """UPDATE absence_feed SET failing_since = coalesce(failing_since, %s), next_at = %s, etag = NULL, modified = NULL, problems = %s::jsonb
           WHERE rep_id = %s AND name = %s""",
        (at, next_at, orjson.dumps(list(problems)).decode(), feed.rep, feed.name),
    )
