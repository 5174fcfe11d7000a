"""The worked examples of a contract, read: what is given, what is expected, and what is wrong with either.

given:  {person: {employees: 800}, signals: [{kind: form_submitted, form: demo, ago: 10 minutes}], owner: ana, at: 2026-03-02 10:00}
expect: {verdict: ready, owner: ana, first_touch: 5 minutes}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from handfast.contract.countries import COUNTRY, country
from handfast.contract.frames import as_frame
from handfast.contract.place import KEY, Locator, Path
from handfast.contract.signals import STANDARD, fields_of
from handfast.contract.terms import MINUTES_IN, Contract, Duration, Example, FieldType, Span
from handfast.problem import Problem, one_of

#: When an example happens that does not say: a Monday morning, by the clock of the contract's own calendar.
DEFAULT_AT: Final = "2026-03-02 10:00"
GIVEN: Final = ("person", "signals", "colleagues", "owner", "opportunity", "customer", "parent", "away", "open", "at")
EXPECT: Final = (
    "verdict",
    "fit",
    "intent",
    "next_step",
    "reason",
    "grade",
    "account",
    "owner",
    "pool",
    "territory",
    "rule",
    "sla",
    "first_touch",
    "due",
)
#: The years an example may happen in. Calendars reach further, so that its signals and its clocks stay within what they know.
YEARS: Final = range(1970, 2061)
#: Ten years: how long ago the signals of an example may be.
LONGEST_AGO_MINUTES: Final = 10 * 366 * 1440
VERDICTS: Final = ("ready", "not_yet", "never")
#: The reasons of exclusions (`ready.exclude`).
EXCLUDED: Final = frozenset({"employee", "competitor", "disposable_address", "role_address", "free_mail"})
RULES: Final = ("named_account", "open_opportunity", "customer", "territory", "pool", "exception")

_AT: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T]([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?\Z")
_SPAN: Final[TypeAdapter[Duration]] = TypeAdapter(Span)


@dataclass(frozen=True, slots=True)
class GivenSignal:
    """A signal of an example: its kind, how many minutes before the moment of the example it came, and its own fields."""

    kind: str
    minutes_ago: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What an example is about. `at` is UTC; `away` and `open` are reps who are absent, and how many open handoffs reps already hold."""

    person: Mapping[str, Any]
    signals: tuple[GivenSignal, ...]
    at: datetime
    owner: str | None = None
    away: tuple[str, ...] = ()
    #: Other people of the same account, each with what they did.
    colleagues: tuple[tuple[Mapping[str, Any], tuple[GivenSignal, ...]], ...] = ()
    open: Mapping[str, int] = field(default_factory=dict)
    #: Who owns the account's open opportunity, who won its last one (True: somebody who has left), and who owns the account above it.
    opportunity: str | None = None
    customer: str | bool | None = None
    parent: str | None = None


