"""What became of a handoff: which outcomes there are, which may follow which, what each needs and what it leads to.

| outcome | needs | the handoff | leads to |
|---|---|---|---|
| connected | nothing | stays open: a talk without an outcome is not an end | conversation |
| meeting_set | nothing; when it takes place, if known | is closed | meeting |
| recycle | a reason code | is closed | nurture, until `back_at`, or what the reason's `leads_to` says |
| disqualify | a reason code | is closed | out, or what the reason's `leads_to` says |

A handoff that is closed stays closed, but for the minutes in which the one who closed it may take that back (`may_undo`). The next one is
opened by the next ready verdict. A handoff leaves its owner's queue in no other way than by a disposition, a reassignment or a ladder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Final, Literal, Protocol

from handfast.contract.terms import DUPLICATE_OF, Contract, FieldType, Reason, Refusal
from handfast.facts import Outcome
from handfast.problem import Place, Problem, one_of

LeadsTo = Literal["conversation", "meeting", "nurture", "out", "suppress", "reroute", "merge", "fix_data"]
Blames = Literal["fit", "intent", "routing", "data", "timing"]
#: An answer to what a reason requires; a time as ISO 8601.
Answer = str | int | float | bool
LONGEST_ANSWER: Final = 500

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
_FORMS: Final[Mapping[FieldType, str]] = {
    "text": "a few words",
    "int": "a whole number",
    "number": "a number",
    "bool": "yes or no",
    "time": "a day, such as 2026-03-02",
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
    @property
    def touched_at(self) -> datetime | None: ...
    @property
    def contacted_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Disposition:
    """A checked disposition. `closes`: whether the handoff ends with it. Times are UTC.

    `back_at`: recycled, and not to be handed over before; None: as soon as there is new intent. `meeting_at`: when the meeting takes place,
    if known. `blames`: what a refusal tells us to look at. `answers`: what the reason requires beside a note, JSON-ready.
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
    answers: Mapping[str, Answer] = field(default_factory=dict)


