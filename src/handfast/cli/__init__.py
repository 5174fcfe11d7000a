"""The command line: the same desk functions as words.

Every noun is a module of its own, imported when it is named: `handfast --help` must not wait for dataframes. A module exposes one click
command or group called `command`.
"""

from __future__ import annotations

import errno
import gc
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

import click

from handfast import __version__

if TYPE_CHECKING:
    from handfast.problem import Problem

#: noun → (module, one line for `handfast --help`).
NOUNS: Final[dict[str, tuple[str, str]]] = {
    "up": ("up", "Web, worker and embedded PostgreSQL in one; prints the address to open."),
    "serve": ("serve", "The web process alone, on HANDFAST_DATABASE_URL."),
    "work": ("work", "A worker alone, any number of them, on HANDFAST_DATABASE_URL."),
    "demo": ("demo", "A simulated company through the front doors, then as `up`."),
    "import": ("imports", "Signals, people, accounts, reps, touches or opportunities from files."),
    "contract": ("contract", "Check, show and prove a contract."),
    "route": ("route", "A dry decision with its trace; what the territories cover. Writes nothing."),
    "doctor": ("doctor", "What is wrong with this installation, and how to mend it."),
    "shadow": ("shadow", "A draft that decides beside the contract in force: start, stop, differences."),
    "replay": ("replay", "A draft on recorded history: what would have happened, beside what did."),
    "nurture": ("nurture", "Who came back to marketing, with why and until when."),
    "why": ("why", "Every decision about a person, account or handoff, with its working."),
    "rep": ("rep", "Who takes handoffs: switch on and off, read their calendars."),
    "dispute": ("dispute", "What is argued about, and the answers as labels."),
    "override": ("override", "Verdicts given by hand, with a reason and an end: set, list, lift."),
    "match": ("match", "Who is whom: learn from everybody, list what is asked, answers, one dry match."),
    "merge": ("merge", "Make one person of two, with a preview; make two of one again."),
    "person": ("person", "What is held on a person: export it, or erase it; with a preview."),
    "report": ("report", "The figures: speed, compliance, contact, meetings, conversion."),
    "outbox": ("outbox", "Messages that wait or died; replay them."),
    "key": ("key", "Write keys for the intake door."),
    "login": ("login", "Accounts that may sign in to the pages."),
}


class _Nouns(click.Group):
    """The commands, each imported when it is named. What the machine refuses them ends in a Problem, whichever asked."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _plain_words(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # Whoever read has read enough: click ends quietly.
                raise
            from handfast.cli.opened import complain

            complain([_refused(error)])
            raise AssertionError("complaining ends the process") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        found = import_module(f"handfast.cli.{NOUNS[cmd_name][0]}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(noun, line) for noun, (_, line) in NOUNS.items()])


@click.group(cls=_Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="handfast")
def main() -> None:
    """Handfast runs the handoff between Marketing and Sales as one measured, closed loop."""
    _readable_anywhere()
    seldom_collected()


def _plain_words(words: list[str]) -> None:
    """Exits with a Problem where a word is no text: it could be neither looked up nor written down, nor shown again."""
    for number, word in enumerate(words, start=1):
        try:
            word.encode()
        except UnicodeEncodeError:
            from handfast.cli.opened import complain
            from handfast.problem import Place, Problem

            shown = word.encode("utf-8", "replace").decode()[:60]
            fix = "Type it in a terminal that speaks UTF-8; give a file another name."
            complain([Problem(Place("handfast", part=f"word {number}"), f"'{shown}' is not UTF-8 text", fix)])


def _refused(error: OSError) -> Problem:
    """What the machine would not do with a file, in words."""
    from handfast.problem import Place, Problem

    said = error.strerror or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            fix = "Make room, then run the command again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            fix = "Give this user the right to it, or name another place."
        case _:
            fix = "Check its name and what it is."
    where = str(error.filename) if error.filename is not None else "handfast"
    what = "this cannot be read or written" if error.filename is not None else "what was to be read or written is not to be had"
    return Problem(Place(where), f"{what} ({said})", fix)


def _readable_anywhere() -> None:
    """A terminal that has no sign for something shows a question mark; it is no reason to end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


def seldom_collected() -> None:
    """How often this process looks for cycles of garbage: seldom.

    What flows here are values without cycles, freed as they go; looking after every 700 of them cost deciding a quarter of its processor
    time. The benchmarks run so, too.
    """
    gc.set_threshold(100_000, 50, 50)
