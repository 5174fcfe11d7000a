"""What people out there send: events as their web site makes them, some wrong, some late, some twice."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from tests.simulate.company import SELLERS, Company, Lead
from tests.simulate.ledger import SOURCE, TRUSTED, Batch, Event, Ledger
from tests.simulate.seen import FREE_MAIL

#: Door → its write key, and what a sender shows for it.
KEYS = {SOURCE: "hf_simulated0000000000000000000000", TRUSTED: "hf_trusted000000000000000000000000"}
AUTHORIZATION = {source: "Basic " + base64.b64encode(f"{key}:".encode()).decode() for source, key in KEYS.items()}
#: The share of requests that come from the CRM and name owners; and of other events, those that name one and may not.
NAMINGS, CLAIMS = 0.12, 0.04
#: The share of what is sent that is a call, where calls are heard.
CALLS = 0.1
#: How late an event may come, in seconds: mostly at once, sometimes after a flight, rarely after two weeks.
LATE = (0, 0, 0, 0, 0, 20, 900, 4 * 3600, 9 * 86_400)

#: Whom the CRM names: by id, by address, and somebody nobody knows.
NAMED = (*SELLERS, *SELLERS, "ben@house.example", "cleo@house.example", "zoe", "zoe@house.example")


class Senders:
    """Draws requests. Knows no database."""

    def __init__(self, chance: random.Random, company: Company, ledger: Ledger) -> None:
        self.chance = chance
        self.company = company
        self.ledger = ledger

    def request(self) -> Batch:
        """A new request of one to four events; some of them were in an earlier one."""
        if self.chance.random() < NAMINGS and (named := self._firms()):
            return self.naming([(self.chance.choice(named), self.chance.choice(NAMED)) for _ in range(self.chance.choice((1, 1, 2)))])
        events = [self._event() for _ in range(self.chance.choice((2, 4, 6) if self.company.style == "tried" else (1, 1, 2, 4)))]
        batch = Batch(len(self.ledger.batches) + 1, events)
        self.ledger.batches.append(batch)
        return batch

    def naming(self, owners: Sequence[tuple[Lead, str]]) -> Batch:
        """A new request of the CRM: whose the accounts of these people are."""
        events = []
        for lead, owner in owners:
            message = f"o{len(self.ledger.events) + 1}"
            self.ledger.events[message] = event = self._naming(message, lead, owner, TRUSTED)
            events.append(event)
        batch = Batch(len(self.ledger.batches) + 1, events, source=TRUSTED)
        self.ledger.batches.append(batch)
        return batch

    def _firms(self) -> list[Lead]:
        """People whose address says of which firm they are."""
        return [lead for lead in self.company.leads if lead.domain != FREE_MAIL]

    def browsing(self, leads: Sequence[Lead]) -> Batch:
        """A new request in which each of these says who they are, and asks for nothing."""
        events = []
        for lead in leads:
            message = f"m{len(self.ledger.events) + 1}"
            body = {"type": "identify", "messageId": message, "anonymousId": lead.visitor, "traits": self._traits(lead)}
            self.ledger.events[message] = event = Event(message, body, good=True, email=lead.email)
            events.append(event)
        batch = Batch(len(self.ledger.batches) + 1, events)
        self.ledger.batches.append(batch)
        return batch

    def _naming(self, message: str, lead: Lead, owner: str, source: str) -> Event:
        who = {"userId": lead.email, "context": {"traits": {"email": lead.email}}}
        body = {"type": "group", "messageId": message, "groupId": lead.domain, "traits": {"owner": owner}, **who}
        return Event(message, body, good=True, email=lead.email, source=source, owner=owner)

    def asking(self, leads: Sequence[Lead]) -> Batch:
        """A new request in which each of these asks for a demo now."""
        events = []
        for lead in leads:
            message = f"m{len(self.ledger.events) + 1}"
            self.ledger.events[message] = event = self._demo(message, lead)
            events.append(event)
        batch = Batch(len(self.ledger.batches) + 1, events)
        self.ledger.batches.append(batch)
        return batch

    def body(self, batch: Batch, at: datetime) -> bytes:
        """The bytes of an attempt to send it. The sender's own clock may be wrong; that cancels out."""
        skew = timedelta(seconds=self.chance.choice((0, 0, 0, -3600, 240)))
        events = []
        for event in batch.events:
            body = dict(event.body)
            if event.good or "timestamp" not in body:
                body["originalTimestamp"] = (at + skew - timedelta(seconds=event.ago_seconds)).isoformat()
            events.append(body)
            event.attempts.append(at)
        return orjson.dumps({"batch": events, "sentAt": (at + skew).isoformat()})

    def _event(self) -> Event:
        known = [event for event in self.ledger.events.values() if event.good and event.source == SOURCE]
        if known and self.chance.random() < 0.15:
            return self.chance.choice(known)
        message = f"m{len(self.ledger.events) + 1}"
        made = self._broken(message) if self.chance.random() < 0.12 else self._good(message)
        made.ago_seconds = self.chance.choice(LATE) if made.good else 0
        self.ledger.events[message] = made
        return made

    def _good(self, message: str) -> Event:
        lead = self.chance.choice(self.company.leads)
        if self.company.versions[0].hears and self.chance.random() < CALLS:
            return self._call(message, lead)
        if self.chance.random() < CLAIMS and lead.domain != FREE_MAIL:
            return self._naming(message, lead, self.chance.choice(SELLERS), SOURCE)
        kind = self.chance.choice(("demo", "demo", "demo", "page", "page", "identify", "anonymous demo", "anonymous page", "user page"))
        if kind == "demo":
            return self._demo(message, lead)
        body: dict[str, Any] = {"messageId": message}
        if kind == "identify":
            body |= {"type": "identify", "anonymousId": lead.visitor, "traits": self._traits(lead)}
            if lead.user is not None and self.chance.random() < 0.5:
                body["userId"] = lead.user
            return Event(message, body, good=True, email=lead.email)
        if kind == "anonymous demo":
            body |= {"type": "track", "event": "Form Submitted", "anonymousId": lead.visitor, "properties": {"form": "demo"}}
            return Event(message, body, good=True)
        body |= {"type": "page", "properties": {"path": self.chance.choice(("/pricing", "/", "/pricing/plans"))}}
        if kind == "page":
            return Event(message, body | {"context": {"traits": {"email": lead.email}}, "userId": lead.email}, good=True, email=lead.email)
        if kind == "user page" and lead.user is not None:
            match len(self.ledger.events) % 6:
                case 0:  # the id they had before
                    return Event(message, {**body, "type": "alias", "userId": f"{lead.user}-new", "previousId": lead.user}, good=True)
                case 1:
                    return Event(message, body | {"userId": f"{lead.user}-new"}, good=True)
            return Event(message, body | {"userId": lead.user}, good=True)
        return Event(message, body | {"anonymousId": lead.visitor}, good=True)

    def _demo(self, message: str, lead: Lead) -> Event:
        body = {
            "type": "track",
            "event": "Form Submitted",
            "messageId": message,
            "properties": {"form": "demo"},
            "context": {"traits": self._traits(lead)},
            "anonymousId": lead.visitor,
        }
        fits = lead.employees is not None and lead.employees >= 50 and lead.fits
        return Event(message, body, good=True, email=lead.email, raises=fits)

    def _call(self, message: str, lead: Lead) -> Event:
        """What the telephone system logs: who was called, by whom, and for how long."""
        seconds = self.chance.choice((5, 90))
        said = {"seconds": seconds, "rep": self.chance.choice(("ann@house.example", "cleo", "nobody"))}
        body = {"type": "track", "event": "Call Logged", "messageId": message, "properties": said, "userId": lead.email}
        return Event(message, body | {"context": {"traits": {"email": lead.email}}}, good=True, email=lead.email, seconds=seconds)

    def _traits(self, lead: Lead) -> dict[str, Any]:
        return {
            "email": lead.email,
            "country": lead.country,
            "company": {"name": lead.domain.split(".")[0].title(), "employees": lead.employees},
        }

    def _broken(self, message: str) -> Event:
        """What careless scripts send. Each of them must come back as one Problem and cost nobody else anything."""
        body: dict[str, Any] = {"type": "track", "event": "Form Submitted", "messageId": message, "anonymousId": "v99", "properties": {}}
        match self.chance.randrange(7):
            case 0:
                del body["anonymousId"]
            case 1:
                body["type"] = "trak"
            case 2:
                body["timestamp"] = "yesterday"
            case 3:
                body["properties"] = {"note": "x" * 40_000}
            case 4:
                body["event"] = None
            case 5:
                body = {"type": "identify", "messageId": message, "traits": {"email": "anna@"}}
            case _:
                body |= {"type": "alias"}
        return Event(message, body, good=False)
