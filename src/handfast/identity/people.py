"""What of a person is compared, and how it is written first.

A record is a flat mapping of text: see FIELDS. `prepared` makes one from a person, `prepare` from a table of many; both give the same
values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import polars as pl

from handfast.facts import Account, Person
from handfast.identity.compare import Comparison, Kind, Model, Rare, comparison
from handfast.identity.normalise import mailbox, without_accents
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

#: What agreement is worth before anything was learned from an installation's own people: for each field and level, the share of
#: pairs that are one person, strangers, colleagues. Learned by `learn` from `bench.crowd`; `handfast match learn` replaces them.
_SHARES: Final[Mapping[str, tuple[tuple[float, float, float], ...]]] = {
    "first_name": ((0.84, 2.3e-3, 2.1e-3), (0.10, 1.9e-3, 1.7e-3), (1e-3, 8e-4, 7e-4), (0.048, 1.3e-3, 1.4e-3), (0.007, 0.994, 0.994)),
    "last_name": ((0.88, 3.3e-4, 3e-4), (0.11, 2.4e-4, 2.5e-4), (1.6e-3, 4e-4, 4e-4), (3e-4, 3e-4, 3e-4), (0.004, 0.999, 0.999)),
    "email": ((0.72, 5e-7, 9e-4), (0.044, 3e-6, 2.5e-4), (0.05, 0.0014, 0.84), (0.18, 0.998, 0.156)),
    "handle": ((0.89, 7e-4, 7e-4), (0.11, 0.999, 0.999)),
    "phone": ((0.68, 2e-6, 0.039), (0.024, 4e-6, 5e-4), (2e-4, 4e-6, 5e-4), (0.295, 0.999, 0.96)),
    "company": ((0.95, 4.5e-5, 0.99), (0.005, 5e-5, 0.004), (0.003, 0.004, 0.004), (0.047, 0.996, 0.002)),
    "city": ((0.43, 0.0027, 0.24), (0.001, 3e-4, 3e-4), (0.0034, 0.0067, 0.005), (0.57, 0.991, 0.756)),
}


def _known(field: str, kind: Kind, rare: Rare) -> Comparison:
    """A field with what is known of its levels."""
    begun = comparison(field, kind, rare=rare)
    shares = zip(begun.levels, _SHARES[field], strict=True)
    return replace(begun, levels=tuple(replace(level, m=m, u=u, near=near) for level, (m, u, near) in shares))


#: How people are compared, and which two are compared at all.
PEOPLE: Final = Model(
    comparisons=(
        _known("first_name", "name", "share"),
        _known("last_name", "name", "share"),
        _known("email", "email", "holders"),
        _known("handle", "exact", "share"),
        _known("phone", "code", "holders"),
        _known("company", "text", "local"),
        _known("city", "text", "local"),
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
    near=5e-5,
)

_NOT_LETTER: Final = re.compile(r"[^\w]+|_")
_SHORTEST_HANDLE: Final = 4


def plain(text: str) -> str:
    """A name for comparing: lower case, no accents, no punctuation, single spaces."""
    return _NOT_LETTER.sub(" ", without_accents(text)).strip()


def prepared(person: Person, account: Account | None = None, country: str | None = None) -> dict[str, str | None]:
    """What is compared of one person. `country` (two letters) reads phone numbers written without one."""
    said: Mapping[str, Any] = person.fields
    first, last = (plain(name) for name in _names(person))
    company = str(said.get("company") or (account.name if account else "") or "")
    email = mailbox(person.email) if person.email else None
    return {
        "first_name": first or None,
        "last_name": last or None,
        "email": email,
        "handle": handle(email, first, last) if email else None,
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


def model_for(people: int) -> Model:
    """The model begun with, its prior for so many people.

    Three people in ten are known twice before anybody looks: a guess from experience, which `learn` replaces.
    """
    count = max(people, 50)
    return replace(PEOPLE, prior=0.3 / count, rarest=1 / count)


def as_json(model: Model) -> dict[str, Any]:
    """What of a model is learned, to be stored."""
    shares = {c.field: [[v.m, v.u, v.near] for v in c.levels] for c in model.comparisons}
    return {
        "shares": shares,
        "prior": model.prior,
        "near": model.near,
        "rarest": model.rarest,
        "rarity": {f: dict(v) for f, v in model.rarity.items()},
    }


def from_json(body: Mapping[str, Any]) -> Model:
    """A stored model, on today's comparisons. Raises KeyError or ValueError where its levels are not today's: learn again."""
    comparisons = tuple(
        replace(c, levels=tuple(replace(v, m=m, u=u, near=n) for v, (m, u, n) in zip(c.levels, body["shares"][c.field], strict=True)))
        for c in PEOPLE.comparisons
    )
    return replace(PEOPLE, comparisons=comparisons, prior=body["prior"], near=body["near"], rarest=body["rarest"], rarity=body["rarity"])
