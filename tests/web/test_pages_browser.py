"""The pages in a real browser: by mouse, by keyboard alone, without JavaScript, in the dark, and live."""

from __future__ import annotations

import re
import time
from pathlib import Path

import cast
import pytest
from playwright.sync_api import Browser, Page, expect

from handfast.desk import actions, outcomes, touches
from handfast.facts import TouchKind

# The base-url plugin that comes with playwright's declares its fixture in a way the next pytest will refuse.
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")]

LIVE = "html[data-live=on]"


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def seconds(text: str) -> int:
    minutes, rest = re.search(r"(\d+):(\d+)", text).groups()
    return int(minutes) * 60 + int(rest)


# --- everybody can read it ------------------------------------------------------------------------------------

AXE_PAGES = [
    (None, ["/login"]),
    ("ana", ["/queue/hnd_maya", "/queue/hnd_jonas", "/queue/hnd_aiko", "/handoffs/hnd_maya", "/nowhere"]),
    ("mara", ["/queue", "/board", "/exceptions", "/reps", "/fairness"]),
    ("rita", ["/problems", "/messages", "/contract"]),
    ("priya", ["/feedback", "/disputes"]),
    ("eva", ["/scoreboard", "/who/maya@halden.example", "/who/halden.example"]),
]


@pytest.mark.parametrize("scoreboard", ["figures"], indirect=True)
def test_axe_finds_nothing_on_any_page(server, enter, page: Page, axe: str, expect_refusal) -> None:
    expect_refusal(404)
    found = []
    for who, paths in AXE_PAGES:
        for path in paths:
            if who is None:
                page.goto(server.url + path)
            else:
                enter(who, path)
            if path == "/problems":
                page.locator("summary").first.click()
            # Outside the page's own policy, as an extension of the browser would.
            found += [(path, *one) for one in violations(page, axe)]
        page.context.clear_cookies()
    assert found == []


AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
INK = "getComputedStyle(document.body).color"


def violations(page: Page, axe: str) -> list[tuple[str, str, list[str]]]:
    """What axe has to say of the page as it stands, by day and by night: (scheme, rule, where)."""
    page.evaluate(axe)
    found, inks = [], set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        inks.add(page.evaluate(INK))
        result = page.evaluate("options => axe.run(document, options)", AXE)
        found += [(scheme, one["id"], [str(node["target"]) for node in one["nodes"][:5]]) for one in result["violations"]]
    assert len(inks) == 2, f"the page is the same by night: {inks}"
    return found


def test_open_menus_and_dialogs_are_fine_too(enter, page: Page, axe: str) -> None:
    enter("mara", "/queue/hnd_maya")
    page.keyboard.press("d")
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("halden")
    expect(page.locator("#found")).to_contain_text("Maya Lindqvist")
    assert violations(page, axe) == []


def test_it_reads_without_javascript(server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url + "/login")
    page.get_by_label("E-mail").fill("ana@northwind.example")
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    heading(page, "Tom Okafor")
    page.get_by_role("link", name=re.compile("Maya Lindqvist")).click()
    heading(page, "Maya Lindqvist")
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"\d:\d\d"))
    page.get_by_role("button", name="Called").click()
    expect(page.locator("#act")).to_contain_text("Touched in")
    assert page.url.endswith("/queue/hnd_maya")
    context.close()


# --- keyboard -------------------------------------------------------------------------------------------------


def test_a_touch_and_its_undo_by_keyboard_alone(server, page: Page) -> None:
    page.goto(server.url + "/queue/hnd_maya")
    # Nobody types before the cursor stands in the field; a loaded machine may be slower than the keys.
    expect(page.locator("input[name=email]")).to_be_focused()
    page.keyboard.type("ana@northwind.example")
    page.keyboard.press("Tab")
    expect(page.locator("input[name=password]")).to_be_focused()
    page.keyboard.type(cast.PASSWORD)
    page.keyboard.press("Enter")
    heading(page, "Maya Lindqvist")
    page.locator("[data-htmx-powered]").first.wait_for(state="attached")  # a person is slower than the script; this test is not
    page.keyboard.press("c")
    expect(page.locator("#act")).to_contain_text("Touched in")
    expect(page.locator("#g-touched")).to_contain_text("Maya Lindqvist")
    expect(page.locator("#toasts")).to_contain_text("Called: Maya Lindqvist")
    expect(page.get_by_role("button", name="Connected")).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_role("timer")).to_be_visible()
    expect(page.locator("#g-hour")).to_contain_text("Maya Lindqvist")


