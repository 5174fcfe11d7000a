"""The way back: what an outcome leads to, who is told of it, and when a recycled person may come to Sales again.

An outcome writes its way back in the same transaction. Marketing is told once it can no longer be taken back, so that nobody is written to
because of a slip.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl
import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.terms import Contract
from handfast.desk import duplicates
from handfast.desk.batch import Batch, Ready
from handfast.desk.clocks import owe
from handfast.desk.contracts import Book
from handfast.desk.evidence import digest
from handfast.desk.opening import messages_for
from handfast.desk.verdicts import Judged
from handfast.dispositions import Disposition, catalogue
from handfast.facts import Outcome, utc
from handfast.readiness.verdict import judge
from handfast.sla.clock import MARKETING
from handfast.sla.notice import Named, notice
from handfast.store import handover as facts
from handfast.store import way_back as rows
from handfast.store import work
from handfast.store.base import Store
from handfast.store.work import Case

#: What people may take with them as a list.
TRACKS: Final = ("nurture", "returned", "fix_data", "merge", "suppress")
#: How many one transaction tells of.
BATCH: Final = 200
#: What is older is on the list, but no message is written of it.
NEWS: Final = timedelta(days=7)
_POINT: Final = 1_000_000


# --- written with the outcome ---------------------------------------------------------------------------------------


def record(
    conn: psycopg.Connection, agreement: Agreement, case: Case, made: Disposition, disposition_id: str, at: datetime, recorded_at: datetime
) -> None:
    """Where a handoff that ends with this goes. What was not refused goes nowhere."""
    if made.outcome not in (Outcome.RECYCLE, Outcome.DISQUALIFY) or made.leads_to == "reroute":
        return
    leads_to = "suppress" if made.leads_to == "out" else made.leads_to
    reason = catalogue(agreement.contract, made.outcome).get(made.reason or "")
    tell_at = recorded_at + timedelta(minutes=agreement.contract.dispositions.undo.minutes)
    needs = reason.needs if reason is not None else None
    rows.add(conn, (disposition_id, case.id, case.person, leads_to, made.reason, needs, made.back_at, at, tell_at, None))


def returned(conn: psycopg.Connection, case: Case, disposition_id: str, reason: str, at: datetime) -> None:
    """A handoff that Sales lost for want of a touch: marketing was told by the step that returned it."""
    rows.add(conn, (disposition_id, case.id, case.person, "returned", reason, None, None, at, at, at))


# --- told -----------------------------------------------------------------------------------------------------------


def tell(store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",), limit: int = BATCH) -> int:
    """Tells marketing of what came back and can no longer be taken back; how many. Raises StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        found = rows.untold(conn, at, limit)
        if not found:
            return 0
        book.refresh(conn)
        cases = work.hold(conn, sorted({one.handoff for one in found}))
        events: list[tuple[Any, ...]] = []
        messages: list[tuple[Any, ...]] = []
        # An imported history is settled in silence: nobody wants to hear of last year's refusals.
        news = [one for one in found if one.tell_at >= at - NEWS]
        for one in news:
            case = cases[one.handoff]
            said = facts.dumps({"disposition": one.id, "leads_to": one.leads_to, "reason": one.reason})
            events.append(("given_back", at, case.id, case.person, case.account, case.owner, said))
            if one.leads_to == "fix_data":
                person = facts.people(conn, [one.person])[one.person]
                about = {"missing": ["email", "phone"], "was": digest(person), "reason": one.reason}
                owe(conn, book.by_id(case.contract), "contact_valid", case.id, at, about)
            messages += messages_for(
                channels, "nurture", case.id, one.id, MARKETING, case.owner, _payload(book.by_id(case.contract).contract, case, one), at
            )
        duplicates.ask(conn, [one.id for one in news if one.leads_to == "merge"], at)
        facts.add_events(conn, events)
        facts.add_messages(conn, messages)
        rows.told(conn, [one.id for one in found], at)
    return len(found)


