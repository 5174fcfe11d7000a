"""One door to the database of an installation, whichever it is, with today's tables in it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg

from handfast.store.base import StorageAway, Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def opened(database_url: str | None, data_dir: Path, *, tell: Callable[[str], None] = lambda _: None, size: int = 10) -> Iterator[Store]:
    """The Store on `database_url`, or where that is None on the embedded server of `data_dir`, which is started if need be.

    Missing migrations are run. On exit the connections are closed, and the embedded server is stopped if nobody else uses it.
    `tell` hears a sentence before anything that takes long. Raises StorageAway, embedded.CannotStart, migrate.CannotMigrate.
    """
    with ExitStack() as stack:
        url = database_url or stack.enter_context(Embedded(data_dir, tell=tell))
        try:
            migrate(url, tell)
        except psycopg.OperationalError as error:
            raise StorageAway(str(error)) from error
        yield stack.enter_context(Store(url, size=size))
