"""Where the time went, without blame: every second from the person's own signal to the meeting, put down to one of five.

| party | the time in which |
|---|---|
| `system` | we had it: from the signal to the decision, from the assignment to the notice |
| `queue` | nobody owned it |
| `off_hours` | its owner was off: nights, weekends, holidays on the owner's own wall clock |
| `rep` | its owner was there and it lay with them: until the first attempt, and when the next touch was overdue |
| `prospect` | it lay with the person: after an attempt until they answered, and while the clocks stood still for them |

The stretches follow each other without a gap, so the parts sum exactly to the whole. Nothing is estimated: a step that is not known (a
notice without a channel) takes no time of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final, Literal, get_args

from handfast.worktime import Hours

Party = Literal["system", "queue", "off_hours", "rep", "prospect"]
PARTIES: Final[tuple[Party, ...]] = get_args(Party)
Stage = Literal["captured", "eligible", "decided", "assigned", "notified", "accepted", "attempted", "contacted", "meeting"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
#: After this long nobody asks any more which hours were open: what is left lies with whoever had it last.
LONGEST: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `end` (None: still), UTC. `party`: to whom it is put down."""

    start: datetime
    end: datetime | None
    party: Party = "prospect"


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to a handoff, as far as delays go. Times are UTC; None: it did not happen, or is not known.

    `captured_at`: the person's own signal. `eligible_at`: it was received. `unowned`, `paused`, `overdue`: when nobody owned it, its clocks
    stood still (and for whom), and its next touch was late. `until`: its end, or now.
    """

    captured_at: datetime
    eligible_at: datetime
    decided_at: datetime
    until: datetime
    assigned_at: datetime | None = None
    notified_at: datetime | None = None
    accepted_at: datetime | None = None
    attempted_at: datetime | None = None
    contacted_at: datetime | None = None
    meeting_at: datetime | None = None
    unowned: tuple[Span, ...] = ()
    paused: tuple[Span, ...] = ()
    overdue: tuple[Span, ...] = ()
    #: Whether it came to its meeting or its end by `until`.
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the whole: after which stage, and to whom it is put down."""

    start: datetime
    end: datetime
    after: Stage
    party: Party

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Account:
    """The stretches in order, without a gap, from the person's signal to the meeting, the end, or now."""

    stretches: tuple[Stretch, ...]
    ended: bool = False

    @property
    def whole(self) -> timedelta:
        return self.stretches[-1].end - self.stretches[0].start if self.stretches else timedelta()

    def parts(self, *, until: Stage | None = None) -> dict[Party, timedelta]:
        """How much each had; with `until` only what lies before that stage."""
        counted = self.stretches if until is None else [s for s in self.stretches if STAGES.index(s.after) < STAGES.index(until)]
        return {party: sum((s.length for s in counted if s.party == party), timedelta()) for party in PARTIES}

    def as_json(self) -> dict[str, Any]:
        """For people and machines: seconds by party, and the stretches."""
        return {
            "seconds": self.whole.total_seconds(),
            "parts": {party: length.total_seconds() for party, length in self.parts().items()},
            "stretches": [
                {
                    "from": s.start.isoformat(),
                    "to": s.end.isoformat(),
                    "after": s.after,
                    "party": s.party,
                    "seconds": s.length.total_seconds(),
                }
                for s in self.stretches
            ],
        }


def account(story: Story, hours: Hours) -> Account:
    """Puts every second down to one party. `hours`: the owner's, on their own wall clock."""
    stages = _stages(story)
    begin, end = stages[0][1], max(stages[-1][1], min(story.until, story.meeting_at or story.until))
    cuts = {begin, end, *(moment for _, moment in stages)}
    for span in (*story.unowned, *story.paused, *story.overdue):
        cuts |= {span.start, span.end or end}
    found: list[Stretch] = []
    for start, stop in pairwise(sorted(cut for cut in cuts if begin <= cut <= end)):
        after = _after(stages, start)
        party = _party(story, after, start, end)
        # Only while it lies with the owner does it matter when they were there: the hours of a year are many.
        pieces = [(start, stop, party)] if party is not None else _by_hours(story, after, start, stop, hours)
        for piece in pieces:
            _put(found, *piece, after)
    return Account(tuple(found), story.ended)


def _put(found: list[Stretch], start: datetime, stop: datetime, party: Party, after: Stage) -> None:
    """Adds a stretch, or makes the last one longer where it goes on."""
    last = found[-1] if found else None
    if last is not None and (last.after, last.party) == (after, party):
        found[-1] = Stretch(last.start, stop, after, party)
    else:
        found.append(Stretch(start, stop, after, party))


