"""Whose turn it is in a pool. Knows nothing of territory or ownership: those were asked before it.

Every member has a *level*: turns taken divided by weight. A turn raises the taker's level by 1/weight; the pool's level is the mean of
its members' levels, each counted by weight. Three rules follow, and they are all there is:

1. Among those who can take part and are not ahead of their share (their level is below what the pool's will be after this turn), the
   one whose level would be lowest *after* taking it takes it. Ties: whose last turn is longest ago, then by id.
   This is the quota method of Balinski and Young (American Mathematical Monthly 82, 1975), which the literature on
   schedulers knows as earliest eligible virtual deadline first (Stoica and Abdel-Wahab, 1995): while the same people are available,
   nobody is ever a whole turn above or below their share, at any moment.
2. Whoever cannot take part moves along with the pool's level. Skipped turns are not owed, and none is lost: they come back exactly as far
   ahead or behind as they went. Whoever joins starts at the pool's level.
3. Nobody is ever more than two turns away from the pool's level. In the coming and going of every day nobody gets that far; it mends
   the place of a member whose weight was changed.

The state belongs to the member, so a change of membership resets nothing. Why these rules and no others: docs/why/fair-turns.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from handfast.contract.terms import Pool
from handfast.routing.roster import NOBODY, Reason, Roster, Turn, reasons

#: How many turns a member's level may be away from the pool's.
FARTHEST: Final = 2.0
#: Levels are sums of 1/weight in binary: differences below this are none. Compared so, but never stored so: rounding would add up.
_HAIR: Final = 1e-9
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Place(NamedTuple):
    """How a member stood when the turn was drawn. `after`: the level they would reach by taking it; the lowest takes it."""

    rep: str
    turns: int
    weight: float
    after: float


#: A member who can take part: rep, weight, their place as it is kept (None for a joiner), the level that counts now. A plain tuple, for a
#: draw makes one of every member.
_Able = tuple[str, float, Turn | None, float]
#: A member in line, in the order of turns: the level after taking it (rounded, then exactly), their last turn, id, number of turns, weight.
_InLine = tuple[float, datetime, str, int, float, float]


class Draw:
    """One turn: who took it (`taker`; None: nobody could), the others in line, in order, and who was `skipped` and why.

    The line is put in order for whoever reads it: who comes first is known without.
    """

    __slots__ = ("_fit", "skipped", "taker")

    def __init__(self, taker: Place | None, fit: Sequence[_Able], skipped: tuple[tuple[str, Reason], ...]) -> None:
        self.taker, self._fit, self.skipped = taker, fit, skipped

    @property
    def behind(self) -> int:
        """How many stood in line behind the taker."""
        return max(0, len(self._fit) - 1)

    @property
    def waiting(self) -> tuple[Place, ...]:
        """Who was next in line, in order."""
        return tuple(_place(one) for one in sorted(map(_in_line, self._fit))[1:])


def counter_of(name: str, pool: Pool) -> str:
    """Under which name the turns of a pool are kept: its own, or that of the counter it shares. No pool can be called `counter:…`."""
    return name if pool.counter is None else f"counter:{pool.counter}"


def elsewhere(name: str, pools: Mapping[str, Pool]) -> frozenset[str]:
    """Who has turns under the counter of this pool without being a member of it: members of the other pools that share it."""
    counter, mine = pools[name].counter, pools[name].members
    if counter is None:
        return NOBODY
    return frozenset(rep for pool in pools.values() if pool.counter == counter for rep in pool.members) - frozenset(mine)


def draw(
    name: str,
    pool: Pool,
    roster: Roster,
    at: datetime,
    exclude: frozenset[str] = NOBODY,
    needs: frozenset[str] = NOBODY,
    others: frozenset[str] = NOBODY,
) -> Draw:
    """Draws one turn of this pool and enters it in the roster.

    Args:
        name: the pool's name.
        pool: its members, weights, capacities, hours and counter.
        at: the moment of the decision, UTC.
        exclude: reps who may not take this one, say because it is being taken from them.
        needs: skills this one asks for.
        others: members of other pools with the same counter (`elsewhere`): this turn does not move them.
    """
    counter = counter_of(name, pool)
    members, rows = roster.members(name, pool), roster.turns(counter)
    skipped: list[tuple[str, Reason]] = []
    here: list[tuple[str, float, Turn | None]] = []
    total = placed = mass = 0.0
    for (rep, weight), reason in zip(members, reasons(members, roster, pool, at, exclude, needs), strict=True):
        # The pool's level is the mean of the members who have a place, present or not, each counted by weight; 0 where nobody has one yet.
        if (row := rows.get(rep)) is not None:
            placed += weight
            mass += weight * row[3]
        if reason is None:
            here.append((rep, weight, row))
            total += weight
        else:
            skipped.append((rep, reason))
    if not here:
        return Draw(None, (), tuple(skipped))
    pool_level = mass / placed if placed else 0.0
    step = 1.0 / total
    # Under a shared counter somebody may be far ahead by what they took in another pool: that is meant, and mends itself.
    able = _levels(here, pool_level, math.inf if pool.counter is not None else FARTHEST)
    bar = pool_level + step - _HAIR
    # Where all who are here are ahead of their share, somebody has to take it all the same.
    fit = [one for one in able if one[3] < bar] or able
    if len(fit) < len(able):
        skipped += [(rep, "over_share") for rep, _, _, level in able if level >= bar]
    for rep in sorted(others - rows.keys()):  # they are there from the first turn of the counter on, not from the first of their own pool
        roster.put(Turn(counter, rep, 0, pool_level))
    taker = _first(fit)
    _enter(counter, able, taker, step, roster=roster, at=at, others=others)
    return Draw(taker, fit, tuple(skipped))


def _levels(here: Sequence[tuple[str, float, Turn | None]], pool_level: float, farthest: float) -> list[_Able]:
    """The level of each that counts now: a joiner starts at the pool's level; nobody is farther from it than is allowed."""
    found: list[_Able] = []
    for rep, weight, row in here:  # written out: this is asked of every member for every turn of a replay of years
        if row is None:
            level = pool_level
        else:
            level = row[3]
            far = farthest / weight
            if not -far <= level - pool_level <= far:
                level = pool_level + (far if level > pool_level else -far)
        found.append((rep, weight, row, level))
    return found


