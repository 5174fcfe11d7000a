"""`handfast demo`: a simulated company, ninety days in seconds, then live."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from handfast.cli.logs import logging_to_stderr
from handfast.cli.opened import House, complain, opened, say, settings
from handfast.cli.up import run

if TYPE_CHECKING:
    from handfast.demo.run import Cast

#: Who may sign in to the demo; the password is the same for all and printed.
PASSWORD = "northwind-demo"  # noqa: S105 - a demo's, on a loopback address, and printed
LOGINS = (
    ("ana.flores@northwind.example", "Ana Flores", "rep", "ana"),
    ("priya.patel@northwind.example", "Priya Patel", "manager", "priya"),  # signs contracts for Sales
    ("mara.lang@northwind.example", "Mara Lang", "marketing", None),  # and she for Marketing
    ("otto.reis@northwind.example", "Otto Reis", "revops", None),
    ("iris.holm@northwind.example", "Iris Holm", "leader", None),
)


@click.command("demo")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 365), help="How many days to live through before now.")
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same company.")
@click.option("--until", default=None, help="The moment the history ends (ISO 8601); default now.")
@click.option("--stop-there", is_flag=True, help="End after the history instead of going on live.")
@click.option("--keep", is_flag=True, help="Go on with the demo data that is there, without new history.")
def command(days: int, seed: int, until: str | None, stop_there: bool, keep: bool) -> None:
    """A simulated company through the front doors, then as `up`.

    Its data lives apart from yours, in DATA_DIR/demo, and is made anew each time.
    """
    # Read when polars is first imported, which is below: of frames of a few hundred rows, threads cost more than they save.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from handfast.worker import utc_now

    found = settings()
    logging_to_stderr(found.log_level)
    found = replace(found, data_dir=found.data_dir / "demo")
    end = _moment(until) if until else utc_now()
    with opened(found, size=24) as house:
        people = company(house, days, seed, end, keep=keep)
        if stop_there:
            return
        from handfast.cli.serve import prepare
        from handfast.demo.run import Live

        prepare(house)
        say(f"Sign in as {', '.join(login[0] for login in LOGINS[:2])} … with the password '{PASSWORD}'.")

        def beside(stop: threading.Event) -> None:
            Live(house.store, people, utc_now, stop).run()

        run(house, beside)


def company(house: House, days: int, seed: int, end: datetime, *, keep: bool = False) -> Cast:
    """Makes the company and its past, with a progress bar. With `keep`, its people only: the past is there."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from handfast.demo import run as demo
    from handfast.desk.logins import add_login

    hands_off = frozenset({"ana"})
    if keep:
        return demo.cast(house.store, seed, hands_off)
    if (problem := demo.clear(house.store, end)) is not None:
        complain([problem])
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with house.store.hurried() as quick, Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Northwind", total=1.0)
        people, done = demo.live_through(
            quick, days=days, seed=seed, end=end, tell=lambda what, share: bar.update(task, description=what, completed=share)
        )
        bar.update(task, completed=1.0, description=f"{days} days of Northwind")
    people.sales.hands_off = hands_off  # in the past everybody was played
    people.sales.store = house.store
    for email, name, role, rep in LOGINS:
        add_login(house.store, email, PASSWORD, role, end, rep_id=rep, name=name)
    d = done.decided
    say(
        f"{d.signals} signals, {d.verdicts} verdicts, {d.opened} handoffs ({d.joined} people joined one), {done.touches} touches, "
        f"{done.ended} outcomes, {done.fired} clock steps."
    )
    return people


def _moment(text: str) -> datetime:
    from handfast.moments import moment_in

    try:
        return moment_in(text, UTC)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write it as 2026-11-22T09:00+00:00", param_hint="--until") from None
