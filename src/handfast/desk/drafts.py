"""The life of a draft: saved, signed by Marketing and by Sales, in force from its moment; or withdrawn. Going back is a new draft.

Every function takes who acts (`Who`) and the moment, and raises `Refused` with the Problem where it may not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from handfast.contract.agreement import Agreement
from handfast.contract.history import SIDES, SIGNS_FOR, WITHDRAWERS, WRITERS, Entry, Side, Signature, holding, signatures
from handfast.contract.lists import LONGEST_PACKED, split
from handfast.contract.reading import read_contract
from handfast.contract.text import LONGEST
from handfast.desk.acting import acts
from handfast.desk.contracts import OPERATOR, add_version, needs_base, put_in_force, record, told
from handfast.desk.refused import Refused
from handfast.dispositions import dropped
from handfast.facts import utc
from handfast.problem import Place, Problem, counted
from handfast.store import contracts, outcomes
from handfast.store.contracts import Draft, Version
from handfast.tuning.coverage import Coverage, cover
from handfast.tuning.proof import Proof, prove

if TYPE_CHECKING:
    from handfast.store.base import Conn, Store
    from handfast.store.logins import Login


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: an account by its e-mail address, or the operator at the command line."""

    email: str
    name: str
    role: str

    @property
    def side(self) -> Side | None:
        """The side this account signs for, if any."""
        return SIGNS_FOR.get(self.role)

    @property
    def writes(self) -> bool:
        return self.role in WRITERS


THE_OPERATOR: Final = Who(OPERATOR, "the operator", OPERATOR)


def who_of(login: Login) -> Who:
    return Who(login.email, login.name, login.role)


@dataclass(frozen=True, slots=True)
class Examined:
    """A text looked at as signing it would: its problems, or its agreement with the proof and the coverage of its examples."""

    agreement: Agreement | None
    problems: list[Problem]
    proofs: list[Proof]
    coverage: Coverage | None

    @property
    def failed(self) -> list[Proof]:
        return [proof for proof in self.proofs if not proof.passed]

    @property
    def fit_to_sign(self) -> bool:
        return self.agreement is not None and not self.failed


@lru_cache(maxsize=4)
def examine(text: str, name: str = "draft") -> Examined:
    """Checks and proves a text; stores nothing. The second signature asks it of the text that the first one was given for."""
    agreement, problems = read_contract(text, name)
    if agreement is None:
        return Examined(None, problems, [], None)
    proofs = prove(agreement)
    return Examined(agreement, problems, proofs, cover(agreement, proofs))


# --- writing --------------------------------------------------------------------------------------------------


@acts("who")
def save(
    store: Store,
    text: str,
    who: Who,
    at: datetime,
    *,
    number: int | None = None,
    revision: int | None = None,
    takes_force: datetime | None = None,
    note: Mapping[str, Any] | None = None,
) -> Draft:
    """Writes a new draft, or saves draft `number` over its `revision`; signatures on what it said before are void.

    A text with problems is kept too: a draft is work in progress. Saving what is there already changes nothing.

    Args:
        takes_force: from when it shall hold; None: as soon as both have signed.
        revision: the one the text was written over; None: whichever is there.

    Raises:
        Refused: this account writes no drafts, the text cannot be kept, the moment is in the past, there is no such open draft, or somebody
            else saved it meanwhile.
    """
    if not who.writes:
        raise _refused(
            f"draft {number or ''}".strip(), f"the role {who.role} reads contracts", "Ask marketing, RevOps or a manager to write it."
        )
    takes_force = _moment(takes_force, at)
    _keepable(text)
    agreement, _ = read_contract(text, "draft")
    content = agreement.id if agreement else None
    with store.writing() as conn:
        contracts.lock(conn)
        if number is None:
            return _insert(conn, text, content, takes_force, who, at, note or {})
        found = _open(conn, number)
        if (found.source, found.takes_force) == (text, takes_force):
            return found
        void = [s.side for s in signatures(contracts.history(conn, number), number, found.revision).values()]
        if not contracts.change_draft(
            conn, number, found.revision if revision is None else revision, text, content, takes_force, who.email, utc(at)
        ):
            fix = "Open it again, and put your change into what it says now."
            raise _refused(f"draft {number}", f"{found.by} saved it while you were writing", fix)
        saved = _open(conn, number)
        data = told(text) | _asked(saved) | ({"voided": void} if void else {})
        record(conn, "edited", at, who.email, draft=number, content=content, data=data)
    return saved


