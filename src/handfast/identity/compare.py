"""Two records, compared field by field in levels, each level with a sentence and a weight.

The sums are Fellegi and Sunter's ("A Theory for Record Linkage", 1969). A level is reached by a share `m` of the pairs that are one
person and by a share `u` of two strangers; its weight is log2(m / u), in bits: plus one bit doubles the odds, minus one halves them.
Weights of fields add up, together with the prior odds. What is ours is the second rival: two colleagues agree on firm, town, mail host
and switchboard without being one person, so a pair is weighed against strangers and against colleagues (share `near`), and must beat
both.

An agreement on a rare value says more than one on a common value (term frequency). For names the chance is the share of records that say
this; for a mailbox or a phone number it is how many others have it beside these two: among all, and among the colleagues.

A field that one side leaves empty says nothing: weight 0, never "different".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log2
from types import MappingProxyType
from typing import Final, Literal

from rapidfuzz.distance import OSA, JaroWinkler

Kind = Literal["name", "code", "text", "exact", "email"]
#: How the rarity of an agreed value counts. `no`: every agreement weighs the same. `share`: by the share of records that say this (names).
#: `local`: the same, but among colleagues it is common (town, firm). `holders`: by how many others have it beside the two (mailboxes, phone
#: numbers): a desk's phone is no evidence among its colleagues.
Rare = Literal["no", "share", "local", "holders"]

_DIGITS: Final = re.compile(r"\d+")
#: Level 0 of every kind: both say the same.
SAME: Final = 0
#: The level of two mailboxes at one host.
SAME_HOST: Final = "same host"
#: One side says nothing.
UNKNOWN: Final = -1
#: Bits beyond which a sum of weights is as good as certain; keeps 2**bits a number.
MOST_BITS: Final = 200.0
#: No share of pairs is ever 0.
LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Level:
    """How far two values agree. `sentence` may use {field}, {a} and {b}; `m`, `u`, `near` are shares of pairs, above 0."""

    name: str
    sentence: str
    m: float
    u: float
    near: float = 0.0

    @property
    def bits(self) -> float:
        """Against strangers."""
        return log2(self.m / self.u)

    @property
    def near_bits(self) -> float:
        """Against colleagues."""
        return log2(self.m / (self.near or self.u))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field and its levels, strongest agreement first, difference last. `rare`: how the rarity of an agreed value counts."""

    field: str
    kind: Kind
    levels: tuple[Level, ...]
    rare: Rare = "no"

    def between(self, a: str | None, b: str | None) -> int:
        """The position of the level these two values reach, or UNKNOWN."""
        if not a or not b:
            return UNKNOWN
        return SAME if a == b else LEVEL_OF[self.kind](a, b)


@dataclass(frozen=True, slots=True)
class Step:
    """What one field added to the sum, in bits, and why."""

    field: str
    level: str
    sentence: str
    bits: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """Two records weighed: the probability that they are one, the bits against the stronger rival (prior included), and every step.

    `rival`: what the pair would otherwise be, `strangers` or `colleagues`; the steps are weighed against that one.
    """

    probability: float
    bits: float
    rival: str
    steps: tuple[Step, ...]

    @property
    def because(self) -> str:
        """The strongest steps in a sentence."""
        telling = sorted((s for s in self.steps if abs(s.bits) >= 1), key=lambda s: -abs(s.bits))[:3]
        return "; ".join(s.sentence for s in telling) or "nothing telling is known of both"


@dataclass(frozen=True, slots=True)
class Model:
    """What to compare, where to look for candidates, and how likely two records are one before anything is compared.

    `blocks`: two records are compared if they agree on all fields of one of these; an entry `field:N` is the first N letters.
    `circle`: the field that makes two people colleagues. `near`: the share of all pairs that are colleagues.
    `rarity`: field → value → share of the records that have it; a value that is not there is as rare as `rarest` (one record).
    """

    comparisons: tuple[Comparison, ...]
    blocks: tuple[tuple[str, ...], ...]
    circle: str | None = None
    prior: float = 1e-6
    near: float = 0.0
    rarity: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: MappingProxyType({}))
    rarest: float = 1e-6

    def share(self, field: str, value: str) -> float | None:
        """The share of records that say this; None where nothing was learned of the field."""
        known = self.rarity.get(field)
        return known.get(value, self.rarest) if known is not None else None


#: What is added to "how many others have this": nobody yet is not never.
OTHERS: Final = 0.05
#: Colleagues where the number is not known.
COLLEAGUES: Final = 20


def weigh(a: Mapping[str, str | None], b: Mapping[str, str | None], model: Model, *, colleagues: int = COLLEAGUES) -> Weighed:
    """How likely these two records are one, with the working. `colleagues`: how many records their firm has."""
    spots = [(c, c.between(a.get(c.field), b.get(c.field))) for c in model.comparisons]
    far = [_bits(c, spot, a.get(c.field), model) for c, spot in spots]
    close = [_near_bits(c, spot, a.get(c.field), model, colleagues) for c, spot in spots]
    against_strangers = log2(model.prior / (1 - model.prior)) + sum(far)
    against_colleagues = log2(model.prior / model.near) + sum(close) if model.near else MOST_BITS
    beaten = against_strangers <= against_colleagues
    steps = tuple(
        _step(c, spot, a.get(c.field), b.get(c.field), bits) for (c, spot), bits in zip(spots, far if beaten else close, strict=True)
    )
    odds = 1 / (2.0 ** -max(-MOST_BITS, against_strangers) + 2.0 ** -max(-MOST_BITS, against_colleagues))
    return Weighed(odds / (1 + odds), min(against_strangers, against_colleagues), "strangers" if beaten else "colleagues", steps)


