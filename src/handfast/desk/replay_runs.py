"""Replays that somebody asked for: kept with how far they have come, stopped and taken up again, their reports kept for the pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from handfast.contract.reading import read_contract
from handfast.desk.contracts import NoContract
from handfast.desk.refused import Refused
from handfast.desk.replay import TOUCH_MINUTES, Asked, Found, Stopped, replay
from handfast.facts import utc
from handfast.problem import Place, Problem
from handfast.store import replay as rows
from handfast.store.base import Store
from handfast.store.handover import dumps

#: A run without a sign of life for this long was left by whoever ran it.
SILENT: Final = timedelta(seconds=60)
#: Signs of life are given no more often.
_OFTEN: Final = timedelta(milliseconds=300)
#: The period where nobody names one.
SPAN: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants replayed. `text`: the draft as written, `file` what to call it in Problems; times are UTC.

    `again`: also where the same wish has its answer already.
    """

    text: str
    file: str
    since: datetime
    until: datetime
    by: str
    touch_minutes: int = TOUCH_MINUTES
    again: bool = False


def ask(store: Store, wish: Wish, at: datetime) -> tuple[rows.Run | None, list[Problem]]:
    """Keeps the wish as a run, or says what is wrong with the draft or the period. The same wish is the same run. Raises StorageAway."""
    draft, problems = read_contract(wish.text, wish.file)
    if draft is None:
        return None, problems
    if wish.since >= wish.until:
        what = f"the period ends {wish.until:%Y-%m-%d %H:%M} and begins {wish.since:%Y-%m-%d %H:%M}"
        return None, [Problem(Place("replay", part="until"), what, "Name an end after the beginning.")]
    asked = Asked(draft, utc(wish.since), utc(wish.until), wish.touch_minutes)
    run = rows.Run(
        asked.id,
        draft.id,
        draft.contract.contract,
        wish.text,
        asked.since,
        asked.until,
        asked.touch_minutes,
        "waiting",
        0.0,
        "",
        None,
        wish.by,
        at,
        at,
    )
    with store.writing() as conn:
        rows.put_run(conn, run, again=wish.again)
        kept = rows.run(conn, run.id)
    return kept, []


def perform(
    store: Store, run: rows.Run, work: Path, clock: Callable[[], datetime], tell: Callable[[str, float], None] = lambda _what, _share: None
) -> Found:
    """Runs it to its end, from where an earlier attempt was left. What it needs on the way lies in a folder of its own under `work`.

    Raises:
        Stopped: somebody asked it to stop, or `tell` raised it. The next attempt goes on.
        Refused: somebody else is at work on it, or no contract was in force in the period.
        StorageAway: the database cannot be asked.
    """
    draft, problems = read_contract(run.source, run.name)
    if draft is None:
        raise Refused(problems[0])
    _begin(store, run, clock)
    signs = _Signs(store, run.id, clock, tell)
    asked = Asked(draft, run.since, run.until, run.touch_minutes)
    folder = work / run.id
    try:
        found = replay(store, asked, folder, signs)
    except NoContract:
        what = "no contract was in force in this period"
        _end(store, run, "failed", None, what, clock)
        raise Refused(Problem(Place("replay", part="since"), what, "Name a period in which one was.")) from None
    except (Stopped, KeyboardInterrupt):
        _end(store, run, "stopped", None, "Stopped; it goes on from there when it is started again.", clock)
        raise
    except Exception as error:  # said on the page, and raised again: nobody waits for a run that has died
        _end(store, run, "failed", None, f"It failed ({type(error).__name__}); the log says where.", clock)
        raise
    _end(store, run, "done", dumps(found.report), "", clock)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _begin(store: Store, run: rows.Run, clock: Callable[[], datetime]) -> None:
    at = clock()
    with store.writing() as conn:
        if not rows.take_run(conn, run.id, at, at - SILENT):
            what = "this replay is running already, or done"
            raise Refused(Problem(Place(run.id), what, "Look at its page. One whose process was killed can be taken up after a minute."))


def _end(store: Store, run: rows.Run, state: str, result: str | None, doing: str, clock: Callable[[], datetime]) -> None:
    with store.writing() as conn:
        rows.end_run(conn, run.id, state, result, doing, clock())


class _Signs:
    """Signs of life: to the table a few times a second, to whoever listens always. Raises Stopped once somebody has asked for it."""

    def __init__(self, store: Store, run_id: str, clock: Callable[[], datetime], tell: Callable[[str, float], None]) -> None:
        self.store, self.run_id, self.clock, self.tell = store, run_id, clock, tell
        self._last: datetime | None = None

    def __call__(self, what: str, share: float) -> None:
        self.tell(what, share)
        at = self.clock()
        if self._last is not None and at - self._last < _OFTEN:
            return
        self._last = at
        with self.store.writing() as conn:
            state = rows.tell_run(conn, self.run_id, share, what, at)
        if state == "stopping":
            raise Stopped


def stop(store: Store, run_id: str) -> bool:
    """Asks a run to stop; False where it is not running."""
    with store.writing() as conn:
        return rows.ask_to_stop(conn, run_id)
