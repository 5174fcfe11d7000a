"""Segment's wire format read as signals: what each call means, whose clock counts, and what is refused with which words."""

from __future__ import annotations

import base64
import gzip
import json
import random
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handfast.connectors.segment import LIMITS, Document, Limits, Refusal, Refused, body_keys, decode, header_keys, read
from handfast.facts import Signal


def zipped(body: bytes) -> bytes:
    """Without the time of day in it, so that a test has the same name whenever it is collected."""
    return gzip.compress(body, mtime=0)


AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def parsed(body: Any, call: str = "batch", at: datetime = AT) -> tuple[list[Signal], list[Refused]]:
    document = decode(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert isinstance(document, Document), document
    done = read(document, call, "web", at)
    assert not isinstance(done, Refusal), done
    return done


def one(event: dict[str, Any], call: str = "batch") -> Signal:
    signals, refused = parsed({"batch": [{"userId": "u1"} | event]} if call == "batch" else {"userId": "u1"} | event, call)
    assert refused == []
    (signal,) = signals
    return signal


def complaint(event: Any) -> str:
    signals, refused = parsed({"batch": [event]})
    assert signals == []
    (problem,) = [one.problem for one in refused]
    return f"{problem.where.part}: {problem.what}. {problem.fix}"


# --- what the calls mean --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "track", "event": "Demo Requested"}, "demo_requested"),
        ({"type": "track", "event": "form_submitted"}, "form_submitted"),
        ({"type": "track", "event": "Page Viewed"}, "page_viewed"),
        ({"type": "page", "name": "Pricing"}, "page_viewed"),
        ({"type": "screen", "name": "Home"}, "page_viewed"),
        ({"type": "identify"}, "identified"),
        ({"type": "group", "groupId": "g"}, "grouped"),
        ({"type": "alias", "previousId": "a"}, "aliased"),
        ({"type": "TRACK", "event": "x"}, "x"),
    ],
)
def test_every_call_is_a_kind_of_signal(event: dict[str, Any], kind: str) -> None:
    assert one(event).kind == kind


@pytest.mark.parametrize(
    ("letter", "kind"), [("p", "page_viewed"), ("i", "identified"), ("t", "x"), ("g", "grouped"), ("s", "page_viewed")]
)
def test_the_browsers_one_letter_paths_say_the_type(letter: str, kind: str) -> None:
    assert one({"event": "x"}, letter).kind == kind


def test_a_page_says_where_it_was() -> None:
    """From its properties first, then the browser's context, then the address alone, as server libraries send it."""
    page = {
        "path": "/pricing",
        "url": "https://acme.example/pricing?a=1",
        "title": "Pricing",
        "referrer": "https://g.example/",
        "search": "?a=1",
    }
    full = one({"type": "page", "name": "Pricing", "category": "Docs", "context": {"page": page}})
    assert full.properties == page | {"name": "Pricing", "category": "Docs"}
    assert one({"type": "page", "properties": {"path": "/own"}, "context": {"page": page}}).properties["path"] == "/own"
    bare = one({"type": "page", "properties": {"url": "https://acme.example/pricing?utm_source=x"}})
    assert bare.properties == {
        "url": "https://acme.example/pricing?utm_source=x",
        "path": "/pricing",
        "search": "?utm_source=x",
        "utm_source": "x",
    }
    assert one({"type": "page", "properties": {"url": "https://acme.example"}}).properties["path"] == "/"
    assert one({"type": "page", "properties": {"url": "http://[broken"}}).properties == {"url": "http://[broken"}


def test_a_form_notes_the_page_it_stood_on_and_keeps_its_own_fields() -> None:
    context = {"page": {"path": "/demo", "url": "https://acme.example/demo", "title": "t"}}
    signal = one({"type": "track", "event": "Form Submitted", "properties": {"formName": "demo", "path": "/own"}, "context": context})
    assert signal.properties == {"form_name": "demo", "path": "/own", "page_path": "/demo", "page_url": "https://acme.example/demo"}


def test_the_campaign_is_kept_under_its_utm_names() -> None:
    campaign = {"name": "q4", "source": "google", "medium": "cpc", "term": "crm", "content": "b", "id": "7"}
    properties = one({"type": "page", "context": {"campaign": campaign}}).properties
    assert properties == {
        "utm_campaign": "q4", "utm_source": "google", "utm_medium": "cpc", "utm_term": "crm", "utm_content": "b", "utm_id": "7",
        "channel": "cpc",
    }  # fmt: skip
    assert one({"type": "page", "properties": {"channel": "webinar"}, "context": {"campaign": campaign}}).properties["channel"] == "webinar"


