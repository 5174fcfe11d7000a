"""Answers to disputes as worked examples of the contract: what was given, and what should have come of it.

An answer that the decision was right keeps the next version from changing it; one that it was wrong comes out otherwise under the contract
in force, so a draft that takes it in can be signed only once its terms say better. No example names anybody: it holds declared fields,
signals and reps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_frame
from handfast.contract.given import RULES, example_problems
from handfast.contract.place import by_part
from handfast.contract.signals import fields_of
from handfast.contract.terms import Example
from handfast.contract.worked import lines_of, with_example
from handfast.desk import drafts
from handfast.desk.acting import acts
from handfast.desk.contracts import Book
from handfast.desk.drafts import Who
from handfast.desk.refused import Refused
from handfast.facts import utc
from handfast.problem import Place, Problem
from handfast.routing.roster import AWAY
from handfast.store import contracts
from handfast.store import disputes as rows
from handfast.store.base import Conn, Store
from handfast.store.contracts import Draft
from handfast.store.disputes import Decided, Dispute
from handfast.tuning.proof import Proof, proof_of

#: How many answers are offered at once, the latest.
MOST: Final = 50
#: Contract and example → what came of it, in this process.
_KEPT: Final[dict[tuple[str, str], Proof | str]] = {}


@dataclass(frozen=True, slots=True)
class Label:
    """An answer, and the example it makes. `example` None: it makes none, for the reason in `why`. `proof`: under the contract in force.

    `taken`: the contract in force, or an open draft, has it already.
    """

    dispute: Dispute
    example: Example | None
    proof: Proof | None = None
    why: str = ""
    taken: bool = False

    @property
    def text(self) -> str:
        """The example as people write it."""
        return "\n".join(lines_of(self.example)) if self.example is not None else ""

    def as_json(self) -> dict[str, Any]:
        """A plain mapping."""
        one = self.dispute
        said = {"dispute": one.id, "handoff": one.handoff, "about": one.about, "leg": one.leg, "rule": one.rule, "owner": one.owner_id}
        said |= {"reason": one.reason, "finding": one.finding, "at": one.decided_at}
        example = None if self.example is None else {"name": self.example.name, "given": self.example.given, "expect": self.example.expect}
        proof = self.proof.as_json() if self.proof is not None else None
        return {**said, "right": one.state == "rejected", "example": example, "proof": proof, "why": self.why, "taken": self.taken}


def labels(conn: Conn, agreement: Agreement, most: int = MOST) -> list[Label]:
    """The latest answers, each as an example and proved under this contract."""
    known = {example.name for example in agreement.contract.examples}
    texts = [draft.source for draft in contracts.drafts(conn, only_open=True)]
    return [_label(conn, agreement, dispute, known, texts) for dispute in rows.answered(conn, most)]


def _label(conn: Conn, agreement: Agreement, dispute: Dispute, known: set[str], texts: list[str]) -> Label:
    found = rows.decided(conn, dispute.id)
    if found is None:
        return Label(dispute, None, why="Its decision is not on record any more.")
    made = example_of(agreement, dispute, found)
    if isinstance(made, str):
        return Label(dispute, None, why=made)
    proof = _proved(agreement, made)
    if isinstance(proof, str):
        return Label(dispute, None, why=proof)
    taken = made.name in known or any(made.name in text for text in texts)
    return Label(dispute, made, proof, taken=taken)


def _proved(agreement: Agreement, made: Example) -> Proof | str:
    """The example under this contract, or why it says nothing there. Kept: both are what they are, and fifty proofs take seconds."""
    key = (agreement.id, made.model_dump_json())
    if (found := _KEPT.get(key)) is None:
        checked = agreement.contract.model_copy(update={"examples": (made,)})
        problems = list(example_problems(checked, by_part(Place(made.name))))
        found = f"Under the contract in force it says nothing: {problems[0].what}." if problems else proof_of(agreement, made)
        if len(_KEPT) >= 10 * MOST:
            _KEPT.clear()
        _KEPT[key] = found
    return found


def example_of(agreement: Agreement, dispute: Dispute, found: Decided) -> Example | str:
    """What was given, and what the answer says should have come of it; or why no example can be made, a sentence.

    The fields of person and company are those known today; what is expected is told only as far as the answer speaks of it.
    """
    if found.group:
        return "A buying group opened it; write its people down by hand, as `colleagues`."
    right = dispute.state == "rejected"
    expect = _expected_verdict(found, right=right) if dispute.about == "readiness" else _expected_owner(found, right=right)
    if isinstance(expect, str):
        return expect
    at = found.at.astimezone(ZoneInfo(agreement.contract.calendar.timezone))
    claims = _claims(found.working) if dispute.about == "owner" else {}
    given = {"person": _fields(agreement, found.fields), "signals": _signals(agreement, found), **claims, "at": f"{at:%Y-%m-%d %H:%M}"}
    name = f"Dispute {dispute.id.removeprefix('dpt_')}: {'whose it is' if dispute.about == 'owner' else 'whether it was ready'}"
    return Example(name=name, given=given, expect=expect)


def _expected_verdict(found: Decided, *, right: bool) -> dict[str, Any]:
    return {"verdict": "ready", "next_step": found.next_step} if right else {"verdict": "not_yet"}


def _expected_owner(found: Decided, *, right: bool) -> dict[str, Any] | str:
    """Right: the rule and its pool, and the owner where it was nobody's turn. Wrong: whoever has had it since."""
    if not right:
        return {"verdict": "ready", "owner": found.then[0]} if found.then else "Nobody has had it since, so nothing says whose it is."
    if found.rule not in RULES:
        return "It was given by hand, or moved by itself: no rule of the ladder is to be kept."
    if found.pool is not None:
        return {"verdict": "ready", "rule": found.rule, "pool": found.pool}
    return {"verdict": "ready", "rule": found.rule, "owner": found.owner}