def _insert(
    conn: Conn, text: str, content: str | None, takes_force: datetime | None, who: Who, at: datetime, note: Mapping[str, Any]
) -> Draft:
    base = in_force(contracts.versions(conn), at)
    number = contracts.insert_draft(conn, text, content, takes_force, base.version if base else None, who.email, utc(at))
    saved = _open(conn, number)
    data = told(text) | _asked(saved) | dict(note)
    record(conn, "drafted", at, who.email, draft=number, content=content, data=data)
    return saved


def _asked(draft: Draft) -> dict[str, Any]:
    return {"revision": draft.revision, "takes_force": draft.takes_force.isoformat() if draft.takes_force else None}


def _moment(takes_force: datetime | None, at: datetime) -> datetime | None:
    if takes_force is None:
        return None
    moment = utc(takes_force)
    if moment <= at:
        raise _refused(
            "takes force", f"{moment:%Y-%m-%d %H:%M} UTC has passed", "Name a later moment, or none: then it holds once both have signed."
        )
    return moment


def _keepable(text: str) -> None:
    """A text the database can hold: what is too long, or no text at all, is refused rather than kept."""
    if len(split(text)[0]) > 2 * LONGEST or len(text) > 2 * LONGEST_PACKED:
        raise _refused("text", f"it has {len(text):,} characters; a contract has {LONGEST:,} at most", "Leave out what nobody decides by.")
    if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _refused("text", "it has characters that no text has", "Save the file as UTF-8 once more.")


@acts("who")
def roll_back(store: Store, version: int, who: Who, at: datetime, *, takes_force: datetime | None = None) -> Draft:
    """A new draft that says what an earlier version said; it becomes a new version once both have signed.

    Raises:
        Refused: there is no such version, or as for `save`.
    """
    with store.reading() as conn:
        found = next((v for v in contracts.versions(conn) if v.version == version), None)
    if found is None:
        raise _refused(f"version {version}", "there is no such version", "`handfast contract history` lists them.")
    return save(store, found.source, who, at, takes_force=takes_force, note={"back_to": version})


def from_file(store: Store, text: str, file: str, at: datetime) -> tuple[int | None, list[Problem]]:
    """What a contract file means that is watched: the contract itself while nobody has signed one, from then on a draft to sign.

    Returns the number of the version it became (None: unchanged, a draft, or refused) and the Problems of a text that does not read.
    """
    with store.reading() as conn:
        signed = contracts.last_signed(conn)
    if signed is None:
        return put_in_force(store, text, file, at)
    _, problems = read_contract(text, file)
    if not problems:
        follow(store, text, file, at)
    return None, problems


def follow(store: Store, text: str, file: str, at: datetime) -> Draft | None:
    """A draft of a file that changed beside a signed contract, once. None where this text is known already."""
    with store.reading() as conn:
        known = {v.source for v in contracts.versions(conn)} | {d.source for d in contracts.drafts(conn)}
    if text in known:
        return None
    return save(store, text, THE_OPERATOR, at, note={"file": file})


# --- signing --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature led to: the signatures that count now, and the version where it was the second one."""

    draft: Draft
    signatures: Mapping[Side, Signature]
    version: Version | None
    #: Scheduled versions that will replace this one at their moment.
    replaced_by: tuple[Version, ...] = ()


