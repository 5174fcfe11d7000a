"""What an operator watches: the state of the installation in one go, its notes, and what the database announces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from handfast.store.base import Conn, Store

CHANNEL: Final = "handfast"


def note(conn: Conn, key: str) -> tuple[Any, datetime] | None:
    """A small fact about the installation and when it was written."""
    row = conn.execute("SELECT value, at FROM note WHERE key = %s", (key,)).fetchone()
    return (row[0], row[1]) if row else None


@dataclass(frozen=True, slots=True)
class Pulse:
    """What an operator watches, read in one go. Ages are left to whoever knows the time."""

    signals: int
    pending: int
    problems: int
    open_owned: int
    open_exceptions: int
    overdue_timers: int
    waiting: int
    oldest_waiting: datetime | None
    dead: int
    worker_at: datetime | None
    contract_version: int


def pulse(conn: Conn, at: datetime) -> Pulse:
    """`signals` is the number given to the latest one: a count that costs no scan."""
    row = conn.execute(
        """SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('signal', 'seq')), 0),
                  (SELECT count(*) FROM pending),
                  (SELECT count(*) FROM intake_problem WHERE state = 'open'),
                  (SELECT count(*) FROM handoff WHERE closed_at IS NULL AND owner_id IS NOT NULL),
                  (SELECT count(*) FROM handoff WHERE closed_at IS NULL AND owner_id IS NULL),
                  (SELECT count(*) FROM timer WHERE state = 0 AND due_at < %s),
                  (SELECT count(*) FROM outbox WHERE state = 'waiting'),
                  (SELECT min(created_at) FROM outbox WHERE state = 'waiting'),
                  (SELECT count(*) FROM outbox WHERE state = 'dead'),
                  (SELECT at FROM note WHERE key = 'worker'),
                  coalesce((SELECT version FROM contract WHERE in_force_from <= %s AND withdrawn_at IS NULL
                            ORDER BY in_force_from DESC, version DESC LIMIT 1), 0)""",
        (at, at),
    ).fetchone()
    assert row is not None  # an aggregate always gives a row
    return Pulse(*row)


def notifications(store: Store, patience_seconds: float = 0.25) -> Iterator[list[str]]:
    """What the database announces on channel `handfast`, in batches without repetition; an empty list each time nothing came.

    One connection of its own, outside the pool. Raises StorageAway when it breaks: whoever listens starts again and reloads.
    """
    with store.session() as conn:
        conn.execute(f"LISTEN {CHANNEL}")
        yield ["board"]  # what changed before we listened
        while True:
            batch = [n.payload for n in conn.notifies(timeout=patience_seconds)]
            yield list(dict.fromkeys(batch))
