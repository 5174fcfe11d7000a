"""`handfast login`: accounts from the command line."""

from __future__ import annotations

import json

import cast
import pytest
from click.testing import CliRunner

from handfast.cli.login import command


@pytest.fixture
def run(database_url, monkeypatch, tmp_path):
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    return lambda *words, typed="": CliRunner().invoke(command, list(words), input=typed)


def test_add_list_remove(run) -> None:
    added = run("add", "Rita@northwind.example", "--role", "revops", "--password-stdin", typed=cast.PASSWORD + "\n")
    assert added.exit_code == 0, added.output
    assert "rita@northwind.example may sign in as revops." in added.output
    listed = json.loads(run("list", "--json").stdout)
    assert [(one["email"], one["role"], one["rep"]) for one in listed] == [("rita@northwind.example", "revops", None)]
    assert "password" not in listed[0]
    assert run("remove", "rita@northwind.example").exit_code == 0
    assert "Nobody has an account yet" in run("list").output


def test_the_password_is_asked_for_twice(run) -> None:
    asked = run("add", "eva@northwind.example", "--role", "leader", typed=f"{cast.PASSWORD}\n{cast.PASSWORD}\n")
    assert asked.exit_code == 0, asked.output
    assert cast.PASSWORD not in asked.output


def test_what_would_not_work_is_refused_with_the_fix(run) -> None:
    refused = run("add", "ana@northwind.example", "--role", "rep", "--rep", "nobody", "--password-stdin", typed=cast.PASSWORD)
    assert refused.exit_code == 1
    assert "no rep has the id 'nobody'" in refused.output
    assert run("remove", "nobody@northwind.example").exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody", "--role", "leader"], "'nobody' is not an e-mail address"),
        (["ana@northwind.example", "--role", "rep"], "Add --rep ID."),
        (["ana@northwind.example", "--role", "rep", "--rep", "ana"], "handfast import reps.csv --as reps"),
    ],
)
def test_what_would_not_work_is_said_before_a_password_is_asked_for(run, words: list[str], said: str) -> None:
    refused = run("add", *words)
    assert refused.exit_code == 1
    assert said in refused.output
    assert "Password" not in refused.output