def test_j_and_k_move_and_the_address_follows(enter, page: Page) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("j")
    heading(page, "Sofia Rossi")
    expect(page).to_have_url(re.compile("/queue/hnd_sofia$"))
    page.keyboard.press("k")
    heading(page, "Maya Lindqvist")
    page.go_back()
    heading(page, "Sofia Rossi")


def test_disqualifying_asks_for_a_reason_and_moves_on(enter, page: Page, server) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("d")
    menu = page.locator("#m-disqualify")
    expect(menu).to_be_visible()
    expect(menu.get_by_role("button").first).to_be_focused()
    button, box = page.get_by_role("button", name="Disqualify").bounding_box(), menu.bounding_box()
    assert 0 <= box["y"] - (button["y"] + button["height"]) < 20, "the menu stands under its button, also when a key opened it"
    page.keyboard.press("2")
    expect(page.locator("#toasts")).to_contain_text("Disqualified: Maya Lindqvist")
    expect(page.locator("#g-done")).to_contain_text("Disqualified, not a buyer")
    heading(page, "Tom Okafor")
    with server.store.reading() as conn:
        assert conn.execute("SELECT reason FROM handoff WHERE id = 'hnd_maya'").fetchone() == ("not_a_buyer",)


def test_a_reason_that_needs_a_note_waits_for_it(enter, page: Page, server) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("d")
    page.keyboard.press("4")
    note = page.locator("#m-disqualify").get_by_label("Note")
    expect(note).to_be_focused()
    note.fill("Bought last week 3")  # a digit in a note is a digit, no reason
    page.locator("#m-disqualify").get_by_role("button", name="Something else").click()
    expect(page.locator("#toasts")).to_contain_text("Disqualified: Maya Lindqvist")
    with server.store.reading() as conn:
        assert conn.execute("SELECT note FROM disposition").fetchone() == ("Bought last week 3",)


def test_a_meeting_in_two_keystrokes(enter, page: Page) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("m")
    page.keyboard.press("1")
    expect(page.locator("#toasts")).to_contain_text("Meeting set: Maya Lindqvist")


def test_letters_in_a_field_are_letters(enter, page: Page) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("/")
    page.keyboard.type("code")
    expect(page.get_by_label("Filter the queue")).to_have_value("code")
    expect(page.get_by_role("timer")).to_be_visible()
    expect(page.locator("#row-hnd_tom")).to_be_hidden()


