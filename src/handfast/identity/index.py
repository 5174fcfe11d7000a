"""The keys by which one arrival finds whom it may be, among a million, without looking at a million.

A key is a 64-bit number: a hash of what two records must agree on to be compared. For people these are the blocks of the batch pass (see
`people.PEOPLE`), so that both find the same candidates. For accounts: the distinctive words of the name, the spellings one slip away of
the first of them, domain and phone. What only counts (town, country, whole name) has a key too, so that "how many others" is a count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from handfast.identity.company import Company, Name, read_name
from handfast.identity.people import PEOPLE

#: A first word of this length has its slips looked up too; shorter ones are too alike, longer ones too many.
SLIPS_FROM: Final = 5
SLIPS_TO: Final = 16


def key(*parts: str) -> int:
    """A signed 64-bit number that stands for these parts, the same in every process. Not cached: most are asked for once."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big", signed=True)


def person_keys(said: Mapping[str, str | None]) -> list[int]:
    """The keys of a prepared person (see `people.prepared`); none where too little is known."""
    found = []
    for name, parts in _BLOCKS:
        values = [value[:letters] for field, letters in parts if (value := said.get(field))]
        if len(values) == len(parts):
            found.append(key(name, *values))
    return found


def _part(part: str) -> tuple[str, int | None]:
    """Field, and how many of its first letters, of a part of a block: `email`, `first_name:1`."""
    field, _, letters = part.partition(":")
    return field, int(letters) if letters else None


#: How a key of each block begins, and what it is made of.
_BLOCKS: Final = tuple((f"p{number}", tuple(map(_part, block))) for number, block in enumerate(PEOPLE.blocks))


def word_key(word: str) -> int:
    """Accounts with this word in their name."""
    return key("w", word)


def fact_key(what: str, value: str) -> int:
    """Accounts with this `domain`, `phone`, `city`, `country` or `name` (compact)."""
    return key(what, value)


def account_keys(company: Company) -> set[int]:
    """Every key an account is kept under: those it is found by, and those that are counted."""
    return found_by(company) | set(counted_by(company).values())


def found_by(company: Company) -> set[int]:
    """The keys that make an account a candidate."""
    name = read_name(company.name)
    found = {word_key(w) for w in name.distinctive} | {key("s", s) for s in slips(name)}
    if name.compact:
        found.add(fact_key("name", name.compact))
        found.add(fact_key("acronym", name.acronym or name.compact))
    found |= {fact_key("domain", d) for d in company.domains}
    return found | ({fact_key("phone", company.phone)} if company.phone else set())


def counted_by(company: Company) -> dict[tuple[str, str], int]:
    """(what, value) → key, of everything whose frequency is asked for."""
    name = read_name(company.name)
    asked = {("name", name.compact)} | {("domain", d) for d in company.domains}
    asked |= {("phone", company.phone or ""), ("city", company.city or ""), ("country", company.country or "")}
    facts = {(what, value): fact_key(what, value) for what, value in asked if value}
    return facts | {("word", w): word_key(w) for w in name.words}


def slips(name: Name) -> set[str]:
    """The first distinctive word with each letter left out, and itself: two words one slip apart have one of these in common."""
    if not name.compact:
        return set()
    word = name.distinctive[0]
    if not SLIPS_FROM <= len(word) <= SLIPS_TO:
        return set()
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}
