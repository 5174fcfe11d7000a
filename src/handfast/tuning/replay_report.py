"""What a replay found, as one JSON-ready report: the contract in force beside the draft, on the same signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

from handfast.contract.agreement import Agreement
from handfast.measure.interval import Z
from handfast.tuning.replay_life import MATURE, Opening, Recorded
from handfast.tuning.replay_load import NOBODY, Crew, Feasible, Owned, carried, loads, routed, week_of, working_minutes
from handfast.tuning.replay_past import Moment, Reps

#: Fewer recorded handoffs with a known end than this, and no meetings are foretold.
FEWEST: Final = 30
#: How much the rate of all counts beside that of a stratum, in handoffs.
_PRIOR: Final = 10.0
#: Fit points that make one stratum.
_BAND: Final = 20
SIDES: Final = ("in_force", "draft")


@dataclass(slots=True)
class Side:
    """One of the two contracts on the whole period: `first` is when each person, and each account, first was ready."""

    agreements: Sequence[Agreement]
    people: dict[str, datetime] = field(default_factory=dict)
    accounts: dict[str, datetime] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Period:
    """What both sides share. `touch_minutes`: working time a handoff takes; times are UTC."""

    since: datetime
    until: datetime
    recorded: Sequence[Recorded]
    crew: Crew
    touch_minutes: int
    #: Handoffs of the period that were about people erased since: on neither side, and not among `recorded`.
    erased: int = 0

    @property
    def weeks(self) -> float:
        return (self.until - self.since) / timedelta(days=7)


def report(sides: tuple[Side, Side], period: Period) -> dict[str, Any]:
    """Everything but the frontier: see docs/reference/replay.md for each part."""
    standing = [h for h in period.recorded if h.opened_at < period.since and (h.closed_at is None or h.closed_at > period.since)]
    owned = tuple(routed(side.agreements, _in_order(side), period.crew, standing) for side in sides)
    zone = ZoneInfo(sides[1].agreements[0].contract.calendar.timezone)
    return {
        "ready": {"people": _counts(sides[0].people, sides[1].people), "accounts": _counts(sides[0].accounts, sides[1].accounts)},
        "handoffs": _handoffs(sides, period, zone),
        "owners": _owners(sides, owned, period, zone),
        "sla": _promises(sides, owned, period),
        "meetings": meetings(sides, period),
        "notes": _notes(sides, owned, period),
    }


def _notes(sides: tuple[Side, Side], owned: tuple[list[Owned], ...], period: Period) -> list[str]:
    """What this replay cannot show of this draft, or had to take for granted, a sentence each."""
    draft = sides[1].agreements[0].contract
    found = [_reps_from(owned, period), _owners_from(sides, period)]
    if any(agreement.contract.match != draft.match for agreement in sides[0].agreements):
        found.append("The draft matches people to accounts by other terms; here everybody stays in the account they were matched to.")
    if period.erased:
        found.append(f"{_some(period.erased)} about people who have been erased since: they are on neither side, nor among those recorded.")
    return [note for note in found if note]


def _reps_from(owned: tuple[list[Owned], ...], period: Period) -> str:
    """Reps who get what was received before anything was recorded of them."""
    reps = Reps(period.crew.reps, period.crew.absences, period.crew.told)
    early: dict[str, datetime] = {}
    handoffs: set[int] = set()
    for one in (one for found in owned for one in found if one.owner is not None):
        first = reps.first_told(one.owner or "")
        if first is not None and first > one.opening.row.received_at:
            early[one.owner or ""] = first
            handoffs.add(one.opening.row.signal)
    if not early:
        return ""
    names = [period.crew.reps[rep].name or rep for rep in sorted(early)]
    who = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    began = f"{min(early.values()):%Y-%m-%d}"
    some = _some(len(handoffs))
    return (
        f"{some} received before anything was recorded of the reps who get them ({who}; from {began} on): what was recorded first is taken."
    )


def _owners_from(sides: tuple[Side, Side], period: Period) -> str:
    """Accounts whose owner was recorded later than a handoff of theirs was received."""
    if not any({"named_account", "customer"} & set(one.contract.routing.ladder) for side in sides for one in side.agreements):
        return ""
    rows = {one.row.signal: one.row for side in sides for one in side.openings}
    count = sum(period.crew.owners.unsure(row.account, Moment(row.received_at, row.signal)) for row in rows.values())
    return f"{_some(count)} received before the owner of their account was recorded: the first who was is taken." if count else ""


def _some(handoffs: int) -> str:
    return "1 handoff was" if handoffs == 1 else f"{handoffs:,} handoffs were"


def _in_order(side: Side) -> list[Opening]:
    return sorted(side.openings, key=lambda one: (one.row.received_at, one.row.signal))


# --- who is ready ---------------------------------------------------------------------------------------------


def changes(before: Mapping[str, datetime], after: Mapping[str, datetime]) -> dict[str, list[dict[str, Any]]]:
    """Who becomes ready (`gained`), ceases to be (`lost`), or is ready `earlier` or `later`; each with both moments, the latest first."""
    found: dict[str, list[dict[str, Any]]] = {"gained": [], "lost": [], "earlier": [], "later": []}
    for who in sorted(before.keys() | after.keys()):
        old, new = before.get(who), after.get(who)
        kind = "gained" if old is None else "lost" if new is None else "earlier" if new < old else "later" if new > old else None
        if kind is not None:
            found[kind].append({"id": who, "in_force": old and old.isoformat(), "draft": new and new.isoformat()})
    for rows in found.values():
        rows.sort(key=lambda row: row["draft"] or row["in_force"], reverse=True)
    return found


def _counts(before: Mapping[str, datetime], after: Mapping[str, datetime]) -> dict[str, int]:
    moved = {kind: len(rows) for kind, rows in changes(before, after).items()}
    same = sum(after.get(who) == at for who, at in before.items())
    return {"in_force": len(before), "draft": len(after), **moved, "same": same}


# --- handoffs -------------------------------------------------------------------------------------------------


def _handoffs(sides: tuple[Side, Side], period: Period, zone: ZoneInfo) -> dict[str, Any]:
    recorded = [one.opened_at for one in period.recorded if period.since <= one.opened_at < period.until]
    counts = {"recorded": Counter(week_of(at, zone) for at in recorded)}
    for name, side in zip(SIDES, sides, strict=True):
        counts[name] = Counter(week_of(one.row.received_at, zone) for one in side.openings)
    weeks, week = [], week_of(period.since, zone)
    while week < period.until:
        weeks.append({"week": week.astimezone(zone).date().isoformat(), **{name: count[week] for name, count in counts.items()}})
        week = week_of(week + timedelta(days=7, hours=12), zone)
    return {
        "recorded": len(recorded),
        **{name: _side(side) for name, side in zip(SIDES, sides, strict=True)},
        "weeks": weeks,
    }


def _side(side: Side) -> dict[str, Any]:
    life = Counter(one.how for one in side.openings)
    joined = sum(len(one.joined) for one in side.openings)
    groups = sum(one.row.group for one in side.openings)
    return {
        "opened": len(side.openings),
        "by_group": groups,
        "joined": joined,
        "life": {how: life[how] for how in ("recorded", "comparable", "unknown")},
    }


# --- owners and load ------------------------------------------------------------------------------------------


def _owners(sides: tuple[Side, Side], owned: tuple[list[Owned], ...], period: Period, zone: ZoneInfo) -> dict[str, Any]:
    first = [{one.opening.party: one.owner for one in reversed(found)} for found in owned]
    both = first[0].keys() & first[1].keys()
    reps = _by_rep(sides, owned, period, zone)
    pools = [Counter(one.pool or one.rule for one in found) for found in owned]
    return {
        "compared": len(both),
        "changed": sum(first[0][party] != first[1][party] for party in both),
        "unowned": {name: sum(one.owner is None for one in found) for name, found in zip(SIDES, owned, strict=True)},
        "reps": reps,
        "pools": [
            {"pool": name, "in_force": pools[0][name], "draft": pools[1][name]} for name in sorted(pools[0].keys() | pools[1].keys())
        ],
    }


def _by_rep(sides: tuple[Side, Side], owned: tuple[list[Owned], ...], period: Period, zone: ZoneInfo) -> list[dict[str, Any]]:
    weekly = [loads(found, zone) for found in owned]
    rows = []
    for rep in sorted((weekly[0].keys() | weekly[1].keys()) - {NOBODY}):
        known = period.crew.reps.get(rep)
        row: dict[str, Any] = {"rep": rep, "name": known.name if known else rep}
        for name, side, load in zip(SIDES, sides, weekly, strict=True):
            row[name] = _load(load.get(rep, {}), side.agreements[-1], rep, period)
        rows.append(row)
    return rows


def _load(weeks: Mapping[datetime, int], agreement: Agreement, rep: str, period: Period) -> dict[str, Any]:
    """Handoffs, their share of the working time of the period, and the fullest week."""
    there = working_minutes(agreement, rep, period.crew, period.since, period.until)
    fullest = 0.0
    for week, handoffs in weeks.items():
        begins, ends = max(week, period.since), min(week + timedelta(days=7), period.until)
        minutes = working_minutes(agreement, rep, period.crew, begins, ends)
        fullest = max(fullest, handoffs * period.touch_minutes / minutes if minutes else 0.0)
    total = sum(weeks.values())
    return {"handoffs": total, "load": round(total * period.touch_minutes / there, 4) if there else None, "fullest_week": round(fullest, 4)}


def _promises(sides: tuple[Side, Side], owned: tuple[list[Owned], ...], period: Period) -> dict[str, Any]:
    told: dict[str, Any] = {"touch_minutes": period.touch_minutes}
    for name, side, found in zip(SIDES, sides, owned, strict=True):
        by_rep = carried(side.agreements, found, period.touch_minutes)
        pooled = Feasible(
            sum(f.due for f in by_rep.values()),
            sum(f.late for f in by_rep.values()),
            tuple(m for f in by_rep.values() for m in f.late_minutes),
        )
        told[name] = {**_kept(pooled), "reps": {rep: _kept(f) for rep, f in sorted(by_rep.items())}}
    return told


def _kept(one: Feasible) -> dict[str, Any]:
    late = median(one.late_minutes) if one.late_minutes else None
    share = round(one.late / one.due, 4) if one.due else None
    return {"due": one.due, "late": one.late, "late_share": share, "late_minutes": round(late, 1) if late is not None else None}


# --- meetings -------------------------------------------------------------------------------------------------


def meetings(sides: tuple[Side, Side], period: Period) -> dict[str, Any]:
    """Meetings to be expected on each side, with a 95% interval.

    A replayed handoff that follows a recorded one whose end is known counts as that one did. The others have the rate of comparable
    recorded handoffs (same next step, same twenty points of fit), drawn towards the rate of the step and that towards the rate of all,
    each as if ten handoffs had been seen there (a beta-binomial with the wider rate as its mean). The interval is the normal one of the
    sum: what is uncertain about the rates, and about each handoff when its rate is known. Strata are taken as independent.
    """
    ended = [h for h in period.recorded if h.met or h.closed_at is not None or h.opened_at <= period.until - MATURE]
    if len(ended) < FEWEST:
        return {"why": f"not enough data: {len(ended)} recorded handoffs have an end, {FEWEST} are needed", "recorded": len(ended)}
    known = {one.id: one.met for one in ended}
    rates = _Rates(ended)
    return {"why": None, "recorded": len(ended), **{name: _expected(s, known, rates) for name, s in zip(SIDES, sides, strict=True)}}


class _Rates:
    """Meeting rates by stratum, each with how many handoffs it stands on."""

    def __init__(self, ended: Sequence[Recorded]) -> None:
        self.all = sum(h.met for h in ended) / len(ended)
        self.steps = Counter(h.next_step for h in ended), Counter(h.next_step for h in ended if h.met)
        self.strata = Counter(_stratum(h.next_step, h.fit) for h in ended), Counter(_stratum(h.next_step, h.fit) for h in ended if h.met)

    def of(self, stratum: tuple[str, int]) -> tuple[float, float]:
        """The rate and the variance of what is believed of it."""
        step = (self.steps[1][stratum[0]] + _PRIOR * self.all) / (self.steps[0][stratum[0]] + _PRIOR)
        n = self.strata[0][stratum] + _PRIOR
        rate = (self.strata[1][stratum] + _PRIOR * step) / n
        return rate, rate * (1 - rate) / (n + 1)


def _stratum(next_step: str, fit: int) -> tuple[str, int]:
    return next_step, fit // _BAND


def _expected(side: Side, known: Mapping[str, bool], rates: _Rates) -> dict[str, Any]:
    used = {one.recorded for one in side.openings if one.recorded in known}
    certain = sum(known[one] for one in used if one is not None)
    seen: set[str] = set()
    strata: Counter[tuple[str, int]] = Counter()
    for one in side.openings:
        if one.recorded in known and one.recorded not in seen:
            seen.add(one.recorded or "")
        else:
            strata[_stratum(one.row.next_step, one.row.fit)] += 1
    mean, variance = float(certain), 0.0
    for stratum, n in strata.items():
        rate, doubt = rates.of(stratum)
        mean += n * rate
        variance += n * n * doubt + n * rate * (1 - rate)
    half, total = Z * sqrt(variance), len(side.openings)
    low, high = max(float(certain), mean - half), min(float(total), mean + half)
    return {
        "expected": round(mean, 1), "low": round(low, 1), "high": round(high, 1), "known": certain, "of_known": len(used),
        "estimated_on": sum(strata.values()), "rate": round(mean / total, 4) if total else None,
    }  # fmt: skip


__all__ = ["FEWEST", "SIDES", "Period", "Side", "changes", "meetings", "report"]
