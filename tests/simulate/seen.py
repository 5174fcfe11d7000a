"""What the laws compare: everything stored now and a step ago, and what the world knows. Times are ISO 8601 texts, which sort as moments do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.simulate.company import Company, Terms
from tests.simulate.house import Row, Snapshot
from tests.simulate.ledger import Ledger, Step
from tests.simulate.receiver import World

FREE_MAIL = "post.example"


@dataclass(slots=True)
class Seen:
    """What the laws compare: `was` a step ago, `now`, and everything from outside."""

    company: Company
    ledger: Ledger
    world: World
    was: Snapshot
    now: Snapshot
    step: Step
    #: Handoff → its events, and so on, made once a step.
    events: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    timers: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    clocks: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    touches: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    legs: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        now = self.now
        for row in sorted(now.event.values(), key=lambda row: row["seq"]):
            self.events[row["handoff_id"]].append(row)
        for row in sorted(now.timer.values(), key=lambda row: row["step"]):
            self.timers[row["clock_id"]].append(row)
        for name in ("clock", "touch", "outbox", "assignment", "handoff_person"):
            home = {
                "clock": self.clocks,
                "touch": self.touches,
                "outbox": self.messages,
                "assignment": self.legs,
                "handoff_person": self.people,
            }
            for row in getattr(now, name).values():
                home[name][row["handoff_id"]].append(row)

    def terms(self, contract_id: str) -> Terms:
        return self.company.versions[self.ledger.versions[self.now.contract[contract_id]["version"]]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def firm(email: str) -> str:
    """Whose handoff it would be: the firm of the address, or the person of none."""
    domain_ = domain(email)
    return email if domain_ == FREE_MAIL else domain_


def domain(email: str) -> str:
    return email.partition("@")[2]


def not_after(text: str, at: datetime) -> bool:
    return moment(text) <= at
