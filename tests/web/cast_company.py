"""The company of the page tests: its contract, its reps, who signs in, and the leads of one Monday afternoon. Times are relative to `NOW`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)

CONTRACT = """\
# Signed by Marketing and Sales.
contract: Northwind
calendar: {timezone: Europe/Berlin, week: {mon-fri: ["09:00-12:30", "13:15-17:30"]}}
fields: {employees: int, industry: text, country: text, title: text}
signals:
  page_viewed: {path: text}
  form_submitted: {form: text, message: text}
  webinar_attended: {title: text}
ready:
  fit:
    at_least: 50
    points:
      - {when: "employees BETWEEN 200 AND 5000", points: 30, because: The size we serve well}
      - {when: "industry IN ('logistics', 'manufacturing')", points: 25, because: Industries with depots}
      - {when: "country IN ('DE', 'AT', 'CH')", points: 10, because: DACH}
    never:
      - {when: "country IN ('KP')", reason: embargo}
  intent:
    at_least: 40
    half_life: 14 days
    lookback: 90 days
    points:
      - {on: page_viewed, when: "path LIKE '/pricing%'", points: 15, at_most: 3 per day, because: Looked at prices}
      - {on: form_submitted, points: 30, because: Wrote to us}
      - {on: webinar_attended, points: 12, because: Gave us an hour}
  next_step:
    - {step: pricing_call, on: form_submitted, when: "form = 'quote'", within: 7 days}
    - {step: demo, on: form_submitted, when: "form = 'demo'", within: 7 days}
    - {step: security_review, on: form_submitted, when: "form = 'security'", within: 14 days}
routing:
  ladder: [named_account, territory, pool]
  territories:
    - {name: dach, when: "country IN ('DE', 'AT', 'CH')", to: dach-mid}
  pools:
    dach-mid: {members: {ana: 1, ben: 1, chloe: 1}, cap: 8 open}
    rest: {members: {dev: 1, chloe: 0.5}, cap: 12 open}
  default: rest
sla:
  - name: fast_lane
    when: "next_step IN ('pricing_call', 'security_review')"
    first_touch: 15 minutes
    accept: {within: 10 minutes}
    ladder:
      - {after: 10 minutes, remind: owner}
      - {after: 15 minutes, tell: manager}
      - {after: 60 minutes, reassign: rest}
  - {name: same_day, first_touch: 4 hours, ladder: [{after: 3 hours, remind: owner}, {after: 4 hours, tell: manager}]}
pauses: {on_holiday: {label: They are away, at_most: 10 days}}
marketing: {context_complete: {within: 1 day}}
brief:
  required: [phone, title]
  themes:
    - {theme: Slow docks, words: [dock, depot, warehouse], talk: "Lead with dock-to-stock time."}
  plays:
    - step: pricing_call
      action: "Call {first_name} about the quote."
      opener: "{first_name}, you asked us for a quote. Shall I walk you through the two plans that fit {company}, in fifteen minutes?"
      ask: ["Which of the depots would go first?", "Who signs off security at {company}?"]
    - {step: demo, action: "Offer {first_name} two times for a demo.", opener: "{first_name}, which of your depots should we show you?", ask: ["What would make the demo worth your half hour?"]}
dispositions:
  recycle:
    reasons:
      not_now: {label: "Not now, wants it later", back: 90 days, blames: timing}
      no_budget: {label: No budget this year, back: 180 days, blames: timing}
      no_reply: {label: "No reply after six attempts", back: 30 days, blames: intent}
      lost_to: {label: Chose somebody else, back: 365 days, requires: {competitor: text, contract_ends: time}}
      too_small: {label: Too small for now, active: false}
  disqualify:
    reasons:
      bad_fit: {label: Not in our market, blames: fit}
      not_a_buyer: {label: "Student, vendor or job seeker", blames: fit}
      bad_data: {label: Bad contact data, blames: data}
      other: {label: Something else, note: true}
