"""Marketing's promises about periods: measured once when a period is over; outside its bounds an answer is owed, with a clock."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.contracts import Book, NoContract
from handfast.facts import utc
from handfast.sla.clock import Kind, start_measure
from handfast.sla.periods import Found, Period, false_positives, last_period, volume
from handfast.store import clocks, work
from handfast.store import handover as rows
from handfast.store import promises as read
from handfast.store.base import Store

MEASURES: Final[tuple[Kind, ...]] = ("volume", "false_positives")


def measure_promises(store: Store, book: Book, at: datetime) -> list[tuple[Kind, Period, Found]]:
    """Measures what ended since the last time, each period once. Returns what was measured. Raises StorageAway.

    The period is judged by the contract in force at its end.
    """
    at = utc(at)
    with store.writing() as conn:
        book.refresh(conn)
        try:
            agreement = book.at(at)
        except NoContract:
            return []
        done = []
        for kind in MEASURES:
            terms = getattr(agreement.contract.marketing, kind)
            if terms is None:
                continue
            period = last_period(terms.every, agreement.contract.calendar.timezone, at)
            if (found := _once(conn, agreement, kind, period, at)) is not None:
                done.append((kind, period, found))
    return done


def _once(conn: psycopg.Connection, agreement: Agreement, kind: Kind, period: Period, at: datetime) -> Found | None:
    key = f"measured {kind} {agreement.contract.motion}"
    seen = work.note(conn, key)
    if seen is not None and seen[0].get("period", "") >= period.name:
        return None
    first = read.since(conn)
    if first is None or first > period.start:
        return None
    work.put_note(conn, key, rows.dumps({"period": period.name}), at)
    found = _found(conn, agreement, kind, period)
    said = {"kind": kind, "period": period.name, "value": found.value, "of": found.of, "kept": found.kept, "why": found.why}
    rows.add_events(conn, [("promise_measured", at, None, None, None, None, rows.dumps(said))])
    if found.kept is False:
        clock = start_measure(agreement, kind, period.name, period.end, {"why": found.why, "value": found.value, "of": found.of})
        if clock is not None:
            clocks.add_once(conn, clock)
    rows.notify(conn, "board")
    return found


def _found(conn: psycopg.Connection, agreement: Agreement, kind: Kind, period: Period) -> Found:
    contract = agreement.contract
    if kind == "volume":
        assert contract.marketing.volume is not None
        return volume(contract.marketing.volume, period, read.opened(conn, contract.motion, period.start, period.end))
    assert contract.marketing.false_positives is not None
    wrong = [code for code, reason in contract.dispositions.disqualify.reasons.items() if reason.blames in ("fit", "data")]
    closed, bad = read.closed(conn, contract.motion, period.start, period.end, wrong)
    return false_positives(contract.marketing.false_positives, period, closed, bad)


__all__ = ["MEASURES", "measure_promises"]
