"""One piece of work, and the world in which somebody does it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handfast.desk.refused import Refused
from handfast.store.base import StorageAway, Store
from tests.simulate.company import Company
from tests.simulate.house import Row, Snapshot
from tests.simulate.ledger import Broken, Ledger

#: What somebody who acts by hand may hear instead of a yes.
SAID_NO: tuple[type[BaseException], ...] = (StorageAway, Refused)


@dataclass(slots=True)
class Piece:
    """A piece of work and what follows from how it ended, in words. `after` runs when all pieces of the step are done.

    `kinds`: what was done whole where it returned, for laws that hold only right after it.
    """

    name: str
    work: Callable[[], Any]
    after: Callable[[Any], str] = lambda result: ""
    failed: Callable[[BaseException], None] = lambda error: None
    allowed: tuple[type[BaseException], ...] = (StorageAway,)
    kinds: frozenset[str] = frozenset()


class Acting:
    """The part of a play that people and other systems are. What it reads belongs to the play."""

    store: Store
    chance: random.Random
    company: Company
    ledger: Ledger
    seen: Snapshot
    now: datetime
    channels: Mapping[str, Any]

    def _instead(self) -> list[Piece]:
        """What happens where nobody can do anything yet."""
        raise NotImplementedError

    def notice(self, broken: Broken) -> None:
        """Something did not answer as promised."""
        raise NotImplementedError

    def _by(self, name: str, work: Callable[[], Any], after: Callable[[Any], str] = lambda _: "done") -> Piece:
        """Something done by hand, which may be refused."""
        return Piece(name, work, after, allowed=SAID_NO)

    def _handoffs(self) -> list[Row]:
        """Open ones first."""
        return [row for _, row in sorted(self.seen.handoff.items(), key=lambda one: (one[1]["closed_at"] is not None, one[0]))]


__all__ = ["SAID_NO", "Acting", "Piece"]
