"""`handfast rep`: who takes handoffs; switching somebody off and on; reading the calendar they keep their leave in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import orjson

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.cli.typed import whoever_types
from handfast.connectors.ics.absences import LARGEST_BYTES
from handfast.connectors.ics.feed import fetch, host_of, read_address
from handfast.contract.week import week_text
from handfast.desk import availability, feeds
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store import availability as rows
from handfast.store import feeds as feed_rows


@click.group("rep", help="Who takes handoffs: list, on, off, calendar, calendars, forget.")
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
        tell(f"{one.id:16} {state:32} {one.open:3} open  {one.time_zone}  {'; '.join(more)}".rstrip())


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
            changed = availability.switch(house.store, rep, to, by or whoever_types(), datetime.now(UTC), why)
        except Refused as refused:
            complain([refused.problem])
            return
    state = "takes handoffs again" if to else "takes none"
    click.echo(f"{rep} {state}." if changed else f"{rep} {state}, as before.")


@command.command("calendar")
@click.argument("rep")
@click.argument("source", metavar="FILE|URL")
@click.option("--name", default=None, help="Tells several calendars of one rep apart; by default the file's name, or the host.")
@click.option("--keep", is_flag=True, help="Fetch it again every hour, from a worker. Only for an address.")
def calendar(rep: str, source: str, name: str | None, keep: bool) -> None:
    """Read the absences of REP from an iCalendar file or feed (https). What it said before is replaced; run it again whenever you like."""
    at, by, is_address = datetime.now(UTC), whoever_types(), "://" in source
    if keep and not is_address:
        complain([Problem(Place(source), "only an address can be fetched again", "Give the https address of the calendar.")])
        return
    with opened(size=2) as house:
        try:
            called = feeds.keep(house.store, rep, source, by, at, name or "") if keep else name
            data, place = _fetched(source, house.settings.private_calendars) if is_address else _read(Path(source))
            if isinstance(data, Problem):
                complain([data])
                return
            found, problems = availability.read_calendar(house.store, rep, data, called or place, by, at)
        except Refused as refused:
            complain([refused.problem])
            return
    for problem in problems:
        tell(str(problem), err=True)
    click.echo(f"{rep}: {found} absence{'' if found == 1 else 's'} read, {len(problems)} problem{'' if len(problems) == 1 else 's'}.")
    if problems and not found:
        raise SystemExit(1)


@command.command("calendars")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def calendars(as_json: bool) -> None:
    """The calendars that are fetched every hour: when they were read, what was in them, since when they fail and why."""
    with opened(size=2) as house, house.store.reading() as conn:
        kept = feed_rows.feeds(conn)
    if as_json:
        shown = [{name: getattr(one, name) for name in one.__dataclass_fields__ if name not in _UNTOLD} for one in kept]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        return
    if not kept:
        click.echo("None. `handfast rep calendar REP URL --keep` keeps one.")
    for one in kept:
        good = f"read {one.read_at:%Y-%m-%d %H:%M} UTC, {one.absences} absences" if one.read_at else "not read yet"
        click.echo(
            f"{one.rep:16} {one.name:32} {good}" + (f", failing since {one.failing_since:%Y-%m-%d %H:%M}" if one.failing_since else "")
        )
        for problem in feeds.problems_of(one):
            tell(f"{'':17}{problem}")


#: What opens a calendar, and what its server is asked with.
_UNTOLD: Final = frozenset({"url", "etag", "modified"})


@command.command("forget")
@click.argument("rep")
@click.argument("name")
def forget(rep: str, name: str) -> None:
    """Fetch the calendar NAME of REP no more; what it said of the time to come is taken back."""
    with opened(size=2) as house:
        try:
            feeds.forget(house.store, rep, name, whoever_types(), datetime.now(UTC))
        except Refused as refused:
            complain([refused.problem])
            return
    click.echo(f"{rep}: '{name}' is fetched no more.")


def _read(path: Path) -> tuple[bytes | Problem, str]:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1), path.name
    except OSError as error:
        return Problem(Place(str(path)), f"the file cannot be read ({error.strerror})", "Check its name."), path.name


def _fetched(url: str, private: bool) -> tuple[bytes | Problem, str]:
    """The feed's bytes. Its address is a secret, for it opens the calendar: it is not said."""
    address, wrong = read_address(url)
    found = wrong or fetch(address, private=private)
    return (found if isinstance(found, Problem) else found.data or b""), host_of(address)
