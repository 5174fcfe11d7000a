"""Replay: recorded signals under any contract, judged at each signal's own time by the function that judges live.

Two things make a replay worth more than a rerun of today's data. A verdict reads **what was known then**: the fields of person and account
as they had been learned by that moment, the signals that had been received by it, the keys that had been linked. And it is given by
`readiness.judge`, which the live path calls too, so that the same contract on the same stream gives the same verdicts.

What was known when is told by `replay_known`; accounts as a whole (`ready.account`) are judged by `replay_groups`.

Nobody is ready without an open next step, so only the moments at which one may be open are judged; `every=True` judges all.
Frames come in buckets (see `History`), so memory is bounded by the largest bucket and a person is always whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from handfast.contract.agreement import BY_HAND, Agreement
from handfast.readiness.overrides import Override
from handfast.readiness.verdict import judge
from handfast.tuning.replay_by_hand import concerned, given
from handfast.tuning.replay_known import MOMENT, Fold, History, Known, Lens, Spells, asks, evidence_of, with_asked_at

#: Persons and milliseconds share an integer: 40 bits are 34 years, of which half may be used, so that no span reaches the next person.
_TIME_BITS: Final = 2**40
_LONGEST: Final = 2**39


def judged(
    history: History, lenses: Sequence[Lens], *, overrides: Sequence[Override] = (), folds: Sequence[Fold] = (), every: bool = False
) -> list[pl.DataFrame]:
    """The verdicts of each lens on the people of a bucket, in the order in which their signals were received.

    Args:
        overrides: verdicts given by hand, of whomever; each holds in its own period, whatever the contract.
        folds: who of them was folded into whom, and when: theirs hold for the one who was kept for as long as that stands.
        every: judge every moment, not only those at which a next step may be open.

    Returns:
        For each lens `signal`, `person_id`, `account_id`, `at`, `received_at`, `source`, `fields` (JSON of person over account, as known
        then), `outcome`, `fit` (points), `intent` (millionths), `next_step`, `reason`, `asked_at`: when the next step that is open was
        asked for last (null where none is), and `by_hand`: since when an override says so (then the next step of one who is ready may be
        `BY_HAND`).
    """
    known = Known(history, overrides, folds)
    asked = [_moments(known, lens, every=every) for lens in lenses]
    wanted = pl.concat([a.select("_row") for a in asked]).unique() if asked else pl.DataFrame({"_row": []}, schema={"_row": pl.UInt32})
    if wanted.is_empty():
        return [_nothing() for _ in lenses]
    spells = Spells(known, wanted, [lens.agreement for lens in lenses])
    return [_verdicts(known, spells, lens, moments) for lens, moments in zip(lenses, asked, strict=True)]


def _nothing() -> pl.DataFrame:
    texts = dict.fromkeys(("source", "fields", "outcome", "next_step", "reason"), pl.String)
    keys: dict[str, Any] = {"signal": pl.Int64, "person_id": pl.String, "account_id": pl.String, "at": MOMENT, "received_at": MOMENT}
    return pl.DataFrame(schema={**keys, **texts, "fit": pl.Int32, "intent": pl.Int64, "asked_at": MOMENT, "by_hand": MOMENT})


# --- which moments --------------------------------------------------------------------------------------------


def _moments(known: Known, lens: Lens, *, every: bool) -> pl.DataFrame:
    """The rows at which the contract of this lens is asked: `_row`."""
    taught = known.signals["signal"].is_in(known.taught().implode())
    timely = known.signals.select(_=pl.col("received_at").is_between(lens.since, lens.until, closed="left"))["_"]
    moments = (known.heard(sorted(lens.agreement.kinds)) | taught) & timely
    rows = known.rows.filter(moments.gather(known.rows["_i"]))
    if every or (wished := _wished(known, lens.agreement)) is None:
        return rows.select("_row")
    # Whoever was made ready by hand may have asked for nothing.
    named = pl.Series(concerned(known.overrides, known.folds), dtype=pl.String)
    by_hand = known.numbers.filter(pl.col("person_id").is_in(named.implode()))["_who"]
    said = rows.filter(pl.col("_who").is_in(by_hand.implode())).select("_row")
    return pl.concat([_while_wished(rows, wished), said]).unique()


@dataclass(frozen=True, slots=True)
class _Wished:
    """Until when a next step may be open: `_key` (person and time) and `_until`, a running maximum; both in milliseconds since `base`."""

    frame: pl.DataFrame
    base: int


def _wished(known: Known, agreement: Agreement) -> _Wished | None:
    """Late signals and exclusions are not looked at: a moment too many costs time, one too few would be wrong.

    None: the times are so far apart that they do not fit; then every moment is asked.
    """
    found = asks(known.signals, agreement)
    rows = known.rows.join(found, on="_i") if found.height else known.rows.clear().with_columns(_reach=pl.lit(0, dtype=pl.Int64))
    first, last = known.rows["_at"].min(), known.rows["_at"].max()
    base, end = (first, last) if isinstance(first, int) and isinstance(last, int) else (0, 0)
    if (end - base) // 1000 >= _LONGEST:
        return None
    person = pl.col("_who").cast(pl.Int64) * _TIME_BITS
    until = ((pl.col("_at") + pl.col("_reach") - base) // 1000 + 1).clip(upper_bound=_TIME_BITS - 1)
    keyed = rows.select(_key=person + (pl.col("_at") - base) // 1000, _until=person + until).sort("_key")
    return _Wished(keyed.with_columns(pl.col("_until").cum_max()), base)


def _while_wished(rows: pl.DataFrame, wished: _Wished) -> pl.DataFrame:
    key = pl.col("_who").cast(pl.Int64) * _TIME_BITS + (pl.col("_at") - wished.base) // 1000
    asked = rows.select("_row", _key=key).sort("_key").join_asof(wished.frame, on="_key")
    return asked.filter(pl.col("_until") >= pl.col("_key")).select("_row")


# --- judged ---------------------------------------------------------------------------------------------------


def _verdicts(known: Known, spells: Spells, lens: Lens, moments: pl.DataFrame) -> pl.DataFrame:
    """The verdicts of one lens, in the order in which their signals became known."""
    points = spells.points.join(moments, on="_row", how="semi").sort("_pos")
    if points.is_empty():
        return _nothing()
    people = spells.people_for(lens.agreement)
    evidence = evidence_of(known, spells, lens.agreement)
    asked = points.select("_i", "_who", "account_id", pl.col("_spell").alias("person_id"), at=pl.col("_at").cast(MOMENT))
    verdicts = _by_hand(judge(lens.agreement, asked, people, evidence, overrides=given(known, spells)))
    verdicts = with_asked_at(lens.agreement, verdicts, evidence)
    spell, signals = verdicts["person_id"], known.signals.select("signal", "received_at", "source")[verdicts["_i"]]
    who = known.names.gather(verdicts["_who"]).alias("person_id")
    texts = pl.Series("fields", [json.dumps(one) for one in spells.fields], dtype=pl.String).gather(spell)
    found = verdicts.drop("_i", "_who", "person_id").hstack([*signals.get_columns(), who, texts])
    return found.select(*_nothing().columns)


def _by_hand(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Adds `by_hand`, and the step of somebody who was made ready without having asked for one."""
    if "override" not in verdicts.columns:
        return verdicts.with_columns(by_hand=pl.lit(None, dtype=MOMENT))
    step = pl.when(pl.col("outcome") == "ready").then(pl.col("next_step").fill_null(BY_HAND)).otherwise(pl.col("next_step"))
    return verdicts.with_columns(step, by_hand=pl.col("override").struct.field("since"))
