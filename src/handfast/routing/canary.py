"""A version that holds for a share: which parties it decides for, and whether it has passed a guardrail."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from handfast.contract.terms import Contract, Guardrails
from handfast.numbers import short

Guardrail = Literal["unassigned", "skew", "assign_p95"]
_PARTS: Final = 100_000


def in_share(contract_id: str, party: str, percent: float) -> bool:
    """Whether a party is among the share: the same for the same version and party, for ever, in every process."""
    place = int.from_bytes(hashlib.sha256(f"{contract_id}\x1f{party}".encode()).digest()[:8], "big") % _PARTS
    return place < percent / 100 * _PARTS


@dataclass(frozen=True, slots=True)
class Figures:
    """What a version on trial has done: its handoffs, those without an owner at first, 95 of 100 had one within so many seconds, turns.

    `taken`: (pool, rep) → turns of its rotation.
    """

    handoffs: int
    unassigned: int
    p95_seconds: float | None
    taken: Mapping[tuple[str, str], int]

    def as_json(self) -> dict[str, Any]:
        taken = {f"{pool}/{rep}": turns for (pool, rep), turns in sorted(self.taken.items())}
        return {"handoffs": self.handoffs, "unassigned": self.unassigned, "p95_seconds": self.p95_seconds, "taken": taken}


@dataclass(frozen=True, slots=True)
class Passed:
    """A guardrail that was passed, and the sentence that says by how much."""

    guardrail: Guardrail
    why: str


def passed(contract: Contract, figures: Figures) -> Passed | None:
    """The first guardrail these figures pass; None while all hold, or while too little has happened to conclude anything."""
    if contract.canary is None or figures.handoffs < contract.canary.guardrails.after:
        return None
    rails = contract.canary.guardrails
    share = 100 * figures.unassigned / figures.handoffs
    if rails.unassigned is not None and share > rails.unassigned:
        found = f"{figures.unassigned} of {figures.handoffs} handoffs ({short(share, 1)}%) found no owner"
        said = f"{found}; at most {short(rails.unassigned)}% may"
        return Passed("unassigned", said)
    if rails.assign_p95 is not None and figures.p95_seconds is not None and figures.p95_seconds > rails.assign_p95.minutes * 60:
        said = f"95 of 100 handoffs had an owner within {figures.p95_seconds / 60:,.0f} minutes; the guardrail is {rails.assign_p95}"
        return Passed("assign_p95", said)
    return _skew(contract, rails, figures)


def _skew(contract: Contract, rails: Guardrails, figures: Figures) -> Passed | None:
    if rails.skew is None:
        return None
    for pool, reps in _by_pool(figures.taken).items():
        members = contract.routing.pools[pool].members if pool in contract.routing.pools else {}
        total, weights = sum(reps.values()), sum(members.values())
        if total < rails.after or len(members) < 2:
            continue
        for rep, turns in reps.items():
            fair = total * members.get(rep, 0.0) / weights
            if fair > 0 and turns > rails.skew * fair and turns - fair > 1:
                share = f"{rep} took {turns} of {total} turns of '{pool}', {turns / fair:.1f} times their share"
                said = f"{share}; at most {short(rails.skew)} times"
                return Passed("skew", said)
    return None


def _by_pool(taken: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (pool, rep), turns in sorted(taken.items()):
        found.setdefault(pool, {})[rep] = turns
    return found


def figures_of(handoffs: int, unassigned: int, p95_seconds: float | None, turns: Sequence[tuple[str, str, int]]) -> Figures:
    return Figures(handoffs, unassigned, p95_seconds, {(pool, rep): number for pool, rep, number in turns})
