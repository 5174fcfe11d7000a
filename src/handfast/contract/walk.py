"""One pass over the tree of a condition: every part checked and made an expression of Polars, every mistake collected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl
from sqlglot import exp

from handfast.contract.countries import COUNTRY, country
from handfast.contract.frames import DTYPES, read_time
from handfast.contract.functions import FUNCTIONS
from handfast.contract.parts import NUMERIC, UNKNOWN, WORDS_FOR, Kind, Part, as_number, balanced, never_known, short, typed
from handfast.contract.patterns import matching, pieces_of
from handfast.contract.syntax import DEEPEST, Complaint, Tree, operands
from handfast.contract.terms import FieldType
from handfast.problem import one_of


class Walk:
    """One pass over a tree. What is wrong is collected; a part that makes no sense is None, and so is what is made of it."""

    def __init__(
        self,
        tree: Tree,
        fields: Mapping[str, FieldType],
        values: Mapping[str, Collection[str]],
        lists: Mapping[str, Collection[str]],
        *,
        countries: bool = False,
    ) -> None:
        self.tree = tree
        #: Whether the field `country` is the one of a person or account, which is recorded by its code.
        self.countries = countries
        self.lists = lists
        self.asked: set[str] = set()
        self.fields = fields
        self.values = values
        self.names: set[str] = set()
        self.named: dict[str, list[Any]] = {}
        self.complaints: list[Complaint] = []

    def wrong(self, offset: int, what: str, fix: str) -> None:
        self.complaints.append(Complaint(offset, what, fix))

    # --- conditions: parts that are true, false or unknown ----------------------------------------------------

    def condition(self, node: exp.Expression, depth: int) -> Part | None:
        """A part that must be a condition, not a value."""
        part = self.part(node, depth)
        if part is None or part.kind in ("bool", "null"):
            return part and replace(part, kind="bool", expr=part.expr if part.kind == "bool" else UNKNOWN)
        self.wrong(
            part.offset, f"{WORDS_FOR[part.kind]} stands where a comparison is needed", "Compare it: with =, <, IN, LIKE or IS NULL."
        )
        return None

    def part(self, node: exp.Expression, depth: int) -> Part | None:
        """Any part. A chain of one operator counts as one level, so that long lists of ORs are not deep."""
        if depth > DEEPEST:
            self.wrong(self.tree.offset(node), f"the condition nests deeper than {DEEPEST} here", "Split the condition into several rules.")
            return None
        if (found := self.tree.leaf(node)) is not None and not isinstance(node, exp.Anonymous):
            return self.leaf(node, *found)
        handle = _HANDLERS.get(type(node))
        if handle is not None:
            return handle(self, node, depth + 1)
        self.wrong(self.tree.offset(node), "this makes no sense in a condition", "Check for a missing AND, OR, comma or comparison.")
        return None

    def junction(self, node: exp.Expression, depth: int) -> Part | None:
        parts = [self.condition(operand, depth) for operand in operands(node)]
        good = [part for part in parts if part is not None]
        if len(good) < len(parts):
            return None
        join = pl.Expr.and_ if isinstance(node, exp.And) else pl.Expr.or_
        return Part("bool", balanced([part.expr for part in good], join), good[0].offset)

    def negation(self, node: exp.Expression, depth: int) -> Part | None:
        part = self.condition(node.this, depth)
        return part and Part("bool", part.expr.not_(), part.offset)

    def paren(self, node: exp.Expression, depth: int) -> Part | None:
        return self.part(node.this, depth)

    def is_(self, node: exp.Expression, depth: int) -> Part | None:
        """IS NULL, IS TRUE, IS FALSE and their negations: the only questions that are never unknown."""
        what = node.expression
        if not isinstance(what, exp.Null | exp.Boolean):
            offset = self.tree.offset(what)
            self.wrong(offset, "IS is followed by something else than NULL, TRUE or FALSE", "Write IS NULL, IS NOT NULL, or use =.")
            return None
        part = self.operand(node.this, depth) if isinstance(what, exp.Null) else self.condition(node.this, depth)
        if part is None:
            return None
        answer = part.expr.is_null() if isinstance(what, exp.Null) else part.expr.eq_missing(pl.lit(bool(what.this)))
        return Part("bool", answer.not_() if node.args.get("negate") else answer, part.offset)

    def comparison(self, node: exp.Expression, depth: int) -> Part | None:
        left, right = self.operand(node.this, depth), self.operand(node.expression, depth)
        if left is None or right is None:
            return None
        return self.compare(left, right, type(node))

    def compare(self, left: Part, right: Part, operator: type[exp.Expression]) -> Part | None:
        """Two parts of one type, compared; NULL on either side makes it unknown."""
        if (pair := self.alike(left, right)) is None:
            return None
        left, right = pair
        if never_known(left) or never_known(right):
            return Part("bool", UNKNOWN, left.offset)
        if left.kind == "bool" and operator not in (exp.EQ, exp.NEQ):
            self.wrong(left.offset, "a yes-or-no is neither less nor more", "Compare it with = or <>.")
            return None
        return Part("bool", _COMPARE[operator](left.expr, right.expr), left.offset)

    def between(self, node: exp.Expression, depth: int) -> Part | None:
        part, low, high = (self.operand(child, depth) for child in (node.this, node.args["low"], node.args["high"]))
        if part is None or low is None or high is None:
            return None
        above, below = self.compare(part, low, exp.GTE), self.compare(part, high, exp.LTE)
        if above is None or below is None:
            return None
        return Part("bool", above.expr & below.expr, part.offset)

    def in_list(self, part: Part | None, token: Any) -> Part | None:
        """IN LIST: true where the list holds the text, unknown where the text is; one hash table, however many entries."""
        quoted = token.end - token.start + 1 != len(token.text)
        name = token.text if quoted else token.text.lower()
        if name not in self.lists:
            self.wrong(
                token.start, f"there is no list '{token.text}'", f"{one_of(self.lists, word=name)} Lists are declared under `lists:`."
            )
            return None
        self.asked.add(name)
        if part is None or part.kind == "null":
            return part and Part("bool", UNKNOWN, part.offset)
        if part.kind != "text":
            self.wrong(part.offset, f"a list holds texts, and this is {self.shown(part)}", "Declare the field as text: a postcode is one.")
            return None
        entries = self.lists[name]
        if self.countries and part.field == COUNTRY:
            entries = {country(entry) for entry in entries}
        return Part("bool", part.expr.is_in(pl.Series(list(entries), dtype=pl.String).implode()), part.offset)

    def in_(self, node: exp.Expression, depth: int) -> Part | None:
        listed: list[exp.Expression] = node.args.get("expressions") or []
        if len(listed) == 1 and (found := self.tree.leaf(listed[0])) is not None and found[0] in self.tree.lists:
            return self.in_list(self.operand(node.this, depth), found[1])
        part, values = self.operand(node.this, depth), [self.part(value, depth) for value in node.args.get("expressions") or ()]
        if not values:
            self.wrong(self.tree.offset(node), "IN is followed by no list", "Write the values in brackets: IN ('a', 'b').")
        known = [value for value in values if value is not None]
        if part is None or len(known) < len(values) or not values:
            return None
        pairs: list[tuple[Part, Part]] = []
        for value in known:
            pair = self.alike(part, value)
            if pair is None:  # said of the first that does not fit; a list of wrong ones is one mistake
                return None
            pairs.append(pair)
        return Part("bool", _among(pairs), part.offset)

    def like(self, node: exp.Expression, depth: int) -> Part | None:
        """LIKE and ILIKE, with an ESCAPE of their own if there is one."""
        escape: str | None = "\\"
        inner = node
        if isinstance(node, exp.Escape):
            inner, escape = node.this, self.escape(node.expression)
        if not isinstance(inner, exp.Like | exp.ILike):
            self.wrong(self.tree.offset(node), "ESCAPE follows something else than LIKE or ILIKE", "Write LIKE '50!%' ESCAPE '!'.")
            return None
        part, pattern = self.operand(inner.this, depth), self.operand(inner.expression, depth)
        if part is None or pattern is None or escape is None:
            return None
        answer = self.matches(part, pattern, escape, fold=isinstance(inner, exp.ILike))
        return answer and (replace(answer, expr=answer.expr.not_()) if inner.args.get("negate") else answer)

    def matches(self, part: Part, pattern: Part, escape: str, *, fold: bool) -> Part | None:
        if part.kind not in ("text", "null"):
            self.wrong(part.offset, f"LIKE looks at texts, and this is {WORDS_FOR[part.kind]}", "Compare it with =, < or BETWEEN.")
            return None
        if pattern.kind == "null" or part.kind == "null":
            return Part("bool", UNKNOWN, part.offset)
        if not isinstance(pattern.value, str):
            self.wrong(
                pattern.offset, "the pattern of LIKE is not a text in quotes", "Write it out: LIKE '/pricing%'; or use contains(a, b)."
            )
            return None
        pieces = pieces_of(pattern.value, escape)
        if pieces is None:
            self.wrong(pattern.offset, f"the pattern ends with the escape {escape}", f"Write {escape}{escape} for the sign itself.")
            return None
        if part.field is not None:
            shortest = "".join(text if kind == "text" else "x" if kind == "one" else "" for kind, text in pieces)
            self.named.setdefault(part.field, []).append(shortest)
        return Part("bool", matching(part.expr, pieces, fold=fold), part.offset)

    def escape(self, node: exp.Expression) -> str | None:
        """One character, or the empty text for no escape at all."""
        found = self.tree.leaf(node)
        if isinstance(node, exp.Literal) and found is not None and node.is_string and len(found[1].text) <= 1:
            return str(found[1].text)
        self.wrong(self.tree.offset(node), "ESCAPE is not followed by a single character in quotes", "Write ESCAPE '!'.")
        return None

    # --- values -----------------------------------------------------------------------------------------------

    def operand(self, node: exp.Expression, depth: int) -> Part | None:
        """A side of a comparison. One that is a comparison itself needs brackets: SQL dialects disagree about what it means without."""
        if isinstance(node, _PREDICATES):
            self.wrong(
                self.tree.offset(node), "two comparisons stand side by side", "Join them with AND or OR, or put brackets around one."
            )
            return None
        return self.part(node, depth)

    def leaf(self, node: exp.Expression, number: int, token: Any) -> Part | None:
        if not isinstance(node, exp.Literal):
            return self.field_or_constant(number, token)
        if node.is_string:
            return Part("text", pl.lit(token.text, dtype=pl.String), token.start, token.text)
        return self.number(token.text, token.start)

    def field_or_constant(self, number: int, token: Any) -> Part | None:
        quoted = token.end - token.start + 1 != len(token.text)
        name = token.text if quoted else token.text.lower()
        if not quoted and name in _CONSTANTS and name not in self.fields:
            value = _CONSTANTS[name]
            return Part("null" if value is None else "bool", pl.lit(value, dtype=pl.Boolean), token.start, value)
        kind = self.fields.get(name)
        if kind is None and self.dashed(number):
            return None
        if kind is None:
            self.wrong(token.start, f"there is no field '{token.text}' here", self.advice(name, number))
            return None
        self.names.add(name)
        return Part(kind, pl.col(name), token.start, field=name)

    def dashed(self, number: int) -> bool:
        """Whether the word is a part of a name with a dash that was written without quotes; complained of once."""
        tokens = self.tree.tokens
        for start in (number, max(number - 2, 0)):
            name = "".join(token.text for token in tokens[start : start + 3]).lower()
            if name in self.fields:
                if start == number:
                    self.wrong(
                        tokens[start].start, f"{name} is read as a subtraction", f'Names with a dash stand in double quotes: "{name}".'
                    )
                return True
        return False

    def advice(self, name: str, number: int) -> str:
        """For an unknown field: a text without its quotes, or the nearest name."""
        tokens = self.tree.tokens
        if number > 0 and tokens[number - 1].text in ("=", "<>", "!=", "(", ","):
            return f"If it is a text, write it in single quotes: '{name}'. {one_of(self.fields, word=name)}"
        if name.lower() in self.fields:
            return f"Names are in lower case: {name.lower()}."
        return one_of(self.fields, word=name)

    def number(self, text: str, offset: int) -> Part | None:
        try:
            value = float(text)
        except ValueError:
            value = float("inf")
        if value == float("inf"):
            self.wrong(offset, f"{text} is no number a computer can hold", "Write it with digits and a point, such as 1200 or 0.5.")
            return None
        if text.isdigit() and int(text) < 2**63:
            return Part("int", pl.lit(int(text), dtype=pl.Int64), offset, int(text))
        return Part("number", pl.lit(value, dtype=pl.Float64), offset, value)

    def minus(self, node: exp.Expression, depth: int) -> Part | None:
        part = self.numeric(node.this, depth)
        if part is None:
            return None
        if isinstance(part.value, int | float):
            return Part(part.kind, pl.lit(-part.value, dtype=DTYPES[typed(part)]), part.offset, -part.value)
        return Part("number", -part.expr.cast(pl.Float64), part.offset)

    def arithmetic(self, node: exp.Expression, depth: int) -> Part | None:
        left, right = self.numeric(node.this, depth), self.numeric(node.expression, depth)
        if left is None or right is None:
            return None
        result = COMPUTE[type(node)](left.expr.cast(pl.Float64), right.expr.cast(pl.Float64))
        return Part("number", pl.when(result.is_finite()).then(result), left.offset)

    def numeric(self, node: exp.Expression, depth: int) -> Part | None:
        part = self.operand(node, depth)
        if part is None or part.kind in (*NUMERIC, "null"):
            return part
        self.wrong(part.offset, f"{WORDS_FOR[part.kind]} cannot be reckoned with", "Use whole numbers and numbers only.")
        return None

    def function(self, node: exp.Expression, depth: int) -> Part | None:
        token = self.tree.tokens[int(str(node.this)[1:])]
        name = token.text.lower()
        if name not in FUNCTIONS:
            self.wrong(token.start, f"there is no function '{token.text}'", one_of(FUNCTIONS, word=name, most=12))
            return None
        arguments = [self.part(child, depth) for child in node.args.get("expressions") or ()]
        good = [part for part in arguments if part is not None]
        if len(good) < len(arguments):
            return None
        known = FUNCTIONS[name]
        if not known.least <= len(good) <= known.most:
            self.wrong(token.start, f"{name} has {len(good)} arguments instead of {known.least}", f"Write {known.usage}.")
            return None
        return known.build(self, name, good, token.start)

    # --- types ------------------------------------------------------------------------------------------------

    def alike(self, left: Part, right: Part) -> tuple[Part, Part] | None:
        """Both parts in one type: whole numbers beside numbers become numbers, and a text in quotes beside a moment is read as one."""
        if self.countries:
            left, right = as_country(left, right), as_country(right, left)
        pair = self.paired(left, right)
        for one, other in (pair, pair[::-1]) if pair else ():
            if one.field is not None and other.value is not None:
                self.named.setdefault(one.field, []).append(other.value)
        return pair

    def paired(self, left: Part, right: Part) -> tuple[Part, Part] | None:
        if left.kind == right.kind or "null" in (left.kind, right.kind):
            return (left, right) if self.possible(left, right) and self.possible(right, left) else None
        if left.kind in NUMERIC and right.kind in NUMERIC:
            return as_number(left), as_number(right)
        if "time" in (left.kind, right.kind) and "text" in (left.kind, right.kind):
            first, second = self.moment(left), self.moment(right)
            return (first, second) if first is not None and second is not None else None
        written = right if right.value is not None else left if left.value is not None else right
        other = left if written is right else right
        self.wrong(written.offset, f"{self.shown(written)} is compared with {self.shown(other)}", _MEND.get(other.kind, _MEND["text"]))
        return None

    def possible(self, part: Part, other: Part) -> bool:
        """Whether a field that holds certain texts only can hold this one."""
        known = self.values.get(part.field or "")
        if known is None or not isinstance(other.value, str) or other.value in known:
            return True
        self.wrong(other.offset, f"{part.field} is never '{short(other.value)}'", one_of(known, word=other.value))
        return False

    def moment(self, part: Part) -> Part | None:
        if part.kind == "time":
            return part
        moment = read_time(part.value) if isinstance(part.value, str) else None
        if moment is None:
            self.wrong(part.offset, f"{self.shown(part)} is no moment", "Write it as '2026-03-01' or '2026-03-01 14:30', in UTC.")
            return None
        return Part("time", pl.lit(moment, dtype=DTYPES["time"]), part.offset, moment)

    def shown(self, part: Part) -> str:
        """A part as a sentence speaks of it: the field's name or the value, and its type."""
        kind = WORDS_FOR[part.kind]
        if isinstance(part.value, str):
            return f"the text '{short(part.value)}'"
        if part.value is not None:
            return f"{kind} ({part.value})" if part.kind != "bool" else f"{kind} ({str(part.value).upper()})"
        return f"{part.field} ({kind})" if part.field else kind


