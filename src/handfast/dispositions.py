"""What became of a handoff: which outcomes there are, which may follow which, what each needs and what it leads to.

| outcome | needs | the handoff | leads to |
|---|---|---|---|
| connected | nothing | stays open: a talk without an outcome is not an end | conversation |
| meeting_set | nothing; when it takes place, if known | is closed | meeting |
| recycle | a reason code | is closed | nurture, until `back_at` |
| disqualify | a reason code | is closed | out; the reason says what to look at |

A handoff that is closed stays closed. The next one is opened by the next ready verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from handfast.contract.terms import Contract, Reason, Refusal
from handfast.facts import Outcome
from handfast.problem import Place, Problem, one_of

LeadsTo = Literal["conversation", "meeting", "nurture", "out"]
Blames = Literal["fit", "intent", "routing", "data", "timing"]

#: What may be said of an open handoff after what was last said of it; None: nothing yet.
MAY_FOLLOW: Final[Mapping[Outcome | None, frozenset[Outcome]]] = {
    None: frozenset(Outcome),
    Outcome.CONNECTED: frozenset({Outcome.MEETING_SET, Outcome.RECYCLE, Outcome.DISQUALIFY}),
    Outcome.MEETING_SET: frozenset(),
    Outcome.RECYCLE: frozenset(),
    Outcome.DISQUALIFY: frozenset(),
}
_LEADS_TO: Final[Mapping[Outcome, LeadsTo]] = {
    Outcome.CONNECTED: "conversation",
    Outcome.MEETING_SET: "meeting",
    Outcome.RECYCLE: "nurture",
    Outcome.DISQUALIFY: "out",
}
_SAID: Final[Mapping[str, str]] = {
    "connected": "connected",
    "meeting_set": "closed with a meeting",
    "recycle": "recycled",
    "disqualify": "disqualified",
    "returned": "returned to marketing",
}


class Disposable(Protocol):
    """What must be known of a handoff: `outcome` is the last one given, closed or not; times are UTC."""

    @property
    def id(self) -> str: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def outcome(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Disposition:
    """A checked disposition. `closes`: whether the handoff ends with it. Times are UTC.

    `back_at`: recycled, and not to be handed over before; None: as soon as there is new intent. `meeting_at`: when the meeting takes place,
    if known. `blames`: what a refusal tells us to look at.
    """

    outcome: Outcome
    closes: bool
    leads_to: LeadsTo
    at: datetime
    reason: str | None = None
    note: str = ""
    back_at: datetime | None = None
    meeting_at: datetime | None = None
    blames: Blames | None = None


def check(
    contract: Contract,
    handoff: Disposable,
    outcome: Outcome | str,
    reason: str | None = None,
    note: str = "",
    meeting_at: datetime | None = None,
    *,
    at: datetime,
) -> Disposition | Problem:
    """The disposition, if it may be given now and is complete; else what is wrong with it.

    Args:
        contract: the one the handoff was opened under; its catalogue of reasons holds.
        handoff: as it stands.
        outcome: one of the four, or the word a person typed for it.
        reason: a reason code, for recycle and disqualify; blank is none.
        note: free text; some reasons require it.
        meeting_at: for meeting set, when it takes place: an aware datetime after `at`.
        at: when it is given, UTC.
    """
    if outcome not in set(Outcome):
        return _problem(handoff, "outcome", f"'{outcome}' is no outcome", one_of(Outcome, word=outcome))
    given, reason, note = Outcome(outcome), (reason or "").strip() or None, note.strip()
    problem = _may(handoff, given) or _meeting(handoff, given, meeting_at, at)
    if problem is not None:
        return problem
    terms = _reason(contract, handoff, given, reason, note)
    if isinstance(terms, Problem):
        return terms
    return Disposition(
        outcome=given,
        closes=given is not Outcome.CONNECTED,
        leads_to=_LEADS_TO[given],
        at=at,
        reason=reason,
        note=note,
        back_at=at + timedelta(minutes=terms.back.minutes) if given is Outcome.RECYCLE and terms and terms.back else None,
        meeting_at=meeting_at,
        blames=terms.blames if terms else None,
    )


def catalogue(contract: Contract, outcome: Outcome) -> Mapping[str, Reason]:
    """The reason codes of an outcome; none for connected and meeting set."""
    refusal = _refusal(contract, outcome)
    return refusal.reasons if refusal else {}


def _refusal(contract: Contract, outcome: Outcome) -> Refusal | None:
    match outcome:
        case Outcome.RECYCLE:
            return contract.dispositions.recycle
        case Outcome.DISQUALIFY:
            return contract.dispositions.disqualify
        case _:
            return None


def _may(handoff: Disposable, given: Outcome) -> Problem | None:
    """Whether this outcome may follow what was said before."""
    last = _SAID.get(handoff.outcome or "", handoff.outcome or "closed")
    if handoff.closed_at is not None:
        what = f"this handoff was {last} at {handoff.closed_at:%Y-%m-%d %H:%M} UTC"
        return _problem(handoff, "outcome", what, "A closed handoff stays as it is; the next ready verdict opens a new one.")
    before = Outcome(handoff.outcome) if handoff.outcome else None
    if given not in MAY_FOLLOW[before]:
        return _problem(handoff, "outcome", f"this handoff is {last} already", f"Say what came of it. {one_of(MAY_FOLLOW[before])}")
    return None


def _meeting(handoff: Disposable, given: Outcome, meeting_at: datetime | None, at: datetime) -> Problem | None:
    if meeting_at is None:
        return None
    if given is not Outcome.MEETING_SET:
        return _problem(handoff, "meeting_at", f"{given} takes no meeting time", "Leave it empty, or choose meeting_set.")
    if meeting_at.tzinfo is None:
        return _problem(handoff, "meeting_at", "the meeting time has no time zone", "Write it with one, such as 2026-03-02T14:00+01:00.")
    if meeting_at <= at:
        what = f"the meeting at {meeting_at:%Y-%m-%d %H:%M %Z} is not in the future"
        return _problem(handoff, "meeting_at", what, "Give the time at which it will take place, or leave it empty.")
    return None


def _reason(contract: Contract, handoff: Disposable, given: Outcome, reason: str | None, note: str) -> Reason | Problem | None:
    """The terms of the reason code; None where none is needed and none was given."""
    codes = catalogue(contract, given)
    if not codes:
        if reason is None:
            return None
        return _problem(handoff, "reason", f"{given} takes no reason, and '{reason}' was given", "Leave the reason empty.")
    if reason is None:
        return _problem(handoff, "reason", f"{given} needs a reason", one_of(codes))
    if (terms := codes.get(reason)) is None:
        return _problem(
            handoff, "reason", f"'{reason}' is no reason for {given}", _elsewhere(contract, given, reason) or one_of(codes, word=reason)
        )
    if terms.note and not note:
        return _problem(handoff, "note", f"the reason '{reason}' needs a note", "Write one sentence that says what happened.")
    return terms


def _elsewhere(contract: Contract, given: Outcome, reason: str) -> str | None:
    """Where the code exists under the other refusal, that is most likely what was meant."""
    other = Outcome.DISQUALIFY if given is Outcome.RECYCLE else Outcome.RECYCLE
    if reason not in catalogue(contract, other):
        return None
    return f"It is one for {other}: choose that, or use one of: {', '.join(sorted(catalogue(contract, given)))}."


def _problem(handoff: Disposable, part: str, what: str, fix: str) -> Problem:
    return Problem(Place(f"handoff {handoff.id}", part=part), what, fix)
