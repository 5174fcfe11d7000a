"""What a connection of the Store reads in ways of its own: documents and identities, as anybody else would read them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from handfast.store.base import Store


@pytest.mark.parametrize(
    "value", [{}, {"a": [1, 2.5, None, True, "ü\u2028😀"]}, [], "text", 0, -(2**53), None, {"deep": {"er": [[[]]]}}], ids=repr
)
def test_a_document_comes_back_as_it_was(store: Store, value: Any) -> None:
    with store.reading() as conn:
        assert conn.execute("SELECT %s::jsonb, ARRAY[%s::jsonb]", (Jsonb(value), Jsonb(value))).fetchone() == (value, [value])
        assert conn.execute("SELECT NULL::jsonb").fetchone() == (None,)


@pytest.mark.parametrize("number", [0, 1, 2**128 - 1, 0x0123456789ABCDEF0123456789ABCDEF])
def test_an_identity_comes_back_as_it_was(store: Store, number: int) -> None:
    one = uuid.UUID(int=number)
    with store.reading() as conn:
        row = conn.execute("SELECT %s::uuid, ARRAY[%s::uuid]", (one, one)).fetchone()
    assert row == (one, [one])
    assert type(row[0]) is uuid.UUID
    assert (str(row[0]), row[0].bytes, row[0].is_safe) == (str(one), one.bytes, one.is_safe)
