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
    #: An intent rule only: how often within which time, and how long it counts.
    times: tuple[int, timedelta] | None = None
    recent: timedelta | None = None


@dataclass(frozen=True)
class Excluded:
    """An exclusion of people: its reason, what it says, and the question it asks of an address."""

    reason: str
    verdict: str
    ask: Ask


@dataclass(frozen=True)
class Group:
    """When an account is ready. A role comes as its text and its question."""

    people: int
    roles: Mapping[str, tuple[str, Ask]]
    intent: int
    fit: int | None
    within: timedelta


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
    #: In the order in which they are asked.
    excluded: Sequence[Excluded] = ()
    grades: tuple[Mapping[str, int], Mapping[str, int]] | None = None
    #: So many different links within so many seconds are a scanner's; and which user agents are robots'.
    scanners: tuple[int, int] | None = None
    robots: frozenset[str] = frozenset()
    group: Group | None = None


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
    grade: str | None = None
    #: When the latest signal came that gives points or keeps a step open.
    active: datetime | None = None


def answer(terms: Terms, person: Mapping[str, Any], signals: Sequence[Mapping[str, Any]], at: datetime) -> Answer:
    window = [signal for signal in _human(terms, signals, at) if at - terms.lookback < signal["occurred_at"] <= at]
    said = tuple(rule.ask(person) for rule in terms.fit)
    fit = sum(rule.points for rule, met in zip(terms.fit, said, strict=True) if met is True)
    barred = next(((rule.reason, "never") for rule in terms.never if rule.ask(person) is True), None)
    barred = barred or next(((one.reason, one.verdict) for one in terms.excluded if one.ask(person) is True), None)
    rules = tuple(_worth(terms, rule, window, at) for rule in terms.intent)
    intent = sum(millionths for (millionths, *_), _ in rules)
    wishes = [signal for rule in terms.steps for signal in window if _open(terms, rule, signal, at)]
    step = next((rule.step for rule in terms.steps if any(_open(terms, rule, signal, at) for signal in window)), None)
    good = fit >= terms.fit_bar and intent >= terms.intent_bar * 1_000_000 and step is not None
    outcome = barred[1] if barred is not None else "ready" if good else "not_yet"
    active = max([when for _, times in rules for when in times] + [signal["occurred_at"] for signal in wishes], default=None)
    reason = barred[0] if barred is not None else None
    return Answer(outcome, fit, intent, step, reason, tuple(told for told, _ in rules), said, _grade(terms, fit, intent), active)


def _grade(terms: Terms, fit: int, intent: int) -> str | None:
    if terms.grades is None:
        return None
    letter = next((name for name, bar in terms.grades[0].items() if fit >= bar), None)
    digit = next((name for name, bar in terms.grades[1].items() if intent >= bar * 1_000_000), None)
    return letter + digit if letter is not None and digit is not None else None


def _human(terms: Terms, signals: Sequence[Mapping[str, Any]], at: datetime) -> list[Mapping[str, Any]]:
    """Without robots, and without clicks that lie in any window of the given seconds with so many different links of one mail."""
    people = [signal for signal in signals if signal["occurred_at"] <= at and signal.get("user_agent") not in terms.robots]
    if terms.scanners is None:
        return people
    links, span = terms.scanners[0], timedelta(seconds=terms.scanners[1])
    clicks = [signal for signal in people if signal["kind"] == "email_clicked" and signal.get("link") is not None]
    machine: set[int] = set()
    for first in clicks:
        start, mail = first["occurred_at"], first.get("campaign") or ""
        window = [one for one in clicks if (one.get("campaign") or "") == mail and start <= one["occurred_at"] <= start + span]
        if len({one["link"] for one in window}) >= links:
            machine |= {one["signal"] for one in window}
    return [signal for signal in people if signal["signal"] not in machine]


