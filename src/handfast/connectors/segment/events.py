"""Events as signals: each one as a signal, or as a refusal of that event alone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from handfast.connectors.segment.body import CALLS, LIMITS, Document, Limits, Refusal, problem_at, refusal
from handfast.connectors.segment.mending import content_of, mended
from handfast.connectors.segment.page import add_campaign, add_page
from handfast.connectors.segment.times import time_of, time_or_none
from handfast.facts import Signal, signal_id
from handfast.identity.normalise import email_address, snake_case
from handfast.identity.traits import FORM, LEVELS, TooDeep, keep, learn_account, learn_person
from handfast.moments import FIRST_YEAR
from handfast.problem import Problem, one_of

_KINDS: Final = {"identify": "identified", "group": "grouped", "alias": "aliased", "page": "page_viewed", "screen": "page_viewed"}
_TYPES: Final = frozenset({*_KINDS, "track"})


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that could not become a signal, whole, so that it can be mended and replayed.

    `payload` holds what its request said for all events (type, context, sending time) where the event itself did not.
    `key` is the same for the same event sent again.
    """

    problem: Problem
    payload: Any
    key: str


class _Wrong(Exception):
    """This event cannot be taken. Never leaves this module: `read` turns it into a `Refused`."""

    def __init__(self, part: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.part, self.what, self.fix = part, what, fix


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
        return refusal(400, "batch", "There is no list of events in the body", 'Send {"batch": [ … ]} or one event with its `type`.')
    if len(events) > limits.events:
        return refusal(413, "batch", f"The batch has {len(events)} events, more than {limits.events}", "Send it in parts.")
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
        self.size = document.size
        context = common.get("context")
        self.context: dict[str, Any] = mended(context) if isinstance(context, dict) and document.dirty else context or {}
        if not isinstance(self.context, dict):
            self.context = {}
        # A batch whose own sending time cannot be read is taken as one without: only the correction of the clock is lost.
        self.sent_as_given = common.get("sentAt")
        self.sent = time_or_none(self.sent_as_given)
        self.sent_as_text = self.sent.isoformat() if self.sent is not None else None
        self.lag = _NO_LAG if self.sent is None else received_at - self.sent

    def all(self, events: list[Any]) -> tuple[list[Signal], list[Refused]]:
        signals: list[Signal] = []
        refused: list[Refused] = []
        weighed = self.weighed(events)
        for number, event in enumerate(events, 1):
            kept = event
            try:
                if self.dirty:
                    kept = mended(event)
                if number in weighed and isinstance(kept, dict):
                    _check_weight(kept, self.limits)
                signals.append(self.signal(kept))
            except TooDeep:
                refused.append(self.refused(_too_deep(), number, kept))
            except _Wrong as wrong:
                refused.append(self.refused(wrong, number, kept))
        return signals, refused

    def weighed(self, events: list[Any]) -> Container[int]:
        """The numbers of the events to be weighed one by one: where many together weigh no more than one may, none of them need be."""
        most = self.limits.event_bytes
        if self.size <= most:
            return ()
        if self.dirty:
            return range(1, len(events) + 1)
        found: set[int] = set()
        step = max(1, len(events) * most // (2 * self.size))
        for start in range(0, len(events), step):
            try:
                light = len(orjson.dumps(events[start : start + step])) <= most
            except (orjson.JSONEncodeError, RecursionError):
                light = False
            if not light:
                found.update(range(start + 1, start + 1 + step))
        return found

    def refused(self, wrong: _Wrong, number: int, event: Any) -> Refused:
        problem = problem_at(wrong.part, wrong.what, wrong.fix, f"{self.source} event {number}")
        return Refused(problem, self._whole(event), content_of(event))

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
        kind = self.kind or event.get("type")
        if type(kind) is not str or kind not in _TYPES:
            kind = _type_of(kind)
        context = event.get("context")
        if not isinstance(context, dict):
            context = self.context
        elif self.context:
            context = {**self.context, **context}
        properties = _properties(event, kind, context)
        person, account, email = _who(event, kind, context, properties)
        occurred_at = self._when(event, properties)
        user_id = self._id(event.get("userId"), "userId")
        anonymous_id = self._id(event.get("anonymousId"), "anonymousId")
        email = email or (email_address(user_id) if user_id and "@" in user_id else None)
        if user_id is None and anonymous_id is None and email is None:
            raise _nobody(person)
        group = event.get("groupId") if kind == "group" else context.get("groupId")
        group_id = None if group is None else self._id(group, "groupId")
        previous = event.get("previousId")
        previous_id = None if previous is None else self._id(previous, "previousId")
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
        return f"content:{kind}:{minute}:{content_of(event)}"

    def _when(self, event: Mapping[str, Any], properties: dict[str, Any]) -> datetime:
        """The event's own time by our clock: `received_at - (sentAt - originalTimestamp)`, never later than `received_at`.

        Source of the formula: Segment's common fields. Where the correction changes the time by a second or more, both times as the
        sender gave them stay in the properties (`_original_timestamp`, `_sent_at`).
        """
        received = self.received_at
        timestamp, original = event.get("timestamp"), event.get("originalTimestamp")
        try:
            if timestamp is not None and event.get("receivedAt") is not None:
                return _plausible(min(time_of(timestamp), received))  # passed on by Segment itself, which has corrected it already
            given = original if original is not None else timestamp
            if given is None:
                return received
            own = time_of(given)
            lag = self.lag if (stated := event.get("sentAt")) is None else received - time_of(stated)
            corrected = _plausible(min(own + lag, received))
        except (ValueError, OverflowError, TypeError, OSError):
            raise _unreadable_time(event) from None
        if abs(corrected - own) >= _A_SECOND:
            properties["_original_timestamp"] = given
            if stated is not None or self.sent is not None:
                properties["_sent_at"] = self.sent_as_text if stated is None else stated
        return corrected


def _properties(event: Mapping[str, Any], kind: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the event says of itself, and what its context says of the page, the campaign, the browser and the consent."""
    properties: dict[str, Any] = {}
    if type(said := event.get("properties")) is dict:
        keep(said, properties)
    add_page(event, kind, context, properties)
    if type(campaign := context.get("campaign")) is dict:
        add_campaign(campaign, properties)
    if type(agent := context.get("userAgent")) is str and agent:
        properties.setdefault("user_agent", agent[:500])
    if (medium := properties.get("utm_medium")) is not None and "channel" not in properties:
        properties["channel"] = medium
    if type(consent := context.get("consent")) is dict:
        keep({"consent": consent.get("categoryPreferences")}, properties)
    return properties


_NO_LAG: Final = timedelta(0)
_A_SECOND: Final = timedelta(seconds=1)
_NO_ID: Final = frozenset({"null", "undefined", "none", "nan", "nil", "[object object]", "anonymous"})


def _nobody(person: Mapping[str, Any]) -> _Wrong:
    if given := person.get("email_as_given"):
        what = f"'{str(given)[:80]}' is no e-mail address, and the event names nobody else"
        return _Wrong("email", what, "Correct the address, or send `userId` or `anonymousId`.")
    return _Wrong("userId", "The event does not say who did it", "Send `userId` or `anonymousId` with every call, or an e-mail address.")


def _plausible(moment: datetime) -> datetime:
    """The moment. Raises ValueError for one so long ago that nothing before it could be looked for."""
    if moment.year < FIRST_YEAR:
        raise ValueError("so long ago nothing happened")
    return moment


def _unreadable_time(event: Mapping[str, Any]) -> _Wrong:
    for part in ("originalTimestamp", "timestamp", "sentAt"):
        if (value := event.get(part)) is not None and time_or_none(value) is None:
            shown = str(value)[:60]
            return _Wrong(part, f"'{shown}' is no time we can read", "Send ISO 8601, for instance 2026-11-22T13:38:16.262Z.")
    for part in ("originalTimestamp", "timestamp"):
        if (moment := time_or_none(event.get(part))) is not None and moment.year < FIRST_YEAR:
            return _Wrong(part, f"'{str(event[part])[:60]}' lies before {FIRST_YEAR}", "Check the clock of the sender.")
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
