"""Few moments judged by hand: what `verdict` and `evidence` do by the column for any number, one after the other.

What a condition says of a person or a signal, and which local day it was, is asked of the engine, by the very expressions that serve a
million. What follows from the answers is adding up a few numbers, and a step of the engine costs more than all of that together. That both
ways say the same to the last bit is a law with tests of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from handfast.contract.frames import FEW, microseconds_of, picked, shaped
from handfast.readiness.evidence import AFTER_MONDAY, KEYS, WHO, Told, tally
from handfast.readiness.exclude import flags_of, human
from handfast.readiness.hearing import DAY, Said, answers_of, listening
from handfast.readiness.plan import MILLIONTHS, NEVER, Listener, Plan

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.terms import Cap, Grades

#: From more pairs of moment and signal on, the engine is quicker.
PAIRS: Final = 4_000


def are_few(asked: pl.DataFrame, people: pl.DataFrame, evidence: pl.DataFrame) -> bool:
    """Whether these are judged quicker by hand. `asked`: `person_id` and `_at`."""
    if max(asked.height, people.height, evidence.height) > FEW:
        return False
    if asked.height * evidence.height <= PAIRS:
        return True
    signals = Counter(evidence["person_id"].to_list())
    return sum(signals[who] for who in asked["person_id"].to_list()) <= PAIRS


def by_hand(
    agreement: Agreement, plan: Plan, asked: pl.DataFrame, people: pl.DataFrame, evidence: pl.DataFrame, *, working: bool, activity: bool
) -> list[pl.Series]:
    """The columns that `verdict.measured` adds to what is `asked` (`person_id`, and `_at` in microseconds), in their order."""
    whom, moments = (asked[name].to_list() for name in ("person_id", "_at"))
    persons = _Persons.of(agreement, plan, whom, people)
    told = list(_told(plan, whom, moments, evidence, working=working))
    sums = _sums(plan, len(whom), told)
    names, grades = [step.step for step in agreement.contract.ready.next_step], agreement.contract.ready.grades
    steps = [None if one.step is None else names[one.step] for one in sums]
    outcomes = [_outcome(agreement, fit, one, barred) for fit, one, (_, barred) in zip(persons.fits, sums, persons.reasons, strict=True)]
    found = [
        pl.Series("outcome", outcomes, dtype=pl.String),
        pl.Series("fit", persons.fits, dtype=pl.Int32),
        pl.Series("intent", [one.intent for one in sums], dtype=pl.Int64),
        pl.Series("next_step", steps, dtype=pl.String),
        pl.Series("reason", [reason for reason, _ in persons.reasons], dtype=pl.String),
    ]
    if grades is not None:
        given = [_grade(grades, fit, one.intent) for fit, one in zip(persons.fits, sums, strict=True)]
        found.append(pl.Series("grade", given, dtype=pl.String))
    if working:
        found += persons.working(plan, len(agreement.fit))
    if activity:
        found.append(pl.Series("_active", [one.latest for one in sums], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")))
    return [*found, tally(len(whom), told)] if working else found


def _outcome(agreement: Agreement, fit: int, sums: _Sums, barred: str | None) -> str:
    """`barred`: never or not yet, where a reason keeps them back."""
    ready = agreement.contract.ready
    enough = fit >= ready.fit.at_least and sums.intent >= ready.intent.at_least * MILLIONTHS and sums.step is not None
    return barred or ("ready" if enough else "not_yet")


def _grade(grades: Grades, fit: int, intent: int) -> str | None:
    letter = next((letter for letter, bar in grades.fit.items() if fit >= bar), None)
    digit = next((digit for digit, bar in grades.intent.items() if intent >= bar * MILLIONTHS), None)
    return None if letter is None or digit is None else letter + digit


# --- who they are -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Persons:
    """Of each person asked about: what every rule of fit and never said, the flags of the exclusions, the points, and the reason they are
    kept back for with what it says. `known`: their fields; `places`: their rows in it."""

    known: pl.DataFrame
    places: Sequence[int]
    said: list[tuple[Said, ...]]
    flags: list[int | None]
    fits: list[int]
    reasons: list[tuple[str | None, str | None]]

    @classmethod
    def of(cls, agreement: Agreement, plan: Plan, whom: list[Any], people: pl.DataFrame) -> _Persons:
        known, places = _known(plan, whom, people)
        answers = picked(known, *plan.says).rows() if plan.says else [()] * known.height
        said = [answers[place] for place in places]
        emails = known["email"].to_list() if plan.barriers else [None] * known.height
        flags = [flags_of(plan.barriers, emails[place]) for place in places]
        points = [rule.points for rule in agreement.contract.ready.fit.points]
        fits = [sum(gives for gives, met in zip(points, one, strict=False) if met) for one in said]
        reasons = [_reason(agreement, plan, *each) for each in zip(said, flags, strict=True)]
        return cls(known, places, said, flags, fits, reasons)

    def working(self, plan: Plan, fit_rules: int) -> list[pl.Series]:
        """`_fit`, `_never`, `_seen` and, with barriers, `_excluded`, as the plan's expressions make them."""
        found = [
            _listed("_fit", [one[:fit_rules] for one in self.said]),
            _listed("_never", [one[fit_rules:] for one in self.said]),
            _seen(plan, self.known, self.places),
        ]
        if plan.barriers:
            barred = [[None if flags is None else bool(flags >> n & 1) for n in range(len(plan.barriers))] for flags in self.flags]
            found.append(_listed("_excluded", barred))
        return found


