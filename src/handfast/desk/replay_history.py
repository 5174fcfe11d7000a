"""The record as Parquet files, a folder of buckets: what a replay reads, and reads again for the next draft.

Streaming the record out of the database costs more than judging it, so it is kept as files until the replay is done. A folder holds, for
each bucket, pieces of `signals`, `keys`, `people` and `accounts`, and `history.json`, which is written last: without it, it is not whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.store import replay as rows
from handfast.store.base import Conn
from handfast.tuning.replay_known import ACCOUNTS, KEYS, PEOPLE, PROPERTY, SIGNALS, History

#: Signals in a bucket, about: some hundred megabytes while it is judged.
BUCKET_SIGNALS: Final = 400_000
_PIECE_ROWS: Final = 1_000_000
_FRAMES: Final[Mapping[str, Mapping[str, Any]]] = {"signals": SIGNALS, "keys": KEYS, "people": PEOPLE, "accounts": ACCOUNTS}
_WHOLE: Final = "history.json"


class Stopped(Exception):
    """Whoever asked for it asked it to stop. What was done is kept."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A history in files."""

    path: Path

    def whole(self) -> dict[str, Any] | None:
        """What is in it, or None where it is not there or was left half written."""
        try:
            found = json.loads((self.path / _WHOLE).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and isinstance(found.get("buckets"), int) else None

    def bucket(self, number: int) -> History:
        """One bucket, whole."""
        return History(**{name: self._frame(name, number, schema) for name, schema in _FRAMES.items()})

    def put(self, name: str, number: int, piece: int, frame: pl.DataFrame) -> None:
        frame.write_parquet(self.path / f"{name}-{number:03}-{piece:04}.parquet", compression="lz4", statistics=False)

    def finish(self, what: Mapping[str, Any]) -> None:
        (self.path / _WHOLE).write_text(json.dumps(what))

    def clear(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        for old in (*self.path.glob("*.parquet"), *self.path.glob(_WHOLE)):
            old.unlink()

    def _frame(self, name: str, number: int, schema: Mapping[str, Any]) -> pl.DataFrame:
        pieces = sorted(self.path.glob(f"{name}-{number:03}-*.parquet"))
        if not pieces:
            return pl.DataFrame(schema=schema)
        return pl.concat([pl.read_parquet(piece, glob=False) for piece in pieces])


def needs(agreements: Sequence[Agreement]) -> tuple[list[str], list[str]]:
    """The kinds of signals and the properties that any of these contracts reads."""
    kinds = {kind for one in agreements for kind in one.kinds}
    return sorted(kinds), sorted({name for one in agreements for name in one.signal_fields})


def take(
    conn: Conn, folder: Folder, agreements: Sequence[Agreement], since: datetime, until: datetime, tell: Callable[[float], None]
) -> dict[str, Any]:
    """Streams the record of a period (and of the lookback before it) into a folder, unless it is there already; gives back what is in it.

    `conn`: a snapshot. `tell` is given the share done, and may raise `Stopped`.
    """
    kinds, names = needs(agreements)
    begins = since - max(one.reach for one in agreements)
    there = rows.extent(conn)
    of = {"kinds": kinds, "properties": names, "begins": begins.isoformat(), "until": until.isoformat(), "erasures": rows.erasures(conn)}
    found = folder.whole()
    if found is not None and found["of"] == of:
        return found
    folder.clear()
    buckets = max(1, min(512, -(-there.signals // BUCKET_SIGNALS)))
    signals = _signals(rows.signals(conn, kinds, names, begins, until, buckets), names)
    taken = _deal_out(folder, "signals", signals, lambda done: tell(0.95 * done / max(1, there.signals)))
    for name, read in (("keys", rows.keys), ("people", rows.people), ("accounts", rows.accounts)):
        _deal_out(folder, name, _told(read(conn, buckets), _FRAMES[name]), lambda _: tell(0.97))
    whole = {"of": of, "buckets": buckets, "signals": taken}
    folder.finish(whole)
    return whole


def _signals(blocks: Iterator[bytes], names: Sequence[str]) -> Iterator[pl.DataFrame]:
    columns = {**SIGNALS, **{f"{PROPERTY}{name}": pl.String for name in names}}
    return _told(blocks, columns)


def _told(blocks: Iterator[bytes], columns: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    """Blocks of CSV as frames of these columns behind a `bucket`; moments come as microseconds."""
    moments = [name for name, kind in columns.items() if isinstance(kind, pl.Datetime)]
    schema = {"bucket": pl.Int64, **{name: pl.Int64 if name in moments else kind for name, kind in columns.items()}}
    for block in blocks:
        frame = pl.read_csv(BytesIO(block), has_header=False, schema=schema, infer_schema=False)
        yield frame.with_columns(pl.col(name).cast(columns[name]) for name in moments)


def _deal_out(folder: Folder, name: str, frames: Iterator[pl.DataFrame], tell: Callable[[int], None]) -> int:
    """Writes each row to the file of its bucket; some frames are gathered first, so that files do not get small. Returns the rows."""
    waiting: list[pl.DataFrame] = []
    held = done = piece = 0
    for frame in frames:
        waiting.append(frame)
        held += frame.height
        done += frame.height
        if held >= _PIECE_ROWS:
            _write(folder, name, piece, waiting)
            waiting, held, piece = [], 0, piece + 1
        tell(done)
    if waiting:
        _write(folder, name, piece, waiting)
    return done


def _write(folder: Folder, name: str, piece: int, waiting: Sequence[pl.DataFrame]) -> None:
    for (bucket,), part in pl.concat(waiting).partition_by("bucket", as_dict=True, include_key=False).items():
        folder.put(name, int(bucket), piece, part)
