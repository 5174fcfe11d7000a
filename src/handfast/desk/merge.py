"""Two people made one by somebody who knows, and made two again by somebody who knows better.

A merge moves rows and rewrites nothing that was recorded: signals, verdicts and events stay as they were. Everything that moves is noted,
so that parting the two returns it, together with what came since: signals follow their keys, and keys follow the side they were learned
through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from handfast.desk.acting import acts
from handfast.desk.refused import Refused
from handfast.facts import Person, lane_of, stable_id, utc
from handfast.identity.keys import home_of
from handfast.identity.merge import Kept, combine, part, person_of
from handfast.problem import Place, Problem
from handfast.store import duplicates, handover
from handfast.store import merges as rows
from handfast.store.base import Store
from handfast.store.erasing import erased
from handfast.store.handover import dumps
from handfast.store.merges import Merge


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do: the one person with each value's origin, the keys and rows that would move, and what forbids it."""

    kept: Person
    folded: Person
    fields: Mapping[str, Kept]
    keys: tuple[str, ...]
    moves: Mapping[str, int]
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Parted:
    """What parting returned: keys that moved back (those learned since among them), handoffs entered since."""

    kept: str
    folded: str
    keys: tuple[str, ...]
    since: tuple[str, ...]
    handoffs: tuple[str, ...]


def preview(store: Store, keep: str, fold: str, chosen: Mapping[str, str] | None = None) -> Preview:
    """What would happen; writes nothing. Raises Refused for somebody unknown, and StorageAway."""
    with store.reading() as conn:
        _not_erased(conn, "merge", keep, fold)
        return _preview(conn, _two(handover.people(conn, [keep, fold]), keep, fold), chosen)


def _not_erased(conn: psycopg.Connection, place: str, *people: str) -> None:
    """Raises Refused where one of them was erased."""
    if gone := sorted(erased(conn, people)):
        what = f"{gone[0]} was erased at the wish of the person, and nothing is kept of them"
        raise Refused(Problem(Place(place, part=gone[0]), what, "Nothing is left to do."))


def _two(found: Mapping[str, Person], keep: str, fold: str) -> tuple[Person, Person]:
    if keep == fold:
        raise Refused(Problem(Place("merge", part=fold), "a person cannot be folded into themselves", "Name two people."))
    for ident in (keep, fold):
        if ident not in found:
            raise Refused(Problem(Place("merge", part=ident), "nobody has this id", "Ask `handfast why` for an address first."))
    return found[keep], found[fold]


def _preview(conn: psycopg.Connection, two: tuple[Person, Person], chosen: Mapping[str, str] | None) -> Preview:
    kept, folded = two
    mine, theirs = rows.keys_of(conn, kept.id), rows.keys_of(conn, folded.id)
    fields = combine(kept, folded, rows.sayings(conn, mine), rows.sayings(conn, theirs), chosen)
    party = person_of(kept, fields).account or kept.id
    return Preview(kept, folded, fields, tuple(theirs), rows.counts(conn, folded.id), _forbidden(conn, kept, folded, party))


def _forbidden(conn: psycopg.Connection, kept: Person, folded: Person, party: str) -> Problem | None:
    """Why these two cannot be one now, where they cannot. `party`: whom the handoffs of the folded person would be about."""
    one, other = rows.open_handoffs_of(conn, kept.id), rows.open_handoffs_of(conn, folded.id)
    if one and other and set(one) != set(other):
        what = f"both are in open handoffs ({one[0]}, {other[0]}), and one person can be in one only"
        return Problem(Place("merge", part=folded.id), what, "Close one of them first, as a duplicate, then merge.")
    if (found := rows.in_the_way(conn, folded.id, party)) is not None:
        what = f"{found[0]} would be about the account of the person kept, which is in an open handoff already ({found[1]})"
        return Problem(Place("merge", part=folded.id), what, "Close one of them first, as a duplicate, then merge.")
    return None


