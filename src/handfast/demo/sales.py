"""How Northwind's reps behave: when they call, whom they reach, what they say became of it.

The reps know only what Handfast tells them (a handoff is theirs) and what people say on the telephone; what people say follows the hidden
truth of `demo.company`. Speed matters in this world: every hour before the first contact costs, which the figures should find. What they do
beside calling stands in `demo.acts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar
from handfast.demo.acts import Acts
from handfast.demo.company import HABITS, MANAGERS, REPS, Buyer, Firm, Habit
from handfast.desk.drive import Act, Deal, Ended, Happening, World
from handfast.facts import Evidence, Outcome, Touch, TouchKind, stable_id
from handfast.store.base import Store
from handfast.store.demo import Opened, opened_handoffs, owners

#: The hours people really keep, in their own zones.
DESK_HOURS = {r.id: hours_of(Calendar(timezone=r.time_zone, week={"mon-fri": ("08:45-12:15", "13:00-17:45")})) for r in (*MANAGERS, *REPS)}
#: How they follow up: by which channel, and how long after the attempt before. A test holds it against the contract's `follow_up`.
CADENCE: Final = (
    (TouchKind.CALL, timedelta(0)),
    (TouchKind.EMAIL, timedelta(hours=2)),
    (TouchKind.CALL, timedelta(days=1)),
    (TouchKind.SOCIAL, timedelta(days=1)),
    (TouchKind.CALL, timedelta(days=2)),
    (TouchKind.EMAIL, timedelta(days=2)),
)
_NEVER = Habit(240, 0.5, 0.3)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rep intends to do with a handoff; void when somebody else owns it by then."""

    handoff: str
    rep: str


def _name(ended: Ended) -> str:
    """What an outcome is planned under; a touch has an id."""
    return f"end:{ended.person}:{ended.at.isoformat()}"


