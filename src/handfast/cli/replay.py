"""`handfast replay`: a draft on recorded history, beside the contract in force."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from handfast.cli.opened import House, complain, opened
from handfast.cli.plain import marked
from handfast.cli.typed import file_called, moment, number_in, taken_in
from handfast.numbers import percent, short
from handfast.problem import Place, Problem

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from handfast.desk.replay import Found
    from handfast.store.replay import Run

_NAME: Final = "handfast replay"
_DAY = "A day means its first moment, 00:00 UTC; or a moment as 2026-11-22T09:00+00:00."


@click.command("replay")
@click.option("--contract", "draft", required=True, metavar="DRAFT", help="The draft: a file, or the number of a version.")
@click.option("--since", default=None, metavar="D", help=f"Signals received from D on; default 90 days before the end. {_DAY}")
@click.option("--until", default=None, metavar="D", help="Up to, not including, D; default now.")
@click.option("--touch-minutes", default=20, show_default=True, type=click.IntRange(1, 600), help="Working time a handoff takes a rep.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.option(
    "--out", default=None, metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Also write report and lists there."
)
def command(draft: str, since: str | None, until: str | None, touch_minutes: int, as_json: bool, out: Path | None) -> None:
    """What DRAFT would have done with the signals that were recorded, beside what the contract in force did.

    Writes nothing to the live tables. Ctrl-C stops it; the same command goes on from there.
    """
    from rich.console import Console

    if out is not None:
        _prepare(out)
    with opened(size=4) as house:
        run = _asked(house, draft, since, until, touch_minutes)
        found = _performed(house, run)
    if out is not None:
        _write(out, found)
    if as_json:
        click.echo(orjson.dumps(found.report, option=orjson.OPT_INDENT_2).decode())
    else:
        show(found.report, Console(width=None if Console().is_terminal else 140, highlight=False))


def _asked(house: House, draft: str, since: str | None, until: str | None, touch_minutes: int) -> Run:
    from handfast.desk.replay_runs import SPAN, Wish, ask

    now = datetime.now(UTC)
    text, file = _text(house, draft)
    end, begin = moment(until, _NAME, "--until"), moment(since, _NAME, "--since")
    if end is None and (left := _left(house, text, begin, now)) is not None:
        begin, end = left
    end = end or now
    run, problems = ask(house.store, Wish(text, file, begin or end - SPAN, end, "the command line", touch_minutes, again=True), now)
    if run is None:
        complain(problems)
    assert run is not None
    return run


def _left(house: House, text: str, since: datetime | None, now: datetime) -> tuple[datetime, datetime] | None:
    """The period of the same question where it was asked up to `now` before and never answered: its end must not move with the clock."""
    from handfast.store import replay as rows

    with house.store.reading() as conn:
        for one in rows.runs(conn, 20):
            kept = rows.run(conn, one.id) if one.state in ("stopped", "failed", "running") and one.asked_by == "the command line" else None
            if kept is not None and kept.source == text and kept.until <= now and (since is None or kept.since == since):
                return kept.since, kept.until
    return None


def _text(house: House, draft: str) -> tuple[str, str]:
    if (path := file_called(draft)) is not None:
        return taken_in(path).text, str(path)
    if (number := number_in(draft)) is not None:
        from handfast.store import contracts

        with house.store.reading() as conn:
            for version in contracts.versions(conn):
                if version.version == number:
                    return version.source, f"contract version {draft}"
    complain(
        [Problem(Place("handfast replay", part="--contract"), f"'{draft[:60]}' is neither a file nor a version", "Name one of the two.")]
    )
    raise AssertionError("complaining ends the process")


def _performed(house: House, run: Run) -> Found:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from handfast.desk.refused import Refused
    from handfast.desk.replay import Stopped
    from handfast.desk.replay_runs import perform
    from handfast.worker import utc_now

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("Replay", total=1.0)
            return perform(
                house.store,
                run,
                house.settings.data_dir / "replay",
                utc_now,
                lambda what, share: bar.update(task, description=what, completed=share),
            )
    except Refused as refused:
        complain([refused.problem])
    except (Stopped, KeyboardInterrupt):
        click.echo("Stopped. The same command goes on from there.", err=True)
        raise SystemExit(130) from None
    raise AssertionError("complaining ends the process")


def _prepare(out: Path) -> None:
    """Makes the folder, before there is anything to lose. Raises OSError where nothing can be written there."""
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(out))


def _write(out: Path, found: Found) -> None:
    """`report.json`, `frontier.svg`, and a CSV for each list."""
    from handfast.web.replay_charts import frontier

    (out / "report.json").write_bytes(orjson.dumps(found.report, option=orjson.OPT_INDENT_2))
    (out / "frontier.svg").write_text(frontier(found.report["frontier"], alone=True))
    for noun, kinds in found.lists.items():
        for kind, listed in kinds.items():
            with (out / f"{noun}-{kind}.csv").open("w", encoding="utf-8", newline="") as file:
                lines = csv.writer(file, lineterminator="\n")
                lines.writerow(("id", "name", "in_force", "draft"))
                lines.writerows((row["id"], _cell(row["name"]), row["in_force"] or "", row["draft"] or "") for row in listed)


def _cell(text: str) -> str:
    """A name as a spreadsheet may open it: what would begin a formula is text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


