"""A version that holds for a share only: for whom, and what makes it give way by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handfast.contract.terms_base import Condition, Span, Term
from handfast.contract.terms_sla import Percent


class Guardrails(Term):
    """Where one of these is passed, the version gives way to the one before, at once. Each may be left out.

    `unassigned`: the share of its handoffs that found no owner when they were opened. `skew`: how many times their fair share somebody has
    taken of a pool's turns. `assign_p95`: within this time of the request 95 of 100 have an owner (elapsed). `after`: nothing is concluded
    from fewer handoffs.
    """

    after: int = Field(default=20, ge=5, le=10_000)
    unassigned: Percent | None = None
    skew: Annotated[float, Field(gt=1, le=100)] | None = None
    assign_p95: Span | None = None


class Canary(Term):
    """The version decides for `share` of the parties for which `when` is true; for all others the version before it goes on."""

    share: Percent
    when: Condition | None = None
    guardrails: Guardrails = Guardrails()
