"""The complaint: what a person got wrong, as a value.

A mistake in data or in a contract is never an exception. It is a `Problem`: where it stands, what is wrong,
how to mend it. Whoever reads input returns `(facts, problems)` and goes on with the facts.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEIGHBOURS = 400
_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text or file something stands. Lines and columns count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0
    part: str = ""

    def __str__(self) -> str:
        spot = self.file
        if self.line:
            spot += f" line {self.line}"
            if self.column:
                spot += f", column {self.column}"
        return f"{spot}, {self.part}" if self.part else spot


@dataclass(frozen=True, slots=True)
class Problem:
    """Where, what, and how to fix it. All three are sentences a user reads, never a stack trace."""

    where: Place
    what: str
    fix: str
    #: How many mistakes it tells of: the last of a cut list tells of those that were left out.
    tells: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.fix}"

    def as_json(self) -> dict[str, object]:
        """A plain mapping: `file`, `line`, `column`, `part`, `what`, `fix`."""
        return {
            "file": self.where.file,
            "line": self.where.line,
            "column": self.where.column,
            "part": self.where.part,
            "what": self.what,
            "fix": self.fix,
        }


def counted(problems: Iterable[Problem]) -> str:
    """How many mistakes were found, those that a list leaves out counted too: `1 problem`, `1,520 problems`."""
    many = sum(problem.tells for problem in problems)
    return f"{many:,} problem{'' if many == 1 else 's'}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like `word`, or None where nothing comes close.

    Of more than 400 known words only those are looked at that stand nearest in the alphabet: thousands of slips among thousands of names
    must not cost their product.
    """
    names = list(known)
    if len(names) > _NEIGHBOURS:
        names.sort()
        spot = bisect_left(names, word)
        names = names[max(0, spot - _NEIGHBOURS // 20) : spot + _NEIGHBOURS // 20]
    return next(iter(get_close_matches(word[:_LONGEST_WORD], names, n=1, cutoff=0.6)), None)


def one_of(known: Iterable[str], *, word: str = "", most: int = 8) -> str:
    """A sentence for a fix: the nearest known word first, else the list of what is allowed."""
    names = sorted(known)
    if (close := nearest(word, names)) is not None:
        return f"Did you mean '{close}'?"
    if not names:
        return "None is declared yet."
    listed = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return f"Use one of: {listed}."
