"""What clocks may get wrong: calendars nobody knows, steps out of order or without sense, promises no calendar can keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from handfast.contract.calendars import calendar_problems
from handfast.contract.check import Check
from handfast.contract.place import Path
from handfast.contract.signals import STANDARD, fields_of
from handfast.contract.terms import Calendar, Duration, FollowUp, Sla, Step, Target, days_of
from handfast.problem import Place, Problem, one_of

#: Calendars every contract has: the team's, the owner's own hours, around the clock.
BUILT_IN_CALENDARS: Final = ("team", "rep", "always")
#: Five years: longer clocks are slips of the pen, and would run beyond what calendars know.
LONGEST_WAIT_MINUTES: Final = 5 * 366 * 1440
#: Promises of an SLA besides the first touch.
_TARGETS: Final = ("accept", "next_touch", "disposition")


def clock_problems(check: Check) -> Iterator[Problem]:
    """Everything about SLAs, pauses, marketing's promises, evidence and follow-up."""
    yield from _slas(check)
    for path, calendar in _named_calendars(check):
        if calendar not in {*BUILT_IN_CALENDARS, *check.contract.calendars}:
            known = {*BUILT_IN_CALENDARS, *check.contract.calendars}
            yield check.problem(path, f"there is no calendar '{calendar}'", one_of(known, word=calendar))
        elif calendar == "rep" and path[0] == "marketing":
            what = "marketing's promise would be counted in the hours of whoever in Sales owns the handoff"
            yield check.problem(path, what, "Leave it out for the team's hours, or name one of `calendars`.")
    for path, ladder, within, for_sales in _ladders(check):
        yield from _order(check, path, ladder)
        yield from _sense(check, path, ladder, within, for_sales=for_sales)
    for path, span, calendar in _promises(check):
        yield from _possible(check, path, span, calendar)
    yield from _pauses(check)
    yield from _marketing(check)
    yield from _touches(check)
    yield from _follow_up(check)


def _slas(check: Check) -> Iterator[Problem]:
    slas = check.contract.sla
    yield from check.twice([sla.name for sla in slas], ("sla",), "name", "SLAs")
    for n, (sla, _) in enumerate(pairwise(slas)):
        if sla.when is None:
            what = f"'{sla.name}' has no condition, so the SLAs after it never hold"
            yield check.problem(("sla", n, "name"), what, "Put it last, or give it a `when`.")
    for n, sla in enumerate(slas):
        if sla.name in ("exceptions", "follow_up", "marketing"):
            yield check.problem(("sla", n, "name"), f"'{sla.name}' is the name of clocks of our own", "Give the SLA another name.")
        if sla.accept is not None and sla.accept.within.minutes > sla.first_touch.minutes:
            what = f"the owner may take {sla.accept.within} to say yes, and {sla.first_touch} to make the first touch, which says it too"
            yield check.problem(("sla", n, "accept", "within"), what, "Ask for the yes before the touch, or not at all.")


# --- every clock with its ladder ------------------------------------------------------------------------------------


def _targets(sla: Sla) -> Iterator[tuple[str, Target]]:
    for name in _TARGETS:
        if (target := getattr(sla, name)) is not None:
            yield name, target


def _named_calendars(check: Check) -> Iterator[tuple[Path, str]]:
    contract = check.contract
    for n, sla in enumerate(contract.sla):
        yield ("sla", n, "calendar"), sla.calendar
        for name, target in _targets(sla):
            if target.calendar is not None:
                yield ("sla", n, name, "calendar"), target.calendar
    for name in ("context_complete", "contact_valid"):
        if (promise := getattr(contract.marketing, name)) is not None and promise.calendar is not None:
            yield ("marketing", name, "calendar"), promise.calendar
    if contract.follow_up is not None:
        yield ("follow_up", "calendar"), contract.follow_up.calendar


def _ladders(check: Check) -> Iterator[tuple[Path, Sequence[Step], Duration, bool]]:
    """(path, steps, the promise, whether Sales makes it)."""
    for n, sla in enumerate(check.contract.sla):
        yield ("sla", n, "ladder"), sla.ladder, sla.first_touch, True
        for name, target in _targets(sla):
            yield ("sla", n, name, "ladder"), target.ladder, target.within, True
    marketing = check.contract.marketing
    for name in ("context_complete", "contact_valid"):
        if (promise := getattr(marketing, name)) is not None:
            yield ("marketing", name, "ladder"), promise.ladder, promise.within, False
    for name in ("volume", "false_positives"):
        if (measure := getattr(marketing, name)) is not None:
            yield ("marketing", name, "ladder"), measure.ladder, measure.answer_within, False


