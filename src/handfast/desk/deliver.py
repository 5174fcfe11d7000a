"""Delivery: what the outbox owes leaves the house, after it was asked whether it is still true.

1. Transaction A claims a small batch under a lease, looks up how the handoffs stand, and drops what is no longer true.
2. Each message is sent outside any transaction, in less than a third of the lease.
3. Transaction B settles. What left is settled together, a quarter of a second after the first of it was begun at the latest; before
   that when something failed, and at the end of the batch. What failed is settled at once: to be tried again, or dead.

A worker killed between 2 and 3 leaves what left in that time, the batch at most, and it will be sent again under the same ids; killed
anywhere else, nothing. Nothing is ever given up in silence: after ten attempts, or when the other side refuses for good, the message is
`dead` and an event says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final, Literal

import structlog

from handfast.connectors.channel import SEND_SECONDS, Channel, Elsewhere, Permanent, Temporary
from handfast.desk.held_back import Manners, held_back
from handfast.sla.notice import KINDS, Message, seal, still_owed
from handfast.sla.together import MANY
from handfast.store import notices, outbox
from handfast.store.base import Conn, Store
from handfast.store.handover import by_index

#: Three times what a channel may take, so that a send begun in time ends long before anybody else may begin it.
LEASE_SECONDS: Final = 3 * SEND_SECONDS
#: Rows claimed at once. Also the most a killed worker can leave to wait for the end of its lease.
BATCH: Final = 20
#: What left is not settled alone: for so long others that leave are waited for. A statement and a commit for all of them.
TOGETHER_SECONDS: Final = 0.25
ATTEMPTS: Final = 10
#: Seconds before attempt 2, 3 … 10: about 32 hours in all.
BACKOFF_SECONDS: Final = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400)
#: Nobody makes us wait longer than this.
LONGEST_WAIT_SECONDS: Final = 86_400.0

Fate = Literal["sent", "retried", "dropped", "dead", "released", "held"]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a batch; `claimed` is the sum, 0 when nothing was due.

    `released` went back untried, for want of time; `held` to leave later: the receiver's hours, a channel's rate, many that become one.
    """

    sent: int = 0
    retried: int = 0
    dropped: int = 0
    dead: int = 0
    released: int = 0
    held: int = 0

    @property
    def claimed(self) -> int:
        return self.sent + self.retried + self.dropped + self.dead + self.released + self.held


@dataclass(slots=True)
class _Batch:
    """Where a batch has got to: what became of each message, what left and is to be settled (id, when) since the first of it was begun,
    and which destinations turned out to be away."""

    lease_seconds: float
    fates: list[Fate] = field(default_factory=list)
    left: list[tuple[str, datetime]] = field(default_factory=list)
    since: datetime | None = None
    away: dict[tuple[str, str], Temporary] = field(default_factory=dict)


def deliver(
    store: Store,
    channels: Mapping[str, Channel],
    now: Callable[[], datetime],
    limit: int = BATCH,
    *,
    lease_seconds: float = LEASE_SECONDS,
    manners: Manners | None = None,
) -> Delivered:
    """Deliver one batch of what is due on these channels; at most `limit`, never more than 20. Call again while it returns work.

    `channels` is keyed by the outbox's `channel` (`email`, `webhook`). A slow endpoint keeps the mails of its own batch waiting: a
    worker that wants none of that gives each channel a thread and a call of its own. A channel must give up within a third of
    `lease_seconds`. `manners`: whose quiet hours, digests and rates hold; None: everything leaves as it comes.

    Raises:
        StorageAway: the database went away. What was sent and could not be settled is sent again after the lease, under the same id.
    """
    batch = _Batch(lease_seconds)
    messages = _claim(store, channels, now(), min(limit, BATCH), batch, manners)
    try:
        for message in messages:
            _deliver_one(store, channels[message.channel], message, now, batch)
            if batch.since is not None and now() >= batch.since + timedelta(seconds=TOGETHER_SECONDS):
                _settle_left(store, batch)
        _settle_left(store, batch)
    finally:
        for channel in channels.values():
            channel.finish()
    return Delivered(**{fate: batch.fates.count(fate) for fate in set(batch.fates)})


def _claim(
    store: Store, channels: Mapping[str, Channel], at: datetime, limit: int, batch: _Batch, manners: Manners | None
) -> list[Message]:
    """Transaction A: claimed, checked for truth; what is no longer true is settled here, and what may not leave yet is given back."""
    with store.writing() as conn:
        by_index(conn)
        claimed = outbox.claim(conn, at, limit, batch.lease_seconds, channels)
        if not claimed:
            return []
        states = outbox.owed_state(conn, claimed)
        owed = []
        for message in claimed:
            if (unfit := _unfit(message)) is not None:
                outbox.bury(conn, message, at, unfit)
                batch.fates.append("dead")
            elif (why := still_owed(message, states[message.id])) is not None:
                outbox.settle_dropped(conn, message, at, why)
                batch.fates.append("dropped")
            else:
                owed.append(message)
        owed = _sealed(conn, owed, at)
        if manners is None or not owed:
            return owed
        leaving, held = held_back(conn, manners, owed, at)
        batch.fates += ["held"] * held
        return leaving


