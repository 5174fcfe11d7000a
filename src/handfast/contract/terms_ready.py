"""What sales-ready is: fit, intent, next step, exclusions, grades and the buying group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from handfast.contract.terms_base import AtMost, Condition, Duration, Name, Span, Term, Times


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
