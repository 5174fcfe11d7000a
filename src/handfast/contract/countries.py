"""One way to write a country: its two-letter code of ISO 3166-1. `Deutschland`, `Germany`, `DEU` and `de` are `DE`.

Names come from the standard itself and its translations into the languages below; what people write besides (`USA`, `Holland`) stands there
too. A name that means different countries in different languages is nobody's, and what is not known stays as it was said:
nothing is guessed, and nothing is compared by how similar it looks.
"""

from __future__ import annotations

import gettext
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

#: The field of a person or account that holds one.
COUNTRY: Final = "country"
#: What people write that no list of names has. Codes that were never a country's own, but are in use (`UK`), among them.
_BESIDES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "uk": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
        "us of a": "US", "united states america": "US", "america": "US", "states": "US", "holland": "NL", "el": "GR",
        "korea south": "KR", "south korea": "KR", "republic of korea": "KR", "korea north": "KP", "north korea": "KP", "dprk": "KP",
        "russia": "RU", "russian federation": "RU", "czech republic": "CZ", "turkey": "TR", "ivory coast": "CI", "vatican": "VA",
        "burma": "MM", "swaziland": "SZ", "macedonia": "MK", "cape verde": "CV", "east timor": "TL", "uae": "AE", "emirates": "AE",
        "россия": "RU", "grossbritannien": "GB", "kosovo": "XK", "brd": "DE", "bundesrepublik deutschland": "DE",
        "hong kong": "HK", "macau": "MO", "palestine": "PS", "syria": "SY", "iran": "IR",
        "laos": "LA", "bolivia": "BO", "venezuela": "VE", "tanzania": "TZ", "moldova": "MD", "brunei": "BN", "micronesia": "FM",
    }
)  # fmt: skip
#: Whose names of countries count.
_LANGUAGES: Final = (
    "ar", "bg", "ca", "cs", "da", "de", "el", "es", "et", "fi", "fr", "he", "hi", "hr", "hu", "it", "ja", "ko",
    "lt", "lv", "nb", "nl", "nn", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk", "vi", "zh_CN",
    "zh_TW",
)  # fmt: skip
#: Nobody's country is called by more letters.
_LONGEST: Final = 80


def country(said: str) -> str:
    """The code of the country that is meant; what is not known, as it was said.

    Two letters are in capitals whatever they are: of those nobody is asked what they mean.
    """
    return _code(said) if len(said) <= _LONGEST else said


@lru_cache(maxsize=65_536)
def _code(said: str) -> str:
    plain = _plain(said)
    if (code := _BESIDES.get(plain)) is not None:
        return code
    if len(plain) == 2 and plain.isascii() and plain.isalpha():
        return plain.upper()
    return _names().get(plain, said)


def _plain(said: str) -> str:
    """Without case, accents, points and articles: `The U.S.A.` is `usa`."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", said.casefold()) if not unicodedata.combining(letter))
    words = "".join(letter if letter.isalnum() else " " if letter not in ".'’" else "" for letter in bare).split()
    return " ".join(words[1:] if len(words) > 1 and words[0] == "the" else words)


@cache
def _names() -> Mapping[str, str]:
    """Plain name, or three-letter code, to code. Made once, on first use: a tenth of a second."""
    found: dict[str, str | None] = {}
    for code, name in _translated():
        if (plain := _plain(name)) and found.setdefault(plain, code) != code:
            found[plain] = None  # it means another country elsewhere
    # The standard's own names mean what it says, whatever they mean in another language.
    return {**{name: code for name, code in found.items() if code is not None}, **{_plain(name): code for code, name in _own()}}


def _own() -> Iterator[tuple[str, str]]:
    import pycountry

    for one in pycountry.countries:
        for name in (one.alpha_3, one.name, *(getattr(one, kind, None) for kind in ("common_name", "official_name"))):
            if name:
                yield one.alpha_2, name
                if ", " in name:  # `Korea, Republic of`
                    last, first = name.split(", ", 1)
                    yield one.alpha_2, f"{first} {last}"


def _translated() -> Iterator[tuple[str, str]]:
    import pycountry

    own = list(_own())
    for language in _LANGUAGES:
        said = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True)
        for code, name in own:
            if len(name) > 3 and (other := said.gettext(name)) != name:
                yield code, other
