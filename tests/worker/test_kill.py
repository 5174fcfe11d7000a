"""kill -9 of worker, server and PostgreSQL while they work: nothing is lost, nothing is doubled. `make kill-loop KILLS=100` goes on for longer."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handfast.desk import contracts, imports
from handfast.desk.deliver import BATCH
from handfast.desk.handover import decide
from handfast.desk.intake import record
from handfast.facts import Signal, signal_id
from handfast.store.base import Store
from tests.worker.kill_loop import CONTRACT, REPS, VICTIMS, Loop

#: A third of them each: of the worker, the server and the database.
KILLS = 21


def ask(number: int, at: datetime, message: str | None = None) -> Signal:
    """Somebody of company `number` asks for a demo."""
    return Signal(
        signal_id("web", message or f"ask-{number}"), "web", "form_submitted", at, at, email=f"lead@firm{number}.example",
        properties={"form": "demo"}, account={"employees": 50},
    )  # fmt: skip


def prepared(store: Store) -> None:
    _, problems = contracts.put_in_force(store, CONTRACT, "kill.yaml", datetime.now(UTC))
    assert not problems, problems
    imports.put_reps(store, REPS)


@pytest.mark.slow
def test_kills_of_every_part_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Seven kills each of worker, server and PostgreSQL, with fsync as in earnest; the receiver counts idempotency keys.

    Everything acknowledged at the door is recorded once, every company has one handoff and one clock, every step fell due once, and every notice
    was delivered. What comes twice bears the same key: at most one batch a kill of the worker or of PostgreSQL, a channel.
    """
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    counted = Loop(tmp_path, seed=5, lease_seconds=6, moody=0.0, pause=0.3, warm=True).run(KILLS, lambda _: None)
    assert not counted.wrong, f"{counted.wrong}: {counted}"
    assert counted.kills == dict.fromkeys(VICTIMS, KILLS // 3)
    assert counted.lost == counted.undelivered == 0
    assert counted.refused > 0, "while a part was away the door said so, or was shut"
    assert counted.due > 0, "the kills must fall while clocks fall due, or they prove nothing"
    assert counted.again <= KILLS * BATCH


def test_one_signal_that_cannot_be_decided_is_set_aside_and_the_lane_moves_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from handfast.desk import whose
    from handfast.desk.contracts import Book
    from handfast.worker import decide_one_by_one

    prepared(store)
    at = datetime.now(UTC)
    record(store, "web", [ask(n, at + timedelta(milliseconds=n)) for n in range(5)], [], at)
    real = whose.resolve

    def stumbles(one: Signal, *rest: object) -> object:
        if one.email == "lead@firm2.example":
            raise RuntimeError("a bug")
        return real(one, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(whose, "resolve", stumbles)
    with pytest.raises(RuntimeError):
        decide(store, Book(), at + timedelta(seconds=1))
    decide_one_by_one(store, Book(), at + timedelta(seconds=1), channels=())
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM handoff").fetchone() == (4,)
        assert conn.execute("SELECT count(*) FROM pending").fetchone() == (0,)
        assert conn.execute("SELECT state, payload ->> 'email' FROM intake_problem").fetchall() == [("open", "lead@firm2.example")]
