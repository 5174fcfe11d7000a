"""Decided by hand: who may, what is refused, how it is lifted, and how it reads in a browser."""

from __future__ import annotations

import html
import re

import httpx
import pytest
from playwright.sync_api import Page, expect
from test_pages_browser import violations

from handfast.store import overrides

pytestmark = pytest.mark.filterwarnings("ignore:Session-scoped fixtures defined as instance methods")
ASKED = {"about": "maya@kraus.example", "verdict": "not_yet", "reason": "Their works council decides in January", "until": "2027-01-15"}


@pytest.fixture
def maya(server) -> str:
    """Somebody at Kraus, known by her address."""
    with server.store.writing() as conn:
        conn.execute(
            "INSERT INTO account (id, key, name, domain, created_at) VALUES ('acc_k', 'kraus.example', 'Kraus AG', 'kraus.example', now())"
        )
        conn.execute(
            "INSERT INTO person (id, email, name, account_id, created_at) VALUES ('per_k', 'maya@kraus.example', 'Maya Kraus', 'acc_k', now())"
        )
        conn.execute("INSERT INTO identity (who, person_id, since) VALUES ('email:maya@kraus.example', 'per_k', now())")
    return "per_k"


def text_of(answer: httpx.Response) -> str:
    return html.unescape(answer.text)


def running(server) -> list[overrides.OverrideRow]:
    with server.store.reading() as conn:
        return overrides.running(conn, server.clock())


@pytest.mark.parametrize("who", ["rita", "priya", "mara"])
def test_it_is_set_shown_to_everybody_and_lifted(server, client, maya: str, who: str) -> None:
    http = client(who)
    assert http.post("/overrides", data=ASKED).headers["location"] == "/overrides"
    [row] = running(server)
    assert (row.person_id, row.verdict, row.by) == (maya, "not_yet", f"{who}@northwind.example")
    # The last day is included, in the zone of whoever decides: Berlin's midnight.
    assert row.until.isoformat() == "2027-01-15T23:00:00+00:00"
    text = text_of(client("eva").get("/overrides"))
    assert "Maya Kraus" in text
    assert "Their works council decides in January" in text
    assert "Lift" not in text
    assert "Decide by hand" not in text
    server.clock.forward(minutes=1)
    assert http.post(f"/overrides/{row.id}/lift").status_code == 303
    assert running(server) == []
    assert "Nothing is decided by hand" in http.get("/overrides").text
    again = http.post(f"/overrides/{row.id}/lift")
    assert again.status_code == 409
    assert "Look at the list again" in again.text


def test_of_somebody_who_was_folded_it_is_shown_of_the_one_who_was_kept(server, client, maya: str) -> None:
    client("rita").post("/overrides", data=ASKED)
    with server.store.writing() as conn:
        conn.execute(
            "INSERT INTO person (id, email, name, account_id, created_at) VALUES ('per_m', 'm@kraus.example', 'M. Kraus', 'acc_k', now())"
        )
        conn.execute("UPDATE person SET merged_into = 'per_m' WHERE id = 'per_k'")
    assert '<b>M. Kraus</b> <span class="mute">of Kraus AG</span> is <b>not yet ready</b>' in text_of(client("eva").get("/overrides"))


def test_a_company_is_everybody_there(server, client, maya: str) -> None:
    client("rita").post("/overrides", data={**ASKED, "about": "kraus.example", "verdict": "never"})
    [row] = running(server)
    assert row.account_id == "acc_k"
    assert "Everybody at <b>Kraus AG</b> is <b>never ready</b>" in client("rita").get("/overrides").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"about": "nobody@nowhere.example"}, "Nobody is known as 'nobody@nowhere.example'"),
        ({"reason": "  "}, "An override needs a reason"),
        ({"verdict": ""}, "'' is no verdict"),
        ({"until": "soon"}, "'soon' is not a day"),
        ({"until": "2020-01-01"}, "would end before it begins"),
    ],
)
def test_what_is_wrong_is_said_above_the_form_and_nothing_typed_is_lost(
    server, client, maya: str, wrong: dict[str, str], said: str
) -> None:
    asked = {**ASKED, **wrong}
    answer = client("rita").post("/overrides", data=asked)
    assert answer.status_code == 409
    assert said in text_of(answer)
    assert f'value="{asked["about"]}"' in text_of(answer)
    assert running(server) == []


@pytest.mark.parametrize("who", ["ana", "eva"])
def test_reps_and_leaders_read_and_do_not_decide(server, client, maya: str, who: str) -> None:
    answer = client(who).post("/overrides", data=ASKED)
    assert answer.status_code == 403
    assert "Tell one of them why" in answer.text
    assert client(who).post("/overrides/ovr_x/lift").status_code == 403
    assert running(server) == []


def test_a_handoff_leads_there_with_the_person_filled_in(server, client) -> None:
    board = client("rita").get("/board").text
    handoff = re.search(r"/handoffs/[\w-]+", board)
    assert handoff
    link = re.search(r'href="(/overrides\?about=[^"]+)"', client("rita").get(handoff[0]).text)
    assert link
    assert re.search(r'name="about"[^>]* value="[^"]+"', client("rita").get(html.unescape(link[1])).text)
    assert "/overrides?about" not in client("ana").get(handoff[0]).text


# --- in a browser -----------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_it_reads_for_everybody(server, client, maya: str, enter, page: Page, axe: str) -> None:
    enter("rita", "/overrides")
    assert violations(page, axe) == []
    client("rita").post("/overrides", data=ASKED)
    page.reload()
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)") <= 390


@pytest.mark.browser
def test_decided_and_lifted_by_keyboard_alone(server, maya: str, enter, page: Page) -> None:
    enter("rita", "/overrides?about=maya@kraus.example")
    page.locator("select[name=verdict]").focus()
    page.keyboard.type("Never")
    page.keyboard.press("Tab")
    page.get_by_label("Because").focus()
    page.keyboard.type("A competitor")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="In force")).to_contain_text("Maya Kraus of Kraus AG is never ready")
    page.get_by_role("button", name="Lift what was decided about Maya Kraus").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is decided by hand")).to_be_visible()
