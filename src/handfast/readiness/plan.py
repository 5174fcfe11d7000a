"""A contract's readiness as Polars expressions: what `judge` evaluates, whatever the batch.

Building the expressions costs as much as judging one person with them, so they are built once a contract and kept. A contract never changes
(its id is the hash of its content), so what is kept is never stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.conditions import Compiled
    from handfast.contract.terms import Cap, Duration

#: Points are summed as whole millionths, so that a sum does not depend on its order.
MILLIONTHS: Final = 1_000_000

_MINUTE: Final = 60_000_000
_PLANS_KEPT: Final = 64
_plans: dict[str, Plan] = {}


@dataclass(frozen=True, slots=True)
class Listener:
    """One intent rule or next step: what it listens to, and for how long a signal counts (`reach`, microseconds, its end excluded)."""

    on: str
    met: pl.Expr | None
    points: int
    step: int | None
    reach: int
    cap: Cap | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The expressions of one contract. Those of a person read `person_fields`, those of a signal `signal_fields`. Times: microseconds."""

    #: Over people: `fit`, `reason`; and for the working `_fit`, `_never` (what each rule said) and `_seen` (the fields they name).
    person_fields: tuple[str, ...]
    person: tuple[pl.Expr, ...]
    person_working: tuple[pl.Expr, ...]
    #: Over signals: `person_id`, `signal`, `_occurred`, and a Boolean a listener, named by its position.
    signal_fields: tuple[str, ...]
    signal: tuple[pl.Expr, ...]
    listeners: tuple[Listener, ...]
    lookback: int
    #: Over pairs of moment and signal: is it young enough; has it begun to count; what it adds (`_millionths`, `_step`).
    young: pl.Expr
    begun: pl.Expr
    adds: tuple[pl.Expr, pl.Expr]
    #: Over all of it: `outcome`.
    outcome: pl.Expr

    def heard(self, *, unknown: bool) -> pl.Expr:
        """Whether any listener hears the signal; with `unknown` also those that cannot tell."""
        return reduce(or_, (pl.col(str(number)).fill_null(unknown) for number in range(len(self.listeners))))


def microseconds(span: Duration) -> int:
    """The length of a span as elapsed time."""
    return span.minutes * _MINUTE


def plan_of(agreement: Agreement) -> Plan:
    """The plan of a contract, built on first use."""
    if (plan := _plans.get(agreement.id)) is None:
        if len(_plans) >= _PLANS_KEPT:
            _plans.clear()
        plan = _plans[agreement.id] = _build(agreement)
    return plan


def _build(agreement: Agreement) -> Plan:
    ready = agreement.contract.ready
    heard = _listeners(agreement)
    fields = _names((*agreement.fit, *agreement.never))
    reach = _of_rule([listener.reach for listener in heard], pl.Int64)
    return Plan(
        person_fields=fields,
        person=(_points(agreement), _reason(agreement)),
        person_working=(_said(agreement.fit, "_fit"), _said(agreement.never, "_never"), _seen(fields)),
        signal_fields=_names((*agreement.intent, *agreement.next_step)),
        signal=_asked(heard),
        listeners=heard,
        lookback=microseconds(ready.intent.lookback),
        young=pl.col("_at") - pl.col("_occurred") < reach,
        begun=pl.col("_from") <= pl.col("_at"),
        adds=_adds(heard, microseconds(ready.intent.half_life)),
        outcome=_outcome(ready.fit.at_least, ready.intent.at_least * MILLIONTHS),
    )


def _names(conditions: Iterable[Compiled | None]) -> tuple[str, ...]:
    return tuple(sorted({name for compiled in conditions if compiled for name in compiled.names}))


# --- who they are -------------------------------------------------------------------------------------------------


def _points(agreement: Agreement) -> pl.Expr:
    """The points of the fit rules that are met. Unknown is not met."""
    rules = zip(agreement.fit, agreement.contract.ready.fit.points, strict=True)
    gained = [pl.when(compiled.expr).then(rule.points).otherwise(0).cast(pl.Int32) for compiled, rule in rules]
    return pl.sum_horizontal(pl.lit(0, dtype=pl.Int32), *gained).alias("fit")


