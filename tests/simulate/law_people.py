"""Promises of one person made of two, and of two made of one again: what moves, what does not, and whose everything is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulate.house import Row, Snapshot
from tests.simulate.ledger import Apart
from tests.simulate.people import BY, LOOKS
from tests.simulate.seen import Seen

#: noun → (table, the column that names the person): what moves with somebody who is folded.
MOVES = {"handoff": ("handoff", "person_id"), "touch": ("touch", "person_id")}


# --- 1: whose is it ---------------------------------------------------------------------------------------------


def keys_change_hands_only_with_their_people(seen: Seen) -> Iterator[str]:
    """A key is whose it was, unless that one was folded into somebody, or taken out again."""
    if seen.now.identity is seen.was.identity:
        return
    moved = {(row["folded_id"], row["kept_id"]) for row in _made(seen)} | {(row["kept_id"], row["folded_id"]) for row in _undone(seen)}
    folded = {key: row["merged_into"] for key, row in seen.now.person.items() if row["merged_into"] is not None}
    for who, row in seen.was.identity.items():
        there = seen.now.identity.get(who)
        if there is None:
            yield f"key {who} is nobody's any more"
            continue
        before, after = row["person_id"], there["person_id"]
        if before != after and (before, after) not in moved and not seen.step.several and _last(folded, before) != after:
            yield f"key {who} was {before}'s and is {after}'s, and nobody made one of them"


def who_was_folded_has_nothing(seen: Seen) -> Iterator[str]:
    """Whoever is somebody else now has no keys, and nothing that moves."""
    folded = {key for key, row in seen.now.person.items() if row["merged_into"] is not None}
    if not folded:
        return
    for who, row in seen.now.identity.items():
        if row["person_id"] in folded:
            yield f"key {who} is of {row['person_id']}, who was folded into somebody"
    by_hand = folded & {row["folded_id"] for row in seen.now.person_merge.values() if row["by"] == BY and row["undone_at"] is None}
    for noun, (table, column) in MOVES.items():
        for key, row in seen.now.tables[table].items():
            if row[column] in by_hand:
                yield f"{noun} {key} is of {row[column]}, who was folded into somebody"
    for row in seen.now.handoff_person.values():
        if row["person_id"] in by_hand and f"{row['handoff_id']} {_last_of(seen.now, row['person_id'])}" not in seen.now.handoff_person:
            yield f"{row['person_id']}, who was folded into somebody, is in {row['handoff_id']}, and the one they are now is not"


def merges_are_told_and_stand(seen: Seen) -> Iterator[str]:
    """Each merge and each parting has its event, and the folded person names whom they were folded into as long as it stands."""
    told: dict[tuple[str, str], int] = {}
    for event in seen.now.event.values():
        if event["name"] in ("people_merged", "people_parted"):
            told[event["name"], event["data"]["merge"]] = told.get((event["name"], event["data"]["merge"]), 0) + 1
    standing = set()
    for key, row in seen.now.person_merge.items():
        if row["by"] != BY:
            continue
        undone = row["undone_at"] is not None
        if told.pop(("people_merged", key), 0) != 1 or told.pop(("people_parted", key), 0) != undone:
            yield f"of {row['folded_id']} folded into {row['kept_id']}{' and taken out' if undone else ''} the events do not tell so"
        if not undone:
            standing.add(row["folded_id"])
            if seen.now.person[row["folded_id"]]["merged_into"] != row["kept_id"]:
                yield f"{row['folded_id']} was folded into {row['kept_id']}, and is {seen.now.person[row['folded_id']]['merged_into']}"
    for row in _undone(seen):
        if row["folded_id"] not in standing and seen.now.person[row["folded_id"]]["merged_into"] is not None:
            yield f"{row['folded_id']} was taken out again, and is still {seen.now.person[row['folded_id']]['merged_into']}"
    for (name, key), times in told.items():
        yield f"'{name}' was told {times} times of {key}, which is no merge"


# --- 2: making one ----------------------------------------------------------------------------------------------


def who_is_in_two_handoffs_is_not_made_one(seen: Seen) -> Iterator[str]:
    for row in _made(seen) if not seen.step.several else ():
        two = [
            {key for key, who in _members(seen.was) if who == one and _open(seen.was, key)} for one in (row["kept_id"], row["folded_id"])
        ]
        if two[0] and two[1] and two[0] != two[1]:
            yield f"{row['folded_id']}, in {sorted(two[1])}, was made one with {row['kept_id']}, who is in {sorted(two[0])}"


def who_looks_changes_nothing(seen: Seen) -> Iterator[str]:
    if all(name.startswith(LOOKS) for name in seen.step.pieces) and seen.now.digest != seen.was.digest:
        yield "somebody looked at what a merge would do, and something is stored otherwise"


def what_was_foreseen_happens(seen: Seen) -> Iterator[str]:
    """What was said before a merge is what it did: keys, rows, values. A value only one had stays; address and account are the kept one's."""
    for row in _made(seen) if seen.step.clean else ():
        kept, folded, foreseen = row["kept_id"], row["folded_id"], seen.ledger.foreseen[row["id"]]
        moved = [one for one in seen.now.person_merge_moved.values() if one["merge_id"] == row["id"]]
        keys = {who for who, one in seen.was.identity.items() if one["person_id"] == folded}
        if {one["id"] for one in moved if one["noun"] == "identity"} != keys or foreseen.keys != keys:
            yield f"of {folded} {len(foreseen.keys)} keys were to move; there were {len(keys)}"
        for noun, many in foreseen.moves.items():
            if sum(one["noun"] == noun for one in moved) != many:
                yield f"of {folded} {many} rows of '{noun}' were to move, and others did"
        now, mine, theirs = seen.now.person[kept], _values(seen.was.person[kept]), _values(seen.was.person[folded])
        if _values(now) != foreseen.values:
            yield f"{kept} was to be {foreseen.values}, and is {_values(now)}"
        for name in mine.keys() | theirs.keys():
            both = [one[name] for one in (mine, theirs) if name in one]
            stays = foreseen.chosen.get(name) != folded and name in ("email", "name", "account") and name in mine
            if _values(now).get(name) not in (both[:1] if stays else both):
                yield f"{name} of {kept} is {_values(now).get(name)!r}; the two said {both}"


