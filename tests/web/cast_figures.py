"""The figures of the page tests: a scoreboard with one part that has too little data."""

from __future__ import annotations

from typing import Any

from cast_company import NOW

from handfast.measure.cohort import Period
from handfast.measure.facts import nothing
from handfast.measure.kept import clocks_kept

WEEKS = ["1 Sep", "8 Sep", "15 Sep", "22 Sep", "29 Sep", "6 Oct", "13 Oct", "20 Oct", "27 Oct", "3 Nov", "10 Nov", "17 Nov"]
MEDIAN = [61, 58, 49, 44, 38, 31, 27, 24, 19, 17, 15, 14]


def _clocks() -> list[dict[str, Any]]:
    """Every kind of clock as the measure gives it where there is nothing; of the first touch, two months of figures."""
    found = clocks_kept(nothing(), NOW, Period(), {}, 30, ("first_touch", "accept"))
    none = {"value": None, "low": None, "high": None, "why": "not reached: 412 of 440 met, the rest not watched long enough or never"}
    half = {"value": 1260, "low": 1100, "high": 1500, "why": None}
    used = {"n": 440, "happened": 412, "p50": half, "p90": none}
    figures = {"kept": 379, "missed": 33, "still_open": 4, "open": 12, "early": 9, "ended": 7, "used": used, "why": None,
               "rate": {"value": 0.92, "low": 0.89, "high": 0.94, "hits": 379, "n": 412, "why": None}}  # fmt: skip
    few = {**figures, "rate": {"value": None, "low": None, "high": None, "hits": 9, "n": 11, "why": "not enough data: 11 of 30"}}
    months = [{"month": "2026-10", **figures}, {"month": "2026-11", **few}]
    return [{**one, **figures, "months": months} if one["kind"] == "first_touch" else one for one in found]


#: A report in the shape of `web.scoreboard`, with one part that has too little data.
FIGURES: dict[str, Any] = {
    "period": "last 12 weeks",
    "verdict": [
        {"text": "First touch went from 61 to", "tone": ""},
        {"text": "14 minutes.", "tone": "good"},
        {"text": "Stage 1 to 2 has not moved yet.", "tone": "still"},
    ],
    "tiles": [
        {"name": "Speed to lead, median", "value": "14", "unit": "min", "delta": "−47 min", "tone": "good", "target": "target 15", "spark": MEDIAN, "needs": None},
        {"name": "Meeting rate", "value": "31", "unit": "%", "delta": "+9 pt", "tone": "good", "target": "", "spark": [22, 21, None, 24, 27, 31], "needs": None},
        {"name": "Stage 1 to 2", "value": "43", "unit": "%", "delta": "−1 pt", "tone": "bad", "target": "target 50", "spark": [44, 45, 43], "needs": None},
        {"name": "Pipeline created", "value": "", "unit": "", "delta": "", "tone": "", "target": "", "spark": [], "needs": "no opportunity is known yet"},
    ],
    "speed": {
        "labels": WEEKS, "p50": MEDIAN, "p90": [190, 182, 171, 150, None, 120, 96, 84, 71, 62, 55, 52], "target": 15, "unit": " min",
        "note": "Minutes to first touch, by week of handoff", "takeaway": "The slow tail fell faster than the middle", "needs": None,
    },
    "funnel": {
        "note": "Handoffs opened since 1 September", "needs": None,
        "steps": [
            {"name": "Handed off", "count": 1284, "share": 1.0, "rate": None},
            {"name": "Touched in SLA", "count": 1081, "share": 0.84, "rate": 0.84},
            {"name": "Meeting set", "count": 398, "share": 0.31, "rate": 0.37},
        ],
    },
    "cohorts": {
        "note": "Share of each week’s handoffs with a meeting set after n days", "ages": ["1 day", "3", "7", "14", "28"], "needs": None,
        "rows": [
            {"name": "6 Oct", "count": 104, "rates": [0.09, 0.17, 0.22, 0.26, 0.27]},
            {"name": "10 Nov", "count": 121, "rates": [0.16, 0.25, None, None, None]},
        ],
    },
    "sla": {
        "note": "First touch inside the promise", "needs": None,
        "rows": [
            {"name": "Fast lane", "promise": "15 minutes", "decided": 412, "met": 379, "rate": 0.92, "low": 0.89, "high": 0.94},
            {"name": "Same day", "promise": "4 hours", "decided": 0, "met": 0, "rate": None, "low": None, "high": None},
        ],
    },
    "clocks": [*_clocks()],
}  # fmt: skip
