"""A verdict given by hand: recorded with its reason and its end, and decided upon at once.

It comes before what the terms say, from its moment on, in the live loop and in a replay alike. To be decided upon at once it is also a
signal, of the kind `overridden`, that the person's own lane waits for: so it is taken in turn with everything else that happens to them.
Given of somebody who is folded into another, it holds for the one who was kept, for as long as they are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal, cast

import polars as pl
import psycopg

from handfast.contract.agreement import OVERRIDDEN
from handfast.desk.acting import acts
from handfast.desk.intake import record_within
from handfast.desk.refused import Refused
from handfast.facts import Signal, signal_id, stable_id
from handfast.problem import Place, Problem
from handfast.readiness.overrides import Override, of_people
from handfast.store import overrides as rows
from handfast.store import story
from handfast.store.base import Store
from handfast.store.overrides import OverrideRow

VERDICTS: Final = ("ready", "not_yet", "never")
#: Where the signal of an override comes from.
SOURCE: Final = "handfast"


@acts("by")
def set_override(store: Store, key: str, verdict: str, reason: str, by: str, until: datetime, at: datetime) -> OverrideRow:
    """Decides by hand that a person or account is ready, not yet, or never, from `at` up to `until` (UTC).

    `key`: an id, an e-mail address, a user id or a domain; the id of somebody who was folded into another means the one who was kept.
    Raises Refused where nobody is known by it, the reason is empty, the verdict is none, or the end lies before the beginning; StorageAway.
    """
    if verdict not in VERDICTS:
        raise _refused("verdict", f"'{verdict}' is no verdict", "Say ready, not_yet or never.")
    if not reason.strip():
        raise _refused("reason", "an override needs a reason", "Say why, in a few words: others will read it.")
    if until <= at:
        raise _refused("until", "the override would end before it begins", "Give a moment to come.")
    with store.writing() as conn:
        person, account = _found(conn, key)
        about = person["id"] if person is not None else account["id"] if account is not None else ""
        row = OverrideRow(
            stable_id("ovr", about, verdict, at.isoformat(), reason),
            person["id"] if person is not None else None,
            account["id"] if person is None and account is not None else None,
            verdict,
            reason.strip(),
            by,
            at,
            until,
            None,
        )
        rows.add(conn, row)
        record_within(conn, _signals(conn, row, at))
    return row


def lift_override(store: Store, override_id: str, at: datetime) -> OverrideRow:
    """Ends an override before its time. Raises Refused where none of that id still runs; StorageAway."""
    with store.writing() as conn:
        if (row := rows.lift(conn, override_id, at)) is None:
            raise _refused("id", f"no override '{override_id}' still runs", "`handfast override list` shows those that do.")
        record_within(conn, _signals(conn, row, at))
    return row


def list_overrides(store: Store, at: datetime) -> list[OverrideRow]:
    """Those that hold now, or will. Raises StorageAway."""
    with store.reading() as conn:
        return rows.running(conn, at)


def _refused(part: str, what: str, fix: str) -> Refused:
    return Refused(Problem(Place("override", part=part), what, fix))


def _found(conn: psycopg.Connection, key: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    person = story.person(conn, key)
    if person is not None and person["merged_into"] is not None:
        person = story.person(conn, rows.kept(conn, [person["id"]])[person["id"]])
    account = None if person is not None else story.account(conn, key)
    if person is None and account is None:
        raise _refused("about", f"nobody is known as '{key}'", "Give an id as the pages show it, an e-mail address or a domain.")
    return person, account


def _signals(conn: psycopg.Connection, row: OverrideRow, at: datetime) -> list[Signal]:
    """What the lanes wait for: of a person, them; of an account, each of its people, who are judged anew."""
    people = (
        [*rows.kept(conn, [row.person_id]).values()]
        if row.person_id
        else [person["id"] for person in story.people_of_account(conn, row.account_id or "")]
    )
    return [signal for person in people if person and (signal := _signal(conn, row, person, at)) is not None]


def _signal(conn: psycopg.Connection, row: OverrideRow, person: str, at: datetime) -> Signal | None:
    """The strongest key they are known by carries it to their lane."""
    keys = sorted((str(key["who"]) for key in story.keys(conn, person)), key=lambda who: _STRENGTH[who.partition(":")[0]])
    if not keys:
        return None
    kind, _, name = keys[0].partition(":")
    known: dict[str, Any] = {_CARRIES[kind]: name}
    message = f"{row.id}:{person}:{at.isoformat()}"
    said = {"verdict": row.verdict if row.lifted_at is None else "lifted", "reason": row.reason, "override": row.id}
    return Signal(signal_id(SOURCE, message), SOURCE, OVERRIDDEN, at, at, properties=said, **known)


_STRENGTH: Final = {"email": 0, "user": 1, "visitor": 2}
_CARRIES: Final = {"email": "email", "user": "user_id", "visitor": "anonymous_id"}


# --- for whoever judges -----------------------------------------------------------------------------------------


def for_people(
    conn: psycopg.Connection, subjects: Mapping[str, tuple[str | None, str]], folding: Mapping[str, Sequence[str]] | None = None
) -> pl.DataFrame | None:
    """The frame `judge` takes; None where nothing was ever decided by hand about any of them.

    `subjects`: what stands as `person_id` among the points → the account and person it is about. `folding`: of people whom the batch at
    hand folds, subject → those who had been folded into its person by then; whether that is written yet makes no difference. Whoever asks
    about many asks first whether anything ever was (`store.overrides.any_given`).
    """
    folding = folding or {}
    apart = {person for folded in folding.values() for person in folded}
    people, accounts = {person for _, person in subjects.values()} | apart, {account for account, _ in subjects.values() if account}
    found = rows.about(conn, people, accounts, apart)
    if not found:
        return None
    concerning = defaultdict(list)
    for concerned, row in found:
        if row.person_id is not None:
            concerning[concerned].append(row)
    named = [
        replace(one, person_id=subject)
        for subject, (_, person) in subjects.items()
        for whom in (person, *folding.get(subject, ()))
        for one in _told(concerning.get(whom, ()))
    ]
    inherited = _told(row for _, row in found if row.account_id is not None)
    return of_people([*named, *inherited], ((account, subject) for subject, (account, _) in subjects.items() if account))


def told_of_accounts(conn: psycopg.Connection, accounts: Iterable[str]) -> list[Override]:
    """What was ever decided by hand about these accounts as a whole."""
    return _told(row for _, row in rows.about(conn, (), list(accounts)))


def _told(found: Iterable[OverrideRow]) -> list[Override]:
    return [
        Override(
            cast("Literal['ready', 'not_yet', 'never']", one.verdict),
            one.reason,
            one.by,
            one.since,
            one.ends_at,
            one.person_id,
            one.account_id,
        )
        for one in found
        if one.ends_at > one.since
    ]