@acts("who")
def sign(store: Store, number: int, side: Side, who: Who, at: datetime, *, content: str | None = None) -> Signed:
    """Signs a draft for one side: its terms as hashed, and the moment from which they shall hold. The second signature makes it a version.

    1. The role must sign for this side, and this account must not have signed for the other.
    2. The text must read, and all of its examples must come out as expected.
    3. In one transaction: the draft is still as read; the signature is recorded; with both, the version is written.

    Args:
        content: the hash the signer saw; a draft that says something else by now is not signed.

    Raises:
        Refused: with what is in the way.
    """
    place = f"draft {number}"
    if who.side != side:
        raise _refused(place, f"the role {who.role} does not sign for {side}", _WHO_SIGNS[side])
    with store.reading() as conn:
        seen = _open(conn, number)
    agreement = _fit(seen, content)
    with store.writing() as conn:
        contracts.lock(conn)
        found = _open(conn, number)
        if found.revision != seen.revision:
            raise _refused(place, f"{found.by} changed it a moment ago", "Read it again before you sign.")
        _sound_to_sign(conn, found, agreement, side, who, at)
        data = told(found.source) | _asked(found) | {"name": who.name}
        record(conn, "signed", at, who.email, side=side, draft=number, content=agreement.id, data=data)
        given = signatures(contracts.history(conn, number), number, found.revision)
        version = _agree(conn, found, agreement, given, at) if len(given) == len(SIDES) else None
        settled = contracts.draft(conn, number)
        assert settled is not None
        later = _later(contracts.versions(conn), version, at) if version else ()
    return Signed(settled, given, version, later)


_WHO_SIGNS: Final[Mapping[Side, str]] = {
    "marketing": "An account with the role marketing signs for Marketing.",
    "sales": "An account with the role manager signs for Sales.",
}


def _fit(draft: Draft, content: str | None) -> Agreement:
    """The agreement of a draft that may be signed at all."""
    place = f"draft {draft.number}"
    if content is not None and content != draft.content:
        raise _refused(place, f"it no longer is {content}", f"It is {draft.content or 'not sound'} now; read it again before you sign.")
    looked = examine(draft.source, place)
    if looked.agreement is None:
        what = f"it has {counted(looked.problems)}, the first: {looked.problems[0]}"
        raise _refused(place, what.rstrip("."), "Mend the text, save it, then sign.")
    if looked.failed:
        first = looked.failed[0]
        what = f"example '{first.example}' does not come out as expected: {first.differences[0]}"
        raise _refused(place, what, "Correct the terms or the example, save it, then sign.")
    return looked.agreement


def _sound_to_sign(conn: Conn, draft: Draft, agreement: Agreement, side: Side, who: Who, at: datetime) -> None:
    place = f"draft {draft.number}"
    if draft.takes_force is not None and draft.takes_force <= at:
        raise _refused(place, f"its moment, {draft.takes_force:%Y-%m-%d %H:%M} UTC, has passed", "Save it with a later one, or with none.")
    given = signatures(contracts.history(conn, draft.number), draft.number, draft.revision)
    if side in given:
        raise _refused(place, f"{given[side].name} has signed for {side} already", "Nothing is left to do for this side.")
    if any(signature.by == who.email for signature in given.values()):
        raise _refused(place, "you have signed it for the other side", "Nobody signs for both; somebody else must.")
    before = in_force(contracts.versions(conn), draft.takes_force or at)
    if before is not None and before.content == agreement.id:
        raise _refused(place, f"its terms are those of version {before.version}, which holds then anyway", "There is nothing to sign.")
    if (problem := needs_base(agreement, contracts.versions(conn), place)) is not None:
        raise Refused(problem)
    if lost := dropped(agreement.contract, outcomes.used_reasons(conn)):
        first = lost[0]
        raise _refused(place, f"{first.where}: {first.what}", first.fix)


