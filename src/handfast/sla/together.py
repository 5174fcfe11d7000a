"""When a notice leaves: at once, in the receiver's hours, or together with others.

1. A webhook never waits, and neither does what the contract calls urgent.
2. With quiet hours a notice to a rep waits for the rep's next opening.
3. Of many to one receiver the first few go out as they come; the others wait for the end of the window and become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from handfast.contract.terms import Notices, Sla, Step
from handfast.facts import stable_id
from handfast.sla.notice import DIGEST, Message
from handfast.worktime import Hours

#: How the reason of a notice begins that waits for others.
MANY: Final = "one of many"


class Window(NamedTuple):
    """How many notices went to one receiver since the window began (UTC)."""

    since: datetime
    sent: int


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: again at `at` (UTC), for this reason."""

    message: Message
    at: datetime
    why: str


#: What a step of a ladder does → the kinds of notice it sends, of the first touch's clock and of the others.
_SENDS: Final[Mapping[str, tuple[str, ...]]] = {
    "remind": ("reminder", "clock"),
    "tell": ("breach", "clock"),
    "offer": ("offer",),
    "reassign": ("reassigned",),
    "off_rotation": ("clock",),
    "return_to": ("returned",),
}
#: (SLA, kind of clock, kind of notice) of every step that says it is urgent.
Urgent = frozenset[tuple[str, str, str]]


def urgent_steps(slas: Iterable[Sla]) -> Urgent:
    """The notices that are urgent because their step says so."""
    return frozenset(
        (sla.name, clock, kind)
        for sla in slas
        for clock, ladder in _ladders(sla)
        for step in ladder
        if step.urgent
        for kind in _SENDS[step.action]
    )


def _ladders(sla: Sla) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """The ladder of each clock of an SLA."""
    yield "first_touch", sla.ladder
    for clock, target in (("accept", sla.accept), ("next_touch", sla.next_touch), ("disposition", sla.disposition)):
        if target is not None:
            yield clock, target.ladder


def waits(terms: Notices, message: Message, urgent: Urgent = frozenset()) -> bool:
    """Whether this notice may be made to wait at all."""
    if message.channel == "webhook" or message.kind in terms.urgent:
        return False
    sla = (message.payload.get("handoff") or {}).get("sla")
    clock = (message.payload.get("clock") or {}).get("kind", "first_touch")
    return sla not in terms.urgent_sla and (sla, clock, message.kind) not in urgent


def quiet(terms: Notices, hours: Hours | None, message: Message, at: datetime) -> Later | None:
    """The wait for its receiver's hours of a notice that may wait, or None. `hours` None: the receiver is no rep, or has no hours."""
    if terms.quiet != "rep" or hours is None or hours.is_open(at):
        return None
    opens = hours.next_opening(at)
    return Later(message, opens, f"held for the receiver's hours, from {opens:%Y-%m-%d %H:%M} UTC")


def together(terms: Notices, messages: Sequence[Message], window: Window | None, at: datetime) -> tuple[list[Message], list[Later], Window]:
    """What goes to one receiver now, what waits for the end of the window, and the window as it is then.

    Args:
        messages: due now to one receiver on one channel, in the order they were written, each allowed to wait.
        window: the last one of this receiver; None: nothing was ever sent.
    """
    digest = terms.digest
    if digest is None:
        return list(messages), [], window or Window(at, len(messages))
    span = timedelta(minutes=digest.within.minutes)
    now = window if window is not None and at < window.since + span else Window(at, 0)
    ripe = [m for m in messages if (m.why or "").startswith(MANY)]
    go = [one_of_many(ripe)] if len(ripe) > 1 else list(ripe)
    now = Window(now.since, now.sent + len(go))
    later: list[Later] = []
    for message in (m for m in messages if m not in ripe):
        if now.sent < digest.more_than:
            go.append(message)
            now = Window(now.since, now.sent + 1)
        else:
            ends = now.since + span
            later.append(Later(message, ends, f"{MANY}: goes out with the others at {ends:%Y-%m-%d %H:%M} UTC"))
    return go, later, now


def one_of_many(parts: Iterable[Message]) -> Message:
    """One message that stands for several to the same receiver. The same parts give the same id, so twice is harmless."""
    all_of = tuple(parts)
    first = all_of[0]
    return Message(
        id=stable_id("msg", DIGEST, *sorted(m.id for m in all_of)),
        handoff_id=None,
        kind=DIGEST,
        channel=first.channel,
        recipient=first.recipient,
        owner_id=None,
        payload={"kind": DIGEST},
        created_at=max(m.created_at for m in all_of),
        attempt=max(m.attempt for m in all_of),
        lease_until=min(m.lease_until for m in all_of),
        to=first.to,
        parts=all_of,
    )
