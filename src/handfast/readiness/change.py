"""The smallest change that would make a person ready: computed by trying, with the expressions that judge.

Fit and intent do not touch each other, so each is closed by itself, with the fewest changes that do:

- **fit**: other values of fields. Tried are the values the contract names (and those next to a number it names), one field, then two,
  then three at a time; every candidate is a made-up person whom the plan's own expressions judge. Of equally many changes the one comes
  first that changes the fewest known facts (what is unknown may turn out so), then the one with the fewest points.
- **intent and next step**: further signals, now. Tried are signals that some rule hears, alone, then two, then three together, each with
  the points it would really give today under caps and frequencies. Of equally many the one with the fewest points comes first.

A never-rule and an exclusion cannot be made good, and beyond three of a kind nothing is promised: then there is no change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations, combinations_with_replacement, islice, product
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from handfast.contract.frames import DTYPES, added, as_frame, picked
from handfast.contract.signals import fields_of
from handfast.numbers import short, signed
from handfast.readiness.plan import MILLIONTHS, Plan, plan_of
from handfast.readiness.words import listed

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.conditions import Compiled
    from handfast.contract.terms import FieldType

#: More changes than this are not advice any more.
MOST: Final = 3
#: How many made-up people, and how many made-up signals of one kind, are tried at most.
_TRIED: Final = 5_000
_OFFERED: Final = 2_000
_SETS_TRIED: Final = 2_000
_KEPT: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stand:
    """Where somebody stands: points of fit, millionths of intent, the open next step, the fields seen, what each rule heard, and what each
    rule of fit said of the fields."""

    at: datetime
    fit: int
    intent: int
    next_step: str | None
    seen: Mapping[str, Any]
    heard: Mapping[int, Mapping[str, Any]]
    fit_said: Sequence[bool | None]


@dataclass(frozen=True, slots=True)
class _Offer:
    """A signal somebody could send: its kind and fields, and the listeners that would hear it."""

    kind: str
    fields: Mapping[str, Any]
    heard: tuple[int, ...]


def smallest_change(agreement: Agreement, stand: Stand) -> dict[str, Any] | None:
    """The smallest change that would make them ready, or None where none is found.

    Returns:
        `changes`: each with `part`; for fit `field`, `from`, `to`; for a signal `on`, `fields`, `points` and `opens` (the next step, or
        None).
        `sentence`: the same in one sentence.
    """
    facts, signals = _fit_change(agreement, stand), _signal_change(agreement, stand)
    if facts is None or signals is None or not (facts or signals):
        return None
    words = [*map(_fact_words, facts), *map(_signal_words, signals)]
    return {"changes": [*facts, *signals], "sentence": f"Would be ready with {listed(words)}."}


def _fact_words(change: Mapping[str, Any]) -> str:
    before = "which is not known" if change["from"] is None else f"instead of {_shown(change['from'])}"
    return f"{change['field']} {_shown(change['to'])} ({before})"


def _signal_words(change: Mapping[str, Any]) -> str:
    fields = ", ".join(f"{name} {_shown(value)}" for name, value in change["fields"].items())
    opens = f", opens {change['opens']}" if change["opens"] else ""
    return f"a {change['on']}{f' with {fields}' if fields else ''} ({signed(change['points'], 2)} intent{opens})"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else short(value) if isinstance(value, int | float) else str(value)


# --- fit ------------------------------------------------------------------------------------------------------


def _fit_change(agreement: Agreement, stand: Stand) -> list[dict[str, Any]] | None:
    """The fewest fields that reach the bar with another value; empty where it is reached, None where three are not enough."""
    bar = agreement.contract.ready.fit.at_least
    if stand.fit >= bar:
        return []
    plan = plan_of(agreement)
    choices = {
        name: options for name, options in _choices(agreement).items() if name in stand.seen and not (name == "email" and plan.barriers)
    }
    for size in range(1, MOST + 1):
        tried = list(islice(_assignments(choices, stand.seen, size), _TRIED))
        if not tried:
            return None
        good = [(one, fit) for one, fit in zip(tried, _judged(agreement, stand, tried), strict=True) if fit is not None and fit >= bar]
        if good:
            best = min(good, key=lambda case: (sum(stand.seen[name] is not None for name in case[0]), case[1]))[0]
            return [{"part": "fit", "field": name, "from": _plain(stand.seen[name]), "to": _plain(value)} for name, value in best.items()]
    return None


def _judged(agreement: Agreement, stand: Stand, tried: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """The points of each made-up person; None: a never-rule holds. By adding up what each value is worth, where every rule reads one field.

    Whoever an exclusion or a never-rule keeps back already does not come here, and addresses are not among what is tried.
    """
    if (worth := _worth(agreement)) is None:
        found = picked(_people(stand.seen, tried, agreement.contract.fields), *plan_of(agreement).person[:2])
        return [fit if reason is None else None for fit, reason in found.select("fit", "reason").iter_rows()]
    rest = Counter[str]()
    for condition, rule, met in zip(agreement.fit, agreement.contract.ready.fit.points, stand.fit_said, strict=True):
        if met:
            rest.update(dict.fromkeys(condition.names, rule.points))
    totals = []
    for one in tried:
        gained = [worth[name][value] for name, value in one.items()]
        fit = stand.fit - sum(rest[name] for name in one)
        totals.append(None if None in gained else fit + sum(points for points in gained if points is not None))
    return totals


_worth_kept: dict[str, Mapping[str, Mapping[Any, int | None]] | None] = {}


def _worth(agreement: Agreement) -> Mapping[str, Mapping[Any, int | None]] | None:
    """What each value worth trying gives of fit, by field; None where a never-rule holds. No answer where a rule reads several fields."""
    if agreement.id not in _worth_kept:
        if len(_worth_kept) >= _KEPT:
            _worth_kept.clear()
        apart = all(len(condition.names) <= 1 for condition in (*agreement.fit, *agreement.never))
        _worth_kept[agreement.id] = {n: _worth_of(agreement, n, v) for n, v in _choices(agreement).items()} if apart else None
    return _worth_kept[agreement.id]


def _worth_of(agreement: Agreement, name: str, values: tuple[Any, ...]) -> Mapping[Any, int | None]:
    rules = [(c.expr, rule.points) for c, rule in zip(agreement.fit, agreement.contract.ready.fit.points, strict=True) if name in c.names]
    asked = [expr.fill_null(False) for expr, _ in rules] + [c.expr.fill_null(False) for c in agreement.never if name in c.names]
    people = pl.DataFrame([pl.Series(name, values, dtype=DTYPES[agreement.contract.fields[name]])])
    said = picked(people, *(expr.alias(str(n)) for n, expr in enumerate(asked))).rows() if asked and values else [() for _ in values]
    return {
        value: None if any(met[len(rules) :]) else sum(points for (_, points), yes in zip(rules, met, strict=False) if yes)
        for value, met in zip(values, said, strict=True)
    }


def _people(seen: Mapping[str, Any], tried: Sequence[Mapping[str, Any]], fields: Mapping[str, FieldType]) -> pl.DataFrame:
    """The made-up people, one a row."""
    columns = [
        pl.Series(name, [one.get(name, value) for one in tried], dtype=DTYPES[fields[name]])
        for name, value in seen.items()
        if name in fields
    ]
    return pl.DataFrame([*columns, pl.Series("_flags", [None] * len(tried), dtype=pl.UInt8)])


def _assignments(choices: Mapping[str, tuple[Any, ...]], seen: Mapping[str, Any], size: int) -> Iterator[dict[str, Any]]:
    """Every way to give `size` fields another value."""
    for names in combinations(choices, size):
        others = [[value for value in choices[name] if value != seen[name]] for name in names]
        for values in product(*others):
            yield dict(zip(names, values, strict=True))


_choices_kept: dict[str, Mapping[str, tuple[Any, ...]]] = {}


def _choices(agreement: Agreement) -> Mapping[str, tuple[Any, ...]]:
    """For each field the values worth trying, from the conditions of fit and never."""
    if (found := _choices_kept.get(agreement.id)) is None:
        if len(_choices_kept) >= _KEPT:
            _choices_kept.clear()
        types = agreement.contract.fields
        conditions = (*agreement.fit, *agreement.never)
        names = dict.fromkeys(name for condition in conditions for name in sorted(condition.names) if name in types)
        found = _choices_kept[agreement.id] = {name: _told_apart(conditions, name, types[name]) for name in names}
    return found


def _told_apart(conditions: Sequence[Compiled], name: str, kind: FieldType) -> tuple[Any, ...]:
    """The values of a field that conditions tell apart, the first of each kind; all of them where a condition reads other fields too."""
    values, asking = _values(conditions, name, kind), [condition for condition in conditions if name in condition.names]
    if any(len(condition.names) > 1 for condition in asking) or not values:
        return values
    said = picked(pl.DataFrame([pl.Series(name, values, dtype=DTYPES[kind])]), *(c.expr.alias(str(n)) for n, c in enumerate(asking)))
    return tuple(dict(zip(reversed(said.rows()), reversed(values), strict=True)).values())[::-1]


def _values(conditions: Sequence[Compiled], name: str, kind: FieldType) -> tuple[Any, ...]:
    """The values the conditions name, those beside a number or moment, and both of a yes-or-no."""
    if kind == "bool":
        return (True, False)
    named = dict.fromkeys(value for condition in conditions for value in condition.named.get(name, ()))
    if kind in ("int", "number"):
        near = [int(value) + step if kind == "int" else value + step for value in named for step in (0, 1, -1)]
        return tuple(dict.fromkeys(value for value in near if abs(value) < 2**53))
    if kind == "time":
        return tuple(dict.fromkeys(moment for value in named for moment in _beside(value)))
    return tuple(value for value in named if isinstance(value, str))


def _beside(value: Any) -> list[datetime]:
    if not isinstance(value, datetime):
        return []
    try:
        return [value, value + timedelta(days=1), value - timedelta(days=1)]
    except OverflowError:
        return [value]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


# --- signals --------------------------------------------------------------------------------------------------


def _signal_change(agreement: Agreement, stand: Stand) -> list[dict[str, Any]] | None:
    """The fewest further signals that reach the bar and open a next step; empty where nothing is missing, None where three are too few."""
    gap = agreement.contract.ready.intent.at_least * MILLIONTHS - stand.intent
    if gap <= 0 and stand.next_step is not None:
        return []
    plan, offers = plan_of(agreement), _offers(agreement)
    room = {number: _Room(agreement, plan, number, stand) for number in {n for offer in offers for n in offer.heard}}
    for size in range(1, MOST + 1):
        best: tuple[int, tuple[_Offer, ...]] | None = None
        for chosen in islice(combinations_with_replacement(offers, size), _SETS_TRIED):
            opens = stand.next_step is not None or any(plan.listeners[n].step is not None for offer in chosen for n in offer.heard)
            if opens and (gained := _gain(plan, room, chosen)) >= gap and (best is None or gained < best[0]):
                best = gained, chosen
        if best is not None:
            return _told(agreement, plan, room, best[1])
    return None


class _Room:
    """How much of further signals a rule would count now: what its cap leaves of today, and how far its run has come."""

    def __init__(self, agreement: Agreement, plan: Plan, number: int, stand: Stand) -> None:
        listener = plan.listeners[number]
        times: Sequence[int] = stand.heard[number]["times"] if number in stand.heard else ()
        self.points = listener.points * MILLIONTHS
        self.left, self.needed = MOST, 0
        if listener.cap is not None:
            scoring = _scoring(times, listener.run)
            self.left = max(0, listener.cap.times - (_in_period(agreement, listener.cap.per, scoring, stand.at) if scoring else 0))
        if listener.run is not None:
            many, within = listener.run
            at = (stand.at - _EPOCH) // timedelta(microseconds=1)
            self.needed = max(0, many - 1 - sum(at - when <= within for when in times))

    def gain(self, many: int) -> int:
        """What `many` further signals add, in millionths."""
        return self.points * max(0, min(many - self.needed, self.left))


def _scoring(times: Sequence[int], run: tuple[int, int] | None) -> list[int]:
    """Those that complete a run (`times` ascending); all of them without one."""
    if run is None:
        return list(times)
    many, within = run
    return [when for n, when in enumerate(times) if n >= many - 1 and when - times[n - many + 1] <= within]


def _in_period(agreement: Agreement, per: str, times: Sequence[int], at: datetime) -> int:
    """How many of the moments lie in the day or week of `at`, on the clocks of the contract's calendar."""
    zone = ZoneInfo(agreement.contract.calendar.timezone)

    def period(moment: datetime) -> Any:
        day = moment.astimezone(zone).date()
        return day if per == "day" else day - timedelta(days=day.weekday())

    now = period(at)
    return sum(period(_EPOCH + timedelta(microseconds=when)) == now for when in times)


