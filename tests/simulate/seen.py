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

    def terms_of(self, handoff: str) -> Terms:
        return self.terms(self.now.handoff[handoff]["contract_id"])

    def is_there(self, rep: str, at: datetime) -> bool:
        """Whether a rep takes handoffs at a moment: neither away nor switched off. As it was before this step and is after it, or unknown."""
        return self.away_until(rep, at) is None and not self.is_off(rep)

    def away_until(self, rep: str, at: datetime) -> datetime | None:
        """The end of the absence that holds then."""
        spans = [(moment(row["starts_at"]), moment(row["ends_at"])) for row in self.now.absence.values() if row["rep_id"] == rep]
        return max((end for start, end in spans if start <= at < end), default=None)

    def is_off(self, rep: str) -> bool:
        row = self.now.rep_profile.get(rep)
        return row is not None and row["off_since"] is not None

    def owned(self, rep: str) -> int:
        """How many open handoffs somebody has now."""
        return sum(row["owner_id"] == rep and row["closed_at"] is None for row in self.now.handoff.values())

    @property
    def unchanged(self) -> bool:
        """Whether this step left it as it was who takes handoffs."""
        return self.now.absence == self.was.absence and self.now.rep_profile == self.was.rep_profile

    def new_events(self, name: str) -> list[Row]:
        """What happened in this step, in order."""
        return [row for key, row in self.now.event.items() if row["name"] == name and key not in self.was.event]


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


def said_by_hand(seen: Seen) -> set[str]:
    """People of whom anything was ever said by hand, and whomever they are, or were, folded into."""
    into: dict[str, set[str]] = {}
    for key, row in seen.now.person.items():
        into.setdefault(key, set()).add(row["merged_into"])
    for row in seen.now.person_merge.values():
        into.setdefault(row["folded_id"], set()).add(row["kept_id"])
    found: set[str] = set()
    met = {row["person_id"] for row in seen.now.readiness_override.values()} - {None}
    while met:
        found |= met
        met = {other for one in met for other in into.get(one, ())} - found - {None}
    return found
