"""What follows from what: conditions as regions, to find those that contradict themselves and those that others make idle.

The logic is SQL's, with three answers. A condition has four regions: where it is true, where it is false, where it is not true, and where
it is not false; the last two hold the unknown as well. Comparisons of a field with written values, IN, BETWEEN, LIKE and IS NULL are
understood; any other part is a riddle that answers as it likes, but the same riddle always answers the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

from sqlglot import exp

from handfast.contract.countries import COUNTRY, country
from handfast.contract.frames import read_time
from handfast.contract.patterns import pieces_of
from handfast.contract.regions import (
    ALL_NUMBERS,
    EVERYTHING,
    MOST_BOXES,
    NOTHING,
    Few,
    Like,
    Numbers,
    Patience,
    Region,
    Span,
    Texts,
    Values,
)
from handfast.contract.syntax import Tree, operands, parse
from handfast.contract.terms import FieldType

Side: TypeAlias = Literal["true", "false", "not_true", "not_false"]
_OPPOSITE: Final[Mapping[Side, Side]] = {"true": "false", "false": "true", "not_true": "not_false", "not_false": "not_true"}
_ALL: Final = frozenset({True, False})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Beyond this, whole numbers and numbers do not compare exactly.
_EXACT: Final = 2**53
_INF: Final = float("inf")
_FLIPPED: Final = {exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ}


_COMPARISONS: Final = tuple(_FLIPPED)


@dataclass(frozen=True, slots=True)
class _Atom:
    """What a comparison says of one field: the values for which it is true, and those for which it is false. Both know no null."""

    field: str
    true: Values
    false: Values
    #: Whether it is unknown for every value that does not make it true or false (a NULL in a list).
    open: bool = False


class Logic:
    """The regions of one condition. Made for conditions that compile; for others there is none (`logic_of`)."""

    def __init__(self, tree: Tree, fields: Mapping[str, FieldType], patience: Patience, *, countries: bool = False) -> None:
        self.tree = tree
        self.countries = countries
        self.fields = fields
        self.patience = patience

    def region(self, side: Side) -> Region:
        """Where the condition is so: never less than the truth."""
        return self._region(self.tree.root, side)

    def _region(self, node: exp.Expression, side: Side) -> Region:
        if isinstance(node, exp.Paren):
            return self._region(node.this, side)
        if isinstance(node, exp.Not):
            return self._region(node.this, _OPPOSITE[side])
        if isinstance(node, exp.And | exp.Or):
            return self._chain(node, side)
        if isinstance(node, exp.Between):
            return self._between(node, side)
        if isinstance(node, exp.Is):
            return self._is(node, side)
        if (constant := self._constant(node)) is not None:
            return self._fixed(constant[0], side)
        return self._atomic(self._atom(node), side)

    def _chain(self, node: exp.Expression, side: Side) -> Region:
        parts = [self._region(operand, side) for operand in operands(node)]
        if isinstance(node, exp.And) == (side in ("true", "not_false")):
            found: Region = EVERYTHING
            for part in parts:
                found = self.patience.meet(found, part)
            return found
        return self.patience.join(parts)

    def _between(self, node: exp.Expression, side: Side) -> Region:
        low = exp.GTE(this=node.this, expression=node.args["low"])
        high = exp.LTE(this=node.this, expression=node.args["high"])
        parts = [self._region(low, side), self._region(high, side)]
        return self.patience.meet(*parts) if side in ("true", "not_false") else self.patience.join(parts)

    def _is(self, node: exp.Expression, side: Side) -> Region:
        """IS is never unknown, so not true is false."""
        yes = (side in ("true", "not_false")) != bool(node.args.get("negate"))
        what = node.expression
        if isinstance(what, exp.Boolean):
            inner: Side = ("true" if what.this else "false") if yes else ("not_true" if what.this else "not_false")
            return self._region(node.this, inner)
        field = self._field(node.this)
        if field is None:
            return self._atomic(self._riddle(node), "true" if yes else "false")
        return ({field: _nothing(self.fields[field], null=True) if yes else _anything(self.fields[field])},)

    def _fixed(self, value: bool | None, side: Side) -> Region:
        holds = {"true": value is True, "false": value is False, "not_true": value is not True, "not_false": value is not False}
        return EVERYTHING if holds[side] else NOTHING

    def _atomic(self, atom: _Atom | None, side: Side) -> Region:
        if atom is None:
            return EVERYTHING
        values = atom.true if side in ("true", "not_false") else atom.false
        if side in ("not_true", "not_false"):
            if atom.open:
                return EVERYTHING
            values = _with_null(values)
        return NOTHING if values.empty() else ({atom.field: values},)

    # --- comparisons ------------------------------------------------------------------------------------------

    def _atom(self, node: exp.Expression) -> _Atom | None:
        found: _Atom | None = None
        if isinstance(node, _COMPARISONS):
            found = self._comparison(node)
        elif isinstance(node, exp.In):
            found = self._in(node)
        elif isinstance(node, exp.Like | exp.ILike | exp.Escape):
            found = self._like(node)
        elif (field := self._field(node)) is not None and self.fields[field] == "bool":
            found = _Atom(field, Few(frozenset({True})), Few(frozenset({False})))
        return found or self._riddle(node)

    def _comparison(self, node: exp.Expression) -> _Atom | None:
        operator: Any = type(node)
        field, value = self._field(node.this), self._value(node.expression)
        if field is None:
            field, value, operator = self._field(node.expression), self._value(node.this), _FLIPPED[operator]
        if field is None or value is None:
            return None
        kind, written = self.fields[field], self._meant(field, value[0])
        if written is None:
            return _Atom(field, _nothing(kind), _nothing(kind), open=True)
        if kind in ("int", "number", "time"):
            number = _number(kind, written)
            return None if number is None else _compared(field, operator, number, whole=kind != "number")
        if operator not in (exp.EQ, exp.NEQ):
            return None
        same = _only(kind, [written])
        if same is None:
            return None
        return _Atom(field, *same) if operator is exp.EQ else _Atom(field, *same[::-1])

    def _in(self, node: exp.In) -> _Atom | None:
        field, values = self._field(node.this), [self._value(value) for value in node.args.get("expressions") or ()]
        if field is None or None in values:
            return None
        kind, written = self.fields[field], [self._meant(field, value[0]) for value in values if value is not None]
        found = _only(kind, [value for value in written if value is not None])
        if found is None:
            return None
        return _Atom(field, found[0], _nothing(kind), open=True) if None in written else _Atom(field, *found)

    def _meant(self, field: str, written: Any) -> Any:
        """What is compared: a country by its code."""
        return country(written) if self.countries and field == COUNTRY and isinstance(written, str) else written

    def _like(self, node: exp.Expression) -> _Atom | None:
        escape: str | None = "\\"
        inner: exp.Expression = node
        if isinstance(node, exp.Escape):
            value = self._value(node.expression)
            inner, escape = node.this, value[0] if value and isinstance(value[0], str) else None
        field, pattern = self._field(inner.this), self._value(inner.expression)
        if field is None or pattern is None or escape is None or not isinstance(pattern[0], str):
            return None
        pieces, fold = pieces_of(pattern[0], escape), isinstance(inner, exp.ILike)
        if pieces is None or self.fields[field] != "text":
            return None
        yes, no = (Texts(like=frozenset({Like(pieces, fold, wanted)})) for wanted in (True, False))
        if all(kind == "text" for kind, _ in pieces) and not fold:
            exact = frozenset({"".join(text for _, text in pieces)})
            yes, no = Texts(only=exact), Texts(never=exact)
        return _Atom(field, no, yes) if inner.args.get("negate") else _Atom(field, yes, no)

    def _riddle(self, node: exp.Expression) -> _Atom:
        """A part that is not looked into, under a name of its own: its text, token by token."""
        return _Atom(f"? {self._text(node)}", Few(frozenset({True})), Few(frozenset({False})))

    def _text(self, node: Any) -> str:
        if not isinstance(node, exp.Expression):
            return repr(node)
        found = self.tree.leaf(node)
        if found is not None and not isinstance(node, exp.Anonymous):
            return f"{type(node).__name__} {found[1].text}"
        name = found[1].text.lower() if found is not None else ""
        parts = [
            f"{key}={self._text(value)}"
            for key, values in sorted(node.args.items())
            for value in _listed(values)
            if key != "this" or not name
        ]
        return f"{type(node).__name__}{name}({', '.join(parts)})"

    # --- leaves -----------------------------------------------------------------------------------------------

    def _field(self, node: Any) -> str | None:
        if isinstance(node, exp.Paren):
            return self._field(node.this)
        if not isinstance(node, exp.Expression) or isinstance(node, exp.Literal | exp.Anonymous) or (found := self.tree.leaf(node)) is None:
            return None
        token = found[1]
        quoted = token.end - token.start + 1 != len(token.text)
        name = token.text if quoted else token.text.lower()
        return name if name in self.fields else None

    def _constant(self, node: exp.Expression) -> tuple[bool | None] | None:
        """TRUE, FALSE or NULL as a condition."""
        value = self._value(node)
        return (value[0],) if value is not None and (value[0] is None or isinstance(value[0], bool)) else None

    def _value(self, node: Any) -> tuple[Any] | None:
        """What is written out, in a tuple; None where it is not."""
        if isinstance(node, exp.Paren):
            return self._value(node.this)
        if isinstance(node, exp.Neg):
            value = self._value(node.this)
            return (-value[0],) if value and isinstance(value[0], int | float) and not isinstance(value[0], bool) else None
        if not isinstance(node, exp.Expression) or isinstance(node, exp.Anonymous) or (found := self.tree.leaf(node)) is None:
            return None
        text = found[1].text
        if isinstance(node, exp.Literal):
            return (text,) if node.is_string else (int(text) if text.isdigit() else float(text),)
        constants: dict[str, bool | None] = {"true": True, "false": False, "null": None}
        return (constants[text.lower()],) if self._field(node) is None and text.lower() in constants else None


def logic_of(text: str, fields: Mapping[str, FieldType], patience: Patience, *, countries: bool = False) -> Logic | None:
    """The logic of a condition that compiles; None for a text that is none. `countries`: as `compile_condition` has it."""
    tree = parse(text, fields)
    return Logic(tree, fields, patience, countries=countries) if isinstance(tree, Tree) else None


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


# --- values ---------------------------------------------------------------------------------------------------


def _anything(kind: FieldType, *, null: bool = False) -> Values:
    if kind == "text":
        return Texts(null=null)
    return Few(_ALL, null) if kind == "bool" else Numbers(ALL_NUMBERS, null, kind != "number")


def _nothing(kind: FieldType, *, null: bool = False) -> Values:
    if kind == "text":
        return Texts(only=frozenset(), null=null)
    return Few(frozenset(), null) if kind == "bool" else Numbers((), null, kind != "number")


def _with_null(values: Values) -> Values:
    return replace(values, null=True)  # type: ignore[type-var]


def _number(kind: FieldType, written: Any) -> float | None:
    """A written value on the number line of its field; None where it cannot be placed exactly."""
    if kind == "time":
        moment = read_time(written) if isinstance(written, str) else None
        return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
    if isinstance(written, bool) or not isinstance(written, int | float) or abs(written) > _EXACT:
        return None
    return written


def _compared(field: str, operator: Any, number: float, *, whole: bool) -> _Atom:
    below, above = Span(-_INF, number, high_open=True), Span(number, _INF, low_open=True)
    at_most, at_least, exactly = Span(-_INF, number), Span(number, _INF), Span(number, number)
    true, false = {
        exp.LT: ((below,), (at_least,)),
        exp.LTE: ((at_most,), (above,)),
        exp.GT: ((above,), (at_most,)),
        exp.GTE: ((at_least,), (below,)),
        exp.EQ: ((exactly,), (below, above)),
        exp.NEQ: ((below, above), (exactly,)),
    }[operator]
    return _Atom(field, Numbers(true, whole=whole), Numbers(false, whole=whole))


def _only(kind: FieldType, written: list[Any]) -> tuple[Values, Values] | None:
    """These values, and all others."""
    if kind == "text":
        if not all(isinstance(value, str) for value in written):
            return None
        return Texts(only=frozenset(written)), Texts(never=frozenset(written))
    if kind == "bool":
        if not all(isinstance(value, bool) for value in written):
            return None
        return Few(frozenset(written)), Few(_ALL - frozenset(written))
    numbers = [_number(kind, value) for value in written]
    if None in numbers:
        return None
    points = sorted({number for number in numbers if number is not None})
    ends = [-_INF, *points, _INF]
    if len(points) > MOST_BOXES:  # Long lists are taken for all that lies between their ends, and the others for all there is.
        return Numbers((Span(points[0], points[-1]),), whole=kind != "number"), Numbers(ALL_NUMBERS, whole=kind != "number")
    between = tuple(Span(low, high, True, True) for low, high in pairwise(ends))
    return Numbers(tuple(Span(at, at) for at in points), whole=kind != "number"), Numbers(between, whole=kind != "number")
