"""What the world knows, kept outside the product: what was sent and acknowledged, what was asked and granted, what was refused.

The promises are checked against this book and against what the database says, never against what the product's code believes.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SOURCE = "site"
#: The CRM, whose signals may name owners.
TRUSTED = "crm"


@dataclass(slots=True)
class Event:
    """One event as a sender made it. `raises`: whoever reads it must take its sender for ready. `good`: it can be taken at all."""

    message: str
    body: dict[str, Any]
    good: bool
    email: str | None = None
    raises: bool = False
    ago_seconds: int = 0
    acknowledged: bool = False
    attempts: list[datetime] = field(default_factory=list)
    source: str = SOURCE
    #: Of a call: how long it lasted.
    seconds: int | None = None
    #: The rep it names as the owner of the account of its person.
    owner: str | None = None

    signal: str = ""

    def __post_init__(self) -> None:
        """`signal` is its identity, by the definition: SHA-256 of source and message id, written out anew."""
        self.signal = str(uuid.UUID(bytes=hashlib.sha256(f"{self.source}\x1f{self.message}".encode()).digest()[:16]))


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was said of a merge before it was done: keys and rows that would move, and the values the one person would have."""

    keys: frozenset[str]
    moves: dict[str, int]
    values: dict[str, Any]
    chosen: dict[str, str]


@dataclass(frozen=True, slots=True)
class Apart:
    """Two people as they were before they were made one. `rows`: noun → row → whose of the two it was; `waiting`: signals nobody had decided."""

    people: dict[str, dict[str, Any]]
    rows: dict[str, dict[str, str]]
    waiting: frozenset[str]


@dataclass(slots=True)
class List:
    """A file somebody brings in, until it is in whole. `wrong`: how many of its rows nobody can take."""

    name: str
    events: list[Event] = field(default_factory=list)
    wrong: int = 0
    finished: bool = False


@dataclass(slots=True)
class Batch:
    """A request, sent until it is answered."""

    number: int
    events: list[Event]
    answered: bool = False
    source: str = SOURCE


@dataclass(slots=True)
class Ledger:
    events: dict[str, Event] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    lists: list[List] = field(default_factory=list)
    #: Tables and ids that were granted to somebody: they must be there from then on.
    granted: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Problem ids of acknowledged refusals are not known outside; how many refused events were acknowledged is.
    refused: int = 0
    overridden: set[str] = field(default_factory=set)
    #: Key of an account → its owner, as the CRM said last and heard that it was recorded.
    owners: dict[str, str] = field(default_factory=dict)
    #: Signals that name an owner nobody knows, and were decided; and how many times it was said.
    strangers: int = 0
    told_of_strangers: int = 0
    #: Merge → what was said of it before; and the two as they were, where nothing else happened in its step.
    foreseen: dict[str, Foreseen] = field(default_factory=dict)
    apart: dict[str, Apart] = field(default_factory=dict)
    #: Texts of versions put in force, by number.
    versions: dict[int, int] = field(default_factory=dict)

    @property
    def unanswered(self) -> list[Batch]:
        return [batch for batch in self.batches if not batch.answered]


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold: its number (0: something was raised that nobody promised), and what was found."""

    promise: int
    what: str

    def __str__(self) -> str:
        return f"promise {self.promise}: {self.what}"


@dataclass(slots=True)
class Step:
    """What just happened. `pieces`: their names. `clean`: alone, and nothing was broken on purpose."""

    number: int
    at: datetime
    pieces: list[str]
    clean: bool
    results: list[Any] = field(default_factory=list)
    taken_before: int = 0
    undoing: bool = False
    #: What was done whole in it: tick, give out, index, tell, watch, import.
    done: set[str] = field(default_factory=set)
    #: What still waited after each commit of those who decide at the same time, in the order of the commits.
    glimpses: list[frozenset[str]] = field(default_factory=list)
    #: How many signals those who decided say they decided; None where one of them did not come to say it.
    decided: int | None = 0

    @property
    def several(self) -> bool:
        """Whether others worked at the same time."""
        return len(self.pieces) > 1
