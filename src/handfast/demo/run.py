"""The demo company's life: ninety days in seconds on a virtual clock, then on in real time.

Everything goes through the front doors: signals as bodies of the tracking libraries through the intake, reps and accounts as an import
would bring them, touches as a telephone system would report them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Final

import orjson
import structlog

from handfast.connectors.files.taken import take_in
from handfast.connectors.segment import Refusal
from handfast.demo import company, proposals
from handfast.demo.sales import Sales
from handfast.demo.traffic import Event, Session, Traffic
from handfast.desk import imports, overrides
from handfast.desk.actions import record_opportunities
from handfast.desk.contracts import Book
from handfast.desk.drive import Drive, Driven, Ended
from handfast.desk.intake import Keys, Post, Receipt, admit, ensure_key
from handfast.desk.outcomes import dispose
from handfast.desk.refused import Refused
from handfast.desk.touches import touch
from handfast.facts import Touch, stable_id
from handfast.problem import Place, Problem
from handfast.store import demo as rows
from handfast.store import work
from handfast.store.base import StorageAway, Store

log = structlog.get_logger()

FIRMS: Final = 420
LONERS: Final = 45
#: How long the site's collector gathers page views.
GATHER: Final = timedelta(hours=2)
#: Visits on a working day.
VISITS: Final = 60
SOURCE: Final = "web"
#: Share of live visits that end with somebody asking for something.
HAND_RAISES: Final = 0.3
#: The key of the demo's own site.
WRITE_KEY: Final = "northwind-demo-site"


@dataclass(frozen=True, slots=True)
class Cast:
    """The company once drawn."""

    firms: list[company.Firm]
    loners: list[company.Buyer]
    traffic: Traffic
    sales: Sales


@cache
def contract_text() -> str:
    """The contract Northwind signed, with the entries of its lists."""
    return take_in(Path(__file__).with_name("northwind.yaml")).text


def clear(store: Store, at: datetime) -> Problem | None:
    """Makes room for a new demo company. A database that holds anything but a demo is left alone, with the Problem that says so."""
    with store.writing() as conn:
        if not rows.is_empty(conn) and work.note(conn, "demo") is None:
            return Problem(
                Place("HANDFAST_DATABASE_URL"),
                "this database holds data that is not the demo's",
                "Name an empty database, or unset the variable.",
            )
        rows.empty(conn)
        work.put_note(conn, "demo", "true", at)
    return None


def cast(store: Store, seed: int, hands_off: frozenset[str] = frozenset()) -> Cast:
    """Draws the company from a seed. Traffic and reps have generators of their own, so that one's luck does not disturb the other's."""
    random = Random(seed)
    firms = company.firms(random, FIRMS)
    loners = company.loners(random, LONERS)
    sales = Sales(store, Random(seed + 2), firms, loners, hands_off, company.acquaintances(Random(seed + 4), firms))
    return Cast(firms, loners, Traffic(Random(seed + 1), firms, loners), sales)


def found(store: Store, people: Cast, seed: int, start: datetime, days: int) -> None:
    """The company before its first visitor: contract, reps, absences, named accounts, customers, and deals that are open."""
    sign_contract(store, start)
    imports.put_reps(store, [*company.MANAGERS, *company.REPS], start)
    imports.put_absences(store, company.absences(Random(seed + 3), start, days + 30), start)
    past = company.past(Random(seed + 5), people.firms)
    known = {f.domain: f for f in (*(f for f in people.firms if f.owner), *(one.firm for one in past))}
    named = [imports.NewAccount(key=f.domain, name=f.name, domain=f.domain, owner=f.owner, fields=f.facts) for f in known.values()]
    imports.put_accounts(store, named, start)
    record_opportunities(store, [_deal(one, start) for one in past], start)


def _deal(one: company.Past, start: datetime) -> tuple[object, ...]:
    opened, closed = (start - timedelta(days=days) if days is not None else None for days in (one.opened, one.closed))
    account, stage = stable_id("acc", one.firm.domain), "won" if closed else "proposal"
    return (stable_id("opp", "before", account), None, account, one.owner, stage, one.amount, opened, closed, True if closed else None)


def sign_contract(store: Store, at: datetime) -> None:
    """The first version."""
    proposals.sign(store, contract_text(), at, "northwind.yaml")


def live_through(
    store: Store,
    *,
    days: int,
    seed: int,
    end: datetime,
    hands_off: frozenset[str] = frozenset(),
    tell: Callable[[str, float], None] | None = None,
) -> tuple[Cast, Driven]:
    """Runs the `days` before `end` (UTC) on the virtual clock. `tell` hears what is going on and how far it has come, 0 to 1."""
    say = tell or (lambda _what, _share: None)
    start = (end - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    people = cast(store, seed, hands_off)
    say("Founding Northwind", 0.0)
    found(store, people, seed, start, days)
    sessions = _sessions(people.traffic, start, end)
    book = Book()
    drive = Drive(
        store,
        book,
        world=people.sales,
        window=timedelta(hours=12),
        patience=timedelta(minutes=20),
        tell=lambda at: say(f"{at:%d %b}: leads, calls, outcomes", 0.2 + 0.8 * (at - start) / (end - start)),
    )
    browser = Browser(store, start)
    for number, batch in enumerate(_posts(sessions)):
        browser.send(batch, batch.sent_at)
        if number % 50 == 0:
            say("Visitors arrive", 0.2 * (batch.sent_at - start) / (end - start))
    for at, happens in _news(store, people, browser, start, end):
        drive.until(at)
        happens()
    return people, drive.until(end)


def _news(store: Store, people: Cast, browser: Browser, start: datetime, end: datetime) -> list[tuple[datetime, Callable[[], None]]]:
    """What else happens to the company, and when: a version for a share, a draft in the shadow, something decided by hand."""
    text = contract_text()
    coming: list[tuple[datetime, Callable[[], None]]] = []
    if (trial := end - proposals.TRIAL) > start + proposals.TRIAL:
        coming.append((trial, lambda: proposals.sign(store, proposals.trial_text(text), trial, "northwind-trial.yaml")))
    if (since := end - proposals.SHADOW) > start + proposals.SHADOW:
        coming.append((since, lambda: proposals.begin_shadow(store, text, since)))
        coming += [(at, partial(proposals.follow_shadow, store, at)) for at in (since + timedelta(days=n) for n in range(1, 6))]
        coming.append((since, lambda: _by_hand(store, people, since)))
        coming.append((since, lambda: browser.fumble(since)))
    return sorted(coming, key=lambda one: one[0])


def _by_hand(store: Store, people: Cast, at: datetime) -> None:
    """Two verdicts given by hand, of firms that are known by then."""
    said = (("not_yet", "Their fair is on; nobody is at a desk.", 9), ("never", "They asked us not to call.", 400))
    named = [firm.domain for firm in people.firms if firm.owner is not None]
    for (verdict, reason, days), domain in zip(said, named, strict=False):
        overrides.set_override(store, domain, verdict, reason, company.SIGNERS["sales"][0], at + timedelta(days=days), at)


def _posts(sessions: list[Session]) -> Iterator[Session]:
    """What the site's collector sends: a visit with a form at once, mere reading gathered for two hours at most."""
    quiet: list[Event] = []
    since = None
    for session in sessions:
        quiet += session.events
        since = since or session.sent_at
        if any(e["type"] != "page" for e in session.events) or session.sent_at - since >= GATHER or session is sessions[-1]:
            yield Session(session.sent_at, tuple(quiet))
            quiet, since = [], None


