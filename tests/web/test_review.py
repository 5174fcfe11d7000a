"""The page Review: who may say who is whom, what the page shows, what a click does, and how it reads in a browser."""

from __future__ import annotations

import re

import cast
import pytest
from playwright.sync_api import Page, expect
from test_pages_browser import violations

from handfast.desk import match

pytestmark = pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")


def asked(store, client) -> str:
    """Two records of Maya, found alike: the id of the question."""
    with store.writing() as conn:
        said = '{"first_name": "Maya", "last_name": "Lindqvist", "phone": "+49 40 5550142", "city": "Hamburg"}'
        for ident, email in (("per_m1", "maya.lindqvist@gmail.com"), ("per_m2", "m.lindqvist@gmx.de")):
            conn.execute(
                "INSERT INTO person (id, email, name, fields, created_at) VALUES (%s, %s, 'Maya Lindqvist', %s, now())",
                (ident, email, said),
            )
            conn.execute("INSERT INTO identity (who, person_id, since) VALUES (%s, %s, now())", (f"email:{email}", ident))
    while (done := match.tend(store, cast.NOW)).people or done.accounts:
        pass
    text = client("rita").get("/review").text
    pairs = re.findall(r'<article class="rv" id="(rev_\w+)".*?</article>', text, re.DOTALL)
    with store.reading() as conn:
        row = conn.execute("SELECT id FROM match_review WHERE person_id = 'per_m1' AND other_id = 'per_m2'").fetchone()
    assert row
    assert row[0] in pairs
    return str(row[0])


def test_two_records_of_one_person_are_shown_answered_merged_and_parted(server, client, store) -> None:
    question = asked(store, client)
    http = client("rita")
    text = http.get("/review").text
    assert "Are these two Maya Lindqvist one person?" in text
    assert "The same phone: +49405550142" in text
    assert "Different mailboxes: " in text[text.index("Speaks against it") :]
    assert http.post(f"/review/{question}", data={"said": "same", "note": "called her"}).status_code == 303
    text = http.get("/review").text
    assert 'href="/review/merge/per_m1/per_m2"' in text
    seen = http.get("/review/merge/per_m1/per_m2").text
    assert "maya.lindqvist@gmail.com" in seen
    assert http.post("/review/merge/per_m1/per_m2").status_code == 303
    text = http.get("/review").text
    assert "Make two again" in text
    assert 'href="/review/merge/per_m1/per_m2"' not in text
    assert http.post("/review/part/per_m2").status_code == 303
    assert "Make two again" not in http.get("/review").text


def test_somebody_given_back_as_known_twice_is_asked_about_first_and_named_by_hand(server, client, store) -> None:
    question = asked(store, client)
    with store.writing() as conn:
        handoff = conn.execute("SELECT id FROM handoff ORDER BY id LIMIT 1").fetchone()[0]
        for ident, leads_to in (("dsp_twice", "merge"), ("dsp_data", "fix_data")):
            conn.execute(
                "INSERT INTO disposition (id, handoff_id, outcome, reason, note, by, at, recorded_at)"
                " VALUES (%s, %s, 'disqualify', 'duplicate', 'same voice', 'ana', now(), now())",
                (ident, handoff),
            )
            conn.execute(
                "INSERT INTO way_back (id, handoff_id, person_id, leads_to, reason, at, tell_at, told_at, asked_at)"
                " VALUES (%s, %s, 'per_m1', %s, 'duplicate', now(), now(), now(), now())",
                (ident, handoff, leads_to),
            )
    http = client("rita")
    text = http.get("/review").text
    assert "Who is Maya Lindqvist the same person as?" in text
    assert "Ana Flores gave" in text
    assert text.count(f"/review/{question}") == 1, "the pair is proposed there, and not asked once more below"
    wrong = http.post("/review/twice/dsp_twice", data={"said": "other", "other": "who@where.example"})
    assert (wrong.status_code, "obody is known by" in wrong.text) == (409, True)
    assert http.post("/review/twice/dsp_twice", data={"said": "other", "other": "m.lindqvist@gmx.de"}).status_code == 303
    text = http.get("/review").text
    assert "the same person as?" not in text
    assert 'href="/review/merge/per_m1/per_m2"' in text, "linked: making them one has its preview, as always"
    assert client("ana").post("/review/twice/dsp_twice", data={"said": "nobody"}).status_code == 403


def test_an_answer_is_given_once(server, client, store) -> None:
    question = asked(store, client)
    http = client("priya")
    assert http.post(f"/review/{question}", data={"said": "different"}).status_code == 303
    again = http.post(f"/review/{question}", data={"said": "same"})
    assert again.status_code == 409
    assert "has answered this already" in again.text


def test_reps_and_leaders_are_told_whom_to_ask(server, client, store) -> None:
    for who in ("ana", "eva"):
        answer = client(who).get("/review")
        assert answer.status_code == 403
        assert "marketing, RevOps and managers" in answer.text
        assert "/review" not in client(who).get("/board").text
    assert client(None).get("/review").status_code == 303


def test_nobody_known_by_an_id_is_said_so(server, client, store) -> None:
    answer = client("rita").get("/review/merge/per_nobody/per_none")
    assert answer.status_code == 409
    assert "nobody has this id" in answer.text.lower()


# --- in a browser -----------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_it_reads_for_everybody(server, client, store, enter, page: Page, axe: str) -> None:
    """A question, a pair called one, the preview of making them one, and nothing left to decide: axe has nothing to say of any."""
    question = asked(store, client)
    enter("rita", "/review")
    page.get_by_text("Why it is asked").first.click()
    assert violations(page, axe) == []
    client("rita").post(f"/review/{question}", data={"said": "same"})
    page.reload()
    assert violations(page, axe) == []
    page.goto(server.url + "/review/merge/per_m1/per_m2")
    assert violations(page, axe) == []


@pytest.mark.browser
def test_nothing_of_it_sticks_out_on_a_phone(server, client, store, enter, page: Page) -> None:
    question = asked(store, client)
    page.set_viewport_size({"width": 390, "height": 844})
    enter("rita", "/review")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    client("rita").post(f"/review/{question}", data={"said": "same"})
    for path in ("/review", "/review/merge/per_m1/per_m2"):
        page.goto(server.url + path)
        assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)") <= 390, path


@pytest.mark.browser
def test_from_the_question_to_one_person_by_keyboard_alone(server, client, store, enter, page: Page) -> None:
    question = asked(store, client)
    enter("rita", "/review")
    article = page.locator(f"#{question}")
    article.get_by_label("Note").focus()
    page.keyboard.type("called her")
    page.keyboard.press("Tab")
    expect(article.get_by_role("button", name="Same person")).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_text("Called one person, still two")).to_be_visible()
    page.get_by_role("link", name="Keep m.lindqvist@gmx.de").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Make one person of two")).to_be_visible()
    page.get_by_role("button", name="Make one").focus()
    with page.expect_navigation():
        page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Make two again")).to_be_visible()
