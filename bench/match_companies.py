"""Companies matched: Dutch patent applicants with hand-checked identity and hard pairs added, and the Fortune 1000 by domain and by damaged names.

    python -m bench.match_companies

Splink on the same data in the same run. Ours is read at the contract's default bar (0.9); splink at whichever of its thresholds serves it best.
Needs the data sets (HANDFAST_TEST_DATA, or `../shared/data`).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import polars as pl

from handfast.identity.company import Company, Name, Others, read_name
from handfast.identity.company_groups import group, words_of
from handfast.identity.legal_forms import TRADE
from handfast.identity.match import Candidate, Policy, decide
from handfast.identity.normalise import registrable

BAR = 0.9
#: Companies that are alike in letters and are not one, and some that are one: each line is one company. The first two are measured cases of
#: products that compare letters (0.975 by Jaro-Winkler).
HARD = (
    ("Bank of the West", "Bank of the West, N.A."), ("Bank of the East",), ("Bank of the Orient",),
    ("First National Bank of Omaha",), ("First National Bank of Alaska",), ("First National Bank Texas",),
    ("American Airlines", "American Airlines Inc."), ("American Electric Power",), ("American Express", "American Express Company"),
    ("General Motors", "General Motors Company"), ("General Mills",), ("General Dynamics",),
    ("United Airlines", "United Airlines Inc"), ("United Rentals",), ("United Natural Foods",),
    ("Delta Air Lines", "Delta Air Lines, Inc."), ("Delta Dental",), ("Johnson Controls",), ("Johnson & Johnson", "Johnson and Johnson"),
    ("Northern Trust", "Northern Trust Corp"), ("Northern Tool",), ("Southern Company",), ("Western Union",), ("Eastern Union",),
    ("Procter & Gamble", "Procter and Gamble Co."), ("Marsh & McLennan",), ("Wells Fargo", "Wells Fargo & Company"), ("Wells Enterprises",),
    ("Acme Software GmbH", "ACME SOFTWARE"), ("Acme Foods GmbH",), ("Kraus Maschinenbau AG", "Kraus Maschinenbau"), ("Krause Maschinenbau AG",),
)  # fmt: skip


def data() -> Path:
    """Where the real data sets are."""
    return Path(os.environ.get("HANDFAST_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def scores(found: int, right: int, true: int) -> str:
    precision, recall = right / max(1, found), right / max(1, true)
    return f"precision {precision:.4f}  recall {recall:.4f}  F1 {2 * right / max(1, found + true):.4f}"


def pairs_of(groups: Sequence[Hashable]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(groups).values())


def grouped(groups: Sequence[Hashable], truth: Sequence[Hashable]) -> tuple[int, int, int]:
    """(pairs found, right among them, true ones), by who is in one group."""
    return pairs_of(groups), pairs_of(list(zip(groups, truth, strict=True))), pairs_of(truth)


# --- hand-checked applicants ----------------------------------------------------------------------------------


def _records() -> pl.DataFrame:
    folder = data() / "company_patstat_nl"
    return pl.read_csv(folder / "patstat_input.csv").join(
        pl.read_csv(folder / "patstat_reference.csv"), on="person_id", maintain_order="left"
    )


def applicants() -> tuple[list[str], list[str]]:
    records = _records()
    names, truth = records.get_column("person_name").to_list(), records.get_column("leuven_id").cast(pl.String).to_list()
    for number, spellings in enumerate(HARD):
        names += spellings
        truth += [f"hard {number}"] * len(spellings)
    return names, truth


def ours(names: Sequence[str]) -> list[int]:
    return group([Company(name) for name in names], BAR)[0]


def bare(name: str) -> str:
    return " ".join(read_name(name).words)


def splinks(names: Sequence[str]) -> dict[str, list[Hashable]]:
    """Splink's groups at each threshold, on names without legal forms (by our reading: splink has none), places, classes and fellow applicants."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    records = _records().select(
        place=pl.when(pl.col("Lat") != 0).then(pl.format("{},{}", "Lat", "Lng")), classes=pl.col("Class").str.split("**"), fellows=pl.col("Coauthor").str.split("**")
    )  # fmt: skip
    table = pl.DataFrame({"unique_id": range(len(names)), "name": [bare(n) for n in names]}).with_columns(
        *(records.get_column(c).extend(pl.Series([None] * (len(names) - records.height), dtype=records.schema[c])) for c in records.columns)
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.95, 0.9, 0.8]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("place").configure(term_frequency_adjustments=True),
            cl.ArrayIntersectAtSizes("classes", [3, 2, 1]), cl.ArrayIntersectAtSizes("fellows", [2, 1]),
        ],
        blocking_rules_to_generate_predictions=["1=1"], probability_two_random_records_match=0.1, retain_matching_columns=False,
    )  # fmt: skip
    linker = Linker([DuckDBAPI().register(table.to_arrow())], settings, log_level=40)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in ("name", "place"):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(rule))
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    found: dict[str, list[Hashable]] = {}
    for bar in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=bar)
        found[f"{bar}"] = clusters.as_duckdbpyrelation().pl().sort("unique_id").get_column("cluster_id").to_list()
    return found


