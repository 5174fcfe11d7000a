"""`handfast key`: write keys for the intake door."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click
import orjson

from handfast.cli.opened import complain, opened, say
from handfast.desk import intake
from handfast.desk.intake import name_of
from handfast.problem import Place, Problem


@click.group("key", help="Write keys for the intake door: create, list, revoke.")
def command() -> None:
    pass


@command.command("create")
@click.argument("source")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def create(source: str, as_json: bool) -> None:
    """Make a key whose events are recorded under SOURCE (for instance `web` or `backend`), and show it this once."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,49}", source) is None:
        what = f"'{source}' cannot be the name of a source"
        complain([Problem(Place("handfast key create", part="SOURCE"), what, "Use up to 50 of a-z, 0-9, '-', '_' and '.'.")])
    with opened(size=2) as house:
        key = intake.create_key(house.store, source, datetime.now(UTC))
    name = name_of(intake.digest_of(key))
    if as_json:
        click.echo(orjson.dumps({"key": key, "name": name, "source": source}, option=orjson.OPT_INDENT_2).decode())
        return
    click.echo(key)
    say(f"This key is shown only now. Events sent with it come from '{source}'; its name is {name}.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Every key by its name (a digest, never the key itself)."""
    with opened(size=2) as house:
        found = intake.list_keys(house.store)
    if as_json:
        rows = [{"name": name_of(k.digest), "source": k.source, "created_at": k.created_at, "revoked_at": k.revoked_at} for k in found]
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        click.echo("There is no write key yet. Make one: handfast key create SOURCE")
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC" if key.revoked_at else "live"
        click.echo(f"{name_of(key.digest)}  {key.source:<20} since {key.created_at:%Y-%m-%d %H:%M} UTC  {state}")


@command.command("revoke")
@click.argument("which", metavar="NAME")
def revoke(which: str) -> None:
    """End the key called NAME (as `list` shows it, or the key itself). Running doors refuse it within five seconds."""
    with opened(size=2) as house:
        done = intake.revoke_key(house.store, which.strip(), datetime.now(UTC))
    if isinstance(done, Problem):
        complain([done])
        return
    click.echo(f"The key {name_of(done.digest)} of '{done.source}' holds no more.")
