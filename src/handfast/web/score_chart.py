"""The score of one person over time: up with each signal, down as it fades, beside the bar it has to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from handfast.readiness.plan import MILLIONTHS
from handfast.web.charts import ticks

_WIDTH: Final = 720
_HEIGHT: Final = 210
_LEFT: Final = 34
_RIGHT: Final = 72
_TOP: Final = 12
_BOTTOM: Final = 24
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

    def x(at: datetime) -> float:
        return _LEFT + (at - begin).total_seconds() / span * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return float(_HEIGHT - _BOTTOM - value / marks[-1] * (_HEIGHT - _TOP - _BOTTOM))

    line = "M" + "L".join(
        f"{x(one['at']):.1f},{y(value):.1f}" for one, (after, before) in zip(history, worth, strict=True) for value in (before, after)
    )
    dots = [
        f'<circle class="dot a" cx="{x(one["at"]):.1f}" cy="{y(after):.1f}" r="3.5"><title>{escape(_turned(one))}</title></circle>'
        for one, (after, _) in zip(history, worth, strict=True)
        if one["changed"]
    ]
    last, right = worth[-1][0], _WIDTH - _RIGHT
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="score-t score-d">',
        '<title id="score-t">Intent over time</title>',
        f'<desc id="score-d">{escape(_said(history, bar))}</desc>',
        *(
            f'<g class="tick"><line x1="{_LEFT}" x2="{right}" y1="{y(v):.1f}" y2="{y(v):.1f}"/><text x="{_LEFT - 8}" y="{y(v) + 4:.1f}"'
            f' text-anchor="end">{v:g}</text></g>'
            for v in marks
        ),
        *_days(begin, end, zone, x),
        f'<line class="target" x1="{_LEFT}" x2="{right}" y1="{y(bar):.1f}" y2="{y(bar):.1f}"/>',
        f'<path class="s a" d="{line}"/>',
        *dots,
        *_ends((y(bar), "tl", f"{bar:g} bar"), (y(last), "sl a", f"{last:.1f}")),
    ]
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - everything given is escaped on its way in


def _days(begin: datetime, end: datetime, zone: ZoneInfo, x: Callable[[datetime], float]) -> list[str]:
    """At most so many moments evenly apart, each named by its day; a day is named once."""
    parts, named = [], ""
    for n in range(_DAYS):
        at = begin + (end - begin) * n / (_DAYS - 1)
        local = at.astimezone(zone)
        if (said := f"{local.day} {local:%b}") != named:
            parts.append(f'<text x="{x(at):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{said}</text>')
            named = said
    return parts


def _ends(*labels: tuple[float, str, str]) -> list[str]:
    """Labels at the right end, pushed apart."""
    parts, floor = [], _HEIGHT - _BOTTOM + 4.0
    for y, cls, text in sorted(labels, reverse=True):
        spot = min(y, floor)
        floor = spot - 15
        parts.append(f'<text class="{cls}" x="{_WIDTH - _RIGHT + 8}" y="{spot + 4:.1f}">{escape(text)}</text>')
    return parts


def _turned(one: Mapping[str, Any]) -> str:
    return f"{one['outcome'].replace('_', ' ')} from here"


def _said(history: Sequence[Mapping[str, Any]], bar: float) -> str:
    first, last = history[0]["intent_millionths"] / MILLIONTHS, history[-1]["intent_millionths"] / MILLIONTHS
    return f"Intent went from {first:.1f} to {last:.1f} in {len(history)} moments; the bar is {bar:g}"
