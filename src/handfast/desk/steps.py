"""What the steps of clocks do: one function for each action, on the working state of one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.contract.terms import CHANNEL
from handfast.desk.actions import can_take, pass_on
from handfast.desk.again import stopped_while_still
from handfast.desk.availability import switched
from handfast.desk.clocks import run_on
from handfast.desk.contracts import Book
from handfast.desk.held import BY_HAND
from handfast.desk.opening import keep_roster, messages_for, read_roster
from handfast.desk.outcomes import settle
from handfast.desk.way_back import returned
from handfast.dispositions import check
from handfast.facts import Evidence, Outcome, Rep, stable_id
from handfast.problem import Problem
from handfast.routing.assign import Case as RoutingCase
from handfast.routing.assign import Roster, assign
from handfast.sla.clock import MARKETING, OPS
from handfast.sla.due import WHAT
from handfast.sla.escalate import RETURNED, Owed, Stop
from handfast.sla.notice import Kind, Named, measure_notice, notice
from handfast.store import clocks, work
from handfast.store import handover as rows
from handfast.store.clocks import DueTimer
from handfast.store.work import Case

#: Steps that may give a handoff to somebody: they need the assignment lock.
ASSIGNING: Final = frozenset({"reassign", "return_to", "recycle", "offer"})
#: What a step on the first touch is called among the notices; every other clock is spoken of by its own name.
_NOTICES: Final[Mapping[str, Kind]] = {"remind": "reminder", "tell": "breach"}


class Steps:
    """The working state of one transaction: what the steps read, and what they leave to be written at its end."""

    def __init__(
        self, conn: psycopg.Connection, book: Book, at: datetime, channels: tuple[str, ...], reps: dict[str, Rep], cases: dict[str, Case]
    ) -> None:
        self.conn = conn
        self.book = book
        self.at = at
        self.channels = channels
        self.reps = reps
        self.cases = cases
        self.roster: Roster | None = None
        self.fired: list[DueTimer] = []
        self.not_owed: list[DueTimer] = []
        self.reassigned: list[str] = []
        self._stopped: dict[tuple[str | None, str], Stop] = {}
        self._breached: list[tuple[str, datetime]] = []
        self._events: list[tuple[Any, ...]] = []
        self._messages: list[tuple[Any, ...]] = []

    def stop_of(self, timer: DueTimer) -> Stop | None:
        """What stopped the clock of this timer: as recorded, or by a step before in this transaction."""
        if timer.stopped_at is not None:
            return Stop(timer.stopped_at, timer.stopped_by or "")
        return self._stopped.get((timer.handoff, timer.kind))

    def write(self) -> None:
        """Everything left to write: timers flipped, breaches noted, events and messages."""
        clocks.settle(self.conn, self.fired, self.not_owed, self.at)
        if self._breached:
            clocks.note_breaches(self.conn, [clock for clock, _ in self._breached], [when for _, when in self._breached])
        if self.roster is not None:
            keep_roster(self.conn, self.roster)
        rows.add_events(self.conn, self._events)
        # A step fires once, so its messages are new; what a step is not alone in causing goes in by itself.
        rows.add_new_messages(self.conn, self._messages)
        rows.notify(self.conn, "board")

    def do(self, timer: DueTimer, case: Case | None, what: Owed, now: datetime) -> None:
        """One step, owed at `now`."""
        match what.kind:
            case "breach":
                self._breach(timer, case, what, now)
            case "remind":
                self._event("reminded", case, now, {"timer": timer.id, "clock": timer.kind, "owner": what.target})
                self._say(timer, case, what.target, now, "remind")
            case "tell":
                name = "channel_told" if what.target.startswith(CHANNEL) else "manager_told"
                self._event(name, case, now, {"timer": timer.id, "clock": timer.kind, "told": what.target})
                self._say(timer, case, what.target, now, "tell")
            case "reassign" if case is not None:
                self._reassign(timer, case, what.target, now)
            case "return_to" if case is not None:
                self._return(timer, case, now)
            case "task" if case is not None:
                self._task(timer, case, what.target, now)
            case "offer" if case is not None:
                self._offer(timer, case, what.target, now)
            case "off_rotation" if case is not None:
                self._off_rotation(timer, case, what.target, now)
            case "resume" if case is not None:
                # At its limit, not when a worker came to it: one that was away would have lengthened every promise that stood still.
                run_on(self.conn, case, BY_HAND, timer.due_at, only=what.target)
            case "recycle" if case is not None:
                self._recycle(timer, case, what.target, now)
            case _:
                raise ValueError(f"no step does {what.kind}")

    # --- one function an action -----------------------------------------------------------------------------------

    def _breach(self, timer: DueTimer, case: Case | None, what: Owed, now: datetime) -> None:
        self._breached.append((timer.clock, now))
        self._event("breached", case, now, {"due_at": timer.due_at.isoformat(), "clock": timer.clock, "kind": timer.kind})
        if what.target == OPS and timer.kind == "exception":
            minder = self.book.by_id(case.contract).contract.routing.minded_by if case is not None else None
            self._tell("exception", timer, case, minder or OPS, now)

    def _reassign(self, timer: DueTimer, case: Case, pool: str, now: datetime) -> None:
        """To somebody else of the pool. With nobody there it stays with its owner, and that is said."""
        roster = self._read_roster(now)
        agreement = self.book.by_id(case.contract)
        out = frozenset({case.owner}) if case.owner else frozenset[str]()
        chosen = assign(agreement, RoutingCase(case.id), roster, now, exclude=out, start_pool=pool)
        if chosen.owner is None:
            self._event("reassign_failed", case, now, {"timer": timer.id, "pool": pool, "why": chosen.because})
            self._tell("breach", timer, case, self._manager(case), now)
            return
        if case.owner:
            roster.gave_up(case.owner)
        self._settle_steps_of(case)
        event, messages = pass_on(
            self.conn, case, chosen.owner, "reassign", chosen.pool, chosen.counts, list(chosen.working), now, self.reps, self.channels
        )
        self._events.append(event)
        rows.add_messages(self.conn, messages)
        self.cases[case.id] = replace(case, owner=chosen.owner, legs=case.legs + 1)
        self._stopped[case.id, "accept"] = Stop(now, "passed_on")
        if case.owner is None:
            self._stopped[case.id, "exception"] = Stop(now, "assigned")
        self.reassigned.append(case.id)

    def _read_roster(self, now: datetime) -> Roster:
        if self.roster is None:
            self.roster = read_roster(self.conn, now)
        return self.roster

    def _manager(self, case: Case) -> str:
        owner = self.reps.get(case.owner or "")
        return (owner.manager if owner else None) or OPS

    def _return(self, timer: DueTimer, case: Case, now: datetime) -> None:
        """Back to marketing: the handoff ends with its reason, and nothing more is owed."""
        row_id = stable_id("dsp", case.id, RETURNED, timer.id)
        missed = "No first touch" if timer.kind == "first_touch" else f"{WHAT[timer.kind]} did not come"  # type: ignore[index]
        note = f"{missed} by {timer.due_at:%Y-%m-%d %H:%M} UTC."
        work.add_disposition(self.conn, (row_id, case.id, RETURNED, "sla_lost", note, None, None, "handfast", now, now))
        work.close(self.conn, case.id, RETURNED, "sla_lost", now)
        returned(self.conn, case, row_id, "sla_lost", now)
        self._settle_steps_of(case)
        stopped_while_still(self.conn, {case.id: now})
        work.stop_clocks(self.conn, [case.id], [now], "closed", now)
        self._event("returned", case, now, {"disposition": row_id, "reason": "sla_lost", "clock": timer.kind})
        self._tell("returned", timer, case, MARKETING, now)
        if case.owner and self.roster is not None:
            self.roster.gave_up(case.owner)
        self.cases[case.id] = replace(case, closed_at=now, outcome=RETURNED)

    def _task(self, timer: DueTimer, case: Case, owner: str, now: datetime) -> None:
        """The next step of the follow-up falls due, or an outcome is asked for: its owner is told."""
        self._event("task_due", case, now, {"timer": timer.id, "clock": timer.kind})
        plan, made = self.book.by_id(case.contract).contract.follow_up, timer.after
        why = "Every step of the follow-up was made. Say what became of it."
        if timer.kind == "next_touch" and plan is not None and made < len(plan.steps):
            step = plan.steps[made]
            why = f"Step {made + 1} of {len(plan.steps)}: {step.channel}.{f' {step.say}' if step.say else ''}"
        self._tell("task", timer, case, owner, now, why)

    def _offer(self, timer: DueTimer, case: Case, pool: str, now: datetime) -> None:
        """To everybody of the pool who can take it now; whoever says yes first has it."""
        contract, roster = self.book.by_id(case.contract).contract, self._read_roster(now)
        members = [pool] if pool not in contract.routing.pools else sorted(contract.routing.pools[pool].members)
        asked = [rep for rep in members if rep != case.owner and can_take(contract, roster, rep, now) is None]
        clocks.add_offers(self.conn, case.id, asked, timer.id, now)
        self._event("offered", case, now, {"timer": timer.id, "pool": pool, "to": asked})
        if not asked:
            self._tell(
                "breach" if timer.kind == "first_touch" else "clock", timer, case, self._manager(case), now, "Nobody else can take it."
            )
        for place, rep in enumerate(asked):
            self._tell("offer", timer, case, rep, now, f"Offered to {pool}: whoever takes it first has it.", machines=place == 0)

    def _off_rotation(self, timer: DueTimer, case: Case, owner: str, now: datetime) -> None:
        """No further handoffs for the owner until they switch themselves on again."""
        why = f"{WHAT[timer.kind]} of {case.id} did not come in time."  # type: ignore[index]
        switched(self.conn, owner, False, BY_HAND, now, why)
        self._event("taken_off_rotation", case, now, {"timer": timer.id, "owner": owner})
        self._tell("clock", timer, case, owner, now, "You get no further handoffs until you switch yourself on again.")

    def _recycle(self, timer: DueTimer, case: Case, reason: str, now: datetime) -> None:
        """The follow-up is through, nobody said what became of it, and the contract says what that means."""
        contract = self.book.by_id(case.contract).contract
        made = check(contract, case, Outcome.RECYCLE, reason=reason, at=now, history=True)
        if isinstance(made, Problem):
            self._event("recycle_failed", case, now, {"timer": timer.id, "why": made.what})
            return
        self._settle_steps_of(case)
        settle(self.conn, case, made, BY_HAND, now, now, Evidence.EVIDENCED, self.book.by_id(case.contract))
        self.cases[case.id] = replace(case, closed_at=now, outcome=str(Outcome.RECYCLE))

    # --- what is left to write --------------------------------------------------------------------------------------

    def _settle_steps_of(self, case: Case) -> None:
        """What this turn did for a handoff was done: else stopping a clock of it would record these steps as no longer owed."""
        mine = [[timer for timer in timers if timer.handoff == case.id] for timers in (self.fired, self.not_owed)]
        clocks.settle(self.conn, mine[0], mine[1], self.at)

    def _event(self, name: str, case: Case | None, at: datetime, data: dict[str, Any]) -> None:
        about = (case.id, case.person, case.account, case.owner) if case is not None else (None, None, None, None)
        self._events.append((name, at, *about, rows.dumps(data)))

    def _say(self, timer: DueTimer, case: Case | None, recipient: str, at: datetime, action: str) -> None:
        why = "" if timer.kind == "first_touch" else f"{WHAT[timer.kind]} is due {timer.clock_due_at:%a %d %b %H:%M} UTC."  # type: ignore[index]
        self._tell(_NOTICES[action] if timer.kind == "first_touch" else "clock", timer, case, recipient, at, why)

    def _tell(
        self, kind: Kind, timer: DueTimer, case: Case | None, recipient: str, at: datetime, why: str = "", *, machines: bool = True
    ) -> None:
        """`machines`: also by webhook, which reports a step once however many people it is told to."""
        clock = Named(timer.clock, timer.kind)
        channels = self.channels if machines else tuple(c for c in self.channels if c != "webhook")
        if recipient.startswith(CHANNEL):  # a mail has no channel to go to: where there is nothing else, ops hear of it
            channels = tuple(c for c in channels if c != "email")
            recipient, channels = (recipient, channels) if channels else (OPS, self.channels)
        if case is None:
            period = str((timer.about or {}).get("period", ""))
            payload = measure_notice(clock, period=period, why=str((timer.about or {}).get("why", why)), due_at=timer.clock_due_at)
            rows_of = messages_for(channels, "measure", timer.clock, timer.id, recipient, None, payload, at)
            self._messages += [(row[0], None, *row[2:]) for row in rows_of]  # it is about no handoff
            return
        owner = self.reps.get(case.owner or "")
        payload = notice(
            kind,
            handoff_id=case.id,
            opened_at=case.opened_at,
            next_step=case.next_step,
            person=Named(case.person, case.person_name),
            account=Named(case.account, case.account_name) if case.account else None,
            owner=Named(owner.id, owner.name) if owner else None,
            before=Named(owner.id, owner.name) if owner and kind == "returned" else None,
            sla=case.sla,
            due_at=timer.clock_due_at,
            why=why,
            clock=clock,
        )
        self._messages += messages_for(channels, kind, case.id, timer.id, recipient, case.owner, payload, at)


__all__ = ["ASSIGNING", "Steps"]
