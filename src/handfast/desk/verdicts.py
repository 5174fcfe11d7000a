"""Are they ready: the people of a batch judged at the time of each of their signals, and what is written of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson
import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.frames import FEW, as_column, as_frame, as_json_column, as_moments
from handfast.desk.batch import Batch, Moment, Ready
from handfast.facts import Signal
from handfast.readiness.explain import shortened, workings
from handfast.readiness.hearing import answers_of, fields_of, heard
from handfast.readiness.plan import plan_of
from handfast.readiness.verdict import judge
from handfast.store import handover as rows
from handfast.store.handover import Standing

#: What a judged row says, in the order of its tuple.
SAYS = ("outcome", "fit", "intent", "next_step", "reason")
#: So few moments are judged with their working at once; of more, only those somebody will read are judged again for it.
JUDGED_ONCE: Final = 64


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
    #: All of them with their working, where they are so few that it was made at once.
    working: pl.DataFrame | None = None


def judge_moments(b: Batch, moments: list[Moment], subjects: Mapping[str, Mapping[str, Any]], overrides: pl.DataFrame | None) -> Judged:
    """Every moment judged by the one batch function, on the evidence as stored; `overrides`: what was decided by hand."""
    points = pl.DataFrame(
        [
            pl.Series("point", range(len(moments)), dtype=pl.Int64),
            pl.Series("person_id", [m.subject for m in moments], dtype=pl.String),
            as_moments("at", (m.at for m in moments)),
        ]
    )
    asked = {m.subject: subjects[m.subject] for m in moments}
    known = as_frame(list(asked.values()), {name: b.agreement.person_fields[name] for name in plan_of(b.agreement).person_fields})
    # A contract that asks for no fields has no columns to put the people beside.
    people = pl.DataFrame([pl.Series("person_id", list(asked), dtype=pl.String), *known.get_columns()])
    evidence = _evidence(b, moments)
    few = len(moments) <= JUDGED_ONCE
    judged = judge(b.agreement, points, people, evidence, overrides=overrides, working=few)
    said = list(zip(*(judged[name].to_list() for name in SAYS), strict=True))
    return Judged(moments, subjects, said, points, people, evidence, overrides, judged if few else None)


def worth_asking(
    b: Batch,
    moments: Sequence[Moment],
    subjects: Mapping[str, Mapping[str, Any]],
    before: Mapping[str, Standing],
    by_hand: pl.DataFrame | None,
) -> tuple[list[Moment], dict[str, int]]:
    """The moments at which a verdict could differ from where the person stands, and subject → digest of what was known of them.

    A signal that no rule hears changes nothing of somebody of whom nothing new is known, who is not ready (time may end that) and has no
    open next step (without one nobody becomes ready): most page views are like that, and cost no verdict. Whoever is asked once in a
    batch is asked from there on. So is whoever was ever decided `by_hand`, for that begins and ends by itself. Where a rule waits before it
    counts a signal, time alone may open a step, and everybody is asked.
    """
    decided = set() if by_hand is None else set(by_hand["person_id"])
    facts = {subject: _digest(b.contract_id, fields) for subject, fields in subjects.items()}
    patient = any(listener.delay for listener in plan_of(b.agreement).listeners)
    asked = {m.person for m in moments if m.subject in decided}
    sure = []
    for m in moments:
        sure.append(patient or m.taught or m.person in asked or _unsettled(before.get(m.person), facts[m.subject]))
        if sure[-1]:
            asked.add(m.person)
    # Who listens is asked only of the rest, of whom there are none where everybody is new.
    heard = iter(_heard(b.agreement, [m.waiting.signal for m, certain in zip(moments, sure, strict=True) if not certain]))
    asked.clear()
    kept = []
    for m, certain in zip(moments, sure, strict=True):
        if certain or next(heard) or m.person in asked:
            asked.add(m.person)
            kept.append(m)
    return kept, facts


def _unsettled(stands: Standing | None, facts: int) -> bool:
    if stands is None or stands.facts != facts or stands.outcome == "ready":
        return True
    return stands.outcome != "never" and stands.next_step is not None


def _digest(contract_id: str, fields: Mapping[str, Any]) -> int:
    text = orjson.dumps([contract_id, fields], option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


def _heard(agreement: Agreement, signals: Sequence[Signal]) -> list[bool]:
    """Whether any rule hears each signal, or cannot tell."""
    if not signals:
        return []
    plan, kinds = plan_of(agreement), [signal.kind for signal in signals]
    types = {name: agreement.signal_fields[name] for name in fields_of(plan, kinds)}
    told = [as_column(name, [signal.properties.get(name) for signal in signals], kind) for name, kind in types.items()]
    answers = answers_of(plan, kinds, pl.DataFrame([pl.Series("kind", kinds, dtype=pl.String), *told]))
    return heard(plan, kinds, answers)


def typed(evidence: pl.DataFrame, agreement: Agreement) -> pl.DataFrame:
    """The evidence as stored, its fields read as the contract declares them; what does not parse is unknown."""
    read = {name: as_json_column(evidence[name], kind) for name, kind in agreement.signal_fields.items()}
    return pl.DataFrame([read.get(column.name, column) for column in evidence.get_columns()])


def _evidence(b: Batch, moments: list[Moment]) -> pl.DataFrame:
    """What these people did as far back as it counts, and as far as it had been received: one row a signal and subject."""
    agreement = b.agreement
    since = min(m.at for m in moments) - agreement.reach
    until = max(m.at for m in moments)
    if people := b.learned.partly_known(m.person for m in moments):
        b.learned.complete(people, rows.keys_of_people(b.eyes, list(people)))
    last = {m.subject: m for m in moments}  # what was received by the last moment of a subject was known to all of them
    places = {subject: (m.waiting.signal.received_at, m.waiting.seq) for subject, m in last.items()}
    held = [(who, s, *places[s]) for s, m in last.items() for who in b.learned.keys_at(m.person, places[s])]
    keys = {one[0]: one[0] for one in held}
    got = rows.evidence(b.eyes, keys, list(agreement.kinds), since, until, list(agreement.signal_fields))
    return typed((theirs_one_by_one if got.height <= FEW else theirs)(got, held), agreement)


#: A key, a subject it belonged to, and the last signal known to that: when it was received, and its number.
Held: TypeAlias = tuple[str, str, datetime, int]


def theirs(got: pl.DataFrame, held: Sequence[Held]) -> pl.DataFrame:
    """The signals that came with each key (here `person_id`) and had been received by then, as the subject's: `person_id` is that now."""
    who, subjects, by, seqs = zip(*held, strict=True) if held else ((), (), (), ())
    whose = pl.DataFrame(
        [
            pl.Series("_who", who, dtype=pl.String),
            pl.Series("person_id", subjects, dtype=pl.String),
            as_moments("_by", by),
            pl.Series("_seq", seqs, dtype=pl.Int64),
        ]
    )
    found = got.rename({"person_id": "_who"}).join(whose, on="_who")
    received = (pl.col("received_at") < pl.col("_by")) | ((pl.col("received_at") == pl.col("_by")) & (pl.col("signal") <= pl.col("_seq")))
    return found.filter(received).drop("_who", "received_at", "_by", "_seq")


