"""Letters: each kind of notice as subject, text and HTML.

The HTML is made of tables and inline styles, because mail programs know little else; a dark and a narrow version come in `@media` rules,
which need `!important` to beat what stands inline. Nothing remote is loaded and nothing reports back. The only link opens a page; a mail
scanner that follows it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from handfast.brief import render
from handfast.brief.words import clean, plain
from handfast.sla.notice import DIGEST, Message, Standing
from handfast.worktime import worked

#: Lines of the brief that a mail shows; the page has the rest.
_MAIL_SIGNALS: Final = 5


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person reads. `subject` is one line."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A payload made ready to be spoken of. Who is spoken of has a name; `company`, `owner` and `before` may be empty."""

    person: str
    company: str
    owner: str
    before: str
    joined: str
    step: str
    why: str
    due: str
    overdue: bool
    to_owner: bool
    clock: str = ""
    owed: str = "First touch"
    standing: str = ""

    @property
    def party(self) -> str:
        return f"{self.person}, {self.company}" if self.company else self.person

    @property
    def deadline(self) -> str:
        if self.standing or not self.due:
            return self.standing
        return f"{self.owed} was due at {self.due}" if self.overdue else f"{self.owed} by {self.due}"


@dataclass(frozen=True, slots=True)
class Words:
    """What one kind of notice says: subject, heading, sentences under it, and whether the brief belongs to it."""

    subject: str
    heading: str
    sentences: Sequence[str]
    brief: bool = False


def letter(message: Message, base_url: str) -> Letter:
    """The letter of a message, on the recipient's own clock. The same message gives the same letter.

    Args:
        base_url: where the pages are, without a closing slash or with one.
    """
    if message.kind == DIGEST:
        return _digest(message, base_url)
    facts = facts_of(message)
    words = words_of(message, facts)
    zone = message.to.time_zone if message.to else "UTC"
    brief = message.brief if words.brief else None
    shown = {
        "subject": words.subject,
        "heading": words.heading,
        "sentences": [sentence for sentence in words.sentences if sentence],
        "deadline": facts.deadline,
        "link": link_of(message, base_url),
        "opener": _text_of(brief, "opener"),
        "asked": _text_of(brief, "asked"),
        "role": _role(brief),
        "sections": _sections(brief, zone),
        "phone": _phone(brief),
        "fine": _fine(message, facts),
    }
    return Letter(words.subject, _TEXT.render(shown), _HTML.render(shown))


def link_of(message: Message, base_url: str) -> str:
    """Where the reader goes: the owner to their queue, others to the handoff's page. With a seal, the page knows which door was used."""
    base = base_url.rstrip("/")
    if message.handoff_id is None:
        if message.kind == "rolled_back":
            return f"{base}/shadow"
        return f"{base}/feedback" if message.kind in ("measure", "nurture") else f"{base}/queue"
    page = "queue" if message.recipient == message.owner_id else "handoffs"
    via = f"?via={message.channel}.{message.seal}" if message.seal else ""
    return f"{base}/{page}/{quote(message.handoff_id, safe='')}{via}"


def line_of(message: Message) -> str:
    """The notice on one line: what its subject says."""
    return words_of(message, facts_of(message)).subject


def words_of(message: Message, facts: Facts) -> Words:
    """What the notice says."""
    return _KINDS[message.kind](facts)


def _digest(message: Message, base_url: str) -> Letter:
    """Several notices as one mail: a line and a link each, in the order they were written."""
    lines = [(line_of(part), link_of(part, base_url)) for part in message.parts]
    subject = f"{len(lines)} notices, the first: {lines[0][0]}"
    shown = {"subject": subject, "heading": f"{len(lines)} notices came in a short time", "lines": lines}
    return Letter(subject, _DIGEST_TEXT.render(shown), _DIGEST_HTML.render(shown))


# --- what each kind says ------------------------------------------------------------------------------------------


def _opened(f: Facts) -> Words:
    by = f": first touch by {f.due}" if f.due and not f.overdue else ""
    return Words(f"{f.party}{by}", f.person, [f"{f.company + '. ' if f.company else ''}Next step: {f.step}."], brief=True)


def _joined(f: Facts) -> Words:
    at = f" at {f.company}" if f.company else ""
    said = [f"{f.joined} became ready too. It stays one handoff, and it is yours.", f.why]
    return Words(f"{f.joined} joined {f.person}{at}", f.joined, said)


