"""A contract's readiness as Polars expressions: what `judge` evaluates, whatever the batch.

Building the expressions costs as much as judging one person with them, so they are built once a contract and kept. A contract never changes
(its id is the hash of its content), so what is kept is never stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from handfast.contract.frames import DTYPES
from handfast.readiness.exclude import CLICKED, Barrier, barriers

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.conditions import Compiled
    from handfast.contract.terms import Cap, Duration, Exclude, FieldType, Grades, IntentRule

#: Points are summed as whole millionths, so that a sum does not depend on its order.
MILLIONTHS: Final = 1_000_000

#: Later than any moment: what never begins to count.
NEVER: Final = 2**62

_MINUTE: Final = 60_000_000
_PLANS_KEPT: Final = 64
_plans: dict[str, Plan] = {}
#: A kind of signal and the text of a condition.
_Asked: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listener:
    """One intent rule or next step: what it listens to, and for how long a signal counts (`reach`, microseconds, its end excluded).

    `run`: only from the n-th within so many microseconds on. `delay`: a click counts only once it is sure that no scanner sent it.
    `asks`: the name of its condition in `Plan.questions`, or None where it hears every signal of its kind.
    """

    on: str
    met: pl.Expr | None
    asks: str | None
    points: int
    step: int | None
    reach: int
    cap: Cap | None
    run: tuple[int, int] | None = None
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A condition on signals of one kind: what it says, in a column of its own, and the fields it reads."""

    name: str
    said: pl.Expr
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """The expressions of one contract. Those of a person read `person_fields`, those of a signal `signal_fields`. Times: microseconds."""

    #: The fields its conditions name; those and, with `barriers`, the address, by type.
    seen: tuple[str, ...]
    person_fields: Mapping[str, pl.DataType]
    #: Over people: `fit`, `reason` and, where an exclusion may say no more than not yet, `_stop`; and for the working `_fit`, `_never`,
    #: `_excluded` (what each rule said) and `_seen` (the fields they name). With `barriers` they read `_flags` too.
    barriers: tuple[Barrier, ...]
    person: tuple[pl.Expr, ...]
    person_working: tuple[pl.Expr, ...]
    #: Over signals: `person_id`, `signal`, `_occurred`, and a Boolean a listener, named by its position.
    signal_fields: Mapping[str, pl.DataType]
    signal: tuple[pl.Expr, ...]
    listeners: tuple[Listener, ...]
    #: For few, where what follows from the conditions is reckoned by hand: what each rule of fit and each never-rule says of a person; the
    #: different conditions of the listeners, by name; each kind's listeners, by position and question; how many of a kind no cap minds;
    #: the local day of a signal.
    says: tuple[pl.Expr, ...]
    questions: Mapping[str, Question]
    hear: Mapping[str | None, tuple[tuple[int, str | None], ...]]
    free: Mapping[str, int]
    day: pl.Expr
    exclude: Exclude | None
    #: Whether any rule asks how often; then rows have `_anchor`, the first signal of the run they complete.
    runs: bool
    lookback: int
    half_life: int
    #: Over pairs of moment and signal: is it young enough (`recent`: and its run with it); has it begun to count; what it adds
    #: (`_millionths`, `_step`).
    young: pl.Expr
    recent: pl.Expr
    begun: pl.Expr
    adds: tuple[pl.Expr, pl.Expr]
    #: The same for the working: `_counts`, `_near`, `_short`, `_fresh` and what it adds where it counts; then `_active`.
    explains: tuple[pl.Expr, ...]
    gives: pl.Expr
    #: Over all of it: `outcome`, and `grade` where the contract has grades.
    outcome: tuple[pl.Expr, ...]

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
    ready, half_life = agreement.contract.ready, max(microseconds(agreement.contract.ready.intent.half_life), 1)
    told = _different(agreement)
    heard, barred = _listeners(agreement, told), barriers(ready.exclude)
    stops = _never(agreement, barred)
    asked = _names((*agreement.fit, *agreement.never))
    reach, runs = _of_rule([listener.reach for listener in heard], pl.Int64), any(listener.run for listener in heard)
    working = (_said(agreement.fit, "_fit"), _said(agreement.never, "_never"), _seen(asked))
    excludes = ready.exclude.asks_agents or ready.exclude.scanners is not None
    adding = adds(heard, half_life)
    young = pl.col("_at") - pl.col("_occurred") < reach
    recent = pl.col("_at") - pl.col("_anchor") < reach if runs else young
    return Plan(
        seen=asked,
        person_fields=_typed(agreement.person_fields, sorted({*asked, "email"}) if barred else asked),
        barriers=barred,
        person=(_points(agreement), _reason(agreement, barred), *stops),
        person_working=(*working, _excluded(barred)) if barred else working,
        signal_fields=_typed(agreement.signal_fields, agreement.signal_fields),
        signal=_asked(heard),
        listeners=heard,
        says=tuple(condition.expr.alias(str(number)) for number, condition in enumerate((*agreement.fit, *agreement.never))),
        questions={question.name: question for question in told.values()},
        hear=_by_kind(heard),
        free=_free(heard),
        day=local_day(pl.col("occurred_at"), agreement.contract.calendar.timezone),
        exclude=ready.exclude if excludes else None,
        runs=runs,
        lookback=microseconds(ready.intent.lookback),
        half_life=half_life,
        young=young,
        recent=recent,
        begun=pl.col("_from") <= pl.col("_at"),
        adds=adding,
        explains=_explained(heard, young, recent, adding),
        gives=pl.when((pl.col("_millionths") > 0) | pl.col("_step").is_not_null()).then("_occurred").alias("_active"),
        outcome=(_outcome(ready.fit.at_least, ready.intent.at_least * MILLIONTHS, softly=bool(stops)), *_grade(ready.grades)),
    )


