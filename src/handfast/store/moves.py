"""What makes open handoffs move: owners named elsewhere, owners who are away, turns to be given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg


def say_who(conn: psycopg.Connection, by: str, at: datetime) -> None:
    """For the rest of this transaction: whose doing a change of an account's owner is, and when."""
    conn.execute("SELECT set_config('handfast.by', %s, true), set_config('handfast.at', %s, true)", (by[:200], at.isoformat()))


def say_when(conn: psycopg.Connection, at: datetime) -> None:
    """For the rest of this transaction: since when what it says of reps, absences and owners of opportunities holds."""
    conn.execute("SELECT set_config('handfast.at', %s, true)", (at.isoformat(),))


def what_waits(conn: psycopg.Connection, at: datetime, moving: Sequence[str], back: Sequence[str]) -> tuple[bool, bool]:
    """Whether anything has to move at `at`, and whether anything is held: a probe of an index for each kind, in one statement.

    `moving`, `back`: contracts that move what belongs to the absent, and that hand back what was covered. What is open is looked for from
    the few who are away or gone, whatever the planner thinks (OFFSET 0): it is asked every second.
    """
    row = conn.execute(
        """SELECT EXISTS (SELECT FROM owner_change WHERE state = 'open') OR EXISTS (SELECT FROM turn_credit WHERE applied_at IS NULL)
                  OR EXISTS (SELECT FROM dispute WHERE state = 'open' AND late_at IS NULL AND due_at <= %s)
                  OR (cardinality(%b::text[]) > 0 AND EXISTS (
                      SELECT FROM absence AS a,
                          LATERAL (SELECT touched_at, contract_id FROM handoff
                                   WHERE owner_id = a.rep_id AND owner_id IS NOT NULL AND closed_at IS NULL OFFSET 0) AS h
                      WHERE a.starts_at <= %s AND a.ends_at > %s AND h.touched_at IS NULL AND h.contract_id = ANY(%b)))
                  OR EXISTS (
                      SELECT FROM rep AS r,
                          LATERAL (SELECT FROM handoff WHERE owner_id = r.id AND owner_id IS NOT NULL AND closed_at IS NULL OFFSET 0) AS h
                      WHERE NOT r.active)
                  OR (cardinality(%b::text[]) > 0 AND EXISTS (
                      SELECT FROM cover AS c, LATERAL (SELECT contract_id FROM handoff WHERE id = c.handoff_id OFFSET 0) AS h
                      WHERE c.ended_at IS NULL AND h.contract_id = ANY(%b))),
                  EXISTS (SELECT FROM handoff WHERE closed_at IS NULL AND owner_id IS NULL)""",
        (at, *[list(moving), at, at, list(moving)], list(back), list(back)),
    ).fetchone()
    return (bool(row[0]), bool(row[1])) if row else (False, False)


# --- another owner named elsewhere --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """Another owner was named for an account. `by`: the door that said so."""

    seq: int
    account: str
    was: str | None
    becomes: str | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Working:
    """An open handoff of an account whose owner changed, with when its owner was chosen."""

    handoff: str
    owner: str | None
    touched: bool
    chosen_at: datetime
    rule: str


def changes(conn: psycopg.Connection, limit: int) -> list[OwnerChange]:
    """Changes nobody has dealt with, in their order, locked."""
    rows = conn.execute(
        "SELECT seq, account_id, was, becomes, by, at FROM owner_change WHERE state = 'open' ORDER BY seq LIMIT %s FOR UPDATE", (limit,)
    ).fetchall()
    return [OwnerChange(*row) for row in rows]


def in_work(conn: psycopg.Connection, account: str) -> list[Working]:
    """The open handoffs of an account."""
    rows = conn.execute(
        """SELECT h.id, h.owner_id, h.touched_at IS NOT NULL, a.at, a.rule FROM handoff AS h
           JOIN LATERAL (SELECT at, rule FROM assignment WHERE handoff_id = h.id ORDER BY leg DESC LIMIT 1) AS a ON true
           WHERE h.party = %s AND h.closed_at IS NULL ORDER BY h.opened_at, h.id""",
        (account,),
    ).fetchall()
    return [Working(*row) for row in rows]


def settle_change(conn: psycopg.Connection, seq: int, state: str, overrides: str | None, minutes: float | None, at: datetime) -> None:
    conn.execute(
        "UPDATE owner_change SET state = %s, overrides = %s, minutes = %s, settled_at = %s WHERE seq = %s",
        (state, overrides, minutes, at, seq),
    )


def put_owner(conn: psycopg.Connection, account: str, owner: str | None) -> None:
    conn.execute("UPDATE account SET owner_id = %s WHERE id = %s", (owner, account))


def owner_now(conn: psycopg.Connection, account: str) -> str | None:
    row = conn.execute("SELECT owner_id FROM account WHERE id = %s", (account,)).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Told:
    """A change by others as a page shows it."""

    company: str
    was: str | None
    becomes: str | None
    by: str
    at: datetime
    state: str
    overrides: str | None
    minutes: float | None


