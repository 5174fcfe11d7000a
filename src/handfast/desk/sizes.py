"""How many people and accounts each condition of a contract holds for today: "412 of 9,240, 37 unknown"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.conditions import Compiled
from handfast.contract.frames import as_json_column
from handfast.contract.place import Locator, Path, by_part, dotted
from handfast.contract.terms import Duration, FieldType
from handfast.contract.text import read_text
from handfast.problem import Place
from handfast.store import sizes as rows
from handfast.store.base import Store


@dataclass(frozen=True, slots=True)
class Count:
    """`matching` of `total`; of `unknown` nobody can tell, for a field they lack. An account matches where one of its people does."""

    matching: int
    total: int
    unknown: int

    def __str__(self) -> str:
        unknown = f", {self.unknown:,} unknown" if self.unknown else ""
        return f"{self.matching:,} of {self.total:,}{unknown}"


@dataclass(frozen=True, slots=True)
class Size:
    """The size of one condition: the part of the contract it belongs to, its text ('' where it always holds), and where it stands."""

    part: str
    path: str
    when: str
    where: Place
    people: Count
    accounts: Count

    def as_json(self) -> dict[str, Any]:
        counts = {
            noun: {"matching": c.matching, "of": c.total, "unknown": c.unknown}
            for noun, c in (("people", self.people), ("accounts", self.accounts))
        }
        return {"part": self.part, "path": self.path, "when": self.when, "line": self.where.line, **counts}


@dataclass(frozen=True, slots=True)
class _Rule:
    """A condition to be counted. `on` and `since`: the kind of signal it is about and how far back it counts; None: about people."""

    part: str
    path: Path
    compiled: Compiled | None
    when: str
    on: str | None = None
    since: timedelta = timedelta(0)


def sizes(store: Store, agreement: Agreement, at: datetime, text: str | None = None, file: str = "contract") -> list[Size]:
    """The size of every condition, in the order of the contract.

    A condition on a person holds for whoever it is true of now; one on a signal for whoever gave such a signal within the time it counts;
    one of an SLA for whoever would fall under it by their last verdict. `at`: now, UTC. Raises StorageAway.

    Args:
        text: the text the agreement was read from, so that each size has its line.
    """
    locate = _locator(text, file)
    rules = list(_rules(agreement))
    with store.reading() as conn:
        fields = list(agreement.contract.fields)
        who = _typed(rows.people(conn, fields).rename({f"_{name}": name for name in ("next_step", "fit", "intent")}), _read(agreement))
        heard = _Heard(conn, agreement, at, rules)
    totals = who.height, who["account"].drop_nulls().n_unique()
    return [_size(rule, _said(rule, who, heard), totals, locate) for rule in rules]


def _locator(text: str | None, file: str) -> Locator:
    if text is not None:
        source, _ = read_text(text, file)
        if source is not None:
            return source.place
    return by_part(Place(file))


def _read(agreement: Agreement) -> dict[str, FieldType]:
    return {**agreement.contract.fields, **{name: kind for name, kind in SLA_FIELDS.items() if name not in agreement.contract.fields}}


def _typed(frame: pl.DataFrame, fields: dict[str, FieldType]) -> pl.DataFrame:
    known = {name: kind for name, kind in fields.items() if name in frame.columns}
    absent = [as_json_column(pl.Series(name, [None], dtype=pl.String), kind) for name, kind in fields.items() if name not in known]
    frame = frame.with_columns(as_json_column(frame[name], kind) for name, kind in known.items())
    return frame.with_columns(column.new_from_index(0, frame.height) for column in absent)


class _Heard:
    """The signals of the kinds that any rule listens to, as far back as any counts; typed kind by kind."""

    def __init__(self, conn: Any, agreement: Agreement, at: datetime, rules: list[_Rule]) -> None:
        self.kinds = sorted({rule.on for rule in rules if rule.on is not None})
        self.at = at
        reach = max((rule.since for rule in rules), default=timedelta(0))
        found = rows.signals(conn, self.kinds, list(agreement.signal_fields), at - reach, at)
        self.frame = _typed(found, dict(agreement.signal_fields))

    def of(self, rule: _Rule) -> pl.DataFrame:
        kind = self.kinds.index(rule.on or "") + 1
        since = self.at - rule.since
        return self.frame.filter((pl.col("_kind") == kind) & (pl.col("_occurred_at") > since))


def _said(rule: _Rule, who: pl.DataFrame, heard: _Heard) -> pl.DataFrame:
    """`person`, `account` and what the condition says (`_said`: true, or null for unknown) of everybody it does not deny."""
    frame = who if rule.on is None else heard.of(rule)
    said = pl.lit(value=True) if rule.compiled is None else rule.compiled.expr
    return (
        frame.with_columns(_said=said)
        .select("person", "account", pl.col("_said").cast(pl.Boolean))
        .filter(pl.col("_said").fill_null(value=True))
    )


def _size(rule: _Rule, said: pl.DataFrame, totals: tuple[int, int], locate: Locator) -> Size:
    counts = [_count(said, noun, total) for noun, total in zip(("person", "account"), totals, strict=True)]
    return Size(rule.part, dotted(rule.path), rule.when, locate(rule.path), *counts)


def _count(said: pl.DataFrame, noun: str, total: int) -> Count:
    best = said.drop_nulls(noun).group_by(noun).agg(pl.col("_said").any(ignore_nulls=True))["_said"]
    matching = int(best.sum() or 0)
    return Count(matching, total, best.len() - matching)


def _rules(agreement: Agreement) -> Iterator[_Rule]:
    contract, ready = agreement.contract, agreement.contract.ready
    for n, (fit, compiled) in enumerate(zip(ready.fit.points, agreement.fit, strict=True)):
        yield _Rule("fit", ("ready", "fit", "points", n, "when"), compiled, fit.when)
    for n, (never, compiled) in enumerate(zip(ready.fit.never, agreement.never, strict=True)):
        yield _Rule("never", ("ready", "fit", "never", n, "when"), compiled, never.when)
    lookback = _span(ready.intent.lookback)
    for n, (intent, heard) in enumerate(zip(ready.intent.points, agreement.intent, strict=True)):
        yield _Rule("intent", _when("ready", "intent", "points", n, when=intent.when), heard, intent.when or "", intent.on, lookback)
    for n, (step, heard) in enumerate(zip(ready.next_step, agreement.next_step, strict=True)):
        yield _Rule("next_step", _when("ready", "next_step", n, when=step.when), heard, step.when or "", step.on, _span(step.within))
    if ready.account is not None:
        for (role, text), compiled in zip(ready.account.roles.items(), agreement.roles, strict=True):
            yield _Rule("roles", ("ready", "account", "roles", role), compiled, text)
    for n, (kept, compiled) in enumerate(zip(contract.routing.never, agreement.never_routed, strict=True)):
        yield _Rule("to nobody", ("routing", "never", n, "when"), compiled, kept.when)
    for n, (territory, compiled) in enumerate(zip(contract.routing.territories, agreement.territories, strict=True)):
        yield _Rule("territories", ("routing", "territories", n, "when"), compiled, territory.when)
    for n, (sla, asked) in enumerate(zip(contract.sla, agreement.sla, strict=True)):
        yield _Rule("sla", _when("sla", n, when=sla.when), asked, sla.when or "")


def _when(*path: str | int, when: str | None) -> Path:
    """The path of the condition; of a rule without one, of the rule."""
    return path if when is None else (*path, "when")


def _span(one: Duration) -> timedelta:
    return timedelta(minutes=one.minutes)
