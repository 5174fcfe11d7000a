"""Years in minutes: signals, touches, opportunities and outcomes of another system, lived through in the order in which they happened.

A history cannot be taken in file by file: whether a person joins a handoff or opens one, whose turn it was, which clock ran out, depends on
what had happened by then. So the signals are recorded first, as received when they happened; what people did is kept ready; and the virtual
clock moves from one to the next. No message is written: nobody wants a reminder of 2018.

1.  Signals, people, accounts and reps are recorded, and the contract is put in force since ever.
2.  What happened before the first signal of its person is moved to that signal, and said: a source that knows only days writes midnight,
    and one that corrects records late has a deal before its lead.
3.  The clock runs to the last thing that happened. How far it has come is noted, so that a run that was killed goes on from there.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final

from handfast.connectors.files.facts import Reader, read_rows
from handfast.connectors.files.plan import Opened
from handfast.connectors.files.rows import DealRow, EndRow, TouchRow
from handfast.connectors.files.table import digest_of
from handfast.desk.contracts import Book, put_in_force
from handfast.desk.drive import WINDOW, Drive, Driven
from handfast.desk.handover import BATCH, decide
from handfast.desk.imports import Imported, Refuse, import_file, record_deal_rows, record_end_rows, record_touch_rows
from handfast.facts import stable_id, utc
from handfast.problem import Place, Problem
from handfast.store import demo, work
from handfast.store import imports as rows
from handfast.store.base import Store
from handfast.store.handover import dumps

Happened = TouchRow | DealRow | EndRow
#: What is recorded before the clock runs; everything else is a thing that happens.
_STANDING: Final = ("reps", "accounts", "people", "signals")
#: Quiet stretches are decided in ever larger windows, up to this.
_WIDEST: Final = timedelta(days=32)
#: How often the progress of a history is noted, in seconds.
_NOTED_EVERY: Final = 2.0


@dataclass(slots=True)
class Lived:
    """What a history came to."""

    driven: Driven = field(default_factory=Driven)
    files: dict[str, Imported] = field(default_factory=dict)
    opportunities: int = 0
    outcomes: int = 0
    moved: int = 0
    refused: int = 0
    until: datetime | None = None
    before: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """How far a history has come: what is going on, and the share of the whole (0 to 1) that is done."""

    what: str
    share: float


Tell = Callable[[Told], None]


def live_through(
    store: Store, contract: str, file: str, files: Sequence[Opened], at: datetime, *, refuse: Refuse, tell: Tell = lambda _told: None
) -> tuple[Lived | None, list[Problem]]:
    """Lives through the history in these files under this contract, in a database that is empty or holds this very history.

    A second call changes nothing; one after an interruption goes on. `at`: now, UTC. Nothing else may work on the database meanwhile.
    Without Problems there is a result. Raises StorageAway.
    """
    at = utc(at)
    run_id = _run_id(contract, files)
    if (problem := _room_for(store, run_id, at)) is not None:
        return None, [problem]
    lived, reached = Lived(), _reached(store, run_id)
    if reached is not None and reached[1]:
        lived.before, lived.until = True, reached[0]
        return lived, []
    _version, problems = put_in_force(store, contract, file, at)
    if problems:
        return None, problems
    happened = _take_in(store, files, at, lived, refuse, tell)
    drive = History(store, _moved(store, happened, lived, refuse), lived, run_id, refuse, tell)
    drive.live(reached[0] if reached else None)
    return lived, []


def _run_id(contract: str, files: Sequence[Opened]) -> str:
    parts = [part for one in files for part in (digest_of(one.table.path), one.mapping.kind, one.mapping.text)]
    return stable_id("his", contract, *parts)


def _room_for(store: Store, run_id: str, at: datetime) -> Problem | None:
    """Whether the database is empty or holds this history; if empty it is from now on this history's."""
    with store.writing() as conn:
        found = work.note(conn, "history")
        if found is not None and found[0]["id"] == run_id:
            return None
        if found is not None or not demo.is_empty(conn):
            what = "this database holds something else than this history"
            fix = "Name an empty database, or unset the variable and use a new data directory."
            return Problem(Place("HANDFAST_DATABASE_URL"), what, fix)
        work.put_note(conn, "history", dumps({"id": run_id}), at)
    return None


