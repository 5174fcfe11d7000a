"""Saying what became of a handoff on the page: the answers a reason asks for, codes that are retired, taking it back, accepting it."""

from __future__ import annotations

from datetime import timedelta


def held(store, handoff: str) -> tuple:
    with store.reading() as conn:
        return conn.execute("SELECT outcome, reason, closed_at, accepted_at FROM handoff WHERE id = %s", (handoff,)).fetchone()


def test_a_reason_that_asks_gets_its_fields_and_a_retired_one_is_not_offered(server, client) -> None:
    text = client("ana").get("/queue/hnd_maya").text
    assert 'name="answer-lost_to-competitor"' in text
    assert 'type="date"' in text
    assert "Too small for now" not in text


def test_answers_travel_with_their_own_reason_only(server, client) -> None:
    ana, form = client("ana"), {"outcome": "recycle", "reason": "lost_to", "answer-lost_to-competitor": "Kestrel"}
    refused = ana.post("/handoffs/hnd_maya/dispose", data=form)
    assert refused.status_code == 409
    assert "needs an answer: contract ends" in refused.text
    form |= {"answer-lost_to-contract_ends": "2027-01-31", "answer-not_now-competitor": "somebody"}
    assert ana.post("/handoffs/hnd_maya/dispose", data=form).status_code == 303
    with server.store.reading() as conn:
        row = conn.execute("SELECT answers FROM disposition WHERE handoff_id = 'hnd_maya'").fetchone()
    assert row == ({"competitor": "Kestrel", "contract_ends": "2027-01-31T00:00:00"},)


def test_what_was_closed_by_a_slip_is_opened_again(server, client) -> None:
    ana = client("ana")
    part = {"HX-Request": "true", "HX-Request-Type": "partial"}
    answer = ana.post("/handoffs/hnd_maya/dispose", data={"outcome": "disqualify", "reason": "bad_fit"}, headers=part)
    assert 'action="/handoffs/hnd_maya/undo"' in answer.text  # in the toast
    assert 'action="/handoffs/hnd_maya/undo"' in ana.get("/handoffs/hnd_maya").text  # and in the bar, for whoever has no toast
    assert client("chloe").post("/handoffs/hnd_maya/undo").status_code == 403
    assert ana.post("/handoffs/hnd_maya/undo", headers=part).status_code == 200
    assert held(server.store, "hnd_maya")[:3] == (None, None, None)


def test_after_a_quarter_of_an_hour_it_stays_closed(server, client) -> None:
    ana = client("ana")
    ana.post("/handoffs/hnd_maya/dispose", data={"outcome": "disqualify", "reason": "bad_fit"})
    server.clock.forward(minutes=16)
    assert "/undo" not in ana.get("/handoffs/hnd_maya").text
    answer = ana.post("/handoffs/hnd_maya/undo")
    assert answer.status_code == 409
    assert "may be taken back for 15 minutes" in answer.text


def test_where_a_promise_asks_for_it_the_owner_accepts_with_one_button(server, client) -> None:
    ana = client("ana")
    assert "/accept" not in ana.get("/queue/hnd_maya").text
    now = server.clock()
    with server.store.writing() as conn:
        conn.execute(
            "INSERT INTO clock (id, handoff_id, kind, sla, calendar, started_at, due_at) VALUES ('clk_a', 'hnd_maya', 'accept', 'fast_lane', 'team', %s, %s)",
            (now, now + timedelta(minutes=5)),
        )
    assert 'action="/handoffs/hnd_maya/accept"' in ana.get("/queue/hnd_maya").text
    assert ana.post("/handoffs/hnd_maya/accept").status_code == 303
    assert held(server.store, "hnd_maya")[3] is not None
    assert "/accept" not in ana.get("/queue/hnd_maya").text


def test_whoever_leads_opens_again_what_a_rep_closed_saying_why(server, client) -> None:
    assert client("ana").post("/handoffs/hnd_maya/dispose", data={"outcome": "disqualify", "reason": "bad_fit"}).status_code == 303
    mara = client("mara")
    assert "Why, as the rep is told" in mara.get("/handoffs/hnd_maya").text
    silent = mara.post("/handoffs/hnd_maya/undo", data={"why": " "})
    assert (silent.status_code, "not said why" in silent.text) == (409, True)
    assert client("chloe").post("/handoffs/hnd_maya/undo", data={"why": "mine"}).status_code == 403
    assert mara.post("/handoffs/hnd_maya/undo", data={"why": "They called me"}).status_code == 303
    assert held(server.store, "hnd_maya")[:3] == (None, None, None)
    with server.store.reading() as conn:
        told = conn.execute("SELECT recipient, payload ->> 'why' FROM outbox WHERE kind = 'taken_back' LIMIT 1").fetchone()
    assert told is not None
    assert told[0] == "ana"
    assert told[1].endswith("took back 'disqualify (bad fit)': They called me.")
