"""Lists of texts that conditions may ask for, and how the text of a contract carries the entries of those that come from files.

A signed contract must not change when a file beside it does. So the entries are taken into the text itself: a last section `entries:`, one
line a list, packed (sorted, joined by line breaks, compressed, in base64). The text is whole by itself wherever it is stored, shown,
compared or signed, and the contract's id depends on what the entries are, not on how they were packed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, model_validator

from handfast.contract.terms_base import Name, Term

#: The most entries a list may have, the longest one, and the most characters of all lists of a contract, packed.
MOST_ENTRIES: Final = 200_000
LONGEST_ENTRY: Final = 200
LONGEST_PACKED: Final = 2_000_000
#: What `unpack` gives up at: no list within the bounds above is longer.
_LONGEST_TEXT: Final = MOST_ENTRIES * (LONGEST_ENTRY + 1) * 4

_HEADING: Final = (
    "# The entries of lists, as their files were when this text was taken in. Written by Handfast: change the files, not this.\n"
)
_LINE: Final = re.compile(r'  ([a-z][a-z0-9_-]*): "([A-Za-z0-9+/=]+)"')
_SECTION: Final = re.compile(r"(?:^#[^\n]*\n)?^entries:[ \t]*\n(?:  [a-z][a-z0-9_-]*: \"[A-Za-z0-9+/=]+\"\n?)+\Z", re.MULTILINE)


def pack(entries: Iterable[str]) -> str:
    """The entries as one line of base64, the same for the same entries in any order."""
    return base64.b64encode(zlib.compress("\n".join(sorted(set(entries))).encode(), 9)).decode()


def unpack(packed: str) -> tuple[str, ...]:
    """The entries of a packed line, sorted.

    Raises:
        ValueError: it is no packed list, or far too long.
    """
    try:
        machine = zlib.decompressobj()
        text = machine.decompress(base64.b64decode(packed, validate=True), _LONGEST_TEXT)
        if machine.unconsumed_tail or not machine.eof:
            raise ValueError("the entries of this list are cut off or far too many; take the contract in from its file again")
        return tuple(text.decode().split("\n"))
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        raise ValueError("the entries of this list cannot be read; take the contract in from its file again") from None


def digest(entries: Iterable[str]) -> str:
    """SHA-256 of the sorted entries, in hexadecimal."""
    return hashlib.sha256("\n".join(sorted(set(entries))).encode()).hexdigest()


def _unpacked(value: object) -> object:
    return unpack(value) if isinstance(value, str) else value


def _told(entries: tuple[str, ...]) -> str:
    return f"{len(entries)} entries, sha256 {digest(entries)[:32]}"


#: The entries of a list as its file had them: packed in a text, sorted here; in JSON how many there are and their hash.
Entries = Annotated[tuple[str, ...], BeforeValidator(_unpacked), PlainSerializer(_told, return_type=str, when_used="json")]
Entry = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ENTRY, strip_whitespace=True)]


class ListTerm(Term):
    """Texts that a condition asks for with `field IN LIST name`: a few written here, or thousands in a column of a CSV file."""

    file: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    column: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    values: Annotated[tuple[Entry, ...], Field(max_length=2000)] = ()

    @model_validator(mode="after")
    def _one_origin(self) -> ListTerm:
        if (self.file is None) == (not self.values):
            raise ValueError("a list is a `file` with a `column`, or `values`; write {file: west.csv, column: postcode} or [a, b]")
        if (self.file is None) != (self.column is None):
            raise ValueError("a file and a column belong together; write {file: west.csv, column: postcode}")
        return self


def _list(value: object) -> object:
    return {"values": value} if isinstance(value, list | tuple) else value


#: As a contract writes it: `[a, b]`, or a mapping.
ListOf = Annotated[ListTerm, BeforeValidator(_list)]
Lists = Mapping[Name, ListOf]


def split(text: str) -> tuple[str, dict[str, str]]:
    """The text as its author wrote it, and list → packed entries of the section Handfast added; empty where there is none."""
    if "\nentries:" not in text or (found := _SECTION.search(text)) is None:
        return text, {}
    return text[: found.start()], {match[1]: match[2] for match in _LINE.finditer(text, found.start())}


def joined(text: str, packed: Mapping[str, str]) -> str:
    """The author's text (`split`), with these packed entries as its last section."""
    if not packed:
        return text
    lines = "".join(f'  {name}: "{entries}"\n' for name, entries in sorted(packed.items()))
    return f"{text.rstrip()}\n\n{_HEADING}entries:\n{lines}"


def entries_of(lists: Mapping[str, ListTerm], entries: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """List → its entries, of every list whose entries are at hand."""
    written: dict[str, Any] = {name: term.values for name, term in lists.items() if term.values}
    return {**{name: entries[name] for name in lists if name in entries and name not in written}, **written}
