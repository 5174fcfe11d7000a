"""Who gets a handoff: precedence first, then eligibility, then fairness; each rung tried leaves a line of working.

The ladder of the contract is climbed rung by rung: the owner of a named account, the territory that claims the person, the pool for
everybody else. A rung that has nobody to give it to passes on to the next; after the last one the handoff stands in the exception
queue, which has a clock. It is never given silently to anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Pool, Routing
from handfast.routing.ownership import Claim, territories
from handfast.routing.roster import NOBODY, Reason, Roster, Turn, because, eligible
from handfast.routing.rotation import Draw, Place, draw

__all__ = ["Assignment", "Case", "Claim", "Reason", "Roster", "Turn", "assign", "eligible", "territories"]

Rule = Literal["named_account", "territory", "pool", "reassign", "exception"]
#: One rung of the working, JSON-ready: `rung`, `result` (chosen, passed, nobody, held), `because`, and where they apply
#: `pool`, `territory`, `unknown`, `owner`, `taker`, `waiting`, `skipped`.
Rung = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What routing must know of a handoff: nothing but who may have a claim on it."""

    handoff_id: str
    account_owner: str | None = None
    territory: str | None = None
    unknown_territories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Owner, the rule that chose, and the working.

    `owner` None: the exception queue, and `rule` is `exception`. `pool`: whose rotation gave it. `counts`: whether it was a turn of
    that rotation; what belongs to somebody by ownership is not. `working`: the rungs tried, in order.
    """

    owner: str | None
    rule: Rule
    pool: str | None
    counts: bool
    working: tuple[Rung, ...]

    @property
    def because(self) -> str:
        """The last word of the working, one sentence."""
        return str(self.working[-1]["because"])


class _Given(NamedTuple):
    """What one rung came to: its line of working and, where it chose, the owner."""

    rung: Rung
    owner: str | None = None
    pool: str | None = None


class _Ask(NamedTuple):
    """One climb of the ladder: what is asked, of whom, and which pools have been asked already."""

    routing: Routing
    case: Case
    roster: Roster
    at: datetime
    exclude: frozenset[str]
    tried: set[str]


def assign(
    agreement: Agreement,
    case: Case,
    roster: Roster,
    at: datetime,
    *,
    exclude: frozenset[str] = NOBODY,
    start_pool: str | None = None,
) -> Assignment:
    """Decides the owner of one handoff and enters the decision in the roster.

    Args:
        agreement: the contract in force.
        case: the handoff and the claims on it.
        roster: the working copy; the owner's open handoffs and the pool's turns are changed in it.
        at: the moment of the decision, UTC.
        exclude: reps who may not get it.
        start_pool: for reassigning: only this pool (or rep) is asked, and the rule is `reassign`. With nobody there to take it, the
            answer is the exception, and it is the caller's to leave the handoff where it is.

    Raises:
        ValueError: the case names a territory that this contract does not have.
    """
    ask = _Ask(agreement.contract.routing, case, roster, at, exclude, set())
    working: list[Rung] = []
    for rule, given in _climb(ask, start_pool):
        working.append(given.rung)
        if given.owner is not None:
            roster.took(given.owner)
            return Assignment(given.owner, rule, given.pool, given.pool is not None, tuple(working))
    working.append({"rung": "exception", "result": "held", "because": _held(working)})
    return Assignment(None, "exception", None, False, tuple(working))


def _climb(ask: _Ask, start_pool: str | None) -> Iterator[tuple[Rule, _Given]]:
    """The rungs, one at a time: what stands above the rung that chose is never asked."""
    if start_pool is not None:
        yield "reassign", _to("reassign", start_pool, ask)
        return
    for rung in ask.routing.ladder:
        match rung:
            case "named_account":
                yield rung, _named_account(ask)
            case "territory":
                yield rung, _territory(ask)
            case "pool":
                yield rung, _default_pool(ask)


def _named_account(ask: _Ask) -> _Given:
    if ask.case.account_owner is None:
        return _Given({"rung": "named_account", "result": "passed", "because": "No rep owns the account."})
    return _to_rep("named_account", ask.case.account_owner, ask, "owns the account")


def _territory(ask: _Ask) -> _Given:
    case = ask.case
    given = _claimed(ask)
    if case.territory is not None:
        given.rung["territory"] = case.territory
    if case.unknown_territories:
        given.rung["unknown"] = list(case.unknown_territories)
    return given


def _claimed(ask: _Ask) -> _Given:
    case = ask.case
    if case.territory is None:
        unknown = f"; for {_listed(case.unknown_territories)} that could not be known" if case.unknown_territories else ""
        return _Given({"rung": "territory", "result": "passed", "because": f"No territory claims it{unknown}."})
    to = next((territory.to for territory in ask.routing.territories if territory.name == case.territory), None)
    if to is None:
        raise ValueError(f"the contract has no territory '{case.territory}'; the claim was made under another contract")
    return _to("territory", to, ask)


def _default_pool(ask: _Ask) -> _Given:
    name = ask.routing.default
    if name is None:
        return _Given({"rung": "pool", "result": "passed", "because": "The contract names no pool for what nobody claims."})
    if name in ask.tried:
        return _Given({"rung": "pool", "result": "passed", "pool": name, "because": f"Pool '{name}' was asked already."})
    return _to("pool", name, ask)


def _to(rule: str, to: str, ask: _Ask) -> _Given:
    """Gives it to the pool of this name, else to the rep."""
    if (pool := ask.routing.pools.get(to)) is None:
        return _to_rep(rule, to, ask, f"is named by this {rule}")
    ask.tried.add(to)
    drawn = draw(to, pool, ask.roster, ask.at, ask.exclude)
    skipped = [_skip(rep, reason, pool, ask) for rep, reason in drawn.skipped]
    taker = drawn.taker
    if taker is None:
        return _Given(
            {"rung": rule, "result": "nobody", "pool": to, "because": f"Nobody in pool '{to}' can take it now.", "skipped": skipped}
        )
    rung: Rung = {
        "rung": rule,
        "result": "chosen",
        "pool": to,
        "owner": taker.rep,
        "because": _turn_of(taker, drawn, to, ask.roster),
        "taker": _standing(taker),
        "waiting": [_standing(place) for place in drawn.waiting],
        "skipped": skipped,
    }
    return _Given(rung, taker.rep, to)


def _to_rep(rule: str, rep: str, ask: _Ask, why: str) -> _Given:
    name, pool = ask.roster.name(rep), _roomiest(ask.routing, rep)
    if (reason := eligible(rep, ask.roster, pool, ask.at, ask.exclude)) is None:
        return _Given({"rung": rule, "result": "chosen", "owner": rep, "because": f"{name} {why}."}, rep)
    skip = _skip(rep, reason, pool, ask)
    return _Given({"rung": rule, "result": "nobody", "because": f"{name} {why}, but cannot take it.", "skipped": [skip]})


def _roomiest(routing: Routing, rep: str) -> Pool | None:
    """Of the pools a rep is a member of, the one with the largest capacity; None where any has none, or there is no pool.

    A capacity is a promise to the rep, so ownership does not break it; with several, the widest is the promise they cannot do without.
    """
    pools = [pool for pool in routing.pools.values() if rep in pool.members]
    if not pools or any(pool.cap is None for pool in pools):
        return None
    return max(pools, key=lambda pool: pool.cap or 0)


def _turn_of(taker: Place, drawn: Draw, pool: str, roster: Roster) -> str:
    name = roster.name(taker.rep)
    if not drawn.waiting:
        return f"{name} is the only one in pool '{pool}' who can take it now."
    return f"It is {name}'s turn in pool '{pool}': of {len(drawn.waiting) + 1} in line, theirs comes first."


def _standing(place: Place) -> Rung:
    return {"rep": place.rep, "turns": place.turns, "weight": place.weight, "after": round(place.after, 6)}


def _skip(rep: str, reason: Reason, pool: Pool | None, ask: _Ask) -> Rung:
    return {"rep": rep, "reason": reason, "because": because(reason, rep, ask.roster, pool, ask.at)}


def _held(working: list[Rung]) -> str:
    """Why nobody got it: the word of the last rung that had somebody to ask, with what those said."""
    asked = [rung for rung in working if rung["result"] == "nobody"]
    if not asked:
        return "It stands in the exception queue: " + " ".join(rung["because"] for rung in working)
    reasons = " ".join(skip["because"] for skip in asked[-1]["skipped"][:3])
    return f"It stands in the exception queue: {asked[-1]['because']} {reasons}"


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
