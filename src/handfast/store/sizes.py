"""Everybody there is, as conditions read them: for counting how many a rule holds for today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from handfast.store.base import Conn
from handfast.store.frames import lines


def people(conn: Conn, fields: Sequence[str]) -> pl.DataFrame:
    """One row a person: `person`, `account` (numbers; null for none), where they stand (`_next_step`, `_fit`, `_intent`: the last verdict's,
    as JSON text), and one a field of `fields`: its JSON text, of person over account; null is unknown.
    """
    columns: dict[str, tuple[str, pl.DataType]] = {
        "person": ("hashtextextended(p.id, 0)", pl.Int64()),
        "account": ("hashtextextended(p.account_id, 0)", pl.Int64()),
        "_next_step": ("to_json(s.next_step)::text", pl.String()),
        "_fit": ("s.fit::text", pl.String()),
        "_intent": ("(s.intent / 1000000.0)::text", pl.String()),
        **{name: (f"coalesce(p.fields -> {_quoted(name)}, a.fields -> {_quoted(name)})::text", pl.String()) for name in fields},
    }
    source = """person AS p LEFT JOIN account AS a ON a.id = p.account_id LEFT JOIN standing AS s ON s.person_id = p.id
                WHERE p.merged_into IS NULL"""
    return lines(conn, columns, source, ())


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''").replace("%", "%%") + "'"


def signals(conn: Conn, kinds: Sequence[str], fields: Sequence[str], since: datetime, until: datetime) -> pl.DataFrame:
    """Signals of known people in (since, until]: `person` and `account` (numbers), `_kind` (place in `kinds`, from 1), `_occurred_at`, and one a field."""
    columns: dict[str, tuple[str, pl.DataType]] = {
        "person": ("hashtextextended(p.id, 0)", pl.Int64()),
        "account": ("hashtextextended(p.account_id, 0)", pl.Int64()),
        "_kind": ("array_position(%b::text[], s.kind)", pl.Int64()),
        "_occurred_at": ("s.occurred_at", pl.Datetime("us", "UTC")),
        **{name: (f"(s.properties -> {_quoted(name)})::text", pl.String()) for name in fields},
    }
    source = """signal AS s JOIN identity AS i ON i.who = s.who JOIN person AS p ON p.id = i.person_id
                WHERE s.kind = ANY(%b) AND s.occurred_at > %s AND s.occurred_at <= %s"""
    return lines(conn, columns, source, (list(kinds), list(kinds), since, until))
