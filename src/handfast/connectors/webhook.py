"""Webhooks out: what happened to a handoff, told to other systems in the manner of Standard Webhooks 1.0.

`webhook-id` is the outbox id and the same on every attempt, so a receiver that keeps the ids it has seen counts nothing twice.
`webhook-timestamp` is the time of the attempt; `webhook-signature` holds one `v1` signature for each of the endpoint's secrets, so that
a secret can be changed while both are valid.

The endpoint comes from the operator's own configuration, never from a form or from data, so private addresses are allowed: an
automation server beside us is the usual receiver. Redirects are not followed, so an endpoint cannot send us elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urlsplit

from handfast import __version__
from handfast.connectors.channel import SEND_SECONDS, Permanent, Temporary, within
from handfast.facts import utc
from handfast.numbers import short
from handfast.problem import Place, Problem
from handfast.sla.notice import Message

#: The `type` of each kind of message. Past tense: a webhook says what happened.
TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "handoff_opened": "handoff.opened",
        "joined": "handoff.joined",
        "reminder": "handoff.reminder",
        "breach": "handoff.breached",
        "reassigned": "handoff.reassigned",
        "returned": "handoff.returned",
        "exception": "handoff.unassigned",
        "clock": "handoff.clock",
        "task": "handoff.task",
        "offer": "handoff.offered",
        "nurture": "handoff.recycled",
        "measure": "marketing.measure",
        "rolled_back": "contract.rolled_back",
        "taken_back": "handoff.outcome_taken_back",
        "dispute": "handoff.dispute_late",
    }
)
#: Answers that speak for the whole endpoint, not for this one message.
_AWAY: Final = frozenset({429, 502, 503, 504})
_SECRET_BYTES: Final = range(24, 65)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to post, and the secrets to sign with: the current one first, then those still valid while receivers change over."""

    name: str
    url: str
    secrets: tuple[bytes, ...] = field(repr=False)


def read_endpoint(name: str, url: str, secrets: Sequence[str]) -> tuple[Endpoint | None, list[Problem]]:
    """An endpoint from configuration text. Secrets are `whsec_` and base64 of 24 to 64 random bytes."""
    where = Place("webhook", part=name)
    problems = []
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not _port_is_fine(parts):
        problems.append(Problem(where, "its address is no http or https URL", "Write it as https://host/path."))
    elif parts.username or parts.password:
        problems.append(Problem(where, "its address carries a password", "Remove it: the signature tells the receiver who is calling."))
    elif not url.isascii() or any(c <= " " for c in url):
        problems.append(Problem(where, "its address has characters no URL may have", "Percent-encode them."))
    keys = [_secret(text) for text in secrets]
    if not keys or None in keys:
        fix = "Make one with: python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\""
        problems.append(Problem(where, "it has no usable secret: 'whsec_' and base64 of 24 to 64 bytes", fix))
    if problems:
        return None, problems
    return Endpoint(name, url, tuple(key for key in keys if key)), []


def _port_is_fine(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _secret(text: str) -> bytes | None:
    try:
        key = base64.b64decode(text.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in _SECRET_BYTES else None


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 HMAC-SHA256 over `id.timestamp.body`. Source: Standard Webhooks 1.0.0, "Signature scheme"."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def body_of(message: Message) -> bytes:
    """The JSON body: `type`, `timestamp` (when it happened, not when it is sent) and `data`. The same bytes on every attempt."""
    content = {"type": TYPES[message.kind], "timestamp": utc(message.created_at).isoformat(), "data": dict(message.payload)}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def headers_of(message: Message, endpoint: Endpoint, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of an attempt made at `at`."""
    timestamp = int(utc(at).timestamp())
    return {
        "content-type": "application/json",
        "user-agent": f"Handfast/{__version__}",
        "connection": "close",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message.id, timestamp, body) for secret in endpoint.secrets),
    }


class WebhookChannel:
    """Posts to the endpoints of the configuration; `message.recipient` is an endpoint's name."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        now: Callable[[], datetime],
        *,
        timeout: float = SEND_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._now = now
        self._timeout = timeout
        self._tls = tls

    def destination(self, message: Message) -> str:
        return message.recipient

    def finish(self) -> None:
        """Nothing is kept open between messages."""

    def send(self, message: Message) -> None:
        """Post it. Raises Permanent for 410 and for an endpoint nobody configured, Temporary for everything else but 2xx."""
        if (endpoint := self._endpoints.get(message.recipient)) is None:
            raise Permanent(f"no endpoint named '{message.recipient}' is configured")
        body = body_of(message)
        status, retry_after = self._post(endpoint, headers_of(message, endpoint, self._now(), body), body)
        if 200 <= status < 300:
            return
        if status == http.HTTPStatus.GONE:
            raise Permanent("the endpoint answered 410: it does not exist any more")
        told = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Temporary(f"the endpoint answered {status}{told}", self._seconds(retry_after), down=status in _AWAY)

    def _post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None]:
        """Status and Retry-After. The body of the answer is not read: nothing in it changes what we do."""
        parts = urlsplit(endpoint.url)
        link = self._link(parts)

        def hang_up() -> None:
            if link.sock is not None:
                with suppress(OSError):
                    link.sock.shutdown(2)

        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with within(self._timeout, hang_up) as late:
            try:
                link.request("POST", target, body=body, headers=dict(headers))
                answer = link.getresponse()
                if late():  # what was cut off reads like a short answer
                    raise TimeoutError
                return answer.status, answer.headers.get("retry-after")
            except (OSError, http.client.HTTPException) as error:
                if late() or isinstance(error, TimeoutError):
                    raise Temporary(f"no answer within {short(self._timeout)} s", down=True) from error
                raise Temporary(f"not reached: {type(error).__name__}: {error}", down=True) from error
            finally:
                link.close()

    def _link(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(host, parts.port, timeout=self._timeout)

    def _seconds(self, retry_after: str | None) -> float | None:
        """Retry-After in seconds: it comes as a number, or as an HTTP date. What cannot be read is as good as nothing."""
        if retry_after is None:
            return None
        if retry_after.strip().isascii() and retry_after.strip().isdigit():
            return float(retry_after.strip()[:9])
        try:
            return max(0.0, (utc(parsedate_to_datetime(retry_after)) - utc(self._now())).total_seconds())
        except ValueError:
            return None
