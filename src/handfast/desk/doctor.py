"""The doctor: what is wrong with an installation that works, or seems to. Each finding is a Problem with a way to mend it.

Only looked at, never mended, but for what can be counted anew (`recount`). The parity probe takes back whatever it did.
"""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Calendar
from handfast.desk.contracts import Book, NoContract
from handfast.desk.erased_files import read_before
from handfast.desk.parity import probe
from handfast.desk.waiting import unowned
from handfast.facts import Rep
from handfast.problem import Place, Problem
from handfast.routing.record import circles
from handfast.store import claims, erasing, feeds, handover, migrate
from handfast.store import doctor as rows
from handfast.store.base import Conn, StorageAway, Store

Level = Literal["error", "warning"]
#: The worker says every five seconds that it lives.
_SILENT: Final = timedelta(seconds=60)
#: Whatever waits longer than this is stuck: a decision takes a second, a breach is noticed within five.
_STUCK: Final = timedelta(minutes=5)
_LATE: Final = timedelta(seconds=60)
#: A calendar that names days of its own should name some for so long ahead.
_AHEAD: Final = timedelta(days=30)
_FREE_BYTES: Final = 1 << 30
#: A calendar's server may be away for a night.
_CALENDAR_FAILS: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong (`error`) or will be (`warning`), and the check that found it."""

    check: str
    level: Level
    problem: Problem

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "level": self.level, **self.problem.as_json()}


@dataclass(frozen=True, slots=True)
class Visit:
    """What the doctor is given: the store, the moment (UTC), and where the installation keeps its files."""

    store: Store
    at: datetime
    data_dir: Path


Found = Iterator[tuple[Level, Problem]]


def examine(visit: Visit) -> tuple[list[str], list[Finding]]:
    """Every check by name, and what was found, errors first. Raises StorageAway: there is nothing to examine."""
    findings = [finding for name, check in CHECKS.items() for finding in _examined(name, check, visit)]
    return list(CHECKS), sorted(findings, key=lambda one: one.level != "error")


def _examined(name: str, check: Callable[[Visit], Found], visit: Visit) -> Iterator[Finding]:
    """What one check found. One that stumbles over what it reads says so, and the others go on."""
    try:
        for level, problem in check(visit):
            yield Finding(name, level, problem)
    except StorageAway:
        raise
    except Exception as stumbled:
        # Not what it says: an exception may quote what it stumbled over, and that may be somebody's name.
        what = f"this check could not be finished: {type(stumbled).__name__} at {_where(stumbled)}"
        yield Finding(name, "error", Problem(Place(name), what, "Mend what else was found and try again; if it stays, report this place."))


def _where(stumbled: Exception) -> str:
    """The last place of ours on the way to it: file and line."""
    here = Path(__file__).parents[1]
    ours = [frame for frame in traceback.extract_tb(stumbled.__traceback__) if Path(frame.filename).is_relative_to(here)]
    return f"{Path(ours[-1].filename).relative_to(here.parent).as_posix()} line {ours[-1].lineno}"


def _database(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        have, want = migrate.revision_of(conn), migrate.revisions()[-1]
    if have != want:
        fix = "Start any process of this version: it brings the tables up to date."
        yield "error", Problem(Place("database"), f"its tables are at revision {have}, and this version needs {want}", fix)


def _disk(visit: Visit) -> Found:
    free = shutil.disk_usage(visit.data_dir if visit.data_dir.exists() else Path.cwd()).free
    if free < _FREE_BYTES:
        yield (
            "error",
            Problem(Place(str(visit.data_dir)), f"only {free / 1e6:,.0f} MB of disk are free", "Make room: a full disk stops everything."),
        )


def _worker(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        beat = rows.note(conn, "worker")
    if beat is None:
        yield "error", Problem(Place("worker"), "no worker has run yet, so nothing is decided", "Start `handfast work`, or `handfast up`.")
    elif visit.at - beat[1] > _SILENT:
        silent = visit.at - beat[1]
        what = f"no worker has been heard of for {int(silent.total_seconds() // 60)} minutes"
        yield "error", Problem(Place("worker"), what, "Start `handfast work`, or look into its log.")


def _contract(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        problem = rows.note(conn, "contract_problem")
        try:
            Book().refresh(conn).at(visit.at)
        except NoContract:
            yield "error", Problem(Place("contract"), "none is in force", "Load one: `handfast contract load FILE`.")
    if problem is not None:
        what = f"a newer file did not read: {problem[0][0]['what']}" if problem[0] else "a newer file did not read"
        yield "warning", Problem(Place("contract"), what, "`handfast contract check FILE` says everything that is wrong with it.")


def _in_force(conn: Conn, at: datetime) -> Agreement | None:
    try:
        return Book().refresh(conn).at(at)
    except NoContract:
        return None


def _owners(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        for problem in unowned(conn):
            yield "error", problem


def _clocks(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        idle = rows.idle_clocks(conn)
        late, since = rows.overdue_timers(conn, visit.at - _LATE)
    for handoff, clock, kind, due in idle:
        what = f"its {kind.replace('_', ' ')} clock ({clock}, due {due:%Y-%m-%d %H:%M} UTC) runs without a timer"
        yield (
            "error",
            Problem(Place(f"handoff {handoff}" if handoff else "clock"), what, "Touch or close the handoff by hand, and report it."),
        )
    if late and since is not None:
        what = f"{late:,} steps of clocks are overdue, the oldest since {since:%Y-%m-%d %H:%M} UTC"
        yield "error", Problem(Place("clocks"), what, "See that a worker runs; if one does, its log says why it cannot go on.")


def _signals(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        count, since = rows.stuck(conn, visit.at - _STUCK)
    if count and since is not None:
        what = f"{count:,} signals wait to be decided, the oldest since {since:%Y-%m-%d %H:%M} UTC"
        yield "error", Problem(Place("signals"), what, "See that a worker runs and a contract is in force; its log says what stops it.")


def _versions(visit: Visit) -> Found:
    """Open handoffs whose version of the contract is not there: nothing about them can be decided."""
    with visit.store.reading() as conn:
        lost = rows.without_contract(conn)
    for handoff, contract in lost:
        what = f"the contract it was opened under, {contract}, is not stored, so whatever concerns it cannot be decided"
        fix = "Restore the backup that has it, or load the text of that version again (same terms, same id), then the one to hold."
        yield "error", Problem(Place(f"handoff {handoff}"), what, fix)


def _open_counts(visit: Visit) -> Found:
    """How many open handoffs each rep has, as it is kept for caps, beside a count."""
    with visit.store.reading() as conn:
        wrong = rows.miscounted(conn)
    for rep, kept, counted in wrong:
        what = f"{kept:,} open handoffs are kept as theirs, and {counted:,} are: their caps hold for the wrong number"
        yield "error", Problem(Place(f"rep {rep}"), what, "`handfast doctor --recount` counts anew; and report it.")


def recount(store: Store) -> int:
    """Counts anew how many open handoffs each rep has. How many reps had another number before. Raises StorageAway."""
    with store.writing() as conn:
        return rows.count_anew(conn)


def _strays(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        strays = rows.strays(conn)
    for table, named, many in strays:
        what = f"{many:,} rows name a {named} that is not there"
        yield "error", Problem(Place(f"table {table}"), what, "Report it: what is named is written first, and never deleted.")


def _messages(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        dead, waiting = rows.letters(conn, visit.at - _STUCK)
    if dead:
        said = "1 message died" if dead == 1 else f"{dead:,} messages died"
        yield "error", Problem(Place("outbox"), said, "`handfast outbox` lists them with the reason; replay them once it is mended.")
    if waiting:
        yield (
            "error",
            Problem(Place("outbox"), f"{waiting:,} messages should have gone out by now", "See that a worker runs, and its channels."),
        )


def _hierarchy(visit: Visit) -> Found:
    with visit.store.reading() as conn:
        parents = claims.parents(conn)
    for ring in circles(parents)[: rows.MOST]:
        what = f"the accounts above it lead round in a circle: {' → '.join((*ring[:6], ring[0]))}"
        yield "error", Problem(Place(f"account {ring[0]}"), what, "Import one of them with its right parent.")


def _reps(visit: Visit) -> Found:
    """Reps the contract names who do not exist or no longer take handoffs."""
    with visit.store.reading() as conn:
        agreement = _in_force(conn, visit.at)
        known = handover.reps(conn)
    if agreement is None:
        return
    routing = agreement.contract.routing
    for name, pool in routing.pools.items():
        there = [rep for rep in pool.members if (found := known.get(rep)) is not None and found.active]
        if not there:
            yield "error", Problem(Place("contract", part=f"routing.pools.{name}"), "nobody in it takes handoffs", "Add members who do.")
        for rep in pool.members:
            yield from _named(rep, f"routing.pools.{name}", known)
    for territory in routing.territories:
        if territory.to not in routing.pools:
            yield from _named(territory.to, f"routing.territories.{territory.name}", known)


def _named(rep: str, part: str, known: dict[str, Rep]) -> Found:
    if rep not in known:
        yield (
            "error",
            Problem(
                Place("contract", part=part),
                f"it names '{rep}', and nobody has imported such a rep",
                "Import the rep, or take the name out.",
            ),
        )
    elif not known[rep].active:
        yield (
            "warning",
            Problem(Place("contract", part=part), f"it names {known[rep].name}, who no longer takes handoffs", "Take the name out."),
        )


def _calendars(visit: Visit) -> Found:
    """Calendars that name single days, all of which have passed or soon will have."""
    with visit.store.reading() as conn:
        agreement = _in_force(conn, visit.at)
    if agreement is None:
        return
    for name, calendar in {"team": agreement.contract.calendar, **agreement.contract.calendars}.items():
        last = _last_day(calendar)
        if last is not None and last < (visit.at + _AHEAD).date():
            what = f"the last day it names is {last}: from then on it knows no more closed or special days"
            yield (
                "warning",
                Problem(Place("contract", part=f"calendar {name}"), what, "Add those of the coming year, or take the old ones out."),
            )


def _last_day(calendar: Calendar) -> date | None:
    days = [*calendar.closed, *calendar.open]
    return max((date.fromisoformat(str(day)) for day in days), default=None)


def _feeds(visit: Visit) -> Found:
    """Calendars of leave that have not been read for a day."""
    with visit.store.reading() as conn:
        kept = feeds.feeds(conn)
    for one in kept:
        if one.failing_since is not None and visit.at - one.failing_since > _CALENDAR_FAILS:
            said = one.problems[0]["what"] if one.problems else "nobody knows why"
            what = f"it has not been read since {one.failing_since:%Y-%m-%d %H:%M} UTC: {said}"
            fix = "Give its address again on the page Reps; what it said before still counts."
            yield "warning", Problem(Place(f"calendar {one.name}", part=f"rep {one.rep}"), what, fix)


def _erased(visit: Visit) -> Found:
    """Nobody who was erased is known again, and no file of this machine was read before it and kept."""
    with visit.store.reading() as conn:
        back, last = erasing.come_back(conn), erasing.erasures(conn, 1)
    for table, many in back:
        what = f"{many:,} rows say something of people who were erased"
        yield "error", Problem(Place(f"table {table}"), what, "Report it; until it is mended, delete these rows by hand.")
    for folder in read_before(visit.data_dir, last[0].at) if last else ():
        what = f"it was read for a replay before {last[0].at:%Y-%m-%d %H:%M} UTC, when somebody was erased, and may name them"
        yield "warning", Problem(Place(str(folder)), what, "Delete it, or let that replay run to its end.")


def _parity(visit: Visit) -> Found:
    doors, problems = probe(visit.store, visit.at)
    for problem in problems:
        yield ("error" if doors else "warning"), problem


CHECKS: Final[dict[str, Callable[[Visit], Found]]] = {
    "database": _database,
    "disk": _disk,
    "worker": _worker,
    "contract": _contract,
    "owners": _owners,
    "clocks": _clocks,
    "signals": _signals,
    "versions": _versions,
    "open counts": _open_counts,
    "strays": _strays,
    "messages": _messages,
    "hierarchy": _hierarchy,
    "reps": _reps,
    "calendars": _calendars,
    "feeds": _feeds,
    "erased": _erased,
    "parity": _parity,
}
