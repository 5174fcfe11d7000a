"""Promise 3: a clock never vanishes; nothing written changes or vanishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tests.simulate.company import WALLS
from tests.simulate.house import Row
from tests.simulate.seen import Seen, moment, not_after

#: Of these tables no row changes once it is written.
WRITTEN_ONCE = ("signal", "verdict", "assignment", "disposition", "event", "learned", "brief")
#: Of these no row vanishes, and these columns of theirs never change.
FIXED = {
    "handoff": ("motion", "party", "contract_id", "verdict_id", "opened_at", "decided_at", "next_step"),
    "clock": ("handoff_id", "kind", "number", "sla", "calendar", "started_at"),
    "timer": ("clock_id", "handoff_id", "step", "action", "target"),
    "clock_pause": ("handoff_id", "reason", "waits_for", "starts_at", "ends_at"),
    "follow_up": ("handoff_id", "person_id", "started_at"),
    "dispute": ("handoff_id", "about", "leg", "side", "by", "reason", "opened_at", "due_at"),
    "turn_credit": ("pool", "rep_id", "handoff_id", "leg", "reason", "at"),
    "canary_end": ("at", "guardrail"),
    "outbox": ("handoff_id", "kind", "channel", "recipient", "owner_id", "payload", "created_at"),
    "handoff_person": ("verdict_id", "signal_id", "raised_at", "joined_at"),
    "contract": ("version", "in_force_from"),
    "person": ("email",),
}
#: action of a timer → the events any of which says that it was done
STEPS = {
    "breach": ("breached",),
    "remind": ("reminded",),
    "tell": ("manager_told",),
    "reassign": ("reassigned", "reassign_failed"),
    "return_to": ("returned",),
    "offer": ("offered",),
    "off_rotation": ("taken_off_rotation",),
    "task": ("task_due",),
}
#: Steps numbered from here stand beside the ladder, in no order with it.
BESIDE = 1000
#: Steps that ask an owner to act, and have nobody to ask where there is none.
FOR_OWNERS = ("remind", "task", "off_rotation")


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
            found = [(timer["action"], moment(timer["due_at"])) for timer in seen.timers[clock["id"]] if timer["step"] < BESIDE]
            if clock["paused_at"] is not None:
                continue  # opened and let stand in one step: the law of pauses holds it
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
        elif clock["kind"] == "accept" and stop is None:
            yield from _asked_of_its_owner(seen, row, clock, touched=bool(touches))
        if stop is not None and by == "closed" and row["closed_at"] is None:
            yield f"the {clock['kind']} clock of {row['id']} was stopped by an end that did not come"


def _asked_of_its_owner(seen: Seen, row: Row, clock: Row, *, touched: bool) -> Iterator[str]:
    over = touched or row["closed_at"] is not None or row["accepted_at"] is not None
    if over or row["owner_id"] is None:
        yield f"the accept clock of {row['id']} runs on, {'though nothing is asked any more' if over else 'and nobody owns it'}"
    elif clock["number"] != max(leg["leg"] for leg in seen.legs[row["id"]]):
        yield f"the accept clock that runs on {row['id']} is of leg {clock['number']}, whose owner it has no more"


def owners_are_asked_for_their_yes(seen: Seen) -> Iterator[str]:
    for row in seen.now.handoff.values():
        if row["closed_at"] is not None or row["owner_id"] is None or row["touched_at"] is not None or row["accepted_at"] is not None:
            continue
        if seen.terms(row["contract_id"]).style != "followed":
            continue
        running = [clock for clock in seen.clocks[row["id"]] if clock["kind"] == "accept" and clock["stopped_at"] is None]
        given = max(seen.legs[row["id"]], key=lambda leg: leg["leg"])
        # A touch that was taken back may have lain before an owner: of that one nobody asked a yes.
        undone = any(event["name"].endswith("_undone") for event in seen.events[row["id"]])
        if len(running) != 1 and not undone:
            yield f"{row['owner_id']} has had {row['id']} since {given['at']}, and {len(running)} clocks ask for their yes"


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
    ladder = [timer for timer in timers if timer["step"] < BESIDE]
    settled = [timer["settled_at"] for timer in ladder if timer["state"] == 1]
    places = {timer["id"]: timer["step"] for timer in ladder}
    places[clock["id"]] = next((timer["step"] for timer in timers if timer["action"] == "breach"), 0)
    # A new promise names its clock, which has done nothing yet.
    named = [event["data"] for event in seen.events[row["id"]] if event["name"] != "promise_changed"]
    said = [data.get("timer") or data.get("clock") for data in named]
    told = [places[one] for one in said if one in places]
    # A touch taken back makes owed again what it had settled, also behind a breach that was told meanwhile.
    taken_back = any(event["name"].endswith("_undone") for event in seen.events[row["id"]])
    if not taken_back and (settled != sorted(settled) or told != sorted(told)):
        yield f"the steps of the {clock['kind']} clock of {row['id']} fired out of order: {told}"
    for timer in timers:
        was = seen.was.timer.get(timer["id"])
        if was is not None and was["state"] == 1 and timer["state"] != 1:
            yield f"step {timer['step']} of {row['id']} had fired and is {timer['state']} now"
        running = clock["stopped_at"] is None and row["closed_at"] is None and timer["action"] != "resume"
        if timer["state"] == 2 and running and clock["current"] and not (timer["action"] in FOR_OWNERS and _was_unowned(seen, row)):
            yield f"step {timer['step']} ('{timer['action']}') of {row['id']} was given up while its clock runs"


def _was_unowned(seen: Seen, row: Row) -> bool:
    return any(leg["owner_id"] is None for leg in seen.legs[row["id"]])


def breaches_are_noticed(seen: Seen) -> Iterator[str]:
    """After an undisturbed turn of the ticker nothing that was due is left, and every clock that ran over says so."""
    at = seen.step.at.isoformat()
    if "tick" in seen.step.done and seen.step.clean:
        late = [timer for timer in seen.now.timer.values() if timer["state"] == 0 and not_after(timer["due_at"], seen.step.at)]
        for timer in (one for one in late if not _ran_on(seen, one)):
            yield f"'{timer['action']}' of {timer['handoff_id']} was due {timer['due_at']} and is still waiting at {at}"
        for clock in seen.now.clock.values():
            over = clock["stopped_at"] is None or clock["stopped_at"] > clock["due_at"]
            still = clock["paused_at"] is not None and clock["paused_at"] <= clock["due_at"]
            still |= clock["id"] in seen.was.clock and seen.was.clock[clock["id"]]["paused_at"] is not None  # it ran on just now
            if over and not still and not_after(clock["due_at"], seen.step.at) and clock["breached_at"] is None:
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


def _ran_on(seen: Seen, timer: Row) -> bool:
    """It stood still until this turn, and is owed in the next."""
    was = seen.was.timer.get(timer["id"])
    return was is not None and was["state"] == 3


def nothing_written_changes_or_vanishes(seen: Seen) -> Iterator[str]:
    for name in WRITTEN_ONCE:
        now = seen.now.tables[name]
        for key, row in seen.was.tables[name].items() if now is not seen.was.tables[name] else ():
            if now.get(key) != row and not (name == "disposition" and seen.step.undoing):
                yield f"{name} {key} was {'changed' if key in now else 'deleted'}"
    concerned = _made_one_or_two(seen)
    for name, columns in FIXED.items():
        now = seen.now.tables[name]
        for key, row in seen.was.tables[name].items() if now is not seen.was.tables[name] else ():
            there = now.get(key)
            if there is None:
                if not (name == "handoff_person" and _moved_with(row, concerned, now)):
                    yield f"{name} {key} was deleted"
                continue
            for column in columns:
                if there[column] == row[column] or (column == "email" and (row[column] is None or key in concerned)):
                    continue
                if not (column == "party" and concerned & {row[column], there[column]}):
                    yield f"{name} {key}: {column} was {row[column]} and is {there[column]}"
    for (table, key), what in seen.ledger.granted.items():
        if key not in seen.now.tables[table]:
            yield f"{what} was acknowledged and is not recorded ({table} {key})"


def _made_one_or_two(seen: Seen) -> set[str]:
    """People of whom one was made in this step, or two."""
    if seen.now.person_merge is seen.was.person_merge:
        return set()
    changed = [row for key, row in seen.now.person_merge.items() if seen.was.person_merge.get(key) != row]
    return {row[who] for row in changed for who in ("kept_id", "folded_id")}


def _moved_with(row: Row, concerned: set[str], now: Mapping[str, Row]) -> bool:
    """Whether somebody's part in a handoff is that of the one they are now, or were."""
    return row["person_id"] in concerned and any(f"{row['handoff_id']} {other}" in now for other in concerned)


