"""Notices: what a message says, and whether it is still true at the moment of sending.

A notice is written in the same transaction as its cause, and leaves later: seconds later as a rule, hours later when a mail server
was down. In between somebody may have called. `still_owed` is asked again at the door, with what the store says *then*, and answers
why the message should not go out any more.

The payload is small on purpose: ids, the next step, the deadline. Names, and what a mail shows of the brief, are read when the message is
sent: a name put right shows at once, and one that was erased is gone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast, get_args

from handfast.contract.terms_notices import NoticeKind
from handfast.facts import stable_id, utc

#: `clock`: a reminder or a breach of another clock than the first touch's. `task`: the next step of the follow-up. `offer`: whoever takes
#: it first has it. `nurture`: recycled, and marketing's again. `measure`: one of marketing's own promises, about a period. `taken_back`:
#: whoever leads took back what a rep had said. `dispute`: nobody has answered one in time.
Kind = NoticeKind
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: The version of the payload. A worker reads the version before its own, so that a rolling upgrade loses nothing.
PAYLOAD_VERSION: Final = 1
#: Longer sentences are cut: a payload has to stay below the 20 KB that receivers of webhooks expect.
LONGEST_WHY: Final = 400
#: What several notices to one reader are sent as. Never written to the outbox: made when they are sent.
DIGEST: Final = "digest"


class Named(NamedTuple):
    """An id and the name people know it by."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person reads mail, and the IANA zone whose wall clock times are told in."""

    name: str
    email: str
    time_zone: str = "UTC"


