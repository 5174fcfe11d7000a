"""The two real-data examples, each run once as its reader would run it: `examples/NAME/run DIR`, a second time, and the raw files beside it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from handfast.cli import main
from tests.conftest import ROOT, _own_database


@dataclass
class Example:
    """A history lived through, and what the report said of it."""

    name: str
    raw: Path
    url: str
    folder: Path
    first: subprocess.CompletedProcess[str]

    @cached_property
    def report(self) -> dict[str, Any]:
        return json.loads(self.first.stdout)

    def run(self) -> subprocess.CompletedProcess[str]:
        return run_example(self.name, self.raw, self.url)

    def by(self, *words: str) -> list[dict[str, Any]]:
        return self.handfast("report", "--by", ",".join(words), "--minimum", "1", "--json")["groups"]

    def handfast(self, *words: str) -> dict[str, Any]:
        """What `handfast …` answers on this history."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HANDFAST_DATABASE_URL", self.url)
            patch.setenv("HANDFAST_DATA_DIR", str(self.folder))
            done = CliRunner().invoke(main, list(words))
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as conn:
            return conn.execute(query).fetchall()  # type: ignore[arg-type]

    def sizes(self) -> dict[str, int]:
        """How many rows each table has."""
        names = [r[0] for r in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")]
        return {name: self.rows(f"SELECT count(*) FROM {name}")[0][0] for name in names}


def run_example(name: str, raw: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "examples" / name / "run", raw],
        env={**os.environ, "HANDFAST_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def example(
    postgres_url: str, template_database: str, real_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, str], Example]]:
    """`example("olist", "olist_funnel")`: lives through a history once a module."""
    opened: list[Iterator[str]] = []

    def make(name: str, folder: str) -> Example:
        raw = real_data(folder)
        opened.append(_own_database(postgres_url, template_database))
        url = next(opened[-1])
        return Example(name, raw, url, tmp_path_factory.mktemp(name), run_example(name, raw, url))

    yield make
    for one in opened:
        next(one, None)
