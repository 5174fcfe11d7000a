"""The agreement: everything in a contract compiled once, and what does not fit together said at its place."""

from __future__ import annotations

import pytest

from handfast.contract.agreement import OVERRIDDEN, agree
from handfast.contract.signals import STANDARD
from handfast.contract.terms import Contract
from handfast.problem import Place

from .contracts import SOUND, agreed, changed, refused


def test_the_conditions_are_compiled_in_the_order_of_the_terms() -> None:
    agreement = agreed()
    terms = agreement.contract
    assert [c.text for c in agreement.fit] == [rule.when for rule in terms.ready.fit.points]
    assert [c.text for c in agreement.never] == ["country IN ('KP')"]
    assert [c and c.text for c in agreement.intent] == ["path LIKE '/pricing%'", "seats > 3", None]
    assert [c and c.text for c in agreement.next_step] == ["form = 'demo'", "form = 'pricing'"]
    assert [c.text for c in agreement.territories] == ["country = 'US'"]
    assert [c and c.text for c in agreement.sla] == ["next_step = 'demo'", None]
    assert agreement.id == terms.id


def test_it_knows_which_signals_it_listens_to_and_what_it_reads_of_them() -> None:
    agreement = agreed()
    assert agreement.kinds == {"page_viewed", "seat_added", "form_submitted", OVERRIDDEN}
    assert dict(agreement.signal_fields) == {"form": "text", "path": "text", "seats": "int"}


def test_an_sla_may_speak_of_those_made_ready_by_hand() -> None:
    text = changed("next_step = 'demo'", "next_step IN ('demo', 'by_hand')")
    assert agreed(text).sla[0] is not None
    assert any("by_hnd" in problem.what for problem in refused(changed("next_step = 'demo'", "next_step = 'by_hnd'")))


def test_hours_go_by_name() -> None:
    agreement = agreed()
    assert agreement.hours("team").zone == "America/New_York"
    assert agreement.hours("berlin").zone == "Europe/Berlin"
    assert agreement.hours("always").zone == "UTC"
    with pytest.raises(KeyError):
        agreement.hours("tokyo")


def test_a_contract_made_in_code_names_the_term_instead_of_a_line() -> None:
    terms = agreed().contract.model_dump(mode="json")
    terms["ready"]["fit"]["points"][1]["when"] = "employees > 5 AND indusry = 'x'"
    agreement, problems = agree(Contract.model_validate(terms), Place("made up"))
    assert agreement is None
    assert str(problems[0].where) == "made up, ready.fit.points[1].when, character 19"


