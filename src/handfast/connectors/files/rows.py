"""What a row of a file can say beside a signal or a rep: accounts, touches, opportunities, outcomes, absences.

People are known by a key here (`email:…`, `user:…`); who that is, the desk finds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handfast.facts import Outcome, TouchKind


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account: its key is its registrable domain, or `group:ID`."""

    key: str
    name: str = ""
    domain: str | None = None
    owner: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TouchRow:
    """A touch of the person known by a key (`email:…`, `user:…`). `meeting`: it set a meeting."""

    id: str
    who: str
    rep: str | None
    kind: TouchKind
    at: datetime
    contact: bool
    meeting: bool
    note: str
    source: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class DealRow:
    """An opportunity of the person known by a key. `closed_at` and `won` are None while it is open."""

    id: str
    who: str
    owner: str | None
    stage: str
    amount: float | None
    at: datetime
    closed_at: datetime | None
    won: bool | None
    line: int = 0


@dataclass(frozen=True, slots=True)
class EndRow:
    """What became of the handoff that the person known by a key was in."""

    who: str
    outcome: Outcome
    at: datetime
    reason: str | None
    note: str
    rep: str | None
    line: int = 0


@dataclass(frozen=True, slots=True)
class AwayRow:
    """An absence of the rep known by an id or an address, from a moment up to but not including another."""

    rep: str
    starts_at: datetime
    ends_at: datetime
    why: str
    line: int = 0
