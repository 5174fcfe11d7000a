"""Two people made one: whose value wins, field by field, and how the two are told apart again.

The rule: what only one of them has stays; else the value chosen by hand wins; else what was said latest, by a signal; a value that no
signal said (an import, an older system) is older than any that one did; where nothing tells them apart, the one who is kept. Every value
is kept with whose it was, its source and the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from handfast.facts import Person

#: Before every signal: a value of which nobody knows when it was said.
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)
#: Fields of a person that are not among `fields`.
NOUN_FIELDS: Final = ("email", "name", "account")


@dataclass(frozen=True, slots=True)
class Said:
    """A value as a signal said it last: from which source, and when it was received (UTC)."""

    value: Any
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """The value that won: whose it was, where it came from, the rule that chose it, and the value that lost."""

    value: Any
    person: str
    source: str
    at: datetime | None
    rule: str
    other: Any = None


Sayings = Mapping[str, Said]


def combine(
    kept: Person, folded: Person, kept_said: Sayings, folded_said: Sayings, chosen: Mapping[str, str] | None = None
) -> dict[str, Kept]:
    """field → what the one person has after two became one. `chosen`: field → id of the person whose value a human wants."""
    mine, theirs = _values(kept), _values(folded)
    fields = list(dict.fromkeys([*mine, *theirs]))
    return {
        f: _one(f, (kept.id, mine.get(f), kept_said.get(f)), (folded.id, theirs.get(f), folded_said.get(f)), chosen or {}) for f in fields
    }


def _values(person: Person) -> dict[str, Any]:
    nouns = {"email": person.email, "name": person.name or None, "account": person.account}
    return {**{f: v for f, v in nouns.items() if v is not None}, **{f: v for f, v in person.fields.items() if v is not None}}


_Side = tuple[str, Any, Said | None]


def _one(field: str, kept: _Side, folded: _Side, chosen: Mapping[str, str]) -> Kept:
    if kept[1] is None or folded[1] is None:
        return _from(kept, folded, "the only one") if folded[1] is None else _from(folded, kept, "the only one")
    if chosen.get(field) in (kept[0], folded[0]):
        return _from(folded, kept, "chosen by hand") if chosen[field] == folded[0] else _from(kept, folded, "chosen by hand")
    if kept[1] == folded[1]:
        return _from(kept, folded, "both the same")
    if field in NOUN_FIELDS:
        # An address is a key, and an account is a decision: neither changes because two people turned out to be one.
        return _from(kept, folded, "of the one kept")
    if _when(folded) > _when(kept):
        return _from(folded, kept, "said latest")
    return _from(kept, folded, "said latest" if _when(kept) > _when(folded) else "of the one kept")


def _when(side: _Side) -> datetime:
    return side[2].at if side[2] is not None and side[2].value == side[1] else _EVER


def _from(winner: _Side, loser: _Side, rule: str) -> Kept:
    person, value, said = winner
    told = said if said is not None and said.value == value else None
    return Kept(value, person, told.source if told else "", told.at if told else None, rule, loser[1])


def person_of(kept: Person, fields: Mapping[str, Kept]) -> Person:
    """The one person, with the values that won."""
    values = {f: k.value for f, k in fields.items()}
    return Person(kept.id, values.pop("email", None), values.pop("name", None) or "", values.pop("account", None), values)


def part(now: Person, kept: Person, folded: Person, merged: Person, kept_since: Sayings, folded_since: Sayings) -> tuple[Person, Person]:
    """The two people again: each as they were, with what each said since.

    `now`: the one person today; `kept`, `folded`: the two before; `merged`: the one as made then; `kept_since`, `folded_since`: the
    latest each said since, through keys of their own. What was written since by anything but a signal (a hand, an import) stays with the
    one kept.
    """
    by_hand = {f: v for f, v in now.fields.items() if merged.fields.get(f) != v and f not in kept_since and f not in folded_since}
    first = {**kept.fields, **{f: s.value for f, s in kept_since.items() if f not in NOUN_FIELDS}, **by_hand}
    second = {**folded.fields, **{f: s.value for f, s in folded_since.items() if f not in NOUN_FIELDS}}
    account = now.account if now.account != merged.account else kept.account
    name = now.name if now.name != merged.name and "name" not in folded_since else kept.name
    other = str(folded_since["name"].value) if "name" in folded_since else folded.name
    return Person(kept.id, kept.email, name, account, first), Person(folded.id, folded.email, other, folded.account, second)
