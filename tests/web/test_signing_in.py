"""Accounts and sessions: who gets in, for how long, and who is kept out."""

from __future__ import annotations

from datetime import timedelta

import cast
import pytest

from handfast.desk import logins
from handfast.desk.refused import Refused
from handfast.store import logins as rows

ANA = "ana@northwind.example"


@pytest.fixture
def people(store):
    with store.writing() as conn:
        conn.execute("INSERT INTO rep (id, name, email) VALUES ('ana', 'Ana Flores', 'ana@northwind.example')")
    logins.add_login(store, ANA, cast.PASSWORD, "rep", cast.NOW, rep_id="ana", name="Ana Flores")
    return store


def test_the_right_password_opens_a_session(people) -> None:
    session = logins.sign_in(people, " Ana@Northwind.example ", cast.PASSWORD, "10.0.0.1", cast.NOW)
    found = logins.session_of(people, session.token, cast.NOW)
    assert found is not None
    assert (found.email, found.role, found.rep_id) == (ANA, "rep", "ana")


def test_neither_password_nor_token_is_in_the_database(people) -> None:
    session = logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW)
    with people.reading() as conn:
        stored = conn.execute("SELECT password FROM login").fetchone()[0]
        digests = [row[0] for row in conn.execute("SELECT digest FROM session")]
    assert stored.startswith("scrypt$32768$8$1$")
    assert cast.PASSWORD not in stored
    assert digests == [logins.digest(session.token)]
    assert len(session.token) >= 43, "256 bits in base 64"


@pytest.mark.parametrize("email", [ANA, "nobody@northwind.example"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(people, email: str) -> None:
    with pytest.raises(Refused) as refusal:
        logins.sign_in(people, email, "not the password", "10.0.0.1", cast.NOW)
    assert refusal.value.problem.what == "this e-mail and password do not belong together"


def test_the_sixth_attempt_in_a_minute_is_not_looked_at(people) -> None:
    for _ in range(5):
        with pytest.raises(Refused):
            logins.sign_in(people, ANA, "wrong password", "10.0.0.1", cast.NOW)
    with pytest.raises(Refused) as refusal:
        logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW + timedelta(seconds=59))
    assert "too many attempts" in refusal.value.problem.what
    # Somebody else's address is not concerned, and after a minute neither is she.
    assert logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.2", cast.NOW)
    assert logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW + timedelta(seconds=61))


def test_attempts_leave_nothing_behind(people) -> None:
    with pytest.raises(Refused):
        logins.sign_in(people, "x@y.example", "wrong password", "10.0.0.1", cast.NOW)
    logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.9", cast.NOW + timedelta(minutes=5))
    with people.reading() as conn:
        assert conn.execute("SELECT count(*) FROM note").fetchone()[0] == 0


def test_a_session_ends_after_twelve_hours_without_a_request(people) -> None:
    token = logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW).token
    for hours in (11, 22, 33):  # used every eleven hours, it goes on
        assert logins.session_of(people, token, cast.NOW + timedelta(hours=hours)) is not None
    assert logins.session_of(people, token, cast.NOW + timedelta(hours=33 + 12, minutes=1)) is None


def test_looking_whether_a_session_holds_does_not_prolong_it(people) -> None:
    token = logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW).token
    assert logins.peek(people, token, cast.NOW + timedelta(hours=11))
    assert logins.session_of(people, token, cast.NOW + timedelta(hours=13)) is None


def test_signing_in_again_ends_the_session_before(people) -> None:
    first = logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW)
    second = logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW, old_token=first.token)
    assert first.token != second.token
    assert logins.session_of(people, first.token, cast.NOW) is None
    logins.sign_out(people, second.token)
    assert logins.session_of(people, second.token, cast.NOW) is None


