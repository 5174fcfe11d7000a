"""`handfast import`: files of facts, row by row; or a whole history, lived through on the virtual clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import click
import orjson

from handfast.cli.opened import complain, opened, say, settings
from handfast.cli.typed import taken_in
from handfast.connectors.files.facts import Reader, read_rows
from handfast.connectors.files.plan import Opened, open_file, read_plan
from handfast.connectors.files.shapes import KINDS
from handfast.problem import Place, Problem
from handfast.store.base import StorageAway

#: As long as the name of a source in a mapping.
_LONGEST_SOURCE: Final = 60
#: So many problems are shown; all of them are in the report.
_SHOWN: Final = 5


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--as", "kind", type=click.Choice(KINDS), help="What the rows are.")
@click.option("--map", "map_file", type=click.Path(path_type=Path), help="A YAML mapping that says what the columns mean.")
@click.option("--source", default="import", show_default=True, help="The name of the source, where no mapping gives one.")
@click.option(
    "--plan", "plan_file", type=click.Path(path_type=Path), help="A plan of a whole history; FILE is then the folder of its files."
)
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), help="Where refused rows are written; default FILE.problems.jsonl."
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, record nothing.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def command(
    files: tuple[Path, ...],
    kind: str | None,
    map_file: Path | None,
    source: str,
    plan_file: Path | None,
    report_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Signals, people, accounts, reps, opportunities, touches or dispositions from CSV, JSON lines or Parquet.

    Rows that cannot be taken are written to a report, the others go in. A killed import goes on where it stopped, a second run adds
    nothing. The exit code is 0 unless a file, the mapping or every single row was refused (1).
    """
    from handfast.worker import utc_now

    if (kind is None) == (plan_file is None):
        raise click.UsageError("say with --as what the rows are, or name a --plan")
    if plan_file is not None:
        _history(files, plan_file, report_file, dry_run, as_json, utc_now())
        return
    assert kind is not None
    _may_write(report_file, [*files, *([map_file] if map_file else [])])
    if not 0 < len(source.strip()) <= _LONGEST_SOURCE:
        place, fix = Place("handfast import", part="--source"), f"Give a word of up to {_LONGEST_SOURCE} characters, like crm."
        complain([Problem(place, f"'{source[:60]}' is no name of a source", fix)])
    ready = [open_file(path, kind, map_file, source) for path in files]
    if problems := list(dict.fromkeys(p for _, wrong in ready for p in wrong)):
        complain(problems)
    found = [one for one, _ in ready if one is not None]
    summaries = _checked(found, report_file, utc_now()) if dry_run else _taken_in(found, report_file, utc_now())
    _end(summaries, as_json)


def _may_write(report_file: Path | None, read: list[Path]) -> None:
    """Exits with a Problem where the report would be written over what is read."""
    if report_file is not None and report_file.exists() and any(one.exists() and report_file.samefile(one) for one in read):
        what = "the report would be written over a file that is read"
        complain([Problem(Place(str(report_file), part="--report"), what, "Name another file for the report.")])


def _taken_in(files: list[Opened], report_file: Path | None, at: datetime) -> list[dict[str, Any]]:
    from handfast.desk.imports import import_file, interrupted_at

    summaries = []
    with opened(size=4) as house:
        for one in files:
            if one.mapping.terms.history and one.mapping.kind == "signals":
                say("These signals are of the past: a worker decides them now, with clocks long run out. A --plan lives through them.")
            fresh = (report_file is None or one is files[0]) and not interrupted_at(house.store, one.table, one.mapping)
            with _report(report_file, one, fresh=fresh) as refuse, _progress(one.table.name, one.table.rows) as tell:
                try:
                    done = import_file(house.store, one.table, one.mapping, at, refuse=refuse, tell=tell)
                except StorageAway:
                    say("What was taken in is kept. Once the database is back, the same command goes on from there.")
                    raise
                except KeyboardInterrupt:
                    say("What was taken in is kept. The same command goes on from there.")
                    raise
            said = f"{done.added:,} added, {done.known:,} known already, {done.refused:,} refused"
            said += f", {done.passed_over:,} passed over" if done.passed_over else ""
            said += f" (went on after row {done.began:,})" if done.began and done.before is None else ""
            say(f"{one.table.name}: {done.rows:,} rows as {one.mapping.kind}: {said}.")
            summaries.append(_summary(one, done, refuse))
    return summaries


def _summary(one: Opened, done: Any, refuse: _Refusals) -> dict[str, Any]:
    return {
        "file": one.table.name, "kind": one.mapping.kind, "rows": done.rows, "added": done.added, "known": done.known,
        "refused": done.refused, "passed_over": done.passed_over, "went_on_after": done.began,
        "report": str(refuse.path) if refuse.count and refuse.path else None,
    }  # fmt: skip


def _checked(files: list[Opened], report_file: Path | None, at: datetime) -> list[dict[str, Any]]:
    """Every row read and made a fact of, nothing recorded; what only the database knows is not checked."""
    summaries = []
    for one in files:
        rows = good = passed = 0
        reader = Reader(one.mapping, one.table.name, at)
        with _report(report_file, one, fresh=report_file is None or one is files[0]) as refuse:
            for chunk in one.table.chunks():
                facts, problems, over = read_rows(reader, chunk)
                for problem in problems:
                    refuse(problem)
                rows, good, passed = rows + len(chunk), good + len(facts), passed + over
        said = f"{good:,} could be taken, {refuse.count:,} refused, {passed:,} passed over"
        say(f"{one.table.name}: {rows:,} rows as {one.mapping.kind}: {said}.")
        summaries.append(
            {"file": one.table.name, "kind": one.mapping.kind, "rows": rows, "good": good, "refused": refuse.count, "passed_over": passed}
        )
    return summaries


