"""Figures for Prometheus, in its text format at `/metrics`. Nothing personal is among them.

`INTAKE` counts at the doors of this process; everything else is read from the database when Prometheus asks, so it is the same whichever
process answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from handfast.store import pulse
from handfast.web.house import House, house_of

if TYPE_CHECKING:
    from datetime import datetime

router = APIRouter(include_in_schema=False)

#: What this process counts itself. `outcome`: accepted, duplicate, refused.
REGISTRY: Final = CollectorRegistry()
INTAKE: Final = Counter("handfast_intake_events", "Events received at the doors of this process.", ["source", "outcome"], registry=REGISTRY)


class StoreCollector(Collector):
    """Reads the installation's state once a scrape."""

    def __init__(self, house: House) -> None:
        self._house = house

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        at = self._house.clock()
        with self._house.store.reading() as conn:
            found = pulse.pulse(conn, at)
        yield CounterMetricFamily("handfast_signals", "Signals recorded; the number of the latest one.", value=found.signals)
        handoffs = GaugeMetricFamily("handfast_open_handoffs", "Open handoffs by whether somebody owns them.", labels=["queue"])
        handoffs.add_metric(["owned"], found.open_owned)
        handoffs.add_metric(["exceptions"], found.open_exceptions)
        yield handoffs
        yield GaugeMetricFamily("handfast_pending_signals", "Signals recorded and not yet decided.", value=found.pending)
        yield GaugeMetricFamily("handfast_open_intake_problems", "Refused payloads nobody has settled.", value=found.problems)
        yield GaugeMetricFamily("handfast_overdue_timers", "Steps of clocks that are due and have not fired.", value=found.overdue_timers)
        yield GaugeMetricFamily("handfast_waiting_messages", "Messages written and not yet sent.", value=found.waiting)
        yield GaugeMetricFamily(
            "handfast_oldest_waiting_message_seconds", "Age of the oldest of them; 0 without any.", value=_age(found.oldest_waiting, at)
        )
        yield GaugeMetricFamily("handfast_dead_messages", "Messages given up after the last attempt.", value=found.dead)
        if found.worker_at is not None:
            yield GaugeMetricFamily(
                "handfast_worker_heartbeat_age_seconds", "Since a worker last said it lives.", value=_age(found.worker_at, at)
            )
        yield GaugeMetricFamily(
            "handfast_contract_version", "Version of the contract in force; 0 without one.", value=found.contract_version
        )


def _age(since: datetime | None, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds()) if since else 0.0


def store_registry(house: House) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(StoreCollector(house))
    return registry


@router.get("/metrics")
def metrics(request: Request) -> Response:
    house_of(request)
    text = generate_latest(REGISTRY) + generate_latest(request.app.state.store_registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})
