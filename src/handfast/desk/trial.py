"""A dry decision: what a contract would make of a made-up person, or of one on record, now; with the whole working, and nothing written.

It asks the functions that decide live, on the reps, absences, open work and turns as they stand. A trial takes nobody's turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_frame
from handfast.contract.given import Given, example_problems, read_given
from handfast.contract.place import Path, by_part
from handfast.contract.terms import Example
from handfast.contract.text import Source, read_text
from handfast.desk.claims import Party, read_record
from handfast.desk.groups import group_verdict
from handfast.desk.overrides import for_people
from handfast.desk.verdicts import typed
from handfast.facts import Absence
from handfast.problem import Place, Problem
from handfast.readiness.explain import workings
from handfast.readiness.group_working import group_of
from handfast.readiness.plan import MILLIONTHS
from handfast.readiness.verdict import judge, verdict_of
from handfast.routing.roster import Roster
from handfast.store import availability, story
from handfast.store import handover as rows
from handfast.store.base import Store
from handfast.tuning.proof import Asked, hand_over, happened, known_of, told

#: In a file of `--given`: somebody on record instead of somebody made up.
WHO: Final = "who"
_EVER: Final = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Trial:
    """What would be decided. `found` and `working`: as `proof.decide` has them; `notes`: sentences about what a live decision would meet.

    `about`: the id of the person on record, None for somebody made up. `names`: what people call the reps in it.
    """

    contract: str
    at: datetime
    found: Mapping[str, Any]
    working: Mapping[str, Any]
    about: str | None = None
    notes: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """A plain mapping with times as ISO texts."""
        found = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.found.items()}
        return {
            "contract": self.contract,
            "at": self.at.isoformat(),
            "about": self.about,
            **found,
            "notes": list(self.notes),
            "working": dict(self.working),
        }


def read_trial(text: str, file: str, agreement: Agreement, at: datetime) -> tuple[Given | str | None, list[Problem]]:
    """What a text (YAML or JSON) gives to try: a case as in the examples of a contract, at `at` unless it says when; or `who` on record.

    Returns the case, or the address or id of somebody on record; None with the Problems of a text that gives neither.
    """
    source, problems = read_text(text, file)
    if source is None or problems:
        return None, problems
    data = source.data
    if not isinstance(data, dict):
        return None, [Problem(Place(file, 1, 1), "this gives nothing to try", "Write `person: {…}` and `signals: [{kind: …}]`.")]
    if WHO in data:
        others = [name for name in data if name != WHO]
        if others or not isinstance(data[WHO], str):
            fix = "Leave the rest out, or make somebody up without `who`."
            return None, [Problem(source.place((WHO,)), "`who` is the address or id of somebody on record, and stands alone", fix)]
        return data[WHO], []
    return _made_up(data, source, agreement, at)


def _made_up(data: dict[str, Any], source: Source | None, agreement: Agreement, at: datetime) -> tuple[Given | None, list[Problem]]:
    example = Example(name="given", given=data, expect={"verdict": "ready"})
    contract = agreement.contract.model_copy(update={"examples": (example,)})
    found = list(example_problems(contract, _within(source) if source is not None else by_part(Place("given"))))
    if found:
        return None, found
    given = read_given(contract, example)
    return given if "at" in data else replace(given, at=at), []


class _within:  # noqa: N801  # a function with something to remember
    """Places of an example's parts in a text that holds what is given and nothing else."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __call__(self, path: Path, offset: int | None = None, /) -> Place:
        return self.source.place(path[3:] if path[2:3] == ("given",) else (), offset)


def try_given(store: Store, agreement: Agreement, given: Given) -> Trial:
    """Decides a made-up case at its own moment, on the reps as they stand. Raises StorageAway."""
    signals = happened(given.signals, given.at)
    found, working = told(verdict_of(agreement, given.person, signals, given.at))
    if agreement.contract.ready.account is not None:
        people = [(given.person, signals), *((person, happened(did, given.at)) for person, did in given.colleagues)]
        working["account"] = group_of(agreement, people, given.at)
        found["account"] = working["account"]["outcome"]
    with store.reading() as conn:
        roster = _roster(conn, given.at, given)
    if found["verdict"] == "ready":
        asked = Asked(given.person, given.owner, known_of(given), given.at, "made up")
        also, working["assignment"] = hand_over(agreement, asked, found, roster)
        found |= also
    return Trial(agreement.id, given.at, found, working, names=_names(working, roster))


