"""The door over HTTP: which answer means what, and that an answer of 200 means it is recorded."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from handfast.desk import intake as desk
from handfast.facts import lane_of
from handfast.store.base import Store

from .conftest import BASIC, KEY, Door, Served, application, now, problems, stored


def zipped(body: bytes) -> bytes:
    """Without the time of day in it, so that a test has the same name whenever it is collected."""
    return gzip.compress(body, mtime=0)


PAGE = {"type": "page", "userId": "u1", "messageId": "m1", "properties": {"path": "/pricing"}}


def test_what_is_acknowledged_is_recorded_and_waits_for_its_decision(door: Door) -> None:
    answer = door.post(
        "batch", {"batch": [PAGE, {"type": "identify", "userId": "u1", "traits": {"email": "pat@acme.example", "title": "CTO"}}]}
    )
    assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    assert answer.headers["content-type"] == "application/json"
    said = {row["kind"]: row for row in door.stored()}
    assert said["page_viewed"]["who"] == "user:u1"
    assert said["page_viewed"]["properties"] == {"path": "/pricing"}
    assert said["page_viewed"]["person"] is None
    assert said["identified"]["who"] == "email:pat@acme.example"
    assert said["identified"]["person"] == {"email": "pat@acme.example", "title": "CTO"}
    with door.store.reading() as conn:
        waiting = conn.execute("SELECT lane, seq, signal_id FROM pending ORDER BY seq").fetchall()
    assert [(seq, signal) for _, seq, signal in waiting] == [(row["seq"], row["id"]) for row in door.stored()]
    # The batch itself says whose user id that is, so both stand in the account's lane, one behind the other.
    assert {lane for lane, _, _ in waiting} == {lane_of("domain:acme.example")}


def test_the_same_message_counts_once_for_ever(door: Door) -> None:
    for _ in range(3):
        assert door.post("batch", {"batch": [PAGE, PAGE]}).status_code == 200
    assert door.post("p", PAGE).status_code == 200
    assert len(door.stored()) == 1


def test_two_sources_may_use_the_same_message_id(door: Door) -> None:
    desk.ensure_key(door.store, "OTHER", "backend", now())
    door.post("page", PAGE)
    door.post("page", PAGE | {"writeKey": "OTHER"}, authorization="")
    assert sorted(row["source"] for row in door.stored()) == ["backend", "web"]


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group", "alias", "i", "t", "p", "s", "g", "a"])
def test_every_path_takes_its_event(door: Door, call: str) -> None:
    event = {"userId": "u1", "event": "x", "groupId": "g", "previousId": "p"}
    assert door.post(call, event).status_code == 200
    assert len(door.stored()) == 1


@pytest.mark.parametrize("call", ["batch", "b", "import"])
def test_every_batch_path_takes_a_batch(door: Door, call: str) -> None:
    assert (
        door.post(call, zipped(json.dumps({"batch": [PAGE]}).encode()), content_type="application/x-www-form-urlencoded").status_code == 200
    )
    assert len(door.stored()) == 1


@pytest.mark.parametrize(
    ("header", "body_key", "status"),
    [
        (BASIC, None, 200),
        ("Basic " + base64.b64encode(KEY.encode()).decode(), None, 200),
        ("", KEY, 200),
        ("Bearer some-oauth-token", KEY, 200),
        (f"Bearer {KEY}", None, 200),
        ("", None, 401),
        ("", "wrong", 401),
        ("Basic " + base64.b64encode(b"wrong:").decode(), None, 401),
        ("Basic ???", None, 401),
    ],
)
def test_the_key_is_found_where_libraries_put_it(door: Door, header: str, body_key: str | None, status: int) -> None:
    answer = door.post("batch", {"batch": [PAGE]} | ({"writeKey": body_key} if body_key else {}), authorization=header)
    assert answer.status_code == status
    assert len(door.stored()) == (1 if status == 200 else 0)
    if status == 401:
        # RudderStack's Python library insists on `code` and `message`.
        assert answer.json()["code"] == "401"
        assert "handfast key create" in answer.json()["message"]


def test_one_bad_event_does_not_refuse_its_batch(door: Door) -> None:
    bad = {"type": "track", "userId": "u1", "messageId": "bad"}
    assert door.post("batch", {"batch": [PAGE, bad, {"type": "page"}]}).status_code == 200
    assert [row["kind"] for row in door.stored()] == ["page_viewed"]
    kept = {row["part"]: row for row in door.problems()}
    assert kept["event"]["payload"] == bad
    assert kept["event"]["source"] == "web"
    assert kept["event"]["fix"] == "Send `event`, for instance 'Demo Requested'."
    assert kept["userId"]["payload"] == {"type": "page"}


def test_the_same_refusal_twice_is_one_row_counted(door: Door) -> None:
    bad = {"type": "track", "userId": "u1", "messageId": "bad"}
    door.post("batch", {"batch": [bad, bad], "sentAt": "2026-11-22T13:00:00Z"})
    door.post("batch", {"batch": [bad], "sentAt": "2026-11-22T13:00:05Z"})
    assert [row["times"] for row in door.problems()] == [3]


@pytest.mark.parametrize(
    ("body", "status", "kept"),
    [
        (b"batch=1", 400, "batch=1"),
        (b'{"batch": 7}', 400, '{"batch":7}'),
        (zipped(b"{}")[:-3], 400, None),
        (b"x" * 5_000_001, 413, None),
        (zipped(b" " * 5_000_001), 413, None),
    ],
)
def test_what_no_retry_can_mend_is_refused_and_kept_where_it_is_text(door: Door, body: bytes, status: int, kept: str | None) -> None:
    answer = door.post("batch", body)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert [row["raw"] for row in door.problems()] == ([kept] if kept else [])


def test_a_body_without_end_is_cut_off_at_the_limit(door: Door) -> None:
    """Chunked, without a length: 413 comes before all of it was read."""
    address = urlsplit(door.url)
    chunk = b"x" * 65_536
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as conn:
        conn.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: %b\r\n\r\n" % BASIC.encode())
        answer = b""
        for _ in range(100):
            conn.sendall(b"10000\r\n%b\r\n" % chunk)
        conn.sendall(b"0\r\n\r\n")
        answer = conn.recv(65_536)
    assert b" 413 " in answer.split(b"\r\n")[0]


def test_a_connection_cut_in_the_middle_leaves_nothing(door: Door) -> None:
    address = urlsplit(door.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as conn:
        conn.sendall(b'POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nAuthorization: %b\r\n\r\n{"batch"' % BASIC.encode())
    assert door.post("page", PAGE).status_code == 200
    assert len(door.stored()) == 1


def test_a_path_that_is_no_call_is_not_found(door: Door) -> None:
    assert door.post("projects", PAGE).status_code == 404


def test_browsers_of_any_site_may_ask_and_send(door: Door) -> None:
    asked = {
        "Origin": "https://www.acme.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-retry-count",
    }
    with httpx.Client(trust_env=False, verify=False) as client:
        answer = client.options(f"{door.url}/v1/t", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"authorization", "content-type", "x-retry-count"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert int(answer.headers["access-control-max-age"]) > 0
    for posted in (door.post("t", {"userId": "u", "event": "x"}), door.post("t", b"{"), door.post("t", {}, authorization="")):
        assert posted.headers["access-control-allow-origin"] == "*"


def test_when_storage_is_away_the_sender_is_told_to_come_again() -> None:
    """503 with Retry-After: every library sends the batch again, and nothing was half recorded."""
    with (
        Store("postgresql://127.0.0.1:1/none", patience_seconds=0.2) as away,
        Served(application(away)) as url,
        httpx.Client(trust_env=False, verify=False) as client,
    ):
        answer = client.post(f"{url}/v1/batch", json={"batch": [PAGE]}, headers={"authorization": BASIC})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["code"] == "503"


def test_a_database_that_goes_away_and_comes_back_loses_nothing(door: Door, postgres_url: str) -> None:
    """Every connection is cut between two posts; the sender's retry, or the same post, is recorded once."""
    door.post("page", PAGE)
    with door.store.reading() as conn:
        name = conn.info.dbname
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    second = PAGE | {"messageId": "m2"}
    answers = [door.post("page", second).status_code for _ in range(3)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200
    assert len(door.stored()) == 2


def test_a_revoked_key_is_refused_within_seconds(store: Store) -> None:
    at = now()
    key = desk.create_key(store, "web", at)
    keys = desk.Keys(store)
    assert keys.source_of([key], at) == "web"
    assert not isinstance(desk.revoke_key(store, desk.name_of(desk.digest_of(key)), at), desk.Problem)
    assert keys.source_of([key], at + keys._keep) is None
    assert not desk.ensure_key(store, key, "web", at)
    assert keys.source_of([key], at + 2 * keys._keep) is None


def test_no_key_is_stored_or_listed_in_clear(store: Store) -> None:
    key = desk.create_key(store, "web", now())
    assert key.encode() not in desk.list_keys(store)[0].digest
    assert key not in str(desk.list_keys(store))
    assert isinstance(desk.revoke_key(store, "no such name", now()), desk.Problem)


def test_guessing_keys_does_not_grow_the_memory_without_bound(store: Store) -> None:
    keys = desk.Keys(store, most=10)
    for number in range(50):
        assert keys.source_of([f"guess {number}"], now()) is None
    assert len(keys._known) <= 10


def test_retries_at_the_same_moment_are_recorded_once(door: Door) -> None:
    """Eight copies of two overlapping batches, in opposite orders, at once: no deadlock reaches the sender, nothing is doubled."""
    events = [PAGE | {"messageId": f"m{n}", "userId": f"u{n}"} for n in range(300)]
    batches = [events, events[::-1], events[:200], events[100:]] * 2
    start = threading.Barrier(len(batches))

    def send(batch: list[Any]) -> int:
        start.wait()
        return door.post("batch", {"batch": batch}).status_code

    with ThreadPoolExecutor(len(batches)) as threads:
        assert set(threads.map(send, batches)) == {200}
    assert len(door.stored()) == 300
    with door.store.reading() as conn:
        assert conn.execute("SELECT count(*), count(DISTINCT signal_id) FROM pending").fetchone() == (300, 300)


def test_somebody_known_is_recognised_by_a_bare_id(door: Door) -> None:
    """A page view that carries only an id stands in the lane of the account its person belongs to."""
    with door.store.writing() as conn:
        conn.execute("INSERT INTO person (id, email, created_at) VALUES ('per_1', 'pat@acme.example', now())")
        conn.execute("INSERT INTO identity (who, person_id, since) VALUES ('visitor:a1', 'per_1', now())")
    door.post("page", {"anonymousId": "a1"})
    door.post("page", {"anonymousId": "stranger"})
    with door.store.reading() as conn:
        lanes = conn.execute("SELECT lane FROM pending ORDER BY seq").fetchall()
    assert lanes == [(lane_of("domain:acme.example"),), (lane_of("visitor:stranger"),)]


# --- what was refused is mended -------------------------------------------------------------------------------


def refused_one(store: Store, event: dict[str, Any]) -> str:
    document = desk.segment.decode(json.dumps({"batch": [event]}).encode())
    assert isinstance(document, desk.Document)
    desk.receive(store, "web", "batch", document, now())
    (row,) = problems(store)
    return str(row["id"])


def test_a_mended_event_goes_in_with_its_own_time(store: Store) -> None:
    bad = {"type": "track", "userId": "u1", "messageId": "m", "timestamp": "2026-11-20T10:00:00Z"}
    problem = refused_one(store, bad)
    still = desk.replay_problem(store, problem, bad, now())
    assert isinstance(still, desk.Problem)
    assert stored(store) == []
    assert problems(store)[0]["state"] == "open"
    at = now()
    assert desk.replay_problem(store, problem, bad | {"event": "Demo Requested"}, at) == desk.Receipt("web", 1, 0, 0)
    (signal,) = stored(store)
    assert (signal["kind"], signal["occurred_at"].isoformat(), signal["received_at"]) == ("demo_requested", "2026-11-20T10:00:00+00:00", at)
    assert (problems(store)[0]["state"], problems(store)[0]["settled_at"]) == ("replayed", at)
    again = desk.replay_problem(store, problem, bad | {"event": "Demo Requested"}, at)
    assert isinstance(again, desk.Problem)
    assert again.what == "It was replayed already"


def test_a_mended_event_that_came_in_meanwhile_counts_once(store: Store) -> None:
    bad = {"type": "track", "userId": "u1", "messageId": "m"}
    problem = refused_one(store, bad)
    document = desk.segment.decode(json.dumps(bad | {"event": "x"}).encode())
    assert isinstance(document, desk.Document)
    desk.receive(store, "web", "t", document, now())
    assert desk.replay_problem(store, problem, bad | {"event": "x"}, now()) == desk.Receipt("web", 0, 1, 0)


def test_what_is_dismissed_stays_dismissed_and_is_still_counted(store: Store) -> None:
    bad = {"type": "track", "userId": "u1", "messageId": "m"}
    problem = refused_one(store, bad)
    assert desk.dismiss_problem(store, problem, now()) is None
    refused_one(store, bad)
    (row,) = problems(store)
    assert (row["state"], row["times"]) == ("dismissed", 2)
    assert isinstance(desk.dismiss_problem(store, problem, now()), desk.Problem)
    assert isinstance(desk.dismiss_problem(store, "ref_none", now()), desk.Problem)


@pytest.mark.parametrize("mended", [None, 3, "text", [], {}, {"batch": 1}, {"batch": [{}]}, [{"type": "page"}]])
def test_mending_with_rubbish_is_a_problem_and_changes_nothing(store: Store, mended: Any) -> None:
    problem = refused_one(store, {"type": "track", "userId": "u1", "messageId": "m"})
    assert isinstance(desk.replay_problem(store, problem, mended, now()), desk.Problem)
    assert stored(store) == []
    assert problems(store)[0]["state"] == "open"


def test_a_body_that_was_no_json_is_mended_as_a_whole_batch(door: Door) -> None:
    door.post("batch", b'{"batch": [{"type": "page", "userId": "u1"}')
    (row,) = door.problems()
    done = desk.replay_problem(door.store, row["id"], json.loads(row["raw"] + "]}"), now())
    assert done == desk.Receipt("web", 1, 0, 0)


def test_a_signal_set_aside_undecided_gets_its_turn_back(door: Door) -> None:
    from handfast.store.lanes import set_aside_first

    door.post("page", PAGE)
    with door.store.writing() as conn:
        assert set_aside_first(conn, now(), "ValueError")
    (row,) = door.problems()
    done = desk.replay_problem(door.store, row["id"], row["payload"], now())
    assert isinstance(done, desk.Receipt)
    with door.store.reading() as conn:
        assert conn.execute("SELECT lane, signal_id FROM pending").fetchall() == [(lane_of("user:u1"), door.stored()[0]["id"])]
    assert door.problems()[0]["state"] == "replayed"
