"""Two people of one common name are two people; somebody met twice is found all the same. A false 99 % costs trust."""

from __future__ import annotations

from random import Random

import polars as pl
import pytest

from handfast.demo.company import firms, loners
from handfast.facts import Person
from handfast.identity.compare import weigh
from handfast.identity.learn import begin, weigh_all
from handfast.identity.match import WORTH_ASKING
from handfast.identity.pairs import Table, candidates, levels
from handfast.identity.people import FIELDS, PEOPLE, prepared

Said = dict[str, str | None]


def said(name: str, email: str, phone: str, company: str = "") -> Said:
    first, _, last = name.partition(" ")
    return prepared(
        Person("p", email, name, None, {"first_name": first, "last_name": last, "phone": phone, "company": company}), None, "US"
    )


def crowd(number: int, seed: int = 1) -> list[Said]:
    """Everybody at so many firms and as many private people as a third of them: 32 first names, 31 last names, and nobody twice."""
    random = Random(seed)
    people = [said(f"{b.first_name} {b.last_name}", b.email, b.phone, firm.name) for firm in firms(random, number) for b in firm.buyers]
    return people + [said(f"{b.first_name} {b.last_name}", b.email, b.phone) for b in loners(random, number // 3)]


def table(people: list[Said]) -> Table:
    records = pl.DataFrame([[one[f] for f in FIELDS] for one in people], schema=dict.fromkeys(FIELDS, pl.String), orient="row")
    return Table(records, PEOPLE)


@pytest.mark.parametrize("number", [20, 60, 140, 400])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_a_crowd_of_namesakes_nobody_is_asked_about(number: int, seed: int) -> None:
    everybody = table(crowd(number, seed))
    pairs = weigh_all(everybody, levels(everybody, candidates(everybody)), begin(everybody))
    assert pairs.filter(pl.col("probability") >= WORTH_ASKING).is_empty(), pairs.sort("probability", descending=True).head(3)


@pytest.mark.parametrize("number", [0, 20, 140, 400])
def test_somebody_met_twice_is_found_in_the_same_crowd(number: int) -> None:
    once = said("Maya Lindqvist", "maya.lindqvist@halden.example", "+1 212 736 5000", "Halden Foods")
    twice = said("Maya Lindqvist", "mayalind@gmail.com", "+1 212 736 5000")
    model = begin(table([*crowd(number), once, twice]))
    assert weigh(once, twice, model).probability > 0.9


def test_a_mistyped_address_is_a_slip_and_another_number_is_another_mailbox() -> None:
    model = begin(table(crowd(140)))
    right = said("Julia Adler", "julia.adler@ferro.example", "+1 212 736 5000", "Ferro Group")
    slip = said("Julia Adler", "julia.alder@ferro.example", "", "Ferro Group")
    second = said("Julia Adler", "julia.adler2@ferro.example", "", "Ferro Group")
    assert weigh(right, slip, model).probability > 0.9
    assert weigh(right, second, model).probability < WORTH_ASKING
    assert "another mailbox at the same host" in " ".join(step.sentence for step in weigh(right, second, model).steps)
