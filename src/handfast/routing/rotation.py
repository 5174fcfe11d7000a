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

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from handfast.contract.terms import Pool
from handfast.routing.roster import NOBODY, Reason, Roster, Turn, eligible

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
    level: float
    after: float
    last_at: datetime


class Draw(NamedTuple):
    """One turn: who took it (None: nobody could), who was next in line, in order, and who was skipped and why."""

    taker: Place | None
    waiting: tuple[Place, ...]
    skipped: tuple[tuple[str, Reason], ...]


def draw(name: str, pool: Pool, roster: Roster, at: datetime, exclude: frozenset[str] = NOBODY) -> Draw:
    """Draws one turn of this pool and enters it in the roster.

    Args:
        name: the pool's name, under which its turns are kept.
        pool: its members, weights and capacity.
        at: the moment of the decision, UTC.
        exclude: reps who may not take this one, say because it is being taken from them.
    """
    able: list[tuple[str, float]] = []
    skipped: list[tuple[str, Reason]] = []
    for rep, weight in roster.members(name, pool):
        if (reason := eligible(rep, roster, pool, at, exclude)) is None:
            able.append((rep, weight))
        else:
            skipped.append((rep, reason))
    if not able:
        return Draw(None, (), tuple(skipped))
    pool_level = _pool_level(roster.members(name, pool), roster.turns(name))
    step = 1.0 / sum(weight for _, weight in able)
    places = [_place(rep, weight, roster.turns(name).get(rep), pool_level) for rep, weight in able]
    line = _line(places, pool_level + step)
    if len(line) < len(places):
        skipped.extend((place.rep, "over_share") for place in places if place not in line)
    _enter(name, places, line[0], step, roster=roster, at=at)
    return Draw(line[0], tuple(line[1:]), tuple(skipped))


def _pool_level(members: tuple[tuple[str, float], ...], rows: Mapping[str, Turn]) -> float:
    """The mean level of the members who have a place, present or not, each counted by weight; 0 where nobody has one yet."""
    total = mass = 0.0
    for rep, weight in members:
        if (row := rows.get(rep)) is not None:
            total += weight
            mass += weight * row.level
    return mass / total if total else 0.0


def _place(rep: str, weight: float, row: Turn | None, pool_level: float) -> Place:
    turn = 1.0 / weight
    if row is None:
        return Place(rep, 0, weight, pool_level, pool_level + turn, _NEVER)
    level, far = row.level, FARTHEST * turn
    if not -far <= level - pool_level <= far:
        level = pool_level + (far if level > pool_level else -far)
    return Place(rep, row.turns, weight, level, level + turn, row.last_at or _NEVER)


def _line(places: list[Place], bar: float) -> list[Place]:
    """Those who may take this turn, the taker first. Where all who are here are ahead of their share, somebody has to all the same."""
    line = [place for place in places if place.level < bar - _HAIR] or list(places)
    line.sort(key=lambda place: (round(place.after, 9), place.last_at, place.rep))
    return line


def _enter(name: str, places: list[Place], taker: Place, step: float, *, roster: Roster, at: datetime) -> None:
    """Writes the turn: the taker's level rises by 1/weight, and whoever could not take part moves along with the pool, `step` up.

    Those who left the pool move along too, so that they find their place again should they come back.
    """
    rows = roster.turns(name)
    here = {place.rep for place in places}
    for away in [row for rep, row in rows.items() if rep not in here]:
        roster.put(away._replace(level=away.level + step))
    for place in places:
        row = rows.get(place.rep)
        if place is taker:
            roster.put(Turn(name, place.rep, place.turns + 1, place.after, at))
        elif row is None or row.level != place.level:
            roster.put(Turn(name, place.rep, place.turns, place.level, row.last_at if row else None))
