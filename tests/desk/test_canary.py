"""A version on trial: signed for a share, decided by it for that share only, and rolled back by itself where it does harm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from handfast.contract.reading import read_contract
from handfast.desk import contracts, drafts
from handfast.desk.canary import on_trial, watch
from handfast.desk.drafts import Who
from handfast.desk.handover import decide
from handfast.facts import Signal
from handfast.routing.canary import Figures, in_share, passed
from handfast.store.base import Store

from .house import CONTRACT, House, moment

MARKETING, SALES = Who("pia@kraus.example", "Pia", "marketing"), Who("mia@kraus.example", "Mia", "manager")
RAILS = "{after: 5, unassigned: 20%, skew: 2, assign_p95: 10 minutes}"


def trial_text(share: str = "50%", when: str = "country = 'DE'", **changes: str) -> str:
    """The next version: everything goes to the bench, for a share of the German companies."""
    text = CONTRACT.replace("default: team", f"default: {changes.get('default', 'bench')}")
    return text + f'canary: {{share: {share}, when: "{when}", guardrails: {changes.get("rails", RAILS)}}}\n'


def sign(house: House, text: str, at: str) -> Any:
    draft = drafts.save(house.store, text, MARKETING, moment(at))
    drafts.sign(house.store, draft.number, "marketing", MARKETING, moment(at))
    return drafts.sign(house.store, draft.number, "sales", SALES, moment(at))


def arrive(house: House, at: str, number: int, country: str = "DE") -> None:
    companies = [f"a{n}.example" for n in range(number)]
    house.hears(
        *[
            house.signal(f"eva@{country.lower()}-{c}", "form_submitted", at, form="demo", account={"employees": 200, "country": country})
            for c in companies
        ]
    )
    house.decide(at)


def owners(house: House, like: str) -> dict[str, str | None]:
    """Company → owner of its handoff."""
    query = "SELECT a.key, h.owner_id FROM handoff AS h JOIN account AS a ON a.id = h.account_id WHERE a.key LIKE %s ORDER BY 1"
    return dict(house.rows(query, like))


def test_it_decides_for_its_share_of_the_segment_and_for_nobody_else(house: House) -> None:
    """Half of the Germans go to the bench; the French, and the other half, are decided as before. Which company it is decides."""
    signed = sign(house, trial_text(), "Mon 09:00")
    assert signed.version is not None
    assert (signed.version.version, signed.version.share) == (2, True)
    arrive(house, "Mon 10:00", 6, "FR")
    arrive(house, "Mon 10:01", 6, "DE")
    assert set(owners(house, "fr-%").values()) == {"zoe"}, "as the version in force says"
    german = owners(house, "de-%")
    trial = house.one("SELECT id FROM contract WHERE version = 2")
    for key, owner in german.items():
        party = house.one("SELECT id FROM account WHERE key = %s", key)
        assert (owner == "cleo") == in_share(trial, party, 50), key
    assert 0 < [*german.values()].count("cleo") < 6
    kept = house.rows("SELECT DISTINCT contract_id, owner_id = 'cleo' FROM handoff ORDER BY 2")
    assert [row[0] for row in kept] == [house.one("SELECT id FROM contract WHERE version = 1"), trial], (
        "each keeps the contract it was opened under"
    )
    with house.store.reading() as conn:
        found = on_trial(conn, house.book.refresh(conn), moment("Mon 10:02"))
    assert found is not None
    assert (found.version, found.figures.handoffs) == (2, [*german.values()].count("cleo"))


def test_a_batch_is_parted_where_a_trial_begins(house: House) -> None:
    """Waiting together, some received before it: those are decided as if it were not there, whichever share they are of."""

    def asks(number: int) -> Signal:
        at = "Mon 08:59" if number < 6 else "Mon 09:01"
        said: dict[str, Any] = {"form": "demo", "account": {"employees": 200, "country": "DE"}}
        return house.signal(f"eva@de-a{number}.example", "form_submitted", at, **said)

    sign(house, trial_text(share="99%"), "Mon 09:00")
    house.hears(*map(asks, range(12)))
    assert decide(house.store, house.book, moment("Mon 09:10"), channels=()).signals == 6
    assert decide(house.store, house.book, moment("Mon 09:10"), channels=()).signals == 6
    contract = dict(
        house.rows(
            "SELECT a.key, c.version FROM handoff AS h JOIN account AS a ON a.id = h.account_id JOIN contract AS c ON c.id = h.contract_id"
        )
    )
    assert {contract[f"de-a{n}.example"] for n in range(6)} == {1}
    assert 2 in {contract[f"de-a{n}.example"] for n in range(6, 12)}


def test_the_next_change_is_the_first_moment_at_which_another_version_holds(house: House) -> None:
    sign(house, trial_text(), "Mon 09:00")
    sign(house, CONTRACT.replace("cap: 3 open", "cap: 4 open"), "Tue 09:00")
    with house.store.reading() as conn:
        book = house.book.refresh(conn)
    minutes = [moment("Mon 08:00") + timedelta(minutes=30 * n) for n in range(80)]
    for at in minutes:
        change = book.change_after(at)
        held = (book.id_at(at), book.trial_at(at))
        assert all((book.id_at(one), book.trial_at(one)) == held for one in minutes if at < one and (change is None or one < change))
        assert change is None or (book.id_at(change), book.trial_at(change)) != held
    assert book.change_after(moment("Mon 08:00")) == moment("Mon 09:00")


def test_it_rolls_itself_back_and_says_why(house: House) -> None:
    """Cleo, the only one on the bench, is away: all of the share wait. After five the version gives way, once; ops hears why."""
    sign(house, trial_text(share="99%"), "Mon 09:00")
    house.away("cleo", "Mon 08:00", "Fri 18:00")
    arrive(house, "Mon 10:00", 4)
    assert watch(house.store, house.book, moment("Mon 10:05")) is None, "four are too few to conclude anything"
    arrive(house, "Mon 10:06", 8)
    found = watch(house.store, house.book, moment("Mon 10:07"))
    assert found is not None
    assert found.guardrail == "unassigned"
    assert watch(house.store, house.book, moment("Mon 10:08")) is None, "once"
    assert house.one("SELECT kind FROM contract_history ORDER BY seq DESC LIMIT 1") == "rolled_back"
    assert house.events()[-1] == "contract_rolled_back"
    assert house.heard("ops")[-1] == "rolled_back"
    assert found.why in str(house.one("SELECT payload FROM outbox WHERE kind = 'rolled_back'"))
    before = house.one("SELECT count(*) FROM handoff WHERE owner_id IS NULL")
    house.hears(house.signal("max@neu.example", "form_submitted", "Mon 10:10", form="demo", account={"employees": 200, "country": "DE"}))
    house.decide("Mon 10:10")
    assert house.one("SELECT count(*) FROM handoff WHERE owner_id IS NULL") == before, "who comes now is decided by the version in force"
    with house.store.reading() as conn:
        assert house.book.refresh(conn).trial_at(moment("Mon 10:10")) is None
        assert house.book.trial_at(moment("Mon 10:01")) is not None, "what was decided then was decided under it"


def test_for_everybody_it_is_signed_again(house: House) -> None:
    """The signatures were given for the share. Without the term it is another text, with another id, for both to sign."""
    sign(house, trial_text(), "Mon 09:00")
    whole = CONTRACT.replace("default: team", "default: bench")
    trial, other = read_contract(trial_text(), "x")[0], read_contract(whole, "x")[0]
    assert trial is not None
    assert other is not None
    assert trial.id != other.id
    sign(house, whole, "Tue 09:00")
    arrive(house, "Tue 10:00", 3)
    assert set(owners(house, "de-%").values()) == {"cleo"}
    with house.store.reading() as conn:
        assert house.book.refresh(conn).trial_at(moment("Tue 10:00")) is None, "a version for everybody ends the trial"


def test_figures_below_the_least_conclude_nothing() -> None:
    contract = read_contract(trial_text(), "x")[0]
    assert contract is not None
    few = Figures(4, 4, 99_999.0, {})
    assert passed(contract.contract, few) is None


@pytest.mark.parametrize(
    ("figures", "guardrail", "said"),
    [
        (Figures(10, 2, 599.0, {}), None, ""),
        (Figures(10, 3, 0.0, {}), "unassigned", "3 of 10 handoffs (30%) found no owner; at most 20% may"),
        (Figures(10, 0, 601.0, {}), "assign_p95", "the guardrail is 10 minutes"),
        (Figures(10, 0, 0.0, {("team", "anna"): 6, ("team", "ben"): 4}), None, ""),
        (Figures(10, 0, 0.0, {("team", "anna"): 10}), None, ""),
        (
            Figures(12, 0, 0.0, {("trio", "anna"): 9, ("trio", "ben"): 3}),
            "skew",
            "anna took 9 of 12 turns of 'trio', 2.2 times their share",
        ),
    ],
)
def test_each_guardrail_speaks_for_itself(figures: Figures, guardrail: str | None, said: str) -> None:
    text = trial_text(rails=RAILS).replace(
        "bench: {members: {cleo: 1}}", "bench: {members: {cleo: 1}}\n    trio: {members: {anna: 1, ben: 1, zoe: 1}}"
    )
    contract = read_contract(text, "x")[0]
    assert contract is not None
    found = passed(contract.contract, figures)
    assert (found.guardrail if found else None) == guardrail
    assert said in (found.why if found else "")


def test_the_share_is_stable_and_about_as_large_as_it_says() -> None:
    parties = [f"acc_{n}" for n in range(4000)]
    chosen = [party for party in parties if in_share("ctr_1", party, 10)]
    assert 320 < len(chosen) < 480
    assert chosen == [party for party in parties if in_share("ctr_1", party, 10)]
    assert {*chosen} < {party for party in parties if in_share("ctr_1", party, 25)}, "a larger share holds the smaller one"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"share": "0%"}, "not for nobody, and not for everybody"),
        ({"share": "100%"}, "not for nobody, and not for everybody"),
        ({"rails": "{after: 5}"}, "nothing would make this version give way"),
        ({"when": "country = 'DE' AND country = 'FR'"}, "this version holds for nobody"),
    ],
)
def test_a_trial_that_makes_no_sense_is_a_problem(change: dict[str, str], said: str) -> None:
    _, problems = read_contract(trial_text(**change), "x")
    assert any(said in problem.what for problem in problems), problems


def test_there_must_be_a_version_for_the_others(store: Store) -> None:
    number, problems = contracts.put_in_force(store, trial_text(), "x.yaml", moment("Mon 08:00"))
    assert number is None
    assert "no version holds for the others" in problems[0].what
