"""The log of what was learned and when: what replay reads, and nothing live. Append only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from handfast.store.copying import copy_rows


def add_learned(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """(noun, id, belongs_to, fields as JSON text, at, number of the signal), in the order learned."""
    copy_rows(conn, "learned (noun, id, belongs_to, fields, at, signal_seq)", rows)


def add_imported(conn: psycopg.Connection, keys: Sequence[str], at: datetime) -> None:
    """What is known of these accounts now, told by an import: known to every signal that is recorded from now on."""
    conn.execute(
        """INSERT INTO learned (noun, id, fields, at, signal_seq, imported)
           SELECT 'account', a.id, a.fields, %s, coalesce(pg_sequence_last_value(pg_get_serial_sequence('signal', 'seq')::regclass), 0), true
           FROM account AS a WHERE a.key = ANY(%s)""",
        (at, list(keys)),
    )
