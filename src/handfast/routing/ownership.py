"""Whose it is before anybody's turn is asked: the territory that claims a person.

A named account needs no computing: its owner stands on the account. Territories are conditions on the contract's fields; a whole batch
is evaluated in one pass, the first that is true claims the person. Unknown is not true: it passes on, and is remembered, because
"west was skipped: nobody knows the state" is the usual answer to "why did this go to him?".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.conditions import Compiled


@dataclass(frozen=True, slots=True)
class Claim:
    """The territory that claims a person, or None; and those before it for which that could not be known."""

    territory: str | None = None
    unknown: tuple[str, ...] = ()


_UNCLAIMED = Claim()


def territories(agreement: Agreement, people: pl.DataFrame) -> list[Claim]:
    """The claim on each row, in the order of the rows.

    Args:
        agreement: its territory conditions, in the order in which they are asked.
        people: a column for each of the contract's fields, as `conditions.as_frame` makes them; other columns are left alone.
    """
    if not agreement.territories:
        return [_UNCLAIMED] * people.height
    names = [territory.name for territory in agreement.contract.routing.territories]
    return [_claim(names, row) for row in answers(agreement.territories, people)]


def answers(conditions: Sequence[Compiled | None], frame: pl.DataFrame) -> list[tuple[bool | None, ...]]:
    """What each condition says of each row: True, False, or None for unknown. A condition that is absent is True."""
    said = {
        f"{place}": pl.lit(True) if condition is None else condition.expr.cast(pl.Boolean) for place, condition in enumerate(conditions)
    }
    # Added to the rows, not selected from them: a condition that speaks of no field would come back as one row for all.
    return frame.with_columns(**said).select(list(said)).rows()


def _claim(names: list[str], answers: tuple[bool | None, ...]) -> Claim:
    unknown: list[str] = []
    for name, answer in zip(names, answers, strict=True):
        if answer:
            return Claim(name, tuple(unknown))
        if answer is None:
            unknown.append(name)
    return Claim(None, tuple(unknown)) if unknown else _UNCLAIMED
