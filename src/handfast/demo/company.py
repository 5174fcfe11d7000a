"""Northwind, a company that does not exist: who sells, who buys, and the truth nobody in it knows.

Northwind sells workflow software to mid-sized firms in the United States and the German-speaking countries. Each account has a hidden *need*;
whether a conversation becomes a meeting depends on the need, on the seniority of the person, and on how soon somebody called. Handfast
sees none of this: it sees signals, touches and outcomes, and its figures can be held against the truth here.

Everything is drawn from one seeded generator in a fixed order: the same seed gives the same company.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from handfast.facts import Absence, Rep

#: Who signed the contract, and who wrote it: e-mail address, name, role.
AUTHOR: Final = ("otto.reis@northwind.example", "Otto Reis", "revops")
SIGNERS: Final = {
    "marketing": ("mara.lang@northwind.example", "Mara Lang", "marketing"),
    "sales": ("priya.patel@northwind.example", "Priya Patel", "manager"),
}
MANAGERS: Final = (
    Rep("priya", "Priya Patel", "priya.patel@northwind.example", "sales-us", None, "America/New_York"),
    Rep("marco", "Marco Rossi", "marco.rossi@northwind.example", "sales-dach", None, "Europe/Berlin"),
)
REPS: Final = (
    Rep("ana", "Ana Flores", "ana.flores@northwind.example", "sales-us", "priya", "America/New_York"),
    Rep("ben", "Ben Carter", "ben.carter@northwind.example", "sales-us", "priya", "America/New_York"),
    Rep("chloe", "Chloe Adeyemi", "chloe.adeyemi@northwind.example", "sales-us", "priya", "America/Chicago"),
    Rep("dev", "Dev Shah", "dev.shah@northwind.example", "sales-us", "priya", "America/Los_Angeles"),
    Rep("emily", "Emily Stone", "emily.stone@northwind.example", "sales-us", "priya", "America/New_York"),
    Rep("frank", "Frank Nolan", "frank.nolan@northwind.example", "sales-us", "priya", "America/Denver"),
    Rep("greta", "Greta Vogel", "greta.vogel@northwind.example", "sales-dach", "marco", "Europe/Berlin"),
    Rep("hannes", "Hannes Kaya", "hannes.kaya@northwind.example", "sales-dach", "marco", "Europe/Vienna"),
    Rep("ines", "Ines Brandt", "ines.brandt@northwind.example", "sales-dach", "marco", "Europe/Zurich"),
)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a rep works: median minutes to the first try, how often a handoff is simply overlooked, share of tries that reach somebody."""

    minutes: float
    overlooks: float
    reaches: float


HABITS: Final[dict[str, Habit]] = {
    "ana": Habit(4, 0.02, 0.46),
    "ben": Habit(14, 0.06, 0.40),
    "chloe": Habit(7, 0.03, 0.44),
    "dev": Habit(35, 0.12, 0.36),
    "emily": Habit(9, 0.04, 0.42),
    "frank": Habit(70, 0.18, 0.38),
    "greta": Habit(6, 0.03, 0.45),
    "hannes": Habit(20, 0.08, 0.40),
    "ines": Habit(11, 0.05, 0.43),
}

