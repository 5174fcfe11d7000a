"""Promises 2 and 3 for what happens between opening and end: pauses, sequences of attempts, offers, disputes, the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from tests.simulate.company import (
    DISPUTE_MINUTES,
    OUTCOME_MINUTES,
    PAUSE_MINUTES,
    STEP_MINUTES,
    TALK_MINUTES,
    UNDO_MINUTES,
    WAITS_MINUTES,
    WALLS,
)
from tests.simulate.house import Row
from tests.simulate.seen import Seen, moment, not_after

#: The clocks of a handoff in work, which stand still together.
PAUSABLE = ("first_touch", "accept", "next_touch", "disposition")
#: Marketing hears of nothing that is older.
NEWS = timedelta(days=7)


# --- 3: pauses --------------------------------------------------------------------------------------------------


def pauses_hold_all_clocks_and_end_by_themselves(seen: Seen) -> Iterator[str]:
    running = {row["handoff_id"]: row for row in seen.now.clock_pause.values() if row["ended_at"] is None}
    for key, pause in running.items():
        row, wall = seen.now.handoff[key], WALLS[seen.terms_of(key).wall]
        if row["closed_at"] is not None:
            yield f"{key} is closed, and its clocks stand still"
        if moment(pause["ends_at"]) != wall.due(moment(pause["starts_at"]), PAUSE_MINUTES):
            yield f"the pause of {key} since {pause['starts_at']} ends at {pause['ends_at']}, not {PAUSE_MINUTES} working minutes later"
        timers = [timer for timer in seen.now.timer.values() if timer["action"] == "resume" and timer["target"] == pause["id"]]
        if [(timer["state"], timer["due_at"]) for timer in timers] != [(0, pause["ends_at"])]:
            yield f"the pause of {key} does not end by itself: {[(timer['state'], timer['due_at']) for timer in timers]}"
        if "tick" in seen.step.done and seen.step.clean and not_after(pause["ends_at"], seen.step.at):
            yield f"the pause of {key} was over at {pause['ends_at']}, and goes on"
    for clock in seen.now.clock.values():
        pause = running.get(clock["handoff_id"])
        if clock["stopped_at"] is not None or clock["kind"] not in PAUSABLE:
            continue
        if (clock["paused_at"] is None) != (pause is None):
            yield f"the {clock['kind']} clock of {clock['handoff_id']} {'runs while others stand still' if pause else 'stands still for ever'}"
        elif pause is not None:
            for timer in seen.timers[clock["id"]]:
                if timer["state"] == 0 and timer["action"] != "resume" and timer["due_at"] > clock["paused_at"]:
                    yield f"'{timer['action']}' of {clock['handoff_id']} waits to fire though its clock stands still"


# --- 3: sequences -----------------------------------------------------------------------------------------------


def sequences_follow_what_happened(seen: Seen) -> Iterator[str]:
    """How far each open sequence has come, when its next step falls due, and which clock asks for it, from the touches alone."""
    for key, row in seen.now.handoff.items():
        terms = seen.terms(row["contract_id"])
        if terms.style != "followed" or row["closed_at"] is not None:
            continue
        course, wall = seen.now.follow_up.get(key), WALLS[terms.wall]
        touches = sorted((moment(touch["occurred_at"]), touch["contact"]) for touch in seen.touches[key])
        ended = _ended(row, touches) if course is not None else None
        made = min(len(touches), len(WAITS_MINUTES))
        if course is None and row["owner_id"] is not None and not _elsewhere(seen, row):
            yield f"{row['owner_id']} owns {key}, and no sequence of attempts was begun"
        expected = None
        if course is not None:
            if ended is None and made:
                expected = wall.due(touches[-1][0], WAITS_MINUTES[made])
            found = (course["made"], course["falls_due_at"] and moment(course["falls_due_at"]), course["ended_why"])
            if found != (made, expected, ended and ended[1]):
                yield f"the sequence of {key} says {found}; after {len(touches)} touches it is {(made, expected, ended and ended[1])}"
        yield from _next_touch_is_asked(seen, row, len(touches), expected)
        since = _outcome_since(touches, ended, course is not None)
        yield from _outcome_is_asked(seen, row, since, steps_made=ended is not None and ended[1] == "steps_made")


def _ended(row: Row, touches: list[tuple]) -> tuple | None:
    ends = [(at, "contact") for at, contact in touches if contact][:1]
    ends += [(moment(row["meeting_at"]), "meeting")] if row["meeting_at"] is not None else []
    if ends:
        return min(ends)
    return (touches[len(WAITS_MINUTES) - 1][0], "steps_made") if len(touches) >= len(WAITS_MINUTES) else None


def _elsewhere(seen: Seen, row: Row) -> bool:
    """Nobody is followed up twice: another sequence of this person runs, or ran when this one would have begun."""
    return any(one["person_id"] == row["person_id"] and one["handoff_id"] != row["id"] for one in seen.now.follow_up.values())


def _outcome_since(touches: list[tuple], ended: tuple | None, sequenced: bool) -> object:
    contacts = [at for at, contact in touches if contact]
    if ended is not None:
        return min([*contacts[:1], ended[0]])
    if contacts:
        return contacts[0]
    return touches[0][0] if touches and not sequenced else None


def _next_touch_is_asked(seen: Seen, row: Row, touches: int, falls_due: object) -> Iterator[str]:
    wall = WALLS[seen.terms_of(row["id"]).wall]
    running = [clock for clock in seen.clocks[row["id"]] if clock["kind"] == "next_touch" and clock["stopped_at"] is None]
    if len(running) != (falls_due is not None):
        yield f"{len(running)} clocks ask for the next touch of {row['id']}, due {falls_due}, after {touches} touches"
    for clock in running if falls_due is not None else []:
        due = wall.due(moment(clock["started_at"]), STEP_MINUTES)
        stood = any(one["handoff_id"] == row["id"] for one in seen.now.clock_pause.values())
        if moment(clock["started_at"]) != falls_due or (moment(clock["due_at"]) != due and not stood):
            yield f"the next touch of {row['id']} falls due {falls_due}, until {due}; its clock runs from {clock['started_at']} to {clock['due_at']}"
        if not any(timer["action"] == "task" for timer in seen.timers[clock["id"]]):
            yield f"nobody is told of the next touch of {row['id']}"


def _outcome_is_asked(seen: Seen, row: Row, since: object, *, steps_made: bool) -> Iterator[str]:
    wall = WALLS[seen.terms_of(row["id"]).wall]
    running = [clock for clock in seen.clocks[row["id"]] if clock["kind"] == "disposition" and clock["stopped_at"] is None]
    if len(running) != (since is not None):
        yield f"{len(running)} clocks ask for an outcome of {row['id']}, which is owed since {since}"
    stood = any(one["handoff_id"] == row["id"] for one in seen.now.clock_pause.values())
    late = any(touch["recorded_at"] != touch["occurred_at"] for touch in seen.touches[row["id"]])
    for clock in running if not (stood or late) else []:
        minutes = (OUTCOME_MINUTES, TALK_MINUTES)
        if moment(clock["due_at"]) not in [wall.due(moment(clock["started_at"]), one) for one in minutes]:
            yield f"the outcome of {row['id']} is owed from {clock['started_at']} until {clock['due_at']}"


# --- 2: offers --------------------------------------------------------------------------------------------------


def what_is_offered_is_taken_once(seen: Seen) -> Iterator[str]:
    for key in seen.now.handoff:
        offered = [event for event in seen.events[key] if event["name"] == "offered"]
        taken = [leg for leg in seen.legs[key] if leg["rule"] == "offer"]
        if len(taken) > len(offered):
            yield f"{key} was offered {len(offered)} times and taken {len(taken)} times"
        if any(leg["owner_id"] not in {rep for event in offered for rep in event["data"]["to"]} for leg in taken):
            yield f"{key} was taken by somebody it was never offered to"
        mine = [one for one in seen.now.offer.values() if one["handoff_id"] == key]
        if any(one["taken_at"] is not None for one in mine) and any(
            one["taken_at"] is None and one["at"] <= max(o["taken_at"] for o in mine if o["taken_at"]) for one in mine
        ):
            yield f"{key} was taken and is still offered to others"
    if seen.step.clean and "tick" in seen.step.done:
        for event in seen.new_events("offered"):
            yield from _offered_to_everybody_who_can(seen, event)


def _offered_to_everybody_who_can(seen: Seen, event: Row) -> Iterator[str]:
    there = {rep for rep in ("cleo", "dora") if seen.is_there(rep, moment(event["at"]))} - {event["rep_id"]}
    switched = {row["rep_id"] for row in [*seen.new_events("taken_off_rotation"), *seen.new_events("switched_off")]}
    if set(event["data"]["to"]) - switched != there - switched:
        yield f"{event['handoff_id']} was offered to {event['data']['to']}; {sorted(there)} could take it"
    for rep in event["data"]["to"]:
        if f"{event['handoff_id']} {rep}" not in seen.now.offer:
            yield f"{rep} is told that {event['handoff_id']} is offered to them, and it is not"


# --- 2: disputes ------------------------------------------------------------------------------------------------


def disputes_are_answered_once_and_have_a_clock(seen: Seen) -> Iterator[str]:
    told = Counter((event["name"], event["data"]["dispute"]) for event in seen.now.event.values() if event["name"].startswith("dispute"))
    for key, row in seen.now.dispute.items():
        wall = WALLS[seen.terms_of(row["handoff_id"]).wall]
        if moment(row["due_at"]) != wall.due(moment(row["opened_at"]), DISPUTE_MINUTES):
            yield f"dispute {key}, opened {row['opened_at']}, is due {row['due_at']}, not {DISPUTE_MINUTES} working minutes later"
        answers = sum(told[f"dispute_{how}", key] for how in ("upheld", "rejected", "withdrawn"))
        if answers != (row["state"] != "open"):
            yield f"dispute {key} is {row['state']}, and was answered {answers} times"
        if told["dispute_late", key] != (row["late_at"] is not None):
            yield f"dispute {key} was said to be late {told['dispute_late', key]} times"
        looked = "give out" in seen.step.done and seen.step.clean
        if looked and row["state"] == "open" and row["late_at"] is None and not_after(row["due_at"], seen.step.at):
            yield f"dispute {key} was due {row['due_at']}, and nobody says that it is late"
        if row["state"] == "upheld" and row["about"] == "owner":
            yield from _moved_on(seen, row)


def _moved_on(seen: Seen, dispute: Row) -> Iterator[str]:
    """Whoever it was wrongly given to has it no more, unless somebody gave it to them by hand afterwards; and the turn is given back."""
    legs = sorted(seen.legs[dispute["handoff_id"]], key=lambda leg: leg["leg"])
    about = legs[dispute["leg"]]
    later = [leg for leg in legs[dispute["leg"] + 1 :] if leg["owner_id"] == about["owner_id"] and leg["rule"] in ("pool", "away")]
    row = seen.now.handoff[dispute["handoff_id"]]
    closed_before = row["closed_at"] is not None and row["closed_at"] <= dispute["decided_at"]
    if len(legs) == dispute["leg"] + 1 and about["owner_id"] is not None and not closed_before:
        yield f"{about['owner_id']} was found not to be the owner of {row['id']}, and still is"
    released = [leg["leg"] for leg in legs if leg["rule"] == "rerouted"]
    if any(leg["leg"] > min(released, default=999) for leg in later):
        yield f"{row['id']} came back to {about['owner_id']} by itself, who had said that it is not theirs"
    turns = [leg for leg in legs if leg["counts"] and leg["pool"] and leg["owner_id"] and leg["at"] <= dispute["decided_at"]]
    if turns and not any(one["handoff_id"] == row["id"] for one in seen.now.turn_credit.values()):
        yield f"dispute {dispute['id']} was upheld, and no turn of {row['id']} is given back"


# --- 4: the way back --------------------------------------------------------------------------------------------


def what_comes_back_is_told_once_and_not_too_early(seen: Seen) -> Iterator[str]:
    said = {row["id"]: row for row in seen.now.disposition.values()}
    for key, row in said.items():
        goes_back = row["outcome"] in ("recycle", "disqualify", "returned") and not row["passed_on"] and row["reason"] != "not_mine"
        if goes_back != (key in seen.now.way_back):
            yield f"{row['handoff_id']} ended with '{row['outcome']}', and {'nothing' if goes_back else 'something'} comes back of it"
    for key in seen.now.way_back.keys() - said.keys():
        yield f"way back {key} is of an outcome that was taken back"
    told = Counter(event["data"]["disposition"] for event in seen.now.event.values() if event["name"] == "given_back")
    for key, row in seen.now.way_back.items():
        if key not in said or row["leads_to"] == "returned":
            continue
        earliest = moment(said[key]["recorded_at"]) + timedelta(minutes=UNDO_MINUTES)
        news = row["told_at"] is not None and moment(row["told_at"]) - moment(row["tell_at"]) <= NEWS
        if told[key] != news:
            yield f"marketing was told {told[key]} times of {row['handoff_id']}; told at {row['told_at']}"
        if moment(row["tell_at"]) != earliest or (row["told_at"] is not None and moment(row["told_at"]) < earliest):
            yield f"marketing hears of {row['handoff_id']} at {row['told_at'] or row['tell_at']}, while it may be taken back until {earliest}"
        if "tell" in seen.step.done and seen.step.clean and row["told_at"] is None and not_after(row["tell_at"], seen.step.at):
            yield f"marketing should have heard of {row['handoff_id']} at {row['tell_at']}"
