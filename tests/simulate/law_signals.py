"""Promises 1, 6 and 7: a signal acknowledged is never lost and counts once; order is kept; what is wrong is a Problem and costs nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulate.company import REACHED_SECONDS
from tests.simulate.ledger import SOURCE, TRUSTED
from tests.simulate.offices import IMPORTED
from tests.simulate.seen import Seen, domain, firm, moment, said_by_hand

SOURCES = (SOURCE, TRUSTED, IMPORTED)


# --- 1: a signal acknowledged is never lost, and one sent twice counts once ---


def acknowledged_signals_are_there(seen: Seen) -> Iterator[str]:
    known = {event.signal: event for event in seen.ledger.events.values() if event.good}
    for signal, event in known.items():
        if event.acknowledged and signal not in seen.now.signal:
            yield f"message {event.message} was acknowledged and is not recorded"
    for signal, row in seen.now.signal.items():
        if row["source"] not in SOURCES:
            continue
        if (event := known.get(signal)) is None:
            yield f"signal {signal} was never sent, or is recorded under another identity"
        elif moment(row["received_at"]) not in event.attempts:
            yield f"signal {signal} was received at no time at which it was sent"


def all_of_a_request_or_nothing(seen: Seen) -> Iterator[str]:
    in_how_many = Counter(event.message for batch in seen.ledger.batches for event in {e.message: e for e in batch.events}.values())
    for batch in seen.ledger.batches:
        good = [event.signal in seen.now.signal for event in batch.events if event.good and in_how_many[event.message] == 1]
        if any(good) and not all(good):
            yield f"of request {batch.number} only {sum(good)} of {len(good)} signals are recorded"


def waiting_or_decided(seen: Seen) -> Iterator[str]:
    for signal, row in seen.now.pending.items():
        if signal not in seen.now.signal:
            yield f"signal {signal} waits and is not recorded"
        elif signal in seen.was.signal and signal not in seen.was.pending:
            yield f"signal {signal} waits again after it was decided (lane {row['lane']})"
    counted = Counter((row["noun"], row["id"], row["signal_seq"]) for row in seen.now.learned.values() if not row["imported"])
    for (noun, name, seq), times in counted.items():
        if times > 1:
            yield f"signal number {seq} was decided {times} times: it taught us of {noun} {name} each time"


def whoever_left_a_lane_was_decided(seen: Seen) -> Iterator[str]:
    left = (seen.was.pending.keys() | (seen.now.signal.keys() - seen.was.signal.keys())) - seen.now.pending.keys()
    if seen.step.decided is not None and seen.step.decided != len(left):
        yield f"{len(left)} signals left their lanes and {seen.step.decided} were decided"


def who_raised_the_hand_was_handed_over(seen: Seen) -> Iterator[str]:
    """A demo asked for by somebody who fits, decided: they are in a handoff that was open after it, or there was one just before."""
    by_signal = {event.signal: event for event in seen.ledger.events.values() if event.raises}
    for signal in (seen.was.pending.keys() | (seen.now.signal.keys() - seen.was.signal.keys())) - seen.now.pending.keys():
        event = by_signal.get(signal)
        if event is None or event.email is None or event.email in seen.ledger.overridden or domain(event.email) in seen.ledger.overridden:
            continue
        asked = seen.now.signal[signal]["occurred_at"]
        person = seen.now.identity.get(f"email:{event.email}")
        if person is None:
            yield f"{event.email} asked for a demo (message {event.message}), it was decided, and nobody knows them"
            continue
        if person["person_id"] in said_by_hand(seen):
            continue
        account = seen.now.person[person["person_id"]]["account_id"] or person["person_id"]
        mine = [seen.now.handoff[row["handoff_id"]] for row in seen.now.handoff_person.values() if row["person_id"] == person["person_id"]]
        theirs = [row for row in seen.now.handoff.values() if row["party"] == account]
        if any(row["outcome"] == "disqualify" for row in mine):
            continue
        if not any(row["closed_at"] is None or row["closed_at"] >= asked for row in mine) and not any(
            row["closed_at"] is not None and row["closed_at"] >= asked for row in theirs
        ):
            yield f"{event.email} asked for a demo (message {event.message}), it was decided, and there is no handoff"


def what_was_heard_is_a_touch(seen: Seen) -> Iterator[str]:
    """A call that another system logged and that was decided is a touch, once; one that lasted reached them."""
    touches: dict[str, list[bool]] = {}
    for touch in seen.now.touch.values():
        if touch["source"] == f"{SOURCE}: call_logged":
            touches.setdefault(touch["occurred_at"], []).append(touch["contact"])
    calls: dict[str, list[bool]] = {}
    for event in seen.ledger.events.values():
        if event.seconds is not None and event.signal in seen.now.signal and event.signal not in seen.now.pending:
            calls.setdefault(seen.now.signal[event.signal]["occurred_at"], []).append(event.seconds >= REACHED_SECONDS)
    for at in calls.keys() | touches.keys():
        made, kept = sorted(calls.get(at, [])), sorted(touches.get(at, []))
        if made != kept:
            yield f"{len(made)} calls of {at} were heard ({sum(made)} reached somebody), and {len(kept)} are touches ({sum(kept)} contacts)"


# --- 6: the order of work per account is kept ---


def nobody_overtakes_within_an_account(seen: Seen) -> Iterator[str]:
    """Of the signals of one firm that waited before this step, none was decided while an earlier one still waits."""
    oldest: dict[str, tuple[str, int]] = {}
    for key, row in seen.was.pending.items():
        email = seen.was.signal[key]["email"] if key in seen.was.signal else None
        if email and key in seen.now.pending:
            place = (row["received_at"], row["seq"])
            oldest[firm(email)] = min(place, oldest.get(firm(email), place))
    for key, row in seen.was.pending.items():
        email = seen.was.signal[key]["email"]
        if not email or key in seen.now.pending or (first := oldest.get(firm(email))) is None:
            continue
        if (row["received_at"], row["seq"]) > first:
            yield f"signal {key} of {firm(email)} was decided before an earlier one of the same firm"


def nobody_overtakes_within_a_step(seen: Seen) -> Iterator[str]:
    """The same between any two commits of workers who decide at the same time: afterwards both are done, and nothing tells who was first."""
    waited = seen.was.pending
    before = set(waited)
    for after in seen.step.glimpses:
        gone = before - after
        left: dict[str, tuple[str, int]] = {}
        for key in after & waited.keys():
            if email := seen.was.signal[key]["email"]:
                place = (waited[key]["received_at"], waited[key]["seq"])
                left[firm(email)] = min(place, left.get(firm(email), place))
        for key in sorted(gone):
            email = seen.was.signal[key]["email"]
            if email and (first := left.get(firm(email))) is not None and (waited[key]["received_at"], waited[key]["seq"]) > first:
                yield f"signal {key} of {firm(email)} was decided while an earlier one of the same firm was still being decided"
        before &= after


# --- 7: what a user gets wrong is a Problem; the rest goes in ---


def refusals_are_kept_with_what_to_do(seen: Seen) -> Iterator[str]:
    kept = sum(row["times"] for row in seen.now.intake_problem.values())
    if kept < seen.ledger.refused:
        yield f"{seen.ledger.refused} events were refused and acknowledged; {kept} are kept among the intake problems"
    for key, row in seen.now.intake_problem.items():
        if key not in seen.was.intake_problem and not (row["what"] and row["fix"] and row["part"]):
            yield f"intake problem {key} does not say where, what and how to mend it"
