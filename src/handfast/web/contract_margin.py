"""What stands in the margin of a contract's text: problems and failed examples beside their lines, rules no example touches, sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from handfast.contract.text import read_text

if TYPE_CHECKING:
    from handfast.contract.place import Path
    from handfast.desk.drafts import Examined
    from handfast.desk.sizes import Size

#: About so many characters stand on a line of a note.
_WIDTH: Final = 40


@dataclass(frozen=True, slots=True)
class Note:
    """A note beside `line` (from 1). `row` is where it stands without covering the one above, `span` how many rows it takes."""

    kind: Literal["problem", "example", "quiet"]
    line: int
    column: int
    what: str
    fix: str
    row: int
    span: int


def margin(text: str, looked: Examined, sizes: Iterable[Size] = ()) -> list[Note]:
    """The notes of a text, each at its line or as near below as there is room.

    Args:
        sizes: how many people each condition holds for today.
    """
    said = [("problem", p.where.line or 1, p.where.column, f"{p.what}.", p.fix) for p in looked.problems]
    if looked.agreement is not None:
        said += _proved(text, looked) + _quiet(text, looked, sizes)
    return _laid_out(sorted(said, key=lambda one: (one[1], one[2])))


_Said = tuple[str, int, int, str, str]


def _proved(text: str, looked: Examined) -> list[_Said]:
    lines = _lines(text, [("examples", n, "name") for n in range(len(looked.proofs))])
    failed = [(line, proof) for line, proof in zip(lines, looked.proofs, strict=True) if not proof.passed]
    return [("example", line, 1, "This example comes out otherwise.", "; ".join(proof.differences)) for line, proof in failed]


def _quiet(text: str, looked: Examined, sizes: Iterable[Size]) -> list[_Said]:
    """One line each: the size of a condition, and that no example touches the rule."""
    told: dict[int, list[str]] = {}
    for size in sizes:
        if size.where.line:
            told.setdefault(size.where.line, []).append(f"{size.people}")
    if looked.coverage is not None and looked.proofs:
        rules = [rule for rule in looked.coverage.untouched if rule.part != "reasons"]
        for line in _lines(text, [rule.path for rule in rules]):
            told.setdefault(line, []).append("No example touches this")
    return [("quiet", line, 1, ". ".join(dict.fromkeys(parts)), "") for line, parts in told.items()]


def _lines(text: str, paths: Sequence[Path]) -> list[int]:
    """The line each term stands at."""
    source, _ = read_text(text, "")
    return [source.place(path).line if source else 1 for path in paths]


def _laid_out(said: list[_Said]) -> list[Note]:
    found: list[Note] = []
    free = 1
    for kind, line, column, what, fix in said:
        row = max(line, free)
        span = 1 if kind == "quiet" else 1 + -(-(len(what) + len(fix) + 10) // _WIDTH)
        found.append(Note(kind, line, column, f"{what[:1].upper()}{what[1:]}", fix, row, span))  # type: ignore[arg-type]
        free = row + span
    return found
