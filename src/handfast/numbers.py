"""How numbers are said, everywhere: `58%`, `+5`, `−3` with a minus sign (U+2212), `12,500`, points never past a bar. Pure functions."""

from __future__ import annotations

from typing import Final

MINUS: Final = "\u2212"
#: What stands where there is nothing to say.
UNKNOWN: Final = "–"
_MILLION: Final = 1_000_000


def number(value: float, digits: int = 0) -> str:
    """`3`, `−2`, `0.5`: never `−0`."""
    text = str(value) if isinstance(value, int) and not digits else f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def short(value: float, digits: int = 6) -> str:
    """A number without needless digits, `digits` after the point at most: `3`, `0.5`, `−1.25`, `12500`; never `1.25e+04`."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float, digits: int = 0) -> str:
    """A change or a rule's points: `+5`, `−3`, `0`."""
    text = number(value, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def points(worth: float, digits: int = 2, *, sign: str = "") -> str:
    """Points somebody has, or a rule gave: `21.92`, `−1.74`; `sign` stands before what is not negative.

    Rounded down, so that what is shown never reaches a bar that was missed, and one place never shows another number than the next. Points
    are kept in millionths: what a float says beyond those is its own noise.
    """
    kept = round(worth * _MILLION) // 10 ** (6 - digits)
    text = short(kept / 10**digits, digits)
    return text if text.startswith(MINUS) else sign + text


def percent(share: float | None, digits: int = 0) -> str:
    """A share, 0 to 1: `58%`; unknown is a dash."""
    return UNKNOWN if share is None else f"{number(100 * share, digits)}%"


__all__ = ["MINUS", "UNKNOWN", "number", "percent", "points", "short", "signed"]