def _fresh(terms: Terms, signal: Mapping[str, Any], at: datetime) -> bool:
    """A click counts only once it is sure that it is no scanner's."""
    return (
        terms.scanners is not None
        and signal["kind"] == "email_clicked"
        and at - signal["occurred_at"] < timedelta(seconds=terms.scanners[1])
    )


def _open(terms: Terms, rule: Rule, signal: Mapping[str, Any], at: datetime) -> bool:
    heard = signal["kind"] == rule.on and rule.ask(signal) is True and not _fresh(terms, signal, at)
    return heard and at - signal["occurred_at"] <= rule.within


def _worth(terms: Terms, rule: Rule, window: Sequence[Mapping[str, Any]], at: datetime) -> tuple[tuple[int, int, int, int], list[datetime]]:
    recent = [signal for signal in window if rule.recent is None or at - signal["occurred_at"] <= rule.recent]
    heard = [signal for signal in recent if signal["kind"] == rule.on]
    meant = sorted((s for s in heard if rule.ask(s) is True), key=lambda signal: (signal["occurred_at"], signal["signal"]))
    unknown = sum(rule.ask(signal) is None for signal in heard)
    scoring = meant if rule.times is None else [s for n, s in enumerate(meant) if _completes(rule.times, meant[: n + 1])]
    sure = [signal for signal in scoring if not _fresh(terms, signal, at)]
    counted = _allowed(terms, rule, sure)
    worth = [round(rule.points * 1e6 * 0.5 ** ((at - signal["occurred_at"]) / terms.half_life)) for signal in counted]
    gave = [signal["occurred_at"] for signal, millionths in zip(counted, worth, strict=True) if millionths > 0]
    return (sum(worth), len(counted), len(sure) - len(counted), unknown), gave


def _completes(times: tuple[int, timedelta], run: Sequence[Mapping[str, Any]]) -> bool:
    many, within = times
    return len(run) >= many and run[-1]["occurred_at"] - run[-many]["occurred_at"] <= within


def _allowed(terms: Terms, rule: Rule, meant: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if rule.at_most is None:
        return list(meant)
    times, per = rule.at_most
    taken: dict[object, int] = {}
    found = []
    for signal in meant:
        day = signal["occurred_at"].astimezone(ZoneInfo(terms.zone)).date()
        period = day if per == "day" else day - timedelta(days=day.weekday())
        taken[period] = taken.get(period, 0) + 1
        if taken[period] <= times:
            found.append(signal)
    return found


@dataclass(frozen=True)
class GroupAnswer:
    outcome: str
    people: int
    roles: int
    intent: int
    next_step: str | None
    person: str | None


def group_answer(
    terms: Terms, house: Mapping[str, Mapping[str, Any]], members: Sequence[str], signals: Sequence[Mapping[str, Any]], at: datetime
) -> GroupAnswer:
    """The buying group of the members, from what is said of each of them."""
    group = terms.group
    assert group is not None
    said = {who: answer(terms, house.get(who, {}), [s for s in signals if s["person_id"] == who], at) for who in members}
    free = {who: one for who, one in said.items() if one.reason is None}
    active = {who: one for who, one in free.items() if one.active is not None and at - one.active <= group.within}
    covered = sum(any(ask(house.get(who, {})) is True for who in active) for _, ask in group.roles.values())
    intent = sum(one.intent for one in active.values())
    names = [rule.step for rule in terms.steps]
    asking = sorted((who for who, one in free.items() if one.next_step), key=lambda who: (names.index(str(free[who].next_step)), who))
    best = [who for who in asking if free[who].next_step == free[asking[0]].next_step]
    ranked = sorted(best or list(active), key=lambda who: (who not in active, -said[who].intent, who))
    step = free[asking[0]].next_step if asking else None
    fit = group.fit is None or any(one.fit >= group.fit for one in active.values())
    good = len(active) >= group.people and covered == len(group.roles) and intent >= group.intent * 1_000_000 and step is not None and fit
    return GroupAnswer("ready" if good else "not_yet", len(active), covered, intent, step, ranked[0] if ranked else None)
