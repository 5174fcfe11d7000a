"""Marketing's promises about a period: a volume Sales can plan for, few false positives. Measured when the period is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from handfast.contract.terms import Band, Share
from handfast.numbers import number, short


@dataclass(frozen=True, slots=True)
class Period:
    """A week (Monday to Sunday) or a month of a zone. `name`: 2026-W10, 2026-03; `end` is not part of it; both in UTC."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What a period came to. `why` says it in a sentence; `kept` None: too few to conclude anything."""

    kept: bool | None
    value: float
    of: int
    why: str


def last_period(every: Literal["week", "month"], zone: str, at: datetime) -> Period:
    """The latest period that was over at `at`."""
    local = at.astimezone(ZoneInfo(zone))
    today = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if every == "week":
        end = today - timedelta(days=today.weekday())
        start = end - timedelta(days=7)
        name = f"{start.isocalendar().year}-W{start.isocalendar().week:02d}"
    else:
        end = today.replace(day=1)
        start = (end - timedelta(days=1)).replace(day=1)
        name = f"{start:%Y-%m}"
    return Period(name, _utc(start, zone), _utc(end, zone))


def volume(band: Band, period: Period, handoffs: int) -> Found:
    """Whether so many handoffs keep the promise."""
    most = "any number" if band.at_most is None else str(band.at_most)
    kept = handoffs >= band.at_least and (band.at_most is None or handoffs <= band.at_most)
    why = f"{handoffs} handoffs in {period.name}; promised are {band.at_least} to {most}."
    return Found(kept, handoffs, handoffs, why)


def false_positives(share: Share, period: Period, closed: int, wrong: int) -> Found:
    """Whether so many wrong ones among those closed keep the promise. Too few closed say nothing."""
    if closed < share.minimum:
        why = f"{closed} handoffs were closed in {period.name}; from {share.minimum} on the share is judged."
        return Found(None, wrong, closed, why)
    per_cent = 100 * wrong / closed
    why = f"{wrong} of {closed} handoffs closed in {period.name} were disqualified for fit or data, {number(per_cent, 1)}%; promised are"
    return Found(per_cent <= share.at_most, per_cent, closed, f"{why} at most {short(share.at_most)}%.")


def _utc(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


__all__ = ["Found", "Period", "false_positives", "last_period", "volume"]