class Sales(World):
    """The reps' side of the simulated company. `hands_off` are reps played by a human being."""

    def __init__(
        self,
        store: Store,
        random: Random,
        firms: list[Firm],
        loners: list[Buyer],
        hands_off: frozenset[str] = frozenset(),
        knows: Mapping[str, str] | None = None,
    ) -> None:
        self.store = store
        self.random = random
        self.truth: dict[str, tuple[Firm | None, Buyer]] = {b.email: (f, b) for f in firms for b in f.buyers}
        self.truth |= {b.email: (None, b) for b in loners}
        self.hands_off = hands_off
        self.plans: dict[str, Plan] = {}
        self.acts = Acts(self, knows or {})

    # --- the drive asks ---------------------------------------------------------------------------------------

    def opened(self, handoffs: Sequence[str]) -> Iterable[Happening]:
        with self.store.reading() as conn:
            found = opened_handoffs(conn, handoffs)
        return [h for one in found for h in self._taken_up(one, one.opened_at)]

    def passed_on(self, handoffs: Sequence[str]) -> Iterable[Happening]:
        with self.store.reading() as conn:
            found = opened_handoffs(conn, handoffs)
        return [h for one in found for h in self._taken_up(one, one.passed_at or one.opened_at)]

    def still(self, one: Happening) -> bool:
        if isinstance(one, Act | Deal):
            return True  # its door asks; and a deal goes on whoever has the handoff
        plan = self.plans.pop(one.id if isinstance(one, Touch) else _name(one), None)
        if plan is None:
            return True
        with self.store.reading() as conn:
            return owners(conn, [plan.handoff]).get(plan.handoff) == plan.rep

    # --- a rep at work ------------------------------------------------------------------------------------------

    def _taken_up(self, one: Opened, since: datetime) -> list[Happening]:
        if one.owner is None:
            return self.acts.decides(one, since)
        return [] if one.owner in self.hands_off else self.work(one, since, one.owner)

    def work(self, one: Opened, since: datetime, rep: str) -> list[Happening]:
        """Everything this rep intends to do about a handoff that is theirs since then, in order."""
        habit = HABITS.get(rep, _NEVER)
        if self.random.random() < habit.overlooks:
            return self.acts.takes(one)
        firm, buyer = self.truth.get(one.email or "", (None, None))
        first = at = self.after(rep, since, self.random.lognormvariate(math.log(habit.minutes), 0.8))
        found = self.acts.before(one, rep, firm, since, first)
        for attempt, (kind, _) in enumerate(CADENCE):
            reached = self.random.random() < habit.reaches * math.exp(-(first - since).total_seconds() / 3600 / 30)
            found.append(self._touch(one, rep, kind, at, attempt, since, reached=reached))
            if reached:
                return found + self._talked(one, rep, firm, buyer, at, (first - since).total_seconds() / 3600)
            if attempt + 1 < len(CADENCE):
                paused, at = self.acts.pauses(one, rep, at)
                found += paused
                at = self._next(rep, at, CADENCE[attempt + 1][1])
        found.append(self._end(one, rep, Outcome.RECYCLE, self.after(rep, at, self.random.uniform(60, 400)), "no_response"))
        return found

    def _touch(self, one: Opened, rep: str, kind: TouchKind, at: datetime, attempt: int, since: datetime, *, reached: bool) -> Touch:
        seen = kind in (TouchKind.CALL, TouchKind.EMAIL) and self.random.random() < 0.8
        evidence = Evidence.EVIDENCED if seen else Evidence.DECLARED
        name = stable_id("tch", one.handoff, rep, str(attempt), since.isoformat())
        self.plans[name] = Plan(one.handoff, rep)
        return Touch(name, one.person, rep, kind, at, evidence, reached, "telephony")

    def _next(self, rep: str, at: datetime, wait: timedelta) -> datetime:
        """When the rep gets to the next attempt: mostly a little after it fell due."""
        slack = self.random.lognormvariate(math.log(25), 1.0)
        if wait < timedelta(days=1):
            return self.after(rep, at, wait.total_seconds() / 60 + slack)
        return self.after(rep, at + wait, slack)

    def _talked(self, one: Opened, rep: str, firm: Firm | None, buyer: Buyer | None, at: datetime, waited_hours: float) -> list[Happening]:
        """What comes of a conversation: a meeting with the odds of the truth, else a reason."""
        said = self.after(rep, at, self.random.choice((5, 10, 30, 400, 900)))
        doubts = self.acts.doubts(one, rep, firm, at)
        if firm is None or buyer is None:
            return [*doubts, self._end(one, rep, Outcome.DISQUALIFY, said, "bad_fit")]
        odds = firm.need + 0.5 * buyer.weight - 0.35 * math.log1p(waited_hours) - 2.3
        if self.random.random() < 1 / (1 + math.exp(-odds)):
            ends: list[Happening] = [self._end(one, rep, Outcome.MEETING_SET, said, None)]
            return ends + self._deal(one, rep, firm, said)
        # Who needs it least turns out to be nobody we can help; how often that is follows from the need.
        if self.random.random() < 1 / (1 + math.exp(1.6 + 1.8 * firm.need)):
            return [*doubts, self._end(one, rep, Outcome.DISQUALIFY, said, self.random.choice(("bad_fit", "bad_fit", "bad_data")))]
        return [*doubts, self._end(one, rep, Outcome.RECYCLE, said, self.random.choice(("not_now", "not_now", "no_budget", "no_response")))]

    def _deal(self, one: Opened, rep: str, firm: Firm, met: datetime) -> list[Happening]:
        if self.random.random() > 0.62:
            return []
        opened = met + timedelta(days=self.random.uniform(2, 12))
        amount = round(firm.employees * self.random.uniform(40, 110), -2)
        won = self.random.random() < 1 / (1 + math.exp(1.2 - 0.7 * firm.need))
        closed = opened + timedelta(days=self.random.uniform(12, 60))
        deal = Deal(stable_id("opp", one.handoff), one.person, one.account, rep, "discovery", amount, opened, None, None)
        end = Deal(deal.id, one.person, one.account, rep, "won" if won else "lost", amount, closed, closed, won)
        return [deal, end]

    def _end(self, one: Opened, rep: str, outcome: Outcome, at: datetime, reason: str | None) -> Ended:
        ended = Ended(one.person, outcome, at, reason, by=rep)
        self.plans[_name(ended)] = Plan(one.handoff, rep)
        return ended

    def after(self, rep: str, at: datetime, minutes: float) -> datetime:
        """So many minutes of this rep's own desk hours later."""
        hours = DESK_HOURS.get(rep)
        return (
            hours.due(at, max(1, round(minutes))) + timedelta(seconds=self.random.randrange(60))
            if hours
            else at + timedelta(minutes=minutes)
        )
