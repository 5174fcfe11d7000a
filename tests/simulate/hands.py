"""What people and other systems do to handoffs, drawn from what there is: one piece of work each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from handfast.desk import contracts
from handfast.desk.actions import reassign
from handfast.desk.outcomes import accept, dispose, undo
from handfast.desk.overrides import set_override
from handfast.desk.touches import record_touches, touch, undo_touch
from handfast.facts import Evidence, Outcome, Touch, TouchKind
from tests.simulate.acting import SAID_NO, Piece
from tests.simulate.company import SELLERS, WRONG
from tests.simulate.ledger import Broken
from tests.simulate.offices import Offices


class Hands(Offices):
    """What people do to handoffs, each drawn from what there is."""

    def _by_hand(self) -> list[Piece]:
        handoffs = self._handoffs()
        if not handoffs:
            return self._instead()
        row = handoffs[min(self.chance.randrange(len(handoffs)), self.chance.randrange(len(handoffs)))]
        if any(one["taken_at"] is None for one in self.seen.offer.values()) and self.chance.random() < 0.4:
            return self._takers(row)
        makers = (
            self._touch,
            self._dispose,
            self._undo,
            self._reassign,
            self._override,
            self._accept,
            self._pause,
            self._resume,
            self._dispute,
            self._promise,
        )
        return [self.chance.choices(makers, (4, 3, 3, 3, 1, 1.5, 1.5, 2, 1.5, 1.5))[0](row)]

    def _touch(self, row: Mapping[str, Any]) -> Piece:
        rep, at, contact = row["owner_id"] or self.chance.choice(SELLERS), self.now, self.chance.random() < 0.3
        kind = self.chance.choice((TouchKind.CALL, TouchKind.EMAIL))

        def told(made: Touch) -> str:
            self.ledger.granted["touch", made.id] = f"a touch by {rep}"
            return "recorded"

        return Piece(
            f"{rep} touches {row['id']}",
            lambda: touch(self.store, row["id"], rep, kind, at, contact=contact),
            told,
            allowed=SAID_NO,
        )

    def _undo(self, row: Mapping[str, Any]) -> Piece:
        if row["outcome"] is not None and self.chance.random() < 0.7:
            return self._undo_outcome(row)
        mine = [t for t in self.seen.touch.values() if t["handoff_id"] == row["id"] and t["evidence"] == "declared"]
        if not mine:
            return self._touch(row)
        return self._touch_taken_back(self.chance.choice(sorted(mine, key=lambda t: str(t["id"]))))

    def _touch_taken_back(self, made: Mapping[str, Any]) -> Piece:
        at = self.now

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
            SAID_NO,
        )

    def _undo_outcome(self, row: Mapping[str, Any]) -> Piece:
        given = [one["by"] for one in self.seen.disposition.values() if one["handoff_id"] == row["id"] and one["by"] in SELLERS]
        rep, at = self.chance.choice(sorted(given)) if given else "ann", self.now
        work = lambda: undo(self.store, row["id"], rep, at)  # noqa: E731
        return Piece(f"{rep} takes an outcome back", work, lambda _: "taken back", allowed=SAID_NO)

    def _accept(self, row: Mapping[str, Any]) -> Piece:
        rep, at = row["owner_id"] or self.chance.choice(SELLERS), self.now
        return Piece(f"{rep} accepts {row['id']}", lambda: accept(self.store, row["id"], rep, at), str, allowed=SAID_NO)

    def _dispose(self, row: Mapping[str, Any]) -> Piece:
        chance, at = self.chance, self.now
        rep = row["owner_id"] or chance.choice(SELLERS)
        outcome = chance.choice((Outcome.CONNECTED, Outcome.MEETING_SET, Outcome.RECYCLE, Outcome.DISQUALIFY))
        reasons = {
            Outcome.RECYCLE: ("not_now", "not_now", "no_such_reason"),
            Outcome.DISQUALIFY: ("bad_fit", "not_mine", None),
        }.get(outcome, (None,))
        reason = chance.choice(reasons)
        meeting = at + timedelta(days=3) if outcome is Outcome.MEETING_SET else None
        work = lambda: dispose(self.store, row["id"], rep, outcome, at, reason=reason, meeting_at=meeting)  # noqa: E731
        return Piece(f"{rep} says {outcome} ({reason}) of {row['id']}", work, lambda made: "recorded", allowed=SAID_NO)

    def _reassign(self, row: Mapping[str, Any]) -> Piece:
        to, at = self.chance.choice((*SELLERS, "gone", "nobody")), self.now
        work = lambda: reassign(self.store, row["id"], to, "mia", "holiday", at, channels=tuple(self.channels))  # noqa: E731
        return Piece(f"mia hands {row['id']} to {to}", work, lambda _: "done", allowed=SAID_NO)

    def _override(self, row: Mapping[str, Any]) -> Piece:
        lead, at = self.chance.choice(self.company.leads), self.now
        verdict = self.chance.choice(("ready", "not_yet", "never"))
        key = self.chance.choice((lead.email, lead.domain))
        self.ledger.overridden |= {lead.email, lead.domain}
        work = lambda: set_override(self.store, key, verdict, "met at the fair", "mia", at + timedelta(days=2), at)  # noqa: E731
        return Piece(f"mia says {verdict} of {key}", work, lambda _: "recorded", allowed=SAID_NO)

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
                    self.chance.choice(SELLERS),
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
            return [self._leave()]
        if kind == 1:
            return [
                Piece(
                    "a contract that does not read",
                    lambda: contracts.put_in_force(self.store, WRONG, "contract.yaml", at),
                    self._not_in_force,
                )
            ]
        return self._change_contract() or self._instead()

    def _change_contract(self) -> list[Piece]:
        """Version 2, where it did not come yet."""
        if len(self.ledger.versions) > 1:
            return []
        at, text = self.now, self.company.versions[1].yaml()
        # Whether or not the answer arrives, version 2 is this text.
        self.ledger.versions[2] = 1
        return [
            Piece(
                "the contract changes",
                lambda: contracts.put_in_force(self.store, text, "contract.yaml", at),
                self._in_force,
            )
        ]

    def _in_force(self, done: tuple[int | None, list[Any]]) -> str:
        if done[0] is None:
            self.notice(Broken(7, f"a contract that reads was not taken: {done[1]}"))
        return f"version {done[0]}"

    def _not_in_force(self, done: tuple[int | None, list[Any]]) -> str:
        if done[0] is not None or not done[1] or not all(one.what and one.fix for one in done[1]):
            self.notice(Broken(7, f"a contract that does not read was taken: version {done[0]}, {done[1]}"))
        return f"{len(done[1])} problems"
