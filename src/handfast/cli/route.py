"""`handfast route`: a dry decision with its whole trace, and what the territories cover. Neither writes anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from handfast.cli.plain import marked, plain, tell

if TYPE_CHECKING:
    from handfast.cli.opened import House
    from handfast.contract.agreement import Agreement
    from handfast.desk.trial import Trial
    from handfast.routing.lands import Coverage


@click.command("route")
@click.option(
    "--given",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Who: a case as in a contract's examples, or `who: ADDRESS`.",
)
@click.option("--who", metavar="ID", help="Somebody on record: an address, a user id, an id.")
@click.option("--coverage", is_flag=True, help="Instead: whom the territories claim, who falls into none, whom two claim.")
@click.option("--contract", "ref", metavar="DRAFT", default="in-force", show_default=True, help="A file, draft-3, a version, a hash.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(given: Path | None, who: str | None, coverage: bool, ref: str, as_json: bool) -> None:
    """Say who would get a made-up person, or one on record, and why: every rung tried, every candidate skipped. Writes nothing."""
    from handfast.cli.opened import opened

    if (given is not None) + (who is not None) + coverage != 1:
        raise click.UsageError("Name one of --given FILE, --who ID and --coverage.")
    with opened(size=2) as house:
        agreement = _agreement(house, ref)
        if coverage:
            _print_coverage(house, agreement, as_json)
            return
        trial = _trial(house, agreement, given, who)
    if as_json:
        click.echo(orjson.dumps(trial.as_json(), option=orjson.OPT_INDENT_2, default=str).decode())
    else:
        _print(trial, agreement)


def _agreement(house: House, ref: str) -> Agreement:
    """The contract asked for: a file where there is one of this name, else what the store calls so."""
    from handfast.cli.opened import complain
    from handfast.cli.typed import file_called
    from handfast.connectors.files.taken import read_file
    from handfast.desk.named import find
    from handfast.desk.refused import Refused

    if (file := file_called(ref)) is not None:
        read = read_file(file)
        if read.agreement is None:
            complain(read.problems)
        assert read.agreement is not None
        return read.agreement
    try:
        with house.store.reading() as conn:
            return find(conn, ref, datetime.now(UTC)).agreement()
    except Refused as refused:
        complain([refused.problem])
        raise


def _trial(house: House, agreement: Agreement, given: Path | None, who: str | None) -> Trial:
    from handfast.cli.opened import complain
    from handfast.desk.trial import read_trial, try_given, try_person
    from handfast.problem import Place, Problem

    at, asked = datetime.now(UTC), who
    if given is not None:
        read, problems = read_trial(given.read_bytes().decode("utf-8", errors="replace"), str(given), agreement, at)
        if read is None:
            complain(problems)
        if not isinstance(read, str | None):
            return try_given(house.store, agreement, read)
        asked = read
    found = try_person(house.store, agreement, asked or "", at)
    if found is None:
        complain([Problem(Place("route"), f"nobody is known as '{asked}'", "Name an address, a user id or an id; or make somebody up.")])
    assert found is not None
    return found


# --- printing -------------------------------------------------------------------------------------------------


def _print(trial: Trial, agreement: Agreement) -> None:
    from rich.console import Console

    out = Console(width=None if Console().is_terminal else 160, highlight=False)
    found, working = trial.found, trial.working
    who = trial.about or "a made-up person"
    under = f"{marked(agreement.contract.contract)} ({trial.contract}), {trial.at:%Y-%m-%d %H:%M} UTC"
    out.print(f"[bold]{marked(who)}[/] under {under}; nothing is written.")
    for note in trial.notes:
        out.print(plain(f"Note: {note}"), markup=False)
    out.print(f"\n[bold underline]Verdict: {found['verdict'].replace('_', ' ')}[/]")
    out.print(plain(f"  {working['verdict']['sentence']}"), markup=False)
    for missing in working["verdict"]["missing"]:
        out.print(f"  missing: {missing}", markup=False)
    if "assignment" not in working:
        return
    owner = trial.names.get(found["owner"] or "", found["owner"])
    out.print(f"\n[bold underline]Owner: {marked(owner or 'nobody; the exception queue')}[/], by {found['rule'].replace('_', ' ')}")
    for rung in working["assignment"]:
        out.print(plain(f"  {rung['rung']:17} {rung['result']:9} {rung['because']}"), markup=False)
        for skip in rung.get("skipped", ()):
            out.print(plain(f"{'':29}skipped ({skip['reason']}): {skip['because']}"), markup=False)
    due = f"due {found['due']:%Y-%m-%d %H:%M} UTC, hours of {found['calendar']}" if found.get("due") else "no SLA holds"
    out.print(f"\n[bold underline]First touch[/]: {found['sla'] or ''} {found['first_touch'] or ''}; {due}")


def _print_coverage(house: House, agreement: Agreement, as_json: bool) -> None:
    from handfast.desk.lands import lands

    found = lands(house.store, agreement)
    if as_json:
        click.echo(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())
        return
    _table(found)
    for sentence in found.sentences() or [f"Every one of {found.parties:,} accounts falls into exactly one territory."]:
        tell(sentence)


def _table(found: Coverage) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    numbers: dict[str, Any] = {"justify": "right"}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("territory")
    table.add_column("goes to")
    for title in ("accounts", "claimed above it", "nobody can tell"):
        table.add_column(title, **numbers)
    for land in found.lands:
        table.add_row(land.name, land.to, f"{land.claimed:,}", f"{land.taken:,}", f"{land.unknown:,}")
    table.add_row("(none)", "", f"{found.holes:,}", "", f"{found.unclear:,}")
    Console(width=None if Console().is_terminal else 120, highlight=False).print(table)
