from __future__ import annotations

import pytest
from delivery_house import Clock, House, Wire
from hypothesis import HealthCheck, settings

from handfast.store.base import Store

# A busy machine is no failure: what is tested is what is true, not how fast.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


@pytest.fixture
def wire() -> Wire:
    return Wire()
