"""What comes from outside, on a terminal: a name is only a name.

A terminal obeys escape sequences, and rich reads square brackets as styles: neither may come out of what somebody typed into a form.
"""

from __future__ import annotations

import click
from rich.markup import escape


def plain(text: object) -> str:
    """The text without what a terminal obeys and what turns the reading direction; line ends and tabs stay."""
    said = str(text)
    if said.isprintable():
        return said
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in said)


def marked(text: object) -> str:
    """The same for a place where rich reads styles."""
    return escape(plain(text))


def tell(text: object, *, err: bool = False) -> None:
    """A line for people in which something from outside may stand."""
    click.echo(plain(text), err=err)
