"""The report of a replay on a terminal: nothing wraps, and what is left out is said."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from handfast.cli.replay import _frontier


def frontier(intents: list[int], own: int) -> dict[str, Any]:
    cells = [
        {"fit": fit, "intent": intent, "per_week": 123.4, "precision": 1.0, "load": 0.5, "low": 0.1, "high": 0.2}
        for fit in (40, 50)
        for intent in intents
    ]
    return {"fits": [40, 50], "intents": intents, "cells": cells, "draft": {"fit": 50, "intent": own}}


@pytest.mark.parametrize("width", [60, 80, 140, 300])
def test_no_cell_wraps_and_the_draft_is_always_there(width: int) -> None:
    console = Console(width=width, record=True, file=StringIO())
    intents = list(range(10, 130, 10))
    console.print(_frontier(frontier(intents, 100), width))
    said = console.export_text()
    assert all(len(line) <= width for line in said.splitlines())
    header = next(line.split() for line in said.splitlines() if line.startswith("fit "))
    assert "100" in header[1:]
    assert said.count("123.4 · 100%") == 2 * len(header[1:])
    assert ("more in --json" in " ".join(said.split())) == (width < 300)
