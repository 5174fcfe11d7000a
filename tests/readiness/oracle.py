"""The verdict a second time, as slowly and plainly as possible: one person, one moment, loops and lists.

It shares no code with the room it checks, knows no data frames and compiles no SQL: a rule comes with its condition twice, as the text the
contract holds and as a Python function that gives True, False or None for unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Said = bool | None
Ask = Callable[[Mapping[str, Any]], Said]


@dataclass(frozen=True)
class Rule:
    """A rule of any of the four parts; what a part does not have stays at its default."""

    text: str | None
    ask: Ask
    points: int = 0
    reason: str = ""
    on: str = ""
    at_most: tuple[int, str] | None = None
    step: str = ""
    within: timedelta = timedelta(0)


@dataclass(frozen=True)
class Terms:
    fit: Sequence[Rule]
    never: Sequence[Rule]
    intent: Sequence[Rule]
    steps: Sequence[Rule]
    fit_bar: int
    intent_bar: int
    half_life: timedelta
    lookback: timedelta
    zone: str


@dataclass(frozen=True)
class Answer:
    outcome: str
    fit: int
    intent: int
    next_step: str | None
    reason: str | None
    #: For each intent rule its millionths, how many signals counted, how many the cap left out, and how many were of unknown meaning.
    rules: tuple[tuple[int, int, int, int], ...]
    #: For each fit rule what it said.
    said: tuple[Said, ...]


def answer(terms: Terms, person: Mapping[str, Any], signals: Sequence[Mapping[str, Any]], at: datetime) -> Answer:
    window = [signal for signal in signals if at - terms.lookback < signal["occurred_at"] <= at]
    said = tuple(rule.ask(person) for rule in terms.fit)
    fit = sum(rule.points for rule, met in zip(terms.fit, said, strict=True) if met is True)
    reason = next((rule.reason for rule in terms.never if rule.ask(person) is True), None)
    rules = tuple(_worth(terms, rule, window, at) for rule in terms.intent)
    intent = sum(millionths for millionths, *_ in rules)
    step = next((rule.step for rule in terms.steps if any(_open(rule, signal, at) for signal in window)), None)
    good = fit >= terms.fit_bar and intent >= terms.intent_bar * 1_000_000 and step is not None
    outcome = "never" if reason is not None else "ready" if good else "not_yet"
    return Answer(outcome, fit, intent, step, reason, rules, said)


def _open(rule: Rule, signal: Mapping[str, Any], at: datetime) -> bool:
    return signal["kind"] == rule.on and rule.ask(signal) is True and at - signal["occurred_at"] <= rule.within


def _worth(terms: Terms, rule: Rule, window: Sequence[Mapping[str, Any]], at: datetime) -> tuple[int, int, int, int]:
    heard = [signal for signal in window if signal["kind"] == rule.on]
    meant = [signal for signal in heard if rule.ask(signal) is True]
    unknown = sum(rule.ask(signal) is None for signal in heard)
    counted = _allowed(terms, rule, meant)
    total = sum(round(rule.points * 1e6 * 0.5 ** ((at - signal["occurred_at"]) / terms.half_life)) for signal in counted)
    return total, len(counted), len(meant) - len(counted), unknown


def _allowed(terms: Terms, rule: Rule, meant: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if rule.at_most is None:
        return list(meant)
    times, per = rule.at_most
    taken: dict[object, int] = {}
    found = []
    for signal in sorted(meant, key=lambda signal: (signal["occurred_at"], signal["signal"])):
        day = signal["occurred_at"].astimezone(ZoneInfo(terms.zone)).date()
        period = day if per == "day" else day - timedelta(days=day.weekday())
        taken[period] = taken.get(period, 0) + 1
        if taken[period] <= times:
            found.append(signal)
    return found
