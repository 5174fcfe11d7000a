"""One door to the database of an installation, whichever it is, with today's tables in it."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from handfast.store.base import StorageAway, Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


#: Between two attempts while the database is away.
_AGAIN_SECONDS: Final = 0.5


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
    runs for long waits, so that a restart of both in any order comes up. Raises StorageAway, embedded.CannotStart, migrate.CannotMigrate.
    """
    with ExitStack() as stack:
        url = database_url or stack.enter_context(Embedded(data_dir, tell=tell))
        _migrate(url, tell, patience_seconds)
        yield stack.enter_context(Store(url, size=size))


def _migrate(url: str, tell: Callable[[str], None], patience_seconds: float) -> None:
    until, told = time.monotonic() + patience_seconds, False
    while True:
        try:
            migrate(url, tell)
        except psycopg.OperationalError as error:
            if time.monotonic() >= until:
                raise StorageAway(str(error)) from error
            if not told:
                tell(f"The database does not answer; asking again for {patience_seconds:.0f} seconds.")
                told = True
            time.sleep(_AGAIN_SECONDS)
        else:
            return