def test_removing_an_account_ends_its_sessions(people) -> None:
    token = logins.sign_in(people, ANA, cast.PASSWORD, "10.0.0.1", cast.NOW).token
    logins.remove_login(people, ANA)
    assert logins.session_of(people, token, cast.NOW) is None
    with pytest.raises(Refused):
        logins.remove_login(people, ANA)


@pytest.mark.parametrize(
    ("email", "password", "role", "rep", "what"),
    [
        ("not an address", cast.PASSWORD, "leader", None, "is not an e-mail address"),
        ("x@y.example", "short", "leader", None, "10 to 1024 characters"),
        ("x@y.example", cast.PASSWORD, "boss", None, "is no role"),
        ("x@y.example", cast.PASSWORD, "rep", None, "needs the rep"),
        ("x@y.example", cast.PASSWORD, "rep", "anna", "no rep has the id 'anna'"),
        (ANA, cast.PASSWORD, "leader", None, "has an account already"),
    ],
)
def test_an_account_that_would_not_work_is_refused_with_the_fix(people, email, password, role, rep, what) -> None:
    with pytest.raises(Refused) as refusal:
        logins.add_login(people, email, password, role, cast.NOW, rep_id=rep)
    assert what in refusal.value.problem.what
    assert refusal.value.problem.fix


def test_old_parameters_keep_working() -> None:
    import hashlib
    from base64 import b64encode

    key = hashlib.scrypt(b"old password", salt=b"salt", n=1024, r=8, p=1, dklen=32)
    stored = f"scrypt$1024$8$1${b64encode(b'salt').decode()}${b64encode(key).decode()}"
    assert logins.password_fits("old password", stored)
    assert not logins.password_fits("new password", stored)


# --- over HTTP ------------------------------------------------------------------------------------------------


