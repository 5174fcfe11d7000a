"""Path parity: the same person through every door, and no trace left of them."""

from __future__ import annotations

from typing import Any

import pytest

from handfast.desk import parity
from handfast.store.base import Store
from handfast.store.rehearsal import rehearsing

from .house import CONTRACT, House, moment
from .test_trial import counts

READY = (
    CONTRACT
    + """examples:
  - name: somebody of a company of 200 asks for a demo
    given: {person: {employees: 200, country: DE}, signals: [{kind: page_viewed, path: /pricing/pro, ago: 2 hours}, {kind: form_submitted, form: demo, ago: 10 minutes}]}
    expect: {verdict: ready}
"""
)


@pytest.fixture
def ready(store: Store) -> House:
    return House(store, READY)


def test_every_door_gives_the_same_person_the_same_verdict_and_owner(ready: House) -> None:
    """HTTP, CSV, JSONL and Parquet; on a house at work, whose turn it is included. And nothing of it was ever there."""
    ready.arrives("ada@kraus.example", "Mon 10:00")
    before = counts(ready)
    doors, problems = parity.probe(ready.store, moment("Mon 11:00"))
    assert problems == []
    assert [door.name for door in doors] == ["HTTP", "CSV", "JSONL", "Parquet"]
    assert all(door.found == doors[0].found for door in doors)
    assert {name: doors[0].found[name] for name in ("verdict", "fit", "next_step", "account", "owner", "rule", "sla")} == {
        "verdict": "ready",
        "fit": 20,
        "next_step": "demo",
        "account": "handfast-probe.example",
        "owner": "ben",
        "rule": "pool",
        "sla": "hand-raiser",
    }
    assert counts(ready) == before


def test_a_door_that_differs_is_told_by_what(ready: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal beside the success: one door loses the size of the company."""

    def forgetful(path: Any, told: list[dict[str, Any]]) -> None:
        parity._csv(path, [{**row, "person.employees": None} for row in told])

    monkeypatch.setattr(parity, "DOORS", {**parity.DOORS, "CSV": parity._file(".csv", forgetful)})
    _, problems = parity.probe(ready.store, moment("Mon 11:00"))
    assert [problem.where.part for problem in problems] == ["CSV"]
    assert "verdict not_yet instead of ready" in problems[0].what


def test_without_an_example_or_with_a_backlog_it_says_that_it_did_not_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, problems = parity.probe(house.store, moment("Mon 11:00"))
    assert "no example of the contract shows anybody ready" in problems[0].what


def fails_halfway(stage: Store) -> None:
    with stage.writing() as conn:
        conn.execute("INSERT INTO note (key, value, at) VALUES ('b', '1', now())")
        _ = 1 / 0


def test_a_rehearsal_is_seen_by_nobody_else_and_leaves_nothing(store: Store) -> None:
    with rehearsing(store) as stage:
        with stage.writing() as conn:
            conn.execute("INSERT INTO note (key, value, at) VALUES ('a', '1', now())")
        with pytest.raises(ZeroDivisionError):
            fails_halfway(stage)
        with stage.reading() as conn:
            assert conn.execute("SELECT key FROM note").fetchall() == [("a",)]
        with store.reading() as other:
            assert other.execute("SELECT count(*) FROM note").fetchone() == (0,)
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM note").fetchone() == (0,)
