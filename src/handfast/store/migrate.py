"""Bring a database to the tables this version speaks of. Safe to call at every start, from any number of processes.

Almost always there is nothing to do, so that is found out first, with one query and without loading alembic.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from handfast.problem import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

MIGRATIONS = Path(__file__).parent / "migrations"
#: "handfast" as a number: the advisory lock that lets one process migrate at a time.
_LOCK = int.from_bytes(b"handfast", "big") >> 1


class CannotMigrate(Exception):
    """The database cannot be brought to this version's tables; `problem` says what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def revisions() -> list[str]:
    """Every revision this version knows, oldest first."""
    return sorted(path.stem.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision_of(conn: psycopg.Connection) -> str | None:
    """The revision a database is at, None for one without our tables."""
    if conn.execute("SELECT to_regclass('alembic_version')::text").fetchone() == (None,):
        return None
    row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def is_current(url: str) -> bool:
    """Whether the database at `url` has exactly this version's tables."""
    with psycopg.connect(url, autocommit=True) as conn:
        return revision_of(conn) == revisions()[-1]


def migrate(url: str, tell: Callable[[str], None] = lambda _: None) -> bool:
    """Run the missing revisions, all in one transaction. Whether there were any.

    `tell` hears one sentence before work that may take a while. Raises CannotMigrate for a database that a newer Handfast
    has already changed: going on would write what that version does not expect; psycopg.OperationalError where the database is away.
    """
    try:
        return _migrated(url, tell)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        problem = Problem(
            Place("the database"),
            f"it does not let its user make or read the tables ({error.diag.message_primary})",
            "Name a user in HANDFAST_DATABASE_URL who owns the database or its schema, and a server that is no copy for reading.",
        )
        raise CannotMigrate(problem) from error


def _migrated(url: str, tell: Callable[[str], None]) -> bool:
    with psycopg.connect(url, autocommit=True) as conn:
        if _settled(revision_of(conn)):
            return False
        conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        at = revision_of(conn)  # another process may have been faster
        if _settled(at):
            return False
        tell("Creating the tables" if at is None else f"Bringing the tables from revision {at} to {revisions()[-1]}")
        _upgrade(url)
        return True


def _settled(at: str | None) -> bool:
    known = revisions()
    if at is not None and at not in known:
        raise CannotMigrate(
            Problem(
                Place("the database"),
                f"its tables are at revision {at}, which this version of Handfast does not know (it knows up to {known[-1]})",
                "Install the newer Handfast that this database was last used with, or restore a backup made before it.",
            )
        )
    return at == known[-1]


def _upgrade(url: str) -> None:
    """Alembic, without a file of settings: it takes half a second to import, so only when there is work."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        # Cut off in the middle, nothing of it is done, and whoever waits for the database knows psycopg's names for that.
        if isinstance(error.orig, psycopg.OperationalError | psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction):
            raise error.orig from error
        raise
