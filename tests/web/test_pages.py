"""The pages as text: what they say, to whom, and what they refuse."""

from __future__ import annotations

import re

import cast
import pytest

from handfast.desk import touches
from handfast.facts import TouchKind

PAGES = {
    "ana": [
        "/queue",
        "/queue/hnd_maya",
        "/queue/hnd_aiko",
        "/handoffs/hnd_maya",
        "/handoffs/hnd_jonas",
        "/board",
        "/contract",
        "/scoreboard",
    ],
    "mara": ["/queue", "/queue?rep=ana", "/queue/hnd_maya", "/board", "/handoffs/hnd_mateo", "/problems"],
    "priya": ["/problems", "/board"],
    "rita": ["/contract", "/contract/v/1", "/problems", "/handoffs/hnd_elena"],
    "eva": ["/scoreboard", "/board"],
}
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize("who", PAGES)
def test_every_page_reads_and_is_kept_out_of_caches(server, client, who: str) -> None:
    http = client(who)
    for path in PAGES[who]:
        answer = http.get(path)
        assert answer.status_code == 200, (path, answer.text[:500])
        assert answer.headers["cache-control"] == "private, no-store"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe-eval" not in answer.headers["content-security-policy"]
        assert len(re.findall(r"<h1\b", answer.text)) == 1, path


# --- the queue ------------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[tuple[str, list[str]]]:
    """The groups of a queue and the people in each."""
    parts = re.split(r'<section class="q-group', text)[1:]
    return [(re.search(r"<h3[^>]*>([^<]+?) <span", p)[1], re.findall(r'class="who"><b>([^<]+)', p)) for p in parts]


def test_the_queue_is_ordered_by_the_time_left(server, client) -> None:
    assert rows_of(client("ana").get("/queue").text) == [
        ("Late", ["Tom Okafor"]),
        ("Due within the hour", ["Maya Lindqvist", "Sofia Rossi"]),
        ("Later", ["Liam Nguyen", "Hanna Kaya"]),
        ("Touched, waiting for an outcome", ["Jonas Meyer"]),
        ("Done today", ["Aiko Tanaka", "Elena Novak"]),
    ]


def test_the_most_urgent_handoff_is_open_beside_it(server, client) -> None:
    assert '<h1 id="b-name">Tom Okafor</h1>' in client("ana").get("/queue").text


def test_a_brief_shows_her_words_the_opening_and_where_each_line_comes_from(server, client) -> None:
    text = client("ana").get("/queue/hnd_maya").text
    assert "Need a quote for 120 seats before our Q1 budget closes on Friday." in text
    assert "Maya, you asked us for a quote." in text
    assert re.search(r'Friday\.”<span class="cites">.*?href="#sig-1"', text)
    assert 'id="sig-1"' in text
    assert re.search(r'class="cite" href="/handoffs/hnd_maya#verdict"', text)
    assert "tel:+49405550142" in text


def test_what_the_contract_wants_known_and_is_not_is_said(server, client) -> None:
    text = client("ana").get("/queue/hnd_hanna").text
    assert re.search(r"Not known yet</h2>.*?Phone", text, re.DOTALL)
    assert "Not known yet" not in client("ana").get("/queue/hnd_maya").text


def test_a_manager_reads_a_reps_queue_and_a_rep_reads_only_her_own(server, client) -> None:
    assert "Ana Flores" in re.search(r'class="list-t">([^<]+)', client("mara").get("/queue?rep=ana").text)[1]
    assert "My queue" in re.search(r'class="list-t">([^<]+)', client("ana").get("/queue?rep=chloe").text)[1]
    assert client("rita").get("/queue").headers["location"] == "/board", "somebody who is no rep has no queue"


def test_an_empty_queue_says_so(server, client) -> None:
    text = client("mara").get("/queue").text
    assert "You are all caught up" in text


