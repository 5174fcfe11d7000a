"""The shape of a contract: what Marketing and Sales signed, as frozen values.

This module says what a contract *is*. How its text becomes one, with line numbers and Problems, is `contract.reading`;
what its conditions mean is `contract.conditions`. Nothing here knows of files, databases or the time of day.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, model_validator

#: The types a field may have. `time` is a moment in UTC.
FieldType = Literal["text", "int", "number", "bool", "time"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=60)]
#: A SQL boolean expression over declared fields. NULL means unknown, and unknown is never "met".
Condition = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Term(BaseModel):
    """Base of all terms: immutable, and a word nobody declared is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


# --- durations and caps ---------------------------------------------------------------------------------------

_DURATION = re.compile(r"^\s*(\d{1,6})\s*(minute|hour|day|week)s?\s*$", re.IGNORECASE)
MINUTES_IN: Final[Mapping[str, int]] = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}


class Duration(Term):
    """So many minutes, hours, days or weeks.

    On a clock, minutes and hours are *working* time of the clock's calendar; days and weeks are calendar days, moved on to the next
    opening where they end in closed time. Everywhere else all four are plain elapsed time.
    """

    amount: int = Field(ge=0)
    unit: Literal["minute", "hour", "day", "week"]

    @property
    def minutes(self) -> int:
        """The length in minutes, a day being 1,440 of them."""
        return self.amount * MINUTES_IN[self.unit]

    @property
    def is_working_time(self) -> bool:
        """True for minutes and hours: on a clock these count open hours only."""
        return self.unit in ("minute", "hour")

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


def _duration(value: object) -> object:
    if isinstance(value, str):
        if (match := _DURATION.match(value)) is None:
            raise ValueError(f"'{value}' is not a duration; write it as '5 minutes', '2 hours', '14 days' or '2 weeks'")
        return {"amount": int(match[1]), "unit": match[2].lower()}
    if isinstance(value, int | float):
        raise ValueError(f"{value} has no unit; write it as '{value} minutes' or '{value} days'")
    return value


Span = Annotated[Duration, BeforeValidator(_duration), PlainSerializer(str, return_type=str)]

_CAP = re.compile(r"^\s*(\d{1,6})\s*(?:per|a)\s*(day|week)\s*$", re.IGNORECASE)


class Cap(Term):
    """At most `times` per day or week (of the contract's own calendar zone); the earliest count, later ones do not."""

    times: int = Field(ge=1)
    per: Literal["day", "week"]

    def __str__(self) -> str:
        return f"{self.times} per {self.per}"


def _cap(value: object) -> object:
    if isinstance(value, str):
        if (match := _CAP.match(value)) is None:
            raise ValueError(f"'{value}' is not a cap; write it as '3 per day' or '5 per week'")
        return {"times": int(match[1]), "per": match[2].lower()}
    if isinstance(value, int | float):
        raise ValueError(f"{value} does not say how often; write it as '{value} per day' or '{value} per week'")
    return value


AtMost = Annotated[Cap, BeforeValidator(_cap), PlainSerializer(str, return_type=str)]

_TIMES = re.compile(r"^\s*(\d{1,4})\s*(?:times\s+)?within\s+(.+)$", re.IGNORECASE)


class Frequency(Term):
    """So many times within a span: a signal scores once it is the `times`-th within `within` (elapsed time, its end included)."""

    times: int = Field(ge=2)
    within: Span

    def __str__(self) -> str:
        return f"{self.times} within {self.within}"


def _frequency(value: object) -> object:
    if isinstance(value, str):
        if (match := _TIMES.match(value)) is None:
            raise ValueError(f"'{value}' is not a frequency; write it as '3 within 7 days'")
        return {"times": int(match[1]), "within": match[2].strip()}
    if isinstance(value, int | float):
        raise ValueError(f"{value} does not say within which time; write it as '{value} within 7 days'")
    return value


Times = Annotated[Frequency, BeforeValidator(_frequency), PlainSerializer(str, return_type=str)]

_OPEN = re.compile(r"^\s*(\d{1,6})\s*open\s*$", re.IGNORECASE)


def _open_cap(value: object) -> object:
    if isinstance(value, str):
        if (match := _OPEN.match(value)) is None:
            raise ValueError(f"'{value}' is not a capacity; write it as '8 open'")
        return int(match[1])
    return value


#: How many open handoffs a member may hold at once.
OpenCap = Annotated[int, BeforeValidator(_open_cap), Field(ge=1), PlainSerializer(lambda n: f"{n} open", return_type=str)]

# --- calendar -------------------------------------------------------------------------------------------------

_INTERVAL = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _interval(value: object) -> str:
    if not isinstance(value, str) or (match := _INTERVAL.match(value)) is None:
        raise ValueError(f"'{value}' is not an interval; write it as '09:00-12:30'")
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if end > 1440 or start >= end:
        raise ValueError(f"'{value}' must end after it starts, at 24:00 at the latest; a night shift is two intervals on two days")
    return value


