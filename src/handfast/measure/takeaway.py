"""Figures in words: one line to take away, and the pairs that keep each other honest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from handfast.numbers import percent

#: Two measures and the sentence for a reader who sees only the first.
PAIRS: Final[tuple[tuple[str, str, str], ...]] = (
    ("sla_compliance", "contact_rate", "A clock is met by an attempt; only the contact rate says whether anybody was reached."),
    ("speed_to_lead", "meeting_rate", "Fast is worth what it leads to: read the speed beside the meetings."),
    ("mql_to_sql", "won_90d", "Opportunities opened to please the rate show up as deals that are not won."),
)


def duration(seconds: float | None) -> str:
    """A time people say: `45 s`, `12 min`, `3.5 h`, `2.1 days`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def takeaway(whole: Mapping[str, Any]) -> str:
    """One line on the whole period."""
    counts, m = whole["counts"], whole["measures"]
    if not counts["handoffs"] and not counts["leads"]:
        return "No handoffs in this period."
    parts = [f"{counts['leads']} leads in {counts['handoffs']} handoffs"]
    if (speed := m["speed_to_lead"]["p50"]["value"]) is not None:
        parts.append(f"half touched within {duration(speed)}")
    for name, said in (
        ("sla_compliance", "SLA kept"),
        ("contact_rate", "contacted"),
        ("meeting_rate", "meeting set"),
        ("mql_to_sql", "SQL"),
    ):
        if (value := m[name]["value"]) is not None:
            parts.append(f"{said} {percent(value)}")
    if counts["unassigned"]:
        parts.append(f"{counts['unassigned']} without an owner")
    if len(parts) == 1:
        parts.append("too few for figures yet")
    return "; ".join(parts) + "."


def guards(measures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each pair side by side."""
    return [
        {"pair": [first, second], "values": [_headline(measures[first]), _headline(measures[second])], "note": note}
        for first, second, note in PAIRS
    ]


def _headline(figure: Mapping[str, Any]) -> float | None:
    value = figure["p50"]["value"] if figure["kind"] == "time" else figure["value"]
    return None if value is None else float(value)


__all__ = ["PAIRS", "duration", "guards", "takeaway"]