INDUSTRIES: Final = ("software", "logistics", "manufacturing", "healthcare", "retail", "education", "finance", "construction")
#: How much each industry needs what Northwind sells: the truth behind the fit points.
PULL: Final = {
    "software": 0.9, "logistics": 0.8, "manufacturing": 0.5, "healthcare": 0.2, "retail": -0.2, "education": -0.9, "finance": 0.4, "construction": -0.4,
}  # fmt: skip
STATES: Final = ("CA", "OR", "WA", "NY", "MA", "TX", "IL", "CO", "FL", "GA", "PA", "NJ")
#: How the postcodes of a state begin: its large places.
POSTCODES: Final = {
    "CA": ("941", "946", "951", "900", "921"), "OR": ("972", "974"), "WA": ("981", "984"), "NY": ("100", "112"), "MA": ("021",),
    "TX": ("770", "752", "787"), "IL": ("606",), "CO": ("802",), "FL": ("331", "328"), "GA": ("303",), "PA": ("191", "152"), "NJ": ("071",),
}  # fmt: skip
TITLES: Final = (
    ("Chief Operating Officer", "c_level", 0.8),
    ("VP Operations", "vp", 1.0),
    ("Head of Logistics", "director", 0.9),
    ("Director of IT", "director", 0.6),
    ("Operations Manager", "manager", 0.4),
    ("IT Manager", "manager", 0.2),
    ("Business Analyst", "individual", -0.3),
    ("Project Assistant", "individual", -0.8),
)
FIRST: Final = (
    "Maya", "Tom", "Sofia", "Liam", "Hanna", "Noah", "Elena", "Mateo", "Ingrid", "Jonas", "Aiko", "Petra", "Sven", "Carla", "Omar", "Ruth",
    "Felix", "Nadia", "Victor", "Lena", "Paul", "Amira", "Oscar", "Julia", "Samir", "Clara", "David", "Yara", "Erik", "Mina", "Hugo", "Tessa",
)  # fmt: skip
LAST: Final = (
    "Lindqvist", "Okafor", "Rossi", "Nguyen", "Kaya", "Berg", "Novak", "Garcia", "Moretti", "Meyer", "Tanaka", "Vogel", "Adler", "Silva", "Haddad",
    "Cohen", "Weber", "Petrov", "Hugo", "Lang", "Fischer", "Aziz", "Larsen", "Brandt", "Khan", "Duarte", "Miller", "Costa", "Holm", "Park", "Ivanov",
)  # fmt: skip
STEMS: Final = (
    "Halden", "Brightline", "Oakum", "Tessera", "Meridian", "Fjord", "Quill", "Ember", "Arbor", "Kestrel", "Lumen", "Sable", "Corvid", "Alder", "Beacon",
    "Cinder", "Drift", "Elmwood", "Ferro", "Glacier", "Harbor", "Ivory", "Juniper", "Keystone", "Larch", "Maple", "Nimbus", "Orchard", "Pioneer", "Quarry",
    "Ridge", "Summit", "Timber", "Umber", "Vantage", "Willow", "Yarrow", "Zenith", "Anchor", "Birch",
)  # fmt: skip
KINDS: Final = ("Logistics", "Systems", "Foods", "Robotics", "Energy", "Group", "Labs", "Works", "Health", "Partners")


@dataclass(frozen=True, slots=True)
class Buyer:
    """A person at an account, or somebody with a free-mail address and no account at all."""

    email: str
    first_name: str
    last_name: str
    title: str
    seniority: str
    weight: float
    anonymous_id: str
    phone: str


@dataclass(frozen=True, slots=True)
class Firm:
    """An account, with the truth about it: `need` is the log-odds that a good conversation becomes a meeting."""

    name: str
    domain: str
    industry: str
    employees: int
    country: str
    state: str | None
    need: float
    buyers: tuple[Buyer, ...]
    owner: str | None

    @property
    def postcode(self) -> str | None:
        """In the United States only; from the name, so that it costs no draw."""
        if self.state is None:
            return None
        number = zlib.crc32(self.domain.encode())
        begins = POSTCODES[self.state]
        return f"{begins[number % len(begins)]}{number // 7 % 40:02d}"

    @property
    def facts(self) -> dict[str, str | int]:
        """What enrichment knows of it."""
        known: dict[str, str | int | None] = {
            "industry": self.industry, "employees": self.employees, "country": self.country, "state": self.state,
            "website": self.domain, "postal_code": self.postcode,
        }  # fmt: skip
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Past:
    """An opportunity from before the first day of the simulated time; `closed` and `opened` are days before it, `closed` None: still open."""

    firm: Firm
    owner: str
    amount: float
    opened: int
    closed: int | None


