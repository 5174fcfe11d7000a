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

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from handfast.contract.terms import Pool
from handfast.routing.line import Line, Spot, Turn, joiner, moved, turn_of
from handfast.routing.roster import NOBODY, Reason, Roster, reasons

#: Levels are sums of 1/weight in binary: differences below this are none. Compared so, but never stored so: rounding would add up.
_HAIR: Final = 1e-9


class Place(NamedTuple):
    """How a member stood when the turn was drawn. `after`: the level they would reach by taking it; the lowest takes it."""

    rep: str
    turns: int
    weight: float
    after: float


class Draw:
    """One turn: who took it (`taker`; None: nobody could), the others in line, in order, and who was `skipped` and why.

    Who comes first is known without the rest, which is put in order for whoever reads it.
    """

    __slots__ = ("_ahead", "_first", "_fit", "_out")

    def __init__(self, first: Spot | None, fit: Sequence[Spot], ahead: Sequence[Spot], out: tuple[tuple[str, Reason], ...]) -> None:
        self._first, self._fit, self._ahead, self._out = first, fit, ahead, out

    @property
    def rep(self) -> str | None:
        """The id of whoever took it."""
        return self._first[2] if self._first is not None else None

    @property
    def taker(self) -> Place | None:
        return _place(self._first) if self._first is not None else None

    @property
    def behind(self) -> int:
        """How many stood in line behind the taker."""
        return max(0, len(self._fit) - 1)

    @property
    def waiting(self) -> tuple[Place, ...]:
        """Who was next in line, in order."""
        return tuple(_place(one) for one in sorted(self._fit)[1:])

    @property
    def skipped(self) -> tuple[tuple[str, Reason], ...]:
        """Who cannot take part, then who is ahead of their share."""
        return (*self._out, *((one[2], "over_share") for one in self._ahead))


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
    line = roster.line(name, counter, pool)
    pool_level = line.level()
    here, weight, out = _present(line, reasons(name, roster, pool, at, exclude, needs), pool_level)
    if not here:
        return Draw(None, (), (), out)
    step = 1.0 / weight
    fit, ahead, nearer = _apart(here, pool_level, pool_level + step - _HAIR)
    first = min(fit)
    if others:  # they are there from the first turn of the counter on, not from the first of their own pool
        for rep in sorted(others - roster.turns(counter).keys()):
            roster.put(Turn(counter, rep, 0, pool_level))
    joined = [] if line.whole else [one for one in here if one[2] not in line.spots]
    _move_along(counter, here, len(joined), step, roster, others)
    for one in (*nearer, *joined):
        roster.put(turn_of(counter, one))
    roster.put(Turn(counter, first[2], first[3] + 1, first[5], at))
    return Draw(first, fit, ahead, out)


def _present(
    line: Line, said: Sequence[Reason | None], pool_level: float
) -> tuple[Collection[Spot], float, tuple[tuple[str, Reason], ...]]:
    """Who can take part, with their weight together, and who cannot. A joiner starts at the pool's level."""
    if line.whole and not any(said):
        return line.spots.values(), line.weight, ()
    here: list[Spot] = []
    out: list[tuple[str, Reason]] = []
    total = 0.0
    for (rep, weight), reason in zip(line.members, said, strict=True):
        if reason is None:
            here.append(line.spots.get(rep) or joiner(rep, weight, pool_level))
            total += weight
        else:
            out.append((rep, reason))
    return here, total, tuple(out)


def _apart(here: Collection[Spot], pool_level: float, bar: float) -> tuple[list[Spot], list[Spot], list[Spot]]:
    """Those not ahead of their share, those who are, and whoever stood farther from the pool's level than is allowed and now does not.

    Where all who are here are ahead of their share, somebody has to take it all the same.
    """
    fit: list[Spot] = []
    ahead: list[Spot] = []
    nearer: list[Spot] = []
    for one in here:  # written out: this is asked of every member for every turn of a replay of years
        level, far = one[6], one[7]
        if -far <= level - pool_level <= far:
            found = one
        else:
            found = moved(one, pool_level + (far if level > pool_level else -far))
            nearer.append(found)
        (fit if found[6] < bar else ahead).append(found)
    return (fit, ahead, nearer) if fit else (ahead, [], nearer)


def _place(one: Spot) -> Place:
    return Place(one[2], one[3], one[4], one[5])


def _move_along(counter: str, here: Collection[Spot], joined: int, step: float, roster: Roster, others: frozenset[str]) -> None:
    """Whoever could not take part moves along with the pool, `step` up. `joined`: how many of those here have no place yet.

    Those who left the pool move along too, so that they find their place again should they come back. `others` do not: it was not theirs to
    take, and what they took elsewhere is what the counter shares.
    """
    rows = roster.turns(counter)
    if len(here) - joined >= len(rows):
        return  # whoever has a place is here
    there = {one[2] for one in here}
    for away in [row for rep, row in rows.items() if rep not in there and rep not in others]:
        roster.put(away._replace(level=away.level + step))


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
