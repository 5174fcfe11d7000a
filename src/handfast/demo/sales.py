"""How Northwind's reps behave: when they call, whom they reach, what they say became of it.

The reps know only what Handfast tells them (a handoff is theirs) and what people say on the telephone; what people say follows the hidden
truth of `demo.company`. Speed matters in this world: every hour before the first contact costs, which the figures should find.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar
from handfast.demo.company import HABITS, REPS, Buyer, Firm, Habit
from handfast.desk.drive import Deal, Ended, Happening, World
from handfast.facts import Evidence, Outcome, Touch, TouchKind, stable_id
from handfast.store.base import Store
from handfast.store.demo import Opened, opened_handoffs, owners

#: The hours reps really keep, in their own zones.
DESK_HOURS = {r.id: hours_of(Calendar(timezone=r.time_zone, week={"mon-fri": ("08:45-12:15", "13:00-17:45")})) for r in REPS}
_NEVER = Habit(240, 0.5, 0.3)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rep intends to do with a handoff; void when somebody else owns it by then."""

    handoff: str
    rep: str


class Sales(World):
    """The reps' side of the simulated company. `hands_off` are reps played by a human being."""

    def __init__(
        self, store: Store, random: Random, firms: list[Firm], loners: list[Buyer], hands_off: frozenset[str] = frozenset()
    ) -> None:
        self.store = store
        self.random = random
        self.truth: dict[str, tuple[Firm | None, Buyer]] = {b.email: (f, b) for f in firms for b in f.buyers}
        self.truth |= {b.email: (None, b) for b in loners}
        self.hands_off = hands_off
        self.plans: dict[str, Plan] = {}
        self.over: set[str] = set()

    # --- the drive asks ---------------------------------------------------------------------------------------

    def opened(self, handoffs: Sequence[str]) -> Iterable[Happening]:
        with self.store.reading() as conn:
            found = opened_handoffs(conn, handoffs)
        return [h for one in found if one.owner and one.owner not in self.hands_off for h in self.work(one, one.opened_at, one.owner)]

    def passed_on(self, handoffs: Sequence[str]) -> Iterable[Happening]:
        with self.store.reading() as conn:
            found = opened_handoffs(conn, handoffs)
        return [
            h
            for one in found
            if one.owner and one.owner not in self.hands_off
            for h in self.work(one, one.passed_at or one.opened_at, one.owner)
        ]

    def still(self, one: Happening) -> bool:
        plan = self.plans.get(one.id if isinstance(one, Touch | Deal) else f"end:{one.person}:{one.at.isoformat()}")
        if plan is None:
            return True
        if plan.handoff in self.over:
            return False
        with self.store.reading() as conn:
            return owners(conn, [plan.handoff]).get(plan.handoff) == plan.rep

    # --- a rep at work ------------------------------------------------------------------------------------------

    def work(self, one: Opened, since: datetime, rep: str) -> list[Happening]:
        habit = HABITS.get(rep, _NEVER)
        if self.random.random() < habit.overlooks:
            return []
        firm, buyer = self.truth.get(one.email or "", (None, None))
        at = self._after(rep, since, self.random.lognormvariate(math.log(habit.minutes), 0.8))
        first = at
        found: list[Happening] = []
        for attempt in range(6):
            kind = (TouchKind.CALL, TouchKind.EMAIL, TouchKind.CALL, TouchKind.SOCIAL, TouchKind.CALL, TouchKind.EMAIL)[attempt]
            reached = self.random.random() < habit.reaches * math.exp(-(first - since).total_seconds() / 3600 / 30)
            evidence = Evidence.EVIDENCED if kind in (TouchKind.CALL, TouchKind.EMAIL) and self.random.random() < 0.8 else Evidence.DECLARED
            touch = Touch(
                stable_id("tch", one.handoff, rep, str(attempt), since.isoformat()),
                one.person,
                rep,
                kind,
                at,
                evidence,
                reached,
                "telephony",
            )
            self.plans[touch.id] = Plan(one.handoff, rep)
            found.append(touch)
            if reached:
                return found + self._talked(one, rep, firm, buyer, at, (first - since).total_seconds() / 3600)
            at = self._after(rep, at, 60 * self.random.choice((3, 8, 11, 16)))
        found.append(self._end(one, rep, Outcome.RECYCLE, at, "no_response"))
        return found

    def _talked(self, one: Opened, rep: str, firm: Firm | None, buyer: Buyer | None, at: datetime, waited_hours: float) -> list[Happening]:
        """What comes of a conversation: a meeting with the odds of the truth, else a reason."""
        said = self._after(rep, at, self.random.choice((5, 10, 30, 400, 900)))
        if firm is None or buyer is None:
            return [self._end(one, rep, Outcome.DISQUALIFY, said, "bad_fit")]
        odds = firm.need + 0.5 * buyer.weight - 0.35 * math.log1p(waited_hours) - 2.3
        if self.random.random() < 1 / (1 + math.exp(-odds)):
            ends: list[Happening] = [self._end(one, rep, Outcome.MEETING_SET, said, None)]
            return ends + self._deal(one, rep, firm, said)
        # Who needs it least turns out to be nobody we can help; how often that is follows from the need.
        if self.random.random() < 1 / (1 + math.exp(1.6 + 1.8 * firm.need)):
            return [self._end(one, rep, Outcome.DISQUALIFY, said, self.random.choice(("bad_fit", "bad_fit", "bad_data")))]
        return [self._end(one, rep, Outcome.RECYCLE, said, self.random.choice(("not_now", "not_now", "no_budget", "no_response")))]

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
        self.plans[f"end:{one.person}:{at.isoformat()}"] = Plan(one.handoff, rep)
        return ended

    def _after(self, rep: str, at: datetime, minutes: float) -> datetime:
        """So many minutes of this rep's own desk hours later."""
        hours = DESK_HOURS.get(rep)
        return (
            hours.due(at, max(1, round(minutes))) + timedelta(seconds=self.random.randrange(60))
            if hours
            else at + timedelta(minutes=minutes)
        )
