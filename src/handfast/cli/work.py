"""`handfast work`: a worker alone."""

from __future__ import annotations

import signal

import click

from handfast.cli.logs import logging_to_stderr
from handfast.cli.opened import PATIENCE_SECONDS, channels, opened, settings


@click.command("work")
@click.option(
    "--lanes",
    default=64,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="How many lanes one transaction takes at most; fewer where several workers share.",
)
def command(lanes: int) -> None:
    """A worker alone: decides, fires clocks, delivers. Any number of them on one HANDFAST_DATABASE_URL."""
    from handfast.worker import Worker

    found = settings()
    logging_to_stderr(found.log_level)
    with opened(found, patience_seconds=PATIENCE_SECONDS) as house:
        worker = Worker(
            house.store,
            channels(found),
            contract_file=found.contract,
            lanes_at_once=lanes,
            per_minute=found.rates,
            private_calendars=found.private_calendars,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.stop.set())
        worker.run()
