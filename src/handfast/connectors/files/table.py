"""A file as rows, each with the line it stands on, in chunks. What cannot be read is a Problem; the rows around it go on.

CSV is read by the standard library's reader: it knows the physical line of every row, and takes a row at a time, so a file of any size
needs the memory of one chunk. Line numbers of Parquet, which has no lines, are row numbers from 1.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from handfast.problem import Place, Problem

#: How many rows one chunk, and so one transaction, holds at most.
CHUNK: Final = 5_000
#: How many rows of Parquet are decoded at a time.
_DECODED: Final = 50_000
#: How many characters of a CSV file are looked at to find its separator.
_SAMPLE: Final = 65_536
_SEPARATORS: Final = (",", ";", "\t", "|")
#: A cell may have so many characters; a quote that is opened and never closed would otherwise swallow the file.
LONGEST_CELL: Final = 1_000_000
_ENDINGS: Final[Mapping[str, str]] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
#: What polars raises on a file that is no Parquet, or half of one; where it did not foresee the damage, it panics.
_DAMAGED: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
_UTF8: Final = "Save the file as UTF-8 (a spreadsheet calls it 'CSV UTF-8'), or convert it: iconv -f WINDOWS-1252 -t UTF-8."


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins on (from 1, the header's is 1 in CSV) and its cells by column name."""

    line: int
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that could be opened. `columns` is None where each row names its own (JSON lines)."""

    path: Path
    name: str
    format: str
    columns: Sequence[str] | None
    rows: int | None
    _dialect: Any = None

    def chunks(self, skip: int = 0, size: int = CHUNK) -> Iterator[list[Row | Problem]]:
        """The rows after the first `skip`, at most `size` at a time; a row that cannot be read is its Problem, and counts as a row."""
        reader = {"csv": self._csv, "jsonl": self._jsonl, "parquet": self._parquet}[self.format]
        rows = reader(skip)
        while chunk := list(islice(rows, size)):
            yield chunk

    def _csv(self, skip: int) -> Iterator[Row | Problem]:
        assert self.columns is not None
        with _text(self.path) as file:
            lines = _Lines(file)
            reader = csv.reader(lines, **self._dialect)
            next(reader, None)
            for number, one in enumerate(_csv_rows(reader, lines, self.name, len(self.columns))):
                if number >= skip:
                    yield one if isinstance(one, Problem) else Row(one[0], dict(zip(self.columns, one[1], strict=True)))

    def _jsonl(self, skip: int) -> Iterator[Row | Problem]:
        with self.path.open("rb") as file:
            number = 0
            for line, raw in enumerate(file, start=1):
                text = raw.removeprefix(codecs.BOM_UTF8).strip()
                if not text:
                    continue
                number += 1
                if number > skip:
                    yield _json_row(text, Place(self.name, line))

    def _parquet(self, skip: int) -> Iterator[Row | Problem]:
        scan = pl.scan_parquet(self.path)
        at = skip
        while True:
            try:
                got = scan.slice(at, _DECODED).collect()
            except _DAMAGED as error:
                yield Problem(Place(self.name, at + 1), f"the file is damaged from here on ({_short(error)})", "Export it again.")
                return
            for cells in got.iter_rows(named=True):
                at += 1
                yield Row(at, cells)
            if got.height < _DECODED:
                return


def open_table(path: Path) -> Table | Problem:
    """The file as a table, known by its ending; what cannot be one is the Problem with it."""
    name = path.name
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "this is no ordinary file" if path.exists() else "there is no such file"
        return Problem(Place(str(path)), what, "Name a CSV, JSON lines or Parquet file.")
    if (form := _ENDINGS.get(path.suffix.lower())) is None:
        return Problem(Place(name), f"'{path.suffix}' is no ending we know", "Files end in .csv, .tsv, .jsonl or .parquet.")
    if path.stat().st_size == 0:
        return Problem(Place(name), "the file is empty", "Export it again; a CSV file has its column names in the first line.")
    try:
        return {"csv": _open_csv, "jsonl": _open_jsonl, "parquet": _open_parquet}[form](path)
    except UnicodeDecodeError as error:
        return _not_utf8(path, error)


def digest_of(path: Path) -> str:
    """SHA-256 of the file's bytes: what makes it the same file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- CSV ------------------------------------------------------------------------------------------------------


_BOMS_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _text(path: Path) -> io.TextIOWrapper:
    return path.open(encoding="utf-8-sig", newline="")


def _open_csv(path: Path) -> Table | Problem:
    with path.open("rb") as raw:
        if raw.read(2) in _BOMS_16:
            return _utf16(path)
    csv.field_size_limit(LONGEST_CELL)
    rows = 0
    # Read once from end to end before anything is recorded: half a file of the wrong encoding would be worse than none.
    with _text(path) as file:
        sample = file.read(_SAMPLE)
        rows = sample.count("\n")
        while block := file.read(1 << 20):
            rows += block.count("\n")
    dialect = {"delimiter": _separator(sample), "strict": True}
    try:
        header = next(csv.reader(io.StringIO(sample, newline=""), **dialect), [])  # type: ignore[arg-type]
    except csv.Error as error:
        fix = "Quote names with a separator in them, and close every quote."
        return Problem(Place(path.name, 1), f"the column names cannot be read ({error})", fix)
    columns = [cell.strip() for cell in header]
    if (wrong := _header(columns, path.name)) is not None:
        return wrong
    return Table(path, path.name, "csv", columns, rows, dialect)


