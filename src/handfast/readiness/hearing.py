"""Which rules hear a signal: only what tells signals of the kinds at hand apart is asked, each condition once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import polars as pl

from handfast.contract.frames import picked
from handfast.readiness.plan import Plan, Question

#: What a condition says; None: unknown.
Said: TypeAlias = bool | None
#: The answer that is no condition's: the local day of a signal.
DAY: Final = "_day"


def fields_of(plan: Plan, kinds: Sequence[str | None]) -> frozenset[str]:
    """The fields that the conditions on signals of these kinds read."""
    return frozenset().union(*(question.names for question in _asked(plan, kinds)))


def answers_of(plan: Plan, kinds: Sequence[str | None], signals: pl.DataFrame, *, days: bool = False) -> Mapping[str, Sequence[Any]]:
    """What each condition on signals of these kinds says of every one of `signals`, by its name; with `days` also `DAY`.

    `signals`: one for each of `kinds`, with what `fields_of` names; for `days` also `occurred_at`.
    """
    asked = [*(question.said for question in _asked(plan, kinds)), *((plan.day.alias(DAY),) if days else ())]
    return {column.name: column.to_list() for column in picked(signals, *asked)} if asked else {}


def listening(plan: Plan, kinds: Sequence[str | None], answers: Mapping[str, Sequence[Any]]) -> list[list[tuple[int, Said]]]:
    """For each signal the listeners that hear it or cannot tell, by their position; and which of the two it is. `answers`: `answers_of`."""
    found = []
    for row, kind in enumerate(kinds):
        said = [(number, True if asks is None else answers[asks][row]) for number, asks in plan.hear.get(kind, ())]
        found.append([one for one in said if one[1] is not False])
    return found


def heard(plan: Plan, kinds: Sequence[str | None], answers: Mapping[str, Sequence[Any]]) -> list[bool]:
    """Whether any listener hears each signal, or cannot tell. `answers`: `answers_of`."""
    asked = {kind: [asks for _, asks in plan.hear.get(kind, ())] for kind in dict.fromkeys(kinds)}
    always = {kind for kind, those in asked.items() if None in those}
    said = {kind: _any([answers[asks] for asks in those if asks is not None]) for kind, those in asked.items() if those}
    return [kind in always or (kind in said and said[kind][row] is not False) for row, kind in enumerate(kinds)]


def _any(columns: Sequence[Sequence[Said]]) -> Sequence[Said]:
    """For each signal something else than False where any of the answers is."""
    return columns[0] if len(columns) == 1 else [set(row) != {False} for row in zip(*columns, strict=True)]


def _asked(plan: Plan, kinds: Sequence[str | None]) -> list[Question]:
    asked = {asks for kind in dict.fromkeys(kinds) for _, asks in plan.hear.get(kind, ()) if asks is not None}
    return [plan.questions[asks] for asks in sorted(asked)]
