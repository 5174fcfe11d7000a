"""Whose the handoffs of a replay would have been, and whether the hours of those people could carry them.

Owners are chosen by the functions that choose live, one handoff after the other, with the capacity that those before it left. Owners of
accounts, what stood above them, reps and their absences are those that were known then (`replay_past`); turns start level. Nobody is
reassigned by a clock that ran out: that is what the lateness below foretells.

A rep works through their handoffs in the order received, `touch_minutes` of working time each, in the hours of the SLA's calendar (the
team's, for a clock that runs around the clock). The first touch is made when the work on a handoff begins; it is late if that is after the
clock of its SLA has run out.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
import polars as pl

from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.frames import as_column, as_frame
from handfast.contract.own_hours import OwnHours
from handfast.contract.terms import FieldType
from handfast.facts import Absence, Rep
from handfast.routing.assign import Assignment, Case, assign
from handfast.routing.ownership import Claim, case_of, claims
from handfast.routing.record import NO_RECORD, Record
from handfast.routing.roster import Roster
from handfast.sla.clock import calendar_of, choose, due
from handfast.tuning.replay_life import Opening, ReadyRow, Recorded
from handfast.tuning.replay_past import NO_CHAINS, NO_OWNERS, Chains, Like, Moment, Owners, Reps
from handfast.worktime import BeyondCalendarError, Hours

#: Who gets what nobody could take.
NOBODY: Final = ""
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Crew:
    """Who there is to own handoffs: reps by id and absences as they are now, and what gave somebody a claim then.

    `told`: what of reps and absences was recorded when. `record`: opportunities; what was open then is asked by their own times, and
    whose it was of `deals` (None: today's owners).
    """

    reps: Mapping[str, Rep]
    absences: Sequence[Absence] = ()
    owners: Owners = NO_OWNERS
    record: Record = NO_RECORD
    chains: Chains = NO_CHAINS
    told: Sequence[Like] = ()
    deals: Owners | None = None


class Owned(NamedTuple):
    """A handoff of a replay with its owner (None: the exception queue), and the place of its SLA in its contract.

    `own`: the owner's hours as known when it was opened, where clocks of its contract count in them; None also for what had to wait.
    """

    opening: Opening
    owner: str | None
    rule: str
    pool: str | None
    sla: int | None
    own: OwnHours | None = None


def routed(agreements: Sequence[Agreement], openings: Sequence[Opening], crew: Crew, standing: Iterable[Recorded]) -> list[Owned]:
    """Owners, in the order in which the handoffs were opened.

    Args:
        agreements: the contracts of this side; `row.contract` of an opening is its place here.
        openings: in the order of `received_at`.
        standing: the recorded handoffs that were open when the period began: they take up room until they end.
    """
    course = _Course(agreements, openings, crew, standing)
    for number in range(len(openings)):
        course.next(number)
    return course.found


class _Course:
    """The working state: who holds how much, what nobody could take, who had whom last."""

    def __init__(self, agreements: Sequence[Agreement], openings: Sequence[Opening], crew: Crew, standing: Iterable[Recorded]) -> None:
        self.agreements, self.openings, self.crew = agreements, openings, crew
        self.claimed, self.slas = _asked(agreements, openings)
        stood = list(standing)
        self.endings, counts = _Endings(openings, stood), Counter(one.owner for one in stood if one.owner is not None)
        past = Reps(crew.reps, crew.absences, crew.told)
        self.roster, self.watch = Roster(*past.begin(), counts), past.watch()
        self.found: list[Owned] = []
        self.held = _Held()
        self.by_reps = [agreement.counts_rep_hours for agreement in agreements]
        self.sticky = any(pool.sticky is not None for one in agreements for pool in one.contract.routing.pools.values())
        self.last: dict[str, tuple[str, datetime]] = {}

    def next(self, number: int) -> None:
        """Decides one more. As live: what waits is given out before what is new, the oldest first."""
        one = self.openings[number]
        at, contract, case = one.row.received_at, one.row.contract, self._case(number, one)
        if self.held:
            for place, chosen in self.held.given_out(self.agreements, self.openings, self.roster, at):
                self.found[place] = self._owned(place, chosen, None)
        chosen = assign(self.agreements[contract], case, self.roster, at, told=False)
        if chosen.owner is not None:
            own = self.roster.own_hours(chosen.owner, at) if self.by_reps[contract] else None
            self.found.append(self._owned(number, chosen, own))
            return
        self.found.append(Owned(one, None, chosen.rule, chosen.pool, self.slas[number]))
        if not chosen.for_person:
            self.held.add(number, contract, case)

    def _case(self, number: int, one: Opening) -> Case:
        """What was known then, of the world and of who there was."""
        row, crew, roster = one.row, self.crew, self.roster
        at, account = row.received_at, row.account
        for owner in self.endings.by(at, number):
            roster.gave_up(owner)
        then = Moment(at, row.signal)
        if crew.told:
            for rep, absences in self.watch.changed(then):
                roster.learn(rep, absences)
        deals = crew.deals
        whose = (lambda deal: deals.at(deal.id, then)) if deals is not None else None
        known = crew.record.known(account, row.person, at, crew.chains.at(account, then), whose)
        last = self.last.get(row.person) if self.sticky else None
        return case_of(f"{row.signal}", crew.owners.at(account, then), self.claimed[number], known, last)

    def _owned(self, place: int, chosen: Assignment, own: OwnHours | None) -> Owned:
        opening, owner = self.openings[place], str(chosen.owner)
        self.endings.owned(place, owner)
        if self.sticky:
            until = opening.closed_at or opening.row.received_at
            self.last |= dict.fromkeys((opening.row.person, *opening.joined), (owner, until))
        return Owned(opening, owner, chosen.rule, chosen.pool, self.slas[place], own)


class _Endings:
    """Whose handoffs have ended. When each of them ends is known before it is known whose it is, so that is put in order once.

    Of those that stood when the period began the owners are known.
    """

    def __init__(self, openings: Sequence[Opening], standing: Sequence[Recorded]) -> None:
        self._before = len(standing)
        self._owners: list[str | None] = [*(one.owner for one in standing), *(None for _ in openings)]
        closed = [*(one.closed_at for one in standing), *(one.closed_at for one in openings)]
        self._ends = [(_NEVER, 0), *sorted(((at, place) for place, at in enumerate(closed) if at is not None), reverse=True)]
        #: Ended, on record, before it was decided whose they are.
        self._early: list[int] = []

    def owned(self, place: int, owner: str) -> None:
        """The opening of this place is given to this rep."""
        self._owners[self._before + place] = owner

    def by(self, at: datetime, number: int) -> list[str]:
        """The owners of what has ended at `at` and had not the last time this was asked, of all openings before this number."""
        if not self._early and self._ends[-1][0] > at:
            return []
        ended, self._early = self._early, []
        while self._ends[-1][0] <= at:
            ended.append(self._ends.pop()[1])
        found = []
        for place in ended:
            if place >= self._before + number:
                self._early.append(place)
            elif (owner := self._owners[place]) is not None:
                found.append(owner)
        return found


#: How many different kinds of what is held are tried before each new handoff.
_KINDS_TRIED: Final = 50


class _Held:
    """What nobody could take, in its order, those alike together: where the first of them finds nobody, the others do not either."""

    def __init__(self) -> None:
        self._alike: dict[object, deque[tuple[int, Case]]] = {}

    def __bool__(self) -> bool:
        return bool(self._alike)

    def add(self, place: int, contract: int, case: Case) -> None:
        key = (contract, case.account_owner, case.territory, case.never, case.known, frozenset(case.needs.items()), case.last)
        self._alike.setdefault(key, deque()).append((place, case))

    def given_out(
        self, agreements: Sequence[Agreement], openings: Sequence[Opening], roster: Roster, at: datetime
    ) -> Iterator[tuple[int, Assignment]]:
        """Those somebody can take at `at`, as they are given out. Whatever ended before it could be given out waits no more."""
        for key in list(islice(self._alike, _KINDS_TRIED)):
            alike = self._alike[key]
            while alike:
                place, case = alike[0]
                if (ended := openings[place].closed_at) is None or ended > at:
                    chosen = assign(agreements[openings[place].row.contract], case, roster, at, told=False)
                    if chosen.owner is None:
                        break
                    yield place, chosen
                alike.popleft()
            if not alike:
                del self._alike[key]


_NEVER: Final = datetime.max.replace(tzinfo=ZoneInfo("UTC"))


def _asked(agreements: Sequence[Agreement], openings: Sequence[Opening]) -> tuple[dict[int, Claim], dict[int, int | None]]:
    """The territory that claims each opening, and the SLA that holds, asked for all of a contract at once."""
    claimed: dict[int, Claim] = {}
    slas: dict[int, int | None] = {}
    for place, agreement in enumerate(agreements):
        mine = [n for n, one in enumerate(openings) if one.row.contract == place]
        if not mine:
            continue
        frame = _frame(agreement.contract.fields, [openings[n].row for n in mine])
        claimed |= dict(zip(mine, claims(agreement, frame), strict=True))
        slas |= dict(zip(mine, choose(agreement, frame), strict=True))
    return claimed, slas


def _frame(fields: Mapping[str, FieldType], rows: Sequence[ReadyRow]) -> pl.DataFrame:
    """What is known of each: the fields that the contract declares, and what the conditions of SLAs may read besides."""
    told = as_frame([orjson.loads(row.fields) for row in rows], {name: kind for name, kind in fields.items() if name not in SLA_FIELDS})
    verdicts: dict[str, list[Any]] = {
        "next_step": [row.next_step for row in rows],
        "fit": [row.fit for row in rows],
        "intent": [row.intent / 1e6 for row in rows],
        "source": [row.source for row in rows],
    }
    return pl.DataFrame([*told.get_columns(), *(as_column(name, values, SLA_FIELDS[name]) for name, values in verdicts.items())])


# --- can it be carried ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Feasible:
    """How the handoffs with an SLA would have gone: how many, how many late, and by how much (working order, minutes on the clock)."""

    due: int
    late: int
    late_minutes: tuple[float, ...]


def carried(agreements: Sequence[Agreement], owned: Sequence[Owned], touch_minutes: int) -> dict[str, Feasible]:
    """Rep id to how their promises would have been kept; a clock in the calendar `rep` by the hours and absences known of its owner then.

    What stands in the exception queue is counted by nobody here.
    """
    free: dict[str, datetime] = {}
    waits: dict[str, list[float]] = defaultdict(list)
    for one in owned:
        if one.owner is None or one.sla is None:
            continue
        agreement = agreements[one.opening.row.contract]
        sla = agreement.contract.sla[one.sla]
        at = one.opening.row.received_at
        counts = calendar_of(sla.calendar, one.own)
        hours = _at_work(agreement, counts)
        try:
            begins = hours.next_opening(max(at, free.get(one.owner, at)))
            free[one.owner] = hours.due(begins, touch_minutes)
            owed = due(agreement.hours(counts), at, sla.first_touch)
        except BeyondCalendarError:
            continue
        waits[one.owner].append((begins - owed).total_seconds() / 60)
    return {rep: Feasible(len(over), sum(w > 0 for w in over), tuple(w for w in over if w > 0)) for rep, over in waits.items()}


def _at_work(agreement: Agreement, calendar: str) -> Hours:
    """The hours in which somebody works: a clock that never stops does not mean a rep who never sleeps."""
    return agreement.hours("team" if calendar == "always" else calendar)


def week_of(at: datetime, zone: ZoneInfo) -> datetime:
    """The Monday, 00:00 local time, of the week that `at` falls in, as UTC."""
    local = at.astimezone(zone)
    monday = (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return monday.astimezone(ZoneInfo("UTC"))


def loads(owned: Sequence[Owned], zone: ZoneInfo) -> dict[str, dict[datetime, int]]:
    """Handoffs per rep (`NOBODY`: the exception queue) and week they were received in."""
    found: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for one in owned:
        found[one.owner or NOBODY][week_of(one.opening.row.received_at, zone)] += 1
    return {rep: dict(weeks) for rep, weeks in found.items()}


def working_minutes(agreement: Agreement, rep: str, crew: Crew, since: datetime, until: datetime) -> float:
    """The minutes a rep is at work between two moments: the hours of the team's calendar, less absences."""
    hours = agreement.hours("team")
    minutes = hours.elapsed(since, until) / 60
    counted = since
    for away in sorted((one for one in crew.absences if one.rep == rep), key=lambda one: one.starts_at):
        start, end = max(away.starts_at, counted), min(away.ends_at, until)
        if start < end:
            minutes -= hours.elapsed(start, end) / 60
            counted = end
    return max(0.0, minutes)
