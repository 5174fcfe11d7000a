"""Laws the verdict keeps whatever the contract, the people and the signals: tried on random ones, beside a slow second opinion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Rule, Terms, answer
from readiness_house import contract, evidence_of, people_of, points_of, utc

from handfast.contract.agreement import Agreement
from handfast.readiness import evidence as evidence_room
from handfast.readiness.explain import workings
from handfast.readiness.verdict import judge

START = utc("2026-03-05 00:00")  # the clocks of New York are moved on the 8th
PEOPLE = ("anna", "boris", "carla", "dmitri")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
settings.register_profile("laws", deadline=None, suppress_health_check=list(HealthCheck))
LAWS = settings(settings.get_profile("laws"), max_examples=60)


def _less(name: str, bar: int) -> tuple[str, Any]:
    return f"{name} < {bar}", lambda row: None if row.get(name) is None else row[name] < bar


def _is(name: str, value: str) -> tuple[str, Any]:
    return f"{name} = '{value}'", lambda row: None if row.get(name) is None else row[name] == value


def _no_value(name: str) -> tuple[str, Any]:
    return f"{name} IS NULL", lambda row: row.get(name) is None


def _either(name: str, bar: int, other: str, value: str) -> tuple[str, Any]:
    def ask(row: Mapping[str, Any]) -> bool | None:
        said = (None if row.get(name) is None else row[name] < bar, None if row.get(other) is None else row[other] == value)
        return True if True in said else None if None in said else False

    return f"{name} < {bar} OR {other} = '{value}'", ask


ABOUT_PEOPLE = [
    _less("employees", 50),
    _less("employees", 500),
    _is("industry", "software"),
    _is("country", "US"),
    _no_value("industry"),
    _either("employees", 10, "country", "US"),
]
ABOUT_SIGNALS = {
    "page_viewed": [(None, lambda row: True), _is("path", "/pricing"), _no_value("path")],
    "form_submitted": [(None, lambda row: True), _is("form", "demo")],
    "webinar_attended": [(None, lambda row: True), _less("minutes", 30)],
}
on = st.sampled_from(sorted(ABOUT_SIGNALS))
spans = st.sampled_from([timedelta(minutes=90), timedelta(days=1), timedelta(days=3), timedelta(days=14)])
caps = st.none() | st.tuples(st.integers(1, 3), st.sampled_from(["day", "week"]))


@st.composite
def fit_rules(draw: st.DrawFn) -> Rule:
    text, ask = draw(st.sampled_from(ABOUT_PEOPLE))
    return Rule(text, ask, points=draw(st.integers(-20, 40)), reason=draw(st.sampled_from(["embargo", "student", "rival"])))


@st.composite
def signal_rules(draw: st.DrawFn) -> Rule:
    kind = draw(on)
    text, ask = draw(st.sampled_from(ABOUT_SIGNALS[kind]))
    step = draw(st.sampled_from(["demo", "pricing", "trial"]))
    return Rule(text, ask, points=draw(st.integers(-20, 40)), on=kind, at_most=draw(caps), step=step, within=draw(spans))


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    fit, intent = draw(st.lists(fit_rules(), max_size=4)), draw(st.lists(signal_rules(), max_size=5))
    steps = draw(st.lists(signal_rules(), min_size=1, max_size=3, unique_by=lambda rule: rule.step))
    return Terms(
        fit=fit,
        never=draw(st.lists(fit_rules(), max_size=2)),
        intent=intent,
        steps=steps,
        fit_bar=draw(st.integers(-10, max(0, sum(max(rule.points, 0) for rule in fit)))),
        intent_bar=draw(st.integers(-10, min([rule.points for rule in intent if rule.points > 0], default=0))),
        half_life=draw(spans),
        lookback=draw(spans),
        zone=draw(st.sampled_from(ZONES)),
    )


def written(span: timedelta) -> str:
    return f"{span // timedelta(minutes=1)} minutes"


def signed(terms: Terms) -> Agreement:
    """The contract these terms are written in."""

    def cap(rule: Rule) -> dict[str, Any]:
        return {"at_most": f"{rule.at_most[0]} per {rule.at_most[1]}"} if rule.at_most else {}

    return contract(
        zone=terms.zone,
        fit={
            "at_least": terms.fit_bar,
            "points": [{"when": rule.text, "points": rule.points} for rule in terms.fit],
            "never": [{"when": rule.text, "reason": rule.reason} for rule in terms.never],
        },
        intent={
            "at_least": terms.intent_bar,
            "half_life": written(terms.half_life),
            "lookback": written(terms.lookback),
            "points": [{"on": rule.on, "when": rule.text, "points": rule.points, **cap(rule)} for rule in terms.intent],
        },
        next_step=[{"step": rule.step, "on": rule.on, "when": rule.text, "within": written(rule.within)} for rule in terms.steps],
    )


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


#: Whole half-hours meet the borders of spans and days exactly; the odd microseconds stand beside them.
moments = st.builds(
    lambda half_hours, odd: START + timedelta(minutes=30 * half_hours, microseconds=odd),
    st.integers(0, 480),
    st.sampled_from([0, 0, 0, 1, -1]),
)
persons = st.fixed_dictionaries(
    {},
    optional={
        "employees": maybe(st.sampled_from([5, 49, 50, 300, 5000])),
        "industry": maybe(st.sampled_from(["software", "retail"])),
        "country": maybe(st.sampled_from(["US", "KP"])),
    },
)
houses = st.dictionaries(st.sampled_from(PEOPLE), persons)
signals = st.lists(
    st.fixed_dictionaries(
        {"person_id": st.sampled_from(PEOPLE), "kind": st.sampled_from([*ABOUT_SIGNALS, "chair_pushed"]), "occurred_at": moments},
        optional={
            "path": maybe(st.sampled_from(["/pricing", "/careers"])),
            "form": maybe(st.sampled_from(["demo", "newsletter"])),
            "minutes": maybe(st.sampled_from([10, 30, 60])),
        },
    ),
    max_size=40,
).map(lambda found: [signal | {"signal": number} for number, signal in enumerate(found)])
asked = st.lists(st.tuples(st.sampled_from([*PEOPLE, "stranger"]), moments), max_size=15)


@LAWS
@given(terms(), houses, signals, asked)
def test_the_second_opinion_is_the_same(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    agreement = signed(terms)
    found = judge(agreement, points_of(asked), people_of(agreement, house), evidence_of(agreement, signals), working=True)
    for (who, at), row, working in zip(asked, found.iter_rows(named=True), workings(agreement, found), strict=True):
        expected = answer(terms, house.get(who, {}), [signal for signal in signals if signal["person_id"] == who], at)
        given = (row["outcome"], row["fit"], row["intent"], row["next_step"], row["reason"])
        assert given == (expected.outcome, expected.fit, expected.intent, expected.next_step, expected.reason)
        intent = [criterion for criterion in working["criteria"] if criterion["part"] == "intent"]
        assert tuple((c["millionths"], c["seen"]["signals"], c["seen"]["capped"], c["seen"]["unknown"]) for c in intent) == expected.rules
        states = {True: "met", False: "not_met", None: "unknown"}
        assert [c["state"] for c in working["criteria"] if c["part"] == "fit"] == [states[said] for said in expected.said]


@LAWS
@given(terms(), houses, signals, asked)
def test_the_factors_add_up_to_the_score(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    agreement = signed(terms)
    found = judge(agreement, points_of(asked), people_of(agreement, house), evidence_of(agreement, signals), working=True)
    for fit, intent, working in zip(found["fit"], found["intent"], workings(agreement, found), strict=True):
        assert sum(c["points"] for c in working["criteria"] if c["part"] == "fit") == fit
        assert sum(c["millionths"] for c in working["criteria"] if c["part"] == "intent") == intent


@LAWS
@given(terms(), houses, signals, asked, st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_batch_may_be_split_and_shuffled_at_will(
    terms: Terms,
    house: dict[str, dict[str, Any]],
    signals: list[dict[str, Any]],
    asked: list[tuple[str, datetime]],
    random: Random,
    pieces: int,
) -> None:
    """One call, several calls, one call a row, every frame in any order, with the working or without: the same bytes."""
    agreement = signed(terms)
    points, people, evidence = points_of(asked).with_row_index("case"), people_of(agreement, house), evidence_of(agreement, signals)
    whole = judge(agreement, points, people, evidence)

    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame[random.sample(range(frame.height), frame.height)]

    mixed = shuffled(points)
    parts = [mixed[n::pieces] for n in range(pieces)]
    again = pl.concat([judge(agreement, part, shuffled(people), shuffled(evidence)) for part in parts]).sort("case")
    single = pl.concat([judge(agreement, point, people, evidence) for point in points.iter_slices(1)] or [whole])
    shown = judge(agreement, mixed, people, shuffled(evidence), working=True).select(whole.columns).sort("case")
    assert written_out(again.select(whole.columns)) == written_out(whole)
    assert written_out(single) == written_out(whole)
    assert written_out(shown) == written_out(whole)


def written_out(frame: pl.DataFrame) -> tuple[pl.Schema, str]:
    return frame.schema, frame.write_ndjson()


@LAWS
@given(terms(), houses, signals, asked, st.sampled_from([1, 7]))
def test_small_portions_give_what_one_large_one_gives(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]], at_once: int
) -> None:
    """Memory is bounded by working in portions; how large they are is nobody's business."""
    agreement = signed(terms)
    frames = points_of(asked), people_of(agreement, house), evidence_of(agreement, signals)
    whole, shown = judge(agreement, *frames), judge(agreement, *frames, working=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence_room, "PAIRS_AT_ONCE", at_once)
        assert judge(agreement, *frames).equals(whole)
        assert workings(agreement, judge(agreement, *frames, working=True)) == workings(agreement, shown)


