"""Plots: what a company lives through on purpose, a few acts one after the other, with other things in between.

What is drawn step by step alone seldom comes to a dispute that is upheld, a version that gives way, or more handoffs than anybody may have. A
plot says only what is done, never what must come of it: the laws are the same, and whatever else is drawn may come between its acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from handfast.desk import availability, disputes
from handfast.desk.clocks import pause, resume
from handfast.desk.outcomes import dispose, undo
from handfast.desk.touches import touch
from handfast.facts import Outcome, Touch, TouchKind
from tests.simulate.acting import Piece
from tests.simulate.company import SELLERS, TEAM, WALLS, Lead
from tests.simulate.hands import Hands
from tests.simulate.house import Row

#: Plot → its acts: names of the methods below, with what they are told.
Act = tuple[Any, ...]
PLOTS: Mapping[str, tuple[Act, ...]] = {
    "wrong owner": (("asks", 3), ("decides",), ("disputed",), ("answered",), ("given_out",), ("disputed",), ("answered",)),
    "nobody answers": (("asks", 2), ("decides",), ("disputed",), ("later", 100), ("given_out",), ("given_out",)),
    "nobody there": (
        ("off", "ann"), ("off", "ben"), ("asks", 1), ("decides",), ("asks", 1), ("decides",), ("asks", 1), ("decides",), ("on", "ann"),
        ("given_out",), ("given_out",), ("on", "ben"), ("given_out",),
    ),
    "new terms": (
        ("asks", 2), ("decides",), ("touched", False), ("touch_undone",), ("ticks",), ("asks", 1), ("changes",), ("asks", 1), ("decides",),
        ("asks", 9), ("decides",),
    ),
    "too many": (("asks", 9), ("decides",), ("given_out",), ("asks", 9), ("decides",)),
    "owner leaves": (("asks", 2), ("decides",), ("leaves",), ("given_out",), ("given_out",)),
    "offered": (("asks", 3), ("decides",), ("later", 91), ("ticks",), ("taken",), ("ticks",)),
    "pursued": (("asks", 2), ("decides",), ("touched", False), ("touched", False), ("later", 200), ("ticks",), ("touched", True), ("ticks",)),
    "asked to wait": (("asks", 1), ("decides",), ("paused",), ("later", 20), ("resumed",), ("ticks",)),
    "owner named elsewhere": (
        ("asks", 2), ("decides",), ("named",), ("given_out",), ("touched", False), ("named",), ("given_out",), ("asks", 1), ("decides",),
    ),
    "owner named by a signal": (
        ("asks", 2), ("decides",), ("signalled",), ("decides",), ("given_out",), ("touched", False), ("signalled", 2), ("decides",), ("given_out",),
        ("signalled", 0), ("decides",),
    ),
    "two are one": (
        ("tells",), ("decides",), ("asks", 2), ("decides",), ("touched", False), ("both_in_work",), ("made_one",), ("met_anew",), ("decides",),
        ("touched", False), ("asks", 9), ("decides",), ("parted",), ("asks", 9), ("decides",),
    ),
    "three are one": (
        ("tells",), ("decides",), ("looked_at",), ("made_one",), ("folded_on",), ("parted", "first"), ("parted",), ("made_one",),
        ("parted", "first"), ("asks", 9), ("decides",), ("both_in_work",), ("parted",), ("parted",),
    ),
    "one meanwhile": (
        ("tells",), ("decides",), ("asks", 9), ("decided_meanwhile",), ("ask_again",), ("decided_meanwhile",), ("parted",), ("parted",),
    ),
    "decided by two": (
        ("tells",), ("tells",), ("decided_by_two",), ("decided_by_two",), ("decides",), ("ask_again",), ("tells",), ("decided_by_two",),
        ("decided_by_two",),
    ),
    "interrupted": (("interrupted",), ("brought",), ("interrupted",), ("decides",), ("brought",)),
    "promised otherwise": (
        ("asks", 2), ("decides",), ("promised", "patient"), ("later", 61), ("ticks",), ("promised", "hand-raiser"), ("later", 70), ("ticks",),
    ),
    "many mails": (("asks", 9), ("decides",), ("later", 46), ("ticks",), ("mails",), ("mails",)),
    "handed back": (("asks", 3), ("decides",), ("recycled",), ("undone",), ("recycled",), ("told",), ("later", 16), ("told",), ("told",)),
    "on trial": (
        ("changes",), ("asks", 9), ("decides",), ("asks", 9), ("decides",), ("watched",), ("watched",), ("ask_again",), ("decides",),
    ),
}  # fmt: skip
#: Of its steps so many are acts of the plot, as long as there are any.
ACTS_SHARE = 0.7


class Plots(Hands):
    """See the module. `_acts`: what is still to come."""

    _acts: list[Act]
    _act: Act = ()

    def _plotted(self) -> list[Piece] | None:
        """The next act that can be played; None where there is none, or something else comes between."""
        if not self._acts or self.chance.random() > ACTS_SHARE:
            return None
        while self._acts:
            name, *told = self._act = self._acts.pop(0)
            self.now += timedelta(microseconds=self.chance.randrange(1, 3_000_000))
            if pieces := getattr(self, f"_plot_{name}")(*told):
                return list(pieces)
        return None

    def _play_again(self) -> None:
        """The act came to nothing: somebody was killed in it."""
        self._acts.insert(0, self._act)

    # --- acts -------------------------------------------------------------------------------------------------------

    def _plot_asks(self, most: int) -> list[Piece]:
        """So many firms that have nothing open ask for a demo at once."""
        taken = {row["party"] for row in self.seen.handoff.values() if row["closed_at"] is None}
        busy = {row["email"] for row in self.seen.person.values() if row["account_id"] in taken or row["id"] in taken}
        firms: dict[str, Lead] = {}
        for lead in self.company.leads:
            if lead.fits and (lead.employees or 0) >= 50 and lead.email not in busy:
                firms.setdefault(lead.domain, lead)
        return self._sent(self.senders.asking(list(firms.values())[:most])) if firms else []

    def _plot_ask_again(self) -> list[Piece]:
        """Everybody, whatever is open of them."""
        return self._sent(self.senders.asking(self.company.leads))

    def _plot_tells(self) -> list[Piece]:
        """Everybody says who they are."""
        return self._sent(self.senders.browsing(self.company.leads))

    def _plot_decided_by_two(self) -> list[Piece]:
        """Two workers who take one signal each, while more of the same firm wait."""
        return [*self._deciding(1, 64), *self._deciding(1, 64)] if len(self.seen.pending) > 1 else []

    def _plot_interrupted(self) -> list[Piece]:
        """A list is begun, and killed after its first rows."""
        if any(not one.finished for one in self.ledger.lists):
            return []
        self.ledger.lists.append(self._list(len(self.ledger.lists) + 1))
        return [self._bring(self.ledger.lists[-1], killed=True)]

    def _plot_brought(self) -> list[Piece]:
        return [self._bring(one) for one in self.ledger.lists if not one.finished][:1]

    def _plot_signalled(self, others: int = 1) -> list[Piece]:
        """The CRM names somebody else as the owner of what is in work, in a signal; or several one after the other, or somebody nobody knows."""
        if (row := self._mine()) is None or row["account_id"] not in self.seen.account:
            return []
        email = self.seen.person[row["person_id"]]["email"]
        leads = [lead for lead in self.company.leads if lead.email == email]
        reps = self.chance.sample([rep for rep in SELLERS if rep != row["owner_id"]], others) if others else ["zoe"]
        return self._sent(self.senders.naming([(leads[0], rep) for rep in reps])) if leads else []

    # --- who is whom ------------------------------------------------------------------------------------------------

    def _plot_looked_at(self) -> list[Piece]:
        two = self._two()
        return [self._looked_at(*two)] if two else []

    def _plot_made_one(self) -> list[Piece]:
        """Somebody who is in work and somebody who is not; whoever was kept before is kept again."""
        two = self._two()
        return [self._made_one(*two)] if two else []

    def _plot_both_in_work(self) -> list[Piece]:
        """Two who are in two open handoffs: nobody may make one of them."""
        rows = [row for row in self._handoffs() if row["closed_at"] is None]
        return [self._made_one(rows[0]["person_id"], rows[1]["person_id"])] if len(rows) > 1 else []

    def _plot_folded_on(self) -> list[Piece]:
        """Whoever others were folded into is folded into somebody else."""
        standing = [row for row in self.seen.person_merge.values() if row["undone_at"] is None]
        others = [key for key in self._apart() if standing and key != standing[-1]["kept_id"]]
        return [self._made_one(self.chance.choice(others), standing[-1]["kept_id"])] if others else []

    def _plot_decided_meanwhile(self) -> list[Piece]:
        """What they asked is decided while they are made one."""
        two = self._two()
        return [*self._deciding(2000, 64), self._made_one(*two)] if two else self._deciding(2000, 64)

    def _plot_met_anew(self) -> list[Piece]:
        """Somebody who was folded comes with a key that nobody knew."""
        folded = {row["folded_id"] for row in self.seen.person_merge.values() if row["undone_at"] is None}
        known = [lead for lead in self.company.leads if any(self.seen.person[key]["email"] == lead.email for key in folded)]
        return self._sent(self.senders.browsing([replace(lead, visitor=f"{lead.visitor}b") for lead in known])) if known else []

    def _plot_parted(self, which: str = "last") -> list[Piece]:
        standing = self._standing_merges()
        return [self._parted(standing[0 if which == "first" else -1])] if standing else []

    def _apart(self) -> list[str]:
        """People with an address who are nobody else."""
        return sorted(key for key, row in self.seen.person.items() if row["merged_into"] is None and row["email"] is not None)

    def _two(self) -> tuple[str, str] | None:
        """(who is kept, who is folded): not both in work, and not two of one firm if that can be."""
        working = {row["person_id"] for key, row in self._members() if self.seen.handoff[key]["closed_at"] is None}
        kept = [row["kept_id"] for row in self.seen.person_merge.values() if row["undone_at"] is None]
        free = [key for key in self._apart() if key not in working]
        row = self._mine()
        mine = sorted((key for key in self._apart() if key in working), key=lambda key: (row is None or key != row["person_id"], key))
        first = next((key for key in [*kept, *mine, *free] if key in {*mine, *free}), None)
        others = [key for key in (free if first in working else [*mine, *free]) if key != first]
        if first is None or not others:
            return None
        other = self.chance.choice(others)
        return (first, other) if kept or self.chance.random() < 0.5 else (other, first)

    def _members(self) -> list[tuple[str, Row]]:
        return [(row["handoff_id"], row) for row in self.seen.handoff_person.values()]

    # --- the rest ---------------------------------------------------------------------------------------------------

    def _plot_decides(self) -> list[Piece]:
        return self._deciding(2000, 64)

    def _plot_ticks(self) -> list[Piece]:
        return self._tick()

    def _plot_given_out(self) -> list[Piece]:
        return self._tending(["give out"])

    def _plot_watched(self) -> list[Piece]:
        return self._tending(["watch"])

    def _plot_told(self) -> list[Piece]:
        return self._tending(["tell"])

    def _plot_mails(self) -> list[Piece]:
        """In somebody's hours, all that there is."""
        self.now = WALLS[self.company.wall].opening(self.now)
        return self._delivering("email", 20)

    def _plot_later(self, minutes: int) -> list[Piece]:
        """So much working time passes."""
        self.now = WALLS[self.company.wall].due(self.now, minutes) + timedelta(seconds=1)
        return []

    def _plot_changes(self) -> list[Piece]:
        return self._change_contract()

    def _plot_off(self, rep: str) -> list[Piece]:
        at = self.now
        return [self._by(f"{rep} switches off", lambda: str(availability.switch(self.store, rep, False, "mia", at, "tired")), str)]

    def _plot_on(self, rep: str) -> list[Piece]:
        at = self.now
        return [self._by(f"{rep} switches on", lambda: str(availability.switch(self.store, rep, True, "mia", at)), str)]

    def _plot_leaves(self) -> list[Piece]:
        """Whoever owns something that nobody touched goes away for days."""
        if (row := self._mine(untouched=True)) is None:
            return []
        at, rep = self.now, row["owner_id"]
        until = at + timedelta(days=3)
        return [self._by(f"{rep} enters a leave", lambda: availability.add_absence(self.store, rep, at, until, "leave", "mia", at))]

    def _plot_disputed(self) -> list[Piece]:
        if (row := self._mine()) is None:
            return []
        at, by = self.now, row["owner_id"]
        work = lambda: disputes.raise_dispute(self.store, row["id"], "owner", "rep", by, "it is not mine", at)  # noqa: E731
        return [self._by(f"{by} disputes the owner of {row['id']}", work, str)]

    def _plot_answered(self) -> list[Piece]:
        waiting = sorted(key for key, one in self.seen.dispute.items() if one["state"] == "open")
        if not waiting:
            return []
        which, at = self.chance.choice(waiting), self.now
        work = lambda: disputes.answer(self.store, which, True, "revops", "rob", "looked at", at)  # noqa: E731
        return [self._by(f"revops says yes to {which}", work, lambda done: done.state)]

    def _plot_taken(self) -> list[Piece]:
        offered = any(one["taken_at"] is None for one in self.seen.offer.values())
        return self._takers(next(iter(self.seen.handoff.values()))) if offered else []

    def _plot_touched(self, contact: bool) -> list[Piece]:
        if (row := self._mine()) is None:
            return []
        at, rep = self.now, row["owner_id"]

        def told(made: Touch) -> str:
            self.ledger.granted["touch", made.id] = f"a touch by {rep}"
            return "recorded"

        work = lambda: touch(self.store, row["id"], rep, TouchKind.CALL, at, contact=contact)  # noqa: E731
        return [self._by(f"{rep} {'reaches' if contact else 'touches'} {row['id']}", work, told)]

    def _plot_touch_undone(self) -> list[Piece]:
        row = self._mine()
        mine = (
            []
            if row is None
            else [one for one in self.seen.touch.values() if one["handoff_id"] == row["id"] and one["evidence"] == "declared"]
        )
        return [self._touch_taken_back(mine[0])] if mine else []

    def _plot_paused(self) -> list[Piece]:
        if (row := self._mine(untouched=True)) is None:
            return []
        at = self.now
        return [
            self._by(f"{row['id']} stands still", lambda: pause(self.store, row["id"], "asked", "ann", at), lambda ends: f"until {ends}")
        ]

    def _plot_promised(self, sla: str) -> list[Piece]:
        row = self._mine(untouched=True)
        return [self._promised(row, sla)] if row is not None else []

    def _plot_named(self) -> list[Piece]:
        """The CRM names somebody else as the owner of an account that is in work."""
        if (row := self._mine()) is None or (account := self.seen.account.get(row["account_id"] or "")) is None:
            return []
        return [self._owner_named(account["key"], self.chance.choice([rep for rep in SELLERS if rep != row["owner_id"]]))]

    def _plot_resumed(self) -> list[Piece]:
        paused = sorted(one["handoff_id"] for one in self.seen.clock_pause.values() if one["ended_at"] is None)
        at = self.now
        return [self._by(f"{which} runs on", lambda which=which: resume(self.store, which, "ann", at)) for which in paused[:1]]

    def _plot_recycled(self) -> list[Piece]:
        if (row := self._mine()) is None:
            return []
        at, rep = self.now, row["owner_id"]
        work = lambda: dispose(self.store, row["id"], rep, Outcome.RECYCLE, at, reason="not_now")  # noqa: E731
        return [self._by(f"{rep} says recycle (not_now) of {row['id']}", work, lambda made: "recorded")]

    def _plot_undone(self) -> list[Piece]:
        given = [one for one in self.seen.disposition.values() if one["by"] in TEAM]
        if not given:
            return []
        last, at = max(given, key=lambda one: (one["recorded_at"], one["id"])), self.now
        work = lambda: undo(self.store, last["handoff_id"], last["by"], at)  # noqa: E731
        return [self._by(f"{last['by']} takes an outcome back", work, lambda _: "taken back")]

    # --- what they stand on -----------------------------------------------------------------------------------------

    def _mine(self, *, untouched: bool = False) -> Row | None:
        """An open handoff that somebody owns, always the same while it lasts, so that the acts are about one."""
        owned = [row for row in self._handoffs() if row["closed_at"] is None and row["owner_id"] is not None]
        return next((row for row in owned if not untouched or row["touched_at"] is None), None)

    def _sent(self, batch: Any) -> list[Piece]:
        raise NotImplementedError

    def _deciding(self, limit: int, lanes: int) -> list[Piece]:
        raise NotImplementedError

    def _tick(self) -> list[Piece]:
        raise NotImplementedError

    def _tending(self, chosen: list[str]) -> list[Piece]:
        raise NotImplementedError

    def _delivering(self, name: str, limit: int) -> list[Piece]:
        raise NotImplementedError


__all__ = ["PLOTS", "Plots"]
