"""Whether value is shared out as turns are: equal counts may hide that somebody's turns were worth more than another's.

Who took how many turns of a pool is given; what is asked is which of the pool's handoffs fell to whom. If that was chance, every way of
dealing the same handoffs to the same places is equally likely: a permutation test (Fisher, *The Design of Experiments*, 1935). For each
member j with n of N turns the expected value of their handoffs is n·v, and its variance n·(N − n)/(N − 1)·s², v and s² the mean and the
variance of the pool's values (sampling without replacement; Cochran, *Sampling Techniques*, 3rd ed., thm 2.2). The statistic of the pool
is the largest distance of any member in these standard deviations; its distribution over permutations gives one p for the pool and one
band for all members together, so that among many members one is not called out by luck (maxT; Westfall and Young, *Resampling-Based
Multiple Testing*, 1993). p counts the observed deal as one of the permutations (Phipson and Smyth 2010).

The permutations follow from numbers alone: the same turns give the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import polars as pl

PERMUTATIONS: Final = 999
#: So many values are dealt in all: of a pool of more turns there are fewer permutations.
_MOST: Final = 2_000_000
#: With fewer turns of a pool nothing is concluded.
MINIMUM: Final = 30
#: The band holds all members at once in so many of 100 deals by chance.
LEVEL: Final = 0.95
_HAIR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Part:
    """A member's turns and value; shares are of the pool's, 0 to 1. `low` to `high`: where chance leaves the share of value."""

    turns: int
    of_turns: float
    of_value: float
    low: float
    high: float

    @property
    def within(self) -> bool:
        return self.low - _HAIR <= self.of_value <= self.high + _HAIR


@dataclass(frozen=True, slots=True)
class Spread:
    """A pool's value among those who took turns. `p`: how often chance deals at least this unevenly; None with the reason in `why`."""

    turns: int
    parts: Mapping[str, Part]
    p: float | None
    why: str = ""


def spread(dealt: Sequence[tuple[str, float]], permutations: int = PERMUTATIONS) -> Spread:
    """How the value of a pool's turns is shared out: (rep, value of the handoff) of each turn, in any order."""
    values: dict[str, list[float]] = {}
    for rep, value in sorted(dealt):
        values.setdefault(rep, []).append(value)
    if len(dealt) < MINIMUM or len(values) < 2:
        why = f"not enough data: {len(dealt)} of {MINIMUM} turns" if len(values) > 1 or not values else "only one member took turns"
        return Spread(len(dealt), {}, None, why)
    every = [value for mine in values.values() for value in mine]
    counts = [len(mine) for mine in values.values()]
    total, mean = sum(every), sum(every) / len(every)
    deviations = _deviations(every, counts, mean)
    if total <= 0 or not any(deviations):  # every handoff is worth the same: so is every turn
        return Spread(len(every), {rep: _part(n, len(every), n / len(every), 0.0) for rep, n in zip(values, counts, strict=True)}, 1.0)

    def farthest(sums: Sequence[float]) -> float:
        return max(abs(s - n * mean) / d for s, n, d in zip(sums, counts, deviations, strict=True) if d > 0)

    observed = farthest([sum(mine) for mine in values.values()])
    permutations = max(99, min(permutations, _MOST // len(every)))
    by_chance = sorted(farthest(sums) for sums in _dealt_anew(every, counts, permutations))
    p = (1 + sum(one >= observed - _HAIR for one in by_chance)) / (permutations + 1)
    bar = by_chance[min(permutations - 1, int(LEVEL * (permutations + 1)))]
    parts = {
        rep: _part(len(mine), len(every), sum(mine) / total, bar * deviation / total)
        for (rep, mine), deviation in zip(values.items(), deviations, strict=True)
    }
    return Spread(len(every), parts, p)


def _part(turns: int, every: int, of_value: float, half: float) -> Part:
    share = turns / every
    return Part(turns, share, of_value, max(0.0, share - half), min(1.0, share + half))


def _deviations(every: Sequence[float], counts: Sequence[int], mean: float) -> list[float]:
    variance = sum((value - mean) ** 2 for value in every) / len(every)
    if variance < _HAIR * _HAIR:
        return [0.0] * len(counts)
    return [sqrt(n * (len(every) - n) / (len(every) - 1) * variance) for n in counts]


def _dealt_anew(every: Sequence[float], counts: Sequence[int], permutations: int) -> list[list[float]]:
    """What everybody's handoffs would be worth in each permutation: the values in the order of numbers mixed from their places."""
    size = len(every)
    places = pl.select(pl.int_range(1, permutations * size + 1, dtype=pl.UInt64).alias("_place"))
    dealt = places.select(_deal=(pl.col("_place") - 1) // size, _key=_mixed(pl.col("_place"))).with_columns(
        pl.Series("_value", list(every) * permutations)
    )
    whose = [member for member, count in enumerate(counts) for _ in range(count)]
    summed = dealt.sort("_deal", "_key").with_columns(pl.Series("_whose", whose * permutations)).group_by("_deal", "_whose")
    sums = summed.agg(pl.col("_value").sum()).sort("_deal", "_whose")["_value"].to_list()
    return [sums[n : n + len(counts)] for n in range(0, len(sums), len(counts))]


def _mixed(place: pl.Expr) -> pl.Expr:
    """SplitMix64 (Steele, Lea and Flood 2014) of a number: looks like chance, and is the same wherever it is computed. Products wrap."""
    z = place * pl.lit(0x9E3779B97F4A7C15, pl.UInt64)
    z = (z ^ (z // 2**30)) * pl.lit(0xBF58476D1CE4E5B9, pl.UInt64)
    z = (z ^ (z // 2**27)) * pl.lit(0x94D049BB133111EB, pl.UInt64)
    return z ^ (z // 2**31)


__all__ = ["LEVEL", "MINIMUM", "PERMUTATIONS", "Part", "Spread", "spread"]