@pytest.mark.parametrize(
    ("old", "new", "at", "what", "fix"),
    [
        # calendars
        ("America/New_York", "America/NewYork", "America/NewYork", "'America/NewYork' is no time zone", "Did you mean 'America/New_York'?"),
        ("mon-fri: [\"09:00-17:00\"]", "mon-fry: [\"09:00-17:00\"]", "mon-fry", "'mon-fry' is no weekday", "'mon-fri'"),
        ("calendar: berlin", "calendar: berln", "berln", "there is no calendar 'berln'", "Did you mean 'berlin'?"),
        ("  berlin: {", "  always: {", "always", "the calendar 'always' is built in", "another name"),
        # fields
        ("{employees: int, industry", "{employees: int, intent: int, industry", "intent", "the name 'intent' is taken", "something else"),
        ("{seats: int}", "{seats: int, kind: text}", "kind", "the name 'kind' is taken", "something else"),
        ("{seats: int}", "{seats: int, minutes: text}", "text", "'minutes' is text here and int in 'webinar_attended'", "one type"),
        ("{seats: int}", "{seats: int}\n  seat_lost: {seats: text}", "text", "'seats' is text here and int in 'seat_added'", "one type"),
        # ready
        ("at_least: 30", "at_least: 36", "36", "nobody can have 36 fit points: all rules together give 35", "35 at most"),
        ("on: page_viewed", "on: page_veiwed", "page_veiwed", "no signal 'page_veiwed' is known", "Did you mean 'page_viewed'?"),
        ("{step: demo, on: form_submitted", "{step: demo, on: fomr", "fomr", "no signal 'fomr' is known", "signals:"),
        ("within: 7 days}", "within: 0 days}", "0 days", "a wish is never this young", "7 days"),
        ("    at_least: 20\n", "    at_least: 20\n    half_life: 0 days\n", "0 days", "half_life is no time at all", "14 days"),
        # routing
        ("{ana: 1, ben: 0.5}", "{}", "members", "nobody is in pool 'team'", "Add members"),
        ("ben: 0.5", "ben: 5000", "5000", "ben has the weight 5000", "up to 1000"),
        ("default: team", "default: taem", "taem", "there is no pool 'taem'", "Did you mean 'team'?"),
        ("to: team}", "to: tema}", "tema", "'tema' is neither a pool nor a member of one", "Did you mean 'team'?"),
        ("reassign: team", "reassign: pool", "pool", "'pool' is neither a pool nor a member of one", "Use one of: ana, ben, team."),
        ("  default: team", "  default: team\n  ladder: [named_account, pool]", "territories", "no rung asks for territories", "`territory`"),
        ("  default: team", "  default: team\n  ladder: [territory]", "team", "no rung asks for the default pool", "`pool`"),
        ("  default: team", "  default: team\n  ladder: []", "ladder", "the ladder has no rung", "named_account"),
        ("  default: team", "  default: team\n  ladder: [pool, territory, pool]", "ladder", "'pool' stands on the ladder 2 times", "once"),
        ("    - {name: east, when", "    - {name: east, when: 'TRUE', to: ana}\n    - {name: east, when", "east", "two territories are called 'east'", "own"),
        # clocks
        ("name: standard", "name: hand-raiser", "hand-raiser", "two SLAs are called 'hand-raiser'", "own"),
        ("    when: \"next_step = 'demo'\"\n", "", "hand-raiser", "'hand-raiser' has no condition, so the SLAs after it never hold", "last"),
        ("first_touch: 4 hours", "first_touch: 0 hours", "0 hours", "nobody can be this fast", ""),
        ("\"next_step = 'demo'\"", "\"next_step = 'dmeo'\"", "'dmeo'", "next_step is never 'dmeo'", "Did you mean 'demo'?"),
        ("after: 15 minutes", "after: 2 minutes", "2 minutes", "the step after 2 minutes stands below the one after 3 minutes", "order"),
        ("after: 15 minutes", "after: 4 minutes", "4 minutes", "taken from the owner after 4 minutes, although the first touch has 5 minutes", "5 minutes"),
        ("after: 15 minutes, reassign: team", "after: 15 minutes, return_to: marketing", "{after: 1 day", "nothing comes after the return", "last step"),
        # brief, dispositions, match
        ("{step: demo, action", "{step: dmeo, action", "dmeo", "no next step is called 'dmeo'", "Did you mean 'demo'?"),
        ("Call {first_name}.", "Call {firstname}.", "Call", "nothing is known to fill {firstname} with", "Did you mean 'first_name'?"),
        ("[{theme: Speed, words: [fast]}", "[{theme: Speed, words: [a]}, {theme: Speed, words: [b]}", "Speed", "two themes are called 'Speed'", "own"),
        ("bad_fit: {blames: fit}", "bad_fit: {back: 9 days}", "9 days", "'bad_fit' is a disqualification", "`recycle`"),
        ("brief:\n", "match: {free_mail: ['x@mail.example']}\nbrief:\n", "x@mail", "'x@mail.example' is no mail domain", "'mail.example'"),
        # examples
        ("verdict: ready", "verdct: ready", "verdct", "'verdct' is no part of 'expect'", "Did you mean 'verdict'?"),
        ("verdict: ready", "verdict: reddy", "reddy", "'reddy' is no verdict of this contract", "Did you mean 'ready'?"),
        ("{employees: 800", "{employes: 800", "employes", "'employes' is not a declared field", "Did you mean 'employees'?"),
        ("{employees: 800", "{employees: many", "many", "'many' is no int", ""),
        ("kind: form_submitted, form: demo", "kind: form_submited", "form_submited", "no signal 'form_submited' is known", "Did you mean 'form_submitted'?"),
        ("kind: form_submitted, form: demo", "kind: form_submitted, from: demo", "from", "'from' is not a declared field", "Did you mean 'form'?"),
        ("form: demo}]", "form: demo, ago: soon}]", "soon", "'soon' is not a duration", "10 minutes"),
        ("at: 2026-03-02 10:00", "at: yesterday", "yesterday", "'yesterday' is no moment", "2026-03-02 10:00"),
        ("at: 2026-03-02 10:00", "at: 2026-02-30 10:00", "2026-02-30", "is no moment", ""),
        ("first_touch: 5 minutes}", "first_touch: 5}", "5}", "'5' is not a duration", "5 minutes"),
        ("expect: {verdict: ready, owner: ana, first_touch: 5 minutes}", "expect: {}", "expect", "nothing is expected", "verdict"),
        ("at: 2026-03-02 10:00", "away: ana", "ana", "'away' is not a list of reps", "[ana, ben]"),
        ("at: 2026-03-02 10:00", "open: {ana: many}", "open", "'open' does not say how many", "{ana: 8}"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said_at_its_place(old: str, new: str, at: str, what: str, fix: str) -> None:
    text = changed(old, new)
    problems = refused(text)
    mine = [problem for problem in problems if what in problem.what and fix in problem.fix]
    assert mine, list(map(str, problems))
    assert text.splitlines()[mine[0].where.line - 1][mine[0].where.column - 1 :].startswith(at), str(mine[0])


def test_a_bar_of_capped_rules_that_nobody_can_reach() -> None:
    """Twice two points a week, halved every two weeks: never more than about nineteen."""
    text = SOUND
    text = changed(
        "{on: page_viewed, when: 'path LIKE ''/pricing%''', points: 10, at_most: 3 per day}",
        "{on: page_viewed, points: 2, at_most: 2 per week}",
        text,
    )
    text = changed('      - {on: seat_added, when: "seats > 3", points: 5}\n      - {on: form_submitted, points: 30}\n', "", text)
    problems = refused(changed("at_least: 20", "at_least: 25", text))
    assert "nobody can have 25 intent points: all rules together never give more than" in problems[0].what
    agreed(changed("at_least: 20", "at_least: 12", text))
    assert "nobody can have 20 intent points" in refused(changed("points: 2, at_most", "points: -2, at_most", text))[0].what


def test_every_kind_the_house_knows_is_in_the_reference(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "docs" / "reference" / "conditions.md").read_text()
    for kind, fields in STANDARD.items():
        assert f"`{kind}`" in text
        for name in fields:
            assert f"`{name}`" in text
