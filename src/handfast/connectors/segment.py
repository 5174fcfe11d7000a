"""Segment's HTTP Tracking API, as its libraries (and RudderStack's) speak it: bytes in, signals and refusals out.

Pure: the moment of arrival is passed in, nothing is stored here. Three steps, each its own function, because the write key may stand
in the body: `decode` (bytes → JSON), `write_keys` (who says it is whose), `read` (JSON → signals and refused events).

What the wire teaches and the specification does not say: `null` means absent; Content-Type means nothing (browsers send text/plain,
RudderStack's Node library a form type); gzip may come without its header; RudderStack puts traits in `context.traits`; `sentAt` stands on
the batch or on the event.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from handfast.facts import Signal, signal_id
from handfast.identity.normalise import email_address, snake_case
from handfast.identity.traits import FORM, LEVELS, TooDeep, keep, learn_account, learn_person
from handfast.problem import Place, Problem, one_of

#: The last part of the path → what a body without `type` is; None for a batch.
CALLS: Final[Mapping[str, str | None]] = {
    "identify": "identify", "track": "track", "page": "page", "screen": "screen", "group": "group", "alias": "alias",
    "i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias",
    "batch": None, "b": None, "import": None,
}  # fmt: skip

_KINDS: Final = {"identify": "identified", "group": "grouped", "alias": "aliased", "page": "page_viewed", "screen": "page_viewed"}
_TYPES: Final = frozenset({*_KINDS, "track"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken at the door, in bytes, events and levels. Segment's own: 500 KB a batch, 32 KB an event, 2,500 events."""

    body_bytes: int = 5_000_000
    decoded_bytes: int = 5_000_000
    event_bytes: int = 32_768
    events: int = 10_000
    id_characters: int = 200


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The whole request is refused: the HTTP status and why. `raw` is the text as it came, where it was readable at all."""

    status: int
    problem: Problem
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that could not become a signal, whole, so that it can be mended and replayed.

    `payload` holds what its request said for all events (type, context, sending time) where the event itself did not.
    `key` is the same for the same event sent again.
    """

    problem: Problem
    payload: Any
    key: str


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded body. `dirty`: it holds characters PostgreSQL cannot store (NUL, lone surrogates), mended event by event."""

    value: Any
    size: int
    dirty: bool


class _Wrong(Exception):
    """This event cannot be taken. Never leaves this module: `read` turns it into a `Refused`."""

    def __init__(self, part: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.part, self.what, self.fix = part, what, fix


# --- bytes → JSON ---------------------------------------------------------------------------------------------


def decode(body: bytes, encoding: str = "", limits: Limits = LIMITS) -> Document | Refusal:
    """The JSON of a request body, gunzipped by its magic bytes whatever the header says.

    `encoding` is the Content-Encoding header; anything but gzip, identity or nothing is refused with 400, what is larger than the
    limits (also once unpacked: a gzip bomb) with 413, what is no JSON with 400.
    """
    if len(body) > limits.body_bytes:
        return too_large(limits)
    if body[:2] == b"\x1f\x8b":
        unpacked = _gunzip(body, limits)
        if isinstance(unpacked, Refusal):
            return unpacked
        body = unpacked
    elif encoding.strip().lower() not in {"", "identity", "gzip", "x-gzip"}:
        return _refusal(400, "Content-Encoding", f"The encoding '{encoding[:40]}' is not one we read", "Send the body plain or as gzip.")
    return _parse(body)


def too_large(limits: Limits) -> Refusal:
    """413, in words."""
    most = f"{limits.decoded_bytes / 1e6:g} MB"
    return _refusal(
        413, "body", f"The request is larger than {most} (unpacked)", "Send fewer events a request; 500 KB is what the libraries send."
    )


def _gunzip(body: bytes, limits: Limits) -> bytes | Refusal:
    out = bytearray()
    rest = body
    try:
        while rest:
            member = zlib.decompressobj(wbits=31)
            out += member.decompress(rest, limits.decoded_bytes + 1 - len(out))
            if len(out) > limits.decoded_bytes:
                return too_large(limits)
            if not member.eof:
                raise zlib.error("the stream ends in the middle")
            rest = member.unused_data
    except zlib.error as error:
        return _refusal(400, "body", f"The gzip stream does not unpack: {error}", "Send the whole stream; a proxy may have cut it.")
    return bytes(out)


def _parse(body: bytes) -> Document | Refusal:
    try:
        return Document(orjson.loads(body), len(body), dirty=b"\\u0000" in body)
    except orjson.JSONDecodeError as error:
        strict = error
    # A second look with the standard library, which takes what Python and old browsers do send: NaN, lone surrogates, raw control
    # characters, a byte order mark. One such character must not cost 499 other events.
    text = body.decode("utf-8-sig", "replace")
    try:
        value = json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_whole_number)
    except (ValueError, RecursionError):
        what = f"The body is no JSON: {strict}"
        return Refusal(400, _problem("body", what, "Send one JSON object, as Segment's libraries do."), text)
    return Document(value, len(body), dirty=True)


def _whole_number(digits: str) -> int | None:
    """Python refuses to read numbers of thousands of digits; nobody means them."""
    return int(digits) if len(digits) < 400 else None


def _refusal(status: int, part: str, what: str, fix: str) -> Refusal:
    return Refusal(status, _problem(part, what, fix))


def _problem(part: str, what: str, fix: str, where: str = "request") -> Problem:
    return Problem(Place(where, part=part), what, fix)


# --- whose it is ----------------------------------------------------------------------------------------------


def header_keys(authorization: str) -> list[str]:
    """The write keys an Authorization header may mean: the user of Basic (colon or not), or the token of Bearer."""
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer" and credentials:
        return [credentials]
    if scheme.lower() != "basic":
        return []
    try:
        text = base64.b64decode(credentials + "=" * (-len(credentials) % 4)).decode()
    except (binascii.Error, ValueError):
        return []
    user = text.partition(":")[0].strip()
    return [user] if user else []


def body_keys(document: Document) -> list[str]:
    """The write keys the body names: its own, else that of its first event."""
    value = document.value
    if not isinstance(value, dict):
        value = {"batch": value}
    batch = value.get("batch")
    first = batch[0] if isinstance(batch, list) and batch and isinstance(batch[0], dict) else {}
    return [key.strip() for key in (value.get("writeKey"), first.get("writeKey")) if isinstance(key, str) and key.strip()]


# --- JSON → signals -------------------------------------------------------------------------------------------


def read(
    document: Document,
    call: str,
    source: str,
    received_at: datetime,
    limits: Limits = LIMITS,
) -> tuple[list[Signal], list[Refused]] | Refusal:
    """Every event as a signal or as a refusal of that event alone, in the order sent.

    `call` is the last part of the path (a name of `CALLS`). `received_at` is UTC. The whole is refused (400, 413) only where no
    event can be told apart: no batch in it, or more events than `limits.events`.
    """
    kind = CALLS[call]
    value = document.value
    common: Mapping[str, Any] = {}
    if isinstance(value, dict) and (kind is None or "batch" in value) and isinstance(value.get("batch"), list):
        events, common = value["batch"], value
    elif isinstance(value, list):
        events = value
    elif isinstance(value, dict) and (kind is not None or "type" in value):
        events = [value]
    else:
        return _refusal(400, "batch", "There is no list of events in the body", 'Send {"batch": [ … ]} or one event with its `type`.')
    if len(events) > limits.events:
        return _refusal(413, "batch", f"The batch has {len(events)} events, more than {limits.events}", "Send it in parts.")
    reader = _Reader(source, received_at, limits, kind=kind, common=common, document=document)
    return reader.all(events)


class _Reader:
    """What the events of one request share: source, arrival, and the batch's own context and sending time."""

    def __init__(
        self, source: str, received_at: datetime, limits: Limits, *, kind: str | None, common: Mapping[str, Any], document: Document
    ) -> None:
        self.source = source
        self.received_at = received_at
        self.limits = limits
        self.kind = kind
        self.dirty = document.dirty
        self.weigh = document.size > limits.event_bytes
        context = common.get("context")
        self.context: dict[str, Any] = _mended(context) if isinstance(context, dict) and document.dirty else context or {}
        if not isinstance(self.context, dict):
            self.context = {}
        # A batch whose own sending time cannot be read is taken as one without: only the correction of the clock is lost.
        self.sent_as_given = common.get("sentAt")
        self.sent = _time_or_none(self.sent_as_given)

    def all(self, events: list[Any]) -> tuple[list[Signal], list[Refused]]:
        signals: list[Signal] = []
        refused: list[Refused] = []
        for number, event in enumerate(events, 1):
            kept = event
            try:
                if self.dirty:
                    kept = _mended(event)
                signals.append(self.signal(kept))
            except TooDeep:
                refused.append(self.refused(_too_deep(), number, kept))
            except _Wrong as wrong:
                refused.append(self.refused(wrong, number, kept))
        return signals, refused

    def refused(self, wrong: _Wrong, number: int, event: Any) -> Refused:
        problem = _problem(wrong.part, wrong.what, wrong.fix, f"{self.source} event {number}")
        return Refused(problem, self._whole(event), _content(event))

    def _whole(self, event: Any) -> Any:
        if not isinstance(event, dict):
            return event
        said: dict[str, Any] = {"type": self.kind, "context": self.context, "sentAt": self.sent_as_given}
        whole = {k: v for k, v in said.items() if v and event.get(k) is None} | event
        if self.kind is not None:
            whole["type"] = self.kind  # the path was stronger than the body
        return whole

    def signal(self, event: Any) -> Signal:
        """One event. Raises _Wrong."""
        if not isinstance(event, dict):
            raise _Wrong("event", "An event is no JSON object", "Send each event as an object with `type`.")
        if self.weigh:
            _check_weight(event, self.limits)
        kind = self.kind or event.get("type")
        if type(kind) is not str or kind not in _TYPES:
            kind = _type_of(kind)
        context = event.get("context")
        if not isinstance(context, dict):
            context = self.context
        elif self.context:
            context = {**self.context, **context}
        properties: dict[str, Any] = {}
        if type(said := event.get("properties")) is dict:
            keep(said, properties)
        _add_page(event, kind, context, properties)
        if type(campaign := context.get("campaign")) is dict:
            _add_campaign(campaign, properties)
        if type(agent := context.get("userAgent")) is str and agent:
            properties.setdefault("user_agent", agent[:500])
        if "channel" not in properties and (medium := properties.get("utm_medium")) is not None:
            properties["channel"] = medium
        if type(consent := context.get("consent")) is dict:
            keep({"consent": consent.get("categoryPreferences")}, properties)
        person, account, email = _who(event, kind, context, properties)
        occurred_at = self._when(event, properties)
        user_id = self._id(event.get("userId"), "userId")
        anonymous_id = self._id(event.get("anonymousId"), "anonymousId")
        email = email or (email_address(user_id) if user_id and "@" in user_id else None)
        if user_id is None and anonymous_id is None and email is None:
            raise _nobody(person)
        group_id = self._id(event.get("groupId") if kind == "group" else context.get("groupId"), "groupId")
        previous_id = self._id(event.get("previousId"), "previousId")
        if kind == "alias" and previous_id is None:
            raise _Wrong("previousId", "An alias does not say who it was before", "Send `previousId`, the id the person had until now.")
        return Signal(
            signal_id(self.source, self._message_id(event, kind)),
            self.source,
            _KINDS.get(kind) or _kind_of(event.get("event")),
            occurred_at,
            self.received_at,
            email,
            user_id,
            anonymous_id,
            group_id,
            previous_id,
            properties,
            person,
            account,
        )

    def _id(self, value: Any, part: str) -> str | None:
        if value is None:
            return None
        if type(value) is str:
            text = value.strip()
        elif type(value) is int or (type(value) is float and value.is_integer() and abs(value) < 2**53):
            text = str(int(value))
        else:
            return None
        if len(text) > self.limits.id_characters:
            raise _Wrong(
                part,
                f"`{part}` has {len(text)} characters, more than {self.limits.id_characters}",
                "Send the id, not a token or a document.",
            )
        # What careless JavaScript makes of an id that is not there. Taken at its word it would make one person of everybody.
        return text if text and text.lower() not in _NO_ID else None

    def _message_id(self, event: Mapping[str, Any], kind: str) -> str:
        given = event.get("messageId")
        if type(given) is str and given:
            return given
        if type(given) is int:
            return str(given)
        # Without an id the content is the id. An event without its own time gets the minute of arrival into it, since the same thing
        # done tomorrow is another signal, while a retry comes within seconds.
        timeless = event.get("originalTimestamp") is None and event.get("timestamp") is None
        minute = self.received_at.strftime("%Y-%m-%dT%H:%M") if timeless else ""
        return f"content:{kind}:{minute}:{_content(event)}"

    def _when(self, event: Mapping[str, Any], properties: dict[str, Any]) -> datetime:
        """The event's own time by our clock: `received_at - (sentAt - originalTimestamp)`, never later than `received_at`.

        Source of the formula: Segment's common fields. Where the correction changes the time by a second or more, both times as the
        sender gave them stay in the properties (`_original_timestamp`, `_sent_at`).
        """
        received = self.received_at
        timestamp, original = event.get("timestamp"), event.get("originalTimestamp")
        try:
            if timestamp is not None and event.get("receivedAt") is not None:
                return min(_time(timestamp), received)  # passed on by Segment itself, which has corrected it already
            given = original if original is not None else timestamp
            if given is None:
                return received
            own = _time(given)
            sent = self.sent if (stated := event.get("sentAt")) is None else _time(stated)
            corrected = own if sent is None else received - (sent - own)
        except (ValueError, OverflowError, TypeError, OSError):
            raise _unreadable_time(event) from None
        corrected = min(corrected, received)
        if abs(corrected - own) >= _A_SECOND:
            properties["_original_timestamp"] = given
            if sent is not None:
                properties["_sent_at"] = sent.isoformat() if stated is None else stated
        return corrected


