"""The contract in words: whatever its authors agreed can be read on its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from handfast.connectors.files.taken import take_in
from handfast.contract.reading import read_contract
from handfast.contract.terms import Contract, Exclude
from handfast.web import terms as words

NORTHWIND = Path(__file__).parents[2] / "examples" / "northwind.yaml"


def told(terms: Contract) -> str:
    """Everything the page says in clauses, one line each."""
    clauses = [*words.about_people(terms), *words.after_promises(terms, {})]
    lines = [line for one in clauses for line in one.lines] + words.routing(terms, {"ana": "Ana Flores"})
    lines += [line for sla in terms.sla for line in words.promises(sla)]
    steps = [f"{after} {what}" for line in lines for after, what in line.steps]
    pools = [one for pool in terms.routing.pools.values() for one in words.pool_words(pool)]
    refusals = (terms.dispositions.recycle, terms.dispositions.disqualify)
    reasons = [words.reason_words(one) for refusal in refusals for one in refusal.reasons.values()]
    return "\n".join([f"{line.name}: {line.said} {line.code or ''}" for line in lines] + steps + pools + reasons)


@pytest.fixture(scope="module")
def northwind() -> Contract:
    agreement, problems = read_contract(take_in(NORTHWIND).text, "c.yaml")
    assert agreement is not None, problems
    return agreement.contract


@pytest.fixture(scope="module")
def said(northwind: Contract) -> str:
    return told(northwind)


def spans(value: Any) -> set[str]:
    """Every span of time somewhere in these terms, as a contract writes it."""
    if isinstance(value, Mapping):
        return {one for item in value.values() for one in spans(item)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {one for item in value for one in spans(item)}
    return {value} if isinstance(value, str) and value[:1].isdigit() and value.rstrip("s").endswith(("minute", "hour", "day")) else set()


@pytest.mark.parametrize("part", ["pauses", "marketing", "follow_up", "notices"])
def test_every_span_that_was_agreed_is_told(northwind: Contract, said: str, part: str) -> None:
    agreed = (
        getattr(northwind, part).model_dump(mode="json")
        if part != "pauses"
        else {n: p.model_dump(mode="json") for n, p in northwind.pauses.items()}
    )
    missing = {span for span in spans(agreed) if span not in said and not span.startswith("0 ")}
    assert missing == set()


def test_the_brief_is_told_with_its_themes_and_openers(northwind: Contract, said: str) -> None:
    assert northwind.brief.themes, "the example has some"
    assert all(one.theme in said for one in northwind.brief.themes)
    assert all(play.opener in said for play in northwind.brief.plays)


@pytest.mark.parametrize(
    ("term", "line"),
    [
        ({"free_mail": "never"}, "A free mail address: is never ready"),
        ({"disposable": "not_yet"}, "A disposable address: is not ready yet"),
        ({"competitors": ["rival.example", "other.example"]}, "Competitors: are never ready: rival.example and other.example"),
        ({"bots": True}, "Signals of robots: score nothing: known crawlers"),
        ({"user_agents": ["Sniffer"]}, "Signals of robots: score nothing: whoever calls itself Sniffer"),
        ({"scanners": {"links": 4, "seconds": 20}}, "score nothing: 4 or more links of one mail within 20 seconds"),
    ],
)
def test_who_does_not_count_is_told(northwind: Contract, term: dict[str, Any], line: str) -> None:
    ready = northwind.ready.model_copy(update={"exclude": Exclude.model_validate(term)})
    assert line in told(northwind.model_copy(update={"ready": ready}))


def test_what_a_reason_asks_for_and_leads_to_is_told(said: str) -> None:
    assert "looks at" in said
    assert "with a note" in said


def test_who_minds_what_nobody_can_take(northwind: Contract, said: str) -> None:
    assert f"late after {northwind.routing.exceptions_within}" in said
    assert "A dispute: is answered within" in said
