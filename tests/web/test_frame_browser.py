"""What every page shares, in a real browser: what scrolls, finding and jumping, the row that is open, on a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")]

BEYOND = "document.documentElement.scrollHeight - innerHeight"
LIVE = "html[data-live=on]"
#: Where the text of a cell begins and ends, without its padding.
SPAN = "e => { const r = document.createRange(); r.selectNodeContents(e); return [r.getBoundingClientRect().left, r.getBoundingClientRect().right]; }"


@pytest.mark.parametrize("scoreboard", ["figures"], indirect=True)
def test_only_the_page_scrolls_and_never_the_document_under_it(server, enter, page: Page, scoreboard) -> None:
    """Words for screen readers stand somewhere; on a long page they made the document long too, and it scrolled away into nothing."""
    page.set_viewport_size({"width": 1280, "height": 600})
    enter("rita", "/contract")
    beyond = {}
    for path in ("/contract", "/reps", "/board", "/scoreboard", "/fairness", "/handoffs/hnd_maya"):
        page.goto(server.url + path)
        beyond[path] = page.evaluate(BEYOND)
    assert beyond == dict.fromkeys(beyond, 0)


def test_the_navigation_fits_a_small_laptop(enter, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    enter("rita", "/board")
    expect(page.get_by_text(re.compile("^Times are those of"))).to_be_in_viewport()
    assert page.locator(".side > .cmd").bounding_box()["height"] == 32


def test_any_page_is_jumped_to_by_its_name(enter, page: Page, server) -> None:
    enter("ana", "/queue")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette .pages a:visible")).to_have_count(4)
    page.keyboard.type("fair")
    expect(page.locator("#palette .pages a:visible")).to_have_text(["Fair turns"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(server.url + "/fairness")


def test_enter_takes_whom_was_typed_and_not_whom_was_listed_before(enter, page: Page) -> None:
    enter("ana", "/queue")
    page.keyboard.press("Control+k")
    page.keyboard.type("tom")
    expect(page.locator("#found a").first).to_contain_text("Tom Okafor")
    page.get_by_role("searchbox", name="Find a person or company").fill("maya")
    page.keyboard.press("Enter")  # the list still shows Tom
    expect(page).to_have_url(re.compile("/handoffs/hnd_maya$"))


def test_arrows_lead_from_the_field_into_the_list(enter, page: Page) -> None:
    enter("ana", "/queue")
    page.keyboard.press("Control+k")
    page.keyboard.type("maya")
    expect(page.locator("#found a").first).to_contain_text("Maya Lindqvist")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found a").first).to_be_focused()


def test_a_phone_can_find_somebody(enter, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    enter("ana", "/board")
    page.get_by_role("button", name="Find", exact=True).click()
    page.keyboard.type("maya")
    page.locator("#found").get_by_text("Maya Lindqvist").first.click()
    expect(page).to_have_url(re.compile("/handoffs/hnd_maya$"))
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_open_row_stays_marked_when_the_list_comes_anew(enter, page: Page) -> None:
    """At `/queue` the address names nobody; the brief beside the list does."""
    enter("ana", "/queue")
    page.locator(LIVE).wait_for(state="attached")
    name = page.locator("#b-name").inner_text()
    page.keyboard.press("c")
    expect(page.locator("#g-touched")).to_contain_text(name)
    expect(page.locator(".q-row[aria-current=true]")).to_contain_text(name)


def test_a_number_never_runs_into_the_word_beside_it(enter, page: Page) -> None:
    """A column of figures stands to the right, the next of words to the left: here with nothing else to keep them apart."""
    enter("rita", "/who/halden.example")
    row = "<tr><td class=num>122</td><td>Demo</td></tr>"
    page.locator("#main").evaluate("(e, row) => { e.innerHTML = `<table class=terms style='width: 1px'>${row}</table>` }", row)
    number = page.locator("table.terms td.num").last
    right = number.evaluate(SPAN)[1]
    left = number.locator("xpath=following-sibling::*[1]").evaluate(SPAN)[0]
    assert left - right >= 12


def test_the_whole_name_of_an_owner_stands_on_the_board_of_a_small_laptop(enter, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    enter("mara", "/board")
    cut = page.locator(".board .own-n").evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)")
    assert cut == []
