"""`handfast contract`: check, show and prove a contract; its JSON Schema; put it in force. Its versions: `cli.contract_versions`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handfast.cli.contract_versions import COMMANDS
from handfast.cli.size import command as size

if TYPE_CHECKING:
    from handfast.connectors.files.taken import ReadFile
    from handfast.contract.agreement import Agreement
    from handfast.contract.terms import Contract
    from handfast.problem import Problem
    from handfast.tuning.coverage import Coverage
    from handfast.tuning.proof import Proof

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group("contract", help="Check, show and prove a contract; sign it; compare versions.")
def command() -> None:
    pass


for one in COMMANDS:
    command.add_command(one)
command.add_command(size)


@command.command("check")
@FILE
@JSON
def check(file: Path, as_json: bool) -> None:
    """Say everything that is wrong with FILE, each with its line. Exit code 0: nothing is."""
    read = _read(file)
    agreement, problems, text = read.agreement, read.problems, read.text
    if as_json:
        found = {"file": str(file), "id": agreement.id if agreement else None, "problems": [problem.as_json() for problem in problems]}
        click.echo(_json({**found, "rows_left_out": [problem.as_json() for problem in read.rows]}))
    elif agreement is None:
        _print_problems(problems, text)
    else:
        click.echo(f"{file}: {agreement.contract.contract} is sound. {_counted(agreement.contract)}. Its id is {agreement.id}.")
    if not as_json:
        _print_rows(read.rows)
    if problems:
        raise SystemExit(1)


@command.command("show")
@FILE
@JSON
def show(file: Path, as_json: bool) -> None:
    """What FILE says: who is ready, who gets what, how fast, and what may become of it."""
    agreement = _sound(file)
    if as_json:
        click.echo(_json({"id": agreement.id, **agreement.contract.model_dump(mode="json")}))
        return
    from rich.console import Console

    from handfast.cli.contract_page import page

    Console().print(page(agreement))


@command.command("schema")
def schema() -> None:
    """The JSON Schema of contracts, for editors."""
    from handfast.contract.schema import schema_text

    click.echo(schema_text(), nl=False)


@command.command("prove")
@FILE
@JSON
def prove_examples(file: Path, as_json: bool) -> None:
    """Decide the worked examples of FILE as live signals are decided, and compare; say which rules no example touches.

    Exit code 0: all came out as expected, whatever they touch.
    """
    from handfast.tuning.coverage import cover
    from handfast.tuning.proof import prove

    agreement = _sound(file)
    proofs = prove(agreement)
    coverage = cover(agreement, proofs)
    failed = [proof for proof in proofs if not proof.passed]
    if as_json:
        counts = {"id": agreement.id, "passed": len(proofs) - len(failed)}
        click.echo(_json({**counts, "examples": [proof.as_json() for proof in proofs], "coverage": coverage.as_json()}))
    else:
        _print_proofs(file, proofs, len(failed))
        _print_coverage(coverage)
    if failed:
        raise SystemExit(1)


@command.command("load")
@FILE
@click.option("--unsigned", is_flag=True, help="Although a version that holds was signed; the history will say so.")
@JSON
def load(file: Path, unsigned: bool, as_json: bool) -> None:
    """Put FILE in force from now on, without signatures. Handoffs that are open keep the contract they were opened under.

    This is how the first version comes in, and a way for teams too small to sign. See `draft` and `sign` for the other.
    """
    from handfast.cli.opened import complain, opened
    from handfast.desk.contracts import put_in_force

    read = _sound_file(file)
    agreement = read.agreement
    assert agreement is not None
    _print_rows(read.rows)
    with opened(size=2) as house:
        version, problems = put_in_force(house.store, read.text, file.name, datetime.now(UTC), unsigned=unsigned)
    if problems:
        complain(problems)
    if as_json:
        click.echo(_json({"id": agreement.id, "version": version}))
    elif version is None:
        click.echo(f"{agreement.contract.contract} ({agreement.id}) is in force already; nothing changed.")
    else:
        click.echo(f"{agreement.contract.contract} is in force as version {version} ({agreement.id}).")


# --- reading --------------------------------------------------------------------------------------------------


def _read(file: Path) -> ReadFile:
    """The agreement, the Problems, and the text they speak of, with the files of its lists taken in."""
    from handfast.connectors.files.taken import read_file

    return read_file(file)


def _sound_file(file: Path) -> ReadFile:
    """The file as read; one with problems ends the command with all of them."""
    read = _read(file)
    if read.agreement is None:
        _print_problems(read.problems, read.text)
        raise SystemExit(1)
    return read


def _sound(file: Path) -> Agreement:
    """The agreement of a file without problems."""
    found = _sound_file(file).agreement
    assert found is not None
    return found


# --- printing -------------------------------------------------------------------------------------------------


def _print_problems(problems: list[Problem], text: str) -> None:
    from handfast.problem import counted

    lines = text.splitlines()
    for problem in problems:
        click.echo(str(problem), err=True)
        if 0 < problem.where.line <= len(lines):
            click.echo(_pointed(lines[problem.where.line - 1], problem.where.column), err=True)
    click.echo(f"{counted(problems)}.", err=True)


def _print_rows(rows: list[Problem]) -> None:
    """Rows of list files that were left out; the others count."""
    for problem in rows:
        click.echo(f"Left out: {problem}", err=True)


def _pointed(line: str, column: int) -> str:
    """The line with a caret under the column; of a long line the part around it."""
    start = max(0, column - 81) if len(line) > 120 else 0
    shown = "".join(sign if sign.isprintable() else " " for sign in line[start : start + 120])
    return f"    {shown}" + (f"\n    {' ' * (column - 1 - start)}^" if column else "")


def _print_proofs(file: Path, proofs: list[Proof], failed: int) -> None:
    for proof in proofs:
        mark = click.style("passed", fg="green") if proof.passed else click.style("FAILED", fg="red", bold=True)
        click.echo(f"{mark}  {proof.example}")
        width = max((len(one.name) for one in proof.compared), default=0)
        for one in proof.compared:
            click.echo(f"        {one.name + ':':<{width + 1}} expected {one.expected}, was {click.style(one.found, bold=True)}")
            if one.because:
                click.echo(f"        {'':<{width + 1}} {one.because}")
    if not proofs:
        click.echo(f"{file}: there are no examples. Write some under `examples:`; they are how the next author learns what was meant.")
    else:
        click.echo(f"{len(proofs) - failed} of {len(proofs)} examples came out as expected.")


def _print_coverage(coverage: Coverage) -> None:
    missed = coverage.untouched
    if not coverage.rules or len(missed) == len(coverage.rules):
        return  # without examples there is nothing to say that the line above does not say
    click.echo(
        f"They touch {len(coverage.rules) - len(missed)} of {len(coverage.rules)} rules." + (" No example touches:" if missed else "")
    )
    before = None
    for rule in missed:
        label = rule.part.replace("_", " ") if rule.part != before else ""
        click.echo(f"  {label:<12} {rule.name}")
        before = rule.part


def _counted(contract: Contract) -> str:
    ready, routing = contract.ready, contract.routing
    counts = (
        (len(ready.fit.points) + len(ready.fit.never), "fit rule"),
        (len(ready.intent.points), "intent rule"),
        (len(ready.next_step), "next step"),
        (len(routing.pools), "pool"),
        (len(contract.sla), "SLA"),
        (len(contract.examples), "example"),
    )
    return ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
