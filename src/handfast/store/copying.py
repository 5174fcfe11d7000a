"""Rows into a table, many at a time: COPY in the binary format, an eighth of the processor time of its text.

Measured on 20,000 rows of three columns: 0.5 µs a row on this side, of the text 3.9 µs, of an INSERT from arrays 1.7 µs; and PostgreSQL has less to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg

_BYTEA: Final = psycopg.adapters.types["bytea"].oid
#: What a document of type `jsonb` begins with in the binary format: the version of that.
JSONB: Final = b"\x01"
_BEGINS: Final = {psycopg.adapters.types["json"].oid: b"", psycopg.adapters.types["jsonb"].oid: JSONB}

#: `table (columns)` → the types of its columns, as the database has them; a schema does not change while a process runs.
_types: dict[str, list[int]] = {}


def copy_rows(conn: psycopg.Connection[Any], into: str, rows: Sequence[Sequence[Any]], *, packed: bool = False) -> None:
    """COPY these rows into `table (columns)`. Each value is of its column's type; JSON comes as text, or as bytes of UTF-8.

    `packed`: each document begins already with what it begins with in the binary format (`JSONB`), for whoever makes many.
    """
    if not rows:
        return
    types = _types_of(conn, into)
    documents = [(place, _BEGINS[kind]) for place, kind in enumerate(types) if kind in _BEGINS and not packed]
    with conn.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([_BYTEA if kind in _BEGINS else kind for kind in types])
        for row in rows:
            copy.write_row(_packed(row, documents) if documents else row)


def _packed(row: Sequence[Any], documents: Sequence[tuple[int, bytes]]) -> list[Any]:
    """The same with its JSON as it goes over the wire."""
    packed = list(row)
    for place, begins in documents:
        if (text := packed[place]) is not None:
            packed[place] = begins + (text if isinstance(text, bytes) else text.encode())
    return packed


def _types_of(conn: psycopg.Connection[Any], into: str) -> list[int]:
    if (found := _types.get(into)) is None:
        table, _, named = into.rstrip(")").partition(" (")
        asked = "SELECT attname::text, atttypid::bigint FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        kinds: dict[str, int] = dict(conn.execute(asked, (table,)).fetchall())
        found = _types[into] = [kinds[name.strip()] for name in named.split(",")]
    return found