@acts("by")
def merge(store: Store, keep: str, fold: str, by: str, at: datetime, chosen: Mapping[str, str] | None = None) -> Merge:
    """Folds one person into another, in one transaction. Raises Refused where it is forbidden, and StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        return merge_in(conn, keep, fold, by, at, chosen)


def merge_in(conn: psycopg.Connection, keep: str, fold: str, by: str, at: datetime, chosen: Mapping[str, str] | None = None) -> Merge:
    """As `merge`, in a transaction that does more."""
    found = rows.hold(conn, [keep, fold], lanes_of(conn, keep, fold))
    _not_erased(conn, "merge", keep, fold)
    seen = _preview(conn, _two({i: p for i, (p, into) in found.items() if into is None}, keep, fold), chosen)
    if seen.problem is not None:
        raise Refused(seen.problem)
    merged = person_of(seen.kept, seen.fields)
    before = {"kept": seen.kept._asdict(), "folded": seen.folded._asdict(), "merged": merged._asdict()}
    values = {f: asdict(k) for f, k in seen.fields.items()}
    done = Merge(stable_id("mrg", keep, fold, at.isoformat()), keep, fold, at, by, before, values, None)
    rows.add_merge(conn, done)
    duplicates.settle(conn, [keep, fold], by, at)
    rows.fold(conn, seen.folded, keep, merged)
    rows.move(conn, done.id, fold, keep, merged.account or keep, at)
    rows.learned_person(conn, merged, at)
    told = dumps({"folded": fold, "merge": done.id, "by": by})
    handover.add_events(conn, [("people_merged", at, None, keep, merged.account, None, told)])
    return done


def lanes_of(conn: psycopg.Connection, *ids: str) -> list[int]:
    """The lanes the signals of these people may wait in."""
    people = handover.people(conn, list(ids))
    keys = [k for i in ids for k in rows.keys_of(conn, i)]
    addresses = [p.email for p in people.values() if p.email]
    return [lane_of(k) for k in keys] + [home_of(address) for address in addresses]


@acts("by")
def unmerge(store: Store, folded: str, by: str, at: datetime) -> Parted:
    """Makes two of one again. `folded`: the id of the person who was folded in, or of the merge. Raises Refused and StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        done = rows.merge_of(conn, folded)
        if done is None:
            raise Refused(Problem(Place("unmerge", part=folded), "no merge of this person stands", "`handfast merge list` names them."))
        if later := rows.later_into(conn, done.kept, done.at):
            what = f"{', '.join(later)} was folded into the same person later"
            raise Refused(Problem(Place("unmerge", part=folded), what, "Take the latest out first."))
        return _part(conn, done, by, at)


def _part(conn: psycopg.Connection, done: Merge, by: str, at: datetime) -> Parted:
    found = rows.hold(conn, [done.kept, done.folded], lanes_of(conn, done.kept, done.folded))
    _not_erased(conn, "unmerge", done.folded, done.kept)
    if (into := found[done.kept][1]) is not None:
        what = f"{done.kept} was folded into {into} since, who has what is to be returned"
        raise Refused(Problem(Place("unmerge", part=done.folded), what, f"Take {done.kept} out first."))
    back = rows.moved(conn, done.id)
    old = set(back.get("identity", ()))
    since = _keys_since(conn, done, old)
    theirs = sorted(old | since)
    mine = sorted(set(rows.keys_of(conn, done.kept)) - set(theirs))
    kept, folded = part(
        found[done.kept][0], _person(done.before["kept"]), _person(done.before["folded"]), _person(done.before["merged"]),
        rows.sayings(conn, mine, done.at), rows.sayings(conn, theirs, done.at),
    )  # fmt: skip
    new = rows.handoffs_since(conn, done.kept, theirs, done.at)
    rows.unfold(conn, kept, folded)
    rows.move_back(conn, {**back, "identity": theirs}, done.folded, done.kept, done.at, new, at)
    for person in (kept, folded):
        rows.learned_person(conn, person, at)
    rows.undo(conn, done.id, at, by)
    told = dumps({"parted": folded.id, "merge": done.id, "by": by})
    handover.add_events(conn, [("people_parted", at, None, kept.id, kept.account, None, told)])
    return Parted(kept.id, folded.id, tuple(theirs), tuple(sorted(since)), tuple(new))


def _keys_since(conn: psycopg.Connection, done: Merge, old: set[str]) -> set[str]:
    """Keys that became the one person's since, through signals that carried a key of the folded one; those lead on to others."""
    new, known, met = rows.linked_since(conn, done.kept, done.at), set(old), set(old)
    while met:
        met = (rows.keys_met(conn, sorted(met), done.at) & new) - known
        known |= met
    return known - old


def _person(body: Mapping[str, Any]) -> Person:
    return Person(body["id"], body["email"], body["name"], body["account"], body["fields"])
