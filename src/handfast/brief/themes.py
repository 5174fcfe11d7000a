"""Themes: which of the contract's pain themes the signals speak of, by the words the contract names. No guess goes without its words.

A word matches itself and its plain endings (`price`: prices, priced, pricing), in any script that separates words by spaces or signs.
Several words in a row match in a row (`soc 2` in `/soc-2-report`). A page matches by how a path begins, in whole parts (`/security`:
`/security/soc-2`), a form by its name. Nothing else: what the list does not hold is not inferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from handfast.contract.terms import Theme

#: At most so many characters of one property are read.
LONGEST_READ: Final = 600
#: What a browser or a tracker says of itself, not what a person looked at.
_TECHNICAL: Final = frozenset(
    {
        "referrer",
        "referring_domain",
        "user_agent",
        "userAgent",
        "ip",
        "locale",
        "library",
        "session_id",
        "anonymous_id",
        "message_id",
        "search",
        "origin",
        "channel",
        "source",
    }
)
_OF_THE_SITE: Final = frozenset({"path", "title", "page", "asset", "content", "webinar", "form"})
#: Where a signal says which form it was.
_FORMS: Final = frozenset({"form", "form_id", "form_name"})
#: Texts of the site kept in memory per contract.
_REMEMBERED: Final = 10_000
_WORD: Final = re.compile(r"[^\W_]+")
_VOWELS: Final = "aeiou"


@dataclass(frozen=True, slots=True)
class Found:
    """A theme, the words that speak of it (as the contract writes them, in its order) and the signals they stand in, the latest first."""

    theme: Theme
    words: tuple[str, ...]
    signals: tuple[str, ...]


#: What a text speaks of: (position of a theme, the words of it that stand there).
_Said = tuple[tuple[int, set[str]], ...]


class _Lexicon:
    """The words of a contract's themes, ready to be looked up, and what the site's own pages said of them.

    `said` remembers paths and titles, which are the site's and the same for every visitor; what a person wrote is never kept.
    """

    def __init__(self, themes: tuple[Theme, ...]) -> None:
        self.said: dict[tuple[bool, bool, str], _Said] = {}
        self.pages = [(page.rstrip("/").lower(), n, page) for n, theme in enumerate(themes) for page in theme.pages]
        self.forms = [(form.lower(), n, form) for n, theme in enumerate(themes) for form in theme.forms]
        #: First word → (all words, theme's position, the word as the contract writes it).
        self.phrases: dict[str, list[tuple[tuple[str, ...], int, str]]] = {}
        for number, theme in enumerate(themes):
            for written in theme.words:
                phrase = tuple(_WORD.findall(written.lower()))
                for first in _endings(phrase[0]) if phrase else ():
                    self.phrases.setdefault(first, []).append((phrase, number, written))

    def of(self, name: str, text: str) -> _Said:
        """The themes a property of this name speaks of."""
        key = (name == "path", name in _FORMS, text)
        if (known := self.said.get(key)) is not None:
            return known
        found = self._read(text, *key[:2])
        if name in _OF_THE_SITE and len(text) <= LONGEST_READ:
            if len(self.said) >= _REMEMBERED:
                self.said.clear()
            self.said[key] = found
        return found

    def _read(self, text: str, is_path: bool, is_form: bool) -> _Said:
        words = _WORD.findall(text[:LONGEST_READ].lower())
        found: dict[int, set[str]] = {}
        for place, word in enumerate(words):
            for phrase, theme, written in self.phrases.get(word, ()):
                if len(phrase) == 1 or _follows(phrase, words, place):
                    found.setdefault(theme, set()).add(written)
        if is_path:
            path = text.partition("?")[0].lower()
            for page, theme, written in self.pages:
                if path == page or path.startswith(page + "/"):
                    found.setdefault(theme, set()).add(written)
        if is_form:
            for form, theme, written in self.forms:
                if text.strip().lower() == form:
                    found.setdefault(theme, set()).add(written)
        return tuple(found.items())


_lexicon = lru_cache(maxsize=64)(_Lexicon)


def find(themes: tuple[Theme, ...], signals: Iterable[tuple[str, Mapping[str, Any]]], most: int = 3) -> tuple[Found, ...]:
    """The themes found, the one most signals speak of first; ties go to the contract's order.

    Args:
        signals: (id, properties), the latest first.
    """
    if not themes:
        return ()
    lexicon = _lexicon(themes)
    hits: dict[int, dict[str, None]] = {}
    words: dict[int, set[str]] = {}
    for signal, properties in signals:
        for name, value in properties.items():
            if isinstance(value, str) and name not in _TECHNICAL:
                for theme, said in lexicon.of(name, value):
                    hits.setdefault(theme, {})[signal] = None
                    words.setdefault(theme, set()).update(said)
    order = sorted(hits, key=lambda theme: (-len(hits[theme]), theme))[:most]
    return tuple(Found(themes[n], tuple(word for word in themes[n].signs if word in words[n]), tuple(hits[n])) for n in order)


def _follows(phrase: tuple[str, ...], words: list[str], place: int) -> bool:
    return all(
        place + n < len(words) and (words[place + n] == word or words[place + n] in _endings(word)) for n, word in enumerate(phrase) if n
    )


@lru_cache(maxsize=4096)
def _endings(word: str) -> frozenset[str]:
    """The word and its plain English endings. Short words and numbers have none: `it` is not in `items`."""
    forms = {word}
    if len(word) < 4 or not word.isalpha():
        return frozenset(forms | ({word + "s"} if len(word) == 3 and word.isalpha() else set()))
    stem = word[:-1] if word.endswith("e") else word
    forms |= {word + "s", stem + "es", stem + "ed", stem + "ing", stem + "er"}
    if word.endswith("y") and word[-2] not in _VOWELS:
        forms |= {word[:-1] + "ies", word[:-1] + "ied"}
    return frozenset(forms)
