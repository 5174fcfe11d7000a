"""The small language that says what the columns of a file mean: YAML, checked, every complaint with its line.

```yaml
source: crm                      # part of every id: the same row of the same source counts once
timezone: America/New_York       # of times without an offset; a bare date is the first moment of that day there
history: true                    # received when it happened (else: received now)
only: {direction: [inbound]}     # rows to take; the others are passed over
fields:
  kind: {constant: form_submitted}
  at: Created Date
  user_id: {column: Lead ID, prefix: "crm:"}
properties:
  origin: {column: Source, values: {"Web": website}, others: unknown, default: unknown}
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError, field_validator, model_validator

from handfast.connectors.files.shapes import GROUPS, SHAPES, Shape
from handfast.contract.place import KEY, Path, dotted
from handfast.contract.terms import FieldType, Name, Term
from handfast.contract.text import Source, read_text
from handfast.problem import Place, Problem, nearest, one_of

#: A cell's value as a table can give it.
Scalar = str | int | float | bool | None


class From(Term):
    """Where a field comes from: a column or a constant, and how its value is read.

    `values` translates what stands in the cell (as text); what the table does not name is `others`, or a Problem where there is none.
    `default` stands in for an empty cell. `prefix` and `suffix` are added last. `format` reads times (`%d.%m.%Y`, or `seconds` and
    `milliseconds` since 1970). `type` is what a free field is read as.
    """

    column: str | None = None
    constant: Scalar = None
    prefix: str = ""
    suffix: str = ""
    values: Mapping[str, Scalar] = {}
    others: Scalar = None
    default: Scalar = None
    format: str | None = None
    type: FieldType | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == ("constant" not in self.model_fields_set):
            raise ValueError("a field comes from a column or is a constant; write `column: NAME` or `constant: VALUE`")
        if "others" in self.model_fields_set and not self.values:
            raise ValueError("`others` is for what `values` does not name; add `values: {...}`, or use `default` for empty cells")
        return self


def _column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Origin = Annotated[From, BeforeValidator(_column)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int | float | bool) else value


class Mapped(Term):
    """A whole mapping. Without `fields` and groups the columns must have our own names."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "import"
    timezone: str = "UTC"
    history: bool = False
    only: Mapping[str, Annotated[tuple[Scalar, ...], BeforeValidator(_listed)]] = {}
    fields: Mapping[Name, Origin] = {}
    properties: Mapping[Name, Origin] = {}
    person: Mapping[Name, Origin] = {}
    account: Mapping[Name, Origin] = {}
    #: Whether columns nobody mapped are kept as free fields.
    rest: bool | None = Field(default=None)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"'{value}' is no time zone; write an IANA name such as America/New_York or UTC") from None
        return value

    @property
    def is_plain(self) -> bool:
        """No field is mapped: the columns have our own names."""
        return not (self.fields or self.properties or self.person or self.account)

    def origins(self) -> Iterator[tuple[Path, From]]:
        """Every mapped field with its path in the text."""
        for group in ("fields", *GROUPS):
            for name, origin in getattr(self, group).items():
                yield (group, name), origin


class FileMap(Term):
    """A mapping checked for one kind of file, with the text it was written in."""

    kind: str
    terms: Mapped
    text: str = ""


def plain(kind: str, source: str = "import") -> FileMap:
    """The mapping of a file whose columns have our own names."""
    return FileMap(kind=kind, terms=Mapped(source=source))


def read_mapping(text: str | bytes, file: str, kind: str) -> tuple[FileMap | None, Source | None, list[Problem]]:
    """Reads a mapping for one kind of file (a key of SHAPES). Without Problems there is a mapping."""
    source, problems = read_text(text, file)
    if source is None or problems:
        return None, None, [_as_mapping(p) for p in problems]
    if not isinstance(source.data, dict):
        return None, None, [Problem(Place(file, 1, 1), "a mapping is a set of `key: value` lines", "Begin with `source: NAME`.")]
    try:
        terms = Mapped.model_validate(source.data)
    except ValidationError as refused:
        return None, None, sorted(_shape_problems(refused, source), key=lambda p: (p.where.line, p.where.column))
    found = list(_unfit(terms, SHAPES[kind], kind, source))
    return (None if found else FileMap(kind=kind, terms=terms, text=source.text)), source, found


def missing_columns(mapping: FileMap, source: Source | None, columns: set[str], file: str) -> list[Problem]:
    """The columns the mapping speaks of and the file does not have; or, without a mapping, the fields the file lacks."""
    terms, shape = mapping.terms, SHAPES[mapping.kind]
    if terms.is_plain:
        return list(_own_names(shape, mapping.kind, columns, file))
    asked: list[tuple[Path, str]] = [((*path, "column"), o.column) for path, o in terms.origins() if o.column is not None]
    asked += [(("only", column, KEY), column) for column in terms.only]
    return [
        Problem(
            source.place(path) if source else Place("the mapping", part=dotted(path)),
            f"{file} has no column '{column}'",
            one_of(columns, word=column),
        )
        for path, column in asked
        if column not in columns
    ]


