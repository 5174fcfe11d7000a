"""Who takes turns, what is asked of them, and what becomes of their handoffs when something changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from handfast.contract.terms_base import Condition, Duration, Name, OpenCap, Span, Term

_DAILY: Final = re.compile(r"^\s*(\d{1,6})\s*(?:per|a)\s*day\s*$", re.IGNORECASE)


def _daily(value: object) -> object:
    if isinstance(value, str):
        if (match := _DAILY.match(value)) is None:
            raise ValueError(f"'{value}' does not say how many a day; write it as '5 per day'")
        return int(match[1])
    return value


#: How many handoffs a member may be given on one day of their own zone.
DayCap = Annotated[int, BeforeValidator(_daily), Field(ge=1), PlainSerializer(lambda n: f"{n} per day", return_type=str)]


class NeedTerm(Term):
    """A skill or language that whoever takes it must have; with `when`, only where the condition is true."""

    skill: Name
    when: Condition | None = None


def _need(value: object) -> object:
    return {"skill": value} if isinstance(value, str) else value


def _plain_need(need: NeedTerm) -> Any:
    return need.skill if need.when is None else {"skill": need.skill, "when": need.when}


Need = Annotated[NeedTerm, BeforeValidator(_need), PlainSerializer(_plain_need)]


class Pool(Term):
    """Members with their weight (share of turns), how much each may hold, and what is asked of them.

    `hours`: a calendar; whoever is outside it on their own wall clock is not asked. None: hours are not looked at. `counter`: pools of one
    counter share their turns. `sticky`: who comes back within this time goes to the member who had them last, while that one can.
    """

    members: Mapping[Name, Annotated[float, Field(gt=0)]]
    cap: OpenCap | None = None
    per_day: DayCap | None = None
    hours: Name | None = None
    needs: tuple[Need, ...] = ()
    counter: Name | None = None
    sticky: Span | None = None

    @property
    def sticky_minutes(self) -> int:
        """How long somebody is remembered, in minutes; 0 for not at all."""
        return self.sticky.minutes if self.sticky is not None else 0


class Moves(Term):
    """What becomes of open handoffs when their owner leaves, returns, or the CRM names another one. Untouched: nobody has tried yet.

    `away_longer_than`: untouched handoffs of whoever is away for longer go to somebody else. `hand_back`: what was given to somebody else
    because the owner was away goes back when the owner returns. `owner_changed`: which open handoffs follow the account to a new owner.
    `undo_within`: another owner named by another system so soon after we chose one is taken back.
    `owners_from`: the sources whose signals may name the owner of an account; a write key that stands in a web page is nobody's secret.
    """

    away_longer_than: Span | None = None
    hand_back: Literal["never", "untouched", "all"] = "never"
    owner_changed: Literal["stay", "untouched", "all"] = "stay"
    undo_within: Span | None = None
    owners_from: tuple[str, ...] = ()


#: How long a dispute may wait for its answer, in the team's hours.
DISPUTES_WITHIN: Final = Duration(amount=2, unit="day")
