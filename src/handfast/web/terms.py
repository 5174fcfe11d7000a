"""The terms of a contract in words, as the page of the contract shows them: every clause that is not a table of rules.

Pure functions. A clause that says nothing beyond its defaults is left out, except where silence is itself agreed (the exception queue).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from handfast.numbers import percent, short
from handfast.readiness.words import listed
from handfast.web.words import NOTICES, title

if TYPE_CHECKING:
    from handfast.contract.terms import Contract, Pool, Reason, Share, Sla, Target, Territory
    from handfast.contract.terms_sla import Band

#: Names of reps, by id.
Names = Mapping[str, str]

BARS: Final = {"never": "is never ready", "not_yet": "is not ready yet"}
CONTACT: Final = {"call": "call", "email": "e-mail", "message": "message", "social": "social", "meeting": "meeting", "other": "another way"}
LEADS: Final = {
    "nurture": "to marketing’s nurture",
    "suppress": "out: they are written to no more",
    "reroute": "to another owner",
    "merge": "to whoever says which record stays",
    "fix_data": "to whoever mends the data",
}
_CONFLICTS: Final = {
    "person": "a person decides",
    "account": "the owner of the account",
    "parent": "the owner above it",
    "opportunity": "the owner of the opportunity",
    "latest": "the owner of the one opened last",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a clause. `code`: a condition of the contract, shown as its authors wrote it. `steps`: (after, what happens)."""

    name: str
    said: str = ""
    code: str | None = None
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """`key`: where it stands in the text."""

    id: str
    name: str
    key: str
    lines: list[Line] = field(default_factory=list)


def hours(calendar: str) -> str:
    """Whose hours a span is counted in."""
    known = {"team": "in the team’s hours", "rep": "in the owner’s own hours", "always": "around the clock"}
    return known.get(calendar, f"in the hours of calendar {calendar}")


def about_people(terms: Contract) -> list[Clause]:
    """Who never counts, buying groups, grades: what follows on fit, intent and next step."""
    return _kept([_excluded(terms), _group(terms), _grades(terms), _match(terms)])


def after_promises(terms: Contract, names: Names) -> list[Clause]:
    """Everything besides how fast: clocks that stand still, marketing's own, follow-up, brief, notices, a trial."""
    return _kept(
        [
            _pauses(terms),
            _marketing(terms),
            _touches(terms),
            _follow_up(terms),
            _brief(terms),
            _notices(terms),
            _canary(terms),
            _words(terms),
        ]
    )


def _kept(clauses: list[Clause]) -> list[Clause]:
    return [one for one in clauses if one.lines]


def _excluded(terms: Contract) -> Clause:
    found, said = terms.ready.exclude, []
    for name, bar in (
        ("A free mail address", found.free_mail),
        ("A disposable address", found.disposable),
        ("An address of a role, as info@", found.role_addresses),
    ):
        if bar is not None:
            said.append(Line(name, BARS[bar]))
    if found.competitors:
        said.append(Line("Competitors", f"are never ready: {listed(found.competitors)}"))
    if found.employees:
        said.append(Line("Our own people", f"are never ready: {listed(found.employees)}"))
    if found.bots or found.user_agents:
        known = ["known crawlers"] if found.bots else []
        agents = [f"whoever calls itself {listed(found.user_agents, 'or')}"] if found.user_agents else []
        said.append(Line("Signals of robots", f"score nothing: {listed([*known, *agents])}"))
    if found.scanners is not None:
        most = found.scanners
        said.append(Line("Clicks of mail scanners", f"score nothing: {most.links} or more links of one mail within {most.seconds} seconds"))
    return Clause("exclude", "Who does not count", "ready.exclude", said)


