"""Who gets a handoff: precedence first, then eligibility, then fairness; each rung tried leaves a line of working.

The ladder of the contract is climbed rung by rung: what goes to nobody by itself, the owner of a named account, the owner of an open
opportunity, whoever looks after customers, the territory that claims the person, the pool for everybody else. A rung that has nobody to
give it to passes on to the next; after the last one the handoff stands in the exception queue, which has a clock. It is never given
silently to anybody. Where a never-rule of the routing holds, or two reps have a claim and the contract does not say who wins, the climb
ends there: a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from handfast.contract import terms_routing
from handfast.contract.agreement import Agreement
from handfast.contract.terms import Pool, Routing
from handfast.readiness.words import listed
from handfast.routing import owners
from handfast.routing.line import Turn
from handfast.routing.owners import Holder
from handfast.routing.ownership import Case, Claim
from handfast.routing.roster import AWAY, NOBODY, Reason, Roster, because, eligible
from handfast.routing.rotation import Draw, Place, draw, elsewhere

__all__ = ["Assignment", "Case", "Claim", "Reason", "Roster", "Turn", "assign", "covered", "eligible"]

Rule = Literal["named_account", "open_opportunity", "customer", "territory", "pool", "reassign", "exception"]
#: One rung of the working, JSON-ready: `rung`, `result` (chosen, passed, nobody, barred, conflict, held), `because`, and where they apply
#: `pool`, `territory`, `unknown`, `owner`, `taker`, `waiting`, `skipped`, `read` (opportunities, parents: what the claim was read from).
Rung = dict[str, Any]


#: Results after which nobody further is asked: a person decides.
ENDS: Final = frozenset({"barred", "conflict"})


class Assignment(NamedTuple):
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
    def for_person(self) -> bool:
        """Whether nobody gets it by itself: a person decides."""
        return self.owner is None and any(rung["result"] in ENDS for rung in self.working)

    @property
    def because(self) -> str:
        """The last word of the working, one sentence."""
        return str(self.working[-1]["because"])


class _Given(NamedTuple):
    """What one rung came to: its line of working and, where it chose, the owner."""

    rung: Rung
    owner: str | None = None
    pool: str | None = None
    counts: bool = True


#: A rung that passes on, where nobody will read why.
_ON: Final = _Given({"result": "passed", "because": ""})


class _Ask(NamedTuple):
    """One climb of the ladder: what is asked, of whom, and which pools have been asked already."""

    routing: Routing
    #: Territory to the pool or rep it sends to.
    lands: Mapping[str, str]
    case: Case
    roster: Roster
    at: datetime
    exclude: frozenset[str]
    tried: set[str]
    #: Whether the working is told whole: who was skipped, who waits in line.
    told: bool = True


def assign(
    agreement: Agreement,
    case: Case,
    roster: Roster,
    at: datetime,
    *,
    exclude: frozenset[str] = NOBODY,
    start_pool: str | None = None,
    told: bool = True,
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
        told: False where nobody will read the working (a replay of years): it then names rungs and owners only. The decision is the same.

    Raises:
        ValueError: the case names a territory that this contract does not have.
    """
    roster.under(agreement.contract)
    ask = _Ask(agreement.contract.routing, agreement.lands, case, roster, at, exclude, set(), told)
    working: list[Rung] = []
    # The rungs, one at a time: what stands above the rung that chose is never asked.
    rungs: Sequence[terms_routing.Rung | Literal["reassign"]] = ask.routing.ladder if start_pool is None else ("reassign",)
    for rung in rungs:
        given = _RUNGS[rung](ask) if start_pool is None else _to("reassign", start_pool, ask)
        if given is _ON:
            continue
        rule: Rule = "exception" if rung == "never" else rung
        working.append(given.rung)
        if given.owner is not None:
            roster.took(given.owner, at)
            return Assignment(given.owner, rule, given.pool, given.pool is not None and given.counts, tuple(working))
        if given.rung["result"] in ENDS:
            break
    working.append({"rung": "exception", "result": "held", "because": _held(working) if told else ""})
    return Assignment(None, "exception", None, False, tuple(working))


