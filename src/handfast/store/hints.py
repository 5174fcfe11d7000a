"""What a process remembers of the store, to ask and to wake less often: hints, each of which may be out of date and costs no more than a step then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

#: Whoever was woken gathers for longer than this what comes meanwhile.
BELL_RESTS: Final = timedelta(milliseconds=50)


class Bell:
    """Whether the workers are to be woken again. A wake-up is a hint, so one that is lost with its transaction costs a poll and no more."""

    def __init__(self) -> None:
        self._rung: datetime | None = None

    def due(self, at: datetime) -> bool:
        """Whether nobody was woken from here in the last moment before `at`; then it counts as rung."""
        if self._rung is not None and timedelta(0) <= at - self._rung < BELL_RESTS:
            return False
        self._rung = at
        return True


#: A source that said something twice may do so again for so long.
REPEATS_FOR: Final = timedelta(minutes=1)


class Repeats:
    """Which sources said lately what they had said before: of those each signal is looked for before it is recorded, of others only if it must."""

    def __init__(self) -> None:
        self._heard: dict[str, datetime] = {}

    def likely(self, source: str, at: datetime) -> bool:
        """Whether this source repeated itself a moment before `at`."""
        heard = self._heard.get(source)
        return heard is not None and timedelta(0) <= at - heard < REPEATS_FOR

    def heard(self, source: str, at: datetime) -> None:
        """It repeated itself."""
        self._heard[source] = at


#: How many keys a process remembers the lanes of: some 20 MB.
HOMES_KEPT: Final = 100_000
#: Then all of them are forgotten, and asked about again: who was erased is nobody here either.
HOMES_FOR: Final = timedelta(hours=1)
#: Whoever was not known is asked about again after so long at the latest.
STRANGE_FOR: Final = timedelta(minutes=1)


class Homes:
    """In which lane the signals of a key belong, as this process last heard: most come again and again, and need not be asked about.

    A hint like the bell: whoever decides a signal passes it on where it belongs elsewhere by now.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, int] = {}
        self._strangers: set[str] = set()
        #: Since when is remembered what is, and who is nobody.
        self._since: datetime | None = None
        self._asked: datetime | None = None

    @property
    def lanes(self) -> Mapping[str, int]:
        """key → the lane of whoever has it, as far as remembered now. Others may learn meanwhile: what is in it stays as it is."""
        return self._lanes

    def strangers(self, at: datetime) -> AbstractSet[str]:
        """The keys that were nobody's a moment before `at`."""
        if self._asked is None or not timedelta(0) <= at - self._asked < STRANGE_FOR:
            self._strangers, self._asked = set(), at
        return self._strangers

    def learn(self, lanes: Mapping[str, int], strangers: Iterable[str], at: datetime) -> None:
        """Whose key it is stays; that a key is nobody's is true for a while from `at`."""
        old = self._since is None or not timedelta(0) <= at - self._since < HOMES_FOR
        if old or len(self._lanes) + len(self._strangers) + len(lanes) > HOMES_KEPT:
            self._lanes, self._strangers, self._since, self._asked = {}, set(), at, at
        self._lanes.update(lanes)
        self._strangers.update(strangers)


@dataclass(slots=True)
class Hints:
    """All of it. Forgotten as a whole, as when the process ends."""

    bell: Bell = field(default_factory=Bell)
    homes: Homes = field(default_factory=Homes)
    repeats: Repeats = field(default_factory=Repeats)