def _listed(name: str, said: Sequence[Sequence[Said]]) -> pl.Series:
    """Null where there are no rules. Their type is given last: to make lists of it at once would make a column of each list."""
    return pl.Series(name, [list(one) or None for one in said]).cast(pl.List(pl.Boolean))


def _known(plan: Plan, whom: list[Any], people: pl.DataFrame) -> tuple[pl.DataFrame, Sequence[int]]:
    """What is known, and for each person asked about the row of it; of a stranger that is a row of nulls, added at the end.

    ValueError: a person asked about is there twice.
    """
    whole = shaped(people, WHO, plan.person_fields)
    ids = whole["person_id"].to_list()
    if ids == whom and None not in ids:
        return whole, range(len(ids))
    rows = {who: n for n, who in enumerate(ids) if who is not None}
    if len(rows) < len(ids) and any(ids.count(who) > 1 for who in whom if who is not None):
        raise ValueError("people names a person twice")
    if strangers := any(who not in rows for who in whom):
        whole = pl.concat([whole, whole.clear(1)])
    stranger = len(ids) if strangers else -1
    return whole, [rows.get(who, stranger) for who in whom]


def _seen(plan: Plan, known: pl.DataFrame, places: Sequence[int]) -> pl.Series:
    if not plan.seen:
        return pl.Series("_seen", [None] * len(places), dtype=pl.Struct({"nothing": pl.Boolean}))
    seen = pl.DataFrame([known[name] for name in plan.seen]).to_struct("_seen")
    return seen if isinstance(places, range) else seen[list(places)]


def _reason(agreement: Agreement, plan: Plan, said: Sequence[Said], flags: int | None) -> tuple[str | None, str | None]:
    """The first never-rule that is met, else the first exclusion that holds: its reason, and whether it says never or not yet."""
    nevers = zip(said[len(agreement.fit) :], agreement.contract.ready.fit.never, strict=True)
    if (reason := next((rule.reason for met, rule in nevers if met), None)) is not None:
        return reason, "never"
    barred = (barrier for number, barrier in enumerate(plan.barriers) if (flags or 0) >> number & 1)
    return next(((barrier.reason, barrier.verdict) for barrier in barred), (None, None))


# --- what they did ------------------------------------------------------------------------------------------------


class _Heard(NamedTuple):
    """A signal that a rule hears: when it came (microseconds), its number, whether its condition is known, the local day; from when on it
    counts, and the first signal of the run it completes, which is itself where none is asked for."""

    occurred: int
    signal: int
    known: bool
    day: int
    start: int
    anchor: int


@dataclass(slots=True)
class _Sums:
    """Of one moment: the millionths, the first step kept open, and when the latest signal came that gave points or keeps one open."""

    intent: int = 0
    step: int | None = None
    latest: int | None = None


def _told(plan: Plan, whom: Sequence[Any], moments: Sequence[int], evidence: pl.DataFrame, *, working: bool) -> Iterator[Told]:
    """What is told of each pair of moment and signal; without the working only of those that count."""
    heard = _heard(plan, whom, moments, evidence, working=working) if evidence.height and whom else {}
    for row, (who, at) in enumerate(zip(whom, moments, strict=True)):
        for number, signals in heard.get(who, {}).items():
            listener = plan.listeners[number]
            for one in signals:
                recent = at - one.anchor < listener.reach
                counts = one.known and one.start <= at and recent
                if not counts and not working:
                    continue
                near = one.occurred <= at and at - one.occurred < listener.reach
                short = plan.runs and one.known and (one.start == NEVER or not recent)
                fresh = listener.delay > 0 and one.known and one.occurred + listener.delay > at
                worth = worth_of(listener.points, plan.half_life, at - one.occurred) if counts else None
                yield row, number, one.occurred, one.signal, near, counts, one.known, short, fresh, worth