def _gain(plan: Plan, room: Mapping[int, _Room], chosen: Sequence[_Offer]) -> int:
    heard = Counter(number for offer in chosen for number in offer.heard)
    return sum(room[number].gain(many) for number, many in heard.items())


def _told(agreement: Agreement, plan: Plan, room: Mapping[int, _Room], chosen: Sequence[_Offer]) -> list[dict[str, Any]]:
    """Each signal with what it adds to those before it."""
    found, before = [], 0
    for n, offer in enumerate(chosen):
        gained = _gain(plan, room, chosen[: n + 1])
        steps = [step for number in offer.heard if (step := plan.listeners[number].step) is not None]
        opens = agreement.contract.ready.next_step[min(steps)].step if steps else None
        points = (gained - before) / MILLIONTHS
        found.append({"part": "signal", "on": offer.kind, "fields": dict(offer.fields), "points": points, "opens": opens})
        before = gained
    return found


_offers_kept: dict[str, tuple[_Offer, ...]] = {}


def _offers(agreement: Agreement) -> tuple[_Offer, ...]:
    """The signals worth trying: of all that the same rules hear, the one with the fewest fields."""
    if (found := _offers_kept.get(agreement.id)) is None:
        if len(_offers_kept) >= _KEPT:
            _offers_kept.clear()
        kinds = dict.fromkeys(listener.on for listener in plan_of(agreement).listeners)
        found = _offers_kept[agreement.id] = tuple(offer for kind in kinds for offer in _offers_of(agreement, kind))
    return found


