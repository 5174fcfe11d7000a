"""Northwind's contract, Maya of Halden Logistics, and what she did; judged and assigned by the real rooms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from handfast.brief.compose import BriefCase
from handfast.contract.agreement import Agreement, agree
from handfast.contract.terms import Contract
from handfast.facts import Account, Person, signal_id
from handfast.problem import Place
from handfast.readiness.verdict import verdict_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

TERMS: dict[str, Any] = {
    "contract": "Northwind",
    "calendar": {"timezone": "Europe/Berlin", "week": {"mon-fri": ["09:00-17:00"]}},
    "fields": {"employees": "int", "industry": "text", "seniority": "text"},
    "signals": {"page_viewed": {"path": "text"}, "form_submitted": {"form": "text"}},
    "ready": {
        "fit": {
            "at_least": 40,
            "points": [
                {"when": "employees BETWEEN 200 AND 5000", "points": 30, "because": "ICP size"},
                {"when": "seniority IN ('vp', 'c-level')", "points": 25, "because": "decides"},
                {"when": "industry = 'Retail'", "points": 10},
            ],
        },
        "intent": {
            "at_least": 20,
            "points": [
                {"on": "page_viewed", "when": "path LIKE '/pricing%'", "points": 10, "because": "pricing page"},
                {"on": "form_submitted", "points": 25, "because": "a form"},
            ],
        },
        "next_step": [{"step": "demo", "on": "form_submitted", "when": "form = 'demo'", "within": "7 days"}],
    },
    "routing": {"pools": {"smb": {"members": {"ana": 1}}}, "default": "smb"},
    "sla": [{"name": "hand-raiser", "first_touch": "5 minutes"}],
    "brief": {
        "required": ["last_activity", "top_content", "key_signals", "persona", "routing_reason", "company", "phone", "vat_number"],
        "themes": [
            {"theme": "compliance", "words": ["soc 2", "security", "audit"], "talk": "We are audited each year."},
            {"theme": "cost", "words": ["price", "quote", "budget"]},
            {"theme": "speed", "words": ["latency"]},
        ],
        "plays": [
            {
                "step": "demo",
                "action": "Call {first_name} at {company} about {theme}.",
                "opener": "Hi {first_name}, thanks for writing. You said “{asked}”. Is {theme} what matters most at {company}?",
                "ask": ["Who else at {company} decides?", "What about {theme}?"],
            }
        ],
    },
    "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
}


def agreement(**changes: Any) -> Agreement:
    made, problems = agree(Contract.model_validate({**TERMS, **changes}), Place("northwind.yaml"))
    assert made is not None, [str(problem) for problem in problems]
    return made


def signal(number: int, kind: str, ago: timedelta, **properties: Any) -> dict[str, Any]:
    return {"id": str(signal_id("web", str(number))), "seq": number, "kind": kind, "occurred_at": NOON - ago, "properties": properties}


SIGNALS = [
    signal(0, "form_submitted", timedelta(minutes=2), form="demo", message="We need a quote for 120 seats\nbefore our budget closes."),
    signal(1, "page_viewed", timedelta(minutes=9), path="/pricing?utm_source=ads", title="Pricing"),
    signal(2, "page_viewed", timedelta(hours=5), path="/pricing/", title="Pricing"),
    signal(
        3, "page_viewed", timedelta(days=1), path="/security/soc-2-report", title="SOC 2 report", referrer="https://price.example/latency"
    ),
    signal(4, "email_clicked", timedelta(days=2), subject="November news"),
]
MAYA = Person(
    "per_maya",
    "maya@halden.example",
    "Maya Lindqvist",
    "acc_halden",
    {"first_name": "Maya", "title": "VP Operations", "seniority": "vp", "phone": "+49 40 5550 142", "department": None},
)
HALDEN = Account(
    "acc_halden", "halden.example", "Halden Logistics", "halden.example", None, {"employees": 640, "industry": "Logistics", "crm_id": "N/A"}
)
TOM = Person("per_tom", "tom@halden.example", "Tom Berg", "acc_halden", {"title": "CFO"})
ASSIGNMENT = (
    {"rung": "named_account", "result": "passed", "because": "No rep owns the account."},
    {
        "rung": "pool",
        "result": "chosen",
        "owner": "ana",
        "because": "It is Ana's turn in pool 'smb': of 2 in line, theirs comes first.",
        "skipped": [{"rep": "ben", "because": "Ben Ito is away until Monday."}],
    },
)


def case(agreed: Agreement | None = None, **changes: Any) -> BriefCase:
    """Maya's case, judged by the real verdict; with changes to it."""
    facts = {"employees": 640, "industry": "Logistics", "seniority": "vp"}
    verdict = verdict_of(agreed or agreement(), facts, [{**s["properties"], **s} for s in SIGNALS], NOON)
    given: dict[str, Any] = {
        "person": MAYA,
        "account": HALDEN,
        "next_step": "demo",
        "signals": SIGNALS,
        "others": (TOM,),
        "verdict": verdict,
        "assignment": ASSIGNMENT,
        "sla": "hand-raiser",
        "due_at": NOON + timedelta(minutes=5),
        "owner": "Ana Silva",
    }
    return BriefCase(**{**given, **changes})