def _header(columns: Sequence[str], name: str) -> Problem | None:
    if not any(columns):
        return Problem(Place(name, 1), "the first line has no column names", "Put the names of the columns into the first line.")
    for number, column in enumerate(columns, start=1):
        if not column:
            return Problem(Place(name, 1, 0, f"column {number}"), "this column has no name", "Name it in the first line, or take it out.")
        if column in columns[: number - 1]:
            what = f"a second column is called '{column}'"
            return Problem(Place(name, 1, 0, f"column {number}"), what, "Give each column a name of its own.")
    return None


def _separator(sample: str) -> str:
    """The separator that gives the first lines the same number of cells, the more the better."""
    best, most = ",", (0, 0)
    for separator in _SEPARATORS:
        try:
            lengths = [len(row) for row in islice(csv.reader(io.StringIO(sample, newline=""), delimiter=separator), 20) if row]
        except csv.Error:
            continue
        if not lengths or lengths[0] < 2:
            continue
        score = (sum(n == lengths[0] for n in lengths[:-1] or lengths), lengths[0])
        if score > most:
            best, most = separator, score
    return best


class _Lines:
    """The physical lines of a file. Those a row was read from can be read once more, all but its first."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file, self._again, self._read = file, deque[str](), list[str]()
        self.line = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        text = self._again.popleft() if self._again else next(self._file)
        self.line += 1
        self._read.append(text)
        return text

    def begin(self) -> int:
        """A row begins; returns its line."""
        self._read.clear()
        return self.line + 1

    def back(self) -> None:
        """The lines of the row after its first are read once more."""
        again = self._read[1:]
        self._again.extendleft(reversed(again))
        self.line -= len(again)


def _csv_rows(reader: Any, lines: _Lines, name: str, width: int) -> Iterator[tuple[int, list[str]] | Problem]:
    """Rows with the line they begin on.

    A quote that is never closed swallows the rows after it, up to the next quote or the end of the file. What cannot be read so is refused
    with its first line alone, and the lines after it are read once more, as rows of their own.
    """
    while True:
        line = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.back()
            fix = "A quote inside a quoted cell is written twice; each is closed on its row."
            yield Problem(Place(name, line), f"the row cannot be read ({error})", fix)
            continue
        if not cells:
            continue
        if len(cells) != width:
            upto = f", up to line {lines.line}," if lines.line > line else ""
            what = f"the row{upto} has {len(cells)} cells, and the header {width}"
            yield Problem(Place(name, line), what, "Quote cells that hold a separator, and give empty cells their separator.")
            continue
        yield line, cells


def _utf16(path: Path) -> Problem:
    return Problem(Place(path.name, 1), "this is UTF-16, not UTF-8, text", _UTF8.replace("WINDOWS-1252", "UTF-16"))


def _not_utf8(path: Path, error: UnicodeDecodeError) -> Problem:
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as here:
                return Problem(Place(path.name, line), f"this is not UTF-8 text (byte {raw[here.start]:#04x})", _UTF8)
    return Problem(Place(path.name), f"this is not UTF-8 text ({error.reason})", _UTF8)


# --- JSON lines -----------------------------------------------------------------------------------------------


def _open_jsonl(path: Path) -> Table | Problem:
    with path.open("rb") as file:
        first = file.readline().removeprefix(codecs.BOM_UTF8).strip()
        lines = 1 + sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    if first[:2] in _BOMS_16:
        return _utf16(path)
    if first.startswith(b"["):
        fix = "Write one object a line: jq -c '.[]' < file.json > file.jsonl."
        return Problem(Place(path.name, 1), "this is one JSON list, not JSON lines", fix)
    return Table(path, path.name, "jsonl", None, lines)


def _json_row(text: bytes, where: Place) -> Row | Problem:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Problem(where, f"the line is no JSON ({_short(error)})", "Write one JSON object a line, in UTF-8.")
    if not isinstance(value, dict):
        return Problem(where, f"the line is a {type(value).__name__}, not an object", 'Write one JSON object a line: {"email": "…"}.')
    return Row(where.line, dict(_flat(value)))


def _flat(value: Mapping[str, Any], before: str = "", levels: int = 3) -> Iterator[tuple[str, Any]]:
    """Nested objects under dotted names (`account.employees`), three levels deep; what lies deeper stays as it is."""
    for key, inner in value.items():
        if isinstance(inner, dict) and levels > 1:
            yield from _flat(inner, f"{before}{key}.", levels - 1)
        else:
            yield f"{before}{key}", inner


# --- Parquet --------------------------------------------------------------------------------------------------


def _open_parquet(path: Path) -> Table | Problem:
    try:
        scan = pl.scan_parquet(path)
        columns = scan.collect_schema().names()
        rows = scan.select(pl.len()).collect().item()
    except _DAMAGED as error:
        fix = "It may have been cut off while copying: export or copy it again."
        return Problem(Place(path.name), f"the file is no whole Parquet file ({_short(error)})", fix)
    return Table(path, path.name, "parquet", columns, rows)


def _short(error: BaseException) -> str:
    if isinstance(error, pl.exceptions.PanicException):
        return "what it says of itself is not so"
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def cells_of(rows: Iterable[Row | Problem]) -> set[str]:
    """The column names that occur in these rows."""
    return {name for row in rows if isinstance(row, Row) for name in row.cells}


__all__ = ["CHUNK", "Row", "Table", "cells_of", "digest_of", "open_table"]
