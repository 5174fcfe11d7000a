"""Which entry of a list is which entry of another: by what people call it, not by where it stands. For `contract.diff`."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Item = Mapping[str, Any]

#: What makes an entry the same one, tried in this order: all of the first fields must say something, the others may be empty.
_IDENTITIES: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (("name",), ()),
    (("theme",), ()),
    (("because", "on"), ("when",)),
    (("because", "on"), ()),
    (("because",), ("when",)),
    (("because",), ()),
    (("step", "on"), ("when",)),
    (("step", "on"), ()),
    (("reason", "when"), ()),
    (("on",), ("when",)),
    (("when",), ()),
    (("step",), ()),
    (("reason",), ()),
)
#: Beyond this many pairs nobody compares what is left pair by pair: it is then told as removed and added.
_MOST_PAIRS: Final = 40_000
#: Entries without a name in common are the same one from this share of equal values.
_ALIKE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Matched:
    """Pairs of places (old, new) in the order of the new list; which of them changed their order; what has no partner."""

    pairs: tuple[tuple[int, int], ...]
    moved: frozenset[tuple[int, int]]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def match(olds: Sequence[Item], news: Sequence[Item]) -> Matched:
    """Pairs the entries of two lists of mappings. As few as possible count as moved: the longest run that kept its order stayed."""
    left, right = dict(enumerate(olds)), dict(enumerate(news))
    pairs: list[tuple[int, int]] = []
    for key in (canonical, *(_identity(*fields) for fields in _IDENTITIES), _shape):
        pairs += _pair(left, right, key)
    pairs += _alike(left, right)
    pairs.sort()
    kept = _longest_run([new for _, new in pairs])
    moved = frozenset(pair for pair in pairs if pair[1] not in kept)
    return Matched(tuple(sorted(pairs, key=lambda pair: pair[1])), moved, tuple(left), tuple(right))


def canonical(value: Any) -> str:
    """The JSON that decides whether two values are the same: 30, 30.0 and "30" are three values."""
    return json.dumps(value, sort_keys=True)


def _identity(needed: tuple[str, ...], more: tuple[str, ...]) -> Callable[[Item], Hashable]:
    def key(item: Item) -> Hashable:
        if not all(item.get(field) for field in needed):
            return None
        return canonical([item.get(field) for field in (*needed, *more)])

    return key


def _shape(item: Item) -> Hashable:
    """What a step of a ladder does, which has no name: which of its fields say something."""
    return canonical(sorted(field for field, value in item.items() if value is not None)) if item.get("after") else None


def _pair(left: dict[int, Item], right: dict[int, Item], key: Callable[[Item], Hashable]) -> list[tuple[int, int]]:
    """Takes out of both what has the same key, in their order; an entry without one is left."""
    waiting: dict[Hashable, list[int]] = {}
    for place, item in left.items():
        if (name := key(item)) is not None:
            waiting.setdefault(name, []).append(place)
    found = []
    for place, item in list(right.items()):
        if waiting.get(name := key(item)):
            found.append((waiting[name].pop(0), place))
    for old, new in found:
        del left[old], right[new]
    return found


def _alike(left: dict[int, Item], right: dict[int, Item]) -> list[tuple[int, int]]:
    if len(left) * len(right) > _MOST_PAIRS:
        return []
    scored = ((_likeness(old, new), -abs(i - j), i, j) for i, old in left.items() for j, new in right.items())
    found = []
    for likeness, _, i, j in sorted(scored, reverse=True):
        if likeness >= _ALIKE and i in left and j in right:
            del left[i], right[j]
            found.append((i, j))
    return found


def _likeness(old: Item, new: Item) -> float:
    """The share of the fields either has that say the same."""
    fields = {field for item in (old, new) for field, value in item.items() if value not in (None, "")}
    return sum(canonical(old.get(field)) == canonical(new.get(field)) for field in fields) / len(fields) if fields else 1.0


def _longest_run(places: Iterable[int]) -> frozenset[int]:
    """The longest rising selection of a list of different numbers."""
    ends: list[int] = []
    run_of: list[tuple[int, ...]] = []
    for place in places:
        spot = bisect_left(ends, place)
        run = (*(run_of[spot - 1] if spot else ()), place)
        ends[spot : spot + 1] = [place]
        run_of[spot : spot + 1] = [run]
    return frozenset(run_of[-1]) if run_of else frozenset()
