"""The ladder, whole: who has a claim by ownership, and what happens where two have one.

The cast: Ana owns Kraus AG, Bo owns the Kraus Group above it, Dee is working on a deal with it, Kim looks after customers. Gus has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handfast.contract.agreement import Agreement, agree
from handfast.contract.conditions import as_frame
from handfast.contract.reading import read_contract
from handfast.contract.terms import Contract
from handfast.facts import Absence, Rep
from handfast.problem import Place
from handfast.routing.assign import Assignment, Roster, assign
from handfast.routing.ownership import Case, Company, Deal, Known, claims
from handfast.routing.record import Dealt, circles, record_of, ring_of
from handfast.tuning.replay_past import NO_OWNERS, Chains, Moment, Owners

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "ladder": ["never", "named_account", "open_opportunity", "customer", "territory", "pool"],
    "never": [{"when": "country = 'KP'", "reason": "embargo"}, {"when": "in_dispute", "reason": "the lawyers have it"}],
    "hierarchy": "parent",
    "customers": "success",
    "territories": [{"name": "west", "when": "country = 'US'", "to": "wes"}],
    "pools": {"smb": {"members": {"ana": 1, "bo": 1, "dee": 1, "wes": 1}}, "success": {"members": {"kim": 1}}},
    "default": "smb",
}
ABOVE = (Company("acc_group", "Kraus Group", "bo"), Company("acc_holding", "Kraus Holding", "dee"))


def contract(routing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "contract": "Northwind",
        "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
        "fields": {"country": "text", "in_dispute": "bool"},
        "ready": {
            "fit": {"at_least": 0},
            "intent": {"at_least": 0},
            "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
        },
        "routing": routing,
        "sla": [{"name": "any", "first_touch": "1 hour"}],
        "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
    }


def agreement(**changes: Any) -> Agreement:
    agreed, problems = agree(Contract.model_validate(contract({**WHOLE, **changes})), Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


NORTHWIND = agreement()


def decided(known: Known, owner: str | None = None, under: Agreement = NORTHWIND, *, away: tuple[str, ...] = (), **also: Any) -> Assignment:
    reps = {
        name: Rep(name, name.title(), f"{name}@sales.example", active=name != "gus") for name in ("ana", "bo", "dee", "kim", "wes", "gus")
    }
    roster = Roster(reps, [Absence(name, MONDAY, MONDAY + timedelta(days=1)) for name in away])
    return assign(under, Case("h1", owner, known=known, **also), roster, MONDAY)


def deal(owner: str | None, number: int = 1) -> Deal:
    return Deal(f"opp{number}", owner, "2025-12-01")


@pytest.mark.parametrize(
    ("known", "owner", "to", "rule"),
    [
        (Known(), "ana", "ana", "named_account"),
        (Known(above=ABOVE), None, "bo", "named_account"),
        (Known(above=ABOVE), "bo", "bo", "named_account"),
        (Known(deals=(deal("dee"),)), None, "dee", "open_opportunity"),
        (Known(deals=(deal("dee"), deal("dee", 2))), "dee", "dee", "named_account"),
        (Known(won=deal("dee")), None, "dee", "customer"),
        (Known(won=deal("gus")), None, "kim", "customer"),
        (Known(won=deal(None)), None, "kim", "customer"),
        (Known(deals=(deal(None),)), None, "ana", "pool"),
        (Known(), None, "ana", "pool"),
    ],
)
def test_each_rung_has_its_owner(known: Known, owner: str | None, to: str, rule: str) -> None:
    decision = decided(known, owner)
    assert (decision.owner, decision.rule) == (to, rule)


def test_every_rung_says_what_it_looked_at() -> None:
    """Nothing is on record: six sentences, one a rung, until the pool has it."""
    decision = decided(Known())
    assert [(rung["rung"], rung["because"]) for rung in decision.working][:5] == [
        ("never", "Nothing keeps it from being given to anybody."),
        ("named_account", "No rep owns the account, and no parent of it is known."),
        ("open_opportunity", "It has no open opportunity."),
        ("customer", "It has not bought anything yet."),
        ("territory", "No territory claims it."),
    ]


def test_what_a_claim_was_read_from_is_kept() -> None:
    parent = decided(Known(above=ABOVE))
    assert parent.working[1]["because"] == "Bo owns Kraus Group, which stands above the account."
    assert parent.working[1]["read"]["parents"][0] == {"id": "acc_group", "name": "Kraus Group", "owner": "bo"}
    dealt = decided(Known(deals=(deal("dee"),)))
    assert dealt.because == "Dee has its open opportunity, since 2025-12-01."
    assert dealt.working[-1]["read"] == {"opportunities": [{"id": "opp1", "owner": "dee", "opened": "2025-12-01"}]}


def test_the_ultimate_parent_counts_where_the_contract_says_so() -> None:
    assert decided(Known(above=ABOVE), under=agreement(hierarchy="ultimate")).owner == "dee"
    off = agreement(hierarchy="off")
    assert decided(Known(above=ABOVE), under=off).rule == "pool"


# --- two claims -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "owner", "said"),
    [
        (Known(above=ABOVE), "ana", "Ana owns the account and Bo owns Kraus Group above it; the contract does not say who wins."),
        (
            Known(deals=(deal("dee"),)),
            "ana",
            "Ana owns the account, and Dee has its open opportunity, since 2025-12-01; the contract does not say who wins.",
        ),
        (
            Known(deals=(deal("dee"), deal("bo", 2))),
            None,
            "Dee and Bo each have an open opportunity with it; the contract does not say who wins.",
        ),
    ],
)
def test_where_two_have_a_claim_a_person_decides(known: Known, owner: str | None, said: str) -> None:
    """Neither gets it silently: it stands in the exception queue, and the conflict is named."""
    decision = decided(known, owner)
    assert (decision.owner, decision.rule) == (None, "exception")
    assert decision.working[-2]["result"] == "conflict"
    assert decision.because == f"It stands in the exception queue: {said}"
    assert decision.working[-2]["read"]


@pytest.mark.parametrize(
    ("conflicts", "known", "owner", "to"),
    [
        ({"parent": "account"}, Known(above=ABOVE), "ana", "ana"),
        ({"parent": "parent"}, Known(above=ABOVE), "ana", "bo"),
        ({"opportunity": "account"}, Known(deals=(deal("dee"),)), "ana", "ana"),
        ({"opportunity": "opportunity"}, Known(deals=(deal("dee"),)), "ana", "dee"),
        ({"opportunities": "latest"}, Known(deals=(deal("dee"), deal("bo", 2))), None, "dee"),
    ],
)
def test_the_contract_may_say_who_wins(conflicts: dict[str, str], known: Known, owner: str | None, to: str) -> None:
    assert decided(known, owner, agreement(conflicts=conflicts)).owner == to


def test_whoever_has_left_disputes_nothing() -> None:
    """Gus sold to them and is gone: Ana's claim stands, and no person need be asked. The same with the group's owner."""
    assert decided(Known(deals=(deal("gus"),)), "ana").owner == "ana"
    assert decided(Known(above=(Company("g", "Group", "gus"),)), "ana").owner == "ana"


def test_a_customer_whose_owner_is_away_goes_to_those_who_look_after_customers() -> None:
    decision = decided(Known(won=deal("dee")), "ana", away=("ana",))
    assert (decision.owner, decision.rule, decision.pool) == ("kim", "customer", "success")
    assert [skip["rep"] for skip in decision.working[-1]["skipped"]] == ["ana"]


def test_what_goes_to_nobody_stands_in_the_queue_with_its_reason() -> None:
    """The refusal beside the success: the same account with and without the rule that keeps it."""
    people = as_frame(
        [{"country": "KP"}, {"country": "DE", "in_dispute": False}, {"in_dispute": True}, {}], dict(NORTHWIND.contract.fields)
    )
    found = claims(NORTHWIND, people)
    assert [claim.never for claim in found] == ["embargo", None, "the lawyers have it", None]
    assert found[2].never_unknown == ("embargo",)
    kept = decided(Known(), "ana", never="embargo")
    assert (kept.owner, len(kept.working)) == (None, 2)
    assert kept.because == "It stands in the exception queue: The contract keeps it from everybody (embargo): a person decides."
    assert decided(Known(), "ana").owner == "ana"


# --- circles --------------------------------------------------------------------------------------------------


def test_a_circle_of_parents_ends_and_is_said() -> None:
    companies = [("a", "a.example", "A", "b.example"), ("b", "b.example", "B", "c.example"), ("c", "c.example", "C", "a.example")]
    chains = Chains(companies, (), Owners({"b": "bo", "c": "dee"}))
    known = record_of([]).known("a", "anybody", MONDAY, chains.at("a", Moment(MONDAY, 1)))
    assert known.circle
    decision = decided(known)
    assert decision.rule == "pool"
    assert "lead round in a circle" in decision.working[1]["because"]


def test_circles_are_found_once_each() -> None:
    above = {"a": "b", "b": "c", "c": "a", "d": "c", "e": "e", "f": "g"}
    assert circles(above) == [("a", "b", "c"), ("e",)]
    assert ring_of("c", "a", {"a": "b", "b": "c"}) == ("c", "a", "b", "c")
    assert ring_of("x", "x", {}) == ("x", "x")
    assert ring_of("d", "a", {"a": "b", "b": "c", "c": "a"}) == (), "the circle is not of its making"


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")))
def test_no_record_of_parents_makes_anybody_wait(above: dict[str, str]) -> None:
    """Whatever somebody imported: every chain ends, and a chain is said to be a circle exactly where it comes back to itself."""
    names = sorted({*above, *above.values()})
    chains = Chains([(key, key, key, above.get(key)) for key in names], (), NO_OWNERS)
    for key in names:
        path, here = [key], above.get(key)
        while here is not None and here not in path:
            path.append(here)
            here = above.get(here)
        found, circle = chains.at(key, Moment(MONDAY, 1))
        assert circle == (here is not None)
        assert [one.id for one in found] == path[1:]


def test_what_was_open_then_counts_then() -> None:
    """A replay asks for the same record at each of its moments."""
    week = timedelta(days=7)
    record = record_of(
        [Dealt("o1", "acc", None, "dee", MONDAY, MONDAY + 2 * week, True), Dealt("o2", None, "p1", "bo", MONDAY, None, None)]
    )
    assert record.known("acc", "p9", MONDAY - week) == Known()
    assert [one.id for one in record.known("acc", "p9", MONDAY + week).deals] == ["o1"]
    after = record.known("acc", "p9", MONDAY + 3 * week)
    assert (after.deals, after.won and after.won.owner) == ((), "dee")
    assert [one.owner for one in record.known(None, "p1", MONDAY).deals] == ["bo"]


# --- what a contract may get wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ladder": ["named_account", "never", "territory", "pool", "customer"]}, "'named_account' is asked before `never`"),
        ({"ladder": ["named_account", "territory", "pool", "customer"]}, "no rung asks what goes to nobody"),
        ({"ladder": ["never", "territory", "pool"]}, "nobody asks for the one above it"),
        ({"customers": "nobody"}, "'nobody' is neither a pool nor a member of one"),
        ({"hierarchy": "off", "conflicts": {"parent": "account"}}, "nobody asks for that"),
        (
            {"ladder": ["never", "named_account", "territory", "pool", "customer"], "conflicts": {"opportunity": "account"}},
            "does not ask for both",
        ),
        (
            {"ladder": ["never", "named_account", "territory", "pool", "customer"], "conflicts": {"opportunities": "latest"}},
            "no rung asks for",
        ),
        ({"never": [{"when": "country = 'DE' AND country = 'FR'", "reason": "both"}]}, "can never be true"),
        ({"never": [{"when": "contry = 'DE'", "reason": "typo"}]}, "there is no field 'contry'"),
    ],
)
def test_a_ladder_that_does_not_hold_together_is_a_problem(changes: dict[str, Any], said: str) -> None:
    _, problems = agree(Contract.model_validate(contract({**WHOLE, **changes})), Place("northwind.yaml"))
    assert any(said in str(problem) for problem in problems), problems


def test_examples_may_speak_of_opportunities_customers_and_parents() -> None:
    import json

    from handfast.tuning.proof import prove

    ready = {"signals": [{"kind": "form_submitted", "ago": "1 minute"}]}
    examples = [
        {"name": "a deal", "given": {**ready, "opportunity": "dee"}, "expect": {"owner": "dee", "rule": "open_opportunity"}},
        {"name": "bought", "given": {**ready, "customer": True}, "expect": {"owner": "kim", "rule": "customer"}},
        {"name": "the group's", "given": {**ready, "parent": "bo"}, "expect": {"owner": "bo", "rule": "named_account"}},
        {"name": "both", "given": {**ready, "owner": "ana", "parent": "bo"}, "expect": {"owner": None, "rule": "exception"}},
    ]
    agreed, problems = read_contract(json.dumps({**contract(WHOLE), "examples": examples}), "northwind.yaml")
    assert agreed is not None, problems
    assert [(proof.example, proof.differences) for proof in prove(agreed)] == [(one["name"], []) for one in examples]
