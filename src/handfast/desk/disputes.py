"""A dispute: somebody says that a decision was wrong, the other side or RevOps answers. The answer is a label.

What RevOps or a leader raises is neither side's: either of the two answers it, or RevOps, but nobody answers what they raised themselves.

Upheld, and about the owner: the handoff moves on, if it is still open and still theirs, and the turn is given back. Upheld, and about
readiness: nothing is rewritten; the label counts. A dispute has a clock of its own, in the team's hours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from handfast.desk.acting import acts
from handfast.desk.contracts import Book
from handfast.desk.held import closed, held, wake
from handfast.desk.refused import Refused
from handfast.desk.reroute import credit, release
from handfast.facts import stable_id, utc
from handfast.problem import Place, Problem, one_of
from handfast.sla.clock import due
from handfast.store import disputes as rows
from handfast.store import handover
from handfast.store.base import Store
from handfast.store.disputes import Dispute

Side = Literal["sales", "marketing", "neither"]
ABOUT: Final = ("owner", "readiness")
#: Which side a role speaks for; all others (RevOps, leaders) stand between the two.
SIDE_OF: Final[dict[str, Side]] = {"rep": "sales", "manager": "sales", "marketing": "marketing"}
#: Who may answer for a side: not everybody who may raise one.
ANSWERS_FOR: Final[dict[str, Side]] = {"manager": "sales", "marketing": "marketing"}


@acts("by")
def raise_dispute(
    store: Store, handoff_id: str, about: str, role: str, by: str, reason: str, at: datetime, *, book: Book | None = None
) -> str:
    """Opens a dispute and returns its id.

    Raises:
        Refused: no such handoff, no reason, nothing to dispute, or one about the same is open already.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    if about not in ABOUT:
        raise _refused("about", f"nobody can dispute '{about[:40]}'", one_of(ABOUT, word=about))
    if not reason.strip():
        raise _refused("reason", "a dispute needs a reason", "Say in one sentence what is wrong: the other side will read it.")
    with store.writing() as conn:
        case = held(conn, handoff_id)
        if about == "owner" and case.closed_at is not None:
            raise Refused(closed(case))
        agreement = (book or Book()).refresh(conn).by_id(case.contract)
        side = SIDE_OF.get(role, "neither")
        due_at = due(agreement.hours("team"), at, agreement.contract.routing.disputes_within)
        dispute = stable_id("dpt", handoff_id, about, at.isoformat())
        row = (dispute, handoff_id, about, case.legs - 1, side, by, reason.strip()[:1000], at, due_at)
        if not rows.add(conn, row):
            raise _refused("about", "a dispute about this is open already", "Wait for its answer on the page Disputes.")
        data = {"dispute": dispute, "about": about, "side": side, "by": by, "why": reason.strip()[:1000]}
        handover.add_events(conn, [("disputed", at, handoff_id, case.person, case.account, None, handover.dumps(data))])
        wake(conn, handoff_id)
    return dispute


@acts("by")
def answer(
    store: Store, dispute_id: str, upheld: bool, role: str, by: str, finding: str, at: datetime, *, book: Book | None = None
) -> Dispute:
    """The other side, or RevOps, says whether the decision was wrong. Returns the dispute as it stands then.

    Raises:
        Refused: no such dispute, it has an answer, this role does not answer for the other side, or it is their own.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    with store.writing() as conn:
        found = rows.get(conn, dispute_id)
        if found is None:
            raise _refused("id", f"no dispute '{dispute_id[:60]}' is known", "Open it from the page Disputes.")
        if (wrong := may_answer(found, role, by)) is not None:
            raise Refused(wrong)
        case = held(conn, found.handoff)
        if not rows.settle(conn, dispute_id, "upheld" if upheld else "rejected", by, finding.strip()[:1000], at):
            raise _refused("id", "this dispute has an answer already", "Reload the page to see it.")
        agreement = (book or Book()).refresh(conn).by_id(case.contract)
        data = {"dispute": dispute_id, "about": found.about, "by": by, "why": finding.strip()[:1000]}
        name = "dispute_upheld" if upheld else "dispute_rejected"
        handover.add_events(conn, [(name, at, found.handoff, case.person, case.account, None, handover.dumps(data))])
        if upheld and found.about == "owner":
            credit(conn, found.handoff, "wrong_owner", found.reason, by, at)
            # Only while it is still with whom the dispute was about.
            if case.closed_at is None and case.owner is not None and case.owner == found.owner_id:
                release(conn, agreement, case, "rerouted", f"A dispute was upheld: {found.reason}", by, at, exclude=[case.owner])
        wake(conn, found.handoff)
        settled = rows.get(conn, dispute_id)
    assert settled is not None
    return settled


@acts("by")
def withdraw(store: Store, dispute_id: str, by: str, at: datetime) -> None:
    """Whoever raised it takes it back. It is no label then. Raises Refused where it is not theirs or has an answer."""
    with store.writing() as conn:
        found = rows.get(conn, dispute_id)
        if found is None or found.by != by or not rows.settle(conn, dispute_id, "withdrawn", by, "", utc(at)):
            raise _refused("id", "this dispute is not yours to take back, or has an answer", "Reload the page to see how it stands.")
        data = {"dispute": dispute_id, "by": by}
        handover.add_events(conn, [("dispute_withdrawn", utc(at), found.handoff, None, None, None, handover.dumps(data))])
        wake(conn, found.handoff)


def may_answer(dispute: Dispute, role: str, by: str) -> Problem | None:
    """None where they may answer it: the other side's, or RevOps, and never whoever raised it."""
    if dispute.state != "open":
        return Problem(Place("dispute", part="id"), "this dispute has an answer already", "Reload the page to see it.")
    if by == dispute.by:
        return Problem(Place("dispute", part="id"), "nobody answers a dispute they raised themselves", f"Ask {answers(dispute)}.")
    if role == "revops" or (ANSWERS_FOR.get(role) is not None and ANSWERS_FOR[role] != dispute.side):
        return None
    raised = "RevOps or a leader" if dispute.side == "neither" else dispute.side
    return Problem(Place("dispute", part="id"), f"it was raised by {raised}, so {answers(dispute)} answers it", "Ask one of them.")


def answers(dispute: Dispute) -> str:
    """Who answers it, in words."""
    sides = {"sales": "marketing", "marketing": "a sales manager", "neither": "marketing, a sales manager"}
    return f"{sides[dispute.side]} or RevOps"


def _refused(part: str, what: str, fix: str) -> Refused:
    return Refused(Problem(Place("dispute", part=part), what, fix))


__all__ = ["ABOUT", "SIDE_OF", "Side", "answer", "answers", "may_answer", "raise_dispute", "withdraw"]
