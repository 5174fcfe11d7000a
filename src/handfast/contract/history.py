"""The history of the contract: who did what to which draft or version, each entry bound to the one before it.

An entry's hash covers everything it says and the hash of the entry before. Whoever changes, removes or inserts one breaks every link after
it; whoever cuts the end off is found by comparing with a head that was written down elsewhere (`broken(…, head=…)`).
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from handfast.problem import Place, Problem

#: `drafted`, `edited`: a draft was saved. `signed`: for one side. `agreed`: both have, and it became a version.
#: `loaded`: the operator put a version in force without signatures. `withdrawn`: a draft, or a version before its moment.
#: `rolled_back`: a version that held for a share gave way by itself.
Kind = Literal["drafted", "edited", "signed", "agreed", "loaded", "withdrawn", "rolled_back"]
Side = Literal["marketing", "sales"]
SIDES: Final[tuple[Side, ...]] = ("marketing", "sales")
#: Which role of an account signs for which side. One role each, so that nobody can sign for both.
SIGNS_FOR: Final[Mapping[str, Side]] = {"marketing": "marketing", "manager": "sales"}
#: Who may write and withdraw drafts: those who sign, those who look after the contract, and whoever runs the installation.
WRITERS: Final[frozenset[str]] = frozenset({"marketing", "manager", "revops", "operator"})
#: Who may take back what both sides have signed, before its moment: either side, or whoever runs the installation.
WITHDRAWERS: Final[frozenset[str]] = frozenset({*SIGNS_FOR, "operator"})

#: What the first entry is bound to.
BEGINNING: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history. `at` is UTC; `data` is plain JSON without fractions; `previous` and `hash` are SHA-256 in hexadecimal."""

    seq: int
    kind: Kind
    at: datetime
    by: str
    side: Side | None
    draft: int | None
    version: int | None
    content: str | None
    data: Mapping[str, Any]
    previous: str
    hash: str

    def as_json(self) -> dict[str, Any]:
        """A plain mapping, `at` as ISO text."""
        told = {name: getattr(self, name) for name in ("seq", "kind", "by", "side", "draft", "version", "content")}
        return {**told, "at": self.at.isoformat(), "data": dict(self.data), "previous": self.previous, "hash": self.hash}


