"""Who could take a handoff now: the working copy of reps, absences, open handoffs and turns for one batch.

The desk reads it from the store under the assignment lock, decides the whole batch against it, and writes back what `changed`.
Nothing else in routing keeps state.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from handfast.contract.calendars import hours_of
from handfast.contract.own_hours import OwnHours, calendar_of_rep, own_hours
from handfast.contract.terms import Calendar, Contract, Pool, Routing
from handfast.facts import Absence, Rep
from handfast.routing.line import Line, Turn
from handfast.worktime import Hours

#: Why a rep was passed over. All but `over_share` are answers of `eligible`; that one belongs to the rotation.
Reason = Literal[
    "unknown_rep", "inactive", "pto", "off", "excluded", "skill", "holiday", "off_hours", "capped", "capped_today", "over_share"
]
#: Reasons that end by themselves or by the rep: whoever takes it meanwhile covers for them.
AWAY: Final = frozenset({"pto", "off", "holiday", "off_hours"})

NOBODY: Final[frozenset[str]] = frozenset()
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class _Said(NamedTuple):
    """What was said of a pool's members, from when until when: as long as nobody is told anew, becomes full or has room again."""

    pool: Pool
    since: datetime
    until: datetime
    reasons: list[Reason | None]


class Roster:
    """The working copy for one batch. Changed by `assign` as it decides; thrown away afterwards."""

    __slots__ = (
        *(
            "_absences",
            "_by_day",
            "_calendars",
            "_caps",
            "_changed",
            "_hours",
            "_lines",
            "_members",
            "_open",
            "_plain",
            "_promises",
            "_reps",
            "_rows",
            "_said",
            "_starts",
            "_taken",
        ),
        *("_taken_now", "_zones"),
    )

    def __init__(
        self,
        reps: Mapping[str, Rep],
        absences: Iterable[Absence] = (),
        open_counts: Mapping[str, int] | None = None,
        turns: Iterable[Turn | tuple[str, str, int, float, datetime | None]] = (),
        taken: Mapping[tuple[str, date], int] | None = None,
    ) -> None:
        """Takes what the store holds.

        Args:
            reps: by id.
            absences: any number per rep, in any order; they may overlap.
            open_counts: rep id to the number of open handoffs they own, whatever pool or rule gave them.
            turns: every row of the rotation table, also of reps who have left a pool: their place moves on with the pool.
            taken: (rep id, day of their own zone) to the number of handoffs they were given on it.
        """
        self._reps = dict(reps)
        self._open = dict(open_counts or {})
        self._rows: dict[str, dict[str, Turn]] = defaultdict(dict)
        for row in turns:
            turn = Turn(*row)
            self._rows[turn.pool][turn.rep] = turn
        self._absences = _merged(absences)
        self._starts = {rep: [a.starts_at for a in spans] for rep, spans in self._absences.items()}
        #: Who can take it as far as they alone are concerned, at any time: active, switched on, no absence entered.
        self._plain = {rep for rep, known in self._reps.items() if self._is_plain(known)}
        self._changed: set[tuple[str, str]] = set()
        self._members: dict[str, tuple[Pool, tuple[tuple[str, float], ...]]] = {}
        self._taken = dict(taken or {})
        self._taken_now: dict[tuple[str, date], int] = {}
        self._zones: dict[str, ZoneInfo] = {}
        #: Whether days count: only where a contract has a capacity by the day.
        self._by_day = True
        self._calendars: Mapping[str, Calendar] = {}
        self._hours: dict[tuple[str, str], Hours | None] = {}
        self._promises: dict[str, tuple[Routing, Pool | None]] = {}
        self._lines: dict[str, Line] = {}
        self._said: dict[str, _Said] = {}
        #: The capacities asked about: whoever reaches one, or has room again, changes what was said.
        self._caps: set[float] = set()

    def under(self, contract: Contract) -> None:
        """From now on the hours that pools ask for are those of this contract's calendars. `assign` says it for each decision."""
        if self._calendars.get("team") is not contract.calendar:
            self._calendars, self._hours = {**contract.calendars, "team": contract.calendar}, {}
            self._by_day = any(pool.per_day is not None for pool in contract.routing.pools.values())

    def _is_plain(self, rep: Rep) -> bool:
        return rep.active and not rep.off and rep.id not in self._starts

    def learn(self, rep: Rep, absences: Iterable[Absence]) -> None:
        """From now on this rep is like this, and these are all of their absences: for a replay, which goes through the past."""
        before = self._reps.get(rep.id)
        self._reps[rep.id] = rep
        self._said.clear()
        self._absences.pop(rep.id, None)
        self._starts.pop(rep.id, None)
        if spans := _merged(absences).get(rep.id):
            self._absences[rep.id], self._starts[rep.id] = spans, [one.starts_at for one in spans]
        (self._plain.add if self._is_plain(rep) else self._plain.discard)(rep.id)
        if before is None or (before.time_zone, before.week, before.holidays) != (rep.time_zone, rep.week, rep.holidays):
            self._zones.pop(rep.id, None)
            self._hours = {key: hours for key, hours in self._hours.items() if key[0] != rep.id}

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

    def between(self, members: Iterable[tuple[str, float]], at: datetime) -> tuple[datetime, datetime]:
        """From when until when nobody of these comes or goes: the moments around `at` at which an absence of theirs begins or ends."""
        since, until = _EVER, _NEVER
        for rep, _ in members:
            if (starts := self._starts.get(rep)) is None:
                continue
            place = bisect_right(starts, at)
            if place:
                begun = self._absences[rep][place - 1]
                since = max(since, begun.starts_at if at < begun.ends_at else begun.ends_at)
                until = min(until, begun.ends_at) if at < begun.ends_at else until
            if place < len(starts):
                until = min(until, starts[place])
        return since, until

    def own_hours(self, rep: str | None, at: datetime) -> OwnHours | None:
        """What is known at `at` of a rep's hours and absences, for clocks that count in them; None for nobody."""
        known = self._reps.get(rep) if rep is not None else None
        return own_hours(known, self._absences.get(known.id, ()), at) if known is not None else None

    def open_count(self, rep: str) -> int:
        """How many open handoffs this rep owns, with those of this batch."""
        return self._open.get(rep, 0)

    def took(self, rep: str, at: datetime | None = None) -> None:
        """One more open handoff, given at `at` (UTC). `assign` calls it for each decision; the desk for changes made by hand."""
        self._open[rep] = held = self._open.get(rep, 0) + 1
        if held in self._caps:
            self._said.clear()
        if at is not None and self._by_day:
            day = (rep, self.day(rep, at))
            self._taken[day] = self._taken.get(day, 0) + 1
            self._taken_now[day] = self._taken_now.get(day, 0) + 1

    def day(self, rep: str, at: datetime) -> date:
        """The day `at` is for this rep, on their own wall clock."""
        if (zone := self._zones.get(rep)) is None:
            known = self._reps.get(rep)
            zone = self._zones[rep] = ZoneInfo(known.time_zone if known is not None else "UTC")
        return at.astimezone(zone).date()

    def taken_on(self, rep: str, at: datetime) -> int:
        """How many handoffs this rep was given on the day of `at`, with those of this batch."""
        return self._taken.get((rep, self.day(rep, at)), 0)

    def taken_now(self) -> list[tuple[str, date, int]]:
        """What this batch gave to whom on which day: to be added to what is stored."""
        return [(rep, day, count) for (rep, day), count in sorted(self._taken_now.items())]

    def hours(self, rep: str, calendar: str) -> Hours | None:
        """When this rep works, for a pool that asks for the hours of `calendar`; None for `always`, and where the rep has no hours at all.

        Their own week, else the calendar's, on the clocks of their own zone; the holidays of their region, else the calendar's. Single
        dates of the calendar hold for everybody.
        """
        if (rep, calendar) not in self._hours:
            self._hours[rep, calendar] = _hours(self._reps[rep], self._calendars.get(calendar))
        return self._hours[rep, calendar]

    def promise(self, routing: Routing, rep: str) -> Pool | None:
        """What the contract promises a rep whatever gives them a handoff: of the pools they are in, the loosest of each limit; None: none.

        A capacity is a promise to the rep, so ownership does not break it; with several, the widest is the one they cannot do without.
        """
        kept = self._promises.get(rep)
        if kept is None or kept[0] is not routing:
            kept = self._promises[rep] = (routing, _loosest([pool for pool in routing.pools.values() if rep in pool.members]))
        return kept[1]

    def gave_up(self, rep: str) -> None:
        """One open handoff fewer: closed, returned, or handed to somebody else."""
        held = self._open.get(rep, 0)
        if held in self._caps:
            self._said.clear()
        self._open[rep] = held - 1 if held > 0 else 0

    def members(self, name: str, pool: Pool) -> tuple[tuple[str, float], ...]:
        """(rep id, weight), by id: the order in which a contract lists its members decides nothing."""
        kept = self._members.get(name)
        if kept is None or kept[0] is not pool:
            kept = self._members[name] = (pool, tuple(sorted(pool.members.items())))
        return kept[1]

    def turns(self, pool: str) -> Mapping[str, Turn]:
        """Rep id to their place in this pool; a rep who never took part has none."""
        return self._rows.get(pool, {})

    def line(self, name: str, counter: str, pool: Pool) -> Line:
        """Where the members of a pool stand: put together once, then kept in step by `put`."""
        line = self._lines.get(counter)
        if line is None or line.pool is not pool:
            line = self._lines[counter] = Line(pool, self.members(name, pool), self.turns(counter))
        return line

    def put(self, turn: Turn) -> None:
        """Keeps a changed place. The rotation calls it; it will be among `changed`."""
        self._rows[turn.pool][turn.rep] = turn
        self._changed.add((turn.pool, turn.rep))
        if (line := self._lines.get(turn.pool)) is not None and not line.follows(turn):
            del self._lines[turn.pool]

    def changed(self) -> list[Turn]:
        """The places this batch changed, by pool and rep: what has to be written back."""
        return [self._rows[pool][rep] for pool, rep in sorted(self._changed)]