def _bits(comparison: Comparison, spot: int, value: str | None, model: Model) -> float:
    if spot == UNKNOWN:
        return 0.0
    level = comparison.levels[spot]
    share = model.share(comparison.field, value) if spot == SAME and comparison.rare != "no" and value else None
    if share is None:
        return level.bits
    if comparison.rare == "holders":
        share = max(share - 2 * model.rarest, 0.0) + OTHERS * model.rarest
    return log2(level.m / max(share, LEAST))


def _near_bits(comparison: Comparison, spot: int, value: str | None, model: Model, colleagues: int) -> float:
    """As `_bits`, against colleagues: names are as rare among them as anywhere, mailboxes and phones are shared by some of them."""
    if spot == UNKNOWN:
        return 0.0
    level = comparison.levels[spot]
    share = model.share(comparison.field, value) if spot == SAME and comparison.rare in ("share", "holders") and value else None
    if share is None:
        return level.near_bits
    if comparison.rare == "share":
        return level.near_bits + log2(level.u / max(share, LEAST))
    others = max(share / model.rarest - 2, 0.0) + OTHERS
    return log2(level.m / min(0.95, others / max(colleagues, 2)))


def _step(comparison: Comparison, spot: int, a: str | None, b: str | None, bits: float) -> Step:
    if spot == UNKNOWN:
        return Step(comparison.field, "unknown", f"{words(comparison.field)} is not known of both", 0.0)
    level = comparison.levels[spot]
    return Step(comparison.field, level.name, level.sentence.format(field=words(comparison.field), a=a, b=b), bits)


def probability(bits: float) -> float:
    """Odds of 2**bits to 1, as a probability."""
    if abs(bits) > MOST_BITS:
        return 1.0 if bits > 0 else 0.0
    odds: float = 2.0**bits
    return odds / (1 + odds)


def words(field: str) -> str:
    """A field's name as people say it."""
    return field.replace("_", " ")


# --- the kinds of fields --------------------------------------------------------------------------------------


def _name_level(a: str, b: str) -> int:
    if OSA.distance(a, b, score_cutoff=1) <= 1 and min(len(a), len(b)) > 2:
        return 1
    if JaroWinkler.similarity(a, b, score_cutoff=0.88) >= 0.88 and min(len(a), len(b)) > 2:
        return 2
    if (len(a) == 1 or len(b) == 1) and a[0] == b[0]:
        return 3
    return 4


def _code_level(a: str, b: str) -> int:
    slips = OSA.distance(a, b, score_cutoff=2)
    return slips if slips <= 2 else 3


def _text_level(a: str, b: str) -> int:
    likeness = JaroWinkler.similarity(a, b)
    return 1 if likeness >= 0.92 else 2 if likeness >= 0.8 else 3


def _exact_level(_a: str, _b: str) -> int:
    return 1


def _email_level(a: str, b: str) -> int:
    local_a, _, host_a = a.rpartition("@")
    local_b, _, host_b = b.rpartition("@")
    # A number more or another one is no slip of the pen: it is how a host tells two of one name apart.
    if min(len(local_a), len(local_b)) > 3 and OSA.distance(a, b, score_cutoff=1) <= 1 and _DIGITS.sub("", a) != _DIGITS.sub("", b):
        return 1
    return 2 if host_a == host_b else 3


#: What a kind says of two values that are there and differ: the position of a level. Level 0 is decided before.
LEVEL_OF: Final[Mapping[Kind, Callable[[str, str], int]]] = MappingProxyType(
    {"name": _name_level, "code": _code_level, "text": _text_level, "exact": _exact_level, "email": _email_level}
)

#: The levels of each kind with the shares to begin from, before anything was learned. Learning replaces `m` and `u`, never the levels.
LEVELS: Final[Mapping[Kind, tuple[Level, ...]]] = MappingProxyType(
    {
        "name": (
            Level("same", "the same {field}: {a}", 0.80, 0.004),
            Level("slip", "{field} a slip of the pen apart: {a}, {b}", 0.10, 0.001),
            Level("alike", "{field} much alike: {a}, {b}", 0.04, 0.006),
            Level("initial", "{field} fits the initial: {a}, {b}", 0.01, 0.002),
            Level("different", "different {field}: {a}, {b}", 0.05, 0.987),
        ),
        "code": (
            Level("same", "the same {field}: {a}", 0.85, 0.0005),
            Level("slip", "{field} one keystroke apart: {a}, {b}", 0.08, 0.0005),
            Level("two slips", "{field} two keystrokes apart: {a}, {b}", 0.02, 0.004),
            Level("different", "different {field}: {a}, {b}", 0.05, 0.995),
        ),
        "text": (
            Level("same", "the same {field}: {a}", 0.75, 0.002),
            Level("close", "{field} nearly the same: {a}, {b}", 0.10, 0.001),
            Level("alike", "{field} alike: {a}, {b}", 0.05, 0.01),
            Level("different", "different {field}: {a}, {b}", 0.10, 0.987),
        ),
        "exact": (
            Level("same", "the same {field}: {a}", 0.90, 0.05),
            Level("different", "different {field}: {a}, {b}", 0.10, 0.95),
        ),
        "email": (
            Level("same", "the same mailbox: {a}", 0.70, 0.000_002),
            Level("slip", "mailboxes one keystroke apart: {a}, {b}", 0.05, 0.000_002),
            Level(SAME_HOST, "another mailbox at the same host: {a}, {b}", 0.05, 0.002),
            Level("different", "different mailboxes: {a}, {b}", 0.20, 0.998),
        ),
    }
)


def comparison(field: str, kind: Kind, *, rare: Rare = "no") -> Comparison:
    """A field compared as its kind is, with the shares to begin from."""
    return Comparison(field, kind, LEVELS[kind], rare)
