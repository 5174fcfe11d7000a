"""Moments as senders write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def time_of(value: Any) -> datetime:
    """ISO 8601 (without a zone: UTC), or a number of seconds or milliseconds since 1970. Raises ValueError, OverflowError, TypeError."""
    if type(value) is str:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if type(value) is int or type(value) is float:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, UTC)
    raise TypeError("neither text nor number")


def time_or_none(value: Any) -> datetime | None:
    try:
        return None if value is None else time_of(value)
    except (ValueError, OverflowError, TypeError, OSError):
        return None