def hand_checked() -> None:
    names, truth = applicants()
    print(f"{len(names):,} company names, {len(set(truth))} companies, hard pairs among them")
    began = time.process_time()
    groups = ours(names)
    print(f"  ours at {BAR}: {scores(*grouped(groups, truth))}   {time.process_time() - began:.1f} s of processor time")
    hard = range(len(names) - sum(map(len, HARD)), len(names))
    print(f"  ours, the hard pairs alone: {scores(*grouped([groups[i] for i in hard], [truth[i] for i in hard]))}")
    began = time.process_time()
    found = splinks(names)
    best = max(found, key=lambda bar: _f1(grouped(found[bar], truth)))
    print(f"  splink at its best ({best}): {scores(*grouped(found[best], truth))}   {time.process_time() - began:.1f} s")
    print(f"  splink at 0.9: {scores(*grouped(found['0.9'], truth))}")
    print(f"  splink at its best, the hard pairs alone: {scores(*grouped([found[best][i] for i in hard], [truth[i] for i in hard]))}")


def _f1(counts: tuple[int, int, int]) -> float:
    found, right, true = counts
    return 2 * right / max(1, found + true)


# --- Fortune 1000 ---------------------------------------------------------------------------------------------


def accounts() -> list[Company]:
    table = pl.read_csv(data() / "fortune1000_2021" / "Fortune_1000.csv", infer_schema=False)
    rows = table.select("company", "Website", "city").iter_rows()
    return [
        Company(name, (d,) if (d := registrable(site.partition("//")[2].partition("/")[0])) else (), city=city.casefold())
        for name, site, city in rows
    ]


def damaged(name: str, luck: random.Random) -> str:
    """A company name as somebody types it into a form."""
    kind = luck.randrange(7)
    words = name.split()
    if kind == 0:
        return f"{name}{luck.choice((' Inc.', ', Inc', ' Corporation', ' Co.', ' LLC', ' Group'))}"
    if kind == 1 and len(name) > 5:
        i = luck.randrange(1, len(name) - 1)
        return name[:i] + name[i + 1 :]
    if kind == 2 and len(name) > 5:
        i = luck.randrange(1, len(name) - 2)
        return name[:i] + name[i + 1] + name[i] + name[i + 2 :]
    if kind == 3 and len(words) > 1 and words[-1].casefold() in TRADE and any(w.casefold() not in TRADE for w in words[:-1]):
        return " ".join(words[:-1])
    if kind == 4:
        return name.upper().replace(".", "").replace("&", "AND")
    if kind == 5:
        return f"The {name}" if luck.random() < 0.5 else f"{name} ({luck.choice(('USA', 'US', 'America'))})"
    return name.lower().replace("-", " ")


def counted(known: Sequence[Company]) -> tuple[Others, Callable[[Company], list[int]]]:
    """How common things are among these accounts, and where to look for candidates."""
    by_word: dict[str, set[int]] = {}
    held: Counter[str] = Counter()
    for i, one in enumerate(known):
        name = read_name(one.name)
        for word in {*name.words, *words_of(name)}:
            by_word.setdefault(word, set()).add(i)
        held.update([f"name:{name.compact}", f"city:{one.city}", *(f"domain:{d}" for d in one.domains)])

    def words(said: Sequence[str], _a: Name, _b: Name) -> float:
        return float(max(1, len(set.intersection(*(by_word.get(w, set()) for w in said)))))

    def candidates(company: Company) -> list[int]:
        name = read_name(company.name)
        near = {w for said in {*name.words, *words_of(name)} for w in by_word if w == said or (w[:1] == said[:1] and _like(w, said))}
        return sorted({i for w in near for i in by_word[w]} | {i for i, one in enumerate(known) if set(one.domains) & set(company.domains)})

    return Others(len(known), words, lambda what, value: float(max(1, held[f"{what}:{value}"]))), candidates


