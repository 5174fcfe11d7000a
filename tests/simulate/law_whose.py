"""Promise 2 for the question whose it is, and the promises of what lies beside: a version on a share, quiet hours, lists, the index."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.simulate.company import (
    AWAY_MINUTES,
    DIGEST_MORE_THAN,
    FOLLOWS,
    SELLERS,
    SHARE_PERCENT,
    TEAM,
    TRIAL_AFTER,
    TRIAL_UNASSIGNED_PERCENT,
    URGENT,
    WALLS,
)
from tests.simulate.house import Row
from tests.simulate.seen import Seen, moment, not_after

#: Rules by which nobody in particular decided: who cannot take a handoff does not get one by them.
BY_ITSELF = ("pool", "reassign", "away", "owner_changed")


# --- 2: who gets it ---------------------------------------------------------------------------------------------


def nobody_gets_what_they_cannot_take(seen: Seen) -> Iterator[str]:
    if not seen.unchanged:
        return
    for key, leg in seen.now.assignment.items():
        rep = leg["owner_id"]
        if key in seen.was.assignment or rep is None or leg["rule"] not in BY_ITSELF:
            continue
        if rep not in SELLERS or seen.away_until(rep, moment(leg["at"])) is not None or seen.is_off(rep):
            yield f"{rep} was given {leg['handoff_id']} by '{leg['rule']}' at {leg['at']}, and was not there"
        cap = max(seen.company.versions[number].cap for number in seen.ledger.versions.values())
        if leg["rule"] == "pool" and seen.step.clean and "decide" in seen.step.done and seen.owned(rep) > cap:
            yield f"{rep} was given {leg['handoff_id']} and has {seen.owned(rep)} now; {cap} are the most"


def what_is_held_goes_out_in_order(seen: Seen) -> Iterator[str]:
    """The oldest first, of those opened under one contract; and after a turn that gives out, nothing is left that somebody could take.

    Of signals decided late it can be said only where everybody of the team was there all the time: whether somebody may take what is new
    is asked of the moment it came.
    """
    if not (seen.step.clean and seen.unchanged and seen.step.done & {"decide", "give out"}):
        return
    late = "decide" in seen.step.done
    if late and (any(row["rep_id"] in TEAM for row in seen.now.absence.values()) or any(seen.is_off(rep) for rep in TEAM)):
        return
    held = [row for row in seen.was.handoff.values() if row["owner_id"] is None and row["closed_at"] is None and _is_plain(seen, row)]
    left = [row for row in held if seen.now.handoff[row["id"]]["owner_id"] is None and seen.now.handoff[row["id"]]["closed_at"] is None]
    for leg in seen.now.assignment.values():
        if leg["id"] in seen.was.assignment or leg["rule"] != "pool" or leg["owner_id"] is None:
            continue
        given = seen.now.handoff[leg["handoff_id"]]
        oldest = min((row["opened_at"] for row in left if row["contract_id"] == given["contract_id"]), default=None)
        if oldest is not None and given["opened_at"] > oldest:
            yield f"{given['id']} was given to {leg['owner_id']} before what has waited since {oldest}"
    for row in left if "give out" in seen.step.done else []:
        room = [rep for rep in TEAM if seen.is_there(rep, seen.step.at) and seen.owned(rep) < seen.terms_of(row["id"]).cap]
        if room:
            yield f"{row['id']} still stands among the exceptions, and {', '.join(room)} could take it"


def _is_plain(seen: Seen, row: Row) -> bool:
    """Never taken from anybody, nor a person's to decide."""
    return not row["for_person"] and not any(event["name"] == "released" for event in seen.events[row["id"]])


def work_of_the_absent_moves(seen: Seen) -> Iterator[str]:
    if not (seen.step.clean and seen.unchanged and "give out" in seen.step.done):
        return
    at = seen.step.at
    for key, row in seen.now.handoff.items():
        terms, owner = seen.terms(row["contract_id"]), row["owner_id"]
        if terms.style != "offered" or owner is None or row["closed_at"] is not None or row["touched_at"] is not None:
            continue
        if not any(_holds(one, owner, at) and _long(one) for one in seen.now.absence.values()):
            continue
        others = [rep for rep in TEAM if rep != owner and seen.is_there(rep, at) and seen.owned(rep) < terms.cap]
        if others and _is_plain(seen, row):
            yield f"{owner} is away for long and still has {key}; {', '.join(others)} could take it"


def owners_named_elsewhere_are_heard(seen: Seen) -> Iterator[str]:
    """The account is whose the CRM says; open handoffs follow it as the contract says, where the new owner can take them."""
    whose = {row["key"]: row["owner_id"] for row in seen.now.account.values()}
    for key, rep in seen.ledger.owners.items():
        if whose.get(key) != rep:
            yield f"{key} is {rep}'s as the CRM says, and here it is {whose.get(key)}'s"
    for key, change in seen.now.owner_change.items():
        was = seen.was.owner_change.get(key)
        if was is not None and was["state"] != "open" and was != change:
            yield f"what was settled of the owner of {change['account_id']} is settled anew: {was['state']}, {change['state']}"
        if change["state"] == "open" and "give out" in seen.step.done and seen.step.clean:
            yield f"{change['by']} named {change['becomes']} for {change['account_id']}, and nobody has heard of it"
        if was is not None and was["state"] == "open" and change["state"] != "open":
            yield from _followed(seen, change)


