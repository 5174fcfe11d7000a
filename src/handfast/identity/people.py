"""What of a person is compared, and how it is written first.

A record is a flat mapping of text: see FIELDS. `prepared` makes one from a person, `prepare` from a table of many; both give the same
values.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from handfast.facts import Account, Person
from handfast.identity.compare import Model, comparison
from handfast.identity.normalise import mailbox
from handfast.identity.phone import phone_number

#: `handle`: the part of a mailbox before the @ where it is not made of the person's name (which is weighed already), else nothing.
FIELDS: Final = ("first_name", "last_name", "email", "handle", "phone", "company", "city")

#: Mailboxes of a desk, not of a person: the same one elsewhere says nothing.
ROLES: Final = frozenset(
    {
        "admin",
        "billing",
        "contact",
        "enquiries",
        "hello",
        "help",
        "hr",
        "info",
        "jobs",
        "mail",
        "marketing",
        "office",
        "orders",
        "purchasing",
        "reception",
        "sales",
        "service",
        "support",
        "team",
    }
)

#: How people are compared before anything was learned from an installation's own. The shares of `near` are what a seeded crowd gave.
PEOPLE: Final = Model(
    comparisons=(
        comparison("first_name", "name", rare="share"),
        comparison("last_name", "name", rare="share"),
        comparison("email", "email", rare="holders"),
        comparison("handle", "exact", rare="share"),
        comparison("phone", "code", rare="holders"),
        comparison("company", "text", rare="share"),
        comparison("city", "text", rare="share"),
    ),
    blocks=(
        ("email",),
        ("phone",),
        ("first_name", "last_name"),
        ("last_name", "company"),
        ("first_name", "company"),
        ("last_name", "city", "first_name:1"),
        ("handle", "first_name"),
    ),
    circle="company",
)

_NOT_LETTER: Final = re.compile(r"[^\w]+|_")
_SHORTEST_HANDLE: Final = 4


def plain(text: str) -> str:
    """A name for comparing: lower case, no accents, no punctuation, single spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return _NOT_LETTER.sub(" ", bare).strip()


def prepared(person: Person, account: Account | None = None, country: str | None = None) -> dict[str, str | None]:
    """What is compared of one person. `country` (two letters) reads phone numbers written without one."""
    said: Mapping[str, Any] = person.fields
    first, last = _names(person)
    company = str(said.get("company") or (account.name if account else "") or "")
    email = mailbox(person.email) if person.email else None
    return {
        "first_name": plain(first) or None,
        "last_name": plain(last) or None,
        "email": email,
        "handle": handle(email, plain(first), plain(last)) if email else None,
        "phone": phone_number(str(said.get("phone") or ""), country),
        "company": plain(company) or None,
        "city": plain(str(said.get("city") or "")) or None,
    }


def _names(person: Person) -> tuple[str, str]:
    """First and last name: as said apart, else the name split at its last space."""
    first, last = str(person.fields.get("first_name") or ""), str(person.fields.get("last_name") or "")
    if first or last:
        return first, last
    head, _, tail = person.name.strip().rpartition(" ")
    return (head, tail) if head else ("", tail)


def handle(email: str, first: str, last: str) -> str | None:
    """The mailbox name where it says something beside the name of the person, else None."""
    local = email.partition("@")[0]
    if len(local) < _SHORTEST_HANDLE or local in ROLES:
        return None
    made_of_name = (len(first) > 1 and first in local) or (len(last) > 1 and last in local)
    return None if made_of_name else local


def prepare(people: pl.DataFrame) -> pl.DataFrame:
    """A table of people whose names, addresses and numbers are written one way already, with the column `handle` added."""
    local = pl.col("email").str.split("@").list.first()
    said = [(pl.col(name).str.len_chars() > 1) & local.str.contains(pl.col(name), literal=True) for name in ("first_name", "last_name")]
    telling = (local.str.len_chars() >= _SHORTEST_HANDLE) & ~local.is_in(sorted(ROLES))
    made = said[0].fill_null(False) | said[1].fill_null(False)
    return people.with_columns(handle=pl.when(telling & ~made).then(local))
