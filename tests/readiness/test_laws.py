"""Laws the verdict keeps whatever the contract, the people and the signals: tried on random ones, beside a slow second opinion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from oracle import Excluded, Group, Rule, Terms, answer, group_answer
from readiness_house import alike, by_the_column, contract, evidence_of, people_of, points_of, utc

from handfast.contract.agreement import Agreement
from handfast.readiness import change as change_room
from handfast.readiness import evidence as evidence_room
from handfast.readiness.explain import shortened, whole, workings
from handfast.readiness.few import worth_of
from handfast.readiness.group import judge_accounts
from handfast.readiness.group_working import account_workings
from handfast.readiness.plan import Listener, adds
from handfast.readiness.verdict import judge, measured

START = utc("2026-03-05 00:00")  # the clocks of New York are moved on the 8th
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ADDRESSES = [
    "anna@gmail.com", "bo@mailinator.com", "info@northwind.example", "sales-emea@fabrikam.example", "carla@eu.kestrel.example",
    "d@fabrikam.example", "nobody",
]  # fmt: skip
PEOPLE = ("anna", "boris", "carla", "dmitri")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
settings.register_profile("laws", deadline=None, suppress_health_check=list(HealthCheck))
LAWS = settings(settings.get_profile("laws"), max_examples=25)


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
    "email_clicked": [(None, lambda row: True), _is("link", "/a")],
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
    often, recent = draw(st.none() | st.tuples(st.integers(2, 3), spans)), draw(st.none() | spans)
    points, cap, within = draw(st.integers(-20, 40)), draw(caps), draw(spans)
    return Rule(text, ask, points=points, on=kind, at_most=cap, step=step, within=within, times=often, recent=recent)


def inside(rule: Rule, lookback: timedelta) -> Rule:
    """The rule, looking back no further than its contract."""
    times = rule.times and (rule.times[0], min(rule.times[1], lookback))
    return replace(rule, times=times, recent=rule.recent and min(rule.recent, lookback))


def _domain(row: Mapping[str, Any]) -> str | None:
    return row["email"].rpartition("@")[2] if row.get("email") else None


def _at(*domains: str) -> Any:
    return lambda row: None if _domain(row) is None else any(f".{_domain(row)}".endswith(f".{one}") for one in domains)


def _desk(row: Mapping[str, Any]) -> bool | None:
    return None if _domain(row) is None else row["email"].partition("@")[0] in ("info", "sales-emea")


@st.composite
def exclusions(draw: st.DrawFn) -> tuple[Excluded, ...]:
    """Never before not yet; within each in the order that the reference documents."""
    said = st.sampled_from(["never", "not_yet"])
    found = [
        Excluded("employee", "never", _at("northwind.example")),
        Excluded("competitor", "never", _at("kestrel.example")),
        Excluded("disposable_address", draw(said), _at("mailinator.com")),
        Excluded("role_address", draw(said), _desk),
        Excluded("free_mail", draw(said), _at("gmail.com")),
    ]
    kept = [one for one in found if draw(st.booleans())]
    return tuple(sorted(kept, key=lambda one: one.verdict != "never"))


groups = st.builds(
    lambda people, roles, intent, fit, within: Group(people, dict(zip(("champion", "budget"), roles, strict=False)), intent, fit, within),
    st.integers(1, 3),
    st.lists(st.sampled_from(ABOUT_PEOPLE), max_size=2),
    st.integers(0, 30),
    st.none() | st.integers(0, 20),
    spans,
)
GRADES = ({"A": 30, "B": 10, "C": -5}, {"1": 20, "2": 5})


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    lookback = draw(spans)
    fit, intent = draw(st.lists(fit_rules(), max_size=4)), [inside(rule, lookback) for rule in draw(st.lists(signal_rules(), max_size=5))]
    steps = draw(st.lists(signal_rules(), min_size=1, max_size=3, unique_by=lambda rule: rule.step))
    return Terms(
        fit=fit,
        never=draw(st.lists(fit_rules(), max_size=2)),
        intent=intent,
        steps=steps,
        fit_bar=draw(st.integers(-10, max(0, sum(max(rule.points, 0) for rule in fit)))),
        intent_bar=draw(st.integers(-10, min([rule.points for rule in intent if rule.points > 0], default=0))),
        half_life=draw(spans),
        lookback=lookback,
        zone=draw(st.sampled_from(ZONES)),
        excluded=draw(exclusions()),
        grades=draw(st.sampled_from([None, GRADES])),
        scanners=draw(st.none() | st.tuples(st.integers(2, 3), st.sampled_from([1800, 3600]))),
        robots=frozenset([CRAWLER]) if draw(st.booleans()) else frozenset(),
        group=draw(groups),
    )


def written(span: timedelta) -> str:
    return f"{span // timedelta(minutes=1)} minutes"


def signed(terms: Terms) -> Agreement:
    """The contract these terms are written in."""

    def cap(rule: Rule) -> dict[str, Any]:
        found: dict[str, Any] = {"at_most": f"{rule.at_most[0]} per {rule.at_most[1]}"} if rule.at_most else {}
        found |= {"times": f"{rule.times[0]} within {written(rule.times[1])}"} if rule.times else {}
        return found | ({"within": written(rule.recent)} if rule.recent else {})

    def excluded() -> dict[str, Any]:
        names = {"disposable_address": "disposable", "role_address": "role_addresses", "free_mail": "free_mail"}
        found: dict[str, Any] = {names[one.reason]: one.verdict for one in terms.excluded if one.reason in names}
        reasons = {one.reason for one in terms.excluded}
        found |= {"employees": ["northwind.example"]} if "employee" in reasons else {}
        found |= {"competitors": ["kestrel.example"]} if "competitor" in reasons else {}
        found |= {"scanners": {"links": terms.scanners[0], "seconds": terms.scanners[1]}} if terms.scanners else {}
        return found | {"bots": bool(terms.robots)}

    group = terms.group
    account = group and {
        "people": group.people,
        "roles": {name: text for name, (text, _) in group.roles.items()},
        "intent": group.intent,
        "fit": group.fit,
        "within": written(group.within),
    }

    return sound(
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
        exclude=excluded(),
        grades={"fit": terms.grades[0], "intent": terms.grades[1]} if terms.grades else None,
        account=account,
    )


def sound(**terms: Any) -> Agreement:
    """The contract; examples whose random rules contradict each other are passed over, as a check refuses them."""
    try:
        return contract(**terms)
    except AssertionError:
        reject()


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
        "email": maybe(st.sampled_from(ADDRESSES)),
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
            "link": maybe(st.sampled_from(["/a", "/b", "/c"])),
            "campaign": maybe(st.sampled_from(["spring", "summer"])),
            "user_agent": maybe(st.sampled_from([CRAWLER, "Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0"])),
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
        given = (row["outcome"], row["fit"], row["intent"], row["next_step"], row["reason"], row.get("grade"))
        assert given == (expected.outcome, expected.fit, expected.intent, expected.next_step, expected.reason, expected.grade)
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
        stored = json.loads(json.dumps(shortened(working)))
        assert json.dumps(whole(agreement, stored)) == json.dumps(working)
        assert all(
            c["points"] or c["part"] not in {"intent", "next_step"} or any(c["seen"].values()) or c["state"] == "met"
            for c in stored["criteria"]
        )


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
@given(terms(), houses, signals, asked, st.booleans(), st.booleans())
def test_few_by_hand_and_many_by_the_column_are_judged_the_same(
    terms: Terms,
    house: dict[str, dict[str, Any]],
    signals: list[dict[str, Any]],
    asked: list[tuple[str, datetime]],
    working: bool,
    activity: bool,
) -> None:
    """To the last bit and in every column, also of one moment alone; so are their buying groups."""
    agreement = signed(terms)
    rest = people_of(agreement, house), evidence_of(agreement, signals)
    for points in (points_of(asked), points_of(asked[:1])):
        by_hand = measured(agreement, points, *rest, working=working, activity=activity)
        with by_the_column():
            assert alike(measured(agreement, points, *rest, working=working, activity=activity), by_hand)
    accounts = accounts_of([(account, at) for account in ACCOUNTS for _, at in asked[:3]])
    groups = judge_accounts(agreement, accounts, MEMBERS, *rest, working=working)
    with by_the_column():
        assert alike(judge_accounts(agreement, accounts, MEMBERS, *rest, working=working), groups)


@LAWS
@given(st.integers(-200, 200), st.integers(1, 400 * 86_400_000_000), st.lists(st.integers(-(10**9), 400 * 86_400_000_000), min_size=1))
def test_what_a_signal_is_worth_is_the_same_to_the_bit(points: int, half_life: int, ages: list[int]) -> None:
    """The engine's power, product and rounding are Python's own."""
    frame = pl.DataFrame({"_at": ages, "_occurred": [0] * len(ages), "_rule": [0] * len(ages)}, schema_overrides={"_rule": pl.UInt16})
    listener = Listener("page_viewed", None, None, points, None, half_life, None)
    worth, _ = adds([listener], half_life)
    assert frame.select(worth).to_series().to_list() == [worth_of(points, half_life, age) for age in ages]


@LAWS
@given(terms(), houses, signals, asked, st.sampled_from([1, 7]))
def test_small_portions_give_what_one_large_one_gives(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]], at_once: int
) -> None:
    """Memory is bounded by working in portions; how large they are is nobody's business."""
    agreement = signed(terms)
    frames = points_of(asked), people_of(agreement, house), evidence_of(agreement, signals)
    whole, shown = judge(agreement, *frames), judge(agreement, *frames, working=True)
    with by_the_column(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence_room, "PAIRS_AT_ONCE", at_once)
        assert judge(agreement, *frames).equals(whole)
        assert workings(agreement, judge(agreement, *frames, working=True)) == workings(agreement, shown)


