"""The working of a verdict: every criterion with what was seen, its bar, its points, its state and one plain sentence; and what is missing.

Everything said here is read off the columns that `judge(…, working=True)` left; nothing is decided a second time.
The fit points add up to `fit` and the intent millionths to `intent`, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from handfast.readiness.plan import MILLIONTHS, microseconds

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.conditions import Compiled
    from handfast.contract.terms import IntentRule, NextStep

_STATES: Final = {True: "met", False: "not_met", None: "unknown"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Sets of unknown fields are tried up to this size; beyond it all of them are named together.
_FIELDS_TRIED: Final = 3
_COLUMNS: Final = ("outcome", "fit", "intent", "next_step", "reason", "_fit", "_never", "_seen", "_heard")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is the same for every row: the beginning of the criterion, the words of its sentence, and the fields it reads."""

    start: Mapping[str, Any]
    title: str
    names: tuple[str, ...] = ()
    points: int = 0
    #: The whole criterion where no signal was heard.
    silent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Words:
    """An agreement, laid out for telling."""

    fit: tuple[_Rule, ...]
    never: tuple[_Rule, ...]
    intent: tuple[_Rule, ...]
    steps: tuple[_Rule, ...]
    intent_terms: tuple[IntentRule, ...]
    open_for: tuple[timedelta, ...]
    step_names: tuple[str, ...]
    fit_bar: int
    intent_bar: int


@dataclass(frozen=True, slots=True)
class _Case:
    """One row of what `judge` found."""

    outcome: str
    fit: int
    intent: int
    next_step: str | None
    reason: str | None
    fit_said: Sequence[bool | None]
    never_said: Sequence[bool | None]
    seen: Mapping[str, Any]
    heard: Mapping[int, Mapping[str, Any]]


def workings(agreement: Agreement, judged: pl.DataFrame) -> list[dict[str, Any]]:
    """The working of each row of `judge(…, working=True)`, ready to be written as JSON.

    Each has:
        `criteria`: in the order of the contract, fit, never, intent, next steps. Each criterion has `part`, `rule` (its number there,
            from 0), `because`, `when`, `seen`, `bar`, `points`, `state` (met, not_met, unknown) and `sentence`.
            Fit and never: `seen` are the fields the condition names. Intent and next steps: `seen` counts `signals`, `capped` (above the
            cap) and `unknown` (a field they need is not known). `bar` is what the rule gives when met: points, or for a next step how long
            it stays open. Intent also has `millionths`, exact; a next step that is met has `signal` (the latest) and `until`.
        `totals` and `bars`: fit, intent and next step, beside what they must be. `totals.intent` is rounded to a millionth of a point.
        `inputs`: the numbers of the signals that counted, ascending. On these alone the verdict is the same.
        `missing`: what a verdict that is not ready lacks, each in a few words.
        `sentence`: the verdict in one sentence.
    """
    words = _words_of(agreement)
    return [_working(words, _case(row)) for row in judged.select(_COLUMNS).iter_rows()]


def _case(row: tuple[Any, ...]) -> _Case:
    outcome, fit, intent, next_step, reason, fit_said, never_said, seen, heard = row
    by_rule = {said["_rule"]: said for said in heard or ()}
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in (seen or {}).items()}
    return _Case(outcome, fit, intent, next_step, reason, fit_said or (), never_said or (), values, by_rule)


def _working(words: _Words, case: _Case) -> dict[str, Any]:
    heard, first_step = case.heard, len(words.intent)
    fits = [_fit(rule, said, case.seen) for rule, said in zip(words.fit, case.fit_said, strict=True)]
    nevers = [_never(rule, said, case.seen) for rule, said in zip(words.never, case.never_said, strict=True)]
    intents = [_intent(rule, words.intent_terms[number], heard.get(number)) for number, rule in enumerate(words.intent)]
    steps = [_step(rule, words.open_for[number], heard.get(first_step + number)) for number, rule in enumerate(words.steps)]
    chosen = next((step for step in steps if step["state"] == "met"), None)
    return {
        "criteria": fits + nevers + intents + steps,
        "totals": {
            "fit": case.fit,
            "intent": case.intent / MILLIONTHS,
            "intent_millionths": case.intent,
            "next_step": case.next_step,
            "next_step_signal": chosen["signal"] if chosen else None,
            "next_step_until": chosen["until"] if chosen else None,
        },
        "bars": {"fit": words.fit_bar, "intent": words.intent_bar, "next_step": list(words.step_names)},
        "inputs": _inputs(words, case, chosen),
        "missing": _missing(words, case),
        "sentence": _sentence(words, case),
    }


def _inputs(words: _Words, case: _Case, chosen: Mapping[str, Any] | None) -> list[int]:
    """The signals that gave points, and the one that keeps the next step open."""
    numbers = {signal for number, said in case.heard.items() if number < len(words.intent) for signal in said["signals"]}
    return sorted(numbers | {chosen["signal"]} if chosen else numbers)


