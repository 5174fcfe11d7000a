from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no failure: what is tested is what is true, not how fast.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