def test_consent_is_kept_with_the_signal() -> None:
    context = {"consent": {"categoryPreferences": {"advertising": False, "analytics": True}}}
    assert one({"type": "page", "context": context}).properties["consent"] == {"advertising": False, "analytics": True}


# --- who ------------------------------------------------------------------------------------------------------


def test_a_persons_traits_get_our_names() -> None:
    traits = {
        "email": "Pat@Acme.Example", "firstName": "Pat", "last_name": "Kraus", "jobTitle": "VP Sales", "phone": " +1 555 0100 ", "seniority": "vp",
        "company": {"name": "Acme", "employee_count": "1,420", "industry": "software", "website": "https://www.acme.example/de"},
        "address": {"city": "Ulm", "country": "de", "postalCode": "89073"}, "favouriteColour": "blue", "nothing": None, "blank": " ",
    }  # fmt: skip
    signal = one({"type": "identify", "traits": traits})
    assert signal.email == "pat@acme.example"
    assert signal.person == {
        "email": "pat@acme.example", "first_name": "Pat", "last_name": "Kraus", "title": "VP Sales", "phone": "+1 555 0100", "seniority": "vp",
        "company": "Acme", "city": "Ulm", "country": "DE", "postal_code": "89073", "favourite_colour": "blue",
    }  # fmt: skip
    assert signal.account == {
        "name": "Acme", "employees": 1420, "industry": "software", "website": "https://www.acme.example/de", "domain": "acme.example"
    }  # fmt: skip


def test_flat_traits_of_the_company_go_to_the_company() -> None:
    signal = one({"type": "identify", "traits": {"company": "Acme", "employees": 300.0, "industry": "software", "plan": "trial"}})
    assert signal.person == {"company": "Acme", "plan": "trial"}
    assert signal.account == {"name": "Acme", "employees": 300, "industry": "software"}


def test_rudderstack_puts_traits_in_the_context() -> None:
    signal = one({"type": "identify", "context": {"traits": {"email": "pat@acme.example", "title": "CTO"}}})
    assert (signal.email, signal.person["title"]) == ("pat@acme.example", "CTO")


def test_a_group_speaks_of_the_account_and_its_context_of_the_person() -> None:
    traits = {"name": "Acme", "employees": "201-500", "website": "acme.example", "annualRevenue": "$1,000,000", "plan": "pro", "id": 7}
    signal = one({"type": "group", "groupId": "acme-co", "traits": traits, "context": {"traits": {"email": "pat@acme.example"}}})
    assert signal.group_id == "acme-co"
    assert signal.account == {
        "name": "Acme", "employees": "201-500", "website": "acme.example", "annual_revenue": 1000000, "plan": "pro", "external_id": "7",
        "domain": "acme.example",
    }  # fmt: skip
    assert signal.person == {"email": "pat@acme.example"}


def test_a_filled_in_form_says_who_filled_it_in() -> None:
    """The name and title among an event's properties are the form's or the paper's; the first name is the person's."""
    properties = {
        "email": "pat@acme.example",
        "first_name": "Pat",
        "company": "Acme",
        "employees": "300",
        "title": "Whitepaper",
        "name": "Demo form",
    }
    signal = one({"type": "track", "event": "Form Submitted", "properties": properties})
    assert signal.email == "pat@acme.example"
    assert signal.person == {"email": "pat@acme.example", "first_name": "Pat", "company": "Acme"}
    assert signal.account == {"name": "Acme", "employees": 300}
    assert signal.properties["title"] == "Whitepaper"


@pytest.mark.parametrize(
    "event",
    [
        {"traits": {"email": "PAT@acme.example"}},
        {"context": {"traits": {"email": "pat@acme.example"}}},
        {"properties": {"email": "pat@acme.example"}},
        {"userId": "Pat@acme.example"},
        {"traits": {"email": None}, "properties": {"email": "pat@acme.example"}},
    ],
)
def test_the_address_is_found_wherever_it_stands(event: dict[str, Any]) -> None:
    (signal,), _ = parsed({"batch": [{"type": "track", "event": "x", **event}]})
    assert signal.email == "pat@acme.example"