"""


@dataclass(frozen=True)
class Lead:
    """One handoff of the cast. `started` and `due` in minutes from NOW; `touched`, `closed` likewise, None for not yet."""

    key: str
    name: str
    title: str
    company: str
    fields: dict[str, Any]
    step: str
    message: str
    sla: str
    started: int
    due: int
    owner: str | None = "ana"
    phone: str = "+49 40 5550 142"
    touched: int | None = None
    closed: int | None = None
    outcome: str | None = None
    reason: str | None = None


BIG = {"employees": 640, "industry": "logistics", "country": "DE", "city": "Hamburg"}
LEADS = (
    Lead(
        "tom",
        "Tom Okafor",
        "Head of IT",
        "Brightline Health",
        BIG | {"industry": "manufacturing"},
        "security_review",
        "We need your SOC 2 report before Thursday.",
        "fast_lane",
        -28,
        -13,
    ),
    Lead(
        "maya",
        "Maya Lindqvist",
        "VP Operations",
        "Halden Logistics",
        BIG,
        "pricing_call",
        "Need a quote for 120 seats before our Q1 budget closes on Friday.",
        "fast_lane",
        -9,
        6,
    ),
    Lead(
        "sofia",
        "Sofia Rossi",
        "Operations Manager",
        "Oakum Foods",
        BIG | {"country": "AT"},
        "demo",
        "Could you show us the depot view?",
        "same_day",
        -200,
        40,
    ),
    Lead(
        "liam", "Liam Nguyen", "Plant Director", "Tessera Robotics", BIG | {"industry": "manufacturing"}, "demo", "", "same_day", -60, 180
    ),
    Lead(
        "hanna",
        "Hanna Kaya",
        "CFO",
        "Meridian Energy",
        BIG,
        "pricing_call",
        "Please quote for three sites.",
        "same_day",
        -20,
        220,
        phone="",
    ),
    Lead(
        "jonas",
        "Jonas Meyer",
        "Head of Logistics",
        "Kestrel Labs",
        BIG,
        "demo",
        "Looking at two vendors.",
        "same_day",
        -180,
        60,
        touched=-150,
    ),
    Lead(
        "aiko",
        "Aiko Tanaka",
        "COO",
        "Lumen Robotics",
        BIG,
        "demo",
        "",
        "same_day",
        -280,
        -40,
        touched=-270,
        closed=-60,
        outcome="meeting_set",
    ),
    Lead(
        "elena",
        "Elena Novak",
        "Buyer",
        "Quill Group",
        BIG,
        "demo",
        "",
        "same_day",
        -240,
        0,
        touched=-236,
        closed=-100,
        outcome="recycle",
        reason="not_now",
    ),
    Lead(
        "noah",
        "Noah Berg",
        "Head of Operations",
        "Fjord Systems",
        BIG | {"country": "CH"},
        "pricing_call",
        "What does it cost for 40 people?",
        "fast_lane",
        -5,
        10,
        owner="chloe",
    ),
    Lead("ingrid", "Ingrid Moretti", "IT Lead", "Arbor Foods", BIG, "demo", "", "same_day", -100, 140, owner="dev"),
    Lead(
        "mateo",
        "Mateo Garcia",
        "Director",
        "Ember Energy",
        {"employees": 400, "industry": "logistics", "country": "ES", "city": "Bilbao"},
        "demo",
        "Is there a Spanish version?",
        "same_day",
        -30,
        30,
        owner=None,
    ),
)

REPS = (
    ("ana", "Ana Flores", "ana@northwind.example", "DACH", "mara", True),
    ("ben", "Ben Carter", "ben@northwind.example", "DACH", "mara", True),
    ("chloe", "Chloe Adeyemi", "chloe@northwind.example", "DACH", "mara", True),
    ("dev", "Dev Shah", "dev@northwind.example", "Rest of world", "mara", True),
    ("mara", "Mara Okonkwo", "mara@northwind.example", "Management", None, True),
)

LOGINS = (
    ("ana@northwind.example", "rep", "ana", "Ana Flores"),
    ("chloe@northwind.example", "rep", "chloe", "Chloe Adeyemi"),
    ("mara@northwind.example", "manager", "mara", "Mara Okonkwo"),
    ("priya@northwind.example", "marketing", None, "Priya Patel"),
    ("rita@northwind.example", "revops", None, "Rita Kim"),
    ("eva@northwind.example", "leader", None, "Eva Rossi"),
)


def minutes(offset: float, now: datetime = NOW) -> datetime:
    return now + timedelta(minutes=offset)