def _sessions(traffic: Traffic, start: datetime, end: datetime) -> list[Session]:
    found: list[Session] = []
    day = start
    while day <= end:
        found += traffic.day(day, VISITS)
        day += timedelta(days=1)
    return sorted((s for s in found if s.sent_at <= end), key=lambda s: s.sent_at)


class Browser:
    """Posts sessions the way a browser does: one batch, sent when the visit ends, with the write key of the site."""

    def __init__(self, store: Store, at: datetime) -> None:
        self.store = store
        self.keys = Keys(store, keep=timedelta(days=3650))
        ensure_key(store, WRITE_KEY, SOURCE, at)

    def send(self, session: Session, at: datetime) -> None:
        """Raises StorageAway, and ValueError where the door refuses it: the demo speaks the format or it is broken."""
        answer = self._post(session, at)
        if isinstance(answer, Refusal) or answer.refused:
            raise ValueError(f"the intake refused a session of the demo: {answer}")

    def fumble(self, at: datetime) -> None:
        """A form of last year's page, which says neither who it was nor when: the intake keeps it for somebody to look at."""
        event = {"type": "track", "event": "Form Submitted", "properties": {"form": "demo", "message": "Please call us."}}
        self._post(Session(at, (event,)), at)

    def _post(self, session: Session, at: datetime) -> Receipt | Refusal:
        body = orjson.dumps({"batch": list(session.events), "sentAt": session.sent_at.isoformat(), "writeKey": WRITE_KEY})
        return admit(self.store, self.keys, Post("batch", body), at)


