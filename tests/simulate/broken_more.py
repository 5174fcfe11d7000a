"""Further products that are broken on purpose: what lies between the opening of a handoff and its end, and beside it. See `broken`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.simulate.broken import STORE, Swap, variant
from tests.simulate.house import House


def _instead(path: str, function: Callable[..., Any]) -> Sequence[Swap]:
    """This function in place of that one."""
    return [(path, lambda old: function)]


# --- 1 ----------------------------------------------------------------------------------------------------------


@variant(1, "how far a list has come is noted before its rows are recorded")
def list_ticked_off_first(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def signals(self: Any, rows: Sequence[Any]) -> int:
            with self.store.writing() as conn:
                self._note(conn, len(rows), 0)
            return int(old(self, rows))

        return signals

    return [("handfast.desk.imports._Chunk._signals", made)]


@variant(1, "a list that was interrupted goes on one row too late")
def list_loses_a_row(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def run_of(conn: Any, run_id: str) -> Any:
            run = old(conn, run_id)
            return replace(run, done=run.done + 1) if run is not None and run.finished_at is None else run

        return run_of

    return [(f"{STORE}.imports.run_of", made)]


@variant(1, "people taken to be indexed are not")
def written_and_never_found(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.match.index_people", lambda conn, ids: {})


# --- 2 ----------------------------------------------------------------------------------------------------------


@variant(2, "somebody who is away gets handoffs")
def absence_ignored(house: House) -> Sequence[Swap]:
    return _instead("handfast.routing.roster.Roster.absence", lambda self, rep, at: None)


@variant(2, "whoever is switched off gets handoffs")
def switched_off_in_vain(house: House) -> Sequence[Swap]:
    return [
        (f"{STORE}.handover.reps", lambda old: lambda conn: {key: replace(rep, off=False) for key, rep in old(conn).items()}),
    ]


@variant(2, "nobody counts how much a rep has already")
def cap_ignored(house: House) -> Sequence[Swap]:
    return _instead("handfast.routing.roster._within", lambda rep, roster, pool, at: None)


@variant(2, "what nobody could take is never given out")
def held_for_ever(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.waiting.held", lambda conn, limit, until, after=None: [])


@variant(2, "of what is held the youngest goes out first")
def youngest_first(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        return lambda conn, limit, until, after=None: list(reversed(old(conn, limit, until, after)))

    return [(f"{STORE}.waiting.held", made)]


@variant(2, "work of whoever is away for long stays with them")
def work_of_the_absent_stays(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.moves.of_the_absent", lambda conn, at, contracts, limit, after=None: [])


@variant(2, "an offer that was taken stays open to the others")
def offer_taken_twice(house: House) -> Sequence[Swap]:
    def take_offer(conn: Any, handoff: str, rep: str, at: datetime) -> None:
        conn.execute("UPDATE offer SET taken_at = %s WHERE handoff_id = %s AND rep_id = %s", (at, handoff, rep))

    return _instead(f"{STORE}.clocks.take_offer", take_offer)


@variant(2, "an offer goes to the first who could take it, and to nobody else")
def offered_to_one(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        return lambda conn, handoff, reps, timer, at: old(conn, handoff, reps[:1], timer, at)

    return [(f"{STORE}.clocks.add_offers", made)]


@variant(2, "who was found not to be the owner keeps it")
def upheld_in_vain(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.disputes.release", lambda *given, **more: None)


@variant(2, "the turn that a wrong owner took is not given back")
def turn_not_given_back(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.disputes.credit", lambda *given, **more: True)


@variant(2, "a dispute that was answered may be answered again")
def answered_twice(house: House) -> Sequence[Swap]:
    def settle(conn: Any, dispute: str, state: str, by: str, finding: str, at: datetime) -> bool:
        conn.execute("UPDATE dispute SET state = 'open', decided_by = %s, decided_at = %s WHERE id = %s", (by, at, dispute))
        return True

    return _instead(f"{STORE}.disputes.settle", settle)


# --- 3 ----------------------------------------------------------------------------------------------------------


@variant(3, "a dispute nobody answers is late, and nobody says so")
def late_dispute_unnoticed(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.disputes.note_late", lambda conn, at: [])


@variant(3, "a pause has no end of its own")
def pause_without_end(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.clocks.add_timers", lambda conn, clock: None)


@variant(3, "after a pause clocks are due when they were before it")
def pause_counts_as_work(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.clocks.moved", lambda hours, due_at, since, until: due_at)


@variant(3, "after a pause a clock has all its time again")
def pause_begins_anew(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.clocks.moved", lambda hours, due_at, since, until: hours.due(until, 60))


@variant(3, "steps fire while their clock stands still")
def pause_stops_no_step(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def stand_still(conn: Any, handoff: str, *rest: Any) -> Any:
            found = old(conn, handoff, *rest)
            conn.execute("UPDATE timer SET state = 0 WHERE handoff_id = %s AND state = 3", (handoff,))
            return found

        return stand_still

    return [(f"{STORE}.clocks.stand_still", made)]


@variant(3, "nobody asks for the next touch")
def sequence_stops_after_one(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.follow_up.start_next_touch", lambda *given, **more: None)


@variant(3, "the waits between attempts are not kept")
def attempts_without_waits(house: House) -> Sequence[Swap]:
    return _instead("handfast.sla.cadence.due", lambda hours, start, after: start)


@variant(3, "the sequence goes on after they were reached")
def reached_and_pursued(house: House) -> Sequence[Swap]:
    return [
        (
            "handfast.sla.cadence.progress",
            lambda old: lambda agreement, known, zone=None: old(agreement, replace(known, contacted_at=None), zone),
        )
    ]


@variant(3, "nobody asks what became of it")
def outcome_never_asked(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.follow_up.start_disposition", lambda *given, **more: None)


@variant(3, "a new owner is not asked for their yes")
def yes_asked_once(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.clocks.start_accept", lambda *given, **more: None)


@variant(1, "what another system logged is evidence of nothing")
def heard_in_vain(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.evidence.take", lambda b, whose: None)


# --- 4 ----------------------------------------------------------------------------------------------------------


@variant(4, "mails go out at any hour")
def mails_at_night(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.held_back.quiet", lambda terms, hours, message, at: None)


@variant(4, "however many there are, each goes out as it comes")
def flood(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.held_back._many", lambda conn, terms, messages, at: (list(messages), []))


@variant(4, "of several that become one mail only the first is in it")
def digest_of_one(house: House) -> Sequence[Swap]:
    return [("tests.simulate.receiver.Mailbox.send", lambda old: lambda self, message: old(self, (message.parts or (message,))[0]))]


@variant(4, "what comes back is not written down with its outcome")
def nothing_comes_back(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.way_back.add", lambda conn, row: None)


@variant(4, "marketing hears while it may still be taken back")
def told_too_early(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.way_back.untold", lambda old: lambda conn, at, limit: old(conn, at + timedelta(minutes=15), limit))]


@variant(4, "marketing hears again and again")
def told_for_ever(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.way_back.told", lambda conn, ids, at: None)


@variant(4, "an outcome that was taken back still comes back to marketing")
def taken_back_and_told(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.way_back.take_back", lambda conn, disposition: True)


# --- 5 ----------------------------------------------------------------------------------------------------------


@variant(5, "a version for a share decides for everybody")
def trial_for_all(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.canary.in_share", lambda contract, party, percent: True)


@variant(5, "who is in the share depends on the hour")
def share_by_the_hour(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.canary.in_share", lambda contract, party, percent: bool(house.world.now().minute % 2))


@variant(5, "a version on trial does harm and goes on")
def trial_never_ends(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.canary.passed", lambda contract, figures: None)


@variant(5, "a version that gave way goes on deciding")
def trial_ends_in_vain(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def news(conn: Any, after: int) -> Any:
            fresh, withdrawn, _ = old(conn, after)
            return fresh, withdrawn, {}

        return news

    return [(f"{STORE}.contracts.news", made)]


# --- 2, of owners named elsewhere ---------------------------------------------------------------------------------


@variant(2, "nobody hears that another system names another owner")
def named_in_vain(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.moves.changes", lambda conn, limit: [])


@variant(2, "open handoffs stay, whatever the contract says")
def account_goes_alone(house: House) -> Sequence[Swap]:
    return _instead("handfast.desk.moves._Turn._follows", lambda self, case, one, change: False)


# --- 3, of another promise ----------------------------------------------------------------------------------------


@variant(3, "a handoff put under another promise still owes the steps of the one before")
def both_promises(house: House) -> Sequence[Swap]:
    def supersede(conn: Any, handoff_id: str, kind: str, at: datetime) -> None:
        conn.execute("UPDATE clock SET current = false WHERE handoff_id = %s AND kind = %s AND current", (handoff_id, kind))

    return _instead(f"{STORE}.clocks.supersede", supersede)


@variant(3, "with another promise the clock before it is over, however late it was")
def promise_wiped_out(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def supersede(conn: Any, handoff_id: str, kind: str, at: datetime) -> None:
            old(conn, handoff_id, kind, at)
            conn.execute(
                "UPDATE timer SET state = 2, settled_at = %s WHERE handoff_id = %s AND action = 'breach' AND state = 0", (at, handoff_id)
            )

        return supersede

    return [(f"{STORE}.clocks.supersede", made)]


@variant(3, "another promise counts from a minute before it was given")
def promised_from_the_start(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def start(agreement: Any, sla: int, handoff_id: str, at: datetime, own: Any = None) -> Any:
            return old(agreement, sla, handoff_id, at - timedelta(minutes=1) if agreement.contract.sla[sla].name == "patient" else at, own)

        return start

    return [("handfast.sla.clock.start", made)]


@variant(3, "a handoff is promised otherwise and still says the promise before")
def promised_in_vain(house: House) -> Sequence[Swap]:
    return _instead(f"{STORE}.work.put_under", lambda conn, handoff_id, sla: None)


__all__: list[str] = []
