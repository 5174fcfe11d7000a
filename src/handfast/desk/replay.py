"""A draft on recorded history: the record is streamed into buckets, each is judged under both contracts, and a report is made of all.

1.  The record of the period is taken in one snapshot of the database (`replay_history`), or read from the folder of an earlier replay.
2.  Bucket by bucket: verdicts under the contracts in force and under the draft, and the life of the handoffs they open. What a bucket
    comes to is small; it is written to the work folder, so that a replay that was stopped or killed goes on at the next bucket.
3.  Owners, load, promises, meetings and the frontier, over all.

Nothing here writes to a live table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from handfast.contract.agreement import Agreement
from handfast.desk.contracts import Book
from handfast.desk.replay_crew import read_crew
from handfast.desk.replay_history import Folder, Stopped, take
from handfast.facts import stable_id, utc
from handfast.readiness.overrides import Override
from handfast.store import replay as rows
from handfast.store.base import Conn, Store
from handfast.tuning.replay import judged
from handfast.tuning.replay_frontier import Bars, bars_of, counted, frontier
from handfast.tuning.replay_groups import replayed_groups
from handfast.tuning.replay_known import Fold, Lens
from handfast.tuning.replay_life import MATURE, Lives, Opening, ReadyRow, Recorded, in_turn, lived, ready_rows
from handfast.tuning.replay_load import Crew, working_minutes
from handfast.tuning.replay_report import SIDES, Period, Side, changes, report

#: The working time a handoff takes until it is closed, in minutes, where nobody says otherwise.
TOUCH_MINUTES: Final = 20
#: How many people or accounts of each list a report carries; the files of `--out` hold all.
LISTED: Final = 200

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay: a draft on signals received from `since` up to, not including, `until` (UTC)."""

    draft: Agreement
    since: datetime
    until: datetime
    touch_minutes: int = TOUCH_MINUTES

    @property
    def id(self) -> str:
        """The same question has the same id."""
        return stable_id("rpl", self.draft.id, utc(self.since).isoformat(), utc(self.until).isoformat(), str(self.touch_minutes))


@dataclass(frozen=True, slots=True)
class World:
    """What besides signals a replay reads: the contracts in force with their spans, past handoffs, who there is, what was said by hand."""

    lenses: Sequence[Lens]
    recorded: Sequence[Recorded]
    crew: Crew
    overrides: Sequence[Override] = ()
    #: Of the people it was said of, and of whoever they became: who was folded into whom, and when.
    folds: Sequence[Fold] = ()
    #: Handoffs of the period that were about people erased since.
    erased: int = 0


@dataclass(slots=True)
class Found:
    """The report, and the lists behind it, whole: for each of people and accounts, and each kind of change."""

    report: dict[str, Any]
    lists: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)


def replay(store: Store, asked: Asked, work: Path, tell: Tell) -> Found:
    """Replays a draft on what is recorded.

    Args:
        work: a folder for the history and for what each bucket came to; a second call goes on from it.
        tell: told what is going on and the share done (0 to 1); it may raise `Stopped`.

    Raises:
        Stopped: `tell` raised it. What was done is kept.
        NoContract: no contract was in force at any time of the period.
        StorageAway: the database cannot be asked.
    """
    with rows.snapshot(store) as conn:
        world = read_world(conn, asked)
        folder = Folder(work / "history")
        agreements = [*(lens.agreement for lens in world.lenses), asked.draft]
        take(conn, folder, agreements, asked.since, asked.until, lambda share: tell("Reading the record", 0.4 * share))
    found = replay_folder(folder, asked, world, work, lambda what, share: tell(what, 0.4 + 0.6 * share))
    _name(store, found)
    return found


def read_world(conn: Conn, asked: Asked) -> World:
    """What stands beside the signals. Raises NoContract."""
    spans = Book().refresh(conn).spans(asked.since, asked.until)
    recorded = [
        Recorded(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], frozenset(r[9] or ()))
        for r in rows.handoffs(conn, asked.draft.contract.motion)
    ]
    crew = read_crew(conn, [asked.draft, *(agreement for agreement, _, _ in spans)], asked.since)
    overrides = [Override(*row) for row in rows.overrides(conn)]
    erased = rows.erased_handoffs(conn, asked.draft.contract.motion, asked.since, asked.until)
    lenses = [Lens(agreement, since, until) for agreement, since, until in spans]
    return World(lenses, recorded, crew, overrides, [Fold.of(row) for row in rows.folds(conn)], erased)


def replay_folder(folder: Folder, asked: Asked, world: World, work: Path, tell: Tell) -> Found:
    """As `replay`, from a folder that is whole."""
    whole = folder.whole()
    if whole is None:
        raise ValueError(f"{folder.path} holds no whole history")
    key = stable_id(
        "prt", asked.id, *(f"{lens.agreement.id} {lens.since} {lens.until}" for lens in world.lenses), orjson.dumps(whole).decode()
    )
    done = _Done(work / key)
    bars, lives = bars_of(asked.draft), Lives(world.recorded, asked.until)
    ends = _ends(world.recorded, asked.until)
    buckets: int = whole["buckets"]
    for number in range(buckets):
        tell("Judging", number / buckets)
        if not done.has(number):
            done.put(number, _bucket(folder, number, asked, world, lives, ends, bars))
    tell("Counting", 1.0)
    return _report(asked, world, whole, done, bars)


def _ends(recorded: Sequence[Recorded], until: datetime) -> dict[str, bool]:
    """Parties whose handoffs have an end, and whether one of them came to a meeting."""
    found: dict[str, bool] = {}
    for one in recorded:
        if one.met or one.closed_at is not None or one.opened_at <= until - MATURE:
            found[one.party] = found.get(one.party, False) or one.met
    return found


