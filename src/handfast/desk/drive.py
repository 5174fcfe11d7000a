"""The virtual clock: the same loop over history, or over a simulated company, as fast as the machine allows.

Live, three loops run side by side and time passes by itself. Here time is moved by hand, from one thing that happens to the next: signals
received, touches made, outcomes given, timers falling due. What happens at one moment is taken in this order: signals, then what people
did, then the clocks; so a call at the very minute a reminder was due comes before the reminder.

Signals are decided some hours at a time, ahead of the touches and clocks of these hours but never ahead of an outcome: each is
judged at its own time, so taking them together changes no verdict; and every clock fires at the very moment it was due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from handfast.desk.actions import record_opportunities
from handfast.desk.contracts import Book
from handfast.desk.handover import BATCH, Decided, decide
from handfast.desk.held import BY_HAND
from handfast.desk.moves import tend
from handfast.desk.outcomes import dispose
from handfast.desk.refused import Refused
from handfast.desk.tick import tick
from handfast.desk.touches import record_touches
from handfast.facts import Evidence, Outcome, Touch
from handfast.problem import Problem
from handfast.store import lanes as lane_rows
from handfast.store import work
from handfast.store.base import Store

#: Signals further apart than this are not decided together.
WINDOW: Final = timedelta(hours=4)
_INSTANT: Final = timedelta(microseconds=1)
#: Between two looks at what is held, on the virtual clock.
_PATIENCE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the handoff a person was in, as another system recorded it."""

    person: str
    outcome: Outcome
    at: datetime
    reason: str | None = None
    note: str = ""
    by: str = BY_HAND


@dataclass(frozen=True, slots=True)
class Deal:
    """An opportunity as another system recorded it; `at` is when it was opened."""

    id: str
    person: str | None
    account: str | None
    owner: str | None
    stage: str
    amount: float | None
    at: datetime
    closed_at: datetime | None
    won: bool | None


@dataclass(frozen=True, slots=True)
class Act:
    """Something else that somebody does, through the door it has; it gives back what will happen because of it. It may be Refused."""

    at: datetime
    do: Callable[[], Iterable[Happening]]


Happening = Touch | Ended | Deal | Act


@dataclass(slots=True)
class Driven:
    """What a drive did."""

    decided: Decided = field(default_factory=Decided)
    touches: int = 0
    loose: int = 0
    ended: int = 0
    deals: int = 0
    fired: int = 0
    problems: list[Problem] = field(default_factory=list)


def when(one: Happening) -> datetime:
    """The own time of a thing that happened."""
    return one.occurred_at if isinstance(one, Touch) else one.at


class World:
    """Somebody who reacts to what the loop does. The base class reacts to nothing; the demo company overrides it."""

    def opened(self, handoffs: Sequence[str]) -> Iterable[Happening]:
        """Handoffs were opened: what will people do about them?"""
        return ()

    def passed_on(self, handoffs: Sequence[str]) -> Iterable[Happening]:
        """Handoffs went to somebody else: what will the new owners do?"""
        return ()

    def still(self, one: Happening) -> bool:
        """Whether a planned thing happens after all, asked at its time."""
        return True


