"""Every captured request of a real library, replayed byte for byte through the parser and through the running door."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from handfast.connectors.segment import Document, Refusal, body_keys, decode, header_keys, read
from handfast.desk import intake as desk

from .conftest import Door, now

pytestmark = pytest.mark.data

LIBRARY_CALLS = {
    # kind, user id, anonymous id, e-mail, group id, previous id: what the capture scripts called, in this order.
    "seg": [
        ("identified", "u1", None, "pat@acme.example", None, None),
        ("demo_requested", "u1", None, None, None, None),
        ("whitepaper_downloaded", None, "anon-1", None, None, None),
        ("page_viewed", "u1", None, None, None, None),
        ("page_viewed", "u1", None, None, None, None),
        ("grouped", "u1", None, None, "acme-co", None),
        ("aliased", "u1", None, None, None, "anon-1"),
    ],
    "rud": [
        ("identified", "u1", None, "pat@acme.example", None, None),
        ("demo_requested", "u1", None, None, None, None),
        ("page_viewed", "u1", None, None, None, None),
        ("grouped", "u1", None, None, "acme-co", None),
        ("aliased", "u1", None, None, None, "anon-1"),
    ],
}


def captured(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(f"{pattern}.raw"))
    assert found, pattern
    return found


def taken_apart(raw: bytes) -> tuple[str, str, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return method, path, headers, body


def sent_raw(door: Door, raw: bytes) -> tuple[int, bytes]:
    """The bytes as they were captured, on a socket, and the status of the answer."""
    address = urlsplit(door.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as conn:
        # The captures keep the connection alive; a second header ends it, so that the end of the answer can be seen.
        conn.sendall(raw.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        answer = b""
        while part := conn.recv(65_536):
            answer += part
    return int(answer.split(b" ", 2)[1]), answer


def through_parser(raw: bytes) -> list[Any]:
    _, path, headers, body = taken_apart(raw)
    document = decode(body, headers.get("content-encoding", ""))
    assert isinstance(document, Document)
    assert {"WK_TEST", "WK_WEB"} & {*header_keys(headers.get("authorization", "")), *body_keys(document)}
    done = read(document, urlsplit(path).path.rpartition("/")[2], "web", datetime(2026, 11, 22, 13, 45, tzinfo=UTC))
    assert not isinstance(done, Refusal)
    assert done[1] == []
    return done[0]


@pytest.mark.parametrize("name", ["segpy", "seggz", "segnode", "segretry", "segnoderetry", "rudpy", "rudpynogz", "rudnode"])
def test_a_library_is_read_as_what_its_script_called(name: str, real_data: Callable[[str], Path]) -> None:
    files = captured(real_data("captures"), f"{name}.*")
    ids: dict[Any, Any] = {}
    for file in files:
        ids |= {s.id: s for s in through_parser(file.read_bytes())}
    found = [(s.kind, s.user_id, s.anonymous_id, s.email, s.group_id, s.previous_id) for s in ids.values()]
    assert sorted(map(str, found)) == sorted(map(str, LIBRARY_CALLS[name[:3]]))


@pytest.mark.parametrize("name", ["segweb", "segwebbatch", "segwebretry"])
def test_the_browser_is_read_with_its_page_and_campaign(name: str, real_data: Callable[[str], Path]) -> None:
    """Chromium asked first (preflight), and with some preflights refused sent its page view after the calls that explain it."""
    posts = [f for f in captured(real_data("captures"), f"{name}.*") if f.read_bytes().startswith(b"POST")]
    signals = {s.id: s for file in posts for s in through_parser(file.read_bytes())}
    kinds = sorted(s.kind for s in signals.values())
    assert kinds == ["aliased", "demo_requested", "grouped", "identified", "page_viewed"]
    page = next(s for s in signals.values() if s.kind == "page_viewed")
    assert page.properties["path"] == "/seg.html"
    assert page.properties["name"] == "Pricing"
    assert {s.properties["utm_campaign"] for s in signals.values()} == {"q4"}
    assert {s.properties.get("page_path") for s in signals.values()} == {None, "/seg.html"}
    assert len({s.anonymous_id for s in signals.values()}) == 1


def test_every_captured_request_goes_through_the_door_once(door: Door, real_data: Callable[[str], Path]) -> None:
    """All of them, with their retries, sent twice: each event is there once, and every answer is exactly 200 with a body."""
    desk.ensure_key(door.store, "WK_WEB", "browser", now())
    folder = real_data("captures")
    files = [*captured(folder, "seg*"), *captured(folder, "rud*")]
    expected: dict[Any, str] = {}
    for file in files:
        raw = file.read_bytes()
        if raw.startswith(b"POST"):
            source = "browser" if "WK_WEB" in header_keys(taken_apart(raw)[2]["authorization"]) else "web"
            expected |= {(source, m): m for m in message_ids(file)}
        for _ in range(2):
            status, answer = sent_raw(door, raw)
            assert status == 200, (file.name, answer)
            assert b"access-control-allow-origin: *" in answer.lower()
            assert raw.startswith(b"OPTIONS") or b'{"success":true}' in answer
    rows = door.stored()
    assert len(rows) == len(expected)
    assert {row["source"] for row in rows} == {"browser", "web"}
    assert door.problems() == []


def message_ids(raw: Path) -> list[str]:
    said = json.loads(raw.with_suffix(".json").read_text())
    return [event["messageId"] for event in said.get("batch", [said])]


@pytest.mark.parametrize(
    "name", ["snowpy", "snowpyb64", "snownode", "phpy", "phpygz", "phnode", "phweb", "slackpy", "appr_json", "jitsunode"]
)
def test_what_speaks_another_language_gets_a_clean_refusal(name: str, door: Door, real_data: Callable[[str], Path]) -> None:
    """Snowplow, PostHog, Slack, Apprise and Jitsu at their own paths: never a crash, and nothing of it is stored.

    Their bodies at our path with our key are refused event by event and kept (only Jitsu's are events as we read them).
    """
    for file in captured(real_data("captures"), f"{name}.*"):
        status, answer = sent_raw(door, file.read_bytes())
        assert status in {400, 401, 404, 405}, (file.name, answer)
    assert door.stored() == door.problems() == []
    for file in captured(real_data("captures"), f"{name}.*"):
        _, _, headers, body = taken_apart(file.read_bytes())
        assert door.post("batch", body, content_encoding=headers.get("content-encoding", "")).status_code in {200, 400}
    assert bool(door.stored()) == (name == "jitsunode")
