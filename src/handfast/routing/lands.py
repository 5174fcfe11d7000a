"""What the territories of a contract cover: whom each claims, whom two of them would, and whom none does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.routing.ownership import answered

#: Names of parties told beside a number.
NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Land:
    """One territory: how many parties it claims, and how many more it would if others were not asked first. `unknown`: nobody can tell."""

    name: str
    to: str
    claimed: int
    taken: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Parties that two territories would claim; `first` is asked first, so it has them."""

    first: str
    second: str
    parties: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Territories and the parties (accounts, and people of none) on record. `holes`: claimed by none; `unclear`: of those, nobody can tell.

    `lacking`: field → for how many of the unclear it is not known.
    """

    parties: int
    lands: tuple[Land, ...]
    overlaps: tuple[Overlap, ...]
    holes: int
    unclear: int
    named: tuple[str, ...]
    lacking: tuple[tuple[str, int], ...]

    def sentences(self) -> list[str]:
        """What to know of it, in plain words; nothing where everything is claimed once."""
        found = []
        if self.holes:
            found.append(f"{_counted(self.holes)} into no territory{_such_as(self.named)}.")
        if self.unclear:
            lacking = ", ".join(f"{name} ({number:,})" for name, number in self.lacking[:4])
            found.append(f"Of {self.unclear:,} of them nobody can tell: not known are {lacking}.")
        for one in self.overlaps:
            what = "1 account" if one.parties == 1 else f"{one.parties:,} accounts"
            found.append(f"{one.first} and {one.second} both claim {what}{_such_as(one.named)}; {one.first} is asked first.")
        found += [f"{land.name} claims nobody." for land in self.lands if not land.claimed]
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "accounts": self.parties,
            "territories": [{name: getattr(land, name) for name in Land.__slots__} for land in self.lands],
            "overlaps": [{name: getattr(one, name) for name in Overlap.__slots__} for one in self.overlaps],
            "in_none": self.holes,
            "in_none_named": list(self.named),
            "unclear": self.unclear,
            "lacking": dict(self.lacking),
            "sentences": self.sentences(),
        }


def _counted(number: int) -> str:
    return "1 account falls" if number == 1 else f"{number:,} accounts fall"


def _such_as(named: tuple[str, ...]) -> str:
    return f" ({', '.join(named[:NAMED])}, …)" if len(named) >= NAMED else f" ({', '.join(named)})" if named else ""


def coverage(agreement: Agreement, people: pl.DataFrame) -> Coverage:
    """Asks every territory of everybody.

    Args:
        people: `party` and `name`, and a column for each of the contract's fields; a party has a row for each of its people.
    """
    territories = agreement.contract.routing.territories
    said = answered(agreement.territories, people)
    names = [f"{place}" for place in range(len(territories))]
    frame = pl.concat([people.select("party", "name"), said], how="horizontal")
    first = pl.coalesce([pl.when(pl.col(name)).then(pl.lit(int(name))) for name in names]) if names else pl.lit(None, dtype=pl.Int32)
    frame = frame.with_columns(first.cast(pl.Int32).alias("first"))
    by_party = frame.group_by("party", maintain_order=True).agg(
        pl.col("name").first(),
        pl.col("first").is_not_null().any().alias("in_any"),
        *(pl.col(name).any(ignore_nulls=True).alias(name) for name in names),
        *((pl.col("first") == int(name)).any().alias(f"c{name}") for name in names),
        *(pl.col(name).is_null().any().alias(f"u{name}") for name in names),
    )
    holes = by_party.filter(~pl.col("in_any"))
    unclear = holes.filter(pl.any_horizontal([pl.col(f"u{name}") for name in names])) if names else holes.clear()
    lands = tuple(_land(territory.name, territory.to, n, by_party) for n, territory in enumerate(territories))
    overlaps = tuple(_overlaps([territory.name for territory in territories], frame))
    return Coverage(by_party.height, lands, overlaps, holes.height, unclear.height, _named(holes), _lacking(agreement, people, unclear))


def _land(name: str, to: str, n: int, by_party: pl.DataFrame) -> Land:
    claimed, true = int(by_party[f"c{n}"].sum() or 0), int((by_party[f"{n}"] & ~by_party[f"c{n}"].fill_null(value=False)).sum() or 0)
    return Land(name, to, claimed, true, by_party.filter(pl.col(f"u{n}") & ~pl.col(f"{n}").fill_null(value=False)).height)


def _overlaps(names: list[str], frame: pl.DataFrame) -> list[Overlap]:
    """Pairs that are true of one row, the largest first."""
    shared = (
        frame.filter(pl.sum_horizontal([pl.col(f"{n}").cast(pl.Int32).fill_null(0) for n in range(len(names))]) > 1) if names else frame
    )
    if not names or not shared.height:
        return []
    busy = [n for n in range(len(names)) if shared[f"{n}"].any()]
    found = []
    for one, other in combinations(busy, 2):
        both = shared.filter(pl.col(f"{one}") & pl.col(f"{other}")).unique("party", maintain_order=True)
        if both.height:
            found.append(Overlap(names[one], names[other], both.height, _named(both)))
    return sorted(found, key=lambda overlap: -overlap.parties)


def _named(parties: pl.DataFrame) -> tuple[str, ...]:
    return tuple(parties["name"].head(NAMED))


def _lacking(agreement: Agreement, people: pl.DataFrame, unclear: pl.DataFrame) -> tuple[tuple[str, int], ...]:
    """The fields that territories read and these parties lack, the most frequent first."""
    fields = sorted({field for one in agreement.territories for field in one.names})
    if not fields or not unclear.height:
        return ()
    mine = people.filter(pl.col("party").is_in(unclear["party"].implode()))
    lacking = [(field, mine.filter(pl.col(field).is_null())["party"].n_unique()) for field in fields]
    return tuple(sorted(((field, number) for field, number in lacking if number), key=lambda pair: (-pair[1], pair[0])))
