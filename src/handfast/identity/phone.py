"""One way to write a phone number: E.164, `+4930123456`. Offline: the numbering plans come with a package."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

LONGEST: Final = 40


@lru_cache(maxsize=65_536)
def phone_number(text: str, country: str | None = None) -> str | None:
    """The number as E.164, or None where it is no possible number.

    `country` (two letters) reads numbers written without a country code; without it they are nobody's: the same digits are in use in many
    countries. An extension is left out: it is another desk behind the same line.
    """
    import phonenumbers

    if not text or len(text) > LONGEST:
        return None
    try:
        number = phonenumbers.parse(text, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