def due_times_move_only_with_a_pause(seen: Seen) -> Iterator[str]:
    """What working time was left of a clock when it stopped is left when it runs on, to the second; nothing else moves a due time."""
    resumed = {row["handoff_id"]: row for row in seen.new_events("clock_resumed")}
    for name in ("clock", "timer"):
        for key, row in seen.now.tables[name].items() if seen.now.tables[name] is not seen.was.tables[name] else ():
            was = seen.was.tables[name].get(key)
            if was is None:
                continue
            event = resumed.get(row["handoff_id"])
            before = seen.was.clock[key if name == "clock" else row["clock_id"]]
            since = before["paused_at"]
            # What stood still and runs on has to move, unless all that time was nobody's working time.
            stood = event is not None and since is not None and before["stopped_at"] is None and was["due_at"] > since
            if was["due_at"] == row["due_at"] and not (stood and was.get("state", 3) == 3):
                continue
            ended = event["at"] if event is not None else seen.now.clock[key]["stopped_at"] if name == "clock" else None
            if any(event["name"].endswith("_undone") for event in seen.events[row["handoff_id"]] if event["seq"] not in _before(seen)):
                continue  # what runs again has stood still as long as the others did: the law of pauses compares them
            if ended is None or (since is None and seen.step.clean):
                yield f"{name} {key}: due_at was {was['due_at']} and is {row['due_at']}, and nothing stood still"
            elif since is not None:
                wall = WALLS[seen.terms_of(row["handoff_id"]).wall]
                left = wall.between(moment(since), moment(was["due_at"]))
                expected = wall.after(moment(ended), left)
                if abs(wall.between(min(expected, moment(row["due_at"])), max(expected, moment(row["due_at"]))).total_seconds()) > 2:
                    yield f"{name} {key} stood still from {since} to {ended}, with {left} left: due {row['due_at']}, not {expected}"


def _before(seen: Seen) -> set[int]:
    return {event["seq"] for event in seen.was.event.values()}


def _told(steps: list[tuple[Any, datetime]]) -> str:
    return ", ".join(f"{action} {at:%a %d %b %H:%M:%S}" for action, at in steps)
