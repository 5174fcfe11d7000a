"""Patterns of LIKE: their pieces, as Polars expressions, and what can be said of them without any text.

`%` is any number of characters, `_` exactly one; the escape makes the next character plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import polars as pl

#: A piece of a pattern: a text as it is, one character (`_`), or any number of them (`%`).
Piece: TypeAlias = tuple[Literal["text", "one", "any"], str]


def pieces_of(pattern: str, escape: str) -> tuple[Piece, ...] | None:
    """The pieces of a pattern; None where it ends with the escape."""
    found: list[Piece] = []
    signs = iter(pattern)
    for sign in signs:
        if sign == escape:
            following = next(signs, None)
            if following is None:
                return None
            found.append(("text", following))
        elif sign in "%_":
            if sign == "_" or found[-1:] != [("any", "")]:
                found.append(("one" if sign == "_" else "any", ""))
        else:
            found.append(("text", sign))
    return tuple(_joined(found))


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for kind, text in pieces:
        if kind == "text" and joined and joined[-1][0] == "text":
            joined[-1] = ("text", joined[-1][1] + text)
        else:
            joined.append((kind, text))
    return joined


def matching(value: pl.Expr, pieces: Sequence[Piece], *, fold: bool) -> pl.Expr:
    """The common shapes need no regular expression; the others get one over the whole text, newlines included, in linear time."""
    shape, texts = [kind for kind, _ in pieces], [pl.lit(text) for kind, text in pieces if kind == "text"]
    if not fold:
        if shape == ["text"] or not shape:
            return value == (texts[0] if texts else pl.lit(""))
        if shape == ["text", "any"]:
            return value.str.starts_with(texts[0])
        if shape == ["any", "text"]:
            return value.str.ends_with(texts[0])
        if shape == ["any", "text", "any"]:
            return value.str.contains(texts[0], literal=True)
    return value.str.contains(_regex(pieces, fold=fold))


def _regex(pieces: Sequence[Piece], *, fold: bool) -> str:
    parts = {"one": ".", "any": ".*"}
    body = "".join(_plain(text) if kind == "text" else parts[kind] for kind, text in pieces)
    return f"(?s{'i' if fold else ''})\\A{body}\\z"


def _plain(text: str) -> str:
    return re.sub(r"[\\.+*?()|\[\]{}^$#&\-~/]", r"\\\g<0>", text)


# --- without any text -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _segments(pieces: tuple[Piece, ...], fold: bool) -> tuple[re.Pattern[str], ...]:
    """What stands between the `%`, each as an expression without repetition: so a search takes no more than length times length."""
    bodies = [""]
    for kind, text in pieces:
        if kind == "any":
            bodies.append("")
        else:
            bodies[-1] += re.escape(text) if kind == "text" else "."
    return tuple(re.compile(body, re.DOTALL | (re.IGNORECASE if fold else 0)) for body in bodies)


def _matches(pieces: tuple[Piece, ...], text: str, fold: bool) -> bool:
    """The first segment at the start, the last at the end, those between as early as they come."""
    first, *others = _segments(pieces, fold)
    found = first.match(text)
    if found is None or not others:
        return found is not None and found.end() == len(text)
    start = found.end()
    for segment in others[:-1]:
        if (found := segment.search(text, start)) is None:
            return False
        start = found.end()
    # A segment matches a fixed number of characters, so where the last one would have to begin is known.
    width = sum(len(text) if kind == "text" else 1 for kind, text in pieces[_last_any(pieces) + 1 :])
    return len(text) - width >= start and others[-1].match(text, len(text) - width) is not None


def _last_any(pieces: tuple[Piece, ...]) -> int:
    return max(number for number, (kind, _) in enumerate(pieces) if kind == "any")


def may_match(pieces: tuple[Piece, ...], text: str, *, fold: bool, wanted: bool) -> bool:
    """Whether the text can (or, not `wanted`, can fail to) match: certain but for letters whose case folds in more than one way."""
    if fold and not (text.isascii() and all(part.isascii() for _, part in pieces)):
        return True
    return _matches(pieces, text, fold) == wanted


def within(inner: tuple[Piece, ...], inner_fold: bool, outer: tuple[Piece, ...], outer_fold: bool) -> bool:
    """Whether every text that matches `inner` is certain to match `outer`. False where it is not certain."""
    if inner_fold and not outer_fold:
        return False
    if outer_fold:
        inner, outer = (tuple((kind, text.lower()) for kind, text in pieces) for pieces in (inner, outer))
    if inner == outer:
        return True
    shape, texts = [kind for kind, _ in outer], [text for kind, text in outer if kind == "text"]
    first, last = (inner[0], inner[-1]) if inner else (("text", ""), ("text", ""))
    if shape == ["any"]:
        return True
    if shape == ["text", "any"]:
        return first[0] == "text" and first[1].startswith(texts[0])
    if shape == ["any", "text"]:
        return last[0] == "text" and last[1].endswith(texts[0])
    if shape == ["any", "text", "any"]:
        return any(kind == "text" and texts[0] in text for kind, text in inner)
    return False


def apart(one: tuple[Piece, ...], other: tuple[Piece, ...]) -> bool:
    """Whether it is certain that no text matches both: they begin, or end, with texts that exclude each other. Case counts."""
    if not one or not other:
        return False
    begins = one[0][0] == other[0][0] == "text" and not _goes_on(one[0][1], other[0][1], str.startswith)
    return begins or (one[-1][0] == other[-1][0] == "text" and not _goes_on(one[-1][1], other[-1][1], str.endswith))


def _goes_on(one: str, other: str, how: Callable[[str, str], bool]) -> bool:
    return how(one, other) or how(other, one)
