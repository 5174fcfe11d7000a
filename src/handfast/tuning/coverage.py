"""Coverage of a contract by its examples: which rules no example touches, so that nobody notices when one of them is wrong.

A rule is touched by an example in which it did something: a fit or never rule whose condition held, an intent rule that a signal met, a
next step that was open, a territory, pool or SLA that was chosen, a never-reason that ended the matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from handfast.contract.agreement import Agreement
from handfast.contract.place import Path, dotted
from handfast.contract.terms import Contract
from handfast.tuning.proof import Proof


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the contract: its part (`fit`, `never`, `intent`, `next_step`, `territories`, `pools`, `sla`, `reasons`), what people call
    it, where it stands, and the names of the examples that touch it."""

    part: str
    name: str
    path: Path
    examples: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"part": self.part, "rule": self.name, "path": dotted(self.path), "examples": list(self.examples)}


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every rule, in the order of the contract."""

    rules: tuple[Rule, ...]

    @property
    def untouched(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if not rule.examples)

    def as_json(self) -> dict[str, Any]:
        """`rules`, `touched` (counts), and `untouched` with the part, name and path of each."""
        missed = self.untouched
        return {"rules": len(self.rules), "touched": len(self.rules) - len(missed), "untouched": [rule.as_json() for rule in missed]}


def cover(agreement: Agreement, proofs: Sequence[Proof]) -> Coverage:
    """Which examples touch which rules, from what `proof.prove` decided."""
    touched: dict[Path, list[str]] = {}
    for proof in proofs:
        for path in set(_touched(agreement.contract, proof)):
            touched.setdefault(path, []).append(proof.example)
    return Coverage(tuple(Rule(part, name, path, tuple(touched.get(path, ()))) for part, name, path in _rules(agreement.contract)))


#: Where the rules of a part of the working stand.
_PARTS: Final[Mapping[str, Path]] = {
    "fit": ("ready", "fit", "points"),
    "never": ("ready", "fit", "never"),
    "intent": ("ready", "intent", "points"),
    "next_step": ("ready", "next_step"),
}


def _rules(contract: Contract) -> Iterator[tuple[str, str, Path]]:
    ready, routing = contract.ready, contract.routing
    for n, fit in enumerate(ready.fit.points):
        yield "fit", fit.because or fit.when, (*_PARTS["fit"], n)
    for n, never in enumerate(ready.fit.never):
        yield "never", never.when, (*_PARTS["never"], n)
    for reason in dict.fromkeys(rule.reason for rule in ready.fit.never):
        yield "reasons", reason, _reason(contract, reason)
    for n, rule in enumerate(ready.intent.points):
        yield "intent", f"{rule.on}: {rule.because or rule.when}" if rule.because or rule.when else rule.on, (*_PARTS["intent"], n)
    for n, step in enumerate(ready.next_step):
        yield "next_step", f"{step.step} by {step.on}", (*_PARTS["next_step"], n)
    for n, territory in enumerate(routing.territories):
        yield "territories", territory.name, ("routing", "territories", n)
    for name in routing.pools:
        yield "pools", name, ("routing", "pools", name)
    for n, sla in enumerate(contract.sla):
        yield "sla", sla.name, ("sla", n)


def _reason(contract: Contract, reason: str) -> Path:
    """The place of a never-reason: that of the first rule that gives it."""
    number = next(n for n, rule in enumerate(contract.ready.fit.never) if rule.reason == reason)
    return (*_PARTS["never"], number, "reason")


def _touched(contract: Contract, proof: Proof) -> Iterator[Path]:
    """The places of the rules that did something in one example."""
    for criterion in proof.working["verdict"]["criteria"]:
        if criterion["part"] in _PARTS and criterion["state"] == "met":
            yield (*_PARTS[criterion["part"]], criterion["rule"])
    found = proof.found
    if found.get("reason") in {rule.reason for rule in contract.ready.fit.never}:
        yield _reason(contract, str(found["reason"]))
    if found.get("pool") is not None:
        yield ("routing", "pools", str(found["pool"]))
    for part, key in (("territories", "territory"), ("sla", "sla")):
        rules: Sequence[Any] = contract.routing.territories if part == "territories" else contract.sla
        path: Path = ("routing", "territories") if part == "territories" else ("sla",)
        yield from ((*path, n) for n, rule in enumerate(rules) if rule.name == found.get(key))