Interval = Annotated[str, BeforeValidator(_interval)]


def days_of(key: str) -> tuple[int, ...]:
    """The weekdays a key such as `mon`, `mon-fri` or `sat,sun` names; Monday is 0.

    Raises:
        ValueError: a word that is no weekday, or a range that runs backwards.
    """
    found: list[int] = []
    for part in key.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"'{part}' is no weekday; use mon, tue, wed, thu, fri, sat, sun, a range 'mon-fri' or a list 'sat,sun'")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        if end < start:
            raise ValueError(f"'{part}' runs backwards; write it from the earlier day to the later")
        found.extend(range(start, end + 1))
    return tuple(found)


class Calendar(Term):
    """Opening hours in one IANA zone: any number of intervals a weekday, less the holidays.

    `holidays` is a country or country-subdivision of the `holidays` library (`US`, `DE-BY`), or None. `closed` and `open` are single
    dates (ISO) that override: closed whatever the week says, or open with these intervals although it is a holiday or weekend.
    """

    timezone: str = "UTC"
    week: Mapping[str, tuple[Interval, ...]]
    holidays: str | None = None
    closed: tuple[str, ...] = ()
    open: Mapping[str, tuple[Interval, ...]] = {}


# --- ready ----------------------------------------------------------------------------------------------------


class FitRule(Term):
    when: Condition
    points: int
    because: str = ""


class NeverRule(Term):
    when: Condition
    reason: str


class Fit(Term):
    """Who they are: points for what is known of person and account. Unknown scores nothing and says so."""

    at_least: int
    points: tuple[FitRule, ...] = ()
    never: tuple[NeverRule, ...] = ()


class IntentRule(Term):
    """What they did: points for each signal of kind `on` that meets `when`, decaying with the half-life.

    `times`: only from the n-th within a span on; `within`: not older than this (recency), where it is shorter than the lookback.
    """

    on: Name
    when: Condition | None = None
    points: int
    times: Times | None = None
    at_most: AtMost | None = None
    within: Span | None = None
    because: str = ""


class Intent(Term):
    at_least: int
    half_life: Span = Duration(amount=14, unit="day")
    lookback: Span = Duration(amount=90, unit="day")
    points: tuple[IntentRule, ...] = ()


class NextStep(Term):
    """An explicit wish, still open: a signal of kind `on` that meets `when`, not older than `within`."""

    step: Name
    on: Name
    when: Condition | None = None
    within: Span


Domain = Annotated[str, StringConstraints(min_length=3, max_length=253, to_lower=True)]
#: What becomes of a person who is excluded.
Bar = Literal["never", "not_yet"]


class Scanners(Term):
    """Clicks of a machine: `links` or more different links of one mail within `seconds` of each other."""

    links: int = Field(default=3, ge=2, le=100)
    seconds: int = Field(default=10, ge=1, le=3600)


class Exclude(Term):
    """What does not count. Of a person whose address is unknown nothing is excluded.

    `free_mail`, `disposable`, `role_addresses`: what becomes of a person with such an address. `competitors` and `employees`: domains whose
    people are never ready. `bots`: signals whose user agent is a known crawler's, or contains one of `user_agents`, score nothing.
    """

    free_mail: Bar | None = None
    disposable: Bar | None = None
    role_addresses: Bar | None = None
    competitors: tuple[Domain, ...] = ()
    employees: tuple[Domain, ...] = ()
    bots: bool = False
    user_agents: tuple[Annotated[str, StringConstraints(min_length=3, max_length=200)], ...] = ()
    scanners: Scanners | None = None

    @property
    def asks_addresses(self) -> bool:
        """Whether any exclusion looks at a person's e-mail address."""
        return any((self.free_mail, self.disposable, self.role_addresses, self.competitors, self.employees))

    @property
    def asks_agents(self) -> bool:
        """Whether any exclusion looks at a signal's user agent."""
        return self.bots or bool(self.user_agents)


Letter = Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
Digit = Annotated[str, StringConstraints(pattern=r"^[1-9]$")]


class Grades(Term):
    """Fit as a letter, intent as a digit: the first whose bar is reached. Whoever is below the lowest has no grade."""

    fit: Mapping[Letter, int] = Field(min_length=1)
    intent: Mapping[Digit, int] = Field(min_length=1)


class Group(Term):
    """A buying group is ready as a whole: enough active people, every role covered, their intent together, and one open next step.

    Active is who gave a signal that counts within `within`. `fit`: at least one of them has so many fit points.
    """

    people: int = Field(default=1, ge=1, le=1000)
    roles: Mapping[Name, Condition] = {}
    intent: int
    fit: int | None = None
    within: Span = Duration(amount=30, unit="day")


class Ready(Term):
    """Sales-ready is fit AND intent AND a next step; never-rules and exclusions beat all three. `account`: or the buying group is."""

    fit: Fit
    intent: Intent
    next_step: tuple[NextStep, ...] = Field(min_length=1)
    exclude: Exclude = Exclude()
    grades: Grades | None = None
    account: Group | None = None


