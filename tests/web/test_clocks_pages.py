"""Clocks that stand still, promises of both sides, where the time went: as the pages show it to each role."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import cast
import httpx

from handfast.desk import clocks
from handfast.desk.contracts import Book
from handfast.desk.way_back import tell
from handfast.facts import Outcome, stable_id
from handfast.store import clocks as rows
from handfast.store import handover

if TYPE_CHECKING:
    from conftest import Running

Client = Callable[[str | None], httpx.Client]


def shown(client: httpx.Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def untouched(server: Running) -> tuple[str, str]:
    """An open, untouched handoff of Ana's whose clock runs, and its person."""
    with server.store.reading() as conn:
        found = conn.execute(
            """SELECT h.id, p.name FROM handoff AS h JOIN person AS p ON p.id = h.person_id
               WHERE h.owner_id = 'ana' AND h.closed_at IS NULL AND h.touched_at IS NULL ORDER BY h.opened_at DESC LIMIT 1"""
        ).fetchone()
    assert found is not None
    return found[0], found[1]


def test_a_handoff_explains_its_clocks_and_accounts_for_every_second(client: Client, server: Running) -> None:
    handoff, _ = untouched(server)
    text = shown(client("ana"), f"/handoffs/{handoff}")
    assert "First touch is due" in text, "in sentences, with the hours that counted"
    assert "Where the time went" in text
    assert 'class="delay" role="img"' in text


def test_clocks_stand_still_for_a_reason_and_run_on_by_hand(client: Client, server: Running) -> None:
    handoff, _ = untouched(server)
    ana = client("ana")
    assert "Let its clocks stand still" in shown(ana, f"/handoffs/{handoff}")
    refused = ana.post(f"/handoffs/{handoff}/pause", data={"reason": "lunch"})
    assert refused.status_code == 409
    assert "is no reason to let clocks stand still" in refused.text
    assert ana.post(f"/handoffs/{handoff}/pause", data={"reason": "on_holiday", "note": "back on Thursday"}).status_code == 303
    text = shown(ana, f"/handoffs/{handoff}")
    assert "First touch stands still since" in text
    assert "on holiday, back on Thursday." in text
    assert "of working time are left, of" in text
    assert "First touch is due" not in text, "not the old due time as if it ran"
    for page in ("/queue", f"/queue/{handoff}"):
        queue = shown(ana, page)
        assert re.search(r"Until [^<]+ at the latest, [^<]+ of working time left: on holiday, since", queue)
    board = shown(client("mara"), "/board")
    row = board[board.index(f'id="b-{handoff}"') :].partition("</tr>")[0]
    assert "of working time left" in row
    assert "data-due" not in row, "no countdown runs"
    assert client("chloe").post(f"/handoffs/{handoff}/resume").status_code == 403
    assert ana.post(f"/handoffs/{handoff}/resume").status_code == 303
    assert "Stands still since" not in shown(ana, f"/handoffs/{handoff}")


def test_only_who_leads_promises_otherwise_and_both_clocks_are_shown(client: Client, server: Running) -> None:
    handoff, _ = untouched(server)
    with server.store.reading() as conn:
        before = conn.execute("SELECT sla FROM handoff WHERE id = %s", (handoff,)).fetchone()
        contract = Book().refresh(conn).at(cast.NOW).contract
    assert before is not None
    other = next(sla.name for sla in contract.sla if sla.name != before[0])
    assert client("ana").post(f"/handoffs/{handoff}/promise", data={"sla": other, "why": "x"}).status_code == 403
    assert client("mara").post(f"/handoffs/{handoff}/promise", data={"sla": other, "why": "They asked for it"}).status_code == 303
    assert "another has taken its place" in shown(client("mara"), f"/handoffs/{handoff}")


def test_what_is_offered_is_taken_by_the_first(client: Client, server: Running) -> None:
    handoff, _ = untouched(server)
    with server.store.writing() as conn:
        rows.add_offers(conn, handoff, ["chloe", "dev"], "tmr", cast.NOW)
    assert "It is offered to you" in shown(client("chloe"), f"/handoffs/{handoff}")
    assert client("chloe").post(f"/handoffs/{handoff}/take").status_code == 303
    with server.store.reading() as conn:
        assert conn.execute("SELECT owner_id FROM handoff WHERE id = %s", (handoff,)).fetchone() == ("chloe",)
    late = client("chloe").post(f"/handoffs/{handoff}/take")
    assert late.status_code == 409
    assert "somebody was faster" in late.text


def test_feedback_says_what_became_of_it_and_takes_marketings_answer(client: Client, server: Running) -> None:
    handoff, person = untouched(server)
    book = Book()
    with server.store.writing() as conn:
        agreement = book.refresh(conn).at(cast.NOW)
        clocks.owe(conn, agreement, "context_complete", handoff, cast.NOW, {"missing": ["phone"]})
    priya = client("priya")
    text = shown(priya, "/feedback")
    assert "Owed by marketing" in text
    assert person in text
    assert "Promises of both sides" in text
    key = stable_id("clk", handoff, "context_complete")
    assert client("ana").post("/feedback/answer", data={"clock": key, "note": "There"}).status_code == 403
    assert "othing was said" in priya.post("/feedback/answer", data={"clock": key, "note": " "}).text
    assert priya.post("/feedback/answer", data={"clock": key, "note": "It is in the CRM now"}).status_code == 303
    assert person not in shown(priya, "/feedback").partition("By source")[0]


def test_who_came_back_is_a_list_that_marketing_takes_along(client: Client, server: Running) -> None:
    from handfast.desk.outcomes import dispose

    handoff, person = untouched(server)
    with server.store.writing() as conn:
        conn.execute("UPDATE person SET name = '=HYPERLINK(1)' WHERE name = %s", (person,))
    dispose(server.store, handoff, "ana", Outcome.RECYCLE, cast.NOW, reason="not_now")
    tell(server.store, Book(), cast.NOW.replace(hour=23))
    with server.store.writing() as conn:
        conn.execute("UPDATE way_back SET tell_at = at")
        handover.notify(conn, "board")
    priya = client("priya")
    assert "Not now" in shown(priya, "/feedback")
    text = shown(priya, "/feedback/nurture.csv")
    assert text.startswith("email,name,company,track,reason")
    assert "'=HYPERLINK(1)" in text, "a spreadsheet must not run it"
    assert client("ana").get("/feedback/nurture.csv").status_code == 403
