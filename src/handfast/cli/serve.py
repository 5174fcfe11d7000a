"""`handfast serve`: the web process alone, on HANDFAST_DATABASE_URL or the embedded server."""

from __future__ import annotations

import gc
import signal
import threading

import click

from handfast.cli.opened import PATIENCE_SECONDS, House, logging_to_stderr, opened, settings


@click.command("serve")
def command() -> None:
    """The web process alone: pages, API and intake. Any number of them on one HANDFAST_DATABASE_URL."""
    found = settings()
    logging_to_stderr(found.log_level)
    with opened(found, patience_seconds=PATIENCE_SECONDS) as house:
        prepare(house)
        serve(house)


def prepare(house: House) -> None:
    """The initial write key and contract of the settings."""
    from handfast.desk.intake import ensure_key
    from handfast.worker import load_contract, utc_now

    if house.settings.write_key:
        ensure_key(house.store, house.settings.write_key, "web", utc_now())
    if house.settings.contract:
        load_contract(house.store, house.settings.contract, utc_now())


def serve(house: House, stop: threading.Event | None = None) -> None:
    """Blocks until SIGINT or SIGTERM. Open streams are given two seconds."""
    from handfast.desk.figures import board_of
    from handfast.web.app import create_app
    from handfast.web.server import Server
    from handfast.worker import utc_now

    app = create_app(house.store, house.settings, clock=utc_now, scoreboard=board_of)
    # What is loaded by now stays; collecting it again and again cost a fifth of the processor time of the intake.
    gc.collect()
    gc.freeze()
    server = Server(app, host=house.settings.host, port=house.settings.port)
    # uvicorn raises the signal that stopped it once more when it is done; by then it has done its work, and what comes after
    # here (the worker, the embedded database) must still be stopped in order.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        server.run()
    finally:
        if stop is not None:
            stop.set()
