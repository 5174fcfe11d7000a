"""A contract with everything in it compiled once: what every room decides by.

`agree` is the only way to one. What does not compile, or contradicts itself (`contract.checks`), is told as Problems, all at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Final

from handfast.contract.calendars import hours_of
from handfast.contract.check import Check
from handfast.contract.checks import checks
from handfast.contract.checks_ladder import list_problems
from handfast.contract.conditions import Compiled, compile_condition
from handfast.contract.contradictions import contradictions
from handfast.contract.lists import entries_of
from handfast.contract.own_hours import REP, hours_of_rep, read
from handfast.contract.place import Locator, Path, by_part
from handfast.contract.signals import fields_of
from handfast.contract.terms import Contract, FieldType, NeedTerm, TouchRule
from handfast.problem import Place, Problem
from handfast.worktime import ALWAYS, Hours

#: What the conditions of an SLA may read besides the contract's own fields.
SLA_FIELDS: Final[Mapping[str, FieldType]] = MappingProxyType({"next_step": "text", "fit": "int", "intent": "number", "source": "text"})

#: The signal of a verdict given by hand: no rule scores it, and it is always a moment to judge at.
OVERRIDDEN: Final = "overridden"
#: The next step of a handoff that was opened by hand where nothing was asked for.
BY_HAND: Final = "by_hand"
#: So many calendars of reps are kept laid out at most.
MOST_REP_HOURS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A skill that a pool, or a territory (`of` is then `territory:NAME`), asks for; `when` None: always."""

    of: str
    skill: str
    when: Compiled | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract and its compiled conditions, in the order of its terms: `agreement.fit[2]` is the condition of `ready.fit.points[2]`.

    `intent`, `next_step` and `sla` hold None for a rule without `when`: it always holds. `kinds` are the kinds of signal at which a
    verdict may change: those any rule listens to, and `OVERRIDDEN`; `signal_fields` the fields of signals that any of them, or an
    exclusion, reads, with their types. `person_fields` are the contract's own, and `email` where an exclusion asks for it. `lands`:
    territory to the pool or rep it sends to. `roles` are the conditions of `ready.account.roles`, in its order. `touches` are those of
    `contract.touches` (None: always); `touch_kinds` the kinds of signal they hear, `touch_fields` what they read of them. `reach`: no
    verdict at a moment depends on signals older than this.
    """

    contract: Contract
    id: str
    fit: tuple[Compiled, ...]
    never: tuple[Compiled, ...]
    intent: tuple[Compiled | None, ...]
    next_step: tuple[Compiled | None, ...]
    never_routed: tuple[Compiled, ...]
    territories: tuple[Compiled, ...]
    lands: Mapping[str, str]
    canary: Compiled | None
    needs: tuple[Asked, ...]
    sla: tuple[Compiled | None, ...]
    kinds: frozenset[str]
    signal_fields: Mapping[str, FieldType]
    person_fields: Mapping[str, FieldType]
    roles: tuple[Compiled, ...]
    touches: tuple[Compiled | None, ...]
    touch_kinds: frozenset[str]
    touch_fields: Mapping[str, FieldType]
    reach: timedelta
    counts_rep_hours: bool
    _hours: Mapping[str, Hours] = field(repr=False, compare=False)
    _rep_hours: dict[str, Hours] = field(default_factory=dict, repr=False, compare=False)

    def hours(self, name: str) -> Hours:
        """The opening hours of a calendar: `team` (the contract's own), `always`, one of `calendars`, or a rep's own as stored with a clock
        (`contract.own_hours`). KeyError for any other."""
        if name == REP:  # nobody owns it yet
            return self._hours["team"]
        if not name.startswith(f"{REP}@"):
            return self._hours[name]
        if (hours := self._rep_hours.get(name)) is None:
            own = read(name)
            assert own is not None
            if len(self._rep_hours) >= MOST_REP_HOURS:  # absences come and go for years
                self._rep_hours.clear()
            hours = self._rep_hours[name] = hours_of_rep(self.contract.calendar, own)
        return hours


def agree(
    contract: Contract, where: Place, locate: Locator | None = None, *, checked: bool = True
) -> tuple[Agreement | None, list[Problem]]:
    """Compiles a contract, or says everything that is wrong with it.

    Args:
        where: what to call the contract in Problems.
        locate: where each term stands, for a contract that was read from a text (`contract.reading`). Without, Problems name the term.
        checked: False for what was agreed already: it is compiled, and not asked what a later Handfast would object to in a new one.
    """
    bench = _Bench(contract, locate or by_part(where))
    ready, routing = contract.ready, contract.routing
    fit = [bench.person(rule.when, "ready", "fit", "points", n, "when") for n, rule in enumerate(ready.fit.points)]
    never = [bench.person(rule.when, "ready", "fit", "never", n, "when") for n, rule in enumerate(ready.fit.never)]
    intent = [bench.signal(rule.on, rule.when, "ready", "intent", "points", n) for n, rule in enumerate(ready.intent.points)]
    steps = [bench.signal(rule.on, rule.when, "ready", "next_step", n) for n, rule in enumerate(ready.next_step)]
    kept = [bench.person(rule.when, "routing", "never", n, "when") for n, rule in enumerate(routing.never)]
    territories = [bench.person(rule.when, "routing", "territories", n, "when") for n, rule in enumerate(routing.territories)]
    needs = tuple(bench.needs())
    sla = [bench.sla(rule.when, "sla", n, "when") for n, rule in enumerate(contract.sla)]
    roles = [bench.person(text, "ready", "account", "roles", name) for name, text in (ready.account.roles if ready.account else {}).items()]
    bench.excluding()
    canary = (
        bench.person(contract.canary.when, "canary", "when") if contract.canary is not None and contract.canary.when is not None else None
    )
    touches, touch_fields = bench.touching(contract.touches)
    if problems := _problems(bench, checked=checked):
        return None, sorted(problems, key=lambda problem: (problem.where.line, problem.where.column))
    return Agreement(
        contract=contract,
        id=contract.id,
        fit=_all(fit),
        never=_all(never),
        intent=tuple(intent),
        next_step=tuple(steps),
        never_routed=_all(kept),
        territories=_all(territories),
        lands=MappingProxyType({territory.name: territory.to for territory in reversed(routing.territories)}),
        canary=canary,
        needs=needs,
        sla=tuple(sla),
        kinds=frozenset([OVERRIDDEN, *(rule.on for rule in ready.intent.points), *(rule.on for rule in ready.next_step)]),
        signal_fields=MappingProxyType(dict(sorted(bench.read.items()))),
        person_fields=MappingProxyType(person_fields(contract)),
        roles=_all(roles),
        touches=tuple(touches),
        touch_kinds=frozenset(rule.on for rule in contract.touches),
        touch_fields=MappingProxyType(touch_fields),
        reach=timedelta(minutes=ready.intent.lookback.minutes, seconds=ready.exclude.scanners.seconds if ready.exclude.scanners else 0),
        counts_rep_hours=REP in _calendars_named(contract),
        _hours=MappingProxyType(_hours(contract)),
    ), []


def _problems(bench: _Bench, *, checked: bool) -> list[Problem]:
    """What is wrong with a contract whose conditions were compiled. What is said in vain is looked for once all else is right."""
    check = Check(bench.contract, bench.locate)
    problems = [*bench.problems, *list_problems(check, bench.listed, bench.lists), *(checks(check) if checked else ())]
    return contradictions(check, SLA_FIELDS, BY_HAND) if checked and not problems else problems


def person_fields(contract: Contract) -> dict[str, FieldType]:
    """What a verdict reads of people: the declared fields, and their address where an exclusion asks for it."""
    return {**contract.fields, **({"email": "text"} if contract.ready.exclude.asks_addresses else {})}


def _all(found: Iterable[Compiled | None]) -> tuple[Compiled, ...]:
    return tuple(compiled for compiled in found if compiled is not None)


def _calendars_named(contract: Contract) -> Iterator[str]:
    """The calendars that Sales' clocks count in."""
    if contract.follow_up is not None:
        yield contract.follow_up.calendar
    for sla in contract.sla:
        yield sla.calendar
        yield from (target.calendar for target in (sla.accept, sla.next_touch, sla.disposition) if target and target.calendar)


def _hours(contract: Contract) -> dict[str, Hours]:
    named = {name: hours_of(calendar) for name, calendar in contract.calendars.items()}
    return {**named, "team": hours_of(contract.calendar), "always": ALWAYS}


class _Bench:
    """Where the conditions of one contract are compiled, one after the other; keeps what was wrong and what was read."""

    def __init__(self, contract: Contract, locate: Locator) -> None:
        self.contract = contract
        self.locate = locate
        self.problems: list[Problem] = []
        self.read: dict[str, FieldType] = {}
        self.lists = {**dict.fromkeys(contract.lists, ()), **entries_of(contract.lists, contract.entries)}
        self.listed: set[str] = set()
        #: A condition on a step that no rule leads to would hold for nobody; whoever was made ready by hand may have asked for nothing.
        self._steps = {"next_step": {BY_HAND, *(rule.step for rule in contract.ready.next_step)}}

    def person(self, text: str, *path: str | int) -> Compiled | None:
        """A condition on what is known of person and account."""
        return self._compile(text, self.contract.fields, path, countries=True)

    def needs(self) -> Iterator[Asked]:
        """What territories and pools ask of whoever takes it."""
        routing = self.contract.routing
        told: list[tuple[str, Path, Sequence[NeedTerm]]] = [
            (f"territory:{territory.name}", ("routing", "territories", n), territory.needs)
            for n, territory in enumerate(routing.territories)
        ]
        told += [(name, ("routing", "pools", name), pool.needs) for name, pool in routing.pools.items()]
        for of, path, needs in told:
            for n, need in enumerate(needs):
                yield Asked(of, need.skill, self.person(need.when, *path, "needs", n, "when") if need.when is not None else None)

    def sla(self, text: str | None, *path: str | int) -> Compiled | None:
        """A condition on a handoff: the person's fields, and what the verdict said."""
        fields = {**self.contract.fields, **SLA_FIELDS}
        return self._compile(text, fields, path, self._steps, countries=True) if text is not None else None

    def signal(self, kind: str, text: str | None, *path: str | int) -> Compiled | None:
        """A condition on a signal of one kind. That nobody knows the kind is said by the checks."""
        fields = fields_of(kind, self.contract.signals)
        if text is None or fields is None:
            return None
        compiled = self._compile(text, fields, (*path, "when"))
        if compiled is not None:
            self.read.update({name: fields[name] for name in compiled.names})
        return compiled

    def touching(self, rules: Iterable[TouchRule]) -> tuple[list[Compiled | None], dict[str, FieldType]]:
        """The conditions of the rules on touches, and the fields they read: these are no part of what a verdict reads."""
        before, self.read = self.read, {}
        compiled = [self.signal(rule.on, rule.when, "touches", n) for n, rule in enumerate(rules)]
        fields, self.read = self.read, before
        return compiled, dict(sorted(fields.items()))

    def excluding(self) -> None:
        """The fields that exclusions read of signals."""
        exclude = self.contract.ready.exclude
        if exclude.asks_agents:
            self.read["user_agent"] = "text"
        if exclude.scanners is not None:
            self.read |= {"campaign": "text", "link": "text"}

    def _compile(
        self,
        text: str,
        fields: Mapping[str, FieldType],
        path: Path,
        values: Mapping[str, Collection[str]] | None = None,
        *,
        countries: bool = False,
    ) -> Compiled | None:
        """`countries`: of people and accounts; what signals say of themselves is kept as it came."""
        where = partial(self.locate, path)
        compiled, problems = compile_condition(text, fields, where, values, self.lists, countries=countries)
        self.problems += problems
        self.listed |= compiled.lists if compiled is not None else {*self.lists}
        return compiled
