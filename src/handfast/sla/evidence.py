"""What a signal of another system is evidence of: an attempt, a contact, or nothing of the kind.

The contract says which signals are touches. What a machine wrote is never a contact, whatever the contract says: an auto-reply (RFC 3834
and what mail programs do instead), a bounce, a voicemail. An absence reply says when they are back; that is worth knowing, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from handfast.contract.terms import TouchRule
from handfast.facts import TouchKind
from handfast.moments import moment_in

What = Literal["attempt", "contact", "auto_reply", "absence", "bounce", "opt_out"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a signal is evidence of. `kind`: of an attempt or a contact. `until`: of an absence, where the reply says it (UTC).

    `why`: a sentence, for the record, where it is not what the rule made of it.
    """

    what: What
    kind: TouchKind | None = None
    meeting: bool = False
    until: datetime | None = None
    why: str = ""


def read(rule: TouchRule, said: Mapping[str, Any], at: datetime) -> Reading:
    """What a signal with these properties is, under the rule that heard it.

    `said` may hold mail headers by their names (any case, with - or _), also under `headers`. `at`: the signal's own time, UTC.
    """
    if rule.touch in ("opt_out", "bounce"):
        return Reading("opt_out" if rule.touch == "opt_out" else "bounce")
    kind = TouchKind(rule.touch)
    if not rule.contact:
        return Reading("attempt", kind)
    words = _words(said)
    if kind is TouchKind.CALL and (mark := _voicemail(words)) is not None:
        return Reading("attempt", kind, why=f"The call ended as '{mark}': nobody was reached.")
    if kind in (TouchKind.EMAIL, TouchKind.MESSAGE):
        if (mark := _bounce(words)) is not None:
            return Reading("bounce", why=f"It came back: {mark}.")
        if (mark := _automatic(words)) is not None:
            away = _ABSENCE.search(words.get("subject", "")) is not None
            until = _back(said, words, at)
            what: What = "absence" if away or until is not None else "auto_reply"
            return Reading(what, until=until, why=f"A machine answered: {mark}.")
    return Reading("contact", kind, meeting=rule.meeting)


# --- what machines write --------------------------------------------------------------------------------------------

_VOICEMAIL: Final = frozenset(
    {
        *(
            "voicemail",
            "left voicemail",
            "left message",
            "left live message",
            "mailbox",
            "machine",
            "answering machine",
            "machine end beep",
        ),
        *("no answer", "not answered", "unanswered", "busy", "failed", "missed", "canceled", "cancelled", "wrong number"),
    }
)
_ABSENCE: Final = re.compile(
    r"out of (the )?office|\booo\b|on vacation|on leave|annual leave|away from|abwesen|nicht im (b(ü|ue)ro|haus)|urlaub|absen(t|ce)|"
    r"fuera de la oficina|ausencia|fuori ufficio|assenza|afwezig",
    re.IGNORECASE,
)
_AUTOMATIC: Final = re.compile(
    r"^\s*((automatic|auto)[ -]?(reply|response)|auto:|automatische antwort|automatisk svar|autosvar|r(é|e)ponse automatique|"
    r"respuesta autom(á|a)tica|risposta automatica|automatisch antwoord|odpowied(ź|z) automatyczna)",
    re.IGNORECASE,
)
_RETURNED: Final = re.compile(
    r"^\s*(undeliver(ed|able)|delivery (status notification|has failed|failure)|mail delivery (failed|failure|subsystem)|returned mail|"
    r"failure notice|unzustellbar|nicht zugestellt|message not delivered)",
    re.IGNORECASE,
)


def _words(said: Mapping[str, Any]) -> dict[str, str]:
    """Properties and headers by one spelling of their names, as texts in which blanks are single."""
    found: dict[str, str] = {}
    headers = said.get("headers")
    for source in (headers if isinstance(headers, Mapping) else {}, said):
        for name, value in source.items():
            if isinstance(value, str | int | float | bool):
                found[str(name).strip().lower().replace("-", "_").replace(" ", "_")] = " ".join(str(value)[:2000].split())
    return found


