"""The set-up of the readiness tests: contracts of a few lines, people and signals as mappings, and the one call to judge them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from handfast.contract.agreement import Agreement, agree
from handfast.contract.conditions import as_frame
from handfast.contract.terms import Contract
from handfast.problem import Place
from handfast.readiness import few as few_room
from handfast.readiness.verdict import judge

MOMENT = pl.Datetime("us", "UTC")
FIELDS = {"employees": "int", "industry": "text", "seniority": "text", "country": "text", "customer": "bool", "founded": "time"}
SIGNALS = {"page_viewed": {"path": "text"}, "form_submitted": {"form": "text"}, "webinar_attended": {"minutes": "int"}}
DEMO: Mapping[str, Any] = {"step": "demo", "on": "form_submitted", "when": "form = 'demo'", "within": "7 days"}


def utc(text: str) -> datetime:
    """`2026-03-02 10:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def contract(
    *,
    fit: Mapping[str, Any] | None = None,
    intent: Mapping[str, Any] | None = None,
    next_step: Sequence[Mapping[str, Any]] = (DEMO,),
    zone: str = "UTC",
    **ready: Any,
) -> Agreement:
    """An agreement that differs from the least one possible only in what is named."""
    terms = {
        "contract": "Northwind",
        "calendar": {"timezone": zone, "week": {"mon-fri": ["09:00-17:00"]}},
        "fields": FIELDS,
        "signals": SIGNALS,
        "ready": {"fit": fit or {"at_least": 0}, "intent": intent or {"at_least": 0}, "next_step": list(next_step), **ready},
        "routing": {},
        "sla": [{"name": "any", "first_touch": "1 hour"}],
        "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
    }
    agreement, problems = agree(Contract.model_validate(terms), Place("northwind.yaml"))
    assert agreement is not None, [str(problem) for problem in problems]
    return agreement


def did(person: str, kind: str, when: str | datetime, **fields: Any) -> dict[str, Any]:
    """A signal. It gets its number from its place in the list."""
    return {"person_id": person, "kind": kind, "occurred_at": utc(when) if isinstance(when, str) else when, **fields}


def evidence_of(agreement: Agreement, signals: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    base = pl.DataFrame(
        {
            "signal": [signal.get("signal", number) for number, signal in enumerate(signals)],
            "person_id": [signal["person_id"] for signal in signals],
            "kind": [signal["kind"] for signal in signals],
            "occurred_at": [signal["occurred_at"] for signal in signals],
        },
        schema={"signal": pl.Int64, "person_id": pl.String, "kind": pl.String, "occurred_at": MOMENT},
    )
    return base.hstack(as_frame(signals, agreement.signal_fields))


def people_of(agreement: Agreement, people: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    names = pl.DataFrame({"person_id": list(people)}, schema={"person_id": pl.String})
    return names.hstack(as_frame(list(people.values()), agreement.person_fields))


def points_of(points: Sequence[tuple[str, str | datetime]]) -> pl.DataFrame:
    moments = [utc(at) if isinstance(at, str) else at for _, at in points]
    return pl.DataFrame({"person_id": [who for who, _ in points], "at": moments}, schema={"person_id": pl.String, "at": MOMENT})


def judged(
    agreement: Agreement,
    points: Sequence[tuple[str, str | datetime]],
    signals: Sequence[Mapping[str, Any]] = (),
    people: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    working: bool = False,
    overrides: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The verdicts on (person, moment) pairs: by hand, as these are few, and the same by the column."""
    frames = points_of(points), people_of(agreement, people or {}), evidence_of(agreement, signals)
    found = judge(agreement, *frames, working=working, overrides=overrides)
    with by_the_column():
        assert alike(judge(agreement, *frames, working=working, overrides=overrides), found)
    return found


@contextmanager
def by_the_column() -> Iterator[None]:
    """Few are judged as many are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few_room, "PAIRS", -1)
        yield


def alike(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """The same columns of the same types, and in them the same."""
    return one.schema == other.schema and one.to_dicts() == other.to_dicts()


def intent_at(agreement: Agreement, at: str | datetime, signals: Sequence[Mapping[str, Any]]) -> int:
    """Anna's intent, in millionths of a point."""
    return int(judged(agreement, [("anna", at)], signals)["intent"][0])
