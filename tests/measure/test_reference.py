"""The reference page says what the definitions say, word for word: it is written from them.

To write it anew after a change: `python -m tests.measure.test_reference`.
"""

from __future__ import annotations

import re
from pathlib import Path

from handfast.measure.cohort import BY
from handfast.measure.definitions import COUNTS, MEASURES, MINIMUM, WITHIN, Measure
from handfast.measure.takeaway import PAIRS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "measures.md"
_BEGIN, _END = "<!-- definitions: begin -->\n", "<!-- definitions: end -->\n"


def section(measure: Measure) -> str:
    window = "none" if measure.window is None else f"{measure.window.days} days after the anchor"
    guard = f"\n| read beside | `{measure.guard}` |" if measure.guard else ""
    return f"""### {measure.title}

`{measure.name}`, asked of {measure.unit}, placed by `{measure.anchor}`.

| | |
|---|---|
| what is counted | {measure.numerator} |
| out of | {measure.denominator} |
| mature after | {window} |
| left out | {measure.exclusions} |
| interval | {measure.interval} |
| source | {measure.source} |{guard}
"""


def written() -> str:
    counts = "\n".join(f"| `{name}` | {what} |" for name, what in COUNTS.items())
    return "\n".join(section(m) for m in MEASURES) + f"\n### Counts\n\n| | |\n|---|---|\n{counts}\n"


def test_the_page_has_every_definition_word_for_word():
    between = PAGE.read_text(encoding="utf-8").split(_BEGIN)[1].split(_END)[0]
    assert between == written()


def test_the_page_names_every_word_a_report_can_be_broken_down_by():
    text = PAGE.read_text(encoding="utf-8")
    assert [word for word in BY if f"`{word}`" not in text] == []
    assert f"fewer than {MINIMUM}" in text
    assert [words for words in WITHIN.values() if words not in text] == []


def test_no_two_measures_share_a_name_and_every_guard_is_one():
    names = [m.name for m in MEASURES]
    assert len(set(names)) == len(names)
    assert {m.guard for m in MEASURES if m.guard} <= set(names)
    assert {name for first, second, _ in PAIRS for name in (first, second)} <= set(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


def main() -> None:
    before, rest = PAGE.read_text(encoding="utf-8").split(_BEGIN)
    PAGE.write_text(before + _BEGIN + written() + _END + rest.split(_END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
