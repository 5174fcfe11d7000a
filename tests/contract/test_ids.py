"""The id of a contract: what was signed keeps it, whatever a later Handfast may ask besides."""

from __future__ import annotations

from typing import Any

from handfast.contract.terms import Contract, Sla

#: The least a contract may say. What it does not say is decided by the defaults, and it is signed with them.
LEAST: dict[str, Any] = {
    "contract": "Least",
    "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
    "ready": {
        "fit": {"at_least": 10},
        "intent": {"at_least": 10},
        "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
    },
    "routing": {},
    "sla": [{"name": "all", "first_touch": "1 hour"}],
    "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
}


def test_the_id_of_the_least_contract_stays() -> None:
    # Should this fail, a default has changed or a term that must be said has come: contracts signed before would mean something else.
    assert Contract.model_validate(LEAST).id == "ctr_d9e7a2be817457f1"


def test_a_default_said_aloud_is_the_same_contract() -> None:
    aloud = LEAST | {"motion": "new_business", "brief": {}, "examples": [], "sla": [{**LEAST["sla"][0], "calendar": "team"}]}
    assert Contract.model_validate(aloud).id == Contract.model_validate(LEAST).id


def test_a_term_that_came_later_changes_no_id() -> None:
    class LaterSla(Sla):
        weekends: bool = False

    class Later(Contract):
        sla: tuple[LaterSla, ...]
        nobody_thought_of_it_then: int = 3

    assert Later.model_validate(LEAST).id == Contract.model_validate(LEAST).id
    said = LEAST | {"sla": [{**LEAST["sla"][0], "weekends": True}]}
    assert Later.model_validate(said).id != Contract.model_validate(LEAST).id


def test_any_other_term_is_another_contract() -> None:
    other = LEAST | {"sla": [{"name": "all", "first_touch": "2 hours"}]}
    assert Contract.model_validate(other).id != Contract.model_validate(LEAST).id