def try_person(store: Store, agreement: Agreement, key: str, at: datetime) -> Trial | None:
    """Decides for somebody on record (an id, an address, a user id) as known at `at`. None: nobody is known so. Raises StorageAway."""
    with store.reading() as conn:
        person = story.person(conn, key)
        if person is None:
            return None
        account = next(iter(rows.accounts(conn, [person["account_id"]], [])), None) if person["account_id"] else None
        fields = {**(account.fields if account else {}), **person["fields"]}
        judged = _judged(conn, agreement, person, fields, at)
        found, working = told(judged)
        notes = _notes(conn, agreement, person, judged)
        if agreement.contract.ready.account is not None and account is not None:
            working["account"] = group_verdict(conn, agreement, account.id, at)
            found["account"] = working["account"]["outcome"]
        roster = _roster(conn, at)
        if found["verdict"] == "ready":
            party = Party("trial", person["id"], account, at)
            known = read_record(conn, agreement, [party]).known(account.id if account else None, person["id"], at)
            asked = Asked(fields, account.owner if account else None, known, at, "trial")
            also, working["assignment"] = hand_over(agreement, asked, found, roster)
            found |= also
    return Trial(agreement.id, at, found, working, person["id"], notes, _names(working, roster))


def _judged(
    conn: psycopg.Connection, agreement: Agreement, person: Mapping[str, Any], fields: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """The verdict with its working, on the evidence as stored, as the live path judges."""
    keys = rows.keys_of_person(conn, person["id"])
    got = rows.evidence(conn, keys, list(agreement.kinds), at - agreement.reach, at, list(agreement.signal_fields))
    people = as_frame([{**fields, "email": person["email"], "person_id": person["id"]}], {"person_id": "text", **agreement.person_fields})
    points = pl.DataFrame({"person_id": [person["id"]], "at": [at]}, schema={"person_id": pl.String, "at": pl.Datetime("us", "UTC")})
    overrides = for_people(conn, {person["id"]: (person["account_id"], person["id"])})
    judged = judge(agreement, points, people, typed(got, agreement), overrides=overrides, working=True)
    graded = ("grade",) if "grade" in judged.columns else ()
    row = judged.select("outcome", "fit", pl.col("intent") / MILLIONTHS, "next_step", "reason", *graded).row(0, named=True)
    return {**row, **workings(agreement, judged)[0]}


def _notes(conn: psycopg.Connection, agreement: Agreement, person: Mapping[str, Any], judged: Mapping[str, Any]) -> tuple[str, ...]:
    """What a live decision would meet that this one passes over."""
    party = person["account_id"] or person["id"]
    found = []
    if (handoff := rows.open_handoffs(conn, [party], agreement.contract.motion).get(party)) is not None:
        joined = "is in it already" if person["id"] in handoff.people else "would join it"
        found.append(f"An open handoff of the same party exists ({handoff.id}): live, this person {joined}, and no second one is opened.")
    elif judged["outcome"] == "ready" and person["id"] in rows.suppressed(conn, [person["id"]]):
        found.append("Their last handoff was disqualified: live, they are not handed over again by themselves.")
    if "override" in judged:
        found.append("The verdict was given by hand.")
    return tuple(found)


def _roster(conn: psycopg.Connection, at: datetime, given: Given | None = None) -> Roster:
    """Reps, absences, open work and turns as they stand, with whoever the case says is away or busy."""
    away = [Absence(rep, at - _EVER, at + _EVER) for rep in given.away] if given is not None else []
    busy = dict(given.open) if given is not None else {}
    absences = [*rows.absences(conn, at - timedelta(days=400)), *away]
    taken = availability.taken(conn, (at - timedelta(days=2)).date())
    return Roster(rows.reps(conn), absences, {**rows.open_counts(conn), **busy}, rows.rotation(conn), taken)


def _names(working: Mapping[str, Any], roster: Roster) -> dict[str, str]:
    """Rep id → name, of those the working names."""
    named: set[str] = set()
    for rung in working.get("assignment") or ():
        named |= {rung["owner"]} if rung.get("owner") else set()
        named |= {skip["rep"] for skip in rung.get("skipped", ())} | {one["rep"] for one in rung.get("waiting", ())}
    return {rep: roster.name(rep) for rep in sorted(named)}
