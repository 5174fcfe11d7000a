"""A replay of 100 thousand, 1 million and 10 million signals, beside Polars merely scanning, sorting and summing the same files.

The history is made in the run: twenty signals a person over a year, three fields of a signal, four of a person, one signal in a hundred received
hours late; files of about 400,000 signals each, as a replay takes them out of the database. Replayed are the contract in force and a draft with
another bar: verdicts at every moment that counts, the life of handoffs, owners, load, meetings and the frontier. The yardstick reads every column
of the same signal files, sorts by person and time, and adds each column up.

`python -m bench.replay --store [signals]` measures the way out of PostgreSQL instead: the whole record taken into files, beside a bare COPY of the signal
table that is thrown away.

Each size runs in a process of its own, so that its peak of memory is its own. `python -m bench.replay [signals …]`; seconds are of the processor
(two cores may share them) and of the wall.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from bench.verdicts import AT, DAY, MOMENT, TERMS, drawn
from handfast.contract.agreement import Agreement, agree
from handfast.contract.terms import Contract
from handfast.desk.replay import Asked, World, replay_folder
from handfast.desk.replay_history import BUCKET_SIGNALS, Folder
from handfast.facts import Rep
from handfast.problem import Place
from handfast.tuning.replay_known import ACCOUNTS, Lens
from handfast.tuning.replay_load import Crew

SIGNALS_EACH = 20
DAYS = 365
SIZES = (100_000, 1_000_000, 10_000_000)
REPS = [f"rep{n}" for n in range(40)]


def signed(intent: int) -> Agreement:
    terms = json.loads(json.dumps(TERMS))
    terms["ready"]["intent"]["at_least"] = intent
    terms["routing"] = {"pools": {"all": {"members": dict.fromkeys(REPS, 1)}}, "default": "all"}
    agreement, problems = agree(Contract.model_validate(terms), Place("bench"))
    assert agreement is not None, problems
    return agreement


def made(folder: Folder, signals: int) -> None:
    """Writes a history of so many signals, bucket by bucket."""
    folder.clear()
    buckets = max(1, -(-signals // BUCKET_SIGNALS))
    persons = signals // SIGNALS_EACH // buckets
    for number in range(buckets):
        for name, frame in bucket(number, persons).items():
            folder.put(name, number, 0, frame)
    folder.finish({"of": {"made": signals}, "buckets": buckets, "signals": persons * SIGNALS_EACH * buckets})


def bucket(number: int, persons: int) -> dict[str, pl.DataFrame]:
    many, first, seed = persons * SIGNALS_EACH, number * persons, number * 100
    rows = pl.int_range(many, eager=True)
    who = rows.hash(seed) % persons
    occurred = int(AT.timestamp() * 1e6) - DAYS * DAY + (rows.hash(seed + 1) % (DAYS * DAY)).cast(pl.Int64).sort()
    late = pl.select(pl.when(rows.hash(seed + 9) % 100 == 0).then(5 * 3_600_000_000).otherwise(2_000_000)).to_series()
    ids = pl.Series([f"per_{first + n:020x}" for n in range(persons)])
    names = pl.Series([f"user:{first + n}" for n in range(persons)])
    paths = ['"/pricing/teams"', '"/pricing/quote"', *(f'"/page/{n}"' for n in range(28))]
    signals = pl.DataFrame(
        {
            "signal": rows + first * SIGNALS_EACH + 1,
            "who": names.gather(who),
            "kind": drawn(
                many, ["page_viewed"] * 12 + ["email_clicked"] * 4 + ["form_submitted", "webinar_attended"] + ["email_sent"] * 2, seed + 3
            ),
            "source": pl.Series(["web"]).new_from_index(0, many),
            "occurred_at": occurred.cast(MOMENT),
            "received_at": (occurred + late).cast(MOMENT),
            "p.form": drawn(many, ['"demo"', '"newsletter"', None], seed + 5),
            "p.minutes": drawn(many, ["5", "15", "25", "45"], seed + 6),
            "p.path": drawn(many, paths, seed + 4),
        }
    )
    began = (
        signals.with_columns(_p=who)
        .sort("received_at", "signal")
        .group_by("_p", maintain_order=True)
        .first()
        .select("_p", "received_at", "signal")
    )
    keys = pl.DataFrame({"who": names.gather(began["_p"]), "person_id": ids.gather(began["_p"])}).hstack(began.drop("_p"))
    fields = drawn(persons, [json.dumps({"employees": e, "industry": i, "seniority": s, "country": c})
                             for e in (4, 80, 300, 900, 4000) for i in ("software", "retail") for s in ("vp", "analyst") for c in ("US", "KP")], seed + 7)  # fmt: skip
    people = pl.DataFrame({"person_id": keys["person_id"], "account_id": pl.Series([None], dtype=pl.String).new_from_index(0, keys.height)})
    people = people.with_columns(fields.gather(began["_p"]).alias("fields")).hstack(began.drop("_p"))
    return {"signals": signals, "keys": keys, "people": people, "accounts": pl.DataFrame(schema=ACCOUNTS)}


def replayed(folder: Folder, work: Path) -> dict[str, Any]:
    since = AT - timedelta(days=DAYS + 1)
    asked = Asked(signed(15), since, AT + timedelta(days=1))
    crew = Crew({rep: Rep(rep, rep, f"{rep}@reps.example") for rep in REPS})
    found = replay_folder(folder, asked, World([Lens(signed(20), since, asked.until)], (), crew), work, lambda _what, _share: None)
    shutil.rmtree(work, ignore_errors=True)
    return found.report


def scanned(folder: Folder) -> None:
    frame = pl.read_parquet(folder.path / "signals-*.parquet").sort("who", "occurred_at")
    texts = [pl.col(name).str.len_bytes().sum() for name, kind in frame.schema.items() if kind == pl.String]
    frame.select(*texts, *(pl.col(name).max() for name, kind in frame.schema.items() if kind != pl.String))


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return time.process_time() - processor, time.perf_counter() - wall, found


def one(signals: int, path: Path) -> dict[str, object]:
    folder = Folder(path / "history")
    processor, wall, report = timed(lambda: replayed(folder, path / "work"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bare = timed(lambda: scanned(folder))
    return {
        "signals": report["signals"],
        "people": report["people"],
        "verdicts": report["judged"],
        "handoffs": [report["handoffs"][side]["opened"] for side in ("in_force", "draft")],
        "cpu_seconds": round(processor, 2),
        "wall_seconds": round(wall, 2),
        "scan_sort_sum_cpu_seconds": round(bare[0], 2),
        "scan_sort_sum_wall_seconds": round(bare[1], 2),
        "times_the_scan_cpu": round(processor / bare[0], 1),
        "times_the_scan_wall": round(wall / bare[1], 1),
        "us_a_signal_cpu": round(processor / signals * 1e6, 2),
        "peak_mb": round(peak),
    }


def streamed(signals: int) -> dict[str, object]:
    """A million signals in an embedded PostgreSQL, taken into files."""
    from handfast.desk.replay_history import take
    from handfast.store import replay as rows
    from handfast.store.base import Store
    from handfast.store.embedded import Embedded
    from handfast.store.migrate import migrate

    with tempfile.TemporaryDirectory(prefix="handfast-bench-") as name, Embedded(Path(name) / "postgres") as url:
        migrate(url)
        with Store(url, statement_seconds=600) as store:
            with store.writing() as conn:
                for statement in _FILLED:
                    conn.execute(statement, (signals // SIGNALS_EACH,) * statement.count("%s"))
            with rows.snapshot(store) as conn:
                bare = timed(lambda: _copied(conn))
                since, until = AT - timedelta(days=DAYS), AT + timedelta(days=DAYS)
                took = timed(lambda: take(conn, Folder(Path(name) / "history"), [signed(20)], since, until, lambda _share: None))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "signals": took[2]["signals"],
        "wall_seconds": round(took[1], 2),
        "per_second": round(signals / took[1]),
        "bare_copy_wall_seconds": round(bare[1], 2),
        "times_the_bare_copy": round(took[1] / bare[1], 1),
        "peak_mb": round(peak),
    }


def _copied(conn: Any) -> None:
    with conn.cursor() as cursor, cursor.copy("COPY signal TO STDOUT (FORMAT csv)") as copy:
        for _ in copy:
            pass


#: People with a key and a signal each twenty times over, as intake and decisions leave them.
_FILLED = (
    "INSERT INTO person (id, email, fields, created_at) SELECT 'per_' || n, n || '@firm.example', '{\"employees\": 300}', now()"
    " FROM generate_series(1, %s) AS n",
    "INSERT INTO identity (who, person_id, since) SELECT 'email:' || email, id, '2025-01-01' FROM person",
    "INSERT INTO signal (id, source, kind, occurred_at, received_at, lane, who, email, properties)"
    " SELECT gen_random_uuid(), 'web', CASE n %% 10 WHEN 0 THEN 'form_submitted' ELSE 'page_viewed' END,"
    " timestamptz '2026-03-01' - n * interval '1 second', timestamptz '2026-03-01' - n * interval '1 second', 0, 'email:' || email, email,"
    " jsonb_build_object('path', '/page/' || n %% 30, 'form', 'demo', 'title', 'Something to read')"
    " FROM generate_series(1, 20) AS n, person",
    "ANALYZE",
)


def main() -> None:
    if sys.argv[1:2] == ["--store"]:
        print(json.dumps(streamed(int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)), flush=True)
        return
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]), Path(sys.argv[3]))), flush=True)
        return
    for signals in [int(text) for text in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory(prefix="handfast-bench-") as name:
            made(Folder(Path(name) / "history"), signals)
            subprocess.run([sys.executable, "-m", "bench.replay", "--one", str(signals), name], check=True)


if __name__ == "__main__":
    main()