def _reminder(f: Facts) -> Words:
    by = f", first touch by {f.due}" if f.due and not f.overdue else ""
    return Words(f"Still open: {f.party}{by}", f.person, [f"Nobody has made the first touch yet. Next step: {f.step}.", f.why])


def _breach(f: Facts) -> Words:
    late = f"{f.owner} has not made the first touch of {f.party}" if f.owner else f"Nobody has made the first touch of {f.party}"
    return Words(late, f.person, [f"{late}. Next step: {f.step}.", f.why])


def _reassigned(f: Facts) -> Words:
    if f.to_owner:
        return Words(f"Now yours: {f.party}", f.person, [f"Handed over from {f.before}." if f.before else "", f.why], brief=True)
    owner = f.owner or "somebody else"
    return Words(f"Now with {owner}: {f.party}", f.person, [f"{owner} has it now; there is nothing left for you to do.", f.why])


def _returned(f: Facts) -> Words:
    return Words(f"Returned to marketing: {f.party}", f.person, [f"Sales made no first touch in time. Next step was: {f.step}.", f.why])


def _exception(f: Facts) -> Words:
    return Words(f"Nobody owns {f.party}", f.person, [f"It waits in the exception queue. Next step: {f.step}.", f.why])


#: What each clock asks for, as a deadline says it.
OWED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "first_touch": "First touch",
        "accept": "Accept",
        "next_touch": "Next touch",
        "disposition": "Outcome",
        "context_complete": "Missing context",
        "contact_valid": "Working contact data",
        "volume": "Answer on the volume",
        "false_positives": "Answer on false positives",
    }
)


def _clock(f: Facts) -> Words:
    what = f.owed.lower()
    said = f"{what.capitalize()} is awaited: {f.party}"
    return Words(
        said, f.person, [f"{f.owed} is awaited{f' from {f.owner}' if f.owner and not f.to_owner else ''}. Next step: {f.step}.", f.why]
    )


def _task(f: Facts) -> Words:
    return Words(f"Next: {f.why.rstrip('.') or f.step}, {f.party}", f.person, [f.why or f"Next step: {f.step}."])


def _offer(f: Facts) -> Words:
    return Words(f"Free to take: {f.party}", f.person, [f"Whoever takes it first has it. Next step: {f.step}.", f.why], brief=True)


def _nurture(f: Facts) -> Words:
    return Words(f"Back with marketing: {f.party}", f.person, [f.why, f"Next step was: {f.step}."])


def _measure(f: Facts) -> Words:
    return Words(f"{f.owed} wanted", f.owed, [f.why])


def _rolled_back(f: Facts) -> Words:
    said = "The version before decides for everybody again."
    return Words("A version of the contract on trial was rolled back", "Contract", [f.why, said])


def _taken_back(f: Facts) -> Words:
    return Words(f"Open again: {f.party}", f.person, [f.why, f"It is as it was before. Next step: {f.step}."])


def _dispute(f: Facts) -> Words:
    return Words(f"Not answered in time: a dispute about {f.party}", f.person, [f.why, "Answer it on the page Disputes."])


_KINDS: Final[Mapping[str, Callable[[Facts], Words]]] = MappingProxyType(
    {
        "handoff_opened": _opened,
        "joined": _joined,
        "reminder": _reminder,
        "breach": _breach,
        "reassigned": _reassigned,
        "returned": _returned,
        "exception": _exception,
        "clock": _clock,
        "task": _task,
        "offer": _offer,
        "nurture": _nurture,
        "measure": _measure,
        "rolled_back": _rolled_back,
        "taken_back": _taken_back,
        "dispute": _dispute,
    }
)


def facts_of(message: Message) -> Facts:
    payload, handoff = message.payload, message.payload.get("handoff") or {}
    due = datetime.fromisoformat(handoff["due_at"]) if handoff.get("due_at") else None
    zone = message.to.time_zone if message.to else "UTC"
    clock = str((payload.get("clock") or {}).get("kind", "first_touch"))
    if message.standing is not None:
        due = None  # what it was due then says nothing now
    return Facts(
        person=_name(payload, "person") or "Somebody",
        company=_name(payload, "account"),
        owner=_name(payload, "owner"),
        before=_name(payload, "before"),
        joined=_name(payload, "joined") or "Somebody",
        step=plain(clean(handoff.get("next_step"))) or "not known",
        why=render.readable(clean(payload.get("why")), zone),
        due=render.moment(due, zone, same_day_as=message.created_at) if due else "",
        overdue=due is not None and due <= message.created_at,
        to_owner=message.recipient == message.owner_id,
        clock=clock,
        owed=OWED.get(clock, "First touch"),
        standing=_standing(message.standing, zone, message.created_at) if message.standing is not None else "",
    )


