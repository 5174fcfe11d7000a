"""The contract of the demo company as the benchmarks need it."""

from __future__ import annotations

from handfast.contract.lists import joined, split
from handfast.demo.run import contract_text


def uncapped() -> str:
    """Northwind's contract with the caps on open work so high that nobody meets them."""
    return contract_text().replace("cap: 15 open", "cap: 999999 open").replace("cap: 12 open", "cap: 999999 open")


def without_examples(text: str) -> str:
    """The text cut before its examples, with the entries of its lists."""
    text, packed = split(text)
    return joined(text[: text.index("\nexamples:") + 1], packed)


def at_all_hours(text: str) -> str:
    """The text without its examples, its team at work around the clock and every day: a clock begun now falls due when its minutes are over."""
    text = text.replace('week: {mon-fri: ["09:00-12:30", "13:15-17:30"]}', 'week: {mon-sun: ["00:00-24:00"]}')
    return without_examples(text.replace("  holidays: US\n", "", 1).replace("closed: [2026-12-24]", "closed: []"))
