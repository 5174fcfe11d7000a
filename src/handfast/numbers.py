"""How numbers are said, everywhere: a share as `58%`, a change as `+5` or `−3` with a minus sign (U+2212). Pure functions."""

from __future__ import annotations

from typing import Final

MINUS: Final = "\u2212"
#: What stands where there is nothing to say.
UNKNOWN: Final = "–"


def number(value: float, digits: int = 0) -> str:
    """`3`, `−2`, `0.5`: never `−0`."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def signed(value: float, digits: int = 0) -> str:
    """A change or a rule's points: `+5`, `−3`, `0`."""
    text = number(value, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share, 0 to 1: `58%`; unknown is a dash."""
    return UNKNOWN if share is None else f"{number(100 * share, digits)}%"


__all__ = ["MINUS", "UNKNOWN", "number", "percent", "signed"]