def eligible(
    rep: str, roster: Roster, pool: Pool | None, at: datetime, exclude: frozenset[str] = NOBODY, needs: frozenset[str] = NOBODY
) -> Reason | None:
    """Why this rep may not take a handoff at `at`, or None if they may. The only place where this is decided, for every door.

    A capacity counts all open handoffs of the rep, or all given to them that day, whichever rule gave them. `pool` says which capacity and
    which hours hold; None: none. `needs`: skills that this handoff asks for.
    """
    if (known := roster._reps.get(rep)) is None:
        return "unknown_rep"
    if not known.active:
        return "inactive"
    if rep in exclude:
        return "excluded"
    if rep in roster._starts and roster.absence(rep, at) is not None:
        return "pto"
    if known.off:
        return "off"
    if needs and not needs <= known.skills:
        return "skill"
    return _within(known, roster, pool, at) if pool is not None else None


def reasons(
    name: str, roster: Roster, pool: Pool, at: datetime, exclude: frozenset[str] = NOBODY, needs: frozenset[str] = NOBODY
) -> list[Reason | None]:
    """What `eligible` says of each member of a pool, asked together; kept where only absences and capacities can change it."""
    members = roster.members(name, pool)
    if exclude or needs or pool.hours is not None or pool.per_day is not None:
        return [eligible(rep, roster, pool, at, exclude, needs) for rep, _ in members]
    said = roster._said.get(name)
    if said is not None and said.pool is pool and said.since <= at < said.until:
        return said.reasons
    # Whoever is plainly there is only counted.
    plain, held, cap = roster._plain, roster._open, math.inf if pool.cap is None else pool.cap
    found = [(None if held.get(rep, 0) < cap else "capped") if rep in plain else eligible(rep, roster, pool, at) for rep, _ in members]
    roster._caps.add(cap)
    roster._said[name] = _Said(pool, *roster.between(members, at), found)
    return found


