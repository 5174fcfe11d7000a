"""What a notice says, and when it is no longer true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from handfast.sla.notice import KINDS, HandoffState, Message, Named, TouchSeen, message_id, notice, still_owed

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPEN = HandoffState("hof_1", owner_id="ana", owner_name="Ana Silva")
TOUCH = TouchSeen("ana", "Ana Silva", "per_maya", NOON + timedelta(hours=2, minutes=2))


def written(kind: str, to: str = "ana", *, channel: str = "email", owner: str | None = "ana", **payload: Any) -> Message:
    return Message("msg_1", "hof_1", kind, channel, to, owner, payload, NOON, 1, NOON + timedelta(minutes=1))


TOUCHED = replace(OPEN, touched_at=TOUCH.at, touches=(TOUCH,))
CLOSED = replace(OPEN, closed_at=NOON, outcome="meeting_set")
RETURNED = replace(OPEN, closed_at=NOON, outcome="returned")
WITH_BEN = replace(OPEN, owner_id="ben", owner_name="Ben Ito")
OWNERLESS = replace(OPEN, owner_id=None, owner_name=None)


@pytest.mark.parametrize(
    ("kind", "now", "why"),
    [
        ("handoff_opened", OPEN, None),
        ("handoff_opened", TOUCHED, "Ana Silva touched it at 14:02 UTC"),
        ("handoff_opened", CLOSED, "closed: meeting set"),
        ("handoff_opened", WITH_BEN, "the owner is now Ben Ito"),
        ("handoff_opened", OWNERLESS, "nobody owns it any more"),
        ("joined", OPEN, None),
        ("joined", TOUCHED, None),  # she called the first, not the one who joined
        ("joined", CLOSED, "closed: meeting set"),
        ("joined", WITH_BEN, "the owner is now Ben Ito"),
        ("reminder", OPEN, None),
        ("reminder", TOUCHED, "Ana Silva touched it at 14:02 UTC"),
        ("reminder", replace(TOUCHED, touches=()), "Somebody touched it at 14:02 UTC"),
        ("reminder", replace(TOUCHED, touched_at=NOON + timedelta(days=1)), "Ana Silva touched it on 24 Nov 2026 at 12:00 UTC"),
        ("breach", OPEN, None),
        ("breach", TOUCHED, "Ana Silva touched it at 14:02 UTC"),
        ("breach", WITH_BEN, "the owner is now Ben Ito"),
        ("returned", RETURNED, None),
        ("returned", CLOSED, "closed: meeting set"),
        ("returned", OPEN, "it is open again"),
    ],
)
def test_a_notice_is_sent_while_it_is_true(kind: str, now: HandoffState, why: str | None) -> None:
    assert still_owed(written(kind), now) == why


def test_the_exception_is_over_when_somebody_owns_it() -> None:
    message = written("exception", "ops", owner=None)
    assert still_owed(message, OWNERLESS) is None
    assert still_owed(message, OPEN) == "the owner is now Ana Silva"
    assert still_owed(message, replace(OWNERLESS, closed_at=NOON)) == "closed"


def test_one_who_joined_and_was_called_needs_no_notice() -> None:
    message = written("joined", joined={"id": "per_tom", "name": "Tom Berg"})
    assert still_owed(message, TOUCHED) is None
    called = replace(TOUCHED, touches=(TOUCH, TouchSeen("ana", "Ana Silva", "per_tom", NOON)))
    assert still_owed(message, called) == "Ana Silva touched Tom Berg at 12:00 UTC"


def test_a_new_owner_is_told_whatever_the_one_before_did() -> None:
    """Ana called, nobody answered, the manager gave it to Ben: Ben must know."""
    to_ben = written("reassigned", "ben", owner="ben")
    before = replace(WITH_BEN, touched_at=NOON - timedelta(hours=1), touches=(replace(TOUCH, at=NOON - timedelta(hours=1)),))
    assert still_owed(to_ben, before) is None
    begun = replace(before, touches=(*before.touches, TouchSeen("ben", "Ben Ito", "per_maya", NOON + timedelta(minutes=1))))
    assert still_owed(to_ben, begun) == "Ben Ito touched it at 12:01 UTC"
    assert still_owed(to_ben, OPEN) == "the owner is now Ana Silva"


def test_one_who_lost_it_is_told_unless_it_came_back() -> None:
    """From Ana to Ben to Carl within a minute: Ana still has to hear that it is hers no more."""
    to_ana = written("reassigned", "ana", owner="ben")
    assert still_owed(to_ana, replace(OPEN, owner_id="carl", owner_name="Carl Ek")) is None
    assert still_owed(to_ana, OPEN) == "the owner is now Ana Silva"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("now", [TOUCHED, CLOSED, WITH_BEN, RETURNED, OPEN])
def test_a_webhook_tells_what_happened_and_that_stays_true(kind: str, now: HandoffState) -> None:
    owed = still_owed(written(kind, "endpoint", channel="webhook"), now) is None
    assert owed or kind in ("reminder", "task")  # what asks somebody to act


def test_a_reminder_is_withheld_from_machines_too() -> None:
    assert still_owed(written("reminder", "endpoint", channel="webhook"), TOUCHED) == "Ana Silva touched it at 14:02 UTC"


def test_the_payload_is_small_and_says_times_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    payload = notice(
        "handoff_opened",
        handoff_id="hof_1",
        opened_at=datetime(2026, 11, 23, 13, 0, tzinfo=berlin),
        next_step="demo",
        person=Named("per_maya", "Maya Lindqvist"),
        owner=Named("ana", "x" * 5000),
        why="y" * 5000,
    )
    assert payload["handoff"] == {"id": "hof_1", "opened_at": "2026-11-23T12:00:00+00:00", "next_step": "demo"}
    assert payload["person"] == {"id": "per_maya"}  # names are read when the message is sent
    assert "Maya" not in str(payload)
    assert "account" not in payload
    assert len(str(payload)) < 1000


def test_a_kind_nobody_knows_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="no kind of notice"):
        notice("gossip", handoff_id="h", opened_at=NOON, next_step="demo", person=Named("p", ""))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no time zone"):
        notice("joined", handoff_id="h", opened_at=datetime(2026, 1, 1), next_step="demo", person=Named("p", ""))  # noqa: DTZ001


def test_the_key_depends_on_its_cause_alone() -> None:
    key = message_id("hof_1", "reminder", "tmr_1", "email", "ana")
    assert key == message_id("hof_1", "reminder", "tmr_1", "email", "ana")
    others = {
        message_id("hof_2", "reminder", "tmr_1", "email", "ana"),
        message_id("hof_1", "breach", "tmr_1", "email", "ana"),
        message_id("hof_1", "reminder", "tmr_2", "email", "ana"),
        message_id("hof_1", "reminder", "tmr_1", "webhook", "ana"),
        message_id("hof_1", "reminder", "tmr_1", "email", "ben"),
    }
    assert len(others | {key}) == 6
    assert "." not in key, "receivers of webhooks split the signed text at dots"
