"""Are they ready: the people of a batch judged at the time of each of their signals, and what is written of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_frame, as_json_column
from handfast.desk.batch import Batch, Moment, Ready
from handfast.desk.overrides import for_people
from handfast.readiness.explain import workings
from handfast.readiness.verdict import judge
from handfast.store import handover as rows

#: What a judged row says, in the order of its tuple.
SAYS = ("outcome", "fit", "intent", "next_step", "reason")


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch's verdicts: `said[i]` (the columns `SAYS`) is that of `moments[i]`. The frames are what they were made from."""

    moments: list[Moment]
    subjects: Mapping[str, Mapping[str, Any]]
    said: list[tuple[Any, ...]]
    points: pl.DataFrame
    people: pl.DataFrame
    evidence: pl.DataFrame
    overrides: pl.DataFrame | None


def judge_moments(b: Batch, moments: list[Moment], subjects: Mapping[str, Mapping[str, Any]]) -> Judged:
    """Every moment judged by the one batch function, on the evidence as stored."""
    points = pl.DataFrame(
        {"point": range(len(moments)), "person_id": [m.subject for m in moments], "at": [m.at for m in moments]},
        schema={"point": pl.Int64, "person_id": pl.String, "at": pl.Datetime("us", "UTC")},
    )
    known = as_frame(list(subjects.values()), b.agreement.person_fields)
    # A contract that declares no fields has no columns to put the people beside.
    people = pl.DataFrame([pl.Series("person_id", list(subjects), dtype=pl.String), *known.get_columns()])
    evidence = _evidence(b, moments)
    overrides = for_people(b.conn, {m.subject: (m.account, m.person) for m in moments})
    said = judge(b.agreement, points, people, evidence, overrides=overrides).select(SAYS).rows()
    return Judged(moments, subjects, said, points, people, evidence, overrides)


def reach(agreement: Agreement) -> timedelta:
    """How far back a verdict may look."""
    return agreement.reach


def typed(evidence: pl.DataFrame, agreement: Agreement) -> pl.DataFrame:
    """The evidence as stored, its fields read as the contract declares them; what does not parse is unknown."""
    return evidence.with_columns(as_json_column(evidence[name], kind) for name, kind in agreement.signal_fields.items())


def _evidence(b: Batch, moments: list[Moment]) -> pl.DataFrame:
    """What these people did as far back as it counts, and as far as it had been received: one row a signal and subject."""
    agreement = b.agreement
    since = min(m.at for m in moments) - reach(agreement)
    until = max(m.at for m in moments)
    last = {m.subject: m for m in moments}  # what was received by the last moment of a subject was known to all of them
    places = {subject: (m.waiting.signal.received_at, m.waiting.seq) for subject, m in last.items()}
    known = [(who, s, *places[s]) for s, m in last.items() for who in b.learned.keys_at(m.person, places[s])]
    keys = {who: who for who, *_ in known}
    got = rows.evidence(b.conn, keys, list(agreement.kinds), since, until, list(agreement.signal_fields)).rename({"person_id": "_who"})
    got = got.join(pl.DataFrame(known, schema=_KNOWN, orient="row"), on="_who").filter(
        (pl.col("received_at") < pl.col("_by")) | ((pl.col("received_at") == pl.col("_by")) & (pl.col("signal") <= pl.col("_seq")))
    )
    return typed(got.drop("_who", "received_at", "_by", "_seq"), agreement)


#: A key, the subject it belonged to, and the last signal known to that: when it was received, and its number.
_KNOWN: Final[dict[str, Any]] = {"_who": pl.String, "person_id": pl.String, "_by": pl.Datetime("us", "UTC"), "_seq": pl.Int64}


def write_standings(b: Batch, judged: Judged) -> None:
    """The latest verdict of each person."""
    latest: dict[str, tuple[Any, ...]] = {}
    for m, said in zip(judged.moments, judged.said, strict=True):
        if m.person not in latest or latest[m.person][1] <= m.at:
            latest[m.person] = (m.person, m.at, b.contract_id, *said, m.waiting.signal.id)
    rows.write_standings(b.conn, list(latest.values()))


def telling(judged: Judged, before: Mapping[str, str]) -> list[int]:
    """The positions whose verdict may be worth a row: the outcome changed, or the person is ready. `before`: person → outcome."""
    last = dict(before)
    kept = []
    for i, (m, said) in enumerate(zip(judged.moments, judged.said, strict=True)):
        if said[0] == "ready" or said[0] != last.get(m.person, "not_yet"):
            kept.append(i)
        last[m.person] = said[0]
    return kept


def shown(b: Batch, judged: Judged, positions: Sequence[int]) -> list[tuple[Moment, dict[str, Any], dict[str, Any]]]:
    """(moment, row, working) of these positions. The working is made only for what somebody will read."""
    kept = judge(b.agreement, judged.points[positions], judged.people, judged.evidence, overrides=judged.overrides, working=True)
    made = workings(b.agreement, kept)
    return [(judged.moments[i], row, working) for i, row, working in zip(positions, kept.to_dicts(), made, strict=True)]


def asked_at(judged: Judged, made: Sequence[Mapping[str, Any]]) -> dict[int, datetime]:
    """When each open next step was asked for, by the signal's `seq`."""
    seqs = {working["totals"]["next_step_signal"] for working in made} - {None}
    found = judged.evidence.filter(pl.col("signal").is_in(list(seqs))).select("signal", "occurred_at")
    return dict(found.iter_rows())


def write_verdicts(b: Batch, ready: Sequence[Ready]) -> None:
    """The verdicts that changed something, with the ids of the signals they were made from."""
    ids: Mapping[int, UUID] = rows.signals_by_seq(b.conn, list({s for r in ready for s in r.working["inputs"]}))
    written = []
    for r in ready:
        m = r.moment
        inputs = "{" + ",".join(str(ids[s]) for s in r.working["inputs"]) + "}"
        said = tuple(r.row[name] for name in SAYS)
        signal = m.waiting.signal
        written.append(
            (r.verdict, m.person, m.account, m.at, b.contract_id, *said, signal.id, inputs, rows.dumps(r.working), b.decided_at(signal))
        )
    rows.add_verdicts(b.conn, written)
