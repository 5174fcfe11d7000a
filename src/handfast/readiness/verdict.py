"""The verdict: is this person ready at this moment? One pure function for one moment or a million.

    ready  =  fit at its bar  AND  intent at its bar  AND  a next step that is still open,  unless a never-rule holds

`judge` is the only place where this is decided: the live path, replay, `prove` and `why` all call it. A row of its result depends on that
person's own fields and signals inside the lookback, and on nothing else in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

import polars as pl

from handfast.contract.frames import DTYPES, FEW, added, as_frame, microseconds_of, picked, shaped
from handfast.facts import utc
from handfast.readiness.evidence import KEYS, WHO, counted, explained, paired, tally, told_of, weigh
from handfast.readiness.exclude import flags
from handfast.readiness.few import are_few, by_hand
from handfast.readiness.overrides import overridden
from handfast.readiness.plan import MILLIONTHS, Plan, plan_of

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.conditions import Compiled
    from handfast.contract.terms import FieldType

_MOMENT: Final = pl.Datetime("us", "UTC")


def judge(
    agreement: Agreement,
    points: pl.DataFrame,
    people: pl.DataFrame,
    evidence: pl.DataFrame,
    *,
    overrides: pl.DataFrame | None = None,
    working: bool = False,
) -> pl.DataFrame:
    """The verdict on each person at each moment.

    Args:
        points: what is asked: `person_id` and `at` (Datetime us, UTC); other columns are handed through.
        people: `person_id`, once each, and a column for each of `agreement.person_fields`. A missing person or column is unknown.
        evidence: `signal` (Int64), `person_id`, `kind`, `occurred_at` and a column for each of `agreement.signal_fields`, each signal once,
            as far back as `agreement.reach` before the earliest moment.
        overrides: from `overrides.of_people`: what was decided by hand.
        working: add the columns that `explain.workings` reads; for rows somebody will look at, as it keeps every pair in memory.

    `person_id` may be text or whole numbers, so long as all three frames agree; numbers join faster at a million people.

    Returns:
        The rows and columns of `points`, in their order, with `outcome` (ready, not_yet, never), `fit` (Int32, points), `intent` (Int64,
        millionths of a point), `next_step` (the first one open, or null) and `reason` (of the first never-rule or exclusion that holds, or
        null). Where the contract has grades also `grade`; with overrides also `computed` and `override` (see `overrides.overridden`).

    Raises:
        ValueError: `people` names a person twice.
    """
    judged = measured(agreement, points, people, evidence, working=working)
    return judged if overrides is None else overridden(judged, overrides, "person_id")


def measured(
    agreement: Agreement,
    points: pl.DataFrame,
    people: pl.DataFrame,
    evidence: pl.DataFrame,
    *,
    working: bool = False,
    activity: bool = False,
) -> pl.DataFrame:
    """As `judge`, by the terms alone. `activity` adds `_active`: the time of the latest signal that gave points or keeps a step open."""
    plan = plan_of(agreement)
    asked = pl.DataFrame([points["person_id"], microseconds_of(points["at"]).alias("_at")])
    if asked.height == 1 and evidence.height > FEW:
        evidence = evidence.filter(pl.col("person_id") == pl.lit(asked["person_id"]).first())
    # The same verdicts, added up one by one where that is quicker.
    if are_few(asked, people, evidence):
        return points.hstack(by_hand(agreement, plan, asked, people, evidence, working=working, activity=activity))
    fit = _fit(plan, asked, people, working=working)
    found = fit.hstack(_intent(agreement, plan, asked, evidence, working=working, activity=activity).get_columns())
    order = ("fit", "intent", "next_step", "reason")
    return points.hstack(picked(found, *plan.outcome[:1], *order, *plan.outcome[1:], pl.exclude(*order, "_stop")).get_columns())


def verdict_of(agreement: Agreement, person: Mapping[str, Any], signals: Sequence[Mapping[str, Any]], at: datetime) -> dict[str, Any]:
    """The verdict on one made-up record, with its working: the way to try a rule.

    Args:
        person: fields of the contract by name; what is left out is unknown.
        signals: each `kind`, `occurred_at` (aware) and its own fields; numbered 0, 1, 2 … in the order given.
        at: the moment (aware).

    Returns:
        `outcome`, `fit` (points), `intent` (points, to a millionth), `next_step`, `reason`, `grade` where there are any, and what
        `explain.workings` says.
    """
    from handfast.readiness.explain import workings

    people = pl.DataFrame({"person_id": ["one"]}).hstack(as_frame([person], agreement.person_fields))
    base = {
        "signal": pl.Series(range(len(signals)), dtype=pl.Int64),
        "person_id": pl.Series(["one"] * len(signals), dtype=pl.String),
        "kind": pl.Series([signal["kind"] for signal in signals], dtype=pl.String),
        "occurred_at": pl.Series([utc(signal["occurred_at"]) for signal in signals], dtype=_MOMENT),
    }
    evidence = pl.DataFrame(base).hstack(as_frame(signals, agreement.signal_fields))
    points = pl.DataFrame({"person_id": ["one"], "at": pl.Series([utc(at)], dtype=_MOMENT)})
    judged = judge(agreement, points, people, evidence, working=True)
    graded = ("grade",) if "grade" in judged.columns else ()
    row = picked(judged, "outcome", "fit", pl.col("intent") / MILLIONTHS, "next_step", "reason", *graded).row(0, named=True)
    return {**row, **workings(agreement, judged)[0]}


# --- fit and never: who they are ----------------------------------------------------------------------------------


def _fit(plan: Plan, asked: pl.DataFrame, people: pl.DataFrame, *, working: bool) -> pl.DataFrame:
    """`fit` and `reason` of each point; with the working also what each rule said and the fields they name."""
    measures = (*plan.person, *plan.person_working) if working else plan.person

    def measure(frame: pl.DataFrame) -> pl.DataFrame:
        whole = shaped(frame, WHO, plan.person_fields)
        if plan.barriers:
            whole = added(whole, flags(plan.barriers, whole["email"]))
        return picked(whole, "person_id", *measures)

    return known_of(asked, people, measure)


def said_of(asked: pl.DataFrame, people: pl.DataFrame, fields: Mapping[str, FieldType], conditions: Sequence[Compiled]) -> pl.DataFrame:
    """What each condition says of each person asked about: columns named `0`, `1`, …; of a stranger every field is unknown."""
    types = {name: DTYPES[fields[name]] for condition in conditions for name in condition.names}
    answers = [condition.expr.alias(str(number)) for number, condition in enumerate(conditions)]
    return known_of(asked, people, lambda frame: picked(shaped(frame, WHO, types), "person_id", *answers))


def known_of(asked: pl.DataFrame, people: pl.DataFrame, measure: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """What `measure` finds of the people asked about, row by row, without their ids."""
    known = measure(people)
    # Whoever asks about a million people mostly has them in the same order; then there is nothing to look up.
    if not known["person_id"].equals(asked["person_id"], null_equal=False):
        known = _matched(known, asked, measure)
    return pl.DataFrame(known.get_columns()[1:])


def _matched(known: pl.DataFrame, asked: pl.DataFrame, measure: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """What is known of the people asked about, row by row. Of a stranger every field is unknown, which `country IS NULL` speaks about."""
    key = asked.schema["person_id"]
    people = known.with_columns(pl.col("person_id").cast(key), pl.lit(True).alias("_known"))
    found = asked.select("person_id").join(people, on="person_id", how="left", maintain_order="left")
    if found.height != asked.height:
        raise ValueError("people names a person twice")
    if found["_known"].null_count():
        stranger = measure(pl.DataFrame({"person_id": pl.Series([None], dtype=key)})).drop("person_id")
        missing = pl.col("_known").is_null()
        fill = [pl.when(missing).then(pl.lit(column).first()).otherwise(pl.col(column.name)).alias(column.name) for column in stranger]
        found = added(found, *fill)
    return found.drop("_known")


# --- intent and next step: what they did --------------------------------------------------------------------------


def _intent(
    agreement: Agreement, plan: Plan, asked: pl.DataFrame, evidence: pl.DataFrame, *, working: bool, activity: bool
) -> pl.DataFrame:
    """`intent` and `next_step` of each point; with the working also `_heard`: what each rule made of the signals."""
    who, points, alone = _numbered(asked)
    signals = shaped(evidence, KEYS, plan.signal_fields)
    if signals.schema["person_id"] != asked.schema["person_id"]:
        signals = signals.with_columns(pl.col("person_id").cast(asked.schema["person_id"]))
    rows = weigh(plan, signals, who, _span(asked["_at"], plan.lookback), agreement.contract.calendar.timezone, working=working)
    portions = paired(points, rows, plan.lookback, alone=alone)
    if not working:
        sums = [_summed(counted(plan, portion, activity=activity), activity=activity) for portion in portions]
        return _totals(agreement, asked.height, sums, activity=activity)
    shown = [explained(plan, portion, activity=activity) for portion in portions]
    pairs = shown[0] if len(shown) == 1 else pl.concat(shown)
    total = _totals(agreement, asked.height, [_summed(pairs, activity=activity)], activity=activity)
    return total.hstack([tally(asked.height, told_of(pairs))])


def _span(moments: pl.Series, lookback: int) -> tuple[int, int]:
    """The times a signal must lie between to count at any of the moments."""
    first, last = cast("int | None", moments.min()), cast("int | None", moments.max())
    return (first or 0) - lookback, last or 0


def _numbered(asked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, bool]:
    """Persons as numbers: `(person_id, _who)`; `(_row, _who, _at)`; and whether each person is asked about once, `_who` being the row."""
    rows = asked.with_row_index("_row")
    if asked.height < 2 or asked["person_id"].n_unique() == asked.height:
        place = rows["_row"].alias("_who")
        return pl.DataFrame([rows["person_id"], place]), pl.DataFrame([rows["_row"], place, rows["_at"]]), True
    who = asked.select("person_id").unique(maintain_order=True).with_row_index("_who")
    return who, rows.join(who, on="person_id", maintain_order="left").select("_row", "_who", "_at"), False


def _summed(pairs: pl.DataFrame, *, activity: bool) -> pl.DataFrame:
    latest = (pl.col("_active").max(),) if activity else ()
    return pairs.group_by("_row").agg(pl.col("_millionths").sum(), pl.col("_step").min(), *latest)


def _totals(agreement: Agreement, height: int, sums: Sequence[pl.DataFrame], *, activity: bool) -> pl.DataFrame:
    """`intent` and `next_step` of every row, from sums that may come in several parts; a row without evidence has 0 and none."""
    names = [step.step for step in agreement.contract.ready.next_step]
    total = sums[0] if len(sums) == 1 else _summed(pl.concat(sums), activity=activity)
    intent = pl.Series([0], dtype=pl.Int64).new_from_index(0, height).scatter(total["_row"], total["_millionths"])
    first = pl.Series([None], dtype=pl.UInt16).new_from_index(0, height).scatter(total["_row"], total["_step"])
    found = [intent.alias("intent"), pl.Series(names, dtype=pl.String).gather(first).alias("next_step")]
    if activity:
        active = pl.Series([None], dtype=pl.Int64).new_from_index(0, height).scatter(total["_row"], total["_active"])
        found.append(active.cast(_MOMENT).alias("_active"))
    return pl.DataFrame(found)
