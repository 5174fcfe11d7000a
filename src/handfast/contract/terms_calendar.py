"""Opening hours, as the contract writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator

from handfast.contract.terms_base import Term

_INTERVAL = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _interval(value: object) -> str:
    if not isinstance(value, str) or (match := _INTERVAL.match(value)) is None:
        raise ValueError(f"'{value}' is not an interval; write it as '09:00-12:30'")
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if end > 1440 or start >= end:
        raise ValueError(f"'{value}' must end after it starts, at 24:00 at the latest; a night shift is two intervals on two days")
    return value


Interval = Annotated[str, BeforeValidator(_interval)]


def days_of(key: str) -> tuple[int, ...]:
    """The weekdays a key such as `mon`, `mon-fri` or `sat,sun` names; Monday is 0.

    Raises:
        ValueError: a word that is no weekday, or a range that runs backwards.
    """
    found: list[int] = []
    for part in key.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"'{part}' is no weekday; use mon, tue, wed, thu, fri, sat, sun, a range 'mon-fri' or a list 'sat,sun'")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        if end < start:
            raise ValueError(f"'{part}' runs backwards; write it from the earlier day to the later")
        found.extend(range(start, end + 1))
    return tuple(found)


class Calendar(Term):
    """Opening hours in one IANA zone: any number of intervals a weekday, less the holidays.

    `holidays` is a country or country-subdivision of the `holidays` library (`US`, `DE-BY`), or None. `closed` and `open` are single
    dates (ISO) that override: closed whatever the week says, or open with these intervals although it is a holiday or weekend.
    """

    timezone: str = "UTC"
    week: Mapping[str, tuple[Interval, ...]]
    holidays: str | None = None
    closed: tuple[str, ...] = ()
    open: Mapping[str, tuple[Interval, ...]] = {}
