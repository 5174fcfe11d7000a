"""Who receives what the house sends: a mailbox and an endpoint, both slow, forgetful and dishonest as the seed has it.

What they took is written down with its key, its content and its time: the other side's word, which no table of ours can change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from handfast.connectors.channel import Permanent, Temporary
from handfast.connectors.webhook import WebhookChannel, read_endpoint
from handfast.sla.notice import Message
from tests.simulate.faults import passing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#: What an answer may be. `late`: it takes the message and then says nothing; `lies`: it takes it and says it did not.
ANSWERS = ("ok", "ok", "ok", "refuses", "lies", "late", "throttles", "odd", "gone", "breaks")


@dataclass(frozen=True, slots=True)
class Taken:
    key: str
    channel: str
    kind: str
    content: str | None
    at: datetime
    #: Whom it reached, of a mail; and the number of the mail it came in.
    recipient: str = ""
    mail: int = 0


@dataclass(slots=True)
class World:
    """What was taken, in order, and what is answered next: `mood` draws it; None is a day on which everything works."""

    now: Callable[[], datetime]
    mood: Callable[[], str] | None = None
    taken: list[Taken] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    mails: int = 0
    #: A channel behind which nobody ever answers, also when everything else works again.
    deaf: str | None = None

    def answer(self, channel: str) -> str:
        if channel == self.deaf:
            return "refuses"
        return "ok" if self.mood is None else self.mood()

    def take(self, key: str, channel: str, kind: str, content: str | None) -> None:
        self.take_together(channel, [Taken(key, channel, kind, content, self.now())])

    def take_together(self, channel: str, parts: list[Taken]) -> None:
        """Several notices that come as one mail come all or none."""
        passing(f"before {channel} takes {parts[0].key}")
        self.mails += 1
        self.taken += [replace(part, mail=self.mails) for part in parts]
        passing(f"after {channel} took {parts[0].key}")


class Mailbox:
    """Mail, as the delivery loop sees it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def send(self, message: Message) -> None:
        answer = self.world.answer("email")
        if answer in ("ok", "lies", "late"):
            self.world.take_together("email", [self._taken(one) for one in message.parts or (message,)])
        if answer == "gone":
            self.world.gone |= {one.id for one in message.parts or (message,)}
            raise Permanent("550 no such mailbox")
        if answer == "breaks":
            raise RuntimeError("a bug in the channel")
        if answer != "ok":
            raise Temporary(f"421 {answer}", retry_after=900.0 if answer == "throttles" else None, down=answer in ("late", "throttles"))

    def _taken(self, message: Message) -> Taken:
        content = json.dumps([message.recipient, dict(message.payload)], sort_keys=True)
        return Taken(message.id, "email", message.kind, content, self.world.now(), message.recipient)

    def destination(self, message: Message) -> str:
        return "mail.example"

    def finish(self) -> None:
        """Nothing is kept open."""


class Endpoint(WebhookChannel):
    """The product's own webhook channel; only what goes over the wire is ours."""

    def __init__(self, world: World) -> None:
        endpoint, problems = read_endpoint("endpoint", "https://receiver.example/hook", [SECRET])
        assert endpoint is not None, problems
        super().__init__({"endpoint": endpoint}, world.now)
        self.world = world

    def _post(self, endpoint: object, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None]:
        key = headers["webhook-id"]
        answer = self.world.answer("webhook")
        if answer in ("ok", "lies", "late"):
            said = json.loads(body)
            self.world.take(key, "webhook", said.get("type", ""), json.dumps(said.get("data", said), sort_keys=True))
        if answer == "gone":
            self.world.gone.add(key)
        if answer == "late":
            raise Temporary("no answer within 20 s", down=True)
        if answer == "breaks":
            raise RuntimeError("a bug in the channel")
        return {
            "ok": (204, None),
            "refuses": (503, None),
            "lies": (500, None),
            "throttles": (429, "1200"),
            "odd": (302, None),
            "gone": (410, None),
        }[answer]
