"""The JSON Schema of a contract's text, for editors: what a key means, what may stand there, what is missing.

Made from the terms (`contract.terms`); what their Python form hides is put right here: durations and caps are texts in a contract. It is
checked in at docs/reference/contract.schema.json, and a test keeps it the same as what this module says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from handfast.contract.given import EXPECT, GIVEN, RULES, VERDICTS
from handfast.contract.terms import ACTIONS, Contract

#: What each term means, in one sentence, by its class and name. Shown by editors; docs/reference/contract.md says more.
MEANING: Final[Mapping[str, str]] = {
    "Contract.contract": "The name of the contract.",
    "Contract.motion": "What is sold to whom, in one word; at most one handoff is open per account and motion.",
    "Contract.calendar": "The team's own opening hours, in which minutes and hours of clocks are counted.",
    "Contract.calendars": "Further opening hours by name, for SLAs that name them.",
    "Contract.fields": "What conditions may read of a person and their account: name and type.",
    "Contract.signals": "Kinds of signal of your own, or further fields of the standard ones: kind, then name and type.",
    "Contract.lists": "Texts that conditions ask for with `field IN LIST name`: [a, b], or a column of a CSV file beside the contract.",
    "Contract.entries": "What the files of `lists` held; written by Handfast when it takes a contract in, as the last section.",
    "ListTerm.file": "A CSV file beside the contract's own.",
    "ListTerm.column": "The column of the file that holds the entries.",
    "ListTerm.values": "The entries themselves, where they are few.",
    "Contract.canary": "The version holds for a share of the parties only, and gives way by itself where a guardrail is passed.",
    "Canary.share": "For so many of the parties, chosen by a stable hash: 10%.",
    "Canary.when": "Only of those for whom this is true.",
    "Canary.guardrails": "What makes it give way to the version before.",
    "Guardrails.after": "Nothing is concluded from fewer handoffs.",
    "Guardrails.unassigned": "A larger share found no owner when they were opened.",
    "Guardrails.skew": "Somebody has taken more than so many times their fair share of a pool's turns.",
    "Guardrails.assign_p95": "More than 5 of 100 waited longer for an owner, elapsed.",
    "Contract.ready": "When a person is ready for Sales: fit AND intent AND a next step.",
    "Contract.match": "How a person finds their account.",
    "Contract.routing": "Who gets a handoff.",
    "Contract.sla": "How fast the first touch comes; the first SLA that matches holds.",
    "Contract.brief": "What the rep must know.",
    "Contract.notices": "When notices reach people, and when many become one.",
    "Contract.dispositions": "The reason codes for what became of a handoff.",
    "Contract.examples": "Worked examples, proved by `handfast contract prove`.",
    "Calendar.timezone": "An IANA zone, such as America/New_York.",
    "Calendar.week": "Opening hours by weekday: mon-fri, or sat,sun; any number of intervals a day.",
    "Calendar.holidays": "The public holidays of a country, or of a part of it: US, DE-BY.",
    "Calendar.closed": "Single dates on which nobody is there.",
    "Calendar.open": "Single dates with hours of their own, although they are holidays or weekends.",
    "Ready.fit": "Who they are.",
    "Ready.intent": "What they did.",
    "Ready.next_step": "An explicit wish that is still open; the first that holds names the step.",
    "Ready.exclude": "What does not count: addresses that name no buyer, and signals that no person sent.",
    "Ready.grades": "Fit as a letter and intent as a digit, for people who think in a matrix.",
    "Ready.account": "When a buying group is ready as a whole, although none of its people need be.",
    "Exclude.free_mail": "What becomes of people with a free-mail address: never, or not_yet.",
    "Exclude.disposable": "What becomes of people with a disposable address: never, or not_yet.",
    "Exclude.role_addresses": "What becomes of addresses a desk reads (info@, sales@): never, or not_yet.",
    "Exclude.competitors": "Domains whose people are never ready; sub-domains count.",
    "Exclude.employees": "Our own domains, whose people are never ready; sub-domains count.",
    "Exclude.bots": "Signals score nothing whose user agent is a known crawler's, monitor's or scanner's.",
    "Exclude.user_agents": "Signals score nothing whose user agent contains one of these, as written.",
    "Exclude.scanners": "Clicks score nothing where so many different links of one mail were clicked within so many seconds.",
    "Scanners.links": "So many different links of one mail.",
    "Scanners.seconds": "Within so many seconds; a click counts once they have passed.",
    "Grades.fit": "Letters and the fit points each asks for, the best first.",
    "Grades.intent": "Digits and the intent points each asks for, the best first.",
    "Group.people": "So many active people.",
    "Group.roles": "Roles of the buying group: name, and a condition on the declared fields that an active person meets.",
    "Group.intent": "The bar for the intent of the active people together.",
    "Group.fit": "At least one active person has so many fit points.",
    "Group.within": "Active is who gave a signal that counts within this time.",
    "Fit.at_least": "The bar: so many fit points are enough.",
    "Fit.points": "Rules that give points for what is known of person and account.",
    "Fit.never": "Rules that end the matter, whatever else is true.",
    "FitRule.when": "A condition on the declared fields.",
    "FitRule.points": "What it gives where it is met; may be negative.",
    "FitRule.because": "The reason, as reps read it.",
    "NeverRule.when": "A condition on the declared fields.",
    "NeverRule.reason": "The reason, as people read it.",
    "Intent.at_least": "The bar: so many intent points are enough. Points decay from the first second.",
    "Intent.half_life": "After this time a signal is worth half.",
    "Intent.lookback": "Older signals count for nothing.",
    "Intent.points": "Rules that give points for signals.",
    "IntentRule.on": "The kind of signal.",
    "IntentRule.when": "A condition on the signal's fields; without it every signal of the kind counts.",
    "IntentRule.points": "What each such signal gives; may be negative.",
    "IntentRule.times": "Signals score only from so many within a time on: 3 within 7 days.",
    "IntentRule.at_most": "How many count a day or week.",
    "IntentRule.within": "Older signals no longer count under this rule.",
    "IntentRule.because": "The reason, as reps read it.",
    "Frequency.times": "How many times.",
    "Frequency.within": "Within how long; both ends included.",
    "NextStep.step": "The name of the step; several rules may lead to the same one.",
    "NextStep.on": "The kind of signal.",
    "NextStep.when": "A condition on the signal's fields.",
    "NextStep.within": "How long the wish stays open.",
    "Match.domain": "`always`: the domain of an address names the account. `fallback`: only where the name settles nothing. `off`: never.",
    "Match.distinctive_words": "Whether the name of the company is matched by its distinctive words, see docs/reference/matching.md.",
    "Match.review_below": "A best account less likely than this is decided by a person, on the page Review. 0.5 to 1.",
    "Match.free_mail": "Mail domains that name no account, beside the built-in list.",
    "Routing.ladder": "Which rules are asked, in order.",
    "Routing.never": "What goes to nobody by itself: a person decides, and reads the reason.",
    "Routing.hierarchy": "Whose owner counts beside the account's own: the parent's, the ultimate parent's, or nobody's (off).",
    "Routing.conflicts": "Who has it where two reps have a claim; what is not said goes to a person.",
    "Routing.customers": "The pool or rep for customers whom nobody else looks after.",
    "Conflicts.parent": "Between the owner of the account and the owner above it: account, parent, or a person decides.",
    "Conflicts.opportunity": "Between the owners of account and open opportunity: account, opportunity, or a person decides.",
    "Conflicts.opportunities": "Between the owners of several open opportunities: latest, or a person decides.",
    "Routing.territories": "Conditions that claim a person for a pool or a rep; the first that holds.",
    "Routing.pools": "Reps who take turns.",
    "Routing.default": "The pool for what no rung above has given to anybody.",
    "Routing.otherwise": "Where a handoff waits that nobody can take: the exception queue.",
    "Routing.exceptions_within": "How long it may stand there, in the team's hours.",
    "Territory.name": "The name of the territory.",
    "Territory.when": "A condition on the declared fields.",
    "Territory.to": "A pool, or a member of one.",
    "Pool.members": "Reps by id, each with a share of turns: 1 for a full one.",
    "Pool.cap": "How many open handoffs each may hold.",
    "Pool.per_day": "How many each may be given on one day of their own zone.",
    "Pool.hours": "A calendar: whoever is outside it, on their own clocks, is not asked. Without it hours are not looked at.",
    "Pool.needs": "Skills or languages that whoever takes it must have.",
    "Pool.counter": "Pools with the same counter share their turns.",
    "Pool.sticky": "Who comes back within this time goes to the member who had them last, while that one can.",
    "Territory.needs": "Skills or languages that whoever takes it must have.",
    "NeedTerm.skill": "The skill, as in the list of reps.",
    "NeedTerm.when": "A condition on the declared fields; without it the skill is always needed.",
    "Routing.minded_by": "The rep who minds the exception queue and hears of what stands there.",
    "Routing.moves": "What becomes of open handoffs when an owner leaves, returns, or the CRM names another one.",
    "Routing.disputes_within": "How long a dispute may wait for its answer, in the team's hours.",
    "Moves.away_longer_than": "Untouched handoffs of whoever is away for longer than this go to somebody else.",
    "Moves.hand_back": "What somebody took because the owner was away goes back when the owner returns: never, untouched, all.",
    "Moves.owner_changed": "Which open handoffs follow the account to a new owner: stay (none), untouched, all.",
    "Moves.owners_from": "Sources whose signals may name the owner of an account; imports always may.",
    "Moves.undo_within": "Another owner named by another system so soon after we chose one is taken back.",
    "Sla.name": "The name of the SLA.",
    "Sla.when": "A condition on the declared fields, next_step, fit, intent and source; without it the SLA always holds.",
    "Sla.first_touch": "How soon the first touch is due.",
    "Sla.calendar": "In whose hours: team (the contract's own), rep (the owner's own, absences too), always, or one of `calendars`.",
    "Sla.ladder": "What happens while nobody touches it, in order.",
    "Sla.accept": "How soon the owner says yes; anew for each owner.",
    "Sla.next_touch": "How soon after a touch, or after a step of the follow-up falls due, the next one is made.",
    "Sla.disposition": "How soon somebody says what became of it, once nothing else is awaited.",
    "Target.within": "How soon.",
    "Target.calendar": "In whose hours; without it, those of the SLA.",
    "Target.ladder": "What happens meanwhile, in order.",
    "Contract.pauses": "Reasons for which the clocks of a handoff may stand still, each with its limit.",
    "Contract.marketing": "What marketing owes Sales, each with a clock.",
    "Contract.touches": "Which signals are evidence of a touch; the first rule that holds counts.",
    "Contract.follow_up": "The sequence of attempts until somebody answers.",
    "Pause.label": "The reason as reps read it.",
    "Pause.at_most": "When the clocks run on by themselves.",
    "Pause.waits_for": "To whom the time is put down in the account of delays.",
    "Marketing.context_complete": "What `brief.required` names is there.",
    "Marketing.contact_valid": "An address that bounced, or a number that never rings, is put right.",
    "Marketing.volume": "So many handoffs a week or month.",
    "Marketing.false_positives": "The share of closed handoffs that were disqualified for fit or data.",
    "Band.every": "Over which period: week (Monday to Sunday) or month.",
    "Band.at_least": "Fewer than this breaks the promise.",
    "Band.at_most": "More than this breaks the promise.",
    "Band.answer_within": "How soon marketing answers for it, in the team's hours.",
    "Band.ladder": "What happens until they do, in order.",
    "Share.every": "Over which period: week (Monday to Sunday) or month.",
    "Share.at_most": "A larger share breaks the promise.",
    "Share.minimum": "With fewer closed handoffs than this nothing is concluded.",
    "Share.answer_within": "How soon marketing answers for it, in the team's hours.",
    "Share.ladder": "What happens until they do, in order.",
    "TouchRule.on": "The kind of signal.",
    "TouchRule.when": "A condition on the signal's fields; without it every signal of the kind.",
    "TouchRule.touch": "What was tried; or opt_out: they want to hear no more; or bounce: it never arrived.",
    "TouchRule.contact": "Whether it is a two-way exchange. Auto-replies, bounces and voicemail never are.",
    "TouchRule.meeting": "Whether a meeting was set by it.",
    "FollowUp.steps": "The attempts, in order; the first is the first touch.",
    "FollowUp.calendar": "In whose hours the waits are counted.",
    "FollowUp.within": "How long after a step falls due it may be made.",
    "FollowUp.stop_on": "What ends the sequence before its last step.",
    "FollowUp.back_after": "How long an absence lasts where the reply does not say.",
    "FollowUp.end": "What comes after the last step.",
    "FollowStep.channel": "By which channel.",
    "FollowStep.wait": "How long after the step before.",
    "FollowStep.say": "A hint for the rep.",
    "FollowEnd.within": "How soon a disposition is given once it is asked for.",
    "FollowEnd.recycle": "The recycle reason given where none comes; without it nothing is given.",
    "Step.after": "When, counted from the start of the clock.",
    "Step.remind": "Remind the owner.",
    "Step.tell": "Tell the owner's manager, or a channel: channel:sales-floor.",
    "Step.offer": "Offer it to everybody in this pool; whoever takes it first has it.",
    "Step.off_rotation": "Take the owner off rotation until they come back by their own switch.",
    "Step.reassign": "Give it to the next in this pool, or to this rep.",
    "Step.return_to": "Give it back to marketing; the handoff is over.",
    "Step.urgent": "Its notice waits for nobody's hours: see `notices`.",
    "Brief.themes": "Pain themes and the words that speak of them.",
    "Brief.plays": "What to do and say for each next step.",
    "Brief.required": "What a brief must hold; what is missing is said on top.",
    "Theme.theme": "The name of the theme, as the rep reads it.",
    "Theme.words": "Words in paths, titles and answers that speak of it.",
    "Theme.pages": "Pages that speak of it, by how their path begins: /security.",
    "Theme.forms": "Forms that speak of it, by name.",
    "Theme.talk": "What to say about it.",
    "Play.step": "The next step it is for.",
    "Play.action": "What to do; {first_name}, {company}, {theme} and {asked} are filled in.",
    "Play.opener": "How to begin; the same are filled in.",
    "Play.ask": "Questions worth asking; the same are filled in.",
    "Notices.quiet": "rep: notices wait for the receiver's own working hours; off: they come at any hour.",
    "Notices.urgent": "Kinds of notice that never wait.",
    "Notices.urgent_sla": "SLAs whose handoffs' notices never wait.",
    "Notices.digest": "Of many notices to one receiver the first few come at once, the others together.",
    "Digest.more_than": "So many come at once.",
    "Digest.within": "Within this time; what came after them goes out together when it has passed.",
    "Dispositions.recycle": "Not now: back to nurture.",
    "Dispositions.disqualify": "Not at all.",
    "Dispositions.meeting_set": "What must be said of a meeting that was set.",
    "Dispositions.undo": "How long the one who gave a disposition may take it back.",
    "Refusal.reasons": "Reason codes by name.",
    "Reason.label": "The code as reps read it.",
    "Reason.back": "When a recycled person may be handed over again.",
    "Reason.blames": "Where to look when the code becomes frequent.",
    "Reason.needs": "new_intent: a recycled person comes back only once what they did since reaches the intent bar by itself.",
    "Reason.note": "Whether a note must say more; the code `other` always needs one.",
    "Reason.active": "false: no longer to be chosen, and still what it was for those who were given it.",
    "Reason.requires": "Answers the rep must give with it: name and type.",
    "Reason.after": "What must have happened before: touch (an attempt) or contact (a two-way exchange).",
    "Reason.attempts": "So many attempts must have been made before.",
    "Reason.leads_to": "Where it leads: nurture, suppress, reroute, merge or fix_data.",
    "MeetingSet.time": "required: the moment of the meeting must be said; optional: if it is known.",
    "Example.name": "What the example shows, in one sentence.",
    "Example.given": "The case: a person, what they did, and when.",
    "Example.expect": "What must come of it; only what is named is compared.",
}

_DURATION: Final = {
    "type": "string",
    "pattern": r"^\s*\d{1,6}\s*(minute|hour|day|week)s?\s*$",
    "examples": ["5 minutes", "4 hours", "14 days"],
}
_CAP: Final = {"type": "string", "pattern": r"^\s*\d{1,6}\s*(per|a)\s*(day|week)\s*$", "examples": ["3 per day"]}
_TIMES: Final = {
    "type": "string",
    "pattern": r"^\s*\d{1,4}\s*(times\s+)?within\s+\d{1,6}\s*(minute|hour|day|week)s?\s*$",
    "examples": ["3 within 7 days"],
}
_OPEN: Final = {
    "anyOf": [{"type": "string", "pattern": r"^\s*\d{1,6}\s*open\s*$"}, {"type": "integer", "minimum": 1}],
    "examples": ["8 open"],
}
_PERCENT: Final = {"type": "string", "pattern": r"^\s*\d{1,3}(\.\d{1,2})?\s*%\s*$", "examples": ["20%"]}
_DAILY: Final = {
    "anyOf": [{"type": "string", "pattern": r"^\s*\d{1,6}\s*(per|a)\s*day\s*$"}, {"type": "integer", "minimum": 1}],
    "examples": ["5 per day"],
}
_INTERVAL: Final = r"^([01]\d|2[0-4]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$"


def json_schema() -> dict[str, Any]:
    """The schema, JSON Schema 2020-12, of a contract as it is written."""
    made = Contract.model_json_schema()
    definitions: dict[str, Any] = {**made.pop("$defs"), "Contract": made}
    for name, definition in definitions.items():
        _describe(name, definition)
    definitions["Duration"], definitions["Cap"] = dict(_DURATION), dict(_CAP)
    definitions["Frequency"] = dict(_TIMES)
    definitions["Canary"]["properties"]["share"] = {**_PERCENT, "description": MEANING["Canary.share"]}
    definitions["Guardrails"]["properties"]["unassigned"] = {**_PERCENT, "description": MEANING["Guardrails.unassigned"]}
    definitions["Share"]["properties"]["at_most"] = {**_PERCENT, "description": MEANING["Share.at_most"]}
    definitions["Pool"]["properties"]["per_day"] = {**_DAILY, "description": MEANING["Pool.per_day"]}
    definitions["NeedTerm"] = {"anyOf": [{"type": "string", "examples": ["german"]}, definitions["NeedTerm"]]}
    definitions["Pool"]["properties"]["cap"] = {**_OPEN, "description": MEANING["Pool.cap"]}
    for name in ("week", "open"):
        definitions["Calendar"]["properties"][name]["additionalProperties"]["items"]["pattern"] = _INTERVAL
    top_lists = definitions["Contract"]["properties"]["lists"]
    listed = top_lists.get("additionalProperties") or next(iter(top_lists["patternProperties"].values()))
    listed |= {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"$ref": listed.pop("$ref")}]}
    definitions["Step"]["oneOf"] = [{"required": [action]} for action in ACTIONS]
    definitions["Example"]["properties"]["given"] |= _given()
    definitions["Example"]["properties"]["expect"] |= _expect()
    top = definitions.pop("Contract")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Handfast contract"}
    return {**head, **top, "$defs": dict(sorted(definitions.items()))}


def schema_text() -> str:
    """The schema as it is checked in."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _describe(name: str, definition: dict[str, Any]) -> None:
    """Our sentence for each key, in place of what was written for programmers; an optional key is simply left out."""
    definition.pop("description", None)
    definition.pop("title", None)
    for key, spec in definition.get("properties", {}).items():
        _plain(spec)
        if (meaning := MEANING.get(f"{name}.{key}")) is not None:
            spec["description"] = meaning