def entry_after(
    last: tuple[int, str] | None,
    kind: Kind,
    at: datetime,
    by: str,
    *,
    side: Side | None = None,
    draft: int | None = None,
    version: int | None = None,
    content: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> Entry:
    """The entry that follows `last` (number and hash of the latest one; None where there is none), with its own hash."""
    seq, previous = (last[0] + 1, last[1]) if last else (1, BEGINNING)
    said = (seq, kind, at, by, side, draft, version, content, data or {}, previous)
    return Entry(*said, _hash(*said))


def _hash(seq: int, kind: str, at: datetime, *rest: Any) -> str:
    # The time as the database keeps it: UTC, in microseconds.
    plain = [seq, kind, at.astimezone(UTC).isoformat(timespec="microseconds"), *(dict(x) if isinstance(x, Mapping) else x for x in rest)]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a contract's text as its authors wrote it, in hexadecimal: comments and layout included."""
    return hashlib.sha256(text.encode()).hexdigest()


def broken(entries: Sequence[Entry], head: str | None = None) -> list[Problem]:
    """What does not hold together in the whole history, oldest first. None: every link is as it was written.

    Args:
        head: a hash that was noted down earlier (at least 8 of its digits); it must be in the chain, or the end was cut off.
    """
    found: list[Problem] = []
    number, expected = 0, BEGINNING
    for entry in entries:
        place = Place("contract history", part=f"entry {entry.seq}")
        if entry.seq != number + 1:
            found.append(Problem(place, f"entry {number + 1} is missing before it", _ASK))
        if entry.previous != expected:
            found.append(Problem(place, "it is not bound to the entry before it", _ASK))
        if entry.hash != _hash(*(getattr(entry, name) for name in Entry.__slots__[:-1])):
            found.append(Problem(place, "what it says is not what was written", _ASK))
        number, expected = entry.seq, entry.hash
    if head is not None and not _HEAD.fullmatch(head):
        fix = "Give 8 of its digits or more, as `handfast contract history --verify` tells it."
        found.append(Problem(Place("contract history", part="--head"), f"'{head[:16]}' is no hash of an entry", fix))
    elif head is not None and not any(entry.hash.startswith(head) for entry in entries):
        found.append(Problem(Place("contract history"), f"the entry {head[:16]}… you noted is not in it", "Its end was cut off. " + _ASK))
    return found


_HEAD: Final = re.compile("[0-9a-f]{8,64}")
_ASK: Final = "Compare with a backup: somebody changed the table by hand."


def version_problems(entries: Sequence[Entry], texts: Mapping[int, str]) -> list[Problem]:
    """Versions whose stored text is not what the history says came into force. `texts`: version → its text."""
    found = []
    told = {entry.version: entry for entry in entries if entry.kind in ("agreed", "loaded") and entry.version is not None}
    for version, entry in told.items():
        place = Place("contract", part=f"version {version}")
        if version not in texts:
            found.append(Problem(place, "the history knows it, but it is not stored any more", _ASK))
        elif text_digest(texts[version]) != entry.data.get("text"):
            found.append(Problem(place, f"its text is not what entry {entry.seq} recorded", _ASK))
    found += [
        Problem(Place("contract", part=f"version {version}"), "it is stored, but the history does not know it", _ASK)
        for version in sorted(set(texts) - set(told))
    ]
    return found


# --- which version holds --------------------------------------------------------------------------------------

_EVER: Final = datetime.min.replace(tzinfo=UTC)
#: `on trial`: in force for a share; `rolled back`: it was, and gave way by itself.
Standing = Literal["in force", "scheduled", "superseded", "withdrawn", "on trial", "rolled back"]


@dataclass(frozen=True, slots=True)
class Term:
    """From when a version holds (UTC; None: since ever), unless it was withdrawn before. `share`: for some only, and until `ended`."""

    version: int
    since: datetime | None
    withdrawn: bool = False
    share: bool = False
    ended: datetime | None = None


def holding(terms: Iterable[Term]) -> list[Term]:
    """The versions that hold or will, in the order in which they take force; of two at the same moment the one agreed later comes last."""
    return sorted((t for t in terms if not t.withdrawn and not t.share), key=lambda t: (t.since or _EVER, t.version))


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A version that holds for a share from `since` up to, not including, `until` (None: without an end yet). UTC."""

    version: int
    since: datetime
    until: datetime | None


def on_trial(terms: Iterable[Term]) -> list[OnTrial]:
    """The versions that hold for a share, by their beginning: each until it gives way, or until any other version takes force after it."""
    every = [t for t in terms if not t.withdrawn]
    found = []
    for one in sorted((t for t in every if t.share), key=lambda t: (t.since or _EVER, t.version)):
        since = one.since or _EVER
        ends = [t.since for t in every if t.version != one.version and t.since is not None and (t.since, t.version) > (since, one.version)]
        ends += [one.ended] if one.ended is not None else []
        found.append(OnTrial(one.version, since, min(ends, default=None)))
    return found


def standings(terms: Iterable[Term], at: datetime) -> dict[int, Standing]:
    """version → how it stands at a moment."""
    every = list(terms)
    order = holding(every)
    spot = bisect_right([t.since is not None and t.since > at for t in order], False) - 1
    found: dict[int, Standing] = {t.version: "withdrawn" for t in every if t.withdrawn}
    for n, term in enumerate(order):
        found[term.version] = "superseded" if n < spot else "in force" if n == spot else "scheduled"
    ended = {t.version for t in every if t.ended is not None}
    for trial in on_trial(every):
        over: Standing = "rolled back" if trial.version in ended else "superseded"
        found[trial.version] = "scheduled" if trial.since > at else "on trial" if trial.until is None or trial.until > at else over
    return found


# --- signatures -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signature:
    """One side's consent to a text, and to the moment from which it shall hold. `hash` is that of its entry in the history."""

    side: Side
    by: str
    name: str
    at: datetime
    content: str
    takes_force: str | None
    hash: str


def signatures(entries: Iterable[Entry], draft: int, revision: int) -> dict[Side, Signature]:
    """The signatures that count for a draft as it stands: those given for this revision. Saving it again makes earlier ones void."""
    return {
        entry.side: Signature(
            entry.side, entry.by, entry.data["name"], entry.at, entry.content or "", entry.data["takes_force"], entry.hash
        )
        for entry in entries
        if entry.kind == "signed" and entry.draft == draft and entry.data["revision"] == revision and entry.side is not None
    }


# --- told -----------------------------------------------------------------------------------------------------


def sentence(entry: Entry) -> str:
    """What an entry says, for people; times stay as ISO texts in UTC, to the minute."""
    thing = f"version {entry.version}" if entry.version is not None and entry.kind != "agreed" else f"draft {entry.draft}"
    return _TOLD[entry.kind](entry, thing)


def _drafted(entry: Entry, thing: str) -> str:
    if (version := entry.data.get("back_to")) is not None:
        return f"{thing} written, to go back to version {version}"
    return f"{thing} written" + (f" from {entry.data['file']}" if entry.data.get("file") else "")


def _edited(entry: Entry, thing: str) -> str:
    void = entry.data.get("voided")
    return f"{thing} changed" + (f"; what {' and '.join(void)} signed is void" if void else "")


def _signed(entry: Entry, thing: str) -> str:
    since = _since(entry.data["takes_force"], "as soon as both have signed")
    return f"{thing} signed for {entry.side} by {entry.data['name']}, to hold {since}"


def _agreed(entry: Entry, thing: str) -> str:
    return f"{thing} signed by both: version {entry.version}, in force {_since(entry.data['since'], 'since ever')}"


def _loaded(entry: Entry, thing: str) -> str:
    return f"{thing} put in force by the operator, unsigned" + (
        " although there was a signed one" if entry.data.get("after_signed") else ""
    )


def _withdrawn(entry: Entry, thing: str) -> str:
    return f"{thing} withdrawn" + (" before its moment" if entry.version is not None else "")


def _rolled_back(entry: Entry, thing: str) -> str:
    return f"{thing} gave way to the one before by itself: {entry.data['why']}"


def _since(moment: str | None, without: str) -> str:
    return f"from {moment[:16].replace('T', ' ')} UTC" if moment else without


_TOLD: Final[Mapping[Kind, Callable[[Entry, str], str]]] = {
    "drafted": _drafted,
    "edited": _edited,
    "signed": _signed,
    "agreed": _agreed,
    "loaded": _loaded,
    "withdrawn": _withdrawn,
    "rolled_back": _rolled_back,
}