def _fields(agreement: Agreement, said: Mapping[str, Any]) -> dict[str, Any]:
    """Declared fields only, those that read as they are declared; never a name or an address."""
    declared = agreement.contract.fields
    kept = {name: said[name] for name in declared if said.get(name) is not None and isinstance(said[name], str | int | float | bool)}
    return {name: value for name, value in kept.items() if as_frame([{name: value}], {name: declared[name]})[name][0] is not None}


def _signals(agreement: Agreement, found: Decided) -> list[dict[str, Any]]:
    """What the verdict was made from, with the fields that a rule reads."""
    told = []
    for kind, at, properties in found.signals:
        fields = fields_of(kind, agreement.contract.signals) or {}
        read = {
            name: properties[name]
            for name, type_ in agreement.signal_fields.items()
            if name in fields
            and properties.get(name) is not None
            and as_frame([{name: properties[name]}], {name: type_})[name][0] is not None
        }
        told.append({"kind": kind, **read, "ago": f"{max(0, round((found.at - at).total_seconds() / 60))} minutes"})
    return told


def _claims(working: list[dict[str, Any]]) -> dict[str, Any]:
    """Who had a claim, and who was away, by the rungs that were tried."""
    claims: dict[str, Any] = {}
    away: set[str] = set()
    for rung in working:
        skipped = [one for one in rung.get("skipped", ()) if isinstance(one, dict)]
        away |= {one["rep"] for one in skipped if one["reason"] in AWAY}
        whose = rung.get("owner") or next((one["rep"] for one in skipped), None)
        key = {"named_account": "owner", "open_opportunity": "opportunity", "customer": "customer"}.get(rung.get("rung", ""))
        if key is not None and rung.get("result") in ("chosen", "nobody") and rung.get("pool") is None and whose is not None:
            claims[key] = whose
    return {**claims, **({"away": sorted(away)} if away else {})}


@acts("who")
def take(store: Store, dispute_id: str, who: Who, at: datetime, *, draft: int | None = None, book: Book | None = None) -> Draft:
    """Takes the example of an answer into a draft: a new one of the contract in force, or the open `draft`. Returns it.

    Raises:
        Refused: no such answer, it makes no example, it is in there already, the text cannot take it, or as for `drafts.save`.
        NoContract: there is none whose example it could be.
        StorageAway: nothing was written.
    """
    with store.reading() as conn:
        known = (book or Book()).refresh(conn)
        agreement = known.at(utc(at))
        dispute = rows.get(conn, dispute_id)
        if dispute is None or dispute.state not in ("upheld", "rejected"):
            raise _refused(f"no dispute '{dispute_id[:60]}' has an answer", "`handfast dispute examples` lists those that have.")
        found = _label(conn, agreement, dispute, set(), [])
        base = contracts.draft(conn, draft) if draft is not None else drafts.in_force(contracts.versions(conn), utc(at))
    if found.example is None:
        raise _refused("it makes no example", found.why)
    if base is None:
        raise _refused("there is no such draft", "`handfast contract history` lists them.")
    if found.example.name in base.source:
        raise _refused("the example is in there already", "Nothing is left to take in.")
    try:
        text = with_example(base.source, found.example, f"{'Right' if dispute.state == 'rejected' else 'Wrong'}, it was found.")
    except ValueError as error:
        raise _refused("the text cannot take an example in", f"{error}.".capitalize()) from None
    return drafts.save(store, text, who, at, number=draft, note={"dispute": dispute_id})


def _refused(what: str, fix: str) -> Refused:
    return Refused(Problem(Place("dispute", part="example"), what, fix))


__all__ = ["MOST", "Label", "example_of", "labels", "take"]
