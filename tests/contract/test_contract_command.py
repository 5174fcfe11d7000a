"""`handfast contract`: at the desk and in a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handfast.cli.contract import command

from .contracts import SOUND, agreed, changed


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return tmp_path


def handfast_contract(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def written(desk: Path, text: str) -> str:
    path = desk / "contract.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_check_says_that_a_contract_is_sound(desk: Path) -> None:
    ran = handfast_contract("check", written(desk, SOUND))
    assert ran.exit_code == 0
    assert "Northwind is sound. 3 fit rules, 3 intent rules, 2 next steps, 1 pool, 2 SLAs, 1 example." in ran.output
    assert agreed().id in ran.output


def test_check_shows_each_problem_with_its_line_and_a_caret(desk: Path) -> None:
    path = written(desk, changed("employees BETWEEN", "emploees BETWEEN", changed("default: team", "default: taem")))
    ran = handfast_contract("check", path)
    assert ran.exit_code == 1
    lines = ran.stderr.splitlines()
    assert lines[0] == f"{path} line 12, column 17: there is no field 'emploees' here. Did you mean 'employees'?"
    assert lines[1].index("emploees") == lines[2].index("^")
    assert lines[-1] == "2 problems."


def test_check_as_json_for_pipelines(desk: Path) -> None:
    ran = handfast_contract("check", written(desk, changed("default: team", "default: taem")), "--json")
    assert ran.exit_code == 1
    found = json.loads(ran.stdout)
    assert found["id"] is None
    assert found["problems"][0]["what"] == "there is no pool 'taem'"
    assert found["problems"][0]["line"] == 33
    sound = json.loads(handfast_contract("check", written(desk, SOUND), "--json").stdout)
    assert (sound["id"], sound["problems"]) == (agreed().id, [])


def test_a_very_long_line_is_shown_around_the_column(desk: Path) -> None:
    text = changed("industry IN ('software', 'logistics')", f"industry IN ({', '.join(['1' * 9] * 60)})")
    lines = handfast_contract("check", written(desk, text)).stderr.splitlines()
    assert len(lines[1]) <= 124
    assert lines[1][lines[2].index("^")] == "1"


def test_show_says_who_is_ready_who_gets_it_and_how_fast(desk: Path) -> None:
    ran = handfast_contract("show", written(desk, SOUND))
    assert ran.exit_code == 0
    for part in (
        "Who is ready",
        "at least 30 points",
        "Who gets it",
        "ana 1, ben 0.5",
        "How fast",
        "hand-raiser",
        "Europe/Berlin",
        "not_now",
    ):
        assert part in ran.output, part
    shown = json.loads(handfast_contract("show", written(desk, SOUND), "--json").stdout)
    assert shown["sla"][0]["first_touch"] == "5 minutes"


def test_show_and_prove_refuse_what_check_refuses(desk: Path) -> None:
    path = written(desk, changed("default: team", "default: taem"))
    for word in ("show", "prove", "load"):
        ran = handfast_contract(word, path)
        assert ran.exit_code == 1
        assert "there is no pool 'taem'" in ran.stderr


def test_prove_passes_and_fails_with_the_examples(desk: Path) -> None:
    passed = handfast_contract("prove", written(desk, SOUND))
    assert passed.exit_code == 0
    assert "1 of 1 examples came out as expected." in passed.output
    failed = handfast_contract("prove", written(desk, changed("owner: ana", "owner: ben")))
    assert failed.exit_code == 1
    assert "owner: expected ben, was ana\n               It is ana's turn in pool 'team'" in failed.output
    told = json.loads(handfast_contract("prove", written(desk, changed("owner: ana", "owner: ben")), "--json").stdout)
    assert told["passed"] == 0
    assert told["examples"][0]["differences"][0].startswith("owner: expected ben")


def test_schema_is_json() -> None:
    assert json.loads(handfast_contract("schema").stdout)["title"] == "Handfast contract"


def test_load_puts_a_contract_in_force_once(desk: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    path = written(desk, SOUND)
    assert "Northwind is in force as version 1" in handfast_contract("load", path).output
    assert "is in force already; nothing changed" in handfast_contract("load", path).output
    again = handfast_contract("load", written(desk, changed("4 hours", "3 hours")), "--json")
    assert json.loads(again.stdout)["version"] == 2
