"""Which of many company records are one company: the batch pass over the accounts themselves.

The same likeness as for one arrival. What is common is counted in companies, not in records: a firm written in seventy ways makes its
name no less distinctive. Since the companies are what is looked for, records are grouped and counted again until nothing changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from handfast.identity.company import Company, Likeness, Name, Others, contradict, likeness, read_name, same_word
from handfast.identity.legal_forms import TRADE

#: Counting and grouping again ends after so many rounds at the latest.
ROUNDS: Final = 4
#: Groups looked at one by one for whether they contradict; more than that count as they are.
MOST_RIVALS: Final = 60
#: A word so many names have finds too many pairs to look at one by one.
LARGEST_BLOCK: Final = 400


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records (by position, a < b) that may be one company."""

    a: int
    b: int
    likeness: Likeness


class Groups:
    """Sets of positions that grow together (union-find)."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def of(self, spot: int) -> int:
        while self.parent[spot] != spot:
            self.parent[spot] = self.parent[self.parent[spot]]
            spot = self.parent[spot]
        return spot

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.of(a), self.of(b)))
        self.parent[high] = low


def group(companies: Sequence[Company], bar: float = 0.9) -> tuple[list[int], list[Pair]]:
    """The group of each record (the first position in it), and the pairs at or above `bar` that made the groups.

    Records that say the very same are one from the start.
    """
    names = [read_name(c.name) for c in companies]
    first: dict[tuple[object, ...], int] = {}
    start = [
        first.setdefault((name.compact, c.domains, c.phone, c.city, c.country), i)
        for i, (c, name) in enumerate(zip(companies, names, strict=True))
    ]
    heads = sorted(set(start))
    pairs = sorted(_candidates(heads, names, companies))
    # To begin with, whatever shares a distinctive word counts as one company: a word is then as rare as it can be, and counting again makes
    # it commoner where the groups fall apart. Begun the other way, a name written in seventy ways would look common for ever.
    groups = Groups(len(companies))
    for a, b in pairs:
        groups.join(a, b)
    found: list[Pair] = []
    for round_ in range(ROUNDS):
        others = _counted(heads, names, companies, groups)
        found = [Pair(a, b, said) for a, b in pairs if (said := likeness(companies[a], companies[b], others)).probability >= bar]
        fresh = Groups(len(companies))
        for pair in found:
            fresh.join(pair.a, pair.b)
        same = [fresh.of(i) for i in heads] == [groups.of(i) for i in heads]
        groups = fresh
        if same and round_:
            break
    return [groups.of(s) for s in start], found


def _candidates(heads: Iterable[int], names: Sequence[Name], companies: Sequence[Company]) -> set[tuple[int, int]]:
    """Pairs that share a distinctive word (slips forgiven), a whole name, initials, a domain or a phone number."""
    by_key: dict[str, list[int]] = defaultdict(list)
    spelling = _spellings({w for i in heads for w in names[i].distinctive})
    for i in heads:
        name = names[i]
        keys = {f"w:{s}" for w in name.distinctive for s in spelling[w]} | {f"n:{name.compact}", f"n:{name.acronym}"}
        keys |= {f"d:{d}" for d in companies[i].domains} | {f"p:{companies[i].phone}"}
        for key in keys - {"n:", "p:None"}:
            by_key[key].append(i)
    return {(a, b) for spots in by_key.values() if len(spots) <= LARGEST_BLOCK for n, a in enumerate(spots) for b in spots[n + 1 :]}


def _spellings(words: set[str]) -> Mapping[str, set[str]]:
    """word → the words it may be a spelling of, itself included: pairs within the same first three letters."""
    by_front: dict[str, list[str]] = defaultdict(list)
    for word in sorted(words):
        by_front[word[:3]].append(word)
    found: dict[str, set[str]] = {w: {w} for w in words}
    for family in by_front.values():
        for n, a in enumerate(family):
            for b in family[n + 1 :]:
                if same_word(a, b):
                    found[a].add(b)
                    found[b].add(a)
    return found


def _counted(heads: Sequence[int], names: Sequence[Name], companies: Sequence[Company], groups: Groups) -> Others:
    """How many groups have a word, a name, a domain, a phone, a city."""
    holders: dict[str, set[int]] = defaultdict(set)
    held: dict[str, set[int]] = defaultdict(set)
    members: dict[int, set[Name]] = defaultdict(set)
    for i in heads:
        one, company = groups.of(i), companies[i]
        members[one].add(names[i])
        for word in names[i].words:
            holders[word].add(one)
        held[f"name:{names[i].compact}"].add(one)
        for what in (
            *(f"domain:{d}" for d in company.domains),
            f"phone:{company.phone}",
            f"city:{company.city}",
            f"country:{company.country}",
        ):
            held[what].add(one)
    count = len({groups.of(i) for i in heads})

    def words(said: Sequence[str], a: Name, b: Name) -> float:
        found = set.intersection(*(holders.get(w, set()) for w in said))
        if len(found) > MOST_RIVALS:
            return float(len(found))
        # Another way to write the company of these two is no other company: only groups that contradict both count.
        return 1.0 + sum(all(contradict(a, n) and contradict(b, n) for n in members[one]) for one in found)

    def holds(what: str, value: str) -> float:
        return float(max(1, len(held.get(f"{what}:{value}", ()))))

    return Others(count, words, holds)


def words_of(name: Name) -> tuple[str, ...]:
    """The keys a name is found by: its distinctive words, or the name itself where every word is one of trade."""
    return tuple(w for w in name.words if w not in TRADE) or (name.compact,)


def common(names: Iterable[Name]) -> Counter[str]:
    """How many names have each word."""
    return Counter(w for name in names for w in set(name.words))
