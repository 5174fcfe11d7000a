"""RevOps writes a rule that can never hold, and hears of it at the check, not at night; and never of one that can."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handfast.contract.conditions import as_frame, compile_condition
from handfast.contract.logic import logic_of
from handfast.contract.reading import read_contract
from handfast.contract.regions import Patience
from handfast.contract.terms import FieldType
from handfast.problem import Place

from .contracts import SOUND, changed

SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
FIELDS: dict[str, FieldType] = {
    "employees": "int",
    "share": "number",
    "country": "text",
    "title": "text",
    "customer": "bool",
    "founded": "time",
}


def possible(text: str) -> bool:
    logic = logic_of(text, FIELDS, Patience(100_000))
    assert logic is not None
    return bool(logic.region("true"))


def follows(text: str, other: str) -> bool:
    """Whether it is certain that whoever meets the one meets the other."""
    patience = Patience(100_000)
    one, two = logic_of(text, FIELDS, patience), logic_of(other, FIELDS, patience)
    assert one is not None
    assert two is not None
    return not patience.meet(one.region("true"), two.region("not_true"))


@pytest.mark.parametrize(
    "text",
    [
        "employees > 10 AND employees < 5",
        "employees > 10 AND employees < 11",
        "employees BETWEEN 50 AND 10",
        "country = 'US' AND country IN ('DE', 'AT')",
        "country = 'US' AND country IS NULL",
        "country = 'US' AND NOT country = 'US'",
        "country = NULL",
        "country IN ('US', 'CA') AND country NOT IN ('CA', 'US', 'MX')",
        "title LIKE 'VP%' AND title LIKE 'Head%'",
        "title LIKE 'VP of %' AND NOT title LIKE 'VP%'",
        "title ILIKE '%operations%' AND title NOT ILIKE '%OPERATIONS%'",
        "title = 'VP' AND title LIKE 'Head%'",
        "customer AND NOT customer",
        "customer IS TRUE AND customer IS NULL",
        "founded < '2020-01-01' AND founded > '2021-01-01'",
        "share > 0.5 AND share < 0.5",
        "(country = 'US' OR country = 'DE') AND (employees > 5 AND employees < 3)",
        "length(title) > 3 AND NOT length(title) > 3",
        "FALSE",
        "NULL",
    ],
)
def test_what_contradicts_itself_is_found(text: str) -> None:
    assert not possible(text)


@pytest.mark.parametrize(
    "text",
    [
        "employees > 10 AND employees < 12",
        "share > 10 AND share < 11",
        "employees >= 10 OR employees < 5",
        "country <> 'US' AND country NOT IN ('DE')",
        "country IS NULL OR country = 'US'",
        "title LIKE '%VP%' AND title LIKE '%Head%'",
        "title ILIKE 'vp%' AND title LIKE 'VP%'",
        "title LIKE 'VP%' AND NOT title LIKE 'VP of %'",
        "title LIKE 'k%' AND title ILIKE '\u212a%'",
        "length(title) > 3 AND length(country) > 3",
        "employees * 2 > 10 AND employees < 3",
        "customer IS NOT TRUE",
        "lower(country) = 'us' AND country = 'US'",
    ],
)
def test_what_somebody_may_meet_is_left_alone(text: str) -> None:
    assert possible(text)


@pytest.mark.parametrize(
    ("text", "other", "certain"),
    [
        ("employees >= 200", "employees >= 100", True),
        ("employees > 199", "employees >= 200", True),
        ("share > 199", "share >= 200", False),
        ("country = 'DE'", "country IN ('DE', 'AT')", True),
        ("country = 'DE'", "country <> 'US'", True),
        ("country <> 'US'", "country = 'DE'", False),
        ("country IS NULL", "country <> 'US'", False),
        ("title LIKE '/pricing/teams%'", "title LIKE '/pricing%'", True),
        ("title = 'VP Operations'", "title ILIKE '%operations%'", True),
        ("country = 'DE' AND employees > 500", "employees > 500", True),
        ("employees > 500", "employees > 500 AND country = 'DE'", False),
        ("customer", "customer IS NOT NULL", True),
        ("upper(country) = 'DE'", "upper(country) = 'DE' OR employees > 5", True),
        ("country = 'DE'", "country = 'DE' OR NULL", True),
        ("country = 'DE'", "NOT (country = 'US' AND NULL)", True),
        ("country = 'US'", "NOT (country = 'US' AND NULL)", False),
    ],
)
def test_what_follows_from_what(text: str, other: str, certain: bool) -> None:
    assert follows(text, other) is certain


# --- only what is certain ---------------------------------------------------------------------------------------

atoms = st.sampled_from(
    [
        "employees > 10", "employees <= 10", "employees = 11", "employees BETWEEN 5 AND 11", "employees IN (5, 10, NULL)", "employees IS NULL",
        "12 > employees", "share < 0.5", "share >= 0.5", "share NOT IN (0.5, 1)", "country = 'US'", "country <> 'US'", "country IN ('US', 'DE')",
        "country IS NOT NULL", "country LIKE 'U%'", "country ILIKE 'u_'", "country NOT LIKE '%S'", "title LIKE 'VP%'", "title LIKE 'VP of%'",
        "title ILIKE '%vp%'", "title = 'VP'", "customer", "customer = FALSE", "customer IS NOT TRUE", "founded < '2020-01-01'",
        "founded = '2020-01-01'", "length(title) > 2", "coalesce(country, 'US') = 'US'", "employees * 2 > 20", "NULL", "TRUE", "country = title",
    ]
)  # fmt: skip
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner), st.builds("({} OR {})".format, inner, inner), st.builds("NOT ({})".format, inner)
    ),
    max_leaves=6,
)


def everybody() -> pl.DataFrame:
    """People at and beside every value the conditions name, and of unknown facts."""
    people: list[dict[str, Any]] = [{}]
    for name, values in {
        "employees": [None, 4, 5, 9, 10, 11, 12],
        "share": [None, 0.4, 0.5, 1.0],
        "country": [None, "US", "us", "DE", "UK"],
        "title": [None, "VP", "VP of Sales", "vp", "Head"],
        "customer": [None, True, False],
        "founded": [None, "2019-12-31", "2020-01-01", "2020-01-02"],
    }.items():
        people = [{**one, name: value} for one in people for value in values]
    return as_frame(people, FIELDS)


EVERYBODY = everybody()


def answers(text: str) -> pl.Series:
    compiled, problems = compile_condition(text, FIELDS, Place("c"))
    assert compiled is not None, problems
    return EVERYBODY.select(compiled.expr.alias("said"))["said"]


@SLOW
@given(conditions)
def test_nothing_is_called_impossible_that_somebody_meets(text: str) -> None:
    logic = logic_of(text, FIELDS, Patience(100_000))
    assert logic is not None
    said = answers(text)
    found = {"true": said == True, "false": said == False}  # noqa: E712
    sides = {"true": found["true"].fill_null(False), "false": found["false"].fill_null(False)}
    sides |= {"not_true": ~sides["true"], "not_false": ~sides["false"]}
    for side, there in sides.items():
        if there.any():
            assert logic.region(side), side  # type: ignore[arg-type]


@SLOW
@given(conditions, conditions)
def test_nothing_is_said_to_follow_that_does_not(text: str, other: str) -> None:
    if follows(text, other):
        assert not (answers(text).fill_null(False) & ~answers(other).fill_null(False)).any()


# --- contracts --------------------------------------------------------------------------------------------------


def said(text: str) -> list[str]:
    _, problems = read_contract(text, "c.yaml")
    return [f"{problem.where.line}: {problem.what}" for problem in problems]


def line_of(text: str, words: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if words in line)


def test_the_sound_contract_has_none() -> None:
    assert said(SOUND) == []


READY = """
ready:
  fit:
    at_least: {bar}
    points:
      - {{when: "employees BETWEEN 200 AND 5000", points: 25}}
      - {{when: "employees BETWEEN 50 AND 199", points: 12}}
      - {{when: "country = 'US'", points: 20}}
      - {{when: "country = 'DE'", points: 20}}
    never: [{{when: "{never}", reason: embargo}}]
  intent: {{at_least: 0}}
  next_step:
    - {{step: demo, on: form_submitted, when: "form LIKE 'demo%'", within: 7 days}}
    - {{step: {step}, on: form_submitted, when: "{second}", within: {within}}}
