"""What waits before it leaves: for the receiver's hours, for others to the same receiver, for a channel's next minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from delivery_house import CONTRACT, NOON, Clock, House, Wire

from handfast.connectors.channel import Elsewhere, Temporary
from handfast.contract.terms_notices import NoticeKind
from handfast.desk.deliver import Delivered, deliver
from handfast.desk.held_back import Manners
from handfast.sla.notice import DIGEST, KINDS, Message


def under(house: House, notices: str, ladder: str = "") -> Manners:
    """The contract with these notices is in force."""
    with house.store.writing() as conn:
        conn.execute("ALTER TABLE contract DISABLE TRIGGER contract_stays")
        conn.execute(
            "UPDATE contract SET source = %s",
            (CONTRACT.replace("notices: {}", f"notices: {notices}").replace("1 hour}", f"1 hour{ladder}}}"),),
        )
    return Manners()


def once(house: House, wire: Wire, clock: Clock, manners: Manners, channel: str = "email") -> Delivered:
    return deliver(house.store, {channel: wire}, clock, manners=manners)


def test_the_kinds_a_contract_may_call_urgent_are_those_there_are() -> None:
    assert NoticeKind.__args__ == KINDS  # type: ignore[attr-defined]


# --- quiet hours ----------------------------------------------------------------------------------------------------


def test_at_night_a_notice_waits_for_the_reps_own_morning(house: House, wire: Wire, clock: Clock) -> None:
    manners = under(house, "{quiet: rep}")
    with house.store.writing() as conn:
        conn.execute("UPDATE rep SET time_zone = 'America/New_York' WHERE id = 'ben'")
    ana, ben = house.writes("reassigned", "ana", cause="a"), house.writes("reassigned", "ben", cause="b")
    clock.forward(hours=0.5)  # 13:30 in Berlin, 07:30 in New York
    assert once(house, wire, clock, manners) == Delivered(sent=1, held=1)
    assert wire.took == [ana]
    held = house.row(ben)
    assert held["next_at"] == NOON + timedelta(hours=2)  # nine o'clock there
    assert held["why"].startswith("held for the receiver's hours")
    assert held["attempt"] == 0
    clock.forward(hours=1.5)
    with house.store.writing() as conn:
        conn.execute("UPDATE outbox SET owner_id = 'ben' WHERE id = %s", (ben,))
        conn.execute("UPDATE handoff SET owner_id = 'ben'")
    assert once(house, wire, clock, manners).sent == 1


def test_what_waited_for_the_morning_is_asked_again_whether_it_is_true(house: House, wire: Wire, clock: Clock) -> None:
    manners = under(house, "{quiet: rep}")
    message = house.writes("reminder")
    clock.forward(hours=9)  # 22:00 in Berlin
    assert once(house, wire, clock, manners).held == 1
    house.touched("ana", clock())
    clock.forward(hours=12)
    assert once(house, wire, clock, manners) == Delivered(dropped=1)
    assert house.row(message)["why"].startswith("Ana Silva touched it")


@pytest.mark.parametrize(
    ("notices", "held"),
    [
        ("{quiet: off}", 0),
        ("{quiet: rep}", 1),
        ("{quiet: rep, urgent: [reminder]}", 0),
        ("{quiet: rep, urgent: [breach]}", 1),
        ("{quiet: rep, urgent_sla: [hand-raiser]}", 0),
    ],
)
def test_what_is_urgent_comes_at_any_hour(house: House, wire: Wire, clock: Clock, notices: str, held: int) -> None:
    manners = under(house, notices)
    house.writes("reminder")
    clock.forward(hours=9)
    assert once(house, wire, clock, manners) == Delivered(held=held, sent=1 - held)


@pytest.mark.parametrize(("step", "held"), [("remind: owner, urgent: true", 0), ("remind: owner", 1), ("tell: manager, urgent: true", 1)])
def test_a_step_that_says_so_is_urgent(house: House, wire: Wire, clock: Clock, step: str, held: int) -> None:
    manners = under(house, "{quiet: rep}", ladder=f", ladder: [{{after: 30 minutes, {step}}}]")
    house.writes("reminder")
    clock.forward(hours=9)
    assert once(house, wire, clock, manners) == Delivered(held=held, sent=1 - held)


def test_machines_and_teams_have_no_night(house: House, wire: Wire, clock: Clock) -> None:
    manners = under(house, "{quiet: rep}")
    house.writes("handoff_opened", "endpoint", channel="webhook")
    house.writes("breach", "ops", cause="late")
    clock.forward(hours=9)
    assert once(house, wire, clock, manners, "webhook").sent == 1
    assert once(house, wire, clock, manners).sent == 1


# --- many become one ------------------------------------------------------------------------------------------------


def several(house: House, number: int, to: str = "ana", **more: Any) -> list[str]:
    return [house.writes("reminder", to, cause=f"step{n}", **more) for n in range(number)]


def test_of_many_the_first_come_at_once_and_the_others_as_one(house: House, clock: Clock) -> None:
    manners = under(house, "{digest: {more_than: 2, within: 10 minutes}}")
    sent: list[Message] = []
    wire = Wire(answer=sent.append)
    every = several(house, 6)
    assert once(house, wire, clock, manners) == Delivered(sent=2, held=4)
    assert {house.row(m)["next_at"] for m in every if house.row(m)["state"] == "waiting"} == {NOON + timedelta(minutes=10)}
    clock.forward(minutes=10)
    assert once(house, wire, clock, manners) == Delivered(sent=4)
    assert [m.kind for m in sent] == ["reminder", "reminder", DIGEST]
    assert len(sent[2].parts) == 4
    assert {house.row(m)["state"] for m in every} == {"sent"}


def test_each_receiver_is_counted_alone_and_a_new_window_begins(house: House, wire: Wire, clock: Clock) -> None:
    manners = under(house, "{digest: {more_than: 2, within: 10 minutes}}")
    several(house, 2)
    [house.writes("breach", "mo", cause=f"b{n}") for n in range(2)]
    assert once(house, wire, clock, manners) == Delivered(sent=4)
    clock.forward(minutes=11)
    [house.writes("breach", "mo", cause=f"c{n}") for n in range(2)]
    assert once(house, wire, clock, manners) == Delivered(sent=2)


def test_a_digest_leaves_out_what_is_no_longer_true_and_alone_it_is_no_digest(house: House, clock: Clock) -> None:
    manners = under(house, "{digest: {more_than: 1, within: 10 minutes}}")
    sent: list[Message] = []
    house.handoff("hof_2", "ana")
    house.writes("reminder", cause="first")
    house.writes("reminder", cause="second")
    house.writes("reminder", handoff="hof_2")
    once(house, Wire(answer=sent.append), clock, manners)
    house.touched("ana", NOON + timedelta(minutes=1), handoff="hof_2")
    clock.forward(minutes=10)
    once(house, Wire(answer=sent.append), clock, manners)
    assert [m.kind for m in sent] == ["reminder", "reminder"]


def test_a_digest_that_fails_stays_one_and_is_sent_whole_later(house: House, wire: Wire, clock: Clock) -> None:
    manners = under(house, "{digest: {more_than: 1, within: 10 minutes}}")
    every = several(house, 4)
    once(house, wire, clock, manners)
    clock.forward(minutes=10)
    wire.fails(Temporary("the mail server is away", down=True))
    assert once(house, wire, clock, manners) == Delivered(retried=3)
    wire.recovers()
    clock.forward(minutes=5)
    assert once(house, wire, clock, manners) == Delivered(sent=3)
    assert len(wire.took) == 2
    assert all(house.row(m)["state"] == "sent" for m in every)


# --- rates ------------------------------------------------------------------------------------------------------------


def test_a_channel_takes_so_many_a_minute_whichever_worker_sends(house: House, wire: Wire, clock: Clock) -> None:
    one, other = (Manners(per_minute={"email": 3}) for _ in range(2))
    several(house, 7)
    assert deliver(house.store, {"email": wire}, clock, 2, manners=one) == Delivered(sent=2)
    assert deliver(house.store, {"email": wire}, clock, manners=other) == Delivered(sent=1, held=4)
    clock.forward(seconds=59)
    assert deliver(house.store, {"email": wire}, clock, manners=other) == Delivered()
    clock.forward(seconds=1)
    assert deliver(house.store, {"email": wire}, clock, manners=one) == Delivered(sent=3, held=1)
    clock.forward(seconds=60)
    assert deliver(house.store, {"email": wire}, clock, manners=one) == Delivered(sent=1)
    assert len(wire.took) == len(set(wire.took)) == 7


# --- another channel's ------------------------------------------------------------------------------------------------


def test_a_receiver_of_another_channel_is_no_failure(house: House, clock: Clock) -> None:
    message = house.writes("breach", "ops")
    wire = Wire()
    wire.fails(Elsewhere("no Slack channel is named for 'ops'"))  # type: ignore[arg-type]
    assert deliver(house.store, {"email": wire}, clock) == Delivered(dropped=1)
    assert house.row(message)["why"] == "no Slack channel is named for 'ops'"
    assert house.events("message_died") == []


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_put_right_shows_and_one_that_was_erased_is_gone(house: House, clock: Clock) -> None:
    seen: list[Message] = []
    house.writes(cause="a")
    with house.store.writing() as conn:
        assert "Maya" not in str(conn.execute("SELECT payload FROM outbox").fetchall())
        conn.execute("UPDATE person SET name = 'Maja Lindkvist' WHERE id = 'per_maya'")
    deliver(house.store, {"email": Wire(answer=seen.append)}, clock)
    house.writes(cause="b")
    with house.store.writing() as conn:
        conn.execute("UPDATE person SET name = '', email = NULL WHERE id = 'per_maya'")
    deliver(house.store, {"email": Wire(answer=seen.append)}, clock)
    assert [m.payload["person"] for m in seen] == [{"id": "per_maya", "name": "Maja Lindkvist"}, {"id": "per_maya"}]