def test_single_letters_can_be_switched_off(enter, page: Page) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("?")
    page.get_by_label("Single-letter shortcuts are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.reload()
    page.keyboard.press("c")
    expect(page.get_by_role("timer")).to_be_visible()


def test_g_then_b_goes_to_the_board(enter, page: Page) -> None:
    enter("ana", "/queue/hnd_maya")
    page.keyboard.press("g")
    page.keyboard.press("b")
    heading(page, "SLA board")


# --- time -----------------------------------------------------------------------------------------------------


def test_the_countdown_ticks_by_the_servers_clock(server, page: Page, enter) -> None:
    """The browser's own clock is a year off; the countdown is not."""
    enter("ana", "/queue")
    page.clock.install(time=cast.NOW.replace(year=2025))
    page.goto(server.url + "/queue/hnd_maya")
    shown = page.locator(".clock .t")
    before = seconds(shown.inner_text())
    assert 300 < before <= 360
    page.clock.run_for(3000)
    assert 2 <= before - seconds(shown.inner_text()) <= 4


def test_what_falls_due_turns_red_by_itself(server, page: Page, enter) -> None:
    enter("ana", "/queue")
    page.clock.install()
    page.goto(server.url + "/queue/hnd_maya")
    row = page.locator("#row-hnd_maya .ring")
    expect(row).to_have_attribute("data-state", "soon")
    page.clock.run_for(7 * 60_000)
    expect(row).to_have_attribute("data-state", "late")
    expect(row).to_contain_text("late")


# --- live -----------------------------------------------------------------------------------------------------


def test_somebody_elses_change_arrives_without_asking(server, page: Page, enter) -> None:
    enter("ana", "/queue/hnd_maya")
    page.locator(LIVE).wait_for()
    actions.reassign(server.store, "hnd_noah", "ana", "mara", "", server.clock())
    expect(page.locator("#row-hnd_noah")).to_be_visible()
    touches.touch(server.store, "hnd_sofia", "ana", TouchKind.CALL, server.clock())
    expect(page.locator("#g-touched")).to_contain_text("Sofia Rossi")
    expect(page.locator("#row-hnd_maya a")).to_have_attribute("aria-current", "true")


def test_the_board_moves_by_itself_and_hands_over(server, page: Page, enter) -> None:
    enter("mara", "/board")
    page.locator(LIVE).wait_for()
    touches.touch(server.store, "hnd_tom", "ana", TouchKind.CALL, server.clock())
    expect(page.locator("#b-hnd_tom")).to_have_count(0)
    expect(page.locator(".sum")).to_contain_text("7waiting for a first touch")
    page.locator("#b-hnd_mateo .own").click()
    dialog = page.get_by_role("dialog", name="Hand over Mateo Garcia")
    dialog.get_by_label("Dev Shah").check()
    dialog.get_by_role("button", name="Hand over").click()
    expect(page.locator("#toasts")).to_contain_text("Handed to Dev Shah")
    expect(page.locator("#b-hnd_mateo")).to_contain_text("Dev Shah")
    expect(page.locator(".exc")).to_have_count(0)


def test_eight_tabs_do_not_hang(server, page: Page, enter) -> None:
    """A hidden tab closes its stream: browsers allow six connections to a host."""
    enter("ana", "/queue")
    tabs = [page]
    for _ in range(7):
        tabs[-1].evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
        )
        tabs.append(page.context.new_page())
        tabs[-1].goto(server.url + "/queue", timeout=20_000)
        heading(tabs[-1], "Tom Okafor")


