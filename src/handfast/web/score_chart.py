"""The score of one person over time: up with each signal, down as it fades, beside the bar it has to reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from handfast.numbers import points, short
from handfast.readiness.plan import MILLIONTHS
from handfast.web.charts import Box, end_labels, rulers, ticks

#: Labels of the time axis.
_DAYS: Final = 6


def score(history: Sequence[Mapping[str, Any]], bar: float, zone: ZoneInfo) -> Markup:
    """The intent of a `score_history` against time (days in `zone`), the bar dashed, a dot where the outcome changed.

    Each moment goes straight up from what was left of the score to what it became; between two moments it fades. Empty with fewer than two
    moments.
    """
    if len(history) < 2:
        return Markup()
    begin: datetime = history[0]["at"]
    end: datetime = history[-1]["at"]
    worth = [(one["intent_millionths"] / MILLIONTHS, (one["intent_millionths"] - one["gained"]) / MILLIONTHS) for one in history]
    marks = ticks(0, max([bar, 1, *(after for after, _ in worth)]))
    span = max((end - begin).total_seconds(), 1.0)
    box = Box(width=720, height=210, left=34, right=72, top=12, bottom=24, low=0, high=marks[-1], count=2)

    def x(at: datetime) -> float:
        return box.x((at - begin).total_seconds() / span)

    line = "M" + "L".join(
        f"{x(one['at']):.1f},{box.y(value):.1f}" for one, (after, before) in zip(history, worth, strict=True) for value in (before, after)
    )
    dots = [
        f'<circle class="dot a" cx="{x(one["at"]):.1f}" cy="{box.y(after):.1f}" r="3.5"><title>{escape(_turned(one))}</title></circle>'
        for one, (after, _) in zip(history, worth, strict=True)
        if one["changed"]
    ]
    last, level = worth[-1][0], box.y(bar)
    parts = [
        f'<svg class="chart" viewBox="0 0 {box.width} {box.height}" role="img" aria-labelledby="score-t score-d">',
        '<title id="score-t">Intent over time</title>',
        f'<desc id="score-d">{escape(_said(history, bar))}</desc>',
        *rulers(box, marks),
        *(f'<text x="{x(at):.1f}" y="{box.height - 6}" text-anchor="middle">{said}</text>' for at, said in _days(begin, end, zone)),
        f'<line class="target" x1="{box.left}" x2="{box.width - box.right}" y1="{level:.1f}" y2="{level:.1f}"/>',
        f'<path class="s a" d="{line}"/>',
        *dots,
        *end_labels(box, [(level - 0.1, "tl", f"{short(bar)} bar"), (box.y(last), "sl a", points(last, 1))]),
    ]
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - everything given is escaped on its way in


def _days(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, str]]:
    """At most so many moments evenly apart, each with its day; a day is named once."""
    named = ""
    for n in range(_DAYS):
        at = begin + (end - begin) * n / (_DAYS - 1)
        local = at.astimezone(zone)
        if (said := f"{local.day} {local:%b}") != named:
            yield at, said
            named = said


def _turned(one: Mapping[str, Any]) -> str:
    return f"{one['outcome'].replace('_', ' ')} from here"


def _said(history: Sequence[Mapping[str, Any]], bar: float) -> str:
    first, last = history[0]["intent_millionths"] / MILLIONTHS, history[-1]["intent_millionths"] / MILLIONTHS
    return f"Intent went from {points(first, 1)} to {points(last, 1)} in {len(history)} moments; the bar is {short(bar)}"
