"""The part of `handfast report` about who got what: how many assignments stood, and how value was shared out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from handfast.measure.accuracy import BREAKDOWNS
from handfast.numbers import percent


def assignments(found: Mapping[str, Any]) -> Table:
    """One row for all, and one for each rung, pool and month."""
    title = f"Assignments at least {found['window_days']} days old: how many stood"
    columns = ("", "decided", "examined", "of these stood", "95%", "of all stood", "95%", "nobody looked")
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    table.add_row("all", *_cells(found["all"]))
    for word in BREAKDOWNS:
        for row in found[word]:
            table.add_row(f"{word} {row['key'].replace('_', ' ')}", *_cells(row))
    return table


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    shares = [cell for name in ("of_examined", "of_all") for cell in _share(row[name])]
    return (str(row["assignments"]), str(row["examined"]), *shares, str(row["unexamined"]))


def _share(figure: Mapping[str, Any]) -> tuple[str, str]:
    if figure["value"] is None:
        return "–", f"[dim]{str(figure['why']).partition(': ')[2]}[/dim]"
    return percent(figure["value"]), f"{percent(figure['low'])} to {percent(figure['high'])}"


def fairness(pools: Sequence[Mapping[str, Any]]) -> Table:
    """A row a pool: whether value is shared out as turns are, and the patterns of its turns. Nobody is named."""
    columns = (
        "pool",
        "turns",
        "as uneven by chance",
        "outside the band",
        "late after a yes",
        "declared only",
        "untried, low",
        "untried, other",
        "off before a turn",
    )
    table = Table(*columns, title="Shared out, in 90 days", title_justify="left", box=None, pad_edge=False)
    for pool in pools:
        said = f"{pool['p']:.3f}" if pool["p"] is not None else f"[dim]{pool['why']}[/dim]"
        outside = f"{pool['outside']} of {pool['members']}" if pool["p"] is not None else "–"
        table.add_row(pool["pool"], str(pool["turns"]), said, outside, *(_count(one) for one in pool["patterns"].values()))
    return table


def _count(one: Mapping[str, Any]) -> str:
    return f"{one['hits']} of {one['n']}" if one["n"] else "–"
