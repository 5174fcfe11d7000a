"""The brief: what Sales must know of a handoff, on one page, every line with the signals or fields it came from.

Composed from facts and decisions alone: the same case gives the same brief, byte for byte, and nothing is guessed. What is not known is
left out, and what the contract requires and is not known is named under `missing`.

A line is `{"text": …, "cites": […]}`. A citation is the id of a signal, `person.FIELD`, `account.FIELD`, `verdict`, `assignment`,
`opportunity.ID` or `handoff.ID` (an earlier one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handfast.brief.plays import Filling, fill
from handfast.brief.themes import Found, find
from handfast.brief.words import ANSWERS, LONGEST_LABEL, clean, did, label, page, plain, subject, times
from handfast.facts import Account, Person, utc
from handfast.numbers import points

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.terms import Play

VERSION: Final = 1
#: How many signals, pages, company facts and people are listed.
KEY_SIGNALS: Final = 12
#: Signals that say who somebody is, not what they did: told only where there is nothing else.
WHO_ONLY: Final = frozenset({"identified", "grouped"})
TOP_CONTENT: Final = 5
COMPANY_FACTS: Final = 8
GROUP: Final = 8
#: Rules named of fit and intent, those that gave most.
MOVES: Final = 4
#: Signals cited at most for one line that speaks of several, and for a line that only mentions a theme.
CITED: Final = 12
MENTIONED: Final = 3

Line = dict[str, Any]

#: What is said of a company, in this order; other fields follow in theirs.
_COMPANY: Final = ("industry", "employees", "revenue", "country", "state", "city", "domain", "website")
#: Kinds of signal that are no content, whatever path they carry.
_NO_CONTENT: Final = frozenset({"form_submitted", "meeting_booked", "email_opened", "email_replied", "signed_up", "demo_requested"})


@dataclass(frozen=True, slots=True)
class BriefCase:
    """All a brief is made from.

    `signals` are plain mappings of `id` (text or UUID), `kind`, `occurred_at` (aware) and `properties`, in any order. With `seq`, the
    number the verdict knows a signal by, the line about the next step can name the one that asked for it. `verdict` is the working of the
    verdict (`readiness.explain`), `assignment` the rungs of the assignment (`routing.assign`). `others` are further people of the account.
    `owner` is the owner's name. `opportunities` are the open ones of person and account (`id`, `stage`, `amount`, `opened_at`, `owner`),
    `past` how earlier handoffs ended (`handoff`, `outcome`, `reason`, `note`, `at`, `by`), both the latest first.
    """

    person: Person
    account: Account | None
    next_step: str
    signals: Sequence[Mapping[str, Any]] = ()
    others: Sequence[Person] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)
    assignment: Sequence[Mapping[str, Any]] = ()
    sla: str | None = None
    due_at: datetime | None = None
    owner: str | None = None
    opportunities: Sequence[Mapping[str, Any]] = ()
    past: Sequence[Mapping[str, Any]] = ()


class _Seen(NamedTuple):
    """A signal, read once. A tuple, because forty of them are made for each brief."""

    at: datetime
    id: str
    kind: str
    properties: Mapping[str, Any]
    about: str


def compose(agreement: Agreement, case: BriefCase) -> dict[str, Any]:
    """The brief of a handoff, JSON-ready.

    Returns:
        `v`, `headline`, `next_step`, `sla`, `due_at`, `owner`, `why_now`, `last_activity`, `top_content`, `key_signals`, `persona`,
        `reach`, `company`, `why_ready`, `why_you`, `buying_group`, `opportunity`,
        `before`, `themes`, `asked`, `action`, `opener`, `questions`, `missing`.
        `last_activity`, `asked` and `opener` may be None; lines of signals also have `at` (ISO 8601, UTC) and `kind`, themes `theme`,
        `words` and `talk`, `missing` entries `name`.
    """
    terms = agreement.contract.brief
    signals = _read(case.signals)
    found = find(terms.themes, ((s.id, s.properties) for s in signals))
    asked = _asked(signals)
    acts = [signal for signal in signals if signal.kind not in WHO_ONLY] or signals
    play = next((play for play in terms.plays if play.step == case.next_step), None)
    body: dict[str, Any] = {
        "v": VERSION,
        "headline": _headline(case),
        "next_step": case.next_step,
        "sla": case.sla,
        "due_at": utc(case.due_at).isoformat() if case.due_at else None,
        "owner": clean(case.owner) or None,
        "why_now": _why_now(case),
        "last_activity": _activity(acts[0]) if acts else None,
        "top_content": _top_content(signals),
        "key_signals": [_activity(signal) for signal in acts[:KEY_SIGNALS]],
        "persona": _persona(case.person),
        "reach": _reach(case.person),
        "company": _company(case.account),
        "why_ready": _why_ready(case),
        "why_you": _why_you(case.assignment),
        "buying_group": _group(case.others),
        "opportunity": [_opportunity(one) for one in case.opportunities],
        "before": [_before(agreement, one) for one in case.past],
        "themes": [_theme(one) for one in found],
        "asked": asked,
        **_talk(play, case, _filling(case, found, asked)),
    }
    body["missing"] = [_absent(name) for name in terms.required if not _has(name, body, case)]
    return body


def _line(text: str, cites: Iterable[str], **more: Any) -> Line:
    return {"text": text, "cites": [*cites], **more}


# --- what they did ------------------------------------------------------------------------------------------------


def _read(signals: Sequence[Mapping[str, Any]]) -> list[_Seen]:
    """The signals, the latest first; of two at the same time the order of their ids decides, so that it is always the same."""
    seen = [
        _Seen(s["occurred_at"], str(s["id"]), s["kind"], s["properties"] or {}, subject(s["kind"], s["properties"] or {})) for s in signals
    ]
    seen.sort(key=itemgetter(0, 1), reverse=True)
    return seen


def _activity(signal: _Seen) -> Line:
    return _line(did(signal.kind, signal.about), (signal.id,), at=utc(signal.at).isoformat(), kind=signal.kind)


def _top_content(signals: Sequence[_Seen]) -> list[Line]:
    """The pages and content they came back to most; of those seen as often, the ones seen last."""
    read: dict[str, list[_Seen]] = {}
    for signal in signals:
        path = signal.properties.get("path")
        key = page(path) if isinstance(path, str) and path else signal.about
        if key and signal.kind not in _NO_CONTENT:
            read.setdefault(key, []).append(signal)
    ranked = sorted(read.items(), key=lambda item: -len(item[1]))[:TOP_CONTENT]
    return [_line(f"{_content(key, seen[0])}, {times(len(seen))}", (s.id for s in seen[:CITED])) for key, seen in ranked]


def _content(key: str, latest: _Seen) -> str:
    """A page by its title and path, where it has both."""
    shown = clean(key, LONGEST_LABEL)
    return latest.about if latest.about in (key, shown) or not shown else f"{latest.about} ({shown})"


def _asked(signals: Sequence[_Seen]) -> Line | None:
    """The latest thing they wrote in their own words."""
    for signal in signals:
        if ANSWERS.keys().isdisjoint(signal.properties):
            continue
        for name in ANSWERS:
            value = signal.properties.get(name)
            if isinstance(value, str) and (text := clean(value)):
                return _line(text, (signal.id,), at=utc(signal.at).isoformat())
    return None


def _theme(found: Found) -> Line:
    words = ", ".join(f"“{word}”" for word in found.words)
    text = f"{found.theme.theme}: {words} in {len(found.signals)} signal{'' if len(found.signals) == 1 else 's'}"
    return _line(text, found.signals[:CITED], theme=found.theme.theme, words=list(found.words), talk=found.theme.talk)


# --- who they are -------------------------------------------------------------------------------------------------


def _headline(case: BriefCase) -> Line:
    name, cites = _name(case.person)
    title, company = clean(case.person.fields.get("title"), LONGEST_LABEL), _company_name(case)
    text = name
    if title:
        text, cites = f"{text}, {title}", [*cites, "person.title"]
    if company is not None:
        text, cites = f"{text} at {company[0]}", [*cites, company[1]]
    return _line(f"{text}: {plain(case.next_step)}", [*cites, "verdict"])


def _name(person: Person) -> tuple[str, list[str]]:
    """What to call them: their name, else their address, else what little there is."""
    if name := clean(person.name, LONGEST_LABEL):
        return name, ["person.name"]
    parts = [name for name in ("first_name", "last_name") if clean(person.fields.get(name))]
    if parts:
        return " ".join(clean(person.fields[name], LONGEST_LABEL) for name in parts), [f"person.{name}" for name in parts]
    if email := clean(person.email, LONGEST_LABEL):
        return email, ["person.email"]
    return "Somebody whose name is not known", []


def _first_name(person: Person) -> tuple[str, str] | None:
    if first := clean(person.fields.get("first_name"), LONGEST_LABEL):
        return first, "person.first_name"
    name = clean(person.name, LONGEST_LABEL)
    if not name or "@" in name:
        return None
    # Written as `Lindqvist, Maya` the given name comes after the comma.
    given = name.rpartition(",")[2].split() or name.split()
    return given[0].strip(","), "person.name"


def _company_name(case: BriefCase) -> tuple[str, str] | None:
    """The company's name, or what stands for it, and where that comes from."""
    account = case.account
    for value, cite in (
        (account.name if account else None, "account.name"),
        (case.person.fields.get("company"), "person.company"),
        (account.domain if account else None, "account.domain"),
    ):
        if text := clean(value, LONGEST_LABEL):
            return text, cite
    return None