def firms(random: Random, number: int) -> list[Firm]:
    """`number` accounts; about one in eight is a named account with an owner."""
    names = [f"{stem} {kind}" for kind in KINDS for stem in STEMS]
    random.shuffle(names)
    return [_firm(random, names[i % len(names)], i // len(names)) for i in range(number)]


def _firm(random: Random, base: str, again: int) -> Firm:
    name = base if not again else f"{base} {again + 1}"
    industry = random.choice(INDUSTRIES)
    employees = max(3, int(math.exp(random.gauss(5.3, 1.2))))
    country = random.choices(("US", "DE", "AT", "CH", "GB", "FR"), (55, 22, 6, 6, 7, 4))[0]
    size = 1.0 - abs(math.log(employees) - math.log(600)) / 2
    need = PULL[industry] + 0.8 * size + random.gauss(0, 0.8)
    domain = name.lower().replace(" ", "-") + ".example"
    owner = random.choice(sellers(country)) if random.random() < 0.12 else None
    return Firm(
        name, domain, industry, employees, country, random.choice(STATES) if country == "US" else None, need,
        tuple(_buyer(random, domain) for _ in range(random.choices((1, 2, 3, 4, 5), (30, 30, 20, 12, 8))[0])), owner,
    )  # fmt: skip


def sellers(country: str) -> list[str]:
    team = "sales-dach" if country in ("DE", "AT", "CH") else "sales-us"
    return [r.id for r in REPS if r.team == team]


def _buyer(random: Random, domain: str) -> Buyer:
    first, last = random.choice(FIRST), random.choice(LAST)
    title, seniority, weight = random.choices(TITLES, (4, 8, 12, 12, 24, 18, 14, 8))[0]
    number = f"+1 555 01{random.randrange(100):02d}"
    return Buyer(
        f"{first}.{last}{random.randrange(100)}@{domain}".lower(),
        first,
        last,
        title,
        seniority,
        weight,
        f"anon-{random.getrandbits(48):012x}",
        number,
    )


def past(random: Random, accounts: list[Firm]) -> list[Past]:
    """One in twelve is a customer already, and with one in twenty a deal is open; mostly by whoever owns the account."""
    found = []
    for firm in accounts:
        luck, seller = random.random(), random.choice(sellers(firm.country))
        if luck > 1 / 12 + 1 / 20:
            continue
        owner = firm.owner if firm.owner is not None and random.random() < 0.7 else seller
        amount = round(firm.employees * random.uniform(40, 110), -2)
        opened = random.randrange(100, 600) if luck < 1 / 12 else random.randrange(5, 60)
        found.append(Past(firm, owner, amount, opened, opened // 2 if luck < 1 / 12 else None))
    return found


def acquaintances(random: Random, accounts: list[Firm]) -> dict[str, str]:
    """Domain → the rep who really knows somebody there, which no system does. What is given to others there is rightly disputed."""
    return {f.domain: random.choice(sellers(f.country)) for f in accounts if f.owner is None and random.random() < 0.12}


def loners(random: Random, number: int) -> list[Buyer]:
    """People with free-mail addresses: students, job seekers, and now and then a buyer."""
    mail = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "web.de", "icloud.com")
    return [_buyer(random, random.choice(mail)) for _ in range(number)]


def absences(random: Random, start: datetime, days: int) -> list[Absence]:
    """A week of holiday for most, now and then a sick day, within the simulated time: whole days on each rep's own clocks."""
    found = []
    for rep in REPS:
        if random.random() < 0.7:
            first = _monday(start + timedelta(days=random.randrange(max(1, days - 10))))
            found.append(_days_off(rep, first, 7, "holiday"))
        for _ in range(random.randrange(3)):
            day = (start + timedelta(days=random.randrange(days))).replace(hour=0, minute=0)
            sick = _days_off(rep, day, 1, "sick")
            if not any(a.rep == rep.id and a.starts_at < sick.ends_at and sick.starts_at < a.ends_at for a in found):
                found.append(sick)
    return found


def _days_off(rep: Rep, first: datetime, days: int, why: str) -> Absence:
    """From the first day through the last, from midnight to midnight where the rep lives."""
    zone = ZoneInfo(rep.time_zone)
    begins = datetime.combine(first.date(), time(), zone)
    ends = datetime.combine(first.date() + timedelta(days=days), time(), zone)
    return Absence(rep.id, begins.astimezone(UTC), ends.astimezone(UTC), why)


def _monday(at: datetime) -> datetime:
    return (at - timedelta(days=at.weekday())).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
