"""A crowd of people as a CRM has them, seeded, with the truth: typos, moves, job changes, shared mailboxes, switchboards, empty fields.

    python -m bench.crowd N     prints what a crowd of N records is made of

About seven records in ten are the only one of their person; the others come two to four to a person, one in twelve after a job change. Names are
made of syllables and as unevenly frequent as names are (Zipf), so that there are namesakes, in one firm too.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect
from itertools import accumulate
from typing import NamedTuple

import polars as pl

COLUMNS = ("first_name", "last_name", "email", "phone", "company", "city")
_ON, _MID, _END = (
    ("b", "br", "c", "ch", "d", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "r", "s", "sch", "st", "t", "v", "w", "z"),
    ("a", "e", "i", "o", "u", "ai", "au", "ei"),
    ("n", "r", "l", "s", "t", "ck", "mann", "sen", "ski", "ov", "ez", "in", "er"),
)
_FREE = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de")


class Human(NamedTuple):
    first: str
    last: str
    mobile: str
    home: str
    private: str


class Firm(NamedTuple):
    name: str
    domain: str
    desk: str
    city: str
    form: int


class Zipf:
    """Draws from a list, the first entries far more often."""

    def __init__(self, values: list[str], luck: random.Random, power: float) -> None:
        self.values, self.luck = values, luck
        self.cumulated = list(accumulate((i + 8) ** -power for i in range(len(values))))

    def draw(self) -> str:
        return self.values[bisect(self.cumulated, self.luck.random() * self.cumulated[-1])]


def _words(luck: random.Random, count: int, syllables: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(luck.choice(_ON) + luck.choice(_MID) for _ in range(luck.randint(1, syllables))) + luck.choice(_END)] = None
    return list(found)


def _typo(luck: random.Random, text: str) -> str:
    if len(text) < 3:
        return text
    i = luck.randrange(len(text) - 1)
    kind = luck.random()
    if kind < 0.3:
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    if kind < 0.6:
        return text[:i] + text[i + 1 :]
    letter = luck.choice("abcdefghijklmnopqrstuvwxyz" if text[i].isalpha() else "0123456789")
    return text[:i] + letter + text[i + (kind < 0.8) :]


class Crowd:
    """The makers of one crowd."""

    def __init__(self, records: int, seed: int) -> None:
        self.luck = luck = random.Random(seed)
        self.firsts = Zipf(_words(luck, 3_000, 2), luck, 0.9)
        self.lasts = Zipf(_words(luck, max(2_000, min(60_000, records // 12)), 3), luck, 0.8)
        self.cities = Zipf(_words(luck, 2_500, 3), luck, 0.9)
        names = _words(luck, max(200, records // 12), 3)
        self.firms = [
            Firm(name, f"{name}.example", f"+49{luck.randrange(10**8, 10**9)}0", self.cities.draw(), luck.randrange(3)) for name in names
        ]
        self.taken: dict[str, Human] = {}
        self.sizes = list(accumulate((i + 20) ** -0.6 for i in range(len(self.firms))))

    def firm(self) -> Firm:
        return self.firms[bisect(self.sizes, self.luck.random() * self.sizes[-1])]

    def human(self) -> Human:
        luck, first, last = self.luck, self.firsts.draw(), self.lasts.draw()
        private = f"{first}.{last}{luck.randrange(100) if luck.random() < 0.7 else ''}@{luck.choice(_FREE)}"
        return Human(first, last, f"+491{luck.randrange(10**8, 10**9)}", self.cities.draw(), private)

    def address(self, human: Human, firm: Firm) -> str:
        local = (f"{human.first}.{human.last}", f"{human.first[0]}.{human.last}", human.first)[firm.form]
        address = f"{local}@{firm.domain}"
        # No mail system gives one address to two people: the second gets a number.
        while self.taken.setdefault(address, human) is not human:
            local = f"{local}{self.luck.randrange(2, 99)}"
            address = f"{local}@{firm.domain}"
        return address

    def record(self, human: Human, firm: Firm, *, again: bool) -> tuple[str | None, ...]:
        """What one form, list or card says of a person; `again`: a later one, which more has happened to."""
        luck = self.luck
        chance = luck.random
        first, last, city = human.first, human.last, firm.city if chance() < 0.5 else human.home
        email: str | None = human.private if chance() < 0.08 else self.address(human, firm)
        phone: str | None = human.mobile if chance() < 0.8 else firm.desk
        if chance() < 0.03:
            email = f"info@{firm.domain}"
        if again:
            first = first[0] if chance() < 0.04 else _typo(luck, first) if chance() < 0.10 else first
            last = _typo(luck, last) if chance() < 0.10 else last
            email = _typo(luck, email) if email and chance() < 0.04 else email
            phone = _typo(luck, phone) if phone and chance() < 0.03 else phone
            city = self.cities.draw() if chance() < 0.10 else city
        return (
            first if chance() > 0.03 else None, last if chance() > 0.01 else None, email if chance() > 0.08 else None,
            phone if chance() > 0.25 else None, firm.name if chance() > 0.1 else None, city if chance() > 0.2 else None,
        )  # fmt: skip

    def records(self, human: Human) -> list[tuple[str | None, ...]]:
        luck, firm = self.luck, self.firm()
        said = [self.record(human, firm, again=False)]
        if luck.random() < 0.78:
            return said
        for _ in range(luck.choices((1, 2, 3), (6, 3, 1))[0]):
            firm = self.firm() if luck.random() < 0.08 else firm
            said.append(self.record(human, firm, again=True))
        return said


def crowd(records: int, seed: int = 7) -> pl.DataFrame:
    """`records` rows in no order: the COLUMNS, and `truth`, the number of the person."""
    makers = Crowd(records, seed)
    rows: list[tuple[str | int | None, ...]] = []
    person = 0
    while len(rows) < records:
        rows += [(*said, person) for said in makers.records(makers.human())]
        person += 1
    rows = rows[:records]
    makers.luck.shuffle(rows)
    return pl.DataFrame(rows, schema={**dict.fromkeys(COLUMNS, pl.String), "truth": pl.Int64}, orient="row")


def true_pairs(truth: pl.Series) -> int:
    """How many pairs of records are one person."""
    return int(truth.value_counts().select(pl.col("count") * (pl.col("count") - 1) // 2).to_series().sum())


def main() -> None:
    made = crowd(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(made.head(8))
    print(
        f"{made.height:,} records of {made.get_column('truth').n_unique():,} people: {true_pairs(made.get_column('truth')):,} pairs that are one person"
    )


if __name__ == "__main__":
    main()
