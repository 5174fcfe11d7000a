"""The working of a verdict: every criterion with what was seen, its bar, its points, its state and one plain sentence; and what is missing.

Everything said here is read off the columns that `judge(…, working=True)` left; nothing is decided a second time.
The fit points add up to `fit` and the intent millionths to `intent`, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from handfast.numbers import number, signed
from handfast.readiness.change import Stand, smallest_change
from handfast.readiness.overrides import told
from handfast.readiness.plan import MILLIONTHS, microseconds, plan_of
from handfast.readiness.words import counted, lacking, listed, moment, points_of

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.conditions import Compiled
    from handfast.contract.terms import IntentRule, NextStep

_STATES: Final = {True: "met", False: "not_met", None: "unknown"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Sets of unknown fields are tried up to this size; beyond it all of them are named together.
_FIELDS_TRIED: Final = 3
_COLUMNS: Final = ("at", "outcome", "fit", "intent", "next_step", "reason", "_fit", "_never", "_seen", "_heard")
_MAYBE: Final = ("_excluded", "grade", "computed", "override")
_BARRED: Final = {
    "employee": "one of our own",
    "competitor": "a competitor's address",
    "disposable_address": "a disposable address",
    "role_address": "the address of a desk, not of a person",
    "free_mail": "a free-mail address",
}


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
    excluded: tuple[_Rule, ...]
    intent: tuple[_Rule, ...]
    steps: tuple[_Rule, ...]
    intent_terms: tuple[IntentRule, ...]
    open_for: tuple[timedelta, ...]
    step_names: tuple[str, ...]
    fit_bar: int
    intent_bar: int
    has_grades: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """One row of what `judge` found. `outcome` is by the terms alone."""

    at: datetime
    outcome: str
    fit: int
    intent: int
    next_step: str | None
    reason: str | None
    fit_said: Sequence[bool | None]
    never_said: Sequence[bool | None]
    seen: Mapping[str, Any]
    heard: Mapping[int, Mapping[str, Any]]
    excluded_said: Sequence[bool | None] = ()
    grade: str | None = None
    override: Mapping[str, Any] | None = None
    told: str = ""


def workings(agreement: Agreement, judged: pl.DataFrame, *, change: bool = True) -> list[dict[str, Any]]:
    """The working of each row of `judge(…, working=True)`, ready to be written as JSON.

    `change`: look for the smallest change, too, that would make whoever is not ready so.

    Each has:
        `criteria`: in the order of the contract, fit, never, exclusions, intent, next steps. Each criterion has `part`, `rule` (its
            number there, from 0), `because`, `when`, `seen`, `bar`, `points`, `state` (met, not_met, unknown) and `sentence`. Fit and
            never: `seen` are the fields the condition names. Intent and next steps: `seen` counts `signals`, `capped` (above the cap) and
            `unknown` (a field they need is not known). `bar` is what the rule gives when met: points, or for a next step how long it
            stays open. Exclusions see nothing but the address, which is not repeated. A rule that asks how often also counts `short`,
            signals that complete no run; one that waits for scanners `fresh`, those too young to be told from one. Intent also has
            `millionths`, exact; a next step that is met has `signal` (the latest) and `until`.
        `totals` and `bars`: fit, intent and next step, beside what they must be. `totals.intent` is rounded to a millionth of a point.
        `inputs`: the numbers of the signals that counted, ascending. On these alone the verdict is the same.
        `missing`: what a verdict that is not ready lacks, each in a few words.
        `change`: the smallest change that would make it ready (`change.smallest_change`), or None.
        `sentence`: the verdict in one sentence.
        `override`: what was decided by hand (`overrides.told`), where something was.
    """
    words = _words_of(agreement)
    maybe = [name for name in _MAYBE if name in judged.columns]
    rows = zip(*(judged[name].to_list() for name in (*_COLUMNS, *maybe)), strict=True)
    found = []
    for row in rows:
        case = _case(row[: len(_COLUMNS)], dict(zip(maybe, row[len(_COLUMNS) :], strict=True)))
        working = _working(words, case)
        if change:
            working["change"] = (
                None if case.outcome != "not_yet" or case.reason is not None else smallest_change(agreement, _stand(row, case))
            )
        found.append(working)
    return found


def shortened(working: Mapping[str, Any]) -> dict[str, Any]:
    """A working as it is stored: without the criteria that heard no signal, most of them, which say no more than the contract does."""
    return {**working, "criteria": [one for one in working["criteria"] if one["seen"] is not _UNHEARD]}


def whole(agreement: Agreement, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored working as `workings` made it: what `shortened` left out is told again by the terms it was made under.

    Of a person who was erased nothing is told again: what was seen of them is gone.
    """
    if stored.get("erased"):
        return dict(stored)
    words = _words_of(agreement)
    found = {(one["part"], one["rule"]): one for one in stored.get("criteria", ())}
    rules = (*words.fit, *words.never, *words.excluded, *words.intent, *words.steps)
    told = ((rule, found.get((rule.start["part"], rule.start["rule"]))) for rule in rules)
    return {**stored, "criteria": [one or {**rule.silent} for rule, one in told if one or rule.silent]}


