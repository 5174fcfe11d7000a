"""Who could take a handoff now: the working copy of reps, absences, open handoffs and turns for one batch.

The desk reads it from the store under the assignment lock, decides the whole batch against it, and writes back what `changed`.
Nothing else in routing keeps state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from handfast.contract.terms import Pool
from handfast.facts import Absence, Rep

#: Why a rep was passed over. All but `over_share` are answers of `eligible`; that one belongs to the rotation.
Reason = Literal["unknown_rep", "inactive", "pto", "excluded", "capped", "over_share"]

NOBODY: Final[frozenset[str]] = frozenset()


class Turn(NamedTuple):
    """A member's place in the rotation of a pool: one row of the table `rotation`.

    `turns` counts what they took, for people to read. `level` is what decides: turns divided by weight, moved along with the pool
    while the member cannot take part. `last_at` is the moment of their last turn, UTC, or None.
    """

    pool: str
    rep: str
    turns: int = 0
    level: float = 0.0
    last_at: datetime | None = None


class Roster:
    """The working copy for one batch. Changed by `assign` as it decides; thrown away afterwards."""

    __slots__ = ("_absences", "_changed", "_members", "_open", "_reps", "_rows", "_starts")

    def __init__(
        self,
        reps: Mapping[str, Rep],
        absences: Iterable[Absence] = (),
        open_counts: Mapping[str, int] | None = None,
        turns: Iterable[Turn | tuple[str, str, int, float, datetime | None]] = (),
    ) -> None:
        """Takes what the store holds.

        Args:
            reps: by id.
            absences: any number per rep, in any order; they may overlap.
            open_counts: rep id to the number of open handoffs they own, whatever pool or rule gave them.
            turns: every row of the rotation table, also of reps who have left a pool: their place moves on with the pool.
        """
        self._reps = dict(reps)
        self._open = dict(open_counts or {})
        self._rows: dict[str, dict[str, Turn]] = {}
        for row in turns:
            turn = Turn(*row)
            self._rows.setdefault(turn.pool, {})[turn.rep] = turn
        self._absences = _merged(absences)
        self._starts = {rep: [a.starts_at for a in spans] for rep, spans in self._absences.items()}
        self._changed: set[tuple[str, str]] = set()
        self._members: dict[str, tuple[Pool, tuple[tuple[str, float], ...]]] = {}

    def rep(self, rep: str) -> Rep | None:
        return self._reps.get(rep)

    def name(self, rep: str) -> str:
        """What people call this rep; the id where nobody is known by it."""
        return known.name if (known := self._reps.get(rep)) is not None and known.name else rep

    def absence(self, rep: str, at: datetime) -> Absence | None:
        """The absence that covers `at`, joined with those that follow on it, or None."""
        if (starts := self._starts.get(rep)) is None:
            return None
        place = bisect_right(starts, at)
        if place and at < (found := self._absences[rep][place - 1]).ends_at:
            return found
        return None

    def open_count(self, rep: str) -> int:
        """How many open handoffs this rep owns, with those of this batch."""
        return self._open.get(rep, 0)

    def took(self, rep: str) -> None:
        """One more open handoff. `assign` calls it for each decision; the desk for changes made by hand."""
        self._open[rep] = self._open.get(rep, 0) + 1

    def gave_up(self, rep: str) -> None:
        """One open handoff fewer: closed, returned, or handed to somebody else."""
        self._open[rep] = max(0, self._open.get(rep, 0) - 1)

    def members(self, name: str, pool: Pool) -> tuple[tuple[str, float], ...]:
        """(rep id, weight), by id: the order in which a contract lists its members decides nothing."""
        kept = self._members.get(name)
        if kept is None or kept[0] is not pool:
            kept = self._members[name] = (pool, tuple(sorted(pool.members.items())))
        return kept[1]

    def turns(self, pool: str) -> Mapping[str, Turn]:
        """Rep id to their place in this pool; a rep who never took part has none."""
        return self._rows.get(pool, {})

    def put(self, turn: Turn) -> None:
        """Keeps a changed place. The rotation calls it; it will be among `changed`."""
        self._rows.setdefault(turn.pool, {})[turn.rep] = turn
        self._changed.add((turn.pool, turn.rep))

    def changed(self) -> list[Turn]:
        """The places this batch changed, by pool and rep: what has to be written back."""
        return [self._rows[pool][rep] for pool, rep in sorted(self._changed)]


def eligible(rep: str, roster: Roster, pool: Pool | None, at: datetime, exclude: frozenset[str] = NOBODY) -> Reason | None:
    """Why this rep may not take a handoff at `at`, or None if they may. The only place where this is decided.

    A capacity counts all open handoffs of the rep, whichever rule gave them. `pool` says which capacity holds; None: no capacity.
    """
    if (known := roster._reps.get(rep)) is None:
        return "unknown_rep"
    if not known.active:
        return "inactive"
    if rep in exclude:
        return "excluded"
    if rep in roster._starts and roster.absence(rep, at) is not None:
        return "pto"
    if pool is not None and pool.cap is not None and roster._open.get(rep, 0) >= pool.cap:
        return "capped"
    return None


def because(reason: Reason, rep: str, roster: Roster, pool: Pool | None, at: datetime) -> str:
    """The reason as a sentence. It does not say why somebody is away: that is theirs."""
    name = roster.name(rep)
    match reason:
        case "over_share":
            return f"{name} is ahead of their share, so this turn cannot be theirs."
        case "capped":
            return f"{name} has {roster.open_count(rep)} open and may hold {pool.cap if pool else 'no more'}."
        case "pto":
            away = roster.absence(rep, at)
            return f"{name} is away until {_told(away.ends_at)} UTC." if away else f"{name} is away."
        case "excluded":
            return f"{name} is left out: the handoff is moving on from them."
        case "inactive":
            return f"{name} no longer takes handoffs."
        case "unknown_rep":
            return f"No rep '{rep}' is known: add them, or correct the contract."


@lru_cache(maxsize=1024)
def _told(moment: datetime) -> str:
    """Kept, because a batch says the same few times of return thousands of times over, and formatting one is slow."""
    return f"{moment:%Y-%m-%d %H:%M}"


def _merged(absences: Iterable[Absence]) -> dict[str, list[Absence]]:
    """Each rep's absences in order, overlapping and touching ones joined: at most one covers any moment."""
    merged: dict[str, list[Absence]] = {}
    for absence in sorted(absences, key=lambda a: (a.rep, a.starts_at, a.ends_at)):
        spans = merged.setdefault(absence.rep, [])
        if spans and absence.starts_at <= spans[-1].ends_at:
            last = spans[-1]
            spans[-1] = Absence(last.rep, last.starts_at, max(last.ends_at, absence.ends_at), last.why)
        else:
            spans.append(absence)
    return merged
