"""A database for the simulation: made once, emptied for each seed, read whole after each step."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from handfast.desk import contracts
from handfast.identity.people import as_json, model_for
from handfast.store.embedded import CannotStart, Embedded
from handfast.store.hints import Hints
from handfast.store.migrate import migrate
from tests.conftest import _fast_folder
from tests.simulate.faults import FaultyStore
from tests.simulate.turns import DEADLOCK_SECONDS

ROOT = Path(__file__).parents[2]
#: After so many seeds the dead rows of those before are swept out.
SWEEP_EVERY = 40
Row = dict[str, Any]

#: What is read after each step, with its key. What is long and never read by a check is read as its digest.
TABLES: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # table: (key, left out, as a digest)
    "signal": ("id", ("properties", "person", "account"), ()),
    "pending": ("signal_id", (), ()),
    "intake_problem": ("id", ("payload", "raw"), ()),
    "person": ("id", (), ()),
    "identity": ("who", (), ()),
    "account": ("id", (), ()),
    "contract": ("id", ("source",), ()),
    "standing": ("person_id", (), ()),
    "verdict": ("id", (), ("working",)),
    "learned": ("seq", ("fields",), ()),
    "readiness_override": ("id", (), ()),
    "handoff": ("id", (), ()),
    "handoff_person": ("handoff_id || ' ' || person_id", (), ()),
    "assignment": ("id", (), ("working",)),
    "brief": ("handoff_id", (), ("body",)),
    "clock": ("id", (), ()),
    "timer": ("id", (), ()),
    "outbox": ("id", (), ("payload",)),
    "touch": ("id", (), ()),
    "disposition": ("id", (), ()),
    "event": ("seq", (), ()),
    "clock_pause": ("id", (), ()),
    "follow_up": ("handoff_id", (), ()),
    "offer": ("handoff_id || ' ' || rep_id", (), ()),
    "dispute": ("id", (), ()),
    "way_back": ("id", (), ()),
    "owner_change": ("seq", (), ()),
    "turn_credit": ("id", (), ()),
    "absence": ("rep_id || ' ' || starts_at || source", (), ()),
    "rep_profile": ("rep_id", (), ()),
    "canary_end": ("version", (), ()),
    "import_run": ("id", (), ()),
    "match_waiting": ("noun || ' ' || id", (), ()),
    "person_said": ("person_id", (), ("said",)),
    "person_merge": ("id", (), ("before", "kept_fields")),
    "person_merge_moved": ("merge_id || ' ' || noun || ' ' || id", (), ()),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is stored: table → key → row, times as ISO 8601 in UTC (texts that sort as the moments do). `digest`: of all of it."""

    tables: Mapping[str, Mapping[str, Row]]
    digest: str

    def __getattr__(self, table: str) -> Mapping[str, Row]:
        try:
            return self.tables[table]
        except KeyError:
            raise AttributeError(table) from None


NOTHING = Snapshot({name: {} for name in TABLES}, "")


class House:
    """One database and the ways into it."""

    def __init__(self, url: str) -> None:
        self.url = make_conninfo(url, options=f"-c deadlock_timeout={int(DEADLOCK_SECONDS * 1000)}ms")
        self.store = FaultyStore(self.url)
        self.monitor = psycopg.connect(self.url, autocommit=True, options="-c timezone=UTC")
        self.world: Any = None  # of the seed that is being played
        self._emptied = 0
        self._last: dict[str, tuple[str, dict[str, Row]]] = dict.fromkeys(TABLES, ("{}", {}))
        self._marks: dict[str, str] = {}
        _prepare(self.monitor)

    @classmethod
    def fresh(cls, server: str) -> House:
        """A new database with today's tables, of this process, in the server (the URL of one of its databases)."""
        name = f"simulate_{os.getpid()}"
        with psycopg.connect(_database(server, "postgres"), autocommit=True) as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            conn.execute(f"CREATE DATABASE {name}")
        migrate(_database(server, name))
        return cls(_database(server, name))

    def empty(self) -> None:
        """As if nothing had ever happened. A hundred times cheaper than a new database; triggers that forbid it are off meanwhile."""
        self.monitor.execute("SELECT simulate_empty()")
        self.forget()
        self._emptied += 1
        if self._emptied % SWEEP_EVERY == 0:
            self.monitor.execute("VACUUM")

    def forget(self) -> None:
        """What a process of the product remembers from one call to the next goes, as when it ends."""
        forget()
        self.store.hints = Hints()

    def look(self) -> Snapshot:
        """What is stored now. A table that is as it was is the same object as the last time: whoever compares need not look into it.

        Whether it is as it was its mark says: how many rows, and the sum of the transactions that wrote them. Each later transaction has a
        higher number, so of as many rows with the same sum none was written since.
        """
        marks = self.monitor.execute("SELECT * FROM simulate_marks()", prepare=True).fetchone()
        assert marks is not None
        changed = [mark != self._marks.get(name) for name, mark in zip(TABLES, marks, strict=True)]
        self._marks = dict(zip(TABLES, marks, strict=True))
        texts = self.monitor.execute("SELECT * FROM simulate_look(%b)", (changed,), prepare=True).fetchone()
        assert texts is not None
        for name, text, new in zip(TABLES, texts, changed, strict=True):
            if new and (text or "{}") != self._last[name][0]:
                self._last[name] = text or "{}", orjson.loads(text or "{}")
        digest = hashlib.sha256("".join(text for text, _ in self._last.values()).encode()).hexdigest()[:16]
        return Snapshot({name: rows for name, (_, rows) in self._last.items()}, digest)

    def knows_what_agreement_is_worth(self, at: datetime) -> None:
        """The model that matching begins with, as if it had been learned: to sample everybody for each turn costs a third of a seed."""
        model = Jsonb(as_json(model_for(1000)))
        self.monitor.execute("INSERT INTO match_model (at, people, body) VALUES (%s, 1000, %s)", (at, model))

    def waiting(self) -> frozenset[str]:
        """The signals that are not decided now."""
        return frozenset(row[0] for row in self.monitor.execute("SELECT signal_id::text FROM pending", prepare=True).fetchall())

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.monitor.execute(query, values).fetchall()  # type: ignore[arg-type]

    def close(self) -> None:
        self.store.close()
        self.monitor.close()


