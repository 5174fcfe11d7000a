"""Loose values as columns: one reading, whether the values come as they are or as JSON text, few or many."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import orjson
import polars as pl
import pytest

from handfast.contract.frames import FEW, as_column, as_json_column, as_moments, microseconds_of
from handfast.contract.terms import FieldType

VALUES: list[Any] = [
    None, True, False, 0, 1, -7, 200, 10**18, 2**63, -(2**63), 10**40, 0.5, 2.0, -1.25, 1e300, 123456789.123456, "", "text", 'with "quotes"',
    "back\\slash", "ümlaut", "tab\tand\nline", "42", " 42 ", "-1.5e3", "true", "Yes", "no", "NaN", "2026-03-02", "2026-03-02T10:00:00+05:30",
    "2026-03-02 10:00:00.123456", [1, 2], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("kind", get_args(FieldType))
def test_few_and_many_json_texts_are_read_as_the_values_they_stand_for(kind: FieldType) -> None:
    texts = [None if value is None else json.dumps(value) for value in VALUES]
    values = [None if text is None else orjson.loads(text) for text in texts]
    few = as_json_column(pl.Series("x", texts), kind)
    many = as_json_column(pl.Series("x", texts * FEW), kind)
    assert few.equals(as_column("x", values, kind), check_dtypes=True, check_names=True)
    assert many[: len(few)].equals(few, check_dtypes=True, check_names=True)


def test_moments_keep_their_microseconds_in_whatever_zone_they_come() -> None:
    moments = [
        datetime(1969, 7, 20, 20, 17, 40, 1, UTC),
        None,
        datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=5.5))),
        datetime.max.replace(tzinfo=UTC),
    ]
    column = as_moments("at", moments)
    assert column.dtype == pl.Datetime("us", "UTC")
    assert column.to_list() == moments
    assert microseconds_of(column).to_list()[0] == -14182939999999
