"""A column of a CSV file as the entries of a list: the good rows count, each bad one is a Problem with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Final

from handfast.contract.lists import LONGEST_ENTRY, MOST_ENTRIES
from handfast.problem import Place, Problem, one_of

#: A file larger than this is no list of postcodes or companies.
MOST_BYTES: Final = 50_000_000
#: Bad rows told one by one; of more only how many there are.
MOST_TOLD: Final = 50


def read_list(path: Path, column: str, name: str) -> tuple[list[str] | None, list[Problem]]:
    """The entries (unique, in the file's order), and the rows that were left out. None: the file cannot be used at all, for one Problem.

    A cell is trimmed; comparisons are exact. The separator is a comma, a semicolon or a tab: whichever the heading has most of.
    """
    text = _text(path, name)
    if isinstance(text, Problem):
        return None, [text]
    heading = text.partition("\n")[0]
    separator = max(",;\t", key=heading.count)
    rows = csv.reader(StringIO(text, newline=""), delimiter=separator)
    try:
        columns = [cell.strip() for cell in next(rows, [])]
    except csv.Error as error:
        return None, [Problem(Place(name, 1), f"the heading cannot be read ({error})", "Save it as CSV once more.")]
    if column not in columns:
        return None, [Problem(Place(name, 1), f"it has no column '{column}'", one_of([one for one in columns if one], word=column))]
    found: dict[str, None] = {}
    problems: list[Problem] = []
    left_out = 0
    for entry in _cells(rows, columns.index(column), column, name):
        if isinstance(entry, str):
            found[entry] = None
        else:
            left_out += 1
            problems += [entry] if left_out <= MOST_TOLD else []
        if len(found) > MOST_ENTRIES:
            what = f"the column '{column}' has more than {MOST_ENTRIES:,} entries"
            return None, [Problem(Place(name), what, "A list holds no more: use a field that enrichment or an import fills.")]
    if left_out > MOST_TOLD:
        problems.append(Problem(Place(name), f"{left_out - MOST_TOLD:,} further rows were left out", "Correct the ones above first."))
    if not found:
        return None, [*problems, Problem(Place(name), f"the column '{column}' has no entry", "Fill it, or drop the list.")]
    return list(found), problems


def _text(path: Path, name: str) -> str | Problem:
    try:
        if path.stat().st_size > MOST_BYTES:
            what = f"it has {path.stat().st_size / 1e6:,.0f} MB; {MOST_BYTES // 1_000_000} are the most"
            return Problem(Place(name), what, "Keep only the column that is needed, each entry once.")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return Problem(
            Place(name, line), "this is not UTF-8 text", "Save the file as UTF-8; most programs ask for the encoding when saving."
        )
    except OSError as error:
        return Problem(Place(name), f"it cannot be read ({error.strerror or type(error).__name__})", "Put it beside the contract.")


def _cells(rows: Iterator[list[str]], place: int, column: str, name: str) -> Iterator[str | Problem]:
    """The entry of each row, or why it has none. Empty lines are no rows."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Problem(Place(name, rows.line_num), f"the row cannot be read ({error})", "Correct its quotes.")  # type: ignore[attr-defined]
            continue
        if not row or row == [""]:
            continue
        line: int = rows.line_num  # type: ignore[attr-defined]
        if place >= len(row):
            yield Problem(
                Place(name, line, part=column), f"the row has {len(row)} cells and '{column}' is the {place + 1}th", "Complete it."
            )
            continue
        entry = row[place].strip()
        if not entry:
            yield Problem(Place(name, line, part=column), "the cell is empty", "Fill it, or take the row out.")
        elif len(entry) > LONGEST_ENTRY:
            what = f"the cell has {len(entry):,} characters; {LONGEST_ENTRY} are the most"
            yield Problem(Place(name, line, part=column), what, "Check for a missing quote further up.")
        elif not entry.isprintable():
            yield Problem(Place(name, line, part=column), "the cell has a line break or a sign that cannot be read", "Take it out.")
        else:
            yield entry
