"""Who a person is matched to, and who gets the handoff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from handfast.contract.terms_base import Condition, Duration, Name, OpenCap, Span, Term


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
