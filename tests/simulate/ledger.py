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

    signal: str = ""

    def __post_init__(self) -> None:
        """`signal` is its identity, by the definition: SHA-256 of source and message id, written out anew."""
        self.signal = str(uuid.UUID(bytes=hashlib.sha256(f"{self.source}\x1f{self.message}".encode()).digest()[:16]))


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
