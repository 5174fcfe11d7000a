"""A small sound contract that the tests change one thing in."""

from __future__ import annotations

from handfast.contract.agreement import Agreement
from handfast.contract.reading import read_contract
from handfast.problem import Problem

SOUND = """\
contract: Northwind   # signed in March
calendar: {timezone: America/New_York, week: {mon-fri: ["09:00-17:30"]}}
calendars:
  berlin: {timezone: Europe/Berlin, week: {mon-fri: ["09:00-17:00"]}}
fields: {employees: int, industry: text, country: text}
signals:
  seat_added: {seats: int}
ready:
  fit:
    at_least: 30
    points:
      - {when: "employees BETWEEN 200 AND 5000", points: 25, because: the right size}
      - when: >-
          industry IN ('software', 'logistics')
          AND country = 'US'
        points: 10
    never:
      - {when: "country IN ('KP')", reason: embargo}
  intent:
    at_least: 20
    points:
      - {on: page_viewed, when: 'path LIKE ''/pricing%''', points: 10, at_most: 3 per day}
      - {on: seat_added, when: "seats > 3", points: 5}
      - {on: form_submitted, points: 30}
  next_step:
    - {step: demo, on: form_submitted, when: "form = 'demo'", within: 7 days}
    - {step: pricing, on: form_submitted, when: "form = 'pricing'", within: 7 days}
routing:
  territories:
    - {name: east, when: "country = 'US'", to: team}
  pools:
    team: {members: {ana: 1, ben: 0.5}, cap: 8 open}
  default: team
sla:
  - name: hand-raiser
    when: "next_step = 'demo'"
    first_touch: 5 minutes
    calendar: berlin
    ladder:
      - {after: 3 minutes, remind: owner}
      - {after: 15 minutes, reassign: team}
      - {after: 1 day, return_to: marketing}
  - {name: standard, first_touch: 4 hours}
brief:
  themes: [{theme: Speed, words: [fast]}]
  plays: [{step: demo, action: "Call {first_name}."}]
dispositions:
  recycle: {reasons: {not_now: {back: 90 days, blames: timing}}}
  disqualify: {reasons: {bad_fit: {blames: fit}}}
examples:
  - name: a demo request
    given: {person: {employees: 800, country: US, industry: software}, signals: [{kind: form_submitted, form: demo}], at: 2026-03-02 10:00}
    expect: {verdict: ready, owner: ana, first_touch: 5 minutes}
"""


def changed(old: str, new: str, text: str = SOUND) -> str:
    """The contract with one place of its text replaced."""
    assert text.count(old) >= 1, f"{old!r} is not in the contract"
    return text.replace(old, new, 1)


def agreed(text: str = SOUND) -> Agreement:
    agreement, problems = read_contract(text, "northwind.yaml")
    assert agreement is not None, problems[0]
    return agreement


def refused(text: str | bytes) -> list[Problem]:
    agreement, problems = read_contract(text, "northwind.yaml")
    assert agreement is None
    assert problems
    return problems
