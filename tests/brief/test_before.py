"""What was before: open opportunities, how earlier handoffs ended; and themes by page and form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from brief_cast import agreement, case, signal

from handfast.brief import render
from handfast.brief.compose import compose
from handfast.brief.slack import notice_blocks
from handfast.brief.themes import find
from handfast.contract.terms import Theme
from handfast.sla.notice import Message

AGO = timedelta(hours=1)
THEN = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
DEAL = {"id": "opp_7", "stage": "Proposal", "amount": 12000.0, "opened_at": THEN, "owner": "Ben Ito"}
ENDED = {"handoff": "hnd_1", "outcome": "recycle", "reason": "not_now", "note": "Budget in April", "at": THEN, "by": "Ana Silva"}


def test_an_open_opportunity_and_the_last_end_are_told_with_their_source() -> None:
    brief = compose(agreement(), case(opportunities=(DEAL,), past=(ENDED,)))
    assert brief["opportunity"] == [{"text": "Proposal, 12,000, with Ben Ito, since 3 Mar 2026", "cites": ["opportunity.opp_7"]}]
    [before] = brief["before"]
    assert before["cites"] == ["handoff.hnd_1"]
    assert before["text"].startswith("Recycle: ")
    assert before["text"].endswith(", 3 Mar 2026 by Ana Silva. “Budget in April”")
    text = render.text(brief)
    assert "Open opportunity" in text
    assert "handoff.hnd_1" in text


def test_without_any_the_parts_are_empty_and_may_be_missed() -> None:
    brief = compose(agreement(), case())
    assert brief["opportunity"] == brief["before"] == []


HOSTILE = (
    "<script>alert(1)</script>",
    "[click](http://evil.example)",
    "*bold* _it_ `code`",
    "<!channel> <@U1>",
    "a\n# Heading\n- item",
    "\u202eevil",
)


@pytest.mark.parametrize("words", HOSTILE)
def test_whatever_was_noted_or_called_stays_text_in_every_form(words: str) -> None:
    brief = compose(
        agreement(), case(opportunities=({**DEAL, "stage": words, "owner": words},), past=({**ENDED, "note": words, "by": words},))
    )
    shown = render.html(brief)
    assert "<script" not in shown
    assert "<!channel" not in shown
    marked = render.markdown(brief)
    assert "](http" not in marked
    assert "\n# Heading" not in marked
    assert "<" not in marked
    for line in render.text(brief).splitlines():
        assert line.isprintable()
    payload = {"handoff": {"next_step": "demo"}, "person": {"id": "p", "name": words}, "owner": {"id": "ana", "name": words}}
    message = Message("m", "h", "handoff_opened", "slack", "ana", "ana", payload, THEN, 1, THEN, None, None, brief)
    fallback, blocks = notice_blocks(message, "https://x.example")
    assert "<" not in fallback
    assert '"mrkdwn"' not in str(blocks).replace("'", '"')


def test_a_theme_is_found_by_the_page_and_by_the_form() -> None:
    themes = (
        Theme(theme="Security", pages=("/security", "/trust/")),
        Theme(theme="Onboarding", forms=("Migration help",), words=("import",)),
    )
    seen = [
        signal(1, "page_viewed", AGO, path="/security/soc-2?utm=x"),
        signal(2, "page_viewed", AGO, path="/security-guard-jobs"),
        signal(3, "form_submitted", AGO, form="migration HELP"),
        signal(4, "page_viewed", AGO, path="/Trust"),
    ]
    found = find(themes, [(str(s["id"]), s["properties"]) for s in seen])
    assert [(f.theme.theme, f.words) for f in found] == [("Security", ("/security", "/trust/")), ("Onboarding", ("Migration help",))]
    assert len(found[0].signals) == 2
