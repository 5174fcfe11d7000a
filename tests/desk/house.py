"""A small company on a real database, with time moved by hand: what a story needs to be told in the words of the trade."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from handfast.desk import contracts, imports
from handfast.desk.contracts import Book
from handfast.desk.handover import Decided, decide
from handfast.desk.intake import record
from handfast.desk.outcomes import dispose
from handfast.desk.tick import tick
from handfast.desk.touches import touch
from handfast.facts import Absence, Outcome, Rep, Signal, Touch, TouchKind, signal_id
from handfast.store.base import Store

ZONE = ZoneInfo("Europe/Berlin")
#: A Monday.
WEEK = datetime(2026, 3, 2, tzinfo=ZONE)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

CONTRACT = """
contract: Kraus test house
motion: new_business
calendar: {timezone: Europe/Berlin, week: {mon-fri: ["09:00-17:30"]}}
fields: {employees: int, country: text}
ready:
  fit:
    at_least: 20
    points: [{when: "employees >= 50", points: 20, because: big enough}]
    never: [{when: "country = 'KP'", reason: embargo}]
  intent:
    at_least: 20
    half_life: 14 days
    lookback: 90 days
    points:
      - {on: form_submitted, points: 30}
      - {on: page_viewed, when: "path LIKE '/pricing%'", points: 10, at_most: 2 per day}
  next_step:
    - {step: demo, on: form_submitted, when: "form = 'demo'", within: 7 days}
routing:
  default: team
  territories: [{name: west, when: "country = 'FR'", to: west}]
  pools:
    team: {members: {anna: 1, ben: 1}, cap: 3 open}
    bench: {members: {cleo: 1}}
    west: {members: {zoe: 1}}
sla:
  - name: hand-raiser
    when: "next_step = 'demo'"
    first_touch: 60 minutes
    ladder:
      - {after: 45 minutes, remind: owner}
      - {after: 70 minutes, tell: manager}
      - {after: 2 hours, reassign: bench}
      - {after: 2 days, return_to: marketing}
dispositions:
  recycle: {reasons: {not_now: {back: 90 days}, other: {note: true}}}
  disqualify: {reasons: {bad_fit: {blames: fit}}}
"""

REPS = [
    Rep("mia", "Mia Manager", "mia@kraus.example", "sales", None, "Europe/Berlin"),
    Rep("anna", "Anna A", "anna@kraus.example", "sales", "mia", "Europe/Berlin"),
    Rep("ben", "Ben B", "ben@kraus.example", "sales", "mia", "Europe/Berlin"),
    Rep("cleo", "Cleo C", "cleo@kraus.example", "bench", "mia", "Europe/Berlin"),
    Rep("zoe", "Zoe Z", "zoe@kraus.example", "west", "mia", "Europe/Berlin"),
]


def moment(text: str) -> datetime:
    """`Fri 16:30` of the first week, `Mon+1 09:00` of the one after; in Berlin, answered in UTC."""
    day, clock = text.split()
    name, _, weeks = day.partition("+")
    hour, minute = clock.split(":")
    local = WEEK + timedelta(days=DAYS.index(name) + 7 * int(weeks or 0))
    return local.replace(hour=int(hour), minute=int(minute)).astimezone(UTC)


class House:
    """The product with its hands tied to a test: nothing happens until told."""

    def __init__(self, store: Store, contract: str = CONTRACT) -> None:
        self.store = store
        self.book = Book()
        self.numbers = itertools.count(1)
        version, problems = contracts.put_in_force(store, contract, "contract.yaml", moment("Mon 00:00"))
        assert not problems, problems
        assert version == 1
        imports.put_reps(store, REPS, moment("Mon 00:00"))

    # --- what the world does ----------------------------------------------------------------------------------

    def signal(self, email: str | None, kind: str, at: str | datetime, **said: Any) -> Signal:
        """A signal; `visitor`, `user`, `previous`, `person`, `account` and `received` are about who and when, everything else is a property."""
        occurred = moment(at) if isinstance(at, str) else at
        received = said.pop("received", None) or occurred
        message = said.pop("message", None) or f"m{next(self.numbers)}"
        return Signal(
            id=signal_id("web", message),
            source="web",
            kind=kind,
            occurred_at=occurred,
            received_at=moment(received) if isinstance(received, str) else received,
            email=email,
            user_id=said.pop("user", None),
            anonymous_id=said.pop("visitor", None),
            person=said.pop("person", {}),
            account=said.pop("account", {}),
            previous_id=said.pop("previous", None),
            properties=said,
        )

    def hears(self, *signals: Signal) -> None:
        record(self.store, "web", signals, [], max(s.received_at for s in signals))

    def arrives(self, email: str, at: str, **said: Any) -> Decided:
        """Somebody of a company of 200 asks for a demo, and the worker decides."""
        said.setdefault("account", {"employees": 200})
        self.hears(self.signal(email, "form_submitted", at, form="demo", **said))
        return self.decide(at)

    def decide(self, at: str | datetime, **more: Any) -> Decided:
        when = moment(at) if isinstance(at, str) else at
        total = Decided()
        while (done := decide(self.store, self.book, when, channels=("email",), **more)).signals:
            total.add(done)
        return total

    def clock(self, at: str) -> int:
        """The ticker's turn at this moment."""
        return tick(self.store, self.book, moment(at), channels=("email",)).fired

    def calls(self, handoff: str, rep: str, at: str, *, contact: bool = False) -> Touch:
        return touch(self.store, handoff, rep, TouchKind.CALL, moment(at), contact=contact)

    def ends(self, handoff: str, rep: str, outcome: Outcome, at: str, **more: Any) -> None:
        dispose(self.store, handoff, rep, outcome, moment(at), book=self.book, **more)

    def away(self, rep: str, since: str, until: str, said: str | None = None) -> None:
        imports.put_absences(self.store, [Absence(rep, moment(since), moment(until))], moment(said) if said else None)

    # --- what can be seen ---------------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.store.reading() as conn:
            return conn.execute(query, values).fetchall()  # type: ignore[call-overload, no-any-return]

    def one(self, query: str, *values: Any) -> Any:
        found = self.rows(query, *values)
        assert len(found) == 1, found
        return found[0][0] if len(found[0]) == 1 else found[0]

    def handoff(self, number: int = 0) -> str:
        """The id of the n-th handoff in the order they were opened."""
        return str(self.rows("SELECT id FROM handoff ORDER BY opened_at, id")[number][0])

    def owner(self, number: int = 0) -> str | None:
        return self.rows("SELECT owner_id FROM handoff ORDER BY opened_at, id")[number][0]  # type: ignore[no-any-return]

    def heard(self, who: str) -> list[str]:
        """The kinds of messages written for somebody, in order."""
        return [r[0] for r in self.rows("SELECT kind FROM outbox WHERE recipient = %s ORDER BY seq", who)]

    def events(self) -> list[str]:
        return [r[0] for r in self.rows("SELECT name FROM event ORDER BY seq")]
