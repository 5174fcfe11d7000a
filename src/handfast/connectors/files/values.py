"""The value of a cell: as text, as what JSON can hold, as a number, a yes or no, a time; or what is wrong with it.

Files write the same value in many ways: a column of numbers says 42.0 for 42, a spreadsheet an empty text for nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from handfast.contract.terms import FieldType

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0"})


class Wrong(Exception):
    """This row cannot be taken. `facts.Reader.read` makes a Problem of it; it goes no further."""

    def __init__(self, part: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.part, self.what, self.fix = part, what, fix


def cell_of(raw: Any, part: str) -> Any:
    """What stands in a cell: None for nothing but blanks. A NUL cannot be stored."""
    if isinstance(raw, str):
        if "\x00" in raw:
            raise Wrong(part, "the text holds a NUL character", "Take it out; it shows as nothing or as a box.")
        return raw.strip() or None
    if isinstance(raw, float) and raw != raw:  # noqa: PLR0124 - NaN is how some tools write nothing
        return None
    return raw


def listed(text: str) -> list[str]:
    """`german, soc2` as a list; commas, semicolons and blanks part."""
    return [one for one in re.split(r"[,;\s]+", text.lower()) if one]


def said_of(value: Any) -> str:
    """A value as text, as its source would write it: 42.0 of a column of numbers is 42."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return "" if value is None else str(value)


def as_json(value: Any) -> Any:
    """A value that JSON can hold: dates and times as ISO text."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict | list):
        text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
        if b"\\u0000" in text:
            raise Wrong("", "a nested value holds a NUL character", "Take it out; it shows as nothing or as a box.")
        return orjson.loads(text)
    return value.isoformat() if isinstance(value, date) else str(value)


def truth_of(value: Any, part: str) -> bool:
    if isinstance(value, bool):
        return value
    said = said_of(value).lower()
    if said in _TRUE or said in _FALSE:
        return said in _TRUE
    raise Wrong(part, f"'{short(said)}' is neither true nor false", "Write true or false, or translate it with `values`.")


def number_of(value: Any, kind: FieldType, part: str) -> float | int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        try:
            number = float(said_of(value).replace("_", "x").replace(",", "").replace(" ", ""))
        except ValueError:
            raise Wrong(part, f"'{short(said_of(value))}' is no number", "Write digits, with a point for decimals.") from None
    if number != number or abs(number) == float("inf"):  # noqa: PLR0124
        raise Wrong(part, f"'{short(said_of(value))}' is no number", "Write digits, with a point for decimals.")
    if kind == "int":
        if not number.is_integer():
            raise Wrong(part, f"{number} is no whole number", "Round it, or read it as a number.")
        return int(number)
    return number


def parsed(said: str, form: str | None) -> datetime | None:
    try:
        if form in ("seconds", "milliseconds"):
            return datetime.fromtimestamp(float(said) / (1000 if form == "milliseconds" else 1), UTC)
        if form is not None:
            return datetime.strptime(said, form)  # noqa: DTZ007 - gets its zone from the mapping
        if len(said) < 10 or said[4:5] != "-":
            return None  # 20260302 and week dates are ISO too, and more often a number that was mapped by mistake.
        return datetime.fromisoformat(said)
    except (ValueError, OverflowError, OSError):
        return None


def row_digest(fields: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> str:
    """What a row without an id is known by: everything it says."""
    said = orjson.dumps([fields, groups], default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).hexdigest()[:32]


def short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
