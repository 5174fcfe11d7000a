"""What was known when, of the people of a bucket: a recorded history as numbers, and the stretches in which what was known did not change.

The order in which the world became known is the order in which signals were received (by time, then by number). What was known of a person
changes only at some of their signals: when one teaches a field, links a key, or comes late. Between two such changes everything that was
received is everything that had happened, and one call judges any number of moments. Such a stretch is a *spell*; a person has one or a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import orjson
import polars as pl

from handfast.contract.agreement import Agreement
from handfast.contract.frames import DTYPES, as_frame, as_json_column
from handfast.contract.terms import FieldType
from handfast.readiness.overrides import Override
from handfast.readiness.plan import Listener, plan_of

MOMENT: Final = pl.Datetime("us", "UTC")
#: Before anything was recorded.
EVER: Final = datetime.min.replace(tzinfo=UTC)
#: A signal's property as it came, in JSON, stands in a column of this prefix: a property may be called `kind`.
PROPERTY: Final = "p."
#: The columns of each frame of a `History`. `signal` is the number under which a signal was recorded.
SIGNALS: Final[Mapping[str, Any]] = {
    "signal": pl.Int64, "who": pl.String, "kind": pl.String, "source": pl.String, "occurred_at": MOMENT, "received_at": MOMENT,
}  # fmt: skip
KEYS: Final[Mapping[str, Any]] = {"who": pl.String, "person_id": pl.String, "received_at": MOMENT, "signal": pl.Int64}
PEOPLE: Final[Mapping[str, Any]] = {
    "person_id": pl.String, "account_id": pl.String, "fields": pl.String, "received_at": MOMENT, "signal": pl.Int64,
}  # fmt: skip
ACCOUNTS: Final[Mapping[str, Any]] = {"account_id": pl.String, "fields": pl.String, "received_at": MOMENT, "signal": pl.Int64}


@dataclass(frozen=True, slots=True)
class History:
    """What is recorded of some people, whole: a bucket. People of one account stand in one bucket. Times are UTC, microseconds.

    Attributes:
        signals: `SIGNALS`, and a column `p.NAME` with the JSON text of each property that a condition may read.
        keys: whose each key became, and with which signal: `KEYS`. A key named twice changed hands with the later signal.
        people: what was known of a person from a signal on: `PEOPLE`; `fields` is a JSON object of the person's own fields, whole,
            and their address as `email`.
        accounts: likewise of accounts: `ACCOUNTS`.
    """

    signals: pl.DataFrame
    keys: pl.DataFrame
    people: pl.DataFrame
    accounts: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Lens:
    """A contract, and the time in which it judges: signals received from `since` up to, not including, `until` (UTC)."""

    agreement: Agreement
    since: datetime
    until: datetime


#: A place in the record: when a signal was received, and its number.
Place: TypeAlias = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Fold:
    """One person folded into another, from the place `since` up to, not including, `until`; None: it stands."""

    folded: str
    kept: str
    since: Place
    until: Place | None = None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Fold:
        """From (folded, kept, since, signal, until, signal)."""
        folded, kept, since, signal, until, last = row
        return cls(folded, kept, (since, signal), (until, last) if until is not None else None)

    def holds(self, place: Place) -> bool:
        return self.since <= place and (self.until is None or place < self.until)


def typed(frame: pl.DataFrame, fields: Mapping[str, FieldType]) -> pl.DataFrame:
    """Properties as the contract declares them, under their own names, by the reading the live path uses.

    A field that no column carries is unknown throughout.
    """
    columns = []
    for name, kind in fields.items():
        if (column := f"{PROPERTY}{name}") in frame.columns:
            columns.append(as_json_column(frame[column].alias(name), kind))
        else:
            columns.append(pl.Series(name, [None], dtype=DTYPES[kind]).new_from_index(0, frame.height))
    return frame.with_columns(columns)


# --- who did it -----------------------------------------------------------------------------------------------


class Known:
    """A bucket with persons as numbers, and every signal beside everybody it was ever counted for.

    `rows`: `_row`, `_i` (position in `signals`), `_held` (which holding of a key), `_who` (person), `_at` (occurred, microseconds).
    """

    def __init__(self, history: History, overrides: Sequence[Override] = (), folds: Sequence[Fold] = ()) -> None:
        self.history = history
        self.overrides = overrides
        self.folds = folds
        self.signals = history.signals
        self.names = history.keys["person_id"].unique().sort()
        self.numbers = pl.DataFrame({"person_id": self.names}).with_row_index("_who")
        self.keys = history.keys.join(self.numbers, on="person_id", maintain_order="left")
        self.held = self.keys.select("who", "_who").unique(maintain_order=True).with_row_index("_held")
        found = self.signals.select("who", _at=physical("occurred_at")).with_row_index("_i")
        self.rows = found.join(self.held, on="who", maintain_order="left").select("_i", "_held", "_who", "_at").with_row_index("_row")

    def taught(self) -> pl.Series:
        """The signals that taught something."""
        logs = (self.history.keys, self.history.people, self.history.accounts)
        return pl.concat([log["signal"] for log in logs]).unique()

    def heard(self, kinds: Sequence[str]) -> pl.Series:
        """Which signals are of these kinds."""
        return self.signals["kind"].is_in(list(kinds))


def physical(column: str) -> pl.Expr:
    return pl.col(column).dt.cast_time_unit("us").to_physical()


def asks(signals: pl.DataFrame, agreement: Agreement) -> pl.DataFrame:
    """The signals that ask for a next step, once for each step: `_i`, and for how long that holds (`_reach`, microseconds)."""
    listeners = [one for one in plan_of(agreement).listeners if one.step is not None]
    kinds = sorted({one.on for one in listeners})
    rows = signals.with_row_index("_i").filter(pl.col("kind").is_in(kinds))
    told = typed(rows, agreement.signal_fields)
    parts = [_asking(told, one) for one in listeners]
    return pl.concat(parts)


def _asking(told: pl.DataFrame, one: Listener) -> pl.DataFrame:
    return told.filter(met(one)).select("_i", _reach=pl.lit(one.reach, dtype=pl.Int64))


# --- what was known then --------------------------------------------------------------------------------------


class Spells:
    """The stretches between changes of what was known of a person, as far as they hold moments that are asked about.

    `points`: `_row`, `_who`, `_spell`, `_at`, `account_id`. `table`: one row a spell: `_spell`, `_who`, first and last moment and place.
    `rows`: what the people concerned did: `_i`, `_who`, `_at`, and the places from and until which it was known of them.
    """

    def __init__(self, known: Known, wanted: pl.DataFrame, agreements: Sequence[Agreement]) -> None:
        rows = known.rows.join(wanted.with_columns(_asked=pl.lit(value=True)), on="_row", how="left", maintain_order="left")
        asked = rows.filter(pl.col("_asked"))["_who"].unique()
        kinds = sorted({kind for agreement in agreements for kind in agreement.kinds})
        heard = known.heard(kinds)
        mine = rows.filter(pl.col("_who").is_in(asked.implode()))
        mine = mine.filter(pl.col("_asked") | heard.gather(mine["_i"]))
        self._place(known, mine)
        self._stretch()
        self.fields = self._fields()

    def _place(self, known: Known, mine: pl.DataFrame, asked: pl.DataFrame | None = None) -> pl.Series:
        """Everything that became known gets its place: the rank of the signal that told it, by time received, then by number.

        Returns the places of what else is `asked` about (`received_at`, `signal`).
        """
        history, place = known.history, ("received_at", "signal")
        logs = (
            known.signals.select(place)[mine["_i"]],
            known.keys.select(place),
            history.people.select(place),
            history.accounts.select(place),
            (history.accounts.clear() if asked is None else asked).select(place),
        )
        told = pl.concat([log.with_row_index("_n").with_columns(_log=pl.lit(n, dtype=pl.UInt8)) for n, log in enumerate(logs)])
        told = told.sort(*place)
        new = pl.struct(place) != pl.struct(place).shift(1)
        told = told.select("_log", "_n", _pos=new.fill_null(value=False).cast(pl.Int64).cum_sum())
        mine_at, keys_at, people_at, accounts_at, asked_at = (
            told.filter(pl.col("_log") == n).sort("_n")["_pos"] for n in range(len(logs))
        )  # fmt: skip
        self.held = holdings(known, keys_at)
        self.rows = mine.with_columns(mine_at.alias("_pos")).join(self.held, on="_held", maintain_order="left")
        self.rows = self.rows.with_columns(_known=pl.max_horizontal("_pos", "_since"))
        people = history.people.with_columns(people_at.alias("_pos")).with_row_index("_person_told")
        # Every row in its place: `fields` looks them up by these numbers.
        self.people = people.join(known.numbers, on="person_id", how="left", maintain_order="left")
        self.accounts = history.accounts.with_columns(accounts_at.alias("_pos")).with_row_index("_account_told")
        return asked_at

    def _stretch(self) -> None:
        rows = with_breaks(self.rows)
        points = rows.filter(pl.col("_asked") & pl.col("_pos").is_between("_since", "_until", closed="left")).sort("_pos")
        told = self.people.select("_who", "_pos", "_person_told", "account_id").drop_nulls("_who").sort("_pos")
        points = points.join_asof(told, on="_pos", by="_who", check_sortedness=False)
        self._cut(points, "_row", "_i", "_who", "_at", "_pos", "account_id")

    def _cut(self, points: pl.DataFrame, *kept: str) -> None:
        """Points, each with what was told last of its person (`_person_told`) and by then counted `_breaks`, cut into spells."""
        told = self.accounts.select("account_id", "_pos", "_account_told").sort("_pos")
        points = points.join_asof(told, on="_pos", by="account_id", check_sortedness=False)
        marks = ("_who", "_person_told", "_account_told", "_breaks")
        spells = points.group_by(marks, maintain_order=True).agg(
            _first=pl.col("_at").min(), _last=pl.col("_at").max(), _from=pl.col("_pos").min(), _to=pl.col("_pos").max()
        )
        self.table = spells.with_row_index("_spell")
        points = points.join(self.table.select("_spell", *marks), on=marks, nulls_equal=True, maintain_order="left")
        self.points = points.select("_spell", *kept)

    def _fields(self) -> list[dict[str, Any]]:
        """What was known in each spell: the account's fields, overlaid by the person's own."""
        people = [_loaded(text) for text in self.people["fields"]]
        accounts = [_loaded(text) for text in self.accounts["fields"]]
        addresses = [person.pop("email", None) for person in people]
        pairs = self.table.select("_person_told", "_account_told").rows()
        self.addresses = [addresses[p] if p is not None else None for p, _ in pairs]
        return [{**(accounts[a] if a is not None else {}), **(people[p] if p is not None else {})} for p, a in pairs]

    def people_for(self, agreement: Agreement) -> pl.DataFrame:
        """The spells as `judge` reads people, under `person_id`."""
        people = self.table.select(pl.col("_spell").alias("person_id"))
        if agreement.person_fields:
            people = people.hstack(as_frame(self._told_to(agreement), agreement.person_fields).get_columns())
        return people

    def _told_to(self, agreement: Agreement) -> list[dict[str, Any]]:
        """What this contract may read of them in each spell: with the address where an exclusion asks for it."""
        if not agreement.contract.ready.exclude.asks_addresses:
            return self.fields
        return [{**fields, "email": email} for fields, email in zip(self.fields, self.addresses, strict=True)]


def _loaded(text: str | None) -> dict[str, Any]:
    found = orjson.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


FOREVER: Final = 2**62


def holdings(known: Known, places: pl.Series) -> pl.DataFrame:
    """From which place on, and until which, each key was whose: `_held`, `_since`, `_until`; twice where it was somebody else's between."""
    keys = known.keys.select("who", "_who", places.alias("_since")).sort("_since")
    keys = keys.with_columns(_until=pl.col("_since").shift(-1).over("who").fill_null(FOREVER), _time=pl.col("_who").rle_id().over("who"))
    spans = keys.group_by("who", "_who", "_time").agg(pl.col("_since").min(), pl.col("_until").max())
    return known.held.join(spans, on=("who", "_who")).select("_held", "_since", "_until")


