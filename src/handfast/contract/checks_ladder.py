"""What the ladder of the routing may get wrong: rungs nobody feeds, terms no rung asks for, a never-rule asked too late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from handfast.contract.check import Check
from handfast.contract.place import KEY
from handfast.problem import Problem, one_of


def ladder_problems(check: Check) -> Iterator[Problem]:
    """Rungs and the terms that belong to them."""
    yield from _rungs(check)
    yield from _asked(check)
    yield from _conflicts(check)


def canary_problems(check: Check) -> Iterator[Problem]:
    """A version for a share of nobody or everybody, or one that nothing would stop."""
    canary = check.contract.canary
    if canary is None:
        return
    if not 0 < canary.share < 100:
        what = "a version for a share holds for some: not for nobody, and not for everybody"
        yield check.problem(("canary", "share"), what, "Write 10%, or drop `canary` where it is to hold for all.")
    rails = canary.guardrails
    if rails.unassigned is None and rails.skew is None and rails.assign_p95 is None:
        fix = "Write `guardrails: {unassigned: 5%, assign_p95: 15 minutes}`."
        yield check.problem(("canary",), "nothing would make this version give way", fix)


def list_problems(check: Check, asked: Collection[str], entries: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Lists whose entries nobody has, and lists nobody asks for. `asked`: those that conditions name."""
    for name, term in check.contract.lists.items():
        if not entries.get(name):
            what = f"the entries of '{name}' are not at hand: {term.file} was not taken in with this text"
            fix = "Keep the file beside the contract's: `handfast contract check`, `draft` and `load` take it in."
            yield check.problem(("lists", name, "file"), what, fix)
        elif name not in asked:
            yield check.problem(
                ("lists", name, KEY), f"no condition asks for the list '{name}'", f"Write `field IN LIST {name}`, or drop it."
            )


def _rungs(check: Check) -> Iterator[Problem]:
    ladder = check.contract.routing.ladder
    for rung, times in Counter(ladder).items():
        if times > 1:
            yield check.problem(("routing", "ladder"), f"'{rung}' stands on the ladder {times} times", "Name each rung once.")
    if not ladder:
        yield check.problem(("routing", "ladder"), "the ladder has no rung, so nobody ever owns anything", "Write [named_account, pool].")
    if "never" in ladder and ladder[0] != "never":
        what = f"'{ladder[0]}' is asked before `never`, so it would get what is to go to nobody"
        yield check.problem(("routing", "ladder"), what, "Put `never` first.")


def _asked(check: Check) -> Iterator[Problem]:
    """A term that no rung asks for says something in vain."""
    routing = check.contract.routing
    if routing.never and "never" not in routing.ladder:
        yield check.problem(("routing", "never"), "no rung asks what goes to nobody", "Add `never` to `ladder`, first of all.")
    if routing.territories and "territory" not in routing.ladder:
        yield check.problem(("routing", "territories"), "no rung asks for territories", "Add `territory` to `ladder`.")
    if routing.default is not None and "pool" not in routing.ladder:
        yield check.problem(("routing", "default"), "no rung asks for the default pool", "Add `pool` to `ladder`.")
    if routing.customers is not None and "customer" not in routing.ladder:
        yield check.problem(("routing", "customers"), "no rung asks for customers", "Add `customer` to `ladder`.")
    if routing.hierarchy != "off" and not {"named_account", "customer"} & {*routing.ladder}:
        what = "no rung asks for the owner of an account, so nobody asks for the one above it"
        yield check.problem(("routing", "hierarchy"), what, "Add `named_account` to `ladder`.")
    known = {*routing.pools, *(member for pool in routing.pools.values() for member in pool.members)}
    if routing.customers is not None and routing.customers not in known:
        what = f"'{routing.customers}' is neither a pool nor a member of one"
        yield check.problem(("routing", "customers"), what, one_of(known, word=routing.customers, most=12))


def _conflicts(check: Check) -> Iterator[Problem]:
    """Who wins is said of claims that can meet."""
    routing = check.contract.routing
    conflicts, ladder = routing.conflicts, {*routing.ladder}
    if conflicts.parent != "person" and routing.hierarchy == "off":
        what = "it is said who wins against the account above, and nobody asks for that"
        yield check.problem(("routing", "conflicts", "parent"), what, "Write `hierarchy: parent` or `ultimate`.")
    if conflicts.opportunity != "person" and not {"named_account", "open_opportunity"} <= ladder:
        what = "it is said who wins between account and opportunity, and the ladder does not ask for both"
        yield check.problem(("routing", "conflicts", "opportunity"), what, "Add `named_account` and `open_opportunity` to `ladder`.")
    if conflicts.opportunities != "person" and "open_opportunity" not in ladder:
        what = "it is said which of several opportunities wins, and no rung asks for opportunities"
        yield check.problem(("routing", "conflicts", "opportunities"), what, "Add `open_opportunity` to `ladder`.")
