"""What signals and fields are called in a brief, and how text that came from outside is made fit to stand in one.

Whatever a visitor typed into a form ends up in front of a rep, in a mail, in a page. It is cut to one line here, once; escaping for HTML
or Markdown is the renderer's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any, Final
from unicodedata import category

from handfast.numbers import MINUS, number, short

#: Longer texts are cut, with an ellipsis.
LONGEST_TEXT: Final = 280
LONGEST_LABEL: Final = 120

#: Unicode categories nobody should be shown: line breaks, controls, invisible and direction-changing characters, halves of pairs.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NOTHING: Final = frozenset({"", "-", "--", "?", "n/a", "na", "none", "null", "nil", "nan", "undefined", "unknown", "[not provided]"})

#: What a person did. The subject (a path, a form's name) follows; where there is none the second sentence is used.
_PHRASES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "page_viewed": ("Viewed {}", "Viewed a page"),
        "form_submitted": ("Submitted the form {}", "Submitted a form"),
        "email_opened": ("Opened the e-mail {}", "Opened an e-mail"),
        "email_clicked": ("Clicked in the e-mail {}", "Clicked in an e-mail"),
        "email_replied": ("Replied to the e-mail {}", "Replied to an e-mail"),
        "webinar_registered": ("Registered for the webinar {}", "Registered for a webinar"),
        "webinar_attended": ("Attended the webinar {}", "Attended a webinar"),
        "content_downloaded": ("Downloaded {}", "Downloaded content"),
        "asset_downloaded": ("Downloaded {}", "Downloaded content"),
        "meeting_booked": ("Booked a meeting: {}", "Booked a meeting"),
        "demo_requested": ("Requested a demo: {}", "Requested a demo"),
        "trial_started": ("Started a trial: {}", "Started a trial"),
        "signed_up": ("Signed up: {}", "Signed up"),
        "chat_started": ("Started a chat: {}", "Started a chat"),
    }
)
#: Where a signal says what it is about, the plainest first.
_SUBJECTS: Final = ("title", "path", "subject", "webinar", "asset", "content", "name", "page", "url", "campaign")
_FORM_SUBJECTS: Final = ("form", "form_name", "form_id", "title", "name", "path")
#: Where people write in their own words, the most telling first.
ANSWERS: Final[Mapping[str, None]] = MappingProxyType(
    dict.fromkeys(("message", "question", "questions", "comments", "comment", "request", "asked", "notes", "interest", "topic", "reason"))
)


def clean(value: object, longest: int = LONGEST_TEXT) -> str:
    """One printable line of what came from outside; empty where it says nothing (`None`, `N/A`, `unknown`, …)."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return ""
    text = value if isinstance(value, str) else _scalar(value)
    if "  " in text or text[:1] == " " or text[-1:] == " " or not text.isprintable():
        text = _one_line(text[: 4 * longest])
    if len(text) < 15 and text.lower() in _NOTHING:
        return ""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    if not text.isprintable():
        text = " ".join("".join(" " if category(c) in _UNPRINTABLE else c for c in text).split())
    return text


def _scalar(value: object) -> str:
    """Numbers, yes and no; lists and objects say nothing on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return short(value)
    return ""


def subject(kind: str, properties: Mapping[str, Any]) -> str:
    """What a signal is about, in few words; empty where it does not say."""
    for name in _FORM_SUBJECTS if kind == "form_submitted" else _SUBJECTS:
        if name in properties and (text := clean(properties[name], LONGEST_LABEL)):
            return page(text) if name in ("path", "url", "page") else text
    return ""


def page(path: str) -> str:
    """A path without its query, fragment and closing slash, so that one page has one name."""
    bare = path.split("?", 1)[0].split("#", 1)[0]
    return bare.rstrip("/") or "/"


def did(kind: str, about: str) -> str:
    """A sentence for a signal: `Viewed /pricing`."""
    if (phrases := _PHRASES.get(kind)) is not None:
        return phrases[0].format(about) if about else phrases[1]
    plain = label(kind)
    return f"{plain}: {about}" if about else plain


def label(name: str) -> str:
    """A field's or step's name as people write it: `employee_count` becomes `Employee count`."""
    return plain(name).capitalize()


def plain(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").strip()


#: What sentences written for every reader hold: a moment in UTC, a day, a name of the contract.
_MOMENT: Final = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d) UTC\b")
_DAY: Final = re.compile(r"\b(\d{4}-\d\d-\d\d)\b(?! ?\d\d:|T)")
#: A negative number as ASCII writes it, which no date and no word with a hyphen is.
_NEGATIVE: Final = re.compile(r"(?<![\w.:/-])-(?=\d)")
#: A name of the contract; a part of an address, a path or the name of a file is none.
_NAME: Final = re.compile(r"(?<![/.@-])\b[a-z0-9]+(?:_[a-z0-9]+)+\b(?!\S*@|\.\w)")


def spoken(sentence: str, moment: Callable[[datetime], str], day: Callable[[date], str]) -> str:
    """A stored sentence as its reader says it: `moment` says a moment (given in UTC), `day` a date; names without underscores, minus signs
    that are no hyphens."""

    def moment_of(found: re.Match[str]) -> str:
        try:
            return moment(datetime.fromisoformat(found[1]).replace(tzinfo=UTC))
        except ValueError:
            return found[0]

    def day_of(found: re.Match[str]) -> str:
        try:
            return day(date.fromisoformat(found[1]))
        except ValueError:
            return found[0]  # somebody's own number that looks like a day

    told = _NEGATIVE.sub(MINUS, _DAY.sub(day_of, _MOMENT.sub(moment_of, sentence)))
    return _NAME.sub(lambda found: found[0].replace("_", " "), told)


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
