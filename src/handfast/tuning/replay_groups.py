"""Buying groups at each moment of their account, judged with what was known then: the one function of the live loop and of a replay.

An account is asked at every signal of one of its people, right after that person has been judged. Its members are the people who belonged
to it then and had a key; each of them is read as they were known then, by the spells of `replay_known`. Nobody is ready without an open
next step, so only moments at which somebody's may be open are judged, and those of accounts about which something was said by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

from handfast.contract.agreement import BY_HAND, Agreement
from handfast.readiness.explain import workings
from handfast.readiness.group import judge_accounts
from handfast.readiness.group_working import account_workings
from handfast.readiness.overrides import Override, of_accounts, overridden
from handfast.readiness.verdict import judge
from handfast.tuning.replay_known import FOREVER, MOMENT, History, Known, Lens, Spells, asks, evidence_of, with_asked_at, with_breaks

#: So many people of one account are judged together, those who became known first.
MOST_MEMBERS: Final = 500
#: So many pairs of moment and member are judged in one call: some hundred megabytes.
_PAIRS: Final = 500_000
#: What is asked: an account at a moment, when that became known (a place), and whose signal it was.
POINTS: Final[dict[str, Any]] = {
    "account_id": pl.String, "at": MOMENT, "received_at": MOMENT, "signal": pl.Int64, "person_id": pl.String,
}  # fmt: skip
_ORDER: Final = ("received_at", "signal")


def points_of(known: Known, lens: Lens) -> pl.DataFrame:
    """The moments at which a contract asks about accounts: every signal that it hears, or that taught something, of anybody in one."""
    heard = known.heard(sorted(lens.agreement.kinds)) | known.signals["signal"].is_in(known.taught().implode())
    timely = known.signals.select(_=pl.col("received_at").is_between(lens.since, lens.until, closed="left"))["_"]
    rows = known.rows.filter((heard & timely).gather(known.rows["_i"]))
    if rows.is_empty():
        return pl.DataFrame(schema=POINTS)
    found = _Holders(known, rows).points
    signals = known.signals.select("signal", "received_at", at="occurred_at")[found["_i"]]
    who = known.names.gather(found["_who"]).alias("person_id")
    return found.select("account_id").hstack([*signals.get_columns(), who]).drop_nulls("account_id").select(*POINTS)


def replayed_groups(
    history: History, lenses: Sequence[Lens], overrides: Sequence[Override] = (), *, every: bool = False
) -> list[pl.DataFrame]:
    """For each lens the verdicts on the accounts of a bucket, as `judged_groups` gives them, with `source`: of the signal of the moment."""
    sources = history.signals.select("signal", "source")
    if all(lens.agreement.contract.ready.account is None for lens in lenses):
        return [_nothing().join(sources.clear(), on="signal") for _ in lenses]
    known = Known(history, overrides)
    found = []
    for lens in lenses:
        points = points_of(known, lens) if lens.agreement.contract.ready.account is not None else pl.DataFrame(schema=POINTS)
        judged = judged_groups(known, lens.agreement, points, every=every)
        found.append(judged.join(sources.unique("signal"), on="signal", how="left", maintain_order="left"))
    return found


def judged_groups(known: Known, agreement: Agreement, points: pl.DataFrame, *, every: bool = False) -> pl.DataFrame:
    """The verdicts on accounts at `points`, in the order in which those became known; moments without an open step are left out.

    Args:
        known: what is recorded of everybody who ever belonged to these accounts, with what was said by hand.
        every: judge every moment.

    Returns:
        `signal`, `account_id`, `at`, `received_at`, `outcome`, `people`, `roles`, `fit` (0 where nobody is active), `intent` (millionths),
        `next_step`, `asked_at`, `by_hand` as in `replay.judged`; `person_id`: who is to be called (whose signal it was, where
        nobody is active), and `fields`: what was known of them then, as JSON. Empty where the contract has no `ready.account`.
    """
    if agreement.contract.ready.account is None or points.is_empty():
        return _nothing()
    asked = points if every else _while_wished(known, agreement, points)
    parts = [_judged(known, agreement, part) for part in _parts(known, asked)]
    return pl.concat(parts).sort(*_ORDER) if parts else _nothing()


def shown_groups(known: Known, agreement: Agreement, points: pl.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The verdicts at these points, in their order: the working of whoever is to be called, and that of the group (`account_workings`)."""
    if points.is_empty():
        return []
    cases = _Cases(known, agreement, points)
    judged = _by_hand(known, cases.judged(working=True))
    lead = judged.select("at", person_id="_spell")
    own = judge(agreement, lead, cases.people_for(agreement), cases.evidence, working=True)
    return list(zip(workings(agreement, own, change=False), account_workings(agreement, judged), strict=True))