_A_SECOND: Final = timedelta(seconds=1)
_NO_ID: Final = frozenset({"null", "undefined", "none", "nan", "nil", "[object object]", "anonymous"})
#: Not part of what happened: how it was sent, which differs from one attempt to the next.
_NOT_CONTENT: Final = frozenset({"sentAt", "receivedAt", "writeKey", "_metadata", "integrations", "version"})


def _content(event: Any) -> str:
    """A digest of what an event says, whatever the attempt it came with. Also for values that are no event at all."""
    own = {k: v for k, v in event.items() if k not in _NOT_CONTENT} if isinstance(event, dict) else event
    try:
        text = orjson.dumps(own, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        text = repr_of(own).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()


def repr_of(value: Any) -> str:
    """Text for a value that is no JSON for PostgreSQL: its JSON with escapes, or, nested too deep even for that, a word about it."""
    try:
        return json.dumps(value, sort_keys=True)
    except (RecursionError, TypeError, ValueError):
        return "(nested too deep to be written down)"


def _nobody(person: Mapping[str, Any]) -> _Wrong:
    if given := person.get("email_as_given"):
        what = f"'{str(given)[:80]}' is no e-mail address, and the event names nobody else"
        return _Wrong("email", what, "Correct the address, or send `userId` or `anonymousId`.")
    return _Wrong("userId", "The event does not say who did it", "Send `userId` or `anonymousId` with every call, or an e-mail address.")


def _unreadable_time(event: Mapping[str, Any]) -> _Wrong:
    for part in ("originalTimestamp", "timestamp", "sentAt"):
        if (value := event.get(part)) is not None and _time_or_none(value) is None:
            shown = str(value)[:60]
            return _Wrong(part, f"'{shown}' is no time we can read", "Send ISO 8601, for instance 2026-11-22T13:38:16.262Z.")
    return _Wrong("timestamp", "The times of the event are too far apart to mean anything", "Check the clock of the sender.")


def _check_weight(event: Mapping[str, Any], limits: Limits) -> None:
    try:
        size = len(orjson.dumps(event))
    except (orjson.JSONEncodeError, RecursionError):
        raise _too_deep() from None
    if size > limits.event_bytes:
        raise _Wrong(
            "event", f"The event has {size} bytes, more than {limits.event_bytes}", "Send what happened, not the document it happened to."
        )


def _too_deep() -> _Wrong:
    return _Wrong(
        "properties", f"The event is nested deeper than {LEVELS} levels", "Send flat properties; conditions cannot read nested ones."
    )


def _type_of(given: Any) -> str:
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in _TYPES:
        return word
    if not word:
        raise _Wrong("type", "The event has no type", "Send `type`: one of track, identify, page, screen, group, alias.")
    raise _Wrong("type", f"'{word[:40]}' is no type of event", one_of(_TYPES, word=word[:40]))


def _kind_of(name: Any) -> str:
    kind = snake_case(name) if isinstance(name, str) and len(name) <= 400 else ""
    if kind and len(kind) <= 100:
        return kind
    if name is None or name == "":
        raise _Wrong("event", "A track call does not say what was done", "Send `event`, for instance 'Demo Requested'.")
    raise _Wrong("event", f"'{str(name)[:60]}' is no name for an event", "Use a short name with letters, for instance 'Demo Requested'.")


# --- times ----------------------------------------------------------------------------------------------------


def _time(value: Any) -> datetime:
    """ISO 8601 (without a zone: UTC), or a number of seconds or milliseconds since 1970. Raises ValueError, OverflowError, TypeError."""
    if type(value) is str:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if type(value) is int or type(value) is float:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, UTC)
    raise TypeError("neither text nor number")