def test_htmx_gets_the_part_and_going_back_gets_the_page(server, client) -> None:
    ana = client("ana")
    part = ana.get("/queue/hnd_maya", headers=HTMX).text
    assert "<html" not in part
    assert "Maya Lindqvist" in part
    assert "<html" in ana.get("/queue/hnd_maya", headers={"HX-Request": "true", "HX-Request-Type": "full"}).text


# --- acting ---------------------------------------------------------------------------------------------------


def state(store, handoff: str) -> tuple:
    with store.reading() as conn:
        return conn.execute("SELECT touched_at IS NOT NULL, outcome, reason, owner_id FROM handoff WHERE id = %s", (handoff,)).fetchone()


def test_a_touch_answers_with_bar_row_and_a_toast_that_undoes_it(server, client) -> None:
    ana = client("ana")
    answer = ana.post("/handoffs/hnd_maya/touch", data={"kind": "call", "back": "/queue/hnd_maya"}, headers=HTMX)
    assert answer.status_code == 200
    assert "Touched in 9 min" in answer.text
    assert 'hx-target="#groups"' in answer.text
    undo = re.search(r'action="(/touches/[^"]+/undo)"', answer.text)[1]
    assert state(server.store, "hnd_maya")[0] is True
    again = ana.post(undo, data={"back": "/queue/hnd_maya"}, headers=HTMX)
    assert 'role="timer"' in again.text
    assert state(server.store, "hnd_maya")[0] is False


