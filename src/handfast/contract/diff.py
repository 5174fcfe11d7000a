"""What changes from one contract to another, in sentences: "intent bar 40 → 35", "new territory west", "SLA demo first touch 5 → 3 hours".

Terms are compared, not texts: comments and layout are no change. Entries of lists are found again by what people call them
(`contract.matching`), so a rule that was moved or renamed is not one removed and one added. A term nobody wrote a word for here is told in
its own: nothing that differs is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from handfast.contract.matching import canonical, match
from handfast.contract.place import Path, dotted
from handfast.contract.terms import Contract
from handfast.numbers import signed

Kind = Literal["added", "removed", "changed", "moved"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `was` and `path`: where it stands in the old and in the new contract, None where it does not.

    `old` and `new` are plain JSON values; of a move, the places in the list, from 1.
    """

    kind: Kind
    was: Path | None
    path: Path | None
    sentence: str
    old: Any = None
    new: Any = None

    def as_json(self) -> dict[str, Any]:
        """A plain mapping; paths as people read them."""
        places = {"was": dotted(self.was) if self.was is not None else None, "path": dotted(self.path) if self.path is not None else None}
        return {"kind": self.kind, "sentence": self.sentence, **places, "old": self.old, "new": self.new}


def diff(old: Contract, new: Contract) -> list[Change]:
    """Every change, in the order of the new contract. Empty exactly where both have the same id."""
    return list(_walk(_Spot((), (), "", ""), old.model_dump(mode="json"), new.model_dump(mode="json")))


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the walk is: the paths in both, what the thing here is called, and what is around it."""

    was: Path
    path: Path
    subject: str
    parent: str

    def under(self, old_step: str | int, new_step: str | int, subject: str) -> _Spot:
        return _Spot((*self.was, old_step), (*self.path, new_step), subject, self.subject)


def _walk(spot: _Spot, old: Any, new: Any) -> Iterator[Change]:
    if canonical(old) == canonical(new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(spot, old, new)
    elif isinstance(old, list) and isinstance(new, list) and _are_entries(old, new):
        yield from _entries(spot, old, new)
    else:
        yield Change("changed", spot.was, spot.path, _changed(spot, old, new), old, new)


def _are_entries(old: list[Any], new: list[Any]) -> bool:
    return all(isinstance(item, Mapping) for item in (*old, *new))


def _mapping(spot: _Spot, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in (*new, *(key for key in old if key not in new)):
        here = spot.under(key, key, _named(spot, key, new.get(key, old.get(key))))
        if key not in old:
            yield Change("added", None, here.path, _added(here, new[key]), None, new[key])
        elif key not in new:
            yield Change("removed", here.was, None, _removed(here), old[key], None)
        else:
            yield from _walk(here, old[key], new[key])


def _entries(spot: _Spot, old: list[Any], new: list[Any]) -> Iterator[Change]:
    found = match(old, new)
    pairs = {place: before for before, place in found.pairs}
    for place, item in enumerate(new):
        if place not in pairs:
            here = spot.under(place, place, _entry_name(spot, place, item))
            yield Change("added", None, here.path, _added(here, item), None, item)
            continue
        before = pairs[place]
        here = spot.under(before, place, _entry_name(spot, place, old[before]))
        if (before, place) in found.moved:
            yield Change("moved", here.was, here.path, _moved(here, before, place), before + 1, place + 1)
        yield from _walk(here, old[before], item)
    for place in found.removed:
        here = spot.under(place, place, _entry_name(spot, place, old[place]))
        yield Change("removed", here.was, None, _removed(here), old[place], None)


# --- what things are called -----------------------------------------------------------------------------------

#: Parts of the contract, by their path; "" where the part adds no word. `*`: names of the author's own, and places in lists.
_PARTS: Final[Mapping[Path, str]] = {
    ("contract",): "name",
    ("calendar",): "team calendar",
    ("calendars",): "",
    ("fields",): "",
    ("signals",): "",
    ("lists",): "",
    ("entries",): "",
    ("canary",): "holding for a share",
    ("canary", "share"): "share it holds for",
    ("canary", "when"): "whom it holds for",
    ("canary", "guardrails"): "guardrails",
    ("canary", "guardrails", "after"): "handoffs before a guardrail speaks",
    ("canary", "guardrails", "unassigned"): "most without an owner",
    ("canary", "guardrails", "skew"): "most above a fair share",
    ("canary", "guardrails", "assign_p95"): "longest wait for an owner",
    ("ready",): "",
    ("ready", "fit"): "fit",
    ("ready", "fit", "at_least"): "fit bar",
    ("ready", "intent"): "intent",
    ("ready", "intent", "at_least"): "intent bar",
    ("ready", "intent", "half_life"): "intent half-life",
    ("ready", "account"): "buying group",
    ("ready", "exclude"): "exclusions",
    ("ready", "grades"): "grades",
    ("match",): "matching",
    ("routing",): "",
    ("routing", "ladder"): "routing order",
    ("routing", "hierarchy"): "whose owner counts above the account",
    ("routing", "conflicts"): "",
    ("routing", "conflicts", "parent"): "who wins between an account and the one above it",
    ("routing", "conflicts", "opportunity"): "who wins between an account and its open opportunity",
    ("routing", "conflicts", "opportunities"): "who wins among several open opportunities",
    ("routing", "customers"): "who looks after customers",
    ("routing", "default"): "default pool",
    ("routing", "otherwise"): "what nobody can take",
    ("routing", "exceptions_within"): "exception queue: late after",
    ("routing", "pools"): "",
    ("routing", "minded_by"): "who minds the exception queue",
    ("routing", "disputes_within"): "disputes: late after",
    ("routing", "moves"): "",
    ("routing", "moves", "away_longer_than"): "handoffs move on when their owner is away for more than",
    ("routing", "moves", "hand_back"): "handed back to owners who return",
    ("routing", "moves", "owner_changed"): "handoffs that follow an account to a new owner",
    ("routing", "moves", "owners_from"): "sources that may name owners",
    ("routing", "moves", "undo_within"): "owners named elsewhere are taken back within",
    ("notices",): "notices",
    ("notices", "quiet"): "quiet hours of notices",
    ("notices", "urgent"): "notices that never wait",
    ("notices", "urgent_sla"): "SLAs whose notices never wait",
    ("notices", "digest"): "notices that go out together",
    ("dispositions",): "",
    ("pauses",): "",
    ("touches",): "",
    ("follow_up",): "follow-up",
    ("dispositions", "recycle", "reasons"): "",
    ("dispositions", "disqualify", "reasons"): "",
    ("dispositions", "meeting_set"): "",
    ("dispositions", "meeting_set", "time"): "time of a meeting that was set",
    ("dispositions", "undo"): "dispositions may be taken back for",
}
#: Keys of the author's own under a part, by what they are.
_NOUNS: Final[Mapping[Path, str]] = {
    ("pauses",): "pause {}",
    ("calendars",): "calendar {}",
    ("fields",): "field {}",
    ("signals",): "signal {}",
    ("lists",): "list {}",
    ("entries",): "what list {} holds",
    ("signals", "*"): "field {} of {}",
    ("ready", "grades", "fit"): "grade {}, fit",
    ("ready", "grades", "intent"): "grade {}, intent",
    ("ready", "account", "roles"): "role {}",
    ("routing", "pools"): "pool {}",
    ("routing", "pools", "*", "members"): "{}'s share in {}",
    ("dispositions", "recycle", "reasons"): "recycle reason {}",
    ("dispositions", "disqualify", "reasons"): "disqualify reason {}",
}
#: Entries of lists, by what they are.
_ENTRIES: Final[Mapping[Path, str]] = {
    ("ready", "fit", "points"): "fit rule",
    ("ready", "fit", "never"): "never rule",
    ("ready", "intent", "points"): "intent rule",
    ("ready", "next_step"): "next step",
    ("routing", "never"): "rule for what goes to nobody",
    ("routing", "territories"): "territory",
    ("sla",): "SLA",
    ("touches",): "touch rule",
    ("follow_up", "steps"): "follow-up step",
    ("brief", "themes"): "theme",
    ("brief", "plays"): "play for",
    ("examples",): "example",
}
#: Lists of which the first entry that matches holds, or that happen in their order.
_IN_ORDER: Final = frozenset(
    {
        ("ready", "fit", "never"),
        ("ready", "next_step"),
        ("routing", "never"),
        ("routing", "territories"),
        ("sla",),
        ("touches",),
        ("follow_up", "steps"),
        ("sla", "*", "ladder"),
        ("routing", "ladder"),
    }
)
#: Lists whose order is known to decide nothing.
_IN_ANY_ORDER: Final = frozenset(
    {
        ("ready", "fit", "points"),
        ("ready", "intent", "points"),
        ("brief", "plays"),
        ("brief", "required"),
        ("examples",),
        ("match", "free_mail"),
        ("notices", "urgent"),
        ("notices", "urgent_sla"),
    }
)
#: Last words of a path that read better otherwise.
_WORDS: Final[Mapping[str, str]] = {
    "when": "condition",
    "on": "signal",
    "because": "reason given",
    "at_least": "bar",
    "at_most": "cap",
    "first_touch": "first touch",
    "next_touch": "next touch",
    "answer_within": "answer within",
    "waits_for": "waits for",
    "stop_on": "stops on",
    "back_after": "absence lasts",
    "to": "goes to",
    "cap": "limit each",
    "per_day": "limit each a day",
    "hours": "working hours asked for",
    "needs": "skills asked for",
    "counter": "turns counted together as",
    "sticky": "people come back to whoever had them within",
    "back": "back after",
    "blames": "looks at",
    "note": "needs a note",
    "active": "may be chosen",
    "requires": "asks for",
    "attempts": "attempts before",
}
_OPEN_FOR: Final = ("ready", "next_step", "*", "within")
_ACTIONS: Final[Mapping[str, str]] = {
    "remind": "reminder of the {}",
    "tell": "notice to the {}",
    "reassign": "reassignment to {}",
    "return_to": "return to {}",
    "offer": "offer to {}",
    "off_rotation": "taking the {} off rotation",
}


def _pattern(path: Path) -> Path:
    """The path with numbers and the author's own names replaced."""
    found: Path = ()
    for step in path:
        found = (*found, "*" if isinstance(step, int) or found in _NOUNS else step)
    return found