def _never(ask: _Ask) -> _Given:
    """What the contract keeps from everybody. Whom readiness bars never comes this far."""
    case = ask.case
    if not ask.told and case.never is None:
        return _ON
    if case.never is not None:
        because = f"The contract keeps it from everybody ({case.never}): a person decides."
        rung: Rung = {"rung": "never", "result": "barred", "because": because, "reason": case.never}
    else:
        said = f"; for {listed(case.unknown_never)} that could not be known" if case.unknown_never else ""
        rung = {"rung": "never", "result": "passed", "because": f"Nothing keeps it from being given to anybody{said}."}
    if case.unknown_never:
        rung["unknown"] = list(case.unknown_never)
    return _Given(rung)


def _named_account(ask: _Ask) -> _Given:
    return _held_by("named_account", owners.named_account(ask.case, ask.routing, ask.roster), ask)


def _open_opportunity(ask: _Ask) -> _Given:
    return _held_by("open_opportunity", owners.open_opportunity(ask.case, ask.routing, ask.roster), ask)


def _held_by(name: str, holder: Holder, ask: _Ask) -> _Given:
    """To whom it belongs, if anybody; with what that was read from."""
    if not ask.told and holder.rep is None and holder.conflict is None:
        return _ON
    if holder.conflict is not None:
        given = _Given({"rung": name, "result": "conflict", "because": holder.conflict})
    elif holder.rep is None:
        given = _Given({"rung": name, "result": "passed", "because": holder.passed})
    else:
        given = _to_rep(name, holder.rep, ask, holder.why)
    if holder.read and ask.told:
        given.rung["read"] = _read(holder.read)
    return given


