"""`handfast doctor`: what is wrong with an installation that works, or seems to."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import orjson

from handfast.cli.plain import tell


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--recount", is_flag=True, help="First count anew how many open handoffs each rep has.")
def command(as_json: bool, recount: bool) -> None:
    """Examine this installation: owners, clocks, queues, messages, hierarchies, reps, calendars, and the same person through every door.

    Nothing is changed, but for what --recount says. Exit code 0: no error was found (a warning is none); 1: there was one, or the database
    cannot be reached.
    """
    from handfast.cli.opened import opened
    from handfast.desk import doctor
    from handfast.desk.doctor import Visit, examine

    with opened(size=3) as house:
        if recount:
            wrong = doctor.recount(house.store)
            said = "every number was right" if not wrong else f"{wrong:,} reps had a wrong number"
            click.echo(f"The open handoffs of each rep were counted anew: {said}.", err=as_json)
        checks, findings = examine(Visit(house.store, datetime.now(UTC), house.settings.data_dir))
    errors = [one for one in findings if one.level == "error"]
    if as_json:
        told = {"ok": not errors, "checks": checks, "findings": [one.as_json() for one in findings]}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        for one in findings:
            tell(f"{one.level:8}{one.check:11}{one.problem}")
        well = [name for name in checks if not any(one.check == name for one in findings)]
        click.echo(f"Well: {', '.join(well) or 'nothing'}.")
    if errors:
        raise SystemExit(1)
