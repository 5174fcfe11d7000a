"""Promise 3, of a handoff that somebody put under another promise: the clock it had runs on to its end, the new one begins then."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulate.company import HAND_RAISER
from tests.simulate.house import Row
from tests.simulate.seen import Seen, moment

#: What may stop a clock of the first touch; another promise does not.
ENDS = ("touch", "closed", "returned")
#: What a clock goes on owing whose place another has taken: its breach, and the end of a pause.
STILL_OWED = ("breach", "resume")
WAITS, STANDS = 0, 3


def what_is_promised_is_said_and_kept_apart(seen: Seen) -> Iterator[str]:
    if seen.now.clock is seen.was.clock and seen.now.timer is seen.was.timer and seen.now.handoff is seen.was.handoff:
        return
    for key, row in seen.now.handoff.items():
        changes = [event for event in seen.events[key] if event["name"] == "promise_changed"]
        if row["sla"] is None and not changes:
            continue  # ready by hand, and no step of theirs that an SLA is for
        said = changes[-1]["data"]["to"] if changes else HAND_RAISER
        if row["sla"] != said:
            yield f"{key} is under '{row['sla']}', and was put under '{said}'"
        firsts = sorted((clock for clock in seen.clocks[key] if clock["kind"] == "first_touch"), key=lambda clock: clock["number"])
        if len(firsts) != len(changes) + 1:
            yield f"{key} was put under another promise {len(changes)} times, and has {len(firsts)} clocks of the first touch"
            continue
        for change, clock in zip(changes, firsts[1:], strict=True):
            yield from _began_then(seen, row, change, clock)
        for clock in firsts[:-1]:
            yield from _runs_on_alone(seen, key, clock)
        if not firsts[-1]["current"]:
            yield f"the latest promise of {key} does not count"


def _began_then(seen: Seen, row: Row, change: Row, clock: Row) -> Iterator[str]:
    """Due as the contract says, from the moment of the change; what a pause moved since the law of pauses holds."""
    if clock["id"] in seen.was.clock:
        return
    expected = seen.terms(row["contract_id"]).steps(moment(change["at"]), change["data"]["to"])
    found = [(timer["action"], moment(timer["due_at"])) for timer in seen.timers[clock["id"]] if timer["action"] != "resume"]
    due = next(at for action, at in expected if action == "breach")
    if clock["sla"] != change["data"]["to"] or moment(clock["started_at"]) != moment(change["at"]) or moment(clock["due_at"]) != due:
        yield f"the clock that {row['id']} got at {change['at']} is of '{clock['sla']}', from {clock['started_at']} to {clock['due_at']}, not {due}"
    if clock["paused_at"] is None and found != expected:
        yield f"the clock that {row['id']} got at {change['at']} asks for {found}; the contract for {expected}"


def _runs_on_alone(seen: Seen, key: str, clock: Row) -> Iterator[str]:
    owed = [t["action"] for t in seen.timers[clock["id"]] if t["state"] in (WAITS, STANDS) and t["action"] not in STILL_OWED]
    if owed or clock["current"]:
        yield f"{key} is under another promise, and its clock of {clock['started_at']} still owes {owed or 'everything'}"
    if clock["stopped_at"] is not None and clock["stopped_by"] not in ENDS:
        yield f"the clock of {clock['started_at']} of {key} was ended by '{clock['stopped_by']}', not by what ends a first touch"
    if (
        clock["stopped_at"] is None
        and clock["breached_at"] is None
        and not any(t["action"] == "breach" and t["state"] in (WAITS, STANDS) for t in seen.timers[clock["id"]])
    ):
        yield f"nothing will tell when the clock of {clock['started_at']} of {key} runs out"
