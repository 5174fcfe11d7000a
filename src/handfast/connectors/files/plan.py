"""A plan: the files of one history, each with its kind and mapping, and the contract it is lived through under.

```yaml
contract: contract.yaml
files:
  - {file: leads.csv, as: signals, map: leads.yaml}
  - {file: calls.csv, as: touches, map: calls.yaml}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, Field, ValidationError

from handfast.connectors.files.mapping import FileMap, missing_columns, plain, read_mapping
from handfast.connectors.files.table import Table, cells_of, open_table
from handfast.contract.place import KEY, dotted
from handfast.contract.terms import Term
from handfast.contract.text import Source, read_text
from handfast.problem import Place, Problem, one_of

Kind = Literal["signals", "people", "accounts", "reps", "opportunities", "touches", "dispositions"]


class PlanFile(Term):
    """One file of a plan, its path below the folder of the data, the mapping's below that of the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    file: str
    kind: Kind = Field(alias="as")
    map: str | None = None


class Plan(Term):
    contract: str
    files: tuple[PlanFile, ...] = Field(min_length=1)


#: Of a file without a single row that can be read, so many are told.
_TOLD: Final = 3
_ROWS: Final = "Export it again: one JSON object a line."


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of facts and how it is read."""

    table: Table
    mapping: FileMap


def open_file(path: Path, kind: str, map_path: Path | None, source: str = "import") -> tuple[Opened | None, list[Problem]]:
    """A file with its mapping, checked against each other; or everything that is wrong with them."""
    mapping, text, problems = plain(kind, source), None, list[Problem]()
    if map_path is not None:
        if not map_path.is_file():
            return None, [Problem(Place(str(map_path)), "there is no such mapping", "Check the path after --map.")]
        read, text, problems = read_mapping(map_path.read_bytes(), map_path.name, kind)
        if read is None:
            return None, problems
        mapping = read
    table = open_table(path)
    if isinstance(table, Problem):
        return None, [table]
    # JSON lines name their columns row by row: the first chunk is asked.
    columns = set(table.columns) if table.columns is not None else cells_of(first := next(table.chunks(), []))
    if table.columns is None and not columns:
        return None, [one for one in first if isinstance(one, Problem)][:_TOLD] or [Problem(Place(table.name), "it has no rows", _ROWS)]
    wrong = missing_columns(mapping, text, columns, table.name)
    return (None, wrong) if wrong else (Opened(table, mapping), [])


def read_plan(path: Path, folder: Path) -> tuple[Plan | None, list[Opened], list[Problem]]:
    """A plan with every file opened and every mapping checked; or all that is wrong."""
    if not path.is_file():
        return None, [], [Problem(Place(str(path)), "there is no such plan", "Check the path after --plan.")]
    source, problems = read_text(path.read_bytes(), path.name)
    if source is None or problems:
        return None, [], problems
    try:
        plan = Plan.model_validate(source.data)
    except ValidationError as refused:
        return None, [], list(_shape_problems(refused, source))
    opened: list[Opened] = []
    for one in plan.files:
        found, wrong = open_file(_below(folder, one.file), one.kind, path.parent / one.map if one.map else None)
        problems += wrong
        opened += [found] if found else []
    return (None if problems else plan), opened, problems


def _below(folder: Path, file: str) -> Path:
    """The file in the folder, or in its folder `tables`, as data sets are often packed."""
    inner = folder / "tables" / file
    return inner if inner.is_file() and not (folder / file).is_file() else folder / file


def _shape_problems(refused: ValidationError, source: Source) -> Iterator[Problem]:
    for error in refused.errors(include_url=False):
        path = tuple(error["loc"])
        if error["type"] == "extra_forbidden":
            known = ("file", "as", "map") if len(path) > 1 else ("contract", "files")
            yield Problem(source.place((*path, KEY)), f"'{path[-1]}' is not known in a plan", one_of(known, word=str(path[-1])))
        else:
            yield Problem(source.place(path), f"{dotted(path)}: {error['msg'][:1].lower()}{error['msg'][1:]}", _FIX)


_FIX: Final = "A plan has `contract: FILE` and `files: [{file: FILE, as: KIND, map: MAP}, ...]`."

__all__ = ["Opened", "Plan", "open_file", "read_plan"]