# --- criteria -----------------------------------------------------------------------------------------------------


def _fit(rule: _Rule, said: bool | None, seen: Mapping[str, Any]) -> dict[str, Any]:
    points = rule.points if said else 0
    if said:
        sentence = f"{rule.title}: {points:+d}{_since(rule, seen)}."
    elif said is None:
        sentence = f"{rule.title}: unknown, since {_unknown(rule, seen)} not known; it would give {rule.points:+d}."
    else:
        sentence = f"{rule.title}: 0 of {rule.points}{_since(rule, seen)}."
    return {**rule.start, "seen": _values(rule, seen), "points": points, "state": _STATES[said], "sentence": sentence}


def _never(rule: _Rule, said: bool | None, seen: Mapping[str, Any]) -> dict[str, Any]:
    if said:
        sentence = f"Never, for {rule.title}{_since(rule, seen)}."
    elif said is None:
        sentence = f"Not excluded for {rule.title}, but {_unknown(rule, seen)} not known."
    else:
        sentence = f"Not excluded for {rule.title}{_since(rule, seen)}."
    return {**rule.start, "seen": _values(rule, seen), "points": 0, "state": _STATES[said], "sentence": sentence}


def _intent(rule: _Rule, term: IntentRule, said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return {**rule.silent}
    many, capped, unknown, millionths = len(said["signals"]), said["capped"], said["unknown"], said["millionths"]
    sentence = f"{rule.title}: {_points(millionths, sign='+')} from {_count(many, 'signal')}" if many else f"{rule.title}: nothing counts"
    if capped:
        sentence += f"; {capped} above {term.at_most} not counted"
    if unknown:
        sentence += f"; {unknown} of unknown meaning not counted"
    return {
        **rule.start,
        "seen": {"signals": many, "capped": capped, "unknown": unknown},
        "points": millionths / MILLIONTHS,
        "millionths": millionths,
        "state": "met" if many else "unknown" if unknown else "not_met",
        "sentence": sentence + ".",
    }


def _step(rule: _Rule, open_for: timedelta, said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return {**rule.silent}
    many, unknown = len(said["signals"]), said["unknown"]
    found = {**rule.silent, "seen": {"signals": many, "capped": 0, "unknown": unknown}}
    if not many:
        verb = "does" if unknown == 1 else "do"
        sentence = f"{rule.title}: unknown, since {_count(unknown, 'signal')} {verb} not say what the condition asks."
        return {**found, "state": "unknown", "sentence": sentence}
    at = _EPOCH + timedelta(microseconds=said["latest"])
    sentence = f"{rule.title}: asked on {_moment(at)}, open until {_moment(at + open_for)}."
    until = (at + open_for).isoformat()
    return {**found, "signal": said["signals"][-1], "until": until, "state": "met", "sentence": sentence}


# --- what is missing ----------------------------------------------------------------------------------------------


def _missing(words: _Words, case: _Case) -> list[str]:
    """What stands between this verdict and ready, computed from the bars. A never-rule cannot be made good."""
    if case.outcome == "ready":
        return []
    if case.reason is not None:
        return [f"never: {case.reason}"]
    found = [] if (gap := words.fit_bar - case.fit) <= 0 else [_fit_gap(words, case, gap)]
    if (short := words.intent_bar * MILLIONTHS - case.intent) > 0:
        # Rounded up to a tenth: what is asked for is enough.
        found.append(f"+{math.ceil(short * 10 / MILLIONTHS) / 10:g} intent")
    if case.next_step is None:
        found.append(f"no open next step: {' or '.join(words.step_names)}")
    return found


def _fit_gap(words: _Words, case: _Case, gap: int) -> str:
    """How far fit is from its bar, the fewest unknown fields that could close the gap, and single rules that would."""
    start = f"fit {case.fit} of {words.fit_bar}"
    unknown = [rule for rule, said in zip(words.fit, case.fit_said, strict=True) if said is None and rule.points > 0]
    closing = _closing(unknown, case.seen, gap)
    ways = [f"{_list(closing)} unknown"] if closing else []
    rules = zip(words.fit, case.fit_said, strict=True)
    ways += [rule.title for rule, said in rules if said is False and rule.points >= gap][:_FIELDS_TRIED]
    if ways:
        return f"{start}: {' or '.join(ways)}"
    most = sum(rule.points for rule in unknown)
    return f"{start}: +{gap} fit" + (f", and what is unknown gives {most} at most" if most else "")


def _closing(unknown: Sequence[_Rule], seen: Mapping[str, Any], gap: int) -> tuple[str, ...]:
    """The fewest fields whose being known could give `gap` points, or none. At equal size the first in the order of the rules."""
    needs = [(tuple(name for name in rule.names if seen.get(name) is None), rule.points) for rule in unknown]
    fields = tuple(dict.fromkeys(name for names, _ in needs for name in names))
    if sum(points for _, points in needs) < gap:
        return ()
    for size in range(1, min(_FIELDS_TRIED, len(fields)) + 1):
        for chosen in combinations(fields, size):
            if sum(points for names, points in needs if set(names) <= set(chosen)) >= gap:
                return chosen
    return fields


# --- words --------------------------------------------------------------------------------------------------------


def _sentence(words: _Words, case: _Case) -> str:
    if case.reason is not None:
        return f"Never: {case.reason}."
    head = "Ready" if case.outcome == "ready" else "Not yet"
    step = f"next step {case.next_step}" if case.next_step else "no open next step"
    return f"{head}: fit {case.fit} of {words.fit_bar}, intent {_points(case.intent)} of {words.intent_bar}, {step}."


def _points(millionths: int, sign: str = "") -> str:
    """Points with two decimals at most, rounded towards zero, so that what is shown never reaches a bar that was missed."""
    shown = f"{abs(millionths) // 10_000 / 100:.2f}".rstrip("0").rstrip(".")
    return ("-" if millionths < 0 else sign) + shown


def _count(many: int, word: str) -> str:
    return f"{many} {word}" if many == 1 else f"{many} {word}s"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _values(rule: _Rule, seen: Mapping[str, Any]) -> dict[str, Any]:
    return {name: seen[name] for name in rule.names}


def _since(rule: _Rule, seen: Mapping[str, Any]) -> str:
    """The values that decided, as the end of a sentence."""
    said = [f"{name} is not known" if (value := seen[name]) is None else f"{name} is {value}" for name in rule.names]
    return f", since {_list(said)}" if said else ""


def _unknown(rule: _Rule, seen: Mapping[str, Any]) -> str:
    names = [name for name in rule.names if seen[name] is None]
    # A condition can also be unknown of itself, such as a division by zero.
    return f"{_list(names)} {'is' if len(names) == 1 else 'are'}" if names else "the answer is"


# --- the agreement, laid out --------------------------------------------------------------------------------------

_UNHEARD: Final[Mapping[str, int]] = {"signals": 0, "capped": 0, "unknown": 0}
_WORDS_KEPT: Final = 64
_kept: dict[str, _Words] = {}


def _words_of(agreement: Agreement) -> _Words:
    """Laid out once a contract and kept, as `plan_of` does."""
    if (words := _kept.get(agreement.id)) is None:
        if len(_kept) >= _WORDS_KEPT:
            _kept.clear()
        words = _kept[agreement.id] = _words(agreement)
    return words


def _words(agreement: Agreement) -> _Words:
    ready = agreement.contract.ready
    lookback = microseconds(ready.intent.lookback)
    fit, never = zip(ready.fit.points, agreement.fit, strict=True), zip(ready.fit.never, agreement.never, strict=True)
    return _Words(
        fit=tuple(
            _Rule(_start("fit", number, rule.because, rule.when, rule.points), rule.because or rule.when, _names(condition), rule.points)
            for number, (rule, condition) in enumerate(fit)
        ),
        never=tuple(
            _Rule(_start("never", number, rule.reason, rule.when, None), rule.reason, _names(condition))
            for number, (rule, condition) in enumerate(never)
        ),
        intent=tuple(_intent_rule(number, rule, str(ready.intent.lookback)) for number, rule in enumerate(ready.intent.points)),
        steps=tuple(_step_rule(number, rule) for number, rule in enumerate(ready.next_step)),
        intent_terms=ready.intent.points,
        open_for=tuple(timedelta(microseconds=min(microseconds(rule.within), lookback)) for rule in ready.next_step),
        step_names=tuple(dict.fromkeys(rule.step for rule in ready.next_step)),
        fit_bar=ready.fit.at_least,
        intent_bar=ready.intent.at_least,
    )


def _names(condition: Compiled) -> tuple[str, ...]:
    return tuple(sorted(condition.names))


def _start(part: str, number: int, because: str, when: str | None, bar: int | str | None) -> dict[str, Any]:
    return {"part": part, "rule": number, "because": because, "when": when, "bar": bar}


def _intent_rule(number: int, rule: IntentRule, lookback: str) -> _Rule:
    start = _start("intent", number, rule.because, rule.when, rule.points)
    title = rule.because or (f"{rule.on} with {rule.when}" if rule.when else rule.on)
    sentence = f"{title}: no such {rule.on} within {lookback}."
    rest = {"seen": _UNHEARD, "points": 0.0, "millionths": 0, "state": "not_met", "sentence": sentence}
    return _Rule(start, title, silent={**start, **rest})


def _step_rule(number: int, rule: NextStep) -> _Rule:
    start = _start("next_step", number, rule.step, rule.when, str(rule.within))
    sentence = f"{rule.step}: no such {rule.on} within {rule.within}."
    rest = {"seen": _UNHEARD, "points": 0, "signal": None, "until": None, "state": "not_met", "sentence": sentence}
    return _Rule(start, rule.step, silent={**start, **rest})