def test_a_mistyped_address_does_not_cost_the_signal_when_somebody_else_is_named() -> None:
    signal = one({"type": "identify", "traits": {"email": "anna@"}})
    assert (signal.email, signal.person) == (None, {"email_as_given": "anna@"})
    assert complaint({"type": "identify", "traits": {"email": "anna@"}}).startswith("email: 'anna@' is no e-mail address")


def test_null_is_absent_everywhere() -> None:
    event = {
        "type": "track", "event": "x", "userId": "u1", "anonymousId": None, "groupId": None, "previousId": None, "timestamp": None,
        "context": None, "traits": None, "messageId": None, "properties": {"a": None, "b": {"c": None, "d": 1}, "e": [None]},
    }  # fmt: skip
    (signal,), _ = parsed({"batch": [event], "sentAt": None, "context": None})
    assert (signal.anonymous_id, signal.properties, signal.occurred_at) == (None, {"b": {"d": 1}, "e": [None]}, AT)


@pytest.mark.parametrize("nobody", ["null", "undefined", "", "  ", "[object Object]", None, True, [], {}])
def test_ids_that_careless_javascript_makes_are_nobody(nobody: Any) -> None:
    """Taken at its word, `undefined` would make one person of every visitor."""
    (signal,), _ = parsed({"batch": [{"type": "page", "userId": nobody, "anonymousId": "a"}]})
    assert signal.user_id is None
    assert "does not say who" in complaint({"type": "page", "userId": nobody})


def test_ids_may_be_numbers() -> None:
    (signal,), _ = parsed({"batch": [{"type": "page", "userId": 42, "anonymousId": 7.0}]})
    assert (signal.user_id, signal.anonymous_id) == ("42", "7")


# --- whose clock ----------------------------------------------------------------------------------------------

Z = "2026-11-22T{}Z"


@pytest.mark.parametrize(
    ("times", "batch_sent", "occurred"),
    [
        ({}, None, "14:00:00"),
        ({"timestamp": Z.format("13:00:00")}, None, "13:00:00"),
        ({"timestamp": Z.format("13:00:00")}, Z.format("13:00:10"), "13:59:50"),  # the sender's clock is an hour slow
        ({"timestamp": Z.format("15:00:00")}, Z.format("15:00:10"), "13:59:50"),  # an hour fast
        ({"originalTimestamp": Z.format("13:00:00"), "sentAt": Z.format("13:00:05")}, Z.format("13:30:00"), "13:59:55"),
        ({"timestamp": Z.format("15:00:00")}, None, "14:00:00"),  # never later than its arrival
        ({"timestamp": Z.format("13:00:20")}, Z.format("13:00:00"), "14:00:00"),
        ({"timestamp": "2026-11-22T14:30:00+02:00"}, None, "12:30:00"),
        ({"timestamp": "2026-11-22T12:30:00"}, None, "12:30:00"),
        ({"timestamp": 1795350600}, None, "12:30:00"),
        ({"timestamp": 1795350600000}, None, "12:30:00"),
        ({"timestamp": Z.format("12:30:00")}, "rubbish", "12:30:00"),
        # Passed on by Segment itself, which has corrected `timestamp` already.
        (
            {"timestamp": Z.format("12:30:00"), "receivedAt": Z.format("12:31:00"), "originalTimestamp": Z.format("11:00:00"),
             "sentAt": Z.format("11:00:59")}, None, "12:30:00",
        ),
    ],
)  # fmt: skip
def test_an_event_happened_when_it_happened_by_our_clock(times: dict[str, Any], batch_sent: str | None, occurred: str) -> None:
    """`received_at - (sentAt - originalTimestamp)`, clamped to the arrival."""
    (signal,), _ = parsed({"batch": [{"type": "page", "userId": "u", **times}], "sentAt": batch_sent})
    assert signal.occurred_at.isoformat() == f"2026-11-22T{occurred}+00:00"
    assert signal.received_at == AT


def test_times_that_were_corrected_stay_for_the_audit() -> None:
    sent = {"timestamp": Z.format("13:00:00.500")}
    (slow, ), _ = parsed({"batch": [{"type": "page", "userId": "u", **sent}], "sentAt": Z.format("13:00:10")})  # fmt: skip
    assert slow.properties == {"_original_timestamp": Z.format("13:00:00.500"), "_sent_at": "2026-11-22T13:00:10+00:00"}
    (right,), _ = parsed(
        {"batch": [{"type": "page", "userId": "u", "timestamp": Z.format("13:59:50")}], "sentAt": Z.format("13:59:59.900")}
    )
    assert right.properties == {}


