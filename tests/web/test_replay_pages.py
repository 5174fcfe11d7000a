"""The replay page: a manager asks for a replay, watches it run, and reads what would have been different; a rep may look, not start."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import cast
import httpx
import pytest
from playwright.sync_api import Page, expect
from test_pages_browser import violations
from tests.conftest import _own_database

from handfast.demo import run as demo
from handfast.desk import logins
from handfast.store.base import Store

END = datetime(2026, 11, 20, 18, tzinfo=UTC)
ASKED = {"of": "version 1", "since": "2026-11-01", "until": "2026-11-20", "minutes": "30"}


def five_days(store: Store) -> None:
    assert demo.clear(store, END) is None
    demo.live_through(store, days=5, seed=7, end=END)
    logins.add_login(store, "mara@northwind.example", cast.PASSWORD, "manager", END, name="Mara")
    logins.add_login(store, "rep@northwind.example", cast.PASSWORD, "rep", END, rep_id="ana", name="Ana")


@pytest.fixture
def demo_store(postgres_url: str, prepared: Callable[..., str]) -> Iterator[Store]:
    """A Store on a database of this test's own, with five days of the demo company."""
    for url in _own_database(postgres_url, prepared("five days", five_days)):
        with Store(url) as store:
            yield store


@pytest.fixture
def company(demo_store: Store, running: Callable[..., Any], browse: Callable[..., httpx.Client]) -> Callable[[str], httpx.Client]:
    """Five days of the demo company, and the way in for a manager (mara) and a rep (ana)."""
    url = running(demo_store).url

    def enter(who: str) -> httpx.Client:
        http = browse(url, headers={"Origin": url})
        assert http.post("/login", data={"email": f"{who}@northwind.example", "password": cast.PASSWORD}).status_code == 303
        return http

    return enter


def answered(http: httpx.Client, where: str) -> str:
    """The report, once it is there."""
    deadline = time.monotonic() + 90
    while "Who is ready" not in (text := http.get(where).text):
        assert time.monotonic() < deadline, text
        assert http.get(f"{where}/progress", headers={"HX-Request-Type": "partial"}).status_code == 200
        time.sleep(0.2)
    return text


def test_a_manager_replays_a_version_and_reads_the_report(company: Callable[[str], httpx.Client]) -> None:
    http = company("mara")
    assert "Version 1, Northwind" in http.get("/replay").text
    where = http.post("/replay", data=ASKED).headers["location"]
    text = answered(http, where)
    assert "Nobody is ready who was not, and nobody ceases to be." in text
    assert "At 30 working minutes a handoff" in text
    assert 'class="chart frontier"' in text
    assert where in http.get("/replay").text
    assert http.post("/replay", data=ASKED).headers["location"] == where, "the same question is the same replay"


def test_a_rep_may_look_but_not_start(company: Callable[[str], httpx.Client]) -> None:
    http = company("rep")
    assert http.get("/replay").status_code == 200
    assert http.post("/replay", data=ASKED).status_code == 403
    assert http.get("/replay/rpl_nothing").status_code == 404


def test_a_period_that_makes_no_sense_is_refused(company: Callable[[str], httpx.Client]) -> None:
    http = company("mara")
    answer = http.post("/replay", data={**ASKED, "since": "2026-11-20", "until": "2026-11-01"})
    assert answer.status_code == 409
    assert "Name an end after the beginning" in answer.text
    assert http.post("/replay", data={**ASKED, "since": "soon"}).status_code == 409
    assert http.post("/replay", data={**ASKED, "of": "version 77"}).status_code == 404


@pytest.mark.browser
def test_it_reads_for_everybody(enter: Callable[..., Any], page: Page, axe: str) -> None:
    """In a browser: started by hand, its bar, its report; nothing for axe to complain of, at a desk or on a telephone."""
    enter("rita", "/replay")
    assert violations(page, axe) == []
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("heading", name="Who is ready")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("img", name=re.compile("Handoffs a week and their precision"))).to_be_visible()
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
