"""`handfast merge`: one person of two, and two of one."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.desk import merge as merging
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store import merges


@click.group("merge", help="Make one person of two, with a preview; make two of one again.")
def command() -> None:
    pass


@command.command("preview")
@click.argument("keep")
@click.argument("fold")
@click.option("--take", multiple=True, metavar="FIELD=PERSON", help="Whose value wins for a field; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def preview(keep: str, fold: str, take: tuple[str, ...], as_json: bool) -> None:
    """What folding the second person into the first would do; writes nothing."""
    with opened(size=2) as house:
        try:
            seen = merging.preview(house.store, keep, fold, _chosen(take))
        except Refused as wrong:
            complain([wrong.problem])
    if as_json:
        click.echo(orjson.dumps(_told(seen), option=orjson.OPT_INDENT_2).decode())
        return
    for field, one in seen.fields.items():
        lost = f", not {one.other!r}" if one.other is not None and one.other != one.value else ""
        tell(f"  {field:14} {one.value!r}{lost}  ({one.rule}{', ' + one.source if one.source else ''})")
    moves = ", ".join(f"{n} {noun}" for noun, n in {"keys": len(seen.keys), **seen.moves}.items())
    click.echo(f"Moves {moves}.")
    if seen.problem is not None:
        complain([seen.problem])


@command.command("people")
@click.argument("keep")
@click.argument("fold")
@click.option("--by", required=True, help="Who says so: an e-mail address.")
@click.option("--take", multiple=True, metavar="FIELD=PERSON", help="Whose value wins for a field; may be given several times.")
def people(keep: str, fold: str, by: str, take: tuple[str, ...]) -> None:
    """Fold the second person into the first."""
    with opened(size=2) as house:
        try:
            done = merging.merge(house.store, keep, fold, by, datetime.now(UTC), _chosen(take))
        except Refused as wrong:
            complain([wrong.problem])
    click.echo(f"{done.id}: {fold} is part of {keep} now. `handfast merge undo {fold}` makes them two again.")


@command.command("undo")
@click.argument("folded")
@click.option("--by", required=True, help="Who says so: an e-mail address.")
def undo(folded: str, by: str) -> None:
    """Make two of one again: everything that moved returns, with what came since."""
    with opened(size=2) as house:
        try:
            back = merging.unmerge(house.store, folded, by, datetime.now(UTC))
        except Refused as wrong:
            complain([wrong.problem])
    click.echo(f"{back.folded} is a person of their own again: {len(back.keys)} keys, {len(back.since)} of them learned since.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Merges that stand, the latest first."""
    with opened(size=2) as house, house.store.reading() as conn:
        found = merges.merges(conn)
    if as_json:
        click.echo(orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode())
        return
    for one in found:
        tell(f"{one.id}  {one.at:%Y-%m-%d %H:%M}  {one.folded} into {one.kept}, by {one.by}")
    if not found:
        click.echo("No merge stands.")


def _told(seen: merging.Preview) -> dict[str, Any]:
    """The two by their ids: what is known of each stands in `fields`."""
    fields = {name: asdict(one) for name, one in seen.fields.items()}
    told = {"kept": seen.kept.id, "folded": seen.folded.id, "fields": fields, "keys": seen.keys, "moves": dict(seen.moves)}
    return told | {"problem": seen.problem.as_json() if seen.problem is not None else None}


def _chosen(take: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in take]
    for field, equals, person in pairs:
        if not (field and equals and person):
            complain(
                [Problem(Place("handfast merge", part="--take"), f"'{field}{equals}{person}' is no FIELD=PERSON", "Write title=per_….")]
            )
    return {field: person for field, _, person in pairs}
