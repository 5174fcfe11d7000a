"""A contract against its own examples: each is decided by the functions that decide on live signals, and compared with what it expects.

Nothing is stored and nothing is asked of the world: the reps are those the contract names, all of them there, with no turn taken yet,
unless the example says who is away or how many open handoffs somebody holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import TypeAdapter

from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.frames import as_frame
from handfast.contract.given import Given, GivenSignal, local_time, read_given
from handfast.contract.terms import Example, Span
from handfast.facts import Absence, Rep
from handfast.numbers import points, short
from handfast.readiness.group_working import group_of
from handfast.readiness.verdict import verdict_of
from handfast.routing.assign import assign
from handfast.routing.ownership import Company, Deal, Known, case_of, claims
from handfast.routing.roster import Roster
from handfast.sla.clock import choose, start

#: What is decided for a ready verdict only.
_AFTERWARDS: Final = frozenset({"owner", "rule", "pool", "territory", "sla", "first_touch", "due"})
_EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that was not met: its name in `expect`, both values as people read them, and what the working says of it."""

    name: str
    expected: str
    found: str
    because: str

    def __str__(self) -> str:
        said = f"{self.name}: expected {self.expected}, was {self.found}"
        return f"{said} ({self.because})" if self.because else said


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one example. `found` is what was decided, under the names of `expect`; `working` the verdict's and the assignment's.

    `compared` has one Difference for each expectation that was not met, `differences` the same as sentences; none where it passed.
    """

    example: str
    passed: bool
    compared: Sequence[Difference]
    found: Mapping[str, Any]
    working: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def differences(self) -> list[str]:
        return [str(one) for one in self.compared]

    def as_json(self) -> dict[str, Any]:
        """A plain mapping with times as ISO texts."""
        found = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.found.items()}
        return {"example": self.example, "passed": self.passed, "differences": self.differences, "found": found}


def prove(agreement: Agreement) -> list[Proof]:
    """Decides every example of a contract, in their order."""
    return [proof_of(agreement, example) for example in agreement.contract.examples]


def proof_of(agreement: Agreement, example: Example) -> Proof:
    """Decides one example, which need not be among the contract's own but has to be sound under it (`given.example_problems`)."""
    given = read_given(agreement.contract, example)
    found, working = decide(agreement, given)
    differences = list(_differences(agreement, example.expect, found, working))
    return Proof(example.name, not differences, differences, found, working)


def decide(agreement: Agreement, given: Given) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the contract makes of a made-up case: the decisions by name, and the working.

    Returns:
        `verdict`, `fit`, `intent` (points), `next_step`, `reason`, `grade`, and `account` where the contract judges groups; where it is
        ready also `owner`, `rule`, `pool`, `territory`, `sla`, `first_touch` (text) and `due` (UTC). The working has `verdict` (as
        `readiness.explain`), `account` (as `readiness.group_working`) and `assignment` (its rungs).
    """
    signals = happened(given.signals, given.at)
    judged = verdict_of(agreement, given.person, signals, given.at)
    found, working = told(judged)
    if agreement.contract.ready.account is not None:
        people = [(given.person, signals), *((person, happened(did, given.at)) for person, did in given.colleagues)]
        group = group_of(agreement, people, given.at)
        found["account"], working["account"] = group["outcome"], group
    if judged["outcome"] == "ready":
        asked = Asked(given.person, given.owner, known_of(given), given.at)
        also, working["assignment"] = hand_over(agreement, asked, found, _roster(agreement, given))
        found |= also
    return found, working


def told(judged: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A verdict by the names of `expect`, and its working."""
    found = {"verdict": judged["outcome"], **{name: judged.get(name) for name in ("fit", "intent", "next_step", "reason", "grade")}}
    return found, {"verdict": judged}


class Asked(NamedTuple):
    """Somebody ready: their fields, who owns the account, what else is known of it, and the moment (UTC)."""

    person: Mapping[str, Any]
    owner: str | None
    known: Known
    at: datetime
    source: str = "example"


def hand_over(agreement: Agreement, asked: Asked, found: Mapping[str, Any], roster: Roster) -> tuple[dict[str, Any], list[Any]]:
    """What follows a ready verdict (`found`): `owner`, `rule`, `pool`, `territory`, `sla`, `first_touch`, `due`; and the rungs tried.

    The roster is changed, as by any assignment.
    """
    claim = claims(agreement, pl.DataFrame({"person_id": ["one"]}).hstack(as_frame([asked.person], agreement.contract.fields)))[0]
    chosen = assign(agreement, case_of("example", asked.owner, claim, asked.known), roster, asked.at)
    made = {"owner": chosen.owner, "rule": chosen.rule, "pool": chosen.pool, "territory": claim.territory}
    return {**made, **_clock(agreement, asked, found)}, list(chosen.working)


def happened(signals: Sequence[GivenSignal], at: datetime) -> list[dict[str, Any]]:
    return [{**s.fields, "kind": s.kind, "occurred_at": at - timedelta(minutes=s.minutes_ago)} for s in signals]


