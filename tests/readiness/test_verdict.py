"""When is a lead ready? Anna looks at prices and asks for a demo; the marketer and the rep check every sum by hand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from readiness_house import DEMO, contract, did, evidence_of, intent_at, judged, people_of, points_of, utc

from handfast.readiness.verdict import judge

POINT = 1_000_000
MICROSECOND = timedelta(microseconds=1)
NOON = utc("2026-03-04 12:00")  # a Wednesday

PRICES = {"on": "page_viewed", "when": "path LIKE '/pricing%'", "points": 10}
NORTHWIND = contract(
    fit={
        "at_least": 50,
        "points": [
            {"when": "employees BETWEEN 200 AND 5000", "points": 30, "because": "ICP size"},
            {"when": "industry IN ('software', 'finance')", "points": 20, "because": "ICP industry"},
            {"when": "customer", "points": -15, "because": "Has bought already"},
        ],
        "never": [{"when": "country = 'KP'", "reason": "embargo"}, {"when": "seniority = 'student'", "reason": "student"}],
    },
    intent={"at_least": 15, "half_life": "14 days", "lookback": "90 days", "points": [PRICES, {"on": "form_submitted", "points": 8}]},
)
GOOD = {"employees": 300, "industry": "software", "customer": False, "country": "US"}
ASKED = [
    did("anna", "page_viewed", NOON - timedelta(hours=2), path="/pricing/teams"),
    did("anna", "form_submitted", NOON - timedelta(hours=1), form="demo"),
]


def verdict(person: dict[str, object], signals: list[dict[str, object]] = ASKED) -> tuple[object, ...]:
    return judged(NORTHWIND, [("anna", NOON)], signals, {"anna": person}).select("outcome", "fit", "next_step", "reason").row(0)


# --- the three conditions and the veto ------------------------------------------------------------------------


def test_ready_is_fit_and_intent_and_a_next_step() -> None:
    assert verdict(GOOD) == ("ready", 50, "demo", None)
    assert verdict({**GOOD, "industry": "retail"}) == ("not_yet", 30, "demo", None)  # no fit
    assert verdict(GOOD, ASKED[1:]) == ("not_yet", 50, "demo", None)  # 8 points of intent, 15 asked for
    assert verdict(GOOD, [ASKED[0], ASKED[0] | {"occurred_at": NOON}]) == ("not_yet", 50, None, None)  # looks, but asks for nothing


def test_unknown_is_not_met_and_not_held_against_anybody() -> None:
    assert verdict({**GOOD, "industry": None}) == ("not_yet", 30, "demo", None)
    assert verdict({"employees": 300, "industry": "finance"}) == ("ready", 50, "demo", None)  # who knows whether she is a customer?
    assert verdict({**GOOD, "customer": True}) == ("not_yet", 35, "demo", None)


def test_never_beats_everything_and_the_first_rule_gives_the_reason() -> None:
    assert verdict({**GOOD, "country": "KP"}) == ("never", 50, "demo", "embargo")
    assert verdict({**GOOD, "country": "KP", "seniority": "student"}) == ("never", 50, "demo", "embargo")
    assert verdict({**GOOD, "seniority": "student"}) == ("never", 50, "demo", "student")
    assert verdict({**GOOD, "country": None})[0] == "ready"  # an unknown country is no embargo


def test_a_condition_may_ask_whether_something_is_known() -> None:
    """Of a stranger, a person with an empty row and a person without the column, the same is known: nothing."""
    careful = contract(fit={"at_least": 0, "points": [{"when": "country IS NULL OR country = 'US'", "points": 7}]})
    people = {"empty": {}, "german": {"country": "DE"}}
    points = [("stranger", NOON), ("german", NOON), ("empty", NOON)]
    assert judged(careful, points, people=people)["fit"].to_list() == [7, 0, 7]
    without = pl.DataFrame({"person_id": ["german"]})
    assert judge(careful, points_of([("german", NOON)]), without, evidence_of(careful, []))["fit"].to_list() == [7]


# --- decay ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "millionths"),
    [
        (timedelta(0), 10_000_000),
        (timedelta(days=14), 5_000_000),  # one half-life: exactly half
        (timedelta(days=28), 2_500_000),
        (timedelta(days=7), 7_071_068),  # 10 / sqrt(2) = 7.0710678…
        (timedelta(days=84), 156_250),  # six half-lives: 10 / 64
        (timedelta(days=90) - MICROSECOND, 116_093),  # 10 x 0.5 ^ (90 / 14) = 10 x 0.01160933
        (timedelta(days=90), 0),  # the lookback does not include its border
    ],
)
def test_points_halve_with_each_half_life(age: timedelta, millionths: int) -> None:
    assert intent_at(NORTHWIND, NOON, [did("anna", "page_viewed", NOON - age, path="/pricing")]) == millionths


def test_the_future_is_not_known() -> None:
    """A signal counts from its own microsecond on."""
    signals = [did("anna", "page_viewed", NOON, path="/pricing")]
    assert intent_at(NORTHWIND, NOON - MICROSECOND, signals) == 0
    assert intent_at(NORTHWIND, NOON, signals) == 10 * POINT


def test_each_rule_that_hears_a_signal_counts_it() -> None:
    both = contract(intent={"at_least": 0, "points": [PRICES, {"on": "page_viewed", "points": 1}, {"on": "page_viewed", "points": -4}]})
    assert intent_at(both, NOON, [did("anna", "page_viewed", NOON, path="/pricing")]) == 7 * POINT
    assert intent_at(both, NOON, [did("anna", "page_viewed", NOON, path="/careers")]) == -3 * POINT
    assert intent_at(both, NOON, [did("anna", "page_viewed", NOON)]) == -3 * POINT  # a path nobody knows is no pricing page


def test_each_signal_is_rounded_by_itself() -> None:
    """Three signals of 7.0710678…: the sum is 3 x 7.071068, not 21.213203 as one rounding would have it."""
    day = NOON - timedelta(days=7)
    signals = [did("anna", "page_viewed", day, path="/pricing") for _ in range(3)]
    assert intent_at(NORTHWIND, NOON, signals) == 3 * 7_071_068 != 21_213_203


# --- caps -----------------------------------------------------------------------------------------------------


def capped(at_most: str, zone: str = "UTC", lookback: str = "90 days") -> object:
    rule = {"on": "page_viewed", "points": 10, "at_most": at_most}
    return contract(intent={"at_least": 0, "half_life": "10000 weeks", "lookback": lookback, "points": [rule]}, zone=zone)


def counted(agreement: object, at: str, *times: str) -> int:
    """How many page views count (the half-life is so long that none has decayed by a tenth of a point)."""
    return round(intent_at(agreement, at, [did("anna", "page_viewed", time) for time in times]) / (10 * POINT))  # type: ignore[arg-type]


def test_at_most_two_a_day_and_the_earliest_count() -> None:
    two = contract(intent={"at_least": 0, "half_life": "1 day", "points": [{"on": "page_viewed", "points": 10, "at_most": "2 per day"}]})
    views = [did("anna", "page_viewed", f"2026-03-02 {hour}:00") for hour in ("12", "06", "18")]
    # At midnight: 18 hours since the first, 12 since the second; the third, six hours ago, would have been worth the most.
    assert intent_at(two, "2026-03-03 00:00", views) == round(10 * POINT * 0.5 ** (18 / 24)) + round(10 * POINT * 0.5 ** (12 / 24))


def test_the_next_day_counts_again() -> None:
    assert counted(capped("1 per day"), "2026-03-04 00:00", "2026-03-02 23:59", "2026-03-03 00:00", "2026-03-03 23:59") == 2


def test_a_day_is_a_day_of_the_contracts_own_zone() -> None:
    """22:00 and 23:30 in New York are one day there, although UTC has turned the page in between."""
    evening = ("2026-01-07 03:00", "2026-01-07 04:30")  # 22:00 and 23:30 on the 6th
    assert counted(capped("1 per day", "America/New_York"), "2026-01-08 00:00", *evening) == 1
    around = ("2026-01-07 04:59", "2026-01-07 05:00")  # one minute before, and midnight in New York
    assert counted(capped("1 per day", "America/New_York"), "2026-01-08 00:00", *around) == 2
    assert counted(capped("1 per day"), "2026-01-08 00:00", *around) == 1


def test_the_days_the_clocks_move_have_23_and_25_hours() -> None:
    """New York, 8 March 2026: midnight to midnight is 05:00 to 04:00 UTC. 1 November: 04:00 to 05:00."""
    new_york = capped("1 per day", "America/New_York")
    assert counted(new_york, "2026-03-10 00:00", "2026-03-08 05:00", "2026-03-09 03:59") == 1
    assert counted(new_york, "2026-03-10 00:00", "2026-03-08 05:00", "2026-03-09 04:00") == 2
    assert counted(new_york, "2026-11-03 00:00", "2026-11-01 04:00", "2026-11-02 04:59") == 1
    assert counted(new_york, "2026-11-03 00:00", "2026-11-01 04:00", "2026-11-02 05:00") == 2


def test_a_week_begins_on_monday() -> None:
    week = capped("2 per week")
    sunday, monday, friday = "2026-03-01 23:59", "2026-03-02 00:00", "2026-03-06 09:00"
    assert counted(week, "2026-03-09 00:00", sunday, monday, friday, "2026-03-08 23:59") == 3
    assert counted(week, "2026-03-09 00:00", sunday, monday, friday, "2026-03-09 00:00") == 4


def test_weeks_before_1970_begin_on_monday_too() -> None:
    week = capped("1 per week", lookback="90 days")
    assert counted(week, "1969-12-30 00:00", "1969-12-28 23:59", "1969-12-29 00:00") == 2
    assert counted(week, "1969-12-30 00:00", "1969-12-22 00:00", "1969-12-28 23:59") == 1


def test_at_one_and_the_same_moment_the_lower_number_counts() -> None:
    one = contract(intent={"at_least": 0, "points": [{"on": "page_viewed", "points": 10, "at_most": "1 per day"}]})
    twins = [did("anna", "page_viewed", NOON, signal=8), did("anna", "page_viewed", NOON, signal=3)]
    heard = judged(one, [("anna", NOON)], twins, working=True)["_heard"][0]
    assert heard[0]["signals"] == [3]


def test_a_day_cut_by_the_lookback_is_capped_among_what_is_left_of_it() -> None:
    """Lookback two days, one a day: once the eight o'clock view is too old, the one at ten takes its place."""
    views = ("2026-03-02 08:00", "2026-03-02 10:00", "2026-03-02 11:00")
    short = capped("1 per day", lookback="2 days")
    assert [counted(short, f"2026-03-04 {time}", *views) for time in ("07:59", "08:00", "10:00", "11:00")] == [1, 1, 1, 0]
    dear = contract(
        intent={
            "at_least": 0,
            "half_life": "2 days",
            "lookback": "2 days",
            "points": [{"on": "page_viewed", "points": 10, "at_most": "1 per day"}],
        }
    )
    signals = [did("anna", "page_viewed", time) for time in views]
    assert intent_at(dear, "2026-03-04 09:00", signals) == round(10 * POINT * 0.5 ** (47 / 48))  # the one at ten
    assert intent_at(dear, "2026-03-04 09:00", signals) == intent_at(dear, "2026-03-04 09:00", signals[1:])


