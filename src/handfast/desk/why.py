"""Why: everything that was decided about a person, an account or a handoff, with its working, from what is stored."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_frame
from handfast.desk import delays
from handfast.desk.contracts import Book
from handfast.desk.groups import group_at
from handfast.desk.overrides import for_people
from handfast.desk.verdicts import typed
from handfast.readiness.explain import whole, workings
from handfast.readiness.history import score_history
from handfast.readiness.verdict import judge
from handfast.sla.clock import PAUSABLE, Clock
from handfast.sla.due import explain_due
from handfast.sla.pause import Paused
from handfast.store import covers, disputes, follow_up, story
from handfast.store import handover as rows
from handfast.store.base import Store
from handfast.store.clocks import pauses as pauses_of
from handfast.store.overrides import about

Story = dict[str, Any]


def why(store: Store, key: str, at: datetime | None = None) -> Story | None:
    """The story of an id (`per_…`, `acc_…`, `hnd_…`), an e-mail address, a user id or a domain. None: nobody knows it.

    `is` says what it is: person, account or handoff. Times are aware datetimes in UTC. `at`: now, up to which the delays of an open handoff
    are accounted for; without it, the last thing that happened to it. Raises StorageAway.
    """
    if "\0" in key:  # no text in the store has one
        return None
    with store.reading() as conn:
        book = Book().refresh(conn)
        if (found := story.handoff(conn, key)) is not None:
            return _handoff(conn, book, found, at)
        if (found := story.person(conn, key)) is not None:
            return _person(conn, book, found)
        if (found := story.account(conn, key)) is not None:
            return _account(conn, book, found)
    return None


def _person(conn: psycopg.Connection, book: Book, person: Story) -> Story:
    stands = story.standing(conn, person["id"])
    told: Story = {"is": "person", **person, "keys": story.keys(conn, person["id"]), "matches": story.matches(conn, person["id"])}
    if stands is not None:
        told["standing"] = {**stands, **_working(conn, book, person, stands)}
        told["overrides"] = [asdict(row) for _, row in about(conn, [person["id"]], [person["account_id"]] if person["account_id"] else [])]
    told["verdicts"] = [_whole(book, verdict) for verdict in story.verdicts(conn, person["id"])]
    told["handoffs"] = story.handoffs_of_person(conn, person["id"])
    return told


def _whole(book: Book, verdict: Story) -> Story:
    return {**verdict, "working": whole(book.by_id(verdict["contract_id"]), verdict["working"])}


def _working(conn: psycopg.Connection, book: Book, person: Story, stands: Story) -> Story:
    """The working of the standing verdict, made again from the stored signals: the same function, the same moment."""
    agreement = book.by_id(stands["contract_id"])
    at = stands["at"]
    account = rows.accounts(conn, [person["account_id"]], []) if person["account_id"] else []
    fields = {**(account[0].fields if account else {}), **person["fields"]}
    keys = rows.keys_of_person(conn, person["id"])
    # Twice as far back as a verdict looks: the history begins with moments that have their own past.
    got = rows.evidence(conn, keys, list(agreement.kinds), at - 2 * agreement.reach, at, list(agreement.signal_fields))
    told = {**fields, "email": person["email"], "person_id": person["id"]}
    people = as_frame([told], {"person_id": "text", **agreement.person_fields})
    overrides = for_people(conn, {person["id"]: (person["account_id"], person["id"])})
    evidence = typed(got, agreement)
    points = pl.DataFrame({"person_id": [person["id"]], "at": [at]}, schema={"person_id": pl.String, "at": pl.Datetime("us", "UTC")})
    judged = judge(agreement, points, people, evidence, overrides=overrides, working=True)
    history = score_history(agreement, person["id"], people, evidence, overrides=overrides, until=at)
    return {"contract_version": book.version(stands["contract_id"]), "working": workings(agreement, judged)[0], "history": history}


def _account(conn: psycopg.Connection, book: Book, account: Story) -> Story:
    told: Story = {
        "is": "account",
        **account,
        "people": story.people_of_account(conn, account["id"]),
        "handoffs": story.handoffs_of_account(conn, account["id"]),
    }
    if (group := _group(conn, book, account["id"], told["people"])) is not None:
        told["group"] = group
    return told


def _group(conn: psycopg.Connection, book: Book, account: str, people: list[Story]) -> Story | None:
    """Its buying group at the latest moment at which one of its people was judged, under the contract of that verdict."""
    latest = max((one for one in people if one["at"] is not None), key=lambda one: (one["at"], one["id"]), default=None)
    stands = story.standing(conn, latest["id"]) if latest is not None else None
    if stands is None:
        return None
    working = group_at(conn, book.by_id(stands["contract_id"]), account, stands["at"])
    return working and {"at": stands["at"], "contract_version": book.version(stands["contract_id"]), "working": working}


def explained(conn: psycopg.Connection, book: Book, handoff_id: str, agreement: Agreement) -> list[Story]:
    """The clocks of a handoff, each with `explained`: the hours and holidays that counted, and when it stood still."""
    still = [Paused(one.starts_at, one.ended_at, one.reason, one.waits_for, one.ends_at, one.note) for one in pauses_of(conn, handoff_id)]
    clocks = story.clocks(conn, handoff_id)
    for row in clocks:
        terms = book.by_id(row["contract_id"]) if row["contract_id"] else agreement
        about = (row["id"], row["handoff_id"], row["kind"], row["sla"], row["calendar"], row["started_at"], row["due_at"])
        pauses = _lived(still, row["stopped_at"]) if row["kind"] in PAUSABLE else []
        row["explained"] = explain_due(terms, Clock(*about, (), row["number"]), pauses, paused_at=row["paused_at"])
    return clocks


def _lived(still: list[Paused], stopped_at: datetime | None) -> list[Paused]:
    """The pauses that a clock lived through: none after it had stopped, and one that lasted longer than it, up to its stop."""
    if stopped_at is None:
        return still
    return [replace(one, until=min(one.until or stopped_at, stopped_at)) for one in still if one.since < stopped_at]


def _handoff(conn: psycopg.Connection, book: Book, handoff: Story, at: datetime | None) -> Story:
    agreement = book.by_id(handoff["contract_id"])
    clocks = explained(conn, book, handoff["id"], agreement)
    legs = story.legs(conn, handoff["id"])
    events = story.events(conn, handoff["id"])
    at = at or max([handoff["decided_at"], *(event["at"] for event in events)])
    spent = delays.of_handoff(conn, book, handoff["id"], at)
    for leg, length in zip(legs, delays.legs(conn, legs, handoff, at, agreement), strict=True):
        leg.update(length)
    return {
        "is": "handoff",
        **handoff,
        "people": story.people_of_handoff(conn, handoff["id"]),
        "verdict": _whole(book, verdict) if (verdict := story.verdict(conn, handoff["verdict_id"])) else None,
        "legs": legs,
        "cover": _cover(conn, handoff["id"]),
        "disputes": [asdict(one) for one in disputes.of_handoff(conn, handoff["id"])],
        "clocks": clocks,
        "pauses": [asdict(one) for one in pauses_of(conn, handoff["id"])],
        "follow_up": asdict(course) if (course := follow_up.of_handoff(conn, handoff["id"])) else None,
        "delays": spent.as_json() if spent else None,
        "timers": story.timers(conn, handoff["id"]),
        "messages": story.messages(conn, handoff["id"]),
        "events": events,
    }


def _cover(conn: psycopg.Connection, handoff: str) -> Story | None:
    """For whom it is held, or was."""
    found = covers.of(conn, handoff)
    return dict(zip(("owner", "reason", "since", "ended_at", "how"), found, strict=True)) if found is not None else None
