"""`handfast login`: local accounts for the pages."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import orjson

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.cli.typed import password_given
from handfast.desk import logins
from handfast.desk.logins import MIN_PASSWORD
from handfast.desk.refused import Refused
from handfast.store.logins import ROLES


@click.group("login", help="Accounts that may sign in to the pages: add, list, remove.")
def command() -> None:
    pass


@command.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the account may see and do, and where it begins.")
@click.option("--rep", "rep_id", metavar="ID", help="The rep whose queue it opens; needed for role rep.")
@click.option("--name", default="", help="How the pages call them; without it, the first part of the e-mail.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def add(email: str, role: str, rep_id: str | None, name: str, password_stdin: bool) -> None:
    """Add an account for EMAIL."""
    with opened() as house:
        try:
            logins.may_add(house.store, email, role, rep_id)
            password = _password(password_stdin)
            made = logins.add_login(house.store, email, password, role, datetime.now(UTC), rep_id=rep_id, name=name)
        except Refused as refusal:
            complain([refusal.problem])
            return
    click.echo(f"{made.email} may sign in as {made.role}.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Every account, without its password."""
    with opened() as house:
        found = logins.list_logins(house.store)
    if as_json:
        rows = [{"email": x.email, "name": x.name, "role": x.role, "rep": x.rep_id, "created_at": x.created_at} for x in found]
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        click.echo("Nobody has an account yet. Add one: handfast login add EMAIL --role revops")
    for one in found:
        tell(f"{one.email:<40} {one.role:<10} {one.rep_id or '':<16} {one.name}".rstrip())


@command.command("remove")
@click.argument("email")
def remove(email: str) -> None:
    """Remove the account of EMAIL and end its sessions."""
    with opened() as house:
        try:
            logins.remove_login(house.store, email)
        except Refused as refusal:
            complain([refusal.problem])
            return
    click.echo(f"{email.strip().lower()} can no longer sign in.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return password_given()
    return str(click.prompt(f"Password (at least {MIN_PASSWORD} characters)", hide_input=True, confirmation_prompt=True))
