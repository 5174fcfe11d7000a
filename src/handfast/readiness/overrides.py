"""A verdict given by hand: somebody says so, says why, and says until when. Within its period it goes before what the terms say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from handfast.facts import utc

_MOMENT: Final = pl.Datetime("us", "UTC")
_SAID: Final[Mapping[str, Any]] = {"reason": pl.String, "by": pl.String, "since": _MOMENT, "until": _MOMENT}
#: What the person of an account inherits from it: an account may be kept from Sales as a whole, but ready is a person or a group.
_INHERITED: Final = ("never", "not_yet")


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody decided about one person or one account, from `since` up to but not including `until` (aware).

    Raises ValueError where it is about neither or both, or ends before it begins.
    """

    verdict: Literal["ready", "not_yet", "never"]
    reason: str
    by: str
    since: datetime
    until: datetime
    person_id: str | None = None
    account_id: str | None = None

    def __post_init__(self) -> None:
        if (self.person_id is None) == (self.account_id is None):
            raise ValueError("an override is about one person or one account")
        if utc(self.since) >= utc(self.until):
            raise ValueError("an override ends after it begins")


def of_people(overrides: Iterable[Override], members: Iterable[tuple[str, str]] = ()) -> pl.DataFrame:
    """The frame that `judge` takes. `members`, pairs of account and person, hand on what an account's people inherit: never and not yet."""
    told = list(overrides)
    people: dict[str, list[str]] = {}
    for account, person in members:
        people.setdefault(account, []).append(person)
    inherited = (
        replace(one, person_id=person, account_id=None)
        for one in told
        if one.account_id is not None and one.verdict in _INHERITED
        for person in people.get(one.account_id, ())
    )
    return _frame("person_id", [*(one for one in told if one.person_id is not None), *inherited])


def of_accounts(overrides: Iterable[Override]) -> pl.DataFrame:
    """The frame that `judge_accounts` takes."""
    return _frame("account_id", [one for one in overrides if one.account_id is not None])


def _frame(key: str, overrides: Sequence[Override]) -> pl.DataFrame:
    rows = [(getattr(one, key), one.verdict, one.reason, one.by, utc(one.since), utc(one.until)) for one in overrides]
    return pl.DataFrame(rows, schema={key: pl.String, "verdict": pl.String, **_SAID}, orient="row")


def overridden(judged: pl.DataFrame, overrides: pl.DataFrame, key: str) -> pl.DataFrame:
    """The verdicts with what was decided by hand: `outcome` is the override's where one holds at `at`, else as it was.

    Of several the one that began last holds; of those the one that ends first, then the stricter one. Two columns are added: `computed`,
    the outcome by the terms, and `override`, a struct of `reason`, `by`, `since`, `until`, or null.
    """
    rows = judged.select(key, pl.col("at").cast(_MOMENT)).with_row_index("_row").lazy()
    given = overrides.lazy().with_columns(pl.col(key).cast(judged.schema[key]))
    holding = rows.join(given, on=key).filter(pl.col("since") <= pl.col("at"), pl.col("at") < pl.col("until"))
    # "never" < "not_yet" < "ready" in the order of the alphabet, which is the order of strictness.
    latest = holding.sort("since", "until", "verdict", "reason", descending=[True, False, False, False]).unique("_row", keep="first")
    said = latest.select("_row", "verdict", pl.struct(*_SAID).alias("override"))
    found = rows.select("_row").join(said, on="_row", how="left", maintain_order="left").collect()
    outcome = pl.select(pl.coalesce(found["verdict"], judged["outcome"]).alias("outcome")).to_series()
    return judged.with_columns(outcome, judged["outcome"].alias("computed"), found["override"])


def told(outcome: str, computed: str, override: Mapping[str, Any]) -> dict[str, Any]:
    """An override as the working shows it: `verdict`, `reason`, `by`, `since`, `until` (ISO texts), `computed` and `sentence`."""
    since, until = (f"{override[name]:%Y-%m-%d %H:%M}" for name in ("since", "until"))
    verdict = outcome.replace("_", " ")
    sentence = f"{verdict[:1].upper()}{verdict[1:]}, said {override['by']} on {since} UTC, until {until} UTC: {override['reason']}."
    return {
        "verdict": outcome,
        "reason": override["reason"],
        "by": override["by"],
        "since": override["since"].isoformat(),
        "until": override["until"].isoformat(),
        "computed": computed,
        "sentence": sentence,
    }
