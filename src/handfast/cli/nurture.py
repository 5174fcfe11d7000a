"""`handfast nurture`: who came back to marketing, with why and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from handfast.cli.opened import complain, opened
from handfast.cli.plain import tell
from handfast.problem import Place, Problem, one_of


@click.command("nurture")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, to load into another system.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--track", default="nurture,returned", show_default=True, help="Which: nurture, returned, fix_data, merge, suppress.")
@click.option("--days", default=366, show_default=True, type=click.IntRange(1, 3660), help="How far back.")
def command(*, as_csv: bool, as_json: bool, track: str, days: int) -> None:
    """Who came back to marketing and is not in work again: recycled with a return date, or returned for want of a touch."""
    from handfast.desk import way_back
    from handfast.store.way_back import returned

    place = Place("handfast nurture", part="--track")
    tracks = [word.strip() for word in track.split(",") if word.strip()]
    if not tracks:
        complain([Problem(place, "no track is named", one_of(way_back.TRACKS))])
    if wrong := [word for word in tracks if word not in way_back.TRACKS]:
        complain([Problem(place, f"'{word}' is no track", one_of(way_back.TRACKS, word=word)) for word in wrong])
    at = datetime.now(UTC)
    with opened() as house, house.store.reading() as conn:
        found = returned(conn, tracks, at - timedelta(days=days), at, 100_000)
    if as_csv:
        click.echo(way_back.as_csv(found), nl=False)
    elif as_json:
        import orjson

        click.echo(orjson.dumps([way_back.as_row(one) for one in found], default=str, option=orjson.OPT_INDENT_2).decode())
    elif not found:
        click.echo("Nobody is with marketing again. Recycled people appear here once their outcome can no longer be taken back.")
    else:
        for one in found:
            back = f", back from {one.back_at:%Y-%m-%d}" if one.back_at else ""
            tell(f"{one.at:%Y-%m-%d}  {one.email or one.name:40} {one.leads_to:9} {one.reason or ''}{back}")
