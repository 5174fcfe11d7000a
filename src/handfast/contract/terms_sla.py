"""How fast, and what happens on the way."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from handfast.contract.terms_base import Condition, Name, Span, Term


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
