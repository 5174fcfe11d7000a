"""The pages of the contract in a real browser: the editor that checks as one types, by keyboard alone, without JavaScript, in the dark."""

from __future__ import annotations

import re
from datetime import timedelta

import cast
import pytest
from playwright.sync_api import Browser, Page, expect
from test_contract_pages import LOWER, RITA
from test_pages_browser import violations

from handfast.desk import drafts
from handfast.store import contracts

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")]

BAD = LOWER.replace("employees BETWEEN", "emploees BETWEEN").replace("default: rest", "default: rset")
PRIYA = drafts.Who("priya@northwind.example", "Priya Patel", "marketing")
MARA = drafts.Who("mara@northwind.example", "Mara Okonkwo", "manager")


@pytest.fixture
def shelf(server) -> None:
    """Drafts 2 (sound, signed for Marketing), 3 (with problems), 4 (a failing example); version 2 scheduled from draft 5."""
    at = server.clock()
    drafts.save(server.store, LOWER, RITA, at)
    drafts.sign(server.store, 2, "marketing", PRIYA, at)
    drafts.save(server.store, BAD, RITA, at)
    drafts.save(server.store, LOWER.replace("owner: ana", "owner: ben"), RITA, at)
    drafts.save(server.store, LOWER.replace("at_least: 50", "at_least: 55"), RITA, at, takes_force=at + timedelta(days=8))
    drafts.sign(server.store, 5, "marketing", PRIYA, at)
    drafts.sign(server.store, 5, "sales", MARA, at)


PAGES = [
    ("mara", ["/contract", "/contract/drafts/2", "/contract/v/2"]),
    (
        "rita",
        [
            "/contract/draft",
            "/contract/drafts/3/edit",
            "/contract/drafts/4/edit",
            "/contract/drafts/4",
            "/contract/history",
            "/contract/diff/1..2",
        ],
    ),
]


def test_axe_finds_nothing_on_the_pages_of_the_contract(server, shelf, enter, page: Page, axe: str) -> None:
    found = []
    for who, paths in PAGES:
        enter(who, "/board")
        for path in paths:
            page.goto(server.url + path)
            for details in page.locator("details > summary").all():
                details.click()
            found += [(path, *one) for one in violations(page, axe)]
        page.context.clear_cookies()
    assert found == []


def test_no_page_of_the_contract_sticks_out_on_a_phone(server, shelf, enter, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    enter("rita", "/board")
    for path in [path for _, paths in PAGES for path in paths]:
        page.goto(server.url + path)
        assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), path


def test_problems_come_and_go_as_one_types(server, shelf, enter, page: Page) -> None:
    enter("rita", "/contract/draft")
    text = page.get_by_label("Text of the contract")
    expect(page.locator("#ed-state")).to_contain_text("No problems")
    text.fill(BAD)
    expect(page.locator("#ed-state")).to_contain_text("2 problems.")
    note = page.locator(".ed-notes li").first
    expect(note).to_contain_text("There is no field 'emploees' here. Did you mean 'employees'?")
    line = BAD[: BAD.index("emploees")].count("\n") + 1
    beside = note.bounding_box()["y"] - text.bounding_box()["y"] - 12 - (line - 1) * 20
    assert abs(beside) <= 4, f"the note stands {beside} pixels off its line"
    expect(page.locator("#live")).to_have_text(re.compile("2 problems"))
    text.fill(LOWER)
    expect(page.locator("#ed-state")).to_contain_text("its example comes out as expected")
    expect(page.locator(".ed-notes li.problem")).to_have_count(0)
    with server.store.reading() as conn:
        assert len(contracts.drafts(conn)) == 5, "checking saves nothing"


def test_numbers_follow_the_lines(server, enter, page: Page) -> None:
    enter("rita", "/contract/draft")
    text = page.get_by_label("Text of the contract")
    text.fill("a\nb\nc")
    expect(page.locator(".ed-gutter")).to_have_text(re.compile(r"^1\s2\s3\s$"))
    assert text.evaluate("e => e.scrollHeight <= e.clientHeight + 1"), "the text is as tall as its lines"


