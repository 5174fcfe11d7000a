"""Identities are made in few steps, and are what the long way would make of the same cause: what is stored depends on them."""

from __future__ import annotations

import copy
import hashlib
import pickle
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handfast.facts import LANES, lane_of, signal_id

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(WORDS, WORDS)
def test_the_id_of_a_signal_is_a_uuid_like_any_other(source: str, message: str) -> None:
    made = signal_id(source, message)
    long_way = uuid.UUID(bytes=hashlib.sha256(f"{source}\x1f{message}".encode()).digest()[:16])
    assert type(made) is uuid.UUID
    assert (made, hash(made), str(made), made.bytes, made.is_safe) == (
        long_way, hash(long_way), str(long_way), long_way.bytes, long_way.is_safe,
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == long_way
    with pytest.raises(TypeError):
        made.int = 1  # type: ignore[misc]


@given(WORDS)
def test_a_lane_is_the_first_four_bytes_of_the_digest(key: str) -> None:
    assert lane_of(key) == int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % LANES
