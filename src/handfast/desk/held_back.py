"""What was claimed and may not leave yet: the receiver's hours, a channel's rate, many that become one. Within the claim's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handfast.contract.terms import Notices
from handfast.desk.contracts import Book, NoContract
from handfast.routing.roster import Roster
from handfast.sla.notice import Message
from handfast.sla.together import Later, Urgent, Window, quiet, together, urgent_steps, waits
from handfast.store import handover, outbox

if TYPE_CHECKING:
    from handfast.store.base import Conn

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Manners:
    """How a worker delivers besides at once: the contracts it knows, and how many messages a minute a channel may send (all workers)."""

    book: Book = field(default_factory=Book)
    per_minute: Mapping[str, int] = field(default_factory=dict)


def held_back(conn: Conn, manners: Manners, messages: Sequence[Message], at: datetime) -> tuple[list[Message], int]:
    """What of these leaves now, several to one receiver as one, and how many were given back to leave later."""
    terms, urgent, roster = _terms(conn, manners.book, at)
    go = [m for m in messages if not waits(terms, m, urgent)]
    left: list[Message] = []
    later: list[Later] = []
    for message in (m for m in messages if m not in go):
        hours = roster.hours(message.recipient, "team") if roster.rep(message.recipient) is not None else None
        if (hold := quiet(terms, hours, message, at)) is not None:
            later.append(hold)
        else:
            left.append(message)
    now, many = _many(conn, terms, left, at)
    go += now
    go, fast = _rates(conn, manners.per_minute, go, at)
    for hold in (*later, *many, *fast):
        for part in hold.message.parts or (hold.message,):
            outbox.hold_back(conn, part, hold.at, hold.why)
    return go, sum(len(hold.message.parts) or 1 for hold in (*later, *many, *fast))


def _terms(conn: Conn, book: Book, at: datetime) -> tuple[Notices, Urgent, Roster]:
    """The terms in force, which steps they call urgent, and the hours of the reps where the terms ask for them."""
    try:
        contract = book.refresh(conn).at(at).contract
    except NoContract:
        return Notices(), frozenset(), Roster({})
    roster = Roster(handover.reps(conn) if contract.notices.quiet == "rep" else {})
    roster.under(contract)
    return contract.notices, urgent_steps(contract.sla), roster


def _many(conn: Conn, terms: Notices, messages: Sequence[Message], at: datetime) -> tuple[list[Message], list[Later]]:
    if terms.digest is None:
        return list(messages), []
    go: list[Message] = []
    groups: dict[tuple[str, str], list[Message]] = {}
    for message in messages:
        groups.setdefault((message.channel, message.recipient), []).append(message)
    known = outbox.windows(conn, list(groups))
    later: list[Later] = []
    changed: dict[tuple[str, str], tuple[datetime, int]] = {}
    for key, group in groups.items():
        window = Window(*known[key]) if key in known else None
        now, wait, changed[key] = together(terms, group, window, at)
        go += now
        later += wait
    outbox.put_windows(conn, changed)
    return go, later


def _rates(conn: Conn, per_minute: Mapping[str, int], messages: Sequence[Message], at: datetime) -> tuple[list[Message], list[Later]]:
    """At most so many a minute of each channel, counted across workers; the rest waits for the next minute, oldest first."""
    limited = sorted({m.channel for m in messages} & per_minute.keys())
    known = outbox.windows(conn, [(channel, "") for channel in limited])
    counts = {c: Window(*known[c, ""]) if (c, "") in known and at < known[c, ""][0] + MINUTE else Window(at, 0) for c in limited}
    go: list[Message] = []
    later: list[Later] = []
    for message in messages:
        window = counts.get(message.channel)
        if window is None:
            go.append(message)
        elif window.sent < per_minute[message.channel]:
            counts[message.channel] = Window(window.since, window.sent + 1)
            go.append(message)
        else:
            later.append(Later(message, window.since + MINUTE, f"{message.channel} takes {per_minute[message.channel]} a minute"))
    outbox.put_windows(conn, {(channel, ""): (w.since, w.sent) for channel, w in counts.items()})
    return go, later