def _named(spot: _Spot, key: str, value: Any) -> str:
    """What stands under a key of a mapping."""
    around = _pattern(spot.path)
    if (part := _PARTS.get((*around, key))) is not None:
        return part
    if (noun := _NOUNS.get(around)) is not None:
        return noun.format(key, spot.parent.removeprefix("signal ") if "members" in around else spot.subject.removeprefix("signal "))
    word = "open for" if (*around, key) == _OPEN_FOR else _WORDS.get(key, key.replace("_", " "))
    return f"{spot.subject} {word}".strip()


def _entry_name(spot: _Spot, place: int, item: Mapping[str, Any]) -> str:
    """An entry of a list, by what it is and what people call it."""
    pattern = _pattern(spot.path)
    if pattern[-1:] == ("ladder",) and pattern[0] in ("sla", "marketing"):
        return f"{spot.parent} {_action(item)}"
    noun, own = _ENTRIES.get(pattern, spot.subject), _called(item)
    if pattern == ("ready", "intent", "points"):
        own = f"{_quoted(own)} ({item['on']})" if item.get("because") else f"for {item['on']}{_where(item)}"
    elif pattern == ("ready", "next_step"):
        own = f"{item['step']} ({item['on']}{_where(item)})"
    elif " " in own:
        own = _quoted(own)
    return _short(f"{noun} {own or f'no. {place + 1}'}", 160)


