"""A house with a small sales team, one open handoff, and an outbox to put messages into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from handfast.connectors.channel import Permanent, Temporary
from handfast.sla.notice import PARTIES, Kind, Message, Named, message_id, notice, with_names
from handfast.store.base import Store
from handfast.store.handover import add_messages, dumps

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BRIEF = {
    "v": 1,
    "headline": {"text": "Maya Lindqvist, VP Operations at Halden Logistics: demo", "cites": ["person.name"]},
    "opener": {"text": "Hi Maya, shall I show you the two plans that fit?", "cites": ["person.name"]},
    "persona": [{"text": "VP Operations", "cites": ["person.title"]}],
    "why_now": [{"text": "Asked for a demo", "cites": ["verdict"]}],
}


CONTRACT = """\
contract: Northwind
calendar: {timezone: Europe/Berlin, week: {mon-fri: ["09:00-17:30"]}}
ready:
  fit: {at_least: 0}
  intent: {at_least: 0}
  next_step: [{step: demo, on: form_submitted, within: 7 days}]
routing: {pools: {all: {members: {ana: 1}}}, default: all}
sla: [{name: hand-raiser, first_touch: 1 hour}]
notices: {}
dispositions:
  recycle: {reasons: {not_now: {back: 90 days}}}
  disqualify: {reasons: {bad_fit: {blames: fit}}}
"""


def as_claimed(payload: dict[str, Any], **parties: Any) -> dict[str, Any]:
    """The payload with the names of these parties, as the store hands it to a sender."""
    known = {(noun, party.id): party.name for role, noun in PARTIES.items() if (party := parties.get(role))}
    return with_names(payload, known)


@dataclass
class Clock:
    """Time, moved by hand."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Wire:
    """A channel whose other side does as it is told: takes messages, or fails as `answer` says, or has something happen meanwhile."""

    took: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    answer: Callable[[Message], None] = lambda message: None
    meanwhile: Callable[[], None] = lambda: None
    finished: int = 0

    def send(self, message: Message) -> None:
        self.tried.append(message.id)
        self.meanwhile()
        self.answer(message)
        self.took.append(message.id)

    def destination(self, message: Message) -> str:
        return message.recipient

    def finish(self) -> None:
        self.finished += 1

    def fails(self, failure: Permanent | Temporary | Exception) -> None:
        def answer(message: Message) -> None:
            raise failure

        self.answer = answer

    def recovers(self) -> None:
        self.answer = lambda message: None


class House:
    """Rows as the desk writes them, and questions to the tables."""

    def __init__(self, store: Store) -> None:
        self.store = store
        signal = UUID(int=1)
        with store.writing() as conn:
            conn.execute(
                "INSERT INTO contract VALUES ('ctr_1', 1, 'Northwind', 'new_business', %s, '-infinity', %s)",
                (CONTRACT, NOON),
            )
            for rep, name, manager in (
                ("mo", "Mo Haddad", None),
                ("ana", "Ana Silva", "mo"),
                ("ben", "Ben Ito", "mo"),
                ("carl", "Carl Ek", "mo"),
            ):
                conn.execute(
                    "INSERT INTO rep (id, name, email, manager_id, time_zone) VALUES (%s, %s, %s, %s, 'Europe/Berlin')",
                    (rep, name, f"{rep}@northwind.example", manager),
                )
            conn.execute(
                "INSERT INTO person (id, email, name, created_at) VALUES ('per_maya', 'maya@halden.example', 'Maya Lindqvist', %s)", (NOON,)
            )
            conn.execute(
                "INSERT INTO account (id, key, name, created_at) VALUES ('acc_halden', 'halden.example', 'Halden Logistics', %s)", (NOON,)
            )
            conn.execute(
                "INSERT INTO verdict VALUES ('ver_1', 'per_maya', NULL, %s, 'ctr_1', 'ready', 60, 70, 'demo', NULL, %s, %s, '{}', %s)",
                (NOON, signal, [signal], NOON),
            )
        self.handoff("hof_1", "ana")

    def handoff(self, handoff: str, owner: str | None) -> None:
        with self.store.writing() as conn:
            conn.execute(
                "INSERT INTO handoff (id, motion, party, person_id, contract_id, verdict_id, next_step, opened_at, decided_at, owner_id)"
                " VALUES (%s, 'new_business', %s, 'per_maya', 'ctr_1', 'ver_1', 'demo', %s, %s, %s)",
                (handoff, handoff, NOON, NOON, owner),
            )
            conn.execute("INSERT INTO brief VALUES (%s, %s, %s)", (handoff, NOON, dumps(BRIEF)))

    def writes(
        self,
        kind: Kind = "handoff_opened",
        to: str = "ana",
        *,
        channel: str = "email",
        handoff: str = "hof_1",
        cause: str = "opened",
        owner: str | None = "ana",
    ) -> str:
        """A message, written as the desk writes it. Its id."""
        names = {"ana": "Ana Silva", "ben": "Ben Ito", "carl": "Carl Ek"}
        payload = notice(
            kind,
            handoff_id=handoff,
            opened_at=NOON,
            next_step="demo",
            person=Named("per_maya", "Maya Lindqvist"),
            account=Named("acc_halden", "Halden Logistics"),
            owner=Named(owner, names[owner]) if owner else None,
            sla="hand-raiser",
            due_at=NOON + timedelta(minutes=38),
            motion="new_business",
            why="It is Ana's turn in pool 'smb'.",
        )
        ident = message_id(handoff, kind, cause, channel, to)
        with self.store.writing() as conn:
            add_messages(conn, [(ident, handoff, kind, channel, to, owner, dumps(payload), NOON, NOON)])
        return ident

    def row(self, message: str) -> dict[str, Any]:
        columns = "state, attempt, next_at, lease_until, settled_at, why"
        with self.store.reading() as conn:
            row = conn.execute(f"SELECT {columns} FROM outbox WHERE id = %s", (message,)).fetchone()
        assert row is not None
        return dict(zip(columns.split(", "), row, strict=True))

    def events(self, name: str) -> list[dict[str, Any]]:
        with self.store.reading() as conn:
            return [row[0] for row in conn.execute("SELECT data FROM event WHERE name = %s ORDER BY seq", (name,)).fetchall()]

    def touched(self, by: str, at: datetime, *, handoff: str = "hof_1") -> None:
        with self.store.writing() as conn:
            conn.execute(
                "INSERT INTO touch (id, handoff_id, person_id, rep_id, kind, contact, evidence, occurred_at, recorded_at)"
                " VALUES (%s, %s, 'per_maya', %s, 'call', false, 'declared', %s, %s)",
                (f"tch_{by}_{at:%H%M}", handoff, by, at, at),
            )
            conn.execute("UPDATE handoff SET touched_at = least(touched_at, %s) WHERE id = %s", (at, handoff))

    def changes(self, **columns: Any) -> None:
        with self.store.writing() as conn:
            for name, value in columns.items():
                conn.execute(f"UPDATE handoff SET {name} = %s WHERE id = 'hof_1'", (value,))