def test_a_cap_is_for_one_person_and_one_rule() -> None:
    rules = [{"on": "page_viewed", "points": 1, "at_most": "1 per day"}, {"on": "page_viewed", "points": 100, "at_most": "2 per day"}]
    two = contract(intent={"at_least": 0, "points": rules})
    views = [did(who, "page_viewed", NOON) for who in ("anna", "anna", "anna", "boris")]
    assert judged(two, [("anna", NOON), ("boris", NOON)], views)["intent"].to_list() == [201 * POINT, 101 * POINT]


def test_a_signal_of_unknown_meaning_takes_nobodys_place_under_the_cap() -> None:
    one = contract(intent={"at_least": 0, "points": [PRICES | {"at_most": "1 per day"}]})
    views = [did("anna", "page_viewed", NOON - timedelta(hours=1)), did("anna", "page_viewed", NOON, path="/pricing")]
    assert intent_at(one, NOON, views) == 10 * POINT


# --- next step ------------------------------------------------------------------------------------------------


def open_step(asked: str, at: str, **terms: str) -> str | None:
    agreement = contract(next_step=[{**DEMO, **terms}])
    found = judged(agreement, [("anna", at)], [did("anna", "form_submitted", asked, form="demo")])["next_step"][0]
    assert found in (None, "demo")
    return None if found is None else str(found)