def known_of(given: Given) -> Known:
    """What the example says of opportunities and of the account above."""
    day = f"{given.at:%Y-%m-%d}"
    return Known(
        deals=(Deal("example", given.opportunity, day),) if given.opportunity else (),
        won=Deal("example", given.customer if isinstance(given.customer, str) else None, day) if given.customer else None,
        above=(Company("parent", "its parent", given.parent),) if given.parent else (),
    )


def _roster(agreement: Agreement, given: Given) -> Roster:
    """Everybody the contract or the example names."""
    routing = agreement.contract.routing
    names = {member for pool in routing.pools.values() for member in pool.members}
    names |= {territory.to for territory in routing.territories} - set(routing.pools)
    said = (given.owner, given.opportunity, given.customer, given.parent, routing.customers)
    names |= {*given.away, *given.open, *(name for name in said if isinstance(name, str) and name not in routing.pools)}
    # They live where the contract does, and can whatever it asks for: an example is about its terms, not about its people.
    zone, skills = agreement.contract.calendar.timezone, frozenset(need.skill for need in agreement.needs)
    reps = {name: Rep(name, name, f"{name}@reps.example", time_zone=zone, skills=skills) for name in sorted(names)}
    return Roster(reps, [Absence(rep, *_EVER) for rep in given.away], dict(given.open))


def _clock(agreement: Agreement, asked: Asked, found: Mapping[str, Any]) -> dict[str, Any]:
    row = {**asked.person, "next_step": found["next_step"], "fit": found["fit"], "intent": found["intent"], "source": asked.source}
    index = choose(agreement, as_frame([row], {**agreement.contract.fields, **SLA_FIELDS}))[0]
    if index is None:
        return {"sla": None, "first_touch": None, "due": None}
    sla, clock = agreement.contract.sla[index], start(agreement, index, "example", asked.at)
    return {"sla": sla.name, "first_touch": str(sla.first_touch), "due": clock.due_at, "calendar": sla.calendar}


# --- compared ---------------------------------------------------------------------------------------------------


def _differences(
    agreement: Agreement, expect: Mapping[str, Any], found: Mapping[str, Any], working: Mapping[str, Any]
) -> Iterator[Difference]:
    """One for each expectation. What only a ready verdict leads to is not complained of where the missing verdict already was."""
    zone, mistaken = agreement.contract.calendar.timezone, expect.get("verdict", found["verdict"]) != found["verdict"]
    for name, expected in expect.items():
        value = found.get(name)
        if mistaken and name in _AFTERWARDS:
            continue
        if _SAME.get(name, _equal)(expected, value, zone):
            continue
        yield Difference(name, _shown(expected, zone), _shown(value, zone), _why(agreement, name, found, working))


def _equal(expected: Any, value: Any, _zone: str) -> bool:
    return bool(expected == value)


def _same_points(expected: Any, value: Any, _zone: str) -> bool:
    """Intent decays by the second: a whole number is compared with the whole number nearest to it, 39.5 with one decimal."""
    if value is None or expected is None:
        return expected is value
    _, _, decimals = str(expected).partition(".")
    return abs(float(expected) - float(value)) <= 0.5 * 10.0 ** -len(decimals) + 1e-9


def _same_span(expected: Any, value: Any, _zone: str) -> bool:
    return value is not None and str(TypeAdapter(Span).validate_python(expected)) == value


def _same_moment(expected: Any, value: Any, zone: str) -> bool:
    return value is not None and local_time(expected, zone) == value


_SAME: Final[Mapping[str, Callable[[Any, Any, str], bool]]] = {
    "intent": _same_points,
    "first_touch": _same_span,
    "due": _same_moment,
}


def _shown(value: Any, zone: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, datetime):
        return f"{value.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    return short(value) if isinstance(value, float) else str(value)


def _why(agreement: Agreement, name: str, found: Mapping[str, Any], working: Mapping[str, Any]) -> str:
    """What the working says of a decision that was not expected."""
    if name == "account":
        return str(working["account"]["sentence"]).rstrip(".")
    if name in ("verdict", "reason", "next_step") or found["verdict"] != "ready":
        return str(working["verdict"]["sentence"]).rstrip(".")
    if name in ("fit", "intent"):
        return _factors(agreement, name, working)
    if name in ("owner", "rule", "pool", "territory"):
        return str(working["assignment"][-1]["because"]).rstrip(".")
    return f"by the SLA '{found['sla']}', calendar '{found['calendar']}'" if name == "due" and found["sla"] else ""


def _factors(agreement: Agreement, part: str, working: Mapping[str, Any]) -> str:
    """The rules that gave points, each with its reason, or in the words of its condition."""
    intent = agreement.contract.ready.intent.points
    gained = [c for c in working["verdict"]["criteria"] if c["part"] == part and c["points"]]
    said = (f"{points(c['points'])} {c['because'] or c['when'] or intent[c['rule']].on}" for c in gained)
    return " + ".join(said) or "no rule is met"
