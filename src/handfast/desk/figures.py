"""The figures of an installation: facts read as known at a moment, measured, given as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from handfast.desk import delays, fairness
from handfast.desk.contracts import Book, NoContract
from handfast.facts import utc
from handfast.measure import report as pages
from handfast.measure import scoreboard as boards
from handfast.measure.accuracy import accuracy
from handfast.measure.definitions import MINIMUM
from handfast.measure.facts import Facts
from handfast.measure.working import Calendars
from handfast.sla.clock import Kind, promised_kinds
from handfast.store import figures as rows
from handfast.store.base import Store

#: How many weeks the scoreboard looks back over.
WEEKS: Final = 12


def report(
    store: Store,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    by: Sequence[str] = (),
    *,
    minimum: int = MINIMUM,
) -> dict[str, Any]:
    """The report of `measure.report.report` on what was known at `as_of`, `delays`: where the time went (`measure.delay.medians`), and
    `fairness`: how each pool shared out value (`desk.fairness.PoolValue.as_json`).

    Raises:
        ValueError: a word that nothing can be broken down by.
        StorageAway: nothing was read.
    """
    at = utc(as_of)
    with store.reading() as conn:
        rows.one_moment(conn)
        facts = rows.facts(conn, at)
        book = Book().refresh(conn)
        bounds = [utc(moment) if moment else None for moment in (start, end)]
        spent = delays.report(conn, book, at, bounds[0], bounds[1], minimum)
        promised = _promised(book, at)
        shared = _shared(conn, book, at)
    found = pages.report(facts, at, bounds[0], bounds[1], by, calendars=_calendars(book, facts), minimum=minimum, promised=promised)
    return {**found, "delays": spent, "fairness": shared}


def scoreboard(store: Store, as_of: datetime, weeks: int = WEEKS) -> dict[str, Any] | None:
    """What the scoreboard page shows, of the last `weeks` weeks; None before the first handoff. Raises StorageAway."""
    with store.reading() as conn:
        return board_of(conn, as_of, weeks)


def board_of(conn: psycopg.Connection, as_of: datetime, weeks: int = WEEKS) -> dict[str, Any] | None:
    """As `scoreboard`, in a transaction that has done nothing yet: what `web.app.create_app(scoreboard=…)` takes."""
    at = utc(as_of)
    rows.one_moment(conn)
    if rows.latest(conn) is None:
        return None
    # What fell due or was opened in these weeks belongs to handoffs at most so much older; pipeline from older ones still counts.
    facts = rows.facts(conn, at, at - timedelta(weeks=weeks) - boards.EARLIER, assigned=False)
    book = Book().refresh(conn)
    return boards.scoreboard(
        facts, at, weeks, promises=_promises(book, facts), calendars=_calendars(book, facts), promised=_promised(book, at)
    )


def stood(conn: psycopg.Connection, as_of: datetime, days: int = 90) -> dict[str, Any]:
    """How many assignments of the last `days` stood (`measure.accuracy`), as known at `as_of` (UTC): what a page shows of it."""
    since = utc(as_of) - timedelta(days=days)
    return accuracy(rows.assignments(conn, utc(as_of), since), utc(as_of)) | {"days": days}


def _calendars(book: Book, facts: Facts) -> Calendars:
    pairs = {pair for frame in (facts.clocks, facts.promises) for pair in frame.select("terms", "calendar").unique().iter_rows()}
    return {(terms, name): book.by_id(terms).hours(name) for terms, name in pairs}


def _shared(conn: psycopg.Connection, book: Book, at: datetime) -> list[dict[str, Any]]:
    """How each pool of the contract in force shared out value, in the 90 days before."""
    try:
        return [pool.as_json() for pool in fairness.values(conn, book.at(at), at).values()]
    except NoContract:
        return []


def _promised(book: Book, at: datetime) -> tuple[Kind, ...]:
    """The kinds of clocks that the contract in force asks for."""
    try:
        return promised_kinds(book.at(at))
    except NoContract:
        return ()


def _promises(book: Book, facts: Facts) -> Mapping[str, str]:
    """SLA name → its promise in words, of the terms its clocks ran under; of the latest where they changed."""
    used = sorted(facts.clocks["terms"].unique().to_list(), key=book.version)
    return {sla.name: boards.promise(str(sla.first_touch), sla.calendar) for terms in used for sla in book.by_id(terms).contract.sla}


__all__ = ["WEEKS", "board_of", "report", "scoreboard", "stood"]
