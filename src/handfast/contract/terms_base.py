"""What every term is made of: names, conditions, durations, caps and frequencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

#: The types a field may have. `time` is a moment in UTC.
FieldType = Literal["text", "int", "number", "bool", "time"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=60)]
#: A SQL boolean expression over declared fields. NULL means unknown, and unknown is never "met".
Condition = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Term(BaseModel):
    """Base of all terms: immutable, and a word nobody declared is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


_DURATION = re.compile(r"^\s*(\d{1,6})\s*(minute|hour|day|week)s?\s*$", re.IGNORECASE)
MINUTES_IN: Final[Mapping[str, int]] = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}


class Duration(Term):
    """So many minutes, hours, days or weeks.

    On a clock, minutes and hours are *working* time of the clock's calendar; days and weeks are calendar days, moved on to the next
    opening where they end in closed time. Everywhere else all four are plain elapsed time.
    """

    amount: int = Field(ge=0)
    unit: Literal["minute", "hour", "day", "week"]

    @property
    def minutes(self) -> int:
        """The length in minutes, a day being 1,440 of them."""
        return self.amount * MINUTES_IN[self.unit]

    @property
    def is_working_time(self) -> bool:
        """True for minutes and hours: on a clock these count open hours only."""
        return self.unit in ("minute", "hour")

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


def _duration(value: object) -> object:
    if isinstance(value, str):
        if (match := _DURATION.match(value)) is None:
            raise ValueError(f"'{value}' is not a duration; write it as '5 minutes', '2 hours', '14 days' or '2 weeks'")
        return {"amount": int(match[1]), "unit": match[2].lower()}
    if isinstance(value, int | float):
        raise ValueError(f"{value} has no unit; write it as '{value} minutes' or '{value} days'")
    return value


Span = Annotated[Duration, BeforeValidator(_duration), PlainSerializer(str, return_type=str)]

_CAP = re.compile(r"^\s*(\d{1,6})\s*(?:per|a)\s*(day|week)\s*$", re.IGNORECASE)


class Cap(Term):
    """At most `times` per day or week (of the contract's own calendar zone); the earliest count, later ones do not."""

    times: int = Field(ge=1)
    per: Literal["day", "week"]

    def __str__(self) -> str:
        return f"{self.times} per {self.per}"


def _cap(value: object) -> object:
    if isinstance(value, str):
        if (match := _CAP.match(value)) is None:
            raise ValueError(f"'{value}' is not a cap; write it as '3 per day' or '5 per week'")
        return {"times": int(match[1]), "per": match[2].lower()}
    if isinstance(value, int | float):
        raise ValueError(f"{value} does not say how often; write it as '{value} per day' or '{value} per week'")
    return value


AtMost = Annotated[Cap, BeforeValidator(_cap), PlainSerializer(str, return_type=str)]

_TIMES = re.compile(r"^\s*(\d{1,4})\s*(?:times\s+)?within\s+(.+)$", re.IGNORECASE)


class Frequency(Term):
    """So many times within a span: a signal scores once it is the `times`-th within `within` (elapsed time, its end included)."""

    times: int = Field(ge=2)
    within: Span

    def __str__(self) -> str:
        return f"{self.times} within {self.within}"


def _frequency(value: object) -> object:
    if isinstance(value, str):
        if (match := _TIMES.match(value)) is None:
            raise ValueError(f"'{value}' is not a frequency; write it as '3 within 7 days'")
        return {"times": int(match[1]), "within": match[2].strip()}
    if isinstance(value, int | float):
        raise ValueError(f"{value} does not say within which time; write it as '{value} within 7 days'")
    return value


Times = Annotated[Frequency, BeforeValidator(_frequency), PlainSerializer(str, return_type=str)]

_OPEN = re.compile(r"^\s*(\d{1,6})\s*open\s*$", re.IGNORECASE)


def _open_cap(value: object) -> object:
    if isinstance(value, str):
        if (match := _OPEN.match(value)) is None:
            raise ValueError(f"'{value}' is not a capacity; write it as '8 open'")
        return int(match[1])
    return value


#: How many open handoffs a member may hold at once.
OpenCap = Annotated[int, BeforeValidator(_open_cap), Field(ge=1), PlainSerializer(lambda n: f"{n} open", return_type=str)]