def _typed(fields: Mapping[str, FieldType], names: Iterable[str]) -> Mapping[str, pl.DataType]:
    return {name: DTYPES[fields[name]] for name in names}


def _names(conditions: Iterable[Compiled | None]) -> tuple[str, ...]:
    return tuple(sorted({name for compiled in conditions if compiled for name in compiled.names}))


# --- who they are -------------------------------------------------------------------------------------------------


def _points(agreement: Agreement) -> pl.Expr:
    """The points of the fit rules that are met. Unknown is not met."""
    rules = zip(agreement.fit, agreement.contract.ready.fit.points, strict=True)
    gained = [pl.when(compiled.expr).then(rule.points).otherwise(0).cast(pl.Int32) for compiled, rule in rules]
    return pl.sum_horizontal(pl.lit(0, dtype=pl.Int32), *gained).alias("fit")


def _reason(agreement: Agreement, barred: Sequence[Barrier]) -> pl.Expr:
    """The reason of the first never-rule that is true, else of the first exclusion that holds, or null."""
    rules = zip(agreement.never, agreement.contract.ready.fit.never, strict=True)
    reasons = [pl.when(compiled.expr).then(pl.lit(rule.reason)) for compiled, rule in rules]
    reasons += [pl.when(_holds(number)).then(pl.lit(barrier.reason)) for number, barrier in enumerate(barred)]
    return pl.coalesce(*reasons, pl.lit(None, dtype=pl.String)).alias("reason")


def _holds(number: int) -> pl.Expr:
    return (pl.col("_flags") & pl.lit(1 << number, dtype=pl.UInt8)) != 0


def _never(agreement: Agreement, barred: Sequence[Barrier]) -> tuple[pl.Expr, ...]:
    """`_stop`: whether the reason says never. Only where the contract has an exclusion that says no more than not yet."""
    if all(barrier.verdict == "never" for barrier in barred):
        return ()
    rules = [compiled.expr.fill_null(False) for compiled in agreement.never]
    rules += [_holds(number).fill_null(False) for number, barrier in enumerate(barred) if barrier.verdict == "never"]
    return (pl.any_horizontal(pl.lit(False), *rules).alias("_stop"),)


