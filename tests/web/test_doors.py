"""Every door of the pages, walked by the route table itself: a route added tomorrow is asked the same questions, or the test fails.

What changes something refuses a stranger, another site, and a role that may not; what is only read survives any id; and whatever data
says of itself, it stays text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from click.testing import CliRunner
from fastapi.routing import APIRoute, iter_route_contexts

from handfast.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from conftest import Running

    Client = Callable[[str | None], httpx.Client]

#: Ids that exist, so that a refusal is one of the role and not of an unknown id.
IDS = {
    "handoff_id": "hnd_maya", "touch_id": "tch_jonas", "rep_id": "chloe", "number": "1", "run_id": "none", "problem_id": "none",
    "message_id": "all", "review_id": "none", "keep": "per_tom", "fold": "per_maya", "folded": "per_maya", "override_id": "none",
    "dispute_id": "none", "call": "track", "key": "maya@halden.example", "pair": "1..1",
}  # fmt: skip
#: Doors without a session: their own key or signature opens them.
OWN_KEY = ("/v1/{call}", "/hooks/slack")
#: Signing in and out are for everybody.
FOR_ALL = ("/login", "/logout")
#: Whatever their role, everybody signed in may do these; what they do is theirs alone or changes nothing.
FOR_THE_SIGNED_IN = (
    "/contract/check", "/api/v1/contract/check", "/api/v1/contract/diff", "/handoffs/{handoff_id}/dispute",
)  # fmt: skip
#: Beginning of the path → who may not, among those who are signed in.
MAY_NOT = {
    "/handoffs/{handoff_id}/reassign": "ana", "/handoffs/{handoff_id}/credit": "ana", "/handoffs/{handoff_id}/promise": "ana",
    "/handoffs/": "eva", "/touches/": "eva", "/problems/": "ana", "/messages/": "ana", "/review": "ana", "/overrides": "ana",
    "/reps/": "ana", "/disputes/": "eva", "/feedback/": "ana", "/replay": "eva", "/shadow": "eva", "/contract/": "eva",
    "/api/v1/contract/": "eva", "/erase/": "ana",
}  # fmt: skip
#: The least a form must hold to be understood, so that what is refused is the role.
FORMS: dict[str, dict[str, str]] = {
    "/review/{review_id}": {"said": "same"},
    "/review/twice/{way_back_id}": {"said": "nobody"},
    "/contract/drafts/{number}/sign": {"side": "sales", "content": "x"},
}
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/contract/drafts": {"text": "contract: X"},
    "/api/v1/contract/drafts/{number}": {"text": "contract: X"},
    "/api/v1/contract/drafts/{number}/sign": {"side": "sales", "content": "x"},
}


def routes(app: Any, *, safe: bool) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
                if (method == "GET") == safe:
                    yield method, route.path


def filled(path: str, **ids: str) -> str:
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: {**IDS, **ids}.get(found.group(1), "none"), path)


def send(http: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    if path == "/reps/{rep_id}/calendar":
        more["files"] = {"file": ("away.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")}
    elif path.startswith("/api/"):
        more["json"] = BODIES.get(path, {})
    else:
        more["data"] = FORMS.get(path, {})
    return http.request(method, filled(path), **more)


def everything(server: Running) -> list[tuple[str, int]]:
    """How many rows each table has; sessions come and go with the clients of the test."""
    with server.store.reading() as conn:
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return [(t, conn.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0]) for (t,) in tables if t not in ("session", "note")]


def test_whatever_changes_something_refuses_strangers_other_sites_and_those_who_may_not(server: Running, client: Client) -> None:
    nobody, people = client(None), {who: client(who) for who in ("ana", "eva")}
    before, wrong = everything(server), []
    for method, path in routes(server.app, safe=False):
        if path in FOR_ALL:
            continue
        stranger = send(nobody, method, path)
        if path in OWN_KEY:
            wrong += [(path, "a stranger", stranger.status_code)] if stranger.status_code not in (401, 404) else []
            continue
        sent_away = stranger.status_code == 401 or stranger.headers.get("location") == "/login"
        wrong += [] if sent_away else [(path, "a stranger", stranger.status_code)]
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for http in (people["ana"], nobody):
                forged = send(http, method, path, headers=headers)
                wrong += [(path, headers, forged.status_code)] if forged.status_code != 403 else []
        if path not in FOR_THE_SIGNED_IN:
            who = next((who for beginning, who in MAY_NOT.items() if path.startswith(beginning)), None)
            assert who, f"{method} {path}: say in MAY_NOT who may not, or in FOR_THE_SIGNED_IN that everybody may"
            refused = send(people[who], method, path)
            # 409: the desk itself refuses this role, and says who may.
            wrong += [(path, who, refused.status_code)] if refused.status_code not in (403, 409) else []
    assert wrong == []
    assert everything(server) == before, "nothing of all this left a trace"


HOSTILE_IDS = [
    "%00",
    "x" * 3000,
    "%F0%9F%92%A9",
    "'; DROP TABLE handoff; --",
    "<script>x</script>",
    "..%2f..%2fetc%2fpasswd",
    "0",
    "-1",
    "9" * 30,
]


def test_no_id_breaks_a_page(server: Running, client: Client) -> None:
    rita, wrong = client("rita"), []
    for _, path in routes(server.app, safe=True):
        if "{" not in path or path in ("/stream",):
            continue
        for hostile in HOSTILE_IDS:
            answer = rita.get(filled(path, **dict.fromkeys(IDS, hostile)))
            if answer.status_code >= 500 or "<script>x" in answer.text:
                wrong.append((path, hostile[:20], answer.status_code))
    queries = ("/find?q=%00", "/queue?rep=%00", "/overrides?about=%00", "/try?who=%00", "/replay?draft=x", "/login?next=%00")
    wrong += [(query, "", status) for query in queries if (status := rita.get(query).status_code) >= 500]
    assert wrong == []


#: Fields of all forms together, each with something no table can keep or no reader expects.
HOSTILE = "\0<script>x</script>\u202e\r\nBcc: x@evil.example"
FIELDS = (
    "kind", "note", "back", "outcome", "reason", "meeting_at", "to", "why", "email", "password", "payload", "about", "verdict", "until",
    "first", "last", "starts", "source", "week", "holidays", "skills", "said", "finding", "clock", "of", "since", "sla", "text", "from", "then",
    "content", "side", "field.name", "answer-not_now-x", "next",
)  # fmt: skip


def test_no_form_breaks_a_page(server: Running, client: Client) -> None:
    rita, nobody, wrong = client("rita"), client(None), []
    for method, path in routes(server.app, safe=False):
        if path in OWN_KEY or path.startswith("/api/") or path == "/logout":
            continue
        form = dict.fromkeys(FIELDS, HOSTILE) | {name: FORMS[path][name] for name in FORMS.get(path, {})}
        answer = (nobody if path == "/login" else rita).request(method, filled(path), data=form)
        if answer.status_code >= 500 or "<script>x" in answer.text:
            wrong.append((path, answer.status_code))
    assert wrong == []


# --- what data says of itself -------------------------------------------------------------------------------------------------

NAMED = "<script>x</script>[/red]\u202e\x1b]52;c;eA==\x07\r\nBcc: x@evil.example " + "W" * 300
#: Where a name may stand in the tables, as a form or a list can bring it in.
DATA = (
    "UPDATE person SET name = %(named)s, fields = fields || jsonb_build_object('title', %(named)s::text)",
    "UPDATE account SET name = %(named)s, fields = fields || jsonb_build_object('city', %(named)s::text)",
    "UPDATE rep SET name = %(named)s, team = %(named)s WHERE id IN ('ana', 'dev')",
    "UPDATE signal SET properties = jsonb_build_object('form', %(named)s::text, 'message', %(named)s::text, 'title', %(named)s::text)",
    "UPDATE handoff SET source = %(named)s",
    "UPDATE brief SET body = replace(body::text, 'Maya', %(quoted)s)::jsonb",
    "UPDATE intake_problem SET what = %(named)s, source = %(named)s, raw = %(named)s",
    "UPDATE touch SET note = %(named)s",
    "UPDATE absence SET why = %(named)s",
)


COMMANDS = (
    ["why", "hnd_maya"], ["why", "maya@halden.example"], ["why", "halden.example"], ["route", "--who", "maya@halden.example"],
    ["route", "--coverage"], ["report", "--by", "source,rep,team"], ["rep", "list"], ["doctor"], ["outbox", "list"], ["login", "list"],
)  # fmt: skip


def test_a_name_is_only_a_name_on_every_page_and_on_a_terminal(server: Running, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = orjson.dumps(NAMED).decode()[1:-1]
    with server.store.writing() as conn:
        for statement in DATA:
            conn.execute(statement, {"named": NAMED, "quoted": quoted})
    wrong = []
    for who in ("ana", "mara", "rita"):
        http = client(who)
        for _, path in routes(server.app, safe=True):
            if path in ("/stream", "/logout"):
                continue
            answer = http.get(filled(path))
            if answer.status_code >= 500 or "<script>x" in answer.text:
                wrong.append((who, path, answer.status_code))
    assert wrong == []
    assert "&lt;script&gt;x" in client("ana").get("/queue").text, "they were there to be shown"
    monkeypatch.setenv("HANDFAST_DATABASE_URL", server.store.url)
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in COMMANDS:
        done = CliRunner().invoke(main, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exception)
        # Colours of our own are all that a terminal may obey.
        obeyed = set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e](?:\[[0-9;]*.)?", done.output))
        assert {one for one in obeyed if not re.fullmatch(r"\x1b\[[0-9;]*m", one)} == set(), words