def latest_changes(conn: psycopg.Connection, since: datetime, limit: int = 50) -> list[Told]:
    """The latest first."""
    rows = conn.execute(
        """SELECT coalesce(nullif(a.name, ''), a.domain, a.id), w.name, b.name, c.by, c.at, c.state, c.overrides, c.minutes
           FROM owner_change AS c JOIN account AS a ON a.id = c.account_id LEFT JOIN rep AS w ON w.id = c.was LEFT JOIN rep AS b ON b.id = c.becomes
           WHERE c.at >= %s ORDER BY c.seq DESC LIMIT %s""",
        (since, limit),
    ).fetchall()
    return [Told(*row) for row in rows]


def overridden(conn: psycopg.Connection, since: datetime) -> list[tuple[str, int, int]]:
    """(door, changes that went against an owner we chose, of them within five minutes), the busiest first."""
    return conn.execute(
        """SELECT by, count(*) FILTER (WHERE overrides IS NOT NULL), count(*) FILTER (WHERE minutes <= 5) FROM owner_change
           WHERE at >= %s GROUP BY by ORDER BY 2 DESC, by""",
        (since,),
    ).fetchall()


def assigned_since(conn: psycopg.Connection, since: datetime) -> int:
    """How many owners were chosen since then."""
    row = conn.execute("SELECT count(*) FROM assignment WHERE at >= %s AND owner_id IS NOT NULL", (since,)).fetchone()
    return int(row[0]) if row else 0


# --- owners who are away --------------------------------------------------------------------------------------------


#: Where a walk has come to: opened_at and id of the last handoff looked at.
Cursor = tuple[datetime, str]


def of_the_absent(
    conn: psycopg.Connection, at: datetime, contracts: Sequence[str], limit: int, after: Cursor | None = None
) -> list[Cursor]:  # fmt: skip
    """Open handoffs of these contracts that nobody has tried and whose owner is absent at `at`, and all of owners who left, the oldest first."""
    return conn.execute(
        """SELECT DISTINCT h.opened_at, h.id
           FROM (SELECT rep_id, true AS comes_back FROM absence WHERE starts_at <= %s AND ends_at > %s
                 UNION SELECT id, false FROM rep WHERE NOT active) AS a
           JOIN handoff AS h ON h.owner_id = a.rep_id AND h.closed_at IS NULL
           WHERE (NOT a.comes_back OR (h.touched_at IS NULL AND h.contract_id = ANY(%b)))
                 AND (%s::timestamptz IS NULL OR (h.opened_at, h.id) > (%s, %s)) ORDER BY h.opened_at, h.id LIMIT %s""",
        (at, at, list(contracts), *([after[0], after[0], after[1]] if after else [None, None, None]), limit),
    ).fetchall()


# --- turns given back -----------------------------------------------------------------------------------------------


def add_credit(conn: psycopg.Connection, row: tuple[Any, ...]) -> bool:
    """(id, pool, rep, handoff, leg, reason, note, by, at). False where that turn was given back before."""
    return bool(
        conn.execute(
            """INSERT INTO turn_credit (id, pool, rep_id, handoff_id, leg, reason, note, by, at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (id) DO NOTHING""",
            row,
        ).rowcount
    )


def waiting_credits(conn: psycopg.Connection, limit: int) -> list[tuple[str, str, str, str]]:
    """(id, counter, rep, handoff's contract) of turns to be taken off."""
    return conn.execute(
        """SELECT c.id, c.pool, c.rep_id, h.contract_id FROM turn_credit AS c JOIN handoff AS h ON h.id = c.handoff_id
           WHERE c.applied_at IS NULL ORDER BY c.at, c.id LIMIT %s""",
        (limit,),
    ).fetchall()


def note_credits(conn: psycopg.Connection, ids: Sequence[str], at: datetime) -> None:
    conn.execute("UPDATE turn_credit SET applied_at = %s WHERE id = ANY(%b)", (at, list(ids)))


def last_turn(conn: psycopg.Connection, handoff: str) -> tuple[int, str, str, str] | None:
    """(leg, owner, pool, contract) of the last leg that took a turn of a pool."""
    return conn.execute(
        """SELECT a.leg, a.owner_id, a.pool, h.contract_id FROM assignment AS a JOIN handoff AS h ON h.id = a.handoff_id
           WHERE a.handoff_id = %s AND a.counts AND a.pool IS NOT NULL AND a.owner_id IS NOT NULL ORDER BY a.leg DESC LIMIT 1""",
        (handoff,),
    ).fetchone()


def exceptions_so_far(conn: psycopg.Connection, handoff: str) -> int:
    """How often this handoff has come to stand in the exception queue."""
    row = conn.execute("SELECT count(*) FROM clock WHERE handoff_id = %s AND kind = 'exception'", (handoff,)).fetchone()
    return int(row[0]) if row else 0


def take_from_owner(conn: psycopg.Connection, handoff: str) -> None:
    conn.execute("UPDATE handoff SET owner_id = NULL, revision = revision + 1 WHERE id = %s", (handoff,))
    # Of its kind the clock that ran before is over and stays reported; the new one is the current one.
    conn.execute("UPDATE clock SET current = false WHERE handoff_id = %s AND kind = 'exception' AND stopped_at IS NOT NULL", (handoff,))
