"""Every door once more, field by field: forms, queries and bodies are read off the application, so a field added tomorrow is swept too.

Whatever a browser or a script sends, and however often at once, no answer is an error of the server, and a refusal says something.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import cast
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from test_doors import OWN_KEY, filled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from conftest import Running

    Client = Callable[[str | None], httpx.Client]

#: What each field may well hold, so that only the one in question is wrong. Others hold an `x`.
GOOD = {
    "kind": "call", "outcome": "recycle", "reason": "not_now", "to": "chloe", "said": "same", "about": "maya@halden.example",
    "verdict": "ready", "until": "2026-12-01", "first": "2026-12-01", "last": "2026-12-02", "starts": "2026-12-01T00:00:00+00:00",
    "source": "page", "week": "mon-fri 09:00-17:00", "url": "https://calendar.example/x.ics", "side": "sales", "sla": "urgent",
    "then": "", "since": "", "back": "/queue", "next": "/queue", "text": "contract: X", "revision": "1", "number": "1", "count": "0",
    "given": "who: maya@halden.example", "who": "maya@halden.example", "contract": "in-force", "rep": "ana", "of": "in-force",
    "draft": "1", "version": "1", "minutes": "20", "old": "1", "new": "1", "word": "erase", "meeting_at": "2026-12-01T10:00",
    "holidays": "DE-BY", "skills": "german", "name": "leave", "clock": "none",
}  # fmt: skip
#: What no table keeps, no encoding holds, no calendar knows, no column is wide enough for, or another thing is called. As sent.
HOSTILE = (
    "", "a%00%ED%A0%80", "%FF%FE", "x" * 5000, "9" * 5000, "%C2%B2", "0001-01-01T00:00+14:00", "9999-12-31", "hnd_maya",
    "https://[::1", "%3Cscript%3Ex%3C/script%3E",
)  # fmt: skip
FORM = "application/x-www-form-urlencoded"
TYPES = (
    None, "x", "text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=x", f"{FORM}; charset=utf-16",
)  # fmt: skip
BODIES = (b"null", b"[" * 5000, b'{"text": "\\ud800\\u0000", "since": "\\ud800"}')
VALUES: tuple[Any, ...] = (None, -1, 10**30, 1.5, True, [], {}, "", "a\0b", "x" * 5000, "9999-12-31T23:59-14:00", "0001-01-01")


class Door(NamedTuple):
    """A method and path, the names its query is asked for and those of its form; of a JSON body the names it has."""

    method: str
    path: str
    asked: tuple[str, ...]
    sent: tuple[str, ...]
    json: tuple[str, ...]


def doors(app: Any) -> Iterator[Door]:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute):
            continue
        parts = list(_with_all_it_needs(route.dependant))
        asked = tuple(dict.fromkeys(one.name for part in parts for one in part.query_params))
        body = {one.name: one.field_info.annotation for part in parts for one in part.body_params}
        models = [model.model_fields for model in body.values() if hasattr(model, "model_fields")]
        names = tuple(field.alias or name for fields in models for name, field in fields.items())
        for method in sorted(context.methods - {"HEAD", "OPTIONS"}):
            yield Door(method, context.path, asked, tuple(body), names)


def _with_all_it_needs(dependant: Any) -> Iterator[Any]:
    yield dependant
    yield from chain.from_iterable(_with_all_it_needs(one) for one in dependant.dependencies)


def pages(app: Any) -> list[Door]:
    """Doors of forms."""
    own = (*OWN_KEY, "/logout")
    return [door for door in doors(app) if door.method != "GET" and door.path not in own and not door.path.startswith("/api/")]


def written(names: tuple[str, ...], **wrong: str | None) -> str:
    """A form or query with good values but for those given, as sent; None leaves one out."""
    values = {name: quote(GOOD.get(name, "x")) for name in names} | wrong
    return "&".join(f"{name}={value}" for name, value in values.items() if value is not None)


def amiss(answer: httpx.Response) -> str:
    """What is wrong with an answer; empty where nothing is."""
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if is_page and "<script>x" in answer.text:
        return "obeyed"
    speaks = is_page or len(answer.text) > 8 or "hx-redirect" in answer.headers
    return "" if answer.status_code < 400 or speaks else "says nothing"


def test_no_field_of_a_form_breaks_a_page(server: Running, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handfast.desk.logins._NOBODY", cast.hashed())  # A wrong sign-in takes a tenth of a second on purpose.
    rita, nobody, wrong = client("rita"), client(None), []
    swept = pages(server.app)
    for door in swept:
        path = filled(door.path)
        forms = [(name, value, written(door.sent, **{name: value})) for name in door.sent for value in (None, *HOSTILE)]
        forms += [(name, "twice", f"{written(door.sent)}&{name}=&{name}=%00") for name in door.sent]
        for name, value, form in forms:
            answer = rita.request(door.method, path, content=form, headers={"Content-Type": FORM})
            wrong += [(door.path, name, value and value[:30], said)] if (said := amiss(answer)) else []
        odd = [(kind, b"{\xff") for kind in TYPES] + [(FORM, body) for body in BODIES]
        for who, (kind, body) in [*((rita, one) for one in odd), (nobody, odd[3]), (nobody, odd[-1])]:
            answer = who.request(door.method, path, content=body, headers={"Content-Type": kind} if kind else {})
            wrong += [(door.path, kind, body[:30], said)] if (said := amiss(answer)) else []
    assert len(swept) > 40, "the doors are found on the application"
    assert wrong == []


def test_no_query_and_no_part_of_an_address_breaks_a_page(server: Running, client: Client) -> None:
    rita, wrong = client("rita"), []
    for door in doors(server.app):
        if door.method != "GET" or door.path == "/stream":
            continue
        asked = [f"{filled(door.path)}?{written(door.asked, **{name: value})}" for name in door.asked for value in HOSTILE]
        asked += [f"{filled(door.path)}?{written(door.asked)}&{name}=1&{name}=%ff" for name in door.asked]
        slots = re.findall(r"\{(\w+)", door.path)
        asked += [filled(door.path, **{slot: value or "%20"}) for slot in slots for value in HOSTILE]
        wrong += [(where[:90], said) for where in asked if (said := amiss(rita.get(where)))]
    assert wrong == []


def test_no_body_breaks_a_door_of_machines(server: Running, client: Client) -> None:
    rita, wrong = client("rita"), []
    swept = [door for door in doors(server.app) if door.method != "GET" and door.path.startswith("/api/")]
    for door in swept:
        good = {name: GOOD.get(name, "x") for name in door.json} | {name: 1 for name in door.json if name == "revision"}
        for name in door.json:
            for value in VALUES:
                answer = rita.request(door.method, filled(door.path), json=good | {name: value})
                wrong += [(door.path, name, str(value)[:30], said)] if (said := amiss(answer)) else []
        for kind, body in [(kind, b"{\xff") for kind in TYPES] + [("application/json", body) for body in BODIES]:
            answer = rita.request(door.method, filled(door.path), content=body, headers={"Content-Type": kind} if kind else {})
            wrong += [(door.path, kind, body[:30], said)] if (said := amiss(answer)) else []
    assert any(door.json for door in swept), "their fields are found on the application"
    assert wrong == []


def test_the_same_form_sent_from_several_tabs_at_once_breaks_nothing(server: Running, client: Client) -> None:
    tabs, wrong = [client("rita") for _ in range(3)], []
    with ThreadPoolExecutor(len(tabs)) as pool:
        for door in pages(server.app):

            def send(tab: httpx.Client, door: Door = door) -> httpx.Response:
                return tab.request(door.method, filled(door.path), content=written(door.sent), headers={"Content-Type": FORM})

            wrong += [(door.path, said) for answer in pool.map(send, tabs) if (said := amiss(answer))]
    assert wrong == []


def test_no_header_breaks_a_door(server: Running, client: Client) -> None:
    """What a browser, a proxy or a script says beside: addresses that are none, cookies and passwords that are none."""
    rita, nobody, wrong = client("rita"), client(None), []
    odd = ("http://[", "//", "\xff", "x" * 6000, "Basic", "Basic !!!", "Basic //79", "null")
    names = (
        "Origin",
        "Referer",
        "HX-Current-URL",
        "Cookie",
        "Authorization",
        "Accept-Encoding",
        "Range",
        "If-None-Match",
        "HX-Request-Type",
    )
    for http in (rita, nobody):
        for method, path in (
            ("GET", "/queue"),
            ("GET", "/none"),
            ("GET", "/static/app.css"),
            ("POST", "/overrides"),
            ("GET", "/api/v1/contract"),
        ):
            for name, value in ((name, value) for name in names for value in odd):
                headers = {"HX-Request": "true"} | {name: value.encode("latin-1")}
                answer = http.request(method, path, headers=headers)  # type: ignore[arg-type]
                wrong += [(method, path, name, value[:20], said)] if (said := amiss(answer)) else []
    assert wrong == []


def test_a_monitor_may_ask_for_the_head_alone(server: Running, client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client(None).head(path)
        assert (answer.status_code, answer.text) == (client(None).get(path).status_code, "")