def worth_of(points: int, half_life: int, age: int) -> int:
    """points x 0.5 ^ (age / half-life) in millionths, halves to even: to the bit what `plan.adds` says to the engine."""
    return round(float(points * MILLIONTHS) * 0.5 ** (float(max(age, 0)) / float(half_life))) if points else 0


def _sums(plan: Plan, height: int, told: Sequence[Told]) -> list[_Sums]:
    found = [_Sums() for _ in range(height)]
    for row, number, occurred, _, _, counts, _, _, _, worth in told:
        if not counts or worth is None:
            continue
        one, step = found[row], plan.listeners[number].step
        one.intent += worth
        if step is not None and (one.step is None or step < one.step):
            one.step = step
        if (step is not None or worth > 0) and (one.latest is None or occurred > one.latest):
            one.latest = occurred
    return found


def _heard(
    plan: Plan, whom: Sequence[Any], moments: Sequence[int], evidence: pl.DataFrame, *, working: bool
) -> Mapping[Any, Mapping[int, Sequence[_Heard]]]:
    """By person and listener the signals it hears, in the order of listeners; as `evidence.weigh`."""
    if plan.exclude is not None:
        evidence = human(plan.exclude, evidence)
    whole, asked = shaped(evidence, KEYS, plan.signal_fields), set(whom) - {None}
    first, last = min(moments) - plan.lookback, max(moments)
    people, numbers, kinds = (whole[name].to_list() for name in ("person_id", "signal", "kind"))
    times = microseconds_of(whole["occurred_at"]).to_list()
    answers = answers_of(plan, kinds, whole, days=_may_be_capped(plan, people, kinds))
    said, days = listening(plan, kinds, answers), answers.get(DAY, [0] * len(kinds))
    found: dict[Any, dict[int, list[_Heard]]] = defaultdict(lambda: defaultdict(list))
    for n, (who, at) in enumerate(zip(people, times, strict=True)):
        if first < at <= last and who in asked:
            for number, met in said[n]:
                if met is not None or working:
                    start = at + plan.listeners[number].delay
                    found[who][number].append(_Heard(at, numbers[n], met is not None, days[n], start, at))
    return {who: {number: _adjusted(plan.listeners[number], rules[number]) for number in sorted(rules)} for who, rules in found.items()}


def _may_be_capped(plan: Plan, people: Sequence[Any], kinds: Sequence[str | None]) -> bool:
    """Whether anybody did anything so often that a cap could matter."""
    return any(many > plan.free.get(kind or "", many) for (_, kind), many in Counter(zip(people, kinds, strict=True)).items())


def _adjusted(listener: Listener, signals: list[_Heard]) -> list[_Heard]:
    """What is heard of one person, once it is told which signals complete a run and which the cap holds back."""
    if listener.run is not None:
        signals = list(_in_runs(signals, *listener.run))
    if listener.cap is None or len(signals) <= listener.cap.times:
        return signals
    return list(_held_back(signals, listener.cap, listener.reach))


def _in_runs(signals: Sequence[_Heard], times: int, within: int) -> Iterator[_Heard]:
    """As `evidence` has it: the n-th or later within the time has the first of these as its anchor; what completes no run never begins."""
    yield from (one for one in signals if not one.known)
    known = sorted(one for one in signals if one.known)
    for n, one in enumerate(known):
        anchor = known[n - times + 1].occurred if n >= times - 1 else None
        if anchor is not None and one.occurred - anchor <= within:
            yield one._replace(anchor=anchor)
        else:
            yield one._replace(start=NEVER)


def _held_back(signals: Sequence[_Heard], cap: Cap, reach: int) -> Iterator[_Heard]:
    """As `evidence` has it: one above the cap counts once the one `times` places before it in its day or week has left the lookback."""
    periods: dict[int, list[_Heard]] = defaultdict(list)
    for one in sorted(signals):
        if one.known and one.start < NEVER:
            before = periods[one.day if cap.per == "day" else (one.day + AFTER_MONDAY) // 7]
            before.append(one)
            blocker = before[-1 - cap.times].anchor + reach if len(before) > cap.times else one.start
            yield one._replace(start=max(one.start, blocker))
        else:
            yield one
