"""A contract under examination: what every check is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handfast.contract.place import Locator, Path
from handfast.contract.terms import Contract
from handfast.problem import Problem


@dataclass(frozen=True, slots=True)
class Check:
    """A contract under examination, and where its terms stand."""

    contract: Contract
    locate: Locator

    def problem(self, path: Path, what: str, fix: str) -> Problem:
        return Problem(self.locate(path), what, fix)

    def twice(self, names: Iterable[str], path: Path, key: str, plural: str) -> Iterator[Problem]:
        """A Problem for each name of a list that was there before."""
        seen: set[str] = set()
        for n, name in enumerate(names):
            if name in seen:
                yield self.problem((*path, n, key), f"two {plural} are called '{name}'", "Give each a name of its own.")
            seen.add(name)
