"""The command line: the same desk functions as words.

Every noun is a module of its own, imported when it is named: `handfast --help` must not wait for dataframes. A module exposes one click
command or group called `command`.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Final

import click

from handfast import __version__

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
    seldom_collected()


def seldom_collected() -> None:
    """How often this process looks for cycles of garbage: seldom.

    What flows here are values without cycles, freed as they go; looking after every 700 of them cost deciding a quarter of its processor
    time. The benchmarks run so, too.
    """
    gc.set_threshold(100_000, 50, 50)
