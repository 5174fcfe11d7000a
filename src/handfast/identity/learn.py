"""What agreement is worth, learned from the records themselves, and every pair weighed with it.

`u` comes from strangers (pairs drawn at random) and, for "the same", from how often each value occurs, exactly. `m` and the prior come
from the candidates by expectation and maximisation (Dempster, Laird and Rubin 1977), over patterns of levels rather than over pairs: a
few thousand patterns stand for millions of pairs. All pairs that are no candidates count as two people, so that the prior is that of any
two records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Final, Literal

import polars as pl

from handfast.identity.compare import (
    COLLEAGUES,
    LEAST,
    LEVELS,
    MOST_BITS,
    OTHERS,
    SAME,
    SAME_HOST,
    UNKNOWN,
    Comparison,
    Level,
    Model,
    probability,
)
from handfast.identity.pairs import Table, candidates, colleagues, levels, share_of_colleagues, strangers

#: Pairs drawn for `u`. 200,000 leave a level that one pair in 10,000 reaches with a standard error of a fifth.
DRAWN: Final = 200_000
ROUNDS: Final = 30
#: So many pairs are added as the levels had them before anything was learned.
BEFORE: Final = 2.0
#: What was never seen among so many pairs is not said to be rarer than this.
RAREST: Final = 1e-6
#: People, and pairs of them, that are thought to be there beside those met, as rare as names usually are: three people do not tell how
#: rare a name is.
UNMET: Final = 100
UNMET_PAIRS: Final = 1_000.0
#: How many values of a field are kept with their share, the most frequent first; the others are as rare as the rarest.
KEPT_VALUES: Final = 5_000


@dataclass(frozen=True, slots=True)
class Pattern:
    """One combination of levels, and how many candidates show it."""

    levels: tuple[int, ...]
    count: int


def learn(table: Table, pairs: pl.DataFrame) -> Model:
    """The model of this table's records: `pairs` are its candidates with their levels (see `pairs.levels`)."""
    model = table.model
    drawn = levels(table, strangers(table, DRAWN))
    comparisons = tuple(replace(c, levels=_with_u(table, c, drawn)) for c in model.comparisons)
    near = share_of_colleagues(table)
    if near:
        comparisons = _with_near(comparisons, _patterns(levels(table, colleagues(table, DRAWN)), comparisons))
    comparisons, prior = _maximise(comparisons, _patterns(pairs, comparisons), _all_pairs(table), near)
    rarity = {c.field: _rarity(table, c.field) for c in comparisons if c.rare != "no"}
    return replace(model, comparisons=comparisons, prior=prior, near=near, rarity=rarity, rarest=1 / max(1, table.count))


def begin(table: Table) -> Model:
    """What a few people can teach: how rare each value is, and so what two strangers agree on by chance, and how few of them are one
    person; all else as it was begun with.

    `m` needs pairs that are one person, and a small installation has too few of them.
    """
    model, count = table.model, table.count + UNMET
    comparisons = tuple(replace(c, levels=_by_chance(table, c)) for c in model.comparisons)
    met = table.count / count
    rarity = {c.field: {v: share * met for v, share in _rarity(table, c.field).items()} for c in comparisons if c.rare != "no"}
    near = share_of_colleagues(table) if table.count > UNMET else model.near
    begun = replace(
        model, comparisons=comparisons, rarity=rarity, near=near or model.near, rarest=1 / count, prior=0.3 / max(50, table.count)
    )
    return replace(begun, prior=_fewer(table, begun))


def _fewer(table: Table, begun: Model) -> float:
    """The prior these records bear out, never above the one begun with: where next to nobody is known twice, two namesakes are two people.

    Expectation and maximisation of the prior alone; so many pairs as BEFORE says are thought to be there beside those found.
    """
    pairs, everything, prior = levels(table, candidates(table)), _all_pairs(table), begun.prior
    for _ in range(ROUNDS):
        before = prior
        found = float(weigh_all(table, pairs, replace(begun, prior=prior)).get_column("probability").sum())
        prior = min(begun.prior, (found + BEFORE) / everything)
        if abs(before - prior) <= before * 0.01:
            break
    return prior


def _by_chance(table: Table, comparison: Comparison) -> tuple[Level, ...]:
    """The levels with the chance counted here of "same", and of one mail host; among colleagues, names are as much commoner as they are
    anywhere."""
    level, pairs = comparison.levels[SAME], _pairs_of(float(table.used[comparison.field].sum()))
    chance = _met(level.u, _chance_of_same(table, comparison.field), pairs)
    same = replace(level, u=chance, near=min(0.5, level.near * chance / level.u) if comparison.rare == "share" else level.near)
    return (same, *(_by_host(table, comparison, v, pairs) if v.name == SAME_HOST else v for v in comparison.levels[1:]))