def _voicemail(words: Mapping[str, str]) -> str | None:
    for name in ("outcome", "status", "disposition", "result", "call_outcome", "answered_by"):
        value = words.get(name, "").lower()
        if value in _VOICEMAIL or value.replace("_", " ").replace("-", " ") in _VOICEMAIL:
            return words[name]
    return "voicemail" if words.get("voicemail", "").lower() in ("true", "yes", "1") else None


def _bounce(words: Mapping[str, str]) -> str | None:
    sender = words.get("from", words.get("sender", "")).lower()
    if "mailer-daemon" in sender or sender.startswith("postmaster@") or "<postmaster@" in sender:
        return "the sender is a mail server"
    if "report_type=delivery_status" in words.get("content_type", "").lower().replace("-", "_"):
        return "it is a delivery report"
    if words.get("x_failed_recipients"):
        return "it names failed recipients"
    return "its subject is a mail server's" if _RETURNED.match(words.get("subject", "")) else None


def _automatic(words: Mapping[str, str]) -> str | None:
    submitted = words.get("auto_submitted", "no").split(";")[0].strip().lower()
    if submitted not in ("no", ""):
        return f"Auto-Submitted is {submitted}"
    for name in ("x_autoreply", "x_autorespond", "x_autoresponder", "auto_reply", "is_auto_reply"):
        if words.get(name, "").lower() not in ("", "no", "false", "0"):
            return f"{name.replace('_', '-').title()} is set"
    if words.get("precedence", "").lower() in ("auto_reply", "auto-reply", "bulk", "junk"):
        return f"Precedence is {words['precedence'].lower()}"
    subject = words.get("subject", "")
    return "its subject says so" if _AUTOMATIC.match(subject) or _ABSENCE.match(subject) else None


# --- when they are back ---------------------------------------------------------------------------------------------

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("january jan januar", "february feb februar", "march mar märz maerz", "april apr", "may mai", "june jun juni", "july jul juli",
         "august aug", "september sep sept", "october oct oktober okt", "november nov", "december dec dezember dez"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_SPAN: Final = (
    r"(?:until|till|through|return(?:ing)?(?: on)?|back(?: on| in the office on)?|"
    r"bis(?: zum)?|wieder(?: am| ab)?|zurück(?: am| ab)?|ab dem)"
)
_DATES: Final = (
    re.compile(_SPAN + r"\D{0,20}?(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})", re.IGNORECASE),
    re.compile(_SPAN + r"\D{0,20}?(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})?", re.IGNORECASE),
    re.compile(_SPAN + r"\D{0,20}?(?P<d>\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<n>[^\W\d]{3,9})\.?,?\s*(?P<y>\d{4})?", re.IGNORECASE),
    re.compile(
        _SPAN + r"[^\d]{0,30}?\b(?P<n>[^\W\d]{3,9})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?\b(?!\.?\d),?\s*(?P<y>\d{4})?", re.IGNORECASE
    ),
)


def _back(said: Mapping[str, Any], words: Mapping[str, str], at: datetime) -> datetime | None:
    """The day they are back, its first moment in UTC: a field that says so, else a date in subject or text; within a year, or None."""
    for name in ("back_at", "returns_at", "away_until", "until"):
        if isinstance(value := said.get(name), str):
            try:
                return _near(moment_in(value, UTC), at)
            except ValueError:
                continue
    text = " ".join(words.get(name, "") for name in ("subject", "text", "message", "body", "snippet"))[:4000]
    for pattern in _DATES:
        if (match := pattern.search(text)) is not None and (found := _date(match.groupdict(), at)) is not None:
            return found
    return None


def _date(parts: Mapping[str, str | None], at: datetime) -> datetime | None:
    month = int(parts["m"] or 0) if "m" in parts else _MONTHS.get((parts.get("n") or "").lower(), 0)
    year = int(parts["y"] or 0) or at.year
    try:
        found = datetime(year, month, int(parts["d"] or 0), tzinfo=UTC)
        if not parts["y"] and (at - found).days > 180:  # "until 4 January", written in December
            found = found.replace(year=year + 1)
    except ValueError:  # no day of the calendar, or a 29 February that the next year has not
        return None
    return _near(found, at)


def _near(moment: datetime, at: datetime) -> datetime | None:
    return moment if 0 < (moment - at).total_seconds() < 366 * 86_400 else None


__all__ = ["Reading", "What", "read"]
