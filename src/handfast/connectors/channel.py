"""A channel: one way out of the house, and the two ways it can fail.

Every outside failure becomes `Permanent` or `Temporary` here, once, in the connector that met it. The loop that delivers never reads
a status code. docs/how-to/write-a-connector.md walks through one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from handfast.sla.notice import Message

#: How long one message may take, all in all. A third of a lease: a worker that hangs is cut off before another takes over.
SEND_SECONDS: Final = 20.0


class Permanent(Exception):
    """It will never pass: the address does not exist, the endpoint is gone. The message is dead and says so."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Temporary(Exception):
    """It may pass later.

    `retry_after`: seconds the other side asked us to wait. `down`: the whole destination is away (refused, timed out, throttled), so
    what else is meant for it need not be tried just now.
    """

    def __init__(self, why: str, retry_after: float | None = None, *, down: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after
        self.down = down


class Elsewhere(Exception):
    """This channel has no way to that receiver, and need not: another one has. Not a failure; the message is dropped with this reason."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Channel(Protocol):
    """What the delivery loop needs. Not shared between threads: one set of channels a worker thread."""

    def send(self, message: Message) -> None:
        """Return once the other side has taken the message. Twice must be harmless: the same id, the same content.

        Raises:
            Permanent: it will never pass.
            Temporary: it may pass later.
            Elsewhere: this receiver is not one of this channel's.
        """

    def destination(self, message: Message) -> str:
        """The name of the server or endpoint this message goes to, for telling which others share its fate."""

    def finish(self) -> None:
        """The batch is over: hang up."""


@contextmanager
def within(seconds: float, hang_up: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Calls `hang_up` if the block takes longer than `seconds`. Yields a question: was it called?

    A socket's own timeout counts from one byte to the next; a server that drips a byte a second would never meet it.
    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        hang_up()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield late.is_set
    finally:
        timer.cancel()
