"""Small words of sentences: points, counts, lists, moments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from handfast.numbers import points, short


def points_of(millionths: int, sign: str = "") -> str:
    """Points as they are said everywhere, from how they are kept."""
    return points(millionths / 1_000_000, sign=sign)


def lacking(millionths: int) -> str:
    """What is short of a bar, rounded up to a tenth: what is asked for is enough."""
    return f"+{short(math.ceil(millionths / 100_000) / 10, 1)} intent"


def counted(many: int, word: str, words: str = "") -> str:
    """`1 signal`, `2 signals`; `words` where the plural is not made with an s."""
    return f"{many} {word}" if many == 1 else f"{many} {words or word + 's'}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; of nothing `nothing`."""
    *most, end = list(names) or ["nothing"]
    return f"{', '.join(most)} {last} {end}" if most else end


def moment(at: datetime) -> str:
    """`2026-03-04 11:00 UTC`; `at` in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