class Live:
    """The company in real time: a visit every few seconds, reps who answer. Runs until `stop` is set."""

    #: Seconds between visits, on average. Faster than life, so that the pages move while somebody looks.
    PACE: Final = 6.0

    def __init__(self, store: Store, people: Cast, clock: Callable[[], datetime], stop: threading.Event) -> None:
        self.store = store
        self.people = people
        self.clock = clock
        self.stop = stop
        self.random = Random(people.traffic.serial)
        self.book = Book()
        people.traffic.series = f"live-{clock():%Y%m%d%H%M%S}"
        self.browser = Browser(store, clock())
        self._promised: dict[str, datetime] = {}

    def run(self) -> None:
        """Blocks until stopped. A database that is away for a while is waited for."""
        while not self.stop.wait(self.random.expovariate(1 / self.PACE)):
            try:
                self._visit()
                self._answer()
            except StorageAway:
                self.stop.wait(2)

    def _visit(self) -> None:
        at = self.clock()
        luck = self.random.random()
        if luck < HAND_RAISES:
            # Every other one is for the rep a human being plays, so that whoever watches has something to do.
            mine = next(iter(self.people.sales.hands_off), None) if luck < HAND_RAISES / 2 else None
            session = self.people.traffic.hand_raise(at, mine)
        else:
            session = self.people.traffic.session(at)
        # The visit of a few minutes is told as if it ended now, so that nothing lies in the future.
        shift = session.sent_at - at
        events = tuple({**e, "timestamp": (datetime.fromisoformat(e["timestamp"]) - shift).isoformat()} for e in session.events)
        self.browser.send(Session(at, events), at)

    def _answer(self) -> None:
        """Each simulated rep takes up what is theirs after a while of their own, in real minutes whatever the hour."""
        at = self.clock()
        with self.store.reading() as conn:
            waiting = rows.open_of_others(conn, list(self.people.sales.hands_off))
        for handoff in waiting:
            due = self._promised.setdefault(handoff, at + timedelta(seconds=self.random.uniform(20, 400)))
            if due <= at:
                self._take_up(handoff, at)
                del self._promised[handoff]
                return

    def _take_up(self, handoff: str, at: datetime) -> None:
        with self.store.reading() as conn:
            found = rows.opened_handoffs(conn, [handoff])
        if not found or not found[0].owner:
            return
        happenings = list(self.people.sales.work(found[0], at - timedelta(minutes=5), found[0].owner))
        try:
            for one in [h for h in happenings if isinstance(h, Touch)][:1]:
                touch(self.store, handoff, found[0].owner, one.kind, at, contact=one.contact)
            ends = [h for h in happenings if isinstance(h, Ended)]
            if self.random.random() < 0.7 and ends:
                said = at + timedelta(seconds=1)
                dispose(self.store, handoff, found[0].owner, ends[-1].outcome, said, reason=ends[-1].reason, book=self.book)
        except Refused as refused:
            log.info("demo_refused", what=refused.problem.what)
