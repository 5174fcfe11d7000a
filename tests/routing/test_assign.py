"""Who gets a handoff, and why. The cast: Ana and Bo share the small customers, Wes has the west, Kim owns Kraus AG, Dee covers big ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.agreement import Agreement, agree
from handfast.contract.terms import Contract
from handfast.facts import Absence, Rep
from handfast.problem import Place
from handfast.routing.assign import Assignment, Case, Roster, assign, eligible

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROUTING: dict[str, Any] = {
    "territories": [
        {"name": "west", "when": "state IN ('CA', 'OR')", "to": "wes"},
        {"name": "big", "when": "employees >= 1000", "to": "enterprise"},
    ],
    "pools": {
        "smb": {"members": {"ana": 1, "bo": 1}, "cap": "2 open"},
        "enterprise": {"members": {"dee": 1}},
        "field": {"members": {"wes": 1}},
    },
    "default": "smb",
}


def agreement(routing: Mapping[str, Any] = ROUTING) -> Agreement:
    contract = Contract.model_validate(
        {
            "contract": "Northwind",
            "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
            "fields": {"state": "text", "employees": "int"},
            "ready": {
                "fit": {"at_least": 0},
                "intent": {"at_least": 0},
                "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
            },
            "routing": routing,
            "sla": [{"name": "any", "first_touch": "1 hour"}],
            "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
        }
    )
    agreed, problems = agree(contract, Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


def house(*, away: Mapping[str, timedelta] | None = None, opens: Mapping[str, int] | None = None, gone: tuple[str, ...] = ()) -> Roster:
    names = ("ana", "bo", "wes", "kim", "dee")
    reps = {name: Rep(name, name.title(), f"{name}@sales.example", active=name not in gone) for name in names}
    return Roster(reps, [Absence(name, MONDAY, MONDAY + span, "surgery") for name, span in (away or {}).items()], opens)


NORTHWIND = agreement()


def decided(case: Case, roster: Roster | None = None, at: datetime = MONDAY, **also: Any) -> Assignment:
    return assign(NORTHWIND, case, roster or house(), at, **also)


# --- the ladder -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "owner", "rule", "pool", "counts"),
    [
        (Case("h1", account_owner="kim"), "kim", "named_account", None, False),
        (Case("h1", account_owner="kim", territory="west"), "kim", "named_account", None, False),
        (Case("h1", territory="west"), "wes", "territory", None, False),
        (Case("h1", territory="big"), "dee", "territory", "enterprise", True),
        (Case("h1"), "ana", "pool", "smb", True),
        (Case("h1", unknown_territories=("west",)), "ana", "pool", "smb", True),
    ],
)
def test_ownership_comes_before_anybodys_turn(case: Case, owner: str, rule: str, pool: str | None, counts: bool) -> None:
    decision = decided(case)
    assert (decision.owner, decision.rule, decision.pool, decision.counts) == (owner, rule, pool, counts)


def test_what_comes_to_its_owner_is_not_a_turn() -> None:
    """Ana owns Kraus AG. Five people of Kraus raise their hands; her turn among the small customers still comes first."""
    roster = house()
    for number in range(2):
        assert decided(Case(f"kraus{number}", account_owner="ana"), roster).owner == "ana"
    assert roster.changed() == []
    roster.gave_up("ana")
    assert decided(Case("small"), roster).owner == "ana"


def test_the_working_says_which_rungs_were_tried_and_why_they_passed() -> None:
    """Kim is away, nobody knows the state, Ana is full: it is Bo's, and each of these can be read."""
    roster = house(away={"kim": timedelta(days=2)}, opens={"ana": 2})
    decision = decided(Case("h1", account_owner="kim", unknown_territories=("west",)), roster)
    assert decision.owner == "bo"
    assert [(rung["rung"], rung["result"], rung["because"]) for rung in decision.working] == [
        ("named_account", "nobody", "Kim owns the account, but cannot take it."),
        ("territory", "passed", "No territory claims it; for west that could not be known."),
        ("pool", "chosen", "Bo is the only one in pool 'smb' who can take it now."),
    ]
    kim, _, ana = decision.working
    assert kim["skipped"] == [{"rep": "kim", "reason": "pto", "because": "Kim is away until 2026-01-07 09:00 UTC."}]
    assert ana["skipped"] == [{"rep": "ana", "reason": "capped", "because": "Ana has 2 open and may hold 2."}]
    assert json.loads(json.dumps(decision.working)) == list(decision.working)
    assert "surgery" not in json.dumps(decision.working), "why somebody is away is theirs"


