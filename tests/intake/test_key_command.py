"""`handfast key`: made, shown once, listed by name, ended."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from handfast.cli.key import command
from handfast.desk.intake import Keys
from handfast.store.base import Store

from .conftest import now


@pytest.fixture
def key(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)

    def run(*words: str) -> Result:
        return CliRunner().invoke(command, list(words))

    return run


def test_a_key_is_shown_once_and_works_until_it_is_revoked(key, store: Store) -> None:
    made = json.loads(key("create", "web", "--json").stdout)
    assert Keys(store).source_of([made["key"]], now()) == "web"
    listed = key("list").stdout
    assert made["name"] in listed
    assert made["key"] not in listed
    assert [row["revoked_at"] for row in json.loads(key("list", "--json").stdout)] == [None]
    assert key("revoke", made["name"]).exit_code == 0
    assert Keys(store).source_of([made["key"]], now()) is None
    assert "revoked" in key("list").stdout


def test_what_cannot_be_done_is_said_in_words(key) -> None:
    for words, said in ((("create", "My Site!"), "cannot be the name of a source"), (("revoke", "abc"), "No live key has this name")):
        done = key(*words)
        assert done.exit_code == 1
        assert said in done.stderr
    assert "no write key yet" in key("list").stdout
