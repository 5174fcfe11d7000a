"""Apprise: one door to Teams, Discord, Telegram, SMS and a hundred others, one way. An optional extra: `pip install 'handfast[apprise]'`.

Each receiver has its own URLs in Apprise's manner; `message.recipient` is a rep's id, `ops`, `marketing` or a ladder's channel. A notice
becomes a title, a few sentences and a link: no buttons come back through this door.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from handfast.brief.letter import facts_of, line_of, link_of, words_of
from handfast.brief.words import clean
from handfast.connectors.channel import SEND_SECONDS, Elsewhere, Temporary
from handfast.numbers import short
from handfast.problem import Place, Problem
from handfast.sla.notice import DIGEST, Message

#: Of many notices sent as one so many are listed: some services cut at a thousand characters.
LISTED: Final = 8
_CHANNEL: Final = "channel:"


def read_urls(urls: Mapping[str, tuple[str, ...]]) -> list[Problem]:
    """What is wrong with these URLs. The URLs themselves carry secrets, and are never told."""
    if find_spec("apprise") is None:
        return [Problem(Place("Apprise"), "it is not installed", "Install it with: pip install 'handfast[apprise]'")]
    problems = []
    for receiver, given in urls.items():
        for number, url in enumerate(given, 1):
            if not _library().Apprise().add(url):
                what = f"URL no. {number} of '{receiver}' is none that Apprise knows"
                problems.append(
                    Problem(Place("Apprise", part=receiver), what, "Compare it with the list of services in Apprise's documentation.")
                )
    return problems


def _library() -> Any:
    # Imported on first use: it is optional, and knows more than a hundred services.
    return importlib.import_module("apprise")


class AppriseChannel:
    """Sends titles and sentences through the URLs of each receiver."""

    def __init__(self, urls: Mapping[str, tuple[str, ...]], base_url: str, *, timeout: float = SEND_SECONDS) -> None:
        self._urls = dict(urls)
        self._base_url = base_url
        self._timeout = timeout

    def destination(self, message: Message) -> str:
        return message.recipient

    def finish(self) -> None:
        """Nothing is kept open between messages."""

    def send(self, message: Message) -> None:
        """Send it to all URLs of the receiver. Raises Elsewhere for one without any, Temporary where any of them did not take it.

        Apprise says only whether it went well: what is wrong for good looks like what may pass, and dies after all attempts.
        """
        urls = self._urls.get(message.recipient.removeprefix(_CHANNEL))
        if urls is None:
            raise Elsewhere(f"no Apprise URL is given for '{message.recipient}'")
        title, body = said(message, self._base_url)
        taken: list[bool] = []
        sending = threading.Thread(target=self._notify, args=(urls, title, body, taken), daemon=True)
        sending.start()
        # The services keep their own time limits; together they must not outlive the lease.
        sending.join(self._timeout)
        if sending.is_alive():
            raise Temporary(f"no answer within {short(self._timeout)} s", down=True)
        if taken != [True]:
            raise Temporary("at least one of the receiver's services did not take it")

    @staticmethod
    def _notify(urls: tuple[str, ...], title: str, body: str, taken: list[bool]) -> None:
        library = _library()
        services = library.Apprise(asset=library.AppriseAsset(app_id="Handfast", async_mode=False))
        for url in urls:
            services.add(url)
        taken.append(bool(services.notify(title=title, body=body, body_format=library.NotifyFormat.TEXT)))


def said(message: Message, base_url: str) -> tuple[str, str]:
    """Title and body of a notice, plain text."""
    if message.kind == DIGEST:
        lines = [f"- {clean(line_of(part))}" for part in message.parts[:LISTED]]
        more = [f"And {len(message.parts) - LISTED} more."] if len(message.parts) > LISTED else []
        return f"{len(message.parts)} notices", "\n".join([*lines, *more, link_of(message, base_url)])
    facts = facts_of(message)
    words = words_of(message, facts)
    sentences = [sentence for sentence in (facts.deadline, *words.sentences) if sentence]
    return clean(words.subject), "\n".join([*sentences, link_of(message, base_url)])


__all__ = ["AppriseChannel", "read_urls", "said"]
