"""`handfast dispute`: what is argued about, and the answers as labelled examples."""

from __future__ import annotations

import click
import orjson

from handfast.cli.opened import opened
from handfast.desk import disputes
from handfast.store import disputes as rows


@click.group("dispute", help="Disputes: those that wait, and the answers as labels.")
def command() -> None:
    pass


@command.command("list")
@click.option("--labels", is_flag=True, help="The answers instead: each says whether a decision was right.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(labels: bool, as_json: bool) -> None:
    """Disputes that wait for an answer, the most urgent first."""
    with opened(size=2) as house:
        if labels:
            found = [dict(one) for one in disputes.labels(house.store)]
        else:
            with house.store.reading() as conn:
                found = [{name: getattr(one, name) for name in one.__dataclass_fields__} for one in rows.waiting(conn)]
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        click.echo("No dispute has an answer yet." if labels else "Nothing is disputed.")
    for one in found:
        if labels:
            click.echo(f"{one['handoff']}  {one['about']:9} by {one['rule']}: {'right' if one['right'] else 'wrong'}  {one['reason']}")
        else:
            due = f"answer by {one['due_at']:%Y-%m-%d %H:%M} UTC"
            click.echo(f"{one['id']}  {one['handoff']}  {one['about']:9} {due}  {one['side']}: {one['reason']}")
