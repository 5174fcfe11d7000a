"""What may be said of a person, column by column, and what becomes of it when they are erased.

One table, from which come the erasing itself, the counts of its preview, the export of everything held on a person, and the page
docs/reference/personal-data.md. Whoever adds a column of text or JSON decides here: a test of the house asks.

In the conditions, `people` are the ids of the person and of everybody folded into them, `keys` what they are known by, `opened` the handoffs
they opened, `handoffs` these and those they joined, `at` the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

How = Literal["deleted", "blanked", "kept"]


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that are this person's: `theirs` finds them, `sets` is what blanking writes. `columns`: where something is said of them."""

    noun: str
    table: str
    columns: str
    theirs: str
    how: How
    why: str
    sets: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """Texts in rows of others that may name a person: what names them is taken out, and nothing else. `key` tells a row apart."""

    table: str
    columns: str
    key: str = "id"
    #: The column that names the handoff a row is about.
    handoff: str = ""
    #: People wrote it: where the person took part in that handoff, parts of their name are looked for too.
    written: bool = False


_OF_HANDOFF: Final = "handoff_id = ANY(%(opened)s)"

#: In the order in which it is done: whatever is named by others comes after them.
HELD: Final = (
    Held(
        "keys", "identity", "who", "person_id = ANY(%(people)s)", "deleted",
        "What they were known by. The same address arriving later is a stranger's.",
    ),
    Held(
        "signals", "signal", "who email user_id anonymous_id group_id previous_id properties person account", "who = ANY(%(keys)s)", "blanked",
        "Source, kind, times and number stay: a batch that is sent again must find them, or it would count, and bring them back. Figures name "
        "them. They are nobody's from then on, and no verdict or replay reads them.",
        "who = 'erased', email = NULL, user_id = NULL, anonymous_id = NULL, group_id = NULL, previous_id = NULL, properties = '{}', "
        "person = NULL, account = NULL",
    ),
    Held(
        "values learned", "learned", "id fields", "(noun = 'person' AND id = ANY(%(people)s)) OR (noun = 'key' AND id = ANY(%(keys)s))",
        "deleted", "What was known of them at each moment.",
    ),
    Held("standing", "standing", "next_step reason", "person_id = ANY(%(people)s)", "deleted", "Nobody is judged any more."),
    Held(
        "verdicts", "verdict", "working", "person_id = ANY(%(people)s)", "blanked",
        "Outcome, points and bars stay, which figures are made of; what was seen of them goes.",
        """working = (coalesce((SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(working::jsonb) AS e
            WHERE e.key IN ('totals', 'bars', 'group')), '{}') || '{"erased": true, "criteria": [], "missing": [], "inputs": [],
            "sentence": "What it was given on was erased."}')::json""",
    ),
    Held(
        "overrides", "readiness_override", "reason", "person_id = ANY(%(people)s)", "blanked",
        "That a verdict was given by hand, by whom and until when stays; one that holds is lifted.",
        "reason = '', lifted_at = coalesce(lifted_at, greatest(since, least(until, %(at)s)))",
    ),
    Held("handoffs", "handoff", "source", "id = ANY(%(handoffs)s)", "kept", "Times, owner, outcome and source: the figures. They name a blank person."),
    Held("parts in handoffs", "handoff_person", "source", "person_id = ANY(%(people)s)", "kept", "Times, for the figures."),
    Held(
        "briefs", "brief", "body", _OF_HANDOFF, "blanked", "What is owed and why it went to its owner stays.",
        """body = json_build_object('v', body -> 'v', 'erased', true, 'headline', json_build_object('text', 'Erased', 'cites', '[]'::json),
            'next_step', body -> 'next_step', 'sla', body -> 'sla', 'due_at', body -> 'due_at', 'owner', body -> 'owner', 'why_now', '[]'::json,
            'last_activity', null, 'top_content', '[]'::json, 'key_signals', '[]'::json, 'persona', '[]'::json, 'reach', '[]'::json,
            'company', '[]'::json, 'why_ready', '[]'::json, 'why_you', body -> 'why_you', 'buying_group', '[]'::json,
            'opportunity', coalesce(body -> 'opportunity', '[]'::json), 'before', '[]'::json, 'themes', '[]'::json, 'asked', null,
            'action', null, 'opener', null, 'questions', '[]'::json, 'missing', '[]'::json)""",
    ),
    Held(
        "assignments", "assignment", "working", _OF_HANDOFF, "blanked", "Who got it by which rule stays, with the rule's own words; what a person "
        "said for giving it by hand goes.",
        "working = CASE WHEN rule IN ('manual', 'rerouted') THEN '[]' ELSE working END",
    ),
    Held(
        "clocks", "clock", "about", _OF_HANDOFF, "blanked", "Times stay. What was missing of them, how they were reached, and answers go.",
        "about = about - ARRAY['was', 'answer', 'missing', 'text', 'why']",
    ),
    Held("pauses", "clock_pause", "note", _OF_HANDOFF, "blanked", "Times and reason codes stay.", "note = ''"),
    Held("touches", "touch", "note source", "person_id = ANY(%(people)s)", "blanked", "Times, kind and rep stay.", "note = ''"),
    Held(
        "outcomes", "disposition", "note answers", _OF_HANDOFF, "blanked", "Codes and times stay; notes and answers go.",
        "note = '', answers = '{}'",
    ),
    Held(
        "disputes", "dispute", "reason finding", _OF_HANDOFF, "blanked", "What was found stays as a code; one that is open is taken back.",
        "reason = '', finding = '', state = CASE WHEN state = 'open' THEN 'withdrawn' ELSE state END, "
        "decided_at = CASE WHEN state = 'open' THEN %(at)s ELSE decided_at END, decided_by = CASE WHEN state = 'open' THEN %(by)s ELSE decided_by END",
    ),
    Held("turns given back", "turn_credit", "note", _OF_HANDOFF, "blanked", "Whose turn, and the reason's code, stay.", "note = ''"),
    Held(
        "messages", "outbox", "payload why",
        "handoff_id = ANY(%(handoffs)s) AND (handoff_id = ANY(%(opened)s) OR payload #>> '{joined,id}' = ANY(%(people)s))", "blanked",
        "That one was written, to whom and when stays. What waits is dropped; what died cannot be sent again.",
        "payload = payload - 'why', settled_at = coalesce(settled_at, %(at)s), lease_until = NULL, "
        "why = CASE WHEN state = 'sent' THEN NULL ELSE 'the person was erased' END, state = CASE WHEN state = 'sent' THEN state ELSE 'dropped' END",
    ),
    Held(
        "events", "event", "data", "person_id = ANY(%(people)s) OR handoff_id = ANY(%(opened)s)", "blanked",
        "Names, times and codes stay; what people wrote goes.", "data = data - ARRAY['why', 'note', 'answer', 'answers', 'said', 'text', 'because']",
    ),
    Held("opportunities", "opportunity", "stage", "person_id = ANY(%(people)s)", "kept", "Stage, amount and times are the company's, and the figures'."),
    Held(
        "follow-ups", "follow_up", "ended_why", "person_id = ANY(%(people)s)", "kept", "How many attempts, and when; one that runs ends.",
        "ended_why = coalesce(ended_why, CASE WHEN ended_at IS NULL THEN 'closed' END), ended_at = coalesce(ended_at, %(at)s), "
        "falls_due_at = CASE WHEN ended_at IS NULL THEN NULL ELSE falls_due_at END",
    ),
    Held("ways to reach them", "reach", "", "person_id = ANY(%(people)s)", "deleted", "Whoever keeps a list of whom not to contact keeps it: the sender."),
    Held(
        "ways back to marketing", "way_back", "reason needs", "person_id = ANY(%(people)s)", "kept", "Codes and times; they are on no list any more.",
        "told_at = coalesce(told_at, %(at)s), settled_at = CASE WHEN leads_to = 'merge' THEN coalesce(settled_at, %(at)s) ELSE settled_at END",
    ),
    Held("what is compared of them", "person_said", "said", "person_id = ANY(%(people)s)", "deleted", "They are found by nothing."),
    Held("keys they are found by", "person_key", "", "person_id = ANY(%(people)s)", "deleted", "They are found by nothing."),
    Held(
        "matches to accounts", "match_decision", "working", "person_id = ANY(%(people)s)", "blanked", "Account and code stay.",
        "working = '{\"asked\": {}, \"because\": [], \"runners\": []}'",
    ),
    Held(
        "questions who is whom", "match_review", "working note", "person_id = ANY(%(people)s) OR (kind = 'person' AND other_id = ANY(%(people)s))",
        "deleted", "Both sides of a question are told in it.",
    ),
    Held("waiting to be compared", "match_waiting", "id", "noun = 'person' AND id = ANY(%(people)s)", "deleted", "Nothing is left to compare."),
    Held(
        "rows a merge moved", "person_merge_moved", "id",
        "merge_id IN (SELECT id FROM person_merge WHERE kept_id = ANY(%(people)s) OR folded_id = ANY(%(people)s))", "deleted",
        "Their keys are among them. Such a merge cannot be undone any more.",
    ),
    Held(
        "merges", "person_merge", "before kept_fields", "kept_id = ANY(%(people)s) OR folded_id = ANY(%(people)s)", "blanked",
        "That two were made one, by whom and when stays.", "before = '{}', kept_fields = '{}'",
    ),
    Held("verdicts of a shadow", "shadow_standing", "outcome next_step sentence", "person_id = ANY(%(people)s)", "deleted", "Nobody is judged any more."),
    Held("handoffs of a shadow", "shadow_handoff", "working", "person_id = ANY(%(people)s)", "kept", "Times and owner, as of real ones."),
    Held(
        "people", "person", "email name fields", "id = ANY(%(people)s)", "blanked", "A row without a name, for what names it.",
        "email = NULL, name = 'erased', account_id = NULL, fields = '{}', erased_at = %(at)s",
    ),
)  # fmt: skip

