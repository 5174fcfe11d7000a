"""A handoff is not its owner's: it leaves them, and stands in the exception queue until it is given out again, which is at once where
somebody can take it.

Leaving and being given out are two transactions on purpose. Whoever says "not mine" holds the handoff; giving out asks for the assignment
lock, which comes before the lock of any handoff. In between it stands in the exception queue with its clock, like everything nobody owns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.acting import acts
from handfast.facts import stable_id
from handfast.sla.clock import start_exception
from handfast.store import clocks, covers, handover, moves
from handfast.store.base import Store
from handfast.store.work import Case

CreditReason = Literal["no_show", "wrong_owner", "other"]
CREDITS: Final[tuple[CreditReason, ...]] = ("no_show", "wrong_owner", "other")


def release(
    conn: psycopg.Connection,
    agreement: Agreement,
    case: Case,
    rule: str,
    because: str,
    by: str,
    at: datetime,
    *,
    exclude: Sequence[str] = (),
) -> None:
    """Takes a handoff from its owner and lets it stand in the exception queue, never to come back to `exclude`.

    The caller holds the handoff. The lead's clocks run on; the clock of the queue starts. The worker that gives out what is held is woken.
    """
    leg = case.legs
    rung = {"rung": rule, "result": "released", "because": because, "by": by, "exclude": sorted(set(exclude))}
    row = (stable_id("asg", case.id, str(leg)), case.id, leg, None, rule, None, False, handover.dumps([rung]), at)
    handover.add_assignments(conn, [row])
    moves.take_from_owner(conn, case.id)
    covers.end(conn, [case.id], "moved_on", at)
    clocks.add(conn, [start_exception(agreement, case.id, at, moves.exceptions_so_far(conn, case.id))])
    data = {"rule": rule, "leg": leg, "from": case.owner, "why": because}
    handover.add_events(conn, [("released", at, case.id, case.person, case.account, case.owner, handover.dumps(data))])
    handover.notify(conn, "held")


def wrong_owner(conn: psycopg.Connection, agreement: Agreement, case: Case, by: str, why: str, at: datetime) -> None:
    """The receiver says that it is somebody else's: it moves on from them, and the turn it cost them is given back.

    For a disposition whose reason `leads_to: reroute`. The caller holds the handoff, and records the disposition.
    """
    if case.owner is None:
        return
    credit(conn, case.id, "wrong_owner", why, by, at)
    said = f"It is not theirs: {why}" if why else "It is not theirs."
    release(conn, agreement, case, "rerouted", said, by, at, exclude=[case.owner])


def credit(conn: psycopg.Connection, handoff: str, reason: CreditReason, note: str, by: str, at: datetime) -> bool:
    """The last turn this handoff took is to be given back. False where it took none, or that one was given back before.

    The worker takes it off the count, under the assignment lock.
    """
    turn = moves.last_turn(conn, handoff)
    if turn is None:
        return False
    leg, rep, counter, _ = turn
    if not moves.add_credit(conn, (stable_id("crd", handoff, str(leg)), counter, rep, handoff, leg, reason, note[:500], by, at)):
        return False
    data = {"leg": leg, "pool": counter, "reason": reason, "by": by, "why": note}
    handover.add_events(conn, [("turn_given_back", at, handoff, None, None, rep, handover.dumps(data))])
    handover.notify(conn, "held")
    return True


@acts("by")
def give_back(store: Store, handoff: str, reason: CreditReason, note: str, by: str, at: datetime) -> bool:
    """As `credit`, in a transaction of its own: for a page. Raises StorageAway."""
    with store.writing() as conn:
        return credit(conn, handoff, reason, note, by, at)


__all__ = ["CREDITS", "CreditReason", "credit", "give_back", "release", "wrong_owner"]