def test_without_javascript_a_form_leads_back_to_its_page(server, client) -> None:
    answer = client("ana").post("/handoffs/hnd_maya/touch", data={"kind": "email", "back": "/queue/hnd_maya"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue/hnd_maya")
    elsewhere = client("ana").post("/handoffs/hnd_maya/touch", data={"kind": "email", "back": "//evil.example"})
    assert elsewhere.headers["location"] == "/"


def test_disqualifying_needs_a_reason_of_the_contract(server, client) -> None:
    ana = client("ana")
    for form in ({"outcome": "disqualify"}, {"outcome": "disqualify", "reason": "because"}, {"outcome": "nonsense"}):
        answer = ana.post("/handoffs/hnd_maya/dispose", data={**form, "back": "/queue/hnd_maya"}, headers=HTMX)
        assert answer.status_code == 409
        assert 'role="alert"' in answer.text
        plain = ana.post("/handoffs/hnd_maya/dispose", data=form)
        assert (plain.status_code, "This was not done" in plain.text) == (409, True)
    assert state(server.store, "hnd_maya")[1] is None
    done = ana.post(
        "/handoffs/hnd_maya/dispose", data={"outcome": "disqualify", "reason": "bad_fit", "back": "/queue/hnd_maya"}, headers=HTMX
    )
    assert done.status_code == 200
    assert done.headers["hx-push-url"].startswith("/queue/hnd_"), "the next handoff takes its place"
    assert state(server.store, "hnd_maya")[1:3] == ("disqualify", "bad_fit")


def test_a_meeting_keeps_its_time_in_the_reps_zone(server, client) -> None:
    client("ana").post("/handoffs/hnd_maya/dispose", data={"outcome": "meeting_set", "meeting_at": "2026-11-26T10:30"})
    with server.store.reading() as conn:
        assert (
            conn.execute("SELECT meeting_at AT TIME ZONE 'Europe/Berlin' FROM disposition").fetchone()[0].isoformat()
            == "2026-11-26T10:30:00"
        )
    wrong = client("ana").post("/handoffs/hnd_sofia/dispose", data={"outcome": "meeting_set", "meeting_at": "on Thursday"})
    assert wrong.status_code == 409


def test_a_closed_handoff_refuses_what_comes_too_late(server, client) -> None:
    answer = client("ana").post("/handoffs/hnd_aiko/touch", data={"kind": "call", "back": "/queue/hnd_aiko"}, headers=HTMX)
    assert answer.status_code == 409
    assert "this handoff is closed" in answer.text.lower()


# --- who may act ----------------------------------------------------------------------------------------------


ACTIONS = [
    ("touch", {"kind": "call"}),
    ("dispose", {"outcome": "disqualify", "reason": "bad_fit"}),
    ("dispose", {"outcome": "meeting_set"}),
    ("reassign", {"to": "chloe"}),
]


@pytest.mark.parametrize(("verb", "form"), ACTIONS)
@pytest.mark.parametrize("who", ["chloe", "priya", "eva"])
def test_nobody_acts_on_another_reps_handoff(server, client, who: str, verb: str, form: dict[str, str]) -> None:
    before = state(server.store, "hnd_maya")
    answer = client(who).post(f"/handoffs/hnd_maya/{verb}", data=form)
    assert answer.status_code == 403
    assert "This was not done" in answer.text
    assert state(server.store, "hnd_maya") == before


def test_nobody_undoes_another_reps_touch(server, client) -> None:
    made = touches.touch(server.store, "hnd_maya", "ana", TouchKind.CALL, server.clock())
    assert client("chloe").post(f"/touches/{made.id}/undo").status_code == 403
    assert state(server.store, "hnd_maya")[0] is True


def test_a_rep_does_not_reassign_even_her_own(server, client) -> None:
    assert client("ana").post("/handoffs/hnd_maya/reassign", data={"to": "chloe"}).status_code == 403
    assert state(server.store, "hnd_maya")[3] == "ana"


@pytest.mark.parametrize("who", ["mara", "rita"])
def test_those_who_lead_reassign(server, client, who: str) -> None:
    answer = client(who).post("/handoffs/hnd_maya/reassign", data={"to": "chloe", "why": "Ana is at lunch", "back": "/handoffs/hnd_maya"})
    assert answer.status_code == 303, answer.text
    assert state(server.store, "hnd_maya")[3] == "chloe"
    assert "Ana is at lunch" in client(who).get("/handoffs/hnd_maya").text
    assert client(who).post("/handoffs/hnd_maya/reassign", data={"to": "nobody"}).status_code == 409


def test_the_page_offers_no_button_that_would_be_refused(server, client) -> None:
    assert 'name="kind"' not in client("chloe").get("/handoffs/hnd_maya").text
    assert "Ana Flores owns this handoff" in client("chloe").get("/handoffs/hnd_maya").text
    assert "Hand to somebody else" not in client("ana").get("/handoffs/hnd_maya").text


@pytest.mark.parametrize("path", ["/handoffs/hnd_nobody", "/queue/hnd_nobody", "/nowhere", "/contract/v/99"])
def test_what_is_not_there_says_what_to_do(server, client, path: str) -> None:
    answer = client("ana").get(path)
    assert answer.status_code == 404
    assert "Back to work" in answer.text


# --- one handoff, whole ---------------------------------------------------------------------------------------


def test_a_handoff_shows_every_criterion_every_rung_and_its_clock(server, client) -> None:
    text = client("ana").get("/handoffs/hnd_maya").text
    assert "The size we serve well: +30" in text
    assert re.search(r'<tr class="not_met next_step">', text)
    assert "Ben Carter skipped: Ben Carter is away until Thursday." in text
    assert "15 minutes by the “Fast lane” promise" in text
    assert "Remind the owner" in text
    assert text.index("Form submitted") < text.index("Webinar attended"), "the timeline begins with the latest"


# --- the board ------------------------------------------------------------------------------------------------


def test_the_board_counts_what_runs_and_who_has_room(server, client) -> None:
    text = client("mara").get("/board").text
    numbers = re.search(r'class="sum">(.*?)</p>', text)[1]
    assert re.sub(r"<[^>]+>", " ", numbers).split() == [
        "1",
        "late",
        "2",
        "due",
        "in",
        "15",
        "min",
        "8",
        "waiting",
        "for",
        "a",
        "first",
        "touch",
        "75%",
        "inside",
        "SLA",
        "today",
    ]
    assert re.findall(r'id="b-hnd_(\w+)"', text)[:4] == ["mateo", "tom", "maya", "noah"]
    assert re.search(r"Ana Flores</b><span class=\"n\">6 of 8", text)
    ben = re.search(r"<b>Ben Carter</b>.*?</li>", text)[0]
    assert re.search(r'class="n">\d+ of 8<', ben), "who is away still carries what they have"
    assert "away until Thu 26 Nov" in ben
    assert re.search(r"Ben Carter</span><small>[^<]*\d+ of 8, away until Thu 26 Nov", text), (
        "said as well where somebody is chosen to take one over"
    )
    assert 'Mara Okonkwo</b><span class="n"' not in text, "who takes no turns is no part of the load"


def test_the_live_part_is_the_same_bytes_for_everybody(server, client) -> None:
    parts = {client(who).get("/board/live", headers=HTMX).text for who in ("ana", "mara", "eva")}
    assert len(parts) == 1


def test_only_those_who_lead_get_the_dialog(server, client) -> None:
    assert 'id="reassign"' in client("mara").get("/board").text
    assert 'id="reassign"' not in client("ana").get("/board").text


def test_the_palette_finds_people_and_companies(server, client) -> None:
    ana = client("ana")
    assert "Maya Lindqvist" in ana.get("/find?q=halden").text
    assert "Nobody found" in ana.get("/find?q=%25%25").text, "a per cent sign is no wildcard"
    assert ana.get("/find?q=h").text.strip() == ""


# --- intake problems ------------------------------------------------------------------------------------------


def test_intake_problems_say_what_and_how_to_mend_it(server, client) -> None:
    text = client("priya").get("/problems").text
    assert "is not a time" in text
    assert "Send it as 2026-11-23T13:05:00Z." in text
    assert "refused 3 times" in text
    assert "&#34;messageId&#34;: &#34;m-1&#34;" in text


def test_mended_it_goes_in(server, client) -> None:
    broken = cast.BROKEN | {"timestamp": "2026-11-23T12:05:00Z"}
    import orjson

    answer = client("priya").post("/problems/ref_time/replay", data={"payload": orjson.dumps(broken).decode()})
    assert (answer.status_code, answer.headers.get("location")) == (303, "/problems"), answer.text
    with server.store.reading() as conn:
        assert conn.execute("SELECT state FROM intake_problem WHERE id = 'ref_time'").fetchone() == ("replayed",)
        assert conn.execute("SELECT count(*) FROM signal WHERE user_id = 'u-77'").fetchone() == (1,)


@pytest.mark.parametrize("payload", ['{"type": ', '{"type": "track"}'])
def test_what_is_still_wrong_is_said_and_the_text_is_kept(server, client, payload: str) -> None:
    answer = client("rita").post("/problems/ref_time/replay", data={"payload": payload})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert payload.replace('"', "&#34;") in answer.text
    with server.store.reading() as conn:
        assert conn.execute("SELECT state FROM intake_problem WHERE id = 'ref_time'").fetchone() == ("open",)


def test_dismissed_it_leaves_the_list_and_the_last_one_leaves_it_empty(server, client) -> None:
    rita = client("rita")
    for name in ("ref_time", "ref_text"):
        assert rita.post(f"/problems/{name}/dismiss").status_code == 303
    assert "Nothing waits to be mended" in rita.get("/problems").text
    assert rita.post("/problems/ref_time/dismiss").status_code == 409


def test_raw_payloads_are_not_for_everybody(server, client) -> None:
    assert client("ana").get("/problems").status_code == 403
    assert client("mara").get("/problems").status_code == 200
    assert client("mara").post("/problems/ref_time/dismiss").status_code == 403
    assert client("rita").post("/problems/ref_none/dismiss").status_code == 404


# --- contract and scoreboard ----------------------------------------------------------------------------------


def test_the_contract_reads_in_words_and_as_written(server, client) -> None:
    text = client("ana").get("/contract").text
    assert "employees BETWEEN 200 AND 5000" in text
    assert "fit of at least" in text
    assert "# Signed by Marketing and Sales." in text
    assert "Ana Flores, Ben Carter, Chloe Adeyemi" in text


def test_a_contract_file_that_did_not_read_is_said_on_top(server, client) -> None:
    problem = (
        '{"file": "c.yaml", "line": 12, "column": 3, "part": "", "what": "no field employes is declared", "fix": "Did you mean employees?"}'
    )
    for value in (problem, f"[{problem}]", f'{{"problems": [{problem}]}}'):
        with server.store.writing() as conn:
            conn.execute(
                "INSERT INTO note (key, value, at) VALUES ('contract_problem', %s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (value, cast.NOW),
            )
        text = client("rita").get("/contract").text
        assert "did not read" in text
        assert "Line 12, column 3" in text
        assert "Did you mean employees?" in text


def test_without_a_contract_the_page_says_how_to_load_one(store, running, browse) -> None:
    from handfast.desk import logins

    logins.add_login(store, "x@y.example", cast.PASSWORD, "revops", cast.NOW)
    one = running(store)
    http = browse(one.url, headers={"Origin": one.url}, follow_redirects=True)
    http.post("/login", data={"email": "x@y.example", "password": cast.PASSWORD})
    assert "handfast contract load" in http.get("/contract").text
    assert http.get("/board").status_code == 200
    assert "No clock is running" in http.get("/board").text


def test_before_the_first_figures_the_scoreboard_says_what_it_needs(server, client) -> None:
    assert "Needs its first handoffs" in client("eva").get("/scoreboard").text


# --- for machines ---------------------------------------------------------------------------------------------


def test_alive_and_ready(server, client) -> None:
    nobody = client(None)
    assert nobody.get("/healthz").json() == {"status": "ok"}
    ready = nobody.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    server.clock.forward(seconds=31)
    late = nobody.get("/readyz")
    assert late.status_code == 503
    assert late.json()["checks"]["worker"]["ok"] is False
    assert late.json()["checks"]["database"]["ok"] is True


def test_without_tables_and_worker_it_is_alive_and_not_ready(empty_database, running, browse) -> None:
    from handfast.store.base import Store

    with Store(empty_database) as bare:
        http = browse(running(bare).url)
        assert http.get("/healthz").status_code == 200
        answer = http.get("/readyz")
        assert answer.status_code == 503
        assert "this version needs" in answer.json()["checks"]["tables"]["note"]


def test_a_database_that_is_away_is_said_plainly(running, browse) -> None:
    from handfast.store.base import Store

    with Store("postgresql://nobody@127.0.0.1:1/none", patience_seconds=0.3) as gone:
        http = browse(running(gone).url)
        assert http.get("/readyz").json()["checks"]["database"]["ok"] is False
        page = http.get("/login")
        assert page.status_code == 503
        assert "database cannot be reached" in page.text


def test_figures_for_prometheus(server, client) -> None:
    text = client(None).get("/metrics").text
    for line in (
        'handfast_open_handoffs{queue="owned"} 8.0',
        'handfast_open_handoffs{queue="exceptions"} 1.0',
        "handfast_open_intake_problems 2.0",
        "handfast_dead_messages 0.0",
        "handfast_contract_version 1.0",
    ):
        assert line in text
    assert "halden" not in text.lower()


def test_static_files_are_kept_for_a_year_by_their_content(server, client) -> None:
    ana = client("ana")
    for path in re.findall(r'(?:href|src)="(/static/[^"#]+)', ana.get("/queue").text):
        answer = ana.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"], path
    assert client(None).get("/static/../app.py").status_code == 404


def test_a_malformed_form_is_422_and_a_crash_hides_its_trace(server, client, monkeypatch) -> None:
    answer = client("ana").post("/handoffs/hnd_maya/touch", data={"note": "x" * 2345})
    assert answer.status_code == 422
    assert "“note” has 2,345 characters; 2,000 are the most" in answer.text

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("handfast.store.pages.board", broken)
    answer = client("ana").get("/board")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