def _own_names(shape: Shape, kind: str, columns: set[str], file: str) -> Iterator[Problem]:
    fix = f"Name the columns as `handfast import` expects them ({', '.join(shape.fields)}), or say with --map what yours mean."
    for name in shape.needs:
        if name not in columns:
            close = nearest(name, columns)
            yield Problem(Place(file, 1), f"{kind} need a column '{name}'" + (f"; '{close}' is like it" if close else ""), fix)
    for names in shape.one_of:
        if not columns & set(names):
            yield Problem(Place(file, 1), f"{kind} need a column {' or '.join(repr(n) for n in names)}", fix)


def _unfit(terms: Mapped, shape: Shape, kind: str, source: Source) -> Iterator[Problem]:
    """What is well formed and still makes no sense for this kind of file."""
    for name in terms.fields:
        if name not in shape.fields:
            yield Problem(source.place(("fields", name, KEY)), f"{kind} have no field '{name}'", one_of(shape.fields, word=name, most=12))
    for group in GROUPS:
        if getattr(terms, group) and group not in shape.groups:
            allowed = f"They have: {', '.join(shape.groups)}." if shape.groups else "Map their fields under `fields:`."
            yield Problem(source.place((group, KEY)), f"{kind} have no {group}", allowed)
    if terms.is_plain:
        return
    for name in shape.needs:
        if name not in terms.fields:
            what = f"'{name}' is not mapped, and {kind} need it"
            yield Problem(source.place(("fields", KEY)), what, f"Add under fields: `{name}: COLUMN`.")
    for names in shape.one_of:
        if not set(names) & set(terms.fields):
            what = f"none of {', '.join(names)} is mapped"
            yield Problem(source.place(("fields", KEY)), what, f"Add under fields: `{names[-1]}: COLUMN`.")
    for path, origin in terms.origins():
        kind_of = shape.fields.get(str(path[1])) if path[0] == "fields" else origin.type
        if origin.format is not None and kind_of != "time":
            yield Problem(source.place((*path, "format")), f"{path[1]} is no time", "Leave `format` out.")
        if path[0] == "fields" and origin.type is not None:
            yield Problem(source.place((*path, "type")), f"{path[1]} has a type of its own ({kind_of})", "Leave `type` out.")


def _shape_problems(refused: ValidationError, source: Source) -> Iterator[Problem]:
    for error in refused.errors(include_url=False):
        path: Path = tuple(error["loc"])
        if error["type"] == "extra_forbidden":
            known = list(_model_at(path[:-1]).model_fields)
            what = f"'{path[-1]}' is not known" + (f" under {dotted(path[:-1])}" if path[:-1] else " in a mapping")
            yield Problem(source.place((*path, KEY)), what, one_of(known, word=str(path[-1]), most=12))
        elif error["type"] == "value_error":
            what, _, fix = str(error.get("ctx", {}).get("error", error["msg"])).partition("; ")
            yield Problem(source.place(path), what, f"{fix[:1].upper()}{fix[1:]}.")
        else:
            shown = path[:-1] if path[-1:] in (("str",), ("int",), ("float",), ("bool",)) else path
            said = error["msg"].replace("a valid dictionary", "`key: value` lines")
            what = f"{dotted(shown)}: {said[:1].lower()}{said[1:]}"
            yield Problem(source.place(shown), what, _FIX.get(error["type"], "Correct the value."))


_FIX: Final[Mapping[str, str]] = {
    "bool_type": "Write true or false.",
    "bool_parsing": "Write true or false.",
    "string_type": "Put it in quotes if it is meant as a text.",
    "string_pattern_mismatch": "Use lower-case letters, digits and '_', with a letter first.",
    "model_type": "Write a column's name, or {column: NAME, …}.",
    "mapping_type": "Write it as {key: value}, or one line each.",
    "dict_type": "Write it as {key: value}, or one line each.",
    "tuple_type": "Write it as [a, b].",
    "literal_error": "Write text, int, number, bool or time.",
}


def _model_at(path: Path) -> type[BaseModel]:
    return From if len(path) >= 2 else Mapped


def _as_mapping(problem: Problem) -> Problem:
    """The reader of texts speaks of contracts; here it read a mapping."""
    fix = "Begin with `source: NAME`." if "examples/" in problem.fix else problem.fix
    return Problem(problem.where, problem.what.replace("the contract", "the mapping"), fix)


__all__ = ["FileMap", "From", "Mapped", "missing_columns", "plain", "read_mapping"]