def _first(fit: Sequence[_Able]) -> Place:
    """The taker: the first in line. Only those whose level after it is the lowest, or as good as, are compared any further."""
    after = [level + 1.0 / weight for _, weight, _, level in fit]
    lowest = min(after) + 2 * _HAIR
    near = [one for one, reached in zip(fit, after, strict=True) if reached <= lowest]
    return _place(min(map(_in_line, near)) if len(near) > 1 else _in_line(near[0]))


def _in_line(one: _Able) -> _InLine:
    """A place in line: the lowest takes the turn."""
    rep, weight, row, level = one
    after = level + 1.0 / weight
    if row is None:
        return round(after, 9), _NEVER, rep, 0, weight, after
    return round(after, 9), row[4] or _NEVER, rep, row[2], weight, after


def _place(one: _InLine) -> Place:
    _, _, rep, turns, weight, after = one
    return Place(rep, turns, weight, after)


def _enter(
    name: str, able: list[_Able], taker: Place, step: float, *, roster: Roster, at: datetime, others: frozenset[str] = NOBODY
) -> None:
    """Writes the turn: the taker's level rises by 1/weight, and whoever could not take part moves along with the pool, `step` up.

    Those who left the pool move along too, so that they find their place again should they come back. `others` do not: it was not theirs to
    take, and what they took elsewhere is what the counter shares.
    """
    rows = roster.turns(name)
    here = {one[0] for one in able} if len(able) < len(rows) else rows  # all are here: nobody moves along
    for away in [row for rep, row in rows.items() if rep not in here and rep not in others] if here is not rows else ():
        roster.put(away._replace(level=away.level + step))
    for rep, _, row, level in able:
        if row is None or row[3] != level or rep == taker.rep:
            turns, last = (row[2], row[4]) if row is not None else (0, None)
            roster.put(Turn(name, rep, turns, level, last) if rep != taker.rep else Turn(name, rep, turns + 1, taker.after, at))


def give_back(counter: str, rep: str, weight: float, roster: Roster) -> bool:
    """Takes a turn off a member's count: their level falls by 1/weight, so that much sooner it is their turn. False where they have none.

    Nobody else's level changes: whoever moved along while it was drawn stays where they are, less than a turn away as a rule.
    """
    row = roster.turns(counter).get(rep)
    if row is None or row.turns < 1:
        return False
    roster.put(row._replace(turns=row.turns - 1, level=row.level - 1.0 / weight))
    return True


def forecast(name: str, pool: Pool, roster: Roster, at: datetime, others: frozenset[str] = NOBODY, turns: int = 50) -> list[str]:
    """Who would take the next turns, in order, if nobody came or went: the first of a member is their expected own next turn.

    Draws them in the roster given, which is of no use afterwards. Ends where nobody can take one.
    """
    line: list[str] = []
    for _ in range(turns):
        taker = draw(name, pool, roster, at, others=others).taker
        if taker is None:
            break
        roster.took(taker.rep, at)
        line.append(taker.rep)
    return line