_MEND: Final[Mapping[Kind, str]] = {
    "text": "Texts stand in single quotes: 'software'.",
    "int": "Numbers stand without quotes: 200.",
    "number": "Numbers stand without quotes: 0.5.",
    "bool": "Write TRUE or FALSE, or the field alone.",
    "time": "Write it as '2026-03-01' or '2026-03-01 14:30', in UTC.",
}
_CONSTANTS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None}


def as_country(part: Part, other: Part) -> Part:
    """A country written out beside the field of that name: by its code, as it is recorded."""
    if other.field != COUNTRY or not isinstance(part.value, str):
        return part
    code = country(part.value)
    return part if code == part.value else replace(part, value=code, expr=pl.lit(code))


def _among(pairs: Sequence[tuple[Part, Part]]) -> pl.Expr:
    """IN: true where a value equals, else unknown where the part or one of the values is, else false."""
    part = next((left for left, _ in pairs if left.kind == "number"), pairs[0][0])
    if part.kind == "null" or never_known(part):
        return UNKNOWN
    written = [as_number(right) if part.kind == "number" else right for _, right in pairs if right.value is not None]
    others = [right for _, right in pairs if right.value is None]
    answers: list[pl.Expr] = []
    if written:
        values = pl.Series([right.value for right in written], dtype=DTYPES[part.kind])
        answers.append(part.expr.is_in(values.implode()))
    answers += [UNKNOWN if never_known(right) else part.expr == right.expr for right in others]
    return balanced(answers, pl.Expr.or_)


