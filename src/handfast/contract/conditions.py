"""The conditions of a contract: SQL boolean expressions, checked against declared fields, compiled once to Polars.

The logic is SQL's own, with three values: true, false and *unknown*. NULL is unknown, a comparison with it is unknown, and AND, OR, NOT
and IN carry the unknown on as SQL does. Whoever asks whether a condition is met takes `true` for yes; unknown is never met.
The language, word by word, is in docs/reference/conditions.md. Beside PostgreSQL's there are three decisions of our own:

- arithmetic is done in double precision, `/` is the true quotient, and what has no finite result (a division by zero) is unknown;
- texts compare by code point, whatever the locale; ILIKE folds case by Unicode's simple folding;
- a pattern of LIKE is a text in quotes, so that it is read once and not per row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import polars as pl
from sqlglot import exp

from handfast.contract.frames import DTYPES, as_frame
from handfast.contract.functions import FUNCTIONS
from handfast.contract.parts import Part
from handfast.contract.syntax import Complaint, Tree, parse
from handfast.contract.terms import FieldType
from handfast.contract.walk import COMPUTE, Walk
from handfast.problem import Place, Problem

__all__ = ["DTYPES", "FUNCTIONS", "Compiled", "Locate", "as_frame", "compile_condition"]

#: Where the n-th character (from 0) of a condition stands in its file.
Locate: TypeAlias = Callable[[int], Place]
#: How often a field may stand in what a condition compiles to: ten sums or coalesces within each other, each of which doubles.
MOST_COPIES: Final = 1024


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition ready to be evaluated.

    `names` are the fields it reads. `expr` gives one Boolean a row: true, false, or null for unknown. It expects a column of the declared
    type (`DTYPES`) for each of `names`.
    """

    text: str
    names: frozenset[str]
    expr: pl.Expr = field(compare=False, repr=False)
    #: For each field the values it is compared with; of a pattern the shortest text that matches it.
    named: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, compare=False, repr=False)
    #: The lists it asks for.
    lists: frozenset[str] = field(default=frozenset(), compare=False)


def compile_condition(
    text: str,
    fields: Mapping[str, FieldType],
    where: Place | Locate,
    values: Mapping[str, Collection[str]] | None = None,
    lists: Mapping[str, Collection[str]] | None = None,
    *,
    countries: bool = False,
) -> tuple[Compiled | None, list[Problem]]:
    """Compiles a condition over `fields`, or says everything that is wrong with it. Raises nothing, whatever the text.

    Args:
        text: the condition, as it stands in the contract.
        fields: the declared fields and their types.
        where: the place of the first character; or, where the text is laid out in a way of its own (folded, quoted), a function from the
            number of a character to its place.
        values: the only texts some fields can hold; a comparison with another one is a slip of the pen.
        lists: the entries of each list that `IN LIST` may name.
        countries: whether `country` is the field of a person or account: what it is compared with counts by its code then.
    """
    locate = where if callable(where) else _plainly(text, where)
    tree = parse(text, fields)
    if isinstance(tree, list):
        return None, [_problem(complaint, locate) for complaint in tree]
    if (refusal := _too_much(tree)) is not None:
        return None, [_problem(refusal, locate)]
    walk = Walk(tree, fields, values or {}, lists or {}, countries=countries)
    part = walk.condition(tree.root, 0)
    if part is None or walk.complaints:
        return None, [_problem(complaint, locate) for complaint in walk.complaints]
    named = {name: tuple(dict.fromkeys(values)) for name, values in walk.named.items()}
    return Compiled(text, frozenset(walk.names), _one_a_row(part), named, frozenset(walk.asked)), []


def _too_much(tree: Tree) -> Complaint | None:
    """What holds its own operand more than once when compiled (a sum and the question whether it is finite) doubles with every level."""
    waiting: list[tuple[exp.Expression, int]] = [(tree.root, 1)]
    while waiting:
        node, copies = waiting.pop()
        copies *= _copies(tree, node)
        if copies > MOST_COPIES:
            what = "sums, coalesce or IN nest too deeply here"
            return Complaint(tree.offset(node), what, "Split the condition into several rules, or add a field.")
        waiting += [(child, copies) for child in node.iter_expressions()]
    return None


def _copies(tree: Tree, node: exp.Expression) -> int:
    """How often a part holds its operands when compiled."""
    if isinstance(node, exp.In):
        values: list[exp.Expression] = node.args.get("expressions") or []
        return max(1, sum(not isinstance(value, exp.Literal) for value in values))
    if isinstance(node, exp.Anonymous):
        found = tree.leaf(node)
        return 2 if found is None or found[1].text.lower() == "coalesce" else 1
    return 2 if isinstance(node, (exp.Between, *COMPUTE)) else 1


def _plainly(text: str, first: Place) -> Locate:
    def locate(offset: int) -> Place:
        before = text[:offset]
        line, column = before.count("\n"), offset - (before.rfind("\n") + 1)
        if not first.line:
            return first
        return replace(first, line=first.line + line, column=column + (1 if line else first.column or 1))

    return locate


def _problem(complaint: Complaint, locate: Locate) -> Problem:
    return Problem(locate(complaint.offset), complaint.what, complaint.fix)


def _one_a_row(part: Part) -> pl.Expr:
    """Polars answers an expression without columns in a single row; a condition answers for every row."""
    if part.expr.meta.root_names():
        return part.expr
    return pl.when(pl.int_range(0, pl.len(), dtype=pl.Int64) >= 0).then(part.expr)