def theirs_one_by_one(got: pl.DataFrame, held: Sequence[Held]) -> pl.DataFrame:
    """The same of few signals, for which one step of the engine takes longer than all of this."""
    subjects = defaultdict(list)
    for key, subject, by, last in held:
        subjects[key].append((subject, (by, last)))
    came = enumerate(zip(got["person_id"].to_list(), got["received_at"].to_list(), got["signal"].to_list(), strict=True))
    known = [(n, subject) for n, (key, at, seq) in came for subject, until in subjects[key] if (at, seq) <= until]
    places = [n for n, _ in known]
    told = got if places == list(range(got.height)) else got[places]
    rest = [column for column in told.get_columns() if column.name not in ("person_id", "received_at")]
    return pl.DataFrame([*rest, pl.Series("person_id", [subject for _, subject in known], dtype=pl.String)])


def write_standings(b: Batch, judged: Judged, facts: Mapping[str, int], before: Mapping[str, Standing]) -> None:
    """The latest verdict of each person.

    A signal heard of late is judged at its own time, before what is known already; what it adds to the later moments nobody has asked
    yet, so the next signal of this person will, whatever it is.
    """
    latest: dict[str, tuple[Any, ...]] = {}
    late: set[str] = set()
    stand = _Stand(before)
    for m, said in zip(judged.moments, judged.said, strict=True):
        if stand.moves(m, said[0]):
            late.discard(m.person)
            latest[m.person] = (m.person, m.at, b.contract_id, *said, m.waiting.signal.id, facts[m.subject])
        else:
            late.add(m.person)
    told = [row if person not in late else (*row[:-1], None) for person, row in latest.items()]
    rows.write_standings(b.conn, told, b.directory.new_people)
    if before_this := late - latest.keys():
        rows.ask_again(b.conn, sorted(before_this))


