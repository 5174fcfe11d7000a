"""The shape of a contract: what Marketing and Sales signed, as frozen values.

This module says what a contract *is*. How its text becomes one, with line numbers and Problems, is `contract.reading`;
what its conditions mean is `contract.conditions`. Nothing here knows of files, databases or the time of day. Its parts live in rooms
by noun (`terms_ready`, `terms_routing`, …); everybody else takes them from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from handfast.contract.lists import Entries, ListOf, ListTerm
from handfast.contract.terms_base import (
    MINUTES_IN,
    AtMost,
    Cap,
    Condition,
    Duration,
    FieldType,
    Frequency,
    Name,
    OpenCap,
    Span,
    Term,
    Times,
)
from handfast.contract.terms_calendar import Calendar, Interval, days_of
from handfast.contract.terms_canary import Canary, Guardrails
from handfast.contract.terms_follow_up import FollowEnd, FollowStep, FollowUp, TouchRule
from handfast.contract.terms_notices import Digest, Notices
from handfast.contract.terms_outcome import DUPLICATE_OF, Brief, Dispositions, MeetingSet, Play, Reason, Refusal, Theme
from handfast.contract.terms_pool import Moves, NeedTerm, Pool
from handfast.contract.terms_ready import (
    Bar,
    Digit,
    Domain,
    Exclude,
    Fit,
    FitRule,
    Grades,
    Group,
    Intent,
    IntentRule,
    Letter,
    NeverRule,
    NextStep,
    Ready,
    Scanners,
)
from handfast.contract.terms_routing import Conflicts, Match, Routing, Rung, Territory
from handfast.contract.terms_sla import ACTIONS, CHANNEL, Action, Band, Marketing, Pause, Share, Sla, Step, Target

__all__ = [
    "ACTIONS",
    "CHANNEL",
    "DUPLICATE_OF",
    "MINUTES_IN",
    "Action",
    "AtMost",
    "Band",
    "Bar",
    "Brief",
    "Calendar",
    "Canary",
    "Cap",
    "Condition",
    "Conflicts",
    "Contract",
    "Digest",
    "Digit",
    "Dispositions",
    "Domain",
    "Duration",
    "Example",
    "Exclude",
    "FieldType",
    "Fit",
    "FitRule",
    "FollowEnd",
    "FollowStep",
    "FollowUp",
    "Frequency",
    "Grades",
    "Group",
    "Guardrails",
    "Intent",
    "IntentRule",
    "Interval",
    "Letter",
    "ListTerm",
    "Marketing",
    "Match",
    "MeetingSet",
    "Moves",
    "Name",
    "NeedTerm",
    "NeverRule",
    "NextStep",
    "Notices",
    "OpenCap",
    "Pause",
    "Play",
    "Pool",
    "Ready",
    "Reason",
    "Refusal",
    "Routing",
    "Rung",
    "Scanners",
    "Share",
    "Sla",
    "Span",
    "Step",
    "Target",
    "Term",
    "Territory",
    "Theme",
    "Times",
    "TouchRule",
    "days_of",
]


class Example(Term):
    """A worked case inside the contract, proved by `handfast contract prove`.

    `given`: `person` (declared fields), `signals` (a list of `{kind, ago, …fields}`, `ago` a duration before `at`), `owner` (of the
    account), `away` (absent reps), `open` (how many open handoffs reps hold), `at` (a local time of the contract's calendar).
    `expect`: `verdict`, `fit`, `intent`, `next_step`, `reason`, `owner`, `pool`, `territory`, `rule`, `sla`, `first_touch`, `due`; only
    what is named is compared.
    """

    name: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


class Contract(Term):
    """The whole agreement. `id` is the hash of its content: the same terms have the same id whatever the layout of the text."""

    contract: str
    motion: Name = "new_business"
    calendar: Calendar
    calendars: Mapping[Name, Calendar] = {}
    fields: Mapping[Name, FieldType] = {}
    signals: Mapping[Name, Mapping[Name, FieldType]] = {}
    lists: Mapping[Name, ListOf] = {}
    ready: Ready
    match: Match = Match()
    routing: Routing
    sla: tuple[Sla, ...] = Field(min_length=1)
    pauses: Mapping[Name, Pause] = {}
    marketing: Marketing = Marketing()
    touches: tuple[TouchRule, ...] = ()
    follow_up: FollowUp | None = None
    brief: Brief = Brief()
    notices: Notices = Notices()
    dispositions: Dispositions
    examples: tuple[Example, ...] = ()
    #: Where it is there, the version holds for a share only.
    canary: Canary | None = None
    #: What the files of `lists` held when the text was taken in. Written by Handfast, see `contract.lists`.
    entries: Mapping[Name, Entries] = {}

    @property
    def id(self) -> str:
        """`ctr_` and 16 hex digits of the SHA-256 over the canonical JSON of the terms that differ from their defaults.

        So a later Handfast may know further terms, and what was signed keeps its id. For the same reason a default never changes.
        """
        text = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True, separators=(",", ":"))
        return "ctr_" + hashlib.sha256(text.encode()).hexdigest()[:16]
