"""Sets of people or signals, as conditions describe them: for each field the values it may have, in boxes.

Everything here errs on one side: a set is never smaller than the truth. So where a set is empty, nobody is in it, and what is concluded
from that is certain; where it is not, nothing is concluded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self, TypeAlias

from handfast.contract.patterns import Piece, apart, may_match, within

#: A set of more boxes than this is taken for everything: long ORs are not worth more.
MOST_BOXES: Final = 64
MOST_PATTERNS: Final = 24


class Values(Protocol):
    """The values a field may have. `null`: whether it may be unknown."""

    @property
    def null(self) -> bool: ...
    def meet(self, other: Self, /) -> Self: ...
    def empty(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`; an end that is open is not among them."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def meet(self, other: Span) -> Span | None:
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, shut = min((self.high, not self.high_open), (other.high, not other.high_open))
        if low > high or (low == high and (low_open or not shut)):
            return None
        return Span(low, high, low_open, not shut)


ALL_NUMBERS: Final = (Span(-math.inf, math.inf),)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers, or moments in microseconds. `whole`: between 10 and 11, both ends open, there is none."""

    spans: tuple[Span, ...]
    null: bool = False
    whole: bool = False

    def meet(self, other: Numbers) -> Numbers:
        found = (one.meet(another) for one in self.spans for another in other.spans)
        whole = self.whole or other.whole
        kept = tuple(span for span in found if span is not None and not (whole and _hollow(span)))
        return Numbers(kept[:MOST_BOXES] if len(kept) <= MOST_BOXES else ALL_NUMBERS, self.null and other.null, whole)

    def empty(self) -> bool:
        return not self.null and not any(not (self.whole and _hollow(span)) for span in self.spans)


def _hollow(span: Span) -> bool:
    """Whether no whole number lies in it."""
    if math.isinf(span.low) or math.isinf(span.high):
        return False
    low, high = math.ceil(span.low), math.floor(span.high)
    low += low == span.low and span.low_open
    high -= high == span.high and span.high_open
    return low > high


@dataclass(frozen=True, slots=True)
class Like:
    """A pattern a text matches, or (not `wanted`) does not match."""

    pieces: tuple[Piece, ...]
    fold: bool
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts: `only` these (None: any), `never` these, and such as the patterns allow."""

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    like: frozenset[Like] = frozenset()
    null: bool = False

    def meet(self, other: Texts) -> Texts:
        only = self.only if other.only is None else other.only if self.only is None else self.only & other.only
        like = self.like | other.like
        # Beyond some patterns the others are left out, which makes the set larger.
        return Texts(only, self.never | other.never, like if len(like) <= MOST_PATTERNS else self.like, self.null and other.null)

    def empty(self) -> bool:
        if self.null:
            return False
        if self.only is not None:
            return not any(self._may_be(text) for text in self.only - self.never)
        wanted = [one for one in self.like if one.wanted]
        refused = [one for one in self.like if not one.wanted]
        if any(within(one.pieces, one.fold, other.pieces, other.fold) for one in wanted for other in refused):
            return True
        return any(apart(one.pieces, other.pieces) for one in wanted for other in wanted if not one.fold and not other.fold)

    def _may_be(self, text: str) -> bool:
        return all(may_match(one.pieces, text, fold=one.fold, wanted=one.wanted) for one in self.like)


@dataclass(frozen=True, slots=True)
class Few:
    """Yes or no; also the answer of a comparison nobody here looks into."""

    of: frozenset[bool]
    null: bool = False

    def meet(self, other: Few) -> Few:
        return Few(self.of & other.of, self.null and other.null)

    def empty(self) -> bool:
        return not self.of and not self.null


#: For some fields the values they have here; any other field may have any.
Box: TypeAlias = Mapping[str, Values]
#: Whoever is in one of the boxes.
Region: TypeAlias = tuple[Box, ...]

EVERYTHING: Final[Region] = ({},)
NOTHING: Final[Region] = ()


class Patience:
    """How many boxes may still be compared. Once it is used up every set is taken for everything: nothing follows, and time is bounded."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @property
    def spent(self) -> bool:
        """Whether nothing will follow any more."""
        return self.steps < 0

    def meet(self, one: Region, other: Region) -> Region:
        """Whoever is in both, or more."""
        if EVERYTHING in (one, other):
            return other if one == EVERYTHING else one
        self.steps -= len(one) * len(other)
        if self.steps < 0:
            return EVERYTHING
        found: list[Box] = []
        for box in _met(one, other):
            found.append(box)
            if len(found) > MOST_BOXES:
                return one if len(one) <= len(other) else other  # Leaving a condition out makes the set larger, not smaller.
        return tuple(found)

    def join(self, parts: Sequence[Region]) -> Region:
        """Whoever is in any."""
        found = tuple(box for part in parts for box in part)
        return EVERYTHING if len(found) > MOST_BOXES or {} in found else found


def _met(one: Region, other: Region) -> Iterator[Box]:
    for left in one:
        for right in other:
            box = {**left, **right}
            shared = left.keys() & right.keys()
            box.update({name: left[name].meet(right[name]) for name in shared})
            if not any(box[name].empty() for name in shared):
                yield box


def known(values: Numbers | Texts | Few) -> Numbers | Texts | Few:
    """The same without the unknown."""
    return replace(values, null=False)
