"""The importing company: `handfast import` as it is typed, on a database of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from handfast.cli.imports import command
from handfast.store.base import Store
from tests.desk.house import House


@dataclass
class Typed:
    """What a command answered."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def summary(self) -> list[dict[str, Any]]:
        return json.loads(self.stdout)


@dataclass
class Desk:
    """A folder to put files in, a way to import them, and a look at what became of them."""

    folder: Path
    url: str

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def imports(self, *words: object) -> Typed:
        done = CliRunner().invoke(command, [str(w) for w in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return Typed(done.exit_code, done.stdout, done.stderr)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as conn:
            return conn.execute(query, values).fetchall()  # type: ignore[arg-type]

    def problems(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, database_url)


@pytest.fixture
def house(store: Store) -> House:
    """A company that already has reps and a contract, beside the one who imports."""
    return House(store)


Rows = Callable[[str], Sequence[tuple[Any, ...]]]
