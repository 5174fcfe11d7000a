"""A dry decision: somebody made up or on record, under the contract in force or a draft; the whole trace, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handfast.cli.route import command
from handfast.desk.imports import NewAccount, put_accounts
from handfast.desk.trial import read_trial, try_given, try_person

from .house import CONTRACT, House, moment

READY = "person: {employees: 200, country: DE}\nsignals:\n  - {kind: form_submitted, form: demo, ago: 10 minutes}\n"


def counts(house: House) -> list[tuple[Any, ...]]:
    names = [
        row[0]
        for row in house.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1")
    ]
    return [(name, house.rows(f"SELECT count(*), coalesce(sum(hashtext(t::text)), 0) FROM {name} AS t")) for name in names]


def agreement(house: House) -> Any:
    with house.store.reading() as conn:
        return house.book.refresh(conn).at(moment("Mon 10:00"))


def made_up(house: House, text: str, at: str = "Mon 10:00") -> Any:
    given, problems = read_trial(text, "given.yaml", agreement(house), moment(at))
    assert given is not None, problems
    return try_given(house.store, agreement(house), given)


def test_a_made_up_person_is_decided_on_the_reps_as_they_stand_and_nothing_is_written(house: House) -> None:
    """Ben is away and Anna has had the last turn: hers again, and the trace says why not Ben. Asked twice, the answer is the same."""
    house.arrives("ada@weiss.example", "Mon 09:00")
    house.away("ben", "Mon 08:00", "Tue 18:00")
    before = counts(house)
    trial = made_up(house, READY)
    assert (trial.found["verdict"], trial.found["owner"], trial.found["rule"]) == ("ready", "anna", "pool")
    assert trial.found["due"] == moment("Mon 11:00")
    assert [skip["reason"] for skip in trial.working["assignment"][-1]["skipped"]] == ["pto"]
    assert made_up(house, READY).as_json() == trial.as_json()
    assert counts(house) == before


def test_whoever_is_not_ready_is_told_what_is_missing(house: House) -> None:
    trial = made_up(house, "person: {employees: 10}\nsignals:\n  - {kind: form_submitted, form: demo, ago: 10 minutes}\n")
    assert trial.found["verdict"] == "not_yet"
    assert "assignment" not in trial.working
    assert trial.working["verdict"]["missing"]


def test_somebody_on_record_is_decided_as_live_and_told_what_live_would_meet(house: House) -> None:
    house.arrives("ada@weiss.example", "Mon 10:00")
    before = counts(house)
    trial = try_person(house.store, agreement(house), "ada@weiss.example", moment("Mon 10:00"))
    assert trial is not None
    assert trial.found["verdict"] == "ready"
    stored = house.one("SELECT working FROM verdict")
    assert trial.working["verdict"]["totals"]["fit"] == stored["totals"]["fit"]
    assert trial.notes[0].startswith("An open handoff of the same party exists")
    assert counts(house) == before
    assert try_person(house.store, agreement(house), "nobody@weiss.example", moment("Mon 10:00")) is None


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("person: {emploees: 200}\n", 1, "'emploees' is not a declared field"),
        ("person: {employees: 200}\nsignals:\n  - {kind: nothing}\n", 3, "no signal 'nothing' is known"),
        ("persons: {}\n", 1, "'persons' is no part of 'given'"),
        ("who: ada@weiss.example\nowner: anna\n", 1, "`who` is the address or id of somebody on record"),
        ("[1, 2]\n", 1, "this gives nothing to try"),
        ("person: {employees: [}\n", 1, ""),
    ],
)
def test_a_file_that_gives_nothing_to_try_is_told_where(house: House, text: str, line: int, said: str) -> None:
    given, problems = read_trial(text, "given.yaml", agreement(house), moment("Mon 10:00"))
    assert given is None
    assert (problems[0].where.line, said in problems[0].what) == (line, True)


# --- as typed -------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(house: House, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    (tmp_path / "given.yaml").write_text(READY + "at: 2026-03-02 10:00\n")

    def run(*words: object) -> Any:
        return CliRunner().invoke(command, [str(word) for word in words])

    return run


def test_the_command_tells_the_whole_trace(house: House, typed: Any, tmp_path: Path) -> None:
    said = typed("--given", tmp_path / "given.yaml").stdout
    assert "Verdict: ready" in said
    assert "Owner: Anna A, by pool" in said
    assert "No territory claims it." in said
    assert "hand-raiser 60 minutes; due 2026-03-02 10:00 UTC" in said
    found = json.loads(typed("--given", tmp_path / "given.yaml", "--json").stdout)
    assert (found["verdict"], found["owner"], found["due"]) == ("ready", "anna", "2026-03-02T10:00:00+00:00")
    assert [rung["rung"] for rung in found["working"]["assignment"]] == ["named_account", "territory", "pool"]


def test_a_draft_may_be_tried_before_anybody_signs_it(house: House, typed: Any, tmp_path: Path) -> None:
    (tmp_path / "draft.yaml").write_text(CONTRACT.replace("country = 'FR'", "country = 'DE'"))
    found = json.loads(typed("--given", tmp_path / "given.yaml", "--contract", tmp_path / "draft.yaml", "--json").stdout)
    assert (found["owner"], found["territory"]) == ("zoe", "west")
    assert typed("--given", tmp_path / "given.yaml", "--contract", "draft-9").exit_code == 1
    assert typed("--who", "nobody@x.example").exit_code == 1
    assert typed().exit_code == 2


def test_coverage_names_holes_and_overlaps(house: House, typed: Any, tmp_path: Path) -> None:
    """Twelve accounts: four in France, of which two are big as well; one of which nobody knows the country; the others fall into none."""
    wide = CONTRACT.replace(
        "to: west}]", 'to: west}, {name: big, when: "employees >= 1000", to: team}, {name: sea, when: "country = \'MT\'", to: team}]'
    )
    (tmp_path / "draft.yaml").write_text(wide)
    accounts = [NewAccount(f"f{n}.example", f"F{n}", f"f{n}.example", None, {"country": "FR", "employees": 600 * n}) for n in range(4)]
    accounts += [NewAccount(f"g{n}.example", f"G{n}", f"g{n}.example", None, {"country": "DE", "employees": 5}) for n in range(7)]
    accounts += [NewAccount("u.example", "U", "u.example", None, {"employees": 5})]
    put_accounts(house.store, accounts, moment("Mon 08:00"))
    found = json.loads(typed("--coverage", "--contract", tmp_path / "draft.yaml", "--json").stdout)
    assert [(land["name"], land["claimed"], land["taken"], land["unknown"]) for land in found["territories"]] == [
        ("west", 4, 0, 1),
        ("big", 0, 2, 0),
        ("sea", 0, 0, 1),
    ]
    assert found["sentences"] == [
        "8 accounts fall into no territory (G0, G1, G2, G3, G4, …).",
        "Of 1 of them nobody can tell: not known are country (1).",
        "west and big both claim 2 accounts (F2, F3); west is asked first.",
        "big claims nobody.",
        "sea claims nobody.",
    ]
    said = typed("--coverage", "--contract", tmp_path / "draft.yaml").stdout
    assert "8 accounts fall into no territory" in said