def _like(a: str, b: str) -> bool:
    from handfast.identity.company import same_word

    return same_word(a, b)


def fortune() -> None:
    everybody = accounts()
    luck = random.Random(11)
    luck.shuffle(everybody)
    known, strangers = everybody[:500], everybody[500:]
    others, candidates = counted(known)
    arrivals = [(i, damaged(c.name, luck), c) for i, c in enumerate(known)] + [(None, damaged(c.name, luck), c) for c in strangers]
    print(f"Fortune 1000: 500 accounts; {len(arrivals)} arrivals, half of them of companies that are no account")
    for what, asked, policy in (
        ("by domain", [(i, Company(domains=c.domains)) for i, _, c in arrivals], Policy("always")),
        ("by damaged name", [(i, Company(name)) for i, name, _ in arrivals], Policy("off", distinctive_words=True)),
        ("by damaged name and city", [(i, Company(name, city=c.city)) for i, name, c in arrivals], Policy("off", distinctive_words=True)),
    ):
        began = time.process_time()
        found = right = review = review_right = 0
        for truth, company in asked:
            said = decide(company, [Candidate(str(i), known[i]) for i in candidates(company)], others, policy)
            found += said.state == "matched"
            right += said.state == "matched" and said.account == str(truth)
            review += said.state == "review"
            review_right += said.state == "review" and said.account == str(truth)
        spent = (time.process_time() - began) / len(asked) * 1e3
        print(
            f"  ours, {what}: {scores(found, right, 500)}   for a person to look at: {review} ({review_right} right)   {spent:.2f} ms each"
        )
    _splink_fortune(known, [(i, name) for i, name, _ in arrivals])


def _splink_fortune(known: Sequence[Company], arrivals: Sequence[tuple[int | None, str]]) -> None:
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    def table(names: Sequence[str], start: int) -> pl.DataFrame:
        made = pl.DataFrame({"unique_id": range(start, start + len(names)), "name": [bare(n) for n in names]})
        return made.with_columns(first=pl.col("name").str.split(" ").list.first(), last=pl.col("name").str.split(" ").list.last())

    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[cl.JaroWinklerAtThresholds("name", [0.95, 0.9, 0.8]).configure(term_frequency_adjustments=True), cl.NameComparison("first"), cl.NameComparison("last")],
        blocking_rules_to_generate_predictions=["1=1"], probability_two_random_records_match=1 / 1000, retain_matching_columns=False,
    )  # fmt: skip
    api = DuckDBAPI()
    tables = [api.register(table([c.name for c in known], 0).to_arrow()), api.register(table([n for _, n in arrivals], 10_000).to_arrow())]
    linker = Linker(tables, settings, log_level=40)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in ("name", "first", "last"):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(rule))
    predicted = linker.inference.predict(threshold_match_probability=0.01).as_duckdbpyrelation().pl()
    low, high = pl.min_horizontal("unique_id_l", "unique_id_r"), pl.max_horizontal("unique_id_l", "unique_id_r")
    best = (
        predicted.select(account=low, arrival=high - 10_000, p="match_probability")
        .sort("p", descending=True)
        .unique("arrival", keep="first")
    )
    truth = [i for i, _ in arrivals]
    results = {}
    for bar in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999):
        kept = best.filter(pl.col("p") >= bar)
        right = sum(truth[a] == account for account, a in kept.select("account", "arrival").iter_rows())
        results[bar] = (kept.height, right, 500)
    top = max(results, key=lambda bar: _f1(results[bar]))
    print(f"  splink, by damaged name, at its best ({top}): {scores(*results[top])}")
    print(f"  splink, by damaged name, at 0.9: {scores(*results[0.9])}")


def main() -> None:
    hand_checked()
    fortune()


if __name__ == "__main__":
    main()
