"""People matched: FEBRL 4, and a seeded crowd of a million records, each beside splink on the same data in the same run.

    python -m bench.match_people [RECORDS]       RECORDS of the crowd: 1,000,000 where nothing is said

Ours is read at the contract's default bar (0.9); splink with its own library's comparisons, on the same blocks, at whichever threshold serves it best.
Nothing here was taught: both learn from the records alone. FEBRL needs the data sets (HANDFAST_TEST_DATA, or `../shared/data`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import polars as pl

from bench.crowd import crowd, true_pairs
from bench.match_companies import BAR, data, scores
from handfast.identity.compare import Model, comparison
from handfast.identity.learn import link
from handfast.identity.people import PEOPLE, prepare

BARS = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)
FEBRL = Model(
    (
        comparison("given_name", "name", rare="share"), comparison("surname", "name", rare="share"), comparison("date_of_birth", "code"),
        comparison("soc_sec_id", "code"), comparison("street_number", "exact", rare="share"), comparison("postcode", "code", rare="share"),
        comparison("address_1", "text", rare="share"), comparison("suburb", "text", rare="share"),
    ),
    (
        ("given_name", "surname"), ("soc_sec_id",), ("date_of_birth",), ("postcode", "surname"), ("street_number", "address_1"),
        ("given_name", "postcode"), ("surname", "street_number"), ("surname", "suburb"), ("given_name", "suburb"), ("suburb", "street_number"),
    ),
)  # fmt: skip


class Spent:
    """Processor and wall time since it was made."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def __str__(self) -> str:
        return f"{time.process_time() - self.cpu:.1f} s of processor time, {time.perf_counter() - self.wall:.1f} s by the clock"

    @property
    def seconds(self) -> float:
        return time.process_time() - self.cpu


def febrl() -> pl.DataFrame:
    """Both files of FEBRL 4 as one table: text columns, `source`, and `truth`."""

    def read(file: str) -> pl.DataFrame:
        table = pl.read_csv(data() / "febrl" / file, infer_schema=False)
        table = table.rename({c: c.strip() for c in table.columns})
        table = table.with_columns(pl.all().str.strip_chars().replace("", None))
        return table.with_columns(source=pl.lit(file), truth=pl.col("rec_id").str.extract(r"rec-(\d+)").cast(pl.Int64))

    return pl.concat([read("dataset4a.csv"), read("dataset4b.csv")])


def judged(found: pl.DataFrame, truth: pl.Series, true: int, bars: Sequence[float]) -> dict[float, tuple[int, int, int]]:
    """bar → (found, right, true), from columns a, b, probability."""
    found = found.with_columns(right=truth.gather(found["a"]) == truth.gather(found["b"]))
    kept = {bar: found.filter(pl.col("probability") >= bar) for bar in bars}
    return {bar: (table.height, int(table["right"].sum()), true) for bar, table in kept.items()}


def best(counts: dict[float, tuple[int, int, int]]) -> float:
    return max(counts, key=lambda bar: 2 * counts[bar][1] / max(1, counts[bar][0] + counts[bar][2]))


def splink_pairs(records: pl.DataFrame, settings: Any, rules: Sequence[Sequence[str]], source: str | None) -> pl.DataFrame:
    """Splink's pairs: columns a, b, probability. `rules`: what it is trained on, one after the other."""
    from splink import DuckDBAPI, Linker, block_on

    api = DuckDBAPI()
    numbered = records.with_row_index("unique_id")
    parts = numbered.partition_by(source) if source else [numbered]
    linker = Linker([api.register(part.to_arrow()) for part in parts], settings, log_level=40)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in rules:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    return predicted.as_duckdbpyrelation().pl().select(a="unique_id_l", b="unique_id_r", probability="match_probability")