"""


def northwind(
    bar: int = 45,
    never: str = "country = 'KP'",
    step: str = "quote",
    second: str = "form = 'quote'",
    within: str = "7 days",
    territories: str = "",
    sla: str = "[{name: any, first_touch: 1 hour}]",
) -> str:
    return f"""contract: Northwind
calendar: {{week: {{mon-fri: ["09:00-17:00"]}}}}
fields: {{employees: int, country: text}}
{READY.format(bar=bar, never=never, step=step, second=second, within=within)}
routing: {{pools: {{us: {{members: {{ana: 1}}}}}}, default: us, territories: [{territories}]}}
sla: {sla}
dispositions: {{recycle: {{reasons: {{not_now: {{}}}}}}, disqualify: {{reasons: {{bad_fit: {{}}}}}}}}
"""


def complaints(**terms: Any) -> list[str]:
    return [text.partition(": ")[2] for text in said(northwind(**terms))]


def test_a_bar_beyond_what_goes_together() -> None:
    """All points together are 77, but nobody has two sizes or sits in two countries."""
    assert complaints(bar=45) == []
    assert complaints(bar=46) == ["nobody can have 46 fit points: the rules that can be met together give at most 45"]
    assert complaints(bar=45, never="country IN ('US', 'DE')") == [
        "nobody can have 45 fit points: the rules that can be met together give at most 25"
    ]


def test_a_territory_no_one_can_fall_into() -> None:
    assert complaints(territories="{name: none, when: \"country = 'US' AND country = 'DE'\", to: us}") == [
        "nobody can fall into 'none': the condition can never be true"
    ]
    both = "{name: all, when: \"country IN ('DE', 'AT')\", to: us}, {name: de, when: \"country = 'DE'\", to: us}"
    assert complaints(territories=both) == [
        "'de' never gets anybody: 'all' above it takes all of it, and the first that holds claims the person"
    ]
    together = (
        '{name: big, when: "employees >= 100", to: us}, {name: small, when: "employees < 100", to: us}, '
        '{name: known, when: "employees > 0", to: us}'
    )
    assert complaints(territories=together) == [
        "'known' never gets anybody: 'big' and 'small' above it together take all of it, and the first that holds claims the person"
    ]
    assert complaints(territories=together.replace("employees > 0", "employees IS NULL")) == []
    assert complaints(territories="{name: kp, when: \"country = 'KP'\", to: us}") == [
        "'kp' never gets anybody: a never-rule excludes all it claims"
    ]


def test_a_next_step_that_another_hides() -> None:
    assert complaints(second="form = 'demo-west'") == [
        "'quote' is never reached here: 'demo' above it hears the same signals, and for as long"
    ]
    assert complaints(second="form = 'demo-west'", within="8 days") == []
    assert complaints(second="form = 'a' AND form = 'b'") == ["no signal ever opens this step: the condition can never be true"]


def test_an_sla_that_never_holds() -> None:
    hidden = "[{name: demo, when: \"next_step = 'demo'\", first_touch: 1 hour}, {name: rest, when: \"next_step IN ('demo')\", first_touch: 2 hours}]"
    assert complaints(sla=hidden) == ["the SLA 'rest' never holds: 'demo' above it takes all of it, and the first that holds counts"]
    assert complaints(sla=hidden.replace("IN ('demo')", "IN ('demo', 'quote')")) == []


# --- hostile texts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(f"(employees > {n} AND country = 'c{n}')" for n in range(80)),
        " AND ".join(f"(employees > {n} OR country = 'c{n}')" for n in range(80)),
        " AND ".join(f"title NOT LIKE '%{n}%'" for n in range(150)),
        f"employees IN ({', '.join(str(n) for n in range(0, 1400, 2))}) AND employees NOT IN ({', '.join(str(n) for n in range(20))})",
        "NOT (" * 24 + "customer" + ")" * 24,
        "title LIKE '" + "%a" * 900 + "' AND title = '" + "a" * 1000 + "b'",
    ],
)
def test_hostile_conditions_are_thought_through_in_bounded_time(text: str) -> None:
    """Twenty rules of the kind, no two alike: the check gives up after so many steps, and comes to an end with an answer. What it may say
    is what it thought of them, not that it could not read them."""
    rules = "".join(f'\n      - {{when: "({text}) AND share < {n}", points: 1}}' for n in range(20))
    declared = northwind(bar=0).replace("{employees: int,", "{title: text, customer: bool, share: number, employees: int,")
    found = [line.partition(": ")[2] for line in said(declared.replace("    points:\n", "    points:" + rules + "\n", 1))]
    assert set(found) <= {"nobody ever gets these points: the condition can never be true"}


@SLOW
@given(
    st.recursive(
        conditions, lambda inner: st.builds("{} {} {}".format, inner, st.sampled_from(["AND", "OR", "= ", "LIKE", "(", ")"]), inner)
    )
)
def test_whatever_is_written_is_a_contract_or_a_problem(text: str) -> None:
    agreement, problems = read_contract(changed("employees BETWEEN 200 AND 5000", text.replace('"', "")), "c.yaml")
    assert (agreement is None) == bool(problems)


# --- the further terms of ready ---------------------------------------------------------------------------------


def with_ready(terms: str) -> list[str]:
    """What is said of a contract with these terms under `ready`; before a `|`, of its intent rule."""
    times, _, terms = terms.partition("|") if "|" in terms else ("", "", terms)
    rule = f"points: [{{on: page_viewed, points: 10{times}}}]"
    text = northwind().replace("intent: {at_least: 0}", f"intent: {{at_least: 0, {rule}}}\n  {terms}")
    return [line.partition(": ")[2] for line in said(text)]


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ("exclude: {free_mail: not_yet, bots: true, scanners: {links: 3, seconds: 10}}", None),
        ("exclude: {competitors: [kestrel.example, nonsense]}", "'nonsense' is no domain"),
        ("exclude: {employees: ['@northwind.example']}", "'@northwind.example' is no domain"),
        ("exclude: {free_mail: maybe}", "ready.exclude.free_mail cannot be 'maybe'"),
        ("exclude: {scanners: {links: 1}}", "ready.exclude.scanners.links is 1, which is too little"),
        ("grades: {fit: {A: 60, B: 45}, intent: {1: 60, 2: 30}}", None),
        ("grades: {fit: {A: 45, B: 60}, intent: {1: 60}}", "nobody gets the grade B: it asks for 60, and A above it for 45"),
        ("grades: {fit: {B: 60, A: 45}, intent: {1: 60}}", "the grades are not in order"),
        ("grades: {fit: {AA: 60}, intent: {1: 60}}", "'AA' is not a name"),
        ("account: {people: 2, roles: {champion: \"country = 'US'\"}, intent: 20}", None),
        (
            "account: {roles: {champion: \"country = 'US' AND country = 'DE'\"}, intent: 20}",
            "nobody can fill the role 'champion': the condition can never be true",
        ),
        ("account: {roles: {champion: \"contry = 'US'\"}, intent: 20}", "there is no field 'contry' here"),
        ("account: {intent: 20, fit: 99}", "nobody can have 99 fit points: all rules together give 77"),
        ("account: {intent: 20, within: 0 days}", "nobody is active for no time at all"),
        (", times: 3 within 7 days|", None),
        (", times: three|", "'three' is not a frequency"),
        (", times: 3|", "3 does not say within which time"),
        (", times: 1 within 7 days|", "ready.intent.points[0].times.times is 1, which is too little"),
        (", times: 3 within 100 days|", "the rule counts within 100 days, and the contract looks back 90 days at most"),
        (", within: 2 days|", None),
        (", within: 100 days|", "the rule looks back 100 days, and the contract 90 days at most"),
    ],
)
def test_the_further_terms_are_checked(terms: str, complaint: str | None) -> None:
    assert with_ready(terms) == ([] if complaint is None else [complaint])
