"""The outbox: messages claimed under a lease, and settled once.

A row is `waiting` until it is `sent`, `dropped` (no longer true) or `dead` (tried out, or refused for good). A claim moves `next_at`
to the end of the lease: a row whose worker was killed falls due again by itself, and nobody has to look for it. Every settlement but
"sent" carries the attempt it belongs to, so a worker that comes back after its lease cannot overrule the one that took over. "Sent"
always wins: it did leave, whatever the books said meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from handfast.sla.notice import PARTIES, Address, ClockSeen, HandoffState, Message, Standing, TouchSeen, with_names

#: Touches read per handoff for the check of truth; a handoff with more has long been touched.
TOUCHES_READ: Final = 50
#: Failure texts are shown to people, not archived.
LONGEST_WHY: Final = 500

_CLAIM: Final[LiteralString] = """
WITH due AS (
    SELECT id FROM outbox
    WHERE state = 'waiting' AND next_at <= %(now)s AND channel = ANY(%(channels)s)
    ORDER BY next_at, seq LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE outbox o SET attempt = o.attempt + 1, lease_until = %(until)s, next_at = %(until)s
    FROM due WHERE o.id = due.id
    RETURNING o.*
)
SELECT c.id, c.handoff_id, c.kind, c.channel, c.recipient, c.owner_id, c.payload, c.created_at, c.attempt, c.lease_until, c.why,
       t.name AS to_name, t.email AS to_email, t.time_zone AS to_zone,
       r.name AS reply_name, r.email AS reply_email, r.time_zone AS reply_zone,
       CASE WHEN c.channel IN ('email', 'slack') AND c.kind IN ('handoff_opened', 'reassigned', 'offer') THEN b.body END AS brief,
       z.starts_at AS still_since, z.ends_at AS still_until, z.reason AS still_why, z.left_seconds AS still_left
FROM claimed c
LEFT JOIN rep t ON t.id = c.recipient
-- An answer goes to the manager; an answer to a notice about somebody's handoff goes to that somebody.
LEFT JOIN rep r ON r.id = CASE WHEN c.recipient IS DISTINCT FROM c.owner_id THEN c.owner_id ELSE t.manager_id END
LEFT JOIN brief b ON b.handoff_id = c.handoff_id
LEFT JOIN clock_pause z ON z.handoff_id = c.handoff_id AND z.ended_at IS NULL
ORDER BY c.created_at, c.seq
"""

_NAMES: Final[LiteralString] = """
-- Whoever was folded into another may have given up their address: they are called what that one is.
SELECT 'person', p.id, coalesce(nullif(p.name, ''), p.email, nullif(m.name, ''), m.email, nullif(mm.name, ''), mm.email)
FROM person p LEFT JOIN person m ON m.id = p.merged_into LEFT JOIN person mm ON mm.id = m.merged_into WHERE p.id = ANY(%(person)s)
UNION ALL SELECT 'account', id, coalesce(nullif(name, ''), domain, key) FROM account WHERE id = ANY(%(account)s)
UNION ALL SELECT 'rep', id, name FROM rep WHERE id = ANY(%(rep)s)
"""

_OWED: Final[LiteralString] = """
SELECT h.id, h.owner_id, o.name AS owner_name, h.touched_at, h.closed_at, h.outcome, t.reps, t.names, t.people, t.times,
       (SELECT array_agg(f.rep_id) FROM offer f WHERE f.handoff_id = h.id AND f.taken_at IS NULL) AS offered
FROM handoff h
LEFT JOIN rep o ON o.id = h.owner_id
LEFT JOIN LATERAL (
    SELECT array_agg(x.rep_id ORDER BY x.occurred_at, x.id) AS reps, array_agg(p.name ORDER BY x.occurred_at, x.id) AS names,
           array_agg(x.person_id ORDER BY x.occurred_at, x.id) AS people, array_agg(x.occurred_at ORDER BY x.occurred_at, x.id) AS times
    FROM (SELECT * FROM touch WHERE handoff_id = h.id ORDER BY occurred_at, id LIMIT %(most)s) x
    LEFT JOIN rep p ON p.id = x.rep_id
) t ON true
WHERE h.id = ANY(%(ids)s)
"""

_BURY: Final[LiteralString] = """
WITH buried AS (
    UPDATE outbox SET state = 'dead', settled_at = %(now)s, lease_until = NULL, why = %(why)s
    WHERE id = %(id)s AND state = 'waiting' AND attempt = %(attempt)s
    RETURNING *
)
INSERT INTO event (name, at, handoff_id, rep_id, data)
SELECT 'message_died', %(now)s, handoff_id, (SELECT id FROM rep WHERE id = recipient),
       jsonb_build_object('message', id, 'kind', kind, 'channel', channel, 'recipient', recipient, 'attempts', attempt, 'why', why)
