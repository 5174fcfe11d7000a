"""A file has one subject, and a function is read at one look: past these sizes the next thing to add is a split, by noun."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "handfast"
#: Lines of a function from `def` to its end, its docstring not counted; typical are 7 to 16.
LONGEST_FUNCTION: Final = 50
LONGEST_FILE: Final = 500
#: Files that are longer, and how long they may be until somebody splits them. A file that got shorter leaves this list.
LONGER: Final[dict[str, int]] = {}


def functions(source: str) -> Iterator[tuple[str, int, int]]:
    """Each function of a text: its name, its line, and how many lines it has beside its docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            said = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node, clean=False) is not None else 0
            yield node.name, node.lineno, (node.end_lineno or 0) - node.lineno + 1 - said


def too_long(source: str, name: str) -> list[str]:
    return [
        f"{name}:{line}: {function} has {length} lines, {LONGEST_FUNCTION} are the most: give a part of it a name"
        for function, line, length in functions(source)
        if length > LONGEST_FUNCTION
    ]


def test_no_function_is_too_long_to_be_read_at_one_look() -> None:
    assert [line for path in sorted(PACKAGE.rglob("*.py")) for line in too_long(path.read_text(), str(path.relative_to(ROOT)))] == []


def test_no_file_has_two_subjects() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in sorted(PACKAGE.rglob("*.py"))}
    assert {name: length for name, length in lengths.items() if length > LONGER.get(name, LONGEST_FILE)} == {}
    assert [name for name in LONGER if lengths.get(name, 0) <= LONGEST_FILE] == [], "these are short enough now: take them off the list"


def test_these_rules_can_fail() -> None:
    lines = [f"    x = {n}" for n in range(LONGEST_FUNCTION)]
    assert too_long("\n".join(["def f():", *lines]), "made_up.py") != []
    assert too_long("\n".join(["def f():", '    """Said', '    at length."""', *lines[1:]]), "made_up.py") == []
