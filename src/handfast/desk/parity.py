"""Path parity: one synthetic person sent through every door gets the same verdict and the same owner.

The person is one whom the contract's own examples show to be ready. Each door is tried in a rehearsal, a transaction that is taken back:
the doors read, the worker's functions decide, and nothing of it was ever there, neither for the pages nor for the figures.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from handfast.connectors import segment
from handfast.connectors.files.mapping import FileMap, read_mapping
from handfast.connectors.files.table import open_table
from handfast.connectors.segment import LIMITS, Refusal
from handfast.contract.agreement import Agreement
from handfast.contract.given import Given, read_given
from handfast.desk.contracts import Book, NoContract, NotStored
from handfast.desk.handover import decide
from handfast.desk.imports import import_file
from handfast.desk.intake import receive
from handfast.problem import Place, Problem
from handfast.store import parity as rows
from handfast.store.base import Store
from handfast.store.rehearsal import Rehearsal, rehearsing

#: Nobody's address: `.example` is kept for that.
EMAIL: Final = "probe@handfast-probe.example"
SOURCE: Final = "handfast-probe"
#: With more signals waiting than this the probe would wait behind them.
MOST_WAITING: Final = 500
_TURNS: Final = 10


@dataclass(frozen=True, slots=True)
class Door:
    """What came of the person at one door: as stored, or the sentence why nothing was."""

    name: str
    found: Mapping[str, Any]
    failed: str = ""


def probe(store: Store, at: datetime) -> tuple[list[Door], list[Problem]]:
    """Sends the synthetic person through every door, at `at` (UTC), and compares.

    Problems: where two doors disagree, or none could be tried. Raises StorageAway.
    """
    with store.reading() as conn:
        try:
            agreement = Book().refresh(conn).at(at)
        except NoContract:
            return [], []
        waiting = rows.waiting(conn)
    given = somebody_ready(agreement)
    if given is None:
        fix = "Add an example that expects `verdict: ready` to the contract."
        return [], [Problem(Place("parity"), "no example of the contract shows anybody ready, so the doors were not compared", fix)]
    if waiting > MOST_WAITING:
        return [], [
            Problem(Place("parity"), f"{waiting:,} signals wait, so the doors were not compared", "Try again when they are decided.")
        ]
    try:
        found = [_tried(store, name, send, agreement, given, at) for name, send in DOORS.items()]
    except NotStored as missing:
        # A decision gives out what is held, too, and one of those may be the one nobody can read.
        what = f"a handoff names the contract {missing.args[0]}, which is not stored, so the doors were not compared"
        return [], [Problem(Place("parity"), what, "Mend that first: this doctor names the handoff.")]
    return found, compared(found)


def somebody_ready(agreement: Agreement) -> Given | None:
    """The case of the first example that expects somebody to be ready."""
    for example in agreement.contract.examples:
        if example.expect.get("verdict") == "ready":
            return read_given(agreement.contract, example)
    return None


def compared(doors: Sequence[Door]) -> list[Problem]:
    """A Problem for each door that does not say what the first one says."""
    first = doors[0]
    problems = []
    for door in doors:
        place = Place("parity", part=door.name)
        if door.failed:
            problems.append(
                Problem(place, f"the synthetic person did not come through: {door.failed}", "Report it: every door takes the same person.")
            )
            continue
        other = [name for name in door.found if not first.failed and door.found[name] != first.found.get(name)]
        if other:
            said = ", ".join(f"{name} {door.found[name]} instead of {first.found.get(name)}" for name in other)
            problems.append(
                Problem(place, f"the same person came out otherwise than by {first.name}: {said}", "Report it, with this line.")
            )
    return problems


Send = Callable[[Rehearsal, Agreement, Given, datetime], str]


def _tried(store: Store, name: str, send: Send, agreement: Agreement, given: Given, at: datetime) -> Door:
    with rehearsing(store) as stage:
        if failed := send(stage, agreement, given, at):
            return Door(name, {}, failed)
        book = Book()
        for _ in range(_TURNS):
            if not decide(stage, book, at + timedelta(seconds=1), channels=()).signals:
                break
        with stage.reading() as conn:
            found = rows.outcome(conn, EMAIL)
    return Door(name, found) if found else Door(name, {}, "nobody is known by the address afterwards")


# --- the doors ------------------------------------------------------------------------------------------------


def _events(given: Given, at: datetime) -> list[dict[str, Any]]:
    """What they did, the oldest first: `kind`, `at`, its own fields."""
    found = [{"kind": one.kind, "at": at - timedelta(minutes=one.minutes_ago), **one.fields} for one in given.signals]
    return sorted(found, key=lambda one: one["at"])


def _http(stage: Rehearsal, _: Agreement, given: Given, at: datetime) -> str:
    """As a tracking library sends it: a batch of events with the person's traits."""
    traits = {**given.person, "email": EMAIL}
    batch = [
        {
            "type": "track",
            "event": one["kind"],
            "messageId": f"probe-{n}",
            "userId": "handfast-probe",
            "timestamp": one["at"].isoformat(),
            "sentAt": at.isoformat(),
            "context": {"traits": traits},
            "properties": {name: value for name, value in one.items() if name not in ("kind", "at")},
        }
        for n, one in enumerate(_events(given, at))
    ]
    document = segment.decode(orjson.dumps({"batch": batch, "sentAt": at.isoformat()}), "", LIMITS)
    if isinstance(document, Refusal):
        return document.problem.what
    receipt = receive(stage, SOURCE, "batch", document, at)
    if isinstance(receipt, Refusal):
        return receipt.problem.what
    return f"{receipt.refused} of its events were refused" if receipt.refused else ""


def _file(suffix: str, write: Callable[[Path, list[dict[str, Any]]], None]) -> Send:
    """As a file of signals, with the person's fields beside each."""

    def send(stage: Rehearsal, _: Agreement, given: Given, at: datetime) -> str:
        person = {f"person.{name}": value for name, value in given.person.items() if name != "email"}
        told = [
            {"id": f"probe-{n}", "kind": one["kind"], "at": one["at"].isoformat(), "email": EMAIL, "user_id": "handfast-probe", **person}
            | {f"properties.{name}": value for name, value in one.items() if name not in ("kind", "at")}
            for n, one in enumerate(_events(given, at))
        ]
        columns = list(dict.fromkeys(name for row in told for name in row))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"probe{suffix}"
            write(path, [{name: row.get(name) for name in columns} for row in told])
            return _import(stage, path, at)

    return send


def _import(stage: Rehearsal, path: Path, at: datetime) -> str:
    table = open_table(path)
    if isinstance(table, Problem):
        return table.what
    mapping, _, problems = read_mapping(f"source: {SOURCE}", "probe", "signals")
    if mapping is None:
        return problems[0].what
    refused: list[Problem] = []
    import_file(stage, table, FileMap(kind="signals", terms=mapping.terms), at, refuse=refused.append)
    return refused[0].what if refused else ""


def _csv(path: Path, told: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, list(told[0]))
        out.writeheader()
        out.writerows(told)


def _jsonl(path: Path, told: list[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(orjson.dumps({name: value for name, value in row.items() if value is not None}) + b"\n" for row in told))


def _parquet(path: Path, told: list[dict[str, Any]]) -> None:
    pl.DataFrame(told, infer_schema_length=None).write_parquet(path)


DOORS: Final[Mapping[str, Send]] = {
    "HTTP": _http,
    "CSV": _file(".csv", _csv),
    "JSONL": _file(".jsonl", _jsonl),
    "Parquet": _file(".parquet", _parquet),
}
