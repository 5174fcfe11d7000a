"""Answers to disputes are measured, and are worked examples of the contract that a draft can take in."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from handfast.cli.dispute import command
from handfast.contract.reading import read_contract
from handfast.contract.terms import Example
from handfast.contract.worked import with_example
from handfast.desk import disputes, figures, labels
from handfast.desk.drafts import THE_OPERATOR, examine
from handfast.desk.refused import Refused
from handfast.store import contracts
from handfast.tuning.proof import prove

from .house import CONTRACT, House, moment

MARKETING = ("marketing", "max@kraus.example")


def disputed(house: House, number: int, about: str, *, upheld: bool) -> str:
    raised = disputes.raise_dispute(
        house.store, house.handoff(number), about, "rep", "anna@kraus.example", "Not ours.", moment("Mon 11:00"), book=house.book
    )
    disputes.answer(house.store, raised, upheld, *MARKETING, "", moment("Mon 12:00"), book=house.book)
    return raised


def three(house: House) -> list[str]:
    """Whose it is, right and wrong, and one that was not ready: a firm in France, and two in the pool."""
    house.arrives("eva@bleu.example", "Mon 10:00", account={"employees": 90, "country": "FR"})
    house.arrives("ada@kraus.example", "Mon 10:01")
    house.arrives("bob@weiss.example", "Mon 10:02")
    said = [
        disputed(house, 0, "owner", upheld=False),
        disputed(house, 1, "owner", upheld=True),
        disputed(house, 2, "readiness", upheld=True),
    ]
    house.decide("Mon 12:01")
    from handfast.desk.moves import tend

    tend(house.store, house.book, moment("Mon 12:02"))
    return said


def test_answers_are_measured_by_rung_pool_and_month(house: House) -> None:
    three(house)
    found = figures.report(house.store, moment("Mon+4 12:00"), minimum=1)["assignments"]
    whole = found["all"]
    assert (whole["assignments"], whole["examined"], whole["unexamined"], whole["wrong"]) == (4, 2, 2, 1), (
        "the one given out anew counts too"
    )
    assert {row["key"]: (row["assignments"], row["wrong"]) for row in found["rung"]} == {"pool": (3, 1), "territory": (1, 0)}
    assert found["wrong_by"] == {"dispute": 1}
    early = figures.report(house.store, moment("Mon 11:30"), minimum=1)["assignments"]["all"]
    assert (early["assignments"], early["not_mature"]) == (0, 3), "as known then"


def test_each_answer_is_an_example_proved_under_the_contract_in_force(house: House) -> None:
    right, wrong, unready = three(house)
    with house.store.reading() as conn:
        found = {one.dispute.id: one for one in labels.labels(conn, house.book.at(moment("Mon 13:00")))}
    kept, other, never = found[right], found[wrong], found[unready]
    assert kept.example is not None
    assert kept.example.expect == {"verdict": "ready", "rule": "territory", "pool": "west"}
    assert kept.example.given["person"] == {"employees": 90, "country": "FR"}
    assert kept.example.given["signals"] == [{"kind": "form_submitted", "form": "demo", "ago": "0 minutes"}]
    assert kept.proof is not None
    assert kept.proof.passed
    assert other.example is not None
    assert other.example.expect == {"verdict": "ready", "owner": "ben"}, "who has had it since"
    assert other.proof is not None
    assert other.proof.differences == ["owner: expected ben, was anna (It is anna's turn in pool 'team': of 2 in line, theirs comes first)"]
    assert never.example is not None
    assert never.example.expect == {"verdict": "not_yet"}
    assert "eva" not in kept.text, "it names nobody"


def test_an_answer_is_proved_once_under_each_contract(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with fifty answers would take seconds else; another contract proves all anew."""
    three(house)
    proved: list[str] = []
    real = labels.proof_of
    monkeypatch.setattr(labels, "_KEPT", {})
    monkeypatch.setattr(labels, "proof_of", lambda agreement, made: proved.append(agreement.id) or real(agreement, made))
    now = house.book.at(moment("Mon 13:00"))
    with house.store.reading() as conn:
        first, again = labels.labels(conn, now), labels.labels(conn, now)
        assert again == first
        assert proved == [now.id] * 3
        other, _ = read_contract(CONTRACT.replace("cap: 3 open", "cap: 4 open"), "other")
        assert other is not None
        labels.labels(conn, other)
    assert proved == [now.id] * 3 + [other.id] * 3


def test_a_draft_takes_it_in_and_is_held_to_it(house: House) -> None:
    right, wrong, _ = three(house)
    draft = labels.take(house.store, right, THE_OPERATOR, moment("Mon 13:00"))
    looked = examine(draft.source)
    assert looked.fit_to_sign
    assert len(looked.proofs) == 1
    with pytest.raises(Refused, match="in there already"):
        labels.take(house.store, right, THE_OPERATOR, moment("Mon 13:01"), draft=draft.number)
    draft = labels.take(house.store, wrong, THE_OPERATOR, moment("Mon 13:02"), draft=draft.number)
    looked = examine(draft.source)
    assert [proof.passed for proof in looked.proofs] == [True, False], "its terms have to say better first"
    with house.store.reading() as conn:
        assert [one.taken for one in labels.labels(conn, house.book.at(moment("Mon 13:03")))].count(True) == 2
    with pytest.raises(Refused, match="no dispute"):
        labels.take(house.store, "dpt_none", THE_OPERATOR, moment("Mon 13:04"))


def test_as_typed(house: House, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    run = CliRunner().invoke
    assert "No dispute has an answer yet" in run(command, ["examples"]).stdout
    right, wrong, _ = three(house)
    told = run(command, ["examples"]).stdout
    assert "comes out so" in told
    assert "comes out otherwise: owner: expected ben" in told
    assert "expect: {verdict: ready, rule: territory, pool: west}" in told
    assert "draft-1" in run(command, ["take", right]).stdout
    assert "draft-1" in run(command, ["take", wrong, "--to", "draft-1"]).stdout
    assert run(command, ["take", right, "--to", "1"]).exit_code == 1
    with house.store.reading() as conn:
        assert [d.number for d in contracts.drafts(conn)] == [1]


# --- put into a text ----------------------------------------------------------------------------------------------

ONE = Example(name="It's: one", given={"person": {"employees": 90, "country": "no"}, "at": "2026-03-02 10:00"}, expect={"verdict": "ready"})


@pytest.mark.parametrize(
    "end",
    [
        "",
        "examples:\n  - name: first\n    given: {}\n    expect: {verdict: not_yet}\n",
        "examples:\n- name: first\n  given:\n    person: {country: DE}\n  expect:\n    verdict: not_yet\n# about what follows\nbrief: {required: [company]}\n",
    ],
)
def test_the_rest_of_the_text_stays_as_it_is(end: str) -> None:
    text = CONTRACT + end
    added = with_example(text, ONE, "Right.")
    for line in text.splitlines():
        assert line in added.splitlines()
    agreement, problems = read_contract(added, "c.yaml")
    assert agreement is not None, problems
    assert agreement.contract.examples[-1] == ONE
    assert len(prove(agreement)) == text.count("name: first") + 1
    assert added.index("It's") < added.index("# about") if "# about" in added else True


@pytest.mark.parametrize("end", ["examples: [{name: a, given: {}, expect: {verdict: not_yet}}]\n", "examples:\n", "a: ["])
def test_a_text_that_cannot_take_one_says_why(end: str) -> None:
    with pytest.raises(ValueError, match=r"brackets|empty|mistakes"):
        with_example(CONTRACT + end, ONE)
