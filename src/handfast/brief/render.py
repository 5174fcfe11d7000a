"""A brief as text, as Markdown and as an HTML fragment.

All three say the same in the same order. Text that came from outside is escaped for each; sources are numbered in text and Markdown and
stand in `data-cites` in HTML. Times are shown in the zone of whoever reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from handfast.brief.words import spoken

#: Part of the brief → its heading, in reading order: what to do first, then why, then who.
SECTIONS: Final[tuple[tuple[str, str], ...]] = (
    ("asked", "In their words"),
    ("action", "Do next"),
    ("opener", "Open with"),
    ("questions", "Ask"),
    ("why_now", "Why now"),
    ("themes", "What it is about"),
    ("why_ready", "Why ready"),
    ("why_you", "Why you"),
    ("persona", "Persona"),
    ("reach", "Reach"),
    ("company", "Company"),
    ("buying_group", "Others there"),
    ("opportunity", "Open opportunity"),
    ("before", "Before"),
    ("last_activity", "Last activity"),
    ("top_content", "Read most"),
    ("key_signals", "Key signals"),
    ("missing", "Missing"),
)
#: Headings under which stand the sentences of decisions, which are stored for every reader.
_DECIDED: Final = frozenset({"Why now", "Why ready", "Why you"})
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+|~!&-])")


def text(brief: Mapping[str, Any], zone: str = "UTC") -> str:
    """The brief as plain text with numbered sources at the end."""
    sources = _Sources()
    parts = [brief["headline"]["text"], *_due(brief, zone)]
    for heading, lines in sections(brief):
        parts += ["", heading, *(f"  - {told(heading, line, zone)}{sources.marks(line)}" for line in lines)]
    return "\n".join([*parts, *sources.listed()]) + "\n"


def markdown(brief: Mapping[str, Any], zone: str = "UTC") -> str:
    """The brief as Markdown with numbered sources at the end."""
    sources = _Sources()
    parts = [f"# {_plain(brief['headline']['text'])}", *(f"\n**{_plain(line)}**" for line in _due(brief, zone))]
    for heading, lines in sections(brief):
        parts += ["", f"## {heading}", "", *(f"- {_plain(told(heading, line, zone))}{_plain(sources.marks(line))}" for line in lines)]
    return "\n".join([*parts, *sources.listed(_plain)]) + "\n"


def html(brief: Mapping[str, Any], zone: str = "UTC") -> Markup:
    """The brief as an HTML fragment: one `article`, no styles, everything from outside escaped."""
    parts = [Markup("<h2{}>{}</h2>").format(_cites(brief["headline"]), brief["headline"]["text"])]
    parts += [Markup('<p class="due">{}</p>').format(line) for line in _due(brief, zone)]
    for heading, lines in sections(brief):
        items = Markup("").join(Markup("<li{}>{}</li>").format(_cites(line), told(heading, line, zone)) for line in lines)
        parts.append(Markup("<section><h3>{}</h3><ul>{}</ul></section>").format(heading, items))
    return Markup('<article class="brief">{}</article>').format(Markup("").join(parts))


def sections(brief: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """(heading, lines) of every part that has something to say. A brief of an older version may lack parts."""
    for name, heading in SECTIONS:
        part = brief.get(name)
        lines = [part] if isinstance(part, Mapping) else part or []
        if lines:
            yield heading, lines


def told(heading: str, line: Mapping[str, Any], zone: str) -> str:
    """A line under a heading, with its time if it has one."""
    at, text = line.get("at"), readable(line["text"], zone) if heading in _DECIDED else line["text"]
    return text if at is None else f"{text} ({moment(datetime.fromisoformat(at), zone)})"


def readable(sentence: str, zone: str) -> str:
    """A sentence stored for every reader, on the clock of this one: `Tue 24 Nov, 14:38 CET`, `Mon 2 Mar 2026`."""
    return spoken(sentence, lambda at: moment(at, zone), lambda day: f"{day:%a} {day.day} {day:%b %Y}")


def moment(at: datetime, zone: str, *, same_day_as: datetime | None = None) -> str:
    """`Tue 24 Nov, 14:38 CET` on the reader's own clock; without the day where it is that of `same_day_as`."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        place = ZoneInfo("UTC")
    local = at.astimezone(place)
    clock = f"{local:%H:%M} {local.tzname()}"
    if same_day_as is not None and same_day_as.astimezone(place).date() == local.date():
        return clock
    return f"{local:%a} {local.day} {local:%b}, {clock}"


def _due(brief: Mapping[str, Any], zone: str) -> list[str]:
    due = brief.get("due_at")
    return [f"First touch by {moment(datetime.fromisoformat(due), zone)}"] if due else []


def _cites(line: Mapping[str, Any]) -> Markup:
    cites = line.get("cites") or ()
    return Markup(' data-cites="{}"').format(" ".join(cites)) if cites else Markup("")


def _plain(words: str) -> str:
    """Text that Markdown shows as it is. HTML is written as entities, for readers of Markdown that let tags through."""
    return _MARKDOWN.sub(r"\\\1", words).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")


class _Sources:
    """Numbers for sources, in the order they are first cited."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def marks(self, line: Mapping[str, Any]) -> str:
        numbers = [self._numbers.setdefault(cite, len(self._numbers) + 1) for cite in line.get("cites") or ()]
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""

    def listed(self, shown: Callable[[str], str] = str) -> list[str]:
        if not self._numbers:
            return []
        return ["", "Sources", *(shown(f"[{number}] {_source(cite)}") for cite, number in self._numbers.items())]


def _source(cite: str) -> str:
    if cite in ("verdict", "assignment"):
        return f"the {cite}"
    return cite if cite.startswith(("person.", "account.", "opportunity.", "handoff.")) else f"signal {cite}"