FROM buried
"""

_REPLAY: Final[LiteralString] = """
WITH revived AS (
    UPDATE outbox SET state = 'waiting', attempt = 0, next_at = %(now)s, lease_until = NULL, settled_at = NULL
    WHERE state = 'dead' AND (%(id)s::text IS NULL OR id = %(id)s)
    RETURNING *
)
INSERT INTO event (name, at, handoff_id, rep_id, data)
SELECT 'message_replayed', %(now)s, handoff_id, (SELECT id FROM rep WHERE id = recipient),
       jsonb_build_object('message', id, 'kind', kind, 'channel', channel, 'recipient', recipient)
FROM revived
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the outbox for a reader's eyes. `why` is why it was dropped or died, why it was held back, or the last failure."""

    id: str
    handoff_id: str | None
    kind: str
    channel: str
    recipient: str
    state: str
    attempt: int
    created_at: datetime
    next_at: datetime
    settled_at: datetime | None
    why: str | None


def claim(conn: Connection[Any], now: datetime, limit: int, lease_seconds: float, channels: Iterable[str]) -> list[Message]:
    """Take up to `limit` due messages of these channels, oldest due first, each for `lease_seconds`, with the names known now.

    Rows another worker is claiming at this moment are skipped, not waited for. `attempt` goes up by one.
    """
    until = now + timedelta(seconds=lease_seconds)
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_CLAIM, {"now": now, "until": until, "limit": limit, "channels": sorted(channels)})
        rows = cursor.fetchall()
    names = _names(conn, [row["payload"] for row in rows])
    return [_message(row | {"payload": with_names(row["payload"], names)}) for row in rows]


def _names(conn: Connection[Any], payloads: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """What the people, accounts and reps of these payloads are called, by (noun, id)."""
    ids: dict[str, set[str]] = {noun: set() for noun in PARTIES.values()}
    for payload in payloads:
        for role, noun in PARTIES.items():
            if (party := payload.get(role)) is not None:
                ids[noun].add(party["id"])
    if not any(ids.values()):
        return {}
    found = conn.execute(_NAMES, {noun: sorted(of) for noun, of in ids.items()}).fetchall()
    return {(noun, ident): name for noun, ident, name in found if name}


def owed_state(conn: Connection[Any], messages: Sequence[Message]) -> dict[str, HandoffState]:
    """How the handoff of each of these messages stands now, by message id: owner, touches, end, and the clock the message speaks of."""
    clocks = _clocks(conn, [str(m.payload["clock"]["id"]) for m in messages if m.payload.get("clock")])
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_OWED, {"ids": sorted({m.handoff_id for m in messages if m.handoff_id}), "most": TOUCHES_READ})
        states = {row["id"]: _state(row) for row in cursor}
    return {m.id: replace(states.get(m.handoff_id or "", HandoffState(m.handoff_id)), clocks=clocks) for m in messages}


def _clocks(conn: Connection[Any], ids: Sequence[str]) -> dict[str, ClockSeen]:
    if not ids:
        return {}
    rows = conn.execute("SELECT id, kind, stopped_by, paused_at IS NOT NULL FROM clock WHERE id = ANY(%s)", (list(ids),)).fetchall()
    return {row[0]: ClockSeen(*row[1:]) for row in rows}


def settle_sent(conn: Connection[Any], left: Sequence[tuple[str, datetime]]) -> int:
    """(id, when) of what left. How many were not marked as sent before. `why` goes too: it spoke of a failure that is over.

    In the order of the ids, so that two workers who sent the same wait for each other in one order.
    """
    ids, times = zip(*sorted(left), strict=True)
    return conn.execute(
        """UPDATE outbox AS o SET state = 'sent', settled_at = l.at, lease_until = NULL, why = NULL
           FROM unnest(%b::text[], %b::timestamptz[]) AS l (id, at) WHERE o.id = l.id AND o.state <> 'sent'""",
        (list(ids), list(times)),
    ).rowcount


def settle_dropped(conn: Connection[Any], message: Message, now: datetime, why: str) -> bool:
    """It is no longer true. False if another worker holds or settled it."""
    return _one(
        conn,
        "UPDATE outbox SET state = 'dropped', settled_at = %s, lease_until = NULL, why = %s"
        " WHERE id = %s AND state = 'waiting' AND attempt = %s",
        (now, _short(why), message.id, message.attempt),
    )


def retry(conn: Connection[Any], message: Message, next_at: datetime, why: str) -> bool:
    """Try again at `next_at`. False if another worker holds or settled it."""
    return _one(
        conn,
        "UPDATE outbox SET next_at = %s, lease_until = NULL, why = %s WHERE id = %s AND state = 'waiting' AND attempt = %s",
        (next_at, _short(why), message.id, message.attempt),
    )


def release(conn: Connection[Any], message: Message, next_at: datetime) -> bool:
    """Give a claim back untried: the attempt does not count. False if another worker holds or settled it."""
    return _one(
        conn,
        "UPDATE outbox SET next_at = %s, lease_until = NULL, attempt = attempt - 1 WHERE id = %s AND state = 'waiting' AND attempt = %s",
        (next_at, message.id, message.attempt),
    )


