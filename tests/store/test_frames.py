"""What the server writes as lines: few are read as many are."""

from __future__ import annotations

from typing import Final

import polars as pl

from handfast.store.frames import read_few, read_many

TYPES: Final = {
    "signal": pl.Int64(), "_key": pl.UInt32(), "at": pl.Datetime("us", "UTC"), "path": pl.String(), "share": pl.Float64(), "none": pl.Int64(),
}  # fmt: skip
LINES: Final = [
    '1\t2\t1772452800000001\t"/pricing?a=1"\t0.25\t',
    '-9000000000000000000\t\t-1\t"ü \\"quoted\\" \\n"\t-3\t',
    "3\t4294967295\t\t\t\t",
]


def test_few_lines_are_read_as_many_are() -> None:
    for lines in (LINES, LINES[:1], LINES[1:]):
        few, many = (read("\n".join(lines), TYPES) for read in (read_few, read_many))
        assert few.schema == many.schema == pl.Schema(TYPES)
        assert few.equals(many)
    assert few["path"].to_list() == ['"ü \\"quoted\\" \\n"', None]