def _followed(seen: Seen, change: Row) -> Iterator[str]:
    """What was open of the account before this step, and had another owner. Of several changes the last counts."""
    rep, account = change["becomes"], seen.now.account[change["account_id"]]
    if account["owner_id"] != rep or not (seen.step.clean and seen.unchanged):
        return
    for row in (one for one in seen.was.handoff.values() if one["party"] == account["id"] and one["closed_at"] is None):
        policy, now = FOLLOWS[seen.terms(row["contract_id"]).style], seen.now.handoff[row["id"]]
        may = policy == "all" or (policy == "untouched" and row["touched_at"] is None)
        legs = [leg for leg in seen.legs[row["id"]] if leg["rule"] == "owner_changed" and leg["id"] not in seen.was.assignment]
        if legs and not may:
            yield f"{row['id']} followed its account to {rep}, and the contract says '{policy}'"
        room = rep not in TEAM or seen.owned(rep) < seen.terms(row["contract_id"]).cap
        if may and row["owner_id"] not in (rep, None) and now["owner_id"] != rep and seen.is_there(rep, seen.step.at) and room:
            yield f"{row['id']} stays with {now['owner_id']}, and its account is {rep}'s, who could take it"


def _holds(absence: Row, rep: str, at: datetime) -> bool:
    return bool(absence["rep_id"] == rep and not_after(absence["starts_at"], at) and not not_after(absence["ends_at"], at))


def _long(absence: Row) -> bool:
    return moment(absence["ends_at"]) - moment(absence["starts_at"]) > timedelta(minutes=AWAY_MINUTES)


# --- 5: a version for a share -----------------------------------------------------------------------------------


def in_share(contract: str, party: str) -> bool:
    """By the definition: the first eight bytes of SHA-256 over contract and party, of a hundred thousand parts."""
    place = int.from_bytes(hashlib.sha256(f"{contract}\x1f{party}".encode()).digest()[:8], "big") % 100_000
    return place < SHARE_PERCENT * 1000


def a_trial_gives_way_where_it_does_harm(seen: Seen) -> Iterator[str]:
    if not (seen.step.clean and "watch" in seen.step.done):
        return
    for version in (row for row in seen.now.contract.values() if row["share"] and not_after(row["in_force_from"], seen.step.at)):
        mine = [row["id"] for row in seen.now.handoff.values() if row["contract_id"] == version["id"]]
        firsts = [leg for key in mine for leg in seen.legs[key] if leg["leg"] == 0]
        lost = sum(leg["owner_id"] is None for leg in firsts)
        harm = len(mine) >= TRIAL_AFTER and 100 * lost / len(mine) > TRIAL_UNASSIGNED_PERCENT
        if harm and str(version["version"]) not in seen.now.canary_end:
            yield f"{lost} of {len(mine)} handoffs of version {version['version']} found no owner, and it is still on trial"
        if not harm and str(version["version"]) in seen.now.canary_end and str(version["version"]) not in seen.was.canary_end:
            yield f"version {version['version']} gave way, and {lost} of {len(mine)} handoffs found no owner"


# --- 4: quiet hours, and many that become one -------------------------------------------------------------------


def mail_waits_for_hours_and_for_others(seen: Seen) -> Iterator[str]:
    if seen.company.style != "offered":
        return
    wall, mails = WALLS[seen.company.wall], Counter[str]()
    counted: set[int] = set()
    for taken in seen.world.taken[seen.step.taken_before :]:
        if taken.channel != "email" or taken.kind in URGENT:
            continue
        if taken.recipient in SELLERS and not wall.is_open(taken.at):
            yield f"message {taken.key} ({taken.kind}) reached {taken.recipient} outside of their hours"
        if taken.mail not in counted:
            counted.add(taken.mail)
            mails[taken.recipient] += 1
    for recipient, number in mails.items():
        if seen.step.clean and number > DIGEST_MORE_THAN + 1:
            yield f"{recipient} got {number} mails at once; {DIGEST_MORE_THAN} and one of all others are the most"


# --- 1: lists, and the index ------------------------------------------------------------------------------------


def a_list_goes_in_once_and_whole(seen: Seen) -> Iterator[str]:
    for one in seen.ledger.lists:
        there = sum(event.signal in seen.now.signal for event in one.events)
        if one.finished and there != len(one.events):
            yield f"{one.name} is in, and {there} of its {len(one.events)} signals are recorded"
    rows = {one.name: len(one.events) + one.wrong for one in seen.ledger.lists}
    for row in seen.now.import_run.values():
        if row["done_rows"] > rows[row["file"]] or (row["finished_at"] is not None and row["done_rows"] != rows[row["file"]]):
            yield f"{row['file']} has {rows[row['file']]} rows; {row['done_rows']} of them are said to be done"
        recorded = sum(event.signal in seen.now.signal for one in seen.ledger.lists if one.name == row["file"] for event in one.events)
        if row["added"] > recorded:
            yield f"{row['added']} signals of {row['file']} are said to be added, and {recorded} are recorded"


def whoever_is_written_can_be_found(seen: Seen) -> Iterator[str]:
    for key, row in seen.now.person.items():
        waits = f"person {key}" in seen.now.match_waiting
        if row["merged_into"] is None and not waits and key not in seen.now.person_said:
            yield f"person {key} is neither indexed nor waits to be"
        if waits and "index" in seen.step.done and seen.step.clean:
            yield f"person {key} was not indexed"
