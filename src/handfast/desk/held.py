"""A handoff held for a change: one transaction under the row lock of the handoff, and the pages woken afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import psycopg

from handfast.desk.acting import OURSELVES
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store import handover as rows
from handfast.store import work
from handfast.store.work import Case

#: How long a touch or an outcome may be taken back by the one who recorded it.
UNDO: Final = timedelta(minutes=15)
BY_HAND: Final = OURSELVES


def held(conn: psycopg.Connection, handoff_id: str) -> Case:
    """The handoff, locked until the transaction ends. Raises Refused if there is none."""
    if (case := work.hold(conn, [handoff_id]).get(handoff_id)) is None:
        raise Refused(Problem(Place(handoff_id), "there is no such handoff", "Open it from the queue or the board."))
    return case


def closed(case: Case) -> Problem:
    """The refusal of work on what is over."""
    how = (case.outcome or "closed").replace("_", " ")
    return Problem(Place(case.id), f"this handoff is closed: {how}", "A new one opens by itself when the person asks for something again.")


def held_open(conn: psycopg.Connection, handoff_id: str) -> Case:
    """As `held`. Raises Refused if there is none, or it is over."""
    case = held(conn, handoff_id)
    if case.closed_at is not None:
        raise Refused(closed(case))
    return case


def wake(conn: psycopg.Connection, handoff_id: str | None) -> None:
    """Tells open pages, once the transaction is committed, that a handoff (or, with None, many) changed."""
    rows.notify(conn, f"handoff {handoff_id}" if handoff_id else "board")


__all__ = ["BY_HAND", "UNDO", "closed", "held", "held_open", "wake"]