_COMPARE: Final[Mapping[type[exp.Expression], Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    exp.EQ: pl.Expr.eq,
    exp.NEQ: pl.Expr.ne,
    exp.LT: pl.Expr.lt,
    exp.LTE: pl.Expr.le,
    exp.GT: pl.Expr.gt,
    exp.GTE: pl.Expr.ge,
}
COMPUTE: Final[Mapping[type[exp.Expression], Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    exp.Add: pl.Expr.add,
    exp.Sub: pl.Expr.sub,
    exp.Mul: pl.Expr.mul,
    exp.Div: pl.Expr.truediv,
}
_PREDICATES: Final[tuple[type[exp.Expression], ...]] = (
    exp.And,
    exp.Or,
    exp.Not,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
    exp.ILike,
    exp.Escape,
    *_COMPARE,
)
_HANDLERS: Final[Mapping[type[exp.Expression], Callable[[Walk, Any, int], Part | None]]] = {
    exp.And: Walk.junction,
    exp.Or: Walk.junction,
    exp.Not: Walk.negation,
    exp.Paren: Walk.paren,
    exp.Is: Walk.is_,
    exp.Between: Walk.between,
    exp.In: Walk.in_,
    exp.Like: Walk.like,
    exp.ILike: Walk.like,
    exp.Escape: Walk.like,
    exp.Neg: Walk.minus,
    exp.Anonymous: Walk.function,
    **dict.fromkeys(_COMPARE, Walk.comparison),
    **dict.fromkeys(COMPUTE, Walk.arithmetic),
}
