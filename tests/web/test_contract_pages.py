"""The pages of the contract over HTTP: who may write, check, sign; what they say; and the same as JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import cast
import httpx
import pytest

from handfast.desk import drafts
from handfast.store import contracts

Client = Callable[[str | None], httpx.Client]

EXAMPLE = """\
examples:
  - name: a quote from the right firm
    given: {person: {employees: 640, industry: logistics, country: DE}, signals: [{kind: form_submitted, form: quote}, {kind: page_viewed, path: /pricing}]}
    expect: {verdict: ready, owner: ana, sla: fast_lane}
"""
LOWER = cast.CONTRACT.replace("at_least: 40", "at_least: 35") + EXAMPLE
RITA = drafts.Who("rita@northwind.example", "Rita Kim", "revops")


@pytest.fixture
def draft(server) -> int:
    return drafts.save(server.store, LOWER, RITA, server.clock()).number


def text_of(answer: httpx.Response) -> str:
    return html.unescape(answer.text)


# --- reading ----------------------------------------------------------------------------------------------------


def test_the_contract_shows_who_signed_it(server, client: Client) -> None:
    text = text_of(client("eva").get("/contract"))
    assert "Priya Patel" in text
    assert "for Marketing" in text
    assert "Mara Okonkwo" in text
    assert "Propose a change" not in text
    assert "Propose a change" in client("rita").get("/contract").text


def test_a_version_that_was_loaded_says_so(stage, running, browse) -> None:
    from handfast.desk.contracts import put_in_force

    put_in_force(stage, LOWER, "c.yaml", cast.minutes(-5), unsigned=True)
    web = running(stage)
    http = browse(web.url, headers={"Origin": web.url})
    http.post("/login", data={"email": "eva@northwind.example", "password": cast.PASSWORD})
    assert "Put in force without signatures" in http.get("/contract").text


def test_a_scheduled_version_is_announced_and_either_side_takes_it_back(server, client: Client) -> None:
    at = server.clock()
    made = drafts.save(server.store, LOWER, RITA, at, takes_force=at + timedelta(days=3))
    drafts.sign(server.store, made.number, "marketing", drafts.Who("priya@northwind.example", "Priya Patel", "marketing"), at)
    drafts.sign(server.store, made.number, "sales", drafts.Who("mara@northwind.example", "Mara Okonkwo", "manager"), at)
    assert "Version 2 takes force Thu 26 Nov, 14:00." in client("ana").get("/contract").text
    assert "Withdraw it" not in client("rita").get("/contract/v/2").text
    assert client("rita").post("/contract/v/2/withdraw").status_code == 409
    priya = client("priya")
    assert "Withdraw it" in priya.get("/contract/v/2").text
    assert priya.post("/contract/v/2/withdraw").headers["location"] == "/contract/v/2"
    assert "withdrawn" in priya.get("/contract/v/2").text
    assert "takes force" not in client("ana").get("/contract").text


def test_a_diff_says_it_in_sentences_and_shows_the_lines(server, client: Client, draft: int) -> None:
    text = text_of(client("ana").get(f"/contract/diff/1..draft-{draft}"))
    assert "Intent bar 40 → 35" in text
    assert "    at_least: 35" in text
    assert 'New example "a quote from the right firm"' in text
    same = text_of(client("ana").get("/contract/diff/1..in-force"))
    assert "The terms are the same." in same


@pytest.mark.parametrize(
    "path", ["/contract/diff/1", "/contract/diff/1..9", "/contract/diff/1..nonsense", "/contract/drafts/99", "/contract/drafts/99/edit"]
)
def test_what_is_not_there_is_a_404_that_says_so(server, client: Client, path: str) -> None:
    answer = client("rita").get(path)
    assert answer.status_code == 404
    assert "Not found" in answer.text


def test_the_history_says_who_did_what_and_that_the_chain_holds(server, client: Client, draft: int) -> None:
    text = text_of(client("eva").get("/contract/history"))
    assert "Draft 1 signed by both: version 1, in force since ever" in text
    assert "5 entries, each" in text
    with server.store.writing() as conn:
        conn.execute("ALTER TABLE contract_history DISABLE TRIGGER ALL")
        conn.execute("UPDATE contract_history SET by = 'mallory@northwind.example' WHERE seq = 2")
    assert "The history was tampered with." in client("eva").get("/contract/history").text


# --- writing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ana", "eva"])
def test_reps_and_leaders_read_and_do_not_write(server, client: Client, draft: int, who: str) -> None:
    http = client(who)
    assert http.get("/contract/draft").status_code == 403
    assert http.get(f"/contract/drafts/{draft}/edit").status_code == 403
    assert http.post("/contract/drafts", data={"text": LOWER}).status_code == 409
    assert http.post(f"/contract/drafts/{draft}/withdraw").status_code == 409
    assert http.post("/contract/v/1/rollback").status_code == 409
    page = http.get(f"/contract/drafts/{draft}").text
    assert f"/contract/drafts/{draft}/edit" not in page
    assert "Withdraw this draft" not in page


@pytest.mark.parametrize("who", ["rita", "priya", "mara"])
def test_marketing_managers_and_revops_write(server, client: Client, who: str) -> None:
    http = client(who)
    assert cast.CONTRACT.splitlines()[1] in http.get("/contract/draft").text
    answer = http.post("/contract/drafts", data={"text": LOWER, "then": "review"})
    assert answer.headers["location"] == "/contract/drafts/2"
    with server.store.reading() as conn:
        made = contracts.draft(conn, 2)
    assert made is not None
    assert (made.source, made.by) == (LOWER, f"{who}@northwind.example")


def test_a_form_sends_two_characters_a_line_end_and_the_contract_keeps_one(server, client: Client) -> None:
    client("rita").post("/contract/drafts", data={"text": LOWER.replace("\n", "\r\n")})
    with server.store.reading() as conn:
        made = contracts.draft(conn, 2)
    assert made is not None
    assert made.source == LOWER


def test_a_text_that_begins_with_an_empty_line_keeps_it(server, client: Client) -> None:
    """Browsers swallow the first line end of a text field; the page sends one more for it."""
    made = drafts.save(server.store, "\n" + LOWER, RITA, server.clock())
    assert '">\n\n# Signed by' in client("rita").get(f"/contract/drafts/{made.number}/edit").text


def test_problems_stand_beside_their_lines(server, client: Client) -> None:
    bad = LOWER.replace("employees BETWEEN", "emploees BETWEEN").replace("default: rest", "default: rset")
    answer = client("rita").post("/contract/check", data={"text": bad}, headers={"HX-Request-Type": "partial"})
    text = text_of(answer)
    assert "2 problems." in text
    assert "--line:13;--row:13;" in text
    assert "There is no field 'emploees' here. <span>Did you mean 'employees'?</span>" in text
    assert "<html" not in text


def test_notes_of_neighbouring_lines_do_not_cover_each_other(server, client: Client) -> None:
    bad = (
        LOWER.replace("employees BETWEEN", "a BETWEEN")
        .replace("industry IN", "b IN")
        .replace("country IN ('DE', 'AT', 'CH')\", points", 'c = 1", points')
    )
    text = client("rita").post("/contract/check", data={"text": bad}, headers={"HX-Request-Type": "partial"}).text
    spans = [(int(row), int(span)) for row, span in re.findall(r"--row:(\d+);--span:(\d+)", text)]
    assert len(spans) == 3
    assert all(row + span <= after for (row, span), (after, _) in pairwise(spans))


def test_an_example_that_fails_stands_beside_its_line(server, client: Client) -> None:
    text = text_of(
        client("rita").post(
            "/contract/check", data={"text": LOWER.replace("owner: ana", "owner: ben")}, headers={"HX-Request-Type": "partial"}
        )
    )
    line = LOWER.splitlines().index("  - name: a quote from the right firm") + 1
    assert f"--line:{line};" in text
    assert "1 of 1 examples come out otherwise" in text
    assert "owner: expected ben, was ana" in text


def test_what_no_example_touches_is_said_at_the_rule(server, client: Client) -> None:
    text = text_of(client("rita").post("/contract/check", data={"text": LOWER}, headers={"HX-Request-Type": "partial"}))
    line = next(n for n, one in enumerate(LOWER.splitlines(), start=1) if "webinar_attended, points" in one)
    assert f'class="quiet" style="--line:{line};' in text
    assert "its example comes out as expected" in text


@pytest.mark.parametrize("text", ["", "contract: [", "x" * 150_000, "{" * 5000, "a: &a [*a]", "- 1", "\x00"])
def test_no_text_breaks_the_check(server, client: Client, text: str) -> None:
    answer = client("rita").post("/contract/check", data={"text": text}, headers={"HX-Request-Type": "partial"})
    assert answer.status_code == 200
    assert "problem" in answer.text


def test_the_check_button_needs_no_javascript_and_saves_nothing(server, client: Client, draft: int) -> None:
    bad = LOWER.replace("default: rest", "default: rset")
    answer = client("rita").post("/contract/check-page", data={"text": bad, "number": draft, "revision": 0})
    assert "There is no pool 'rset'." in text_of(answer)
    assert "default: rset" in answer.text
    with server.store.reading() as conn:
        kept = contracts.draft(conn, draft)
    assert kept is not None
    assert kept.source == LOWER


def test_the_sizes_of_conditions_stand_beside_them_when_asked_for(server, client: Client, draft: int) -> None:
    http = client("rita")
    form = {"text": LOWER, "number": draft, "revision": 0}
    assert " of 11" not in http.post("/contract/check-page", data=form).text
    text = text_of(http.post("/contract/check-page", data=form | {"count": "yes"}))
    line = next(n for n, one in enumerate(LOWER.splitlines(), start=1) if "country IN ('DE', 'AT', 'CH')\", points" in one)
    assert re.search(rf'class="quiet" style="--line:{line};.*?10 of 11', text), "all but Mateo, who is in Spain"


def test_who_comes_second_loses_nothing(server, client: Client, draft: int) -> None:
    drafts.save(server.store, LOWER.replace("at_least: 35", "at_least: 30"), RITA, server.clock(), number=draft)
    mine = LOWER.replace("at_least: 35", "at_least: 20")
    answer = client("mara").post(f"/contract/drafts/{draft}", data={"text": mine, "revision": 0})
    assert answer.status_code == 409
    assert "saved it while you were writing" in answer.text
    assert "at_least: 20" in answer.text


def test_a_moment_is_meant_in_the_zone_the_page_names(server, client: Client) -> None:
    http = client("rita")
    http.post("/contract/drafts", data={"text": LOWER, "from": "2026-12-01T09:00"})
    with server.store.reading() as conn:
        made = contracts.draft(conn, 2)
    assert made is not None
    assert made.takes_force is not None
    assert made.takes_force.isoformat() == "2026-12-01T08:00:00+00:00"
    assert 'value="2026-12-01T09:00"' in http.get("/contract/drafts/2/edit").text
    late = http.post("/contract/drafts", data={"text": LOWER, "from": "2020-12-01T09:00"})
    assert late.status_code == 409
    assert "has passed" in late.text
    assert "at_least: 35" in late.text


# --- signing ----------------------------------------------------------------------------------------------------


def test_both_sides_sign_on_the_page_and_it_holds(server, client: Client, draft: int) -> None:
    with server.store.reading() as conn:
        content = contracts.draft(conn, draft).content  # type: ignore[union-attr]
    priya, mara = client("priya"), client("mara")
    assert "Sign for Marketing" in priya.get(f"/contract/drafts/{draft}").text
    assert "Sign for Sales" in mara.get(f"/contract/drafts/{draft}").text
    assert "Sign for" not in client("rita").get(f"/contract/drafts/{draft}").text
    one = priya.post(f"/contract/drafts/{draft}/sign", data={"side": "marketing", "content": content})
    assert one.headers["location"] == f"/contract/drafts/{draft}"
    assert "Sign for Marketing" not in priya.get(f"/contract/drafts/{draft}").text
    two = mara.post(f"/contract/drafts/{draft}/sign", data={"side": "sales", "content": content})
    assert two.headers["location"] == "/contract/v/2"
    assert "version 2" in mara.get("/contract").text


@pytest.mark.parametrize(
    ("who", "side"), [("priya", "sales"), ("mara", "marketing"), ("rita", "sales"), ("eva", "marketing"), ("ana", "sales")]
)
def test_nobody_signs_for_another_side(server, client: Client, draft: int, who: str, side: str) -> None:
    with server.store.reading() as conn:
        content = contracts.draft(conn, draft).content  # type: ignore[union-attr]
    answer = client(who).post(f"/contract/drafts/{draft}/sign", data={"side": side, "content": content})
    assert answer.status_code == 409
    assert f"does not sign for {side}" in answer.text


def test_what_changed_since_the_page_was_shown_is_not_signed(server, client: Client, draft: int) -> None:
    with server.store.reading() as conn:
        seen = contracts.draft(conn, draft).content  # type: ignore[union-attr]
    drafts.save(server.store, LOWER.replace("at_least: 35", "at_least: 1"), RITA, server.clock(), number=draft)
    answer = client("priya").post(f"/contract/drafts/{draft}/sign", data={"side": "marketing", "content": seen})
    assert answer.status_code == 409
    assert "it no longer is" in answer.text.lower()


def test_another_site_signs_nothing_in_her_name(server, client: Client, draft: int) -> None:
    http = client("priya")
    answer = http.post(
        f"/contract/drafts/{draft}/sign", data={"side": "marketing", "content": "x"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


def test_going_back_makes_a_draft(server, client: Client) -> None:
    answer = client("rita").post("/contract/v/1/rollback")
    assert answer.headers["location"] == "/contract/drafts/2"
    assert "It says what version 1 says." in client("rita").get("/contract/drafts/2").text


def test_without_a_contract_the_page_offers_to_write_one(store, running, browse) -> None:
    from handfast.store import logins as rows

    with store.writing() as conn:
        rows.insert(conn, rows.Login("log_rita", "rita@northwind.example", "Rita Kim", "revops", None, None, cast.hashed(), cast.NOW))
    web = running(store)
    http = browse(web.url, headers={"Origin": web.url})
    http.post("/login", data={"email": "rita@northwind.example", "password": cast.PASSWORD})
    assert "/contract/draft" in http.get("/contract").text
    assert http.post("/contract/drafts", data={"text": LOWER}).headers["location"] == "/contract/drafts/1"
    assert "This is the first contract" in http.get("/contract/drafts/1").text
    assert "Nothing yet." not in http.get("/contract/history").text


def test_before_the_moment_of_the_first_version_nothing_is_in_force_and_the_pages_say_when(store, running, browse) -> None:
    from handfast.store import logins as rows

    with store.writing() as conn:
        rows.insert(conn, rows.Login("log_rita", "rita@northwind.example", "Rita Kim", "revops", None, None, cast.hashed(), cast.NOW))
    made = drafts.save(store, LOWER, RITA, cast.NOW, takes_force=cast.NOW + timedelta(days=2))
    drafts.sign(store, made.number, "marketing", drafts.Who("priya@northwind.example", "Priya Patel", "marketing"), cast.NOW)
    drafts.sign(store, made.number, "sales", drafts.Who("mara@northwind.example", "Mara Okonkwo", "manager"), cast.NOW)
    web = running(store)
    http = browse(web.url, headers={"Origin": web.url})
    http.post("/login", data={"email": "rita@northwind.example", "password": cast.PASSWORD})
    assert "Version 1</a> takes force Wed 25 Nov" in http.get("/contract").text
    assert "in force from Wed 25 Nov" in http.get("/contract/v/1").text
    assert "scheduled" in http.get("/contract/history").text
    assert http.get("/contract/drafts/1").status_code == 200
    web.clock.forward(days=2)
    http.post("/login", data={"email": "rita@northwind.example", "password": cast.PASSWORD})  # the session has ended meanwhile
    assert "in force since" in http.get("/contract").text


# --- as JSON ----------------------------------------------------------------------------------------------------


def api(server, browse, who: str | None, password: str = cast.PASSWORD) -> httpx.Client:
    return browse(f"{server.url}/api/v1/contract", auth=(f"{who}@northwind.example", password) if who else None)


def test_a_script_drafts_checks_and_both_sign(server, browse) -> None:
    rita, priya, mara = (api(server, browse, who) for who in ("rita", "priya", "mara"))
    made = rita.post("/drafts", json={"text": LOWER, "from": "2026-12-01 09:00"})
    assert made.status_code == 201
    draft = made.json()
    assert (draft["problems"], draft["from"], draft["state"]) == ([], "2026-12-01T08:00:00+00:00", "open")
    sign = {"side": "marketing", "content": draft["content"]}
    assert priya.post(f"/drafts/{draft['draft']}/sign", json=sign).json()["version"] is None
    done = mara.post(f"/drafts/{draft['draft']}/sign", json=sign | {"side": "sales"}).json()
    assert done["version"]["version"] == 2
    told = rita.get(f"{server.url}/api/v1/contract").json()
    assert (told["in_force"], [v["standing"] for v in told["versions"]]) == (1, ["in force", "scheduled"])
    assert [s["name"] for s in rita.get("/versions/2").json()["signatures"]] == ["Priya Patel", "Mara Okonkwo"]
    assert rita.get("/diff", params={"old": "1", "new": "2"}).json()["changes"][0]["sentence"] == "intent bar 40 → 35"
    assert mara.post("/versions/2/withdraw").json() == {"version": 2, "standing": "withdrawn"}
    assert rita.get("/history").json()["problems"] == []


def test_a_draft_over_http_is_saved_over_its_revision(server, browse, draft: int) -> None:
    rita = api(server, browse, "rita")
    assert rita.put(f"/drafts/{draft}", json={"text": LOWER + "# more\n", "revision": 0}).json()["revision"] == 1
    stale = rita.put(f"/drafts/{draft}", json={"text": LOWER, "revision": 0})
    assert stale.status_code == 409
    assert "saved it while you were writing" in stale.json()["problem"]["what"]
    assert rita.get(f"/drafts/{draft}").json()["text"] == LOWER + "# more\n"
    assert rita.post(f"/drafts/{draft}/withdraw").json()["state"] == "withdrawn"
    assert rita.post("/versions/1/rollback", json={}).json()["draft"] == draft + 1
    assert rita.post("/versions/1/rollback").status_code == 201


def test_check_and_diff_of_texts_over_http_store_nothing(server, browse) -> None:
    ana = api(server, browse, "ana")
    told = ana.post("/check", json={"text": LOWER.replace("default: rest", "default: rset")}).json()
    assert (told["id"], told["problems"][0]["line"]) == (None, 37)
    assert ana.post("/check", json={"text": LOWER}).json()["coverage"]["touched"] > 5
    changes = ana.post("/diff", json={"old": cast.CONTRACT, "new": LOWER}).json()["changes"]
    assert [change["sentence"] for change in changes] == ["intent bar 40 → 35", 'new example "a quote from the right firm"']
    bad = ana.post("/diff", json={"old": "x", "new": LOWER})
    assert (bad.status_code, bad.json()["problem"]["file"]) == (409, "old")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic !!"}, {"Authorization": "Basic bm9jb2xvbg=="}, {"Authorization": "Bearer x"}]
)
def test_nobody_gets_nothing(server, browse, headers: dict[str, str]) -> None:
    answer = browse(server.url, headers=headers).get("/api/v1/contract")
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
    assert answer.json()["problem"]["fix"]


def test_a_wrong_password_and_a_wrong_role(server, browse, draft: int) -> None:
    wrong = api(server, browse, "rita", "wrong horse battery").get("/history")
    assert wrong.status_code == 401
    assert "do not belong together" in wrong.json()["problem"]["what"]
    refused = api(server, browse, "rita").post(f"/drafts/{draft}/sign", json={"side": "sales", "content": "ctr_x"})
    assert refused.status_code == 409
    assert "does not sign for sales" in refused.json()["problem"]["what"]


def test_the_session_of_the_pages_works_too_from_our_own_site_only(server, client: Client) -> None:
    http = client("rita")
    assert http.get("/api/v1/contract").json()["in_force"] == 1
    evil = http.post("/api/v1/contract/drafts", json={"text": LOWER}, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": 7}', b'{"text": "x", "nonsense": 1}'])
def test_a_body_of_another_form_is_422_in_json(server, browse, body: bytes) -> None:
    answer = api(server, browse, "rita").post("/drafts", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["malformed"]