def _by_host(table: Table, comparison: Comparison, level: Level, pairs: float) -> Level:
    """At the hosts of free mail strangers meet too: one of them shared says as little as it is common."""
    used, texts = table.used[comparison.field].to_list(), table.texts[comparison.field]
    hosts: dict[str, int] = {}
    for code in range(1, len(texts)):
        host = texts[code].rpartition("@")[2]
        hosts[host] = hosts.get(host, 0) + used[code]
    shared = sum(_pairs_of(n) for n in hosts.values()) / pairs if pairs else 0.0
    return replace(level, u=max(LEAST, _met(level.u, max(0.0, shared - _chance_of_same(table, comparison.field)), pairs)))


def _pairs_of(many: float) -> float:
    return many * (many - 1) / 2


def _met(usual: float, here: float, pairs: float) -> float:
    """A chance as it is counted in so many pairs, beside those thought to be there as well."""
    return (usual * UNMET_PAIRS + here * pairs) / (UNMET_PAIRS + pairs)


def _patterns(pairs: pl.DataFrame, comparisons: Sequence[Comparison]) -> list[Pattern]:
    names = [c.field for c in comparisons]
    return [Pattern(tuple(row[:-1]), row[-1]) for row in pairs.group_by(names).len().sort(names).iter_rows()]


