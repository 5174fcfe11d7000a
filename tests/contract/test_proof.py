"""A contract against its own examples."""

from __future__ import annotations

import pytest

from handfast.connectors.files.taken import read_file
from handfast.contract.reading import read_contract
from handfast.tuning.proof import Proof, prove

from .contracts import SOUND, agreed, changed


def only(text: str) -> Proof:
    (proof,) = prove(agreed(text))
    return proof


@pytest.mark.parametrize("name", ["northwind.yaml", "saas-inbound.yaml"])
def test_the_published_contracts_prove_their_examples(name: str, pytestconfig: pytest.Config) -> None:
    read = read_file(pytestconfig.rootpath / "examples" / name)
    assert read.agreement is not None, read.problems[0]
    assert read.rows == []
    proofs = prove(read.agreement)
    assert len(proofs) >= 8
    assert [proof.differences for proof in proofs if not proof.passed] == []


def test_the_demo_runs_the_published_contract(pytestconfig: pytest.Config) -> None:
    published = sorted((pytestconfig.rootpath / "examples").glob("northwind*"))
    assert len(published) == 3, "the contract and its two lists"
    for file in published:
        assert (pytestconfig.rootpath / "src" / "handfast" / "demo" / file.name).read_bytes() == file.read_bytes()


def test_an_example_that_comes_out_as_expected_says_nothing() -> None:
    proof = only(SOUND)
    assert (proof.passed, proof.differences) == (True, [])
    assert proof.found["verdict"] == "ready"
    assert proof.as_json()["found"]["due"] == "2026-03-02T15:05:00+00:00"


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("owner: ana", "owner: ben", "owner: expected ben, was ana (It is ana's turn in pool 'team': of 2 in line, theirs comes first)"),
        ("first_touch: 5 minutes}", "first_touch: 6 minutes}", "first_touch: expected 6 minutes, was 5 minutes"),
        ("first_touch: 5 minutes}", "due: 2026-03-02 10:09}", "due: expected 2026-03-02 10:09, was 2026-03-02 10:05"),
        (
            "first_touch: 5 minutes}",
            "fit: 30}",
            "fit: expected 30, was 35 (25 the right size + 10 industry IN ('software', 'logistics') AND country = 'US')",
        ),
        ("first_touch: 5 minutes}", "intent: 29}", "intent: expected 29, was 30 (30 form_submitted)"),
        ("first_touch: 5 minutes}", "pool: null}", "pool: expected nothing, was team"),
        ("first_touch: 5 minutes}", "territory: null}", "territory: expected nothing, was east"),
        ("verdict: ready, owner: ana, first_touch: 5 minutes}", "verdict: not_yet}", "verdict: expected not_yet, was ready (Ready:"),
        ("form: demo}]", "form: pricing}]", "first_touch: expected 5 minutes, was 4 hours"),
        ("employees: 800, country: US", "country: US", "verdict: expected ready, was not_yet"),
    ],
)
def test_an_example_that_does_not_says_what_differs_and_why(old: str, new: str, difference: str) -> None:
    proof = only(changed(old, new))
    assert not proof.passed
    assert any(said.startswith(difference) for said in proof.differences), proof.differences


def test_where_the_verdict_differs_what_would_have_followed_is_not_complained_of() -> None:
    proof = only(changed("employees: 800, country: US", "country: US"))
    assert len(proof.differences) == 1


@pytest.mark.parametrize("expected", ["30", "29.9", "30.0"])
def test_intent_is_compared_as_precisely_as_it_was_written(expected: str) -> None:
    """Thirty points an hour and a half ago are 29.9: the whole number nearest to it is 30, and with one decimal it is 29.9."""
    text = changed("form: demo}]", "form: demo, ago: 90 minutes}]")
    proof = only(changed("first_touch: 5 minutes}", f"intent: {expected}}}", text))
    assert proof.passed is (expected != "30.0")


def test_who_is_away_or_full_is_passed_over() -> None:
    assert only(changed("at: 2026-03-02 10:00", "away: [ana]")).found["owner"] == "ben"
    assert only(changed("at: 2026-03-02 10:00", "open: {ana: 8}")).found["owner"] == "ben"
    nobody = only(changed("at: 2026-03-02 10:00", "away: [ana], open: {ben: 8}"))
    assert (nobody.found["owner"], nobody.found["rule"]) == (None, "exception")


def test_the_owner_of_the_account_comes_first() -> None:
    found = only(changed("at: 2026-03-02 10:00", "owner: zoe")).found
    assert (found["owner"], found["rule"], found["pool"]) == ("zoe", "named_account", None)


def test_colleagues_of_an_example_are_read_as_its_person_is() -> None:
    given = "given: {colleagues: [{person: {employes: 5}}, {signals: [{kind: nonsense}]}, {people: 3}], "
    _, problems = read_contract(SOUND.replace("given: {", given, 1), "c.yaml")
    assert [problem.what for problem in problems] == [
        "'employes' is not a declared field",
        "no signal 'nonsense' is known",
        "'people' is no part of 'colleagues'",
    ]