def _time_or_none(value: Any) -> datetime | None:
    try:
        return None if value is None else _time(value)
    except (ValueError, OverflowError, TypeError, OSError):
        return None


# --- mending ---------------------------------------------------------------------------------------------------


def _mended(value: Any, levels: int = 200) -> Any:
    """The same without what PostgreSQL cannot store: NUL goes, a lone surrogate becomes U+FFFD, NaN and infinity become null."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else _mended(_as_float(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if levels <= 0:
        raise TooDeep
    if isinstance(value, dict):
        return {_mended(k): _mended(v, levels - 1) for k, v in value.items()}
    return [_mended(v, levels - 1) for v in value]


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


# --- page and campaign ----------------------------------------------------------------------------------------

_PAGE: Final = ("path", "title", "url", "referrer", "search")
_CAMPAIGN: Final = {"name": "utm_campaign", "source": "utm_source", "medium": "utm_medium", "term": "utm_term", "content": "utm_content"}
_UTM: Final = frozenset(_CAMPAIGN.values())


def _add_page(event: Mapping[str, Any], kind: str, context: Mapping[str, Any], properties: dict[str, Any]) -> None:
    """A page's own fields, from the call, its properties, the browser's context, or the address itself, in this order.

    Other kinds only note the page they happened on (`page_path`, `page_url`).
    """
    page = context.get("page")
    if type(page) is not dict:
        page = _NOTHING
    if kind in {"page", "screen"}:
        for name in ("name", "category"):
            if type(value := event.get(name)) is str and value:
                properties[name] = value
        for name in _PAGE:
            if name not in properties and type(value := page.get(name)) is str and value:
                properties[name] = value
        if type(url := properties.get("url")) is str:
            _add_address(url, properties)
    elif page:
        for name in ("path", "url"):
            if type(value := page.get(name)) is str and value:
                properties.setdefault(f"page_{name}", value)
    search = page.get("search") or properties.get("search")
    if type(search) is str and "utm_" in search:
        for name, value in _utm_of(search):
            properties.setdefault(name, value)


_NOTHING: Final[dict[str, Any]] = {}


def _add_address(url: str, properties: dict[str, Any]) -> None:
    """`path` and `search` of a page that gave its address only, as server libraries do."""
    if "path" in properties:
        return
    path, search = _address(url)
    if path:
        properties["path"] = path
    if search:
        properties.setdefault("search", search)


@lru_cache(maxsize=4096)
def _address(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path or ("/" if parts.netloc else ""), f"?{parts.query}" if parts.query else ""


@lru_cache(maxsize=4096)
def _utm_of(search: str) -> tuple[tuple[str, str], ...]:
    try:
        pairs = parse_qsl(search.lstrip("?"), max_num_fields=100)
    except ValueError:
        return ()
    # Percent escapes can smuggle in what the body itself could not hold.
    return tuple((name, value.replace("\x00", "")) for name, value in pairs if name in _UTM)


def _add_campaign(campaign: Mapping[str, Any], properties: dict[str, Any]) -> None:
    for name, value in campaign.items():
        if type(value) is str and value:
            key = _CAMPAIGN.get(name)
            properties.setdefault(key or f"utm_{snake_case(name)}", value)


# --- who ------------------------------------------------------------------------------------------------------


def _who(
    event: Mapping[str, Any], kind: str, context: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """What the event says of the person and of the account, and the e-mail address (normalised) it names."""
    person: dict[str, Any] = {}
    account: dict[str, Any] = {}
    traits = event.get("traits")
    if type(traits) is dict and traits:
        if kind == "group":
            learn_account(traits, account)
        else:
            learn_person(traits, person, account)
    if type(traits := context.get("traits")) is dict and traits:
        learn_person(traits, person, account)
    if (given := properties.get("email")) is not None:
        if type(given) is str and "email" not in person and (email := email_address(given)) is not None:
            person["email"] = email
            learn_person({k: v for k, v in properties.items() if k in FORM}, person, account)
        elif "email" not in person:
            person.setdefault("email_as_given", str(given)[:254])
    return person, account, person.get("email")
