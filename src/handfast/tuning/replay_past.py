"""Whose accounts were, what stood above them, and what reps were like, at each moment of the past: what a replay routes by.

What is told here was logged in the order in which it was recorded. A signal knows a row of a log where the row had been told by the time
the signal was received, or was on record already when the signal was recorded: so an imported history is routed by what was imported
before it, as it was live.

Of accounts recorded before there was a log, today's owner is taken; before the first that is recorded of a rep, that first is. The report
says so (`unsure`, `came_later`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from handfast.facts import Absence, Rep
from handfast.routing.ownership import Company
from handfast.routing.record import MOST_ABOVE, Chain


class Moment(NamedTuple):
    """A signal as a point in time: when it was received (UTC), and its number in the order of recording."""

    at: datetime
    signal: int


class Owned(NamedTuple):
    """Another owner of an account or opportunity (None: nobody).

    `after`: the number of the latest signal recorded before it; so everywhere here.
    """

    account: str
    was: str | None
    becomes: str | None
    at: datetime
    after: int


class Above(NamedTuple):
    """Another account above an account, by its key (None: nothing)."""

    key: str
    parent: str | None
    at: datetime
    after: int


class Like(NamedTuple):
    """What a rep became like (`data`: active, time_zone, week, holidays, skills, off), or, with `starts_at`, an absence of theirs, entered
    or (`ends_at` None) taken back."""

    rep: str
    data: Mapping[str, Any] | None
    at: datetime
    after: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    source: str = ""


def knows(moment: Moment, at: datetime, after: int) -> bool:
    """Whether this had been told when the signal was received, or was recorded before it."""
    return at <= moment.at or after < moment.signal


class Owners:
    """The owner of each account, or of each opportunity, at each moment. `now`: today's; `told`: the log, in its order."""

    __slots__ = ("_now", "_told")

    def __init__(self, now: Mapping[str, str], told: Iterable[Owned] = ()) -> None:
        self._now = now
        self._told: dict[str, list[Owned]] = {}
        for one in told:
            self._told.setdefault(one.account, []).append(one)

    def at(self, account: str | None, moment: Moment) -> str | None:
        """Who owned it then; None for nobody, and for no account."""
        if account is None:
            return None
        told = self._told.get(account)
        if told is None:
            return self._now.get(account)
        for one in reversed(told):
            if knows(moment, one.at, one.after):
                return one.becomes
        return told[0].was

    def unsure(self, account: str | None, moment: Moment) -> bool:
        """Whether there was an owner of whom nobody knows that they owned it so early: told later than `moment`, or never logged."""
        if account is None:
            return False
        told = self._told.get(account)
        if told is None:
            return account in self._now
        return self.at(account, moment) is not None and told[0].at > moment.at


class Chains:
    """What stood above each account at each moment.

    Args:
        companies: (id, key, name, key of the account above today) of every account that ever stood above another, or below.
        told: the log of parents, in its order; before its first row of an account nothing is known to have stood above it.
        owners: whose they were.
    """

    __slots__ = ("_by_id", "_by_key", "_owners", "_told")

    def __init__(self, companies: Iterable[tuple[str, str, str, str | None]], told: Iterable[Above], owners: Owners) -> None:
        self._by_key = {key: (id_, name, parent) for id_, key, name, parent in companies}
        self._by_id = {id_: key for key, (id_, _, _) in self._by_key.items()}
        self._owners = owners
        self._told: dict[str, list[Above]] = {}
        for one in told:
            self._told.setdefault(one.key, []).append(one)

    def at(self, account: str | None, moment: Moment) -> Chain:
        """The accounts above, the nearest first, and whether they lead back to one that was there already, and end there."""
        key = self._by_id.get(account or "")
        if key is None:
            return (), False
        seen = {key}
        found: list[Company] = []
        above = self._parent(key, moment)
        while above is not None and above in self._by_key and len(found) < MOST_ABOVE:
            if above in seen:
                return tuple(found), True
            seen.add(above)
            id_, name, _ = self._by_key[above]
            found.append(Company(id_, name, self._owners.at(id_, moment)))
            above = self._parent(above, moment)
        return tuple(found), False

    def _parent(self, key: str, moment: Moment) -> str | None:
        told = self._told.get(key)
        if told is None:
            return self._by_key[key][2]
        return next((one.parent for one in reversed(told) if knows(moment, one.at, one.after)), None)


