from __future__ import annotations

import pytest

from handfast.store.base import Store

from .house import House


@pytest.fixture
def house(store: Store) -> House:
    return House(store)
