"""What the market does: visits, forms, mails and webinars, in the words of the tracking libraries.

A session is what a browser would have sent: a list of events in the form of Segment's Tracking API, each with its own time, posted together
when the visit ends. Most visitors stay anonymous; some fill in a form and are known from then on, with everything they did before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from handfast.demo.company import Buyer, Firm

Event = dict[str, Any]

PAGES: Final = (
    ("/", "Northwind: work that moves", 20),
    ("/product", "Product", 14),
    ("/product/automation", "Automation without code", 9),
    ("/customers/harbor-foods", "How Harbor Foods cut hand-offs by half", 8),
    ("/blog/dock-to-stock", "Cutting dock-to-stock time", 9),
    ("/blog/audit-trail", "An audit trail your auditors like", 6),
    ("/security", "Security and SOC 2", 6),
    ("/integrations", "Integrations", 7),
    ("/careers", "Careers", 3),
)
HOT: Final = (
    ("/pricing", "Pricing", 10),
    ("/pricing/enterprise", "Enterprise pricing", 4),
    ("/compare/kestrel", "Northwind and Kestrel compared", 4),
    ("/roi-calculator", "ROI calculator", 4),
)
CHANNELS: Final = ("google", "linkedin", "newsletter", "partner", "direct", "review-site")
WEBINARS: Final = ("Cutting dock-to-stock time", "Workflows your auditors like", "From spreadsheet to system")
ASKS: Final = (
    "Need a quote for {n} seats before our Q1 budget closes.",
    "We are replacing spreadsheets for {n} people, can you show how approvals work?",
    "Comparing you with Kestrel for {n} users. What about SOC 2?",
    "Our auditors want a trail of every change. {n} seats.",
    "How long does a roll-out for {n} people take?",
)
#: Share of a day's visits in each UTC hour: Europe's morning, America's working day.
HOURS: Final = (1, 1, 1, 1, 1, 2, 4, 6, 7, 7, 6, 6, 7, 9, 10, 10, 9, 9, 8, 7, 5, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class Session:
    """One visit: its events, and when the browser sent them (`sent_at`, UTC)."""

    sent_at: datetime
    events: tuple[Event, ...]


class Traffic:
    """Draws visits. `known` remembers who has told their name, so that later visits carry their user id."""

    def __init__(self, random: Random, firms: list[Firm], loners: list[Buyer]) -> None:
        self.random = random
        self.people: list[tuple[Firm | None, Buyer]] = [(f, b) for f in firms for b in f.buyers] + [(None, b) for b in loners]
        self.weights = [self._interest(f, b) for f, b in self.people]
        self.known: set[str] = set()
        self.serial = 0
        #: Message ids begin with it: what is sent in another run must not look like the same events again.
        self.series = "demo"
        self.channel = "direct"

    def _interest(self, firm: Firm | None, buyer: Buyer) -> float:
        if firm is None:
            return 0.35
        return math.exp(0.55 * firm.need + 0.25 * buyer.weight)

    def day(self, day: datetime, visits: int) -> Iterator[Session]:
        """The visits of one UTC day, in the order they begin, then the webinar if there is one. Weekends are quiet."""
        quiet = day.weekday() >= 5
        number = max(1, visits // 6) if quiet else visits
        hours = self.random.choices(range(24), HOURS, k=number)
        moments = sorted(h * 3600 + self.random.randrange(3600) for h in hours)
        for seconds in moments:
            yield self.session(day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=seconds))
        if day.weekday() == 2 and day.isocalendar().week % 2 == 0:
            yield from self.webinar(day.replace(hour=15, minute=0, second=0, microsecond=0))

    def session(self, at: datetime) -> Session:
        """One visit that begins at `at`."""
        firm, buyer = self.random.choices(self.people, self.weights)[0]
        keen = firm is not None and firm.need > 0.6
        events: list[Event] = []
        self.channel = self.random.choice(CHANNELS)
        for _ in range(1 + min(9, int(self.random.expovariate(1 / (2.6 if keen else 1.5))))):
            pages = HOT if self.random.random() < (0.42 if keen else 0.16) else PAGES
            path, title, _w = self.random.choices(pages, [p[2] for p in pages])[0]
            events.append(self._page(buyer, at, path, title))
            at += timedelta(seconds=self.random.randrange(15, 240))
        if self.random.random() < (0.30 if keen else 0.13):
            events += self._form(firm, buyer, at, keen)
            at += timedelta(seconds=20)
        elif buyer.email in self.known and self.random.random() < 0.3:
            events.append(self._track(buyer, at, "Email Clicked", {"campaign": "nurture", "link": "/blog/dock-to-stock"}))
        return Session(at, tuple(events))

    def hand_raise(self, at: datetime, owner: str | None = None) -> Session:
        """A visit that ends with somebody who fits asking for a demo or a price; of an account that `owner` owns, where there is one."""
        fits = [(f, b) for f, b in self.people if f is not None and 200 <= f.employees <= 5000 and b.weight > 0]
        theirs = [(f, b) for f, b in fits if f is not None and f.owner == owner]
        firm, buyer = self.random.choice(theirs or fits)
        self.channel = self.random.choice(CHANNELS)
        form = {
            "form": self.random.choice(("demo", "demo", "pricing")),
            "message": self.random.choice(ASKS).format(n=self.random.choice((40, 80, 120))),
        }
        events = [
            self._page(buyer, at, "/pricing", "Pricing"),
            self._page(buyer, at + timedelta(seconds=40), "/compare/kestrel", "Northwind and Kestrel compared"),
            self._identify(firm, buyer, at + timedelta(seconds=90)),
            self._track(buyer, at + timedelta(seconds=92), "Form Submitted", form),
        ]
        return Session(at + timedelta(seconds=100), tuple(events))

    def webinar(self, at: datetime) -> Iterator[Session]:
        """Registrations become attendance; both are sent by the webinar tool, one call a person."""
        title, self.channel = self.random.choice(WEBINARS), "webinar"
        for _ in range(14):
            firm, buyer = self.random.choices(self.people, self.weights)[0]
            if firm is None:
                continue
            joined = at + timedelta(seconds=self.random.randrange(600))
            minutes = self.random.randrange(5, 55)
            events = [
                self._identify(firm, buyer, joined),
                self._track(buyer, joined, "Webinar Attended", {"webinar": title, "minutes": minutes}),
            ]
            yield Session(joined + timedelta(minutes=minutes), tuple(events))

    def _form(self, firm: Firm | None, buyer: Buyer, at: datetime, keen: bool) -> list[Event]:
        form = self.random.choices(
            ("demo", "pricing", "whitepaper", "newsletter", "contact"), (30, 22, 24, 14, 10) if keen else (12, 8, 34, 34, 12)
        )[0]
        properties: Event = {"form": form}
        if form in ("demo", "pricing", "contact"):
            properties["message"] = self.random.choice(ASKS).format(n=self.random.choice((15, 40, 80, 120, 250)))
        return [self._identify(firm, buyer, at), self._track(buyer, at + timedelta(seconds=2), "Form Submitted", properties)]

    def _identify(self, firm: Firm | None, buyer: Buyer, at: datetime) -> Event:
        self.known.add(buyer.email)
        traits: Event = {
            "email": buyer.email, "firstName": buyer.first_name, "lastName": buyer.last_name, "title": buyer.title,
            "seniority": buyer.seniority, "phone": buyer.phone,
        }  # fmt: skip
        if firm is not None and self.random.random() < 0.9:  # one in ten firms stays unknown to the enrichment
            company = {"name": firm.name, "employees": firm.employees, "industry": firm.industry, "website": firm.domain}
            traits |= {"country": firm.country, "company": company}
            if firm.state:
                traits |= {"state": firm.state, "postalCode": firm.postcode}
        return self._base(buyer, at) | {"type": "identify", "userId": buyer.email, "traits": traits}

    def _track(self, buyer: Buyer, at: datetime, event: str, properties: Event) -> Event:
        return self._base(buyer, at) | {"type": "track", "event": event, "properties": properties}

    def _page(self, buyer: Buyer, at: datetime, path: str, title: str) -> Event:
        url = f"https://northwind.example{path}"
        page = {"path": path, "title": title, "url": url, "referrer": ""}
        return self._base(buyer, at) | {"type": "page", "name": title, "properties": page}

    def _base(self, buyer: Buyer, at: datetime) -> Event:
        self.serial += 1
        base: Event = {
            "messageId": f"{self.series}-{self.serial:07d}", "anonymousId": buyer.anonymous_id, "timestamp": at.astimezone(UTC).isoformat(),
            "context": {"campaign": {"source": self.channel, "medium": "web"}},
        }  # fmt: skip
        if buyer.email in self.known:
            base["userId"] = buyer.email
        return base
