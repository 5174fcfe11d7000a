"""The live stream: rendered once, the same for everybody, gone with the session."""

from __future__ import annotations

import asyncio
import threading

import pytest

from handfast.desk import actions, outcomes, touches
from handfast.facts import Outcome, TouchKind
from handfast.store import pulse
from handfast.web.stream import BEHIND, Reader


class Listening:
    """A stream read in the background, message by message."""

    def __init__(self, http, path: str) -> None:
        self.got: list[str] = []
        self._news = threading.Condition()
        self._open = http.stream("GET", path)
        self.response = self._open.__enter__()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        message: list[str] = []
        try:
            for line in self.response.iter_lines():
                if line:
                    message.append(line)
                    continue
                with self._news:
                    self.got.append("\n".join(message))
                    self._news.notify_all()
                message = []
        except Exception as error:
            self.ended = error

    def until(self, part: str, seconds: float = 20) -> str:
        """The first message with this part, once it is there."""
        with self._news:
            assert self._news.wait_for(lambda: any(part in m for m in self.got), seconds), (part, self.got)
            return next(m for m in self.got if part in m)

    def clear(self) -> None:
        with self._news:
            self.got.clear()

    def close(self) -> None:
        self.response.close()
        self._thread.join(5)


@pytest.fixture
def listen(client):
    opened: list[Listening] = []

    def start(who: str, path: str) -> Listening:
        opened.append(Listening(client(who), path))
        opened[-1].until("hello")
        if len(opened) == 1:
            opened[0].until("resync")  # with the first reader the process begins to listen: from here on nothing is missed
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_a_reassignment_sends_the_same_row_to_everybody_on_the_board(server, listen) -> None:
    mara, ana = listen("mara", "/stream?board=1"), listen("ana", "/stream?board=1")
    actions.reassign(server.store, "hnd_maya", "chloe", "mara", "Ana is at lunch", server.clock())
    rows = [one.until("#b-hnd_maya") for one in (mara, ana)]
    assert rows[0] == rows[1], "nothing in it depends on who reads it"
    assert "Chloe Adeyemi" in rows[0]
    assert "hx-partial" in rows[0]
    mara.until("event: queue-chloe")
    mara.until("event: queue-ana")  # the one who had it must hear of it too
    mara.until("event: board")


def test_the_queue_gets_names_of_lists_and_no_rows(server, listen) -> None:
    ana = listen("ana", "/stream")
    touches.touch(server.store, "hnd_maya", "ana", TouchKind.CALL, server.clock())
    ana.until("event: queue-ana")
    assert not any("hx-partial" in message or "event: board" in message for message in ana.got)


def test_what_is_closed_leaves_no_row_but_announces_the_board(server, listen) -> None:
    mara = listen("mara", "/stream?board=1")
    mara.clear()
    outcomes.dispose(server.store, "hnd_maya", "ana", Outcome.DISQUALIFY, server.clock(), reason="bad_fit")
    mara.until("event: queue-ana")
    mara.until("event: board")
    assert not any("b-hnd_maya" in message for message in mara.got)


def test_the_stream_is_not_stored_and_not_held_back(server, listen) -> None:
    headers = listen("ana", "/stream").response.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers


def test_a_reader_too_far_behind_is_told_to_ask_for_the_whole() -> None:
    loop = asyncio.new_event_loop()
    reader = Reader(loop, asyncio.Queue(BEHIND), board=True)
    for number in range(BEHIND + 3):
        reader.put(b"%d" % number)
    waiting = [reader.queue.get_nowait() for _ in range(reader.queue.qsize())]
    assert waiting == [b"event: resync\ndata: -\n\n", str(BEHIND + 1).encode(), str(BEHIND + 2).encode()]
    loop.close()


def test_a_message_that_cannot_be_made_does_not_end_the_stream_for_everybody(server, listen, monkeypatch) -> None:
    """One thread listens for all pages of a process: what goes wrong for one handoff is logged, and everything is asked for again."""
    mara = listen("mara", "/stream?board=1")
    mara.clear()
    with monkeypatch.context() as patch:
        patch.setattr("handfast.web.stream.render", lambda *_, **__: 1 / 0)
        actions.reassign(server.store, "hnd_maya", "chloe", "mara", "Ana is at lunch", server.clock())
        mara.until("event: resync")
    touches.touch(server.store, "hnd_maya", "chloe", TouchKind.CALL, server.clock())
    mara.until("event: queue-chloe")


def test_announcements_come_in_batches_without_repetition(store) -> None:
    heard = pulse.notifications(store, 0.2)
    assert next(heard) == ["board"]
    with store.writing() as conn:
        for payload in ("handoff a", "handoff b", "handoff a", "board"):
            conn.execute("SELECT pg_notify('handfast', %s)", (payload,))
    batch = next(heard) or next(heard)
    assert batch == ["handoff a", "handoff b", "board"]
    heard.close()
