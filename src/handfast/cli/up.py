"""`handfast up`: web, worker and database in one command."""

from __future__ import annotations

import threading
from collections.abc import Callable

import click

from handfast.cli.logs import logging_to_stderr
from handfast.cli.opened import PATIENCE_SECONDS, House, channels, opened, say, settings
from handfast.cli.serve import prepare, serve


@click.command("up")
def command() -> None:
    """Web, worker and embedded PostgreSQL in one; prints the address to open."""
    found = settings()
    logging_to_stderr(found.log_level)
    with opened(found, size=24, patience_seconds=PATIENCE_SECONDS) as house:
        prepare(house)
        run(house)


def run(house: House, beside: Callable[[threading.Event], None] | None = None) -> None:
    """Runs web and worker until interrupted; `beside` runs in a thread of its own until told to stop."""
    from handfast.worker import Worker

    worker = Worker(
        house.store,
        channels(house.settings),
        contract_file=house.settings.contract,
        per_minute=house.settings.rates,
        private_calendars=house.settings.private_calendars,
    )
    threads = [threading.Thread(target=worker.run, name="worker")]
    if beside is not None:
        threads.append(threading.Thread(target=beside, args=(worker.stop,), name="beside"))
    for thread in threads:
        thread.start()
    say(f"Handfast is up: {house.settings.public_url}  (Ctrl-C stops it)")
    try:
        serve(house, worker.stop)
    finally:
        worker.stop.set()
        for thread in threads:
            thread.join(timeout=15)
