"""What a contract may get wrong although each of its terms is well formed: names that lead nowhere, bars nobody can reach, contradictions.

Each check is a function from a contract to Problems. None stops at the first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from pydantic import BaseModel

from handfast.contract.calendars import calendar_problems
from handfast.contract.check import Check
from handfast.contract.checks_clocks import BUILT_IN_CALENDARS, LONGEST_WAIT_MINUTES, clock_problems
from handfast.contract.checks_ladder import canary_problems, ladder_problems
from handfast.contract.checks_pools import pool_problems
from handfast.contract.given import example_problems
from handfast.contract.place import KEY, Path
from handfast.contract.signals import STANDARD, fields_of
from handfast.contract.terms import Calendar, Duration, FieldType, Intent, IntentRule, Reason
from handfast.contract.terms_outcome import REASONS_LEAD_TO
from handfast.numbers import short
from handfast.problem import Place, Problem, one_of

#: Names that the rooms use for columns of their own.
_TAKEN_BY_PEOPLE: Final = frozenset({"person_id", "at", "next_step", "fit", "intent", "source"})
_TAKEN_BY_SIGNALS: Final = frozenset({"signal", "person_id", "kind", "occurred_at", "at", "ago"})
_DOMAIN: Final = re.compile(r"[\w-]+(\.[\w-]+)+")
_PLACEHOLDERS: Final = ("first_name", "company", "theme", "asked")
#: What a disposition holds whatever its reason.
_ASKED_ANYWAY: Final = frozenset({"reason", "note", "outcome", "meeting_at", "back"})


def checks(check: Check) -> list[Problem]:
    """Everything that does not fit together."""
    return [problem for ask in _CHECKS for problem in ask(check)]


# --- calendars and fields -------------------------------------------------------------------------------------


def _calendars(check: Check) -> Iterator[Problem]:
    yield from _calendar(check, check.contract.calendar, ("calendar",))
    for name, calendar in check.contract.calendars.items():
        if name in BUILT_IN_CALENDARS:
            yield check.problem(("calendars", name, KEY), f"the calendar '{name}' is built in", "Give yours another name.")
        yield from _calendar(check, calendar, ("calendars", name))


def _calendar(check: Check, calendar: Calendar, path: Path) -> Iterator[Problem]:
    """The room's own check names the part (`week.mon-fri`); here it gets its place in the text."""
    for problem in calendar_problems(calendar, Place("")):
        key, _, rest = problem.where.part.partition(".")
        yield check.problem((*path, *(part for part in (key, rest) if part)), problem.what, problem.fix)


def _fields(check: Check) -> Iterator[Problem]:
    for name in check.contract.fields:
        if name in _TAKEN_BY_PEOPLE:
            yield check.problem(("fields", name, KEY), f"the name '{name}' is taken", "Call the field something else.")
    kinds: dict[str, tuple[FieldType, str]] = {}
    for kind, known in STANDARD.items():
        kinds.update({name: (declared, kind) for name, declared in known.items()})
    for kind, fields in check.contract.signals.items():
        for name, declared in fields.items():
            path = ("signals", kind, name)
            if name in _TAKEN_BY_SIGNALS:
                yield check.problem((*path, KEY), f"the name '{name}' is taken", "Call the field something else.")
            before, other = kinds.setdefault(name, (declared, kind))
            if before != declared:
                yield check.problem(path, f"'{name}' is {declared} here and {before} in '{other}'", "Give it one type, or another name.")


# --- ready ----------------------------------------------------------------------------------------------------


def _kinds(check: Check) -> Iterator[Problem]:
    ready, declared = check.contract.ready, check.contract.signals
    rules: list[tuple[Path, str]] = [(("ready", "intent", "points", n, "on"), rule.on) for n, rule in enumerate(ready.intent.points)]
    rules += [(("ready", "next_step", n, "on"), rule.on) for n, rule in enumerate(ready.next_step)]
    for path, kind in rules:
        if fields_of(kind, declared) is None:
            fix = f"{one_of({*STANDARD, *declared}, word=kind)} Kinds of your own are declared under `signals:`."
            yield check.problem(path, f"no signal '{kind}' is known", fix)


def _bars(check: Check) -> Iterator[Problem]:
    fit, intent = check.contract.ready.fit, check.contract.ready.intent
    most = sum(rule.points for rule in fit.points if rule.points > 0)
    if most < fit.at_least:
        what = f"nobody can have {fit.at_least} fit points: all rules together give {most}"
        yield check.problem(("ready", "fit", "at_least"), what, f"Ask for {most} at most, or add rules.")
    reach = _most_intent(intent)
    if reach is not None and reach < intent.at_least:
        what = f"nobody can have {intent.at_least} intent points: all rules together never give more than {reach:.0f}"
        yield check.problem(("ready", "intent", "at_least"), what, "Ask for less, add rules, or allow more per day or week.")
    for name in ("half_life", "lookback"):
        if getattr(intent, name).minutes == 0:
            yield check.problem(("ready", "intent", name), f"{name} is no time at all", "Write it as '14 days'.")