def _where(item: Mapping[str, Any]) -> str:
    return f" where {item['when']}" if item.get("when") else ""


def _action(item: Mapping[str, Any]) -> str:
    for key, words in _ACTIONS.items():
        if item.get(key) is not None:
            return words.format(item[key])
    return "step"


def _called(item: Mapping[str, Any]) -> str:
    return next((str(item[key]) for key in ("name", "theme", "because", "reason", "step", "when", "on", "kind") if item.get(key)), "")


# --- sentences ------------------------------------------------------------------------------------------------


def _changed(spot: _Spot, old: Any, new: Any) -> str:
    pattern = _pattern(spot.path)
    if pattern[-1:] == ("points",) and isinstance(old, int) and isinstance(new, int):
        return f"{spot.parent} {old} → {new} points"
    if old is None and isinstance(new, Mapping):
        return _added(spot, new)
    if isinstance(old, Mapping) and new is None:
        return _removed(spot)
    if isinstance(old, list) and isinstance(new, list):
        return f"{spot.subject}: {_list_change(pattern, old, new)}"
    if pattern[-1:] == ("name",) and "*" in pattern:
        return f"{spot.parent} is now called {_shown(new)}"
    if pattern[-1:] == ("to",) and pattern[:2] == ("routing", "territories"):
        return f"owner of {spot.parent} {_arrow(old, new)}"
    if pattern[-3:-1] == ("ladder", "*") and pattern[0] in ("sla", "marketing") and pattern[-1] in _ACTIONS and new is not None:
        return f"{spot.parent} becomes {_ACTIONS[str(pattern[-1])].format(new)}"
    return f"{spot.subject} {_arrow(old, new)}"