# --- on a terminal --------------------------------------------------------------------------------------------


def show(found: Mapping[str, Any], console: Console) -> None:
    """The report as tables."""
    span = timedelta(seconds=(datetime.fromisoformat(found["until"]) - datetime.fromisoformat(found["since"])).total_seconds())
    console.print(
        f"[bold]{marked(found['draft']['name'])}[/bold] ({found['draft']['id']}) on {span.days} days, up to {found['until'][:16]} UTC."
    )
    console.print(f"[dim]{found['signals']:,} signals of {found['people']:,} people; {found['judged']:,} verdicts.[/dim]\n")
    for table in (_ready(found["ready"]), _handoffs(found), _reps(found["owners"]), _frontier(found["frontier"], console.width)):
        console.print(table)
    for note in found.get("notes", ()):
        console.print(f"[yellow]Bear in mind:[/yellow] {note}")


#: A cell of the frontier is no wider: "123.4 · 100%" and the gap beside it.
_CELL: Final = 16


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    return Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)


def _ready(ready: Mapping[str, Mapping[str, int]]) -> Table:
    table = _table("Who is ready", "", "in force", "draft", "become ready", "cease to be", "earlier", "later", "as before")
    for noun, n in ready.items():
        cells = (n[name] for name in ("in_force", "draft", "gained", "lost", "earlier", "later", "same"))
        table.add_row(noun, *(f"{cell:,}" for cell in cells))
    return table


def _handoffs(found: Mapping[str, Any]) -> Table:
    handoffs, sla, meetings, owners = found["handoffs"], found["sla"], found["meetings"], found["owners"]
    table = _table("Handoffs", "", "in force", "draft", "")
    both = ("in_force", "draft")
    table.add_row("opened", *(f"{handoffs[side]['opened']:,}" for side in both), f"{handoffs['recorded']:,} took place")
    if any(handoffs[side]["by_group"] for side in both):
        table.add_row("of these by a buying group", *(f"{handoffs[side]['by_group']:,}" for side in both), "")
    table.add_row("a week", *(f"{handoffs[side]['opened'] / max(1, len(handoffs['weeks'])):.1f}" for side in both), "")
    table.add_row("without an owner", *(f"{owners['unowned'][side]:,}" for side in both), "")
    late = [f"{_percent(sla[side]['late_share'])} of {sla[side]['due']:,}" for side in both]
    table.add_row("late first touches", *late, f"at {sla['touch_minutes']} minutes a handoff")
    if meetings["why"] is None:
        told = [f"{short(meetings[side]['expected'])} ({short(meetings[side]['low'])} to {short(meetings[side]['high'])})" for side in both]
        table.add_row("meetings to expect", *told, f"from {meetings['recorded']:,} handoffs with an end")
    else:
        table.add_row("meetings to expect", "", "", meetings["why"])
    table.add_row("another owner", "", f"{owners['changed']:,}", f"of {owners['compared']:,} handed over under both")
    return table


def _reps(owners: Mapping[str, Any]) -> Table:
    table = _table("Load", "rep", "in force", "load", "fullest week", "draft", "load", "fullest week")
    for row in owners["reps"]:
        cells = [(f"{row[s]['handoffs']:,}", _percent(row[s]["load"]), _percent(row[s]["fullest_week"])) for s in ("in_force", "draft")]
        table.add_row(marked(row["name"]), *cells[0], *cells[1])
    return table


def _frontier(found: Mapping[str, Any], width: int) -> Table:
    """Handoffs a week at each pair of bars; the draft's own pair is marked. Where it is too wide, far bars are left out."""
    own = found["draft"]["intent"]
    near = sorted(found["intents"], key=lambda bar: (abs(bar - own), bar))[: max(1, (width - 6) // _CELL)]
    intents = [bar for bar in found["intents"] if bar in near]
    left = "" if len(intents) == len(found["intents"]) else f"; {len(found['intents']) - len(intents)} more in --json"
    table = _table(f"Handed over a week, by bars (across: intent, down: fit{left})", "fit", *(str(bar) for bar in intents))
    by = {(cell["fit"], cell["intent"]): cell for cell in found["cells"]}
    for fit in found["fits"]:
        cells = []
        for intent in intents:
            cell, mark = by[fit, intent], (fit, intent) == (found["draft"]["fit"], found["draft"]["intent"])
            said = f"{short(cell['per_week'])}" + (f" · {_percent(cell['precision'])}" if cell["precision"] is not None else "")
            cells.append(f"[bold]{said}[/bold]" if mark else said)
        table.add_row(str(fit), *cells)
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else percent(share)
