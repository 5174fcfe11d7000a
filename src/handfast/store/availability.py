"""Who is there: what reps are like, whether they are switched on, their absences, and what they were given today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
import psycopg

from handfast.facts import Absence


@dataclass(frozen=True, slots=True)
class Away:
    """One absence as stored. `source`: '' by hand or import, else the calendar it was read from. UTC."""

    rep: str
    starts_at: datetime
    ends_at: datetime
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class There:
    """A rep as the page of availability shows them. `off_since` None: switched on. `open` counts open handoffs, `away` the absence now."""

    id: str
    name: str
    team: str
    time_zone: str
    week: Mapping[str, Sequence[str]] | None
    holidays: str | None
    skills: tuple[str, ...]
    off_since: datetime | None
    off_by: str | None
    off_why: str | None
    open: int
    away_until: datetime | None


def there(conn: psycopg.Connection, at: datetime) -> list[There]:
    """Active reps by name."""
    rows = conn.execute(
        """SELECT r.id, r.name, r.team, r.time_zone, p.week, p.holidays, p.skills, p.off_since, p.off_by, p.off_why,
                  (SELECT count(*) FROM handoff AS h WHERE h.owner_id = r.id AND h.closed_at IS NULL),
                  (SELECT max(a.ends_at) FROM absence AS a WHERE a.rep_id = r.id AND a.starts_at <= %s AND a.ends_at > %s)
           FROM rep AS r LEFT JOIN rep_profile AS p ON p.rep_id = r.id WHERE r.active ORDER BY r.name, r.id""",
        (at, at),
    ).fetchall()
    return [There(*(*r[:6], tuple(r[6] or ()), *r[7:])) for r in rows]


def absences_of(conn: psycopg.Connection, since: datetime, rep: str | None = None) -> list[Away]:
    """Absences that end after `since`, by their start; of one rep, or of everybody."""
    rows = conn.execute(
        """SELECT rep_id, starts_at, ends_at, why, source FROM absence WHERE ends_at > %s AND (%s::text IS NULL OR rep_id = %s)
           ORDER BY starts_at, rep_id, source""",
        (since, rep, rep),
    ).fetchall()
    return [Away(*r) for r in rows]


def drop_absence(conn: psycopg.Connection, rep: str, starts_at: datetime, source: str) -> bool:
    """Whether there was one."""
    done = conn.execute("DELETE FROM absence WHERE rep_id = %s AND starts_at = %s AND source = %s", (rep, starts_at, source))
    return bool(done.rowcount)


def replace_calendar(conn: psycopg.Connection, rep: str, source: str, since: datetime, until: datetime, found: Sequence[Absence]) -> None:
    """What a calendar says of a rep between two moments takes the place of what it said before. What it says again is not touched."""
    conn.execute(
        """DELETE FROM absence WHERE rep_id = %s AND source = %s AND ends_at > %s AND starts_at < %s AND NOT starts_at = ANY(%b::timestamptz[])""",
        (rep, source, since, until, [one.starts_at for one in found]),
    )
    if found:
        conn.execute(
            """INSERT INTO absence (rep_id, starts_at, ends_at, why, source)
               SELECT %s, d.starts_at, d.ends_at, %s, %s FROM unnest(%b::timestamptz[], %b::timestamptz[]) AS d (starts_at, ends_at)
               ON CONFLICT (rep_id, starts_at, source) DO UPDATE SET ends_at = excluded.ends_at WHERE absence.ends_at <> excluded.ends_at""",
            (rep, "calendar", source, [one.starts_at for one in found], [one.ends_at for one in found]),
        )


def switch(conn: psycopg.Connection, rep: str, off_since: datetime | None, by: str, why: str) -> bool:
    """Switches a rep off (since a moment) or on (None). False where they stood so already."""
    return bool(
        conn.execute(
            """INSERT INTO rep_profile AS p (rep_id, off_since, off_by, off_why) VALUES (%s, %s, %s, %s)
               ON CONFLICT (rep_id) DO UPDATE SET off_since = excluded.off_since, off_by = excluded.off_by, off_why = excluded.off_why
               WHERE (p.off_since IS NULL) <> (excluded.off_since IS NULL)""",
            (rep, off_since, by, why),
        ).rowcount
    )


def put_profiles(conn: psycopg.Connection, rows: Sequence[tuple[str, Mapping[str, Any] | None, str | None, Sequence[str] | None]]) -> int:
    """(rep, week, holidays, skills); what is None stays as it is. Returns how many changed."""
    changed = 0
    for rep, week, holidays, skills in rows:
        said = orjson.dumps(dict(week)).decode() if week is not None else None
        changed += conn.execute(
            """INSERT INTO rep_profile AS p (rep_id, week, holidays, skills) VALUES (%s, %s::jsonb, %s, coalesce(%s::text[], '{}'))
               ON CONFLICT (rep_id) DO UPDATE SET week = coalesce(excluded.week, p.week), holidays = coalesce(excluded.holidays, p.holidays),
                   skills = coalesce(%s::text[], p.skills)
               WHERE (p.week, p.holidays, p.skills) IS DISTINCT FROM
                     (coalesce(excluded.week, p.week), coalesce(excluded.holidays, p.holidays), coalesce(%s::text[], p.skills))""",
            (rep, said, holidays, *([sorted(skills) if skills is not None else None] * 3)),
        ).rowcount
    return changed


def set_profile(conn: psycopg.Connection, rep: str, week: Mapping[str, Any] | None, holidays: str | None, skills: Sequence[str]) -> None:
    """As the page says it: what is left empty is taken away."""
    said = orjson.dumps(dict(week)).decode() if week is not None else None
    conn.execute(
        """INSERT INTO rep_profile (rep_id, week, holidays, skills) VALUES (%s, %s::jsonb, %s, %s::text[])
           ON CONFLICT (rep_id) DO UPDATE SET week = excluded.week, holidays = excluded.holidays, skills = excluded.skills""",
        (rep, said, holidays, sorted(skills)),
    )


# --- by the day -------------------------------------------------------------------------------------------------


def taken(conn: psycopg.Connection, since: date) -> dict[tuple[str, date], int]:
    """(rep, day of their own zone) → how many handoffs they were given on it."""
    rows = conn.execute("SELECT rep_id, day, taken FROM rep_day WHERE day >= %s", (since,)).fetchall()
    return {(rep, day): count for rep, day, count in rows}


def add_taken(conn: psycopg.Connection, rows: Sequence[tuple[str, date, int]]) -> None:
    """Adds to what reps were given on days."""
    if not rows:
        return
    conn.execute(
        """INSERT INTO rep_day (rep_id, day, taken) SELECT * FROM unnest(%b::text[], %b::date[], %b::int[])
           ON CONFLICT (rep_id, day) DO UPDATE SET taken = rep_day.taken + excluded.taken""",
        [list(c) for c in zip(*rows, strict=True)],
    )
