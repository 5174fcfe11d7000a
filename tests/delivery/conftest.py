from __future__ import annotations

import pytest
from delivery_house import Clock, House, Wire

from handfast.store.base import Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


@pytest.fixture
def wire() -> Wire:
    return Wire()