moments = st.integers(946_684_800, 4_102_444_800).map(lambda s: datetime.fromtimestamp(s, UTC).replace(tzinfo=None))  # 2000 to 2100


@given(moments, moments, st.sampled_from([None, *range(-12, 13)]))
def test_nothing_happens_after_it_arrived(original: datetime, sent: datetime, hours: int | None) -> None:
    zone = "" if hours is None else f"{hours:+03d}:00"
    event = {"type": "page", "userId": "u", "timestamp": original.isoformat() + zone, "sentAt": sent.isoformat() + zone}
    (signal,), _ = parsed({"batch": [event]})
    assert signal.occurred_at <= AT
    if original <= sent:
        assert AT - signal.occurred_at == sent - original


# --- identity of the message ----------------------------------------------------------------------------------


def test_the_message_id_makes_the_identity() -> None:
    first = one({"type": "page", "messageId": "m1"})
    assert one({"type": "page", "messageId": "m1", "properties": {"other": 1}}).id == first.id
    assert one({"type": "page", "messageId": "m2"}).id != first.id
    assert one({"type": "page", "messageId": "m" * 300}).id != one({"type": "page", "messageId": "m" * 299}).id


def test_without_a_message_id_the_content_is_the_identity() -> None:
    """The same event sent again, whatever its attempt says of sending; another event is another signal."""
    event = {"type": "track", "event": "x", "timestamp": Z.format("13:00:00"), "properties": {"a": 1, "b": 2}}
    first = one(event)
    assert one(event | {"sentAt": Z.format("13:59:00"), "_metadata": {"attempt": 2}, "properties": {"b": 2, "a": 1}}).id == first.id
    assert one(event | {"timestamp": Z.format("13:00:01")}).id != first.id
    assert one(event | {"userId": "u2"}).id != first.id


def test_an_event_with_neither_id_nor_time_counts_once_a_minute() -> None:
    event = {"batch": [{"type": "page", "userId": "u"}]}
    ids = [parsed(event, at=AT + timedelta(seconds=s))[0][0].id for s in (0, 30, 60)]
    assert ids[0] == ids[1] != ids[2]


# --- what is refused, and how ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "page"}, "userId: The event does not say who did it"),
        ({"type": "track", "userId": "u"}, "event: A track call does not say what was done"),
        ({"type": "track", "userId": "u", "event": "!!"}, "event: '!!' is no name for an event"),
        ({"type": "track", "userId": "u", "event": {"a": 1}}, "event: '{'a': 1}' is no name for an event"),
        ({"userId": "u"}, "type: The event has no type"),
        ({"type": "trakc", "userId": "u"}, "type: 'trakc' is no type of event. Did you mean 'track'?"),
        ({"type": ["track"], "userId": "u"}, "type: The event has no type"),
        ({"type": "alias", "userId": "u"}, "previousId: An alias does not say who it was before"),
        ({"type": "page", "userId": "u" * 201}, "userId: `userId` has 201 characters"),
        ({"type": "page", "userId": "u", "timestamp": "yesterday"}, "timestamp: 'yesterday' is no time we can read"),
        ({"type": "page", "userId": "u", "timestamp": 1e300}, "timestamp: '1e+300' is no time we can read"),
        (
            {"type": "page", "userId": "u", "timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"},
            "timestamp: '0001-01-01T00:00:00Z' lies before 1900",
        ),
        ({"type": "page", "userId": "u", "timestamp": "1901-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"}, "timestamp: The times"),
        ({"type": "page", "userId": "u", "properties": {"x": "x" * 33_000}}, "event: The event has 33"),
        ("page", "event: An event is no JSON object"),
        (None, "event: An event is no JSON object"),
    ],
)
def test_each_refusal_says_what_is_wrong(event: Any, words: str) -> None:
    assert complaint(event).startswith(words)


def test_one_bad_event_costs_only_itself() -> None:
    good = {"type": "page", "userId": "u", "messageId": "g"}
    signals, refused = parsed({"batch": [good, {"type": "page"}, good | {"messageId": "h"}]})
    assert len(signals) == 2
    assert str(refused[0].problem.where) == "web event 2, userId"


