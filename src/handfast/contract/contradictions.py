"""What a contract says in vain: conditions nobody can meet, rules that others make idle, bars beyond what the rules can give together.

Only what is certain is said: the regions of `contract.logic` are never smaller than the truth, and where patience runs out nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from handfast.contract.check import Check
from handfast.contract.logic import Logic, Side, logic_of
from handfast.contract.place import Path
from handfast.contract.regions import EVERYTHING, Patience, Region, Texts
from handfast.contract.signals import fields_of
from handfast.contract.terms import FieldType, NeedTerm, Span
from handfast.problem import Problem

#: Boxes compared for one contract; about a second at most.
_PATIENCE: Final = 200_000
#: Sets of fit rules that are tried for the highest score.
_SCORES: Final = 2_000
_MEND: Final = "Check its values: no single answer can meet all of them."


def contradictions(check: Check, sla_fields: Mapping[str, FieldType], by_hand: str) -> list[Problem]:
    """Everything said in vain. For contracts whose conditions compile.

    `sla_fields`: what SLAs read besides the declared fields; `by_hand`: the next step of handoffs that no next step led to.
    """
    return list(_Reason(check, sla_fields, by_hand).problems())


class _Reason:
    """One contract, its conditions as regions made on first use."""

    def __init__(self, check: Check, sla_fields: Mapping[str, FieldType], by_hand: str) -> None:
        self.by_hand = by_hand
        self.check = check
        self.contract = check.contract
        self.patience = Patience(_PATIENCE)
        self.sla_fields = {**check.contract.fields, **sla_fields}
        self._logic: dict[tuple[str, str], Logic | None] = {}
        self._regions: dict[tuple[str, str, Side], Region] = {}

    def problems(self) -> Iterator[Problem]:
        yield from self._vain()
        yield from self._never_reasons()
        yield from self._territories()
        yield from self._slas()
        yield from self._next_steps()
        yield from self._fit_bar()

    def region(self, text: str | None, side: Side, kind: str = "") -> Region:
        """Of a condition on people, on a signal of some kind, or (`kind` sla) on a handoff. Without a condition: always true."""
        if text is None:
            return EVERYTHING if side in ("true", "not_false") else ()
        if (text, kind, side) not in self._regions:
            logic = self._logic_of(text, kind)
            self._regions[text, kind, side] = logic.region(side) if logic is not None else EVERYTHING
        return self._regions[text, kind, side]

    def _logic_of(self, text: str, kind: str) -> Logic | None:
        if (text, kind) not in self._logic:
            signals = self.contract.signals
            fields = self.contract.fields if not kind else self.sla_fields if kind == "sla" else fields_of(kind, signals) or {}
            self._logic[text, kind] = logic_of(text, fields, self.patience, countries=kind in ("", "sla"))
        return self._logic[text, kind]

    def never(self, *regions: Region) -> bool:
        """Whether it is certain that nobody is in all of them."""
        found = EVERYTHING
        for region in regions:
            found = self.patience.meet(found, region)
        return not found

    # --- conditions nobody can meet ---------------------------------------------------------------------------

    def _vain(self) -> Iterator[Problem]:
        for path, text, kind, who in self._conditions():
            if self.never(self.region(text, "true", kind)):
                yield self.check.problem(path, f"{who}: the condition can never be true", _MEND)

    def _conditions(self) -> Iterator[tuple[Path, str, str, str]]:
        ready = self.contract.ready
        fit: Path = ("ready", "fit", "points")
        yield from (((*fit, n, "when"), rule.when, "", "nobody ever gets these points") for n, rule in enumerate(ready.fit.points))
        kept: Path = ("routing", "never")
        for path, rules, who in ((("ready", "fit", "never"), ready.fit.never, "excludes"), (kept, self.contract.routing.never, "keeps")):
            yield from (((*path, n, "when"), rule.when, "", f"this {who} nobody") for n, rule in enumerate(rules))
        for n, intent in enumerate(ready.intent.points):
            if intent.when is not None:
                yield ("ready", "intent", "points", n, "when"), intent.when, intent.on, "no signal ever gives these points"
        for n, step in enumerate(ready.next_step):
            if step.when is not None:
                yield ("ready", "next_step", n, "when"), step.when, step.on, "no signal ever opens this step"
        for name, role in (ready.account.roles if ready.account else {}).items():
            yield ("ready", "account", "roles", name), role, "", f"nobody can fill the role '{name}'"
        canary = self.contract.canary
        yield from [(("canary", "when"), canary.when, "", "this version holds for nobody")] if canary and canary.when else []
        for n, touch in enumerate(self.contract.touches):
            if touch.when is not None:
                yield ("touches", n, "when"), touch.when, touch.on, "no signal is ever this touch"
        for n, territory in enumerate(self.contract.routing.territories):
            yield ("routing", "territories", n, "when"), territory.when, "", f"nobody can fall into '{territory.name}'"
            yield from _needs(("routing", "territories", n), territory.needs)
        for name, pool in self.contract.routing.pools.items():
            yield from _needs(("routing", "pools", name), pool.needs)

    def _never_reasons(self) -> Iterator[Problem]:
        """A reason that nobody is ever given: rules above exclude everybody it is about, and the first that holds gives the reason."""
        listed = self.contract.ready.fit.never
        for n, rule in enumerate(listed):
            mine = self.region(rule.when, "true")
            if self.patience.spent:
                return
            above = [(other.reason, self.region(other.when, "not_true")) for other in listed[:n]]
            if mine and (by := self._idle(mine, above)) is not None:
                what = f"nobody is ever excluded for '{rule.reason}': {by}, and the first that holds gives the reason"
                yield self.check.problem(("ready", "fit", "never", n, "when"), what, "Put it higher up, or drop it.")

    # --- lists in which the first holds -----------------------------------------------------------------------

    def _territories(self) -> Iterator[Problem]:
        listed = self.contract.routing.territories
        never = [self.region(rule.when, "not_true") for rule in self.contract.ready.fit.never]
        for n, territory in enumerate(listed):
            mine, path = self.region(territory.when, "true"), ("routing", "territories", n, "when")
            if self.patience.spent:
                return  # Nothing more would follow.
            if self.never(mine):
                continue  # Said already.
            above = [(other.name, self.region(other.when, "not_true")) for other in listed[:n]]
            if (by := self._idle(mine, above)) is not None:
                what = f"'{territory.name}' never gets anybody: {by}, and the first that holds claims the person"
                yield self.check.problem(path, what, "Put it higher up, or narrow what stands above it.")
            elif self.never(mine, *never):
                what = f"'{territory.name}' never gets anybody: a never-rule excludes all it claims"
                yield self.check.problem(path, what, "Drop the territory, or the never-rule.")

    def _slas(self) -> Iterator[Problem]:
        # A handoff that somebody opened by hand may have a next step that no rule leads to.
        steps = frozenset([*(step.step for step in self.contract.ready.next_step), self.by_hand])
        asked: Region = ({"next_step": Texts(only=steps)},)
        listed = self.contract.sla
        for n, sla in enumerate(listed):
            mine, path = self.patience.meet(asked, self.region(sla.when, "true", "sla")), ("sla", n, "when" if sla.when else "name")
            if not mine:
                yield self.check.problem(path, f"the SLA '{sla.name}' never holds: its condition can never be true", _MEND)
                continue
            if self.patience.spent:
                return
            if any(other.when is None for other in listed[:n]):
                continue  # The one without a condition is told of itself.
            above = [(other.name, self.region(other.when, "not_true", "sla")) for other in listed[:n]]
            if (by := self._idle(mine, above)) is not None:
                what = f"the SLA '{sla.name}' never holds: {by}, and the first that holds counts"
                yield self.check.problem(path, what, "Put it higher up, or narrow what stands above it.")

    def _next_steps(self) -> Iterator[Problem]:
        listed = self.contract.ready.next_step
        for n, step in enumerate(listed):
            mine = self.region(step.when, "true", step.on)
            if self.patience.spent:
                return
            for other in listed[:n]:
                longer = other.on == step.on and _minutes(other.within) >= _minutes(step.within)
                if mine and longer and self.never(mine, self.region(other.when, "not_true", step.on)):
                    what = f"'{step.step}' is never reached here: '{other.step}' above it hears the same signals, and for as long"
                    yield self.check.problem(("ready", "next_step", n), what, "Put it higher up, or drop it.")
                    break

    def _idle(self, mine: Region, above: Sequence[tuple[str, Region]]) -> str | None:
        """Which of those above take everything: one alone if one does, else all that are needed together."""
        for name, rest in above:
            if self.patience.spent:
                return None
            if self.never(mine, rest):
                return f"'{name}' above it takes all of it"
        left, named = mine, []
        for name, rest in above:
            smaller = self.patience.meet(left, rest)
            if smaller != left:
                named.append(f"'{name}'")
            left = smaller
            if not left:
                return f"{', '.join(named[:-1])} and {named[-1]} above it together take all of it"
        return None

    # --- bars -------------------------------------------------------------------------------------------------

    def _fit_bar(self) -> Iterator[Problem]:
        fit = self.contract.ready.fit
        most = sum(rule.points for rule in fit.points if rule.points > 0)
        if most < fit.at_least:
            return  # Said already, without any logic.
        found = self._most_fit()
        if found is not None and found < fit.at_least:
            what = f"nobody can have {fit.at_least} fit points: the rules that can be met together give at most {found}"
            yield self.check.problem(("ready", "fit", "at_least"), what, f"Ask for {found} at most, or add rules.")

    def _most_fit(self) -> int | None:
        """The highest sum of points of rules that one person can meet, by branch and bound; None where there are too many sets to try."""
        fit = self.contract.ready.fit
        rules = sorted(((rule.points, self.region(rule.when, "true")) for rule in fit.points if rule.points > 0), key=lambda rule: -rule[0])
        start = EVERYTHING
        for rule in fit.never:
            start = self.patience.meet(start, self.region(rule.when, "not_true"))
        left = [sum(points for points, _ in rules[n:]) for n in range(len(rules) + 1)]
        best, tried, waiting = 0, 0, [(0, 0, start)]
        while waiting:
            n, points, region = waiting.pop()
            best, tried = max(best, points), tried + 1
            if tried > _SCORES:
                return None
            if n == len(rules) or points + left[n] <= best:
                continue
            waiting.append((n + 1, points, region))
            if both := self.patience.meet(region, rules[n][1]):
                waiting.append((n + 1, points + rules[n][0], both))
        return best


def _needs(path: Path, needs: Sequence[NeedTerm]) -> Iterator[tuple[Path, str, str, str]]:
    for n, need in enumerate(needs):
        if need.when is not None:
            yield (*path, "needs", n, "when"), need.when, "", f"nobody ever needs '{need.skill}' here"


def _minutes(span: Span) -> int:
    return span.minutes
