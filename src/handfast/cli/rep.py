"""`handfast rep`: who takes handoffs; switching somebody off and on; reading the calendar they keep their leave in."""

from __future__ import annotations

import getpass
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import orjson

from handfast.cli.opened import complain, opened
from handfast.connectors.ics.absences import LARGEST_BYTES
from handfast.contract.week import week_text
from handfast.desk import availability
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store import availability as rows

#: A calendar's server has so long to answer.
_PATIENCE_SECONDS: Final = 20


@click.group("rep", help="Who takes handoffs: list, on, off, calendar.")
def command() -> None:
    pass


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Every rep who is active: whether they take handoffs, until when they are away, hours, region, skills, open handoffs."""
    now = datetime.now(UTC)
    with opened(size=2) as house, house.store.reading() as conn:
        there = rows.there(conn, now)
    if as_json:
        shown = [{name: getattr(one, name) for name in one.__dataclass_fields__} for one in there]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        return
    if not there:
        click.echo("No reps yet. `handfast import reps.csv --as reps` brings them in.")
    for one in there:
        state = "off" if one.off_since else f"away until {one.away_until:%Y-%m-%d %H:%M} UTC" if one.away_until else "takes handoffs"
        more = [week_text(one.week)] if one.week else []
        more += [f"holidays {one.holidays}"] * bool(one.holidays) + [f"can {', '.join(one.skills)}"] * bool(one.skills)
        click.echo(f"{one.id:16} {state:32} {one.open:3} open  {one.time_zone}  {'; '.join(more)}".rstrip())


@command.command("on")
@click.argument("rep")
@click.option("--by", default=None, help="Who decides it; by default the name this computer knows you by.")
def on(rep: str, by: str | None) -> None:
    """REP takes handoffs again."""
    _switch(rep, True, by, "")


@command.command("off")
@click.argument("rep")
@click.option("--because", "why", default="", help="Why; others will read it.")
@click.option("--by", default=None, help="Who decides it; by default the name this computer knows you by.")
def off(rep: str, why: str, by: str | None) -> None:
    """REP takes none until switched on again; what they hold stays with them."""
    _switch(rep, False, by, why)


def _switch(rep: str, to: bool, by: str | None, why: str) -> None:
    with opened(size=2) as house:
        try:
            changed = availability.switch(house.store, rep, to, by or getpass.getuser(), datetime.now(UTC), why)
        except Refused as refused:
            complain([refused.problem])
            return
    state = "takes handoffs again" if to else "takes none"
    click.echo(f"{rep} {state}." if changed else f"{rep} {state}, as before.")


@command.command("calendar")
@click.argument("rep")
@click.argument("source", metavar="FILE|URL")
@click.option("--name", default=None, help="Tells several calendars of one rep apart; by default the file's name, or the host.")
def calendar(rep: str, source: str, name: str | None) -> None:
    """Read the absences of REP from an iCalendar file or feed (https). What it said before is replaced; run it again whenever you like."""
    data, called = _fetched(source) if source.startswith(("https://", "http://")) else _read(Path(source))
    if isinstance(data, Problem):
        complain([data])
        return
    with opened(size=2) as house:
        try:
            found, problems = availability.read_calendar(house.store, rep, data, name or called, getpass.getuser(), datetime.now(UTC))
        except Refused as refused:
            complain([refused.problem])
            return
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(f"{rep}: {found} absence{'' if found == 1 else 's'} read, {len(problems)} problem{'' if len(problems) == 1 else 's'}.")
    if problems and not found:
        raise SystemExit(1)


def _read(path: Path) -> tuple[bytes | Problem, str]:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1), path.name
    except OSError as error:
        return Problem(Place(str(path)), f"the file cannot be read ({error.strerror})", "Check its name."), path.name


def _fetched(url: str) -> tuple[bytes | Problem, str]:
    """The feed's bytes, at most one more than is allowed. Its address is a secret, for it opens the calendar: it is not said."""
    host = url.split("/")[2].rpartition("@")[2]
    if not url.startswith("https://"):
        return Problem(Place(host), "the address is not https", "Calendars are private: use the https address."), host
    try:
        asked = urllib.request.Request(url, headers={"User-Agent": "handfast"})  # noqa: S310  # https, as asked above
        with urllib.request.urlopen(asked, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310
            data: bytes = answer.read(LARGEST_BYTES + 1)
            return data, host
    except (urllib.error.URLError, OSError, ValueError) as error:
        said = getattr(error, "reason", None) or type(error).__name__
        return Problem(Place(host), f"the calendar cannot be fetched ({said})", "Check its address, and that it is shared."), host
