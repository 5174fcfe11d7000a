"""How things are said on a page: times, durations, names of things. Pure functions; whoever calls them knows the moment and the zone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from handfast import numbers
from handfast.brief.words import spoken
from handfast.store.counts import SOON

State = Literal["late", "soon", "ok"]

#: Identifiers whose plain spelling would read wrongly.
SAID: Final[Mapping[str, str]] = {
    "email": "E-mail",
    "url": "Address",
    "sla": "SLA",
    "roi_calculator": "ROI calculator",
    "meeting_set": "Meeting set",
    "named_account": "Named account",
    "not_yet": "Not yet",
    "first_touch": "First touch",
    "revops": "RevOps",
}

TOUCHED: Final[Mapping[str, str]] = {
    "call": "Called",
    "email": "E-mailed",
    "message": "Messaged",
    "social": "Reached out",
    "meeting": "Met",
    "other": "Touched",
}

#: What each kind of notice is called.
NOTICES: Final[Mapping[str, str]] = {
    "handoff_opened": "New handoff",
    "joined": "Another person joined",
    "reminder": "Reminder",
    "breach": "Missing first touch",
    "reassigned": "New owner",
    "returned": "Returned to marketing",
    "exception": "Nobody owns it",
    "clock": "Clock",
    "task": "Next step",
    "offer": "Free to take",
    "nurture": "Back with marketing",
    "measure": "Answer wanted",
    "rolled_back": "Version rolled back",
    "taken_back": "Outcome taken back",
    "dispute": "Dispute without an answer",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "connected": "Connected",
    "meeting_set": "Meeting set",
    "recycle": "Recycled",
    "disqualify": "Disqualified",
    "returned": "Returned to marketing",
}

#: What a signal's kind looks like: the first word found in the kind decides.
ICONS: Final[tuple[tuple[str, str], ...]] = (
    ("form", "file-text"),
    ("page", "eye"),
    ("view", "eye"),
    ("webinar", "video"),
    ("email", "mail"),
    ("click", "mouse-pointer-click"),
    ("meeting", "calendar-check"),
    ("call", "phone"),
    ("trial", "zap"),
    ("sign", "user-check"),
)


def human(seconds: float) -> str:
    """A span as a countdown shows it: `5:07`, `2h 05m`, `3d 4h`. The sign is left to the caller."""
    whole = abs(int(seconds))
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}:{whole % 60:02d}"


def took(seconds: float) -> str:
    """A span as a sentence says it: `40 sec`, `6 min`, `2 h 5 min`, `3 days`."""
    whole = abs(int(seconds))
    if whole < 60:
        return f"{whole} sec"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h" + (f" {whole // 60 % 60} min" if whole // 60 % 60 else "")
    days = whole // 86_400
    return f"{days} day{'' if days == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Countdown:
    """The first paint of a countdown; the page's ticker keeps it going. `due` and `span` in seconds, `frac` from 1 (whole) to 0 (due)."""

    text: str
    state: State
    frac: float
    due: int
    span: int


def countdown(started_at: datetime, due_at: datetime, at: datetime) -> Countdown:
    """How a clock stands at `at`. Soon is what the board counts as soon."""
    left = (due_at - at).total_seconds()
    span = max(1, int((due_at - started_at).total_seconds()))
    frac = max(0.0, min(1.0, left / span))
    state: State = "late" if left < 0 else "soon" if left < SOON.total_seconds() else "ok"
    return Countdown(f"{human(left)} late" if left < 0 else human(left), state, round(frac, 3), int(due_at.timestamp()), span)


def when(moment: datetime, at: datetime, zone: tzinfo) -> str:
    """A moment as a person would say it: `14:23`, `yesterday, 16:10`, `Fri 13 Nov, 11:00`, `Mon 3 Mar 2025, 09:00`."""
    local, now = moment.astimezone(zone), at.astimezone(zone)
    days = (local.date() - now.date()).days
    clock = f"{local:%H:%M}"
    if days == 0:
        return clock
    if days in (-1, 1):
        return f"{'yesterday' if days < 0 else 'tomorrow'}, {clock}"
    return f"{day(moment, at, zone)}, {clock}"


def day(moment: datetime, at: datetime, zone: tzinfo) -> str:
    """The date alone: `Fri 13 Nov`, with the year where it is another one."""
    local = moment.astimezone(zone)
    year = "" if local.year == at.astimezone(zone).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}"


def away(starts: datetime, ends: datetime, theirs: str, at: datetime, zone: tzinfo) -> str:
    """An absence: whole days of whoever is away are told as days, `Mon 30 Nov to Sun 6 Dec`; else its moments on the reader's."""
    their_zone = ZoneInfo(theirs)
    if _midnight(starts, their_zone) and _midnight(ends, their_zone):
        first, last = day(starts, at, their_zone), day(ends - timedelta(hours=1), at, their_zone)
        return first if first == last else f"{first} to {last}"
    return f"{when(starts, at, zone)} to {when(ends, at, zone)}"