def _group(terms: Contract) -> Clause:
    found = terms.ready.account
    if found is None:
        return Clause("group", "Buying groups", "ready.account")
    people = f"{found.people} active {'person' if found.people == 1 else 'people'} within {found.within}"
    fit = f", one of them with a fit of at least {found.fit}" if found.fit is not None else ""
    lines = [Line("A company is ready as a whole", f"with {people}, an intent of at least {found.intent} together, and one open wish{fit}")]
    lines += [Line(f"Somebody is {title(role).lower()}", code=when) for role, when in found.roles.items()]
    return Clause("group", "Buying groups", "ready.account", lines)


def _grades(terms: Contract) -> Clause:
    found = terms.ready.grades
    lines = []
    if found is not None:
        for name, bars in (("Fit", found.fit), ("Intent", found.intent)):
            lines.append(Line(name, ", ".join(f"{grade} from {bar}" for grade, bar in bars.items())))
    return Clause("grades", "Grades", "ready.grades", lines)


def _match(terms: Contract) -> Clause:
    found = terms.match
    domain = {"off": "is not looked at", "fallback": "decides where nothing better does", "always": "decides"}[found.domain]
    lines = [Line("The domain of the address", domain)]
    if found.distinctive_words:
        lines.append(Line("Distinctive words of the company’s name", "decide too"))
    lines.append(Line("Less sure than", f"{percent(found.review_below)}: a person looks at it"))
    if found.free_mail:
        lines.append(Line("Free mail besides the known ones", listed(found.free_mail)))
    return Clause("match", "Which company is theirs", "match", lines)


def pool_words(pool: Pool) -> list[str]:
    """What is asked of a pool's members, each a clause of a sentence."""
    said = [f"{pool.cap} open each"] if pool.cap else []
    said += [f"{pool.per_day} a day each"] if pool.per_day else []
    said += [hours(pool.hours) + " only"] if pool.hours else []
    said += [f"needs {need.skill}{f' where {need.when}' if need.when else ''}" for need in pool.needs]
    said += [f"counted together with other pools of “{pool.counter}”"] if pool.counter else []
    said += [f"who comes back within {pool.sticky} goes to whoever had them"] if pool.sticky else []
    return said


def territory_needs(territory: Territory) -> str:
    """The skills a territory asks for, or nothing."""
    return listed(f"{need.skill}{f' where {need.when}' if need.when else ''}" for need in territory.needs) if territory.needs else ""


def whom(to: str, terms: Contract, names: Names) -> str:
    """A pool or a rep, as people call them."""
    return f"pool {to}" if to in terms.routing.pools else names.get(to, to)


def routing(terms: Contract, names: Names) -> list[Line]:
    """What the ladder, territories and pools do not say."""
    found, moves = terms.routing, terms.routing.moves
    lines = [Line(f"Never by itself: {rule.reason.replace('_', ' ')}", code=rule.when) for rule in found.never]
    if found.hierarchy != "off":
        lines.append(
            Line("Above an account", "its parent’s owner counts" if found.hierarchy == "parent" else "the topmost company’s owner counts")
        )
    if found.customers:
        lines.append(Line("Customers nobody owns", f"go to {whom(found.customers, terms, names)}"))
    rungs = set(found.ladder)
    if "open_opportunity" in rungs:
        lines.append(Line("An account and its opportunity with different owners", _CONFLICTS[found.conflicts.opportunity]))
        lines.append(Line("Several opportunities with different owners", _CONFLICTS[found.conflicts.opportunities]))
    if found.hierarchy != "off":
        lines.append(Line("An account and the one above with different owners", _CONFLICTS[found.conflicts.parent]))
    minder = names.get(found.minded_by, found.minded_by) if found.minded_by else "ops"
    lines.append(Line("What nobody can take", f"is minded by {minder}, and late after {found.exceptions_within}"))
    if moves.away_longer_than:
        lines.append(Line("An owner away for longer than", f"{moves.away_longer_than}: what nobody has tried goes to somebody else"))
    if moves.hand_back != "never":
        kept = "what nobody has tried goes back" if moves.hand_back == "untouched" else "everything goes back"
        lines.append(Line("When they return", kept))
    if moves.owner_changed != "stay":
        kept = "what nobody has tried follows" if moves.owner_changed == "untouched" else "every open handoff follows"
        lines.append(
            Line("Another owner of the account", f"{kept}{f', taken back within {moves.undo_within}' if moves.undo_within else ''}")
        )
    if moves.owners_from:
        lines.append(Line("Owners are named by", listed(moves.owners_from)))
    return [*lines, Line("A dispute", f"is answered within {found.disputes_within}")]