def _reached(store: Store, run_id: str) -> tuple[datetime, bool] | None:
    """How far the clock of this history has come, and whether that was its end."""
    with store.reading() as conn:
        found = work.note(conn, "history")
    if found is None or found[0]["id"] != run_id or "until" not in found[0]:
        return None
    return datetime.fromisoformat(found[0]["until"]), bool(found[0].get("finished"))


def _take_in(store: Store, files: Sequence[Opened], at: datetime, lived: Lived, refuse: Refuse, tell: Tell) -> list[tuple[Happened, str]]:
    """Records what stands, in the order in which one needs the other; gives back what happened, with the name of its file."""
    ordered = sorted(files, key=lambda f: _STANDING.index(f.mapping.kind) if f.mapping.kind in _STANDING else len(_STANDING))
    total = sum(f.table.rows or 0 for f in files) or 1
    before = 0
    happened: list[tuple[Happened, str]] = []
    for one in ordered:
        name = f"{one.table.name} as {one.mapping.kind}"

        def share(done: int, name: str = name, before: int = before) -> None:
            tell(Told(f"Reading {name}", _READING * (before + done) / total))

        share(0)
        if one.mapping.kind in _STANDING:
            lived.files[name] = import_file(store, one.table, one.mapping, at, refuse=refuse, tell=share)
        else:
            lived.files[name] = _read(one, at, happened, refuse, share)
        lived.refused += lived.files[name].refused
        before += one.table.rows or 0
    return happened


#: The part of the way that reading takes, for the progress bar.
_READING: Final = 0.15


def _read(one: Opened, at: datetime, happened: list[tuple[Happened, str]], refuse: Refuse, share: Callable[[int], None]) -> Imported:
    done = Imported()
    reader = Reader(one.mapping, one.table.name, at)
    for chunk in one.table.chunks():
        facts, problems, passed = read_rows(reader, chunk)
        for problem in problems:
            refuse(problem)
        happened += [(f, one.table.name) for f in facts if isinstance(f, TouchRow | DealRow | EndRow)]
        done.rows += len(chunk)
        done.added += len(facts)
        done.refused += len(problems)
        done.passed_over += passed
        share(done.rows)
    return done


def _moved(store: Store, happened: Sequence[tuple[Happened, str]], lived: Lived, refuse: Refuse) -> list[tuple[Happened, str]]:
    """What happened before its person was known is taken to have happened then; each is said once."""
    with store.reading() as conn:
        first = rows.first_seen(conn, list({one.who for one, _ in happened}))
    settled: list[tuple[Happened, str]] = []
    for one, file in happened:
        since = first.get(one.who)
        if since is None or one.at >= since:
            settled.append((one, file))
            continue
        what = f"it happened {since - one.at} before the first signal of its person ({since:%Y-%m-%d %H:%M} UTC)"
        refuse(Problem(Place(file, one.line), what, "It is counted at that first signal; correct one of the two times if that is wrong."))
        lived.moved += 1
        settled.append((_at(one, since), file))
    return settled


def _at(one: Happened, since: datetime) -> Happened:
    if isinstance(one, DealRow):
        return replace(one, at=since, closed_at=max(one.closed_at, since) if one.closed_at is not None else None)
    return replace(one, at=since)


