"""The standing cast of the page tests: one small company on one Monday afternoon, written straight into the tables.

Ana's morning: one late handoff, one urgent, some with time, one touched, one done. Ben is away. Nobody owns one of them. Mara leads,
Priya is marketing, Rita runs the contract, Eva reads the scoreboard. Times are relative to `NOW`, 14:00 in Berlin.
Who they are stands in cast_company.py, what the scoreboard shows in cast_figures.py.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_DNS, uuid5

import orjson
from cast_company import CONTRACT, LEADS, LOGINS, NOW, REPS, Lead, minutes
from cast_figures import FIGURES

from handfast.brief.compose import BriefCase, compose
from handfast.contract.reading import read_contract
from handfast.desk import drafts
from handfast.facts import Account, Person
from handfast.readiness.verdict import verdict_of
from handfast.store import logins as rows

if TYPE_CHECKING:
    from handfast.store.base import Conn, Store

PASSWORD = "correct horse battery"


class Clock:
    """The present moment of the test: `NOW` and the seconds passed since, moved by hand with `forward`."""

    def __init__(self, start: datetime = NOW) -> None:
        self._from = monotonic()
        self._start = start

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=monotonic() - self._from)

    def forward(self, **span: float) -> None:
        self._start += timedelta(**span)


@dataclass(frozen=True, slots=True)
class Settings:
    """The answers the pages want from settings."""

    public_url: str = "http://127.0.0.1"
    #: Nobody else's, where several share a machine.
    data_dir: Path = Path(tempfile.gettempdir()) / f"handfast-tests-{os.getuid()}"


def raise_curtain(store: Store) -> None:
    """Write the whole cast."""
    agreement, problems = read_contract(CONTRACT, "northwind.yaml")
    assert agreement is not None, [str(p) for p in problems]
    _sign_contract(store)
    with store.writing() as conn:
        for rep_id, name, email, team, manager, active in REPS:
            conn.execute(
                "INSERT INTO rep (id, name, email, team, manager_id, time_zone, active) VALUES (%s, %s, %s, %s, %s, 'Europe/Berlin', %s)",
                (rep_id, name, email, team, manager, active),
            )
        conn.execute(
            "INSERT INTO absence (rep_id, starts_at, ends_at, why) VALUES ('ben', %s, %s, 'pto')", (minutes(-3000), minutes(3 * 1440))
        )
        for lead in LEADS:
            _hand_over(conn, agreement, lead)
        _refuse(conn)
        conn.execute("INSERT INTO note (key, value, at) VALUES ('worker', '{}', %s)", (NOW,))
        for email, role, rep, name in LOGINS:
            rows.insert(conn, rows.Login(f"log_{name.split()[0].lower()}", email, name, role, rep, None, hashed(), minutes(-1000)))


def _sign_contract(store: Store) -> None:
    """Rita wrote it, Priya signed it for Marketing and Mara for Sales."""
    signed_at = minutes(-90 * 1440)
    made = drafts.save(store, CONTRACT, drafts.Who("rita@northwind.example", "Rita Kim", "revops"), signed_at)
    drafts.sign(store, made.number, "marketing", drafts.Who("priya@northwind.example", "Priya Patel", "marketing"), signed_at)
    drafts.sign(store, made.number, "sales", drafts.Who("mara@northwind.example", "Mara Okonkwo", "manager"), signed_at)


@cache
def hashed() -> str:
    """The password as it is stored; with parameters that take no time, for it is asked for in every test."""
    salt = b"northwind"
    key = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=16, r=8, p=1, dklen=32)
    return f"scrypt$16$8$1${b64encode(salt).decode()}${b64encode(key).decode()}"


_messages = count(1)


def _signal(conn: Conn, lead: Lead, kind: str, offset: float, properties: dict[str, Any]) -> dict[str, Any]:
    signal = uuid5(NAMESPACE_DNS, f"{lead.key}{next(_messages)}")
    email = address(lead)
    conn.execute(
        "INSERT INTO signal (id, source, kind, occurred_at, received_at, lane, who, email, properties) VALUES (%s, 'web', %s, %s, %s, 0, %s, %s, %s)",
        (signal, kind, minutes(offset), minutes(offset), f"email:{email}", email, orjson.dumps(properties).decode()),
    )
    return {"id": signal, "kind": kind, "occurred_at": minutes(offset), "properties": properties}


def address(lead: Lead) -> str:
    return f"{lead.name.split()[0].lower()}@{lead.company.split()[0].lower()}.example"


def _hand_over(conn: Conn, agreement: Any, lead: Lead) -> None:
    """Everything that a handoff leaves in the tables, in the order in which it happens."""
    own = {"title": lead.title} | ({"phone": lead.phone} if lead.phone else {})
    _make_known(conn, lead, own)
    signals = _signals(conn, lead)
    working = _judge(conn, agreement, lead, own, signals)
    _open(conn, agreement, lead, signals[-1]["id"])
    _assign_and_brief(conn, agreement, lead, own, signals, working)
    _start_clock(conn, lead)
    _leave_traces(conn, lead)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _domain(lead: Lead) -> str:
    return f"{lead.company.split()[0].lower()}.example"


def _make_known(conn: Conn, lead: Lead, own: dict[str, Any]) -> None:
    person, account, long_ago = f"per_{lead.key}", f"acc_{lead.key}", minutes(-9000)
    conn.execute(
        "INSERT INTO account (id, key, name, domain, fields, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
        (account, _domain(lead), lead.company, _domain(lead), _json(lead.fields), long_ago),
    )
    conn.execute(
        "INSERT INTO person (id, email, name, account_id, fields, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
        (person, address(lead), lead.name, account, _json(own), long_ago),
    )
    conn.execute("INSERT INTO identity (who, person_id, since) VALUES (%s, %s, %s)", (f"email:{address(lead)}", person, long_ago))


def _signals(conn: Conn, lead: Lead) -> list[dict[str, Any]]:
    form = {"pricing_call": "quote", "demo": "demo", "security_review": "security"}[lead.step]
    words = {"message": lead.message} if lead.message else {}
    return [
        _signal(conn, lead, "webinar_attended", lead.started - 14_000, {"title": "Cutting dock-to-stock time"}),
        _signal(conn, lead, "page_viewed", lead.started - 1400, {"path": "/resources/depot-checklist", "title": "The depot checklist"}),
        _signal(conn, lead, "page_viewed", lead.started - 26, {"path": "/pricing", "title": "Pricing"}),
        _signal(conn, lead, "form_submitted", lead.started, {"form": form, **words}),
    ]


def _judge(conn: Conn, agreement: Any, lead: Lead, own: dict[str, Any], signals: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict of the product's own functions; its working is returned."""
    at = minutes(lead.started)
    judged = verdict_of(agreement, lead.fields | own, [s | s["properties"] for s in signals], at)
    assert judged["outcome"] == "ready", judged["sentence"]
    working = {part: judged[part] for part in ("criteria", "totals", "bars", "inputs", "missing", "sentence")}
    conn.execute(
        "INSERT INTO verdict (id, person_id, account_id, at, contract_id, outcome, fit, intent, next_step, signal_id, inputs, working, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, 'ready', %s, %s, %s, %s, %s, %s, %s)",
        (
            f"ver_{lead.key}", f"per_{lead.key}", f"acc_{lead.key}", at, agreement.id, judged["fit"], working["totals"]["intent_millionths"],
            lead.step, signals[-1]["id"], [signals[i]["id"] for i in working["inputs"]], _json(working), at,
        ),
    )  # fmt: skip
    return working