#: Rows that are others', or nobody's, and may speak of a person. What is not a person's own is told apart in Python: see `store.mentions`.
SEARCHED: Final = (
    Searched("signal", "email user_id anonymous_id group_id previous_id properties person account"),
    Searched("person", "name fields"),
    Searched("account", "name fields"),
    Searched("learned", "fields", "seq"),
    Searched("verdict", "working"),
    Searched("readiness_override", "reason"),
    Searched("handoff", "source"),
    Searched("brief", "body", "handoff_id", "handoff_id"),
    Searched("assignment", "working", handoff="handoff_id"),
    Searched("clock", "about", handoff="handoff_id"),
    Searched("clock_pause", "note", handoff="handoff_id", written=True),
    Searched("touch", "note", handoff="handoff_id", written=True),
    Searched("disposition", "note answers", handoff="handoff_id", written=True),
    Searched("dispute", "reason finding", handoff="handoff_id", written=True),
    Searched("turn_credit", "note", handoff="handoff_id", written=True),
    Searched("outbox", "payload why", handoff="handoff_id"),
    Searched("event", "data", "seq", "handoff_id", written=True),
    Searched("match_decision", "working"),
    Searched("match_review", "working note"),
    Searched("person_merge", "before kept_fields"),
    Searched("shadow_handoff", "working"),
    Searched("intake_problem", "part what fix payload raw"),
    Searched("rep_profile", "off_why", "rep_id"),
    Searched("replay_run", "result"),
)

