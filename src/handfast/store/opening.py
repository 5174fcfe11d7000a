"""One door to the database of an installation, whichever it is, with today's tables in it."""

from __future__ import annotations

import re
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg

from handfast.store.base import StorageAway, Store
from handfast.store.embedded import CannotStart, Embedded
from handfast.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")

#: Between two attempts while the database is away.
_AGAIN_SECONDS: Final = 0.5
#: So long a server that answers that it is starting or recovering is waited for: after a crash that may take minutes.
_RECOVERY_SECONDS: Final = 600.0
#: Between two looks whether the embedded server is still there, and after a start that failed.
_LOOK_SECONDS: Final = 1.0
_FAILED_SECONDS: Final = 5.0


@contextmanager
def opened(
    database_url: str | None,
    data_dir: Path,
    *,
    tell: Callable[[str], None] = lambda _: None,
    size: int = 10,
    patience_seconds: float = 0.0,
) -> Iterator[Store]:
    """The Store on `database_url`, or where that is None on the embedded server of `data_dir`, which is started if need be.

    Missing migrations are run. On exit the connections are closed, and the embedded server is stopped if nobody else uses it.
    `tell` hears a sentence before anything that takes long. `patience_seconds`: how long to wait for a database that does not answer; what
    runs for long waits, so that a restart of both in any order comes up, and starts the embedded server again whenever it goes away.
    Raises StorageAway, embedded.CannotStart, migrate.CannotMigrate.
    """
    with ExitStack() as stack:
        url = database_url or stack.enter_context(_embedded(Embedded(data_dir, tell=tell), tell, keep=patience_seconds > 0))
        patiently(lambda: migrate(url, tell), patience_seconds, tell)
        yield stack.enter_context(Store(url, size=size))


def patiently(work: Callable[[], T], seconds: float, tell: Callable[[str], None] = lambda _: None) -> T:
    """What `work` returns, asked again for so many seconds while the database does not answer. Raises StorageAway.

    Longer where it says itself that it is starting: it is there, and only has to finish. With 0 `seconds` it is asked once.
    """
    began, told = time.monotonic(), False
    while True:
        try:
            return work()
        except (psycopg.OperationalError, StorageAway) as error:
            patience = _RECOVERY_SECONDS if seconds > 0 and "the database system is" in str(error) else seconds
            if time.monotonic() - began >= patience:
                raise StorageAway(str(error)) from error
            if not told:
                tell(f"The database does not answer; asking again for {patience:.0f} seconds.")
                told = True
            time.sleep(_AGAIN_SECONDS)


@contextmanager
def _embedded(server: Embedded, tell: Callable[[str], None], *, keep: bool) -> Iterator[str]:
    """The URL of the running server; with `keep` it is started again as often as it goes away while the block lasts."""
    with server as url:
        if not keep:
            yield url
            return
        stop = threading.Event()
        keeper = threading.Thread(target=_keep, args=(server, stop, tell), name="database keeper", daemon=True)
        keeper.start()
        try:
            yield url
        finally:
            stop.set()
            keeper.join()


def _keep(server: Embedded, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Nobody else would: the server is a child of nobody, and the kernel ends whom it likes when memory runs out.

    Where it cannot be started (the disk is full) that is said once, and tried again until it can.
    """
    complaint = ""
    while not stop.wait(_FAILED_SECONDS if complaint else _LOOK_SECONDS):
        try:
            if not server.is_running():
                server.start()
            complaint = ""
        except (CannotStart, OSError, psycopg.Error) as error:
            said = re.sub(r"\d+", "", str(error))  # the same again names another process
            if said != complaint:
                tell(f"{error} Trying again until it does.")
            complaint = said