def splink_febrl() -> Any:
    import splink.comparison_library as cl
    from splink import SettingsCreator, block_on

    rare = {"term_frequency_adjustments": True}
    return SettingsCreator(
        link_type="link_only", probability_two_random_records_match=1 / 5000, retain_matching_columns=False,
        comparisons=[
            cl.NameComparison("given_name").configure(**rare), cl.NameComparison("surname").configure(**rare),
            cl.DamerauLevenshteinAtThresholds("date_of_birth", [1, 2]), cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            cl.ExactMatch("street_number").configure(**rare), cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(**rare),
            cl.JaroWinklerAtThresholds("address_1", [0.9, 0.7]).configure(**rare), cl.JaroWinklerAtThresholds("suburb", [0.9, 0.7]),
        ],
        blocking_rules_to_generate_predictions=[block_on(*block) for block in FEBRL.blocks],
    )  # fmt: skip


def splink_crowd() -> Any:
    import splink.comparison_library as cl
    from splink import SettingsCreator, block_on

    rare = {"term_frequency_adjustments": True}
    blocks = [
        [f"substr({part.partition(':')[0]},1,{part.partition(':')[2]})" if ":" in part else part for part in block]
        for block in PEOPLE.blocks
    ]
    return SettingsCreator(
        link_type="dedupe_only", probability_two_random_records_match=1e-6, retain_matching_columns=False,
        comparisons=[
            cl.NameComparison("first_name").configure(**rare), cl.NameComparison("last_name").configure(**rare),
            cl.EmailComparison("email").configure(**rare), cl.DamerauLevenshteinAtThresholds("phone", [1, 2]).configure(**rare),
            cl.JaroWinklerAtThresholds("company", [0.92, 0.8]).configure(**rare), cl.JaroWinklerAtThresholds("city", [0.92, 0.8]).configure(**rare),
        ],
        blocking_rules_to_generate_predictions=[block_on(*block) for block in blocks],
    )  # fmt: skip


def compared(
    what: str, ours: tuple[dict[float, tuple[int, int, int]], Spent], theirs: pl.DataFrame, truth: pl.Series, true: int, spent: Spent
) -> None:
    counts, own = ours
    other = judged(theirs, truth, true, BARS)
    top = best(other)
    print(f"  ours at {BAR}: {scores(*counts[BAR])}")
    print(f"  ours at its best ({best(counts)}): {scores(*counts[best(counts)])}")
    print(f"  splink at its best ({top}): {scores(*other[top])}   {spent}")
    print(f"  splink at 0.9: {scores(*other[0.9])}")
    print(f"  {what}: splink took {spent.seconds / max(0.01, own.seconds):.1f} times our processor time")


def match_febrl() -> None:
    records = febrl()
    spent = Spent()
    found, _ = link(records, FEBRL, source="source")
    counts = judged(found, records["truth"], 5000, BARS)
    spent_ours = f"{spent}"
    own = _stopped(spent)
    print(f"FEBRL 4: 5,000 + 5,000 people, 5,000 true pairs; ours {spent_ours}")
    spent = Spent()
    theirs = splink_pairs(records, splink_febrl(), [["date_of_birth"], ["postcode"]], "source")
    compared("FEBRL 4", (counts, own), theirs, records["truth"], 5000, _stopped(spent))


class _Stopped(Spent):
    def __init__(self, cpu: float, wall: float) -> None:
        self.cpu, self.wall = cpu, wall

    def __str__(self) -> str:
        return f"{self.cpu:.1f} s of processor time, {self.wall:.1f} s by the clock"

    @property
    def seconds(self) -> float:
        return self.cpu


def _stopped(spent: Spent) -> Spent:
    return _Stopped(time.process_time() - spent.cpu, time.perf_counter() - spent.wall)


def match_crowd(count: int) -> None:
    records = crowd(count)
    true = true_pairs(records["truth"])
    spent = Spent()
    found, _ = link(prepare(records), PEOPLE)
    own = _stopped(spent)
    print(f"Crowd of {count:,} records, {true:,} true pairs; ours {own}, {found.height:,} pairs weighed")
    counts = judged(found, records["truth"], true, BARS)
    records = prepare(records)
    spent = Spent()
    theirs = splink_pairs(records, splink_crowd(), [["first_name", "last_name"], ["email"], ["phone"]], None)
    compared("crowd", (counts, own), theirs, records["truth"], true, _stopped(spent))


def main() -> None:
    match_febrl()
    match_crowd(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)


if __name__ == "__main__":
    main()