def _sealed(conn: Conn, messages: list[Message], at: datetime) -> list[Message]:
    """With what lets the page of a brief tell by which door its reader came."""
    if all(m.channel == "webhook" or m.handoff_id is None for m in messages):
        return messages
    secret = notices.link_secret(conn, token_hex(16), at)
    return [
        replace(m, seal=seal(secret, m.handoff_id, m.recipient, m.channel)) if m.handoff_id and m.channel != "webhook" else m
        for m in messages
    ]


def _unfit(message: Message) -> str | None:
    """Why this row must not be tried at all. A message that kills its worker each time must not do so for ever."""
    if message.attempt > ATTEMPTS:
        return f"{ATTEMPTS} attempts ended without an answer: the worker was stopped while sending it"
    if message.kind not in KINDS:
        return f"'{message.kind}' is no kind of message this version knows"
    return None


def _deliver_one(store: Store, channel: Channel, message: Message, now: Callable[[], datetime], batch: _Batch) -> None:
    started = now()
    if started + timedelta(seconds=batch.lease_seconds / 3) >= message.lease_until:
        _settle_left(store, batch)
        with store.writing() as conn:
            for part in message.parts or (message,):
                outbox.release(conn, part, started)
                batch.fates.append("released")
        return
    failure = _attempt(channel, message, batch)
    # The parts of a digest are settled together: they left together.
    parts = message.parts or (message,)
    if failure is None:
        batch.left += [(part.id, now()) for part in parts]
        batch.since = batch.since or started
        return
    # First what left: whatever happens to the next transaction, it is not sent again for that.
    _settle_left(store, batch)
    with store.writing() as conn:
        batch.fates += [_settle_failed(conn, part, failure, now()) for part in parts]


def _settle_left(store: Store, batch: _Batch) -> None:
    """Transaction B of what left."""
    left, batch.left, batch.since = batch.left, [], None
    if left:
        store.once(lambda conn: outbox.settle_sent(conn, left))
        batch.fates += ["sent"] * len(left)


Failure = Permanent | Temporary | Elsewhere


def _attempt(channel: Channel, message: Message, batch: _Batch) -> Failure | None:
    """Send it; what went wrong, or None. One refused connection answers for the rest of the batch that would meet the same."""
    place = (message.channel, channel.destination(message))
    if (known := batch.away.get(place)) is not None:
        return known
    try:
        channel.send(message)
    except (Permanent, Elsewhere) as failure:
        return failure
    except Temporary as failure:
        if failure.down:
            batch.away[place] = failure
        return failure
    except Exception as error:  # the loop must go on; the failure is kept with the message and counts as an attempt
        log.exception("delivery_failed_unexpectedly", message=message.id, error=type(error).__name__)
        return Temporary(f"unexpected {type(error).__name__}")
    return None


def _settle_failed(conn: Conn, message: Message, failure: Failure, at: datetime) -> Fate:
    """Transaction B of what failed."""
    if isinstance(failure, Elsewhere):
        outbox.settle_dropped(conn, message, at, failure.why)
        return "dropped"
    if isinstance(failure, Permanent):
        outbox.bury(conn, message, at, failure.why)
        return "dead"
    if message.attempt >= ATTEMPTS:
        outbox.bury(conn, message, at, f"given up after {message.attempt} attempts: {failure.why}")
        return "dead"
    # What failed as one of many goes out with them again.
    many = f"{MANY}; " if (message.why or "").startswith(MANY) else ""
    outbox.retry(conn, message, at + timedelta(seconds=wait_seconds(message.id, message.attempt, failure.retry_after)), many + failure.why)
    return "retried"


def wait_seconds(message: str, attempt: int, retry_after: float | None = None) -> float:
    """How long to wait after this failed attempt (from 1).

    The schedule's step, spread evenly over half to one and a half times its length, so that what failed together does not return
    together. The spread comes from the message's id and the attempt, not from chance: the same failure waits the same time. A wait the
    other side asked for is never shortened, only stretched by up to a tenth, and bounded by a day.
    """
    share = _share(message, attempt)
    step = BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS)) - 1]
    asked = min(retry_after or 0.0, LONGEST_WAIT_SECONDS)
    return max(step * (0.5 + share), asked * (1 + share / 10))


def _share(message: str, attempt: int) -> float:
    """A number in [0, 1) that depends on message and attempt alone."""
    return int.from_bytes(hashlib.sha256(f"{message}\x1f{attempt}".encode()).digest()[:8], "big") / 2**64
