"""Fairness in value: whether what was dealt out in turns was worth as much to everybody as their turns, and how turns went.

Read beside the ledger (`desk.ledger`), which counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from handfast.contract.agreement import Agreement
from handfast.measure.patterns import PATTERNS, Count, Counts, Turn, others, patterns
from handfast.measure.spread import Spread, spread
from handfast.measure.value import BAND, WINDOW, Worth, worth
from handfast.store import fairness as rows
from handfast.store.base import Conn

#: The turns that are looked at, and the outcomes that tell what one is worth.
PERIOD: Final = timedelta(days=90)
OUTCOMES: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class PoolValue:
    """A pool: how its value was shared out, and what happened to its turns, member by member. `known`: on how many outcomes value rests."""

    pool: str
    spread: Spread
    counts: Mapping[str, Counts]
    known: int

    @property
    def sentence(self) -> str:
        """What the test says, about the pool and nobody in it."""
        if self.spread.p is None:
            return f"Whether value is shared out as turns are cannot be said yet: {self.spread.why}."
        p = self.spread.p
        how = (
            f"chance alone would be at least as uneven in {100 * p:.0f} of 100 deals"
            if p >= 0.01
            else "chance alone is hardly ever as uneven"
        )
        if p < 0.05:
            return f"Value is shared out less evenly than turns: {how}. Look at which territories and times send whom what."
        return f"Value is shared out as evenly as turns: {how}."

    def beside(self, rep: str) -> list[tuple[str, Count, Count]]:
        """(pattern, theirs, the others') of a member; without those of which neither has a case."""
        rest = others(self.counts, rep)
        return [(name, self.counts[rep][name], rest[name]) for name in PATTERNS if self.counts[rep][name].n or rest[name].n]

    def as_json(self) -> dict[str, Any]:
        """About the pool as a whole: no member is named."""
        parts = self.spread.parts.values()
        whole = others(self.counts, "")
        return {
            "pool": self.pool, "turns": self.spread.turns, "p": round(self.spread.p, 4) if self.spread.p is not None else None,
            "why": self.spread.why or None, "members": len(self.counts), "outside": sum(not part.within for part in parts),
            "outcomes": self.known, "patterns": {name: count.as_json() for name, count in whole.items()},
        }  # fmt: skip


def values(conn: Conn, agreement: Agreement, at: datetime) -> dict[str, PoolValue]:
    """Every pool of the contract by its turns of the last `PERIOD` up to `at` (UTC)."""
    since = at - PERIOD
    known = worth(rows.outcomes(conn, at - OUTCOMES, at - WINDOW, WINDOW, BAND))
    turns = [_turn(row, known) for row in rows.turns(conn, since, at)]
    offs = rows.offs(conn, since, at)
    return {
        name: _pool(name, list(pool.members), [turn for turn in turns if turn.pool == name], offs, known, at)
        for name, pool in agreement.contract.routing.pools.items()
    }


def _pool(
    name: str, members: Sequence[str], turns: Sequence[Turn], offs: Sequence[tuple[str, datetime]], known: Worth | None, at: datetime
) -> PoolValue:
    dealt = [(turn.rep, turn.value) for turn in turns if turn.value is not None]
    shared = spread(dealt) if known is not None else Spread(len(turns), {}, None, "too few handoffs have an end yet")
    return PoolValue(name, shared, patterns(turns, offs, members, at), known.seen if known is not None else 0)


def _turn(row: rows.Row, known: Worth | None) -> Turn:
    pool, rep, handoff, at, step, fit, due, accepted, touched, seen, gave_up = row
    value = known.of(step, fit) if known is not None else None
    return Turn(pool, rep, handoff, at, value, due, accepted, touched, seen, gave_up)


__all__ = ["PERIOD", "PoolValue", "values"]
