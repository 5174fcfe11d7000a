"""Before the first contract nothing is wrong: signals are kept, and whoever looks is told the one thing to do."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from handfast import worker as work
from handfast.cli.opened import opened
from handfast.cli.serve import prepare
from handfast.cli.why import command as why
from handfast.desk.contracts import NoContract
from handfast.store.base import StorageAway, StorageFull, StorageRefused

LOAD = "handfast contract load FILE"


@pytest.fixture
def installation(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("HANDFAST_CONTRACT", raising=False)


def test_the_worker_says_once_that_there_is_no_contract(store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "AWAY_SECONDS", 0.001)
    worker, turns = work.Worker(store, {}), 0

    def turn() -> float:
        nonlocal turns
        turns += 1
        if turns == 4:
            worker.stop.set()
            return 0.0
        raise NoContract

    with capture_logs() as said:
        worker._forever("decide", turn)
    assert turns == 4
    assert [(one["event"], LOAD in one["fix"]) for one in said] == [("no_contract", True)]


def test_a_database_that_refuses_is_not_called_away(store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "AWAY_SECONDS", 0.001)
    events: list[str] = []
    for error in (StorageRefused("permission denied"), StorageFull("full"), StorageAway("gone")):
        worker = work.Worker(store, {})

        def turn(worker: work.Worker = worker, error: StorageAway = error) -> float:
            worker.stop.set()
            raise error

        with capture_logs() as said:
            worker._forever("decide", turn)
        events += [one["event"] for one in said]
    assert events == ["database_refused", "database_full", "database_away"]


def test_starting_says_what_is_missing(installation, capsys: pytest.CaptureFixture[str]) -> None:
    with opened() as house:
        prepare(house)
    assert LOAD in capsys.readouterr().err


def test_why_says_that_signals_wait_unread(installation) -> None:
    told = CliRunner().invoke(why, ["anna@kraus.example"])
    assert told.exit_code == 1
    assert "No contract is in force yet, so signals wait unread" in told.output