def _steps(ladder: Iterable[object]) -> tuple[tuple[str, str], ...]:
    return tuple((str(step.after), step.sentence) for step in ladder)  # type: ignore[attr-defined]


def _target(name: str, target: Target | None) -> list[Line]:
    if target is None:
        return []
    said = f", {hours(target.calendar)}" if target.calendar else ""
    return [Line(name, f"within {target.within}{said}", steps=_steps(target.ladder))]


def promises(sla: Sla) -> list[Line]:
    """What an SLA promises besides the first touch."""
    return [
        *_target("The owner says yes", sla.accept),
        *_target("From one touch to the next", sla.next_touch),
        *_target("An outcome", sla.disposition),
    ]


def _pauses(terms: Contract) -> Clause:
    lines = [
        Line(one.label or title(name), f"for {one.at_most} at most; the time counts as the {one.waits_for}’s")
        for name, one in terms.pauses.items()
    ]
    return Clause("pauses", "When clocks stand still", "pauses", lines)


def _marketing(terms: Contract) -> Clause:
    found = terms.marketing
    needed = f", with {listed(title(one).lower() for one in terms.brief.required)}" if terms.brief.required else ""
    lines = _target(f"The context is complete{needed}", found.context_complete)
    lines += _target("The address does not bounce, the number rings", found.contact_valid)
    if found.volume is not None:
        lines.append(_volume(found.volume))
    if found.false_positives is not None:
        lines.append(_false_positives(found.false_positives))
    return Clause("marketing", "What marketing owes", "marketing", lines)


def _volume(band: Band) -> Line:
    bars = [f"at least {band.at_least}"] if band.at_least else []
    bars += [f"at most {band.at_most}"] if band.at_most is not None else []
    return Line(f"Handoffs a {band.every}", f"{listed(bars)}; outside, an answer within {band.answer_within}", steps=_steps(band.ladder))


def _false_positives(share: Share) -> Line:
    said = f"at most {short(share.at_most)}% of those closed in a {share.every}, from {share.minimum} closed on"
    return Line("Disqualified for fit or data", f"{said}; above, an answer within {share.answer_within}", steps=_steps(share.ladder))


def _touches(terms: Contract) -> Clause:
    lines = []
    for rule in terms.touches:
        what = {"opt_out": "they want to hear no more", "bounce": "it never arrived"}.get(
            rule.touch, f"a touch by {CONTACT.get(rule.touch, '')}"
        )
        more = [word for word, holds in (("a two-way contact", rule.contact), ("a meeting set", rule.meeting)) if holds]
        lines.append(
            Line(title(rule.on), f"is {listed([what, *more])}" if not what.startswith(("they", "it")) else f"says {what}", rule.when)
        )
    return Clause("touches", "What counts as a touch", "touches", lines)


def _follow_up(terms: Contract) -> Clause:
    found = terms.follow_up
    if found is None:
        return Clause("follow-up", "How they follow up", "follow_up")
    steps = [
        (
            f"{n}. {str(step.wait) + ' later' if step.wait.amount else 'at once'}",
            CONTACT[step.channel] + (f": {step.say}" if step.say else ""),
        )
        for n, step in enumerate(found.steps, 1)
    ]
    attempts = f"{len(found.steps)} attempt{'' if len(found.steps) == 1 else 's'}"
    lines = [Line(attempts, f"{hours(found.calendar)}, each within {found.within} of falling due", steps=tuple(steps))]
    stop = {"contact": "a contact", "meeting": "a meeting", "opt_out": "“no more, please”"}
    lines.append(Line("It stops on", listed((stop[one] for one in found.stop_on), "or")))
    end = f"an outcome is asked for within {found.end.within}"
    if found.end.recycle:
        known = terms.dispositions.recycle.reasons.get(found.end.recycle)
        end += f"; without one it is recycled: {((known.label if known else '') or title(found.end.recycle)).lower()}"
    return Clause("follow-up", "How they follow up", "follow_up", [*lines, Line("After the last", end)])