def test_what_a_refused_event_needs_from_its_batch_is_kept_with_it() -> None:
    """It will be mended and replayed alone: its type from the path, the batch's context and sending time go with it."""
    document = decode(json.dumps({"event": "Demo Requested", "messageId": "m"}).encode())
    assert isinstance(document, Document)
    done = read(document, "t", "web", AT)
    assert not isinstance(done, Refusal)
    assert done[1][0].payload == {"type": "track", "event": "Demo Requested", "messageId": "m"}
    _, (batched,) = parsed({"batch": [{"type": "page"}], "context": {"ip": "203.0.113.5"}, "sentAt": Z.format("13:00:00")})
    assert batched.payload == {"type": "page", "context": {"ip": "203.0.113.5"}, "sentAt": Z.format("13:00:00")}


def test_the_batchs_context_is_merged_into_each_event() -> None:
    batch = {"batch": [{"type": "page", "userId": "u"}, {"type": "page", "userId": "u", "context": {"campaign": {"name": "own"}}}]}
    first, second = parsed(batch | {"context": {"campaign": {"name": "batch"}, "groupId": "g"}})[0]
    assert (first.properties["utm_campaign"], second.properties["utm_campaign"]) == ("batch", "own")
    assert first.group_id == second.group_id == "g"


@pytest.mark.parametrize(
    "spoiled",
    [
        b'{"batch":[{"type":"page","userId":"u","properties":{"a":"\\u0000x","\\u0000b":1}}]}',
        b'{"batch":[{"type":"page","userId":"u","properties":{"a":"\\ud800x","b":1}}]}',
        b'{"batch":[{"type":"page","userId":"u","properties":{"a":"x","b":1,"c":NaN,"d":Infinity,"e":1e999}}]}',
        b'\xef\xbb\xbf{"batch":[{"type":"page","userId":"u","properties":{"a":"x","b":1}}]}',
        b'{"batch":[{"type":"page","userId":"u","properties":{"a":"x\xff","b":1}}]}',
        b'{"batch":[{"type":"page","userId":"u","properties":{"a":"x\x01","b":1}}]}',
        b'{"batch":[{"type":"page","userId":"u","properties":{"a":"x","b":1,"n":' + b"9" * 5000 + b"}}]}",
    ],
)
def test_characters_that_break_a_database_are_mended(spoiled: bytes) -> None:
    (signal,), _ = parsed(spoiled)
    said = orjson.dumps(dict(signal.properties))
    assert b"\\u0000" not in said
    assert signal.properties["b"] == 1
    assert "x" in signal.properties["a"]


def test_what_is_nested_too_deep_is_refused_alone() -> None:
    for levels in (18, 400, 990):
        deep = b'{"a":' * levels + b"1" + b"}" * levels
        body = b'{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u","properties":%b}]}' % deep
        signals, refused = parsed(body)
        assert (len(signals), refused[0].problem.where.part) == (1, "properties"), levels


# --- bytes ----------------------------------------------------------------------------------------------------

BODY = json.dumps({"batch": [{"type": "page", "userId": "u"}]}).encode()


@pytest.mark.parametrize("encoding", ["", "gzip", "GZIP", "identity"])
def test_gzip_is_known_by_its_magic_whatever_the_header_says(encoding: str) -> None:
    for body in (BODY, zipped(BODY), zipped(BODY[:9]) + zipped(BODY[9:])):
        document = decode(body, encoding)
        assert isinstance(document, Document)
        assert document.value["batch"][0]["userId"] == "u"