def _standing(standing: Standing, zone: str, written: datetime) -> str:
    """That its clocks stand still, since when, why, until when at the latest, and what is left."""
    since, until = (render.moment(one, zone, same_day_as=written) for one in (standing.since, standing.until))
    left = f"; {worked(standing.left_seconds)} of working time left" if standing.left_seconds else ""
    return f"Its clocks stand still since {since} ({clean(standing.reason).replace('_', ' ')}), until {until} at the latest{left}"


def _name(payload: Mapping[str, Any], role: str) -> str:
    return clean((payload.get(role) or {}).get("name"), 120)


def _fine(message: Message, facts: Facts) -> str:
    """Why this reader got it."""
    if message.kind == "handoff_opened" and facts.why:
        return f"Why you: {facts.why}"
    roles = {"breach": "You got this because you lead the owner.", "exception": "You got this because somebody must say whose it is."}
    return roles.get(message.kind, "You got this because the handoff concerns you.")


# --- what a mail shows of the brief -------------------------------------------------------------------------------

_SHOWN: Final = (
    "Do next",
    "Ask",
    "Why now",
    "What it is about",
    "Why ready",
    "Reach",
    "Company",
    "Others there",
    "Open opportunity",
    "Before",
    "Key signals",
    "Missing",
)


def _sections(brief: Mapping[str, Any] | None, zone: str) -> list[tuple[str, list[str]]]:
    if brief is None:
        return []
    found = dict(render.sections(brief))
    return [(name, [render.told(name, line, zone) for line in found[name][:_MAIL_SIGNALS]]) for name in _SHOWN if name in found]


def _text_of(brief: Mapping[str, Any] | None, part: str) -> str:
    return clean(((brief or {}).get(part) or {}).get("text"))


def _role(brief: Mapping[str, Any] | None) -> str:
    """Title and company, as the headline has them after the name."""
    lines = (brief or {}).get("persona") or []
    return next((clean(line["text"]) for line in lines if line.get("cites") == ["person.title"]), "")


def _phone(brief: Mapping[str, Any] | None) -> str:
    """A number a telephone can dial, or nothing."""
    for line in (brief or {}).get("reach") or []:
        if line.get("by") == "phone":
            digits = "".join(c for c in line["text"] if c.isdigit() and c.isascii())
            return ("+" if line["text"].lstrip().startswith("+") else "") + digits if 5 <= len(digits) <= 15 else ""
    return ""


_ENVIRONMENT: Final = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_PLAIN: Final = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - this is text/plain

_TEXT: Final = _PLAIN.from_string("""\
{{ heading }}
{% if role %}
{{ role }}
{% endif %}
{% if deadline %}
{{ deadline }}
{% endif %}

{% for sentence in sentences %}
{{ sentence }}
{% endfor %}
{% if asked %}

In their words: “{{ asked }}”
{% endif %}
{% if opener %}

Open with: {{ opener }}
{% endif %}
{% for name, lines in sections %}

{{ name }}
{% for line in lines %}
  - {{ line }}
{% endfor %}
{% endfor %}

Open it: {{ link }}

--\x20
{{ fine }}
""")

_DIGEST_TEXT: Final = _PLAIN.from_string("""\
{{ heading }}

{% for line, link in lines %}
- {{ line }}
  {{ link }}
{% endfor %}

--\x20
You got them as one because they came close together. What is no longer true was left out.
""")

