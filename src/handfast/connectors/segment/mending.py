"""Values made fit to be stored, and told apart by what they say."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Final

import orjson

from handfast.identity.traits import TooDeep

#: Not part of what happened: how it was sent, which differs from one attempt to the next.
_NOT_CONTENT: Final = frozenset({"sentAt", "receivedAt", "writeKey", "_metadata", "integrations", "version"})


def content_of(event: Any) -> str:
    """A digest of what an event says, whatever the attempt it came with. Also for values that are no event at all."""
    own = {k: v for k, v in event.items() if k not in _NOT_CONTENT} if isinstance(event, dict) else event
    try:
        text = orjson.dumps(own, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        text = repr_of(own).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()


def repr_of(value: Any) -> str:
    """Text for a value that is no JSON for PostgreSQL: its JSON with escapes, or, nested too deep even for that, a word about it."""
    try:
        return json.dumps(value, sort_keys=True)
    except (RecursionError, TypeError, ValueError):
        return "(nested too deep to be written down)"


def mended(value: Any, levels: int = 200) -> Any:
    """The same without what PostgreSQL cannot store: NUL goes, a lone surrogate becomes U+FFFD, NaN and infinity become null."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else mended(_as_float(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if levels <= 0:
        raise TooDeep
    if isinstance(value, dict):
        return {mended(k): mended(v, levels - 1) for k, v in value.items()}
    return [mended(v, levels - 1) for v in value]


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
