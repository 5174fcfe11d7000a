"""Patterns that sharing out by turns could be bent by, as plain counts beside those of the colleagues in the same pool.

A count is no accusation: each has innocent reasons, few cases say little, and the interval says how little. They are there so that an
argument about fairness can begin with what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from handfast.measure.interval import wilson

#: A switch off counts where a turn of the pool was drawn so soon after it.
SOON: Final = timedelta(hours=1)
#: What is counted, out of what.
PATTERNS: Final[Mapping[str, str]] = {
    "accepted_then_waited": "said yes by hand, and made the first touch only after it was due, of the turns said yes to before any touch",
    "declared_only": "no touch of theirs was seen by a system, of the turns they touched",
    "untried_low": "gave it back, or ended it, without a touch, of the third of the pool's turns worth least",
    "untried_other": "the same, of the pool's other turns",
    "off_before_turn": "a turn of the pool was drawn within an hour, of the times they switched themselves off",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn as it went. `value`: as `value.Worth`, None where nothing is known. Times are UTC; None: it did not happen.

    `accepted_at`: the owner said yes by hand. `touched_at`, `seen`: their own first touch, and whether a system saw any of theirs.
    `gave_up_at`: they gave it back or ended it.
    """

    pool: str
    rep: str
    handoff: str
    at: datetime
    value: float | None
    due_at: datetime | None = None
    accepted_at: datetime | None = None
    touched_at: datetime | None = None
    seen: bool = False
    gave_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """`hits` of `n`, with the Wilson interval (1927, 95%); no interval where there is nothing to count."""

    hits: int
    n: int

    def as_json(self) -> dict[str, Any]:
        low, high = wilson(self.hits, self.n) if self.n else (None, None)
        rounded = [round(one, 6) if one is not None else None for one in (low, high)]
        return {"hits": self.hits, "n": self.n, "low": rounded[0], "high": rounded[1]}


Counts = dict[str, Count]


def patterns(turns: Sequence[Turn], offs: Sequence[tuple[str, datetime]], members: Sequence[str], as_of: datetime) -> dict[str, Counts]:
    """Member → pattern → count, of the turns of one pool; `offs`: who switched themselves off, and when."""
    low = _least(turns)
    found = {}
    for rep in members:
        mine = [turn for turn in turns if turn.rep == rep]
        drawn = [turn.at for turn in turns if turn.rep != rep]
        went = [at for who, at in offs if who == rep]
        asked = {
            "accepted_then_waited": [_waited(turn, as_of) for turn in mine if _said_yes_first(turn)],
            "declared_only": [not turn.seen for turn in mine if turn.touched_at is not None],
            "untried_low": [_untried(turn) for turn in mine if turn.value is not None and low is not None and turn.value <= low],
            "untried_other": [_untried(turn) for turn in mine if turn.value is not None and (low is None or turn.value > low)],
            "off_before_turn": [any(at <= then <= at + SOON for then in drawn) for at in went],
        }
        found[rep] = {name: Count(sum(answers), len(answers)) for name, answers in asked.items()}
    return found


def others(counts: Mapping[str, Counts], rep: str) -> Counts:
    """The same of everybody else in the pool, taken together."""
    rest = [one for who, one in counts.items() if who != rep]
    return {name: Count(sum(one[name].hits for one in rest), sum(one[name].n for one in rest)) for name in PATTERNS}


def _least(turns: Sequence[Turn]) -> float | None:
    """The value up to which a turn is in the third worth least; None where all are worth the same, or nothing is known."""
    values = sorted(turn.value for turn in turns if turn.value is not None)
    if not values or values[0] == values[-1]:
        return None
    bar = values[max(0, len(values) // 3 - 1)]
    return bar if bar < values[-1] else None


def _said_yes_first(turn: Turn) -> bool:
    return turn.accepted_at is not None and turn.due_at is not None and (turn.touched_at is None or turn.accepted_at < turn.touched_at)


def _waited(turn: Turn, as_of: datetime) -> bool:
    """The first touch came after it was due, or is due and has not come."""
    if turn.due_at is None or turn.due_at > as_of:
        return False
    return turn.touched_at is None or turn.touched_at > turn.due_at


def _untried(turn: Turn) -> bool:
    return turn.gave_up_at is not None and (turn.touched_at is None or turn.touched_at > turn.gave_up_at)


__all__ = ["PATTERNS", "SOON", "Count", "Counts", "Turn", "others", "patterns"]
