"""Words of the pages: moments on the reader's clock, names of commands as code, a page that is not for somebody."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from markupsafe import Markup

from handfast.brief.words import spoken
from handfast.store.shadow import Pair
from handfast.web import words


def told(sentence: str) -> str:
    return spoken(sentence, lambda at: f"{at:%a %H:%M}", lambda day: f"{day:%a}")


def test_a_stored_sentence_keeps_the_name_of_a_file() -> None:
    assert told("draft 2 written from our_new_terms.yaml for meeting_set, from 2026-11-13 21:44 UTC") == (
        "draft 2 written from our_new_terms.yaml for meeting set, from Fri 21:44"
    )


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Send `userId`, or <b>.", "Send <code>userId</code>, or &lt;b&gt;."),
        ("`<i>` first", "<code>&lt;i&gt;</code> first"),
        ("5` of nothing <b>", "5` of nothing &lt;b&gt;"),
    ],
)
def test_what_stands_between_backticks_is_code(sentence: str, shown: str) -> None:
    assert words.coded(sentence) == Markup(shown)


def test_a_page_for_others_says_so_and_does_not_speak_of_something_done(server, client) -> None:
    answer = client("ana").get("/problems")
    assert answer.status_code == 403
    assert "This page is not for you" in answer.text
    assert "Intake problems hold raw personal data" in answer.text
    assert "This was not done" not in answer.text


def test_the_history_tells_moments_on_the_readers_clock(server, client) -> None:
    text = client("rita").get("/contract/history").text
    assert re.search(r"in force (from|since)", text)
    assert not re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", text)


def test_a_shadow_that_found_them_ready_too_says_why_it_handed_nobody_over() -> None:
    def without(said: str | None) -> str:
        return Pair("acc_1", "Acme", datetime(2026, 11, 23, tzinfo=UTC), "hnd_1", "ana", "pool", None, None, None, None, said).without

    assert (
        without("Ready: fit 60 (45 needed).")
        == "It had them in work already, or saw no new step since they came back. Ready: fit 60 (45 needed)."
    )
    assert without("Not yet: intent 20 of 35.") == "Not yet: intent 20 of 35."
    assert without(None) == "It heard no signal of theirs."


def test_reloading_where_a_form_was_sent_says_what_happened(server, client) -> None:
    answer = client("ana").get("/reps/ana/profile")
    assert answer.status_code == 405
    assert "Nothing was done again." in answer.text


def test_a_refused_form_of_a_rep_stands_open_with_what_was_typed(server, client) -> None:
    mara = client("mara")
    text = mara.post("/reps/ben/profile", data={"week": "mon 9 to 5", "holidays": "DE-BY", "skills": "german"}).text
    section = text[text.index('<section class="pp" id="ben"') :].partition("</section>")[0]
    assert 'role="alert"' in section, "the complaint stands with the rep it is about"
    assert re.search(r"<details open><summary>Hours", section)
    assert 'value="mon 9 to 5"' in section
    assert 'value="DE-BY"' in section
    assert text.count('role="alert"') == 1
    away = mara.post("/reps/ben/absences", data={"first": "soon", "last": "", "why": "a cure"}).text
    assert re.search(r'<details open><summary>Enter an absence.*value="a cure"', away, re.DOTALL)
    done = mara.post("/reps/ben/switch", data={"to": "off"})
    assert done.headers["location"] == "/reps#ben", "back to the rep, not to the top of a long page"


def test_nothing_waits_is_not_nothing_was_refused(server, client) -> None:
    rita = client("rita")
    for ident in re.findall(r'id="p-(\w+)"', rita.get("/problems").text):
        rita.post(f"/problems/{ident}/dismiss")
    text = rita.get("/problems").text
    assert "Nothing waits to be mended" in text
    assert "Every payload that arrived could be read" not in text


def test_what_a_made_up_person_begins_with_is_unknown_and_not_three_dots(server, client) -> None:
    """Every text of the sample is a comment: tried as it stands, nobody's industry is “…”."""
    rita = client("rita")
    sample = re.search(r"<textarea[^>]*>(.*?)</textarea>", rita.get("/try").text, re.DOTALL)[1]
    assert re.search(r"  # \w+: …", sample)
    tried = rita.get("/try", params={"given": html.unescape(sample)}).text
    assert "is …" not in tried
    assert "Every criterion" in tried
