"""`handfast serve`: the web process alone, on HANDFAST_DATABASE_URL or the embedded server."""

from __future__ import annotations

import errno
import gc
import signal
import threading
import time
from typing import Final

import click

from handfast.cli.logs import logging_to_stderr
from handfast.cli.opened import PATIENCE_SECONDS, House, complain, opened, say, settings
from handfast.problem import Place, Problem
from handfast.settings import Settings

#: So long a port that somebody else has is waited for: after a crash that may be a connection which happened to get its number.
PORT_SECONDS: Final = 20.0


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
    from handfast.desk import contracts
    from handfast.store.opening import patiently

    patiently(lambda: _prepare(house), PATIENCE_SECONDS, say)
    if contracts.none_agreed(house.store):
        say("No contract is in force: signals are kept and wait. Load one: handfast contract load FILE, or set HANDFAST_CONTRACT.")


def _prepare(house: House) -> None:
    from handfast.desk.intake import ensure_key
    from handfast.worker import load_contract, utc_now

    if house.settings.write_key:
        ensure_key(house.store, house.settings.write_key, "web", utc_now())
    if house.settings.contract:
        load_contract(house.store, house.settings.contract, utc_now())


def wait_for_port(given: Settings, seconds: float = PORT_SECONDS) -> None:
    """Returns once the port is free; exits with a Problem where it is not to be had."""
    from handfast.web.server import port_trouble

    until, told = time.monotonic() + seconds, False
    where = f"port {given.port} of {given.host}"
    fix = "Choose another one with HANDFAST_PORT (and HANDFAST_HOST), or end what uses it: perhaps another Handfast."
    while (error := port_trouble(given.host, given.port)) is not None:
        if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
            complain([Problem(Place("the web server"), f"{where} cannot be listened on: {error.strerror or error}", fix)])
        if not told:
            say(f"Another program uses {where}; trying again for {seconds:.0f} seconds. {fix}")
            told = True
        time.sleep(0.2)


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
    wait_for_port(house.settings)
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