def _open(conn: Conn, agreement: Any, lead: Lead, signal: Any) -> None:
    person, account, handoff, verdict = (f"{kind}_{lead.key}" for kind in ("per", "acc", "hnd", "ver"))
    opened = minutes(lead.started)
    touched, closed = (minutes(x) if x is not None else None for x in (lead.touched, lead.closed))
    met = closed if lead.outcome == "meeting_set" else None
    conn.execute(
        "INSERT INTO handoff (id, motion, party, account_id, person_id, contract_id, verdict_id, source, next_step, sla, opened_at, decided_at,"
        " owner_id, assigned_at, touched_at, contacted_at, meeting_at, closed_at, outcome, reason)"
        " VALUES (%s, 'new_business', %s, %s, %s, %s, %s, 'spring-webinar', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            handoff, account, account, person, agreement.id, verdict, lead.step, lead.sla, opened, opened, lead.owner,
            opened if lead.owner else None, touched, met, met, closed, lead.outcome, lead.reason,
        ),
    )  # fmt: skip
    conn.execute(
        "INSERT INTO handoff_person (handoff_id, person_id, verdict_id, signal_id, source, raised_at, joined_at)"
        " VALUES (%s, %s, %s, %s, 'spring-webinar', %s, %s)",
        (handoff, person, verdict, signal, opened, opened),
    )


def _assign_and_brief(
    conn: Conn, agreement: Any, lead: Lead, own: dict[str, Any], signals: list[dict[str, Any]], working: dict[str, Any]
) -> None:
    rungs, opened = _rungs(lead), minutes(lead.started)
    rule, pool = ("territory", "dach-mid") if lead.owner else ("exception", None)
    conn.execute(
        "INSERT INTO assignment (id, handoff_id, leg, owner_id, rule, pool, counts, working, at) VALUES (%s, %s, 0, %s, %s, %s, %s, %s, %s)",
        (f"asg_{lead.key}", f"hnd_{lead.key}", lead.owner, rule, pool, bool(lead.owner), _json(rungs), opened),
    )
    brief = compose(
        agreement,
        BriefCase(
            person=Person(f"per_{lead.key}", address(lead), lead.name, f"acc_{lead.key}", own),
            account=Account(f"acc_{lead.key}", _domain(lead), lead.company, _domain(lead), None, lead.fields),
            next_step=lead.step, signals=signals, verdict=working, assignment=rungs, sla=lead.sla, due_at=minutes(lead.due),
            owner=next((r[1] for r in REPS if r[0] == lead.owner), None),
        ),
    )  # fmt: skip
    conn.execute("INSERT INTO brief (handoff_id, composed_at, body) VALUES (%s, %s, %s)", (f"hnd_{lead.key}", opened, _json(brief)))


