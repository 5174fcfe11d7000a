"""`handfast outbox`: messages that wait or died."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click
import orjson

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.problem import Place, Problem
from handfast.store import outbox
from handfast.store.outbox import Entry

#: At most so many rows are listed.
MOST = 1000


@click.group("outbox", help="Messages that wait or died: list them, send the dead once more.")
def command() -> None:
    pass


@command.command("list")
@click.option("--dead", "dead_only", is_flag=True, help="Only those that died.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(dead_only: bool, as_json: bool) -> None:
    """What waits to be sent, and what died and why; at most 1,000."""
    with opened(size=2) as house, house.store.reading() as conn:
        found = outbox.dead(conn, MOST) if dead_only else outbox.listing(conn, ("waiting", "dead"), MOST)
    if as_json:
        click.echo(orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        click.echo("No message died." if dead_only else "Nothing waits, and no message died.")
    for one in found:
        tell(_told(one))


@command.command("replay")
@click.argument("which", metavar="ID", required=False)
@click.option("--all-dead", is_flag=True, help="Every message that died.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def replay(which: str | None, all_dead: bool, as_json: bool) -> None:
    """Send a dead message once more, under the same id and with all its attempts before it."""
    if (which is None) != all_dead:
        what = "it is not clear which messages are meant"
        complain(
            [Problem(Place("handfast outbox replay"), what, "Name one ID, as `handfast outbox list --dead` shows it, or say --all-dead.")]
        )
    at = datetime.now(UTC)
    with opened(size=2) as house, house.store.writing() as conn:
        done = outbox.replay_all(conn, at) if which is None else int(outbox.replay(conn, which, at))
    if which is not None and not done:
        fix = "`handfast outbox list --dead` shows those that did."
        complain([Problem(Place("handfast outbox replay", part=which), "no message of this id has died", fix)])
    if as_json:
        click.echo(orjson.dumps({"replayed": done}).decode())
        return
    click.echo(f"{done} message{'' if done == 1 else 's'} will be sent again.")


def _told(one: Entry) -> str:
    head = f"{one.id}  {one.kind:<14} {one.channel:<7} to {one.recipient}, handoff {one.handoff_id}"
    if one.state == "dead":
        when = f"{one.settled_at:%Y-%m-%d %H:%M} UTC" if one.settled_at else "an unknown time"
        return f"{head}: died {when} after {_attempts(one.attempt)}: {one.why}"
    tried = f"; {_attempts(one.attempt)} failed: {one.why}" if one.attempt and one.why else ""
    return f"{head}: waits, next at {one.next_at:%Y-%m-%d %H:%M:%S} UTC{tried}"


def _attempts(count: int) -> str:
    return f"{count} attempt{'' if count == 1 else 's'}"