@pytest.mark.parametrize(
    ("body", "encoding", "status", "words"),
    [
        (zipped(BODY)[:-4], "gzip", 400, "does not unpack"),
        (b"\x1f\x8b" + b"rubbish", "gzip", 400, "does not unpack"),
        (zipped(BODY) + b"tail", "gzip", 400, "does not unpack"),
        (zlib.compress(BODY), "deflate", 400, "'deflate' is not one we read"),
        (BODY, "br", 400, "'br' is not one we read"),
        (b"", "", 400, "no JSON"),
        (b"batch=1", "", 400, "no JSON"),
        (b"[" * 100_000, "", 400, "no JSON"),
        (b" " * 5_000_001, "", 413, "larger than 5 MB"),
        (zipped(b" " * 5_000_001), "gzip", 413, "larger than 5 MB"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused_whole(body: bytes, encoding: str, status: int, words: str) -> None:
    refusal = decode(body, encoding)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert words in refusal.problem.what


def test_a_gzip_bomb_is_not_unpacked() -> None:
    """A megabyte that would become a gigabyte stops at the limit, also where it comes in many members."""
    bomb = zipped(b"\0" * 50_000_000)
    for body in (bomb, zipped(b" " * 1000) * 6000):
        refusal = decode(body, "gzip", Limits(decoded_bytes=1_000_000))
        assert isinstance(refusal, Refusal)
        assert refusal.status == 413


@pytest.mark.parametrize("body", [{}, {"batch": 1}, {"batch": {"type": "page"}}, 1, "x", None, {"events": []}])
def test_a_body_without_events_is_refused_whole(body: Any) -> None:
    document = decode(json.dumps(body).encode())
    assert isinstance(document, Document)
    refusal = read(document, "batch", "web", AT)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.problem.where.part) == (400, "batch")


def test_too_many_events_are_refused_whole() -> None:
    document = decode(json.dumps([{}] * (LIMITS.events + 1)).encode())
    assert isinstance(document, Document)
    refusal = read(document, "batch", "web", AT)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 413


def test_the_webhook_destinations_array_is_a_batch() -> None:
    assert len(parsed([{"type": "page", "userId": "u"}, {"type": "page", "userId": "v"}])[0]) == 2
    assert len(parsed({"type": "page", "userId": "u"})[0]) == 1


# --- keys -----------------------------------------------------------------------------------------------------


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        (_basic("WK:"), ["WK"]),
        (_basic("WK"), ["WK"]),
        (_basic("WK:secret"), ["WK"]),
        (_basic("WK:").replace("Basic", "BASIC"), ["WK"]),
        (_basic("WK:").rstrip("="), ["WK"]),
        ("Bearer token", ["token"]),
        (_basic(":"), []),
        ("Basic !!!", []),
        ("Basic \u00ff", []),
        ("Digest x", []),
        ("", []),
    ],
)
def test_the_write_key_in_the_header(header: str, keys: list[str]) -> None:
    assert header_keys(header) == keys


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"writeKey": "WK", "batch": []}, ["WK"]),
        ({"batch": [{"writeKey": "WK"}]}, ["WK"]),
        ([{"writeKey": "WK"}], ["WK"]),
        ({"writeKey": None}, []),
        ([1], []),
        (3, []),
    ],
)
def test_the_write_key_in_the_body(body: Any, keys: list[str]) -> None:
    assert body_keys(Document(body, 10, dirty=False)) == keys


# --- in any order ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3)), max_size=20), st.randoms(use_true_random=False))
def test_any_order_duplication_and_batching_make_the_same_signals(said: list[tuple[str, int]], chance: random.Random) -> None:
    events = [
        {"type": "track", "event": name, "userId": f"u{n}", "timestamp": Z.format(f"13:00:0{n}"), "properties": {"n": n}}
        for name, n in said
    ]
    shuffled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(shuffled)
    cut = chance.randint(0, len(shuffled))
    apart = [*parsed({"batch": shuffled[:cut]})[0], *parsed({"batch": shuffled[cut:]})[0]]
    assert {s.id: s for s in apart} == {s.id: s for s in parsed({"batch": events})[0]}


@pytest.mark.parametrize(
    "times",
    [
        {"timestamp": "0001-01-01T00:00:01Z"},
        {"originalTimestamp": "1066-10-14T09:00:00Z"},
        {"timestamp": "0001-01-01T00:00:01Z", "receivedAt": "2026-11-22T14:00:00Z"},
        {"timestamp": -60_000_000_000},
    ],
)
def test_a_moment_so_long_ago_that_nothing_lies_before_it_is_refused_at_the_door(times: dict[str, Any]) -> None:
    """A clock that was never set: what was taken in could not be decided, and the batch it came in only one by one."""
    said = complaint({"type": "track", "event": "asked", "userId": "u1"} | times)
    part = "originalTimestamp" if "originalTimestamp" in times else "timestamp"
    assert said == f"{part}: '{times[part]}' lies before 1900. Check the clock of the sender."
    assert one({"type": "track", "event": "asked", "timestamp": "1970-01-01T00:00:00Z"}).occurred_at.year == 1970
