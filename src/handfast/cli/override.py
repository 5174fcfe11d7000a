"""`handfast override`: verdicts given by hand, each with a reason and an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click
import orjson
from pydantic import TypeAdapter, ValidationError

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.cli.typed import whoever_types
from handfast.contract.terms import Duration, Span
from handfast.desk import overrides
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store.overrides import OverrideRow

#: Ten years, as the longest that a contract remembers anything.
_LONGEST_MINUTES: Final = 10 * 366 * 1440


@click.group("override", help="Verdicts given by hand: set, list, lift.")
def command() -> None:
    pass


@command.command("set")
@click.argument("about", metavar="ID")
@click.argument("verdict", type=click.Choice(list(overrides.VERDICTS)))
@click.option("--because", "reason", required=True, help="Why; others will read it.")
@click.option("--for", "span", default="30 days", show_default=True, help="How long it holds: '8 hours', '14 days'.")
@click.option("--by", default=None, help="Who decides it; by default the name this computer knows you by.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def set_(about: str, verdict: str, reason: str, span: str, by: str | None, as_json: bool) -> None:
    """A person or account (ID: an id, an e-mail address or a domain) is VERDICT from now on, whatever the terms say."""
    now = datetime.now(UTC)
    length = _span(span)
    with opened(size=2) as house:
        try:
            row = overrides.set_override(
                house.store, about, verdict, reason, by or whoever_types(), now + timedelta(minutes=length.minutes), now
            )
        except Refused as refused:
            complain([refused.problem])
            return
    _tell([row], as_json=as_json)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def listed(as_json: bool) -> None:
    """Those that hold now, or will."""
    with opened(size=2) as house:
        found = overrides.list_overrides(house.store, datetime.now(UTC))
    if not found and not as_json:
        click.echo("Nothing is decided by hand at present.")
        return
    _tell(found, as_json=as_json)


@command.command("lift")
@click.argument("override_id", metavar="ID")
def lift(override_id: str) -> None:
    """End the override ID (ovr_…) before its time."""
    with opened(size=2) as house:
        try:
            row = overrides.lift_override(house.store, override_id, datetime.now(UTC))
        except Refused as refused:
            complain([refused.problem])
            return
    click.echo(f"{row.id} about {row.person_id or row.account_id} holds no more.")


def _span(text: str) -> Duration:
    adapter: TypeAdapter[Duration] = TypeAdapter(Span)
    place = Place("handfast override set", part="--for")
    try:
        length = adapter.validate_python(text)
    except ValidationError:
        complain([Problem(place, f"'{text}' is not a duration", "Write it as '8 hours' or '14 days'.")])
        raise
    if length.minutes > _LONGEST_MINUTES:
        complain([Problem(place, f"{length} is longer than anybody decides for", "Write ten years at most, such as '52 weeks'.")])
    return length


def _tell(found: list[OverrideRow], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps([_shown(row) for row in found], option=orjson.OPT_INDENT_2).decode())
        return
    for row in found:
        verdict = row.verdict.replace("_", " ")
        about = row.person_id or row.account_id
        tell(f"{row.id}  {about}  {verdict:8} until {row.ends_at:%Y-%m-%d %H:%M} UTC, said {row.by}: {row.reason}")


def _shown(row: OverrideRow) -> dict[str, Any]:
    names = ("id", "person_id", "account_id", "verdict", "reason", "by", "since", "until", "lifted_at")
    return {name: getattr(row, name) for name in names}
