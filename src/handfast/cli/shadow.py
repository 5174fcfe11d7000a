"""`handfast shadow`: a draft that decides beside the contract in force: start, stop, and where both differ."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
import orjson

if TYPE_CHECKING:
    from handfast.cli.opened import House
    from handfast.desk.shadow import Beside
    from handfast.store.shadow import Pair

_KINDS: Final = {"same": "the same owner", "other_owner": "another owner", "only_draft": "only the draft", "only_live": "only live"}


@click.group("shadow", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Let a draft decide beside the contract in force, on live signals, without any effect; say where both differ."""
    if context.invoked_subcommand is not None:
        return
    from handfast.cli.opened import opened
    from handfast.desk.shadow import beside

    with opened(size=2) as house:
        found = beside(house.store)
    if as_json:
        click.echo(orjson.dumps(found.as_json() if found else None, option=orjson.OPT_INDENT_2).decode())
    elif found is None:
        click.echo("No shadow has run yet. `handfast shadow start DRAFT` lets a draft decide beside the contract in force.")
    else:
        _print(found)


@command.command("start")
@click.argument("draft")
def start(draft: str) -> None:
    """Begin a shadow of DRAFT: a file, draft-3, a version, a hash. It runs until it is stopped."""
    from handfast.cli.opened import complain, opened
    from handfast.desk import shadow
    from handfast.desk.refused import Refused

    with opened(size=2) as house:
        try:
            text, name = _text(house, draft)
            one = shadow.start(house.store, text, name, "the command line", datetime.now(UTC))
        except Refused as refused:
            complain([refused.problem])
            return
    click.echo(
        f"{one.name} ({one.contract_id}) decides beside the contract in force from now on. `handfast shadow` says where they differ."
    )


@command.command("stop")
def stop() -> None:
    """End the shadow that is running; what it found is kept."""
    from handfast.cli.opened import complain, opened
    from handfast.desk import shadow
    from handfast.problem import Place, Problem

    with opened(size=2) as house:
        if not shadow.stop(house.store, datetime.now(UTC)):
            complain([Problem(Place("shadow"), "no shadow is running", "`handfast shadow start DRAFT` begins one.")])
    click.echo("The shadow has stopped; `handfast shadow` still says what it found.")


def _text(house: House, draft: str) -> tuple[str, str]:
    from handfast.cli.typed import file_called, taken_in
    from handfast.desk.named import find

    if (file := file_called(draft)) is not None:
        return taken_in(file).text, draft
    with house.store.reading() as conn:
        found = find(conn, draft, datetime.now(UTC))
    return found.text, found.label


def _print(found: Beside) -> None:
    one = found.shadow
    ended = f", stopped {one.stopped_at:%Y-%m-%d %H:%M} UTC" if one.stopped_at else ""
    click.echo(f"{one.name} ({one.contract_id}) beside the contract in force since {one.since:%Y-%m-%d %H:%M} UTC{ended}.")
    click.echo(", ".join(f"{_KINDS[kind]}: {number:,}" for kind, number in found.counts.items()) + ".")
    for pair in found.differences:
        click.echo(f"{pair.at:%Y-%m-%d %H:%M}  {pair.name:32.32}  {'a buying group, ' if pair.group else ''}{_sentence(pair, found.names)}")


def _sentence(pair: Pair, names: dict[str, str]) -> str:
    live = names.get(pair.live_owner or "", "nobody")
    mine = names.get(pair.owner or "", "nobody")
    if pair.kind == "only_live":
        return f"live to {live}; the draft would not hand over: {pair.without[:1].lower()}{pair.without[1:]}"
    if pair.kind == "only_draft":
        return f"not handed over live; the draft: to {mine}. {pair.because}"
    return f"live to {live} ({pair.live_rule}); the draft: to {mine} ({pair.rule}). {pair.because}"
