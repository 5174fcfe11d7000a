"""Segment's HTTP Tracking API, as its libraries (and RudderStack's) speak it: bytes in, signals and refusals out.

Pure: the moment of arrival is passed in, nothing is stored here. Three steps, each its own function, because the write key may stand
in the body: `decode` (bytes → JSON), `write_keys` (who says it is whose), `read` (JSON → signals and refused events).

What the wire teaches and the specification does not say: `null` means absent; Content-Type means nothing (browsers send text/plain,
RudderStack's Node library a form type); gzip may come without its header; RudderStack puts traits in `context.traits`; `sentAt` stands on
the batch or on the event.
"""

from handfast.connectors.segment.body import CALLS, LIMITS, Document, Limits, Refusal, body_keys, decode, header_keys, too_large
from handfast.connectors.segment.events import Refused, read
from handfast.connectors.segment.mending import repr_of

__all__ = [
    "CALLS", "LIMITS", "Document", "Limits", "Refusal", "Refused", "body_keys", "decode", "header_keys", "read", "repr_of", "too_large",
]  # fmt: skip
