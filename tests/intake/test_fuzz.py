"""Whatever comes in: never a crash, and nothing is lost without a word. A request ends in a receipt that counts every event, or in a refusal."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handfast.connectors.segment import CALLS, Document, Refusal, decode, read
from handfast.desk import intake as desk
from handfast.store.base import Store

from .conftest import BASIC, KEY, now, stored

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
EXAMPLES = count(1)

#: Any character there is, with NUL and halves of surrogate pairs among them.
nasty = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff\x1f\x7f\ufffe"), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | nasty
json_values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nasty, inner, max_size=4), max_leaves=12)
fields = st.sampled_from(
    ["type", "event", "userId", "anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "context", "traits", "properties",
     "groupId", "previousId", "name", "category", "integrations", "writeKey"]
)  # fmt: skip
plausible = st.sampled_from(
    ["track", "page", "identify", "group", "alias", "u1", "Demo Requested", "2026-11-22T13:00:00Z", "pat@acme.example", "0001-01-01T00:00:00Z",
     "9999-12-31T23:59:59+00:00", 1e18, -1e18, "Änna@Bücher.example", "x" * 300]
)  # fmt: skip
pages = st.fixed_dictionaries(
    {}, optional={"page": json_values, "campaign": json_values, "traits": json_values, "groupId": json_values, "consent": json_values}
)
people = st.dictionaries(
    st.sampled_from(["email", "company", "address", "employees", "country", "website", "domain", "id", "name"]), json_values | plausible
)
events = st.dictionaries(fields, plausible | json_values | people | pages, max_size=9) | json_values
batches = st.fixed_dictionaries(
    {"batch": st.lists(events, max_size=5)}, optional={"context": json_values | pages, "sentAt": plausible | json_values}
)


def as_bytes(value: Any) -> bytes:
    """JSON as Python's own library writes it: with NaN, lone surrogates as escapes, numbers of any length."""
    return json.dumps(value).encode()


@given(batches | events, st.sampled_from(sorted(CALLS)))
def test_reading_any_json_counts_every_event(value: Any, call: str) -> None:
    document = decode(as_bytes(value))
    assert isinstance(document, Document)
    done = read(document, call, "web", AT)
    if isinstance(done, Refusal):
        assert done.status in {400, 413}
        return
    sent = document.value.get("batch", [0]) if isinstance(document.value, dict) else document.value
    assert len(done[0]) + len(done[1]) == (len(sent) if isinstance(sent, list) else 1)
    for signal in done[0]:
        assert signal.user_id or signal.anonymous_id or signal.email
        assert signal.occurred_at <= AT


@given(st.binary(max_size=200) | st.binary(max_size=200).map(gzip.compress) | st.binary(max_size=60).map(lambda b: b"\x1f\x8b" + b), nasty)
def test_reading_any_bytes_is_a_document_or_a_refusal(body: bytes, encoding: str) -> None:
    found = decode(body, encoding)
    assert isinstance(found, Document) or found.status in {400, 413}


