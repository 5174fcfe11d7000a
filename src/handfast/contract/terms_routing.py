"""Who a person is matched to, and who gets the handoff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from handfast.contract.terms_base import Condition, Duration, Name, Span, Term
from handfast.contract.terms_pool import DISPUTES_WITHIN, Moves, Need, Pool
from handfast.contract.terms_ready import NeverRule


class Match(Term):
    """How a person finds an account: by domain, by the distinctive words of the company's name, or by nothing (`off` and no words)."""

    domain: Literal["off", "fallback", "always"] = "always"
    distinctive_words: bool = False
    review_below: Annotated[float, Field(ge=0.5, le=1)] = 0.9
    free_mail: tuple[str, ...] = ()


Rung = Literal["never", "named_account", "open_opportunity", "customer", "territory", "pool"]
#: Whose owner counts above an account: nobody's, that of its parent, that of the topmost company.
Hierarchy = Literal["off", "parent", "ultimate"]


class Conflicts(Term):
    """Who has it where two reps have a claim. `person`: nobody, until a person says who.

    `parent`: the owner of the account and the owner above it; `opportunity`: the owner of the account and that of its open opportunity;
    `opportunities`: the owners of several open opportunities (`latest`: of the one opened last).
    """

    parent: Literal["person", "account", "parent"] = "person"
    opportunity: Literal["person", "account", "opportunity"] = "person"
    opportunities: Literal["person", "latest"] = "person"


class Territory(Term):
    name: Name
    when: Condition
    to: Name
    needs: tuple[Need, ...] = ()


class Routing(Term):
    """Precedence first (`ladder`), then eligibility, then whose turn it is. `pool` is the pool for what no territory claims."""

    ladder: tuple[Rung, ...] = ("named_account", "territory", "pool")
    #: What goes to nobody by itself: it stands in the exception queue with the reason until a person decides.
    never: tuple[NeverRule, ...] = ()
    territories: tuple[Territory, ...] = ()
    hierarchy: Hierarchy = "off"
    conflicts: Conflicts = Conflicts()
    #: The pool or rep for customers whose account nobody owns, and who were sold to by nobody who is still there.
    customers: Name | None = None
    pools: Mapping[Name, Pool] = {}
    default: Name | None = None
    otherwise: Literal["exceptions"] = "exceptions"
    #: How long a handoff may stand in the exception queue, in the team's hours, before it is late.
    exceptions_within: Span = Duration(amount=1, unit="hour")
    #: The rep who minds the exception queue and hears of what stands there; None: ops.
    minded_by: Name | None = None
    moves: Moves = Moves()
    #: How long a dispute may wait for its answer, in the team's hours.
    disputes_within: Span = DISPUTES_WITHIN
