"""A channel that keeps what it was given."""

from __future__ import annotations

from handfast.sla.notice import Message


class Wire:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        self.messages.append(message)

    def destination(self, message: Message) -> str:
        return message.recipient

    def finish(self) -> None:
        """Nothing to hang up."""
