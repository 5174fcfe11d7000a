"""What names a person in text, and text without it: for rows of others that speak of somebody who is erased.

An address, a telephone number or an id names one person. A full name does unless a namesake is known; parts of a name only where the
text is about something the person took part in. `Traces` finds them in text and in JSON, whole words only, and puts `ERASED` there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, quote_plus

from handfast.identity.normalise import mailbox

#: What stands where a trace stood, and the name of whoever was erased.
ERASED: Final = "erased"
#: Shorter ids, ids of letters alone and short numbers are words of everyday: they are looked for where an id stands, never in text.
SHORTEST_ID: Final = 6
_SHORTEST_NUMBER: Final = 9
#: Where an id stands, in an event as it was sent or as it is stored.
_ID_NAMES: Final = frozenset({"userId", "user_id", "anonymousId", "anonymous_id", "previousId", "previous_id"})
#: A shorter name, or part of one, is as often another word.
_SHORTEST_NAME: Final = 5
_SHORTEST_PART: Final = 3
#: Fewer digits are an extension, or a year.
_FEWEST_DIGITS: Final = 7
#: Fields of a person that hold a telephone number.
PHONES: Final = ("phone", "mobile", "mobile_phone", "telephone", "fax", "work_phone")
#: Where an event as it was sent says who did it: paths into its JSON.
_WHO: Final = (
    *(("userId",), ("user_id",), ("anonymousId",), ("anonymous_id",), ("previousId",), ("previous_id",), ("email",), ("who",)),
    *((part, "email") for part in ("traits", "properties", "person", "context")),
    ("context", "traits", "email"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """Everything a person is named by. `ids`: user and anonymous ids; `names`: full names; `parts`: given and family names."""

    addresses: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()

    def searched(self, shared: Shared) -> Named:
        """What may be looked for in everybody's rows: no single word of a name, and nothing that somebody else has too."""
        names, phones = {one.casefold() for one in shared.names}, {digits(one) for one in shared.phones}
        addresses = {one.casefold() for one in shared.addresses}
        return Named(
            frozenset(one for one in self.addresses if one.casefold() not in addresses),
            frozenset(one for one in self.phones if digits(one) not in phones),
            self.ids - set(shared.ids),
            frozenset(one for one in self.names if one.casefold() not in names and len(one.split()) > 1),
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """What others are called too: people of the same name or number, colleagues, companies."""

    names: Sequence[str] = ()
    phones: Sequence[str] = ()
    addresses: Sequence[str] = ()
    ids: Sequence[str] = ()


def digits(phone: str) -> str:
    """The digits of a telephone number."""
    return "".join(c for c in phone if c.isdigit())


def named(said: Iterable[Mapping[str, Any]], names: Iterable[str] = (), addresses: Iterable[str] = (), ids: Iterable[str] = ()) -> Named:
    """What a person is named by, from everything they or others ever said of them: fields as signals and people hold them."""
    found: dict[str, set[str]] = {"addresses": set(addresses), "phones": set(), "names": set(names), "parts": set()}
    for one in said:
        first, last = (str(one.get(part) or "").strip() for part in ("first_name", "last_name"))
        found["parts"] |= {first, last}
        found["names"] |= {f"{first} {last}".strip() if first and last else "", str(one.get("name") or "").strip()}
        found["addresses"] |= {str(one.get("email") or "").strip()}
        found["phones"] |= {str(one.get(field) or "").strip() for field in PHONES}
    for name in found["names"]:
        found["parts"] |= {part.strip(",") for part in name.split()}
    return Named(
        frozenset(one for one in found["addresses"] if "@" in one),
        frozenset(one for one in found["phones"] if len(digits(one)) >= _FEWEST_DIGITS),
        frozenset(one for one in ids if one),
        frozenset(one for one in found["names"] if len(one) >= _SHORTEST_NAME and "@" not in one),
        frozenset(one for one in found["parts"] if len(one) >= _SHORTEST_PART and "@" not in one),
    )


@dataclass(frozen=True)
class Traces:
    """Finds what names a person. `parts`: parts of the name too."""

    of: Named
    parts: bool = False

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to look for."""
        return not self._words

    @cached_property
    def _words(self) -> list[str]:
        """Regular expressions that Python and PostgreSQL read alike, the longest first."""
        found: set[str] = set()
        for address in self.of.addresses:
            found |= {_address(one) for one in {address.lower(), mailbox(address.lower())}}
        found |= {_number(one) for one in self.of.phones}
        found |= {_literal(one) for one in self.of.ids if _telling(one)}
        for name in self.of.names:
            found |= {_spelled(one) for one in (name, _turned(name))}
        if self.parts:
            found |= {_literal(one) for one in self.of.parts}
        return sorted(found, key=lambda one: (-len(one), one))

    @cached_property
    def pattern(self) -> str:
        """For a first look by the database (`~*`): finds too much rather than too little."""
        return "|".join(self._words) or r"(?!)"

    @cached_property
    def needles(self) -> list[tuple[str, ...]]:
        """Plain words: where `pattern` finds anything, all of one of these tuples occur, whatever their case, or one of `numbers` does.

        For a database, which finds a plain word in a tenth of the time that a regular expression takes.
        """
        found: set[tuple[str, ...]] = set()
        for address in self.of.addresses:
            for one in {address.lower(), mailbox(address.lower())}:
                local, _, host = one.rpartition("@")
                found |= {(local, host), (quote(local), host)}
        for name in self.of.names:
            parts = _turned(name).replace(",", " ").split()
            found |= {tuple(sorted(write(part) for part in parts)) for write in (str, quote, quote_plus)}
        found |= {(one,) for one in self.of.ids if _telling(one)}
        if self.parts:
            found |= {(one,) for one in self.of.parts}
        return sorted(found)

    @cached_property
    def numbers(self) -> list[str]:
        """The digits of telephone numbers; see `needles`."""
        return sorted({digits(one) for one in self.of.phones})

    @cached_property
    def _exact(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w@])(?:{self.pattern})(?![\w@])", re.IGNORECASE)

    def text(self, text: str) -> str:
        """The text with `ERASED` for everything that names the person."""
        return text if self.nothing else self._exact.sub(ERASED, text)

    def value(self, value: Any) -> Any:
        """A JSON value without traces, in its keys too; the same value where there are none."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): ERASED if self._id(name, one) else self.value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        return value

    def _id(self, name: str, value: Any) -> bool:
        return name in _ID_NAMES and str(value) in self.of.ids

    def did(self, event: Any) -> bool:
        """Whether this person did what an event as it was sent tells: one of the ids it carries is theirs."""
        return any(isinstance(said := _at(event, path), str | int) and self._is(str(said)) for path in _WHO)

    def _is(self, said: str) -> bool:
        bare = said.partition(":")[2] if said.startswith(("email:", "user:", "visitor:")) else said
        return bare in self.of.ids or ("@" in bare and self.text(bare) == ERASED)

    def without(self, payload: Any) -> Any:
        """A refused payload without this person: their events are taken out of a batch, others lose what names them.

        None where nothing is left: the payload was one event of theirs, or a batch of them.
        """
        if isinstance(payload, Mapping) and isinstance(batch := payload.get("batch"), list):
            left = [self.value(one) for one in batch if not self.did(one)]
            return {**self.value({k: v for k, v in payload.items() if k != "batch"}), "batch": left} if left else None
        if isinstance(payload, list):
            return [self.value(one) for one in payload if not self.did(one)] or None
        return None if self.did(payload) else self.value(payload)


def _at(event: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        event = event.get(name) if isinstance(event, Mapping) else None
    return event


def _telling(ident: str) -> bool:
    """Whether an id is no word, and no number of everyday."""
    return not ident.isalpha() and len(ident) >= (_SHORTEST_NUMBER if ident.isdigit() else SHORTEST_ID)


def _literal(word: str) -> str:
    return re.escape(word)


def _address(address: str) -> str:
    """An address, also as a link writes it, and with a tag of its own."""
    local, _, host = address.rpartition("@")
    tag = r"(?:(?:\+|%2B)[\w.%-]{1,64})?"
    written = "|".join(re.escape(one) for one in dict.fromkeys((local, quote(local))))
    return rf"(?:{written}){tag}(?:@|%40){re.escape(host)}(?!\.?[\w-])"


def _number(phone: str) -> str:
    """The digits with whatever people put between them."""
    return r"(?:\+|%2B)?\(?" + spaced(digits(phone))


def spaced(number: str) -> str:
    """A regular expression for these digits with whatever people put between them."""
    return r"[ ()./-]{0,3}".join(number)


def _spelled(name: str) -> str:
    """A name, also as a link writes it, with any white space between its parts."""
    plain = r"\s+".join(re.escape(part) for part in name.split())
    return "|".join(dict.fromkeys([plain, re.escape(quote(name)), re.escape(quote_plus(name))]))


def _turned(name: str) -> str:
    """`Kraus, Anna` for `Anna Kraus`."""
    head, _, tail = name.rpartition(" ")
    return f"{tail}, {head}" if head and "," not in name else name


__all__ = ["ERASED", "PHONES", "Named", "Shared", "Traces", "digits", "named", "spaced"]