@LAWS
@given(terms(), houses, signals, asked)
def test_nothing_outside_the_lookback_matters(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    """What came later, and what is too old, may be told or not. Only a burst of clicks is seen whole, some seconds before the lookback."""
    agreement = signed(terms)
    for who, at in asked[:4]:
        near = [signal for signal in signals if at - agreement.reach < signal["occurred_at"] <= at]
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


# --- the buying group -----------------------------------------------------------------------------------------

ACCOUNTS = {"acme": ("anna", "boris", "carla"), "fabrikam": ("dmitri",), "empty": ()}
asked_accounts = st.lists(st.tuples(st.sampled_from(sorted(ACCOUNTS)), moments), min_size=1, max_size=10)
MEMBERS = pl.DataFrame(
    [(account, who) for account, people in ACCOUNTS.items() for who in people], schema=["account_id", "person_id"], orient="row"
)


def accounts_of(asked: list[tuple[str, datetime]]) -> pl.DataFrame:
    return points_of(asked).rename({"person_id": "account_id"})


@LAWS
@given(terms(), houses, signals, asked_accounts)
def test_the_second_opinion_on_groups_is_the_same(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    agreement = signed(terms)
    frames = MEMBERS, people_of(agreement, house), evidence_of(agreement, signals)
    plain, shown = (judge_accounts(agreement, accounts_of(asked), *frames, working=working) for working in (False, True))
    assert shown.select(plain.columns).equals(plain)
    for (account, at), row, working in zip(asked, shown.iter_rows(named=True), account_workings(agreement, shown), strict=True):
        expected = group_answer(terms, house, ACCOUNTS[account], signals, at)
        given = (row["outcome"], row["people"], row["roles"], row["intent"], row["next_step"], row["person_id"])
        assert given == (expected.outcome, expected.people, expected.roles, expected.intent, expected.next_step, expected.person)
        told = {one["person_id"]: one for one in working["members"]}
        assert set(told) == set(ACCOUNTS[account])
        assert sum(one["intent_millionths"] for one in told.values() if one["active"]) == row["intent"]
        assert (row["outcome"] == "ready") == all(one["state"] == "met" for one in working["criteria"]) == (not working["missing"])


@LAWS
@given(terms(), houses, signals, asked_accounts, st.randoms(use_true_random=False))
def test_groups_too_may_be_split_and_shuffled_at_will(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]], random: Random
) -> None:
    agreement = signed(terms)
    points, people, evidence = accounts_of(asked), people_of(agreement, house), evidence_of(agreement, signals)
    whole = judge_accounts(agreement, points, MEMBERS, people, evidence)

    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame[random.sample(range(frame.height), frame.height)]

    mixed = (shuffled(MEMBERS), shuffled(people), shuffled(evidence))
    single = pl.concat([judge_accounts(agreement, point, *mixed) for point in points.iter_slices(1)])
    assert written_out(single) == written_out(whole)


