"""The body of a request: bytes → JSON, and whose write key it says it bears."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from handfast.numbers import short
from handfast.problem import Place, Problem

#: The last part of the path → what a body without `type` is; None for a batch.
CALLS: Final[Mapping[str, str | None]] = {
    "identify": "identify", "track": "track", "page": "page", "screen": "screen", "group": "group", "alias": "alias",
    "i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias",
    "batch": None, "b": None, "import": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken at the door, in bytes, events and levels. Segment's own: 500 KB a batch, 32 KB an event, 2,500 events."""

    body_bytes: int = 5_000_000
    decoded_bytes: int = 5_000_000
    event_bytes: int = 32_768
    events: int = 10_000
    id_characters: int = 200


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The whole request is refused: the HTTP status and why. `raw` is the text as it came, where it was readable at all."""

    status: int
    problem: Problem
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded body. `dirty`: it holds characters PostgreSQL cannot store (NUL, lone surrogates), mended event by event."""

    value: Any
    size: int
    dirty: bool


# --- bytes → JSON ---------------------------------------------------------------------------------------------


def decode(body: bytes, encoding: str = "", limits: Limits = LIMITS) -> Document | Refusal:
    """The JSON of a request body, gunzipped by its magic bytes whatever the header says.

    `encoding` is the Content-Encoding header; anything but gzip, identity or nothing is refused with 400, what is larger than the
    limits (also once unpacked: a gzip bomb) with 413, what is no JSON with 400.
    """
    if len(body) > limits.body_bytes:
        return too_large(limits)
    if body[:2] == b"\x1f\x8b":
        unpacked = _gunzip(body, limits)
        if isinstance(unpacked, Refusal):
            return unpacked
        body = unpacked
    elif encoding.strip().lower() not in {"", "identity", "gzip", "x-gzip"}:
        return refusal(400, "Content-Encoding", f"The encoding '{encoding[:40]}' is not one we read", "Send the body plain or as gzip.")
    return _parse(body)


def too_large(limits: Limits) -> Refusal:
    """413, in words."""
    most = f"{short(limits.decoded_bytes / 1e6)} MB"
    return refusal(
        413, "body", f"The request is larger than {most} (unpacked)", "Send fewer events a request; 500 KB is what the libraries send."
    )


def _gunzip(body: bytes, limits: Limits) -> bytes | Refusal:
    out = bytearray()
    rest = body
    try:
        while rest:
            member = zlib.decompressobj(wbits=31)
            out += member.decompress(rest, limits.decoded_bytes + 1 - len(out))
            if len(out) > limits.decoded_bytes:
                return too_large(limits)
            if not member.eof:
                raise zlib.error("the stream ends in the middle")
            rest = member.unused_data
    except zlib.error as error:
        return refusal(400, "body", f"The gzip stream does not unpack: {error}", "Send the whole stream; a proxy may have cut it.")
    return bytes(out)


def _parse(body: bytes) -> Document | Refusal:
    try:
        return Document(orjson.loads(body), len(body), dirty=b"\\u0000" in body)
    except orjson.JSONDecodeError as error:
        strict = error
    # A second look with the standard library, which takes what Python and old browsers do send: NaN, lone surrogates, raw control
    # characters, a byte order mark. One such character must not cost 499 other events.
    text = body.decode("utf-8-sig", "replace")
    try:
        value = json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_whole_number)
    except (ValueError, RecursionError):
        what = f"The body is no JSON: {strict}"
        return Refusal(400, problem_at("body", what, "Send one JSON object, as Segment's libraries do."), text)
    return Document(value, len(body), dirty=True)


def _whole_number(digits: str) -> int | None:
    """Python refuses to read numbers of thousands of digits; nobody means them."""
    return int(digits) if len(digits) < 400 else None


def refusal(status: int, part: str, what: str, fix: str) -> Refusal:
    return Refusal(status, problem_at(part, what, fix))


def problem_at(part: str, what: str, fix: str, where: str = "request") -> Problem:
    return Problem(Place(where, part=part), what, fix)


# --- whose it is ----------------------------------------------------------------------------------------------


def header_keys(authorization: str) -> list[str]:
    """The write keys an Authorization header may mean: the user of Basic (colon or not), or the token of Bearer."""
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer" and credentials:
        return [credentials]
    if scheme.lower() != "basic":
        return []
    try:
        text = base64.b64decode(credentials + "=" * (-len(credentials) % 4)).decode()
    except (binascii.Error, ValueError):
        return []
    user = text.partition(":")[0].strip()
    return [user] if user else []


def body_keys(document: Document) -> list[str]:
    """The write keys the body names: its own, else that of its first event."""
    value = document.value
    if not isinstance(value, dict):
        value = {"batch": value}
    batch = value.get("batch")
    first = batch[0] if isinstance(batch, list) and batch and isinstance(batch[0], dict) else {}
    return [key.strip() for key in (value.get("writeKey"), first.get("writeKey")) if isinstance(key, str) and key.strip()]
