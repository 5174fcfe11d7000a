"""A checked part of a condition: its type, its expression, and its value where it is written out; and what is made of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

import polars as pl

from handfast.contract.terms import FieldType

#: The type of a part of a condition; `null` is the type of the word NULL, which goes with all others.
Kind: TypeAlias = FieldType | Literal["null"]

WORDS_FOR: Final[Mapping[Kind, str]] = {
    "text": "a text",
    "int": "a whole number",
    "number": "a number",
    "bool": "a yes-or-no",
    "time": "a moment",
    "null": "NULL",
}
UNKNOWN: Final = pl.lit(None, dtype=pl.Boolean)
NUMERIC: Final = ("int", "number")


@dataclass(frozen=True, slots=True)
class Part:
    """A checked part: its type, its expression, and its value where it is written out."""

    kind: Kind
    expr: pl.Expr
    offset: int
    value: str | int | float | bool | datetime | None = None
    #: The field, where the part is one and nothing else.
    field: str | None = None


def short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def typed(part: Part) -> FieldType:
    return "int" if part.kind == "int" else "number"


def as_number(part: Part) -> Part:
    if isinstance(part.value, int):
        return Part("number", pl.lit(float(part.value), dtype=pl.Float64), part.offset, float(part.value))
    return part if part.kind == "number" else replace(part, kind="number", expr=part.expr.cast(pl.Float64))


def never_known(part: Part) -> bool:
    """Whether this is NULL whatever the row says. The engine answers some comparisons with such a constant in a single row."""
    if part.kind == "null":
        return True
    return part.value is None and not part.expr.meta.root_names() and pl.select(part.expr).item() is None


def balanced(exprs: Sequence[pl.Expr], join: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> pl.Expr:
    """Joined pairwise, so that the expression is as deep as the logarithm of its length."""
    row = list(exprs)
    while len(row) > 1:
        pairs = [join(row[n], row[n + 1]) for n in range(0, len(row) - 1, 2)]
        row = pairs + row[len(row) & ~1 :]
    return row[0]