def _plain(spec: dict[str, Any]) -> None:
    spec.pop("title", None)
    default = spec.pop("default", None)
    options = [option for option in spec.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        del spec["anyOf"]
        spec.update(options[0])
    if "patternProperties" in spec:  # names of the author's own, but names
        spec["additionalProperties"] = False
        for inner in spec["patternProperties"].values():
            _plain(inner)
    if isinstance(default, Mapping) and set(default) == {"amount", "unit"}:
        default = f"{default['amount']} {default['unit']}{'' if default['amount'] == 1 else 's'}"
    if isinstance(default, str | int | list) and default not in ("", [], False):
        spec["default"] = default


def _given() -> dict[str, Any]:
    signal = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "ago": {"$ref": "#/$defs/Duration"}}}
    properties: dict[str, Any] = {
        "person": {"type": "object", "description": "Declared fields and their values."},
        "signals": {"type": "array", "items": signal, "description": "What they did, each so long ago."},
        "colleagues": {"type": "array", "items": _colleague(signal), "description": "Other people of the account, and what they did."},
        "owner": {"type": "string", "description": "The rep who owns the account."},
        "opportunity": {"type": "string", "description": "The rep who owns the account's open opportunity."},
        "customer": {"type": ["string", "boolean"], "description": "That the account has bought; the rep who won its last opportunity."},
        "parent": {"type": "string", "description": "The rep who owns the account above this one."},
        "away": {"type": "array", "items": {"type": "string"}, "description": "Reps who are absent."},
        "open": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "How many open handoffs reps hold."},
        "at": {"type": "string", "description": "The moment, on the clocks of the contract's calendar: 2026-03-02 10:00."},
    }
    return {"additionalProperties": False, "properties": {name: properties[name] for name in GIVEN}}


def _colleague(signal: dict[str, Any]) -> dict[str, Any]:
    properties = {"person": {"type": "object"}, "signals": {"type": "array", "items": signal}}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _expect() -> dict[str, Any]:
    properties: dict[str, Any] = {name: {"type": ["string", "null"]} for name in EXPECT}
    properties |= {
        "verdict": {"enum": list(VERDICTS)},
        "account": {"enum": ["ready", "not_yet"]},
        "rule": {"enum": list(RULES)},
        "fit": {"type": "integer"},
    }
    properties |= {"intent": {"type": "number"}, "first_touch": {"$ref": "#/$defs/Duration"}}
    return {"additionalProperties": False, "minProperties": 1, "properties": properties}
