"""Who takes handoffs: switching a rep on and off, absences by hand and from a calendar, hours, region and skills.

Whatever makes somebody available again wakes the worker that gives out what is held (`desk.waiting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import psycopg

from handfast.connectors.ics.absences import NO_EVENT, Window, absences
from handfast.contract.week import parse_week, profile_problems, week_text
from handfast.desk.acting import acts
from handfast.desk.refused import Refused
from handfast.facts import Absence, Rep, utc
from handfast.problem import Place, Problem, one_of
from handfast.store import availability as rows
from handfast.store import handover
from handfast.store import imports as put
from handfast.store.base import Store
from handfast.store.moves import say_when

#: How far a calendar is read: what is longer past, or farther off, is not asked about.
CALENDAR_BACK: Final = timedelta(days=31)
CALENDAR_AHEAD: Final = timedelta(days=400)


@acts("by")
def switch(store: Store, rep_id: str, on: bool, by: str, at: datetime, why: str = "") -> bool:
    """A rep takes handoffs again, or none until switched on. Returns whether that changed anything.

    What they hold stays with them. Raises Refused for nobody's id; StorageAway.
    """
    at = utc(at)
    with store.writing() as conn:
        rep_of(conn, rep_id)
        return switched(conn, rep_id, on, by, at, why)


def switched(conn: psycopg.Connection, rep_id: str, on: bool, by: str, at: datetime, why: str = "") -> bool:
    """As `switch`, within a transaction."""
    say_when(conn, at)
    if not rows.switch(conn, rep_id, None if on else at, by, why.strip()[:500]):
        return False
    note_of(conn, "switched_on" if on else "switched_off", rep_id, at, {"by": by, "why": why})
    return True


@acts("by")
def add_absence(store: Store, rep_id: str, starts_at: datetime, ends_at: datetime, why: str, by: str, at: datetime) -> None:
    """Enters an absence by hand. Raises Refused where it ends before it begins, is over, or lasts more than a year; StorageAway."""
    starts_at, ends_at, at = utc(starts_at), utc(ends_at), utc(at)
    if ends_at <= starts_at:
        raise _refused("ends", "the absence ends before it begins", "Give the first day, and a last day that is not before it.")
    if ends_at <= at:
        raise _refused("ends", "the absence is over already", "Give days to come: the past is not changed by it.")
    if ends_at - starts_at > timedelta(days=366):
        raise _refused(
            "ends", "the absence lasts more than a year", "Make the rep inactive instead, with `active: false` in the list of reps."
        )
    with store.writing() as conn:
        rep_of(conn, rep_id)
        say_when(conn, at)
        put.put_absences(conn, [Absence(rep_id, starts_at, ends_at, why.strip()[:200])])
        note_of(conn, "absence_entered", rep_id, at, {"by": by, "from": starts_at.isoformat(), "until": ends_at.isoformat()})


@acts("by")
def drop_absence(store: Store, rep_id: str, starts_at: datetime, source: str, by: str, at: datetime) -> None:
    """Takes an absence back. One from a calendar comes again with the calendar. Raises Refused where there is none; StorageAway."""
    with store.writing() as conn:
        say_when(conn, utc(at))
        if not rows.drop_absence(conn, rep_id, utc(starts_at), source):
            raise _refused("absence", "there is no such absence any more", "Reload the page to see what is entered.")
        note_of(conn, "absence_dropped", rep_id, utc(at), {"by": by, "from": utc(starts_at).isoformat()})


@acts("by")
def read_calendar(store: Store, rep_id: str, data: bytes, name: str, by: str, at: datetime) -> tuple[int, list[Problem]]:
    """What a calendar (iCalendar) says of a rep takes the place of what it said before. How many absences, and every Problem.

    A calendar that cannot be read at all changes nothing. `name` tells several calendars of a rep apart. Raises Refused for nobody's id;
    StorageAway.
    """
    at = utc(at)
    with store.writing() as conn:
        count, problems = read_into(conn, rep_id, data, name, at)
        if count is not None:
            note_of(conn, "calendar_read", rep_id, at, {"by": by, "absences": count, "problems": len(problems)})
    return count or 0, problems


def read_into(conn: psycopg.Connection, rep_id: str, data: bytes, name: str, at: datetime) -> tuple[int | None, list[Problem]]:
    """As `read_calendar`, within a transaction. None: nothing of it could be taken, and what it said before stands.

    An empty calendar is one that says "never away", and a Problem besides: it may be the wrong one.
    """
    window = Window(at - CALENDAR_BACK, at + CALENDAR_AHEAD, ZoneInfo(rep_of(conn, rep_id).time_zone))
    found, problems = absences(data, rep_id, window, name)
    if problems and not found and problems[0].what != NO_EVENT:
        return None, problems
    say_when(conn, at)
    rows.replace_calendar(conn, rep_id, f"calendar:{name}", window.since, window.until, found)
    return len(found), problems


@acts("by")
def set_profile(
    store: Store, rep_id: str, week: Mapping[str, Sequence[str]] | None, holidays: str | None, skills: Sequence[str], by: str, at: datetime
) -> None:
    """A rep's own hours (None: the contract's), region and skills. Raises Refused with what is wrong with them; StorageAway."""
    if problems := profile_problems(week, holidays, skills, rep_id):
        raise Refused(problems[0])
    with store.writing() as conn:
        rep_of(conn, rep_id)
        say_when(conn, utc(at))
        rows.set_profile(conn, rep_id, week, holidays, skills)
        note_of(conn, "profile_changed", rep_id, utc(at), {"by": by})


def rep_of(conn: psycopg.Connection, rep_id: str) -> Rep:
    """Raises Refused for nobody's id."""
    known = handover.reps(conn)
    if (rep := known.get(rep_id)) is None:
        bring = "Bring them in first: `handfast import reps.csv --as reps`."
        raise _refused("rep", f"no rep '{rep_id}' is known", one_of(known, word=rep_id) if known else bring)
    return rep


def note_of(conn: psycopg.Connection, name: str, rep_id: str, at: datetime, data: Mapping[str, object]) -> None:
    """Writes the event and wakes whoever gives out what is held."""
    handover.add_events(conn, [(name, at, None, None, None, rep_id, handover.dumps(dict(data)))])
    handover.notify(conn, "held")
    handover.notify(conn, "board")


def _refused(part: str, what: str, fix: str) -> Refused:
    return Refused(Problem(Place("availability", part=part), what, fix))


__all__ = [
    "add_absence", "drop_absence", "parse_week", "profile_problems", "read_calendar", "set_profile", "switch", "switched", "week_text",
]  # fmt: skip