def _persona(person: Person) -> list[Line]:
    """Title, seniority, and what else the fields say of the role."""
    said = ((name, clean(person.fields.get(name), LONGEST_LABEL)) for name in ("title", "seniority", "department", "role", "persona"))
    return [_line(text if name == "title" else f"{label(name)}: {text}", (f"person.{name}",)) for name, text in said if text]


def _reach(person: Person) -> list[Line]:
    values = (("email", person.email or person.fields.get("email")), ("phone", person.fields.get("phone")))
    return [_line(text, (f"person.{name}",), by=name) for name, value in values if (text := clean(value, LONGEST_LABEL))]


def _company(account: Account | None) -> list[Line]:
    if account is None:
        return []
    facts = {**({"domain": account.domain} if account.domain else {}), **account.fields}
    order = [*(name for name in _COMPANY if name in facts), *sorted(name for name in facts if name not in _COMPANY and name != "name")]
    said = ((name, clean(facts[name], LONGEST_LABEL)) for name in order)
    lines = [_line(f"{label(name)}: {text}", (f"account.{name}",)) for name, text in said if text]
    called = clean(account.name, LONGEST_LABEL)
    return [*([_line(called, ("account.name",))] if called else []), *lines[:COMPANY_FACTS]]


def _group(others: Sequence[Person]) -> list[Line]:
    lines = []
    for other in others[:GROUP]:
        title = clean(other.fields.get("title"), LONGEST_LABEL)
        lines.append(_line(f"{_name(other)[0]}{f', {title}' if title else ''}", ("account.people",), person=other.id))
    return lines