class Drive:
    """Moves one database through time. Nothing else may work on it meanwhile."""

    def __init__(
        self,
        store: Store,
        book: Book,
        happenings: Iterable[Happening] = (),
        *,
        channels: Sequence[str] = (),
        tell: Callable[[datetime], None] | None = None,
        world: World | None = None,
        window: timedelta = WINDOW,
        patience: timedelta = _PATIENCE,
    ) -> None:
        self.store = store
        self.book = book
        self.channels = tuple(channels)
        self.tell = tell
        self.world = world or World()
        self.window = window
        self.patience = patience
        self.done = Driven()
        self._coming: list[tuple[datetime, int, Happening]] = []
        self._ends: list[datetime] = []
        self._looked_at: datetime | None = None
        self._count = count()
        self.add(happenings)

    def add(self, happenings: Iterable[Happening]) -> None:
        """More things that will happen; in the order given where two happen at the same moment."""
        for one in happenings:
            heapq.heappush(self._coming, (when(one), next(self._count), one))
            if isinstance(one, Ended):
                heapq.heappush(self._ends, one.at)

    def until(self, end: datetime) -> Driven:
        """Lets everything happen that happens up to and including `end` (UTC)."""
        while True:
            signal, timer = self._ahead()
            fact = self._coming[0][0] if self._coming else None
            moments = [m for m in (signal, fact, timer) if m is not None and m <= end]
            if not moments:
                self._held(end)
                return self.done
            now = min(moments)
            self._held(now)
            if self.tell is not None:
                self.tell(now)
            if signal is not None and signal == now:
                self._signals(min([*self._ends[:1], end, now + self.window]), now)
            elif fact is not None and fact == now:
                self._facts(min([m for m in (signal - _INSTANT if signal else None, timer, end) if m is not None]))
            else:
                self._clocks(min([m - _INSTANT for m in (signal, fact) if m is not None] + [end]))

    def _held(self, now: datetime) -> None:
        """Gives out what nobody could take, and moves what has to move, once in a while: as the worker does that is woken now and then."""
        if self._looked_at is not None and now - self._looked_at < self.patience:
            return
        self._looked_at = now
        if passed_on := tend(self.store, self.book, now, channels=self.channels):
            self.add(self.world.passed_on(passed_on))

    def _ahead(self) -> tuple[datetime | None, datetime | None]:
        with self.store.reading() as conn:
            return lane_rows.next_pending(conn), work.next_due(conn)

    def _signals(self, to: datetime, now: datetime) -> None:
        done = decide(self.store, self.book, max(now, to), limit=BATCH, channels=self.channels, punctual=True)
        if not done.signals:
            raise RuntimeError("signals wait that could not be decided: another worker holds their lanes")
        self.done.decided.add(done)
        if done.handoffs:
            self.add(self.world.opened(done.handoffs))
        if done.given_out:
            self.add(self.world.passed_on(done.given_out))

    def _facts(self, to: datetime) -> None:
        """Touches up to `to` in one transaction; an outcome or a deal ends the run, for it changes what comes after."""
        touches: list[Touch] = []
        while self._coming:
            at, _, one = self._coming[0]
            if (touches and at > to) or not isinstance(one, Touch):
                break
            heapq.heappop(self._coming)
            if self.world.still(one):
                touches.append(one)
        if touches:
            done = record_touches(self.store, touches, touches[-1].occurred_at)
            self.done.touches += done.added
            self.done.loose += done.loose
        elif self._coming and isinstance(one := self._coming[0][2], Ended):
            heapq.heappop(self._coming)
            heapq.heappop(self._ends)
            if self.world.still(one):
                self._end(one)
        elif self._coming and isinstance(self._coming[0][2], Deal):
            self._deals(to)
        elif self._coming and isinstance(one := self._coming[0][2], Act):
            heapq.heappop(self._coming)
            self._act(one)

    def _act(self, one: Act) -> None:
        if not self.world.still(one):
            return
        try:
            self.add(one.do())
        except Refused as refused:
            self.done.problems.append(refused.problem)

    def _end(self, one: Ended) -> None:
        with self.store.reading() as conn:
            open_ones = work.open_handoffs_of(conn, [one.person])
        for _, handoff, _ in open_ones:
            try:
                dispose(
                    self.store,
                    handoff,
                    one.by,
                    one.outcome,
                    one.at,
                    reason=one.reason,
                    note=one.note,
                    book=self.book,
                    evidence=Evidence.EVIDENCED,
                )
                self.done.ended += 1
            except Refused as refused:
                self.done.problems.append(refused.problem)

    def _deals(self, to: datetime) -> None:
        batch: list[tuple[object, ...]] = []
        last = to
        while self._coming and isinstance(one := self._coming[0][2], Deal) and (not batch or one.at <= to):
            heapq.heappop(self._coming)
            batch.append((one.id, one.person, one.account, one.owner, one.stage, one.amount, one.at, one.closed_at, one.won))
            last = one.at
        self.done.deals += record_opportunities(self.store, batch, last)

    def _clocks(self, to: datetime) -> None:
        done = tick(self.store, self.book, to, channels=self.channels, punctual=True)
        self.done.fired += done.fired
        if done.reassigned:
            self.add(self.world.passed_on(done.reassigned))


__all__ = ["BATCH", "Act", "Deal", "Drive", "Driven", "Ended", "Happening", "World", "when"]
