"""What the terms of pools may get wrong although each is well formed: hours, counters, stickiness, disputes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from handfast.contract.check import Check
from handfast.numbers import short
from handfast.problem import Problem, one_of


def pool_problems(check: Check) -> Iterator[Problem]:
    """Everything said in vain, or against something else, about who takes turns."""
    yield from _hours(check)
    yield from _counters(check)
    yield from _sticky(check)
    if check.contract.routing.disputes_within.minutes == 0:
        yield check.problem(("routing", "disputes_within"), "nobody answers in no time at all", "Write it as '2 days'.")


def _hours(check: Check) -> Iterator[Problem]:
    known = {"team", *check.contract.calendars}
    for name, pool in check.contract.routing.pools.items():
        path = ("routing", "pools", name, "hours")
        if pool.hours == "always":
            yield check.problem(path, "'always' leaves nobody out at any time", "Leave the line out, or name a calendar with hours.")
        elif pool.hours is not None and pool.hours not in known:
            yield check.problem(path, f"there is no calendar '{pool.hours}'", one_of(known, word=pool.hours))


def _counters(check: Check) -> Iterator[Problem]:
    """A counter is shared, and a share is the same in all pools that count together: a turn can only be worth one thing."""
    pools = check.contract.routing.pools
    used = Counter(pool.counter for pool in pools.values() if pool.counter is not None)
    weights: dict[tuple[str, str], tuple[str, float]] = {}
    for name, pool in pools.items():
        if pool.counter is None:
            continue
        if used[pool.counter] == 1:
            what = f"no other pool shares the counter '{pool.counter}'"
            yield check.problem(("routing", "pools", name, "counter"), what, "Give it to another pool too, or leave the line out.")
        for rep, weight in pool.members.items():
            other, before = weights.setdefault((pool.counter, rep), (name, weight))
            if before != weight:
                what = f"{rep} has the share {short(weight)} here and {short(before)} in '{other}', which counts turns together with it"
                yield check.problem(("routing", "pools", name, "members", rep), what, "Give the same share in both, or count apart.")


def _sticky(check: Check) -> Iterator[Problem]:
    for name, pool in check.contract.routing.pools.items():
        if pool.sticky is not None and pool.sticky.minutes == 0:
            yield check.problem(("routing", "pools", name, "sticky"), "nobody comes back in no time at all", "Write it as '90 days'.")