def _offers_of(agreement: Agreement, kind: str) -> Iterator[_Offer]:
    plan, ready = plan_of(agreement), agreement.contract.ready
    fields = fields_of(kind, agreement.contract.signals) or {}
    kinds = [*(rule.on for rule in ready.intent.points), *(rule.on for rule in ready.next_step)]
    rules = zip(kinds, (*agreement.intent, *agreement.next_step), strict=True)
    conditions = [compiled for on, compiled in rules if on == kind and compiled is not None]
    names = dict.fromkeys(name for condition in conditions for name in sorted(condition.names))
    options = [(None, *_values(conditions, name, fields[name])) for name in names]
    made = [dict(zip(names, values, strict=True)) for values in islice(product(*options), _OFFERED)]
    made.sort(key=lambda one: sum(value is not None for value in one.values()))
    types = {name: agreement.signal_fields[name] for name in agreement.signal_fields}
    heard = _heard(plan, kind, as_frame(made, types))
    seen: set[tuple[int, ...]] = set()
    for one, numbers in zip(made, heard, strict=True):
        if numbers and numbers not in seen:
            seen.add(numbers)
            yield _Offer(kind, {name: _plain(value) for name, value in one.items() if value is not None}, numbers)


def _heard(plan: Plan, kind: str, fields: pl.DataFrame) -> list[tuple[int, ...]]:
    """Which listeners hear each of the made-up signals, by the plan's own expressions."""
    moment = pl.lit(0).cast(DTYPES["time"])
    base = [pl.lit("x").alias("person_id"), pl.lit(0).alias("signal"), pl.lit(kind).alias("kind"), moment.alias("occurred_at")]
    asked = added(fields, *base) if fields.width else pl.select(*base)
    said = picked(asked, *plan.signal).drop("person_id", "signal", "_occurred")
    # A click that waits for scanners opens nothing now, and gives nothing.
    at_once = [listener.delay == 0 for listener in plan.listeners]
    return [tuple(number for number, met in enumerate(row) if met and at_once[number]) for row in said.iter_rows()]
