"""A contract read from a file, with the files of its lists taken into its text: from then on it is whole by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handfast.connectors.files.lists import read_list
from handfast.contract.agreement import Agreement
from handfast.contract.lists import LONGEST_PACKED, joined, pack, split
from handfast.contract.reading import read_contract
from handfast.contract.text import Source, read_text
from handfast.problem import Place, Problem


@dataclass(frozen=True, slots=True)
class Taken:
    """The whole text. `problems`: files that cannot be used, for which the contract cannot be read; `rows`: rows that were left out.

    `named`: where the contract names the files that cannot be used. `is_text`: False where it is not UTF-8; `problems` say so then.
    """

    text: str
    problems: list[Problem]
    rows: list[Problem]
    named: frozenset[Place] = frozenset()
    is_text: bool = True


def take_in(path: Path) -> Taken:
    """Reads a contract and the list files beside it. A file that is not there is no Problem where the text carries its entries already.

    A text that is not UTF-8 comes back with what could not be read replaced, and with the Problem that says so: it must not be kept, for
    nobody would see what is gone. Raises OSError where the contract itself cannot be read.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return Taken(raw.decode("utf-8", errors="replace"), read_contract(raw, str(path))[1], [], is_text=False)
    written, before = split(text)
    if "lists" not in written:
        return Taken(text, [], [])
    source, _ = read_text(written, str(path))
    terms = source.data.get("lists") if source is not None and isinstance(source.data, dict) else None
    if source is None or not isinstance(terms, dict):
        return Taken(text, [], [])
    packed: dict[str, str] = {}
    problems: list[Problem] = []
    rows: list[Problem] = []
    named: set[Place] = set()
    for name, term in terms.items():
        entries, refused, left_out = _entries(source, path.parent, name, term)
        rows += left_out
        if entries is not None:
            packed[name] = pack(entries)
        elif name in before:
            packed[name] = before[name]
        else:
            problems += refused
            named |= {source.place(("lists", name, "file"))} if refused else set()
    if sum(map(len, packed.values())) > LONGEST_PACKED:
        what = f"the lists together hold more than a contract can carry ({LONGEST_PACKED // 1_000_000} MB, compressed)"
        return Taken(text, [Problem(source.place(("lists",)), what, "Keep fewer entries."), *problems], rows)
    return Taken(joined(written, packed), problems, rows, frozenset(named))


def _entries(source: Source, folder: Path, name: str, term: Any) -> tuple[list[str] | None, list[Problem], list[Problem]]:
    """The entries, why there are none, and the rows left out. What is no file's list is left to the reading of the contract."""
    if not isinstance(term, dict) or not isinstance(term.get("file"), str) or not isinstance(term.get("column"), str):
        return None, [], []
    place = source.place(("lists", name, "file"))
    file = Path(term["file"])
    if file.is_absolute() or ".." in file.parts:
        return None, [Problem(place, f"'{file}' does not stand beside the contract", "Put it into the contract's folder, or below it.")], []
    if not (folder / file).is_file():
        return None, [Problem(place, f"there is no file '{file}' beside the contract", "Put it there, or correct the name.")], []
    entries, problems = read_list(folder / file, term["column"], str(file))
    return (None, problems, []) if entries is None else (entries, [], problems)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A contract file as it was read: without Problems there is an agreement. `text` is whole; `rows` of its lists were left out."""

    agreement: Agreement | None
    problems: list[Problem]
    text: str
    rows: list[Problem]


def read_file(path: Path) -> ReadFile:
    """Reads and compiles a contract from a file and the list files beside it. Raises OSError where it cannot be read."""
    taken = take_in(path)
    if not taken.is_text:
        return ReadFile(None, taken.problems, taken.text, [])
    agreement, problems = read_contract(taken.text, str(path))
    problems = sorted([*taken.problems, *(p for p in problems if p.where not in taken.named)], key=lambda p: (p.where.line, p.where.column))
    return ReadFile(None if problems else agreement, problems, taken.text, taken.rows)
