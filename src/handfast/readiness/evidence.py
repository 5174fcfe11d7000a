"""Evidence: signals weighed against the contract's intent rules and next steps, capped and decayed.

Each signal that a rule hears becomes one row with an interval of its own: the moments at which it counts. That interval depends on the
signal and its earlier neighbours only, never on the moment judged, so it is computed once a signal and then asked for any number of
moments: now, as known then, or at every signal of two years. Times are whole microseconds since 1970 in UTC.

Columns with a leading underscore are ours; names in a contract begin with a letter, so the two cannot meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import polars as pl

from handfast.contract.frames import FEW, added, picked
from handfast.readiness.exclude import human
from handfast.readiness.plan import NEVER, Listener, Plan, local_day

if TYPE_CHECKING:
    from handfast.contract.terms import Cap

#: Who evidence and people are about; and what every signal has.
WHO: Final[Mapping[str, pl.DataType]] = {"person_id": pl.String()}
KEYS: Final[Mapping[str, pl.DataType]] = {
    "signal": pl.Int64(),
    **WHO,
    "kind": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
}
#: How many pairs of moment and signal are held in memory at once (about 60 bytes each).
PAIRS_AT_ONCE: Final = 4_000_000

#: Slices of time share a key with the person's number: 31 bits for the slice, modulo; the interval itself stays the judge.
_SLICES: Final = 2**31
#: Days of a person share a key in the same way; 2^22 days are 11,000 years.
_DAYS: Final = 2**22
#: 1970-01-01 was a Thursday, so many days after its Monday.
AFTER_MONDAY: Final = 3
_WEIGHED: Final = {
    "_who": pl.UInt32,
    "signal": pl.Int64,
    "_occurred": pl.Int64,
    "_known": pl.Boolean,
    "_rule": pl.UInt16,
    "_from": pl.Int64,
}


def weigh(plan: Plan, evidence: pl.DataFrame, who: pl.DataFrame, span: tuple[int, int], zone: str, *, working: bool) -> pl.DataFrame:
    """Every signal in `span` (first moment excluded, last included) that a rule hears, once per rule.

    Args:
        evidence: `signal`, `person_id`, `kind`, `occurred_at` and every field the conditions name.
        who: `person_id` and its number `_who` (UInt32); signals of anybody else are left out.
        zone: of the contract's calendar, whose days and weeks the caps count in.
        working: keep also what never counts: signals above a cap or short of a run, and those whose condition is unknown (`_known` false).

    Returns:
        `_who`, `_occurred`, `_rule` (position in `plan.listeners`), `_from`; with the working also `signal` and `_known`; where a rule asks
        how often also `_anchor`. It counts at `at` where `_known`, `_from <= at < _occurred + reach` and `at < _anchor + reach`.
    """
    if plan.exclude is not None:
        evidence = human(plan.exclude, evidence)
    signals = picked(evidence, *plan.signal)
    timely = (pl.col("_occurred") > span[0]) & (pl.col("_occurred") <= span[1])
    signals = signals.filter(timely, plan.heard(unknown=working)).join(who, on="person_id")
    parts = [
        _rows(listener, number, signals, zone, working=working, runs=plan.runs)
        for number, listener in enumerate(plan.listeners)
        if signals[str(number)].any() or (working and signals[str(number)].null_count())
    ]
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=_columns(runs=plan.runs))
    # Pairs are many; without the working they need no more than this.
    return rows if working else rows.drop("signal", "_known")


def _columns(*, runs: bool) -> dict[str, Any]:
    return {**_WEIGHED, "_anchor": pl.Int64} if runs else dict(_WEIGHED)


def _rows(listener: Listener, number: int, signals: pl.DataFrame, zone: str, *, working: bool, runs: bool) -> pl.DataFrame:
    """What one rule hears, and from when on it counts."""
    met = pl.col(str(number))
    heard = met.fill_null(working)
    occurred = pl.col("_occurred").filter(heard)
    # One selection of filtered columns: on small frames each step costs more than its work.
    rows = picked(
        signals,
        pl.col("_who").filter(heard),
        pl.col("signal").filter(heard),
        occurred,
        met.is_not_null().filter(heard).alias("_known"),
        pl.lit(number, dtype=pl.UInt16).alias("_rule"),
        (occurred + listener.delay if listener.delay else occurred).alias("_from"),
        *((occurred.alias("_anchor"),) if runs else ()),
    )
    return _adjusted(rows, listener, zone, working=working, runs=runs)


def _adjusted(rows: pl.DataFrame, listener: Listener, zone: str, *, working: bool, runs: bool) -> pl.DataFrame:
    """What is heard, once it is told which signals complete a run and which the cap holds back."""
    if listener.run is not None:
        rows = _in_runs(rows, *listener.run, working=working)
    if listener.cap is None or rows.height <= listener.cap.times:
        return rows
    rows = _hold_back(rows, listener.cap, listener.reach, zone, "_anchor" if runs else "_occurred")
    return rows if working else rows.filter(pl.col("_from") < pl.col("_occurred") + listener.reach)


def _in_runs(rows: pl.DataFrame, times: int, within: int, *, working: bool) -> pl.DataFrame:
    """Which signals are the `times`-th or later within `within` microseconds (both ends included); `_anchor` is the first of these.

    Such a signal counts as long as its anchor does, so a run that the lookback cuts is none. One that completes no run never begins.
    """
    known = rows.filter("_known").sort("_who", "_occurred", "signal")
    before = pl.col("_occurred").shift(times - 1)
    completes = (pl.col("_who") == pl.col("_who").shift(times - 1)) & (pl.col("_occurred") - before <= within)
    marked = known.with_columns(
        pl.when(completes).then("_from").otherwise(pl.lit(NEVER)).alias("_from"),
        pl.when(completes).then(before).otherwise("_occurred").alias("_anchor"),
    )
    if not working:
        return marked.filter(pl.col("_from") < NEVER)
    return pl.concat([rows.filter(~pl.col("_known")), marked])


def _hold_back(rows: pl.DataFrame, cap: Cap, reach: int, zone: str, since: str) -> pl.DataFrame:
    """Moves `_from` for days and weeks that hold more signals of one person than the cap allows. Ties go to the lower signal number.

    A signal above the cap is held back by the one that stands `times` places before it in the same day or week: it counts only once that
    one has left the lookback (`since`: counted from this column). So a day that the lookback cuts is capped among what is left of it, and
    no verdict depends on anything older.
    """
    buckets = rows.select(_bucket(cap, zone)).to_series()
    crowded = _crowded(buckets, cap.times)
    if crowded.is_empty():
        return rows
    rows = rows.hstack([buckets])
    full = pl.col("_known") & (pl.col("_from") < NEVER) & pl.col("_bucket").is_in(crowded.implode())
    crowd = rows.filter(full).sort("_bucket", "_occurred", "signal")
    blocker = pl.when(pl.col("_bucket") == pl.col("_bucket").shift(cap.times)).then(pl.col(since).shift(cap.times))
    held = crowd.with_columns(pl.max_horizontal(pl.col("_from"), blocker + reach).alias("_from"))
    return pl.concat([rows.filter(~full), held]).drop("_bucket")


def _bucket(cap: Cap, zone: str) -> pl.Expr:
    """The person's number and the local day the cap counts in (days since 1970; weeks for a weekly cap), in one integer."""
    day = local_day(pl.col("_occurred").cast(pl.Datetime("us", "UTC")), zone).cast(pl.Int64)
    number = day if cap.per == "day" else (day + AFTER_MONDAY).floordiv(7)
    return (pl.col("_who").cast(pl.Int64) * _DAYS + number).alias("_bucket")


