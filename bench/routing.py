"""How many assignments a core decides a second: `python -m bench.routing`.

One batch against one roster, as the desk does it: named accounts, two territories, a pool of ten with a cap, one member away. Every decision
writes its whole working. Beside it, in the same run, the least that any such decision could do: the next member of a list, round and round,
with a look at whether they are away or full. The ratio says what fairness and the working cost.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import process_time

from handfast.contract.agreement import Agreement, agree
from handfast.contract.terms import Contract
from handfast.facts import Absence, Rep
from handfast.problem import Place
from handfast.routing.assign import Case, Roster, assign

DECISIONS = 20_000
ROUNDS = 5
MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
REPS = [f"rep{number}" for number in range(10)]


def agreement() -> Agreement:
    contract = Contract.model_validate(
        {
            "contract": "Northwind",
            "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
            "fields": {"state": "text"},
            "ready": {
                "fit": {"at_least": 0},
                "intent": {"at_least": 0},
                "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
            },
            "routing": {
                "territories": [{"name": "west", "when": "state = 'CA'", "to": "smb"}],
                "pools": {
                    "smb": {"members": {rep: 1.0 if number % 3 else 0.5 for number, rep in enumerate(REPS)}, "cap": f"{DECISIONS} open"}
                },
                "default": "smb",
            },
            "sla": [{"name": "any", "first_touch": "1 hour"}],
            "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
        }
    )
    agreed, problems = agree(contract, Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


def roster() -> Roster:
    reps = {rep: Rep(rep, rep.title(), f"{rep}@sales.example") for rep in REPS}
    return Roster(reps, [Absence("rep3", MONDAY, MONDAY + timedelta(days=365))])


def ours(terms: Agreement, cases: list[Case], moments: list[datetime]) -> float:
    """Seconds of the processor for the batch: what else the machine is doing does not count."""
    house = roster()
    begun = process_time()
    for case, at in zip(cases, moments, strict=True):
        assign(terms, case, house, at)
    return process_time() - begun


def round_and_round(cases: list[Case], moments: list[datetime]) -> float:
    """Seconds for the batch, each to the next in the list who is there and has room. Seven lines, no reasons, no shares."""
    house, opens, place = roster(), dict.fromkeys(REPS, 0), 0
    begun = process_time()
    for _, at in zip(cases, moments, strict=True):
        for _ in REPS:
            place = (place + 1) % len(REPS)
            if house.absence(REPS[place], at) is None and opens[REPS[place]] < DECISIONS:
                break
        opens[REPS[place]] += 1
    return process_time() - begun


def main() -> None:
    terms = agreement()
    moments = [MONDAY + number * timedelta(minutes=1) for number in range(DECISIONS)]
    batches = {
        "pool of ten": [Case(f"h{number}") for number in range(DECISIONS)],
        "through a territory": [Case(f"h{number}", territory="west") for number in range(DECISIONS)],
        "one in four to its owner": [Case(f"h{number}", account_owner="rep1" if number % 4 == 0 else None) for number in range(DECISIONS)],
    }

    def timed(work: Callable[[], float]) -> float:
        return median(work() for _ in range(ROUNDS))

    for name, cases in batches.items():
        decided, least = timed(lambda cases=cases: ours(terms, cases, moments)), timed(lambda cases=cases: round_and_round(cases, moments))
        rate = DECISIONS / decided
        print(
            f"{name:26} {rate:10,.0f} decisions/s, {decided / DECISIONS * 1e6:5.1f} µs each; {decided / least:5.1f} times a bare round robin"
        )


if __name__ == "__main__":
    main()
