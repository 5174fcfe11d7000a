"""The page of one person or company: everything decided about them, with its working."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import cast
import httpx
import pytest

from handfast.web.score_chart import score

if TYPE_CHECKING:
    from conftest import Running

Client = Callable[[str | None], httpx.Client]


def shown(client: httpx.Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def ids(server: Running) -> tuple[str, str, str]:
    """Of the handoff of Maya: her person, her address, her account."""
    with server.store.reading() as conn:
        row = conn.execute(
            "SELECT p.id, p.email, p.account_id FROM handoff AS h JOIN person AS p ON p.id = h.person_id WHERE h.id = 'hnd_maya'"
        ).fetchone()
    assert row is not None
    return row


def test_a_person_is_found_by_id_and_address(client: Client, server: Running) -> None:
    person, email, account = ids(server)
    ana = client("ana")
    by_id = shown(ana, f"/who/{person}")
    assert "Maya Lindqvist" in by_id
    assert f"/who/{account}" in by_id
    assert "/handoffs/hnd_maya" in by_id
    assert "Where they stand" in by_id
    assert "Maya Lindqvist" in shown(ana, f"/who/{email.upper()}")


def test_a_company_lists_its_people_and_handoffs(client: Client, server: Running) -> None:
    person, _, account = ids(server)
    page = shown(client("eva"), f"/who/{account}")
    assert "Halden Logistics" in page
    assert f"/who/{person}" in page
    assert "/handoffs/hnd_maya" in page


def test_a_handoff_leads_to_its_own_page_and_the_page_back_to_the_person(client: Client, server: Running) -> None:
    person, _, account = ids(server)
    ana = client("ana")
    answer = ana.get("/who/hnd_maya", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/handoffs/hnd_maya")
    own = shown(ana, "/handoffs/hnd_maya")
    assert f"/who/{person}" in own
    assert f"/who/{account}" in own


@pytest.mark.parametrize("key", ["nobody@nowhere.example", "per_0", "x" * 5000])
def test_who_nobody_knows_is_told_so(client: Client, key: str) -> None:
    assert "Nobody is known by this" in shown(client("ana"), f"/who/{key}", 404)


def test_a_key_that_no_address_can_have_names_no_page(client: Client) -> None:
    assert "a character that no address has" in shown(client("ana"), "/who/%00", 404)


def test_the_palette_leads_to_whoever_is_known_by_just_these_words(client: Client, server: Running) -> None:
    _, email, _ = ids(server)
    ana = client("ana")
    assert f"Everything about {email}" in shown(ana, f"/find?q={email}")
    assert "Everything about" not in shown(ana, "/find?q=nobody@nowhere.example")


def test_nobody_reads_it_without_an_account(client: Client) -> None:
    assert client(None).get("/who/hnd_maya", follow_redirects=False).headers["location"].startswith("/login")


def test_the_score_rises_fades_and_turns(server: Running) -> None:
    del server
    begin = cast.NOW.astimezone(UTC)
    history = [
        {"at": begin, "intent_millionths": 10_000_000, "gained": 10_000_000, "changed": False, "outcome": "not_yet"},
        {"at": begin + timedelta(days=7), "intent_millionths": 47_000_000, "gained": 40_000_000, "changed": True, "outcome": "ready"},
    ]
    drawn = str(score(history, 40, ZoneInfo("Europe/Berlin")))
    assert "ready from here" in drawn
    assert "Intent went from 10 to 47 in 2 moments; the bar is 40" in drawn
    assert drawn.count("<circle") == 1
    assert score(history[:1], 40, ZoneInfo("UTC")) == ""
    same = [{**one, "at": datetime(2026, 1, 1, tzinfo=UTC)} for one in history]
    assert "nan" not in str(score(same, 40, ZoneInfo("UTC")))