# --- what was before ----------------------------------------------------------------------------------------------


def _opportunity(one: Mapping[str, Any]) -> Line:
    amount = f", {one['amount']:,.0f}" if one.get("amount") else ""
    owner = f", with {clean(one['owner'], LONGEST_LABEL)}" if clean(one.get("owner")) else ""
    text = f"{clean(one['stage'], LONGEST_LABEL) or 'Open'}{amount}{owner}, since {_date(one['opened_at'])}"
    return _line(text, (f"opportunity.{one['id']}",))


def _before(agreement: Agreement, one: Mapping[str, Any]) -> Line:
    """How an earlier handoff ended, with the reason as this contract labels it."""
    outcome, code = plain(str(one["outcome"])), one.get("reason")
    terms = agreement.contract.dispositions
    known = {**terms.recycle.reasons, **terms.disqualify.reasons}.get(code or "")
    reason = f": {known.label if known is not None and known.label else plain(code)}" if code else ""
    by = f" by {clean(one['by'], LONGEST_LABEL)}" if clean(one.get("by")) else ""
    note = f". “{clean(one['note'], LONGEST_LABEL)}”" if clean(one.get("note")) else ""
    return _line(f"{outcome.capitalize()}{reason}, {_date(one['at'])}{by}{note}", (f"handoff.{one['handoff']}",))


def _date(moment: datetime) -> str:
    day = utc(moment)
    return f"{day.day} {day:%b %Y}"


# --- the decisions ------------------------------------------------------------------------------------------------


def _met(case: BriefCase, part: str) -> list[Mapping[str, Any]]:
    """The criteria of one part of the verdict that were met, in the order of the contract."""
    return [one for one in case.verdict.get("criteria", ()) if one["part"] == part and one["state"] == "met"]


def _why_now(case: BriefCase) -> list[Line]:
    """The verdict's sentences about what they did: the wish first, then what gave most intent."""
    wishes = [one for one in _met(case, "next_step") if one["because"] == case.next_step]
    moves = sorted(_met(case, "intent"), key=lambda one: -one["points"])[:MOVES]
    return [_line(text, (*_asked_by(case, one), "verdict")) for one in (*wishes, *moves) if (text := clean(one["sentence"]))]


