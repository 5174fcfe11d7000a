"""The life of handoffs in a replay: who opens one, who joins it, when it ends, and who may come back.

The rules are those of the live loop: at most one open handoff per party (account, or person without one) and motion; a second ready person
joins it, while an account that is ready as a whole only opens one; after it has ended only a step asked for after its end opens another;
whoever was disqualified is not handed over again. Somebody made ready by hand is asked neither, if that was said after the end.

**When does a handoff end that never was?** That is the one thing a replay must assume, and it assumes the same under both contracts:

1.  Where the party had a recorded handoff that was open then, or was opened within 30 days of then, the replayed one lives as long and ends
    the same way (`recorded`).
2.  Else a comparable recorded handoff is drawn, by a stable hash of party and signal: one with the same next step, old enough to have ended
    (`comparable`). The same draw is made under both contracts, and the lengths and ends of many are those of the record.
3.  Where nothing was recorded it stays open to the end of the period (`unknown`).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

import polars as pl

How = Literal["recorded", "comparable", "unknown"]
#: A recorded handoff of the same party opened this near is taken to be the same story.
NEAR: Final = timedelta(days=30)
#: A recorded handoff this old that is still open is one that stays open; a younger one says nothing yet.
MATURE: Final = timedelta(days=30)
_DISQUALIFIED: Final = "disqualify"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A handoff that took place. `met`: whether it came to a meeting. Times are UTC."""

    id: str
    party: str
    opened_at: datetime
    closed_at: datetime | None
    outcome: str | None
    next_step: str
    fit: int
    met: bool
    owner: str | None = None
    people: frozenset[str] = frozenset()


class ReadyRow(NamedTuple):
    """A moment at which somebody was ready: what `replay.judged` says of it. `group`: it was the account as a whole."""

    signal: int
    person: str
    account: str | None
    received_at: datetime
    asked_at: datetime | None
    next_step: str
    fit: int
    intent: int
    source: str
    fields: str
    by_hand: datetime | None
    contract: int
    group: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A handoff of a replay. `contract`: which of the contracts of this side opened it; `recorded`: the handoff whose story it is."""

    party: str
    row: ReadyRow
    closed_at: datetime | None
    outcome: str | None
    how: How
    recorded: str | None
    joined: list[str] = field(default_factory=list, compare=False)


class Lives:
    """What is recorded of handoffs, asked how long one that might have been would have lived. `until`: the end of what is recorded."""

    def __init__(self, past: Iterable[Recorded], until: datetime) -> None:
        self.until = until
        self.by_party: dict[str, list[Recorded]] = {}
        pools: dict[str, list[Recorded]] = {}
        for one in sorted(past, key=lambda h: (h.opened_at, h.id)):
            self.by_party.setdefault(one.party, []).append(one)
            if one.closed_at is not None or one.opened_at <= until - MATURE:
                pools.setdefault(one.next_step, []).append(one)
        self._pools = pools
        self._all = [one for pool in pools.values() for one in pool]

    def near(self, party: str, at: datetime) -> Recorded | None:
        """The recorded handoff whose story this one is: open at that moment, else the nearest in time."""
        mine = self.by_party.get(party, ())
        for one in mine:
            if one.opened_at <= at and (one.closed_at is None or one.closed_at > at):
                return one
        close = [one for one in mine if abs(one.opened_at - at) <= NEAR]
        return min(close, key=lambda one: abs(one.opened_at - at)) if close else None

    def of(self, party: str, row: ReadyRow) -> tuple[datetime | None, str | None, How, str | None]:
        """When a handoff opened by this row ends (None: not within the period), how, by which rule, and which recorded one it follows."""
        at = row.received_at
        if (same := self.near(party, at)) is not None:
            return *self._as(same, at), "recorded", same.id
        pool = self._pools.get(row.next_step) or self._all
        if not pool:
            return None, None, "unknown", None
        drawn = pool[int.from_bytes(hashlib.sha256(f"{party}\x1f{row.signal}".encode()).digest()[:8], "big") % len(pool)]
        return *self._as(drawn, at), "comparable", None

    def _as(self, one: Recorded, at: datetime) -> tuple[datetime | None, str | None]:
        if one.closed_at is None:
            return None, None
        ends = at + max(one.closed_at - one.opened_at, timedelta(0))
        return (ends, one.outcome) if ends < self.until else (None, None)


@dataclass(slots=True)
class _Party:
    """How a party stands."""

    people: set[str] = field(default_factory=set)
    ends_at: datetime | None = None
    outcome: str | None = None
    open: bool = False
    ended_at: datetime | None = None


def lived(rows: Sequence[ReadyRow], lives: Lives, since: datetime) -> list[Opening]:
    """The handoffs that these ready moments open from `since` on, each with those who joined it.

    Args:
        rows: in the order in which their signals were received; the people of a party all together.
        since: what was open then, and what had ended, is as recorded.
    """
    parties: dict[str, _Party] = {}
    barred: set[str] = set()
    current: dict[str, Opening] = {}
    openings: list[Opening] = []
    for row in rows:
        name = row.account or row.person
        party = parties.get(name)
        if party is None:
            party = parties[name] = _standing(lives.by_party.get(name, ()), since, barred)
        if party.open and party.ends_at is not None and party.ends_at <= row.received_at:
            _end(party, barred)
        if (party.open and (row.group or row.person in party.people)) or (row.person in barred and row.by_hand is None):
            continue
        wished_at = row.by_hand or row.asked_at
        if party.ended_at is not None and (wished_at is None or wished_at <= party.ended_at):
            continue
        if party.open:
            if name in current:
                current[name].joined.append(row.person)
            party.people.add(row.person)
            continue
        ends_at, outcome, how, recorded = lives.of(name, row)
        party.open, party.people, party.ends_at, party.outcome = True, {row.person}, ends_at, outcome
        current[name] = Opening(name, row, ends_at, outcome, how, recorded)
        openings.append(current[name])
    return openings


def _standing(past: Sequence[Recorded], since: datetime, barred: set[str]) -> _Party:
    """How the record says a party stood at `since`."""
    party = _Party()
    for one in past[: bisect_left([h.opened_at for h in past], since)]:
        party.open, party.people, party.ends_at, party.outcome = True, set(one.people), one.closed_at, one.outcome
        if one.closed_at is not None and one.closed_at <= since:
            _end(party, barred)
    return party


def _end(party: _Party, barred: set[str]) -> None:
    """The last handoff of a person decides whether they may come back."""
    if party.outcome == _DISQUALIFIED:
        barred |= party.people
    else:
        barred -= party.people
    party.open, party.ended_at = False, max(filter(None, (party.ended_at, party.ends_at)), default=None)


_COLUMNS: Final = (
    *("signal", "person_id", "account_id", "received_at", "asked_at", "next_step", "fit", "intent", "source", "fields", "by_hand"),
)


def ready_rows(verdicts: pl.DataFrame, groups: pl.DataFrame, contract: int) -> list[ReadyRow]:
    """The ready moments among verdicts (`replay.judged`, `replay_groups.replayed_groups`) of a contract, in their order."""
    rows = [
        ReadyRow._make((*row, contract, group))
        for frame, group in ((verdicts, False), (groups, True))
        for row in frame.filter(pl.col("outcome") == "ready").select(_COLUMNS).iter_rows()
    ]
    return sorted(rows, key=in_turn) if groups.height else rows


def in_turn(row: ReadyRow) -> tuple[datetime, int, bool]:
    """The order in which ready moments take effect: that of their signals; of one signal the person first, then their account."""
    return row.received_at, row.signal, row.group
