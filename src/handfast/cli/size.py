"""`handfast contract size`: how many people and accounts each condition of a contract holds for today."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import orjson


@click.command("size")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(file: Path, as_json: bool) -> None:
    """Count, for each condition of FILE, the people and accounts it holds for today."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from handfast.cli.opened import complain, opened
    from handfast.connectors.files.taken import read_file
    from handfast.desk.sizes import sizes

    read = read_file(file)
    agreement, text = read.agreement, read.text
    if agreement is None:
        complain(read.problems)
        return
    with opened(size=2) as house:
        found = sizes(house.store, agreement, datetime.now(UTC), text, str(file))
    if as_json:
        click.echo(orjson.dumps([one.as_json() for one in found], option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("line", "part", "condition", "people", "accounts", box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for one in found:
        table.add_row(str(one.where.line or ""), one.part, Text(one.when or "always"), str(one.people), str(one.accounts))
    Console(width=None if Console().is_terminal else 160, highlight=False).print(table)
