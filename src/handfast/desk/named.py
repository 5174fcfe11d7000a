"""What people call a contract: a version by its number, a draft, a hash, a moment; found again in the store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from handfast.contract.agreement import Agreement
from handfast.contract.reading import read_contract
from handfast.desk.drafts import in_force
from handfast.desk.refused import Refused
from handfast.moments import YEARS, moment_in
from handfast.problem import Place, Problem
from handfast.store import contracts
from handfast.store.contracts import Draft, Version

if TYPE_CHECKING:
    from handfast.store.base import Conn

_VERSION: Final = re.compile(r"v?(\d{1,9})\Z", re.IGNORECASE)
_DRAFT: Final = re.compile(r"d(?:raft)?[- ]?(\d{1,9})\Z", re.IGNORECASE)
_HASH: Final = re.compile(r"(?:ctr_)?[0-9a-f]{6,16}(?:\.\d+)?\Z")
IN_FORCE: Final = "in-force"
_NONE: Final = "Load one: `handfast contract load FILE`."
_FIX: Final = "Name a version (7), a draft (draft-3), a hash (ctr_…, from 6 digits), `in-force`, or a file."


@dataclass(frozen=True, slots=True)
class Named:
    """A contract that was found: what to call it, and its text; a draft or a version of the store, or neither for a file."""

    label: str
    text: str
    version: Version | None = None
    draft: Draft | None = None

    def agreement(self) -> Agreement:
        """The terms.

        Raises:
            Refused: the text has problems; the first of them is told.
        """
        agreement, problems = read_contract(self.text, self.label, checked=self.version is None)
        if agreement is None:
            raise Refused(problems[0])
        return agreement


def find(conn: Conn, ref: str, at: datetime) -> Named:
    """The version or draft that people mean by `7`, `v7`, `draft-3`, `ctr_0123abcd…` or `in-force`.

    Raises:
        Refused: there is none, or a hash that begins more than one.
    """
    every = contracts.versions(conn)
    found: Version | Draft | None
    if ref == IN_FORCE:
        found = in_force(every, at)
    elif match := _DRAFT.match(ref):
        found = contracts.draft(conn, int(match[1]))
    elif match := _VERSION.match(ref):
        found = next((v for v in every if v.version == int(match[1])), None)
    else:
        found = _by_hash(conn, ref, every) if _HASH.match(ref) else None
    if found is None and ref == IN_FORCE:
        raise Refused(Problem(Place("contract"), "none is in force", _NONE))
    if found is None:
        raise Refused(
            Problem(Place("contract"), f"nothing is called '{ref[:60]}'", _FIX if every else f"{_NONE} A draft is named as draft-3.")
        )
    return named(found)


def named(found: Version | Draft) -> Named:
    if isinstance(found, Draft):
        return Named(f"draft {found.number}", found.source, draft=found)
    return Named(f"version {found.version}", found.source, version=found)


def _by_hash(conn: Conn, ref: str, every: list[Version]) -> Version | Draft | None:
    """An open draft or a version; where both have these terms, the draft is what is still to be done."""
    start = ref if ref.startswith("ctr_") else f"ctr_{ref}"
    drafts = [d for d in contracts.drafts(conn, only_open=True) if d.content and d.content.startswith(start)]
    versions = [v for v in every if v.id.startswith(start)]
    if len({d.content for d in drafts} | {v.content for v in versions}) > 1:
        raise Refused(Problem(Place("contract"), f"more than one begins with '{ref}'", "Write more of its digits."))
    found: list[Version | Draft] = [*drafts, *reversed(versions)]
    return found[0] if found else None


def moment_of(text: str, zone: str) -> datetime:
    """A moment as people write it, in UTC: `2026-12-01`, `2026-12-01 09:00` on the clocks of `zone`, or with an offset of its own.

    Raises:
        Refused: it is none.
    """
    try:
        return moment_in(text, ZoneInfo(zone))
    except ValueError:
        what, fix = f"'{text[:60]}' is no moment", f"Write it as 2026-12-01 or '2026-12-01 09:00', {YEARS}."
        raise Refused(Problem(Place("from"), what, fix)) from None


def zone_of(text: str) -> str:
    """The zone of a contract's own calendar, UTC where the text does not read."""
    agreement, _ = read_contract(text, "")
    return agreement.contract.calendar.timezone if agreement else "UTC"