# --- 2: making two again ----------------------------------------------------------------------------------------


def two_are_as_they_were(seen: Seen) -> Iterator[str]:
    """What moved is back, what came since is whose keys brought it, and who said nothing since is who they were."""
    for row in _made(seen) if not seen.step.several else ():
        two = (row["kept_id"], row["folded_id"])
        seen.ledger.apart[row["id"]] = Apart(
            {one: seen.was.person[one] for one in two}, _rows_of(seen.was, two), frozenset(seen.was.pending)
        )
    for row in _undone(seen) if not seen.step.several else ():
        if (apart := seen.ledger.apart.get(row["id"])) is None:
            continue
        later = [one for one in seen.was.person_merge.values() if one["undone_at"] is None and one["at"] > row["at"]]
        if any(row["kept_id"] in (one["kept_id"], one["folded_id"]) for one in later):
            yield f"{row['folded_id']} was taken out before {[one['folded_id'] for one in later]}, who came later"
        now = _rows_of(seen.now, tuple(apart.people))
        for noun, theirs in apart.rows.items():
            for key, whose in theirs.items():
                if key in now[noun] and now[noun][key] != whose:
                    yield f"{noun} {key} was {whose}'s before the merge, and is {now[noun][key]}'s after it was undone"
                elif key not in now[noun] and (table := seen.now.tables.get(TABLE_OF[noun])) is not None and key in table:
                    yield f"{noun} {key} was {whose}'s before the merge, and is {table[key]['person_id']}'s after it was undone"
        yield from _came_since(seen, row, apart)
        yield from _silent_since(seen, row, apart)


def _came_since(seen: Seen, merge: Row, apart: Apart) -> Iterator[str]:
    """Keys that became the one person's since, through signals with a key of the folded one, and through those: they are the folded one's."""
    old = {who for who, whose in apart.rows["identity"].items() if whose == merge["folded_id"]}
    new = {who for who, one in seen.was.identity.items() if one["person_id"] == merge["kept_id"] and one["since"] >= merge["at"]} - old
    theirs, grown = set(old), True
    while grown:
        met = {
            f"{kind}:{one[column]}"
            for one in seen.now.signal.values()
            if one["who"] in theirs and one["received_at"] >= merge["at"]
            for kind, column in (("user", "user_id"), ("visitor", "anonymous_id"), ("user", "previous_id"), ("visitor", "previous_id"))
        }
        grown = bool((met & new) - theirs)
        theirs |= met & new
    for who in new:
        expected = merge["folded_id"] if who in theirs else merge["kept_id"]
        if seen.now.identity[who]["person_id"] != expected:
            yield f"key {who}, learned since {merge['at']}, is {seen.now.identity[who]['person_id']}'s and not {expected}'s"


def _silent_since(seen: Seen, merge: Row, apart: Apart) -> Iterator[str]:
    theirs = {who for who, row in seen.now.identity.items() if row["person_id"] in apart.people}
    for key, signal in seen.now.signal.items():
        if signal["who"] in theirs and (signal["received_at"] >= merge["at"] or key in apart.waiting):
            return
    for one, was in apart.people.items():
        if _values(seen.now.person[one]) != _values(was):
            yield f"{one} was {_values(was)} before the merge, and is {_values(seen.now.person[one])}, and nobody said so"


# --- small --------------------------------------------------------------------------------------------------------

#: Nouns of `Apart` and the table each is a row of.
TABLE_OF = {"identity": "identity", **{noun: table for noun, (table, _) in MOVES.items()}}


def _made(seen: Seen) -> list[Row]:
    """Merges done by hand in this step."""
    return [row for key, row in seen.now.person_merge.items() if key not in seen.was.person_merge and row["by"] == BY]


def _undone(seen: Seen) -> list[Row]:
    """Merges undone in this step."""
    was = seen.was.person_merge
    return [row for key, row in seen.now.person_merge.items() if row["undone_at"] and key in was and was[key]["undone_at"] is None]


def _rows_of(snapshot: Snapshot, two: tuple[str, ...]) -> dict[str, dict[str, str]]:
    found = {"identity": {who: row["person_id"] for who, row in snapshot.identity.items() if row["person_id"] in two}}
    for noun, (table, column) in MOVES.items():
        found[noun] = {key: row[column] for key, row in snapshot.tables[table].items() if row[column] in two}
    return found


def _values(person: Row) -> dict[str, Any]:
    said = {"email": person["email"], "name": person["name"] or None, "account": person["account_id"], **person["fields"]}
    return {name: value for name, value in said.items() if value is not None}


def _members(snapshot: Snapshot) -> list[tuple[str, str]]:
    opened = [(key, row["person_id"]) for key, row in snapshot.handoff.items()]
    return opened + [(row["handoff_id"], row["person_id"]) for row in snapshot.handoff_person.values()]


def _open(snapshot: Snapshot, handoff: str) -> bool:
    return snapshot.handoff[handoff]["closed_at"] is None


def _last(folded: Mapping[str, str], person: str) -> str:
    while person in folded:
        person = folded[person]
    return person


def _last_of(snapshot: Snapshot, person: str) -> str:
    return _last({key: row["merged_into"] for key, row in snapshot.person.items() if row["merged_into"]}, person)