NO_OWNERS: Final = Owners({})
NO_CHAINS: Final = Chains((), (), NO_OWNERS)


class Reps:
    """What reps were like, moment by moment, and which of their absences were known. `told`: the log, in its order.

    A row that is known makes every row before it known, for the log was written in that order.
    """

    __slots__ = ("_absences", "_after", "_at", "_first", "_now", "_told")

    def __init__(self, now: Mapping[str, Rep], absences: Sequence[Absence], told: Sequence[Like] = ()) -> None:
        self._now, self._told = now, told
        self._after = [one.after for one in told]
        self._at = [one.at for one in told]
        for place in range(len(told) - 1, 0, -1):  # from the end: the earliest time of this row and those after it
            self._at[place - 1] = min(self._at[place - 1], self._at[place])
        self._first: dict[str, Like] = {}
        for one in told:
            if one.starts_at is None:
                self._first.setdefault(one.rep, one)
        logged = {(one.rep, one.starts_at) for one in told if one.starts_at is not None}
        #: Those recorded before there was a log.
        self._absences = [one for one in absences if (one.rep, one.starts_at) not in logged]

    def begin(self) -> tuple[dict[str, Rep], list[Absence]]:
        """What is taken before anything was told."""
        return {rep: self._like(rep, self._first.get(rep)) for rep in self._now}, self._absences

    def first_told(self, rep: str) -> datetime | None:
        """When this rep was first recorded; None: before there was a log."""
        return self._first[rep].at if rep in self._first else None

    def watch(self) -> Watch:
        """Goes through the past, a moment at a time."""
        return Watch(self)

    def told_by(self, moment: Moment) -> int:
        """How many rows of the log are known then."""
        return max(bisect_right(self._at, moment.at), bisect_left(self._after, moment.signal))

    def _like(self, rep: str, told: Like | None) -> Rep:
        now = self._now[rep]
        if told is None or told.data is None:
            return now
        data = told.data
        week = {days: tuple(times) for days, times in data["week"].items()} if data["week"] is not None else None
        return replace(
            now, active=data["active"], time_zone=data["time_zone"], week=week, holidays=data["holidays"],
            skills=frozenset(data["skills"]), off=data["off"],
        )  # fmt: skip


class Watch:
    """The reps as they were known at one moment after the other. What it gives back is what has changed since the last."""

    __slots__ = ("_away", "_known", "_of", "_reps")

    def __init__(self, of: Reps) -> None:
        self._of, self._known = of, 0
        self._begin()

    def _begin(self) -> None:
        self._reps, absences = self._of.begin()
        self._away: dict[str, dict[tuple[datetime | None, str], Absence]] = {}
        for one in absences:
            self._away.setdefault(one.rep, {})[one.starts_at, f"before {one.ends_at}"] = one
        self._known = 0

    def changed(self, moment: Moment) -> Iterator[tuple[Rep, list[Absence]]]:
        """Those of whom something else is known at this moment than at the last one asked about."""
        known = self._of.told_by(moment)
        if known == self._known:
            return
        touched: set[str] = set()
        if known < self._known:  # imported histories may overlap: gone through again from the beginning
            touched = {one.rep for one in self._of._told[known : self._known]}
            self._begin()
        touched |= {one.rep for one in self._of._told[self._known : known]}
        for one in self._of._told[self._known : known]:
            self._hear(one)
        self._known = known
        for rep in sorted(touched & self._reps.keys()):
            yield self._reps[rep], list(self._away.get(rep, {}).values())

    def _hear(self, one: Like) -> None:
        if one.starts_at is None:
            if one.rep in self._reps:
                self._reps[one.rep] = self._of._like(one.rep, one)
            return
        away = self._away.setdefault(one.rep, {})
        if one.ends_at is None:
            away.pop((one.starts_at, one.source), None)
        else:
            away[one.starts_at, one.source] = Absence(one.rep, one.starts_at, one.ends_at)
