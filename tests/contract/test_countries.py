"""A country counts by its code, however somebody wrote it: where it is recorded, and where the contract compares it."""

from __future__ import annotations

import pytest

from handfast.contract.agreement import Agreement
from handfast.contract.conditions import compile_condition
from handfast.contract.countries import country
from handfast.contract.frames import as_frame
from handfast.contract.given import read_given
from handfast.contract.reading import read_contract
from handfast.contract.terms import Example, FieldType
from handfast.identity.traits import learn_account, learn_person
from handfast.problem import Place
from handfast.routing.ownership import claims
from tests.desk.house import CONTRACT


@pytest.mark.parametrize(
    ("said", "code"),
    [
        *((one, "DE") for one in ("DE", "de", "DEU", "Germany", "germany ", "Deutschland", "Allemagne", "Bundesrepublik Deutschland", "Německo")),
        *((one, "US") for one in ("US", "U.S.A.", "usa", "The United States of America", "Vereinigte Staaten", "États-Unis")),
        *((one, "GB") for one in ("UK", "United Kingdom", "Great Britain", "Großbritannien", "Scotland")),
        *((one, "NL") for one in ("Holland", "The Netherlands", "Niederlande")),
        *((one, "KR") for one in ("South Korea", "Korea, Republic of", "Republic of Korea")),
        ("Côte d’Ivoire", "CI"), ("Österreich", "AT"), ("日本", "JP"), ("Россия", "RU"), ("Türkiye", "TR"), ("Schweiz", "CH"),
        # Nobody knows which, or that: it stays as it was said.
        ("Korea", "Korea"), ("Utopia", "Utopia"), ("Europe", "Europe"), ("", ""), ("n/a", "n/a"), ("Germani", "Germani"), ("x" * 500, "x" * 500),
        ("zz", "ZZ"),
    ],
)  # fmt: skip
def test_what_people_write(said: str, code: str) -> None:
    assert country(said) == code


def test_every_door_records_the_code() -> None:
    """A tracking library, a list of people, an address: and a state called like a country stays a state."""
    person: dict[str, object] = {}
    account: dict[str, object] = {}
    learn_person({"country": "Deutschland", "company": {"name": "Kraus", "country_name": "Austria"}}, person, account)
    assert (person["country"], account["country"]) == ("DE", "AT")
    lives: dict[str, object] = {}
    learn_account({"address": {"country": "United States", "state": "Georgia", "city": "Mexico"}}, lives)
    assert lives == {"country": "US", "state": "Georgia", "city": "Mexico"}
    odd: dict[str, object] = {}
    learn_account({"country": 49}, odd)
    assert odd == {"country": 49}


def agreed(when: str) -> Agreement:
    agreement, problems = read_contract(CONTRACT.replace("country = 'FR'", when), "contract.yaml")
    assert agreement is not None, problems
    return agreement


@pytest.mark.parametrize(
    ("when", "claimed"),
    [
        ("country = 'DE'", [True, False, None]),
        ("country = 'Deutschland'", [True, False, None]),
        ("'germany' = country", [True, False, None]),
        ("country IN ('Frankreich', 'Germany')", [True, True, None]),
        ("country <> 'Allemagne'", [False, True, None]),
        ("NOT country IN ('Utopia', 'deu')", [False, True, None]),
    ],
)
def test_a_territory_by_any_name_of_its_country(when: str, claimed: list[bool | None]) -> None:
    frame = as_frame([{"country": "DE"}, {"country": "FR"}, {}], {"employees": "int", "country": "text"})
    found = claims(agreed(when), frame)
    assert [None if claim.unknown else claim.territory == "west" for claim in found] == claimed


def test_only_the_country_of_people_and_accounts_is_meant() -> None:
    """What a signal says of itself is kept as it came, so it is compared as it is written."""
    fields: dict[str, FieldType] = {"country": "text"}
    compiled, _ = compile_condition("country = 'Germany'", fields, Place("x"))
    assert compiled is not None
    assert as_frame([{"country": "Germany"}, {"country": "DE"}], fields).select(compiled.expr).to_series().to_list() == [True, False]
    other, _ = compile_condition("region = 'Germany'", {"region": "text"}, Place("x"), countries=True)
    assert other is not None
    assert other.named == {"region": ("Germany",)}


def test_the_same_country_by_two_names_is_no_contradiction() -> None:
    twice = "country = 'Deutschland' AND country IN ('DE', 'FR')"
    assert read_contract(CONTRACT.replace("country = 'FR'", twice), "contract.yaml")[1] == []
    never = "country = 'Deutschland' AND country = 'France'"
    [problem] = read_contract(CONTRACT.replace("country = 'FR'", never), "contract.yaml")[1]
    assert "nobody" in problem.what or "never" in problem.what


def test_an_example_of_a_contract_may_write_it_out() -> None:
    given = {"person": {"country": "Deutschland", "employees": 9}, "colleagues": [{"person": {"country": "usa"}}]}
    read = read_given(agreed("country = 'DE'").contract, Example(name="one", given=given, expect={"verdict": "not_yet"}))
    assert (read.person, read.colleagues[0][0]) == ({"country": "DE", "employees": 9}, {"country": "US"})
