"""Rows of loose values as a frame of declared types: what conditions are evaluated on.

What cannot be read as the declared type is null, that is: unknown. Nothing is guessed and nothing is refused here; the doors do that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Final

import orjson
import polars as pl

from handfast.contract.terms import FieldType

#: The Polars type of each declared type.
DTYPES: Final[Mapping[FieldType, pl.DataType]] = {
    "text": pl.String(),
    "int": pl.Int64(),
    "number": pl.Float64(),
    "bool": pl.Boolean(),
    "time": pl.Datetime("us", "UTC"),
}

#: Frames of so many rows at most are worked on by one thread: waking others takes longer than the work, and far longer where they are busy.
FEW: Final = 512

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}\Z")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\Z")
_YES_NO: Final = {"true": True, "yes": True, "false": False, "no": False}


def picked(frame: pl.DataFrame, *exprs: pl.Expr | pl.Series | str) -> pl.DataFrame:
    """`frame.select`, in one thread where the rows are few."""
    return frame.select_seq(*exprs) if frame.height <= FEW else frame.select(*exprs)


def added(frame: pl.DataFrame, *exprs: pl.Expr | pl.Series, **named: pl.Expr) -> pl.DataFrame:
    """`frame.with_columns`, in one thread where the rows are few."""
    return frame.with_columns_seq(*exprs, **named) if frame.height <= FEW else frame.with_columns(*exprs, **named)


def microseconds_of(moments: pl.Series) -> pl.Series:
    """Whole microseconds since 1970 in UTC. A cast, since `to_physical` is a query of its own, and takes thirty times as long."""
    return moments.cast(DTYPES["time"]).cast(pl.Int64)


def shaped(frame: pl.DataFrame, keys: Mapping[str, pl.DataType], fields: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The frame with every column needed; a field nobody delivered is a column of nulls, that is, unknown."""
    if frame.width == 0:
        return pl.DataFrame(schema={**keys, **fields})
    there = frame.schema
    untyped = [pl.col(name).cast(dtype) for name, dtype in (*keys.items(), *fields.items()) if isinstance(there.get(name), pl.Null)]
    absent = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in fields.items() if name not in there]
    return added(frame, *untyped, *absent) if untyped or absent else frame


def as_frame(rows: Sequence[Mapping[str, Any]], fields: Mapping[str, FieldType]) -> pl.DataFrame:
    """One row a mapping, one column a declared field, in the declared order; other keys are left out.

    Read as declared: numbers and yes-or-no as `text`; whole numbers written as text or with a zero fraction as `int`; texts of a number as
    `number`; true, false, yes and no (any case), 1 and 0 as `bool`; ISO 8601 texts and datetimes as `time`, in UTC where they name no zone.
    Everything else, and whatever does not fit the type (an int beyond 64 bits, NaN), is null.
    """
    columns = [as_column(name, [row.get(name) for row in rows], kind) for name, kind in fields.items()]
    return pl.DataFrame(columns) if columns else pl.DataFrame()


def as_column(name: str, values: Sequence[Any], kind: FieldType) -> pl.Series:
    """One column of a declared type, by the same reading: the only place where a loose value gets its type."""
    if set(map(type, values)) <= _ALREADY.get(kind, frozenset()):
        with suppress(UnicodeEncodeError, OverflowError, TypeError, pl.exceptions.PolarsError):
            return pl.Series(name, values, dtype=DTYPES[kind])
    if kind == "time":
        return as_moments(name, map(_time, values))
    return pl.Series(name, [_READ[kind](value) for value in values], dtype=DTYPES[kind])


def as_moments(name: str, moments: Iterable[datetime | None]) -> pl.Series:
    """Aware datetimes as a column in UTC. They go as numbers: Polars takes twenty times as long to be told one datetime."""
    numbers = [None if moment is None else (moment - _EPOCH) // _MICROSECOND for moment in moments]
    return pl.Series(name, numbers, dtype=pl.Int64).cast(DTYPES["time"])


def as_json_column(raw: pl.Series, kind: FieldType) -> pl.Series:
    """`raw` holds JSON texts (null: no value): the same reading as `as_column` of the values they stand for.

    Of many, what is plainly of its type is read by Polars, all at once; only the rest is looked at one by one.
    """
    if len(raw) <= FEW:
        return as_column(raw.name, [None if text is None else orjson.loads(text) for text in raw.to_list()], kind)
    plain, value = _PLAIN[kind]
    frame = raw.rename("_").to_frame()
    found = picked(frame, plain.alias("plain"), pl.when(plain).then(value).alias("value"))
    odd = (~found["plain"]).fill_null(False)
    column = found["value"].cast(DTYPES[kind])
    if odd.any():
        read = [_READ[kind](orjson.loads(text)) for text in raw.filter(odd)]
        column = column.scatter(odd.arg_true(), pl.Series(read, dtype=DTYPES[kind]))
    return column.rename(raw.name)


def read_time(text: str) -> datetime | None:
    """The moment an ISO 8601 text names, in UTC; UTC is also what a text without a zone means. None where it is none."""
    try:
        return _in_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.isascii() or _encodes(value) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else None
    return str(value) if isinstance(value, float) and math.isfinite(value) else None


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair, as JSON may carry
        return False
    return True


def _int(value: Any) -> int | None:
    written = isinstance(value, str) and _WHOLE.match(value.strip())
    if written or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**63) <= value < 2**63 else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        value = float(value) if _DECIMAL.match(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _YES_NO.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        return read_time(value)
    if not isinstance(value, datetime):
        return None
    try:
        return _in_utc(value)
    except OverflowError:
        return None


_WRITTEN: Final = pl.col("_")
#: Of a JSON text: is it plainly of the type, and then what is its value?
_PLAIN: Final[Mapping[FieldType, tuple[pl.Expr, pl.Expr]]] = {
    # A text without a backslash has no quotes but the two around it.
    "text": (
        _WRITTEN.str.starts_with('"') & ~_WRITTEN.str.contains("\\", literal=True),
        _WRITTEN.str.replace_all('"', "", literal=True),
    ),
    "int": (_WRITTEN.str.contains(r"\A-?[0-9]{1,18}\z"), _WRITTEN.cast(pl.Int64, strict=False)),
    "number": (_WRITTEN.str.contains(r"\A-?[0-9]{1,15}(\.[0-9]{1,15})?\z"), _WRITTEN.cast(pl.Float64, strict=False)),
    "bool": (_WRITTEN.is_in(["true", "false"]), _WRITTEN == "true"),
    "time": (_WRITTEN.is_null(), pl.lit(None, dtype=pl.Datetime("us", "UTC"))),
}
#: Values of these Python types alone are a column as they stand; what turns out not to fit is read one by one.
_ALREADY: Final[Mapping[FieldType, frozenset[type]]] = {
    "text": frozenset({str, NoneType}),
    "int": frozenset({int, NoneType}),
    "bool": frozenset({bool, NoneType}),
}
_READ: Final[Mapping[FieldType, Callable[[Any], Any]]] = {"text": _text, "int": _int, "number": _number, "bool": _bool, "time": _time}
