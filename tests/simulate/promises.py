"""The seven promises of the design as laws over what is stored, what was stored a step ago, and what the world knows.

Nothing here calls the product. Times are ISO 8601 texts in UTC, which sort as the moments do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.simulate.company import WALLS, Company, Terms
from tests.simulate.house import NOTHING, Row, Snapshot
from tests.simulate.ledger import SOURCE, Broken, Ledger, Step
from tests.simulate.receiver import World

FREE_MAIL = "post.example"
#: Of these tables no row changes once it is written.
WRITTEN_ONCE = ("signal", "verdict", "assignment", "disposition", "event", "learned", "brief")
#: Of these no row vanishes, and these columns of theirs never change.
FIXED = {
    "handoff": ("motion", "party", "contract_id", "verdict_id", "opened_at", "decided_at", "next_step", "sla"),
    "clock": ("handoff_id", "kind", "sla", "calendar", "started_at", "due_at"),
    "timer": ("clock_id", "handoff_id", "step", "action", "target", "due_at"),
    "outbox": ("handoff_id", "kind", "channel", "recipient", "owner_id", "payload", "created_at"),
    "handoff_person": ("verdict_id", "signal_id", "raised_at", "joined_at"),
    "contract": ("version", "in_force_from"),
    "person": ("email",),
}
HALF_LIFE_DAYS = 14
MOST_ATTEMPTS = 10
LONGEST_WAIT_SECONDS = 86_400 * 1.1


@dataclass(slots=True)
class Seen:
    """What the laws compare: `was` a step ago, `now`, and everything from outside."""

    company: Company
    ledger: Ledger
    world: World
    was: Snapshot
    now: Snapshot
    step: Step
    #: Handoff → its events, and so on, made once a step.
    events: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    timers: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    clocks: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    touches: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    legs: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        now = self.now
        for row in sorted(now.event.values(), key=lambda row: row["seq"]):
            self.events[row["handoff_id"]].append(row)
        for row in sorted(now.timer.values(), key=lambda row: row["step"]):
            self.timers[row["clock_id"]].append(row)
        for name in ("clock", "touch", "outbox", "assignment", "handoff_person"):
            home = {
                "clock": self.clocks,
                "touch": self.touches,
                "outbox": self.messages,
                "assignment": self.legs,
                "handoff_person": self.people,
            }
            for row in getattr(now, name).values():
                home[name][row["handoff_id"]].append(row)

    def terms(self, contract_id: str) -> Terms:
        return self.company.versions[self.ledger.versions[self.now.contract[contract_id]["version"]]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def broken(seen: Seen) -> list[Broken]:
    """Every law that does not hold now."""
    if seen.now.digest == seen.was.digest and not seen.step.ticked and len(seen.world.taken) == seen.step.taken_before:
        return []
    found: list[Broken] = []
    for number, laws in LAWS.items():
        for law in laws:
            found += [Broken(number, what) for what in law(seen)]
    return found


# --- 1: a signal acknowledged is never lost, and one sent twice counts once -----------------------------------------


def acknowledged_signals_are_there(seen: Seen) -> Iterator[str]:
    known = {event.signal: event for event in seen.ledger.events.values() if event.good}
    for signal, event in known.items():
        if event.acknowledged and signal not in seen.now.signal:
            yield f"message {event.message} was acknowledged and is not recorded"
    for signal, row in seen.now.signal.items():
        if row["source"] != SOURCE:
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
        if event is None or event.email is None or event.email in seen.ledger.overridden or _domain(event.email) in seen.ledger.overridden:
            continue
        asked = seen.now.signal[signal]["occurred_at"]
        person = seen.now.identity.get(f"email:{event.email}")
        if person is None:
            yield f"{event.email} asked for a demo (message {event.message}), it was decided, and nobody knows them"
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


# --- 2: at most one open handoff per account and motion; each has an owner or stands among the exceptions with a clock ----


def one_open_handoff_an_account(seen: Seen) -> Iterator[str]:
    open_ones = [row for row in seen.now.handoff.values() if row["closed_at"] is None]
    for (party, motion), times in Counter((row["party"], row["motion"]) for row in open_ones).items():
        if times > 1:
            yield f"{times} open handoffs of {party} in {motion}"
    firms: dict[str, set[str]] = defaultdict(set)
    for row in open_ones:
        for member in seen.people[row["id"]]:
            email = seen.now.person[member["person_id"]]["email"]
            if email:
                firms[_firm(email)].add(row["id"])
    for firm, handoffs in firms.items():
        if len(handoffs) > 1:
            yield f"{len(handoffs)} open handoffs of {firm}"
    for row in seen.now.handoff.values():
        if not any(member["person_id"] == row["person_id"] for member in seen.people[row["id"]]):
            yield f"handoff {row['id']} does not name the person who opened it among its people"


def owned_or_an_exception_with_a_clock(seen: Seen) -> Iterator[str]:
    for row in seen.now.handoff.values():
        legs = sorted(seen.legs[row["id"]], key=lambda leg: leg["leg"])
        if [leg["leg"] for leg in legs] != list(range(len(legs))) or not legs:
            yield f"the legs of handoff {row['id']} are {[leg['leg'] for leg in legs]}"
        elif legs[-1]["owner_id"] != row["owner_id"]:
            yield f"handoff {row['id']} is owned by {row['owner_id']}; its last leg says {legs[-1]['owner_id']}"
        if row["closed_at"] is None and row["owner_id"] is None:
            clocks = [clock for clock in seen.clocks[row["id"]] if clock["kind"] == "exception" and clock["stopped_at"] is None]
            if len(clocks) != 1:
                yield f"handoff {row['id']} has no owner and {len(clocks)} running exception clocks"
        for before, after in pairwise(legs):
            if after["rule"] == "manual" and before["owner_id"] == after["owner_id"]:
                yield f"handoff {row['id']} was handed by {before['owner_id']} to themselves"


# --- 3: a clock never vanishes ------------------------------------------------------------------------------------


def clocks_and_steps_as_the_contract_says(seen: Seen) -> Iterator[str]:
    """Each due time computed again, by other means, from the contract the handoff was opened under."""
    for row in seen.now.handoff.values():
        if row["id"] in seen.was.handoff:
            continue  # they cannot change any more: see FIXED
        terms, opened = seen.terms(row["contract_id"]), moment(row["opened_at"])
        wall = WALLS[terms.wall]
        kinds = {clock["kind"]: clock for clock in seen.clocks[row["id"]]}
        if row["sla"] is not None and "first_touch" not in kinds:
            yield f"handoff {row['id']} has no first-touch clock"
        if row["owner_id"] is None and "exception" not in kinds:
            yield f"handoff {row['id']} was opened without an owner and without an exception clock"
        for kind, clock in kinds.items():
            if kind not in ("first_touch", "exception"):
                continue
            expected = terms.steps(opened) if kind == "first_touch" else [("breach", wall.due(opened, terms.exceptions))]
            found = [(timer["action"], moment(timer["due_at"])) for timer in seen.timers[clock["id"]]]
            if found != expected:
                yield f"the {kind} clock of {row['id']}, opened {opened}, asks for {_told(found)}; the contract for {_told(expected)}"
            due = next(at for action, at in expected if action == "breach")
            if moment(clock["started_at"]) != opened or moment(clock["due_at"]) != due:
                yield f"the {kind} clock of {row['id']} runs from {clock['started_at']} to {clock['due_at']}, not from {opened} to {due}"


def clocks_run_until_something_stops_them(seen: Seen) -> Iterator[str]:
    for clock in seen.now.clock.values():
        row = seen.now.handoff[clock["handoff_id"]]
        touches = sorted(touch["occurred_at"] for touch in seen.touches[row["id"]])
        stop, by = clock["stopped_at"], clock["stopped_by"]
        if clock["kind"] == "first_touch":
            if stop is None and (touches or row["closed_at"] is not None):
                yield f"the first-touch clock of {row['id']} runs on after {'a touch' if touches else 'its end'}"
            elif by == "touch" and (not touches or stop != max(touches[0], clock["started_at"])):
                yield f"the first-touch clock of {row['id']} stopped at {stop}; the first touch was at {touches[:1]}"
        elif clock["kind"] == "exception" and stop is None and (row["owner_id"] is not None or row["closed_at"] is not None):
            yield f"the exception clock of {row['id']} runs on after it got an owner or was closed"
        if stop is not None and by == "closed" and row["closed_at"] is None:
            yield f"the {clock['kind']} clock of {row['id']} was stopped by an end that did not come"


def steps_fire_once_and_in_order(seen: Seen) -> Iterator[str]:
    for row in seen.now.handoff.values():
        said = Counter(event["name"] for event in seen.events[row["id"]])
        by_clock = [event for event in seen.events[row["id"]] if event["name"] == "reassigned" and event["data"]["rule"] == "reassign"]
        said["reassigned"] = len(by_clock)
        fired = Counter(timer["action"] for clock in seen.clocks[row["id"]] for timer in seen.timers[clock["id"]] if timer["state"] == 1)
        for action, names in STEPS.items():
            told = sum(said[name] for name in names)
            if told != fired[action]:
                yield f"handoff {row['id']}: '{action}' fired {fired[action]} times and was done {told} times"
        for clock in seen.clocks[row["id"]]:
            yield from _in_order(seen, row, clock)


def _in_order(seen: Seen, row: Row, clock: Row) -> Iterator[str]:
    timers = seen.timers[clock["id"]]
    settled = [timer["settled_at"] for timer in timers if timer["state"] == 1]
    if settled != sorted(settled):
        yield f"the steps of the {clock['kind']} clock of {row['id']} fired out of order"
    for timer in timers:
        was = seen.was.timer.get(timer["id"])
        if was is not None and was["state"] == 1 and timer["state"] != 1:
            yield f"step {timer['step']} of {row['id']} had fired and is {timer['state']} now"
        running = clock["stopped_at"] is None and row["closed_at"] is None
        if timer["state"] == 2 and running and not (timer["action"] == "remind" and len(seen.legs[row["id"]]) and _was_unowned(seen, row)):
            yield f"step {timer['step']} ('{timer['action']}') of {row['id']} was given up while its clock runs"


def _was_unowned(seen: Seen, row: Row) -> bool:
    return any(leg["owner_id"] is None for leg in seen.legs[row["id"]])


def breaches_are_noticed(seen: Seen) -> Iterator[str]:
    """After an undisturbed turn of the ticker nothing that was due is left, and every clock that ran over says so."""
    at = seen.step.at.isoformat()
    if seen.step.ticked and seen.step.clean:
        late = [timer for timer in seen.now.timer.values() if timer["state"] == 0 and _not_after(timer["due_at"], seen.step.at)]
        for timer in late:
            yield f"'{timer['action']}' of {timer['handoff_id']} was due {timer['due_at']} and is still waiting at {at}"
        for clock in seen.now.clock.values():
            over = clock["stopped_at"] is None or clock["stopped_at"] > clock["due_at"]
            if over and _not_after(clock["due_at"], seen.step.at) and clock["breached_at"] is None:
                yield f"the {clock['kind']} clock of {clock['handoff_id']} ran out at {clock['due_at']}, and at {at} no breach is noted"
    for clock in seen.now.clock.values():
        if clock["breached_at"] is None:
            continue
        if clock["breached_at"] < clock["due_at"]:
            yield f"the {clock['kind']} clock of {clock['handoff_id']} was breached before it was due"
        in_time = clock["stopped_at"] is not None and clock["stopped_at"] <= clock["due_at"]
        heard_late = any(touch["recorded_at"] >= clock["breached_at"] for touch in seen.touches[clock["handoff_id"]])
        if in_time and not heard_late:
            yield f"the {clock['kind']} clock of {clock['handoff_id']} was stopped in time and counts as breached"
        was = seen.was.clock.get(clock["id"])
        if was is not None and was["breached_at"] not in (None, clock["breached_at"]):
            yield f"the breach of {clock['handoff_id']} was noted twice"


def nothing_written_changes_or_vanishes(seen: Seen) -> Iterator[str]:
    for name in WRITTEN_ONCE:
        now = seen.now.tables[name]
        for key, row in seen.was.tables[name].items():
            if now.get(key) != row:
                yield f"{name} {key} was {'changed' if key in now else 'deleted'}"
    for name, columns in FIXED.items():
        now = seen.now.tables[name]
        for key, row in seen.was.tables[name].items():
            there = now.get(key)
            if there is None:
                yield f"{name} {key} was deleted"
                continue
            for column in columns:
                if there[column] != row[column] and not (column == "email" and row[column] is None):
                    yield f"{name} {key}: {column} was {row[column]} and is {there[column]}"
    for (table, key), what in seen.ledger.granted.items():
        if key not in seen.now.tables[table]:
            yield f"{what} was acknowledged and is not recorded ({table} {key})"


# --- 4: a message is written with its cause, sent at least once, harmless twice, and true when it is sent ---------------


def every_cause_has_its_messages(seen: Seen) -> Iterator[str]:
    for row in seen.now.handoff.values():
        said = Counter(event["name"] for event in seen.events[row["id"]])
        exceptions = sum(1 for event in seen.events[row["id"]] if event["name"] == "breached" and event["data"]["kind"] == "exception")
        drained = sum(1 for event in seen.events[row["id"]] if event["name"] == "assigned" and event["data"]["leg"] > 0)
        joined = sum(1 for event in seen.events[row["id"]] if event["name"] == "person_joined" and event["rep_id"] is not None)
        owed = {
            "opening": said["handoff_opened"] + exceptions + drained,
            "reminder": said["reminded"],
            "breach": said["manager_told"] + said["reassign_failed"],
            "reassigned": said["reassigned"],
            "returned": said["returned"],
            "joined": joined,
        }
        for channel in seen.company.channels:
            kinds = Counter(message["kind"] for message in seen.messages[row["id"]] if message["channel"] == channel)
            written = {**kinds, "opening": kinds["handoff_opened"] + kinds["exception"]}
            for kind, times in owed.items():
                there = written.get(kind, 0)
                # The owner before hears of it too, by mail.
                if there < times or (there > times and not (kind == "reassigned" and channel == "email" and there <= 2 * times)):
                    yield f"handoff {row['id']}: {times} times '{kind}' happened, and {there} messages of it were written for {channel}"


def what_left_was_written_and_what_was_sent_arrived(seen: Seen) -> Iterator[str]:
    content: dict[str, str] = {}
    for taken in seen.world.taken:
        if taken.key not in seen.now.outbox:
            yield f"the receiver has message {taken.key} ({taken.kind}), which is not written anywhere"
        if content.setdefault(taken.key, taken.content) != taken.content:
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
        if state == "waiting" and (moment(message["next_at"]) - seen.step.at).total_seconds() > LONGEST_WAIT_SECONDS:
            yield f"message {key} waits until {message['next_at']}"
        if state == "dropped" and (was is None or was["state"] != "dropped") and not _untrue(seen.now, message):
            yield f"message {key} ({message['kind']}) was dropped, though it is still true: {message['why']}"


def what_is_sent_is_true(seen: Seen) -> Iterator[str]:
    """What was untrue before this step began must not have left in it. Machines are told facts in the past tense: those stay true."""
    for taken in seen.world.taken[seen.step.taken_before :]:
        message = seen.was.outbox.get(taken.key)
        if message is None or taken.channel != "email" or message["kind"] not in ("handoff_opened", "reminder", "breach", "exception"):
            continue
        if _untrue(seen.was, message):
            yield f"message {taken.key} ({message['kind']}) left though it was no longer true"


def _untrue(snapshot: Snapshot, message: Row) -> bool:
    row = snapshot.handoff[message["handoff_id"]]
    if row["closed_at"] is not None:
        return True
    if message["kind"] == "exception":
        return row["owner_id"] is not None
    return row["touched_at"] is not None or row["owner_id"] != message["owner_id"]


# --- 5: a decision is stored with its inputs, reasons and contract, and can be made again ---------------------------------


def verdicts_stand_on_what_they_name(seen: Seen) -> Iterator[str]:
    for key, row in seen.now.verdict.items():
        if key in seen.was.verdict:
            continue
        signal = seen.now.signal.get(row["signal_id"])
        if signal is None:
            yield f"verdict {key} names a signal that is not recorded"
            continue
        if row["contract_id"] != (held := _in_force(seen.now, signal["received_at"])):
            yield f"verdict {key} was given under {row['contract_id'][:12]}; in force was {held[:12]}"
        if any(one not in seen.now.signal for one in row["inputs"]):
            yield f"verdict {key} names inputs that are not recorded"
            continue
        if row["person_id"] in seen.ledger.overridden or "override" in str(row["reason"]):
            continue
        worth = _intent(seen, row)
        if abs(worth - row["intent"]) > 2:
            yield f"verdict {key} says intent {row['intent']}; its inputs are worth {worth}"
        if (
            row["outcome"] == "ready"
            and not _overridden(seen, row)
            and (row["fit"] < 20 or row["intent"] < 20_000_000 or row["next_step"] is None)
        ):
            yield f"verdict {key} is ready with fit {row['fit']}, intent {row['intent']}, next step {row['next_step']}"


def _overridden(seen: Seen, verdict: Row) -> bool:
    return any(
        row["person_id"] == verdict["person_id"] or row["account_id"] == verdict["account_id"]
        for row in seen.now.readiness_override.values()
    )


def _intent(seen: Seen, verdict: Row) -> int:
    """What the named inputs are worth at the moment of the verdict, in millionths of a point: by the formula of the documentation."""
    at, total = moment(verdict["at"]), 0
    for key in verdict["inputs"]:
        signal = seen.now.signal[key]
        points = 30 if signal["kind"] == "form_submitted" else 10 if str(signal["path"]).startswith("/pricing") else 0
        days = (at - moment(signal["occurred_at"])).total_seconds() / 86_400
        total += round(points * 0.5 ** (days / HALF_LIFE_DAYS) * 1_000_000)
    return total


def _in_force(snapshot: Snapshot, at: str) -> str:
    versions = sorted(snapshot.contract.values(), key=lambda row: row["version"])
    held = [row["id"] for row in versions if row["in_force_from"] == "-infinity" or row["in_force_from"] <= at]
    return str(held[-1])


def handoffs_name_their_reasons(seen: Seen) -> Iterator[str]:
    for key, row in seen.now.handoff.items():
        if key in seen.was.handoff:
            continue
        verdict = seen.now.verdict.get(row["verdict_id"])
        if verdict is None or verdict["outcome"] != "ready" or verdict["contract_id"] != row["contract_id"]:
            yield f"handoff {key} stands on a verdict that is not there, not ready, or of another contract"
        if key not in seen.now.brief:
            yield f"handoff {key} has no brief"
    for leg in seen.now.assignment.values():
        if not leg["rule"] or leg["working"] == EMPTY_LIST:
            yield f"leg {leg['leg']} of {leg['handoff_id']} does not say who chose or why"


EMPTY_LIST = "d751713988987e9331980363e24189ce"  # md5 of []


# --- 6: the order of work per account is kept -----------------------------------------------------------------------


def nobody_overtakes_within_an_account(seen: Seen) -> Iterator[str]:
    """Of the signals of one firm that waited before this step, none was decided while an earlier one still waits."""
    oldest: dict[str, tuple[str, int]] = {}
    for key, row in seen.was.pending.items():
        email = seen.was.signal[key]["email"] if key in seen.was.signal else None
        if email and key in seen.now.pending:
            place = (row["received_at"], row["seq"])
            oldest[_firm(email)] = min(place, oldest.get(_firm(email), place))
    for key, row in seen.was.pending.items():
        email = seen.was.signal[key]["email"]
        if not email or key in seen.now.pending or (first := oldest.get(_firm(email))) is None:
            continue
        if (row["received_at"], row["seq"]) > first:
            yield f"signal {key} of {_firm(email)} was decided before an earlier one of the same firm"


# --- 7: what a user gets wrong is a Problem; the rest goes in ---------------------------------------------------------


def refusals_are_kept_with_what_to_do(seen: Seen) -> Iterator[str]:
    kept = sum(row["times"] for row in seen.now.intake_problem.values())
    if kept < seen.ledger.refused:
        yield f"{seen.ledger.refused} events were refused and acknowledged; {kept} are kept among the intake problems"
    for key, row in seen.now.intake_problem.items():
        if key not in seen.was.intake_problem and not (row["what"] and row["fix"] and row["part"]):
            yield f"intake problem {key} does not say where, what and how to mend it"


def _firm(email: str) -> str:
    domain = _domain(email)
    return email if domain == FREE_MAIL else domain


def _domain(email: str) -> str:
    return email.partition("@")[2]


def _not_after(text: str, at: datetime) -> bool:
    return moment(text) <= at


def _told(steps: list[tuple[Any, datetime]]) -> str:
    return ", ".join(f"{action} {at:%a %d %b %H:%M:%S}" for action, at in steps)


#: action of a timer → the events any of which says that it was done
STEPS = {
    "breach": ("breached",),
    "remind": ("reminded",),
    "tell": ("manager_told",),
    "reassign": ("reassigned", "reassign_failed"),
    "return_to": ("returned",),
}

LAWS = {
    1: (
        acknowledged_signals_are_there,
        all_of_a_request_or_nothing,
        waiting_or_decided,
        whoever_left_a_lane_was_decided,
        who_raised_the_hand_was_handed_over,
    ),
    2: (one_open_handoff_an_account, owned_or_an_exception_with_a_clock),
    3: (
        nothing_written_changes_or_vanishes,
        clocks_and_steps_as_the_contract_says,
        clocks_run_until_something_stops_them,
        steps_fire_once_and_in_order,
        breaches_are_noticed,
    ),
    4: (
        every_cause_has_its_messages,
        what_left_was_written_and_what_was_sent_arrived,
        messages_settle_once_and_for_a_reason,
        what_is_sent_is_true,
    ),
    5: (verdicts_stand_on_what_they_name, handoffs_name_their_reasons),
    6: (nobody_overtakes_within_an_account,),
    7: (refusals_are_kept_with_what_to_do,),
}

__all__ = ["LAWS", "NOTHING", "Broken", "Seen", "broken"]