def hold_back(conn: Connection[Any], message: Message, next_at: datetime, why: str) -> bool:
    """Give a claim back to be sent later, for this reason; the attempt does not count. False if another worker holds or settled it."""
    return _one(
        conn,
        "UPDATE outbox SET next_at = %s, lease_until = NULL, attempt = attempt - 1, why = %s"
        " WHERE id = %s AND state = 'waiting' AND attempt = %s",
        (next_at, _short(why), message.id, message.attempt),
    )


def windows(conn: Connection[Any], keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[datetime, int]]:
    """(since, sent) of each (channel, recipient), locked until the transaction ends; those that never sent are not there."""
    if not keys:
        return {}
    rows = conn.execute(
        """SELECT channel, recipient, since, sent FROM notice_window
           WHERE (channel, recipient) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY channel, recipient FOR UPDATE""",
        ([k[0] for k in keys], [k[1] for k in keys]),
    ).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def put_windows(conn: Connection[Any], rows: Mapping[tuple[str, str], tuple[datetime, int]]) -> None:
    for (channel, recipient), (since, sent) in sorted(rows.items()):
        conn.execute(
            """INSERT INTO notice_window (channel, recipient, since, sent) VALUES (%s, %s, %s, %s)
               ON CONFLICT (channel, recipient) DO UPDATE SET since = excluded.since, sent = excluded.sent""",
            (channel, recipient, since, sent),
        )


def bury(conn: Connection[Any], message: Message, now: datetime, why: str) -> bool:
    """It will not be tried again: state `dead` and an event `message_died` beside it, in one statement."""
    return conn.execute(_BURY, {"now": now, "id": message.id, "attempt": message.attempt, "why": _short(why)}).rowcount == 1


def dead(conn: Connection[Any], limit: int = 1000) -> list[Entry]:
    """The messages that died, the latest first."""
    return listing(conn, ("dead",), limit)


def dead_count(conn: Connection[Any]) -> int:
    row = conn.execute("SELECT count(*) FROM outbox WHERE state = 'dead'").fetchone()
    return int(row[0]) if row else 0


def listing(conn: Connection[Any], states: Sequence[str], limit: int = 1000) -> list[Entry]:
    """Messages in these states: the settled by when they were settled, latest first; the waiting before them by when they are due."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT id, handoff_id, kind, channel, recipient, state, attempt, created_at, next_at, settled_at, why FROM outbox"
            " WHERE state = ANY(%s) ORDER BY settled_at DESC NULLS FIRST, next_at, seq LIMIT %s",
            (list(states), limit),
        )
        return [Entry(**row) for row in cursor]


def replay(conn: Connection[Any], message_id: str, now: datetime) -> bool:
    """Send a dead message once more, with all its attempts before it and the same id. False if it is not dead."""
    return conn.execute(_REPLAY, {"id": message_id, "now": now}).rowcount == 1


def replay_all(conn: Connection[Any], now: datetime) -> int:
    """Send every dead message once more; how many."""
    return conn.execute(_REPLAY, {"id": None, "now": now}).rowcount


def of_handoffs(conn: Connection[Any], handoffs: Sequence[str]) -> list[str]:
    """The ids of every message about these handoffs."""
    return [row[0] for row in conn.execute("SELECT id FROM outbox WHERE handoff_id = ANY(%b)", (list(handoffs),)).fetchall()]


def next_due(conn: Connection[Any]) -> datetime | None:
    """When the next message falls due: a waiting one, a retry, or the end of a lease somebody may have died with."""
    row = conn.execute("SELECT min(next_at) FROM outbox WHERE state = 'waiting'").fetchone()
    return row[0] if row else None


def _one(conn: Connection[Any], statement: LiteralString, values: Sequence[object]) -> bool:
    return conn.execute(statement, values).rowcount == 1


def _short(why: str) -> str:
    return " ".join(why.split())[:LONGEST_WHY]


def _message(row: Mapping[str, Any]) -> Message:
    plain = (
        *("id", "handoff_id", "kind", "channel", "recipient", "owner_id", "payload", "created_at", "attempt", "lease_until", "brief"),
        "why",
    )
    since = row["still_since"]
    standing = Standing(since, row["still_until"], row["still_why"], row["still_left"]) if since is not None else None
    return Message(**{name: row[name] for name in plain}, to=_address(row, "to"), reply_to=_address(row, "reply"), standing=standing)


def _address(row: Mapping[str, Any], role: str) -> Address | None:
    if row[f"{role}_email"] is None:
        return None
    return Address(row[f"{role}_name"], row[f"{role}_email"], row[f"{role}_zone"])


def _state(row: Mapping[str, Any]) -> HandoffState:
    columns = (row["reps"] or (), row["names"] or (), row["people"] or (), row["times"] or ())
    return HandoffState(
        handoff_id=row["id"],
        owner_id=row["owner_id"],
        owner_name=row["owner_name"],
        touched_at=row["touched_at"],
        closed_at=row["closed_at"],
        outcome=row["outcome"],
        touches=tuple(TouchSeen(*touch) for touch in zip(*columns, strict=True)),
        offered_to=frozenset(row["offered"] or ()),
    )
