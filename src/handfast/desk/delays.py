"""The account of delays: of one handoff for its page and for why, of many for the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.contracts import Book
from handfast.desk.own_hours import Everybody
from handfast.measure.delay import Account, Party, Span, Story, account, medians
from handfast.store import delays as rows

#: The report accounts for so many handoffs at most, the latest of its period.
MOST: Final = 5_000


def of_handoff(conn: psycopg.Connection, book: Book, handoff_id: str, at: datetime) -> Account | None:
    """Where the time of one handoff went, up to `at` (UTC); None where it is not known yet."""
    return next(iter(_accounts(conn, book, [handoff_id], at)), None)


def report(
    conn: psycopg.Connection, book: Book, as_of: datetime, start: datetime | None, end: datetime | None, minimum: int
) -> dict[str, Any]:
    """Medians and shares by party of the handoffs opened in the period, the latest `MOST` of them."""
    return medians(_accounts(conn, book, rows.latest(conn, start, end, MOST), as_of, touched=True), minimum)


def _accounts(conn: psycopg.Connection, book: Book, ids: Sequence[str], at: datetime, *, touched: bool = False) -> list[Account]:
    """`touched`: only of those that somebody has tried to reach."""
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for one in rows.between(conn, ids):
        if one.start <= at:
            spans[one.handoff, one.what].append(Span(one.start, one.end, cast("Party", one.party)))
    found, everybody = [], Everybody(conn)
    for times in rows.times(conn, ids, at):
        if touched and times.touched_at is None:
            continue
        story = Story(
            captured_at=times.raised_at,
            eligible_at=times.opened_at,
            decided_at=times.decided_at,
            until=min(times.closed_at or at, at),
            # The signal is the beginning of the assignment in the books; the time until it was decided is ours.
            assigned_at=max(times.assigned_at, times.decided_at) if times.assigned_at else None,
            notified_at=times.notified_at,
            accepted_at=times.accepted_at,
            attempted_at=times.touched_at,
            contacted_at=times.contacted_at,
            meeting_at=times.meeting_at,
            unowned=tuple(spans[times.id, "unowned"]),
            paused=tuple(spans[times.id, "paused"]),
            overdue=tuple(spans[times.id, "overdue"]),
            ended=times.closed_at is not None or times.meeting_at is not None,
        )
        found.append(account(story, book.by_id(times.contract).hours(everybody.calendar(times.owner))))
    return found


def legs(
    conn: psycopg.Connection, found: Sequence[Mapping[str, Any]], handoff: Mapping[str, Any], at: datetime, agreement: Agreement
) -> list[dict[str, float]]:
    """How long each owner had it: `held_seconds` on the wall and `worked_seconds` in their own open hours, until the next owner, the first
    touch, the end, or `at`. The time of the lead's own clock is the sum: nobody's leg starts it anew."""
    over = min(moment for moment in (handoff["closed_at"], handoff["touched_at"], at) if moment is not None)
    lengths, everybody = [], Everybody(conn)
    for n, leg in enumerate(found):
        end = max(leg["at"], min(found[n + 1]["at"], over) if n + 1 < len(found) else over)
        hours = agreement.hours(everybody.calendar(leg["owner_id"]))
        lengths.append({"held_seconds": (end - leg["at"]).total_seconds(), "worked_seconds": float(hours.elapsed(leg["at"], end))})
    return lengths


__all__ = ["MOST", "legs", "of_handoff", "report"]