def _bucket(folder: Folder, number: int, asked: Asked, world: World, lives: Lives, ends: Mapping[str, bool], bars: Bars) -> dict[str, Any]:
    """What one bucket comes to, as plain values."""
    history = folder.bucket(number)
    lenses = [*world.lenses, Lens(asked.draft, asked.since, asked.until)]
    verdicts = judged(history, lenses, overrides=world.overrides, folds=world.folds)
    groups = replayed_groups(history, lenses, world.overrides)
    before = [row for place, pair in enumerate(zip(verdicts[:-1], groups[:-1], strict=True)) for row in ready_rows(*pair, place)]
    before.sort(key=in_turn)
    sides = [_side(ready, lives, asked.since) for ready in (before, ready_rows(verdicts[-1], groups[-1], 0))]
    return {
        "signals": history.signals.height,
        "people": history.keys["person_id"].n_unique(),
        "judged": sum(frame.height for frame in (*verdicts, *groups)),
        "sides": sides,
        "counts": counted(verdicts[-1], ends, bars).rows(),
    }


def _side(ready: Sequence[ReadyRow], lives: Lives, since: datetime) -> dict[str, Any]:
    people: dict[str, datetime] = {}
    accounts: dict[str, datetime] = {}
    for row in ready:
        if not row.group:
            people.setdefault(row.person, row.received_at)
        if row.account is not None:
            accounts.setdefault(row.account, row.received_at)
    openings = [(o.party, tuple(o.row), o.closed_at, o.outcome, o.how, o.recorded, o.joined) for o in lived(ready, lives, since)]
    return {"people": people, "accounts": accounts, "openings": openings}


class _Done:
    """What the buckets came to, a file each. A file is complete or not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def has(self, number: int) -> bool:
        return self._file(number).exists()

    def put(self, number: int, found: Mapping[str, Any]) -> None:
        partial = self._file(number).with_suffix(".partial")
        partial.write_bytes(orjson.dumps(found))
        partial.replace(self._file(number))

    def get(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self._file(number).read_bytes())
        return found

    def _file(self, number: int) -> Path:
        return self.path / f"bucket-{number:03}.json"


# --- together -------------------------------------------------------------------------------------------------


def _report(asked: Asked, world: World, whole: Mapping[str, Any], done: _Done, bars: Bars) -> Found:
    sides = (Side([lens.agreement for lens in world.lenses]), Side([asked.draft]))
    counts: list[pl.DataFrame] = []
    totals = {"signals": 0, "people": 0, "judged": 0}
    for number in range(whole["buckets"]):
        one = done.get(number)
        for side, told in zip(sides, one["sides"], strict=True):
            _add(side, told)
        counts.append(pl.DataFrame(one["counts"], schema=["fit", "intent", "parties", "judged", "met"], orient="row"))
        for name in totals:
            totals[name] += one[name]
    period = Period(asked.since, asked.until, world.recorded, world.crew, asked.touch_minutes, world.erased)
    lists = {noun: changes(getattr(sides[0], noun), getattr(sides[1], noun)) for noun in ("people", "accounts")}
    found = {
        "draft": {"id": asked.draft.id, "name": asked.draft.contract.contract},
        "in_force": [{"id": lens.agreement.id, "since": lens.since.isoformat(), "until": lens.until.isoformat()} for lens in world.lenses],
        "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        **totals,
        **report(sides, period),
        "frontier": frontier(counts, bars, period.weeks, asked.touch_minutes, _minutes_a_week(asked, world.crew)),
        "lists": {noun: {kind: listed[:LISTED] for kind, listed in kinds.items()} for noun, kinds in lists.items()},
    }
    return Found(found, lists)


def _add(side: Side, told: Mapping[str, Any]) -> None:
    side.people |= {who: datetime.fromisoformat(at) for who, at in told["people"].items()}
    side.accounts |= {who: datetime.fromisoformat(at) for who, at in told["accounts"].items()}
    for party, row, closed_at, outcome, how, recorded, joined in told["openings"]:
        row[3] = datetime.fromisoformat(row[3])
        row[4] = datetime.fromisoformat(row[4]) if row[4] else None
        row[10] = datetime.fromisoformat(row[10]) if row[10] else None
        ends_at = datetime.fromisoformat(closed_at) if closed_at else None
        side.openings.append(Opening(party, ReadyRow(*row), ends_at, outcome, how, recorded, joined))


def _minutes_a_week(asked: Asked, crew: Crew) -> float:
    """Working minutes in a week of everybody who may be given handoffs under the draft."""
    routing = asked.draft.contract.routing
    named = {rep for pool in routing.pools.values() for rep in pool.members} | {t.to for t in routing.territories}
    reps = [rep for rep in sorted(named) if (known := crew.reps.get(rep)) is not None and known.active]
    weeks = max((asked.until - asked.since).total_seconds() / 604_800, 1e-9)
    return sum(working_minutes(asked.draft, rep, crew, asked.since, asked.until) for rep in reps) / weeks


def _name(store: Store, found: Found) -> None:
    """What people call those on the lists, of the report too: it shows the first rows of the same lists."""
    listed = [row for kinds in found.lists.values() for rows_ in kinds.values() for row in rows_]
    with store.reading() as conn:
        names = rows.names(conn, [row["id"] for row in listed])
    for row in listed:
        row["name"] = names.get(row["id"], row["id"])


__all__ = ["LISTED", "SIDES", "TOUCH_MINUTES", "Asked", "Found", "Stopped", "World", "read_world", "replay", "replay_folder"]
