"""Small words of sentences: points, counts, lists, moments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def points_of(millionths: int, sign: str = "") -> str:
    """Points with two decimals at most, rounded towards zero, so that what is shown never reaches a bar that was missed."""
    shown = f"{abs(millionths) // 10_000 / 100:.2f}".rstrip("0").rstrip(".")
    return ("-" if millionths < 0 else sign) + shown


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
