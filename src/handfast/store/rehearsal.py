"""A store in which everything can be done and nothing has been done: one transaction that is always taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from handfast.store.base import Conn, Store
from handfast.store.hints import Hints


class Rehearsal(Store):
    """Gives the functions that read and write a store the same connection, within one transaction of the real one.

    `rehearsing` is the only way to one. What they would commit, they see; nobody else does, and in the end it never was. Locks are held until
    then, so a rehearsal is short.
    """

    def __init__(self, conn: Conn) -> None:  # no pool: there is one connection
        self._conn = conn
        self.hints = Hints()

    @contextmanager
    def reading(self) -> Iterator[Conn]:
        yield self._conn

    @contextmanager
    def writing(self) -> Iterator[Conn]:
        self._conn.execute("SAVEPOINT rehearsed")
        try:
            yield self._conn
        except BaseException:
            self._conn.execute("ROLLBACK TO SAVEPOINT rehearsed")
            raise
        self._conn.execute("RELEASE SAVEPOINT rehearsed")

    def close(self) -> None:
        """Nothing of its own to close."""


@contextmanager
def rehearsing(store: Store) -> Iterator[Rehearsal]:
    """A rehearsal on this store. Raises StorageAway."""
    with store.writing() as conn:
        try:
            yield Rehearsal(conn)
        finally:
            conn.rollback()  # what the store commits after this is nothing
