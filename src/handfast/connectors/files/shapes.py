"""What each kind of file may hold: its own fields, which of them are needed, and the groups of free fields it carries.

`docs/reference/mapping.md` is these tables in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from handfast.contract.terms import FieldType

#: Names of a column that stand for one of our fields where nobody mapped anything; ours win.
_WHO: Final[Mapping[str, FieldType]] = {"email": "text", "user_id": "text"}


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of file. `one_of`: of each of these sets a row needs at least one. `rest`: the group that takes columns nobody mapped."""

    fields: Mapping[str, FieldType]
    needs: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    groups: tuple[str, ...] = ()
    rest: str | None = None
    says: Mapping[str, str] = field(default_factory=dict)


SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "signals": Shape(
            {"id": "text", "kind": "text", "at": "time", **_WHO, "anonymous_id": "text", "group_id": "text"},
            ("kind", "at"), (("email", "user_id", "anonymous_id"),), ("properties", "person", "account"), "properties",
        ),
        "people": Shape(
            {"id": "text", "at": "time", **_WHO, "group_id": "text"},
            (), (("email", "user_id"),), ("person", "account"), "person",
        ),
        "accounts": Shape(
            {"domain": "text", "group_id": "text", "name": "text", "owner": "text"},
            (), (("domain", "group_id"),), ("account",), "account",
        ),
        "reps": Shape(
            {
                "id": "text", "name": "text", "email": "text", "team": "text", "manager": "text", "time_zone": "text", "active": "bool",
                "week": "text", "holidays": "text", "skills": "text",
            },
            ("id", "name", "email"),
        ),
        "absences": Shape({"rep": "text", "from": "time", "until": "time", "why": "text"}, ("rep", "from", "until")),
        "opportunities": Shape(
            {
                "id": "text", **_WHO, "owner": "text", "stage": "text", "amount": "number", "opened_at": "time", "closed_at": "time",
                "won": "bool",
            },
            ("id", "stage", "opened_at"), (("email", "user_id"),),
        ),
        "touches": Shape(
            {"id": "text", **_WHO, "rep": "text", "type": "text", "at": "time", "contact": "bool", "meeting": "bool", "note": "text"},
            ("type", "at"), (("email", "user_id"),),
        ),
        "dispositions": Shape(
            {**_WHO, "outcome": "text", "at": "time", "reason": "text", "note": "text", "rep": "text"},
            ("outcome", "at"), (("email", "user_id"),),
        ),
    }
)  # fmt: skip

KINDS: Final = tuple(SHAPES)
GROUPS: Final = ("properties", "person", "account")

__all__ = ["GROUPS", "KINDS", "SHAPES", "Shape"]