def _end(summaries: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(summaries, option=orjson.OPT_INDENT_2).decode())
    refused = sum(s["refused"] for s in summaries)
    if refused and not any(s.get("added") or s.get("known") or s.get("good") or s["passed_over"] for s in summaries):
        raise SystemExit(1)


# --- a whole history ------------------------------------------------------------------------------------------


def _history(folders: tuple[Path, ...], plan_file: Path, report_file: Path | None, dry_run: bool, as_json: bool, at: datetime) -> None:
    from handfast.desk.history import Told, live_through

    if len(folders) != 1 or not folders[0].is_dir():
        complain([Problem(Place(str(folders[0])), "a plan needs the folder its files are in", "handfast import FOLDER --plan PLAN.yaml.")])
    plan, files, problems = read_plan(plan_file, folders[0])
    _may_write(report_file, [plan_file, *(one.table.path for one in files)])
    contract = plan_file.parent / (plan.contract if plan else "")
    if plan is not None and not contract.is_file():
        problems.append(
            Problem(Place(plan_file.name, part="contract"), f"there is no contract '{plan.contract}' beside the plan", "Correct its name.")
        )
    if problems:
        complain(problems)
    if dry_run:
        _end(_checked(files, report_file, at), as_json)
        return
    text = taken_in(contract).text
    found = settings()
    report = report_file or found.data_dir / "history.problems.jsonl"
    with opened(found, size=4) as house, _Refusals(report, append=False) as refuse, _progress("History", 1000) as bar:

        def tell(told: Told) -> None:
            bar(int(told.share * 1000), told.what)

        lived, problems = live_through(house.store, text, contract.name, files, at, refuse=refuse, tell=tell)
    if lived is None:
        complain(problems)
        return
    if lived.before:
        say(f"This history was lived through before, up to {lived.until:%Y-%m-%d %H:%M} UTC; nothing was changed.")
    else:
        d = lived.driven.decided
        say(
            f"{d.signals:,} signals, {d.verdicts:,} verdicts, {d.opened:,} handoffs ({d.joined:,} people joined one), "
            f"{lived.driven.touches:,} touches, {lived.opportunities:,} opportunities, {lived.outcomes:,} outcomes; "
            f"{lived.refused:,} rows refused, {lived.moved:,} moved to the first signal of their person."
        )
    if as_json:
        click.echo(orjson.dumps(_lived(lived), option=orjson.OPT_INDENT_2).decode())


def _lived(lived: Any) -> dict[str, Any]:
    d = lived.driven
    return {
        "before": lived.before, "until": lived.until.isoformat() if lived.until else None, "signals": d.decided.signals,
        "handoffs": d.decided.opened, "joined": d.decided.joined, "touches": d.touches, "opportunities": lived.opportunities,
        "outcomes": lived.outcomes, "refused": lived.refused, "moved": lived.moved,
        "files": {
            name: {"rows": f.rows, "added": f.added, "refused": f.refused, "passed_over": f.passed_over} for name, f in lived.files.items()
        },
    }  # fmt: skip


# --- problems and progress ------------------------------------------------------------------------------------


class _Refusals:
    """The report of refused rows, JSON lines: begun with the first one, so that a clean import leaves no empty file behind."""

    def __init__(self, path: Path, *, append: bool) -> None:
        self.path: Path | None = path
        self.count = 0
        self._append = append
        self._file: IO[bytes] | None = None
        self._kept: list[Problem] = []

    def __enter__(self) -> _Refusals:
        return self

    def __call__(self, problem: Problem) -> None:
        self.count += 1
        if self.count <= _SHOWN:
            self._kept.append(problem)
        if self._file is None and self.path is not None:
            self._begin(self.path)
        if self._file is not None:
            self._file.write(orjson.dumps(problem.as_json()) + b"\n")
        elif self.count > _SHOWN:
            say(str(problem))  # There is nowhere else to say it.

    def _begin(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab" if self._append else "wb", buffering=0)
        except OSError as error:
            say(f"{path}: cannot be written ({error.strerror}); name another file with --report. What is refused is said here.")
            self.path = None

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        for problem in self._kept:
            say(str(problem))
        if self.count > _SHOWN and self.path is not None:
            say(f"… and {self.count - _SHOWN:,} more.")
        if self.count and self.path is not None:
            say(f"The whole report: {self.path}")


def _report(given: Path | None, one: Opened, *, fresh: bool) -> _Refusals:
    """One report for all files where it was named, else one beside each. An import that goes on adds to what it said before."""
    path = given or one.table.path.with_name(f"{one.table.path.name}.problems.jsonl")
    return _Refusals(path, append=not fresh)


@contextmanager
def _progress(name: str, total: int | None) -> Iterator[Callable[..., None]]:
    """A bar on a terminal; elsewhere a line whenever another tenth is done. Always on standard error."""
    if not sys.stderr.isatty():
        yield _Lines(name, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<34}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total)

        def tell(done: int, what: str | None = None) -> None:
            bar.update(task, completed=done, description=what or name)

        yield tell


class _Lines:
    def __init__(self, name: str, total: int | None) -> None:
        self.name, self.total, self.tenth = name, total or 0, 0

    def __call__(self, done: int, what: str | None = None) -> None:
        tenth = min(10, 10 * done // self.total) if self.total else 0
        if tenth > self.tenth:
            self.tenth = tenth
            say(f"{what or self.name}: {tenth * 10}%")
