"""`handfast person`: looked at first, done only when it is said, and one document of everything before."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from handfast.cli import main
from handfast.store.base import Store
from tests.desk.house import House

from .world import at_work


@pytest.fixture
def house(store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> House:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    return at_work(store)


def person(*words: str) -> Result:
    return CliRunner().invoke(main, ["person", *words], catch_exceptions=False)


def test_without_yes_it_says_what_it_would_do_and_writes_nothing(house: House) -> None:
    told = person("erase", "ada@kraus.example")
    assert told.exit_code == 1
    assert "Ada Lovelacia" in told.output
    assert "Is deleted: keys (3)" in told.output
    assert "they are in work" in told.output
    assert "--close" in told.output
    assert house.one("SELECT name FROM person") == "Ada Lovelacia"
    seen = json.loads(person("erase", "ada@kraus.example", "--json").stdout)
    assert (seen["deleted"]["keys"], seen["open_handoffs"], seen["kept"]["handoffs"]) == (3, [house.handoff()], 1)


def test_export_then_erase_then_nobody_knows_them(house: House) -> None:
    held = json.loads(person("export", "usr-ada-1").stdout)
    assert held["held"]["people"][0]["name"] == "Ada Lovelacia"
    assert {row["who"] for row in held["held"]["keys"]} == {"email:ada@kraus.example", "user:usr-ada-1", "visitor:anon-ada-1"}
    assert held["held"]["signals"][0]["properties"]["comment"] == "Ada here"
    done = person("erase", "anon-ada-1", "--close", "--yes", "--reason", "Request 17", "--by", "rita@kraus.example")
    assert done.exit_code == 0, done.output
    assert f"{house.handoff()} was closed with it" in done.output
    for again in (person("export", "ada@kraus.example"), person("erase", "ada@kraus.example", "--yes")):
        assert again.exit_code == 1
        assert "nobody is known by this" in again.output
    assert "was erased on" in person("erase", house.one("SELECT id FROM person")).output
    listed = person("erasures").output
    assert "by rita@kraus.example: Request 17" in listed
    assert "ada" not in listed.lower()
    [one] = json.loads(person("erasures", "--json").stdout)
    assert one["counts"]["keys"] == 3


def test_nobody_was_erased_yet(house: House) -> None:
    assert "Nobody was erased" in person("erasures").output
    assert "to be decided" not in person("erase", "ada@kraus.example").output


def test_a_long_look_says_where_it_is_beside_what_is_printed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that what is read by a program stays whole; a short one says nothing."""
    assert person("erase", "ada@kraus.example", "--json").stderr == ""
    monkeypatch.setattr("handfast.cli.person.SILENT_SECONDS", 0.0)
    long = person("erase", "ada@kraus.example", "--json")
    assert "Looking through signal (0 of " in long.stderr
    assert json.loads(long.stdout)["name"] == "Ada Lovelacia"
