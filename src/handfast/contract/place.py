"""Where a term of a contract stands: the path to it, and the place that path has in a text."""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias

from handfast.problem import Place

#: The way to a term from the top of the contract: `("ready", "fit", "points", 2, "when")`.
Path: TypeAlias = tuple[str | int, ...]
#: As the last step of a path: the key itself, not what stands under it.
KEY: Final = "[key]"


class Locator(Protocol):
    """Where a term stands. `offset` is a character of a text value, from 0."""

    def __call__(self, path: Path, offset: int | None = None, /) -> Place: ...


def dotted(path: Path) -> str:
    """The path as people read it: `ready.fit.points[2].when`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path if step != KEY)
    return text.removeprefix(".")


def by_part(where: Place) -> Locator:
    """Places for a contract that has no text: they name the term, and the character within a condition."""

    def locate(path: Path, offset: int | None = None, /) -> Place:
        part = dotted(path) if offset is None else f"{dotted(path)}, character {offset + 1}"
        return Place(where.file, where.line, where.column, f"{where.part}.{part}" if where.part else part)

    return locate