def test_a_lost_connection_is_said_and_nothing_pretends(server, page: Page, enter, expect_refusal) -> None:
    enter("ana", "/queue/hnd_maya")
    page.locator(LIVE).wait_for()
    expect_refusal.offline = True
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    expect(page.get_by_text("Not connected. What you do now is not saved.")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("timer")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Your last action was not saved.")
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.locator(LIVE).wait_for()
    with server.store.reading() as conn:
        assert conn.execute("SELECT touched_at FROM handoff WHERE id = 'hnd_maya'").fetchone() == (None,)


def test_the_stream_opens_however_late_its_script_arrives(page: Page, enter) -> None:
    """Found when a busy machine showed a page that never went live: htmx had started without the extension."""
    page.route("**/hx-sse-*.js*", lambda route: (time.sleep(1), route.continue_()))
    enter("ana", "/queue")
    page.locator(LIVE).wait_for(timeout=10_000)


def test_a_stream_refused_at_first_is_asked_for_again(page: Page, enter, expect_refusal) -> None:
    expect_refusal(503)
    refusals = iter([503, 503])
    page.route("**/stream", lambda route: route.fulfill(status=status) if (status := next(refusals, 0)) else route.continue_())
    enter("ana", "/queue")
    page.locator("html[data-live=off]").wait_for()
    page.locator(LIVE).wait_for(timeout=15_000)


def test_a_refusal_is_shown_where_the_button_was(server, page: Page, enter, expect_refusal) -> None:
    """Two people, one handoff: the second is told, and sees what holds now."""
    expect_refusal(409)
    enter("mara", "/handoffs/hnd_maya")
    page.locator("html").evaluate("e => e.dataset.keys = 'on'")
    from handfast.facts import Outcome

    outcomes.dispose(server.store, "hnd_maya", "ana", Outcome.MEETING_SET, server.clock())
    page.keyboard.press("c")
    expect(page.locator("#act").get_by_role("alert")).to_contain_text("closed")
    expect(page.locator("#act")).to_contain_text("Meeting set")


# --- the rest of the loop -------------------------------------------------------------------------------------


def test_an_intake_problem_is_mended_on_the_page(server, page: Page, enter) -> None:
    enter("priya", "/problems")
    card = page.locator("#p-ref_time")
    card.get_by_text("Payload", exact=True).click()
    box = card.get_by_role("textbox")
    box.fill(box.input_value().replace("23.11.2026 13:05", "2026-11-23T12:05:00Z"))
    card.get_by_role("button", name="Mend and replay").click()
    expect(page.locator("#toasts")).to_contain_text("Taken in")
    expect(card).to_have_count(0)


def test_on_a_phone_list_and_brief_take_turns(server, page: Page, enter) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    enter("ana", "/queue")
    expect(page.locator("#brief")).to_be_hidden()
    page.get_by_role("link", name=re.compile("Maya Lindqvist")).click()
    heading(page, "Maya Lindqvist")
    expect(page.locator("#groups")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out at the side"
    page.get_by_role("link", name="Back to the queue").click()
    expect(page.locator("#groups")).to_be_visible()


@pytest.mark.parametrize(
    "path",
    [
        *("/board", "/handoffs/hnd_maya", "/contract", "/problems", "/messages", "/scoreboard", "/who/maya@halden.example"),
        *("/exceptions", "/reps", "/fairness"),
    ],
)
@pytest.mark.parametrize("scoreboard", ["figures"], indirect=True)
def test_no_page_sticks_out_on_a_phone(server, page: Page, enter, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    enter("rita", path)
    assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
    )


def test_the_theme_is_remembered(server, page: Page, enter) -> None:
    page.emulate_media(color_scheme="light")
    enter("ana", "/queue")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_first_load_is_light(server, page: Page, enter) -> None:
    sizes: list[float] = []
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(server.url + "/login")
    sizes.clear()
    page.context.clear_cookies()
    enter("ana", "/queue")
    page.locator(LIVE).wait_for()
    assert sum(sizes) < 160_000, f"{sum(sizes):.0f} bytes"


def test_pictures_for_the_eye(server, page: Page, enter, tmp_path: Path) -> None:
    """Not compared with anything: a page that cannot be drawn fails here, and the files are there to be looked at."""
    enter("ana", "/queue/hnd_maya")
    picture = tmp_path / "queue.png"
    page.screenshot(path=str(picture))
    assert picture.stat().st_size > 20_000


def test_on_a_phone_every_page_is_one_tap_away_and_the_bar_does_not_scroll(server, page: Page, enter) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    enter("ana", "/queue")
    bar = page.get_by_role("navigation", name="Main")
    assert bar.evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    expect(bar.get_by_role("link", name="Contract")).to_be_hidden()
    bar.get_by_role("button", name="All pages").click()
    for name in ("Exceptions", "Contract", "Replay", "By hand"):
        expect(bar.get_by_role("link", name=name)).to_be_visible()
    page.keyboard.press("Escape")
    expect(bar.get_by_role("link", name="Contract")).to_be_hidden()
    bar.get_by_role("button", name="All pages").click()
    bar.get_by_role("link", name="Contract").click()
    expect(page).to_have_url(re.compile("/contract"))


def test_on_a_desk_all_pages_stand_beside_the_work(server, page: Page, enter) -> None:
    enter("ana", "/queue")
    bar = page.get_by_role("navigation", name="Main")
    for name in ("My queue", "SLA board", "Contract", "Scoreboard"):
        expect(bar.get_by_role("link", name=name)).to_have_count(1)
    expect(bar.get_by_role("button", name="All pages")).to_be_hidden()