@LAWS
@given(terms(), houses, signals, asked)
def test_nothing_outside_the_lookback_matters(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    """What came later, and what is too old, may be told or not."""
    agreement = signed(terms)
    for who, at in asked[:4]:
        near = [signal for signal in signals if at - terms.lookback < signal["occurred_at"] <= at]
        people, point = people_of(agreement, house), points_of([(who, at)])
        assert judge(agreement, point, people, evidence_of(agreement, near)).equals(
            judge(agreement, point, people, evidence_of(agreement, signals))
        )


@LAWS
@given(terms(), houses, signals, asked)
def test_the_inputs_alone_give_the_same_verdict(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    """A decision is stored with the signals that counted: judged on no others it is the same."""
    agreement = signed(terms)
    people, evidence = people_of(agreement, house), evidence_of(agreement, signals)
    found = judge(agreement, points_of(asked), people, evidence, working=True)
    for point, row, working in zip(asked, found.select(pl.exclude("^_.*$")).iter_slices(1), workings(agreement, found), strict=True):
        kept = evidence.filter(pl.col("signal").is_in(working["inputs"]))
        assert judge(agreement, points_of([point]), people, kept).equals(row)


@LAWS
@given(signals, st.lists(moments, min_size=2, max_size=6), spans)
def test_without_new_signals_intent_only_falls(signals: list[dict[str, Any]], times: list[datetime], half_life: timedelta) -> None:
    rules = [{"on": kind, "points": 7} for kind in ABOUT_SIGNALS]
    agreement = contract(intent={"at_least": 0, "half_life": written(half_life), "lookback": "5 days", "points": rules})
    first, *later = sorted(times)
    known = [signal | {"person_id": "anna"} for signal in signals if signal["occurred_at"] <= first]
    points = points_of([("anna", at) for at in (first, *later)])
    intents = judge(agreement, points, people_of(agreement, {}), evidence_of(agreement, known))["intent"].to_list()
    assert intents == sorted(intents, reverse=True)
    assert intents[0] <= 7_000_000 * len(known)
