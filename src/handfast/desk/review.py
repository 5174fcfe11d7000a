"""The questions a person answers: is this company that account, are these two one person? Each answer is kept as a labelled example.

An answer on an account moves the person there and teaches the account the domain of their address. An answer on two people links them;
making them one is a second step with a preview, on purpose: a link harms nobody, a merge moves things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.desk.acting import acts
from handfast.desk.merge import lanes_of
from handfast.desk.refused import Refused
from handfast.facts import Account, Person, stable_id, utc
from handfast.identity.normalise import business_domain
from handfast.numbers import signed
from handfast.problem import Place, Problem
from handfast.store import duplicates, handover, merges
from handfast.store import identity as rows
from handfast.store.base import Store
from handfast.store.handover import dumps
from handfast.store.identity import Review

#: How many questions a page shows.
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two a question is about, as a page shows it: what it is called, and what is known of it."""

    id: str
    name: str
    known: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Question:
    """A question with both its sides, and why it is asked."""

    review: Review
    asked: Side
    other: Side
    because: Sequence[str]


def questions(conn: psycopg.Connection, limit: int = SHOWN) -> list[Question]:
    """Everything nobody has answered. People linked and not yet made one are asked by `linked`."""
    return _with_sides(conn, rows.open_reviews(conn, limit))


def linked(conn: psycopg.Connection) -> list[Question]:
    """Pairs that a person called one and that are still two, latest first."""
    found = [r for r in rows.labels(conn) if r.kind == "person" and r.state == "same"]
    return _with_sides(conn, found[::-1][:SHOWN])


def _with_sides(conn: psycopg.Connection, reviews: Sequence[Review]) -> list[Question]:
    people = {r.person for r in reviews} | {r.other for r in reviews if r.kind == "person"}
    persons = {p.id: (p, a) for p, a in rows.people_with_accounts(conn, sorted(people))}
    accounts = {i: k.account for i, k in rows.known_accounts(conn, sorted({r.other for r in reviews if r.kind == "account"})).items()}
    asked = []
    for one in reviews:
        other = accounts.get(one.other) if one.kind == "account" else persons.get(one.other)
        if one.person not in persons or other is None:
            continue  # Folded into somebody else since: no question any more.
        side = _account_side(other) if isinstance(other, Account) else _person_side(*other)
        mine = _asking_side(persons[one.person][0], one.working) if one.kind == "account" else _person_side(*persons[one.person])
        asked.append(Question(one, mine, side, _because(one.working)))
    return asked


def _because(working: Mapping[str, Any]) -> list[str]:
    if "steps" in working:
        return [f"{sentence} ({signed(bits, 1)} bits)" for _, level, sentence, bits in working["steps"] if level != "unknown"]
    return [str(one) for one in working.get("because", ())]


def _person_side(person: Person, account: Account | None) -> Side:
    known = [("E-mail", person.email or ""), ("Account", account.name or account.domain or account.key if account else "")]
    known += [(f.replace("_", " ").capitalize(), str(v)) for f, v in sorted(person.fields.items())]
    return Side(person.id, person.name or person.email or person.id, [(k, v) for k, v in known if v])


def _account_side(account: Account) -> Side:
    known = [("Domain", account.domain or "")] + [(f.replace("_", " ").capitalize(), str(v)) for f, v in sorted(account.fields.items())]
    return Side(account.id, account.name or account.domain or account.key, [(k, v) for k, v in known if v])


def _asking_side(person: Person, working: Mapping[str, Any]) -> Side:
    """The company as the person said it, and who said it."""
    asked = working.get("asked", {})
    known = [
        ("Said by", person.name or person.email or person.id),
        ("Address", person.email or ""),
        ("Domain", ", ".join(asked.get("domains", ()))),
    ]
    known += [(f.capitalize(), asked.get(f) or "") for f in ("phone", "city", "country")]
    return Side(person.id, asked.get("name") or "a company without a name", [(k, v) for k, v in known if v])


# --- answering ------------------------------------------------------------------------------------------------


@acts("by")
def answer(store: Store, review_id: str, *, same: bool, by: str, at: datetime, note: str = "") -> Review:
    """Records an answer and what follows from it, in one transaction. Raises Refused where it was answered already, and StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        found = rows.hold_review(conn, review_id)
        if found is None or found.state != "open":
            what = "nobody asks this question" if found is None else f"{found.by or 'somebody'} has answered this already: {found.state}"
            raise Refused(Problem(Place("review", part=review_id), what, "Read the list again."))
        rows.answer(conn, review_id, "same" if same else "different", by, note, at)
        if same and found.kind == "account":
            _belongs(conn, found, by, at)
        if same and found.kind == "person":
            duplicates.settle(conn, [found.person, found.other], by, at)
        told = dumps({"question": review_id, "kind": found.kind, "other": found.other, "answer": "same" if same else "different", "by": by})
        account = found.other if found.kind == "account" else None
        handover.add_events(conn, [("match_answered", at, None, found.person, account, None, told)])
    return found


def _belongs(conn: psycopg.Connection, found: Review, by: str, at: datetime) -> None:
    """The person is of that account from now on, and so is everybody with their business domain whom nobody else claims."""
    held = merges.hold(conn, [found.person], lanes_of(conn, found.person))
    person = held[found.person][0]
    rows.move_to_account(conn, found.person, found.other)
    rows.close_others(conn, found.person, "account", at)
    if person.email and (domain := business_domain(person.email)) and not handover.accounts(conn, [], [domain]):
        rows.add_domain(conn, found.other, domain, by, at)
    ident = stable_id("mat", found.person, at.isoformat(), by)
    working = dumps({**found.working, "question": found.id})
    rows.add_decisions(conn, [(ident, found.person, at, None, "matched", found.other, f"BY_HAND+{found.code}", 1.0, "", working, by)])
    merges.learned_person(conn, Person(person.id, person.email, person.name, found.other, person.fields), at)