def _prepare(conn: psycopg.Connection[Any]) -> None:
    tables = [
        row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
    ]
    counters = conn.execute(
        "SELECT quote_ident(table_name), column_name FROM information_schema.columns WHERE table_schema = 'public' AND is_identity = 'YES'"
    ).fetchall()
    lines = ["PERFORM set_config('session_replication_role', 'replica', true);"]
    lines += [f'DELETE FROM "{name}";' for name in sorted(tables)]
    lines += [f"PERFORM setval(pg_get_serial_sequence('{table}', '{column}'), 1, false);" for table, column in counters]
    conn.execute(f"CREATE OR REPLACE FUNCTION simulate_empty() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {' '.join(lines)} END $$")
    pieces = []
    for name, (key, without, digested) in TABLES.items():
        row = "to_jsonb(t)"
        if without or digested:
            row += f" - ARRAY[{', '.join(repr(column) for column in (*without, *digested))}]"
        for column in digested:
            row += f" || jsonb_build_object('{column}', md5(t.{column}::text))"
        if name == "signal":
            row += " || jsonb_build_object('path', t.properties -> 'path', 'override', t.properties -> 'override')"
        if name == "outbox":
            row += " || jsonb_build_object('clock', t.payload -> 'clock' ->> 'id')"
        pieces.append(f"(SELECT jsonb_object_agg(({key})::text, {row})::text FROM {name} AS t)")
    columns = ", ".join(f"{name} text" for name in TABLES)
    marks = ", ".join(f"(SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM {name})" for name in TABLES)
    looks = ", ".join(f"CASE WHEN $1[{n}] THEN {piece} END" for n, piece in enumerate(pieces, 1))
    for function, what in (("simulate_marks()", marks), ("simulate_look(boolean[])", looks)):
        conn.execute(f"DROP FUNCTION IF EXISTS {function}")
        conn.execute(f"CREATE FUNCTION {function} RETURNS TABLE ({columns}) LANGUAGE sql AS $$ SELECT {what} $$")


@contextmanager
def own_server() -> Iterator[str]:
    """The URL of a throw-away server that serves all simulations of this user and checkout."""
    where = _fast_folder() / f"handfast-simulate-{os.getuid()}-{hashlib.sha256(bytes(ROOT)).hexdigest()[:8]}"
    where.mkdir(mode=0o700, exist_ok=True)
    server = Embedded(where, throwaway=True)
    try:
        url = server.start()
    except CannotStart:
        shutil.rmtree(where / "postgres")
        url = server.start()
    try:
        with psycopg.connect(_database(url, "postgres"), autocommit=True) as conn:
            _sweep(conn)
        yield url
    finally:
        server.stop()


def _sweep(conn: psycopg.Connection[Any]) -> None:
    """Drop what simulations that are over left behind."""
    for (name,) in conn.execute("SELECT datname FROM pg_database WHERE datname LIKE 'simulate\\_%'").fetchall():
        try:
            os.kill(int(name.split("_")[1]), 0)
        except ProcessLookupError:
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def forget() -> None:
    """What a thread of the product remembers from one call to the next goes, as with a process that ended."""
    contracts._LOCAL.__dict__.clear()


def read_once() -> None:
    """A contract is a function of its text: each is read once in this process, not once a seed, worker and purpose."""
    if getattr(contracts.read_contract, "reads_once", False):
        return
    read = lru_cache(maxsize=256)(contracts.read_contract)

    def read_contract(text: str, file: str, *, checked: bool = True) -> Any:
        return read(text, "contract.yaml")

    read_contract.reads_once = True  # type: ignore[attr-defined]
    contracts.read_contract = read_contract