def _reason(agreement: Agreement) -> pl.Expr:
    """The reason of the first never-rule that is true, or null."""
    rules = zip(agreement.never, agreement.contract.ready.fit.never, strict=True)
    reasons = [pl.when(compiled.expr).then(pl.lit(rule.reason)) for compiled, rule in rules]
    return pl.coalesce(*reasons, pl.lit(None, dtype=pl.String)).alias("reason")


def _said(rules: Sequence[Compiled], name: str) -> pl.Expr:
    """What each rule said, in order: true, false, or null for unknown."""
    if not rules:
        return pl.lit(None, dtype=pl.List(pl.Boolean)).alias(name)
    return pl.concat_list([rule.expr for rule in rules]).alias(name)


def _seen(names: Sequence[str]) -> pl.Expr:
    values = pl.struct(*names) if names else pl.lit(None, dtype=pl.Struct({"nothing": pl.Boolean}))
    return values.alias("_seen")


# --- what they did ------------------------------------------------------------------------------------------------


def _listeners(agreement: Agreement) -> tuple[Listener, ...]:
    """The intent rules in contract order, then the next steps in contract order. A row's `_rule` is the position in this tuple."""
    ready = agreement.contract.ready
    lookback = microseconds(ready.intent.lookback)
    intent = (
        Listener(rule.on, compiled.expr if compiled else None, rule.points, None, lookback, rule.at_most)
        for rule, compiled in zip(ready.intent.points, agreement.intent, strict=True)
    )
    # "Not older than `within`" includes the last microsecond; the lookback does not include its border.
    steps = (
        Listener(rule.on, compiled.expr if compiled else None, 0, number, min(microseconds(rule.within) + 1, lookback), None)
        for number, (rule, compiled) in enumerate(zip(ready.next_step, agreement.next_step, strict=True))
    )
    return (*intent, *steps)


def _asked(heard: Sequence[Listener]) -> tuple[pl.Expr, ...]:
    """Every signal asked by every listener. One of another kind is not heard whatever its fields say: false beats unknown."""
    occurred = pl.col("occurred_at").dt.cast_time_unit("us").to_physical().alias("_occurred")
    kinds = [pl.col("kind").eq_missing(pl.lit(listener.on)) for listener in heard]
    met = [kind if listener.met is None else kind & listener.met for kind, listener in zip(kinds, heard, strict=True)]
    return (pl.col("person_id"), pl.col("signal").cast(pl.Int64), occurred, *(said.alias(str(number)) for number, said in enumerate(met)))


def _adds(heard: Sequence[Listener], half_life: int) -> tuple[pl.Expr, pl.Expr]:
    """points x 0.5 ^ (age / half-life), rounded per signal and rule, halves to even; and the next step the signal keeps open."""
    age = pl.col("_at") - pl.col("_occurred")
    points = _of_rule([listener.points * MILLIONTHS for listener in heard], pl.Float64)
    worth = (points * pl.lit(0.5).pow(age / max(half_life, 1))).round(mode="half_to_even").cast(pl.Int64)
    return worth.alias("_millionths"), _of_rule([listener.step for listener in heard], pl.UInt16).alias("_step")


def _of_rule(values: Sequence[int | None], dtype: type[pl.DataType]) -> pl.Expr:
    """The constant of each row's rule, looked up by its position."""
    return pl.lit(pl.Series(values, dtype=dtype)).gather(pl.col("_rule"))


def _outcome(fit: int, intent: int) -> pl.Expr:
    ready = (pl.col("fit") >= fit) & (pl.col("intent") >= intent) & pl.col("next_step").is_not_null()
    chosen = pl.when(pl.col("reason").is_not_null()).then(pl.lit("never")).when(ready).then(pl.lit("ready")).otherwise(pl.lit("not_yet"))
    return chosen.alias("outcome")
