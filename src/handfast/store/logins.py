"""Accounts and sessions: the SQL of signing in.

Nothing here knows a password or a cookie: it stores what `desk.logins` made of them. Functions that write take a connection of `Store.writing()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from psycopg import Connection

Role = Literal["rep", "manager", "marketing", "revops", "leader"]
ROLES: Final[tuple[Role, ...]] = ("rep", "manager", "marketing", "revops", "leader")
#: Prefix of the notes that count attempts to sign in, by digest of e-mail and address.
_ATTEMPTS: Final = "login_attempts:"


@dataclass(frozen=True, slots=True)
class Login:
    """A local account. `rep_id` ties it to a rep's queue, `time_zone` is that rep's (None without one); `password` is scrypt text."""

    id: str
    email: str
    name: str
    role: Role
    rep_id: str | None
    time_zone: str | None
    password: str
    created_at: datetime


_LOGIN: Final = """
    SELECT l.id, l.email, l.name, l.role, l.rep_id, r.time_zone, l.password, l.created_at
      FROM login l LEFT JOIN rep r ON r.id = l.rep_id
"""


def by_email(conn: Connection, email: str) -> Login | None:
    row = conn.execute(_LOGIN + " WHERE l.email = %s", (email,)).fetchone()
    return Login(*row) if row else None


def all_logins(conn: Connection) -> list[Login]:
    return [Login(*row) for row in conn.execute(_LOGIN + " ORDER BY l.email")]


def any_login(conn: Connection) -> bool:
    """Whether there is an account at all: a new installation has none."""
    return conn.execute("SELECT 1 FROM login LIMIT 1").fetchone() is not None


def rep_exists(conn: Connection, rep_id: str) -> bool:
    return conn.execute("SELECT 1 FROM rep WHERE id = %s", (rep_id,)).fetchone() is not None


def rep_ids(conn: Connection) -> list[str]:
    """Every rep, for the sentence that says what could be meant."""
    return [row[0] for row in conn.execute("SELECT id FROM rep WHERE active ORDER BY id LIMIT 200")]


def insert(conn: Connection, login: Login) -> bool:
    """Write a new account; False if the e-mail has one already."""
    done = conn.execute(
        "INSERT INTO login (id, email, name, role, rep_id, password, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (email) DO NOTHING",
        (login.id, login.email, login.name, login.role, login.rep_id, login.password, login.created_at),
    )
    return done.rowcount == 1


def delete(conn: Connection, email: str) -> bool:
    """Remove the account and end its sessions; False if there was none."""
    return conn.execute("DELETE FROM login WHERE email = %s", (email,)).rowcount == 1


def open_session(conn: Connection, digest: bytes, login_id: str, at: datetime) -> None:
    conn.execute("INSERT INTO session (digest, login_id, started_at, seen_at) VALUES (%s, %s, %s, %s)", (digest, login_id, at, at))


def session_login(conn: Connection, digest: bytes, idle_since: datetime) -> tuple[Login, datetime] | None:
    """Whose session this is and when it was last seen; None if unknown or not seen since `idle_since`."""
    row = conn.execute(
        """SELECT l.id, l.email, l.name, l.role, l.rep_id, r.time_zone, l.password, l.created_at, s.seen_at
             FROM session s JOIN login l ON l.id = s.login_id LEFT JOIN rep r ON r.id = l.rep_id
            WHERE s.digest = %s AND s.seen_at >= %s""",
        (digest, idle_since),
    ).fetchone()
    return (Login(*row[:-1]), row[-1]) if row else None


def see_session(conn: Connection, digest: bytes, at: datetime) -> None:
    conn.execute("UPDATE session SET seen_at = %s WHERE digest = %s AND seen_at < %s", (at, digest, at))


def close_session(conn: Connection, digest: bytes) -> None:
    conn.execute("DELETE FROM session WHERE digest = %s", (digest,))


def drop_idle_sessions(conn: Connection, idle_since: datetime) -> None:
    conn.execute("DELETE FROM session WHERE seen_at < %s", (idle_since,))


def count_attempt(conn: Connection, digest: str, at: datetime, window_start: datetime) -> int:
    """Record one attempt to sign in and say how many there were since `window_start`, this one included.

    Kept in the database, so that the limit holds however many web processes there are. Notes older than the window are removed
    on the way, which bounds the table.
    """
    conn.execute("DELETE FROM note WHERE key LIKE %s AND at < %s", (_ATTEMPTS + "%", window_start))
    row = conn.execute(
        """INSERT INTO note (key, value, at) VALUES (%(key)s, '1', %(at)s)
           ON CONFLICT (key) DO UPDATE SET value = to_jsonb((note.value #>> '{}')::int + 1)
           RETURNING (value #>> '{}')::int""",
        {"key": _ATTEMPTS + digest, "at": at},
    ).fetchone()
    return int(row[0]) if row else 1


def forget_attempts(conn: Connection, digest: str) -> None:
    conn.execute("DELETE FROM note WHERE key = %s", (_ATTEMPTS + digest,))
