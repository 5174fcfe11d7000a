"""What is known of whose somebody is before anybody's turn is asked: never-rules and territories, owners, opportunities, parents.

Never-rules and territories are conditions on the contract's fields; a whole batch is evaluated in one pass, the first that is true holds.
Unknown is not true: it passes on, and is remembered, because "west was skipped: nobody knows the state" is the usual answer to "why did
this go to him?". Owners, opportunities and parents need no computing: they are read beside the person, and `routing.owners` says what
follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.conditions import Compiled
from handfast.contract.frames import added

#: Pool, or `territory:NAME`, to the skills it asks for in one case.
Needs = Mapping[str, frozenset[str]]
NO_NEEDS: Final[Needs] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Claim:
    """The territory that claims a person, or None; and those before it for which that could not be known.

    `never`: the reason why it goes to nobody by itself, or None; `never_unknown`: the reasons for which that could not be known.
    `needs`: the skills that pools and territories ask for here.
    """

    territory: str | None = None
    unknown: tuple[str, ...] = ()
    never: str | None = None
    never_unknown: tuple[str, ...] = ()
    needs: Needs = field(default_factory=lambda: NO_NEEDS)


class Deal(NamedTuple):
    """An opportunity, as far as it gives somebody a claim. `opened` is an ISO day."""

    id: str
    owner: str | None
    opened: str


class Company(NamedTuple):
    """An account above another, and the rep who owns it, if any does."""

    id: str
    name: str
    owner: str | None


class Known(NamedTuple):
    """What is on record at the moment of a decision, read only where the ladder asks for it.

    `deals`: open opportunities of the account (of the person, who has none), the latest first. `won`: the latest that was won. `above`: the
    accounts above this one, the nearest first; `circle`: they lead back to one that was there already, and end there.
    """

    deals: tuple[Deal, ...] = ()
    won: Deal | None = None
    above: tuple[Company, ...] = ()
    circle: bool = False


NOTHING_KNOWN = Known()


class Case(NamedTuple):
    """What routing must know of a handoff: nothing but who may have a claim on it."""

    handoff_id: str
    account_owner: str | None = None
    territory: str | None = None
    unknown_territories: tuple[str, ...] = ()
    never: str | None = None
    unknown_never: tuple[str, ...] = ()
    known: Known = NOTHING_KNOWN
    needs: Needs = NO_NEEDS
    #: Who had this person last, and until when (UTC); asked only by pools that are sticky.
    last: tuple[str, datetime] | None = None


def case_of(
    handoff_id: str, owner: str | None, claim: Claim, known: Known = NOTHING_KNOWN, last: tuple[str, datetime] | None = None
) -> Case:
    """A handoff with all that has a claim on it. `owner`: who owns the account; `last`: who had the person last, and until when."""
    return Case(handoff_id, owner, claim.territory, claim.unknown, claim.never, claim.never_unknown, known, claim.needs, last)


_UNCLAIMED = Claim()


def claims(agreement: Agreement, people: pl.DataFrame) -> list[Claim]:
    """What the conditions of the ladder say of each row, in the order of the rows.

    Args:
        agreement: its never-rules and territories, in the order in which they are asked.
        people: a column for each of the contract's fields, as `conditions.as_frame` makes them; other columns are left alone.
    """
    claimed = _claims(agreement, people)
    if not agreement.needs:
        return claimed
    return [replace(claim, needs=asked) for claim, asked in zip(claimed, needs_of(agreement, people), strict=True)]


def needs_of(agreement: Agreement, people: pl.DataFrame) -> list[Needs]:
    """The skills asked for in each case. A condition that cannot be known does not hold: nobody is passed over for a language that nobody
    said was needed."""
    seen: dict[tuple[bool | None, ...], Needs] = {}
    found = answers([need.when for need in agreement.needs], people)
    for row in found:
        if row not in seen:
            asked: dict[str, frozenset[str]] = {}
            for need in (need for need, answer in zip(agreement.needs, row, strict=True) if answer):
                asked[need.of] = asked.get(need.of, frozenset()) | {need.skill}
            seen[row] = asked
    return [seen[row] for row in found]


def _claims(agreement: Agreement, people: pl.DataFrame) -> list[Claim]:
    if not agreement.territories and not agreement.never_routed:
        return [_UNCLAIMED] * people.height
    routing = agreement.contract.routing
    kept, lands = [rule.reason for rule in routing.never], [territory.name for territory in routing.territories]
    found = answers((*agreement.never_routed, *agreement.territories), people)
    # A batch has few different rows of answers: each is read once.
    seen: dict[tuple[bool | None, ...], Claim] = {}
    for row in found:
        if row not in seen:
            never, land = _first(kept, row[: len(kept)]), _first(lands, row[len(kept) :])
            seen[row] = Claim(*land, *never)
    return [seen[row] for row in found]


def answers(conditions: Sequence[Compiled | None], frame: pl.DataFrame) -> list[tuple[bool | None, ...]]:
    """What each condition says of each row: True, False, or None for unknown. A condition that is absent is True."""
    return answered(conditions, frame).rows()


def answered(conditions: Sequence[Compiled | None], frame: pl.DataFrame) -> pl.DataFrame:
    """As `answers`, a column for each condition, called by its place."""
    said = {
        f"{place}": pl.lit(True) if condition is None else condition.expr.cast(pl.Boolean) for place, condition in enumerate(conditions)
    }
    # Added to the rows, not selected from them: a condition that speaks of no field would come back as one row for all.
    return added(frame, **said).select(list(said))


def _first(names: list[str], answers: Sequence[bool | None]) -> tuple[str | None, tuple[str, ...]]:
    """The first that is true, and those before it that nobody can tell."""
    unknown: list[str] = []
    for name, answer in zip(names, answers, strict=True):
        if answer:
            return name, tuple(unknown)
        if answer is None:
            unknown.append(name)
    return None, tuple(unknown)