def test_a_wish_is_open_within_and_including_its_term() -> None:
    assert open_step("2026-03-02 10:00", "2026-03-02 10:00") == "demo"
    assert open_step("2026-03-02 10:00", "2026-03-09 10:00") == "demo"
    assert open_step("2026-03-02 10:00", "2026-03-09 10:00:00.000001") is None
    assert open_step("2026-03-02 10:00", "2026-03-02 09:59:59.999999") is None


def test_no_wish_outlives_the_lookback() -> None:
    assert open_step("2026-03-02 10:00", "2026-05-31 09:59:59.999999", within="365 days") == "demo"
    assert open_step("2026-03-02 10:00", "2026-05-31 10:00", within="365 days") is None


def test_the_first_rule_in_the_contract_wins_not_the_latest_signal() -> None:
    steps = [DEMO, {"step": "pricing", "on": "page_viewed", "when": "path = '/pricing'", "within": "2 days"}]
    agreement = contract(next_step=steps)
    signals = [
        did("anna", "form_submitted", "2026-03-02 10:00", form="demo"),
        did("anna", "page_viewed", "2026-03-08 10:00", path="/pricing"),
    ]
    at = ["2026-03-08 12:00", "2026-03-09 12:00", "2026-03-11 12:00"]
    assert judged(agreement, [("anna", time) for time in at], signals)["next_step"].to_list() == ["demo", "pricing", None]