# --- the smallest change --------------------------------------------------------------------------------------


@LAWS
@given(terms(), houses, signals, asked)
def test_the_smallest_change_makes_them_ready_and_less_does_not(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    """Whatever is proposed is done to the person, and judged: ready. With any one of the changes left out: not ready."""
    agreement = signed(terms)
    frames = people_of(agreement, house), evidence_of(agreement, signals)
    found = judge(agreement, points_of(asked), *frames, working=True)
    for (who, at), row, working in zip(asked, found.iter_rows(named=True), workings(agreement, found), strict=True):
        change = working["change"]
        assert change is None or row["outcome"] == "not_yet"
        if change is None:
            continue
        whole = change["changes"]
        assert outcome_with(agreement, house, signals, who, at, whole) == "ready"
        for left_out in range(len(whole)):
            assert outcome_with(agreement, house, signals, who, at, whole[:left_out] + whole[left_out + 1 :]) != "ready"


@LAWS
@given(terms(), houses, signals, asked)
def test_adding_up_what_each_value_is_worth_says_what_judging_made_up_people_says(
    terms: Terms, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]], asked: list[tuple[str, datetime]]
) -> None:
    agreement = signed(terms)
    found = judge(agreement, points_of(asked), people_of(agreement, house), evidence_of(agreement, signals), working=True)
    added_up = [working["change"] for working in workings(agreement, found)]
    try:
        change_room._worth_kept[agreement.id] = None  # as if a rule read several fields
        assert [working["change"] for working in workings(agreement, found)] == added_up
    finally:
        del change_room._worth_kept[agreement.id]


def outcome_with(
    agreement: Agreement,
    house: Mapping[str, Mapping[str, Any]],
    signals: list[dict[str, Any]],
    who: str,
    at: datetime,
    changes: list[dict[str, Any]],
) -> str:
    """The outcome once the changes have happened."""
    facts = {change["field"]: change["to"] for change in changes if change["part"] == "fit"}
    further = [
        {"person_id": who, "kind": change["on"], "occurred_at": at, "signal": 1000 + number, **change["fields"]}
        for number, change in enumerate(changes)
        if change["part"] == "signal"
    ]
    people = people_of(agreement, {who: {**house.get(who, {}), **facts}})
    return str(judge(agreement, points_of([(who, at)]), people, evidence_of(agreement, [*signals, *further]))["outcome"][0])