class _Stand:
    """Where people stand while the verdicts of a batch are gone through in the order of receipt: at their latest moment."""

    def __init__(self, before: Mapping[str, Standing]) -> None:
        self._at = {person: stands.at for person, stands in before.items()}
        self.outcome = {person: stands.outcome for person, stands in before.items()}

    def moves(self, m: Moment, outcome: str) -> bool:
        """Takes this verdict in. Whether they stand at it from now on: one heard of late is about an earlier moment."""
        if m.at < self._at.get(m.person, m.at):
            return False
        self._at[m.person], self.outcome[m.person] = m.at, outcome
        return True


def telling(judged: Judged, before: Mapping[str, Standing]) -> dict[int, str]:
    """The positions whose verdict may be worth a row, each with the outcome the person stood at before: it differs, or they are ready."""
    stand = _Stand(before)
    kept = {}
    for i, (m, said) in enumerate(zip(judged.moments, judged.said, strict=True)):
        was = stand.outcome.get(m.person, "not_yet")
        if said[0] == "ready" or said[0] != was:
            kept[i] = was
        stand.moves(m, said[0])
    return kept


def shown(b: Batch, judged: Judged, positions: Sequence[int]) -> list[tuple[Moment, dict[str, Any], dict[str, Any]]]:
    """(moment, row, working) of these positions. The working is made only for what somebody will read."""
    if judged.working is not None:
        kept = judged.working[positions]
    else:
        kept = judge(b.agreement, judged.points[positions], judged.people, judged.evidence, overrides=judged.overrides, working=True)
    made = workings(b.agreement, kept)
    return [(judged.moments[i], row, working) for i, row, working in zip(positions, kept.to_dicts(), made, strict=True)]


def asked_at(judged: Judged, made: Sequence[Mapping[str, Any]]) -> dict[int, datetime]:
    """When each open next step was asked for, by the signal's `seq`."""
    seqs = {working["totals"]["next_step_signal"] for working in made}
    times = judged.evidence["occurred_at"]
    return {seq: times[n] for n, seq in enumerate(judged.evidence["signal"].to_list()) if seq in seqs}


def verdict_rows(b: Batch, ready: Sequence[Ready]) -> list[tuple[Any, ...]]:
    """The verdicts that changed something, as they are written, with the ids of the signals they were made from."""
    ids = _signal_ids(b, ready)
    written = []
    for r in ready:
        m = r.moment
        inputs = [ids[s] for s in r.working["inputs"]]
        said = tuple(r.row[name] for name in SAYS)
        signal, working = m.waiting.signal, rows.dumps(shortened(r.working))
        written.append((r.verdict, m.person, m.account, m.at, b.contract_id, *said, signal.id, inputs, working, b.decided_at(signal)))
    return written


def _signal_ids(b: Batch, ready: Sequence[Ready]) -> dict[int, UUID]:
    """The ids of the signals that these verdicts were made from, by `seq`: looked for where they were read, with their people.

    Those that led to them are at hand, and often there are no others.
    """
    known = {r.moment.waiting.seq: r.moment.waiting.signal.id for r in ready}
    wanted = {seq for r in ready for seq in r.working["inputs"]} - known.keys()
    if not wanted:
        return known
    people = {r.moment.person for r in ready} | {
        one["person_id"] for r in ready if "group" in r.working for one in r.working["group"]["members"]
    }
    times = [r.moment.at for r in ready]
    return known | rows.signal_ids(b.conn, list(wanted), list(people), min(times) - b.agreement.reach, max(times))