def _nothing() -> pl.DataFrame:
    times = dict.fromkeys(("at", "received_at", "asked_at", "by_hand"), MOMENT)
    texts = dict.fromkeys(("account_id", "person_id", "fields", "outcome", "next_step"), pl.String)
    counts: dict[str, Any] = {"people": pl.UInt32, "roles": pl.UInt32, "fit": pl.Int32, "intent": pl.Int64}
    return pl.DataFrame(schema={"signal": pl.Int64, **times, **texts, **counts})


# --- which moments --------------------------------------------------------------------------------------------


class _Holders(Spells):
    """Whose each of these rows was when it became known, and of which account they were then."""

    def __init__(self, known: Known, rows: pl.DataFrame) -> None:
        self._place(known, rows.with_columns(_asked=pl.lit(value=True)))
        points = self.rows.filter(pl.col("_pos").is_between("_since", "_until", closed="left")).sort("_pos")
        told = self.people.select("_who", "_pos", "account_id").drop_nulls("_who").sort("_pos")
        self.points = points.join_asof(told, on="_pos", by="_who", check_sortedness=False)


def _belonged(known: Known) -> pl.DataFrame:
    """Everybody of every account, whenever they belonged to it: `account_id`, `_who`."""
    people = known.history.people.select("account_id", "person_id").drop_nulls().unique()
    return people.join(known.numbers, on="person_id").select("account_id", "_who")


def _while_wished(known: Known, agreement: Agreement, points: pl.DataFrame) -> pl.DataFrame:
    """The points at which a next step of somebody of the account may be open. A moment too many costs time, one too few would be wrong."""
    found = known.rows.join(asks(known.signals, agreement), on="_i").join(_belonged(known), on="_who")
    open_ = found.select("account_id", "_at", _until=pl.col("_at") + pl.col("_reach")).sort("_at")
    open_ = open_.with_columns(pl.col("_until").cum_max().over("account_id"))
    asked = points.with_row_index("_n").with_columns(_at=pl.col("at").to_physical()).sort("_at")
    asked = asked.join_asof(open_, on="_at", by="account_id", check_sortedness=False)
    named = pl.Series([one.account_id for one in known.overrides if one.account_id is not None], dtype=pl.String)
    wished = (pl.col("_until") >= pl.col("_at")).fill_null(value=False) | pl.col("account_id").is_in(named.implode())
    return asked.filter(wished).sort("_n").select(*POINTS)


