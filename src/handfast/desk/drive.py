"""The virtual clock: the same loop over history, or over a simulated company, as fast as the machine allows.

Live, three loops run side by side and time passes by itself. Here time is moved by hand, from one thing that happens to the next: a signal
received, a touch made, an outcome given, a timer falling due. What happens at one moment is taken in this order: signals, then what people
did, then the clocks; so a call at the very minute a reminder was due comes before the reminder.

Signals between two such moments are decided together; each is judged at its own time, so taking them together changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from handfast.desk.actions import BY_HAND, dispose, record_opportunities, record_touches
from handfast.desk.contracts import Book
from handfast.desk.handover import BATCH, Decided, decide
from handfast.desk.refused import Refused
from handfast.desk.tick import tick
from handfast.facts import Evidence, Outcome, Touch
from handfast.problem import Problem
from handfast.store import handover as rows
from handfast.store import work
from handfast.store.base import Store

#: Signals further apart than this are not decided together, so that a handoff opened early in a batch gets its touches in time.
WINDOW: Final = timedelta(hours=1)
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the handoff a person was in, as another system recorded it."""

    person: str
    outcome: Outcome
    at: datetime
    reason: str | None = None
    note: str = ""


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


Happening = Touch | Ended | Deal


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


class Drive:
    """Moves one database through time. Nothing else may work on it meanwhile."""

    def __init__(
        self, store: Store, book: Book, happenings: Iterable[Happening] = (), *, channels: Sequence[str] = (), tell: Callable[[datetime], None] | None = None
    ) -> None:
        self.store = store
        self.book = book
        self.channels = tuple(channels)
        self.tell = tell
        self.done = Driven()
        self._coming = sorted(happenings, key=when)
        self._next = 0

    def until(self, end: datetime) -> Driven:
        """Lets everything happen that happens up to and including `end` (UTC)."""
        while True:
            signal, timer = self._ahead()
            fact = when(self._coming[self._next]) if self._next < len(self._coming) else None
            moments = [m for m in (signal, fact, timer) if m is not None and m <= end]
            if not moments:
                return self.done
            now = min(moments)
            if self.tell is not None:
                self.tell(now)
            if signal is not None and signal == now:
                self._signals(now, min([m for m in (fact, timer, end, now + WINDOW) if m is not None]))
            elif fact is not None and fact == now:
                self._facts(min([m for m in (signal - _INSTANT if signal else None, timer, end) if m is not None]))
            else:
                self._clocks(min([m - _INSTANT for m in (signal, fact) if m is not None] + [end]))

    def _ahead(self) -> tuple[datetime | None, datetime | None]:
        with self.store.reading() as conn:
            return rows.next_pending(conn), work.next_due(conn)

    def _signals(self, now: datetime, to: datetime) -> None:
        at = max(now, to)
        done = decide(self.store, self.book, at, limit=BATCH, channels=self.channels, punctual=True)
        if not done.signals:
            raise RuntimeError("signals wait that could not be decided: another worker holds their lanes")
        self.done.decided.add(done)

    def _facts(self, to: datetime) -> None:
        """Touches up to `to` in one transaction; an outcome or a deal ends the run, for it changes what comes after."""
        touches: list[Touch] = []
        while self._next < len(self._coming):
            one = self._coming[self._next]
            if (touches and when(one) > to) or not isinstance(one, Touch):
                break
            touches.append(one)
            self._next += 1
        if touches:
            done = record_touches(self.store, touches, when(touches[-1]))
            self.done.touches += done.added
            self.done.loose += done.loose
            return
        one = self._coming[self._next]
        if isinstance(one, Ended):
            self._next += 1
            self._end(one)
        elif isinstance(one, Deal):
            self._deals(to)

    def _end(self, one: Ended) -> None:
        with self.store.reading() as conn:
            open_ones = work.open_handoffs_of(conn, [one.person])
        for _, handoff, _ in open_ones:
            try:
                dispose(
                    self.store, handoff, BY_HAND, one.outcome, one.at, reason=one.reason, note=one.note, book=self.book, evidence=Evidence.EVIDENCED
                )
                self.done.ended += 1
            except Refused as refused:
                self.done.problems.append(refused.problem)

    def _deals(self, to: datetime) -> None:
        batch: list[tuple[object, ...]] = []
        while self._next < len(self._coming) and isinstance(one := self._coming[self._next], Deal) and (not batch or one.at <= to):
            batch.append((one.id, one.person, one.account, one.owner, one.stage, one.amount, one.at, one.closed_at, one.won))
            self._next += 1
        last = batch[-1][6]
        assert isinstance(last, datetime)
        self.done.deals += record_opportunities(self.store, batch, last)

    def _clocks(self, to: datetime) -> None:
        done = tick(self.store, self.book, to, channels=self.channels, punctual=True)
        self.done.fired += done.fired


__all__ = ["BATCH", "Deal", "Drive", "Driven", "Ended", "Happening", "when"]
