"""The nouns: what the world told us, as plain values.

Times are aware datetimes in UTC. Identifiers are derived from their cause by `stable_id`, never drawn at random:
the same input gives the same ids, so a step done twice after a crash writes the same row.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

#: How many lanes the work is spread over. Part of what is stored with each signal: changing it needs a migration.
LANES: Final = 64


def stable_id(prefix: str, *cause: str) -> str:
    """A short identifier that depends on its cause alone: `prefix_` and 20 hexadecimal digits (80 bits)."""
    cause_bytes = "\x1f".join((prefix, *cause)).encode()
    return f"{prefix}_{hashlib.sha256(cause_bytes).hexdigest()[:20]}"


def signal_id(source: str, message_id: str) -> uuid.UUID:
    """The identity of a signal: one per source and message id, for ever."""
    return uuid_of(hashlib.sha256(f"{source}\x1f{message_id}".encode()).digest()[:16])


def uuid_of(number: bytes | bytearray | memoryview) -> uuid.UUID:
    """The UUID of these 16 bytes, as `UUID(bytes=…)` makes it, without asking what it was given: that costs more than a digest."""
    made = _NEW(_UUID)
    _SET_INT(made, int.from_bytes(number, "big"))
    _SET_SAFE(made, _UNKNOWN)
    return made


#: How a UUID is made: it is filled in once, and lets nobody change it afterwards.
_UUID, _UNKNOWN, _NEW = uuid.UUID, uuid.SafeUUID.unknown, object.__new__
_SET_INT, _SET_SAFE = uuid.UUID.__dict__["int"].__set__, uuid.UUID.__dict__["is_safe"].__set__


def lane_of(key: str) -> int:
    """The lane (0 to 63) of an account key. Stable across processes and versions, unlike `hash()`."""
    # Of the number that the first four bytes are: 256 is so many times the lanes, so only the last of them counts.
    return hashlib.sha256(key.encode()).digest()[3] % LANES


def utc(moment: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        ValueError: the datetime is naive, so nobody can know which moment it means.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC)


#: What nothing was said of.
_NOTHING: Final[Mapping[str, Any]] = {}


class Signal(NamedTuple):
    """Something a person did, with its own time. A tuple, made in a third of the time: there are more of them than of anything.

    `occurred_at` is corrected for the sender's clock and never later than `received_at`.
    `person` and `account` are what the signal says of them (normalised names: `email`, `phone`, `first_name`, `title`, `name`,
    `domain`, `employees`, …); `properties` is what it says of itself (`path`, `form`, …).
    """

    id: uuid.UUID
    source: str
    kind: str
    occurred_at: datetime
    received_at: datetime
    email: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    properties: Mapping[str, Any] = _NOTHING
    person: Mapping[str, Any] = _NOTHING
    account: Mapping[str, Any] = _NOTHING


@dataclass(frozen=True, slots=True)
class Rep:
    """Someone in Sales who can own a handoff. `manager` is the id of another rep; `time_zone` an IANA name.

    `week` are their own opening hours as a contract writes them (None: the contract's), `holidays` their region (`DE-BY`; None: the
    calendar's), `skills` what they can do, languages too. `off`: they switched themselves off, or were.
    """

    id: str
    name: str
    email: str
    team: str = ""
    manager: str | None = None
    time_zone: str = "UTC"
    active: bool = True
    week: Mapping[str, tuple[str, ...]] | None = None
    holidays: str | None = None
    skills: frozenset[str] = frozenset()
    off: bool = False


@dataclass(frozen=True, slots=True)
class Absence:
    """From `starts_at` up to but not including `ends_at`, this rep takes no new handoffs."""

    rep: str
    starts_at: datetime
    ends_at: datetime
    why: str = ""


class Account(NamedTuple):
    """A company. `key` is what makes it one: its registrable domain, or `source:external id`."""

    id: str
    key: str
    name: str = ""
    domain: str | None = None
    owner: str | None = None
    fields: Mapping[str, Any] = _NOTHING


class Person(NamedTuple):
    """A human being on the other side. Belongs to at most one account at a time."""

    id: str
    email: str | None = None
    name: str = ""
    account: str | None = None
    fields: Mapping[str, Any] = _NOTHING


class TouchKind(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MESSAGE = "message"
    SOCIAL = "social"
    MEETING = "meeting"
    OTHER = "other"


class Evidence(StrEnum):
    """How we know of a touch: a system saw it, or the rep said so."""

    EVIDENCED = "evidenced"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Touch:
    """An attempt by a rep to reach a person. `contact` is True only for a two-way exchange."""

    id: str
    person: str
    rep: str | None
    kind: TouchKind
    occurred_at: datetime
    evidence: Evidence
    contact: bool = False
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A deal. Open until `closed_at`; `won` is None while open. `amount` is in the company's own currency."""

    id: str
    person: str | None
    account: str | None
    owner: str | None
    stage: str
    amount: float | None
    opened_at: datetime
    closed_at: datetime | None = None
    won: bool | None = None


class Outcome(StrEnum):
    """What became of a handoff: the four dispositions."""

    CONNECTED = "connected"
    MEETING_SET = "meeting_set"
    RECYCLE = "recycle"
    DISQUALIFY = "disqualify"
