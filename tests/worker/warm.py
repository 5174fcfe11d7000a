"""Parts of Handfast as processes of their own that need not read their modules once more: forked off one that has done so.

A part that is killed and started seven times spends most of its processor time on imports. These are the same commands, in processes that
`kill -9` ends like any other; that a cold start comes up is what `test_up` and `make kill-loop` show.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

# What a part reads only once it runs, too: all of it is there before the fork.
import handfast.connectors.mail
import handfast.connectors.webhook
import handfast.web.app
import handfast.web.server  # noqa: F401
from handfast import worker
from handfast.cli import serve, work
from handfast.desk.deliver import deliver

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORKS = get_context("forkserver")


class Part:
    """`handfast work` or `handfast serve`, with what a loop of kills asks of a process (as `subprocess.Popen` has it)."""

    def __init__(self, word: str, environment: Mapping[str, str], said: Path, lease_seconds: float | None = None) -> None:
        _FORKS.set_forkserver_preload([__name__])
        self._process = _FORKS.Process(target=_run, args=(word, dict(environment), str(said), lease_seconds))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(word: str, environment: dict[str, str], said: str, lease_seconds: float | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    if lease_seconds is not None:
        worker.deliver = partial(deliver, lease_seconds=lease_seconds)  # type: ignore[attr-defined]
    {"work": work.command, "serve": serve.command}[word](args=[], standalone_mode=True)