@given(st.integers(1, 200))
def test_a_stream_cut_anywhere_is_refused(missing: int) -> None:
    whole = gzip.compress(as_bytes({"batch": [{"type": "page", "userId": f"u{n}"} for n in range(50)]}))
    found = decode(whole[: -min(missing, len(whole) - 2)], "gzip")
    assert isinstance(found, Refusal)
    assert found.status == 400


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=batches | events)
@example(
    value={
        "batch": [
            {"type": "page", "userId": "\x00", "anonymousId": "a\x00b", "properties": {"\ud800": "\x00", "n": float("nan"), "i": 10**50}}
        ]
    }
)
@example(value={"batch": [{"type": "track", "event": "\x00", "userId": "u"}, {"type": "tr\ud800ck", "userId": "u"}]})
@example(value={"batch": [{"type": "identify", "traits": {"email": "\x00a@\ud800"}}, "\x00", ["\ud800"], float("inf"), 10**400]})
@example(value={"batch": [{"type": "page", "userId": "u", "context": {"page": {"search": "?utm_source=%00&utm_term=%ED%A0%80"}}}]})
@example(value={"batch": [{"type": "page", "userId": "u", "messageId": "\ud800\x00", "timestamp": "\ud800"}]})
def test_recording_any_json_never_fails_and_counts_every_event(store: Store, value: Any) -> None:
    """Into a real PostgreSQL, which takes neither NUL nor half a surrogate: sent twice, the second time all are duplicates."""
    desk.ensure_key(store, KEY, "web", AT)
    keys = desk.Keys(store)
    before = len(stored(store))
    post = desk.Post("batch", as_bytes(value), "", BASIC)
    first, second = (desk.admit(store, keys, post, AT) for _ in range(2))
    if isinstance(first, Refusal):
        assert first.status == 400
        assert first == second
        return
    assert isinstance(second, desk.Receipt)
    assert len(stored(store)) - before == first.accepted
    assert (second.accepted, second.refused) == (0, first.refused)
    assert second.duplicates == first.accepted + first.duplicates


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_duplication_and_batching_store_the_same_set(store: Store, data: st.DataObject) -> None:
    """Through the door into PostgreSQL, in batches cut anywhere, shuffled, with repeats and two sources: one set, whatever the way."""
    tag = f"example {next(EXAMPLES)}"
    sent = [
        {
            "type": "track",
            "event": "x",
            "userId": f"u{n}",
            "timestamp": "2026-11-22T13:00:00Z",
            "messageId": f"{tag}-{n}",
            "properties": {"n": n, "of": tag},
        }
        for n in range(data.draw(st.integers(1, 30)))
    ]
    order = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=20))))
    while order:
        cut = data.draw(st.integers(1, len(order)))
        document = decode(as_bytes({"batch": order[:cut]}))
        assert isinstance(document, Document)
        assert isinstance(desk.receive(store, "web", "batch", document, AT), desk.Receipt)
        order = order[cut:]
    with store.reading() as conn:
        rows = conn.execute(
            "SELECT s.properties, count(*) FROM signal AS s JOIN pending AS p ON p.signal_id = s.id WHERE s.properties ->> 'of' = %s"
            " AND s.received_at = %s GROUP BY s.id, s.properties",
            (tag, AT),  # of this example alone: another may have been broken off half-way
        ).fetchall()
    assert sorted(properties["n"] for properties, _ in rows) == list(range(len(sent)))
    assert {count for _, count in rows} == {1}


@pytest.mark.parametrize("levels", [17, 200, 254, 255, 300, 900, 1020, 5000, 100_000])
def test_nesting_of_any_depth_is_refused_and_kept(store: Store, levels: int) -> None:
    desk.ensure_key(store, KEY, "web", AT)
    deep = b'{"a":' * levels + b"1" + b"}" * levels
    body = (
        b'{"batch":[{"type":"page","userId":"u","messageId":"g"},{"type":"page","userId":"u","messageId":"h","context":{"x":%b}}]}' % deep
    )
    for spoiled in (body, body.replace(b"1}", b'"\\u0000"}'), body.replace(b"1}", b"NaN}"), body.replace(b'"context"', b'"properties"')):
        done = desk.admit(store, desk.Keys(store), desk.Post("batch", spoiled, "", BASIC), now())
        if isinstance(done, Refusal):
            assert done.status == 400
            assert done.raw
        else:
            assert done.accepted + done.duplicates + done.refused == 2


def test_a_hundred_thousand_broken_events_are_one_answer(store: Store) -> None:
    """More events than the door takes at once are refused whole, before any work on them."""
    desk.ensure_key(store, KEY, "web", AT)
    body = zlib.compress(b'{"batch":[' + b",".join([b"0"] * 100_000) + b"]}", wbits=31)
    done = desk.admit(store, desk.Keys(store), desk.Post("batch", body, "", BASIC), now())
    assert isinstance(done, Refusal)
    assert done.status == 413
