"""A verdict shows its working: the marketer argues with it, so each line says what was seen, what was asked for, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from readiness_house import DEMO, contract, did, judged, utc

from handfast.readiness.explain import workings
from handfast.readiness.verdict import verdict_of

NOON = utc("2026-03-04 12:00")
NORTHWIND = contract(
    fit={
        "at_least": 50,
        "points": [
            {"when": "employees BETWEEN 200 AND 5000", "points": 30, "because": "ICP size"},
            {"when": "industry IN ('software', 'finance')", "points": 20, "because": "ICP industry"},
            {"when": "seniority = 'director'", "points": 20},
            {"when": "customer", "points": -15, "because": "Has bought already"},
        ],
        "never": [{"when": "country = 'KP'", "reason": "embargo"}],
    },
    intent={
        "at_least": 16,
        "half_life": "14 days",
        "lookback": "90 days",
        "points": [
            {"on": "page_viewed", "when": "path LIKE '/pricing%'", "points": 10, "at_most": "1 per day", "because": "Pricing page"},
            {"on": "form_submitted", "points": 8},
        ],
    },
    next_step=[DEMO, {"step": "pricing", "on": "page_viewed", "when": "path = '/pricing/quote'", "within": "2 days"}],
)
ANNA = {"employees": 300, "industry": "software", "seniority": "analyst", "customer": False, "country": "US"}


def ago(**span: float) -> Any:
    return NOON - timedelta(**span)


ASKED = [
    did("anna", "page_viewed", ago(hours=3), path="/pricing/teams"),
    did("anna", "page_viewed", ago(hours=2), path="/pricing/teams"),
    did("anna", "page_viewed", ago(hours=2)),
    did("anna", "form_submitted", ago(days=14), form="newsletter"),
    did("anna", "form_submitted", ago(hours=1), form="demo"),
]


def tried(person: Mapping[str, Any], signals: Sequence[Mapping[str, Any]] = ASKED) -> dict[str, Any]:
    return verdict_of(NORTHWIND, person, signals, NOON)


def lines(working: Mapping[str, Any], part: str) -> list[tuple[str, str]]:
    return [(criterion["state"], criterion["sentence"]) for criterion in working["criteria"] if criterion["part"] == part]


# --- criteria -------------------------------------------------------------------------------------------------


def test_every_fit_rule_says_what_was_seen_and_what_it_gave() -> None:
    assert lines(tried({**ANNA, "industry": "retail", "customer": None}), "fit") == [
        ("met", "ICP size: +30, since employees is 300."),
        ("not_met", "ICP industry: 0 of 20, since industry is retail."),
        ("not_met", "seniority = 'director': 0 of 20, since seniority is analyst."),
        ("unknown", "Has bought already: unknown, since customer is not known; it would give −15."),
    ]


def test_a_criterion_carries_the_rule_the_value_and_the_bar() -> None:
    assert tried(ANNA)["criteria"][0] == {
        "part": "fit",
        "rule": 0,
        "because": "ICP size",
        "when": "employees BETWEEN 200 AND 5000",
        "seen": {"employees": 300},
        "bar": 30,
        "points": 30,
        "state": "met",
        "sentence": "ICP size: +30, since employees is 300.",
    }


def test_a_never_rule_that_holds_is_the_whole_answer() -> None:
    working = tried({**ANNA, "country": "KP"})
    assert lines(working, "never") == [("met", "Never, for embargo, since country is KP.")]
    assert (working["outcome"], working["missing"], working["sentence"]) == ("never", ["never: embargo"], "Never: embargo.")
    assert lines(tried(ANNA), "never") == [("not_met", "Not excluded for embargo, since country is US.")]
    assert lines(tried({}), "never") == [("unknown", "Not excluded for embargo, but country is not known.")]


def test_intent_says_what_counted_what_the_cap_left_out_and_what_nobody_understood() -> None:
    """Two pricing views on one day, of which one counts; one view of an unknown page; a form fourteen days ago and one now."""
    working = tried(ANNA)
    assert lines(working, "intent") == [
        ("met", "Pricing page: +9.93 from 1 signal; 1 above 1 per day not counted; 1 of unknown meaning not counted."),
        ("met", "form_submitted: +11.98 from 2 signals."),
    ]
    pricing, forms = (criterion for criterion in working["criteria"] if criterion["part"] == "intent")
    assert pricing["seen"] == {"signals": 1, "capped": 1, "unknown": 1}
    assert pricing["millionths"] == round(10_000_000 * 0.5 ** (3 / 24 / 14))
    assert forms["millionths"] == 4_000_000 + round(8_000_000 * 0.5 ** (1 / 24 / 14))
    assert working["intent"] == working["totals"]["intent"] == (pricing["millionths"] + forms["millionths"]) / 1_000_000


def test_intent_that_nothing_fed_says_so() -> None:
    assert lines(tried(ANNA, []), "intent") == [
        ("not_met", "Pricing page: no such page_viewed within 90 days."),
        ("not_met", "form_submitted: no such form_submitted within 90 days."),
    ]
    unclear = [did("anna", "page_viewed", NOON)]
    assert lines(tried(ANNA, unclear), "intent")[0] == ("unknown", "Pricing page: nothing counts; 1 of unknown meaning not counted.")


def test_the_next_step_names_its_latest_signal_and_when_it_runs_out() -> None:
    twice = [did("anna", "form_submitted", ago(days=6), form="demo"), *ASKED]
    working = tried(ANNA, twice)
    assert lines(working, "next_step") == [
        ("met", "demo: asked 2026-03-04 11:00 UTC, open until 2026-03-11 11:00 UTC."),
        ("unknown", "pricing: unknown, since 1 signal does not say what the condition asks."),
    ]
    assert working["totals"]["next_step_signal"] == 5
    assert working["totals"]["next_step_until"] == "2026-03-11T11:00:00+00:00"
    assert lines(tried(ANNA, []), "next_step")[0] == ("not_met", "demo: no such form_submitted within 7 days.")


def test_a_wish_that_has_run_out_is_no_input() -> None:
    """The demo form of eight days ago still gives points, but opens nothing."""
    working = tried(ANNA, [did("anna", "form_submitted", ago(days=8), form="demo")])
    assert (working["next_step"], working["totals"]["next_step_signal"], working["inputs"]) == (None, None, [0])


def test_the_inputs_are_the_signals_that_counted() -> None:
    assert tried(ANNA)["inputs"] == [0, 3, 4]


def test_of_several_wishes_only_the_latest_of_the_chosen_step_is_an_input() -> None:
    """Nothing here gives points: the verdict rests on one signal, and would rest on it alone."""
    steps = [DEMO, {"step": "letter", "on": "form_submitted", "within": "30 days"}]
    forms = [did("anna", "form_submitted", ago(days=days), form="demo") for days in (3, 1, 2)]
    working = verdict_of(contract(next_step=steps), {}, forms, NOON)
    assert (working["next_step"], working["inputs"]) == ("demo", [1])


def test_a_signal_of_unknown_meaning_is_not_called_capped_on_a_full_day() -> None:
    """One a day: the first view is of nobody knows what, the second counts, the third is above the cap."""
    views = [did("anna", "page_viewed", ago(hours=3)), *(did("anna", "page_viewed", ago(hours=h), path="/pricing") for h in (2, 1))]
    pricing = next(criterion for criterion in tried(ANNA, views)["criteria"] if criterion["part"] == "intent")
    assert pricing["seen"] == {"signals": 1, "capped": 1, "unknown": 1}
    assert pricing["millionths"] == round(10_000_000 * 0.5 ** (2 / 24 / 14))


# --- what is missing ------------------------------------------------------------------------------------------


def test_ready_lacks_nothing() -> None:
    working = tried(ANNA)
    assert working["missing"] == []
    assert working["sentence"] == "Ready: fit 50 (50 needed), intent 21.92 (16 needed), next step demo."


@pytest.mark.parametrize(
    ("person", "missing"),
    [
        ({**ANNA, "industry": None}, "fit 30 of 50: industry unknown or seniority = 'director'"),
        ({**ANNA, "industry": "retail"}, "fit 30 of 50: ICP industry or seniority = 'director'"),
        ({**ANNA, "industry": None, "seniority": None}, "fit 30 of 50: industry unknown"),  # one of the two is enough
        ({**ANNA, "employees": None, "industry": None}, "fit 0 of 50: employees and industry unknown"),
        ({**ANNA, "employees": 7}, "fit 20 of 50: ICP size"),
        ({**ANNA, "employees": 7, "industry": None}, "fit 0 of 50: +50 fit, and what is unknown gives 20 at most"),
        ({**ANNA, "employees": 7, "industry": "retail"}, "fit 0 of 50: +50 fit"),
        ({**ANNA, "customer": True}, "fit 35 of 50: seniority = 'director'"),
        ({}, "fit 0 of 50: employees and industry unknown"),
    ],
)
def test_the_shortest_way_to_enough_fit(person: dict[str, Any], missing: str) -> None:
    assert tried(person)["missing"] == [missing]


def test_a_rule_on_two_unknown_fields_needs_both() -> None:
    rule = {"when": "employees > 100 AND industry = 'software'", "points": 10}
    both = contract(fit={"at_least": 10, "points": [rule]})
    assert verdict_of(both, {}, [], NOON)["missing"][0] == "fit 0 of 10: employees and industry unknown"
    assert verdict_of(both, {"employees": 500}, [], NOON)["missing"][0] == "fit 0 of 10: industry unknown"


def test_a_field_that_would_cost_points_is_no_way() -> None:
    working = tried({**ANNA, "employees": 7, "industry": "retail", "seniority": "director", "customer": None})
    assert working["missing"] == ["fit 20 of 50: ICP size"]


def test_what_is_short_is_rounded_up_so_that_it_is_enough() -> None:
    """Two half-lives ago a pricing view, now 2.5 points: 13.5 are missing. A second later a little more is."""
    then = [did("anna", "page_viewed", ago(days=28), path="/pricing")]
    assert tried(ANNA, then)["missing"] == ["+13.5 intent", "no open next step: demo or pricing"]
    later = [did("anna", "page_viewed", ago(days=28, seconds=1), path="/pricing")]
    assert tried(ANNA, later)["missing"][0] == "+13.6 intent"
    assert tried(ANNA, [])["missing"][0] == "+16 intent"


def test_a_score_just_below_its_bar_is_not_shown_as_the_bar() -> None:
    """Two forms, nearly new: 15.9999 points of 16. Nobody is told 'intent 16, 16 needed: not yet'."""
    forms = [did("anna", "form_submitted", ago(seconds=9), form="demo") for _ in range(2)]
    working = tried(ANNA, forms)
    assert (working["outcome"], working["missing"]) == ("not_yet", ["+0.1 intent"])
    assert working["sentence"] == "Not yet: fit 50 (50 needed), intent 15.99 (16 needed), next step demo."


# --- for machines ---------------------------------------------------------------------------------------------


def test_it_can_be_written_as_json_whatever_was_seen() -> None:
    odd = contract(
        fit={"at_least": 0, "points": [{"when": "founded < '2020-01-01' OR customer", "points": 5, "because": "Grown up"}]},
        intent={"at_least": 0},
    )
    working = verdict_of(odd, {"founded": "2019-05-01T00:00:00Z"}, [], NOON)
    assert json.loads(json.dumps(working)) == working
    assert working["criteria"][0]["seen"] == {"customer": None, "founded": "2019-05-01T00:00:00+00:00"}
    assert working["criteria"][0]["sentence"] == "Grown up: +5, since customer is not known and founded is 2019-05-01T00:00:00+00:00."


def test_a_condition_can_be_unknown_although_all_its_fields_are_known() -> None:
    rule = {"when": "1000 / employees < 5", "points": 5, "because": "Revenue a head"}
    working = verdict_of(contract(fit={"at_least": 5, "points": [rule]}), {"employees": 0}, [], NOON)
    assert lines(working, "fit") == [("unknown", "Revenue a head: unknown, since the answer is not known; it would give +5.")]
    assert working["missing"][0] == "fit 0 of 5: +5 fit, and what is unknown gives 5 at most"


def test_a_contract_without_rules_explains_itself_too() -> None:
    bare = contract()
    found = judged(bare, [("anna", NOON), ("boris", NOON)], [did("boris", "form_submitted", NOON, form="demo")], working=True)
    first, second = workings(bare, found)
    assert [criterion["part"] for criterion in first["criteria"]] == ["next_step"]
    assert first["missing"] == ["no open next step: demo"]
    assert second["sentence"] == "Ready: fit 0 (0 needed), intent 0 (0 needed), next step demo."


def test_each_row_of_a_batch_gets_the_working_it_would_get_alone() -> None:
    people = {"anna": ANNA, "boris": {"employees": 3}}
    signals = [*ASKED, did("boris", "page_viewed", NOON, path="/pricing/quote")]
    both = judged(NORTHWIND, [("boris", NOON), ("anna", NOON), ("carla", NOON)], signals, people, working=True)
    alone = [judged(NORTHWIND, [(who, NOON)], signals, people, working=True) for who in ("boris", "anna", "carla")]
    assert workings(NORTHWIND, both) == [working for one in alone for working in workings(NORTHWIND, one)]


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        verdict_of(NORTHWIND, ANNA, [], NOON.replace(tzinfo=None))
