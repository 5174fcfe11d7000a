"""Notices: what a message says, and whether it is still true at the moment of sending.

A notice is written in the same transaction as its cause, and leaves later: seconds later as a rule, hours later when a mail server
was down. In between somebody may have called. `still_owed` is asked again at the door, with what the store says *then*, and answers
why the message should not go out any more.

The payload is small on purpose: ids, names, the next step, the deadline. What a mail shows of the brief is read from the stored
brief when the mail is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from handfast.facts import stable_id, utc

Kind = Literal["handoff_opened", "joined", "reminder", "breach", "reassigned", "returned", "exception"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: The version of the payload. A worker reads the version before its own, so that a rolling upgrade loses nothing.
PAYLOAD_VERSION: Final = 1
#: Longer names are cut: a payload has to stay below the 20 KB that receivers of webhooks expect.
LONGEST_NAME: Final = 200


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


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox as the sender of it needs it. `id` is the idempotency key the receiver sees, the same on every attempt.

    `owner_id` is who owned the handoff when the message was written. `attempt` counts from 1. `to` is None where `recipient` is no rep
    (`marketing`, an endpoint's name). `brief` is the stored brief, for the kinds of mail that show it.
    """

    id: str
    handoff_id: str
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


@dataclass(frozen=True, slots=True)
class TouchSeen:
    """One touch of a handoff, as far as notices care."""

    rep_id: str | None
    rep_name: str | None
    person_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HandoffState:
    """How a handoff stands at the moment of sending. `touches` are in the order of their time."""

    handoff_id: str
    owner_id: str | None = None
    owner_name: str | None = None
    touched_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    touches: tuple[TouchSeen, ...] = ()


def message_id(handoff_id: str, kind: str, cause: str, channel: str, recipient: str) -> str:
    """The idempotency key: one per handoff, kind, cause (`opened`, a timer's id, a leg), channel and recipient, for ever."""
    return stable_id("msg", handoff_id, kind, cause, channel, recipient)


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
) -> dict[str, Any]:
    """The payload of a message, JSON-ready: times as ISO 8601 in UTC, what is not known left out.

    Args:
        before: who owned it until now (`reassigned`, `returned`).
        joined: the person who joined (`joined`).
        why: one sentence: why this owner, why it was taken away, why nobody owns it.

    Raises:
        ValueError: a kind that does not exist, or a time without a zone.
    """
    if kind not in KINDS:
        raise ValueError(f"'{kind}' is no kind of notice; use one of {', '.join(KINDS)}")
    handoff = {"id": handoff_id, "motion": motion, "opened_at": _iso(opened_at), "next_step": next_step, "sla": sla, "due_at": _iso(due_at)}
    parties = {"person": person, "account": account, "owner": owner, "before": before, "joined": joined}
    payload: dict[str, Any] = {"v": PAYLOAD_VERSION, "kind": kind, "handoff": {k: v for k, v in handoff.items() if v}}
    payload.update({role: _party(party) for role, party in parties.items() if party is not None})
    if why:
        payload["why"] = why[: 2 * LONGEST_NAME]
    return payload


def _party(party: Named) -> dict[str, str]:
    return {"id": party.id, "name": party.name[:LONGEST_NAME]}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else utc(moment).isoformat()


# --- is it still true? ------------------------------------------------------------------------------------------


def still_owed(message: Message, now: HandoffState) -> str | None:
    """Why this message should not be sent any more, or None.

    A notice to a person asks them to act, so it must be true when it is read. A webhook reports a fact in the past tense with its own time:
    that stays true whatever happened since, so only a reminder is withheld from machines.
    """
    if message.channel == "webhook" and message.kind != "reminder":
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
        "reminder": (_closed, _other_owner, _touched),
        "breach": (_closed, _other_owner, _touched),
        "reassigned": (_closed, _passed_on, _touched_by_recipient),
        "returned": (_not_returned,),
        "exception": (_closed, _owned),
    }
)