def _within(rep: Rep, roster: Roster, pool: Pool, at: datetime) -> Reason | None:
    """The hours and capacities of a pool."""
    if pool.hours is not None and (hours := roster.hours(rep.id, pool.hours)) is not None and not hours.is_open(at):
        special = hours.special_on(roster.day(rep.id, at))
        return "holiday" if special is not None and special.kind == "holiday" else "off_hours"
    if pool.cap is not None and roster._open.get(rep.id, 0) >= pool.cap:
        return "capped"
    if pool.per_day is not None and roster.taken_on(rep.id, at) >= pool.per_day:
        return "capped_today"
    return None


def _hours(rep: Rep, calendar: Calendar | None) -> Hours | None:
    if calendar is None:
        return None
    return hours_of(calendar_of_rep(calendar, rep.time_zone, rep.week, rep.holidays))


def _loosest(pools: list[Pool]) -> Pool | None:
    """One pool that stands for several: no capacity where any of them has none, else the largest; hours only where all ask for some."""
    if not pools:
        return None
    caps, days = [pool.cap for pool in pools], [pool.per_day for pool in pools]
    cap = None if None in caps else max(one for one in caps if one is not None)
    per_day = None if None in days else max(one for one in days if one is not None)
    hours = pools[0].hours if all(pool.hours is not None for pool in pools) else None
    if cap is None and per_day is None and hours is None:
        return None
    return Pool(members=pools[0].members, cap=cap, per_day=per_day, hours=hours)