def test_by_keyboard_alone_to_the_problem_mended_and_saved(server, shelf, enter, page: Page) -> None:
    enter("rita", "/contract/drafts/3/edit")
    text = page.get_by_label("Text of the contract")
    text.focus()
    page.keyboard.press("F8")
    assert text.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)") == "emploees"
    page.keyboard.type("employees")
    expect(page.locator(".ed-notes li")).to_have_text([re.compile("There is no pool 'rset'")])
    page.keyboard.press("F8")
    assert text.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)") == "rset"
    page.keyboard.type("rest")
    expect(page.locator("#ed-state")).to_contain_text("No problems")
    with page.expect_navigation():
        page.keyboard.press("Control+s")
    expect(page).to_have_url(re.compile("/contract/drafts/3/edit$"))
    with server.store.reading() as conn:
        saved = contracts.draft(conn, 3)
    assert saved is not None
    assert (saved.source, saved.revision) == (LOWER, 1), "comments and layout are as they were"


def test_a_click_on_a_note_leads_to_its_line(shelf, enter, page: Page) -> None:
    enter("rita", "/contract/drafts/3/edit")
    page.locator(".ed-go").nth(1).click()
    text = page.get_by_label("Text of the contract")
    expect(text).to_be_focused()
    assert text.evaluate("e => e.value.slice(e.selectionStart, e.selectionStart + 4)") == "rset"


def test_tab_leaves_the_text(shelf, enter, page: Page) -> None:
    enter("rita", "/contract/drafts/3/edit")
    text = page.get_by_label("Text of the contract")
    text.focus()
    page.keyboard.press("Tab")
    expect(text).not_to_be_focused()


def test_letters_in_the_text_are_letters(enter, page: Page) -> None:
    enter("rita", "/contract/draft")
    page.get_by_label("Text of the contract").fill("")
    page.keyboard.type("g b ? / c")
    expect(page.get_by_label("Text of the contract")).to_have_value("g b ? / c")


def test_from_a_change_to_both_signatures(server, page: Page, enter) -> None:
    enter("rita", "/contract")
    page.get_by_role("link", name="Propose a change").click()
    page.get_by_label("Text of the contract").fill(LOWER)
    expect(page.locator("#ed-state")).to_contain_text("its example")
    page.get_by_role("button", name="Save and review").click()
    expect(page.locator(".verdict")).to_contain_text("It changes 2 terms of version 1. Intent bar 40 → 35")
    page.context.clear_cookies()
    enter("priya", "/contract/drafts/2")
    page.get_by_role("button", name="Sign for Marketing").click()
    expect(page.locator(".steps")).to_contain_text("Priya Patel")
    page.context.clear_cookies()
    enter("mara", "/contract/drafts/2")
    page.get_by_role("button", name="Sign for Sales").click()
    expect(page.get_by_text("version 2", exact=True)).to_be_visible()
    expect(page.get_by_text("in force since")).to_be_visible()
    expect(page.locator("aside")).to_contain_text("Mara Okonkwo")


def test_it_writes_checks_and_signs_without_javascript(server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url + "/login?next=/contract/draft")
    page.get_by_label("E-mail").fill("priya@northwind.example")
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Text of the contract").fill(BAD)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#ed-state")).to_contain_text("2 problems.")
    expect(page.get_by_label("Text of the contract")).to_have_value(BAD)
    page.get_by_label("Text of the contract").fill(LOWER)
    page.get_by_role("button", name="Save and review").click()
    page.get_by_role("button", name="Sign for Marketing").click()
    expect(page.locator(".steps")).to_contain_text("Priya Patel")
    context.close()


def test_leaving_with_unsaved_text_asks_first(shelf, enter, page: Page) -> None:
    enter("rita", "/contract/drafts/2/edit")
    text = page.get_by_label("Text of the contract")
    text.press("End")
    page.keyboard.type("  # more")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="What it changes").click()
    page.wait_for_url(re.compile("/contract/drafts/2$"))
    assert asked == ["beforeunload"]


def test_what_is_wrong_stays_in_sight_however_far_one_reads(server, shelf, enter, page: Page) -> None:
    """At the end of a long text the count of problems and the way to each are still there; one click leads back to the line."""
    enter("rita", "/contract/drafts/3/edit")
    text = page.get_by_label("Text of the contract")
    text.fill(BAD + "# more\n" * 120)
    expect(page.locator("#ed-state")).to_contain_text("2 problems.")
    page.locator("main").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    expect(page.locator("#ed-state")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Save and review")).to_be_in_viewport(ratio=1)
    page.locator("#ed-state .ed-go").first.click()
    expect(text).to_be_focused()
    assert text.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)") == "emploees"
    expect(page.locator(".ed-notes li.problem").first).to_be_in_viewport(ratio=1)
