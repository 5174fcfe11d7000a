"""`handfast match`: who is whom, where the machine is not sure; and what it learned."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click
import orjson

from handfast.cli.opened import complain, opened, say
from handfast.cli.plain import tell
from handfast.desk import match as matching
from handfast.desk import review
from handfast.desk.contracts import Book, NoContract
from handfast.desk.refused import Refused
from handfast.identity.match import Policy
from handfast.identity.normalise import email_address
from handfast.numbers import signed
from handfast.problem import Place, Problem
from handfast.store import identity
from handfast.store.base import Conn


@click.group("match", help="Who is whom: learn from everybody, list what is asked, answers, one dry match.")
def command() -> None:
    pass


@command.command("learn")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def learn(as_json: bool) -> None:
    """Index what waits, learn from everybody what agreement is worth, ask about every pair alike. Run it monthly, or after an import."""
    at, worth = datetime.now(UTC), matching.Worth()
    with opened(size=2) as house:
        while (done := matching.tend(house.store, at, worth=worth)).people or done.accounts:
            say(f"{done.people} people and {done.accounts} accounts indexed")
        model, people, asked = matching.learn_from_all(house.store, at)
    if as_json:
        click.echo(orjson.dumps({"people": people, "learned": model is not None, "asked": asked}).decode())
        return
    if model is None:
        click.echo(f"{people} people are too few to learn from ({matching.ENOUGH_TO_LEARN} are enough); what was begun with stays.")
        return
    click.echo(f"Learned from {people} people; {asked} new questions.")
    for field in model.comparisons:
        told = ", ".join(f"{level.name} {signed(level.bits, 1)}" for level in field.levels)
        click.echo(f"  {field.field:12} {told}")


@command.command("list")
@click.option("--answers", is_flag=True, help="What people answered: the labelled examples.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(answers: bool, as_json: bool) -> None:
    """What waits for a person, or what people said."""
    with opened(size=2) as house, house.store.reading() as conn:
        found = identity.labels(conn) if answers else identity.open_reviews(conn)
    if as_json:
        click.echo(orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode())
        return
    for one in found:
        said = f"{one.state} by {one.by}" if answers else f"{one.probability:.2f}"
        tell(f"{one.id}  {one.kind:8} {one.person}  {one.other}  {one.code}  {said}")
    if not found:
        click.echo("Nothing was answered yet." if answers else "Nothing waits for a person.")


@command.command("answer")
@click.argument("which", metavar="ID")
@click.argument("said", type=click.Choice(["same", "different"]))
@click.option("--by", required=True, help="Who says so: an e-mail address.")
@click.option("--note", default="", help="Why.")
def answer(which: str, said: str, by: str, note: str) -> None:
    """Say whether the two of a question are one."""
    with opened(size=2) as house:
        try:
            review.answer(house.store, which, same=said == "same", by=by, at=datetime.now(UTC), note=note)
        except Refused as wrong:
            complain([wrong.problem])
    click.echo(f"{which}: {said}")


@command.command("account")
@click.argument("name")
@click.option("--email", default="", help="An address at the company.")
@click.option("--phone", default="", help="A phone number.")
@click.option("--city", default="", help="The city.")
@click.option("--country", default="", help="The country, best as two letters.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def account(name: str, email: str, phone: str, city: str, country: str, as_json: bool) -> None:
    """Which account a company is, by the contract in force; writes nothing."""
    address = email_address(email) if email else None
    if email and address is None:
        complain(
            [Problem(Place("handfast match account", part="--email"), f"'{email}' is no e-mail address", "Correct it or leave it out.")]
        )
    company = matching.company_said(name, matching.domains_of(address), {"phone": phone, "city": city, "country": country})
    with opened(size=2) as house, house.store.reading() as conn:
        said = matching.match_account(conn, company, _policy(conn))
    if as_json:
        click.echo(orjson.dumps(asdict(said), option=orjson.OPT_INDENT_2).decode())
        return
    tie = f", tie broken by {said.tie_break}" if said.tie_break else ""
    tell(f"{said.state}: {said.account or 'no account'}  {said.code}  {said.probability:.3f}{tie}")
    for one in said.because:
        tell(f"  {one}")
    for runner in said.runners:
        tell(f"  runner-up {runner.account} {runner.name}: {runner.code} {runner.probability:.3f}")


def _policy(conn: Conn) -> Policy:
    try:
        return matching.policy_of(Book().refresh(conn).at(datetime.now(UTC)).contract.match)
    except NoContract:
        return Policy(distinctive_words=True)