def _crowded(buckets: pl.Series, times: int) -> pl.Series:
    """The buckets that hold more signals than `times`. Sorting plain integers is the quickest way to find the few there are among many."""
    if len(buckets) <= FEW:
        full = [bucket for bucket, many in Counter(buckets.to_list()).items() if many > times]
        return pl.Series(full, dtype=pl.Int64)
    ordered = buckets.sort()
    return ordered.filter(ordered == ordered.shift(times)).unique()


def paired(points: pl.DataFrame, rows: pl.DataFrame, lookback: int, *, alone: bool) -> Iterator[pl.DataFrame]:
    """Each moment beside the weighed signals that may count at it, in portions of about `PAIRS_AT_ONCE`.

    Args:
        points: `_row`, `_who`, `_at` (microseconds).
        rows: from `weigh`.
        lookback: no row counts longer than this (microseconds).
        alone: every person has one moment, and `_who` is its row. Then nothing multiplies and one portion is enough.

    Yields:
        The columns of `rows` (but `_who`) with `_row` and `_at`. Pairs in which the signal does not count are among them.
    """
    if alone:
        yield rows.with_columns(points["_at"].gather(rows["_who"]), pl.col("_who").alias("_row"))
        return
    keyed = rows.with_columns(_key(pl.col("_occurred"), lookback)).drop("_who")
    # A slice is as long as the lookback, so a moment needs the signals of its own slice and of the one before.
    asked = pl.concat([points.with_columns(_key(pl.col("_at") - back, lookback)) for back in (0, max(lookback, 1))]).drop("_who")
    for portion in _portions(asked, keyed):
        near = keyed.filter(pl.col("_key").is_between(portion["_key"].min(), portion["_key"].max()))
        yield near.join(portion, on="_key").drop("_key")