# --- what a batch may hold ------------------------------------------------------------------------------------


def test_the_rows_come_back_in_their_order_with_all_they_brought() -> None:
    points = points_of([("boris", NOON), ("anna", NOON), ("boris", NOON)]).with_columns(case=pl.Series([3, 1, 2]))
    found = judge(NORTHWIND, points, people_of(NORTHWIND, {"anna": GOOD}), evidence_of(NORTHWIND, ASKED))
    assert found.columns == ["person_id", "at", "case", "outcome", "fit", "intent", "next_step", "reason"]
    assert found.select("case", "outcome").rows() == [(3, "not_yet"), (1, "ready"), (2, "not_yet")]
    assert found.schema["fit"] == pl.Int32
    assert found.schema["intent"] == pl.Int64


@pytest.mark.parametrize("working", [False, True])
def test_nothing_at_all_is_also_a_batch(working: bool) -> None:
    nobody, anna = points_of([]), points_of([("anna", NOON)])
    for points in (nobody, anna):
        for people in (pl.DataFrame(), people_of(NORTHWIND, {})):
            for evidence in (pl.DataFrame(), evidence_of(NORTHWIND, [])):
                found = judge(NORTHWIND, points, people, evidence, working=working)
                assert found.height == points.height
                assert found["outcome"].to_list() == ["not_yet"] * points.height
                assert found["intent"].to_list() == [0] * points.height


def test_signals_nobody_listens_to_and_of_nobody_asked_about_change_nothing() -> None:
    noise = [did("anna", "chair_pushed", NOON), did("boris", "page_viewed", NOON, path="/pricing")]
    assert intent_at(NORTHWIND, NOON, [*ASKED, *noise]) == intent_at(NORTHWIND, NOON, ASKED) > 0


def test_columns_of_evidence_that_nobody_delivered_are_unknown() -> None:
    bare = evidence_of(NORTHWIND, ASKED).select("signal", "person_id", "kind", "occurred_at")
    found = judge(NORTHWIND, points_of([("anna", NOON)]), people_of(NORTHWIND, {"anna": GOOD}), bare)
    assert found.select("outcome", "next_step").row(0) == ("not_yet", None)
    assert found["intent"][0] == round(8 * POINT * 0.5 ** (1 / (14 * 24)))  # any form counts, whatever was in it


def test_a_person_named_twice_is_refused() -> None:
    twice = pl.concat([people_of(NORTHWIND, {"anna": GOOD})] * 2)
    with pytest.raises(ValueError, match="twice"):
        judge(NORTHWIND, points_of([("anna", NOON), ("boris", NOON)]), twice, evidence_of(NORTHWIND, []))


def test_people_may_be_numbered_instead_of_named() -> None:
    def numbered(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("person_id").replace_strict({"anna": 7, "boris": 9}, return_dtype=pl.Int64))

    points, people, evidence = (
        points_of([("boris", NOON), ("anna", NOON)]),
        people_of(NORTHWIND, {"anna": GOOD}),
        evidence_of(NORTHWIND, ASKED),
    )
    by_number = judge(NORTHWIND, numbered(points), numbered(people), numbered(evidence))
    assert by_number.drop("person_id").equals(judge(NORTHWIND, points, people, evidence).drop("person_id"))