def _agree(conn: Conn, draft: Draft, agreement: Agreement, given: Mapping[Side, Signature], at: datetime) -> Version:
    """Both have signed: the draft becomes a version. The very first one, at once, holds since ever, as one that is loaded does."""
    every = contracts.versions(conn)
    since = draft.takes_force or (utc(at) if every else None)
    number = add_version(conn, agreement, draft.source, since, at)
    data = told(draft.source) | {
        "since": since.isoformat() if since else None,
        "signed": {side: given[side].hash for side in SIDES},
    }
    record(conn, "agreed", at, "handfast", draft=draft.number, version=number, content=agreement.id, data=data)
    contracts.settle_draft(conn, draft.number, "agreed", utc(at), number)
    return next(v for v in contracts.versions(conn) if v.version == number)


def _later(every: list[Version], version: Version, at: datetime) -> tuple[Version, ...]:
    """What is scheduled to replace a version: agreed before it, and so written without knowing it."""
    since = version.in_force_from or at
    return tuple(v for v in every if v.withdrawn_at is None and v.in_force_from is not None and v.in_force_from > since)


# --- withdrawing ----------------------------------------------------------------------------------------------


@acts("who")
def withdraw_draft(store: Store, number: int, who: Who, at: datetime) -> Draft:
    """Ends an open draft without a version.

    Raises:
        Refused: this account writes no drafts, or there is no such open draft.
    """
    if not who.writes:
        raise _refused(f"draft {number}", f"the role {who.role} reads contracts", "Ask marketing, RevOps or a manager.")
    with store.writing() as conn:
        contracts.lock(conn)
        found = _open(conn, number)
        contracts.settle_draft(conn, number, "withdrawn", utc(at))
        record(conn, "withdrawn", at, who.email, draft=number, content=found.content)
    return found


@acts("who")
def withdraw_version(store: Store, version: int, who: Who, at: datetime) -> Version:
    """Takes back a version before its moment: it never holds. Either side may, for what both agreed on only stands while both do.

    Raises:
        Refused: this account signs for neither side, or the version is in force, superseded, withdrawn or unknown.
    """
    place = f"version {version}"
    if who.role not in WITHDRAWERS:
        raise _refused(place, f"the role {who.role} does not withdraw what both sides signed", "Ask marketing or a manager.")
    with store.writing() as conn:
        contracts.lock(conn)
        found = next((v for v in contracts.versions(conn) if v.version == version), None)
        if found is None:
            raise _refused(place, "there is no such version", "`handfast contract history` lists them.")
        if not contracts.withdraw_version(conn, version, utc(at)):
            what = "it was withdrawn before" if found.withdrawn_at else "it is or was in force, and decisions were made by it"
            raise _refused(place, what, "Go back to an earlier version instead: `handfast contract rollback N`.")
        record(conn, "withdrawn", at, who.email, version=version, content=found.content)
    return found


# --- looking --------------------------------------------------------------------------------------------------


def in_force(every: list[Version], at: datetime) -> Version | None:
    """The version that holds at a moment."""
    by_number = {v.version: v for v in every}
    held = [t for t in holding(v.term for v in every) if t.since is None or t.since <= at]
    return by_number[held[-1].version] if held else None


def signatures_of(entries: list[Entry], version: int) -> list[Signature]:
    """Who signed a version, marketing first; nobody for one that was loaded."""
    agreed = next((e for e in entries if e.kind == "agreed" and e.version == version), None)
    if agreed is None or agreed.draft is None:
        return []
    given = {e.hash: e for e in entries if e.kind == "signed" and e.draft == agreed.draft}
    chosen = [given[agreed.data["signed"][side]] for side in SIDES]
    revision = chosen[0].data["revision"]
    return [signatures(chosen, agreed.draft, revision)[side] for side in SIDES]


def _open(conn: Conn, number: int) -> Draft:
    found = contracts.draft(conn, number)
    place = f"draft {number}"
    if found is None:
        raise _refused(place, "there is no such draft", "`handfast contract history` lists them.")
    if found.state != "open":
        what = f"it became version {found.version}" if found.version else "it was withdrawn"
        raise _refused(place, what, "Make a new draft.")
    return found


def _refused(place: str, what: str, fix: str) -> Refused:
    return Refused(Problem(Place(place), what, fix))