def _start_clock(conn: Conn, lead: Lead) -> None:
    clock, handoff, kind = f"clk_{lead.key}", f"hnd_{lead.key}", "first_touch" if lead.owner else "exception"
    stopped = minutes(lead.touched) if lead.touched is not None else None
    conn.execute(
        "INSERT INTO clock (id, handoff_id, kind, sla, calendar, started_at, due_at, stopped_at, stopped_by)"
        " VALUES (%s, %s, %s, %s, 'team', %s, %s, %s, %s)",
        (clock, handoff, kind, lead.sla, minutes(lead.started), minutes(lead.due), stopped, "touch" if stopped else None),
    )
    span = lead.due - lead.started
    ladder = [(0.7, "remind", "owner"), (1.0, "tell", "manager"), (1.0, "breach", ""), (2.0, "reassign", "rest")]
    for step, (share, action, target) in enumerate(ladder):
        due = minutes(lead.started + span * share)
        state = 2 if lead.touched is not None else 1 if due < NOW else 0
        conn.execute(
            "INSERT INTO timer (id, clock_id, handoff_id, step, action, target, due_at, state, settled_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (f"tmr_{lead.key}{step}", clock, handoff, step, action, target, due, state, due if state == 1 else None),
        )


def _leave_traces(conn: Conn, lead: Lead) -> None:
    """The touch, the event and the notice."""
    person, handoff, opened = f"per_{lead.key}", f"hnd_{lead.key}", minutes(lead.started)
    if lead.touched is not None:
        at = minutes(lead.touched)
        conn.execute(
            "INSERT INTO touch (id, handoff_id, person_id, rep_id, kind, contact, evidence, source, occurred_at, recorded_at)"
            " VALUES (%s, %s, %s, %s, 'call', false, 'evidenced', 'dialer', %s, %s)",
            (f"tch_{lead.key}", handoff, person, lead.owner, at, at),
        )
    conn.execute(
        "INSERT INTO event (name, at, handoff_id, person_id, rep_id, data) VALUES ('handoff_opened', %s, %s, %s, %s, '{}')",
        (opened, handoff, person, lead.owner),
    )
    conn.execute(
        "INSERT INTO outbox (id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, state, next_at, settled_at)"
        " VALUES (%s, %s, 'handoff_opened', 'email', %s, %s, '{}', %s, 'sent', %s, %s)",
        (f"msg_{lead.key}", handoff, lead.owner or "marketing", lead.owner, opened, opened, opened),
    )


def _rungs(lead: Lead) -> list[dict[str, Any]]:
    """What `routing.assign` writes, for this lead."""
    if lead.owner is None:
        return [
            {"rung": "named_account", "result": "passed", "because": "Nobody owns the account."},
            {"rung": "exception", "result": "held", "because": "It stands in the exception queue: nobody in pool 'rest' can take it now."},
        ]
    name = next(r[1] for r in REPS if r[0] == lead.owner)
    return [
        {"rung": "named_account", "result": "passed", "because": "Nobody owns the account."},
        {
            "rung": "territory", "result": "chosen", "pool": "dach-mid", "owner": lead.owner, "because": f"It is {name}'s turn in pool 'dach-mid': of 2 in line, theirs comes first.",
            "skipped": [{"rep": "ben", "reason": "pto", "because": "Ben Carter is away until Thursday."}],
        },
    ]  # fmt: skip


#: What one of the intake problems is about.
BROKEN = {
    "type": "track",
    "event": "form_submitted",
    "messageId": "m-1",
    "timestamp": "23.11.2026 13:05",
    "userId": "u-77",
    "properties": {"form": "quote"},
}


def _refuse(conn: Conn) -> None:
    refused = [
        ("ref_time", "web", minutes(-12), "timestamp", "'23.11.2026 13:05' is not a time", "Send it as 2026-11-23T13:05:00Z.", orjson.dumps(BROKEN).decode(), None, 3),
        ("ref_text", "crm", minutes(-1500), "body", "the body is not JSON: it ends after 41 characters", "Send the whole document.", None, '{"type":"track","event":"page_viewed","pro', 1),
    ]  # fmt: skip
    for row in refused:
        conn.execute(
            "INSERT INTO intake_problem (id, source, received_at, part, what, fix, payload, raw, times) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            row,
        )


__all__ = ["BROKEN", "CONTRACT", "FIGURES", "NOW", "PASSWORD", "Clock", "Settings", "hashed", "minutes", "raise_curtain"]
