"""Calendars of leave that are fetched by themselves: every hour, by whichever worker comes first.

The last good reading stands while a calendar cannot be fetched or read; since when, and why, is shown beside the rep. A single event that
cannot be read is a Problem, and the others count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from handfast.connectors.ics.feed import Fetched, Tags, fetch, host_of, read_address
from handfast.desk.acting import acts
from handfast.desk.availability import note_of, read_into, rep_of
from handfast.desk.refused import Refused
from handfast.facts import utc
from handfast.problem import Place, Problem
from handfast.store import feeds as rows
from handfast.store.base import Store
from handfast.store.feeds import Feed

#: A calendar is asked again after so long; after a failure sooner, and later the longer it fails.
EVERY: Final = timedelta(hours=1)
SOONEST: Final = timedelta(minutes=15)
LATEST: Final = timedelta(hours=6)
#: Read whole at least so often, changed or not: what repeats is laid out from the day of reading.
WHOLE: Final = timedelta(days=1)
#: Whoever claimed one and died is not waited for longer.
_LEASE: Final = timedelta(minutes=5)
#: Problems kept of one reading.
_SHOWN: Final = 8
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,60}")
#: A rep has so many calendars at most.
MOST: Final = 10


class Fetch(Protocol):
    """As `connectors.ics.feed.fetch`."""

    def __call__(self, url: str, tags: Tags = ..., *, private: bool = ...) -> Fetched | Problem: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one: how many absences are in it, and what was wrong. `failed`: nothing of it was taken."""

    feed: Feed
    absences: int | None = None
    problems: Sequence[Problem] = ()
    failed: bool = False


@acts("by")
def keep(store: Store, rep_id: str, address: str, by: str, at: datetime, name: str = "") -> str:
    """A worker fetches this calendar from now on. Returns what it is called: `name`, by default its host.

    Raises:
        Refused: no such rep, no https address, a name that is none, or too many calendars.
        StorageAway: nothing was recorded.
    """
    url, wrong = read_address(address)
    if wrong is not None:
        raise Refused(wrong)
    called, at = name.strip() or host_of(url), utc(at)
    if not _NAME.fullmatch(called):
        raise _refused("name", f"'{called[:60]}' is no name for a calendar", "Use letters, digits, spaces, dots and dashes, 60 at most.")
    with store.writing() as conn:
        rep_of(conn, rep_id)
        if sum(one.rep == rep_id and one.name != called for one in rows.feeds(conn)) >= MOST:
            raise _refused("url", f"a rep has at most {MOST} calendars", "Take one of them away first.")
        rows.keep(conn, rep_id, called, url, by, at)
        note_of(conn, "calendar_kept", rep_id, at, {"by": by, "name": called})
    return called


@acts("by")
def forget(store: Store, rep_id: str, name: str, by: str, at: datetime) -> None:
    """It is fetched no more, and what it said of the time to come is gone. Raises Refused where there is none; StorageAway."""
    with store.writing() as conn:
        if not rows.forget(conn, rep_id, name, utc(at)):
            raise _refused("name", f"{rep_id} keeps no calendar called '{name[:60]}'", "`handfast rep list` says which there are.")
        note_of(conn, "calendar_forgotten", rep_id, utc(at), {"by": by, "name": name})


def ask_next(store: Store, at: datetime, *, private: bool = False, fetch: Fetch = fetch) -> Asked | None:
    """Fetches the calendar that has been due longest; None where none is. The database is not held meanwhile. Raises StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        feed = rows.claim(conn, at, at + _LEASE)
    if feed is None:
        return None
    fresh = feed.read_at is not None and at - feed.read_at < WHOLE
    found = fetch(feed.url, Tags(feed.etag, feed.modified) if fresh else Tags(), private=private)
    with store.writing() as conn:
        if not rows.is_kept(conn, feed):  # forgotten, or given another address, while it was asked
            return Asked(feed)
        if isinstance(found, Problem):
            return _failed(conn, feed, [found], at)
        if found.data is None:
            rows.went_well(conn, feed, at, at + EVERY)
            return Asked(feed, feed.absences)
        count, problems = read_into(conn, feed.rep, found.data, feed.name, at)
        if count is None:
            return _failed(conn, feed, problems, at)
        told = [_told(one) for one in problems[:_SHOWN]]
        rows.was_read(
            conn, feed, at, at + EVERY, etag=found.tags.etag, modified=found.tags.modified, absences=count, problems=told
        )  # fmt: skip
        note_of(conn, "calendar_read", feed.rep, at, {"by": "handfast", "absences": count, "problems": len(problems)})
    return Asked(feed, count, problems)


def _failed(conn: Any, feed: Feed, problems: Sequence[Problem], at: datetime) -> Asked:
    """What it said before stands. It is asked again after as long as it has failed, within bounds."""
    fails = at - feed.failing_since if feed.failing_since is not None else timedelta(0)
    rows.failed(conn, feed, at, at + min(LATEST, max(SOONEST, fails)), [_told(one) for one in problems[:_SHOWN]])
    if feed.failing_since is None:
        note_of(conn, "calendar_failed", feed.rep, at, {"name": feed.name, "why": problems[0].what})
    return Asked(feed, None, problems, failed=True)


def _told(problem: Problem) -> dict[str, str]:
    return {"part": problem.where.part, "what": problem.what, "fix": problem.fix}


def problems_of(feed: Feed) -> list[Problem]:
    """What was wrong with a calendar the last time, for a page."""
    return [Problem(Place(feed.name, part=one["part"]), one["what"], one["fix"]) for one in feed.problems]


def _refused(part: str, what: str, fix: str) -> Refused:
    return Refused(Problem(Place("calendar", part=part), what, fix))


__all__ = ["EVERY", "Asked", "ask_next", "forget", "keep", "problems_of"]