def _case(row: tuple[Any, ...], maybe: Mapping[str, Any]) -> _Case:
    at, outcome, fit, intent, next_step, reason, fit_said, never_said, seen, heard = row
    by_rule = {said["_rule"]: said for said in heard or ()}
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in (seen or {}).items()}
    computed = maybe.get("computed", outcome)
    rest = (maybe.get("_excluded") or (), maybe.get("grade"), maybe.get("override"), outcome)
    return _Case(at, computed, fit, intent, next_step, reason, fit_said or (), never_said or (), values, by_rule, *rest)


def _stand(row: tuple[Any, ...], case: _Case) -> Stand:
    seen = row[_COLUMNS.index("_seen")] or {}
    return Stand(case.at, case.fit, case.intent, case.next_step, seen, case.heard, case.fit_said)


def _working(words: _Words, case: _Case) -> dict[str, Any]:
    heard, first_step = case.heard, len(words.intent)
    fits = [_fit(rule, said, case.seen) for rule, said in zip(words.fit, case.fit_said, strict=True)]
    nevers = [_never(rule, said, case.seen) for rule, said in zip(words.never, case.never_said, strict=True)]
    barred = [_barred(rule, said) for rule, said in zip(words.excluded, case.excluded_said or [None] * len(words.excluded), strict=True)]
    intents = [_intent(rule, words.intent_terms[number], heard.get(number)) for number, rule in enumerate(words.intent)]
    steps = [_step(rule, words.open_for[number], heard.get(first_step + number)) for number, rule in enumerate(words.steps)]
    chosen = next((step for step in steps if step["state"] == "met"), None)
    working: dict[str, Any] = {
        "criteria": fits + nevers + barred + intents + steps,
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
    if words.has_grades:
        working["totals"]["grade"] = case.grade
        working["sentence"] += f" Grade {case.grade}." if case.grade else " No grade."
    if case.override is not None:
        working["override"] = told(case.told, case.outcome, case.override)
        working["sentence"] = f"{working['override']['sentence']} By the terms: {working['sentence']}"
    return working


def _inputs(words: _Words, case: _Case, chosen: Mapping[str, Any] | None) -> list[int]:
    """The signals that gave points, and the one that keeps the next step open."""
    heard = ((words.intent_terms[number], said) for number, said in case.heard.items() if number < len(words.intent))
    # A run rests on the signals before it, too. More than needed does no harm: what a cap leaves out it leaves out again.
    numbers = {signal for term, said in heard for signal in (said["known"] if term.times and said["signals"] else said["signals"])}
    return sorted(numbers | {chosen["signal"]} if chosen else numbers)


# --- criteria -----------------------------------------------------------------------------------------------------


def _fit(rule: _Rule, said: bool | None, seen: Mapping[str, Any]) -> dict[str, Any]:
    points = rule.points if said else 0
    if said:
        sentence = f"{rule.title}: {signed(points)}{_since(rule, seen)}."
    elif said is None:
        sentence = f"{rule.title}: unknown, since {_unknown(rule, seen)} not known; it would give {signed(rule.points)}."
    else:
        sentence = f"{rule.title}: 0 of {number(rule.points)}{_since(rule, seen)}."
    return {**rule.start, "seen": _values(rule, seen), "points": points, "state": _STATES[said], "sentence": sentence}


def _never(rule: _Rule, said: bool | None, seen: Mapping[str, Any]) -> dict[str, Any]:
    if said:
        sentence = f"Never, for {rule.title}{_since(rule, seen)}."
    elif said is None:
        sentence = f"Not excluded for {rule.title}, but {_unknown(rule, seen)} not known."
    else:
        sentence = f"Not excluded for {rule.title}{_since(rule, seen)}."
    return {**rule.start, "seen": _values(rule, seen), "points": 0, "state": _STATES[said], "sentence": sentence}


def _barred(rule: _Rule, said: bool | None) -> dict[str, Any]:
    if said:
        sentence = f"Excluded: {rule.title}."
    elif said is None:
        sentence = f"Not excluded as {rule.title}, but the address is not known."
    else:
        sentence = f"Not excluded as {rule.title}."
    return {**rule.start, "seen": {}, "points": 0, "state": _STATES[said], "sentence": sentence}


def _intent(rule: _Rule, term: IntentRule, said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return {**rule.silent}
    many, capped, unknown, millionths = len(said["signals"]), said["capped"], said["unknown"], said["millionths"]
    sentence = (
        f"{rule.title}: {points_of(millionths, sign='+')} from {counted(many, 'signal')}" if many else f"{rule.title}: nothing counts"
    )
    if capped:
        sentence += f"; {capped} above {term.at_most} not counted"
    if short := said["short"]:
        sentence += f"; {short} short of {term.times}"
    if fresh := said["fresh"]:
        sentence += f"; {fresh} too fresh to be told from a scanner's"
    if unknown:
        sentence += f"; {unknown} of unknown meaning not counted"
    seen = {"signals": many, "capped": capped, "unknown": unknown}
    return {
        **rule.start,
        "seen": seen | ({"short": short} if term.times else {}) | ({"fresh": fresh} if fresh else {}),
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
    if not many and not unknown:
        return {**found, "sentence": f"{rule.title}: {counted(said['fresh'], 'signal')} too fresh to be told from a scanner's."}
    if not many:
        verb = "does" if unknown == 1 else "do"
        sentence = f"{rule.title}: unknown, since {counted(unknown, 'signal')} {verb} not say what the condition asks."
        return {**found, "state": "unknown", "sentence": sentence}
    at = _EPOCH + timedelta(microseconds=said["latest"])
    sentence = f"{rule.title}: asked {moment(at)}, open until {moment(at + open_for)}."
    until = (at + open_for).isoformat()
    return {**found, "signal": said["signals"][-1], "until": until, "state": "met", "sentence": sentence}


# --- what is missing ----------------------------------------------------------------------------------------------


def _missing(words: _Words, case: _Case) -> list[str]:
    """What stands between this verdict and ready, computed from the bars. A never-rule cannot be made good."""
    if case.outcome == "ready":
        return []
    if case.reason is not None:
        return [f"{'never' if case.outcome == 'never' else 'held back'}: {case.reason}"]
    found = [] if (gap := words.fit_bar - case.fit) <= 0 else [_fit_gap(words, case, gap)]
    if (short := words.intent_bar * MILLIONTHS - case.intent) > 0:
        found.append(lacking(short))
    if case.next_step is None:
        found.append(f"no open next step: {' or '.join(words.step_names)}")
    return found


def _fit_gap(words: _Words, case: _Case, gap: int) -> str:
    """How far fit is from its bar, the fewest unknown fields that could close the gap, and single rules that would."""
    start = f"fit {number(case.fit)} of {words.fit_bar}"
    unknown = [rule for rule, said in zip(words.fit, case.fit_said, strict=True) if said is None and rule.points > 0]
    closing = _closing(unknown, case.seen, gap)
    ways = [f"{listed(closing)} unknown"] if closing else []
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
        return f"{'Never' if case.outcome == 'never' else 'Not yet, held back'}: {case.reason}."
    head = "Ready" if case.outcome == "ready" else "Not yet"
    step = f"next step {case.next_step}" if case.next_step else "no open next step"
    return f"{head}: fit {number(case.fit)} ({words.fit_bar} needed), intent {points_of(case.intent)} ({words.intent_bar} needed), {step}."


def _values(rule: _Rule, seen: Mapping[str, Any]) -> dict[str, Any]:
    return {name: seen[name] for name in rule.names}


def _since(rule: _Rule, seen: Mapping[str, Any]) -> str:
    """The values that decided, as the end of a sentence."""
    said = [f"{name} is not known" if (value := seen[name]) is None else f"{name} is {value}" for name in rule.names]
    return f", since {listed(said)}" if said else ""


def _unknown(rule: _Rule, seen: Mapping[str, Any]) -> str:
    names = [name for name in rule.names if seen[name] is None]
    # A condition can also be unknown of itself, such as a division by zero.
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}" if names else "the answer is"


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
        excluded=tuple(
            _Rule(_start("exclude", number, barrier.reason, None, barrier.verdict), _BARRED[barrier.reason])
            for number, barrier in enumerate(plan_of(agreement).barriers)
        ),
        intent=tuple(_intent_rule(number, rule, str(ready.intent.lookback)) for number, rule in enumerate(ready.intent.points)),
        steps=tuple(_step_rule(number, rule) for number, rule in enumerate(ready.next_step)),
        intent_terms=ready.intent.points,
        open_for=tuple(timedelta(microseconds=min(microseconds(rule.within), lookback)) for rule in ready.next_step),
        step_names=tuple(dict.fromkeys(rule.step for rule in ready.next_step)),
        fit_bar=ready.fit.at_least,
        intent_bar=ready.intent.at_least,
        has_grades=ready.grades is not None,
    )


def _names(condition: Compiled) -> tuple[str, ...]:
    return tuple(sorted(condition.names))


def _start(part: str, number: int, because: str, when: str | None, bar: int | str | None) -> dict[str, Any]:
    return {"part": part, "rule": number, "because": because, "when": when, "bar": bar}


def _intent_rule(number: int, rule: IntentRule, lookback: str) -> _Rule:
    start = _start("intent", number, rule.because, rule.when, rule.points)
    title = rule.because or (f"{rule.on} with {rule.when}" if rule.when else rule.on)
    sentence = f"{title}: no such {rule.on} within {rule.within or lookback}."
    rest = {"seen": _UNHEARD, "points": 0.0, "millionths": 0, "state": "not_met", "sentence": sentence}
    return _Rule(start, title, silent={**start, **rest})


def _step_rule(number: int, rule: NextStep) -> _Rule:
    start = _start("next_step", number, rule.step, rule.when, str(rule.within))
    sentence = f"{rule.step}: no such {rule.on} within {rule.within}."
    rest = {"seen": _UNHEARD, "points": 0, "signal": None, "until": None, "state": "not_met", "sentence": sentence}
    return _Rule(start, rule.step, silent={**start, **rest})
