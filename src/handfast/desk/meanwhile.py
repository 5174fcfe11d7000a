"""One piece of work done by another thread while this one goes on: writing what is settled while the rest is still computed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Meanwhile:
    """Runs `work` at once: in a thread of its own where `apart`, else here and now.

    `done` returns when it has ended and raises what it raised; `settle` only waits, for a caller that has an error of its own to tell. As a
    context it is done when its body is.
    """

    def __init__(self, work: Callable[[], None], *, apart: bool) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="meanwhile", daemon=True) if apart else None
        if self._thread is None:
            work()
        else:
            self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # kept for the thread that asks
            self._error = error

    def settle(self) -> None:
        """Waits for the end."""
        if self._thread is not None:
            self._thread.join()

    def done(self) -> None:
        """Waits for the end. Raises what the work raised, once."""
        self.settle()
        if (error := self._error) is not None:
            self._error = None
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.done()
        else:
            self.settle()
