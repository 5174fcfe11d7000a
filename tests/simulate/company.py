"""A small company and its visitors, drawn from a seed: calendar, contract, reps, absences, firms and people.

Every contract says the same of who is ready (a demo asked for, at a firm of 50 or more, not in North Korea), so that the simulation can say
it too, in its own words; what differs is all that has to do with time and with whose it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from handfast.facts import Absence, Rep
from tests.simulate.hours import Wall
from tests.simulate.ledger import TRUSTED

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
TEAM, BENCH = ("ann", "ben"), ("cleo", "dora")
SELLERS = (*TEAM, *BENCH)


#: What a company's contract asks for besides what every one does: a sequence of attempts; a ladder that offers, quiet hours, absences that
#: move work; a second version tried on a share.
STYLES = ("plain", "followed", "offered", "tried")
#: Each wall with each style it is played with. Few, because each is a contract to be read in every process.
HOUSES = (
    ("berlin", "plain"), ("berlin", "followed"), ("new york", "followed"), ("new york", "offered"), ("always", "tried"), ("always", "offered"),
    ("night", "plain"), ("night", "followed"), ("lord howe", "plain"), ("lord howe", "offered"),
)  # fmt: skip

#: What every handoff is opened under, and what it may be put under by hand.
HAND_RAISER, PATIENT = "hand-raiser", "patient"
PAUSE_MINUTES = 150
UNDO_MINUTES = 15
DISPUTE_MINUTES = 90
#: Waits before the second and third attempt of a follow-up; how long a step may take once it fell due; when an outcome is owed after the last.
WAITS_MINUTES = (0, 180, 240)
STEP_MINUTES = 60
OUTCOME_MINUTES = 120
ACCEPT_MINUTES = 30
TALK_MINUTES = 200
DIGEST_MINUTES = 60
AWAY_MINUTES = 240
#: Kinds of notice that wait for nobody's hours, and how many others go to one receiver before they are gathered.
URGENT = ("breach", "exception")
DIGEST_MORE_THAN = 1
SHARE_PERCENT = 60
#: Style → which open handoffs follow an account to the owner that another system names.
FOLLOWS = {"plain": "stay", "followed": "untouched", "offered": "all", "tried": "stay"}
#: A call that lasted so long reached somebody.
REACHED_SECONDS = 30
#: What companies live through on purpose (see `plots`), with the style it takes, in an order in which they take turns: of three seeds two have
#: one, so that within fifty-six each was played.
PLOTTED = (
    ("plain", "two are one"), ("followed", "two are one"), ("offered", "three are one"), ("plain", "one meanwhile"),
    ("followed", "owner named by a signal"), ("plain", "two are one"),
    ("plain", "wrong owner"), ("followed", "pursued"), ("offered", "owner leaves"), ("tried", "on trial"), ("plain", "nobody there"),
    ("followed", "asked to wait"), ("offered", "offered"), ("plain", "too many"), ("followed", "handed back"), ("offered", "many mails"),
    ("tried", "on trial"), ("plain", "nobody answers"), ("followed", "wrong owner"), ("offered", "nobody answers"), ("plain", "handed back"),
    ("plain", "new terms"), ("offered", "wrong owner"), ("plain", "asked to wait"), ("followed", "nobody there"), ("followed", "new terms"),
    ("offered", "offered"), ("tried", "on trial"), ("plain", "promised otherwise"), ("followed", "promised otherwise"),
    ("offered", "promised otherwise"), ("followed", "owner named elsewhere"), ("offered", "owner named elsewhere"),
    ("offered", "owner named by a signal"), ("plain", "three are one"), ("plain", "decided by two"), ("followed", "interrupted"),
    ("offered", "decided by two"),
)  # fmt: skip
#: Plots that need more firms than there mostly are.
MANY = ("nobody there", "too many", "many mails", "new terms")
TRIAL_AFTER, TRIAL_UNASSIGNED_PERCENT = 5, 30


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a contract the simulation knows by heart. Minutes are working time; `return_days` are calendar days. `share`: it is on trial."""

    wall: str
    style: str
    first_touch: int
    remind: int
    tell: int
    offer: int
    reassign: int
    off: int
    return_days: int
    exceptions: int
    cap: int
    share: bool = False

    def yaml(self) -> str:
        return f"""contract: Simulated {self.wall} {self.style}
motion: new_business
{self._canary()}calendar: {WALLS[self.wall].yaml()}
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
    bench: {{members: {{cleo: 1, dora: 1}}}}
  otherwise: exceptions
  exceptions_within: {self.exceptions} minutes
  disputes_within: {DISPUTE_MINUTES} minutes
{self._moves()}{self._touches()}pauses: {{asked: {{at_most: {PAUSE_MINUTES} minutes}}}}
sla:
  - name: {PATIENT}
    when: "employees > 100000"
    first_touch: {2 * self.first_touch} minutes
    ladder:
      - {{after: {self.first_touch} minutes, remind: owner}}
      - {{after: {2 * self.first_touch + 10} minutes, tell: manager}}
{self._asks()}  - name: hand-raiser
    when: "next_step = 'demo'"
    first_touch: {self.first_touch} minutes
    ladder:
      - {{after: {self.remind} minutes, remind: owner}}
      - {{after: {self.tell} minutes, tell: manager}}
{self._offers()}      - {{after: {self.reassign} minutes, reassign: bench}}
{self._off()}      - {{after: {self.return_days} days, return_to: marketing}}
{self._asks()}{self._more_promises()}dispositions:
  undo: {UNDO_MINUTES} minutes
  recycle: {{reasons: {{not_now: {{back: 90 days}}, other: {{note: true}}}}}}
  disqualify: {{reasons: {{bad_fit: {{blames: fit}}, not_mine: {{blames: routing, leads_to: reroute}}}}}}
"""

    def _canary(self) -> str:
        rails = f"guardrails: {{after: {TRIAL_AFTER}, unassigned: {TRIAL_UNASSIGNED_PERCENT}%}}"
        return f"canary: {{share: {SHARE_PERCENT}%, {rails}}}\n" if self.share else ""

    @property
    def hears(self) -> bool:
        """Whether the signals of a telephone system are evidence of touches."""
        return self.style in ("plain", "followed")

    def _touches(self) -> str:
        if not self.hears:
            return ""
        return f"""touches:
  - {{on: call_logged, when: "seconds >= {REACHED_SECONDS}", touch: call, contact: true}}
  - {{on: call_logged, touch: call}}
"""

    def _moves(self) -> str:
        away = f", away_longer_than: {AWAY_MINUTES} minutes" if self.style == "offered" else ""
        return f"  moves: {{owner_changed: {FOLLOWS[self.style]}{away}, owners_from: [{TRUSTED}]}}\n"

    def _offers(self) -> str:
        return f"      - {{after: {self.offer} minutes, offer: bench}}\n" if self.style == "offered" else ""

    def _off(self) -> str:
        return f"      - {{after: {self.off} minutes, off_rotation: owner}}\n" if self.style == "offered" else ""

    def _asks(self) -> str:
        """What an SLA asks of its owner beside the first touch."""
        if self.style != "followed":
            return ""
        return f"""    accept: {{within: {ACCEPT_MINUTES} minutes}}
    disposition: {{within: {TALK_MINUTES} minutes}}
"""

    def _more_promises(self) -> str:
        if self.style == "followed":
            return f"""follow_up:
  steps: [{{channel: call}}, {{channel: email, wait: {WAITS_MINUTES[1]} minutes}}, {{channel: call, wait: {WAITS_MINUTES[2]} minutes}}]
  within: {STEP_MINUTES} minutes
  end: {{within: {OUTCOME_MINUTES} minutes, recycle: not_now}}
"""
        if self.style == "offered":
            digest = f"digest: {{more_than: {DIGEST_MORE_THAN}, within: {DIGEST_MINUTES} minutes}}"
            return f"notices: {{quiet: rep, urgent: [{', '.join(URGENT)}], {digest}}}\n"
        return ""

    def steps(self, opened: datetime, sla: str = HAND_RAISER) -> list[tuple[str, datetime]]:
        """What the clock of a handoff opened then asks for, and when, in the order in which it fires; of one put under an SLA then, too."""
        wall = WALLS[self.wall]
        if sla == PATIENT:
            minutes = (("remind", self.first_touch), ("breach", 2 * self.first_touch), ("tell", 2 * self.first_touch + 10))
            return [(action, wall.due(opened, one)) for action, one in minutes]
        owed = [
            ("breach", wall.due(opened, self.first_touch)),
            ("remind", wall.due(opened, self.remind)),
            ("tell", wall.due(opened, self.tell)),
            *([("offer", wall.due(opened, self.offer))] if self.style == "offered" else []),
            ("reassign", wall.due(opened, self.reassign)),
            *([("off_rotation", wall.due(opened, self.off))] if self.style == "offered" else []),
            ("return_to", wall.after_days(opened, self.return_days)),
        ]
        return sorted(owed, key=lambda step: step[1])


