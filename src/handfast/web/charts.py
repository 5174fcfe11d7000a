"""Small charts as SVG made on the server: no script, themed by the style sheet, read out by a screen reader, testable as text.

Every chart has a `<title>` and a `<desc>`; lines are labelled directly at their end instead of in a legend. A missing value (None) is
a gap, never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

from handfast.numbers import short

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, the class that colours it ('' or 'a' for the accent), its values."""

    name: str
    cls: str
    values: Values


@dataclass(frozen=True, slots=True)
class Box:
    """The drawing area: pixels of the view box, what the y axis spans, and how many places the x axis has, from 0."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    low: float
    high: float
    count: int

    def x(self, i: float) -> float:
        return self.left + i * (self.width - self.left - self.right) / max(1, self.count - 1)

    def y(self, value: float) -> float:
        return self.height - self.bottom - (value - self.low) / (self.high - self.low) * (self.height - self.top - self.bottom)


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about `wanted` steps of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (high - low) / wanted or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    first = math.floor(low / step) * step
    count = max(1, math.ceil((high - first) / step - 1e-9))
    return [round(first + i * step, 10) for i in range(count + 1)]


def _paths(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The unbroken runs between gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            if runs[-1]:
                runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _d(run: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in run)


def spark(values: Values, label: str, width: int = 96, height: int = 28) -> Markup:
    """A line without axes, its last point marked. Empty where there are fewer than two values."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return Markup()
    low, high = min(known), max(known)
    box = Box(width, height, 2, 4, 4, 4, low, high if high > low else low + 1, len(values))
    points = [None if v is None else (box.x(i), box.y(v)) for i, v in enumerate(values)]
    runs = _paths(points)
    x, y = runs[-1][-1]
    return Markup(  # noqa: S704 - everything given is escaped above
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(label)}">'
        + "".join(f'<path d="{_d(run)}"/>' for run in runs)
        + f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>'
    )


#: From this on minutes are told in hours: nobody reads 3,800 minutes.
_HOURS_FROM: Final = 300
#: Pixels of a letter of a label, by the font of `.chart`.
_LETTER: Final = 6.4


def fitted(title: str, labels: Sequence[str], series: Sequence[Series], *, cid: str = "chart", **how: Any) -> Markup:
    """The same chart twice, as wide as a desk and as a phone; the style sheet shows one of them. Text does not shrink with the picture."""
    return line(title, labels, series, cid=cid, cls="roomy", **how) + line(
        title, labels, series, cid=f"{cid}-n", cls="narrow", **{**how, "width": 370, "most_labels": 4}
    )


def line(
    title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = "", target: float | None = None,
    target_label: str = "target",
    cid: str = "chart", width: int = 720, height: int = 240, most_labels: int = 7, cls: str = "",
) -> Markup:  # fmt: skip
    """Lines over a shared axis that starts at zero, the target dashed. Empty where no series has a value."""
    series, target, unit = _readable(series, target, unit)
    known = [v for s in series for v in s.values if v is not None]
    if not known or len(labels) < 2:
        return Markup()
    marks = ticks(0, max([*known, target or 0, 1]))
    said = [(one, last, f"{one.name} {short(last)}{unit}") for one in series if (last := _last(one.values)) is not None]
    aim = [] if target is None else [(target, f"{short(target)}{unit} {target_label}")]
    right = 14 + math.ceil(_LETTER * max(len(text) for text in [*(text for *_, text in said), *(text for _, text in aim)]))
    box = Box(width, height, 34, right, 24 if unit else 12, 24, marks[0], marks[-1], len(labels))
    parts = [
        f'<svg class="chart {cls}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{cid}-t {cid}-d">',
        f'<title id="{cid}-t">{escape(title)}</title><desc id="{cid}-d">{escape(_said(series, unit))}</desc>',
        *_grid(box, marks, labels, most_labels),
        f'<text x="{box.left - 8}" y="10" text-anchor="end">{escape(unit.strip())}</text>' if unit else "",
    ]
    for value, _ in aim:
        parts.append(f'<line class="target" x1="{box.left}" x2="{width - right}" y1="{box.y(value):.1f}" y2="{box.y(value):.1f}"/>')
    for one, _, _ in said:
        parts += _drawn(box, one)
    ends = [(box.y(value) - 0.1, "tl", text) for value, text in aim] + [(box.y(last), f"sl {one.cls}", text) for one, last, text in said]
    return Markup("".join([*parts, *end_labels(box, ends)]) + "</svg>")  # noqa: S704 - everything given is escaped on its way in


def _readable(series: Sequence[Series], target: float | None, unit: str) -> tuple[Sequence[Series], float | None, str]:
    """Minutes as hours where there are many of them; everything else as it is."""
    most = max((v for s in series for v in s.values if v is not None), default=0)
    if unit != " min" or most < _HOURS_FROM:
        return series, target, unit

    def hours(value: float | None) -> float | None:
        return None if value is None else round(value / 60, 1)

    return [Series(one.name, one.cls, [hours(v) for v in one.values]) for one in series], hours(target), " h"


def _last(values: Values) -> float | None:
    return next((v for v in reversed(values) if v is not None), None)


def _drawn(box: Box, one: Series) -> list[str]:
    """The line in its unbroken runs, and a dot at its end."""
    runs = _paths([None if v is None else (box.x(i), box.y(v)) for i, v in enumerate(one.values)])
    x, y = runs[-1][-1]
    # A run of one point has no length; without a dot it would not be seen.
    lone = [f'<circle class="dot {one.cls}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2"/>' for run in runs[:-1] if len(run) == 1]
    return [
        *(f'<path class="s {one.cls}" d="{_d(run)}"/>' for run in runs),
        *lone,
        f'<circle class="dot {one.cls}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>',
    ]


def _said(series: Sequence[Series], unit: str) -> str:
    said = []
    for one in series:
        known = [v for v in one.values if v is not None]
        if known:
            said.append(f"{one.name} went from {short(known[0])}{unit} to {short(known[-1])}{unit}")
    return "; ".join(said)


def rulers(box: Box, marks: Sequence[float]) -> list[str]:
    """A line across and its number for each mark of the y axis."""
    right = box.width - box.right
    return [
        f'<g class="tick"><line x1="{box.left}" x2="{right}" y1="{box.y(v):.1f}" y2="{box.y(v):.1f}"/>'
        f'<text x="{box.left - 8}" y="{box.y(v) + 4:.1f}" text-anchor="end">{short(v, 10)}</text></g>'
        for v in marks
    ]


def _grid(box: Box, marks: Sequence[float], labels: Sequence[str], most: int) -> list[str]:
    parts = rulers(box, marks)
    step = max(1, math.ceil(len(labels) / most))
    parts += [
        f'<text x="{box.x(i):.1f}" y="{box.height - 6}" text-anchor="middle">{escape(labels[i])}</text>'
        for i in range(0, len(labels), step)
    ]
    return parts


def end_labels(box: Box, ends: list[tuple[float, str, str]]) -> list[str]:
    """Labels at the right end, pushed apart so that they never overlap."""
    parts, floor = [], box.height - box.bottom + 4.0
    for y, cls, text in sorted(ends, reverse=True):
        spot = min(y, floor)
        floor = spot - 15
        parts.append(f'<text class="{cls}" x="{box.width - box.right + 8}" y="{spot + 4:.1f}">{escape(text)}</text>')
    return parts