#: Found apart from the rest, since what becomes of it is more than blanking: (noun, table, columns, how, why).
APART: Final = (
    (
        "refused payloads", "intake_problem", "payload raw what", "blanked",
        "An event of theirs goes, and is dismissed; a batch loses their events; a body that is no JSON and names them goes whole.",
    ),
    (
        "accounts of one person", "account", "id key name domain fields", "blanked",
        "An account that is called by their address, or only they belong to and is called by their name, gets an id and a key that say "
        "nothing; every row that named it names that one.",
    ),
    ("domains", "further_domain", "domain", "deleted", "Of such an account."),
    ("words an account is found by", "account_key", "", "deleted", "Of such an account."),
    ("replays", "replay_run", "result", "blanked", "Their name on a list becomes `erased`; one that runs is asked to stop."),
    ("what matching learned", "match_model", "body", "blanked", "How frequent their address, number and, where nobody shares it, their name are."),
)  # fmt: skip

#: Columns of text and JSON that hold nothing of a person, table by table, and why.
NOTHING: Final = {
    "contract": ("id name motion source", "Written by its authors and signed: never changed. Keep people out of its examples."),
    "contract_draft": ("source content state by", "As the contract."),
    "contract_history": ("kind by side content data previous hash", "Hashes and signers; never changed."),
    "rep": ("id name email team manager_id time_zone", "Colleagues; who leaves is made inactive."),
    "absence": ("rep_id why source", "Colleagues."),
    "absence_feed": ("rep_id name url kept_by etag modified problems", "Colleagues."),
    "rep_address": ("channel address rep_id", "Colleagues."),
    "rep_profile": ("rep_id week holidays skills off_by", "Colleagues."),
    "rep_day": ("rep_id", "Counts."),
    "open_count": ("rep_id", "Counts."),
    "roster_log": ("noun id was becomes data", "Colleagues and their accounts."),
    "owner_change": ("account_id was becomes by state overrides", "Colleagues and their accounts."),
    "login": ("id email name role rep_id password", "Colleagues: `handfast login remove`."),
    "session": ("login_id", "Colleagues."),
    "brief_opened": ("handoff_id rep_id via", "Colleagues."),
    "rotation": ("pool rep_id", "Counts."),
    "shadow_rotation": ("shadow_id pool rep_id", "Counts."),
    "cover": ("handoff_id owner_id cover_id reason how", "Ids and codes."),
    "offer": ("handoff_id rep_id timer_id", "Ids."),
    "timer": ("id clock_id handoff_id action target", "Ids and codes."),
    "shadow": ("id contract_id name source asked_by", "A draft of the contract."),
    "shadow_account": ("shadow_id account_id sentence", "Counts and points of a company."),
    "canary_end": ("guardrail why figures", "Figures."),
    "notice_window": ("channel recipient", "Colleagues."),
    "import_run": ("id file kind", "The name of a file."),
    "write_key": ("source", "The name of a door."),
    "note": ("key value", "Facts about the installation, and sign-ins."),
    "erasure": ("id by reason counts", "Nothing of whom it was about; the reason is asked not to name them."),
    "alembic_version": ("version_num", "The revision."),
    # What the tables above hold beside what is erased: ids made of no address, codes, and names of doors and contracts.
    "person": ("id account_id merged_into", "Ids, made of the id of the first signal."),
    "account": ("owner_id", "A colleague."),
    "identity": ("person_id", "An id."),
    "signal": ("source kind", "The door, and what was done. `id` is a hash of what the sender calls the message."),
    "learned": ("noun belongs_to", "Ids."),
    "standing": ("person_id contract_id outcome", "Ids and codes."),
    "verdict": ("id person_id account_id contract_id outcome next_step reason", "Ids and codes of the contract."),
    "readiness_override": ("id person_id account_id verdict by", "Ids, codes and a colleague."),
    "handoff": (
        "id motion party account_id person_id contract_id verdict_id next_step sla owner_id outcome reason", "Ids and codes of the contract.",
    ),
    "handoff_person": ("handoff_id person_id verdict_id", "Ids."),
    "assignment": ("id handoff_id owner_id rule pool", "Ids and codes of the contract."),
    "brief": ("handoff_id", "An id."),
    "clock": ("id handoff_id kind sla calendar contract_id stopped_by", "Ids, codes and hours."),
    "clock_pause": ("id handoff_id reason waits_for by ended_by kind", "Ids, codes and colleagues."),
    "touch": ("id handoff_id person_id rep_id kind evidence", "Ids and codes."),
    "disposition": ("id handoff_id outcome reason by", "Ids, codes and a colleague."),
    "dispute": ("id handoff_id about side by state decided_by", "Ids, codes and colleagues."),
    "turn_credit": ("id pool rep_id handoff_id reason by", "Ids, codes and colleagues."),
    "outbox": ("id handoff_id kind channel recipient owner_id state", "Ids, codes and colleagues."),
    "event": ("name handoff_id person_id account_id rep_id", "Ids."),
    "opportunity": ("id handoff_id person_id account_id owner_id", "Ids."),
    "follow_up": ("id handoff_id person_id", "Ids."),
    "reach": ("person_id", "An id."),
    "way_back": ("id handoff_id person_id leads_to settled_by", "Ids, codes and a colleague."),
    "person_said": ("person_id", "An id."),
    "person_key": ("person_id", "An id."),
    "account_key": ("account_id", "An id."),
    "match_decision": ("id person_id contract_id state account_id code tie_break by", "Ids, codes and a colleague."),
    "match_review": ("id kind person_id other_id code state by", "Ids, codes and a colleague."),
    "match_waiting": ("noun", "A code."),
    "person_merge": ("id kept_id folded_id by undone_by", "Ids and colleagues."),
    "person_merge_moved": ("merge_id noun", "Ids."),
    "shadow_standing": ("shadow_id person_id", "Ids."),
    "shadow_handoff": ("id shadow_id party person_id next_step owner_id rule pool sla", "Ids and codes of the contract."),
    "intake_problem": ("id source state", "A hash of the payload, the door and a code."),
    "replay_run": ("id contract_id name source state doing asked_by", "A draft of the contract, and a colleague."),
    "further_domain": ("account_id by", "An id and a colleague."),
}  # fmt: skip


def columns() -> dict[str, set[str]]:
    """table → its columns that something is decided about, here."""
    found: dict[str, set[str]] = {}
    told = [(one.table, one.columns) for one in (*HELD, *SEARCHED)] + [(one[1], one[2]) for one in APART]
    for table, names in [*told, *((table, said[0]) for table, said in NOTHING.items())]:
        found.setdefault(table, set()).update(names.split())
    return found


__all__ = ["APART", "HELD", "NOTHING", "SEARCHED", "Held", "How", "Searched", "columns"]
