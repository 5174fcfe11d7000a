"""`handfast dispute`: what is argued about, and the answers as labelled examples."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import orjson

from handfast.cli.contract_versions import AS, PASSWORD, account, draft_number
from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.desk.refused import Refused
from handfast.store import disputes as rows

if TYPE_CHECKING:
    from handfast.desk.labels import Label


@click.group("dispute", help="Disputes: those that wait, and the answers as labels.")
def command() -> None:
    pass


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Disputes that wait for an answer, the most urgent first."""
    with opened(size=2) as house, house.store.reading() as conn:
        found = [{name: getattr(one, name) for name in one.__dataclass_fields__} for one in rows.waiting(conn)]
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        click.echo("Nothing is disputed.")
    for one in found:
        due = f"answer by {one['due_at']:%Y-%m-%d %H:%M} UTC"
        side = "" if one["side"] == "neither" else f"{one['side']}, "
        tell(f"{one['id']}  {one['handoff']}  {one['about']:9} {due}  {side}{one['by']}: {one['reason']}")


@command.command("examples")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many, the latest first.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def examples(most: int, as_json: bool) -> None:
    """The answers: whether each decision was right, and the worked example it makes, proved under the contract in force."""
    from handfast.desk import labels
    from handfast.desk.contracts import Book, NoContract

    with opened(size=2) as house, house.store.reading() as conn:
        try:
            found = labels.labels(conn, Book().refresh(conn).at(datetime.now(UTC)), most)
        except NoContract:
            found = []
    if as_json:
        click.echo(orjson.dumps([one.as_json() for one in found], option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        click.echo("No dispute has an answer yet.")
    for one in found:
        was = "right" if one.dispute.state == "rejected" else "wrong"
        tell(
            f"{one.dispute.id}  {one.dispute.handoff}  {one.dispute.about} by {one.dispute.rule}, it was found {was}: {one.dispute.reason}"
        )
        tell("  " + (one.why or f"{_proved(one)}{', taken in already' if one.taken else ''}"))
        click.echo("".join(f"    {line}\n" for line in one.text.splitlines()))


def _proved(one: Label) -> str:
    if one.proof is None or one.proof.passed:
        return "comes out so under the contract in force"
    return f"comes out otherwise: {'; '.join(one.proof.differences)}"


@command.command("take")
@click.argument("dispute")
@click.option("--to", "number", metavar="DRAFT", help="Into this open draft; without it, into a new one of the contract in force.")
@AS
@PASSWORD
def take(dispute: str, number: str | None, email: str | None, password_stdin: bool) -> None:
    """Take the example that the answer to DISPUTE makes into a draft, where it has to come out as found."""
    from handfast.desk import drafts, labels
    from handfast.desk.contracts import NoContract

    with opened(size=2) as house:
        try:
            who = account(house, email, password_stdin)
            saved = labels.take(house.store, dispute, who, datetime.now(UTC), draft=draft_number(number))
        except Refused as refused:
            complain([refused.problem])
            return
        except NoContract as none:
            raise click.ClickException(str(none.__doc__)) from None
    failed = drafts.examine(saved.source).failed
    click.echo(
        f"draft-{saved.number} has it. " + ("It comes out as found." if not failed else f"{len(failed)} examples come out otherwise:")
    )
    for proof in failed:
        click.echo(f"  {proof.example}: {'; '.join(proof.differences)}")