def terms_of(wall: str, style: str = "plain") -> tuple[Terms, Terms]:
    """The first version, and the one a change of the contract brings."""
    first = Terms(wall, style, 60, 45, 70, 90, 120, 150, 2, 30, 1 if style == "plain" else 2)
    return first, Terms(wall, style, 30, 20, 30, 50, 90, 100, 1, 60, 1 if style == "tried" else 3, share=style == "tried")


#: A contract that does not read: it names a pool that is not there.
WRONG = terms_of("berlin")[1].yaml().replace("default: team", "default: nowhere")


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
    style: str
    versions: tuple[Terms, Terms]
    start: datetime
    reps: list[Rep]
    absences: list[Absence]
    leads: list[Lead]
    plot: str = ""
    channels: tuple[str, ...] = ("email", "webhook")


def drawn(chance: random.Random, seed: int) -> Company:
    """A company for this seed, and what it lives through on purpose."""
    wanted, plot = PLOTTED[(seed - seed // 3) % len(PLOTTED)] if seed % 3 else ("", "")
    wall, style = chance.choice([house for house in HOUSES if wanted in ("", house[1])])
    day = chance.choice(DAYS[wall])
    start = datetime(day.year, day.month, day.day, chance.randrange(24), chance.randrange(60), chance.randrange(60), tzinfo=UTC)
    zone = WALLS[wall].zone
    reps = [
        Rep("mia", "Mia Manager", "mia@house.example", "sales", None, zone),
        Rep("ann", "Ann A", "ann@house.example", "sales", "mia", zone),
        Rep("ben", "Ben B", "ben@house.example", "sales", "mia", zone),
        Rep("cleo", "Cleo C", "cleo@house.example", "bench", chance.choice(["mia", None]), zone),
        Rep("dora", "Dora D", "dora@house.example", "bench", "mia", zone),
        Rep("gone", "Gus Gone", "gone@house.example", "sales", "mia", zone, active=False),
    ]
    absences = []
    for rep in SELLERS:
        if chance.random() < 0.3:
            since = start + timedelta(hours=chance.randrange(-24, 12))
            absences.append(Absence(rep, since, since + timedelta(hours=chance.randrange(2, 96)), "leave"))
    return Company(wall, style, terms_of(wall, style), start, reps, absences, _leads(chance, style, many=plot in MANY), plot)


def _leads(chance: random.Random, style: str, *, many: bool) -> list[Lead]:
    if style == "tried":  # many firms: what a version does to its share shows in numbers
        return [Lead(f"ada@firm{n}.example", 200, "DE", f"v{n}") for n in range(10, 10 + chance.randrange(11, 14))]
    people = [
        Lead("ada@one.example", 200, "DE", "v1", "u1"),
        Lead("bob@one.example", 200, "DE", "v2"),
        Lead("cyd@two.example", 80, "US", "v3", "u3"),
        Lead("dan@two.example", 80, "US", "v4"),
        Lead("eve@post.example", None, "FR", "v5"),
        Lead("fay@three.example", 9, "DE", "v6"),
        Lead("kim@four.example", 900, "KP", "v7"),
        Lead("gil@five.example", 300, "DE", "v8"),
        Lead("hal@six.example", 120, "US", "v9", "u9"),
    ]
    more = [Lead(f"ivy@firm{n}.example", 150, "DE", f"v2{n}") for n in range(3)] if many else []
    return sorted([*chance.sample(people, chance.randrange(3, 6)), *more], key=lambda lead: lead.email)
