"""The picture of a replay, drawn on the server as `web.charts` draws: no script, coloured by the style sheet, read out aloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup, escape

from handfast.numbers import percent, short

_LEFT: Final = 64
_TOP: Final = 30
_CELL: Final = (56, 36)
#: Where a picture stands alone, in a file, it brings its own colours.
_ALONE: Final = (
    "<style>text{font:12px sans-serif;fill:#333}.heat{fill:#2563eb}.mine{fill:none;stroke:#111;stroke-width:2}.n{font-weight:600}</style>"
)


def frontier(found: Mapping[str, Any], *, alone: bool = False) -> Markup:
    """A field of bars: fit down, intent across; the darker, the more are handed over; handoffs a week and their precision in each.

    The draft's own pair of bars is framed. Empty where nothing was counted.
    """
    cells = found["cells"]
    if not cells:
        return Markup()
    width, height = _LEFT + _CELL[0] * len(found["intents"]) + 8, _TOP + _CELL[1] * len(found["fits"]) + 26
    most = max(cell["per_week"] for cell in cells) or 1
    title = "Handoffs a week and their precision, for each bar of fit and intent"
    parts = [
        f'<svg class="chart frontier" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"',
        ' aria-labelledby="fr-t fr-d">',
        f'<title id="fr-t">{title}</title><desc id="fr-d">{escape(_said(found))}</desc>',
        _ALONE if alone else "",
        f'<text x="{_LEFT}" y="14">intent bar</text><text x="8" y="{_TOP - 6}">fit bar</text>',
    ]
    for column, intent in enumerate(found["intents"]):
        x = _LEFT + column * _CELL[0] + _CELL[0] / 2
        parts.append(f'<text x="{x:.0f}" y="{_TOP - 4}" text-anchor="middle">{intent}</text>')
    for row, fit in enumerate(found["fits"]):
        y = _TOP + row * _CELL[1] + _CELL[1] / 2 + 4
        parts.append(f'<text x="{_LEFT - 10}" y="{y:.0f}" text-anchor="end">{fit}</text>')
    parts += [_cell(cell, found, most) for cell in cells]
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - numbers and our own words; what is said is escaped


def _cell(cell: Mapping[str, Any], found: Mapping[str, Any], most: float) -> str:
    x = _LEFT + found["intents"].index(cell["intent"]) * _CELL[0]
    y = _TOP + found["fits"].index(cell["fit"]) * _CELL[1]
    middle = x + _CELL[0] / 2
    shade = 0.06 + 0.3 * cell["per_week"] / most
    drawn = f'<rect class="heat" x="{x}" y="{y}" width="{_CELL[0] - 2}" height="{_CELL[1] - 2}" rx="3" fill-opacity="{shade:.2f}"/>'
    if (cell["fit"], cell["intent"]) == (found["draft"]["fit"], found["draft"]["intent"]):
        drawn += f'<rect class="mine" x="{x}" y="{y}" width="{_CELL[0] - 2}" height="{_CELL[1] - 2}" rx="3"/>'
    drawn += f'<text class="n" x="{middle:.0f}" y="{y + 15}" text-anchor="middle">{cell["per_week"]:.1f}</text>'
    if cell["precision"] is not None:
        drawn += f'<text x="{middle:.0f}" y="{y + 28}" text-anchor="middle">{percent(cell["precision"])}</text>'
    return drawn


def _said(found: Mapping[str, Any]) -> str:
    mine = found["draft"]
    cell = next(c for c in found["cells"] if (c["fit"], c["intent"]) == (mine["fit"], mine["intent"]))
    return f"At the draft's bars, fit {mine['fit']} and intent {mine['intent']}, {short(cell['per_week'])} parties are handed over a week."