def _payload(contract: Contract, case: Case, one: rows.Untold) -> dict[str, Any]:
    reasons = {**contract.dispositions.recycle.reasons, **contract.dispositions.disqualify.reasons}
    known = reasons.get(one.reason or "")
    label = (known.label if known else "") or (one.reason or "").replace("_", " ")
    back = f" They may be addressed again from {one.back_at:%d %b %Y}." if one.back_at else ""
    why = {"nurture": "Recycled", "suppress": "Disqualified", "merge": "Known twice", "fix_data": "The data is wrong"}[one.leads_to]
    payload = notice(
        "nurture",
        handoff_id=case.id,
        opened_at=case.opened_at,
        next_step=case.next_step,
        person=Named(case.person, case.person_name),
        account=Named(case.account, case.account_name) if case.account else None,
        sla=case.sla,
        why=f"{why}: {label}.{back}",
    )
    return {**payload, "track": {"to": one.leads_to, "reason": one.reason, "back_at": one.back_at.isoformat() if one.back_at else None}}


# --- taken along ----------------------------------------------------------------------------------------------------

#: What a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_row(one: rows.Returned) -> dict[str, Any]:
    """One person for a list, with the context that goes along: what they asked for, what it was about, what was tried."""
    brief = one.brief or {}
    return {
        "email": one.email or "",
        "name": one.name,
        "company": one.company,
        "track": one.leads_to,
        "reason": one.reason or "",
        "note": one.note,
        "since": one.at.isoformat(),
        "back_at": one.back_at.isoformat() if one.back_at else "",
        "needs": one.needs or "",
        "opted_out": "yes" if one.opted_out else "no",
        "source": one.source,
        "next_step": one.next_step,
        "themes": "; ".join(str(theme.get("theme", "")) for theme in brief.get("themes", ())),
        "attempts": one.attempts,
        "contacted_at": one.contacted_at.isoformat() if one.contacted_at else "",
        "last_owner": one.owner or "",
        "handoff": one.handoff,
    }


def as_csv(found: Sequence[rows.Returned]) -> str:
    """The list as CSV with a heading; what a spreadsheet would run is made a text."""
    text = io.StringIO()
    names = list(as_row(_NOBODY))
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    writer.writeheader()
    for one in found:
        writer.writerow({name: _harmless(value) for name, value in as_row(one).items()})
    return text.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY: Final = rows.Returned("", "", None, "", "", "", None, "", None, _EPOCH, None, None, "", "", "", 0, None, None, opted_out=False)


# --- back to Sales --------------------------------------------------------------------------------------------------


def need_new_intent(b: Batch, closed_at: Mapping[str, datetime]) -> frozenset[str]:
    """Parties of a batch that were recycled for a reason that asks for new intent. Read only where the contract has one."""
    uses = any(reason.needs for reason in b.agreement.contract.dispositions.recycle.reasons.values())
    if not uses or not closed_at:
        return frozenset()
    last = rows.last_reasons(b.eyes, list(closed_at), b.agreement.contract.motion)
    return frozenset(party for party, said in last.items() if _needs(b, *said))


def _needs(b: Batch, outcome: str, reason: str | None, contract_id: str) -> bool:
    """By the contract the handoff was opened under: that is what was promised when it was recycled."""
    known = b.agreement_of(contract_id).contract.dispositions.recycle.reasons.get(reason or "")
    return outcome == Outcome.RECYCLE and known is not None and known.needs == "new_intent"


def intent_since(agreement: Agreement, judged: Judged, r: Ready, since: datetime) -> int:
    """The intent (millionths of a point) of what this person did after `since` alone, at the moment of the verdict."""
    subject = r.moment.subject
    points = pl.DataFrame({"person_id": [subject], "at": [r.moment.at]}, schema={"person_id": pl.String, "at": pl.Datetime("us", "UTC")})
    evidence = judged.evidence.filter((pl.col("person_id") == subject) & (pl.col("occurred_at") > since))
    return int(judge(agreement, points, judged.people, evidence)["intent"][0])


def has_new_intent(agreement: Agreement, judged: Judged, r: Ready, since: datetime) -> bool:
    """Whether it reaches the contract's bar by itself."""
    return intent_since(agreement, judged, r, since) >= agreement.contract.ready.intent.at_least * _POINT


__all__ = ["TRACKS", "as_csv", "as_row", "has_new_intent", "intent_since", "need_new_intent", "record", "returned", "tell"]
