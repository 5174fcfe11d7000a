"""Apprise, the one door to everything else: the real library, posting to a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_house import NOON, House, as_claimed
from web_server import Receiver, receiving

from handfast.connectors.apprise import AppriseChannel, read_urls, said
from handfast.connectors.channel import Elsewhere, Temporary
from handfast.desk.deliver import Delivered, deliver
from handfast.sla.notice import Message, Named, notice
from handfast.sla.together import one_of_many

BASE = "https://handoffs.northwind.example"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(Receiver()) as one:
        one.answers(200)
        yield one


def message(name: str = "Maya Lindqvist", to: str = "ops", ident: str = "msg_1") -> Message:
    maya, ana = Named("per_maya", name), Named("ana", "Ana Silva")
    due = NOON + timedelta(minutes=5)
    payload = notice("breach", handoff_id="hof_1", opened_at=NOON, next_step="demo", person=maya, owner=ana, due_at=due)
    at = NOON + timedelta(minutes=6)
    return Message(ident, "hof_1", "breach", "apprise", to, "ana", as_claimed(payload, person=maya, owner=ana), at, 1, at)


def url(receiver: Receiver) -> str:
    return receiver.url.replace("http://", "json://")


def test_a_notice_reaches_every_service_of_its_receiver(receiver: Receiver) -> None:
    channel = AppriseChannel({"ops": (url(receiver), url(receiver) + "second")}, BASE)
    channel.send(message())
    assert len(receiver.posts) == 2
    told = json.loads(receiver.posts[0].body)
    assert told["title"] == "Ana Silva has not made the first touch of Maya Lindqvist"
    assert "First touch was due at 12:05 UTC" in told["message"]
    assert f"{BASE}/handoffs/hof_1" in told["message"]


def test_a_ladders_channel_and_who_has_no_url(receiver: Receiver) -> None:
    channel = AppriseChannel({"floor": (url(receiver),)}, BASE)
    channel.send(message(to="channel:floor"))
    assert len(receiver.posts) == 1
    with pytest.raises(Elsewhere, match="no Apprise URL is given for 'ana'"):
        channel.send(message(to="ana"))


def test_what_was_not_taken_is_tried_again(receiver: Receiver) -> None:
    receiver.answers(500)
    with pytest.raises(Temporary, match="did not take it"):
        AppriseChannel({"ops": (url(receiver),)}, BASE).send(message())


def test_a_service_that_hangs_is_left_before_the_lease_ends(receiver: Receiver) -> None:
    import threading

    free = threading.Event()
    receiver.before_answer = lambda: free.wait(10)
    try:
        with pytest.raises(Temporary, match=r"no answer within 0\.2 s"):
            AppriseChannel({"ops": (url(receiver),)}, BASE, timeout=0.2).send(message())
    finally:
        free.set()


def test_from_the_outbox_to_the_service(house: House, receiver: Receiver) -> None:
    house.writes("breach", "mo", channel="apprise")
    house.writes("breach", "ben", channel="apprise")
    channel = AppriseChannel({"mo": (url(receiver),)}, BASE)
    assert deliver(house.store, {"apprise": channel}, lambda: NOON) == Delivered(sent=1, dropped=1)
    assert "via=apprise." in json.loads(receiver.posts[0].body)["message"]


def test_a_hostile_name_stays_one_line_of_text() -> None:
    title, body = said(message(name="<b>Maya</b>\n@everyone [x](http://evil.example)"), BASE)
    assert "\n" not in title
    assert body.count("\n") == 2
    title, body = said(one_of_many([replace(message(), id=f"m{n}") for n in range(12)]), BASE)
    assert title == "12 notices"
    assert "And 4 more." in body


def test_a_url_apprise_does_not_know_is_told_without_the_url() -> None:
    [problem] = read_urls({"ops": ("json://127.0.0.1", "nonsense://very-secret")})
    assert "URL no. 2 of 'ops'" in problem.what
    assert "very-secret" not in str(problem)
