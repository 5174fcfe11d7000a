"""The functions that conditions may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from handfast.contract.parts import NUMERIC, UNKNOWN, WORDS_FOR, Part
from handfast.contract.terms import FieldType

if TYPE_CHECKING:
    from handfast.contract.walk import Walk


@dataclass(frozen=True, slots=True)
class Function:
    """A function conditions may use: how it is written, what it gives, and how many arguments it takes."""

    usage: str
    gives: str
    build: Callable[[Walk, str, list[Part], int], Part | None]
    least: int = 1
    most: int = 1


def _of_texts(walk: Walk, name: str, parts: list[Part]) -> list[pl.Expr] | None:
    for part in parts:
        if part.kind not in ("text", "null"):
            walk.wrong(part.offset, f"{name} takes texts, and this is {WORDS_FOR[part.kind]}", f"Write {FUNCTIONS[name].usage}.")
            return None
    return [part.expr.cast(pl.String) if part.kind == "null" else part.expr for part in parts]


def _on_text(kind: FieldType, apply: Callable[..., pl.Expr]) -> Callable[[Walk, str, list[Part], int], Part | None]:
    def build(walk: Walk, name: str, parts: list[Part], offset: int) -> Part | None:
        exprs = _of_texts(walk, name, parts)
        return None if exprs is None else Part(kind, apply(*exprs), offset)

    return build


def _abs(walk: Walk, name: str, parts: list[Part], offset: int) -> Part | None:
    if parts[0].kind not in (*NUMERIC, "null"):
        walk.wrong(parts[0].offset, f"abs takes a number, and this is {WORDS_FOR[parts[0].kind]}", "Write abs(number).")
        return None
    return Part("number", parts[0].expr.cast(pl.Float64).abs(), offset)


def _coalesce(walk: Walk, name: str, parts: list[Part], offset: int) -> Part | None:
    """The first that is known. All of one type, as the value of a condition has one."""
    known = [part for part in parts if part.kind != "null"]
    if not known:
        return Part("null", UNKNOWN, offset)
    first = next((part for part in known if part.kind == "time"), next((part for part in known if part.kind == "number"), known[0]))
    alike = [walk.alike(first, part) for part in known]
    exprs = [pair[1].expr for pair in alike if pair is not None]
    if len(exprs) < len(known):
        return None
    return Part(first.kind, _first_known(exprs), offset)


def _first_known(exprs: Sequence[pl.Expr]) -> pl.Expr:
    """Not `pl.coalesce`: where its first argument is a literal it answers in one row, whatever else it was given."""
    answer = exprs[-1]
    for expr in reversed(exprs[:-1]):
        answer = pl.when(expr.is_not_null()).then(expr).otherwise(answer)
    return answer


FUNCTIONS: Final[Mapping[str, Function]] = {
    "lower": Function("lower(text)", "the text in lower case", _on_text("text", lambda a: a.str.to_lowercase())),
    "upper": Function("upper(text)", "the text in upper case", _on_text("text", lambda a: a.str.to_uppercase())),
    "trim": Function("trim(text)", "the text without spaces at both ends", _on_text("text", lambda a: a.str.strip_chars(" "))),
    "length": Function("length(text)", "how many characters the text has", _on_text("int", lambda a: a.str.len_chars().cast(pl.Int64))),
    "starts_with": Function(
        "starts_with(text, beginning)", "whether the text begins so", _on_text("bool", lambda a, b: a.str.starts_with(b)), 2, 2
    ),
    "ends_with": Function("ends_with(text, end)", "whether the text ends so", _on_text("bool", lambda a, b: a.str.ends_with(b)), 2, 2),
    "contains": Function(
        "contains(text, part)", "whether the part occurs in it", _on_text("bool", lambda a, b: a.str.contains(b, literal=True)), 2, 2
    ),
    "abs": Function("abs(number)", "the number without its sign", _abs),
    "coalesce": Function("coalesce(a, b, …)", "the first of them that is known", _coalesce, 1, 100),
}