def _read(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a claim was read from, JSON-ready: companies and opportunities as mappings."""
    return {name: [one._asdict() for one in what] if isinstance(what, tuple) else what for name, what in found.items()}


def _customer(ask: _Ask) -> _Given:
    """Those who look after a customer, one after the other; whom one of them was skipped for is kept."""
    found, passed = owners.of_customer(ask.case, ask.routing, ask.roster)
    if not ask.told and not found:
        return _ON
    skipped: list[Any] = []
    given = _Given({"rung": "customer", "result": "passed", "because": passed})
    for holder in found:
        to_pool = holder.rep is not None and holder.rep in ask.routing.pools
        given = _to("customer", holder.rep or "", ask) if to_pool else _held_by("customer", holder, ask)
        if ask.told:
            given.rung["read"] = _read(holder.read)
        skipped += given.rung.get("skipped", ())
        if given.owner is not None or given.rung["result"] in ENDS:
            break
    if skipped:
        given.rung["skipped"] = skipped
    return given


def _territory(ask: _Ask) -> _Given:
    case = ask.case
    if not ask.told and case.territory is None:
        return _ON
    given = _claimed(ask)
    if case.territory is not None:
        given.rung["territory"] = case.territory
    if case.unknown_territories:
        given.rung["unknown"] = list(case.unknown_territories)
    return given


def _claimed(ask: _Ask) -> _Given:
    case = ask.case
    if case.territory is None:
        unknown = f"; for {listed(case.unknown_territories)} that could not be known" if case.unknown_territories else ""
        return _Given({"rung": "territory", "result": "passed", "because": f"No territory claims it{unknown}."})
    to = ask.lands.get(case.territory)
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


_RUNGS: Final[Mapping[str, Callable[[_Ask], _Given]]] = {
    "never": _never,
    "named_account": _named_account,
    "open_opportunity": _open_opportunity,
    "customer": _customer,
    "territory": _territory,
    "pool": _default_pool,
}


def _to(rule: str, to: str, ask: _Ask) -> _Given:
    """Gives it to the pool of this name, else to the rep."""
    if (pool := ask.routing.pools.get(to)) is None:
        return _to_rep(rule, to, ask, f"is named by this {rule}")
    ask.tried.add(to)
    needs, covers = _needs(rule, to, ask), None
    if pool.sticky is not None:
        back, covers = _back(rule, to, pool, ask, needs)
        if back is not None:
            return back
    drawn = draw(to, pool, ask.roster, ask.at, ask.exclude, needs, elsewhere(to, ask.routing.pools) if pool.counter else NOBODY)
    if drawn.rep is not None and not ask.told:
        return _Given({"rung": rule, "result": "chosen", "pool": to, "owner": drawn.rep}, drawn.rep, to)
    taker = drawn.taker
    skipped = [_skip(rep, reason, pool, ask, needs) for rep, reason in drawn.skipped]
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
    if covers is not None:
        rung["covers"] = covers
    return _Given(rung, taker.rep, to)


def _needs(rule: str, to: str, ask: _Ask) -> frozenset[str]:
    """The skills asked for by whom it goes to, and by the territory that sends it there."""
    if not ask.case.needs:
        return NOBODY
    asked = ask.case.needs.get(to, NOBODY)
    return asked | ask.case.needs.get(f"territory:{ask.case.territory}", NOBODY) if rule == "territory" else asked


def _back(rule: str, to: str, pool: Pool, ask: _Ask, needs: frozenset[str]) -> tuple[_Given | None, Rung | None]:
    """To the member who had this person last, where the pool is sticky and they can take it: it is theirs, and no turn.

    Where they are away, second: for whom somebody else now covers.
    """
    last = ask.case.last
    if last is None or last[0] not in pool.members or rule == "reassign":
        return None, None
    rep, until = last
    if (ask.at - until).total_seconds() > pool.sticky_minutes * 60:
        return None, None
    if (reason := eligible(rep, ask.roster, pool, ask.at, ask.exclude, needs)) is not None:
        return None, _skip(rep, reason, pool, ask, needs) if reason in AWAY else None
    because = f"They come back, and {ask.roster.name(rep)} had them last, until {until:%Y-%m-%d}."
    rung: Rung = {"rung": rule, "result": "chosen", "pool": to, "owner": rep, "because": because, "sticky": True}
    return _Given(rung, rep, to, counts=False), None


def _to_rep(rule: str, rep: str, ask: _Ask, why: str) -> _Given:
    name, pool = ask.roster.name(rep), ask.roster.promise(ask.routing, rep)
    needs = _needs(rule, rep, ask) if rule == "territory" else NOBODY
    if (reason := eligible(rep, ask.roster, pool, ask.at, ask.exclude, needs)) is None:
        return _Given({"rung": rule, "result": "chosen", "owner": rep, "because": f"{name} {why}."}, rep)
    skip = _skip(rep, reason, pool, ask, needs)
    return _Given({"rung": rule, "result": "nobody", "because": f"{name} {why}, but cannot take it.", "skipped": [skip]})


def _turn_of(taker: Place, drawn: Draw, pool: str, roster: Roster) -> str:
    name = roster.name(taker.rep)
    if not drawn.behind:
        return f"{name} is the only one in pool '{pool}' who can take it now."
    return f"It is {name}'s turn in pool '{pool}': of {drawn.behind + 1} in line, theirs comes first."


def _standing(place: Place) -> Rung:
    return {"rep": place.rep, "turns": place.turns, "weight": place.weight, "after": round(place.after, 6)}


def _skip(rep: str, reason: Reason, pool: Pool | None, ask: _Ask, needs: frozenset[str] = NOBODY) -> Rung:
    return {"rep": rep, "reason": reason, "because": because(reason, rep, ask.roster, pool, ask.at, needs)}


def _held(working: list[Rung]) -> str:
    """Why nobody got it: the word of the last rung that had somebody to ask, with what those said."""
    if working and working[-1]["result"] in ENDS:
        return f"It stands in the exception queue: {working[-1]['because']}"
    asked = [rung for rung in working if rung["result"] == "nobody"]
    if not asked:
        return "It stands in the exception queue: " + " ".join(rung["because"] for rung in working)
    reasons = " ".join(skip["because"] for skip in asked[-1]["skipped"][:3])
    return f"It stands in the exception queue: {asked[-1]['because']} {reasons}"


def covered(assignment: Assignment) -> tuple[str, str] | None:
    """For whom the owner covers, and why that one could not take it; None where nobody has a better claim.

    A better claim has whoever owns the account or its open opportunity, looks after the customer, or had the person last, and is away:
    absent, switched off, not at work. Whoever is full, or lacks a skill, is not covered for: it was not to be theirs.
    """
    if assignment.owner is None:
        return None
    for rung in assignment.working:
        if (by := rung.get("covers")) is not None:
            return str(by["rep"]), str(by["reason"])
        if rung["result"] == "nobody" and rung["rung"] in ("named_account", "open_opportunity", "customer") and "pool" not in rung:
            for skip in rung.get("skipped", ()):
                if skip["reason"] in AWAY and skip["rep"] != assignment.owner:
                    return str(skip["rep"]), str(skip["reason"])
    return None
