"""The live stream: what the database announces, rendered once and sent to everybody who looks.

One thread a process listens on PostgreSQL channel `handfast`. A change to a handoff becomes the same bytes for all: its row for those on
the board, and an event `queue-REP` for those whose list it may change, who then ask for their own list. Nothing in the stream depends on
who reads it. The board's other parts (numbers, load, new rows) are announced as event `board`, at most once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from handfast.desk import logins
from handfast.store import pages, pulse
from handfast.store.base import StorageAway
from handfast.web.access import User
from handfast.web.house import House, house_of, render, signed_in
from handfast.web.security import COOKIE

router = APIRouter(include_in_schema=False)
log = structlog.get_logger("handfast.web.stream")

#: Messages a slow reader may lie behind before it is told to reload instead.
BEHIND: Final = 256
PING_SECONDS: Final = 15.0
BOARD_SECONDS: Final = 1.0
#: After how many pings a stream asks whether its session still holds.
CHECK_EVERY: Final = 4


@dataclass(eq=False, slots=True)
class Reader:
    """One open stream. `board`: it shows the board and wants its rows."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[bytes | None]
    board: bool

    def put(self, message: bytes | None) -> None:
        """Called in the loop; None ends the stream. A reader too far behind loses what waits and is told to ask for the whole."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            message = event("resync") if message is not None else None
        self.queue.put_nowait(message)


def event(name: str, data: str = "-") -> bytes:
    """A named event: htmx turns it into a DOM event of that name."""
    return f"event: {name}\ndata: {data}\n\n".encode()


def fragments(html: str) -> bytes:
    """An unnamed message: htmx swaps what is in it."""
    return ("".join(f"data: {part}\n" for part in html.splitlines() if part.strip()) + "\n").encode()


class Hub:
    """Listens once for the process and passes on to every reader. Starts with the first reader; `close` ends it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._readers: set[Reader] = set()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closing = Event()
        self._on_board: set[str] = set()
        self._board_dirty = False
        self._board_sent = 0.0
        self.revision = 0

    def add(self, reader: Reader) -> None:
        with self._lock:
            self._readers.add(reader)
            if self._thread is None:
                self._thread = Thread(target=self._listen, name="handfast-stream", daemon=True)
                self._thread.start()

    def remove(self, reader: Reader) -> None:
        with self._lock:
            self._readers.discard(reader)

    def end(self) -> None:
        """Let every open stream end now. Does not wait, so that it may be called in the loop."""
        self._closing.set()
        for reader in self._all():
            _hand(reader, None)

    def close(self) -> None:
        """End the streams and wait for the listening thread."""
        self.end()
        if self._thread is not None:
            self._thread.join(2)

    def _all(self) -> list[Reader]:
        with self._lock:
            return list(self._readers)

    def _listen(self) -> None:
        """The loop that must go on: a lost connection is a pause, and then everything is asked for again."""
        while not self._closing.is_set():
            try:
                for batch in pulse.notifications(self._house.store):
                    if self._closing.is_set():
                        return
                    self._handle(batch)
            except StorageAway as away:
                log.warning("stream_lost_database", why=str(away)[:200])
                self._closing.wait(1)
            except Exception as error:  # the loop of this process's pages must go on, and says what happened
                log.exception("stream_failed", error=type(error).__name__)
                self._closing.wait(1)

    def _handle(self, batch: Sequence[str]) -> None:
        if batch:
            self.revision += 1
            self._board_dirty = True
            ids = [payload.partition(" ")[2] for payload in batch if payload.startswith("handoff ")]
            if len(ids) < len(batch):
                self._send(event("resync"), event("resync"))
            elif self._readers:
                self._announce(ids)
        if self._board_dirty and time.monotonic() - self._board_sent >= BOARD_SECONDS:
            self._board_dirty, self._board_sent = False, time.monotonic()
            self._send(event("board"), b"")

    def _announce(self, ids: Sequence[str]) -> None:
        at = self._house.clock()
        with self._house.store.reading() as conn:
            changed = pages.lines(conn, ids)
            owners = pages.owners_ever(conn, ids)
            zone = self._house.zone(conn, at)
        queues = b"".join(event(f"queue-{owner}") for owner in owners)
        rows = [line for line in changed if line.ticking and line.owner_id]
        html = render("_board_rows.html", lines=rows, now=at, zone=zone) if rows else ""
        self._send(queues + (fragments(html) if html.strip() else b""), queues)

    def _send(self, to_board: bytes, to_others: bytes) -> None:
        for reader in self._all():
            if message := to_board if reader.board else to_others:
                _hand(reader, message)


def _hand(reader: Reader, message: bytes | None) -> None:
    with suppress(RuntimeError):  # its loop has ended: the process is on its way out
        reader.loop.call_soon_threadsafe(reader.put, message)


@router.get("/stream")
async def stream(request: Request, user: Annotated[User, Depends(signed_in)], board: bool = False) -> StreamingResponse:
    """The events of this installation for one page. Ends when the session does."""
    house, token = house_of(request), request.cookies.get(COOKIE, "")
    reader = Reader(asyncio.get_running_loop(), asyncio.Queue(BEHIND), board)
    hub: Hub = request.app.state.hub

    async def messages() -> AsyncIterator[bytes]:
        hub.add(reader)
        quiet = 0
        try:
            yield b"retry: 2000\n: hello\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(reader.queue.get(), PING_SECONDS)
                except TimeoutError:
                    quiet += 1
                    if quiet % CHECK_EVERY == 0 and not await run_in_threadpool(_holds, house, token):
                        return
                    message = b": ping\n\n"
                if message is None:
                    return
                yield message
        finally:
            hub.remove(reader)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(messages(), media_type="text/event-stream", headers=headers)


def _holds(house: House, token: str) -> bool:
    """Whether the session is still one, without counting as a use of it. A database that is away decides nothing."""
    try:
        return logins.peek(house.store, token, house.clock())
    except StorageAway:
        return True
