"""Which territory claims a person: a table of people, and the claim on each."""

from __future__ import annotations

from typing import Any

from handfast.contract.agreement import Agreement, agree
from handfast.contract.conditions import as_frame
from handfast.contract.terms import Contract
from handfast.problem import Place
from handfast.routing.ownership import Claim, claims

FIELDS: dict[str, Any] = {"state": "text", "employees": "int"}


def agreement(*lands: tuple[str, str]) -> Agreement:
    contract = Contract.model_validate(
        {
            "contract": "Northwind",
            "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
            "fields": FIELDS,
            "ready": {
                "fit": {"at_least": 0},
                "intent": {"at_least": 0},
                "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
            },
            "routing": {
                "territories": [{"name": name, "when": when, "to": "smb"} for name, when in lands],
                "pools": {"smb": {"members": {"ana": 1}}},
            },
            "sla": [{"name": "any", "first_touch": "1 hour"}],
            "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
        }
    )
    agreed, problems = agree(contract, Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


NORTHWIND = agreement(("west", "state IN ('CA', 'OR')"), ("big", "employees >= 1000"), ("east", "state = 'NY'"))


def claimed(*people: dict[str, Any], under: Agreement = NORTHWIND) -> list[Claim]:
    return claims(under, as_frame(people, FIELDS))


def test_the_first_territory_that_is_true_claims_the_person() -> None:
    people = [
        {"state": "CA", "employees": 20},
        {"state": "CA", "employees": 5000},
        {"state": "NY", "employees": 5000},
        {"state": "NY", "employees": 20},
        {"state": "TX", "employees": 20},
    ]
    assert [claim.territory for claim in claimed(*people)] == ["west", "west", "big", "east", None]
    assert all(claim.unknown == () for claim in claimed(*people))


def test_unknown_is_not_a_claim_but_is_remembered() -> None:
    """Nobody knows the state of these. A big one is claimed for its size; west, asked before, might have been right, and east is moot."""
    assert claimed({"employees": 5000}, {"employees": 20}, {}) == [
        Claim("big", ("west",)),
        Claim(None, ("west", "east")),
        Claim(None, ("west", "big", "east")),
    ]


def test_a_territory_for_everybody_claims_everybody() -> None:
    """A condition that reads no field answers once for each row all the same."""
    everywhere = agreement(("everywhere", "TRUE"))
    assert claimed({"state": "CA"}, {}, {"state": "NY"}, under=everywhere) == [Claim("everywhere")] * 3


def test_without_territories_or_people_there_are_no_claims() -> None:
    assert claimed({"state": "CA"}, {"state": "NY"}, under=agreement()) == [Claim(), Claim()]
    assert claimed() == []


def test_other_columns_are_in_nobodys_way() -> None:
    frame = as_frame([{"state": "CA"}], FIELDS).with_row_index("0")
    assert claims(NORTHWIND, frame) == [Claim("west")]
