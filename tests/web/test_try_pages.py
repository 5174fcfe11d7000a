"""The pages Try and Territories: a person made up or on record against a contract, and what the territories cover."""

from __future__ import annotations

import html
import os
from urllib.parse import urlencode

import cast
import pytest
from playwright.sync_api import Page
from test_pages_browser import violations

from handfast.desk import drafts, shadow

pytestmark = pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")
READY = "person: {employees: 800, industry: logistics, country: DE}\nsignals:\n  - {kind: page_viewed, path: /pricing, ago: 1 hour}\n  - {kind: form_submitted, form: demo, ago: 10 minutes}\n"


def test_anybody_signed_in_may_try_somebody(server, client) -> None:
    """A made-up person goes to the DACH pool by territory; a slip in the text is told at its line; nobody unknown is invented."""
    http = client("rita")
    assert "Name somebody on record, or make somebody up" in http.get("/try").text
    text = html.unescape(http.get("/try", params={"given": READY}).text)
    assert "would own it" in text or "Nobody would own it" in text
    assert "Territory" in text
    slip = html.unescape(http.get("/try", params={"given": "person: {emploees: 1}"}).text)
    assert "'emploees' is not a declared field" in slip
    assert "Nobody is known as 'ghost@x.example'" in html.unescape(http.get("/try", params={"who": "ghost@x.example"}).text)
    assert "Nothing is called 'draft-99'" in html.unescape(http.get("/try", params={"contract": "draft-99", "given": READY}).text)


def test_territories_say_what_they_cover(server, client) -> None:
    http = client("rita")
    with server.store.writing() as conn:
        conn.execute(
            """INSERT INTO account (id, key, name, fields, created_at) VALUES
               ('acc_1', 'rot.example', 'Rot', '{"country": "DE"}', now()), ('acc_2', 'blau.example', 'Blau', '{"country": "FR"}', now())"""
        )
    text = html.unescape(http.get("/territories").text)
    assert "into no territory" in text
    assert "dach" in text


@pytest.mark.browser
def test_the_pages_read_for_everybody_also_on_a_phone(server, enter, page: Page, axe: str) -> None:
    enter("rita", "/territories")
    assert violations(page, axe) == []
    page.goto(f"{server.url}/try?{urlencode({'given': READY})}")
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)") <= 390
    if folder := os.environ.get("HANDFAST_SHOTS"):
        page.screenshot(path=f"{folder}/try-phone.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.screenshot(path=f"{folder}/try.png", full_page=True)
        page.goto(f"{server.url}/territories")
        page.screenshot(path=f"{folder}/territories.png", full_page=True)


def test_a_draft_is_put_into_the_shadow_and_taken_out(server, client) -> None:
    """A manager may, a rep may look; without a sound draft the page says what to do."""
    http, rep = client("mara"), client("ana")
    assert "There is no sound draft" in http.get("/shadow").text
    saved = drafts.save(
        server.store, cast.CONTRACT.replace("first_touch: 15 minutes", "first_touch: 20 minutes"), drafts.THE_OPERATOR, server.clock()
    )
    assert rep.post("/shadow", data={"of": f"draft-{saved.number}"}).status_code == 403
    assert http.post("/shadow", data={"of": f"draft-{saved.number}"}).status_code == 303
    text = html.unescape(http.get("/shadow").text)
    assert "has decided beside the contract in force since" in text
    assert "Both agree on everything so far." in text
    assert http.post("/shadow", data={"of": f"draft-{saved.number}"}).status_code == 409
    assert http.post("/shadow/stop").status_code == 303
    assert "stopped" in rep.get("/shadow").text


@pytest.mark.browser
def test_the_shadow_reads_for_everybody(server, enter, page: Page, axe: str) -> None:
    shadow.start(server.store, cast.CONTRACT, "draft 3", "mara", server.clock())
    enter("mara", "/shadow")
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)") <= 390
    if folder := os.environ.get("HANDFAST_SHOTS"):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.screenshot(path=f"{folder}/shadow.png", full_page=True)
