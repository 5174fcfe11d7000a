"""Whose the handoffs of a replay would have been, and whether the hours of those people could carry them.

Owners are chosen by the functions that choose live, one handoff after the other, with the capacity that those before it left. Owners of
accounts, what stood above them, reps and their absences are those that were known then (`replay_past`); turns start level. Nobody is
reassigned by a clock that ran out: that is what the lateness below foretells.

A rep works through their handoffs in the order received, `touch_minutes` of working time each, in the hours of the SLA's calendar (the
team's, for a clock that runs around the clock). The first touch is made when the work on a handoff begins; it is late if that is after the
clock of its SLA has run out.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.frames import as_frame
from handfast.contract.own_hours import OwnHours
from handfast.facts import Absence, Rep
from handfast.routing.assign import Assignment, Case, assign
from handfast.routing.ownership import Claim, case_of, claims
from handfast.routing.record import NO_RECORD, Record
from handfast.routing.roster import Roster
from handfast.sla.clock import calendar_of, choose, due
from handfast.tuning.replay_life import Opening, Recorded
from handfast.tuning.replay_past import NO_CHAINS, NO_OWNERS, Chains, Like, Moment, Owners, Reps
from handfast.worktime import BeyondCalendarError, Hours

#: Who gets what nobody could take.
NOBODY: Final = ""
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Crew:
    """Who there is to own handoffs: reps by id and absences as they are now, and what gave somebody a claim then.

    `told`: what of reps and absences was recorded when. `record`: opportunities; what was open then is asked by their own times.
    """

    reps: Mapping[str, Rep]
    absences: Sequence[Absence] = ()
    owners: Owners = NO_OWNERS
    record: Record = NO_RECORD
    chains: Chains = NO_CHAINS
    told: Sequence[Like] = ()


@dataclass(frozen=True, slots=True)
class Owned:
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
    claimed, slas = _asked(agreements, openings)
    ending = [(one.closed_at or _NEVER, one.owner) for one in standing if one.owner is not None]
    counts: dict[str, int] = defaultdict(int)
    for _, owner in ending:
        counts[owner] += 1
    past = Reps(crew.reps, crew.absences, crew.told)
    roster, watch = Roster(*past.begin(), counts), past.watch()
    heapq.heapify(ending)
    found: list[Owned] = []
    held = _Held()
    by_reps = [agreement.counts_rep_hours for agreement in agreements]
    last: dict[str, tuple[str, datetime]] = {}
    for number, one in enumerate(openings):
        at = one.row.received_at
        while ending and ending[0][0] <= at:
            roster.gave_up(heapq.heappop(ending)[1])
        then = Moment(at, one.row.signal)
        for rep, absences in watch.changed(then):
            roster.learn(rep, absences)
        account = one.row.account
        known = crew.record.known(account, one.row.person, at, crew.chains.at(account, then))
        case = case_of(f"{one.row.signal}", crew.owners.at(account, then), claimed[number], known, last.get(one.row.person))
        found.append(Owned(one, None, "exception", None, slas[number]))
        # As live: what waits is given out before what is new, the oldest first.
        for place, chosen in (
            *held.given_out(agreements, openings, roster, at),
            (number, assign(agreements[one.row.contract], case, roster, at, told=False)),
        ):
            opening = openings[place]
            own = roster.own_hours(chosen.owner, at) if place == number and by_reps[opening.row.contract] else None
            found[place] = Owned(opening, chosen.owner, chosen.rule, chosen.pool, slas[place], own)
            if chosen.owner is None:
                if not chosen.for_person:
                    held.add(place, opening.row.contract, case)
                continue
            heapq.heappush(ending, (opening.closed_at or _NEVER, chosen.owner))
            last |= dict.fromkeys((opening.row.person, *opening.joined), (chosen.owner, opening.closed_at or opening.row.received_at))
    return found


#: How many different kinds of what is held are tried before each new handoff.
_KINDS_TRIED: Final = 50


class _Held:
    """What nobody could take, in its order, those alike together: where the first of them finds nobody, the others do not either."""

    def __init__(self) -> None:
        self._alike: dict[object, deque[tuple[int, Case]]] = {}

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
        fields = agreement.contract.fields
        frame = as_frame([_case(openings[n], fields) for n in mine], {**fields, **SLA_FIELDS})
        claimed |= dict(zip(mine, claims(agreement, frame), strict=True))
        slas |= dict(zip(mine, choose(agreement, frame), strict=True))
    return claimed, slas


def _case(one: Opening, fields: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in orjson.loads(one.row.fields).items() if name in fields}
    return {**told, "next_step": one.row.next_step, "fit": one.row.fit, "intent": one.row.intent / 1e6, "source": one.row.source}


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
