"""What became of a handoff. The cast: Ana, the rep, who must say how it ended; Mia, the marketer, who reads why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.terms import Contract
from handfast.dispositions import MAY_FOLLOW, Disposition, catalogue, check
from handfast.facts import Outcome
from handfast.problem import Problem

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)

NORTHWIND = Contract.model_validate(
    {
        "contract": "Northwind",
        "calendar": {"week": {"mon-fri": ["09:00-17:00"]}},
        "ready": {
            "fit": {"at_least": 0},
            "intent": {"at_least": 0},
            "next_step": [{"step": "demo", "on": "form_submitted", "within": "7 days"}],
        },
        "routing": {},
        "sla": [{"name": "any", "first_touch": "1 hour"}],
        "dispositions": {
            "recycle": {
                "reasons": {"not_now": {"label": "Not now", "back": "90 days"}, "no_answer": {"blames": "timing"}, "other": {"note": True}}
            },
            "disqualify": {"reasons": {"bad_fit": {"blames": "fit"}, "wrong_owner": {"blames": "routing"}, "spam": {"back": "1 day"}}},
        },
    }
)


@dataclass(frozen=True)
class Handoff:
    id: str = "hnd_kraus"
    closed_at: datetime | None = None
    outcome: str | None = None
    touched_at: datetime | None = None
    contacted_at: datetime | None = None


OPEN, TALKED = Handoff(), Handoff(outcome="connected")


def said(
    outcome: str, reason: str | None = None, note: str = "", meeting_at: datetime | None = None, *, of: Handoff = OPEN
) -> Disposition | Problem:
    return check(NORTHWIND, of, outcome, reason, note, meeting_at, at=NOW)


def accepted(*args: Any, **kwargs: Any) -> Disposition:
    answer = said(*args, **kwargs)
    assert isinstance(answer, Disposition), answer
    return answer


def refused(*args: Any, **kwargs: Any) -> Problem:
    answer = said(*args, **kwargs)
    assert isinstance(answer, Problem), answer
    return answer


@pytest.mark.parametrize(
    ("outcome", "reason", "closes", "leads_to", "back_at", "blames"),
    [
        ("connected", None, False, "conversation", None, None),
        ("meeting_set", None, True, "meeting", None, None),
        ("recycle", "not_now", True, "nurture", NOW + 90 * DAY, None),
        ("recycle", "no_answer", True, "nurture", None, "timing"),
        ("disqualify", "bad_fit", True, "out", None, "fit"),
        ("disqualify", "wrong_owner", True, "out", None, "routing"),
        ("disqualify", "spam", True, "out", None, None),  # out is out, whatever date the reason names
    ],
)
def test_what_each_outcome_leads_to(
    outcome: str, reason: str | None, closes: bool, leads_to: str, back_at: datetime | None, blames: str | None
) -> None:
    given = accepted(outcome, reason)
    assert (given.outcome, given.closes, given.leads_to, given.back_at, given.blames) == (outcome, closes, leads_to, back_at, blames)
    assert (given.reason, given.at) == (reason, NOW)


def test_a_talk_is_not_an_end() -> None:
    """Ana reached Anna Kraus on Monday and says so; on Tuesday she sets the meeting. Both are dispositions, the second one closes."""
    assert not accepted("connected").closes
    assert accepted("meeting_set", meeting_at=NOW + DAY, of=TALKED) == Disposition(
        Outcome.MEETING_SET, closes=True, leads_to="meeting", at=NOW, meeting_at=NOW + DAY
    )
    problem = refused("connected", of=TALKED)
    assert problem.what == "this handoff is connected already"
    assert problem.fix == "Say what came of it. Use one of: disqualify, meeting_set, recycle."


@pytest.mark.parametrize("last", ["meeting_set", "recycle", "disqualify", "returned"])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_closed_handoff_stays_closed(last: str, outcome: str) -> None:
    """Two people dispose of the same handoff: the first one holds, the second one reads what happened."""
    problem = refused(outcome, "bad_fit", of=Handoff(closed_at=NOW - DAY, outcome=last))
    assert problem.where.part == "outcome"
    assert "2026-01-04 15:00 UTC" in problem.what
    assert "next ready verdict" in problem.fix


@pytest.mark.parametrize(
    ("args", "part", "what", "fix"),
    [
        (("recycle",), "reason", "recycle needs a reason", "Use one of: no_answer, not_now, other."),
        (("recycle", "  "), "reason", "recycle needs a reason", "Use one of: no_answer, not_now, other."),
        (("recycle", "not_nwo"), "reason", "'not_nwo' is no reason for recycle", "Did you mean 'not_now'?"),
        (
            ("recycle", "bad_fit"),
            "reason",
            "'bad_fit' is no reason for recycle",
            "It is one for disqualify: choose that, or use one of: no_answer, not_now, other.",
        ),
        (("disqualify", "xyz"), "reason", "'xyz' is no reason for disqualify", "Use one of: bad_fit, spam, wrong_owner."),
        (("recycle", "other"), "note", "the reason 'other' needs a note", "Write one sentence that says what happened."),
        (("recycle", "other", " \n"), "note", "the reason 'other' needs a note", "Write one sentence that says what happened."),
        (("meeting_set", "not_now"), "reason", "meeting_set takes no reason, and 'not_now' was given", "Leave the reason empty."),
        (("recylce", "not_now"), "outcome", "'recylce' is no outcome", "Did you mean 'recycle'?"),
        (
            ("connected", None, "", NOW + DAY),
            "meeting_at",
            "connected takes no meeting time",
            "Leave it empty, or choose meeting_set.",
        ),
        (
            ("meeting_set", None, "", NOW - DAY),
            "meeting_at",
            "the meeting at 2026-01-04 15:00 UTC is not in the future",
            "Give the time at which it will take place, or leave it empty.",
        ),
        (
            ("meeting_set", None, "", NOW),
            "meeting_at",
            "the meeting at 2026-01-05 15:00 UTC is not in the future",
            "Give the time at which it will take place, or leave it empty.",
        ),
        (
            ("meeting_set", None, "", datetime(2026, 2, 1, 9, 0)),  # noqa: DTZ001 - the mistake under test
            "meeting_at",
            "the meeting time has no time zone",
            "Write it with one, such as 2026-03-02T14:00+01:00.",
        ),
    ],
)
def test_what_is_refused_says_what_to_do(args: tuple[Any, ...], part: str, what: str, fix: str) -> None:
    problem = refused(*args)
    assert (problem.where.file, problem.where.part, problem.what, problem.fix) == ("handoff hnd_kraus", part, what, fix)


def test_a_note_that_is_needed_is_enough() -> None:
    given = accepted("recycle", " other ", "  They merge with Beta in May. ")
    assert (given.reason, given.note) == ("other", "They merge with Beta in May.")


def test_the_catalogue_is_the_contracts() -> None:
    assert list(catalogue(NORTHWIND, Outcome.DISQUALIFY)) == ["bad_fit", "wrong_owner", "spam"]
    assert catalogue(NORTHWIND, Outcome.CONNECTED) == {}


WORDS = st.sampled_from(["connected", "meeting_set", "recycle", "disqualify", "", "closed"])
REASONS = st.sampled_from([None, "", "not_now", "bad_fit", "other", "nonsense"])


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, REASONS, st.sampled_from(["", "a note"]))))
def test_whatever_is_said_a_handoff_closes_once_and_follows_the_table(story: list[tuple[str, str | None, str]]) -> None:
    handoff, closings = Handoff(), 0
    for outcome, reason, note in story:
        answer = said(outcome, reason, note, of=handoff)
        if isinstance(answer, Problem):
            continue
        assert answer.outcome in MAY_FOLLOW[Outcome(handoff.outcome) if handoff.outcome else None]
        assert (answer.reason is not None) == (answer.outcome in {Outcome.RECYCLE, Outcome.DISQUALIFY})
        closings += answer.closes
        handoff = Handoff(closed_at=NOW if answer.closes else None, outcome=answer.outcome)
    assert closings <= 1


# --- known twice ------------------------------------------------------------------------------------------------


def twice(answers: dict[str, object] | None = None, **terms: Any) -> Disposition | Problem:
    reasons = {"twice": {"leads_to": "merge", **terms}}
    contract = NORTHWIND.model_copy(
        update={
            "dispositions": NORTHWIND.dispositions.model_validate({"recycle": {"reasons": {"a": {}}}, "disqualify": {"reasons": reasons}})
        }
    )
    return check(contract, OPEN, "disqualify", "twice", at=NOW, answers=answers)


@pytest.mark.parametrize(("given", "kept"), [(" maya@halden.example ", {"duplicate_of": "maya@halden.example"}), ("  ", {}), (None, {})])
def test_whom_we_have_already_may_be_named(given: str | None, kept: dict[str, str]) -> None:
    made = twice({"duplicate_of": given})
    assert isinstance(made, Disposition)
    assert (made.leads_to, made.answers) == ("merge", kept)


def test_a_contract_may_insist_on_whom() -> None:
    made = twice({"duplicate_of": ""}, requires={"duplicate_of": "text"})
    assert isinstance(made, Problem)
    assert made.what == "the reason 'twice' needs an answer: duplicate of"


def test_nobody_is_named_with_a_reason_that_leads_elsewhere() -> None:
    assert accepted("disqualify", "bad_fit").answers == {}
    assert NORTHWIND.dispositions.disqualify.reasons["bad_fit"].asks == {}