def _excluded(barred: Sequence[Barrier]) -> pl.Expr:
    return pl.concat_list([_holds(number) for number in range(len(barred))]).alias("_excluded")


def _said(rules: Sequence[Compiled], name: str) -> pl.Expr:
    """What each rule said, in order: true, false, or null for unknown."""
    if not rules:
        return pl.lit(None, dtype=pl.List(pl.Boolean)).alias(name)
    return pl.concat_list([rule.expr for rule in rules]).alias(name)


def _seen(names: Sequence[str]) -> pl.Expr:
    values = pl.struct(*names) if names else pl.lit(None, dtype=pl.Struct({"nothing": pl.Boolean}))
    return values.alias("_seen")


# --- what they did ------------------------------------------------------------------------------------------------


def _different(agreement: Agreement) -> dict[_Asked, Question]:
    """The conditions that tell signals of a kind apart: several rules may ask the same, and then it is asked once."""
    ready = agreement.contract.ready
    kinds = [*(rule.on for rule in ready.intent.points), *(rule.on for rule in ready.next_step)]
    rules = zip(kinds, (*agreement.intent, *agreement.next_step), strict=True)
    asked = {(kind, compiled.text): compiled for kind, compiled in rules if compiled is not None}
    return {key: Question(str(n), compiled.expr.alias(str(n)), compiled.names) for n, (key, compiled) in enumerate(asked.items())}


def _by_kind(heard: Sequence[Listener]) -> Mapping[str | None, tuple[tuple[int, str | None], ...]]:
    kinds = dict.fromkeys(one.on for one in heard)
    return {kind: tuple((n, one.asks) for n, one in enumerate(heard) if one.on == kind) for kind in kinds}


def _free(heard: Sequence[Listener]) -> Mapping[str, int]:
    capped = [(one.on, one.cap.times) for one in heard if one.cap is not None]
    return {kind: min(times for on, times in capped if on == kind) for kind, _ in capped}


def _listeners(agreement: Agreement, asked: Mapping[_Asked, Question]) -> tuple[Listener, ...]:
    """The intent rules in contract order, then the next steps in contract order. A row's `_rule` is the position in this tuple."""
    ready = agreement.contract.ready
    lookback = microseconds(ready.intent.lookback)
    delay = _delay(ready.exclude)
    intent = (
        Listener(
            rule.on,
            compiled.expr if compiled else None,
            asked[rule.on, compiled.text].name if compiled else None,
            rule.points,
            None,
            _reach(rule, lookback),
            rule.at_most,
            _run(rule),
            delay(rule.on),
        )
        for rule, compiled in zip(ready.intent.points, agreement.intent, strict=True)
    )
    # "Not older than `within`" includes the last microsecond; the lookback does not include its border.
    steps = (
        Listener(
            rule.on,
            compiled.expr if compiled else None,
            asked[rule.on, compiled.text].name if compiled else None,
            0,
            number,
            min(microseconds(rule.within) + 1, lookback),
            None,
            None,
            delay(rule.on),
        )
        for number, (rule, compiled) in enumerate(zip(ready.next_step, agreement.next_step, strict=True))
    )
    return (*intent, *steps)


def _reach(rule: IntentRule, lookback: int) -> int:
    return lookback if rule.within is None else min(microseconds(rule.within) + 1, lookback)


def _run(rule: IntentRule) -> tuple[int, int] | None:
    return None if rule.times is None else (rule.times.times, microseconds(rule.times.within))


def _delay(exclude: Exclude) -> Callable[[str], int]:
    """How long after it a signal of a kind begins to count, in microseconds."""
    seconds = exclude.scanners.seconds if exclude.scanners else 0
    return lambda kind: seconds * 1_000_000 if kind == CLICKED else 0