def test_a_stranger_is_sent_to_sign_in_and_back(server, client) -> None:
    nobody = client(None)
    answer = nobody.get("/queue/hnd_maya?rep=ana")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/queue/hnd_maya%3Frep%3Dana")
    for path in ("/board", "/board/live", "/stream", "/problems", "/contract", "/scoreboard", "/handoffs/hnd_maya", "/find?q=may", "/"):
        assert nobody.get(path).status_code == 303, path
    fragment = nobody.get("/queue/list", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/login")
    back = nobody.post("/login", data={"email": ANA, "password": cast.PASSWORD, "next": "/queue/hnd_maya"})
    assert back.headers["location"] == "/queue/hnd_maya"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example"],
)
def test_signing_in_never_leads_to_another_site(server, client, elsewhere: str) -> None:
    answer = client(None).post("/login", data={"email": ANA, "password": cast.PASSWORD, "next": elsewhere})
    assert answer.headers["location"] == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server, client) -> None:
    answer = client(None).post("/login", data={"email": ANA, "password": cast.PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_behind_tls_the_cookie_is_secure(stage, running, browse) -> None:
    url = running(stage, settings=cast.Settings("https://handfast.northwind.example")).url
    form = {"email": ANA, "password": cast.PASSWORD}
    answer = browse(url, headers={"Origin": "https://handfast.northwind.example"}).post("/login", data=form)
    assert "; Secure" in answer.headers["set-cookie"]


def test_each_role_begins_at_its_own_page(server, client) -> None:
    begins = {who: client(who).get("/").headers["location"] for who in ("ana", "mara", "priya", "rita", "eva")}
    assert begins == {"ana": "/queue", "mara": "/board", "priya": "/feedback", "rita": "/contract", "eva": "/scoreboard"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {},
    ],
)
def test_another_site_cannot_act_in_her_name(server, client, browse, headers: dict[str, str]) -> None:
    ana = client("ana")
    stranger = browse(server.url, cookies=ana.cookies, headers=headers)
    assert stranger.post("/handoffs/hnd_maya/touch", data={"kind": "call"}).status_code == 403
    assert stranger.post("/login", data={"email": ANA, "password": cast.PASSWORD}).status_code == 403
    with server.store.reading() as conn:
        assert conn.execute("SELECT touched_at FROM handoff WHERE id = 'hnd_maya'").fetchone() == (None,)


def test_her_own_browser_may_with_either_header(server, client, browse) -> None:
    ana = client("ana")
    mine = browse(server.url, cookies=ana.cookies, headers={"Sec-Fetch-Site": "same-origin"})
    assert mine.post("/handoffs/hnd_maya/touch", data={"kind": "call"}).status_code == 303


def test_a_password_that_the_browser_remembers_opens_nothing_to_another_site(server, browse) -> None:
    """The API takes a password by HTTP Basic, and a browser sends one it was given once to whoever asks."""
    http = browse(server.url, auth=("rita@northwind.example", cast.PASSWORD))
    assert http.get("/api/v1/contract").status_code == 200
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert http.post("/api/v1/contract/versions/1/rollback", headers=headers).status_code == 403
    assert http.get("/api/v1/contract").json()["drafts"] == []
    assert http.post("/api/v1/contract/versions/1/rollback").status_code == 201, "a program says neither, and may"


def test_what_was_typed_outlives_the_session(server, client) -> None:
    priya = client("priya")
    form = {"about": "maya@halden.example", "verdict": "never", "reason": "A <b>competitor</b>", "until": "2026-12-24"}
    priya.cookies.clear()
    ended = priya.post("/overrides", data=form)
    assert ended.status_code == 401
    assert "your session ended before this was sent" in ended.text.lower()
    again = {"email": "priya@northwind.example", "password": cast.PASSWORD, "next": "/overrides"}
    again |= {f"kept.{name}": value for name, value in form.items()}
    assert all(f'name="{name}"' in ended.text for name in again), "all of it is in the form"
    wrong = priya.post("/login", data=again | {"password": "not the password"})
    assert wrong.status_code == 409
    assert "A &lt;b&gt;competitor&lt;/b&gt;" in wrong.text, "a slip of the finger does not lose it either"
    back = priya.post("/login", data=again)
    assert back.status_code == 200
    assert 'action="/overrides"' in back.text
    assert "Send it now" in back.text
    with server.store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM readiness_override").fetchone() == (0,), "nothing is sent by itself"
    assert priya.post("/overrides", data=form).status_code == 303


def test_beside_a_page_the_end_of_a_session_is_a_word_and_takes_nothing_away(server, client) -> None:
    nobody = client(None)
    part = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": f"{server.url}/queue/hnd_maya?rep=ana"}
    said = nobody.post("/handoffs/hnd_maya/dispose", data={"outcome": "recycle", "note": "A long note"}, headers=part)
    assert (said.status_code, said.headers["hx-reswap"]) == (401, "none")
    assert 'href="/login?next=/queue/hnd_maya%3Frep%3Dana"' in said.text
    assert 'hx-target="#toasts"' in said.text
    assert nobody.get("/queue/list", headers=part).headers["hx-redirect"] == "/login?next=/queue/hnd_maya%3Frep%3Dana"
    gone = client("ana").get("/queue/hnd_nobody", headers=part)
    assert (gone.status_code, gone.headers["hx-reswap"]) == (404, "none"), "what is not there replaces nothing"


def test_signing_out_ends_it_on_the_server(server, client, browse) -> None:
    ana = client("ana")
    cookies = dict(ana.cookies)
    assert ana.post("/logout").headers["location"] == "/login"
    assert browse(server.url, cookies=cookies).get("/queue").status_code == 303


def test_an_installation_without_accounts_says_how_to_add_one(store, running, browse) -> None:
    browser = browse(running(store).url)
    assert browser.get("/login").headers["location"] == "/welcome"
    assert "handfast login add" in browser.get("/welcome").text
    with store.writing() as conn:
        rows.insert(conn, rows.Login("log_1", "x@y.example", "X", "leader", None, None, "scrypt$1$1$1$$", cast.NOW))
    assert browser.get("/welcome").headers["location"] == "/login"