def because(reason: Reason, rep: str, roster: Roster, pool: Pool | None, at: datetime, needs: frozenset[str] = NOBODY) -> str:
    """The reason as a sentence. It does not say why somebody is away: that is theirs."""
    name = roster.name(rep)
    match reason:
        case "over_share":
            return f"{name} is ahead of their share, so this turn cannot be theirs."
        case "capped":
            return f"{name} has {roster.open_count(rep)} open and may hold {pool.cap if pool else 'no more'}."
        case "capped_today":
            return f"{name} was given {roster.taken_on(rep, at)} today and may be given {pool.per_day if pool else 'no more'} a day."
        case "pto":
            away = roster.absence(rep, at)
            return f"{name} is away until {_told(away.ends_at)} UTC." if away else f"{name} is away."
        case "off":
            return f"{name} is switched off and takes nothing until they switch themselves on."
        case "holiday" | "off_hours":
            return _shut(rep, roster, pool, at)
        case "skill":
            known = roster.rep(rep)
            missing = sorted(needs - (known.skills if known is not None else NOBODY))
            return f"It asks for {' and '.join(missing) or 'a skill'}, which {name} does not have."
        case "excluded":
            return f"{name} is left out: the handoff is moving on from them."
        case "inactive":
            return f"{name} no longer takes handoffs."
        case "unknown_rep":
            return f"No rep '{rep}' is known: add them, or correct the contract."


def _shut(rep: str, roster: Roster, pool: Pool | None, at: datetime) -> str:
    """Outside their hours, and until when; on a holiday, which one."""
    name, known = roster.name(rep), roster.rep(rep)
    hours = roster.hours(rep, pool.hours) if pool is not None and pool.hours is not None and known is not None else None
    if hours is None or known is None:
        return f"{name} is not at work now."
    special = hours.special_on(roster.day(rep, at))
    why = f"has a holiday ({special.name})" if special is not None and special.name else "is not at work now"
    try:
        back = hours.next_opening(at).astimezone(ZoneInfo(known.time_zone))
    except ValueError:
        return f"{name} {why}."
    return f"{name} {why}; back {back:%a} {back.day} {back:%b %H:%M} ({known.time_zone})."


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
