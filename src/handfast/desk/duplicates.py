"""Known twice: a rep gives a person back as one we have already. Who that is, a person says on the page Review.

1. The outcome is kept like any other, with whom the rep named, if anybody.
2. Once it can no longer be taken back, the question is put: the one who was named, and whoever the matcher thinks it could be.
3. Somebody answers one of the pairs, names somebody else, or says that it is nobody. What they call one is linked; making them one is
   the same second step with a preview as for every pair, and can be undone like every merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from handfast.desk import match
from handfast.desk.acting import acts
from handfast.desk.refused import Refused
from handfast.facts import Person, utc
from handfast.identity.compare import Model, weigh
from handfast.identity.people import prepared
from handfast.problem import Place, Problem
from handfast.store import duplicates as rows
from handfast.store import handover, identity
from handfast.store.base import Store
from handfast.store.duplicates import Twice
from handfast.store.identity import Review

#: How many candidates are proposed.
PROPOSED = 5
_NOBODY_FIX = "Give the address or the id of the other record, or leave it empty: whoever looks alike is proposed."


def named(conn: psycopg.Connection, handoff_id: str, person_id: str, text: str) -> str:
    """The other record that somebody names for this person.

    Raises:
        Refused: nobody is known by that, or it is the person themselves.
    """
    place = Place(f"handoff {handoff_id}", part="duplicate_of")
    other = rows.called(conn, text)
    if other is None:
        raise Refused(Problem(place, f"nobody is known by '{text.strip()[:80]}'", _NOBODY_FIX))
    if other == person_id:
        raise Refused(Problem(place, f"'{text.strip()[:80]}' is this very person", _NOBODY_FIX))
    return other


def ask(conn: psycopg.Connection, way_back_ids: Sequence[str], at: datetime) -> None:
    """Puts these questions on the page Review, each with those it could be."""
    if way_back_ids:
        model = match.model_now(conn)
        for one in way_back_ids:
            _ask(conn, one, model, at)


def _ask(conn: psycopg.Connection, way_back_id: str, model: Model, at: datetime) -> None:
    said = rows.said(conn, way_back_id)
    if said is None or (told := _told(conn, said.person)) is None:
        return  # folded into another meanwhile: nothing is left to ask
    rows.asked(conn, way_back_id, at)
    likely = match.alike(conn, told, model, but=said.person)[:PROPOSED]
    other = rows.called(conn, said.named) if said.named else None
    if (
        other is not None
        and other != said.person
        and other not in {who for who, _ in likely}
        and (theirs := _told(conn, other)) is not None
    ):
        likely = [(other, weigh(told, theirs, model)), *likely]
    identity.ask(conn, [match.question(said.person, who, weighed, at) for who, weighed in likely])


def _told(conn: psycopg.Connection, person_id: str) -> dict[str, str | None] | None:
    """What is compared of a person; None where they were folded into another."""
    for person, account in identity.people_with_accounts(conn, [person_id]):
        return prepared(person, account, match.country_of(person, account))
    return None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the person it is about. `pairs` are the proposals, `other` side first; answered ones stay, with their answer."""

    said: Twice
    person: Person
    pairs: Sequence[tuple[Person, Review]]


def unsettled(conn: psycopg.Connection) -> list[Asked]:
    """What nobody has settled, the oldest first."""
    found = rows.unsettled(conn)
    pairs = rows.questions(conn, [one.person for one in found])
    people = {p.id: p for p, _ in identity.people_with_accounts(conn, sorted({i for one in pairs for i in (one.person, one.other)} | {
        one.person for one in found}))}  # fmt: skip
    asked = []
    for one in found:
        of = [(review.other if review.person == one.person else review.person, review) for review in pairs
              if one.person in (review.person, review.other)]  # fmt: skip
        asked.append(Asked(one, people[one.person], [(people[who], review) for who, review in of if who in people]))
    return asked


@acts("by")
def name(store: Store, way_back_id: str, text: str, by: str, at: datetime) -> str:
    """Somebody says whom a person is the same as. Kept as an answer like any other; the id of the other.

    Raises:
        Refused: it is settled already, nobody is known by that, or it is the person themselves.
        StorageAway: nothing was recorded.
    """
    at = utc(at)
    with store.writing() as conn:
        said = _open(conn, way_back_id)
        other = named(conn, said.handoff, said.person, text)
        told, theirs = _told(conn, said.person), _told(conn, other)
        assert told is not None  # whoever was folded into another is no question any more
        assert theirs is not None
        question = match.question(said.person, other, weigh(told, theirs, match.model_now(conn)), at)
        identity.ask(conn, [question])
        identity.answer(conn, str(question[0]), "same", by, said.note, at)
        rows.settle(conn, [said.person, other], by, at)
        _event(conn, said, other, by, at)
    return other


@acts("by")
def nobody(store: Store, way_back_id: str, by: str, at: datetime) -> None:
    """Somebody says that a person is not known twice. Raises Refused where it is settled already, and StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        said = _open(conn, way_back_id)
        rows.settle(conn, [said.person], by, at)
        _event(conn, said, None, by, at)


def _open(conn: psycopg.Connection, way_back_id: str) -> Twice:
    said = rows.said(conn, way_back_id)
    if said is None:
        raise Refused(Problem(Place("review", part=way_back_id), "this was settled already, or taken back", "Read the list again."))
    return said


def _event(conn: psycopg.Connection, said: Twice, other: str | None, by: str, at: datetime) -> None:
    told = handover.dumps({"disposition": said.id, "same_as": other, "by": by})
    handover.add_events(conn, [("duplicate_settled", at, said.handoff, said.person, None, None, told)])


__all__ = ["PROPOSED", "Asked", "ask", "name", "named", "nobody", "unsettled"]
