"""What every test may ask for: a real PostgreSQL, a database of its own in it, a Store on that, the real data sets.

One throw-away server per user and checkout serves all test runs, also several at once: it lives in the temporary
directory, is started by the first and stopped by the last. A fresh database is a copy of a migrated template, whose name is
the hash of the migrations, so that a change of theirs makes a new one. (STRATEGY wal_log, the default, takes five times as
long as file_copy for a database of many small tables.)
"""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from handfast.store.base import Store
from handfast.store.embedded import CannotStart, Embedded
from handfast.store.migrate import MIGRATIONS, migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A test asserts no time, and a machine that is busy draws slowly. In a CI the draws stay the same ones, as the profile before says.
settings.register_profile(
    "patient", settings.get_profile(settings.get_current_profile_name()), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

ROOT = Path(__file__).parents[1]
_numbers = count(1)


#: Files that take long, the longest first: begun last, one of them would keep one of two cores waiting at the end.
LONGEST = (
    *(
        "worker/test_kill.py",
        "examples/test_leadforge.py",
        "simulate/test_simulate.py",
        "examples/test_olist.py",
        "web/test_pages_browser.py",
    ),
    *("readiness/test_laws.py", "web/test_contract_browser.py", "contract/test_hostile.py", "contract/test_contradictions.py"),
    *("replay/test_groups_online_offline.py", "replay/test_known_then.py", "imports/test_again.py", "delivery/test_kill_delivery.py"),
    *("worker/test_up.py", "demo/test_demo.py", "web/test_contract_pages.py", "web/test_pages.py", "store/test_embedded.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take long first, the others in their order."""
    place = {str(ROOT / "tests" / name): at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(str(item.path), len(LONGEST)))


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules are here to stay: looking through all of them for garbage again and again took a share of
    every test's time. (`handfast` itself sets the same threshold.)"""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The running test server: the URL of its `postgres` database, as superuser."""
    where = _fast_folder() / f"handfast-tests-{os.getuid()}-{hashlib.sha256(bytes(ROOT)).hexdigest()[:8]}"
    where.mkdir(mode=0o700, exist_ok=True)
    assert where.stat().st_uid == os.getuid(), f"{where} belongs to somebody else"
    server = Embedded(where, throwaway=True)
    try:
        url = server.start()
    except CannotStart:
        # Without fsync a machine that was switched off leaves rubbish; and the next PostgreSQL cannot read it.
        shutil.rmtree(where / "postgres")
        url = server.start()
    try:
        yield _database(url, "postgres")
    finally:
        server.stop()


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """The name of a database with today's tables and no rows, to copy from."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(MIGRATIONS.rglob("*.*")) if path.suffix in {".py", ".sql"}))
    name = f"template_{digest.hexdigest()[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(8700)")  # several test runs may want it at the same time
        _sweep(conn)
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            conn.execute("DROP DATABASE IF EXISTS making_template")
            conn.execute("CREATE DATABASE making_template")
            migrate(_database(postgres_url, "making_template"))
            conn.execute(f"ALTER DATABASE making_template RENAME TO {name}")
    return name


@pytest.fixture(scope="session")
def prepared(postgres_url: str, template_database: str) -> Iterator[Callable[[str, Callable[[Store], None]], str]]:
    """`prepared("cast", write)`: the name of a database on which `write(store)` was done, to copy from.

    Once for all tests of this process: what a test begins with is copied from there in less time than it takes to write it again.
    """
    made: dict[str, str] = {}
    with ExitStack() as opened:

        def name_of(key: str, write: Callable[[Store], None]) -> str:
            if key not in made:
                url = opened.enter_context(contextmanager(_own_database)(postgres_url, template_database))
                with Store(url) as store:
                    write(store)
                made[key] = urlsplit(url).path.removeprefix("/")
            return made[key]

        yield name_of


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """The URL of a database of this test's own, without any table."""
    yield from _own_database(postgres_url, "template1")


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a database of this test's own, with today's tables and no rows."""
    yield from _own_database(postgres_url, template_database)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A Store on a database of this test's own."""
    with Store(database_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("crm_sales")` is the folder (or file) of a real data set; skips the test where it is not at hand."""
    base = Path(os.environ.get("HANDFAST_TEST_DATA") or ROOT.parent / "shared" / "data")

    def find(name: str) -> Path:
        if not (base / name).exists():
            pytest.skip(f"the real data set '{name}' is not in {base}; set HANDFAST_TEST_DATA to the folder that has it")
        return base / name

    return find


def _fast_folder() -> Path:
    """Memory where there is plenty of it (a fresh database then takes a third of the time), else the temporary directory."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30:
        return memory
    return Path(tempfile.gettempdir())


def _own_database(postgres_url: str, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield _database(postgres_url, name)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _sweep(conn: psycopg.Connection) -> None:
    """Drop what test runs that were killed left behind."""
    for (name,) in conn.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'").fetchall():
        try:
            os.kill(int(name.split("_")[1]), 0)
        except ProcessLookupError:
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