def _promises(check: Check) -> Iterator[tuple[Path, Duration, str]]:
    """Every span that a clock counts, with the calendar it is counted in."""
    for n, sla in enumerate(check.contract.sla):
        yield ("sla", n, "first_touch"), sla.first_touch, sla.calendar
        for name, target in _targets(sla):
            yield ("sla", n, name, "within"), target.within, target.calendar or sla.calendar
    calendar_of: dict[Path, str] = {("sla", n): sla.calendar for n, sla in enumerate(check.contract.sla)}
    for path, ladder, within, for_sales in _ladders(check):
        calendar = calendar_of.get(path[:2], "team") if for_sales else "team"
        if not for_sales:
            key = "answer_within" if path[1] in ("volume", "false_positives") else "within"
            yield (*path[:-1], key), within, calendar
        for m, step in enumerate(ladder):
            yield (*path, m, "after"), step.after, calendar
    for name, pause in check.contract.pauses.items():
        yield ("pauses", name, "at_most"), pause.at_most, "team"
    if (plan := check.contract.follow_up) is not None:
        for n, one in enumerate(plan.steps):
            yield ("follow_up", "steps", n, "wait"), one.wait, plan.calendar
        yield ("follow_up", "within"), plan.within, plan.calendar
        yield ("follow_up", "back_after"), plan.back_after, plan.calendar
        yield ("follow_up", "end", "within"), plan.end.within, plan.calendar


def _possible(check: Check, path: Path, span: Duration, calendar: str) -> Iterator[Problem]:
    """No promise of no time, none for years, none that the calendar never has the hours for."""
    calendars = {**check.contract.calendars, "team": check.contract.calendar, "rep": check.contract.calendar}
    open_minutes = _open_minutes(calendars[calendar]) if calendar in calendars else LONGEST_WAIT_MINUTES
    if span.minutes == 0 and path[-1] in ("first_touch", "within", "answer_within", "at_most"):
        yield check.problem(path, "nobody can be this fast", "Write it as '5 minutes'.")
    elif span.minutes > LONGEST_WAIT_MINUTES:
        yield check.problem(path, f"{span} is longer than anybody waits", "Write five years at most, such as '52 weeks'.")
    elif span.is_working_time and span.minutes > 261 * open_minutes:
        what = f"{span} of work take more than five years: '{calendar}' opens for {open_minutes} minutes a week"
        yield check.problem(path, what, "Write less, or open the calendar for longer.")


def _open_minutes(calendar: Calendar) -> int:
    """In a week without holidays, intervals that overlap counted twice; of a calendar with problems of its own nothing is concluded."""
    if calendar_problems(calendar, Place("")):
        return LONGEST_WAIT_MINUTES
    return sum(
        len(days_of(key)) * sum(_minute(end) - _minute(start) for start, end in (interval.split("-") for interval in intervals))
        for key, intervals in calendar.week.items()
    )


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


# --- steps ----------------------------------------------------------------------------------------------------------


def _order(check: Check, path: Path, ladder: Sequence[Step]) -> Iterator[Problem]:
    for m, (earlier, later) in enumerate(pairwise(ladder), start=1):
        if later.after.minutes < earlier.after.minutes:
            what = f"the step after {later.after} stands below the one after {earlier.after}"
            yield check.problem((*path, m, "after"), what, "Write the steps in the order in which they come.")
        if earlier.return_to is not None:
            what = "nothing comes after the return to marketing: the handoff is over then"
            yield check.problem((*path, m), what, "Make `return_to: marketing` the last step.")


def _sense(check: Check, path: Path, ladder: Sequence[Step], within: Duration, *, for_sales: bool) -> Iterator[Problem]:
    routing = check.contract.routing
    known = {*routing.pools, *(member for pool in routing.pools.values() for member in pool.members)}
    promise = "the first touch" if path[-2] not in (*_TARGETS, "context_complete") and for_sales else "the promise"
    for m, step in enumerate(ladder):
        for action in ("reassign", "offer"):
            to = getattr(step, action)
            if to is not None and to not in known:
                what = f"'{to}' is neither a pool nor a member of one"
                yield check.problem((*path, m, action), what, one_of(known, word=to, most=12))
        if _takes_away(step) and step.after.minutes < within.minutes:
            what = f"it is taken from the owner after {step.after}, although {promise} has {within}"
            yield check.problem((*path, m, "after"), what, f"Let the step wait for {within} at least.")
        if step.remind == ("marketing" if for_sales else "owner"):
            right = "owner" if for_sales else "marketing"
            what = f"this is {'Sales’' if for_sales else 'marketing’s'} promise, and {step.remind} is reminded of it"
            yield check.problem((*path, m, "remind"), what, f"Write `remind: {right}`.")
        if not for_sales and step.action not in ("remind", "tell"):
            what = f"marketing's promises remind and tell; nobody's handoff is touched by '{step.action}'"
            yield check.problem((*path, m), what, "Write `remind: marketing`, `tell: manager` or `tell: channel:NAME`.")


