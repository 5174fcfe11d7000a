"""Opportunities and parents as they are recorded, made into what routing knows of one handoff at one moment.

The live path reads a batch of them, a replay all of them; both ask here, so that both know the same. What stood above an account at a
moment of the past is told by `tuning.replay_past`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from handfast.contract.terms import Routing
from handfast.routing.ownership import NOTHING_KNOWN, Company, Deal, Known

#: Companies above companies: a chain longer than this is a mistake of the record.
MOST_ABOVE = 20


#: The accounts above an account, the nearest first, and whether they lead round in a circle, and end there.
Chain = tuple[tuple[Company, ...], bool]


class Dealt(NamedTuple):
    """An opportunity as recorded. Times are UTC; `won` is None while it is open."""

    id: str
    account: str | None
    person: str | None
    owner: str | None
    opened_at: datetime
    closed_at: datetime | None
    won: bool | None


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded of opportunities (by account, and by person of no account; the latest first) and of accounts above others.

    `above`: account id → the accounts above it, the nearest first. `circles`: accounts whose parents lead round in a circle.
    """

    of_account: Mapping[str, Sequence[Dealt]] = field(default_factory=dict)
    of_person: Mapping[str, Sequence[Dealt]] = field(default_factory=dict)
    above: Mapping[str, tuple[Company, ...]] = field(default_factory=dict)
    circles: frozenset[str] = frozenset()

    def known(
        self, account: str | None, person: str, at: datetime, chain: Chain | None = None, owner: Callable[[Dealt], str | None] | None = None
    ) -> Known:
        """What was known of this account, or of this person who has none, at a moment: by the opportunities' own times.

        `chain`: the accounts that stood above it then, where that is not what is recorded here. `owner`: whose an opportunity was then,
        where that is not today's owner.
        """
        dealt = self.of_account.get(account, ()) if account else self.of_person.get(person, ())
        above, circle = chain or (self.above.get(account, ()) if account else (), account in self.circles)
        if not dealt and not above and not circle:
            return NOTHING_KNOWN
        begun = [one for one in dealt if one.opened_at <= at]
        if owner is not None:
            begun = [one._replace(owner=owner(one)) for one in begun]
        still = [one for one in begun if one.closed_at is None or one.closed_at > at]
        ended = [one for one in begun if one.won and one.closed_at is not None and one.closed_at <= at]
        won = max(ended, key=lambda one: one.closed_at or at) if ended else None
        return Known(tuple([_deal(one, one.opened_at) for one in still]), _deal(won, won.closed_at or at) if won else None, above, circle)


NO_RECORD = Record()


def _deal(one: Dealt, day: datetime) -> Deal:
    return Deal(one.id, one.owner, day.date().isoformat())


def record_of(deals: Iterable[Dealt], above: Iterable[tuple[str, str, str, str | None, bool]] = ()) -> Record:
    """From rows: opportunities, the latest first; (account, id, name, owner, circle) of the accounts above, the nearest first."""
    of_account: dict[str, list[Dealt]] = {}
    of_person: dict[str, list[Dealt]] = {}
    for one in deals:
        if one.account is not None:
            of_account.setdefault(one.account, []).append(one)
        elif one.person is not None:
            of_person.setdefault(one.person, []).append(one)
    chains: dict[str, tuple[Company, ...]] = {}
    circles: set[str] = set()
    for account, id_, name, owner, circle in above:
        if circle:
            circles.add(account)
        else:
            chains[account] = (*chains.get(account, ()), Company(id_, name, owner))
    return Record(of_account, of_person, chains, frozenset(circles))


def circles(parents: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The circles among accounts and the accounts above them (key to key), each once, from its first key in the alphabet."""
    settled: set[str] = set()
    found = []
    for start in sorted(parents):
        path: dict[str, None] = {}
        key: str | None = start
        while key is not None and key not in settled and key not in path:
            path[key] = None
            key = parents.get(key)
        if key is not None and key in path:
            ring = list(path)[list(path).index(key) :]
            turn = ring.index(min(ring))
            found.append((*ring[turn:], *ring[:turn]))
        settled |= path.keys()
    return found


def ring_of(key: str, parent: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """The circle that would close if `parent` stood above `key`, from `key` back to it; empty where none would."""
    path, above = [key], parent
    while above not in path:
        path.append(above)
        following = parents.get(above)
        if following is None:
            return ()
        above = following
    return (*path, key) if above == key else ()


def asks_deals(routing: Routing) -> bool:
    """Whether any rung asks for opportunities."""
    return "open_opportunity" in routing.ladder or "customer" in routing.ladder


def asks_above(routing: Routing) -> bool:
    """Whether any rung asks for the accounts above."""
    return routing.hierarchy != "off" and ("named_account" in routing.ladder or "customer" in routing.ladder)