class Standing(NamedTuple):
    """That the clocks of a handoff stand still at the moment of sending: since when, until when at the latest (UTC), for which reason, and
    how many working seconds of the most pressing clock are left (None: not known)."""

    since: datetime
    until: datetime
    reason: str
    left_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox as the sender of it needs it. `id` is the idempotency key the receiver sees, the same on every attempt.

    `owner_id` is who owned the handoff when the message was written. `attempt` counts from 1. `to` is None where `recipient` is no rep
    (`marketing`, an endpoint's name). `brief` is the stored brief, for the kinds that show it. `handoff_id` None: about no single one.
    `why` is the last failure, or why it was held back. `parts` are the notices a digest stands for. `seal` proves that a link to the brief
    came from this message. `standing`: the clocks of its handoff stand still, so no due time is told.
    """

    id: str
    handoff_id: str | None
    kind: str
    channel: str
    recipient: str
    owner_id: str | None
    payload: Mapping[str, Any]
    created_at: datetime
    attempt: int
    lease_until: datetime
    to: Address | None = None
    reply_to: Address | None = None
    brief: Mapping[str, Any] | None = None
    why: str | None = None
    parts: tuple[Message, ...] = ()
    seal: str = ""
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class ClockSeen:
    """One clock as it stands: `stopped_by` None while it runs, `paused` while it stands still."""

    kind: str
    stopped_by: str | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class TouchSeen:
    """One touch of a handoff, as far as notices care."""

    rep_id: str | None
    rep_name: str | None
    person_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HandoffState:
    """How a handoff stands at the moment of sending. `touches` are in the order of their time, `clocks` by id."""

    handoff_id: str | None
    owner_id: str | None = None
    owner_name: str | None = None
    touched_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    touches: tuple[TouchSeen, ...] = ()
    clocks: Mapping[str, ClockSeen] = field(default_factory=dict)
    offered_to: frozenset[str] = frozenset()


def message_id(handoff_id: str, kind: str, cause: str, channel: str, recipient: str) -> str:
    """The idempotency key: one per handoff, kind, cause (`opened`, a timer's id, a leg), channel and recipient, for ever."""
    return stable_id("msg", handoff_id, kind, cause, channel, recipient)


def seal(secret: str, handoff_id: str, recipient: str, channel: str) -> str:
    """What a link in a notice carries, so that its page can tell by which door its reader came. It opens nothing by itself."""
    said = "\x1f".join((handoff_id, recipient, channel)).encode()
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()[:16]


def notice(
    kind: Kind,
    *,
    handoff_id: str,
    opened_at: datetime,
    next_step: str,
    person: Named,
    account: Named | None = None,
    owner: Named | None = None,
    before: Named | None = None,
    joined: Named | None = None,
    sla: str | None = None,
    due_at: datetime | None = None,
    motion: str = "",
    why: str = "",
    clock: Named | None = None,
) -> dict[str, Any]:
    """The payload of a message, JSON-ready: times as ISO 8601 in UTC, what is not known left out. Of people only their ids.

    Args:
        before: who owned it until now (`reassigned`, `returned`).
        joined: the person who joined (`joined`).
        why: one sentence: why this owner, why it was taken away, why nobody owns it. No names of prospects.
        clock: id and kind of the clock that speaks, for what is only true while that clock runs (`reminder`, `breach`, `task`).

    Raises:
        ValueError: a kind that does not exist, or a time without a zone.
    """
    handoff = {"id": handoff_id, "motion": motion, "opened_at": _iso(opened_at), "next_step": next_step, "sla": sla, "due_at": _iso(due_at)}
    parties = {"person": person, "account": account, "owner": owner, "before": before, "joined": joined}
    payload = _payload(kind, why, clock)
    payload["handoff"] = {k: v for k, v in handoff.items() if v}
    payload.update({role: {"id": party.id} for role, party in parties.items() if party is not None})
    return payload


def measure_notice(clock: Named, *, period: str, why: str, due_at: datetime | None = None) -> dict[str, Any]:
    """The payload of a notice about one of marketing's measures: which clock asks, about which period, what was found."""
    return {**_payload("measure", why, clock), "measure": {"period": period, **({"due_at": _iso(due_at)} if due_at else {})}}


def trial_notice(version: int, why: str) -> dict[str, Any]:
    """The payload of a notice that a version on trial gave way by itself."""
    return {**_payload("rolled_back", why, None), "version": version}


def _payload(kind: Kind, why: str, clock: Named | None) -> dict[str, Any]:
    if kind not in KINDS:
        raise ValueError(f"'{kind}' is no kind of notice; use one of {', '.join(KINDS)}")
    payload: dict[str, Any] = {"v": PAYLOAD_VERSION, "kind": kind}
    if why:
        payload["why"] = why[:LONGEST_WHY]
    if clock is not None:
        payload["clock"] = {"id": clock.id, "kind": clock.name}
    return payload


#: Who is spoken of in a payload, and which noun each is.
PARTIES: Final[Mapping[str, str]] = MappingProxyType(
    {"person": "person", "joined": "person", "account": "account", "owner": "rep", "before": "rep"}
)


def with_names(payload: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The payload with the names that are known now, by (noun, id). Who has no name any more stays an id.

    A payload of a version that stored names keeps them where nothing better is known.
    """
    found = dict(payload)
    for role, noun in PARTIES.items():
        if (party := payload.get(role)) is not None:
            name = names.get((noun, party["id"]), party.get("name"))
            found[role] = {"id": party["id"], **({"name": name} if name else {})}
    return found


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else utc(moment).isoformat()


# --- is it still true? ------------------------------------------------------------------------------------------


def still_owed(message: Message, now: HandoffState) -> str | None:
    """Why this message should not be sent any more, or None.

    A notice to a person asks them to act, so it must be true when it is read. A webhook reports a fact in the past tense with its own time:
    that stays true whatever happened since, so only a reminder is withheld from machines.
    """
    if message.channel == "webhook" and message.kind not in ("reminder", "task"):
        return None
    checks = _CHECKS.get(cast("Kind", message.kind), ())
    return next((why for check in checks if (why := check(message, now)) is not None), None)


def _closed(message: Message, now: HandoffState) -> str | None:
    if now.closed_at is None:
        return None
    return "closed" if now.outcome is None else f"closed: {now.outcome.replace('_', ' ')}"


def _other_owner(message: Message, now: HandoffState) -> str | None:
    if now.owner_id == message.owner_id:
        return None
    return _owner_is(now)


def _passed_on(message: Message, now: HandoffState) -> str | None:
    """To the new owner: it must still be theirs. To the one before: they must hear of it unless it came back to them."""
    if message.recipient != message.owner_id:
        return _owner_is(now) if now.owner_id == message.recipient else None
    return _other_owner(message, now)


def _owned(message: Message, now: HandoffState) -> str | None:
    return None if now.owner_id is None else _owner_is(now)


def _owner_is(now: HandoffState) -> str:
    return "nobody owns it any more" if now.owner_id is None else f"the owner is now {now.owner_name or now.owner_id}"


def _touched(message: Message, now: HandoffState) -> str | None:
    if now.touched_at is None:
        return None
    first = now.touches[0] if now.touches else None
    return f"{_who(first)} touched it {_when(now.touched_at, message.created_at)}"


def _touched_by_recipient(message: Message, now: HandoffState) -> str | None:
    """The new owner began already. What the owner before did is no reason to keep the new one uninformed."""
    theirs = (t for t in now.touches if t.rep_id == message.recipient and t.at >= message.created_at)
    return next((f"{_who(t)} touched it {_when(t.at, message.created_at)}" for t in theirs), None)


def _clock_over(message: Message, now: HandoffState) -> str | None:
    """The clock that speaks has stopped, or stands still. For one of the first touch, and where none is named: whether it was touched."""
    clock = message.payload.get("clock") or {}
    seen = now.clocks.get(str(clock.get("id")))
    if seen is not None and seen.paused:
        return "its clocks stand still"
    if clock.get("kind", "first_touch") == "first_touch":
        return _touched(message, now)
    if seen is None or seen.stopped_by is None:
        return None
    return f"the clock '{seen.kind.replace('_', ' ')}' was stopped: {seen.stopped_by.replace('_', ' ')}"


def _taken(message: Message, now: HandoffState) -> str | None:
    """Offered to several: somebody took it, or it is offered to this one no more."""
    if now.owner_id not in (message.owner_id, None):
        return _owner_is(now)
    return None if message.recipient in now.offered_to else "it is no longer offered"


def _joiner_touched(message: Message, now: HandoffState) -> str | None:
    joiner = message.payload.get("joined") or {}
    theirs = (t for t in now.touches if t.person_id == joiner.get("id"))
    return next((f"{_who(t)} touched {joiner.get('name') or 'them'} {_when(t.at, message.created_at)}" for t in theirs), None)


def _not_returned(message: Message, now: HandoffState) -> str | None:
    if now.closed_at is None:
        return "it is open again"
    return None if now.outcome == "returned" else _closed(message, now)


def _who(touch: TouchSeen | None) -> str:
    return "Somebody" if touch is None else touch.rep_name or touch.rep_id or "Somebody"


def _when(at: datetime, written: datetime) -> str:
    day = "" if utc(at).date() == utc(written).date() else f"on {utc(at):%d %b %Y} "
    return f"{day}at {utc(at):%H:%M} UTC"


_CHECKS: Final[Mapping[Kind, tuple[Callable[[Message, HandoffState], str | None], ...]]] = MappingProxyType(
    {
        "handoff_opened": (_closed, _other_owner, _touched),
        "joined": (_closed, _other_owner, _joiner_touched),
        "reminder": (_closed, _other_owner, _clock_over),
        "breach": (_closed, _other_owner, _clock_over),
        "reassigned": (_closed, _passed_on, _touched_by_recipient),
        "returned": (_not_returned,),
        "exception": (_closed, _owned),
        "task": (_closed, _other_owner, _clock_over),
        "clock": (_closed, _clock_over),
        "offer": (_closed, _taken, _touched),
        "nurture": (),
        "measure": (_clock_over,),
        "rolled_back": (),
        "taken_back": (),
        "dispute": (),
    }
)
