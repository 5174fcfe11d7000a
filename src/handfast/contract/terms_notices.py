"""When notices may reach people, and when many become one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from handfast.contract.terms_base import Name, Span, Term

#: The kinds of notice; `sla.notice` says what each tells.
NoticeKind = Literal[
    "handoff_opened",
    "joined",
    "reminder",
    "breach",
    "reassigned",
    "returned",
    "exception",
    "clock",
    "task",
    "offer",
    "nurture",
    "measure",
    "rolled_back",
    "taken_back",
    "dispute",
]


class Digest(Term):
    """The first `more_than` notices to one receiver within `within` go out as they come; the others together, when it has passed."""

    more_than: int = Field(ge=1, le=100)
    within: Span


class Notices(Term):
    """When notices reach people. Webhooks are for machines, and never wait.

    `quiet: rep`: a notice waits for the receiver's own working hours, unless its kind is among `urgent`, or the SLA of its handoff among
    `urgent_sla`. What waited is asked again whether it is still true.
    """

    quiet: Literal["rep", "off"] = "off"
    urgent: tuple[NoticeKind, ...] = ()
    urgent_sla: tuple[Name, ...] = ()
    digest: Digest | None = None