class History(Drive):
    """The virtual clock over what is recorded and what happened."""

    def __init__(
        self, store: Store, happened: Iterable[tuple[Happened, str]], lived: Lived, run_id: str, refuse: Refuse, tell: Tell
    ) -> None:
        super().__init__(store, Book(), tell=self._passes)
        self.lived, self.run_id, self.refuse, self.say = lived, run_id, refuse, tell
        self.happened = list(happened)
        self._file: dict[int, str] = {}
        self._last = datetime.now(UTC)
        self._total = 1
        self._happened = 0
        self._noted = monotonic()
        self._quiet = 0
        self._next: tuple[datetime | None, datetime | None] = (None, None)

    def live(self, since: datetime | None) -> None:
        """Runs to the last thing that happened. `since`: everything before it was done by an earlier run."""
        with self.store.reading() as conn:
            ends = [m for m in (rows.last_received(conn), since, *(one.at for one, _ in self.happened)) if m is not None]
            self._total = max(1, rows.waiting(conn) + len(self.happened))
        # Stable: at one moment touches come before deals and outcomes, so that many are recorded together.
        order = {TouchRow: 0, DealRow: 1, EndRow: 2}
        for one, file in sorted(self.happened, key=lambda h: (h[0].at, order[type(h[0])])):
            if since is None or one.at >= since:
                self._plan(one, file)
        self._last = max(ends, default=self._last)
        self.lived.driven = self.until(self._last)
        self.lived.until = self._last
        self._note(self._last, finished=True)
        self.say(Told("Lived through", 1.0))

    def _plan(self, one: Any, file: str) -> None:
        number = next(self._count)
        self._file[number] = file
        heapq.heappush(self._coming, (one.at, number, one))
        if isinstance(one, EndRow):
            heapq.heappush(self._ends, one.at)

    # --- time passes ------------------------------------------------------------------------------------------

    def _passes(self, now: datetime) -> None:
        """Told by what is done, not by the calendar: the first years of a history are often nearly empty."""
        done = self.done.decided.signals + self._happened
        self.say(Told(f"Living through {now:%Y-%m-%d}", _READING + (1 - _READING) * min(1.0, done / self._total)))
        if monotonic() - self._noted > _NOTED_EVERY:
            self._note(now, finished=False)
            self._noted = monotonic()

    def _note(self, reached: datetime, *, finished: bool) -> None:
        said = {"id": self.run_id, "until": reached.isoformat(), "finished": finished}
        with self.store.writing() as conn:
            work.put_note(conn, "history", dumps(said), reached)

    def _ahead(self) -> tuple[datetime | None, datetime | None]:
        self._next = super()._ahead()
        return self._next

    def _signals(self, to: datetime, now: datetime) -> None:
        """While nothing is handed over nothing can fall due, so that quiet stretches are decided together, the longer the quieter."""
        fact = self._coming[0][0] if self._coming else None
        bounds = [m for m in (fact, self._next[1], self._last) if m is not None]
        wide = min([now + min(WINDOW * 2**self._quiet, _WIDEST), *bounds])
        done = decide(self.store, self.book, max(now, to, wide), limit=BATCH, channels=self.channels, punctual=True)
        if not done.signals:
            raise RuntimeError("signals wait that could not be decided: another worker holds their lanes")
        self._quiet = 0 if done.opened or done.joined else min(self._quiet + 1, 10)
        # A history is not asked what becomes of its handoffs, and there may be a million.
        done.handoffs.clear()
        self.done.decided.add(done)

    # --- things happen ----------------------------------------------------------------------------------------

    def _facts(self, to: datetime) -> None:
        """What of one sort comes next up to `to`, in one transaction; outcomes moment by moment, for they change what comes after."""
        first: Any = self._coming[0][2]
        sort: Any = type(first)
        by_file, at = dict[str, list[Any]](), self._coming[0][0]
        until = at if sort is EndRow else max(at, to)
        while self._coming and isinstance(self._coming[0][2], sort) and self._coming[0][0] <= until:
            at, number, one = heapq.heappop(self._coming)
            by_file.setdefault(self._file.pop(number), []).append(one)
            if sort is EndRow:
                heapq.heappop(self._ends)
        for file, found in by_file.items():
            self._happened += len(found)
            for problem in self._record(sort, found, file, at):
                self.lived.refused += 1
                self.refuse(problem)

    def _record(self, sort: Any, found: list[Any], file: str, at: datetime) -> list[Problem]:
        if sort is TouchRow:
            added, wrong = record_touch_rows(self.store, found, file, at)
            self.done.touches += added
        elif sort is DealRow:
            added, wrong = record_deal_rows(self.store, found, file, at)
            self.done.deals += added
            self.lived.opportunities += added
        else:
            added, wrong = record_end_rows(self.store, found, file, self.book)
            self.done.ended += added
            self.lived.outcomes += added
        return wrong


__all__ = ["History", "Lived", "Told", "live_through"]
