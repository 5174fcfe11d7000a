"""Who stands where in a pool: the places of its members, and the line they make.

A line is kept from one turn to the next and follows each place that is changed, so that a turn need not put together anew what the last one
left as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from handfast.contract.terms import Pool

#: How many turns a member's level may be away from the pool's.
FARTHEST: Final = 2.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

#: Where a member stands: level after taking the turn (rounded, see `rotation`), last turn, id; then turns, weight, that level exactly, the
#: level now, and how far it may be from the pool's. The first three are the order of the line: the lowest takes the turn. A plain tuple,
#: for a draw compares those of every member.
Spot = tuple[float, datetime, str, int, float, float, float, float]


class Turn(NamedTuple):
    """A member's place in the rotation of a pool: one row of the table `rotation`.

    `turns` counts what they took, for people to read. `level` is what decides: turns divided by weight, moved along with the pool
    while the member cannot take part. `last_at` is the moment of their last turn, UTC, or None.
    """

    pool: str
    rep: str
    turns: int = 0
    level: float = 0.0
    last_at: datetime | None = None


def spot(turn: Turn, weight: float, far: float) -> Spot:
    """Where a place puts its member. `far`: how far their level may be from the pool's."""
    _, rep, turns, level, last = turn
    after = level + 1.0 / weight
    return round(after, 9), last or _NEVER, rep, turns, weight, after, level, far


def joiner(rep: str, weight: float, pool_level: float) -> Spot:
    """Whoever has no place yet starts at the pool's level."""
    return spot(Turn("", rep, 0, pool_level), weight, math.inf)


def moved(one: Spot, level: float) -> Spot:
    """The same member at another level."""
    _, last, rep, turns, weight, _, _, far = one
    after = level + 1.0 / weight
    return round(after, 9), last, rep, turns, weight, after, level, far


def turn_of(pool: str, one: Spot) -> Turn:
    """The place of whoever stands there, to be kept."""
    _, last, rep, turns, _, _, level, _ = one
    return Turn(pool, rep, turns, level, None if last is _NEVER else last)


class Line:
    """Where the members of a pool stand, in the order of their ids; whoever has no place yet is not among them.

    `weight`: of all who stand there. `whole`: every member has a place. True to the places it was made of as long as it `follows` each that
    is changed.
    """

    __slots__ = ("members", "pool", "spots", "weight", "whole")

    def __init__(self, pool: Pool, members: Sequence[tuple[str, float]], places: Mapping[str, Turn]) -> None:
        self.pool, self.members = pool, members
        self.spots: dict[str, Spot] = {}
        self.weight = 0.0
        for rep, weight in members:
            if (turn := places.get(rep)) is not None:
                # Under a shared counter somebody may be far ahead by what they took in another pool: that is meant, and mends itself.
                self.spots[rep] = spot(turn, weight, math.inf if pool.counter is not None else FARTHEST / weight)
                self.weight += weight
        self.whole = len(self.spots) == len(members)

    def level(self) -> float:
        """The pool's level: the mean of the members who have a place, present or not, each counted by weight; 0 where nobody has one."""
        mass = 0.0
        for one in self.spots.values():  # not `sum`, which rounds otherwise from Python 3.12 on: levels are stored
            mass += one[4] * one[6]
        return mass / self.weight if self.spots else 0.0

    def follows(self, turn: Turn) -> bool:
        """Takes over a changed place; False where it cannot, because a member has got their first."""
        if (was := self.spots.get(turn.rep)) is None:
            return turn.rep not in self.pool.members
        self.spots[turn.rep] = spot(turn, was[4], was[7])
        return True
