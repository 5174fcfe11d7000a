"""The outbox delivers what is owed: at least once, not twice without need, never in silence, and only while it is true."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from delivery_house import NOON, Clock, House, Wire

from handfast.connectors.channel import SEND_SECONDS, Permanent, Temporary
from handfast.desk.deliver import ATTEMPTS, BACKOFF_SECONDS, BATCH, LEASE_SECONDS, Delivered, deliver, wait_seconds
from handfast.store import outbox


def test_a_message_leaves_once(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=1)
    assert deliver(house.store, {"email": wire}, clock) == Delivered()
    assert wire.took == [message]
    assert house.row(message)["state"] == "sent"
    assert house.row(message)["settled_at"] == NOON


def test_what_it_takes_along(house: House, clock: Clock) -> None:
    """The sender sees the address, the zone and the brief as they are now, and whom an answer goes to."""
    house.writes()
    house.writes("breach", "mo", cause="late")
    seen = {}
    deliver(house.store, {"email": Wire(answer=lambda m: seen.update({m.kind: m}))}, clock)
    opened, breach = seen["handoff_opened"], seen["breach"]
    assert opened.to is not None
    assert opened.reply_to is not None
    assert breach.to is not None
    assert breach.reply_to is not None
    assert (opened.to.name, opened.to.email, opened.to.time_zone) == ("Ana Silva", "ana@northwind.example", "Europe/Berlin")
    assert opened.brief is not None
    assert opened.brief["opener"]["text"].startswith("Hi Maya")
    assert (opened.reply_to.email, breach.to.email, breach.reply_to.email) == (
        "mo@northwind.example",
        "mo@northwind.example",
        "ana@northwind.example",
    )
    assert breach.brief is None


def test_a_worker_that_dies_while_sending_is_replaced_when_its_lease_ends(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    with house.store.writing() as conn:
        assert [m.id for m in outbox.claim(conn, clock(), 20, LEASE_SECONDS, ["email"])] == [message]
        assert outbox.next_due(conn) == NOON + timedelta(seconds=LEASE_SECONDS)
    clock.forward(seconds=LEASE_SECONDS - 1)
    assert deliver(house.store, {"email": wire}, clock).claimed == 0
    clock.forward(seconds=1)
    assert deliver(house.store, {"email": wire}, clock).sent == 1
    assert house.row(message)["attempt"] == 2


def test_two_workers_never_hold_the_same_message(house: House, clock: Clock) -> None:
    for n in range(40):
        house.writes("reminder", cause=f"step{n}")
    wires = [Wire(), Wire()]
    workers = [threading.Thread(target=deliver, args=(house.store, {"email": wire}, clock)) for wire in wires]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(wires[0].took) == len(wires[1].took) == BATCH
    assert set(wires[0].took).isdisjoint(wires[1].took)


def test_rows_another_claim_holds_are_skipped_not_waited_for(house: House, clock: Clock) -> None:
    first, second = house.writes(cause="a"), house.writes(cause="b")
    with house.store.writing() as one, house.store.writing() as two:
        taken = outbox.claim(one, clock(), 1, LEASE_SECONDS, ["email"])
        others = outbox.claim(two, clock(), 5, LEASE_SECONDS, ["email"])
    assert [m.id for m in taken] == [first]
    assert [m.id for m in others] == [second]


def test_only_the_channels_asked_for_are_claimed(house: House, wire: Wire, clock: Clock) -> None:
    """So that a slow endpoint, in a thread of its own, holds up no mail."""
    mail, hook = house.writes(), house.writes(to="endpoint", channel="webhook")
    assert deliver(house.store, {"webhook": wire}, clock).sent == 1
    assert wire.took == [hook]
    assert house.row(mail)["state"] == "waiting"


def test_a_failure_is_tried_again_later_and_later(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    wire.fails(Temporary("451 greylisted"))
    assert deliver(house.store, {"email": wire}, clock) == Delivered(retried=1)
    row = house.row(message)
    assert (row["state"], row["why"], row["lease_until"]) == ("waiting", "451 greylisted", None)
    assert row["next_at"] == NOON + timedelta(seconds=wait_seconds(message, 1))
    wire.recovers()
    assert deliver(house.store, {"email": wire}, clock).claimed == 0
    clock.at = row["next_at"]
    assert deliver(house.store, {"email": wire}, clock).sent == 1
    assert house.row(message)["why"] is None


def test_after_ten_attempts_it_is_dead_and_says_so(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    wire.fails(Temporary("the mail server was not reached", down=True))
    for _ in range(ATTEMPTS):
        deliver(house.store, {"email": wire}, clock)
        clock.at = max(clock.at, house.row(message)["next_at"])
    assert len(wire.tried) == ATTEMPTS
    assert house.row(message)["state"] == "dead"
    assert house.events("message_died") == [
        {
            "message": message,
            "kind": "handoff_opened",
            "channel": "email",
            "recipient": "ana",
            "attempts": 10,
            "why": "given up after 10 attempts: the mail server was not reached",
        }
    ]
    assert timedelta(hours=16) < clock.at - NOON < timedelta(hours=50)


def test_a_refusal_for_good_is_dead_at_once(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    wire.fails(Permanent("550 no such user"))
    assert deliver(house.store, {"email": wire}, clock) == Delivered(dead=1)
    with house.store.reading() as conn:
        assert [(entry.id, entry.why) for entry in outbox.dead(conn)] == [(message, "550 no such user")]
    assert [event["why"] for event in house.events("message_died")] == ["550 no such user"]


def test_a_message_that_kills_its_worker_each_time_ends_too(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    for _ in range(ATTEMPTS):
        with house.store.writing() as conn:
            assert outbox.claim(conn, clock(), 20, LEASE_SECONDS, ["email"])
        clock.forward(seconds=LEASE_SECONDS)
    assert deliver(house.store, {"email": wire}, clock) == Delivered(dead=1)
    assert wire.tried == []
    assert "the worker was stopped" in house.row(message)["why"]


def test_a_bug_in_a_channel_is_an_attempt_not_the_end_of_the_loop(house: House, wire: Wire, clock: Clock) -> None:
    broken, fine = house.writes(cause="a"), house.writes(cause="b")

    def answer(message: object) -> None:
        if message.id == broken:  # type: ignore[attr-defined]
            raise KeyError("maya@halden.example")

    wire.answer = answer
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=1, retried=1)
    assert house.row(fine)["state"] == "sent"
    assert house.row(broken)["why"] == "unexpected KeyError"


def test_a_destination_that_is_away_is_asked_once_a_batch(house: House, clock: Clock) -> None:
    """The endpoint's other messages wait as if they had been tried; other endpoints' do not."""
    for n in range(5):
        house.writes(to="crm", channel="webhook", cause=f"{n}")
    other = house.writes(to="warehouse", channel="webhook")

    def answer(message: object) -> None:
        if message.recipient == "crm":  # type: ignore[attr-defined]
            raise Temporary("no answer within 20 s", down=True)

    wire = Wire(answer=answer)
    assert deliver(house.store, {"webhook": wire}, clock) == Delivered(sent=1, retried=5)
    assert len(wire.tried) == 2
    assert wire.took == [other]


def test_a_batch_that_runs_out_of_lease_gives_the_rest_back_untried(house: House, wire: Wire, clock: Clock) -> None:
    """Or the messages at its end could be sent by two workers at once."""
    for n in range(5):
        house.writes("reminder", cause=f"step{n}")
    wire.meanwhile = lambda: clock.forward(seconds=SEND_SECONDS - 1)
    done = deliver(house.store, {"email": wire}, clock)
    assert done == Delivered(sent=3, released=2)
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=2)
    assert len(set(wire.tried)) == len(wire.tried) == 5


def test_a_worker_that_wakes_up_too_late_overrules_nobody(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes()
    with house.store.writing() as conn:
        sleeper = outbox.claim(conn, clock(), 1, LEASE_SECONDS, ["email"])[0]
    clock.forward(seconds=LEASE_SECONDS)
    wire.fails(Temporary("451 later"))
    deliver(house.store, {"email": wire}, clock)
    planned = house.row(message)
    with house.store.writing() as conn:
        assert not outbox.retry(conn, sleeper, NOON, "late word")
        assert not outbox.bury(conn, sleeper, NOON, "late word")
        assert not outbox.settle_dropped(conn, sleeper, NOON, "late word")
        assert not outbox.release(conn, sleeper, NOON)
    assert house.row(message) == planned
    assert house.events("message_died") == []
    with house.store.writing() as conn:
        assert outbox.settle_sent(conn, [(sleeper.id, NOON)]) == 1, "but if it did leave, it is not to leave again"
    assert house.row(message)["state"] == "sent"


# --- what left is settled together ------------------------------------------------------------------------------


def test_what_left_is_settled_after_a_quarter_of_a_second_and_at_the_end(house: House, wire: Wire, clock: Clock) -> None:
    """Each with the time at which it left."""
    messages = [house.writes("reminder", cause=f"step{n}") for n in range(5)]
    seen = _settled_before_each(house, wire, messages, lambda: clock.forward(milliseconds=100))
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=5)
    assert seen == [0, 0, 0, 3, 3]
    left = [(house.row(message)["settled_at"] - NOON) / timedelta(milliseconds=1) for message in wire.took]
    assert left == [100, 200, 300, 400, 500]


def test_of_a_slow_endpoint_each_is_settled_before_the_next_is_sent(house: House, wire: Wire, clock: Clock) -> None:
    messages = [house.writes("reminder", cause=f"step{n}") for n in range(4)]
    seen = _settled_before_each(house, wire, messages, lambda: clock.forward(seconds=2))
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=4)
    assert seen == [0, 1, 2, 3]


def test_a_failure_and_what_left_before_it_are_settled_at_once(house: House, wire: Wire, clock: Clock) -> None:
    messages = [house.writes("reminder", cause=f"step{n}") for n in range(4)]
    seen = _settled_before_each(house, wire, messages)

    def answer(message: object) -> None:
        if len(wire.tried) == 2:
            raise Temporary("451 later")

    wire.answer = answer
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=3, retried=1)
    assert seen == [0, 0, 2, 2]


def test_a_worker_killed_before_it_settled_loses_nothing_and_the_same_come_again(house: House, wire: Wire, clock: Clock) -> None:
    messages = {house.writes("reminder", cause=f"step{n}") for n in range(4)}

    def killed(message: object) -> None:
        if len(wire.tried) == 3:
            raise KeyboardInterrupt

    wire.answer = killed
    with pytest.raises(KeyboardInterrupt):
        deliver(house.store, {"email": wire}, clock)
    first = list(wire.took)
    assert {house.row(message)["state"] for message in messages} == {"waiting"}
    clock.forward(seconds=LEASE_SECONDS)
    assert deliver(house.store, {"email": wire}, clock) == Delivered(sent=4)
    assert len(first) == 2
    assert sorted(wire.took) == sorted([*messages, *first]), "all of them once, and what had left before the kill once more"


def _settled_before_each(house: House, wire: Wire, messages: list[str], then: Callable[[], None] = lambda: None) -> list[int]:
    """Filled while a batch is sent: how many were settled when each was sent. `then`: what happens while it is."""
    seen: list[int] = []

    def meanwhile() -> None:
        seen.append(sum(house.row(message)["settled_at"] is not None or house.row(message)["why"] is not None for message in messages))
        then()

    wire.meanwhile = meanwhile
    return seen


def test_the_dead_are_sent_again_on_request(house: House, wire: Wire, clock: Clock) -> None:
    one, two = house.writes(cause="a"), house.writes(cause="b")
    wire.fails(Permanent("550 no such user"))
    deliver(house.store, {"email": wire}, clock)
    wire.recovers()
    with house.store.writing() as conn:
        assert outbox.replay(conn, one, clock())
        assert not outbox.replay(conn, one, clock()), "it is no longer dead"
        assert not outbox.replay(conn, "msg_nobody", clock())
    assert deliver(house.store, {"email": wire}, clock).sent == 1
    assert (house.row(one)["attempt"], house.row(two)["state"]) == (1, "dead")
    with house.store.writing() as conn:
        assert outbox.replay_all(conn, clock()) == 1
    assert [event["message"] for event in house.events("message_replayed")] == [one, two]


def test_next_due_is_none_when_nothing_waits(house: House) -> None:
    with house.store.reading() as conn:
        assert outbox.next_due(conn) is None


# --- is it still true? ------------------------------------------------------------------------------------------


def test_a_reminder_is_not_sent_to_somebody_who_has_called(house: House, wire: Wire, clock: Clock) -> None:
    message = house.writes("reminder")
    house.touched("ana", NOON + timedelta(minutes=2))
    clock.forward(minutes=3)
    assert deliver(house.store, {"email": wire}, clock) == Delivered(dropped=1)
    assert wire.tried == []
    assert house.row(message)["why"] == "Ana Silva touched it at 12:02 UTC"


def test_it_is_asked_again_before_each_attempt(house: House, wire: Wire, clock: Clock) -> None:
    """The mail server was down for an hour; in that hour she called."""
    message = house.writes()
    wire.fails(Temporary("not reached", down=True))
    deliver(house.store, {"email": wire}, clock)
    wire.recovers()
    house.touched("ana", NOON + timedelta(seconds=3))
    clock.forward(hours=1)
    assert deliver(house.store, {"email": wire}, clock) == Delivered(dropped=1)
    assert house.row(message)["attempt"] == 2


@pytest.mark.parametrize(
    ("kind", "to", "change", "why"),
    [
        ("handoff_opened", "ana", {"owner_id": "ben"}, "the owner is now Ben Ito"),
        ("breach", "mo", {"closed_at": NOON, "outcome": "meeting_set"}, "closed: meeting set"),
        ("reminder", "ana", {"owner_id": None}, "nobody owns it any more"),
        ("exception", "ops", {}, "the owner is now Ana Silva"),
        ("returned", "marketing", {}, "it is open again"),
    ],
)
def test_the_store_says_how_it_stands(
    house: House, wire: Wire, clock: Clock, kind: str, to: str, change: dict[str, object], why: str
) -> None:
    message = house.writes(kind, to, owner=None if kind == "exception" else "ana")  # type: ignore[arg-type]
    house.changes(**change)
    assert deliver(house.store, {"email": wire}, clock) == Delivered(dropped=1)
    assert house.row(message)["why"] == why


# --- how long to wait -------------------------------------------------------------------------------------------


def test_the_wait_is_the_same_for_the_same_failure_and_spread_over_different_ones() -> None:
    assert wait_seconds("msg_a", 3) == wait_seconds("msg_a", 3)
    for attempt, step in enumerate(BACKOFF_SECONDS, 1):
        waits = [wait_seconds(f"msg_{n}", attempt) for n in range(400)]
        assert all(step * 0.5 <= wait < step * 1.5 for wait in waits)
        assert min(waits) < step * 0.6 < step * 1.4 < max(waits)


def test_a_wait_asked_for_is_never_shortened_and_has_an_end() -> None:
    assert 600 <= wait_seconds("msg_a", 1, 600) < 660
    assert wait_seconds("msg_a", 6, 1) == wait_seconds("msg_a", 6), "our own wait is longer"
    assert wait_seconds("msg_a", 1, 10**9) < 100_000