def _key(moment: pl.Expr, lookback: int) -> pl.Expr:
    """The person's number and a slice of time, in one integer."""
    piece = moment.floordiv(max(lookback, 1)) % _SLICES
    return (pl.col("_who").cast(pl.Int64) * _SLICES + piece).alias("_key")


def _portions(asked: pl.DataFrame, keyed: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Splits what is asked so that no portion makes many more than `PAIRS_AT_ONCE` pairs."""
    sizes = keyed.group_by("_key").len("_size")
    asked = asked.join(sizes, on="_key")  # whoever has no evidence there drops out
    if asked["_size"].cast(pl.UInt64).sum() <= PAIRS_AT_ONCE:
        yield asked.drop("_size")
        return
    number = (pl.col("_size").cast(pl.UInt64).cum_sum() // PAIRS_AT_ONCE).alias("_portion")
    numbered = asked.sort("_key").with_columns(number)
    yield from (part.drop("_size", "_portion") for part in numbered.partition_by("_portion", maintain_order=True))


def counted(plan: Plan, pairs: pl.DataFrame, *, activity: bool) -> pl.DataFrame:
    """The pairs that count: `_row`, `_millionths` (of a point of intent), `_step` (the next step kept open). Rows: without the working.

    `activity`: also `_active`, when the signal came, where it gives points or keeps a step open.
    """
    found = picked(pairs.filter(plan.begun, plan.recent), "_row", *plan.adds, *((pl.col("_occurred"),) if activity else ()))
    return picked(found, pl.exclude("_occurred"), plan.gives) if activity else found


def explained(plan: Plan, pairs: pl.DataFrame, *, activity: bool) -> pl.DataFrame:
    """As `counted`, with all the columns of the pairs, and also with the signals that do not count.

    `_counts` says which do. Of the others `_near` says whether they are within reach at all, `_known` whether they were understood,
    `_short` whether they complete no run that is still within reach, `_fresh` whether it is too early to tell them from a scanner's. What
    is left was held back by a cap.
    """
    told = added(pairs, *plan.explains)
    return added(told, plan.gives) if activity else told


#: The shape of `_heard` where it has to lie in a column that can be grouped.
HEARD: Final = pl.List(
    pl.Struct(
        {
            "_rule": pl.UInt16,
            "signals": pl.List(pl.Int64),
            "known": pl.List(pl.Int64),
            "times": pl.List(pl.Int64),
            "capped": pl.UInt32,
            "short": pl.UInt32,
            "fresh": pl.UInt32,
            "unknown": pl.UInt32,
            "millionths": pl.Int64,
            "latest": pl.Int64,
        }
    )
)
#: What is told of a pair: its row and rule, when the signal came and its number; whether it is near, counts, is known, short or fresh; and
#: the millionths it gives where it counts.
Told: TypeAlias = tuple[int, int, int, int, bool, bool, bool, bool, bool, int | None]
_TOLD: Final = ("_row", "_rule", "_occurred", "signal", "_near", "_counts", "_known", "_short", "_fresh", "_millionths")


def told_of(pairs: pl.DataFrame) -> Iterable[Told]:
    """What `explained` says of the pairs."""
    return zip(*(pairs[name].to_list() for name in _TOLD), strict=True)


def tally(height: int, told: Iterable[Told]) -> pl.Series:
    """For each of so many rows a list `_heard`: per rule that heard anything, what counted and what did not.

    `told`: the pairs (see `Told`), in any order. `signals` are the numbers of those that counted, `known` of those that were understood,
    `times` when these came.
    """
    found: list[dict[int, dict[str, Any]] | None] = [None] * height
    for row, rule, occurred, signal, near, counts, known, short, fresh, millionths in sorted(told):
        if not near:
            continue
        if (rules := found[row]) is None:
            rules = found[row] = {}
        if (said := rules.get(rule)) is None:
            said = rules[rule] = {"_rule": rule, "signals": [], "known": [], "times": [], **_NOTHING}
        if known:
            said["known"].append(signal)
            said["times"].append(occurred)
        if counts:
            said["signals"].append(signal)
            said["millionths"] += millionths
            said["latest"] = occurred
        else:
            said["unknown" if not known else "short" if short else "fresh" if fresh else "capped"] += 1
    # As they are: they are made by Python and read by Python, and a trip through a nested column costs more than judging.
    return pl.Series("_heard", [None if rules is None else list(rules.values()) for rules in found], dtype=pl.Object)


_NOTHING: Final = {"capped": 0, "short": 0, "fresh": 0, "unknown": 0, "millionths": 0, "latest": None}
