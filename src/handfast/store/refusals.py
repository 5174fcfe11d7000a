"""Intake problems as the pages show them: what was refused at a door, kept whole until somebody settles it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from handfast.store.base import Conn


@dataclass(frozen=True, slots=True)
class Refusal:
    """A payload refused at a door. `payload` is its JSON, or None and `raw` the text as it came."""

    id: str
    source: str
    received_at: datetime
    part: str
    what: str
    fix: str
    payload: Any
    raw: str | None
    times: int
    state: str


_REFUSAL: Final = "SELECT id, source, received_at, part, what, fix, payload, raw, times, state FROM intake_problem"


def refusals(conn: Conn, limit: int = 100) -> list[Refusal]:
    """Open intake problems, latest first."""
    return [Refusal(*row) for row in conn.execute(_REFUSAL + " WHERE state = 'open' ORDER BY received_at DESC LIMIT %s", (limit,))]


def refusal(conn: Conn, problem_id: str) -> Refusal | None:
    row = conn.execute(_REFUSAL + " WHERE id = %s", (problem_id,)).fetchone()
    return Refusal(*row) if row else None


def refusal_counts(conn: Conn, since: datetime) -> dict[str, int]:
    """How many are open, and how many were replayed or dismissed since `since`."""
    rows = conn.execute(
        "SELECT state, count(*) FROM intake_problem WHERE state = 'open' OR settled_at >= %s GROUP BY state", (since,)
    ).fetchall()
    return {"open": 0, "replayed": 0, "dismissed": 0} | dict(rows)
