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
    for words, said in ((("create", "My Site!"), "cannot be the name of a source"), (("revoke", "abcd"), "No live key has this name")):
        done = key(*words)
        assert done.exit_code == 1
        assert said in done.stderr
    assert "no write key yet" in key("list").stdout


@pytest.mark.parametrize("named", ["", "0", "abc"])
def test_a_key_is_not_ended_by_next_to_nothing(key, store: Store, named: str) -> None:
    """`handfast key revoke "$KEY"` with a variable that was never set, and one key: every name begins so."""
    made = json.loads(key("create", "web", "--json").stdout)
    for word in {named, made["name"][: len(named)]}:
        assert "too little to tell which key is meant" in key("revoke", word).stderr
    assert Keys(store).source_of([made["key"]], now()) == "web"
    assert key("revoke", made["name"][:4]).exit_code == 0
