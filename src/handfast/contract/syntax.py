"""The text of a condition, as a tree: sqlglot's PostgreSQL tokens and precedence, on a small and bounded part of the language.

Two things make hostile text harmless. The tokens are looked at before the parser sees them: only those of the small language pass, and
brackets and prefixes nest no deeper than `DEEPEST`, so that no parser of anybody's can be made to recurse for long. And every word, number
and string is handed to the parser under the number of its token (`t7`): whatever meaning SQL gives to a word, a field may be called so,
and every leaf of the tree knows where in the text it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

#: How long a condition may be, in characters. Lists are bounded by it too: no more than 2,000 values fit.
LONGEST: Final = 4000
#: How deep brackets, NOT and signs may nest.
DEEPEST: Final = 50

_SIGNS: Final = frozenset(
    {TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE, TokenType.PLUS, TokenType.DASH, TokenType.STAR}
    | {TokenType.SLASH, TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA}
)
_WORDS: Final = frozenset(
    {TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.IN, TokenType.IS, TokenType.LIKE, TokenType.ILIKE, TokenType.BETWEEN}
    | {TokenType.ESCAPE}
)
_CONSTANTS: Final = frozenset({TokenType.TRUE, TokenType.FALSE, TokenType.NULL})
_PREFIXES: Final = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS})
_WORD: Final = re.compile(r"[^\W\d]\w*\Z")

#: What people try, and what to do instead.
_REFUSED: Final = {
    "select": ("a query inside a condition is not possible", "Compare fields with values; a fact that needs a look-up belongs in a field."),
    "exists": ("EXISTS is not part of a condition", "Compare fields with values, or ask `IS NOT NULL`."),
    "any": ("ANY is not part of a condition", "List the values: `field IN ('a', 'b')`."),
    "all": ("ALL is not part of a condition", "Join the comparisons with AND."),
    "some": ("SOME is not part of a condition", "List the values: `field IN ('a', 'b')`."),
    "case": ("CASE is not part of a condition", "Write the cases with AND and OR, or as several rules with points of their own."),
    "cast": ("CAST is not part of a condition", "Declare the field with the type you need, under `fields:` or `signals:`."),
    "similar": ("SIMILAR TO is not part of a condition", "Use LIKE with % and _, or several of them joined with OR."),
    "distinct": ("IS DISTINCT FROM is not part of a condition", "Write `a <> b OR a IS NULL`."),
    "interval": ("INTERVAL is not part of a condition", "Time is measured by `within`, `half_life` and `lookback`, not by conditions."),
    "now": ("a condition does not know the time of day", "Use `within`, `half_life` or `lookback`."),
    "current_date": ("a condition does not know the date", "Use `within`, `half_life` or `lookback`."),
    "current_timestamp": ("a condition does not know the time of day", "Use `within`, `half_life` or `lookback`."),
}
_SYMBOLS: Final = {
    "==": ("'==' is not SQL", "Write a single '='."),
    "||": ("joining texts with '||' is not possible", "Compare each field on its own and join the comparisons with AND."),
    "%": ("'%' outside quotes is not possible", "Put the pattern in single quotes: LIKE '/pricing%'."),
    "&&": ("'&&' is not SQL", "Write AND."),
    ".": ("a dot is not possible here", "A field is a single word: write `employees`, not `account.employees`; write 0.5, not .5."),
    "::": ("a cast is not possible", "Declare the field with the type you need, under `fields:` or `signals:`."),
    "^@": ("'^@' is not possible", "Write starts_with(field, 'text') or LIKE 'text%'."),
    "~": ("regular expressions are not possible", "Use LIKE with % and _."),
    "~*": ("regular expressions are not possible", "Use ILIKE with % and _."),
    ";": ("a condition is a single expression", "Leave the semicolon out."),
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong at an offset of the text, in characters from 0, and how to mend it."""

    offset: int
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed condition. The leaves of `root` are named after their tokens. `lists`: the tokens that name a list (`IN LIST name`)."""

    root: exp.Expression
    tokens: tuple[Token, ...]
    lists: frozenset[int] = frozenset()

    def leaf(self, node: exp.Expression) -> tuple[int, Token] | None:
        """The token a field, value or function stands for, and its number."""
        name: Any = node.this
        if isinstance(node, exp.Column):
            name = node.name
        if not isinstance(name, str) or name[:1] != "t" or not name[1:].isdigit():
            return None
        return int(name[1:]), self.tokens[int(name[1:])]

    def offset(self, node: exp.Expression) -> int:
        """Where the first leaf of a node stands."""
        while True:
            found = self.leaf(node)
            if found is not None:
                return int(found[1].start)
            following = node.this if isinstance(node.this, exp.Expression) else next(node.iter_expressions(), None)
            if following is None:
                return 0
            node = following


def parse(text: str, fields: Collection[str]) -> Tree | list[Complaint]:
    """The tree of a condition's text, or why there is none. Raises nothing.

    `fields` are the declared names: a word SQL has other plans for (`desc`, `end`) is a field where one is called so.
    """
    if (refusal := _unreadable(text)) is not None:
        return [refusal]
    try:
        tokens = tuple(Postgres().tokenize(text))
    except SqlglotError:
        return [_unclosed(text)]
    if not tokens:
        return [Complaint(0, "there is only a comment here", "Write a comparison such as `employees >= 200`.")]
    complaints = list(_strangers(tokens, fields)) or list(_too_deep(tokens))
    if complaints:
        return complaints
    try:
        lists = frozenset(n + 2 for n in range(len(tokens)) if _names_list(n, tokens))
        found = Postgres().parser().parse_into(exp.Condition, list(_handed(tokens, fields, lists)), text)
    except SqlglotError as refused:
        return [_ungrammatical(refused, tokens, text)]
    if len(found) != 1 or not isinstance(found[0], exp.Expression):
        return [Complaint(0, "this is not one condition", "Write one comparison, or several joined with AND and OR.")]
    return Tree(found[0], tokens, lists)


def _unreadable(text: str) -> Complaint | None:
    if not text.strip():
        return Complaint(0, "the condition is empty", "Write a comparison such as `employees >= 200`, or leave `when` out.")
    if len(text) > LONGEST:
        return Complaint(
            LONGEST, f"the condition has {len(text):,} characters; {LONGEST:,} is the most", "Split it into several rules, or add a field."
        )
    for offset, sign in enumerate(text):
        if "\ud800" <= sign <= "\udfff" or (sign < " " and sign not in "\t\n\r"):
            return Complaint(offset, f"the character {sign!r} cannot be read", "Leave it out.")
    return None


def _unclosed(text: str) -> Complaint:
    """The tokenizer gives up on quotes and comments that never end: the last one opened is where."""
    offset = max(text.rfind("'"), text.rfind('"'), text.rfind("/*"), text.rfind("$"), 0)
    return Complaint(
        offset, "a quote is opened here and never closed", "Close it; a quote inside a text is written twice: 'Rock ''n'' Roll'."
    )


def _strangers(tokens: tuple[Token, ...], fields: Collection[str]) -> Iterator[Complaint]:
    for n, token in enumerate(tokens):
        if _kind(n, tokens, fields) is None:
            lower = token.text.lower()
            what, fix = _SYMBOLS.get(token.text) or _REFUSED.get(lower) or (f"'{token.text}' is not part of a condition", _GRAMMAR)
            yield Complaint(token.start, what, fix)


_GRAMMAR: Final = "Use comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, ILIKE and IS NULL over the declared fields."


def _kind(n: int, tokens: tuple[Token, ...], fields: Collection[str]) -> str | None:
    """What the token is here: `sign`, `word`, `constant`, `value`, `field`, `function`; None for what the language does not have."""
    token = tokens[n]
    kind, following = token.token_type, tokens[n + 1].token_type if n + 1 < len(tokens) else None
    if kind in (TokenType.STRING, TokenType.NUMBER):
        return "value"
    if kind is TokenType.IDENTIFIER:
        return "field"
    if kind in _SIGNS:
        return "sign" if token.text != "==" else None
    if kind in _WORDS:
        return "word"
    if kind in _CONSTANTS:
        return "word" if _follows_is(n, tokens) else "constant"
    lower = token.text.lower()
    if not _WORD.match(token.text) or token.end - token.start + 1 != len(token.text):
        return None
    if following is TokenType.L_PAREN:
        return "function" if lower not in _REFUSED else None
    return "field" if lower in fields or lower not in _REFUSED else None


def _follows_is(n: int, tokens: tuple[Token, ...]) -> bool:
    before = [token.token_type for token in tokens[max(0, n - 2) : n]]
    return before[-1:] == [TokenType.IS] or before == [TokenType.IS, TokenType.NOT]


def _too_deep(tokens: tuple[Token, ...]) -> Iterator[Complaint]:
    """Brackets and the prefixes before them, counted as the parser would descend into them."""
    levels, prefixes = [0], 0
    for token in tokens:
        if token.token_type in _PREFIXES:
            prefixes += 1
        elif token.token_type is TokenType.L_PAREN:
            levels.append(levels[-1] + prefixes + 1)
            prefixes = 0
        else:
            prefixes = 0
            if token.token_type is TokenType.R_PAREN and len(levels) > 1:
                levels.pop()
        if levels[-1] + prefixes > DEEPEST:
            yield Complaint(token.start, f"brackets and NOTs nest deeper than {DEEPEST} here", "Split the condition into several rules.")
            return


def _names_list(n: int, tokens: tuple[Token, ...]) -> bool:
    """Whether IN stands here, and LIST and a name follow."""
    if tokens[n].token_type is not TokenType.IN or n + 2 >= len(tokens) or tokens[n + 1].text.lower() != "list":
        return False
    name = tokens[n + 2]
    return name.token_type is TokenType.IDENTIFIER or (name.token_type not in _SIGNS | _WORDS and bool(_WORD.match(name.text)))


def _handed(tokens: tuple[Token, ...], fields: Collection[str], lists: Collection[int]) -> Iterator[Token]:
    """The tokens as the parser sees them: `IN LIST name` as `IN (name)`, which is SQL."""
    for n in range(len(tokens)):
        if n + 1 in lists:
            yield _bracket(TokenType.L_PAREN, "(", tokens[n])
        elif n in lists:
            token = tokens[n]
            yield Token(TokenType.IDENTIFIER, f"t{n}", token.line, token.col, token.start, token.end)
            yield _bracket(TokenType.R_PAREN, ")", token)
        else:
            yield _numbered(n, tokens, fields)


def _bracket(kind: TokenType, sign: str, at: Token) -> Token:
    return Token(kind, sign, at.line, at.col, at.start, at.end)


def _numbered(n: int, tokens: tuple[Token, ...], fields: Collection[str]) -> Token:
    token, kind = tokens[n], _kind(n, tokens, fields)
    if kind in ("sign", "word"):
        return token
    if kind == "value":
        return Token(token.token_type, f"t{n}", token.line, token.col, token.start, token.end)
    return Token(TokenType.VAR if kind == "function" else TokenType.IDENTIFIER, f"t{n}", token.line, token.col, token.start, token.end)


def _ungrammatical(refused: SqlglotError, tokens: tuple[Token, ...], text: str) -> Complaint:
    """sqlglot says at which token it stopped; the sentence is ours."""
    errors: list[dict[str, Any]] = getattr(refused, "errors", None) or [{}]
    spot = (errors[0].get("line"), errors[0].get("col"))
    stopped = next((token for token in tokens if (token.line, token.col) == spot), tokens[-1])
    word = text[stopped.start : stopped.end + 1]
    if "Expecting )" in str(errors[0].get("description", "")):
        return Complaint(stopped.start, f"a bracket is still open after {word}", "Close it with ')', or take the opening one out.")
    if stopped is tokens[-1]:
        return Complaint(stopped.start, f"the condition breaks off at {word}", "Finish the comparison, or take the last word out.")
    return Complaint(
        stopped.start, f"the condition makes no sense at {word}", "Check the word before and after it: is a quote, AND or OR missing?"
    )


def operands(node: exp.Expression) -> list[exp.Expression]:
    """The operands of a chain of ANDs or of ORs, left to right, without recursion: a chain may be hundreds long."""
    found: list[exp.Expression] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if type(current) is type(node):
            waiting += [current.expression, current.this]
        else:
            found.append(current)
    return found
