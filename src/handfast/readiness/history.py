"""The history of a score: at every signal what it gave, what had faded since the one before, and where that left the person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from handfast.readiness.explain import workings
from handfast.readiness.verdict import judge

if TYPE_CHECKING:
    from datetime import datetime

    from handfast.contract.agreement import Agreement

#: The latest so many moments are told.
MOST: Final = 100
_INSTANT: Final = pl.duration(microseconds=1)


def score_history(
    agreement: Agreement,
    person_id: str,
    people: pl.DataFrame,
    evidence: pl.DataFrame,
    *,
    overrides: pl.DataFrame | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """The moments that moved a person's score, the earliest first.

    Each moment of a signal the contract listens to is judged twice, an instant before and with it, by the function that judges everybody;
    so what is said to have been gained at all moments, less what faded between them, is the score, to the millionth.

    Args:
        people, evidence, overrides: as for `verdict.judge`; the evidence as far back as `agreement.reach` before the first moment to tell.
        until: no later moments than this (aware).

    Returns:
        For each moment `at` (UTC), `outcome`, `fit`, `intent_millionths`, `next_step`, `gained` and `faded` (millionths of intent: by the
        signals of this moment, and lost since the moment before), `signals` (their numbers), `moved` (of each rule that gave anything
        `rule`, `because`, `when`, `millionths`) and `changed`: whether the outcome is another one than before.
    """
    mine = evidence.filter(pl.col("person_id") == person_id, pl.col("kind").is_in(list(agreement.kinds)))
    if until is not None:
        mine = mine.filter(pl.col("occurred_at") <= until)
    moments = mine.group_by("occurred_at").agg(pl.col("signal").sort()).sort("occurred_at").tail(MOST)
    if moments.is_empty():
        return []
    at = moments["occurred_at"]
    asked = pl.concat([at.to_frame("at").select(pl.col("at") - _INSTANT), at.to_frame("at")]).select(
        pl.lit(person_id).alias("person_id"), "at"
    )
    judged = judge(agreement, asked, people, mine, overrides=overrides, working=True)
    shown, rows = workings(agreement, judged, change=False), judged.select("at", "outcome", "fit", "intent", "next_step").to_dicts()
    many, found = moments.height, []
    for n, signals in enumerate(moments["signal"].to_list()):
        before, after = rows[n], rows[many + n]
        earlier = rows[many + n - 1] if n else before
        found.append(
            {
                "at": after["at"],
                "outcome": after["outcome"],
                "fit": after["fit"],
                "intent_millionths": after["intent"],
                "next_step": after["next_step"],
                "gained": after["intent"] - before["intent"],
                "faded": earlier["intent"] - before["intent"],
                "signals": signals,
                "moved": _moved(shown[n], shown[many + n]),
                "changed": after["outcome"] != (earlier["outcome"] if n else "not_yet"),
            }
        )
    return found


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each rule gave at this moment, those that gave nothing left out."""
    pairs = zip(before["criteria"], after["criteria"], strict=True)
    return [
        {"rule": late["rule"], "because": late["because"], "when": late["when"], "millionths": late["millionths"] - early["millionths"]}
        for early, late in pairs
        if late["part"] == "intent" and late["millionths"] != early["millionths"]
    ]
