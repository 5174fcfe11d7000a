"""Keep the tables in docs/reference/personal-data.md as `handfast.store.personal` has them.

python tools/personal.py --check     the page and the table say the same; the tests ask this
python tools/personal.py             write the tables anew
"""

from __future__ import annotations

import sys
from pathlib import Path

from handfast.store.personal import APART, HELD, NOTHING, SEARCHED

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/personal-data.md"
BEGIN, END = "<!-- tables: written by tools/personal.py -->", "<!-- end of tables -->"


def told() -> str:
    """Three tables: what is theirs, where else they may be named, and what holds nothing of a person."""
    lines = ["## What is theirs", "", "| what | where | | why |", "|---|---|---|---|"]
    lines += [f"| {one.noun} | {_named(one.table, one.columns)} | {one.how} | {one.why} |" for one in HELD]
    lines += [f"| {noun} | {_named(table, columns)} | {how} | {why} |" for noun, table, columns, how, why in APART]
    lines += ["", "## Where others may name them", "", "Only what names them is taken out.", "", "| where | |", "|---|---|"]
    lines += [
        f"| {_named(one.table, one.columns)} | {'parts of their name too, where they took part' if one.written else ''} |"
        for one in SEARCHED
    ]
    lines += ["", "## What holds nothing of a person", "", "| where | why |", "|---|---|"]
    lines += [f"| {_named(table, columns)} | {why} |" for table, (columns, why) in NOTHING.items()]
    return "\n".join(lines)


def _named(table: str, columns: str) -> str:
    return f"`{table}`" + (f": {', '.join(f'`{one}`' for one in columns.split())}" if columns else "")


def written(text: str) -> str:
    """The page with today's tables between its marks."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{PAGE} has lost its marks: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{told()}\n\n{END}{after}"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        raise SystemExit(
            0 if written(text) == text else "docs/reference/personal-data.md is not what the table says: run python tools/personal.py"
        )
    PAGE.write_text(written(text), encoding="utf-8")


if __name__ == "__main__":
    main()
