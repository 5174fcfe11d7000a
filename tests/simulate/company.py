"""A small company and its visitors, drawn from a seed: calendar, contract, reps, absences, firms and people.

Every contract says the same of who is ready (a demo asked for, at a firm of 50 or more, not in North Korea), so that the simulation can say
it too, in its own words; what differs is all that has to do with time and with whose it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from handfast.facts import Absence, Rep
from tests.simulate.hours import Wall

WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))
WALLS = {
    "berlin": Wall("Europe/Berlin", WEEKDAYS, (("09:00", "17:30"),), frozenset({date(2026, 4, 3), date(2026, 12, 25)})),
    "new york": Wall("America/New_York", WEEKDAYS, (("09:00", "12:30"), ("13:15", "17:30")), frozenset({date(2026, 12, 24)})),
    "always": Wall("UTC", EVERY_DAY, (("00:00", "24:00"),)),
    "night": Wall("Europe/Berlin", EVERY_DAY, (("00:00", "06:00"),)),
    "lord howe": Wall("Australia/Lord_Howe", frozenset(range(6)), (("00:00", "04:30"), ("08:00", "12:00"))),
}
#: Around nights on which clocks are moved, around closed days, and a day like any other.
DAYS = {
    "berlin": (date(2026, 3, 27), date(2026, 10, 23), date(2026, 4, 2), date(2026, 12, 24), date(2026, 6, 10)),
    "new york": (date(2026, 3, 6), date(2026, 10, 30), date(2026, 12, 23), date(2026, 6, 10)),
    "always": (date(2026, 3, 28), date(2026, 2, 28), date(2026, 12, 31), date(2026, 6, 10)),
    "night": (date(2026, 3, 28), date(2026, 10, 24), date(2026, 6, 10)),
    "lord howe": (date(2026, 4, 3), date(2026, 10, 2), date(2026, 6, 10)),
}
MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a contract the simulation knows by heart. Minutes are working time; `return_days` are calendar days."""

    wall: str
    first_touch: int
    remind: int
    tell: int
    reassign: int
    return_days: int
    exceptions: int
    cap: int

    def yaml(self) -> str:
        return f"""contract: Simulated {self.wall}
motion: new_business
calendar: {WALLS[self.wall].yaml()}
fields: {{employees: int, country: text}}
ready:
  fit:
    at_least: 20
    points: [{{when: "employees >= 50", points: 20, because: big enough}}]
    never: [{{when: "country = 'KP'", reason: embargo}}]
  intent:
    at_least: 20
    half_life: 14 days
    lookback: 90 days
    points:
      - {{on: form_submitted, points: 30}}
      - {{on: page_viewed, when: "path LIKE '/pricing%'", points: 10}}
  next_step:
    - {{step: demo, on: form_submitted, when: "form = 'demo'", within: 7 days}}
match: {{domain: fallback, free_mail: [post.example]}}
routing:
  default: team
  pools:
    team: {{members: {{ann: 1, ben: 1}}, cap: {self.cap} open}}
    bench: {{members: {{cleo: 1}}}}
  otherwise: exceptions
  exceptions_within: {self.exceptions} minutes
sla:
  - name: hand-raiser
    when: "next_step = 'demo'"
    first_touch: {self.first_touch} minutes
    ladder:
      - {{after: {self.remind} minutes, remind: owner}}
      - {{after: {self.tell} minutes, tell: manager}}
      - {{after: {self.reassign} minutes, reassign: bench}}
      - {{after: {self.return_days} days, return_to: marketing}}
dispositions:
  recycle: {{reasons: {{not_now: {{back: 90 days}}, other: {{note: true}}}}}}
  disqualify: {{reasons: {{bad_fit: {{blames: fit}}}}}}
"""

    def steps(self, opened: datetime) -> list[tuple[str, datetime]]:
        """What the clock of a handoff opened then asks for, and when, in the order in which it fires."""
        wall = WALLS[self.wall]
        owed = [
            ("breach", wall.due(opened, self.first_touch)),
            ("remind", wall.due(opened, self.remind)),
            ("tell", wall.due(opened, self.tell)),
            ("reassign", wall.due(opened, self.reassign)),
            ("return_to", wall.after_days(opened, self.return_days)),
        ]
        return sorted(owed, key=lambda step: step[1])


def terms_of(wall: str) -> tuple[Terms, Terms]:
    """The first version, and the one a change of the contract brings."""
    return Terms(wall, 60, 45, 70, 120, 2, 30, 2), Terms(wall, 30, 20, 30, 90, 1, 60, 3)


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody out there. `employees` is what their firm says of itself."""

    email: str
    employees: int | None
    country: str
    visitor: str
    user: str | None = None

    @property
    def domain(self) -> str:
        return self.email.partition("@")[2]

    @property
    def fits(self) -> bool:
        return self.country != "KP"


@dataclass(slots=True)
class Company:
    """Who there is."""

    wall: str
    versions: tuple[Terms, Terms]
    start: datetime
    reps: list[Rep]
    absences: list[Absence]
    leads: list[Lead]
    channels: tuple[str, ...] = ("email", "webhook")
    away: set[str] = field(default_factory=set)

    @property
    def sellers(self) -> list[str]:
        return [rep.id for rep in self.reps if rep.id not in ("mia", "gone") and rep.active]


def drawn(chance: random.Random) -> Company:
    """A company for this seed."""
    wall = chance.choice(sorted(WALLS))
    day = chance.choice(DAYS[wall])
    start = datetime(day.year, day.month, day.day, chance.randrange(24), chance.randrange(60), chance.randrange(60), tzinfo=UTC)
    zone = WALLS[wall].zone
    reps = [
        Rep("mia", "Mia Manager", "mia@house.example", "sales", None, zone),
        Rep("ann", "Ann A", "ann@house.example", "sales", "mia", zone),
        Rep("ben", "Ben B", "ben@house.example", "sales", "mia", zone),
        Rep("cleo", "Cleo C", "cleo@house.example", "bench", chance.choice(["mia", None]), zone),
        Rep("gone", "Gus Gone", "gone@house.example", "sales", "mia", zone, active=False),
    ]
    absences = []
    for rep in ("ann", "ben", "cleo"):
        if chance.random() < 0.3:
            since = start + timedelta(hours=chance.randrange(-24, 12))
            absences.append(Absence(rep, since, since + timedelta(hours=chance.randrange(2, 96)), "leave"))
    return Company(wall, terms_of(wall), start, reps, absences, _leads(chance))


def _leads(chance: random.Random) -> list[Lead]:
    people = [
        Lead("ada@one.example", 200, "DE", "v1", "u1"),
        Lead("bob@one.example", 200, "DE", "v2"),
        Lead("cyd@two.example", 80, "US", "v3", "u3"),
        Lead("dan@two.example", 80, "US", "v4"),
        Lead("eve@post.example", None, "FR", "v5"),
        Lead("fay@three.example", 9, "DE", "v6"),
        Lead("kim@four.example", 900, "KP", "v7"),
    ]
    return sorted(chance.sample(people, chance.randrange(2, 5)), key=lambda lead: lead.email)