# --- match and routing ----------------------------------------------------------------------------------------


class Match(Term):
    """How a person finds an account: by domain, by the distinctive words of the company's name, or by nothing (`off` and no words)."""

    domain: Literal["off", "fallback", "always"] = "always"
    distinctive_words: bool = False
    review_below: Annotated[float, Field(ge=0.5, le=1)] = 0.9
    free_mail: tuple[str, ...] = ()


Rung = Literal["named_account", "territory", "pool"]


class Territory(Term):
    name: Name
    when: Condition
    to: Name


class Pool(Term):
    """Members with their weight (share of turns), and how many open handoffs each may hold."""

    members: Mapping[Name, Annotated[float, Field(gt=0)]]
    cap: OpenCap | None = None


class Routing(Term):
    """Precedence first (`ladder`), then eligibility, then whose turn it is. `pool` is the pool for what no territory claims."""

    ladder: tuple[Rung, ...] = ("named_account", "territory", "pool")
    territories: tuple[Territory, ...] = ()
    pools: Mapping[Name, Pool] = {}
    default: Name | None = None
    otherwise: Literal["exceptions"] = "exceptions"
    #: How long a handoff may stand in the exception queue, in the team's hours, before it is late.
    exceptions_within: Span = Duration(amount=1, unit="hour")


# --- clocks ---------------------------------------------------------------------------------------------------


class Step(Term):
    """One step of a ladder: exactly one action, `after` the clock's start."""

    after: Span
    remind: Literal["owner"] | None = None
    tell: Literal["manager"] | None = None
    reassign: Name | None = None
    return_to: Literal["marketing"] | None = None

    @property
    def action(self) -> Literal["remind", "tell", "reassign", "return_to"]:
        for name in ("remind", "tell", "reassign", "return_to"):
            if getattr(self, name) is not None:
                return name
        raise AssertionError("a step has exactly one action")

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if sum(x is not None for x in (self.remind, self.tell, self.reassign, self.return_to)) != 1:
            raise ValueError("a step does exactly one thing: remind: owner, tell: manager, reassign: POOL or return_to: marketing")
        return self


class Sla(Term):
    """How fast Sales makes the first touch, for the handoffs that meet `when`. The first one that matches holds.

    `calendar`: `team` (the contract's own), `always` (around the clock) or the name of one of `calendars`.
    """

    name: Name
    when: Condition | None = None
    first_touch: Span
    calendar: Name = "team"
    ladder: tuple[Step, ...] = ()


# --- brief, dispositions, examples ----------------------------------------------------------------------------


class Theme(Term):
    """A pain theme, and the words in paths, titles and answers that speak of it."""

    theme: str
    words: tuple[str, ...] = Field(min_length=1)
    talk: str = ""


class Play(Term):
    """What to do and how to open for a next step. `{first_name}`, `{company}`, `{theme}` and `{asked}` are filled in."""

    step: Name
    action: str
    opener: str = ""
    ask: tuple[str, ...] = ()


class Brief(Term):
    themes: tuple[Theme, ...] = ()
    plays: tuple[Play, ...] = ()
    required: tuple[Name, ...] = ()


class Reason(Term):
    """A reason code. `back`: return date for recycled; `blames`: what the refusal teaches us to look at."""

    label: str = ""
    back: Span | None = None
    blames: Literal["fit", "intent", "routing", "data", "timing"] | None = None
    note: bool = False


class Refusal(Term):
    reasons: Mapping[Name, Reason] = Field(min_length=1)


class Dispositions(Term):
    """Reason codes for recycle and disqualify; connected and meeting set need none."""

    recycle: Refusal
    disqualify: Refusal


class Example(Term):
    """A worked case inside the contract, proved by `handfast contract prove`.

    `given`: `person` (declared fields), `signals` (a list of `{kind, ago, …fields}`, `ago` a duration before `at`), `owner` (of the
    account), `away` (absent reps), `open` (how many open handoffs reps hold), `at` (a local time of the contract's calendar).
    `expect`: `verdict`, `fit`, `intent`, `next_step`, `reason`, `owner`, `pool`, `territory`, `rule`, `sla`, `first_touch`, `due`; only
    what is named is compared.
    """

    name: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


class Contract(Term):
    """The whole agreement. `id` is the hash of its content: the same terms have the same id whatever the layout of the text."""

    contract: str
    motion: Name = "new_business"
    calendar: Calendar
    calendars: Mapping[Name, Calendar] = {}
    fields: Mapping[Name, FieldType] = {}
    signals: Mapping[Name, Mapping[Name, FieldType]] = {}
    ready: Ready
    match: Match = Match()
    routing: Routing
    sla: tuple[Sla, ...] = Field(min_length=1)
    brief: Brief = Brief()
    dispositions: Dispositions
    examples: tuple[Example, ...] = ()

    @property
    def id(self) -> str:
        """`ctr_` and 16 hex digits of the SHA-256 over the canonical JSON of all terms."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return "ctr_" + hashlib.sha256(text.encode()).hexdigest()[:16]