def _asked_by(case: BriefCase, criterion: Mapping[str, Any]) -> tuple[str, ...]:
    """The signal that met a next step, where the case says which of its signals bears that number."""
    number = criterion.get("signal")
    return () if number is None else tuple(str(s["id"]) for s in case.signals if s.get("seq") == number)


def _why_ready(case: BriefCase) -> list[Line]:
    """One line for each of the three conditions: what they have, what it takes, and what it is made of."""
    totals, bars = case.verdict.get("totals"), case.verdict.get("bars")
    if not totals or not bars:
        return []
    lines = []
    for part, name in (("fit", "Fit"), ("intent", "Intent")):
        made_of = sorted(_met(case, part), key=lambda one: -one["points"])[:MOVES]
        parts = ", ".join(
            f"{one['because'] or one['when'] or one['part']} {points(one['points'], sign='+')}" for one in made_of if one["points"]
        )
        lines.append(_line(clean(f"{name} {points(totals[part])} ({bars[part]} needed){f': {parts}' if parts else ''}"), ("verdict",)))
    return [*lines, _line(f"Next step: {plain(case.next_step)}", ("verdict",))]


def _why_you(rungs: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The working of the assignment in one paragraph: who it went to and why, then what was tried before."""
    if not rungs:
        return []
    last = rungs[-1]
    said = [clean(last.get("because"))]
    said += [clean(skip.get("because")) for skip in last.get("skipped", ())[:3]]
    said += [clean(rung.get("because")) for rung in rungs[:-1]] if last.get("result") == "chosen" else []
    text = " ".join(dict.fromkeys(sentence for sentence in said if sentence))
    return [_line(text, ("assignment",))] if text else []


# --- what to do ---------------------------------------------------------------------------------------------------


def _filling(case: BriefCase, found: Sequence[Found], asked: Line | None) -> Filling:
    """What the placeholders of a play stand for, each with where it comes from."""
    values: dict[str, tuple[str, tuple[str, ...]]] = {}
    if (first := _first_name(case.person)) is not None:
        values["first_name"] = (first[0], (first[1],))
    if (company := _company_name(case)) is not None:
        values["company"] = (company[0], (company[1],))
    if found:
        values["theme"] = (found[0].theme.theme, found[0].signals[:MENTIONED])
    if asked is not None:
        # Without its full stop: the play's own sentence goes on around it.
        values["asked"] = (clean(asked["text"], LONGEST_LABEL).rstrip(".!? "), tuple(asked["cites"]))
    return Filling(MappingProxyType(values))


def _talk(play: Play | None, case: BriefCase, values: Filling) -> dict[str, Any]:
    if play is None:
        name, cites = _name(case.person)
        return {"action": _line(f"Reach out to {name}: {plain(case.next_step)}", [*cites, "verdict"]), "opener": None, "questions": []}
    action, cites = fill(play.action, values, to_prospect=False)
    opener, opener_cites = fill(play.opener, values, to_prospect=True)
    questions = [fill(question, values, to_prospect=True) for question in play.ask]
    return {
        "action": _line(action, [*cites, "verdict"]),
        "opener": _line(opener, opener_cites or ("verdict",)) if opener else None,
        "questions": [_line(text, cites or ("verdict",)) for text, cites in questions if text],
    }


# --- what is missing ----------------------------------------------------------------------------------------------

#: Names a contract may require that are parts of the brief; any other name is a field of the person or account.
_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "last_activity": "last_activity",
        "top_content": "top_content",
        "key_signals": "key_signals",
        "persona": "persona",
        "routing_reason": "why_you",
        "why_now": "why_now",
        "why_ready": "why_ready",
        "buying_group": "buying_group",
        "opportunity": "opportunity",
        "before": "before",
        "themes": "themes",
        "asked": "asked",
        "opener": "opener",
        "questions": "questions",
    }
)


def _has(name: str, body: Mapping[str, Any], case: BriefCase) -> bool:
    if (part := _PARTS.get(name)) is not None:
        return bool(body[part])
    special: Mapping[str, Callable[[], object]] = {
        "name": lambda: clean(case.person.name) or _first_name(case.person),
        "email": lambda: clean(case.person.email) or clean(case.person.fields.get("email")),
        "company": lambda: _company_name(case),
        "domain": lambda: clean(case.account.domain) if case.account else "",
    }
    if (ask := special.get(name)) is not None:
        return bool(ask())
    return bool(clean(case.person.fields.get(name)) or (case.account is not None and clean(case.account.fields.get(name))))


def _absent(name: str) -> Line:
    return _line(f"{label(name)} is required by the contract and not known", (), name=name)