def _brief(terms: Contract) -> Clause:
    found = terms.brief
    lines = [Line("Required", listed(title(one).lower() for one in found.required))] if found.required else []
    for theme in found.themes:
        talk = f". Say: “{theme.talk}”" if theme.talk else ""
        lines += [Line(f"Theme: {theme.theme}", f"{listed(theme.signs, 'or')} speak of it{talk}")]
    for play in found.plays:
        opener = f" Opener: “{play.opener}”" if play.opener else ""
        ask = f" Ask: {' '.join(play.ask)}" if play.ask else ""
        lines.append(Line(f"Play: {title(play.step).lower()}", f"{play.action.rstrip('.')}.{opener}{ask}"))
    return Clause("brief", "What travels with it", "brief", lines)


def _notices(terms: Contract) -> Clause:
    found = terms.notices
    lines = []
    if found.quiet == "rep":
        urgent = [NOTICES.get(one, title(one)).lower() for one in found.urgent] + [
            f"the promise {title(one).lower()}" for one in found.urgent_sla
        ]
        lines.append(
            Line("Quiet hours", f"a notice waits for the receiver’s own hours{f'; these do not: {listed(urgent)}' if urgent else ''}")
        )
    if found.digest is not None:
        lines.append(Line("Many at once", f"after {found.digest.more_than} within {found.digest.within} the rest come together"))
    return Clause("notices", "When notices come", "notices", lines)


def _canary(terms: Contract) -> Clause:
    found = terms.canary
    if found is None:
        return Clause("canary", "For a share only", "canary")
    bars, lines = found.guardrails, [Line("It decides for", f"{short(found.share)}% of companies and people", found.when)]
    if bars.unassigned is not None:
        lines.append(Line("It gives way when", f"more than {short(bars.unassigned)}% find no owner"))
    if bars.skew is not None:
        lines.append(Line("It gives way when", f"somebody has more than {short(bars.skew)} times their fair share"))
    if bars.assign_p95 is not None:
        lines.append(Line("It gives way when", f"fewer than 95 in 100 have an owner within {bars.assign_p95}"))
    return Clause("canary", "For a share only", "canary", [*lines, Line("Judged from", f"{bars.after} handoffs on")])


def _words(terms: Contract) -> Clause:
    """What conditions may speak of."""
    lines = [Line("Of a person or company", ", ".join(terms.fields))] if terms.fields else []
    lines += [Line(f"Of the signal {title(kind).lower()}", ", ".join(fields) or "nothing") for kind, fields in terms.signals.items()]
    for name in terms.lists:
        entries = len(terms.entries.get(name, ()))
        lines.append(Line(f"List {name}", f"{entries:,} entries" if entries else "empty"))
    return Clause("words", "What conditions speak of", "fields, signals, lists", lines)


def reason_words(reason: Reason) -> str:
    """What follows from a reason code and what it asks for, after its name."""
    said = [f"back after {reason.back}"] if reason.back else []
    said += ["only by something new they do"] if reason.needs else []
    said += [LEADS[reason.leads_to]] if reason.leads_to else []
    said += [f"looks at {reason.blames}"] if reason.blames else []
    said += [f"after {reason.attempts} attempts"] if reason.attempts else []
    said += [f"after a {reason.after}"] if reason.after else []
    asked = ["a note"] if reason.note else []
    asked += [title(one).lower() for one in reason.requires]
    said += [f"with {listed(asked)}"] if asked else []
    return "".join(f", {one}" for one in said) + ("" if reason.active else " (not given any more)")
