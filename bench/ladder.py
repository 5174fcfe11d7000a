"""Routing decisions a second in a replay, the whole ladder: `python -m bench.ladder`.

Six rungs, five pools of ten reps, twelve territories of which two ask lists of 10,000 entries, an owner for one account in ten, an open
opportunity or a won one for one in ten each, parents for one in five. Measured is `tuning.replay_load.routed`, all of it: reading the fields
of each handoff, the conditions of territories and SLAs, claims, eligibility, turns, and the whole working of each decision. Beside it, in the
same run, the least that any router could do: a dictionary look-up of the postcode, then the next of a pool, round and round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import process_time
from typing import Any

import orjson

from handfast.contract.agreement import Agreement, agree
from handfast.contract.lists import pack
from handfast.contract.terms import Contract
from handfast.facts import Rep
from handfast.problem import Place
from handfast.routing.record import Dealt, Record
from handfast.tuning.replay_life import Opening, ReadyRow
from handfast.tuning.replay_load import Crew, routed
from handfast.tuning.replay_past import Chains, Owners

DECISIONS, ROUNDS, ENTRIES = 40_000, 5, 10_000
MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
POOLS = {f"pool-{n}": [f"rep{n * 10 + m}" for m in range(10)] for n in range(5)}
REGIONS = ("US", "FR", "IT", "ES", "GB", "NL", "PL", "SE", "NO", "PT")


def agreement() -> Agreement:
    wests = [f"{number:05}" for number in range(ENTRIES)]
    named = [f"firm{number}.example" for number in range(ENTRIES)]
    lands: list[dict[str, Any]] = [
        {"name": "strategic", "when": "domain IN LIST named", "to": "pool-0"},
        {"name": "west", "when": "country = 'DE' AND postcode IN LIST west", "to": "pool-1"},
    ]
    lands += [
        {"name": f"land-{n}", "when": f"country = '{code}' AND employees >= 50", "to": f"pool-{n % 5}"} for n, code in enumerate(REGIONS)
    ]
    contract = Contract.model_validate(
        {
            "contract": "Northwind",
            "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
            "fields": {"country": "text", "postcode": "text", "domain": "text", "employees": "int", "in_dispute": "bool"},
            "lists": {"west": {"file": "west.csv", "column": "postcode"}, "named": {"file": "named.csv", "column": "domain"}},
            "entries": {"west": pack(wests), "named": pack(named)},
            "ready": {
                "fit": {"at_least": 0},
                "intent": {"at_least": 0},
                "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
            },
            "routing": {
                "ladder": ["never", "named_account", "open_opportunity", "customer", "territory", "pool"],
                "never": [{"when": "in_dispute", "reason": "the lawyers have it"}],
                "hierarchy": "parent",
                "conflicts": {"parent": "account", "opportunity": "opportunity", "opportunities": "latest"},
                "customers": "pool-4",
                "territories": lands,
                "pools": {
                    name: {"members": {rep: 1.0 if n % 3 else 0.5 for n, rep in enumerate(reps)}, "cap": f"{DECISIONS} open"}
                    for name, reps in POOLS.items()
                },
                "default": "pool-3",
            },
            "sla": [{"name": "fast", "when": "employees >= 500", "first_touch": "1 hour"}, {"name": "any", "first_touch": "4 hours"}],
            "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
        }
    )
    agreed, problems = agree(contract, Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


def _draw(number: int, salt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}{number}".encode()).digest()[:4], "big")


def openings() -> list[Opening]:
    found = []
    for number in range(DECISIONS):
        country = "DE" if _draw(number, "de") % 2 else REGIONS[_draw(number, "c") % 10]
        told = {"country": country, "postcode": f"{_draw(number, 'p') % 20_000:05}", "domain": f"firm{_draw(number, 'd') % 200_000}.example",
                "employees": _draw(number, "e") % 1000, "in_dispute": _draw(number, "x") % 100 == 0}  # fmt: skip
        at = MONDAY + number * timedelta(seconds=30)
        fields = orjson.dumps(told).decode()
        row = ReadyRow(number, f"p{number}", f"a{number}", at, at, "demo", 50, 40_000_000, "web", fields, None, 0)
        found.append(Opening(f"a{number}", row, at + timedelta(days=2), "connected", "recorded", None))
    return found


def crew() -> Crew:
    reps = {rep: Rep(rep, rep.title(), f"{rep}@sales.example") for pool in POOLS.values() for rep in pool}
    names, some = list(reps), range(DECISIONS)
    owners = {f"a{n}": names[_draw(n, "o") % 50] for n in some if _draw(n, "own") % 10 == 0}
    deals = {
        f"a{n}": [Dealt(f"o{n}", f"a{n}", None, names[_draw(n, "q") % 50], MONDAY, None, None)] for n in some if _draw(n, "deal") % 10 == 0
    }
    won = {
        f"a{n}": [Dealt(f"w{n}", f"a{n}", None, names[_draw(n, "w") % 50], MONDAY - timedelta(days=60), MONDAY - timedelta(days=1), True)]
        for n in some
        if _draw(n, "won") % 10 == 0
    }
    below = [n for n in some if _draw(n, "up") % 5 == 0]
    owned = Owners({**owners, **{f"g{n}": names[_draw(n, "g") % 50] for n in below}})
    companies = [(f"a{n}", f"a{n}", f"Firm {n}", f"g{n}") for n in below] + [(f"g{n}", f"g{n}", f"Group {n}", None) for n in below]
    return Crew(reps, (), owned, Record({**won, **deals}), Chains(companies, (), owned))


def look_up(asked: list[Opening]) -> None:
    """The least: a hash table and the next of a pool."""
    west = {f"{number:05}": "pool-1" for number in range(ENTRIES)}
    turns = dict.fromkeys(POOLS, 0)
    for one in asked:
        told = orjson.loads(one.row.fields)
        pool = west.get(told["postcode"], "pool-3")
        turns[pool] += 1
        _ = POOLS[pool][turns[pool] % 10]


def main() -> None:
    terms, asked, there = agreement(), openings(), crew()

    def once(work: Callable[[], object]) -> float:
        begun = process_time()
        work()
        return process_time() - begun

    # Turn about: what else the machine is doing slows both alike.
    rounds = [(once(lambda: routed([terms], asked, there, [])), once(lambda: look_up(asked))) for _ in range(ROUNDS)]
    decided, least = median(one for one, _ in rounds), median(other for _, other in rounds)
    best = min(one for one, _ in rounds)
    rules: dict[str, int] = {}
    for one in routed([terms], asked, there, []):
        rules[one.rule] = rules.get(one.rule, 0) + 1
    print(
        f"{DECISIONS / decided:10,.0f} decisions/s, {decided / DECISIONS * 1e6:5.1f} µs each; {decided / least:5.1f} times a bare look-up and round robin; "
        f"{DECISIONS / best:,.0f}/s in the quickest round"
    )
    print("           by " + ", ".join(f"{rule} {number:,}" for rule, number in sorted(rules.items())))


if __name__ == "__main__":
    main()