_HTML: Final = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>{{ subject }}</title>
<style>
:root{color-scheme:light dark}
@media (max-width:480px){.pad{padding:22px 18px!important}\
.btn{display:block!important;text-align:center!important;margin:0 0 8px!important}}
@media (prefers-color-scheme:dark){body,.page{background:#121216!important;color:#e4e4e8!important}.card{background:#1b1b20!important}\
.ink{color:#e4e4e8!important}.mute{color:#a0a0aa!important}.due{color:#f0b45c!important}\
.talk{background:#222228!important;border-color:#33333b!important;color:#e4e4e8!important}\
.pri{background:#ededf0!important;color:#17171b!important}.sec{color:#e4e4e8!important;border-color:#44444d!important}}
</style></head>
<body class="page" style="margin:0;padding:0;background:#f7f6f4;color:#23232a;\
font:15px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif">
<div style="display:none;max-height:0;overflow:hidden">{{ deadline or (sentences | first | default("")) }}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f7f6f4"><tr>\
<td align="center" style="padding:24px 12px">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" \
style="max-width:560px;background:#ffffff;border-radius:12px">
<tr><td class="pad" style="padding:28px 32px;text-align:left">
{% if deadline %}
<p class="due" style="margin:0;color:#8a5200;font-weight:600;font-size:14px">{{ deadline }}</p>
{% endif %}
<h1 class="ink" style="font-size:21px;line-height:1.3;font-weight:600;margin:6px 0 0;color:#23232a">{{ heading }}</h1>
{% if role %}
<p class="mute" style="margin:0;color:#5c5c66">{{ role }}</p>
{% endif %}
{% for sentence in sentences %}
<p class="ink" style="margin:12px 0 0;color:#23232a">{{ sentence }}</p>
{% endfor %}
{% if asked %}
<p class="ink" style="font-size:17px;line-height:1.45;margin:18px 0 0;color:#23232a">“{{ asked }}”</p>
{% endif %}
{% if opener %}
<p class="talk" style="background:#faf9f6;border:1px solid #ebe9e4;border-radius:9px;padding:14px 16px;margin:18px 0 0;color:#23232a">\
{{ opener }}</p>
{% endif %}
{% if sections %}
<table role="presentation" cellpadding="0" cellspacing="0" style="margin:18px 0 0">
{% for name, lines in sections %}
<tr><td class="mute" style="color:#6b6b75;font-size:13px;padding:4px 14px 4px 0;vertical-align:top;white-space:nowrap">{{ name }}</td>\
<td class="ink" style="padding:4px 0;vertical-align:top;color:#23232a">\
{% for line in lines %}{{ line }}{% if not loop.last %}<br>{% endif %}{% endfor %}</td></tr>
{% endfor %}
</table>
{% endif %}
<p style="margin:22px 0 0">\
{% if phone %}<a class="btn pri" href="tel:{{ phone }}" style="display:inline-block;padding:11px 16px;margin:0 8px 0 0;border-radius:7px;\
font-weight:600;font-size:14px;text-decoration:none;background:#1c1c22;color:#ffffff">Call {{ phone }}</a>{% endif %}\
<a class="btn sec" href="{{ link }}" style="display:inline-block;padding:11px 16px;border-radius:7px;font-weight:600;font-size:14px;\
text-decoration:none;color:#23232a;border:1px solid #d5d3cd">Open it</a></p>
<p class="mute" style="color:#6b6b75;font-size:12.5px;margin:18px 0 0">{{ fine }} Opening this mail or its link changes nothing.</p>
</td></tr></table></td></tr></table></body></html>
""")

_DIGEST_HTML: Final = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>{{ subject }}</title>
<style>
:root{color-scheme:light dark}
@media (max-width:480px){.pad{padding:22px 18px!important}\
.btn{display:block!important;text-align:center!important;margin:0 0 8px!important}}
@media (prefers-color-scheme:dark){body,.page{background:#121216!important;color:#e4e4e8!important}.card{background:#1b1b20!important}\
.ink{color:#e4e4e8!important}.mute{color:#a0a0aa!important}.due{color:#f0b45c!important}\
.talk{background:#222228!important;border-color:#33333b!important;color:#e4e4e8!important}\
.pri{background:#ededf0!important;color:#17171b!important}.sec{color:#e4e4e8!important;border-color:#44444d!important}}
</style></head>
<body class="page" style="margin:0;padding:0;background:#f7f6f4;color:#23232a;\
font:15px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif">
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f7f6f4"><tr>\
<td align="center" style="padding:24px 12px">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" \
style="max-width:560px;background:#ffffff;border-radius:12px">
<tr><td class="pad" style="padding:28px 32px;text-align:left">
<h1 class="ink" style="font-size:21px;line-height:1.3;font-weight:600;margin:0;color:#23232a">{{ heading }}</h1>
{% for line, link in lines %}
<p class="ink" style="margin:12px 0 0;color:#23232a"><a class="ink" href="{{ link }}" style="color:#23232a">{{ line }}</a></p>
{% endfor %}
<p class="mute" style="color:#6b6b75;font-size:12.5px;margin:18px 0 0">You got them as one because they came close together. \
What is no longer true was left out. Opening this mail or its links changes nothing.</p>
</td></tr></table></td></tr></table></body></html>
""")
