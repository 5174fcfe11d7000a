"""Many records at once: which pairs to compare, and the levels each pair reaches.

Every value is numbered once a column, so that a pair is two numbers and a candidate is found by a join of integers. Only pairs of values
that both exist and differ are looked at letter by letter, each distinct pair of values once. Levels are those of `compare`, by the same
functions: a pair gets the same answer here as one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from handfast.identity.compare import LEVEL_OF, SAME, UNKNOWN, Comparison, Model

#: A key that so many records share finds nothing worth comparing; it is passed over.
LARGEST_BLOCK: Final = 200
#: Large primes, to draw pairs of records that have nothing to do with each other, the same ones each time.
_STRIDE_A: Final = 2_654_435_761
_STRIDE_B: Final = 40_503_000_017


class Table:
    """Records as numbers: one row a record, one column of codes a field (0: empty), and the text of each code.

    `records` has the model's fields as text columns; the position of a row is the record's number. `source`, where given, names the table
    each record came from: records of one source are then never compared with each other.
    """

    def __init__(self, records: pl.DataFrame, model: Model, source: str | None = None) -> None:
        self.count = records.height
        self.model = model
        self.source = records.get_column(source).rank("dense").cast(pl.UInt32) if source else None
        self.texts: dict[str, list[str]] = {}
        self.codes: dict[str, pl.Series] = {}
        self.used: dict[str, pl.Series] = {}
        for name in _fields(model):
            self._number(name, _values(records, name))

    def _number(self, name: str, values: pl.Series) -> None:
        seen = (
            values.to_frame("v")
            .filter(pl.col("v").is_not_null() & (pl.col("v") != ""))
            .group_by("v")
            .len()
            .sort("len", "v", descending=True)
        )
        seen = seen.with_row_index("code", offset=1)
        codes = values.to_frame("v").join(seen, on="v", how="left", maintain_order="left").get_column("code").fill_null(0)
        self.codes[name] = codes
        self.texts[name] = ["", *seen.get_column("v").to_list()]
        self.used[name] = pl.concat([pl.Series("len", [0], dtype=seen.schema["len"]), seen.get_column("len")])

    def share(self, name: str) -> pl.Series:
        """The share of records that have the value of each code."""
        return self.used[name].cast(pl.Float64) / max(1, self.count)


def _fields(model: Model) -> list[str]:
    names = [c.field for c in model.comparisons]
    circle = [model.circle] if model.circle else []
    return list(dict.fromkeys([*names, *circle, *(part for block in model.blocks for part in block)]))


def _values(records: pl.DataFrame, name: str) -> pl.Series:
    """A column, or with `field:N` the first N letters of one."""
    column, _, letters = name.partition(":")
    values = records.get_column(column).cast(pl.String)
    return values.str.slice(0, int(letters)) if letters else values


# --- candidates -----------------------------------------------------------------------------------------------


def candidates(table: Table, largest: int = LARGEST_BLOCK) -> pl.DataFrame:
    """Pairs of records that agree on every field of a block: columns a < b (UInt32), each pair once."""
    found = [_block(table, block, largest) for block in table.model.blocks]
    if not found:
        return pl.DataFrame(schema={"a": pl.UInt32, "b": pl.UInt32})
    packed = pl.concat(found).unique()
    pairs = packed.to_frame("p").select(a=(pl.col("p") // 2**32).cast(pl.UInt32), b=(pl.col("p") % 2**32).cast(pl.UInt32))
    return pairs.sort("a", "b")


def _block(table: Table, block: Sequence[str], largest: int) -> pl.Series:
    """The pairs of one block, each packed into a number: a * 2**32 + b."""
    keys = pl.DataFrame({f"k{i}": table.codes[name] for i, name in enumerate(block)}).with_row_index("record")
    named = [f"k{i}" for i in range(len(block))]
    keys = keys.filter(pl.all_horizontal(pl.col(k) > 0 for k in named))
    # A key is one number: hashes that collide only bring a pair too many to compare, never one too few.
    keys = keys.select("record", key=pl.struct(named).hash() if len(named) > 1 else pl.col("k0").cast(pl.UInt64))
    if table.source is not None:
        keys = keys.with_columns(source=table.source.gather(keys.get_column("record")))
    keys = keys.filter(pl.len().over("key").is_between(2, largest))
    joined = keys.lazy().join(keys.lazy(), on="key", suffix="_b").filter(pl.col("record") < pl.col("record_b"))
    if table.source is not None:
        joined = joined.filter(pl.col("source") != pl.col("source_b"))
    return joined.select(p=pl.col("record").cast(pl.UInt64) * 2**32 + pl.col("record_b")).unique().collect().get_column("p")


def strangers(table: Table, count: int) -> pl.DataFrame:
    """Pairs of records drawn without regard to what they say, the same ones for the same table: columns a, b."""
    n = max(1, table.count)
    drawn = (
        pl.int_range(count, dtype=pl.Int64, eager=True)
        .to_frame("i")
        .select(a=((pl.col("i") + 1) * _STRIDE_A % n).cast(pl.UInt32), b=(((pl.col("i") + 7) * _STRIDE_B) // 3 % n).cast(pl.UInt32))
    )
    drawn = drawn.filter(pl.col("a") != pl.col("b"))
    if table.source is not None:
        drawn = drawn.filter(table.source.gather(drawn.get_column("a")) != table.source.gather(drawn.get_column("b")))
    return drawn


def colleagues(table: Table, count: int) -> pl.DataFrame:
    """About `count` pairs of records of one firm (the model's `circle`), neighbours in an order that means nothing: columns a, b."""
    circle = table.model.circle
    assert circle is not None
    known = pl.DataFrame({"firm": table.codes[circle]}).with_row_index("record").filter(pl.col("firm") > 0)
    # A stride through the record numbers stands for chance: neighbours in the file are often one person's.
    known = known.sort("firm", pl.col("record").cast(pl.Int64) * _STRIDE_A % 1_000_003)
    paired = known.with_columns(b=pl.col("record").shift(-1), other=pl.col("firm").shift(-1)).filter(pl.col("firm") == pl.col("other"))
    step = max(1, paired.height // max(1, count))
    return paired.gather_every(step).select(a=pl.min_horizontal("record", "b"), b=pl.max_horizontal("record", "b"))


def share_of_colleagues(table: Table) -> float:
    """The share of all pairs that are of one firm."""
    if table.model.circle is None:
        return 0.0
    used = table.used[table.model.circle].cast(pl.Float64)
    known = float(used.sum())
    return float((used * (used - 1)).sum()) / (known * (known - 1)) if known > 1 else 0.0


# --- levels ---------------------------------------------------------------------------------------------------


def levels(table: Table, pairs: pl.DataFrame) -> pl.DataFrame:
    """`pairs` with one Int8 column a comparison, named for its field: the level, or UNKNOWN."""
    return pairs.with_columns([_levels(table, c, pairs).alias(c.field) for c in table.model.comparisons])


def _levels(table: Table, comparison: Comparison, pairs: pl.DataFrame) -> pl.Series:
    codes = table.codes[comparison.field]
    both = pl.DataFrame({"x": codes.gather(pairs.get_column("a")), "y": codes.gather(pairs.get_column("b"))})
    # The comparison is symmetric: each pair of values is looked at once, whichever comes first.
    packed = pl.min_horizontal("x", "y").cast(pl.UInt64) * 2**32 + pl.max_horizontal("x", "y")
    settled = pl.when((pl.col("x") == 0) | (pl.col("y") == 0)).then(UNKNOWN).when(pl.col("x") == pl.col("y")).then(SAME)
    both = both.select(p=packed, level=settled.cast(pl.Int8))
    if comparison.kind == "exact":
        return both.get_column("level").fill_null(1)
    differ = both.filter(pl.col("level").is_null()).select("p").unique()
    judged = differ.with_columns(found=_judged(table.texts[comparison.field], comparison, differ.get_column("p")))
    return (
        both.join(judged, on="p", how="left", maintain_order="left")
        .select(pl.coalesce("level", "found").alias("level"))
        .get_column("level")
    )


def _judged(texts: list[str], comparison: Comparison, packed: pl.Series) -> pl.Series:
    level_of = LEVEL_OF[comparison.kind]
    left = (packed // 2**32).to_list()
    right = (packed % 2**32).to_list()
    return pl.Series("found", map(level_of, map(texts.__getitem__, left), map(texts.__getitem__, right)), dtype=pl.Int8)