def _by_hours(story: Story, after: Stage, start: datetime, stop: datetime, hours: Hours) -> Iterator[tuple[datetime, datetime, Party]]:
    """While it lies with the owner: when they were off, and when they were there. Long after the assignment nobody asks any more."""
    there: Party = "system" if after == "assigned" and story.notified_at is not None else "rep"
    asked = min(stop, (story.assigned_at or story.decided_at) + LONGEST)
    at = start
    for opens, closes in hours.counted(start, asked).open if start < asked else ():
        if at < opens:
            yield at, opens, "off_hours"
        yield opens, closes, there
        at = closes
    if at < asked:
        yield at, asked, "off_hours"
        at = asked
    if at < stop:
        yield at, stop, there


def _stages(story: Story) -> list[tuple[Stage, datetime]]:
    """The stages that happened, in their order; none before the one before it, none after the end."""
    given: Mapping[Stage, datetime | None] = {
        "captured": story.captured_at,
        "eligible": story.eligible_at,
        "decided": story.decided_at,
        "assigned": story.assigned_at,
        "notified": story.notified_at,
        "accepted": story.accepted_at,
        "attempted": story.attempted_at,
        "contacted": story.contacted_at,
        "meeting": story.meeting_at,
    }
    found: list[tuple[Stage, datetime]] = []
    # What happened before a stage that ought to come first (a call before the notice arrived) takes no time of its own.
    later: datetime | None = None
    for stage in reversed(STAGES):
        moment = given[stage]
        if moment is not None:
            later = moment if later is None or stage in ("captured", "eligible", "decided") else min(moment, later)
            found.append((stage, later))
    found.reverse()
    risen: list[tuple[Stage, datetime]] = []
    for stage, moment in found:
        risen.append((stage, max(moment, risen[-1][1]) if risen else min(moment, story.eligible_at)))
    return risen


def _after(stages: Sequence[tuple[Stage, datetime]], at: datetime) -> Stage:
    return [stage for stage, moment in stages if moment <= at][-1]


def _party(story: Story, after: Stage, at: datetime, end: datetime) -> Party | None:
    """To whom it is put down; None: it lies with the owner, and the hours tell."""
    if after in ("captured", "eligible"):
        return "system"
    if after != "meeting" and (pause := _in(story.paused, at, end)) is not None:
        return pause.party
    if after == "decided" or _in(story.unowned, at, end) is not None:
        return "queue"
    if after in ("contacted", "meeting") or (after == "attempted" and _in(story.overdue, at, end) is None):
        return "prospect"
    return None


def _in(spans: Iterable[Span], at: datetime, end: datetime) -> Span | None:
    return next((span for span in spans if span.start <= at < (span.end or end)), None)


# --- of many --------------------------------------------------------------------------------------------------------


def medians(accounts: Sequence[Account], minimum: int) -> dict[str, Any]:
    """Of handoffs that were attempted: the median seconds and the share of each party, up to the first attempt; and of those of them that
    came to their meeting or their end also in all, for of the others nobody knows yet.

    Fewer than `minimum` give no figure: None, with a sentence `why`.
    """
    touched = [one for one in accounts if any(s.after in ("attempted", "contacted", "meeting") for s in one.stretches)]
    if len(touched) < minimum:
        return {
            "handoffs": len(touched),
            "why": f"Not enough data: {len(touched)} touched handoffs, and {minimum} are needed.",
            "parts": None,
        }
    ended = [one for one in touched if one.ended]
    return {
        "handoffs": len(touched),
        "ended": len(ended),
        "parts": {
            "to_first_touch": _summed([one.parts(until="attempted") for one in touched]),
            "in_all": _summed([one.parts() for one in ended]) if len(ended) >= minimum else None,
        },
    }


def _summed(parts: Sequence[Mapping[Party, timedelta]]) -> dict[str, dict[str, float]]:
    total = sum((length.total_seconds() for one in parts for length in one.values()), 0.0)
    return {
        party: {
            "median_seconds": median(one[party].total_seconds() for one in parts),
            "share": round(sum(one[party].total_seconds() for one in parts) / total, 4) if total else 0.0,
        }
        for party in PARTIES
    }


__all__ = ["PARTIES", "STAGES", "Account", "Party", "Span", "Stage", "Story", "Stretch", "account", "medians"]
