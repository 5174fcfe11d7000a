"""The kinds of signals every contract knows without declaring them, and the fields conditions may read of them.

A contract adds kinds of its own, or more fields to these, under `signals:`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from handfast.contract.terms import FieldType

#: Fields every signal may carry: the campaign that brought the visitor, the page it happened on, and what sent it.
_EVERYWHERE: Final[Mapping[str, FieldType]] = {
    "utm_source": "text",
    "utm_medium": "text",
    "utm_campaign": "text",
    "page_path": "text",
    "page_url": "text",
    "user_agent": "text",
}

_KINDS: Final[Mapping[str, Mapping[str, FieldType]]] = {
    "page_viewed": {"path": "text", "title": "text", "url": "text", "referrer": "text", "name": "text"},
    "form_submitted": {"form": "text", "message": "text"},
    "demo_requested": {"message": "text"},
    "meeting_booked": {"meeting": "text", "starts_at": "time"},
    "trial_started": {"plan": "text"},
    "content_downloaded": {"content": "text"},
    "email_opened": {"campaign": "text"},
    "email_clicked": {"campaign": "text", "link": "text"},
    "webinar_registered": {"webinar": "text"},
    "webinar_attended": {"webinar": "text", "minutes": "int"},
    "call_logged": {"outcome": "text", "seconds": "int", "rep": "text"},
    "email_sent": {"subject": "text", "rep": "text"},
    "email_replied": {"subject": "text", "rep": "text"},
    "email_bounced": {"subject": "text", "rep": "text"},
    "meeting_held": {"meeting": "text", "rep": "text"},
    "unsubscribed": {},
    "identified": {},
    "grouped": {},
}

STANDARD: Final[Mapping[str, Mapping[str, FieldType]]] = MappingProxyType(
    {kind: MappingProxyType({**fields, **_EVERYWHERE}) for kind, fields in _KINDS.items()}
)


def fields_of(kind: str, declared: Mapping[str, Mapping[str, FieldType]]) -> Mapping[str, FieldType] | None:
    """What conditions may read of a kind of signal: the standard fields, overlaid by those a contract declares. None: nobody knows it."""
    if kind not in declared and kind not in STANDARD:
        return None
    return {**STANDARD.get(kind, _EVERYWHERE), **declared.get(kind, {})}
