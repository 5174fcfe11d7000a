"""What a ladder offered to a pool: whoever takes it first has it; the owner keeps it until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from handfast.desk.acting import acts
from handfast.desk.actions import pass_on
from handfast.desk.contracts import book_of
from handfast.desk.held import held_open, wake
from handfast.desk.opening import counts_days_of, keep_roster, read_roster
from handfast.desk.refused import Refused
from handfast.facts import utc
from handfast.problem import Place, Problem
from handfast.store import clocks, covers
from handfast.store import handover as rows
from handfast.store.base import Store


@acts("rep_id")
def take(store: Store, handoff_id: str, rep_id: str, at: datetime, *, channels: Sequence[str] = ("email",)) -> None:
    """A rep takes what was offered to them.

    Raises:
        Refused: no such handoff, it is over or touched, or it is not (or no longer) offered to this rep.
    """
    at = utc(at)
    with store.writing() as conn:
        rows.lock_assignment(conn)
        case = held_open(conn, handoff_id)
        if rep_id not in clocks.offered(conn, handoff_id):
            what = "it is not offered to you, or somebody was faster"
            raise Refused(Problem(Place(handoff_id), what, "Reload the page to see who has it."))
        if case.touched_at is not None:
            raise Refused(Problem(Place(handoff_id), "its owner has touched it meanwhile", "It stays where it is."))
        roster, everyone = read_roster(conn, at), rows.reps(conn)
        contract = book_of(conn).by_id(case.contract).contract
        roster.under(contract)
        if case.owner is not None:
            roster.gave_up(case.owner)
        roster.took(rep_id, at)
        keep_roster(conn, roster, by_day=counts_days_of(contract))
        because = f"Offered, and {everyone[rep_id].name} took it first."
        working: list[dict[str, Any]] = [{"rung": "offer", "result": "chosen", "because": because, "owner": rep_id}]
        event, messages = pass_on(conn, case, rep_id, "offer", None, False, working, at, everyone, channels)
        covers.end(conn, [case.id], "moved_on", at)
        clocks.take_offer(conn, handoff_id, rep_id, at)
        rows.add_events(conn, [event])
        rows.add_messages(conn, messages)
        wake(conn, case.id)


__all__ = ["take"]