def _list_change(pattern: Path, old: Sequence[Any], new: Sequence[Any]) -> str:
    """What came and what went; where the same stand in another order, the new one."""
    came, went = _without(new, old), _without(old, new)
    if came and went:
        return f"{_shown(went)} → {_shown(came)}"
    if came or went:
        return f"with {_shown(came)}" if came else f"without {_shown(went)}"
    return f"now in the order {_shown(list(new))}{_ORDER_SAYS[_order_of(pattern)]}"


_ORDER_SAYS: Final[Mapping[bool | None, str]] = {True: ", and the order decides", False: ", which decides nothing", None: ""}


def _order_of(pattern: Path) -> bool | None:
    """Whether the order of a list decides anything; None where this module cannot say."""
    return True if pattern in _IN_ORDER or pattern[-1:] == ("ladder",) else False if pattern in _IN_ANY_ORDER else None


def _without(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    left = [canonical(other) for other in others]
    found = []
    for item in some:
        if canonical(item) in left:
            left.remove(canonical(item))
        else:
            found.append(item)
    return found


def _moved(spot: _Spot, before: int, place: int) -> str:
    return f"{spot.subject} moved from place {before + 1} to {place + 1}{_ORDER_SAYS[_order_of(_pattern(spot.path[:-1]))]}"


_MEMBER: Final = ("routing", "pools", "*", "members", "*")


def _removed(spot: _Spot) -> str:
    if _pattern(spot.was) == _MEMBER:
        return f"{spot.was[-1]} leaves pool {spot.was[2]}"
    return f"{spot.subject} removed"


def _added(spot: _Spot, value: Any) -> str:
    if _pattern(spot.path) == _MEMBER:
        return f"{spot.path[-1]} joins pool {spot.path[2]} with share {_shown(value)}"
    if _pattern(spot.path) == ("examples", "*"):
        return f"new {spot.subject}"
    if isinstance(value, Mapping):
        said = _summary(value, {*_words_of(spot.subject)})
        return f"new {spot.subject}: {said}" if said else f"new {spot.subject}"
    return f"new {spot.subject} ({_shown(value)})"


def _words_of(subject: str) -> Iterator[str]:
    """What a subject says already, so that a summary need not say it again."""
    yield from (subject, subject.partition(" ")[2], *re.findall(r'"(.*?)"', subject), *re.findall(r"[\w-]+", subject))


def _summary(value: Mapping[str, Any], said: set[str]) -> str:
    told = {
        key: one
        for key, one in value.items()
        if one not in (None, "", [], {}, False) and str(one) not in said and (key, one) != ("active", True)
    }
    return _short("; ".join(_part(key, one) for key, one in told.items()), 240)


def _part(key: str, value: Any) -> str:
    if key == "points" and isinstance(value, int):
        return f"{signed(value)} points"
    if key == "when":
        return str(value)
    return f"{_WORDS.get(key, key.replace('_', ' '))} {_shown(value)}"


_AMOUNT: Final = re.compile(r"(\d+) ([a-z ]+?)(s?)$")


def _arrow(old: Any, new: Any) -> str:
    """`5 → 3 minutes`: the unit once where both have the same."""
    if isinstance(old, str) and isinstance(new, str):
        one, other = _AMOUNT.match(old), _AMOUNT.match(new)
        if one and other and one[2] == other[2]:
            return f"{one[1]} → {new}"
    return f"{_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    """A value as people read it, at a length that leaves a sentence readable."""
    shows: dict[type, Callable[[Any], str]] = {
        type(None): lambda _: "none",
        bool: lambda v: "yes" if v else "no",
        int: str,
        float: repr,
        list: lambda v: ", ".join(_shown(one) for one in v) or "none",
        dict: lambda v: ", ".join(f"{key} {_shown(one)}" for key, one in v.items() if one not in (None, [], {})) or "none",
        str: lambda v: v if re.fullmatch(r"[\w.:/@-]+( [\w.:/@-]+){0,2}", v) else _quoted(v),
    }
    return _short(shows.get(type(value), str)(value), 200)


def _quoted(text: str) -> str:
    return f'"{_short(text, 120)}"'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
