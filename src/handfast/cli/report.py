"""`handfast report`: the figures, each with its interval and the number of rows it stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from handfast.cli.opened import complain, opened
from handfast.cli.plain import marked
from handfast.cli.report_assignments import assignments, fairness
from handfast.cli.typed import moment
from handfast.measure.cohort import BY
from handfast.measure.definitions import MEASURES, MINIMUM, WITHIN
from handfast.measure.takeaway import duration
from handfast.numbers import percent
from handfast.problem import Place, Problem, one_of
from handfast.worktime import worked

#: The columns of a breakdown: what fits a terminal.
_SHOWN = ("speed_to_lead", "sla_compliance", "contact_rate", "meeting_rate", "mql_to_sql", "won_ever")
_TITLES = {measure.name: measure.title for measure in MEASURES}
_NAME = "handfast report"
_DAY = "A day means its first moment, 00:00 UTC; or a moment as 2026-11-22T09:00+00:00."


@click.command("report")
@click.option("--as-of", default=None, metavar="T", help=f"As known at T; default now. What was recorded later is not counted. {_DAY}")
@click.option("--from", "start", default=None, metavar="D", help="From D on.")
@click.option("--to", "end", default=None, metavar="D", help="Up to, not including, D.")
@click.option("--by", default="", metavar="WORDS", help=f"Broken down by {', '.join(BY)}; several with commas: source,month.")
@click.option("--minimum", default=MINIMUM, show_default=True, type=click.IntRange(1), help="Give no figure on fewer rows than this.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(as_of: str | None, start: str | None, end: str | None, by: str, minimum: int, as_json: bool) -> None:
    """The figures of a period: speed, promises kept, contact, meetings, conversion, pipeline."""
    from handfast.desk import figures

    at = moment(as_of, _NAME, "--as-of") or datetime.now(UTC)
    bounds = moment(start, _NAME, "--from"), moment(end, _NAME, "--to")
    if bounds[0] and bounds[1] and bounds[0] >= bounds[1]:
        complain(
            [
                Problem(
                    Place("handfast report", part="--to"), f"{end} is not after {start}", "Name a later day; --to itself is not included."
                )
            ]
        )
    words = _words(by)
    with opened(size=2) as house:
        found = figures.report(house.store, at, *bounds, words, minimum=minimum)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    show(found, Console(width=None if Console().is_terminal else 140, highlight=False))


def _words(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    if wrong := [
        Problem(Place("handfast report", part="--by"), f"'{w}' is not something to break down by", one_of(BY, word=w))
        for w in words
        if w not in BY
    ]:
        complain(wrong)
    return words


# --- on a terminal --------------------------------------------------------------------------------------------


def show(found: Mapping[str, Any], console: Console) -> None:
    """The report in words and tables; where there is nothing yet, what to do about it."""
    console.print(f"[bold]{found['takeaway']}[/bold]")
    console.print(
        f"[dim]As known at {_when(found['as_of'])}{_span(found)}. 95% intervals; no figure on fewer than {found['minimum']}.[/dim]"
    )
    if not found["counts"]["handoffs"] and not found["counts"]["leads"] and not found["cohorts"]:
        console.print(
            "Figures come with the first handoffs. Is the period right? If so, send signals (`handfast import FILE --as signals`), "
            "or see a company that has some: `handfast demo`."
        )
        return
    console.print(_measures(found))
    if found["measures"]["speed_to_lead"]["why"] is None:
        console.print(_shares(found["measures"]))
    console.print(_counts(found["counts"]))
    for guard in found["guards"]:
        first, second = (_TITLES[name] for name in guard["pair"])
        console.print(f"[dim]{first} with {second}: {guard['note']}[/dim]")
    if found["sla"]:
        console.print(_clauses(found["sla"]))
    console.print(_clocks(found["clocks"]))
    if found["assignments"]["all"]["assignments"]:
        console.print(assignments(found["assignments"]))
    if found["delays"]["parts"]:
        console.print(_delays(found["delays"]))
    if any(pool["turns"] for pool in found["fairness"]):
        console.print(fairness(found["fairness"]))
    if found["cohorts"]:
        console.print(_cohorts(found["cohorts"]))
    if found["groups"]:
        console.print(_groups(found["by"], found["groups"]))


def _when(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _span(found: Mapping[str, Any]) -> str:
    start, end = found["from"], found["to"]
    return (f", from {_when(start)}" if start else "") + (f", up to {_when(end)}" if end else "")


def _measures(found: Mapping[str, Any]) -> Table:
    table = Table("", "figure", "95%", "on", "", title="Measures", title_justify="left", box=None, pad_edge=False)
    for name, figure in found["measures"].items():
        title = _TITLES[name]
        match figure["kind"]:
            case "time":
                _times(table, title, figure)
            case "rate":
                table.add_row(title, *_rate(figure), _young(figure))
            case "sum":
                table.add_row(title, f"{figure['value']:,.0f}", "", f"{figure['n']} opportunities", _without(figure))
            case _:
                said = figure["why"] or f"{duration(figure['p95'])} for 95%, at most {duration(figure['max'])}"
                table.add_row(title, duration(figure["p50"]), "", str(figure["n"]), said)
    return table


def _times(table: Table, title: str, figure: Mapping[str, Any]) -> None:
    on = f"{figure['happened']} touched of {figure['n']}"
    for name, said in (("p50", "half"), ("p90", "90%")):
        one = figure[name]
        table.add_row(f"{title}, {said} within", duration(one["value"]), _between(one, duration), on, one["why"] or "")


def _shares(measures: Mapping[str, Any]) -> Table:
    times = {name: figure for name, figure in measures.items() if figure["kind"] == "time" and figure["why"] is None}
    table = Table("touched within", *WITHIN.values(), title="Shares touched", title_justify="left", box=None, pad_edge=False)
    for name, figure in times.items():
        table.add_row(_TITLES[name], *(_cell({"kind": "rate", **share}) for share in figure["within"].values()))
    return table


def _between(figure: Mapping[str, Any], said: Any) -> str:
    low, high = figure["low"], figure["high"]
    if figure["value"] is None or low is None:
        return ""
    return f"{said(low)} to {said(high)}" if high is not None else f"{said(low)} or more"


def _rate(figure: Mapping[str, Any]) -> tuple[str, str, str]:
    return percent(figure["value"]), _between(figure, percent), f"{figure['hits']} of {figure['n']}"


def _young(figure: Mapping[str, Any]) -> str:
    return figure["why"] or (f"{figure['not_mature']} too young to count" if figure["not_mature"] else "")


def _without(figure: Mapping[str, Any]) -> str:
    return f"{figure['without_amount']} without an amount" if figure["without_amount"] else ""


def _counts(counts: Mapping[str, int]) -> str:
    return "\n[bold]Counts[/bold]  " + "   ".join(f"{name.replace('_', ' ')} {n}" for name, n in counts.items()) + "\n"


def _clauses(clauses: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("SLA", "kept", "95%", "met of due", "", title="Promises", title_justify="left", box=None, pad_edge=False)
    for clause in clauses:
        table.add_row(clause["sla"], *_rate(clause), clause["why"] or "")
    return table


def _clocks(kinds: Sequence[Mapping[str, Any]]) -> Table:
    """Each kind of clock, and below it its months where there are several."""
    columns = ("", "kept", "95%", "kept", "missed", "open", "half used", "90% used", "")
    table = Table(*columns, title="Clocks kept, Sales' and marketing's", title_justify="left", box=None, pad_edge=False)
    for one in kinds:
        if one["why"] is not None:
            table.add_row(one["title"], "–", "", "", "", "", "", "", f"[dim]{one['why']}[/dim]")
            continue
        table.add_row(one["title"], *_clock_cells(one), one["rate"]["why"] or one.get("latest") or "")
        if len(one["months"]) > 1:
            for month in one["months"]:
                table.add_row(f"[dim]  {month['month']}[/dim]", *_clock_cells(month), "")
    return table


def _clock_cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    used = one["used"] or {"p50": {"value": None}, "p90": {"value": None}}
    missed = f"{one['missed']}, {one['still_open']} open" if one["still_open"] else str(one["missed"])
    times = (_worked(used[name]["value"]) for name in ("p50", "p90"))
    rate = one["rate"]
    return (percent(rate["value"]), _between(rate, percent), str(one["kept"]), missed, str(one["open"] + one["early"]), *times)


def _worked(seconds: float | None) -> str:
    return "–" if seconds is None else worked(seconds)


def _delays(delays: Mapping[str, Any]) -> Table:
    """Where the time went, without blame: to the first touch, and in all."""
    named = {"system": "system", "queue": "queue", "off_hours": "owner's off-hours", "rep": "owner", "prospect": "prospect"}
    title = f"Where the time went, on {delays['handoffs']} touched handoffs"
    first, whole = delays["parts"]["to_first_touch"], delays["parts"]["in_all"]
    columns = ["", "half within, to first touch", "share"]
    if whole is not None:
        columns += [f"half within, in all ({delays['ended']} ended)", "share"]
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for party, said in named.items():
        parts = [first[party]] if whole is None else [first[party], whole[party]]
        cells = [text for part in parts for text in (duration(part["median_seconds"]), percent(part["share"]))]
        table.add_row(said, *cells)
    return table


def _cohorts(cohorts: Sequence[Mapping[str, Any]]) -> Table:
    names = [name for name in cohorts[0] if name in _TITLES]
    table = Table("opened in", "handoffs", *(_TITLES[n] for n in names), title="Cohorts", title_justify="left", box=None, pad_edge=False)
    for cohort in cohorts:
        table.add_row(cohort["month"], str(cohort["handoffs"]), *(_cell(cohort[n]) for n in names))
    return table


def _groups(by: Sequence[str], groups: Sequence[Mapping[str, Any]]) -> Table:
    columns = [*by, "leads", *(_TITLES[name] for name in _SHOWN), "pipeline"]
    table = Table(*columns, title=f"By {', '.join(by)}", title_justify="left", box=None, pad_edge=False)
    for group in groups:
        m = group["measures"]
        cells = [_cell(m[name]) for name in _SHOWN]
        table.add_row(
            *(marked(value) for value in group["key"].values()),
            str(group["counts"]["leads"]),
            *cells,
            f"{m['pipeline_created']['value']:,.0f}",
        )
    return table


def _cell(figure: Mapping[str, Any]) -> str:
    """A figure with its interval, or why there is none."""
    one, said = (figure["p50"], duration) if figure["kind"] == "time" else (figure, percent)
    if one["value"] is not None:
        return f"{said(one['value'])} ({_between(one, said)})"
    what, _, rest = str(one["why"]).partition(": ")
    short = {"not enough data": rest.split(",")[0], "not mature": f"from {rest[-10:]}"}
    return f"[dim]{short.get(what, what)}[/dim]"