def away_until(ends: datetime, theirs: str, at: datetime, zone: tzinfo) -> str:
    """When an absence ends: `through Sun 6 Dec` where it ends with a day of theirs, else `until tomorrow, 14:00`."""
    if _midnight(ends, ZoneInfo(theirs)):
        return f"through {day(ends - timedelta(hours=1), at, ZoneInfo(theirs))}"
    return f"until {when(ends, at, zone)}"


def _midnight(moment: datetime, zone: tzinfo) -> bool:
    return moment.astimezone(zone).time() == time()


def zone(key: str) -> str:
    """A time zone as people call it: `America/New_York` becomes `New York`."""
    return key.rpartition("/")[2].replace("_", " ")


def days(key: str) -> str:
    """Days of a week as a contract names them: `mon-fri` becomes `Mon to Fri`."""
    return " to ".join(part.strip().title() for part in key.split("-"))


def title(identifier: str | None) -> str:
    """An identifier as words: `pricing_call` becomes `Pricing call`."""
    if not identifier:
        return ""
    if identifier in SAID:
        return SAID[identifier]
    words = identifier.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def readable(sentence: str, at: datetime, zone: tzinfo) -> str:
    """A stored sentence for one reader: moments on their clock, days in words, no underscores in names, minus signs that are no hyphens."""
    return spoken(sentence, lambda moment: when(moment, at, zone), lambda one: day(datetime.combine(one, time(12), zone), at, zone))


def coded(sentence: str) -> Markup:
    """A sentence with what stands between backticks, as terminals are told it, shown as code. Everything is escaped."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return escape(sentence)  # one of them is a mark of somebody's own
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def month(iso: str) -> str:
    """A month of a report: `2026-08` becomes `Aug 2026`."""
    return f"{date.fromisoformat(f'{iso}-01'):%b %Y}"


def short_day(iso: str) -> str:
    """A day of a report, short: `2026-08-24` becomes `24 Aug`."""
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%b}"


def initials(name: str) -> str:
    """Two letters for a monogram; one where the name has one word."""
    words = [w for w in name.replace("@", " ").replace(".", " ").split() if w[0].isalnum()]
    return "".join(w[0] for w in words[:2]).upper() or "?"


def hue(name: str) -> int:
    """A colour of its own for a name (degrees of the colour circle), the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big") % 12 * 30 + 10


def points(millionths: int | float) -> str:
    """Intent as stored, in whole points, rounded down so that it never looks past a bar it did not reach."""
    return numbers.points(millionths / 1_000_000, 0)


def icon_of(kind: str) -> str:
    """The icon of a signal's kind."""
    return next((icon for word, icon in ICONS if word in kind), "circle")


#: What of a signal's properties says most, best first.
_TELLING: Final = ("message", "comment", "title", "subject", "form", "name", "path", "url", "campaign", "topic", "reason")


def gist(data: Mapping[str, Any]) -> str:
    """The one or two properties of a signal that say most, as plain text."""
    said = [str(data[name]) for name in _TELLING if isinstance(data.get(name), str | int | float) and str(data[name]).strip()]
    return ", ".join(list(dict.fromkeys(said))[:2])[:240]


def amount(value: Any) -> str:
    """A field's value as a property list shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}".replace("-", numbers.MINUS)
    return str(value)


def shown(value: Any) -> str:
    """What a criterion saw, short: numbers without needless digits, unknown as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return numbers.points(value)  # never past a bar it did not reach
    if isinstance(value, Mapping):
        return ", ".join(f"{title(str(k))} {shown(v)}" for k, v in list(value.items())[:4])
    if isinstance(value, list | tuple):
        return ", ".join(shown(v) for v in value[:4])
    return amount(value)


def seen(value: Any) -> str:
    """What a criterion looked at: how many signals, or the fields its condition names."""
    if isinstance(value, Mapping) and "signals" in value:
        count, capped, unknown = (int(value.get(name) or 0) for name in ("signals", "capped", "unknown"))
        said = f"{count} signal{'' if count == 1 else 's'}" if count else "no signal"
        said += f", {capped} above the cap" if capped else ""
        return said + (f", {unknown} unclear" if unknown else "")
    return shown(value)


def criteria(working: Any) -> list[Mapping[str, Any]]:
    """The criteria of a verdict's working, as stored; nothing where it has none."""
    found = working.get("criteria", ()) if isinstance(working, Mapping) else working
    return [one for one in found or () if isinstance(one, Mapping)]


def rungs(working: Any) -> list[Mapping[str, Any]]:
    """The rungs of an assignment's working, as stored."""
    found = [working] if isinstance(working, Mapping) else working
    return [one for one in found or () if isinstance(one, Mapping)]