def _takes_away(step: Step) -> bool:
    return step.reassign is not None or step.return_to is not None or step.off_rotation is not None


# --- the rest -------------------------------------------------------------------------------------------------------


def _pauses(check: Check) -> Iterator[Problem]:
    for name, pause in check.contract.pauses.items():
        if pause.at_most.minutes > 366 * 1440:
            what = f"a pause for '{name}' may last {pause.at_most}: by then nobody remembers the handoff"
            yield check.problem(("pauses", name, "at_most"), what, "Allow a year at most, or recycle it with a return date.")


def _marketing(check: Check) -> Iterator[Problem]:
    marketing = check.contract.marketing
    if marketing.context_complete is not None and not check.contract.brief.required:
        what = "nothing is required of a brief, so no context is ever missing"
        yield check.problem(("marketing", "context_complete"), what, "Name what a rep must know under `brief.required`.")
    if (band := marketing.volume) is not None:
        if band.at_most is not None and band.at_most < band.at_least:
            what = f"no {band.every} has at least {band.at_least} and at most {band.at_most} handoffs"
            yield check.problem(("marketing", "volume", "at_most"), what, "Write the larger number under `at_most`.")
        if band.at_least == 0 and band.at_most is None:
            what = "every number of handoffs keeps this promise"
            yield check.problem(("marketing", "volume"), what, "Give `at_least`, `at_most`, or both.")
    if marketing.false_positives is not None and marketing.false_positives.at_most == 100:
        what = "every share keeps this promise"
        yield check.problem(("marketing", "false_positives", "at_most"), what, "Write less than 100%.")


def _touches(check: Check) -> Iterator[Problem]:
    declared = check.contract.signals
    always: set[str] = set()
    for n, rule in enumerate(check.contract.touches):
        path = ("touches", n)
        if fields_of(rule.on, declared) is None:
            fix = f"{one_of({*STANDARD, *declared}, word=rule.on)} Kinds of your own are declared under `signals:`."
            yield check.problem((*path, "on"), f"no signal '{rule.on}' is known", fix)
        if rule.on in always:
            what = f"this rule never counts: one above it takes every '{rule.on}'"
            yield check.problem(path, what, "Put the rule without `when` last.")
        if rule.when is None:
            always.add(rule.on)
        if rule.touch in ("opt_out", "bounce") and (rule.contact or rule.meeting):
            yield check.problem((*path, "touch"), f"'{rule.touch}' is neither a contact nor a meeting", "Drop `contact` and `meeting`.")
        if rule.meeting and not rule.contact:
            yield check.problem((*path, "meeting"), "a meeting is set by two: it is a contact too", "Write `contact: true` beside it.")


def _follow_up(check: Check) -> Iterator[Problem]:
    plan = check.contract.follow_up
    if plan is None:
        return
    yield from _end(check, plan)
    if plan.steps[0].wait.minutes:
        what = "the first step is the first touch, whose time the SLA says"
        yield check.problem(("follow_up", "steps", 0, "wait"), what, "Drop `wait` of the first step.")
    if len(set(plan.stop_on)) != len(plan.stop_on):
        yield check.problem(("follow_up", "stop_on"), "the same is named twice", "Name each once.")


def _end(check: Check, plan: FollowUp) -> Iterator[Problem]:
    code = plan.end.recycle
    if code is None:
        return
    path, reasons = ("follow_up", "end", "recycle"), check.contract.dispositions.recycle.reasons
    if code not in reasons:
        yield check.problem(path, f"there is no reason '{code}' to recycle for", one_of(reasons, word=code))
    elif not reasons[code].active:
        yield check.problem(path, f"the reason '{code}' is no longer given", "Name one that is active.")


__all__ = ["BUILT_IN_CALENDARS", "LONGEST_WAIT_MINUTES", "clock_problems"]