def _all_pairs(table: Table) -> int:
    if table.source is None:
        return max(1, table.count * (table.count - 1) // 2)
    sizes = table.source.value_counts().get_column("count").to_list()
    return max(1, int(table.count**2 - sum(s * s for s in sizes)) // 2)


def _with_u(table: Table, comparison: Comparison, drawn: pl.DataFrame) -> tuple[Level, ...]:
    counted = dict(drawn.group_by(comparison.field).len().iter_rows())
    counted.pop(UNKNOWN, None)
    known = max(1, sum(counted.values()))
    shares = [(counted.get(i, 0) + 0.5) / (known + 1) for i in range(len(comparison.levels))]
    shares[SAME] = max(LEAST, _chance_of_same(table, comparison.field))
    return tuple(replace(level, u=u) for level, u in zip(comparison.levels, shares, strict=True))


def _chance_of_same(table: Table, field: str) -> float:
    """The chance that two records that both say something say the same: exact, by counting values."""
    used = table.used[field].cast(pl.Float64)
    known = float(used.sum())
    return float((used * (used - 1)).sum()) / (known * (known - 1)) if known > 1 else 0.0


def _rarity(table: Table, field: str) -> Mapping[str, float]:
    """The most frequent values with their share. Codes are given in order of frequency."""
    shares = table.share(field).head(KEPT_VALUES + 1).to_list()
    return {table.texts[field][code]: shares[code] for code in range(1, len(shares))}


# --- expectation and maximisation -----------------------------------------------------------------------------


def _with_near(comparisons: tuple[Comparison, ...], patterns: Sequence[Pattern]) -> tuple[Comparison, ...]:
    """The shares among colleagues. Some pairs of one firm are one person: they are found and left out, by the same expectation."""
    total = max(1, sum(p.count for p in patterns))
    comparisons = tuple(replace(c, levels=tuple(replace(v, near=v.u) for v in c.levels)) for c in comparisons)
    one = [0.05 * p.count for p in patterns]
    for _ in range(ROUNDS):
        others = [p.count - found for p, found in zip(patterns, one, strict=True)]
        comparisons = tuple(
            replace(c, levels=_reshared(c, _totals(c, patterns, others, spot), "near")) for spot, c in enumerate(comparisons)
        )
        share = min(0.5, max(1.0, sum(one)) / total)
        one = [
            p.count * probability(log2(share / (1 - share)) + sum(_near(c, level) for c, level in zip(comparisons, p.levels, strict=True)))
            for p in patterns
        ]
    return comparisons


def _near(comparison: Comparison, level: int) -> float:
    return 0.0 if level == UNKNOWN else comparison.levels[level].near_bits


def _maximise(
    comparisons: tuple[Comparison, ...], patterns: Sequence[Pattern], everything: int, near: float
) -> tuple[tuple[Comparison, ...], float]:
    prior = min(0.1, max(1, sum(p.count for p in patterns)) / 2 / everything)
    for _ in range(ROUNDS):
        before = prior
        expected = [p.count * _chance(comparisons, p, prior, near) for p in patterns]
        comparisons = tuple(
            replace(c, levels=_reshared(c, _totals(c, patterns, expected, spot), "m")) for spot, c in enumerate(comparisons)
        )
        prior = min(0.5, max(1.0, sum(expected)) / everything)
        if abs(before - prior) <= before * 1e-5:
            break
    return comparisons, prior


def _chance(comparisons: Sequence[Comparison], pattern: Pattern, prior: float, near: float) -> float:
    """How likely a pair of this pattern is one person, by the present model."""
    known = [(c.levels[level]) for c, level in zip(comparisons, pattern.levels, strict=True) if level != UNKNOWN]
    far = log2(prior / (1 - prior)) + sum(v.bits for v in known)
    if not near:
        return probability(far)
    close = log2(prior / near) + sum(v.near_bits for v in known)
    return probability(-log2(2.0**-far + 2.0**-close))


def _totals(comparison: Comparison, patterns: Sequence[Pattern], counts: Sequence[float], spot: int) -> list[float]:
    totals = [0.0] * len(comparison.levels)
    for pattern, count in zip(patterns, counts, strict=True):
        if pattern.levels[spot] != UNKNOWN:
            totals[pattern.levels[spot]] += count
    return totals


def _reshared(comparison: Comparison, totals: Sequence[float], share: Literal["m", "near"]) -> tuple[Level, ...]:
    """The levels with a new share each. What was thought before anything was learned counts as BEFORE pairs: no share becomes 0."""
    known = sum(totals)
    begun = [v.m for v in LEVELS[comparison.kind]] if share == "m" else [v.u for v in comparison.levels]
    shares = [(total + BEFORE * first) / (known + BEFORE) for first, total in zip(begun, totals, strict=True)]
    return tuple(
        replace(level, m=max(RAREST, new)) if share == "m" else replace(level, near=max(RAREST, new))
        for level, new in zip(comparison.levels, shares, strict=True)
    )


# --- every pair weighed ---------------------------------------------------------------------------------------


def weigh_all(table: Table, pairs: pl.DataFrame, model: Model) -> pl.DataFrame:
    """`pairs` (with levels) and two more columns: bits and probability, as `compare.weigh` gives them one at a time."""
    names = [c.field for c in model.comparisons]
    far, close = pl.lit(log2(model.prior / (1 - model.prior))), pl.lit(log2(model.prior / model.near) if model.near else MOST_BITS)
    for c in model.comparisons:
        far = far + pl.col(c.field).replace_strict({UNKNOWN: 0.0, **{i: v.bits for i, v in enumerate(c.levels)}}, return_dtype=pl.Float64)
        close = close + pl.col(c.field).replace_strict(
            {UNKNOWN: 0.0, **{i: v.near_bits for i, v in enumerate(c.levels)}}, return_dtype=pl.Float64
        )
    patterns = pairs.select(names).unique().with_columns(far=far, close=close)
    found = pairs.join(patterns, on=names, how="left", maintain_order="left")
    firm = _colleagues(table, pairs)
    for c in model.comparisons:
        if c.rare != "no":
            more, nearer = _rarer(table, c, pairs, model, firm)
            found = found.with_columns(far=pl.col("far") + more, close=pl.col("close") + nearer)
    odds = 1 / (2.0 ** -pl.col("far").clip(-MOST_BITS) + 2.0 ** -pl.col("close").clip(-MOST_BITS))
    return found.with_columns(bits=pl.min_horizontal("far", "close"), probability=odds / (1 + odds)).drop("far", "close")


def _colleagues(table: Table, pairs: pl.DataFrame) -> pl.Series:
    """How many records the firm of each pair has: the smaller of the two where they differ, COLLEAGUES where neither is known."""
    if table.model.circle is None:
        return pl.Series("firm", [COLLEAGUES], dtype=pl.Float64).new_from_index(0, pairs.height)
    codes = table.codes[table.model.circle]
    sizes = pl.DataFrame({"size": table.used[table.model.circle].cast(pl.Float64)}).with_columns(
        pl.when(pl.col("size") > 0).then(pl.col("size")).otherwise(None)
    )["size"]
    both = pl.DataFrame({"a": sizes.gather(codes.gather(pairs["a"])), "b": sizes.gather(codes.gather(pairs["b"]))})
    return both.select(pl.min_horizontal("a", "b").fill_null(float(COLLEAGUES)).clip(2.0)).to_series()


def _rarer(table: Table, comparison: Comparison, pairs: pl.DataFrame, model: Model, firm: pl.Series) -> tuple[pl.Series, pl.Series]:
    """What agreeing on this very value says beyond agreeing on any, against strangers and against colleagues; 0 where the pair differs."""
    same = (pairs[comparison.field] == SAME).cast(pl.Float64)
    level = comparison.levels[SAME]
    holders = table.used[comparison.field].cast(pl.Float64).gather(table.codes[comparison.field].gather(pairs["a"]))
    if comparison.rare in ("share", "local"):
        more = (level.u / (holders / max(1, table.count)).clip(LEAST, 1.0)).log(2) * same
        return more, more * (comparison.rare == "share")
    others = (holders - 2).clip(0.0) + OTHERS
    far = (level.u / (others / max(1, table.count)).clip(LEAST, 1.0)).log(2) * same
    return far, ((level.near or level.u) / (others / firm).clip(LEAST, 0.95)).log(2) * same


def link(records: pl.DataFrame, model: Model, *, source: str | None = None, known: Model | None = None) -> tuple[pl.DataFrame, Model]:
    """Every candidate pair of `records` weighed, and the model used: learned from these records, or `known`.

    Columns: a, b (row numbers, a < b), one level a field, bits, probability.
    """
    table = Table(records, model, source)
    pairs = levels(table, candidates(table))
    learned = known or learn(table, pairs)
    return weigh_all(table, pairs, learned), learned
