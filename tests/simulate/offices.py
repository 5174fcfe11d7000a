"""What a company does besides selling: clocks let stand, offers taken, decisions disputed, people away and switched off, lists brought in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from handfast.connectors.files.mapping import plain
from handfast.connectors.files.table import Row as FileRow
from handfast.connectors.files.table import Table, open_table
from handfast.desk import availability, disputes, imports, offers
from handfast.desk.clocks import pause, promise_otherwise, resume
from handfast.facts import Absence
from handfast.problem import Problem
from handfast.store.base import StorageAway
from tests.simulate.acting import Piece
from tests.simulate.company import HAND_RAISER, PATIENT, SELLERS
from tests.simulate.faults import Crashed
from tests.simulate.house import Row
from tests.simulate.ledger import Event, List
from tests.simulate.people import People

IMPORTED = "list"


class Offices(People):
    """See the module."""

    folder: Path

    # --- clocks that stand still ------------------------------------------------------------------------------------

    def _pause(self, row: Row) -> Piece:
        at, reason = self.now, self.chance.choice(("asked", "asked", "asked", "tired"))
        return self._by(f"{row['id']} stands still", lambda: pause(self.store, row["id"], reason, "ann", at), lambda ends: f"until {ends}")

    def _promise(self, row: Row) -> Piece:
        return self._promised(row, self.chance.choice((PATIENT, PATIENT, HAND_RAISER, "no such promise")))

    def _promised(self, row: Row, sla: str) -> Piece:
        """Another promise by hand, from now."""
        at = self.now
        work = lambda: promise_otherwise(self.store, row["id"], sla, "mia", "they asked for it", at)  # noqa: E731
        return self._by(f"mia puts {row['id']} under {sla}", work, lambda clock: f"due {clock.due_at}")

    def _resume(self, row: Row) -> Piece:
        paused = sorted(one["handoff_id"] for one in self.seen.clock_pause.values() if one["ended_at"] is None)
        if not paused:
            return self._pause(row)
        which, at = self.chance.choice(paused), self.now
        return self._by(f"{which} runs on", lambda: resume(self.store, which, "ann", at))

    # --- offers -------------------------------------------------------------------------------------------------------

    def _takers(self, row: Row) -> list[Piece]:
        """Whoever was offered it says yes, or somebody who was not; sometimes two at the same time."""
        offered = sorted(key for key, one in self.seen.offer.items() if one["taken_at"] is None)
        if not offered:
            return [self._take(row["id"], self.chance.choice(SELLERS))]
        handoff = self.seen.offer[self.chance.choice(offered)]["handoff_id"]
        asked = [self.seen.offer[key]["rep_id"] for key in offered if self.seen.offer[key]["handoff_id"] == handoff]
        if len(asked) > 1 and self.chance.random() < 0.5:
            return [self._take(handoff, rep) for rep in asked]
        return [self._take(handoff, self.chance.choice(asked))]

    def _take(self, handoff: str, rep: str) -> Piece:
        at = self.now
        work = lambda: offers.take(self.store, handoff, rep, at, channels=tuple(self.channels))  # noqa: E731
        return self._by(f"{rep} takes {handoff}", work)

    # --- disputes -------------------------------------------------------------------------------------------------------

    def _dispute(self, row: Row) -> Piece:
        at, chance = self.now, self.chance
        waiting = sorted(key for key, one in self.seen.dispute.items() if one["state"] == "open")
        if not waiting or chance.random() < 0.3:
            about, by = chance.choice(("owner", "owner", "readiness")), row["owner_id"] or "ann"
            work = lambda: disputes.raise_dispute(self.store, row["id"], about, "rep", by, "it is not mine", at)  # noqa: E731
            return self._by(f"{by} disputes the {about} of {row['id']}", work, str)
        which = chance.choice(waiting)
        if chance.random() < 0.15:
            by = self.seen.dispute[which]["by"]
            return self._by(f"{by} withdraws {which}", lambda: disputes.withdraw(self.store, which, by, at))
        upheld, role = chance.random() < 0.7, chance.choice(("revops", "revops", "marketing", "rep"))
        work = lambda: disputes.answer(self.store, which, upheld, role, "rob", "looked at", at)  # noqa: E731
        return self._by(f"{role} says {'yes' if upheld else 'no'} to {which}", work, lambda done: done.state)

    # --- who is there -----------------------------------------------------------------------------------------------------

    def _availability(self, row: Row) -> Piece:
        chance, at, rep = self.chance, self.now, self.chance.choice(SELLERS)
        match chance.randrange(4):
            case 0:
                until = at + timedelta(hours=chance.randrange(1, 60))
                return self._by(f"{rep} enters a leave", lambda: availability.add_absence(self.store, rep, at, until, "leave", "mia", at))
            case 1:
                mine = sorted((key, one) for key, one in self.seen.absence.items())
                if mine:
                    _, one = chance.choice(mine)
                    who, starts = one["rep_id"], datetime.fromisoformat(one["starts_at"])
                    return self._by(f"{who} drops a leave", lambda: availability.drop_absence(self.store, who, starts, "", "mia", at))
                return self._on(row)
            case 2:
                return self._on(row)
            case _:
                return self._by(f"{rep} switches off", lambda: str(availability.switch(self.store, rep, False, "mia", at, "tired")), str)

    def _on(self, row: Row) -> Piece:
        off = sorted(key for key, one in self.seen.rep_profile.items() if one["off_since"] is not None)
        rep, at = self.chance.choice(off or SELLERS), self.now
        return self._by(f"{rep} switches on", lambda: str(availability.switch(self.store, rep, True, "mia", at)), str)

    def _leave(self) -> Piece:
        rep, at = self.chance.choice(SELLERS), self.now
        leave = Absence(rep, at, at + timedelta(hours=self.chance.randrange(1, 60)), "leave")
        return Piece(f"{rep} goes on leave", lambda: imports.put_absences(self.store, [leave]))

    # --- the CRM ----------------------------------------------------------------------------------------------------------

    def _crm(self) -> Piece:
        """The CRM says whose an account is, also of one nobody has heard of."""
        firms = sorted({lead.domain for lead in self.company.leads if lead.domain != "post.example"})
        return self._owner_named(self.chance.choice(firms), self.chance.choice(SELLERS)) if firms else self._leave()

    def _owner_named(self, key: str, rep: str) -> Piece:
        at, account = self.now, imports.NewAccount(key, domain=key, owner=rep)

        def told(_: int) -> str:
            self.ledger.owners[key] = rep
            return "recorded"

        def failed(_: BaseException) -> None:
            self.ledger.owners.pop(key, None)  # nobody knows whether it came to pass

        return Piece(f"the CRM gives {key} to {rep}", lambda: imports.put_accounts(self.store, [account], at), told, failed)

    # --- lists ------------------------------------------------------------------------------------------------------------

    def _import(self) -> list[Piece]:
        """A list of signals is brought in, two rows a transaction; one that was interrupted is begun again, also one that was not."""
        known = self.ledger.lists
        if not known or (self.chance.random() < 0.4 and len(known) < 3):
            known.append(self._list(len(known) + 1))
        return [self._bring(self.chance.choice(known))]

    def _list(self, number: int) -> List:
        made = List(f"list{number}.csv")
        rows = ["id,kind,at,email,form"]
        for n in range(self.chance.randrange(3, 8)):
            if self.chance.random() < 0.15:
                rows.append(f"r{number}-{n},form_submitted,{self.now.isoformat()},nobody@,demo")
                made.wrong += 1
                continue
            lead, message = self.chance.choice(self.company.leads), f"r{number}-{n}"
            event = Event(message, {}, good=True, email=lead.email, source=IMPORTED)
            at = self.now - timedelta(minutes=self.chance.choice((0, 5, 3000)))
            rows.append(f"{message},form_submitted,{at.isoformat()},{lead.email},{self.chance.choice(('demo', 'paper'))}")
            self.ledger.events[message] = event
            made.events.append(event)
        (self.folder / made.name).write_text("\n".join(rows) + "\n")
        return made

    def _bring(self, which: List, *, killed: bool = False) -> Piece:
        """`killed`: after its first rows."""
        at = self.now
        for event in which.events:
            event.attempts.append(at)

        def ends(_: int) -> None:
            if killed:
                raise Crashed("between two rows of a list")

        def work() -> imports.Imported:
            table = open_table(self.folder / which.name)
            assert not isinstance(table, Problem), table
            return imports.import_file(
                self.store, _InTwos(**_fields(table)), plain("signals", IMPORTED), at, refuse=lambda problem: None, tell=ends
            )

        def told(done: imports.Imported) -> str:
            which.finished = True
            for event in which.events:
                event.acknowledged = True
            return f"{done.added} added, {done.known} known, {done.refused} refused of {done.rows}"

        return Piece(f"import {which.name}", work, told, allowed=(StorageAway,), kinds=frozenset({"import"}))


def _fields(table: Table) -> dict[str, Any]:
    return {name: getattr(table, name) for name in Table.__dataclass_fields__}


class _InTwos(Table):
    """Two rows a transaction, so that there is something between."""

    def chunks(self, skip: int = 0, size: int = 2) -> Iterator[list[FileRow | Problem]]:
        reader = {"csv": self._csv, "jsonl": self._jsonl}[self.format]
        rows = reader(skip)
        while chunk := list(islice(rows, size)):
            yield chunk


__all__ = ["IMPORTED", "Offices"]