def _asked(heard: Sequence[Listener]) -> tuple[pl.Expr, ...]:
    """Every signal asked by every listener. One of another kind is not heard whatever its fields say: false beats unknown."""
    occurred = pl.col("occurred_at").dt.cast_time_unit("us").to_physical().alias("_occurred")
    kinds = [pl.col("kind").eq_missing(pl.lit(listener.on)) for listener in heard]
    met = [kind if listener.met is None else kind & listener.met for kind, listener in zip(kinds, heard, strict=True)]
    return (pl.col("person_id"), pl.col("signal").cast(pl.Int64), occurred, *(said.alias(str(number)) for number, said in enumerate(met)))


def local_day(moment: pl.Expr, zone: str) -> pl.Expr:
    """The days since 1970 of a moment (UTC), on the clocks of the zone."""
    return moment.dt.convert_time_zone(zone).dt.date().cast(pl.Int32)


def adds(heard: Sequence[Listener], half_life: int) -> tuple[pl.Expr, pl.Expr]:
    """points x 0.5 ^ (age / half-life), rounded per signal and rule, halves to even; and the next step the signal keeps open."""
    # A signal still to come counts for nothing, but its worth is reckoned before that is known, and would grow beyond any number.
    age = (pl.col("_at") - pl.col("_occurred")).clip(lower_bound=0)
    points = _of_rule([listener.points * MILLIONTHS for listener in heard], pl.Float64)
    worth = (points * pl.lit(0.5).pow(age / half_life)).round(mode="half_to_even").cast(pl.Int64)
    return worth.alias("_millionths"), _of_rule([listener.step for listener in heard], pl.UInt16).alias("_step")


def _explained(heard: Sequence[Listener], young: pl.Expr, recent: pl.Expr, adds: Sequence[pl.Expr]) -> tuple[pl.Expr, ...]:
    """What the working says of each signal: see `evidence.explained`."""
    known = pl.col("_known")
    counts = known & (pl.col("_from") <= pl.col("_at")) & recent
    short = known & ((pl.col("_from") == NEVER) | ~recent) if any(listener.run for listener in heard) else pl.lit(False)
    delays = _of_rule([listener.delay for listener in heard], pl.Int64)
    fresh = known & (pl.col("_occurred") + delays > pl.col("_at")) if any(listener.delay for listener in heard) else pl.lit(False)
    near = (pl.col("_occurred") <= pl.col("_at")) & young
    said = (counts.alias("_counts"), near.alias("_near"), short.alias("_short"), fresh.alias("_fresh"))
    return (*said, *(pl.when(counts).then(added) for added in adds))


def _of_rule(values: Sequence[int | None], dtype: type[pl.DataType]) -> pl.Expr:
    """The constant of each row's rule, looked up by its position."""
    return pl.lit(pl.Series(values, dtype=dtype)).gather(pl.col("_rule"))


def _outcome(fit: int, intent: int, *, softly: bool) -> pl.Expr:
    ready = (pl.col("fit") >= fit) & (pl.col("intent") >= intent) & pl.col("next_step").is_not_null()
    never = pl.col("_stop") if softly else pl.col("reason").is_not_null()
    if softly:
        ready = ready & pl.col("reason").is_null()
    return pl.when(never).then(pl.lit("never")).when(ready).then(pl.lit("ready")).otherwise(pl.lit("not_yet")).alias("outcome")


def _grade(grades: Grades | None) -> tuple[pl.Expr, ...]:
    """Letter and digit, each the first whose bar is reached; null below the lowest of either."""
    if grades is None:
        return ()
    letters = [pl.when(pl.col("fit") >= bar).then(pl.lit(letter)) for letter, bar in grades.fit.items()]
    digits = [pl.when(pl.col("intent") >= bar * MILLIONTHS).then(pl.lit(digit)) for digit, bar in grades.intent.items()]
    return ((pl.coalesce(*letters) + pl.coalesce(*digits)).alias("grade"),)
