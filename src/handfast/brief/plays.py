"""Plays: the contract's words for a next step, with what is known of this person filled in.

A missing value never shows. A name is left out the way people leave it out (`Hi {first_name},` becomes `Hi,`); a sentence about a theme or
a question nobody has is left out whole, and where it is the only one, a plain word takes the place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

#: Placeholders: `{first_name}`, `{company}`, `{theme}`, `{asked}`. Anything else in braces has no value and is treated as missing.
_PLACE: Final = re.compile(r"\{\s*([^{}]*?)\s*\}")
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+")
#: A brace that belongs to no placeholder: a slip of the pen in the contract, not for anybody's eyes.
_STRAY: Final = re.compile(r"(\{[^{}]*\})|[{}]")
#: A name that somebody is addressed by, with the comma or space that belongs to it.
_ADDRESS: Final = re.compile(r"(?:,\s*|\s+|^)\{\s*first_name\s*\}")

_TO_PROSPECT: Final[Mapping[str, str]] = MappingProxyType(
    {"company": "your company", "theme": "what you looked at", "asked": "your request"}
)
_TO_REP: Final[Mapping[str, str]] = MappingProxyType(
    {"first_name": "them", "company": "their company", "theme": "what they looked at", "asked": "their request"}
)
#: A sentence without one of these still has a point; without any other value it has none.
_SPARE: Final = frozenset({"first_name", "company"})


@dataclass(frozen=True, slots=True)
class Filling:
    """Placeholder → (its value, what the value cites). A placeholder without a value is simply not there."""

    values: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


#: A sentence in parts: (text, None) or ("", name of a placeholder).
_Parts = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a template, taken apart once: as written, and as one writes it to somebody whose name one does not know."""

    names: frozenset[str]
    parts: _Parts
    unaddressed: _Parts


def fill(template: str, filling: Filling, *, to_prospect: bool) -> tuple[str, list[str]]:
    """The template with its values, and what they cite, each once.

    Args:
        to_prospect: whether it is said to the prospect (an opener, a question: `your company`) or to the rep (an action: `their company`).
    """
    values = filling.values
    sentences = _sentences(template)
    whole = [sentence for sentence in sentences if sentence.names - _SPARE <= values.keys()]
    plain = _TO_PROSPECT if to_prospect else _TO_REP
    stranger = to_prospect and "first_name" not in values
    used: dict[str, None] = {}
    words: list[str] = []
    for sentence in whole or sentences:
        for text, name in sentence.unaddressed if stranger else sentence.parts:
            # Values are put beside the text, never into it: one that itself holds braces stays text.
            if name is None:
                words.append(text)
            elif (known := values.get(name)) is not None:
                words.append(known[0])
                used.update(dict.fromkeys(known[1]))
            else:
                words.append(plain.get(name, ""))
        words.append(" ")
    return " ".join("".join(words).split()), list(used)


@lru_cache(maxsize=1024)
def _sentences(template: str) -> tuple[_Sentence, ...]:
    whole = _STRAY.sub(lambda match: match[1] or "", template)
    return tuple(_sentence(text) for text in _SENTENCE.split(whole.strip()) if text)


def _sentence(text: str) -> _Sentence:
    names = frozenset(_PLACE.findall(text))
    return _Sentence(names, _parts(text), _parts(_unaddressed(text)) if "first_name" in names else _parts(text))


def _parts(text: str) -> _Parts:
    """`re.split` with one group gives text and names in turn."""
    return tuple((part, None) if number % 2 == 0 else ("", part) for number, part in enumerate(_PLACE.split(text)))


def _unaddressed(sentence: str) -> str:
    """The sentence as one writes it to somebody whose name one does not know."""
    bare = _ADDRESS.sub("", sentence).lstrip(" ,;:–—-")
    return bare[:1].upper() + bare[1:]
