"""Promises 2 and 5: one open handoff an account, owned or with a clock; every decision with its inputs, reasons and contract."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.simulate.house import Row, Snapshot
from tests.simulate.law_whose import in_share
from tests.simulate.seen import Seen, firm, moment, said_by_hand

HALF_LIFE_DAYS = 14


# --- 2: at most one open handoff per account and motion ---


def one_open_handoff_an_account(seen: Seen) -> Iterator[str]:
    open_ones = [row for row in seen.now.handoff.values() if row["closed_at"] is None]
    for (party, motion), times in Counter((row["party"], row["motion"]) for row in open_ones).items():
        if times > 1:
            yield f"{times} open handoffs of {party} in {motion}"
    firms: dict[str, set[str]] = defaultdict(set)
    one_of_two = {row[who] for row in seen.now.person_merge.values() for who in ("kept_id", "folded_id")}
    for row in open_ones:
        for member in seen.people[row["id"]]:
            email = seen.now.person[member["person_id"]]["email"]
            # Who is two by hand may have handoffs of two firms.
            if email and member["person_id"] not in one_of_two:
                firms[firm(email)].add(row["id"])
    for name, handoffs in firms.items():
        if len(handoffs) > 1:
            yield f"{len(handoffs)} open handoffs of {name}"
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


# --- 5: a decision is stored with its inputs, reasons and contract ---


def verdicts_stand_on_what_they_name(seen: Seen) -> Iterator[str]:
    for key, row in seen.now.verdict.items():
        if key in seen.was.verdict:
            continue
        signal = seen.now.signal.get(row["signal_id"])
        if signal is None:
            yield f"verdict {key} names a signal that is not recorded"
            continue
        if row["contract_id"] != (held := _in_force(seen.now, row, signal["received_at"])):
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
    return verdict["person_id"] in said_by_hand(seen) or any(
        row["account_id"] == verdict["account_id"] for row in seen.now.readiness_override.values()
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


def _in_force(snapshot: Snapshot, verdict: Row, at: str) -> str:
    """The version that held when the signal was received; of one on trial, for those among its share and as long as it had not given way."""
    versions = sorted(snapshot.contract.values(), key=lambda row: row["version"])
    held = [row for row in versions if row["in_force_from"] == "-infinity" or row["in_force_from"] <= at]
    for row in held:
        end = snapshot.canary_end.get(str(row["version"]))
        if row["share"] and (end is None or at < end["at"]) and in_share(row["id"], verdict["account_id"] or verdict["person_id"]):
            return str(row["id"])
    return str([row["id"] for row in held if not row["share"]][-1])


def what_was_decided_by_hand_waits_its_turn(seen: Seen) -> Iterator[str]:
    """A verdict given by hand is decided upon at once: with it comes a signal for each person it is about, or neither."""
    told = {row["override"] for row in seen.now.signal.values() if row["override"] is not None}
    for key, row in seen.now.readiness_override.items():
        if key in seen.was.readiness_override or key in told:
            continue
        known = {one["person_id"] for one in seen.was.identity.values()}
        about = {key for key, one in seen.was.person.items() if row["person_id"] == key or (row["account_id"] or "-") == one["account_id"]}
        if about & known:
            yield f"{row['verdict']} was said by hand of {row['person_id'] or row['account_id']}, and nothing waits to be decided for it"


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