def check(
    contract: Contract,
    handoff: Disposable,
    outcome: Outcome | str,
    reason: str | None = None,
    note: str = "",
    meeting_at: datetime | None = None,
    *,
    at: datetime,
    answers: Mapping[str, object] | None = None,
    attempts: int = 0,
    history: bool = False,
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
        answers: what was said to what the reason requires, typed or as text; names the reason does not ask for are left out.
        attempts: how many touches were made so far.
        history: it is what another system recorded long ago: what this contract asks for beside a reason is not asked of it.
    """
    if outcome not in set(Outcome):
        return _problem(handoff, "outcome", f"'{outcome}' is no outcome", one_of(Outcome, word=outcome))
    given, reason, note = Outcome(outcome), (reason or "").strip() or None, note.strip()
    problem = _may(handoff, given) or _meeting(handoff, given, meeting_at, at)
    if problem is not None:
        return problem
    terms = _reason(contract, handoff, given, reason, note, history)
    if isinstance(terms, Problem):
        return terms
    said = {} if history else _asked(contract, handoff, given, reason or "", terms, meeting_at, answers or {}, attempts)
    if isinstance(said, Problem):
        return said
    return Disposition(
        outcome=given,
        closes=given is not Outcome.CONNECTED,
        leads_to=(terms.leads_to if terms else None) or _LEADS_TO[given],
        at=at,
        reason=reason,
        note=note,
        back_at=at + timedelta(minutes=terms.back.minutes) if given is Outcome.RECYCLE and terms and terms.back else None,
        meeting_at=meeting_at,
        blames=terms.blames if terms else None,
        answers=said,
    )


def needs_disposition(handoff: Disposable) -> bool:
    """Whether somebody still has to say what became of it: it was tried, and is not over. Its clock is the `disposition` clock."""
    return handoff.closed_at is None and handoff.touched_at is not None


def may_undo(
    contract: Contract, handoff: Disposable, by: str, given_by: str, recorded_at: datetime, at: datetime, *, leads: bool = False,
    why: str = "",
) -> Problem | None:  # fmt: skip
    """Why this disposition can no longer be taken back by this person, or None.

    `given_by` and `recorded_at` are the disposition's; times are UTC. Whoever `leads` may take back a rep's, and says `why`.
    """
    window = contract.dispositions.undo
    if by != given_by and not leads:
        return _problem(handoff, "undo", "somebody else gave this disposition", "Ask them, or your manager, to take it back.")
    if by != given_by and not why.strip():
        return _problem(handoff, "why", "it is not said why a rep's outcome is taken back", "Write one sentence: they are told.")
    if at - recorded_at > timedelta(minutes=window.minutes):
        what = f"it was given at {recorded_at:%Y-%m-%d %H:%M} UTC, and may be taken back for {window}"
        return _problem(handoff, "undo", what, "It stays as it is; the next ready verdict opens a new handoff.")
    return None


def choosable(contract: Contract, outcome: Outcome) -> Mapping[str, Reason]:
    """The reason codes a person may choose from now: those that are active."""
    return {code: reason for code, reason in catalogue(contract, outcome).items() if reason.active}


def needs_note(code: str, reason: Reason) -> bool:
    """`other` says nothing without words, whatever the contract says of it."""
    return reason.note or code == "other"


def dropped(contract: Contract, used: Iterable[tuple[str, str]]) -> list[Problem]:
    """One Problem for each (outcome, reason) that history has and this contract no longer knows.

    A code is taken out of the choice by `active: false`; one that is dropped would leave past handoffs with a word nobody can explain.
    """
    problems = []
    for outcome, code in sorted(set(used)):
        if outcome in ("recycle", "disqualify") and code not in catalogue(contract, Outcome(outcome)):
            path = f"dispositions.{outcome}.reasons"
            fix = f"Keep it and write `{code}: {{active: false}}`: nobody can choose it then, and what it meant stays known."
            problems.append(Problem(Place(path), f"handoffs were closed with '{code}', and it is not there any more", fix))
    return problems


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


def _asked(
    contract: Contract, handoff: Disposable, given: Outcome, code: str, terms: Reason | None, meeting_at: datetime | None,
    answers: Mapping[str, object], attempts: int,
) -> dict[str, Answer] | Problem:  # fmt: skip
    """What the contract asks for beside the reason itself: the answers, or what is missing."""
    if given is Outcome.MEETING_SET and meeting_at is None and contract.dispositions.meeting_set.time == "required":
        return _problem(handoff, "meeting_at", "when the meeting takes place is not said", "Give its day and time.")
    if terms is None:
        return {}
    said = _too_early(handoff, code, terms, attempts) or _answers(handoff, code, terms, answers)
    if isinstance(said, Problem) or terms.leads_to != "merge":
        return said
    named = str(answers.get(DUPLICATE_OF) or "").strip()[:LONGEST_ANSWER]
    return {**said, DUPLICATE_OF: named} if named else said


def _too_early(handoff: Disposable, code: str, terms: Reason, attempts: int) -> Problem | None:
    """A reason that only holds once something was tried."""
    if terms.after == "contact" and handoff.contacted_at is None:
        return _problem(
            handoff, "reason", f"'{code}' needs a talk first, and none is recorded", "Log the contact, or choose another reason."
        )
    least = max(terms.attempts, 1 if terms.after == "touch" else 0)
    if attempts < least:
        known = "none is" if attempts == 0 else "one is" if attempts == 1 else f"{attempts} are"
        what = f"'{code}' needs {least} attempt{'' if least == 1 else 's'} first, and {known} recorded"
        return _problem(handoff, "reason", what, "Log what you tried, or choose another reason.")
    return None


def _answers(handoff: Disposable, code: str, terms: Reason, given: Mapping[str, object]) -> dict[str, Answer] | Problem:
    """What the reason requires, each read by its type."""
    said: dict[str, Answer] = {}
    for name, kind in terms.requires.items():
        value = given.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            what = f"the reason '{code}' needs an answer: {name.replace('_', ' ')}"
            return _problem(handoff, name, what, f"Give {_FORMS[kind]}.")
        read = _typed(kind, value)
        if read is None:
            what = f"'{str(value)[:60]}' is no answer to {name.replace('_', ' ')}"
            return _problem(handoff, name, what, f"Give {_FORMS[kind]}.")
        said[name] = read
    return said


def _typed(kind: FieldType, value: object) -> Answer | None:
    text = str(value).strip()
    try:
        match kind:
            case "text":
                return text[:LONGEST_ANSWER]
            case "int":
                return int(text) if len(text) <= 15 else None
            case "number":
                number = float(text)
                return number if isfinite(number) else None
            case "bool":
                return {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower())
            case "time":
                return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None


def _reason(
    contract: Contract, handoff: Disposable, given: Outcome, reason: str | None, note: str, history: bool
) -> Reason | Problem | None:
    """The terms of the reason code; None where none is needed and none was given."""
    codes = catalogue(contract, given) if history else choosable(contract, given)
    if not codes:
        if reason is None:
            return None
        return _problem(handoff, "reason", f"{given} takes no reason, and '{reason}' was given", "Leave the reason empty.")
    if reason is None:
        return _problem(handoff, "reason", f"{given} needs a reason", one_of(codes))
    if (terms := codes.get(reason)) is None:
        if reason in catalogue(contract, given):
            return _problem(handoff, "reason", f"'{reason}' is no longer given", one_of(codes))
        return _problem(
            handoff, "reason", f"'{reason}' is no reason for {given}", _elsewhere(contract, given, reason) or one_of(codes, word=reason)
        )
    if needs_note(reason, terms) and not note and not history:
        return _problem(handoff, "note", f"the reason '{reason}' needs a note", "Write one sentence that says what happened.")
    return terms


def _elsewhere(contract: Contract, given: Outcome, reason: str) -> str | None:
    """Where the code exists under the other refusal, that is most likely what was meant."""
    other = Outcome.DISQUALIFY if given is Outcome.RECYCLE else Outcome.RECYCLE
    if reason not in choosable(contract, other):
        return None
    return f"It is one for {other}: choose that, or use one of: {', '.join(sorted(choosable(contract, given)))}."


def _problem(handoff: Disposable, part: str, what: str, fix: str) -> Problem:
    return Problem(Place(f"handoff {handoff.id}", part=part), what, fix)
