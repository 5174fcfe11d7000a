"""Erasing a person on the page: for RevOps alone, with a preview, a tick for what is open, and a word typed by hand."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Page, expect
from test_pages_browser import violations

if TYPE_CHECKING:
    from conftest import Running

Client = Callable[[str | None], httpx.Client]
pytestmark = pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")


def maya(server: Running) -> tuple[str, str]:
    """Her id and her address."""
    with server.store.reading() as conn:
        row = conn.execute(
            "SELECT p.id, p.email FROM handoff AS h JOIN person AS p ON p.id = h.person_id WHERE h.id = 'hnd_maya'"
        ).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("who", ["ana", "mara", "priya", "eva"])
def test_others_may_not(server: Running, client: Client, who: str) -> None:
    http, (person, _) = client(who), maya(server)
    for answer in (
        *(http.get("/erase"), http.get(f"/erase/{person}"), http.post(f"/erase/{person}/export")),
        http.post(f"/erase/{person}", data={"word": "erase", "close": "true"}),
    ):
        assert answer.status_code == 403
        assert "nly RevOps erases people" in html.unescape(answer.text)
    assert "/erase" not in http.get(f"/who/{person}").text


def test_looked_for_previewed_exported_erased_and_listed(server: Running, client: Client) -> None:
    rita, (person, email) = client("rita"), maya(server)
    assert f"/erase/{person}" in rita.get(f"/who/{person}").text
    there = rita.get("/erase", params={"who": email})
    assert there.status_code == 303
    seen = html.unescape(rita.get(there.headers["location"]).text)
    assert "Erase Maya Lindqvist" in seen
    assert "hnd_maya" in seen
    export = rita.post(f"/erase/{person}/export")
    assert export.headers["content-disposition"] == f'attachment; filename="{person}.json"'
    assert export.json()["held"]["people"][0]["email"] == email
    for form, why in (({"close": "true"}, "was not typed"), ({"word": "erase"}, "hey are in work"), ({"word": "erase", "close": "true", "reason": "Maya asked"}, "names the person")):  # fmt: skip
        refused = rita.post(f"/erase/{person}", data=form)
        assert (refused.status_code, why in html.unescape(refused.text)) == (409, True), form
    done = rita.post(f"/erase/{person}", data={"word": " Erase ", "close": "true", "reason": "Request 17"})
    assert (done.status_code, done.headers["location"]) == (303, "/erase")
    listed = html.unescape(rita.get("/erase").text)
    assert "Request 17" in listed
    assert "Maya" not in listed
    for again in (rita.get(f"/erase/{person}"), rita.post(f"/erase/{person}", data={"word": "erase"})):
        assert again.status_code == 409
        assert "was erased on" in html.unescape(again.text)
    assert "obody is known by this" in html.unescape(rita.get(f"/erase/{email}").text)


def test_every_page_that_told_of_them_still_stands(server: Running, client: Client) -> None:
    rita, (person, _) = client("rita"), maya(server)
    rita.post(f"/erase/{person}", data={"word": "erase", "close": "true"})
    for path in (
        "/handoffs/hnd_maya",
        f"/who/{person}",
        "/board",
        "/queue?rep=ana",
        "/exceptions",
        "/problems",
        "/review",
        "/messages",
        "/feedback",
        "/fairness",
        "/disputes",
        "/overrides",
    ):
        answer = rita.get(path)
        assert answer.status_code == 200, path
        for word in ("Maya", "Lindqvist", "Need a quote for 120 seats"):
            assert word not in answer.text, (path, word)


@pytest.mark.browser
def test_it_reads_for_everybody_also_on_a_phone(server: Running, enter: Callable[[str, str], Page], page: Page, axe: str) -> None:
    person, _ = maya(server)
    enter("rita", "/erase")
    for path, name in (("/erase", "erase"), (f"/erase/{person}", "erase-preview")):
        page.goto(f"{server.url}{path}")
        expect(page.locator("h1")).to_contain_text("Erase")
        assert violations(page, axe) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)") <= 390
        if folder := os.environ.get("HANDFAST_SHOTS"):
            page.screenshot(path=f"{folder}/{name}-phone.png", full_page=True)
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": 1280, "height": 900})
            page.screenshot(path=f"{folder}/{name}.png", full_page=True)