def test_the_working_of_a_turn_names_the_line() -> None:
    """Why Ana and not Bo? Because Bo took the last one."""
    roster = house()
    decided(Case("h1"), roster)
    decided(Case("h2"), roster, MONDAY + MINUTE)
    decision = decided(Case("h3"), roster, MONDAY + 2 * MINUTE)
    assert decision.because == "It is Ana's turn in pool 'smb': of 2 in line, theirs comes first."
    assert decision.working[-1]["taker"] == {"rep": "ana", "turns": 1, "weight": 1.0, "after": 2.0}
    assert decision.working[-1]["waiting"] == [{"rep": "bo", "turns": 1, "weight": 1.0, "after": 2.0}]


def test_a_member_ahead_of_their_share_is_skipped_for_this_turn() -> None:
    roster = house()
    decided(Case("h1"), roster)
    skipped = decided(Case("h2"), roster).working[-1]["skipped"]
    assert skipped == [{"rep": "ana", "reason": "over_share", "because": "Ana is ahead of their share, so this turn cannot be theirs."}]


def test_a_pool_that_cannot_take_it_passes_it_on() -> None:
    """The one who covers big customers is away: the next rung has it, rather than nobody."""
    decision = decided(Case("h1", territory="big"), house(away={"dee": timedelta(days=1)}))
    assert (decision.owner, decision.rule) == ("ana", "pool")
    assert decision.working[1]["territory"] == "big"
    assert decision.working[1]["result"] == "nobody"


def test_a_pool_is_asked_once() -> None:
    """The territory names the same pool as the last rung. There is nobody new to ask, and the working says so."""
    same = agreement({**ROUTING, "territories": [{"name": "west", "when": "state = 'CA'", "to": "smb"}]})
    decision = assign(same, Case("h1", territory="west"), house(opens={"ana": 2, "bo": 2}), MONDAY)
    assert decision.rule == "exception"
    assert decision.working[2]["because"] == "Pool 'smb' was asked already."


# --- nobody ---------------------------------------------------------------------------------------------------


def test_with_nobody_to_take_it_it_stands_in_the_exception_queue() -> None:
    """The refusal beside the success: the same case, an hour before and after Bo is back."""
    roster = house(away={"bo": timedelta(hours=1)}, opens={"ana": 2})
    held = decided(Case("h1"), roster)
    assert (held.owner, held.rule, held.pool, held.counts) == (None, "exception", None, False)
    assert held.because == (
        "It stands in the exception queue: Nobody in pool 'smb' can take it now. "
        "Ana has 2 open and may hold 2. Bo is away until 2026-01-05 10:00 UTC."
    )
    assert roster.changed() == []
    assert decided(Case("h1"), roster, MONDAY + timedelta(hours=1)).owner == "bo"


def test_a_contract_without_a_pool_for_the_rest_holds_the_rest() -> None:
    narrow = agreement({"territories": ROUTING["territories"], "pools": ROUTING["pools"]})
    held = assign(narrow, Case("h1"), house(), MONDAY)
    assert held.rule == "exception"
    assert "names no pool" in held.because


def test_a_gone_owner_is_no_owner() -> None:
    """Kim has left the company; the account still says Kim. It goes to somebody who is there."""
    assert decided(Case("h1", account_owner="kim"), house(gone=("kim",))).owner == "ana"
    assert decided(Case("h1", account_owner="lou")).working[0]["skipped"][0]["reason"] == "unknown_rep"


def test_ownership_does_not_break_a_cap() -> None:
    """Ana may hold two. Her own account's third goes to Bo for now, and her next one to her again when she has room."""
    roster = house(opens={"ana": 2})
    assert decided(Case("h1", account_owner="ana"), roster).owner == "bo"
    roster.gave_up("ana")
    assert decided(Case("h2", account_owner="ana"), roster).owner == "ana"


@pytest.mark.parametrize(("caps", "owner"), [(("2 open", "5 open"), "ana"), (("2 open", None), "ana"), (("2 open", "3 open"), "bo")])
def test_of_several_caps_the_widest_is_the_promise(caps: tuple[str | None, ...], owner: str) -> None:
    """Ana is in two pools and holds three. What is hers by ownership comes as long as the wider capacity has room for it."""
    pools = {f"pool{n}": {"members": {"ana": 1}, **({"cap": cap} if cap else {})} for n, cap in enumerate(caps)}
    terms = agreement({"pools": {**pools, "rest": {"members": {"bo": 1}}}, "default": "rest"})
    assert assign(terms, Case("h1", account_owner="ana"), house(opens={"ana": 3}), MONDAY).owner == owner


def test_a_claim_made_under_another_contract_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="no territory 'north'"):
        decided(Case("h1", territory="north"))


# --- reassigning ----------------------------------------------------------------------------------------------


