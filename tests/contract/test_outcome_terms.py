"""What a contract may get wrong about outcomes, notices and themes: each a Problem at its place, with a fix."""

from __future__ import annotations

import pytest

from .contracts import changed, refused


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, active: false}", "every reason for disqualify is inactive"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, leads_to: nurture}", "disqualify does not lead to nurture"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, requires: {note: text}}", "every disposition has a place for"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, requires: {seats: seats}}", "cannot be 'seats'"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, after: touch, attempts: 3}", "`after: touch` says nothing more"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, attempts: 99}", "should be less than or equal to 50"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit}, not_now: {}", "a reason to recycle and a reason to disqualify"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, back: 3 days}", "nobody comes back from one"),
        ("dispositions:", "notices: {urgent: [breach]}\ndispositions:", "nothing waits"),
        ("dispositions:", "notices: {quiet: rep, urgent_sla: [hand-riser]}\ndispositions:", "no SLA is called 'hand-riser'"),
        ("dispositions:", "notices: {digest: {more_than: 5, within: 3 weeks}}\ndispositions:", "no time to gather notices in"),
        ("dispositions:", "notices: {quiet: rep, urgent: [brech]}\ndispositions:", "cannot be 'brech'"),
        ("after: 3 minutes, remind: owner", "after: 3 minutes, remind: owner, urgent: true", "no step need be urgent"),
        ("words: [fast]", "pages: [security]", "'security' is no page"),
        ("words: [fast]", "pages: [/]", "'/' is no page"),
        ("words: [fast]", "forms: []", "nothing speaks of the theme"),
    ],
)
def test_it_is_said(old: str, new: str, what: str) -> None:
    problems = [problem for problem in refused(changed(old, new)) if what in problem.what]
    assert problems, refused(changed(old, new))
    assert problems[0].fix
    assert problems[0].where.line