def _most_intent(intent: Intent) -> float | None:
    """An upper bound of anybody's intent; None where a rule without a cap makes it endless."""
    gains = [rule for rule in intent.points if rule.points > 0]
    if any(rule.at_most is None for rule in gains) or not intent.half_life.minutes:
        return None
    return sum(_most_of(rule, intent) for rule in gains)


def _most_of(rule: IntentRule, intent: Intent) -> float:
    """The cap filled in every day (or week) of the lookback, each with the least decay it can have."""
    if rule.at_most is None:
        raise ValueError("a rule without a cap has no most")
    period = 1440 if rule.at_most.per == "day" else 10080
    reach = min(rule.within.minutes if rule.within else intent.lookback.minutes, intent.lookback.minutes)
    periods = min(reach // period + 2, 10_000)
    decayed = (math.exp2(-max(0, n - 1) * period / intent.half_life.minutes) for n in range(periods))
    return rule.points * rule.at_most.times * sum(decayed)


def _excluded(check: Check) -> Iterator[Problem]:
    exclude, fields = check.contract.ready.exclude, check.contract.fields
    for name in ("competitors", "employees"):
        for n, domain in enumerate(getattr(exclude, name)):
            if not _DOMAIN.fullmatch(domain):
                path = ("ready", "exclude", name, n)
                yield check.problem(path, f"'{domain}' is no domain", "Write what stands behind the @: 'kestrel.example'.")
    if exclude.asks_addresses and fields.get("email", "text") != "text":
        what = "an exclusion asks for the address, and 'email' is declared as something else than a text"
        yield check.problem(("fields", "email"), what, "Declare it as text, or leave it out.")


def _grades(check: Check) -> Iterator[Problem]:
    """The best first: a grade below one that asks for less, or as much, is given to nobody."""
    grades = check.contract.ready.grades
    for part in ("fit", "intent") if grades else ():
        bars = list(getattr(grades, part).items())
        for (better, high), (worse, low) in pairwise(bars):
            if low >= high:
                what = f"nobody gets the grade {worse}: it asks for {low}, and {better} above it for {high}"
                yield check.problem(
                    ("ready", "grades", part, worse), what, "Write the best grade first, each with a lower bar than the one above."
                )
        if [name for name, _ in bars] != sorted(name for name, _ in bars):
            yield check.problem(
                ("ready", "grades", part), "the grades are not in order", "Write A before B, and 1 before 2: the first is the best."
            )


def _groups(check: Check) -> Iterator[Problem]:
    group, ready = check.contract.ready.account, check.contract.ready
    if group is None:
        return
    if group.within.minutes == 0:
        yield check.problem(("ready", "account", "within"), "nobody is active for no time at all", "Write it as '30 days'.")
    if group.intent > 0 and not any(rule.points > 0 for rule in ready.intent.points):
        what = f"no group can have {group.intent} intent points: no rule gives any"
        yield check.problem(("ready", "account", "intent"), what, "Add rules under `ready.intent.points`, or ask for 0.")
    most = sum(rule.points for rule in ready.fit.points if rule.points > 0)
    if group.fit is not None and most < group.fit:
        what = f"nobody can have {group.fit} fit points: all rules together give {most}"
        yield check.problem(("ready", "account", "fit"), what, f"Ask for {most} at most, or add rules.")


def _frequencies(check: Check) -> Iterator[Problem]:
    intent = check.contract.ready.intent
    for n, rule in enumerate(intent.points):
        path = ("ready", "intent", "points", n)
        if rule.within is not None and rule.within.minutes == 0:
            yield check.problem((*path, "within"), "no signal is this young for long", "Write it as '2 days'.")
        if rule.within is not None and rule.within.minutes > intent.lookback.minutes:
            what = f"the rule looks back {rule.within}, and the contract {intent.lookback} at most"
            yield check.problem((*path, "within"), what, "Shorten it, or lengthen `lookback`.")
        if rule.times is not None and rule.times.within.minutes == 0:
            yield check.problem((*path, "times"), "nothing happens twice in no time at all", "Write it as '3 within 7 days'.")
        if rule.times is not None and rule.times.within.minutes > intent.lookback.minutes:
            what = f"the rule counts within {rule.times.within}, and the contract looks back {intent.lookback} at most"
            yield check.problem((*path, "times"), what, "Shorten it, or lengthen `lookback`.")


def _next_steps(check: Check) -> Iterator[Problem]:
    for n, step in enumerate(check.contract.ready.next_step):
        if step.within.minutes == 0:
            yield check.problem(("ready", "next_step", n, "within"), "a wish is never this young", "Write it as '7 days'.")


# --- match and routing ----------------------------------------------------------------------------------------


def _free_mail(check: Check) -> Iterator[Problem]:
    for n, domain in enumerate(check.contract.match.free_mail):
        if not _DOMAIN.fullmatch(domain):
            yield check.problem(
                ("match", "free_mail", n), f"'{domain}' is no mail domain", "Write what stands behind the @: 'mail.example'."
            )


def _pools(check: Check) -> Iterator[Problem]:
    routing = check.contract.routing
    for name, pool in routing.pools.items():
        if not pool.members:
            yield check.problem(("routing", "pools", name, "members"), f"nobody is in pool '{name}'", "Add members: {ana: 1, ben: 0.5}.")
        for member, weight in pool.members.items():
            if weight > 1000:
                what = f"{member} has the weight {short(weight)}"
                yield check.problem(("routing", "pools", name, "members", member), what, "Use weights around 1, up to 1000.")
    if routing.default is not None and routing.default not in routing.pools:
        fix = one_of(routing.pools, word=routing.default)
        yield check.problem(("routing", "default"), f"there is no pool '{routing.default}'", fix)


def _targets(check: Check) -> Iterator[Problem]:
    """A territory or a step leads to a pool, or to a rep that is a member of one."""
    routing = check.contract.routing
    known = {*routing.pools, *(member for pool in routing.pools.values() for member in pool.members)}
    yield from check.twice([t.name for t in routing.territories], ("routing", "territories"), "name", "territories")
    for n, territory in enumerate(routing.territories):
        if territory.to not in known:
            what = f"'{territory.to}' is neither a pool nor a member of one"
            yield check.problem(("routing", "territories", n, "to"), what, one_of(known, word=territory.to, most=12))


# --- numbers and spans beyond all measure ---------------------------------------------------------------------

#: Ten years: nothing else that a contract measures goes on for longer, and moments stay moments that can be reckoned with.
LONGEST_SPAN_MINUTES: Final = 2 * LONGEST_WAIT_MINUTES
#: Points, and bars of points: sums of thousands of these stay far within 64 bits.
MOST_POINTS: Final = 1_000_000


_OF_CLOCKS: Final = ("sla", "pauses", "marketing", "follow_up")


def _spans(check: Check) -> Iterator[Problem]:
    """Every span but those of clocks, which are held to a shorter measure, and the half-life: with a very long one nothing fades."""
    for path, value in _walk(check.contract, ()):
        if isinstance(value, Duration) and path[0] not in _OF_CLOCKS and path[-1] != "half_life" and value.minutes > LONGEST_SPAN_MINUTES:
            yield check.problem(path, f"{value} is longer than anything is remembered", "Write ten years at most, such as '52 weeks'.")


def _points(check: Check) -> Iterator[Problem]:
    for path, value in _walk(check.contract.ready, ("ready",)):
        if isinstance(value, int) and abs(value) > MOST_POINTS:
            yield check.problem(path, f"{value} points are beyond all measure", f"Write a number up to {MOST_POINTS:,}.")


def _walk(term: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Every value of a term and the way to it. A span is a value."""
    if isinstance(term, BaseModel) and not isinstance(term, Duration):
        for name in type(term).model_fields:
            yield from _walk(getattr(term, name), (*path, name))
    elif isinstance(term, Mapping):
        for name, inner in term.items():
            yield from _walk(inner, (*path, name))
    elif isinstance(term, tuple):
        for n, inner in enumerate(term):
            yield from _walk(inner, (*path, n))
    else:
        yield path, term


# --- brief and dispositions -----------------------------------------------------------------------------------


def _brief(check: Check) -> Iterator[Problem]:
    brief, steps = check.contract.brief, {rule.step for rule in check.contract.ready.next_step}
    yield from check.twice([theme.theme for theme in brief.themes], ("brief", "themes"), "theme", "themes")
    yield from check.twice([play.step for play in brief.plays], ("brief", "plays"), "step", "plays")
    for n, theme in enumerate(brief.themes):
        if not theme.signs:
            fix = "Write `words`, `pages` or `forms`."
            yield check.problem(("brief", "themes", n, "words"), f"nothing speaks of the theme '{theme.theme}'", fix)
        for m, page in enumerate(theme.pages):
            if not page.startswith("/") or not page.rstrip("/"):
                fix = "Write how its path begins, such as /security."
                yield check.problem(("brief", "themes", n, "pages", m), f"'{page}' is no page: a path begins with /", fix)
    for n, play in enumerate(brief.plays):
        if play.step not in steps:
            what = f"no next step is called '{play.step}'"
            yield check.problem(("brief", "plays", n, "step"), what, one_of(steps, word=play.step))
        for path, text in ((("action",), play.action), (("opener",), play.opener), *((("ask", m), ask) for m, ask in enumerate(play.ask))):
            yield from _filled(check, ("brief", "plays", n, *path), text)


def _filled(check: Check, path: Path, text: str) -> Iterator[Problem]:
    for name in map(str.strip, re.findall(r"\{([^{}]*)\}", text)):
        if name not in _PLACEHOLDERS:
            yield check.problem(path, f"nothing is known to fill {{{name}}} with", one_of(_PLACEHOLDERS, word=name))


def _notices(check: Check) -> Iterator[Problem]:
    terms, slas = check.contract.notices, {sla.name for sla in check.contract.sla}
    if terms.quiet == "off" and terms.digest is None:
        for name in ("urgent", "urgent_sla"):
            if getattr(terms, name):
                what = "nothing waits, so nothing need be excepted from waiting"
                yield check.problem(("notices", name), what, "Write `quiet: rep` or a `digest` too, or drop it.")
        for n, sla in enumerate(check.contract.sla):
            for m, step in enumerate(sla.ladder):
                if step.urgent:
                    what = "nothing waits, so no step need be urgent"
                    yield check.problem(("sla", n, "ladder", m, "urgent"), what, "Write `notices: {quiet: rep}` too, or drop it.")
    for n, name in enumerate(terms.urgent_sla):
        if name not in slas:
            yield check.problem(("notices", "urgent_sla", n), f"no SLA is called '{name}'", one_of(slas, word=name))
    if terms.digest is not None and not 1 <= terms.digest.within.minutes <= 1440:
        fix = "Write a time from 1 minute to 1 day."
        yield check.problem(("notices", "digest", "within"), f"{terms.digest.within} is no time to gather notices in", fix)


def _reasons(check: Check) -> Iterator[Problem]:
    terms = check.contract.dispositions
    for outcome, refusal in (("recycle", terms.recycle), ("disqualify", terms.disqualify)):
        path = ("dispositions", outcome, "reasons")
        if not any(reason.active for reason in refusal.reasons.values()):
            fix = "Leave one of them active: a handoff must have a way out of the queue."
            yield check.problem(path, f"every reason for {outcome} is inactive, so nobody could {outcome} anything", fix)
        for code, reason in refusal.reasons.items():
            yield from _reason(check, (*path, code), outcome, code, reason)
    for code in sorted(terms.recycle.reasons.keys() & terms.disqualify.reasons.keys()):
        if terms.recycle.reasons[code].active and terms.disqualify.reasons[code].active and code != "other":
            what = f"'{code}' is a reason to recycle and a reason to disqualify: reports that count it would mix the two"
            yield check.problem(("dispositions", "disqualify", "reasons", code, KEY), what, "Give one of them a name of its own.")


def _reason(check: Check, path: Path, outcome: str, code: str, reason: Reason) -> Iterator[Problem]:
    if outcome == "disqualify" and reason.back is not None:
        what = f"'{code}' is a disqualification, and nobody comes back from one"
        yield check.problem((*path, "back"), what, "Move it to `recycle`, or drop `back`.")
    if reason.leads_to is not None and reason.leads_to not in REASONS_LEAD_TO[outcome]:
        what = f"{outcome} does not lead to {reason.leads_to}"
        yield check.problem((*path, "leads_to"), what, one_of(REASONS_LEAD_TO[outcome], word=reason.leads_to))
    for name in sorted(reason.requires.keys() & _ASKED_ANYWAY):
        fix = "Write `note: true` for a note; leave out what a form asks for anyway."
        yield check.problem((*path, "requires", name, KEY), f"'{name}' is what every disposition has a place for", fix)
    if reason.after == "touch" and reason.attempts > 1:
        what = f"{reason.attempts} attempts are asked for, and after them `after: touch` says nothing more"
        yield check.problem((*path, "after"), what, "Drop it, or write `after: contact`.")


def _examples(check: Check) -> Iterator[Problem]:
    return example_problems(check.contract, check.locate)


_CHECKS: Final[tuple[Callable[[Check], Iterator[Problem]], ...]] = (
    _calendars,
    _fields,
    _kinds,
    _bars,
    _spans,
    _points,
    _frequencies,
    _excluded,
    _grades,
    _groups,
    _next_steps,
    _free_mail,
    _pools,
    pool_problems,
    ladder_problems,
    canary_problems,
    _targets,
    clock_problems,
    _brief,
    _notices,
    _reasons,
    _examples,
)
