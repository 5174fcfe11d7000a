"""Whether owners were right, judged from evidence: what was examined, what stood, and how much is silence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from handfast.measure.accuracy import EVIDENCE, accuracy
from handfast.measure.cohort import Period
from handfast.measure.facts import ASSIGNMENTS

from .trade import day

Row = dict[str, Any]
NOW = day(60)


def leg(
    at: datetime,
    rule: str = "pool",
    pool: str | None = "us",
    *,
    right: datetime | None = None,
    wrong: datetime | None = None,
    how: str = "dispute",
) -> Row:
    judged = min((t for t in (right, wrong) if t is not None), default=None)
    said = how if judged is not None else None
    return {"handoff": "h", "leg": 0, "rule": rule, "pool": pool, "at": at, "judged_at": judged, "wrong_at": wrong, "how": said}


def told(*legs: Row, as_of: datetime = NOW, minimum: int = 1, **period: Any) -> dict[str, Any]:
    return accuracy(pl.DataFrame(list(legs), schema=ASSIGNMENTS), as_of, Period(**period), minimum)


def test_of_the_examined_and_of_all() -> None:
    """Ten assignments: two disputes upheld, one rejected, seven nobody looked at."""
    found = told(
        leg(day(0), wrong=day(1)), leg(day(1), wrong=day(2)), leg(day(2), right=day(3)), *(leg(day(3)) for _ in range(7))
    )  # fmt: skip
    whole = found["all"]
    assert (whole["assignments"], whole["examined"], whole["unexamined"], whole["wrong"]) == (10, 3, 7, 2)
    assert (whole["of_examined"]["hits"], whole["of_examined"]["n"]) == (1, 3)
    assert whole["of_all"]["value"] == 0.8
    assert whole["of_examined"]["low"] < 1 / 3 < whole["of_examined"]["high"]
    assert found["wrong_by"] == {"dispute": 2}


def test_one_word_against_it_outweighs_another_for_it() -> None:
    """The dispute was rejected; then the opportunity became somebody else's."""
    assert told(leg(day(0), right=day(1), wrong=day(5), how="opportunity"))["all"]["wrong"] == 1


def test_what_comes_after_the_window_or_of_young_ones_is_not_counted() -> None:
    found = told(leg(day(0), wrong=day(15)), leg(day(50), wrong=day(51)), leg(day(46)))
    assert (found["all"]["assignments"], found["all"]["not_mature"], found["all"]["examined"], found["all"]["wrong"]) == (2, 1, 0, 0)


@pytest.mark.parametrize("rule", ["manual", "offer", "handed_back", "owner_changed"])
def test_what_people_and_other_systems_chose_is_not_the_contracts_doing(rule: str) -> None:
    assert told(leg(day(0), rule, wrong=day(1)))["all"]["assignments"] == 0


def test_by_rung_pool_and_month_in_a_period() -> None:
    legs = (leg(day(0), wrong=day(1), how="not_mine"), leg(day(0), "named_account", None), leg(day(29)), leg(day(31)))
    found = told(*legs, start=day(0), end=day(31))
    assert [(row["key"], row["assignments"], row["wrong"]) for row in found["rung"]] == [("named_account", 1, 0), ("pool", 2, 1)]
    assert [(row["key"], row["assignments"]) for row in found["pool"]] == [("no pool", 1), ("us", 2)]
    assert [row["key"] for row in found["month"]] == ["2026-06"]
    assert found["wrong_by"] == {"not_mine": 1}


def test_of_too_few_no_share_is_given() -> None:
    whole = told(leg(day(0), wrong=day(1)), minimum=30)["all"]
    assert whole["of_examined"]["value"] is None
    assert whole["of_examined"]["why"] == "not enough data: 1 of 30"
    assert told()["all"]["assignments"] == 0


def test_the_page_names_all_evidence(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "docs" / "reference" / "measures.md").read_text(encoding="utf-8")
    assert [name for name, said in EVIDENCE.items() if f"| `{name}` | {said} |" not in text] == []
