"""What reaches a log: that something failed and where, never the values it failed on."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import psycopg
import pytest
import structlog

from handfast.cli.logs import logging_to_stderr
from handfast.store.base import Store

WHO = "maya.halden@halden.example"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, as `handfast work` would log it."""
    root = logging.getLogger()
    for name in ("uvicorn", "uvicorn.error", "asyncio"):  # as in a new process, whatever servers other tests have run in this one
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "propagate", True)
        monkeypatch.setattr(logger, "disabled", False)
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "level", logging.NOTSET)
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logging_to_stderr("info", to=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = before, level


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in log.getvalue().splitlines()]


def insert_twice(store: Store) -> None:
    with store.writing() as conn:
        for _ in range(2):
            conn.execute("INSERT INTO identity (who, person_id, since) VALUES (%s, 'per', now())", (f"email:{WHO}",))


def test_a_refused_row_is_logged_without_the_row(log: io.StringIO, store: Store) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match=WHO) as refused:
        insert_twice(store)
    try:
        raise ValueError(f"nobody like {WHO}") from refused.value
    except ValueError as error:
        structlog.get_logger().exception("batch_failed", error=type(error).__name__)
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task exception=%r>", error, exc_info=error)
    assert WHO not in log.getvalue()
    ours, theirs, lost = lines(log)
    assert ours["event"] == "batch_failed"
    assert theirs["event"] == "Exception in ASGI application"
    assert lost["event"] == "Task exception was never retrieved"
    for said in (ours, theirs, lost):
        outer, cause = said["raised"]
        assert outer.startswith("ValueError at tests/test_logs.py:")
        assert cause.startswith("UniqueViolation at ")
        assert "insert_twice" in cause


def test_what_is_no_failure_is_said_as_it_is(log: io.StringIO) -> None:
    structlog.get_logger().info("worker_started", lanes=64)
    logging.getLogger("uvicorn.error").info("Uvicorn running")
    (said,) = lines(log)
    assert (said["event"], said["lanes"], said["level"]) == ("worker_started", 64, "info")
