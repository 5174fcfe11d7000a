"""A contract as a page for the terminal: what is ready, who gets what, how fast, what the rep is told, what may become of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Calendar, Contract, Reason, Sla
from handfast.numbers import short, signed

_RUNGS: Mapping[str, str] = {
    "never": "what goes to nobody",
    "named_account": "the owner of the account",
    "open_opportunity": "the owner of its open opportunity",
    "customer": "whoever looks after a customer",
    "territory": "the territory",
    "pool": "the pool's next in turn",
}


def page(agreement: Agreement) -> RenderableType:
    """The whole contract, for rich to print."""
    contract = agreement.contract
    title = Text.assemble((contract.contract, "bold"), f"  ·  {contract.motion}  ·  {agreement.id}")
    return Group(
        title,
        *_section("Who is ready", _ready(contract)),
        *_section("Who gets it", _routing(contract)),
        *_section("How fast", _clocks(contract)),
        *_section("What the rep is told", _brief(contract)),
        *_section("What may become of it", _outcomes(contract)),
    )


def _section(title: str, parts: Iterable[RenderableType]) -> list[RenderableType]:
    return [Text(f"\n{title}", style="bold underline"), *(Padding(part, (0, 0, 0, 2), expand=False) for part in parts)]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column == "points" else "left", overflow="fold")
    return table


# --- ready ----------------------------------------------------------------------------------------------------


def _ready(contract: Contract) -> list[RenderableType]:
    ready = contract.ready
    fit = _table("points", "who they are", "because")
    for fit_rule in ready.fit.points:
        fit.add_row(signed(fit_rule.points), Text(fit_rule.when), Text(fit_rule.because))
    never = _table("never", "reason")
    for never_rule in ready.fit.never:
        never.add_row(Text(never_rule.when), Text(never_rule.reason))
    intent = _table("points", "what they did", "at most", "because")
    for rule in ready.intent.points:
        intent.add_row(signed(rule.points), _signal(rule.on, rule.when), str(rule.at_most or ""), Text(rule.because))
    steps = _table("next step", "what they asked for", "open for")
    for step in ready.next_step:
        steps.add_row(step.step, _signal(step.on, step.when), str(step.within))
    decay = f"half after {ready.intent.half_life}, nothing after {ready.intent.lookback}"
    parts: list[RenderableType] = [Text(f"Fit: at least {ready.fit.at_least} points, and no rule that says never"), fit]
    parts += [never] if ready.fit.never else []
    return [
        *parts,
        Text(f"And intent: at least {ready.intent.at_least} points; a signal is worth {decay}"),
        intent,
        Text("And a next step they asked for, the first that holds"),
        steps,
    ]


def _signal(kind: str, when: str | None) -> Text:
    return Text(f"{kind}: {when}" if when else kind)


# --- routing and clocks ---------------------------------------------------------------------------------------


def _routing(contract: Contract) -> list[RenderableType]:
    routing = contract.routing
    parts: list[RenderableType] = [Text(f"Asked in this order: {', then '.join(_RUNGS[rung] for rung in routing.ladder)}")]
    if routing.hierarchy != "off":
        which = "the account above" if routing.hierarchy == "parent" else "the topmost company"
        parts.append(Text(f"The owner of {which} counts beside the account's own."))
    if routing.customers is not None:
        parts.append(Text(f"Customers nobody else looks after go to {routing.customers}."))
    if routing.never:
        table = _table("to nobody", "reason")
        for rule in routing.never:
            table.add_row(Text(rule.when), Text(rule.reason))
        parts.append(table)
    if routing.territories:
        table = _table("territory", "who", "to")
        for territory in routing.territories:
            table.add_row(territory.name, Text(territory.when), territory.to)
        parts.append(table)
    pools = _table("pool", "members (share of turns)", "each at most", "")
    for name, pool in routing.pools.items():
        members = ", ".join(f"{member} {short(weight)}" for member, weight in pool.members.items())
        cap = f"{pool.cap} open" if pool.cap is not None else "no limit"
        pools.add_row(name, members, cap, "for all others" if name == routing.default else "")
    late = f"Whom nobody can take waits in the exception queue, late after {routing.exceptions_within}."
    return [*parts, *([pools] if routing.pools else []), Text(late)]


def _clocks(contract: Contract) -> list[RenderableType]:
    table = _table("SLA", "for", "first touch", "hours of", "and else")
    for sla in contract.sla:
        table.add_row(sla.name, Text(sla.when or "everything left"), str(sla.first_touch), sla.calendar, _ladder(sla))
    hours = _table("calendar", "zone", "open", "holidays")
    for name, calendar in {"team": contract.calendar, **contract.calendars}.items():
        hours.add_row(name, calendar.timezone, _week(calendar), calendar.holidays or "none")
    return [table, hours]


def _ladder(sla: Sla) -> str:
    return "\n".join(f"{step.after}: {step.sentence}" for step in sla.ladder)


def _week(calendar: Calendar) -> str:
    return "\n".join(f"{days} {', '.join(intervals)}" for days, intervals in calendar.week.items())


# --- brief and outcomes ---------------------------------------------------------------------------------------


def _brief(contract: Contract) -> list[RenderableType]:
    brief = contract.brief
    parts: list[RenderableType] = [Text(f"Always: {', '.join(brief.required) or 'whatever is known'}")]
    if brief.themes:
        parts.append(Text(f"Themes: {', '.join(theme.theme for theme in brief.themes)}"))
    if brief.plays:
        table = _table("next step", "play")
        for play in brief.plays:
            table.add_row(play.step, Text(play.action))
        parts.append(table)
    return parts


def _outcomes(contract: Contract) -> list[RenderableType]:
    table = _table("outcome", "reason", "in words", "comes back", "look at")
    table.add_row("connected", "", "stays open", "", "")
    table.add_row("meeting set", "", "", "", "")
    for outcome, refusal in (("recycle", contract.dispositions.recycle), ("disqualify", contract.dispositions.disqualify)):
        for code, reason in refusal.reasons.items():
            table.add_row(outcome, code, _label(reason), f"after {reason.back}" if reason.back else "", reason.blames or "")
    return [table, Text(f"{len(contract.examples)} worked examples; `handfast contract prove` decides them.")]


def _label(reason: Reason) -> Text:
    return Text(reason.label + (" (with a note)" if reason.note else ""))