def with_breaks(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts, for each row, how often by then a signal of the past had become known, or one of theirs another's.

    A row without a signal (`_i`) only asks: it makes nothing known.
    """
    lost = rows.filter(pl.col("_until") < FOREVER).with_columns(_known=pl.col("_until"), _at=pl.lit(-FOREVER, dtype=pl.Int64), _asked=None)
    there = pl.concat([rows, lost]) if lost.height else rows
    there = there.sort("_who", "_known", "_pos", pl.col("_i").is_null())
    moment = pl.when(pl.col("_asked")).then(pl.col("_at")).otherwise(-FOREVER)
    before = moment.shift(1).cum_max().over("_who")
    late = ((pl.col("_at") <= before) & pl.col("_i").is_not_null()).fill_null(value=False)
    return there.with_columns(_breaks=late.cast(pl.Int32).cum_sum().over("_who"))


def evidence_of(known: Known, spells: Spells, agreement: Agreement) -> pl.DataFrame:
    """What was known in each spell of what its person had done, as `judge` reads it; `person_id` is the spell."""
    heard = known.heard(sorted(agreement.kinds))
    rows = spells.rows.filter(heard.gather(spells.rows["_i"])).select("_i", "_who", "_at", "_known", "_until")
    rows = rows.join(spells.table.drop("_person_told", "_account_told", "_breaks"), on="_who").filter(
        pl.col("_known") <= pl.col("_to"),
        pl.col("_until") > pl.col("_from"),
        pl.col("_at") <= pl.col("_last"),
        pl.col("_at") > pl.col("_first") - agreement.reach // timedelta(microseconds=1),
    )
    names = [f"{PROPERTY}{name}" for name in agreement.signal_fields if f"{PROPERTY}{name}" in known.signals.columns]
    signals = typed(known.signals.select("signal", "kind", "occurred_at", *names)[rows["_i"]], agreement.signal_fields)
    return signals.drop(names).with_columns(rows["_spell"].alias("person_id"))


def with_asked_at(agreement: Agreement, verdicts: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """When the open next step of each verdict was last asked for: what opens a handoff again after one has ended."""
    steps = [step.step for step in agreement.contract.ready.next_step]
    asks = [
        evidence.filter(met(one)).select("person_id", asked_at="occurred_at", next_step=pl.lit(steps[one.step or 0]))
        for one in plan_of(agreement).listeners
        if one.step is not None
    ]
    told = pl.concat(asks).sort("asked_at")
    numbered = verdicts.with_row_index("_n").sort("at")
    found = numbered.join_asof(
        told, left_on="at", right_on="asked_at", by=["person_id", "next_step"], coalesce=False, check_sortedness=False
    )
    return found.sort("_n").drop("_n")


def met(one: Listener) -> pl.Expr:
    return pl.col("kind") == one.on if one.met is None else (pl.col("kind") == one.on) & one.met
