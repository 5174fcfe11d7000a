"""Promise 4: a message is written with its cause, sent at least once, harmless twice, and true when it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulate.company import WALLS
from tests.simulate.house import Row, Snapshot
from tests.simulate.seen import Seen, moment

MOST_ATTEMPTS = 10
LONGEST_WAIT_SECONDS = 86_400 * 1.1


def every_cause_has_its_messages(seen: Seen) -> Iterator[str]:
    for row in seen.now.handoff.values():
        said = Counter(event["name"] for event in seen.events[row["id"]])
        exceptions = sum(
            1
            for event in seen.events[row["id"]]
            if event["name"] == "breached" and event["data"]["kind"] == "exception" and event["rep_id"] is None
        )
        drained = sum(1 for event in seen.events[row["id"]] if event["name"] == "assigned" and event["data"]["leg"] > 0)
        joined = sum(1 for event in seen.events[row["id"]] if event["name"] == "person_joined" and event["rep_id"] is not None)
        first = Counter(event["name"] for event in seen.events[row["id"]] if event["data"].get("clock") == "first_touch")
        offers = [event["data"]["to"] for event in seen.events[row["id"]] if event["name"] == "offered"]
        owed = {
            "opening": said["handoff_opened"] + exceptions + drained,
            "reminder": first["reminded"],
            "breach": first["manager_told"] + said["reassign_failed"] + sum(not to for to in offers),
            "clock": said["reminded"] - first["reminded"] + said["manager_told"] - first["manager_told"] + said["taken_off_rotation"],
            "task": said["task_due"],
            "offer": {"email": sum(len(to) for to in offers), "webhook": sum(bool(to) for to in offers)},
            "reassigned": said["reassigned"],
            "returned": said["returned"],
            "joined": joined,
            "nurture": said["given_back"],
        }
        for channel in seen.company.channels:
            kinds = Counter(message["kind"] for message in seen.messages[row["id"]] if message["channel"] == channel)
            written = {**kinds, "opening": kinds["handoff_opened"] + kinds["exception"]}
            for kind, promised in owed.items():
                times = promised[channel] if isinstance(promised, dict) else promised
                there = written.get(kind, 0)
                # The owner before hears of it too, by mail.
                if there < times or (there > times and not (kind == "reassigned" and channel == "email" and there <= 2 * times)):
                    yield f"handoff {row['id']}: {times} times '{kind}' happened, and {there} messages of it were written for {channel}"


def what_left_was_written_and_what_was_sent_arrived(seen: Seen) -> Iterator[str]:
    content: dict[str, str | None] = {}
    for taken in seen.world.taken:
        if taken.key not in seen.now.outbox:
            yield f"the receiver has message {taken.key} ({taken.kind}), which is not written anywhere"
        said = content.setdefault(taken.key, taken.content)
        if taken.content is not None and said is not None and said != taken.content:
            yield f"message {taken.key} came twice and said two different things"
    for key, message in seen.now.outbox.items():
        if message["state"] == "sent" and key not in content:
            yield f"message {key} ({message['kind']}) counts as sent, and the receiver never had it"


def messages_settle_once_and_for_a_reason(seen: Seen) -> Iterator[str]:
    died = Counter(event["data"]["message"] for event in seen.now.event.values() if event["name"] == "message_died")
    for key, message in seen.now.outbox.items():
        was = seen.was.outbox.get(key)
        state = message["state"]
        if was is not None and was["state"] in ("sent", "dropped") and state not in ("sent", was["state"]):
            yield f"message {key} was {was['state']} and is {state} now"
        if state == "dead" and not died[key]:
            yield f"message {key} was given up and no event says so"
        if state == "dead" and key not in seen.world.gone and message["attempt"] < MOST_ATTEMPTS:
            yield f"message {key} was given up after {message['attempt']} attempts, and nobody had refused it for good"
        longest = seen.step.at if seen.company.style != "offered" else WALLS[seen.company.wall].opening(seen.step.at)
        if state == "waiting" and (moment(message["next_at"]) - longest).total_seconds() > LONGEST_WAIT_SECONDS:
            yield f"message {key} waits until {message['next_at']}"
        if state == "dropped" and (was is None or was["state"] != "dropped") and not _untrue(seen.now, message):
            yield f"message {key} ({message['kind']}) was dropped, though it is still true: {message['why']}"


def what_is_sent_is_true(seen: Seen) -> Iterator[str]:
    """What was untrue before this step began must not have left in it. Machines are told facts in the past tense: those stay true."""
    for taken in seen.world.taken[seen.step.taken_before :]:
        message = seen.was.outbox.get(taken.key)
        if message is None or taken.channel != "email" or message["kind"] not in ASKING:
            continue
        if _untrue(seen.was, message):
            yield f"message {taken.key} ({message['kind']}) left though it was no longer true"


#: Mails that ask somebody to act, and so must be true when they are read.
ASKING = ("handoff_opened", "reminder", "breach", "exception", "task", "clock", "offer")


def _untrue(snapshot: Snapshot, message: Row) -> bool:
    row, kind = snapshot.handoff[message["handoff_id"]], message["kind"]
    if kind == "returned":
        return row["outcome"] != "returned"
    if row["closed_at"] is not None:
        return True
    if kind == "exception":
        return row["owner_id"] is not None
    if kind in ("reminder", "breach", "task", "clock"):
        owners = kind == "clock" or row["owner_id"] == message["owner_id"]
        return not owners or _silent(snapshot, message)
    if kind == "offer":
        mine = snapshot.offer.get(f"{message['handoff_id']} {message['recipient']}")
        return (
            row["owner_id"] not in (message["owner_id"], None)
            or row["touched_at"] is not None
            or mine is None
            or mine["taken_at"] is not None
        )
    return row["touched_at"] is not None or row["owner_id"] != message["owner_id"]


def _silent(snapshot: Snapshot, message: Row) -> bool:
    """Whether the clock that speaks has stopped, or stands still."""
    speaks = snapshot.clock.get(message["clock"] or "")
    if speaks is None:
        return snapshot.handoff[message["handoff_id"]]["touched_at"] is not None
    return (
        speaks["paused_at"] is not None
        or speaks["stopped_at"] is not None
        or (speaks["kind"] == "first_touch" and snapshot.handoff[message["handoff_id"]]["touched_at"] is not None)
    )
