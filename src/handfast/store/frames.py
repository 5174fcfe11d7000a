"""Results of a query as Polars frames: the server writes lines, Polars reads them, no row ever becomes Python objects.

Measured on 65,000 rows of eight columns: 1.4 µs a row, of COPY as CSV 4 µs, of `fetchall` 6 µs and twice that with a Series a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from handfast.contract.frames import FEW

if TYPE_CHECKING:
    from handfast.store.base import Conn

#: A time travels as whole microseconds since 1970, which neither side needs to parse.
MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"


def lines(conn: Conn, columns: Mapping[str, tuple[str, pl.DataType]], source: str, params: Sequence[Any]) -> pl.DataFrame:
    """`SELECT columns FROM source` as a frame; the order of its rows is the server's.

    `columns`: name → (SQL expression, type). An expression gives a number, a time (typed `pl.Datetime`, in UTC), or JSON text: nothing in
    which a tab or a line's end could stand. One answer holds at most 1 GB.
    """
    types = {name: dtype for name, (_, dtype) in columns.items()}
    cells = [MICROSECONDS.format(text) if isinstance(dtype, pl.Datetime) else text for text, dtype in columns.values()]
    cell_by_cell = ", E'\\t', ".join(cells)
    row = conn.execute(f"SELECT string_agg(concat({cell_by_cell}), E'\\n') FROM {source}", params).fetchone()
    if row is None or row[0] is None:
        return pl.DataFrame(schema=types)
    return (read_few if row[0].count("\n") < FEW else read_many)(row[0], types)


def read_many(text: str, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Lines of cells as a frame; an empty cell is null."""
    wire = {name: pl.Int64() if isinstance(dtype, pl.Datetime) else dtype for name, dtype in types.items()}
    frame = pl.read_csv(text.encode(), has_header=False, schema=wire, separator="\t", quote_char=None)
    return frame.with_columns(pl.col(name).cast(dtype) for name, dtype in types.items() if isinstance(dtype, pl.Datetime))


def read_few(text: str, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The same of few lines, for which Polars would take five times as long to begin."""
    cells = zip(*(line.split("\t") for line in text.split("\n")), strict=True)
    return pl.DataFrame([_column(name, dtype, each) for (name, dtype), each in zip(types.items(), cells, strict=True)])


def _column(name: str, dtype: pl.DataType, cells: Sequence[str]) -> pl.Series:
    if isinstance(dtype, pl.String):
        return pl.Series(name, [cell or None for cell in cells], dtype=dtype)
    read = float if dtype.is_float() else int
    return pl.Series(name, [read(cell) if cell else None for cell in cells]).cast(dtype)
