"""The JSON Schema for editors: the same as the terms, checked in, and at one with the reader."""

from __future__ import annotations

import json
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from handfast.contract.schema import MEANING, json_schema, schema_text
from handfast.contract.terms import Contract
from handfast.contract.text import read_text

from .contracts import SOUND, changed
from .json_schema import misfits


def misfits_of(text: str) -> list[str]:
    source, problems = read_text(text, "")
    assert source is not None
    assert not problems
    schema = json_schema()
    return misfits(source.data, schema, schema)


def test_the_schema_that_is_checked_in_is_the_one_that_is_made(pytestconfig: pytest.Config) -> None:
    """If this fails: handfast contract schema > docs/reference/contract.schema.json"""
    assert (pytestconfig.rootpath / "docs" / "reference" / "contract.schema.json").read_text() == schema_text()


def test_the_examples_fit_it(pytestconfig: pytest.Config) -> None:
    files = sorted((pytestconfig.rootpath / "examples").glob("*.yaml"))
    assert {"northwind.yaml", "saas-inbound.yaml"} <= {file.name for file in files}
    for file in files:
        if read_text(file.read_text(), "")[0].data.get("contract"):  # type: ignore[union-attr]
            assert misfits_of(file.read_text()) == []
    assert misfits_of(SOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("at_least: 30", "at_leest: 30", "$.ready.fit: required"),
        ("at_least: 30", "at_least: 30\n    zzz: 1", "$.ready.fit.zzz: unknown"),
        ("at_least: 30", "at_least: many", "$.ready.fit.at_least: type"),
        ("within: 7 days", "within: 7", "$.ready.next_step[0].within: type"),
        ("within: 7 days", "within: 7 dyas", "$.ready.next_step[0].within: pattern"),
        ("at_most: 3 per day", "at_most: 3 per month", "$.ready.intent.points[0].at_most: pattern"),
        ("cap: 8 open", "cap: eight", "$.routing.pools.team.cap: anyOf"),
        ("09:00-17:30", "9-17", "$.calendar.week.mon-fri[0]: pattern"),
        ("remind: owner", "remind: owner, tell: manager", "$.sla[0].ladder[0]: oneOf"),
        ("employees: int", "employees: integer", "$.fields.employees: enum"),
        ("verdict: ready", "verdict: reddy", "$.examples[0].expect.verdict: enum"),
        ("ana: 1", "Ana: 1", "$.routing.pools.team.members.Ana: "),
    ],
)
def test_what_the_reader_refuses_an_editor_marks_too(old: str, new: str, wrong: str) -> None:
    assert any(misfit.startswith(wrong) for misfit in misfits_of(changed(old, new)))


def _terms(term: Any, found: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    if isinstance(term, type) and issubclass(term, BaseModel):
        if term.__name__ not in (*found, "Duration", "Cap"):
            found[term.__name__] = term
            for field in term.model_fields.values():
                _terms(field.annotation, found)
    elif get_origin(term) is not None:
        for argument in get_args(term):
            _terms(argument, found)
    return found


def test_every_term_has_a_meaning_and_stands_in_the_reference(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "docs" / "reference" / "contract.md").read_text()
    terms = {f"{name}.{key}" for name, model in _terms(Contract, {}).items() for key in model.model_fields}
    assert set(MEANING) == terms
    for term in terms:
        assert f"`{term.partition('.')[2]}`" in text, f"docs/reference/contract.md does not name {term}"


def test_descriptions_stand_where_an_editor_shows_them() -> None:
    schema = json.loads(schema_text())
    assert schema["properties"]["motion"]["description"].startswith("What is sold to whom")
    assert schema["$defs"]["Sla"]["properties"]["first_touch"]["description"] == "How soon the first touch is due."
