"""Days and moments that people type: read, or refused with a ValueError, but never one that cannot be told on another clock.

Python's calendar ends with the years 1 and 9999: a moment of these has no name in some time zones, and a day no day before or after it.
A slip of the finger is enough to get there (`0206`, `9999`), so only years a company can mean are taken.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Final

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
#: For the end of a fix.
YEARS: Final = f"in a year from {FIRST_YEAR} to {LAST_YEAR}"


def day_in(text: str) -> date:
    """The day an ISO 8601 text names; of a moment, its own day. Raises ValueError: it is none, or of no year that is taken."""
    return _taken(datetime.fromisoformat(text.strip())).date()


def moment_in(text: str, zone: tzinfo) -> datetime:
    """The moment an ISO 8601 text names, in UTC; without an offset, on the clocks of `zone`.

    Raises:
        ValueError: it is none, or of no year that is taken.
    """
    moment = _taken(datetime.fromisoformat(text.strip()))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _taken(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"{moment.year} is not {YEARS}")
    return moment