def _known(person: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is given of a person, a country by its code, as the doors record it."""
    said = dict(person or {})
    return {**said, COUNTRY: country(said[COUNTRY])} if isinstance(said.get(COUNTRY), str) else said


def read_given(contract: Contract, example: Example) -> Given:
    """What the example is about. For contracts that passed `example_problems`; ValueError, KeyError or TypeError for others."""
    given = example.given
    colleagues = tuple((_known(one.get("person")), _signals(one)) for one in given.get("colleagues") or ())
    at = local_time(given.get("at", DEFAULT_AT), contract.calendar.timezone)
    if at is None:
        raise ValueError(f"{given['at']} is no moment")
    return Given(
        person=_known(given.get("person")),
        signals=_signals(given),
        at=at,
        owner=given.get("owner"),
        away=tuple(given.get("away") or ()),
        open=dict(given.get("open") or {}),
        colleagues=colleagues,
        opportunity=given.get("opportunity"),
        customer=given.get("customer"),
        parent=given.get("parent"),
    )


def _signals(given: Mapping[str, Any]) -> tuple[GivenSignal, ...]:
    return tuple(
        GivenSignal(
            kind=signal["kind"],
            minutes_ago=_SPAN.validate_python(signal.get("ago") or "0 minutes").minutes,
            fields={name: value for name, value in signal.items() if name not in ("kind", "ago")},
        )
        for signal in given.get("signals") or ()
    )


def local_time(value: object, zone: str) -> datetime | None:
    """The moment `2026-03-02 10:00` is on the clocks of a zone, in UTC; None for what is no such text."""
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None).isoformat(" ")
    match = _AT.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return datetime(*(int(part) for part in match.groups()), tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError, KeyError, OSError):
        return None


# --- what may be wrong ----------------------------------------------------------------------------------------


def example_problems(contract: Contract, locate: Locator) -> Iterator[Problem]:
    """Everything wrong with the examples of a contract, short of their proof."""
    names: set[str] = set()
    for n, example in enumerate(contract.examples):
        desk = _Desk(contract, locate, ("examples", n))
        if example.name in names:
            yield desk.problem(("name",), f"two examples are called '{example.name}'", "Give each a name of its own.")
        names.add(example.name)
        yield from desk.keys(("given",), example.given, GIVEN)
        yield from desk.keys(("expect",), example.expect, EXPECT)
        if not example.expect:
            yield desk.problem(("expect",), "nothing is expected", "Name at least the verdict: `expect: {verdict: ready}`.")
        yield from desk.person(("given", "person"), example.given.get("person"))
        yield from desk.signals(("given", "signals"), example.given.get("signals"))
        yield from desk.colleagues(example.given.get("colleagues"))
        yield from desk.reps(example.given)
        yield from desk.moment(("given", "at"), example.given.get("at", DEFAULT_AT))
        yield from desk.expected(example.expect)


@dataclass(frozen=True, slots=True)
class _Desk:
    """One example under examination."""

    contract: Contract
    locate: Locator
    path: Path

    def problem(self, path: Path, what: str, fix: str) -> Problem:
        return Problem(self.locate((*self.path, *path)), what, fix)

    def keys(self, path: Path, found: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Problem]:
        name = next(step for step in reversed(path) if isinstance(step, str))
        for key in found:
            if key not in known:
                yield self.problem((*path, key, KEY), f"'{key}' is no part of '{name}'", one_of(known, word=key, most=12))

    def colleagues(self, colleagues: object) -> Iterator[Problem]:
        """Other people of the account, each as the example itself gives one."""
        if colleagues is None:
            return
        path: Path = ("given", "colleagues")
        if not isinstance(colleagues, list | tuple) or not all(isinstance(one, Mapping) for one in colleagues):
            yield self.problem(path, "'colleagues' is not a list of people", "Write it as [{person: {title: CFO}, signals: [...]}].")
            return
        for n, one in enumerate(colleagues):
            yield from self.keys((*path, n), one, ("person", "signals"))
            yield from self.person((*path, n, "person"), one.get("person"))
            yield from self.signals((*path, n, "signals"), one.get("signals"))

    def person(self, path: Path, person: object) -> Iterator[Problem]:
        if person is None:
            return
        if not isinstance(person, Mapping):
            yield self.problem(path, "'person' is not a list of fields", "Write it as {employees: 800, country: US}.")
            return
        known: Mapping[str, FieldType] = {"email": "text", **self.contract.fields}
        yield from self.fields(path, person, known if self.contract.ready.exclude.asks_addresses else self.contract.fields)

    def fields(self, path: Path, found: Mapping[str, Any], known: Mapping[str, FieldType]) -> Iterator[Problem]:
        for name, value in found.items():
            if name not in known:
                yield self.problem((*path, name, KEY), f"'{name}' is not a declared field", one_of(known, word=name))
            elif value is not None and as_frame([{name: value}], {name: known[name]})[name][0] is None:
                yield self.problem((*path, name), f"'{value}' is no {known[name]}, which '{name}' is declared to be", "Correct the value.")

    def signals(self, path: Path, signals: object) -> Iterator[Problem]:
        if signals is None:
            return
        if not isinstance(signals, list | tuple):
            yield self.problem(path, "'signals' is not a list", "Write it as [{kind: page_viewed, path: /pricing, ago: 1 day}].")
            return
        for n, signal in enumerate(signals):
            yield from self.signal((*path, n), signal)

    def signal(self, path: Path, signal: object) -> Iterator[Problem]:
        if not isinstance(signal, Mapping) or not isinstance(signal.get("kind"), str):
            yield self.problem(path, "this signal has no kind", "Write it as {kind: form_submitted, form: demo, ago: 10 minutes}.")
            return
        kind = signal["kind"]
        known = fields_of(kind, self.contract.signals)
        if known is None:
            yield self.problem((*path, "kind"), f"no signal '{kind}' is known", one_of({*STANDARD, *self.contract.signals}, word=kind))
            return
        if (ago := signal.get("ago")) is not None and not _is_span(ago):
            yield self.problem((*path, "ago"), f"'{ago}' is not a duration", "Write it as '10 minutes', '3 hours' or '2 days'.")
        elif ago is not None and _SPAN.validate_python(ago).minutes > LONGEST_AGO_MINUTES:
            what = f"{ago} is longer ago than anybody remembers"
            yield self.problem((*path, "ago"), what, "Write ten years at most, such as '52 weeks'.")
        yield from self.fields(path, {name: value for name, value in signal.items() if name not in ("kind", "ago")}, known)

    def reps(self, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Owner, absent reps, and reps with open handoffs: names only, for the contract does not list all reps."""
        owner, away, holding = given.get("owner"), given.get("away") or (), given.get("open") or {}
        if owner is not None and not isinstance(owner, str):
            yield self.problem(("given", "owner"), "'owner' is not the name of a rep", "Write the id of the rep who owns the account.")
        for key, whose in (("opportunity", "the account's open opportunity"), ("parent", "the account above it")):
            if given.get(key) is not None and not isinstance(given[key], str):
                yield self.problem(("given", key), f"'{key}' is not the name of a rep", f"Write the id of the rep who owns {whose}.")
        if not isinstance(given.get("customer"), str | bool | None):
            fix = "Write true, or the id of the rep who won its last opportunity."
            yield self.problem(("given", "customer"), "'customer' is neither true nor the name of a rep", fix)
        if not isinstance(away, list | tuple) or not all(isinstance(rep, str) for rep in away):
            yield self.problem(("given", "away"), "'away' is not a list of reps", "Write it as [ana, ben].")
        if not isinstance(holding, Mapping) or not all(isinstance(n, int) and n >= 0 for n in holding.values()):
            yield self.problem(("given", "open"), "'open' does not say how many handoffs reps hold", "Write it as {ana: 8}.")

    def moment(self, path: Path, value: object) -> Iterator[Problem]:
        moment = local_time(value, "UTC")
        if moment is not None and moment.year not in YEARS:
            what = f"{value} lies outside the years {YEARS[0]} to {YEARS[-1]}"
            yield self.problem(path, what, "Take a moment of these years: calendars know no others.")
        if moment is None:
            yield self.problem(path, f"'{value}' is no moment", f"Write it as '{DEFAULT_AT}', on the clocks of the contract's calendar.")

    def expected(self, expect: Mapping[str, Any]) -> Iterator[Problem]:
        ready, routing = self.contract.ready, self.contract.routing
        known: Mapping[str, set[str]] = {
            "verdict": set(VERDICTS),
            "next_step": {rule.step for rule in ready.next_step},
            "reason": {rule.reason for rule in ready.fit.never} | EXCLUDED,
            "grade": {letter + digit for letter in ready.grades.fit for digit in ready.grades.intent} if ready.grades else set(),
            "account": {"ready", "not_yet"} if ready.account else set(),
            "rule": set(RULES),
            "pool": set(routing.pools),
            "territory": {territory.name for territory in routing.territories},
            "sla": {sla.name for sla in self.contract.sla},
        }
        for key, allowed in known.items():
            value = expect.get(key)
            if value is not None and not (isinstance(value, str) and value in allowed):
                yield self.problem(("expect", key), f"'{value}' is no {key} of this contract", one_of(allowed, word=str(value)))
        for key in ("fit", "intent"):
            if key in expect and (isinstance(expect[key], bool) or not isinstance(expect[key], int | float)):
                yield self.problem(("expect", key), f"'{expect[key]}' is no number of points", "Write a number.")
        if "first_touch" in expect and not _is_span(expect["first_touch"]):
            yield self.problem(("expect", "first_touch"), f"'{expect['first_touch']}' is not a duration", "Write it as '5 minutes'.")
        if "due" in expect:
            yield from self.moment(("expect", "due"), expect["due"])


def _is_span(value: object) -> bool:
    try:
        return isinstance(value, str) and _SPAN.validate_python(value).unit in MINUTES_IN
    except ValidationError:
        return False