def test_reassigning_asks_the_pool_it_names_and_never_the_one_it_is_taken_from() -> None:
    roster = house()
    assert decided(Case("h1", account_owner="kim"), roster, exclude=frozenset({"ana"}), start_pool="smb").owner == "bo"
    again = decided(Case("h1"), roster, exclude=frozenset({"bo"}), start_pool="smb")
    assert (again.owner, again.rule, again.pool, again.counts) == ("ana", "reassign", "smb", True)
    assert [rung["rung"] for rung in again.working] == ["reassign"]


def test_reassigning_to_nobody_is_the_exception_and_not_another_pool() -> None:
    decision = decided(Case("h1"), exclude=frozenset({"dee"}), start_pool="enterprise")
    assert (decision.owner, decision.rule) == (None, "exception")
    assert decision.working[0]["skipped"][0]["because"] == "Dee is left out: the handoff is moving on from them."


# --- eligibility ----------------------------------------------------------------------------------------------

SMB = NORTHWIND.contract.routing.pools["smb"]


@pytest.mark.parametrize(
    ("rep", "roster", "reason"),
    [
        ("ana", house(), None),
        ("lou", house(), "unknown_rep"),
        ("ana", house(gone=("ana",)), "inactive"),
        ("ana", house(away={"ana": MINUTE}), "pto"),
        ("ana", house(opens={"ana": 1}), None),
        ("ana", house(opens={"ana": 2}), "capped"),
        ("ana", house(opens={"ana": 9}), "capped"),
        ("ana", house(gone=("ana",), away={"ana": MINUTE}, opens={"ana": 9}), "inactive"),  # the most lasting reason is the one given
    ],
)
def test_eligibility(rep: str, roster: Roster, reason: str | None) -> None:
    assert eligible(rep, roster, SMB, MONDAY) == reason


def test_an_absence_holds_its_start_and_not_its_end() -> None:
    roster = house(away={"ana": timedelta(hours=2)})
    answers = [
        eligible("ana", roster, SMB, MONDAY + offset) for offset in (-MINUTE, timedelta(0), timedelta(hours=2) - MINUTE, timedelta(hours=2))
    ]
    assert answers == [None, "pto", "pto", None]


def test_overlapping_absences_are_one() -> None:
    """A short sick note inside a long holiday does not end the holiday."""
    day = timedelta(days=1)
    spans = [("ana", 0, 14), ("ana", 2, 3), ("ana", 14, 16), ("ana", 20, 21), ("bo", 5, 6)]
    roster = Roster(
        {"ana": Rep("ana", "Ana", "ana@sales.example")}, [Absence(who, MONDAY + a * day, MONDAY + b * day) for who, a, b in spans]
    )
    absent = [number for number in range(-1, 23) if roster.absence("ana", MONDAY + number * day)]
    assert absent == [*range(16), 20]
    found = roster.absence("ana", MONDAY + 4 * day)
    assert found is not None
    assert found.ends_at == MONDAY + 16 * day


# --- properties -----------------------------------------------------------------------------------------------

CASES = st.builds(
    Case,
    st.text("abc", min_size=1, max_size=3),
    st.sampled_from([None, None, "kim", "ana", "lou"]),
    st.sampled_from([None, None, "west", "big"]),
)


@settings(deadline=None)
@given(st.lists(CASES, max_size=30), st.sets(st.sampled_from(["ana", "bo", "wes", "kim", "dee"])), st.integers(0, 3))
def test_every_case_gets_somebody_who_may_take_it_or_is_held_with_a_reason(cases: list[Case], away: set[str], open_before: int) -> None:
    roster = house(away=dict.fromkeys(away, timedelta(days=1)), opens={"ana": open_before})
    holds = Counter({"ana": open_before})
    for number, case in enumerate(cases):
        decision = decided(case, roster, MONDAY + number * MINUTE)
        if decision.owner is None:
            assert decision.rule == "exception"
            assert away & {"ana", "bo"} == {"ana", "bo"} or all(holds[name] >= 2 for name in {"ana", "bo"} - away)
        else:
            assert decision.owner not in away
            holds[decision.owner] += 1
            assert decision.owner not in SMB.members or holds[decision.owner] <= 2
        assert decision.counts == (decision.pool is not None)
        assert decision.working[-1]["result"] == ("held" if decision.owner is None else "chosen")


@settings(deadline=None)
@given(st.lists(CASES, max_size=20))
def test_the_same_cases_decided_again_give_the_same_bytes(cases: list[Case]) -> None:
    def told() -> list[str]:
        roster = house(away={"bo": 5 * MINUTE})
        decisions = [decided(case, roster, MONDAY + number * MINUTE) for number, case in enumerate(cases)]
        return [json.dumps([d.owner, d.rule, d.pool, d.counts, d.working]) for d in decisions] + [str(roster.changed())]

    assert told() == told()