def _parts(known: Known, points: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Points in parts that fit into memory; those of one account stay near each other."""
    members = _belonged(known).group_by("account_id").agg(_members=pl.len().clip(upper_bound=MOST_MEMBERS).cast(pl.Int64))
    sized = points.join(members, on="account_id", how="left").sort("account_id", *_ORDER)
    sized = sized.with_columns(_part=pl.col("_members").fill_null(0).cum_sum() // _PAIRS)
    for part in sized.partition_by("_part", maintain_order=True):
        yield part.select(*POINTS)


# --- judged ---------------------------------------------------------------------------------------------------


class _Cases(Spells):
    """Accounts at moments, each beside its members then. A spell is that of a member over the moments of their account."""

    def __init__(self, known: Known, agreement: Agreement, points: pl.DataFrame) -> None:
        self.known, self.agreement = known, agreement
        self.asked = points.with_row_index("_case")
        members = _belonged(known).join(points.select("account_id").unique(), on="account_id", how="semi")
        mine = known.rows.join(members.select("_who").unique(), on="_who", how="semi", maintain_order="left")
        mine = mine.filter(known.heard(sorted(agreement.kinds)).gather(mine["_i"])).with_columns(_asked=pl.lit(None, dtype=pl.Boolean))
        places = self._place(known, mine, points)
        self._meet(self.asked.select("_case", "account_id", _at=pl.col("at").to_physical()).with_columns(places.alias("_pos")))
        self.fields = self._fields()

    def _meet(self, cases: pl.DataFrame) -> None:
        """Each case with each member: who had been told to belong, and had a key, by its place."""
        told = self.people.select("_who", "_pos", "_person_told", "account_id", "received_at").drop_nulls("_who").sort("_who", "_pos")
        told = told.with_columns(
            _first=pl.col("received_at").first().over("_who"), _gone=pl.col("_pos").shift(-1).over("_who").fill_null(FOREVER)
        ).rename({"_pos": "_came"})
        keys = self.known.held.select("_held", "_who").join(self.held, on="_held").group_by("_who")
        told = told.join(keys.agg(pl.col("_since").min(), pl.col("_until").max()), on="_who").drop("received_at")
        pairs = cases.join(told, on="account_id", maintain_order="left").filter(
            pl.max_horizontal("_came", "_since") <= pl.col("_pos"), pl.col("_pos") < pl.min_horizontal("_gone", "_until")
        )
        pairs = pairs.filter(pl.struct("_first", "_who").rank("ordinal").over("_case") <= MOST_MEMBERS)
        points = pairs.select("_case", "_who", "_at", "_pos", "account_id", "_person_told", _known="_pos", _asked=pl.lit(value=True))
        rows = with_breaks(pl.concat([self.rows, points], how="diagonal"))
        self._cut(rows.filter(pl.col("_i").is_null()).sort("_pos"), "_case", "_who")

    def judged(self, *, working: bool = False) -> pl.DataFrame:
        """The verdicts, in the order of the points, with `_case` and `_spell`: of whoever is to be called."""
        self.evidence = evidence_of(self.known, self, self.agreement)
        who = self.known.names.gather(self.points["_who"]).alias("person_id")
        members = self.points.select(account_id="_case", subject="_spell").with_columns(who)
        people = self.people_for(self.agreement)
        asked = self.asked.rename({"account_id": "_account", "_case": "account_id", "person_id": "_moment_of"})
        found = judge_accounts(self.agreement, asked, members, people, self.evidence, working=working)
        found = found.rename({"account_id": "_case", "_account": "account_id"})
        spells = members.rename({"account_id": "_case", "subject": "_spell"})
        lead = pl.coalesce("person_id", "_moment_of").alias("_lead")
        return found.with_columns(lead).join(
            spells, left_on=("_case", "_lead"), right_on=("_case", "person_id"), how="left", maintain_order="left"
        )


def _judged(known: Known, agreement: Agreement, points: pl.DataFrame) -> pl.DataFrame:
    cases = _Cases(known, agreement, points)
    found = _by_hand(known, cases.judged())
    lead = found.select("_case", "at", "next_step", person_id="_spell")
    asked = with_asked_at(agreement, lead, cases.evidence).select("asked_at")
    texts = pl.Series("fields", [json.dumps(one) for one in cases.fields], dtype=pl.String)
    said = pl.when(pl.col("outcome") == "ready").then(pl.col("next_step").fill_null(BY_HAND)).otherwise(pl.col("next_step"))
    found = found.with_columns(said, pl.col("fit").fill_null(0), person_id="_lead", by_hand=_since(found)).hstack(asked)
    return found.hstack([texts.gather(found["_spell"])]).select(*_nothing().columns)


def _by_hand(known: Known, judged: pl.DataFrame) -> pl.DataFrame:
    said: Sequence[Override] = [one for one in known.overrides if one.account_id is not None]
    return overridden(judged, of_accounts(said), "account_id") if said else judged


def _since(judged: pl.DataFrame) -> pl.Expr:
    if "override" not in judged.columns:
        return pl.lit(None, dtype=MOMENT)
    return pl.col("override").struct.field("since")
