"""`handfast person`: what is held on somebody, and erasing them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import click
import orjson

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.desk import erasing
from handfast.desk.erasing import Preview
from handfast.desk.refused import Refused
from handfast.store.erasing import erasures
from handfast.store.mentions import Tell
from handfast.store.personal import How

#: Erasures that are listed.
LISTED: Final = 100
#: Where standard error is no terminal, so long nothing is said of how far a look has come.
SILENT_SECONDS: Final = 2.0
_HOW: Final[dict[How, str]] = {"deleted": "Is deleted", "blanked": "Stays without what it says of them", "kept": "Stays"}


@click.group("person", help="What is held on a person: export it, or erase it; with a preview.")
def command() -> None:
    pass


@command.command("export")
@click.argument("who")
def export(who: str) -> None:
    """Everything that is held on a person, as one JSON document."""
    with opened(size=2) as house:
        try:
            found = erasing.export(house.store, who, datetime.now(UTC))
        except Refused as wrong:
            complain([wrong.problem])
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str).decode())


@command.command("erase")
@click.argument("who")
@click.option("--reason", default="", help="Why, in a few words that do not name the person; kept.")
@click.option("--by", default="operator", show_default=True, help="Who erases: an e-mail address or a name; kept.")
@click.option("--close", is_flag=True, help="Close the open handoffs they opened, as returned to marketing.")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is written.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def erase(who: str, reason: str, by: str, close: bool, yes: bool, as_json: bool) -> None:
    """Erase a person. Without --yes: what that would do, by counts.

    WHO is an id, an e-mail address, a user id or an anonymous id.
    """
    with opened(size=2) as house:
        try:
            if not yes:
                with _looking() as tell_of:
                    seen = erasing.preview(house.store, who, tell=tell_of)
                _show(seen, as_json)
                return
            at = datetime.now(UTC)
            with _looking() as tell_of:
                done = erasing.erase(house.store, who, by, at, reason=reason, close=close, data_dir=house.settings.data_dir, tell=tell_of)
        except Refused as wrong:
            complain([wrong.problem])
    one = done.erasure
    if as_json:
        said = {"erasure": one.id, "at": one.at, "by": one.by, "reason": one.reason, "counts": dict(one.counts)}
        click.echo(orjson.dumps({**said, "closed": done.closed, "files": done.files}, option=orjson.OPT_INDENT_2).decode())
        return
    click.echo(f"{one.id}: erased. {_listed(one.counts)}.")
    for handoff in done.closed:
        click.echo(f"{handoff} was closed with it.")
    if done.files:
        click.echo(f"{done.files} files of the data directory that named them were removed.")


@command.command("erasures")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Erasures, the latest first: when, by whom, why, how much; nothing about whom."""
    with opened(size=2) as house, house.store.reading() as conn:
        found = erasures(conn, LISTED)
    if as_json:
        said = [{"id": one.id, "at": one.at, "by": one.by, "reason": one.reason, "counts": dict(one.counts)} for one in found]
        click.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode())
        return
    for one in found:
        why, rows = f": {one.reason}" if one.reason else "", sum(one.counts.values())
        tell(f"{one.id}  {one.at:%Y-%m-%d %H:%M} UTC, by {one.by}{why}  ({rows:,} rows)")
    if not found:
        click.echo("Nobody was erased.")


@contextmanager
def _looking() -> Iterator[Tell]:
    """How far the look through everything has come, on standard error: a bar on a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<44}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Looking", total=None)
        yield lambda table, done, of: bar.update(task, description=_said(table), completed=done, total=of)


class _Lines:
    """Says where it is, when it has been silent for long enough."""

    def __init__(self) -> None:
        self.spoke = monotonic()

    def __call__(self, table: str, done: int, of: int) -> None:
        if monotonic() - self.spoke >= SILENT_SECONDS:
            self.spoke = monotonic()
            click.echo(f"{_said(table)} ({done} of {of} tables)", err=True)


def _said(table: str) -> str:
    return f"Looking through {table.replace('_', ' ')}"


def _show(seen: Preview, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(seen.as_json(), option=orjson.OPT_INDENT_2).decode())
        return
    records = "" if seen.people == 1 else f", {seen.people} records made one"
    tell(f"{seen.name} ({seen.person}{records}), known by {', '.join(seen.keys) or 'nothing'}")
    for how, said in _HOW.items():
        if found := seen.by(how):
            tell(f"  {said}: {_listed(found)}.")
    if seen.accounts:
        tell(f"  Is called nothing from then on: the account {', '.join(seen.accounts)}.")
    if seen.mentions:
        tell(f"  Is taken out of rows of others: {_listed(seen.mentions)}.")
    if seen.problem is not None:
        complain([seen.problem])
    click.echo("Nothing was written. --yes does it; it cannot be undone.")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{noun} ({n:,})" for noun, n in counts.items() if n) or "nothing"


__all__ = ["command"]
