"""How fast, and what happens on the way: Sales' promises, when a clock may stand still, and marketing's own promises."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, model_validator

from handfast.contract.terms_base import Condition, Name, Span, Term
from handfast.numbers import short

Action = Literal["remind", "tell", "offer", "reassign", "off_rotation", "return_to"]
ACTIONS: Final[tuple[Action, ...]] = ("remind", "tell", "offer", "reassign", "off_rotation", "return_to")
#: Who can be told besides the manager: a channel by the name its connector knows.
CHANNEL: Final = "channel:"

Told = Annotated[str, StringConstraints(pattern=r"^(manager|channel:[A-Za-z0-9#@_.-]{1,80})$")]


class Step(Term):
    """One step of a ladder: exactly one action, `after` the clock's start. `urgent`: its notice waits for nobody's hours (`notices`)."""

    after: Span
    remind: Literal["owner", "marketing"] | None = None
    tell: Told | None = None
    offer: Name | None = None
    reassign: Name | None = None
    off_rotation: Literal["owner"] | None = None
    return_to: Literal["marketing"] | None = None
    urgent: bool = False

    @property
    def action(self) -> Action:
        for name in ACTIONS:
            if getattr(self, name) is not None:
                return name
        raise AssertionError("a step has exactly one action")

    @property
    def sentence(self) -> str:
        """What it does, as a list of steps says it: `remind the owner`."""
        told = (self.tell or "").removeprefix(CHANNEL)
        said = {
            "remind": "remind marketing" if self.remind == "marketing" else "remind the owner",
            "tell": f"tell channel {told}" if self.tell != "manager" else "tell the manager",
            "offer": f"offer it to pool {self.offer}",
            "reassign": f"reassign to pool {self.reassign}",
            "off_rotation": "take the owner off rotation",
            "return_to": "return to marketing",
        }[self.action]
        return f"{said}, whatever the hour" if self.urgent else said

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if sum(getattr(self, name) is not None for name in ACTIONS) != 1:
            said = (
                "remind: owner, tell: manager (or channel:NAME), offer: POOL, reassign: POOL, off_rotation: owner or return_to: marketing"
            )
            raise ValueError(f"a step does exactly one thing: {said}")
        return self


class Target(Term):
    """A promise besides the first touch. `calendar`: None for that of its SLA, or the team's."""

    within: Span
    calendar: Name | None = None
    ladder: tuple[Step, ...] = ()


class Sla(Term):
    """How fast Sales makes the first touch, for the handoffs that meet `when`. The first one that matches holds.

    `calendar`: `team` (the contract's own), `rep` (the owner's own hours, region and absences), `always` (around the clock) or the
    name of one of `calendars`. `accept`: the owner says yes, anew for each owner. `next_touch`: from one touch to the next.
    `disposition`: from the moment nothing else is awaited.
    """

    name: Name
    when: Condition | None = None
    first_touch: Span
    calendar: Name = "team"
    ladder: tuple[Step, ...] = ()
    accept: Target | None = None
    next_touch: Target | None = None
    disposition: Target | None = None


class Pause(Term):
    """A reason for which the clocks of a handoff may stand still, for `at_most` so long; then they run on by themselves.

    `waits_for`: to whom the time is put down in the account of delays.
    """

    label: str = ""
    at_most: Span
    waits_for: Literal["prospect", "rep", "queue", "system"] = "prospect"


_PERCENT: Final = re.compile(r"^\s*(\d{1,3}(?:\.\d{1,2})?)\s*%\s*$")


def _percent(value: object) -> object:
    if isinstance(value, str):
        if (match := _PERCENT.match(value)) is None:
            raise ValueError(f"'{value}' is not a share; write it as '20%'")
        return float(match[1])
    if isinstance(value, int | float):
        raise ValueError(f"{value} does not say of what; write it as '{value}%'")
    return value


#: Per cent, 0 to 100.
Percent = Annotated[float, BeforeValidator(_percent), Field(ge=0, le=100), PlainSerializer(lambda n: f"{short(n)}%", return_type=str)]


class Band(Term):
    """So many handoffs a week or month (of the team's calendar zone); outside, marketing owes an answer within `answer_within`."""

    every: Literal["week", "month"]
    at_least: int = Field(default=0, ge=0)
    at_most: int | None = Field(default=None, ge=0)
    answer_within: Span
    ladder: tuple[Step, ...] = ()


class Share(Term):
    """At most such a share of the handoffs closed in a week or month was disqualified for fit or data; judged from `minimum` closed on."""

    every: Literal["week", "month"]
    at_most: Percent
    minimum: int = Field(default=20, ge=1)
    answer_within: Span
    ladder: tuple[Step, ...] = ()


class Marketing(Term):
    """What marketing owes: complete context, data that reaches the person, a volume Sales can plan for, few false positives.

    `context_complete`: what `brief.required` names is there. `contact_valid`: an address that does not bounce, a number that rings.
    """

    context_complete: Target | None = None
    contact_valid: Target | None = None
    volume: Band | None = None
    false_positives: Share | None = None
