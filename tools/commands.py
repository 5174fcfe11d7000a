"""Keep the list of options in docs/reference/commands.md as the commands themselves tell them.

python tools/commands.py --check     the page and the commands say the same; the tests ask this
python tools/commands.py             write the list anew
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from handfast.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/commands.md"
BEGIN, END = "<!-- options: written by tools/commands.py -->", "<!-- end of options -->"


def commands(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with its words, groups opened up; a group that does something by itself is one too."""
    ctx = click.Context(group)
    if group.invoke_without_command:
        yield words, group
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, f"{words} {name}")
        else:
            yield f"{words} {name}", found


def option_of(one: click.Option, ctx: click.Context) -> str:
    """`--name METAVAR`: what it does, with its default."""
    names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
    value = "" if one.is_flag else f" {one.make_metavar(ctx)}"
    # A choice's bar would end the cell of a table; this is a list, so it may stay.
    told = (one.help or "").rstrip(".")
    more = [word for word in (f"default `{one.default}`" if one.show_default else "", "needed" if one.required else "") if word]
    shown = f" `{value.strip()}`" if value else ""
    return f"  - {names}{shown}: {told}{' (' + ', '.join(more) + ')' if more else ''}."


def listed() -> str:
    """The list, a command an item."""
    lines = []
    for words, command in commands(main, "handfast"):
        ctx = click.Context(command, info_name=words)
        arguments = " ".join(one.make_metavar(ctx) for one in command.params if isinstance(one, click.Argument))
        lines.append(f"- `{words}{f' {arguments}' if arguments else ''}`")
        lines += [option_of(one, ctx) for one in command.params if isinstance(one, click.Option)]
    return "\n".join(lines)


def written(text: str) -> str:
    """The page with today's list between its marks."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{PAGE} has lost its marks: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{listed()}\n{END}{after}"


def run(arguments: list[str]) -> int:
    text = PAGE.read_text(encoding="utf-8")
    if "--check" not in arguments:
        PAGE.write_text(written(text), encoding="utf-8")
    elif written(text) != text:
        print(f"{PAGE.name} does not say what the commands say: run `python tools/commands.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
