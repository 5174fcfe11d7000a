"""What people and other systems do to handoffs, drawn from what there is: one piece of work each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handfast.desk import contracts, imports
from handfast.desk.actions import reassign
from handfast.desk.outcomes import accept, dispose, undo
from handfast.desk.overrides import set_override
from handfast.desk.refused import Refused
from handfast.desk.touches import record_touches, touch, undo_touch
from handfast.facts import Absence, Evidence, Outcome, Touch, TouchKind
from handfast.store.base import StorageAway, Store
from tests.simulate.company import Company
from tests.simulate.house import Snapshot
from tests.simulate.ledger import Broken, Ledger

REPS = ("ann", "ben", "cleo")


@dataclass(slots=True)
class Piece:
    """A piece of work and what follows from how it ended, in words. `after` runs when all pieces of the step are done."""

    name: str
    work: Callable[[], Any]
    after: Callable[[Any], str] = lambda result: ""
    failed: Callable[[BaseException], None] = lambda error: None
    allowed: tuple[type[BaseException], ...] = (StorageAway,)


class Hands:
    """The part of a play that people are. What it reads belongs to the play."""

    store: Store
    chance: random.Random
    company: Company
    ledger: Ledger
    seen: Snapshot
    now: datetime
    channels: Mapping[str, Any]

    def _instead(self) -> list[Piece]:
        """What happens where nobody can do anything yet."""
        raise NotImplementedError

    def notice(self, broken: Broken) -> None:
        """Something did not answer as promised."""
        raise NotImplementedError

    def _by_hand(self) -> list[Piece]:
        handoffs = sorted(self.seen.handoff, key=lambda key: (self.seen.handoff[key]["closed_at"] is not None, key))
        if not handoffs:
            return self._instead()
        row = self.seen.handoff[handoffs[min(self.chance.randrange(len(handoffs)), self.chance.randrange(len(handoffs)))]]
        maker = self.chance.choices(
            (self._touch, self._dispose, self._undo, self._reassign, self._override, self._accept), (4, 3, 3, 3, 1, 1)
        )[0]
        return [maker(row)]

    def _touch(self, row: Mapping[str, Any]) -> Piece:
        rep, at, contact = row["owner_id"] or self.chance.choice(REPS), self.now, self.chance.random() < 0.3
        kind = self.chance.choice((TouchKind.CALL, TouchKind.EMAIL))

        def told(made: Touch) -> str:
            self.ledger.granted["touch", made.id] = f"a touch by {rep}"
            return "recorded"

        return Piece(
            f"{rep} touches {row['id']}",
            lambda: touch(self.store, row["id"], rep, kind, at, contact=contact),
            told,
            allowed=(StorageAway, Refused),
        )

    def _undo(self, row: Mapping[str, Any]) -> Piece:
        if row["outcome"] is not None and self.chance.random() < 0.7:
            return self._undo_outcome(row)
        mine = [t for t in self.seen.touch.values() if t["handoff_id"] == row["id"] and t["evidence"] == "declared"]
        if not mine:
            return self._touch(row)
        made, at = self.chance.choice(sorted(mine, key=lambda t: str(t["id"]))), self.now

        def told(_: str) -> str:
            self.ledger.granted.pop(("touch", made["id"]), None)
            return "taken back"

        def failed(_: BaseException) -> None:
            self.ledger.granted.pop(("touch", made["id"]), None)  # nobody knows whether it came to pass

        return Piece(
            f"{made['rep_id']} takes a touch back",
            lambda: undo_touch(self.store, made["id"], made["rep_id"], at),
            told,
            failed,
            (StorageAway, Refused),
        )

    def _undo_outcome(self, row: Mapping[str, Any]) -> Piece:
        given = [one["by"] for one in self.seen.disposition.values() if one["handoff_id"] == row["id"] and one["by"] in REPS]
        rep, at = self.chance.choice(sorted(given)) if given else "ann", self.now
        work = lambda: undo(self.store, row["id"], rep, at)  # noqa: E731
        return Piece(f"{rep} takes an outcome back", work, lambda _: "taken back", allowed=(StorageAway, Refused))

    def _accept(self, row: Mapping[str, Any]) -> Piece:
        rep, at = row["owner_id"] or self.chance.choice(REPS), self.now
        return Piece(f"{rep} accepts {row['id']}", lambda: accept(self.store, row["id"], rep, at), str, allowed=(StorageAway, Refused))

    def _dispose(self, row: Mapping[str, Any]) -> Piece:
        chance, at = self.chance, self.now
        rep = row["owner_id"] or chance.choice(REPS)
        outcome = chance.choice((Outcome.CONNECTED, Outcome.MEETING_SET, Outcome.RECYCLE, Outcome.DISQUALIFY))
        reasons = {Outcome.RECYCLE: ("not_now", "not_now", "no_such_reason"), Outcome.DISQUALIFY: ("bad_fit", None)}.get(outcome, (None,))
        reason = chance.choice(reasons)
        meeting = at + timedelta(days=3) if outcome is Outcome.MEETING_SET else None
        work = lambda: dispose(self.store, row["id"], rep, outcome, at, reason=reason, meeting_at=meeting)  # noqa: E731
        return Piece(f"{rep} says {outcome} ({reason}) of {row['id']}", work, lambda made: "recorded", allowed=(StorageAway, Refused))

    def _reassign(self, row: Mapping[str, Any]) -> Piece:
        to, at = self.chance.choice((*REPS, "gone", "nobody")), self.now
        work = lambda: reassign(self.store, row["id"], to, "mia", "holiday", at, channels=tuple(self.channels))  # noqa: E731
        return Piece(f"mia hands {row['id']} to {to}", work, lambda _: "done", allowed=(StorageAway, Refused))

    def _override(self, row: Mapping[str, Any]) -> Piece:
        lead, at = self.chance.choice(self.company.leads), self.now
        verdict = self.chance.choice(("ready", "not_yet", "never"))
        key = self.chance.choice((lead.email, lead.domain))
        self.ledger.overridden |= {lead.email, lead.domain}
        work = lambda: set_override(self.store, key, verdict, "met at the fair", "mia", at + timedelta(days=2), at)  # noqa: E731
        return Piece(f"mia says {verdict} of {key}", work, lambda _: "recorded", allowed=(StorageAway, Refused))

    def _by_system(self) -> list[Piece]:
        """The telephone system reports calls, some of long ago, some twice."""
        people = sorted(key for key, row in self.seen.person.items() if row["merged_into"] is None)
        if not people:
            return self._instead()
        calls = []
        for _ in range(self.chance.choice((1, 2))):
            at = self.now - timedelta(seconds=self.chance.choice((0, 60, 3000, 20_000)))
            name = f"call{self.chance.randrange(12)}"
            calls.append(
                Touch(
                    f"tch_{name}_{at:%d%H%M%S}",
                    self.chance.choice(people),
                    self.chance.choice(REPS),
                    TouchKind.CALL,
                    at,
                    Evidence.EVIDENCED,
                    source="phone",
                )
            )
        at = self.now

        def told(done: Any) -> str:
            for call in calls:
                self.ledger.granted["touch", call.id] = "a call the telephone system reported"
            return f"{done.added} new, {done.loose} loose"

        return [Piece("calls reported", lambda: record_touches(self.store, calls, at), told)]

    def _change(self) -> list[Piece]:
        """The contract changes, or is broken; somebody goes on leave."""
        at, kind = self.now, self.chance.randrange(3)
        if kind == 0:
            rep = self.chance.choice(REPS)
            leave = Absence(rep, at, at + timedelta(hours=self.chance.randrange(1, 60)), "leave")
            return [Piece(f"{rep} goes on leave", lambda: imports.put_absences(self.store, [leave]))]
        text = self.company.versions[1 if len(self.ledger.versions) == 1 else 0].yaml()
        if kind == 1:
            wrong = text.replace("default: team", "default: nowhere")
            return [
                Piece(
                    "a contract that does not read",
                    lambda: contracts.put_in_force(self.store, wrong, "contract.yaml", at),
                    self._not_in_force,
                )
            ]
        if len(self.ledger.versions) > 1:
            return self._instead()
        # Whether or not the answer arrives, version 2 is this text.
        self.ledger.versions[2] = 1
        return [
            Piece(
                "the contract changes",
                lambda: contracts.put_in_force(self.store, text, "contract.yaml", at),
                lambda done: f"version {done[0]}",
            )
        ]

    def _not_in_force(self, done: tuple[int | None, list[Any]]) -> str:
        if done[0] is not None or not done[1] or not all(one.what and one.fix for one in done[1]):
            self.notice(Broken(7, f"a contract that does not read was taken: version {done[0]}, {done[1]}"))
        return f"{len(done[1])} problems"
